"""Whatever is sent: one well-formed answer a line, never an exception, and the same answer from every backend."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kam3.crossval.harness import CODES, OP_NAMES, OPERATIONS

from .callers import BACKENDS, LENGTHS, caller_on, exchange_on

P256 = "iso-kam3-ec-p256-sha256"
NAMES = sorted({field.name for row in OPERATIONS.values() for field in row.fields})

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.binary(max_size=40).map(bytes.hex),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def judged(line: bytes) -> dict[str, Any]:
    """Answer on every backend, and require one and the same well-formed answer."""
    answers = [caller_on(backend).line(line) for backend in BACKENDS]
    for answer in answers:
        if "error" in answer:
            assert answer["error"]["code"] in CODES
        answer.get("result", {}).pop("backend", None)
        answer.get("result", {}).pop("cpu_path", None)
    assert all(answer == answers[0] for answer in answers)
    return answers[0]


@given(st.binary(max_size=300).filter(lambda line: b"\n" not in line))
def test_random_octets(line: bytes) -> None:
    assert "error" in judged(line)


@given(json_values)
def test_random_json(value: Any) -> None:
    judged(json.dumps(value).encode())


@settings(deadline=None, max_examples=150)
@given(st.sampled_from([*OP_NAMES, "PI", ""]), st.dictionaries(st.sampled_from(NAMES), json_values), json_values)
def test_random_fields(op: str, fields: dict[str, Any], identity: Any) -> None:
    answer = judged(json.dumps({"id": identity, "op": op, "algorithm": P256, **fields}).encode())
    assert answer["id"] == identity


@st.composite
def mutated_octets(draw: st.DrawFn, text: str) -> str:
    """Return a neighbour of good octets: another length, another octet, or an edge of a range."""
    octets = bytearray.fromhex(text)
    how = draw(st.sampled_from(["flip", "cut", "grow", "zero", "ones", "one", "same"]))
    if how == "flip" and octets:
        octets[draw(st.integers(0, len(octets) - 1))] ^= draw(st.integers(1, 255))
    elif how == "cut":
        del octets[draw(st.integers(0, len(octets))) :]
    elif how == "grow":
        octets += draw(st.binary(min_size=1, max_size=3))
    elif how in ("zero", "ones"):
        octets[:] = (b"\x00" if how == "zero" else b"\xff") * len(octets)
    elif how == "one":
        octets[:] = b"\x01".rjust(len(octets), b"\x00")
    return octets.hex()


@st.composite
def mutated_requests(draw: st.DrawFn, token: str) -> dict[str, Any]:
    good = exchange_on(BACKENDS[-1], token)
    # pi takes 16384 iterations: it has tests of its own.
    operation = draw(st.sampled_from([row for row in OPERATIONS.values() if row.name != "pi"]))
    request = {"id": 1, "op": operation.name, "algorithm": token, **{f.name: good[f.name] for f in operation.fields if f.name in good}}
    for name in draw(st.lists(st.sampled_from([f.name for f in operation.fields]), max_size=3)):
        kind = draw(st.sampled_from(["octets", "octets", "octets", "json", "other", "drop"]))
        value = request.get(name, "")
        if kind == "json":
            request[name] = draw(json_values)
        elif kind == "other":
            request[name] = good[draw(st.sampled_from(sorted(good)))]
        elif kind == "drop":
            request.pop(name, None)
        elif isinstance(value, str) and all(character in "0123456789abcdef" for character in value) and len(value) % 2 == 0:
            request[name] = draw(mutated_octets(value))
    return request


def _check_mutations(token: str, examples: int) -> None:
    @settings(deadline=None, max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(mutated_requests(token))
    def check(request: dict[str, Any]) -> None:
        answer = judged(json.dumps(request).encode())
        assert answer["id"] == 1
        if "result" in answer:
            assert tuple(answer["result"]) == OPERATIONS[request["op"]].answer

    check()


@pytest.mark.parametrize("token", LENGTHS)
def test_mutated_requests(token: str) -> None:
    _check_mutations(token, 12 if token.startswith("iso-kam3-dl") else 60)


@pytest.mark.nightly
@pytest.mark.parametrize("token", LENGTHS)
def test_many_mutated_requests(token: str) -> None:
    _check_mutations(token, 100 if token.startswith("iso-kam3-dl") else 1000)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_mutated_lines(data: st.DataObject) -> None:
    good = exchange_on(BACKENDS[-1], P256)
    op = data.draw(st.sampled_from(["kc1", "vkc", "from_wire", "info"]))
    line = bytearray(json.dumps({"id": 1, "op": op, "algorithm": P256, **good}).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(line) - 1))
        piece = data.draw(st.binary(max_size=2) | st.sampled_from([b'"', b"\\", b"{", b"[", b",", b":", b"\\ud800", b"NaN", b"1e999"]))
        line[place : place + data.draw(st.integers(0, 2))] = piece.replace(b"\n", b"")
    judged(bytes(line))
