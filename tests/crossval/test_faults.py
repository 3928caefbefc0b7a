"""Every code of ``kam3 eval``, and that of several faults the first one answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

import kam3
from kam3.backends import groups
from kam3.crossval import harness
from kam3.crossval.harness import OPERATIONS
from kam3.crossval.strictjson import MAX_LINE
from kam3.errors import MissingExtraError

from .callers import LENGTHS, Caller

P256, DL_2048 = "iso-kam3-ec-p256-sha256", "iso-kam3-dl-2048-sha256"
#: The order of P-256 (RFC 8121 section 3.3).
R_P256 = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"

LINES: dict[str, bytes | None] = {
    "blank": b"",
    "white space": b" \t ",
    "no JSON": b"kc1",
    "no object": b"[]",
    "a number": b"7",
    "null": b"null",
    "cut short": b'{"id": 1, "op": "info"',
    "two values": b'{"id": 1, "op": "info"} {}',
    "invalid UTF-8": b'{"id": 1, "op": "info", "x": "\xff"}',
    "a surrogate as UTF-8": b'{"id": 1, "op": "info", "x": "\xed\xa0\x80"}',
    "byte order mark": b'\xef\xbb\xbf{"id": 1, "op": "info"}',
    "NaN": b'{"id": 1, "op": "info", "x": NaN}',
    "Infinity": b'{"id": 1, "op": "info", "x": -Infinity}',
    "overflow": b'{"id": 1, "op": "info", "x": 1e309}',
    "overflow in id": b'{"id": 1e309, "op": "info"}',
    "duplicate": b'{"id": 1, "id": 1, "op": "info"}',
    "duplicate within": b'{"id": 1, "op": "info", "x": [{"a": 1, "a": 2}]}',
    "nesting": b'{"id": 1, "op": "info", "x": ' + b"[" * 64 + b"]" * 64 + b"}",
    "over-long": b'{"id": 1, "op": "info"}' + b" " * MAX_LINE,
    "over-long, dropped": None,
}


@pytest.mark.parametrize("name", LINES)
def test_unusable_lines(caller: Caller, name: str) -> None:
    answer = caller.line(LINES[name])
    assert answer["id"] is None
    assert answer["error"]["code"] == "bad-request"


def test_lines_at_the_limits_are_used(caller: Caller) -> None:
    line = b'{"id": 1, "op": "info", "x": ' + b"[" * 63 + b"]" * 63 + b"}"
    assert "result" in caller.line(line + b"\r")
    assert "result" in caller.line(line.ljust(MAX_LINE))


HEX = ["", "0", "0g", "AA", "0x00", " 00", "00 ", "0\n", "٠٠", "\ud800\ud800"]
NOT_HEX: list[Any] = [None, True, 0, 1.5, [], {}, ["00"], *HEX[1:]]
NOT_TEXT: list[Any] = [None, False, 0, [], {}, "\ud800", "a\udfffb"]
WRONG: dict[str, list[Any]] = {
    **dict.fromkeys(("password", "auth_scope", "realm", "user", "text"), NOT_TEXT),
    **dict.fromkeys(("pi", "j", "s_c1", "kc1", "s_s1", "ks1", "z", "vh", "t", "value"), NOT_HEX),
    "nc": [None, True, False, "1", "", [], {}, -1, 1.0, 1e3, -0.0, 0.5],
    "prepare": [None, 0, 1, "true", []],
    "kind": [None, True, 0, [], {}, "", "Element", "scalar", "\ud800"],
}


@pytest.mark.parametrize("op", OPERATIONS)
def test_fields_missing_or_of_wrong_type(caller: Caller, op: str) -> None:
    good = _good(op)
    for field in OPERATIONS[op].fields:
        fields = {name: value for name, value in good.items() if name != field.name}
        answer = caller.request(id=[5], op=op, algorithm=P256, **fields)
        if field.required:
            assert answer == {"id": [5], "error": {"code": "bad-request", "message": f"{field.name} is missing"}}
        for value in WRONG[field.name]:
            code, message = caller.error(op=op, algorithm=P256, **{**good, field.name: value})
            assert code == "bad-request", (field.name, value)
            assert message.startswith(f"{field.name} must ")


def test_of_several_faults_the_first_answers(caller: Caller) -> None:
    """Start with a request at fault everywhere, and mend one fault after the other in the order of the contract."""
    for operation in OPERATIONS.values():
        request: dict[str, Any] = {"id": 9, "op": 3, "algorithm": [], **{field.name: {} for field in operation.fields}}
        assert caller.error(**request) == ("bad-request", "op must be a string")
        request["op"] = "\ud800"
        assert caller.error(**request) == ("bad-request", "op must not contain a lone surrogate")
        request["op"] = operation.name.upper()
        assert caller.error(**request)[0] == "unknown-op"
        request["op"] = operation.name
        assert caller.error(**request) == ("bad-request", "algorithm must be a string")
        request["algorithm"] = "iso-kam3-ec-p384-sha384"
        assert caller.error(**request)[0] == "unknown-algorithm"
        request["algorithm"] = P256
        for field in operation.fields:
            code, message = caller.error(**request)
            assert (code, message.split()[0]) == ("bad-request", field.name)
            request[field.name] = _good(operation.name).get(field.name, False)
        assert "result" in caller.request(**request)


def test_op_and_algorithm_missing(caller: Caller) -> None:
    assert caller.request(id=1) == {"id": 1, "error": {"code": "bad-request", "message": "op is missing"}}
    assert caller.request(op="kc1") == {"id": None, "error": {"code": "bad-request", "message": "algorithm is missing"}}


@pytest.mark.parametrize("token", ["", " " + P256, P256 + "\n", "ec-p256", P256.replace("k", "\u212a"), P256.replace("i", "\u0130")])
def test_unknown_algorithms(caller: Caller, token: str) -> None:
    assert caller.error(op="kc1", algorithm=token)[0] == "unknown-algorithm"


def test_nc_of_more_than_10_000_digits(caller: Caller) -> None:
    for literal in ("1" + "0" * 10_000, "-" + "1" * 10_001, "-1", "1.0", "1e3", "1E0", "0.0", "true"):
        request = json.dumps({"op": "vkc", "algorithm": P256, **_good("vkc"), "nc": "@"}).replace('"@"', literal)
        answer = caller.line(request.encode())
        assert answer["error"]["code"] == "bad-request"
        assert answer["error"]["message"].startswith("nc must ")


#: Values at fault on P-256: op, fields changed, code, argument named. (00 * 33 would be a point: b is a square.)
VALUES: list[tuple[str, dict[str, str], str, str]] = [
    ("j", {"pi": "00" * 31}, "invalid-secret", "pi"),
    ("j", {"pi": ""}, "invalid-secret", "pi"),
    ("j", {"pi": "00" * 32}, "degenerate", ""),
    ("j", {"pi": R_P256}, "degenerate", ""),
    ("kc1", {"s_c1": "00" * 32}, "invalid-secret", "s_c1"),
    ("kc1", {"s_c1": R_P256}, "invalid-secret", "s_c1"),
    ("kc1", {"s_c1": "00" * 33}, "invalid-secret", "s_c1"),
    ("ks1", {"j": "ff" * 33}, "invalid-element", "j"),
    ("ks1", {"kc1": "ff" * 33}, "invalid-element", "kc1"),
    ("ks1", {"kc1": "00" * 32}, "invalid-element", "kc1"),
    ("ks1", {"s_s1": "00" * 32}, "invalid-secret", "s_s1"),
    ("z_server", {"kc1": "ff" * 33}, "invalid-element", "kc1"),
    ("z_server", {"ks1": "ff" * 33}, "invalid-element", "ks1"),
    ("z_server", {"s_s1": R_P256}, "invalid-secret", "s_s1"),
    ("respond", {"j": "ff" * 33}, "invalid-element", "j"),
    ("respond", {"kc1": "ff" * 33}, "invalid-element", "kc1"),
    ("respond", {"s_s1": "ff" * 32}, "invalid-secret", "s_s1"),
    ("z_client", {"pi": "00" * 33}, "invalid-secret", "pi"),
    ("z_client", {"s_c1": "00" * 32}, "invalid-secret", "s_c1"),
    ("z_client", {"kc1": "ff" * 33}, "invalid-element", "kc1"),
    ("z_client", {"ks1": "ff" * 33}, "invalid-element", "ks1"),
    ("to_wire", {"value": "00" * 32}, "invalid-element", "value"),
    ("to_wire", {"kind": "hash"}, "invalid-element", "value"),
    ("from_wire", {"text": "00" * 32}, "invalid-wire", "text"),
    ("from_wire", {"text": '"' + "00" * 33 + '"'}, "invalid-wire", "text"),
    ("from_wire", {"text": "0x" + "00" * 32}, "invalid-wire", "text"),
    ("from_wire", {"text": "00" * 32 + "\u0661\u0661"}, "invalid-wire", "text"),
    ("from_wire", {"text": ""}, "invalid-wire", "text"),
    *((op, {name: "00" * 34}, "invalid-element", name) for op in ("vkc", "vks", "b1", "b2") for name in ("kc1", "ks1", "z")),
]


@pytest.mark.parametrize(("op", "changed", "code", "argument"), VALUES)
def test_values_at_fault(caller: Caller, op: str, changed: dict[str, str], code: str, argument: str) -> None:
    answered, message = caller.error(op=op, algorithm=P256, **{**_good(op), **changed})
    assert answered == code
    assert argument in message


@pytest.mark.parametrize(
    "op", [name for name, row in OPERATIONS.items() if name != "pi" and not name.endswith("_wire") and len(row.fields) > 1]
)
def test_values_are_judged_in_the_order_of_the_table(caller: Caller, op: str) -> None:
    good = _good(op)
    checked = [field.name for field in OPERATIONS[op].fields if field.name not in ("nc", "vh", "t")]
    request = {**good, **dict.fromkeys(checked, "00")}
    for name in checked:
        code, message = caller.error(op=op, algorithm=P256, **request)
        assert code == ("invalid-secret" if name in ("pi", "s_c1", "s_s1") else "invalid-element")
        assert name in message
        request[name] = good[name]
    assert "result" in caller.request(op=op, algorithm=P256, **request)


def test_a_dl_element_is_between_1_and_q_minus_1_and_a_non_square_passes(caller: Caller) -> None:
    good = {"j": "00" * 255 + "04", "kc1": "00" * 255 + "04", "s_s1": "00" * 255 + "03"}
    q = groups.DL_2048.q
    for name in ("j", "kc1"):
        for number in (0, 1, q - 1, q, (1 << 2048) - 1):
            assert caller.error(op="respond", algorithm=DL_2048, **{**good, name: f"{number:0512x}"})[0] == "invalid-element"
        for number in (2, q - 2, q - 4):
            assert "result" in caller.request(op="respond", algorithm=DL_2048, **{**good, name: f"{number:0512x}"})


def test_least_s_c1_of_dl(caller: Caller) -> None:
    for token, least, octets in ((DL_2048, 2048, 256), ("iso-kam3-dl-4096-sha512", 4096, 512)):
        assert caller.error(op="kc1", algorithm=token, s_c1=f"{least - 1:0{2 * octets}x}")[0] == "invalid-secret"
        assert "result" in caller.request(op="kc1", algorithm=token, s_c1=f"{least:0{2 * octets}x}")


def test_nothing_special_about_pi_0_or_a_foreign_kc1_in_z_client(caller: Caller) -> None:
    assert "result" in caller.request(op="z_client", algorithm=P256, **{**_good("z_client"), "pi": "00" * 32})
    assert "result" in caller.request(op="z_client", algorithm=P256, **{**_good("z_client"), "kc1": _good("z_client")["ks1"]})


def test_a_missing_extra_is_unavailable(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> str:
        raise MissingExtraError("pip install 'kam3[http]'")

    monkeypatch.setattr(kam3, "prepare_password", missing, raising=False)
    monkeypatch.setattr(kam3, "prepare_user", missing, raising=False)
    code, message = caller.error(op="pi", algorithm=P256, **_good("pi"), prepare=True)
    assert (code, "kam3[http]" in message) == ("unavailable", True)
    assert "result" in caller.request(op="pi", algorithm=P256, **_good("pi"), prepare=False)


def test_preparation(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(text: str) -> str:
        if text == "hunter2":
            raise ValueError("hunter2 is refused")
        return text.strip()

    monkeypatch.setattr(kam3, "prepare_password", refuse, raising=False)
    monkeypatch.setattr(kam3, "prepare_user", refuse, raising=False)
    good = {**_good("pi"), "password": " p ", "user": " u "}
    plain = caller.result(op="pi", algorithm=P256, **{**good, "password": "p", "user": "u"})
    assert caller.result(op="pi", algorithm=P256, **good, prepare=True) == plain
    assert caller.result(op="pi", algorithm=P256, **good) != plain
    for changed, name in (({"password": "hunter2", "user": "hunter2"}, "password"), ({"user": "hunter2"}, "user")):
        code, message = caller.error(op="pi", algorithm=P256, **{**good, **changed}, prepare=True)
        assert code == "bad-request"
        assert message.startswith(name)
        assert "hunter2" not in message


def test_no_message_shows_a_value(caller: Caller) -> None:
    secret = "5ec4e7" * 11
    for op in OPERATIONS:
        for field in OPERATIONS[op].fields:
            for value in (secret, secret.upper(), [secret], {secret: secret}):
                answer = caller.request(op=op, algorithm=P256, **{**_good(op), field.name: value})
                if "error" in answer:
                    assert "5ec4e7" not in answer["error"]["message"].lower()


def _good(op: str) -> dict[str, Any]:
    """Values that every check of this op lets pass on P-256; the elements are all G."""
    values = {
        "password": "p",
        "auth_scope": "s",
        "realm": "r",
        "user": "u",
        "pi": "00" * 31 + "02",
        "s_c1": "00" * 31 + "03",
        "s_s1": "00" * 31 + "05",
        "nc": 1,
        "vh": "",
        "t": "",
        "kind": "element",
        "j": G_P256,
        "kc1": G_P256,
        "ks1": G_P256,
        "z": G_P256,
        "value": "00" * LENGTHS[P256][0],
        "text": "0A" * LENGTHS[P256][0],
    }
    return {field.name: values[field.name] for field in OPERATIONS[op].fields if field.name in values}


#: P(G) = 2 G.x + 1: G.y is odd (RFC 8121 section 3.3).
G_P256 = f"{2 * 0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296 + 1:066x}"


def test_the_codes_are_the_published_ones() -> None:
    published = {
        "bad-request",
        "unknown-op",
        "unknown-algorithm",
        "invalid-element",
        "invalid-secret",
        "invalid-wire",
        "degenerate",
        "unavailable",
    }
    assert published == harness.CODES
