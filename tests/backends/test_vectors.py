"""The frozen exchanges, verified by programs that share nothing with the backends: OpenSSL, and the exponents worked out from the secrets.

With pi and both secrets known, every element is one power of g: K_s1 = [S_s1 (pi + S_c1 t_1)] G and z = [S_s1 (S_c1 + t_2)] G. OpenSSL
computes that power (as a public key on the curves, as a Diffie-Hellman exchange with the peer g in the MODP groups), the hash values
and pi. On the curves its ECDH also goes the client's way, from K_s1.
"""

from __future__ import annotations

import base64
import json
import re
import warnings
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from kam3 import sets
from kam3.backends import groups
from kam3.sets import ParameterSet
from tests.vectors import frozen

HASHES = {"sha256": hashes.SHA256(), "sha512": hashes.SHA512()}
NIST = {sets.EC_P256: ec.SECP256R1(), sets.EC_P521: ec.SECP521R1()}
GROUPS = {sets.DL_2048: groups.DL_2048, sets.DL_4096: groups.DL_4096, sets.EC_P256: groups.EC_P256, sets.EC_P521: groups.EC_P521}
FLAGS_OF_EVERY_SET = {"Normal", "ZeroLeadingByte", "ScalarEdge", "NonAscii", "EmptyPassword", "LongPassword"}


def base_128(number: int) -> bytes:
    """VI, by string operations."""
    digits = re.findall("[01]{7}", format(number, "b").zfill(7 * max(1, -(-number.bit_length() // 7))))
    return bytes(int("1" + d, 2) for d in digits[:-1]) + bytes([int(digits[-1], 2)])


def prefixed(octets: bytes) -> bytes:
    return base_128(len(octets)) + octets


def digest(ps: ParameterSet, *parts: bytes) -> bytes:
    h = hashes.Hash(HASHES[ps.hash_name])
    for part in parts:
        h.update(part)
    return h.finalize()


def power_of_g(ps: ParameterSet, exponent: int) -> bytes:
    """OCTETS of [exponent] G, or g^exponent, by OpenSSL."""
    if ps.is_curve:
        numbers = ec.derive_private_key(exponent, NIST[ps]).public_key().public_numbers()
        return (2 * numbers.x + (numbers.y & 1)).to_bytes(ps.element_octets, "big")
    return openssl_power_of_2(exponent, GROUPS[ps].q).to_bytes(ps.element_octets, "big")


def openssl_power_of_2(exponent: int, q: int) -> int:
    """2^exponent mod q as the Diffie-Hellman secret shared with 2; by Python's pow where `cryptography` has dropped these groups."""
    try:
        from cryptography.hazmat.primitives.asymmetric import dh
    except ImportError:
        return pow(2, exponent, q)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it will drop them
        peer = dh.DHPublicNumbers(2, dh.DHParameterNumbers(q, 2))
        own = dh.DHPrivateNumbers(exponent, peer).private_key()  # the public half in it is not used
        return int.from_bytes(own.exchange(peer.public_key()), "big")


def ecdh_x(ps: ParameterSet, scalar: int, represented: bytes) -> int:
    """The x-coordinate of [scalar] P'(represented), by OpenSSL, which finds y from SEC 1's compressed form by itself."""
    number = int.from_bytes(represented, "big")
    compressed = bytes([2 + (number & 1)]) + (number >> 1).to_bytes(ps.scalar_octets, "big")
    peer = ec.EllipticCurvePublicKey.from_encoded_point(NIST[ps], compressed)
    return int.from_bytes(ec.derive_private_key(scalar, NIST[ps]).exchange(ec.ECDH(), peer), "big")


def verify(ps: ParameterSet, test: dict[str, Any]) -> None:
    i, o, r = frozen.octets(test["inputs"]), frozen.octets(test["outputs"]), GROUPS[ps].r
    n = {name: int.from_bytes(octets, "big") for name, octets in (i | o).items()}
    salt = b"".join(map(prefixed, (ps.token.encode(), i["auth_scope"], i["realm"], i["user"])))
    assert o["pi"] == PBKDF2HMAC(HASHES[ps.hash_name], ps.hash_octets, salt, 16384).derive(i["password"])
    assert o["j"] == power_of_g(ps, n["pi"] % r)
    assert o["kc1"] == power_of_g(ps, n["s_c1"])
    assert o["t1"] == digest(ps, b"\x01", o["kc1"])
    assert o["ks1"] == power_of_g(ps, n["s_s1"] * (n["pi"] + n["s_c1"] * n["t1"]) % r)
    assert o["t2"] == digest(ps, b"\x02", o["kc1"], o["ks1"])
    assert o["z"] == power_of_g(ps, n["s_s1"] * (n["s_c1"] + n["t2"]) % r)
    if ps.is_curve:
        exponent = (n["s_c1"] + n["t2"]) * pow(n["s_c1"] * n["t1"] + n["pi"], r - 2, r) % r
        assert ecdh_x(ps, exponent, o["ks1"]) == n["z"] >> 1
    nc, keys = base_128(int(test["inputs"]["nc"])), o["kc1"] + o["ks1"] + o["z"]
    vh, t = prefixed(i["vh"]), prefixed(i["t"])
    assert o["vkc"] == digest(ps, b"\x04", keys, nc, vh)
    assert o["vks"] == digest(ps, b"\x03", keys, nc, vh)
    assert o["b1"] == digest(ps, digest(ps, b"\x06", keys, b"\x00", vh), t)
    assert o["b2"] == digest(ps, digest(ps, b"\x07", keys, nc, vh), t)
    for name, text in test["wire"].items():
        assert (bytes.fromhex(text) if ps.is_curve else base64.b64decode(text, validate=True)) == o[name]
    lengths = {"kc1": {344, 684, 66, 132}, "vkc": {44, 88, 64, 128}}
    assert len(test["wire"]["kc1"]) in lengths["kc1"]
    assert len(test["wire"]["vkc"]) in lengths["vkc"]


def test_every_exchange_is_what_openssl_computes(ps: ParameterSet) -> None:
    tests = frozen.tests(ps, "Kam3Exchange")
    assert len(tests) >= 8
    for test in tests:
        verify(ps, test)


@pytest.mark.parametrize("changed", ["kc1", "ks1", "z", "vkc", "b2", "t1"])
def test_the_verification_itself_notices_a_changed_bit(ps: ParameterSet, changed: str) -> None:
    test = frozen.tests(ps, "Kam3Exchange")[0]
    octets = bytearray.fromhex(test["outputs"][changed])
    octets[-1] ^= 1
    with pytest.raises(AssertionError):
        verify(ps, test | {"outputs": test["outputs"] | {changed: octets.hex()}})


def test_every_class_of_values_is_there(ps: ParameterSet) -> None:
    tests = frozen.tests(ps, "Kam3Exchange")
    assert {flag for test in tests for flag in test["flags"]} >= FLAGS_OF_EVERY_SET
    zeros = {"pi": 1, "t1": 1, "t2": 1} | dict.fromkeys(("j", "kc1", "ks1", "z"), 2 if ps.is_curve else 1)
    for value, count in zeros.items():
        named = [test for test in tests if test["comment"].startswith(f"{value} has a leading zero octet")]
        assert len(named) == 1
        assert frozen.octets(named[0]["outputs"])[value].startswith(bytes(count))
    assert {test["inputs"]["nc"] for test in tests} >= {str(n) for n in (0, 1, 127, 128, 16383, 16384, 2**31, 2**80)}
    secrets = [frozen.octets(test["inputs"]) for test in tests if "ScalarEdge" in test["flags"]]
    numbers = {(int.from_bytes(s["s_c1"], "big"), int.from_bytes(s["s_s1"], "big")) for s in secrets}
    r = GROUPS[ps].r
    assert numbers == {(ps.least_s_c1, 1), (r - 1, r - 1), (ps.least_s_c1, r - 1)}
    if ps.is_curve:
        assert {int(test["outputs"][value], 16) & 1 for test in tests for value in ("j", "kc1", "ks1", "z")} == {0, 1}


def violations(schema: dict[str, Any], value: Any, definitions: dict[str, Any], path: str = "$") -> list[str]:
    """Where `value` breaks `schema`, for the keywords of JSON Schema draft-07 that the schema of the vectors uses."""
    if "$ref" in schema:
        return violations(definitions[schema["$ref"].removeprefix("#/definitions/")], value, definitions, path)
    types = {"object": dict, "array": list, "string": str, "integer": int, "null": type(None)}
    named = schema.get("type", list(types))
    if not isinstance(value, tuple(types[name] for name in ([named] if isinstance(named, str) else named))):
        return [f"{path}: type"]
    found = [f"{path}: const"] if value != schema.get("const", value) else []
    found += [f"{path}: enum"] if value not in schema.get("enum", [value]) else []
    found += [f"{path}: pattern"] if isinstance(value, str) and not re.search(schema.get("pattern", ""), value) else []
    if isinstance(value, list):
        return found + [v for n, item in enumerate(value) for v in violations(schema["items"], item, definitions, f"{path}[{n}]")]
    if isinstance(value, dict):
        found += [f"{path}.{name}: missing" for name in schema.get("required", []) if name not in value]
        for name, item in value.items():
            inner = schema.get("properties", {}).get(name, schema["additionalProperties"])
            found += [f"{path}.{name}: unknown"] if inner is False else violations(inner, item, definitions, f"{path}.{name}")
    return found


def test_the_files_follow_their_schema(ps: ParameterSet) -> None:
    document = frozen.document(ps)
    schema = json.loads((frozen.FOLDER / document["schema"]).read_text(encoding="ascii"))
    assert violations(schema, document, schema["definitions"]) == []
    assert violations(schema, document | {"more": 1, "numberOfTests": "70"}, schema["definitions"]) == [
        "$.numberOfTests: type",
        "$.more: unknown",
    ]


def test_the_files_count_their_tests_and_explain_their_flags(ps: ParameterSet) -> None:
    document = frozen.document(ps)
    tests = [test for group in document["testGroups"] for test in group["tests"]]
    assert [test["tcId"] for test in tests] == list(range(1, document["numberOfTests"] + 1))
    assert {flag for test in tests for flag in test["flags"]} == set(document["notes"])
    assert {group["token"] for group in document["testGroups"]} == {ps.token}
