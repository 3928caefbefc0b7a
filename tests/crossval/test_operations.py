"""Each row of the table of ``kam3 eval``: its fields, its answer, its values."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

import kam3
from kam3.crossval.harness import OP_NAMES, OPERATIONS

from .callers import LENGTHS, Caller

#: The published table: op, fields after algorithm (optional ones in brackets), names in result.
CONTRACT = """
pi        password auth_scope realm user [prepare] -> pi
j         pi -> j
kc1       s_c1 -> kc1
ks1       j kc1 s_s1 -> ks1
z_server  kc1 ks1 s_s1 -> z
respond   j kc1 s_s1 -> ks1 z
z_client  pi s_c1 kc1 ks1 -> z
vkc       kc1 ks1 z nc vh -> vkc
vks       kc1 ks1 z nc vh -> vks
b1        kc1 ks1 z vh [t] -> b1
b2        kc1 ks1 z nc vh [t] -> b2
to_wire   kind value -> text
from_wire kind text -> value
"""


def test_the_table_is_the_published_one() -> None:
    rows = []
    for operation in OPERATIONS.values():
        fields = [field.name if field.required else f"[{field.name}]" for field in operation.fields]
        rows.append(f"{operation.name:9} {' '.join(fields)} -> {' '.join(operation.answer)}")
    assert rows == CONTRACT.strip().splitlines()
    assert (*OPERATIONS, "info") == OP_NAMES


@pytest.mark.parametrize("op", OPERATIONS)
def test_every_row_answers_what_it_promises(caller: Caller, token: str, exchange: dict[str, Any], op: str) -> None:
    operation = OPERATIONS[op]
    fields = {field.name: exchange[field.name] for field in operation.fields if field.name in exchange}
    result = caller.result(op=op, algorithm=token, **fields)
    assert tuple(result) == operation.answer
    element, _, hashed = LENGTHS[token]
    for name, value in result.items():
        assert value == exchange[name]
        if name != "text":
            assert len(value) == 2 * (hashed if name in ("pi", "vkc", "vks", "b1", "b2") else element)


def test_both_sides_agree(caller: Caller, token: str, exchange: dict[str, Any]) -> None:
    for op in ("z_client", "z_server"):
        assert caller.result(op=op, algorithm=token, **exchange) == {"z": exchange["z"]}
    assert caller.result(op="ks1", algorithm=token, **exchange) == {"ks1": exchange["ks1"]}


def test_the_published_example(caller: Caller) -> None:
    line = (
        b'{"id": 7, "op": "kc1", "algorithm": "iso-kam3-ec-p256-sha256",'
        b' "s_c1": "0000000000000000000000000000000000000000000000000000000000000005"}'
    )
    assert caller.line(line) == {"id": 7, "result": {"kc1": "00a2b216f4a2a281a5af0990ac10cd1fbfdf1905fa3eb7ca4842aa941b87a067da"}}


def test_the_hashed_values_are_those_of_the_rfc(caller: Caller, token: str, exchange: dict[str, Any]) -> None:
    name = token.rpartition("-")[2]
    head = bytes.fromhex(exchange["kc1"] + exchange["ks1"] + exchange["z"])
    vh, t = bytes.fromhex(exchange["vh"]), bytes.fromhex(exchange["t"])

    def hashed(*parts: bytes) -> bytes:
        return hashlib.new(name, b"".join(parts)).digest()

    tail = b"\x81\x01" + bytes([len(vh)]) + vh
    assert exchange["vkc"] == hashed(b"\x04", head, tail).hex()
    assert exchange["vks"] == hashed(b"\x03", head, tail).hex()
    assert exchange["b1"] == hashed(hashed(b"\x06", head, b"\x00", tail[2:]), bytes([len(t)]), t).hex()
    assert exchange["b2"] == hashed(hashed(b"\x07", head, tail), bytes([len(t)]), t).hex()
    salt = b"".join(
        bytes([len(part.encode())]) + part.encode() for part in (token, exchange["auth_scope"], exchange["realm"], exchange["user"])
    )
    assert exchange["pi"] == hashlib.pbkdf2_hmac(name, exchange["password"].encode(), salt, 16384).hex()


def test_t_may_be_missing_and_then_is_empty(caller: Caller, token: str, exchange: dict[str, Any]) -> None:
    for op in ("b1", "b2"):
        fields = {name: value for name, value in exchange.items() if name != "t"}
        assert caller.result(op=op, algorithm=token, **fields) == caller.result(op=op, algorithm=token, **fields, t="")
        assert caller.result(op=op, algorithm=token, **fields) != caller.result(op=op, algorithm=token, **exchange)


def test_text_on_the_wire(caller: Caller, token: str, exchange: dict[str, Any]) -> None:
    for kind, value in (("element", exchange["kc1"]), ("hash", exchange["vkc"])):
        text = caller.result(op="to_wire", algorithm=token, kind=kind, value=value)["text"]
        assert text == (base64.b64encode(bytes.fromhex(value)).decode() if "-dl-" in token else value)
        assert caller.result(op="from_wire", algorithm=token, kind=kind, text=text) == {"value": value}


def test_to_wire_does_not_check_the_range(caller: Caller, token: str) -> None:
    value = "ff" * LENGTHS[token][0]
    text = caller.result(op="to_wire", algorithm=token, kind="element", value=value)["text"]
    assert caller.result(op="from_wire", algorithm=token, kind="element", text=text) == {"value": value}


def test_algorithm_tokens_match_in_any_case(caller: Caller, token: str, exchange: dict[str, Any]) -> None:
    for spelling in (token.upper(), token.title()):
        assert caller.result(op="kc1", algorithm=spelling, s_c1=exchange["s_c1"]) == {"kc1": exchange["kc1"]}
    fields = {name: exchange[name] for name in ("password", "auth_scope", "realm", "user")}
    assert caller.result(op="pi", algorithm=token.upper(), **fields) == {"pi": exchange["pi"]}, "pi is salted with the token in lower case"


def test_info(caller: Caller) -> None:
    report = kam3.backends.report(caller.backend)
    assert caller.request(op="info", id="i", algorithm=17) == {
        "id": "i",
        "result": {"version": report.version, "backend": caller.backend, "cpu_path": report.cpu_path, "ops": list(OP_NAMES)},
    }


@pytest.mark.parametrize("digits", [1, 4300, 4301, 10_000])
def test_nc_of_many_digits(caller: Caller, digits: int) -> None:
    zero = "00" * 33
    literal = "9" * digits
    head = f'{{"op": "vkc", "algorithm": "iso-kam3-ec-p256-sha256", "kc1": "{zero}", "ks1": "{zero}", "z": "{zero}", "vh": ""'
    answer = caller.line(f'{head}, "nc": {literal}}}'.encode())
    nc = 10**digits - 1
    groups: list[int] = []
    while nc or not groups:
        groups.append((nc & 127) | (128 if groups else 0))
        nc >>= 7
    expected = hashlib.sha256(b"\x04" + bytes(99) + bytes(reversed(groups)) + b"\x00").hexdigest()
    assert answer["result"] == {"vkc": expected}


def test_nc_of_minus_zero_is_zero(caller: Caller) -> None:
    zero = "00" * 33
    head = f'{{"op": "vks", "algorithm": "iso-kam3-ec-p256-sha256", "kc1": "{zero}", "ks1": "{zero}", "z": "{zero}", "vh": ""'
    assert caller.line(f'{head}, "nc": -0}}'.encode()) == caller.line(f'{head}, "nc": 0}}'.encode())


@pytest.mark.parametrize(
    "literal",
    [
        *("null", "0", "-0", "-17", "1.0", "1E5", "3e-7", "12345678901234567890123456789", "1" * 5000),
        *("true", '"x"', '"\\ud800"', "[]", "{}", '[1.50, {"a": [null, -0.0, "\\u00e9"]}]'),
    ],
    ids=lambda literal: literal[:20],
)
def test_id_is_echoed_to_the_letter(caller: Caller, literal: str) -> None:
    for line in (f'{{"op": "info", "id": {literal}}}', f'{{"id": {literal}, "op": "no such op"}}', f'{{"id": {literal}}}'):
        answer = caller._harness.answer(line.encode())
        assert answer.startswith(f'{{"id": {literal}, '.encode())


def test_unknown_fields_are_ignored(caller: Caller, exchange: dict[str, Any], token: str) -> None:
    noise = {"vkc": 3, "": None, "q": [1, {"z": 2}], "prepare": "of no meaning here", "t": 5, "lone": "\ud800"}
    assert caller.result(op="kc1", algorithm=token, s_c1=exchange["s_c1"], **noise) == {"kc1": exchange["kc1"]}
