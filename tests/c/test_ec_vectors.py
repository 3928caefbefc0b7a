"""csrc/ec against vectors that others made: Wycheproof, NIST's (by way of AWS-LC and cryptography), OpenSSL's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.c.ec_support import CURVES, EC_PATHS, P256, THIRD_PARTY, Group, group
from tests.clib import VARIANTS

NIST_NAMES = {"P-256": "p256", "P-521": "p521"}


@pytest.fixture(scope="module", params=[(n, v, p) for n in CURVES for v in VARIANTS for p in EC_PATHS], ids="-".join)
def curve(request: pytest.FixtureRequest) -> Group:
    name, variant, path = request.param
    return group(CURVES[name], variant, path)


def shared(*parts: str) -> Path:
    """Return a file of the shared vectors, or skip the test by name."""
    path = THIRD_PARTY.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no {'/'.join(parts)} here")
    return path


def published(*parts: str) -> Path:
    """Return a file of the package cryptography_vectors, or skip the test by name."""
    vectors = pytest.importorskip("cryptography_vectors")
    return Path(vectors.__file__).parent.joinpath("asymmetric", *parts)


def records(path: Path) -> Iterator[dict[str, str]]:
    """Yield the name = value blocks of a text file, each with the last heading above it that names a curve, as [P-256,SHA-1] does."""
    heading, block = "", {}
    for line in [*path.read_text().splitlines(), ""]:
        line = line.strip()
        if line.startswith("[") and line[2:3] == "-":
            heading = line.strip("[]")
        elif line.startswith("["):
            continue
        elif "=" in line and not line.startswith("#"):
            name, value = line.split("=", 1)
            block[name.strip()] = value.strip()
        elif not line and block:
            yield {"heading": heading, **block}
            block = {}


def x_of(encoded: bytes) -> int:
    """Return x = v / 2 of an encoded point."""
    return int.from_bytes(encoded, "big") >> 1


def sec1_to_element(g: Group, octets: bytes) -> bytes | None:
    """Return the element octets of a point in SEC 1 form, if it has that form; whether it is a point ge_decode must find."""
    c, size = g.curve, g.curve.scalar_octets
    if len(octets) == 1 + size and octets[0] in (2, 3):
        x, parity = int.from_bytes(octets[1:], "big"), octets[0] & 1
    elif len(octets) == 1 + 2 * size and octets[0] == 4:
        x, y = int.from_bytes(octets[1 : 1 + size], "big"), int.from_bytes(octets[1 + size :], "big")
        if not (y < c.q and c.holds((x, y))):  # a curve point is (x, +-y): the encoding of RFC 8121 has no other y to refuse
            return None
        parity = y & 1
    else:
        return None
    v = 2 * x + parity
    return v.to_bytes(c.element_octets, "big") if v < 2 ** (8 * c.element_octets) else None


def der(octets: bytes) -> tuple[int, bytes, bytes]:
    """Return tag, content and rest of one DER element; ValueError if it is none."""
    if len(octets) < 2:
        raise ValueError("too short")
    tag, length, at = octets[0], octets[1], 2
    if length > 127:
        count = length & 127
        if not 1 <= count <= 2 or len(octets) < 2 + count or octets[2] == 0:
            raise ValueError("length")
        length, at = int.from_bytes(octets[2 : 2 + count], "big"), 2 + count
        if length < 128:
            raise ValueError("length is not the shortest")
    if len(octets) < at + length:
        raise ValueError("truncated")
    return tag, octets[at : at + length], octets[at + length :]


def spki_point(octets: bytes, oid: bytes) -> bytes:
    """Return the point of a SubjectPublicKeyInfo that names its curve; ValueError if it is anything else."""
    tag, content, rest = der(octets)
    if tag != 0x30 or rest:
        raise ValueError("no sequence")
    tag, algorithm, content = der(content)
    if tag != 0x30 or algorithm != bytes.fromhex("06072a8648ce3d0201") + oid:
        raise ValueError("another curve, or parameters instead of a name")
    tag, bits, rest = der(content)
    if tag != 3 or rest or not bits or bits[0] != 0:
        raise ValueError("no bit string")
    return bits[1:]


OIDS = {"p256": bytes.fromhex("06082a8648ce3d030107"), "p521": bytes.fromhex("06052b81040023")}


def wycheproof(g: Group, kind: str) -> Iterator[dict[str, Any]]:
    document = json.loads(shared("wycheproof", f"ecdh_sec{g.curve.name}r1_{kind}.json").read_text())
    for tests in document["testGroups"]:
        yield from tests["tests"]


@pytest.mark.parametrize("kind", ["test", "ecpoint_test"])
def test_wycheproof_ecdh(curve: Group, kind: str) -> None:
    used = refused = 0
    for test in wycheproof(curve, kind):
        try:
            point = bytes.fromhex(test["public"])
            if kind == "test":
                point = spki_point(point, OIDS[curve.curve.name])
            element = sec1_to_element(curve, point)
        except ValueError:
            element = None
        ok, loaded = curve.decode(element) if element is not None else (False, None)
        if not ok or loaded is None:
            assert test["result"] != "valid", test["comment"]
            refused += 1
            continue
        assert test["result"] != "invalid", test["comment"]
        used += 1
        k = int(test["private"], 16)
        assert k < curve.curve.r
        expected = int(test["shared"], 16)
        assert x_of(curve.encode(curve.mul(k, loaded))) == expected, test["comment"]
        assert x_of(curve.encode(curve.mul(k, loaded, "ge_mul_vartime"))) == expected, test["comment"]
    assert used >= 330
    assert refused >= 20


def test_wycheproof_curve_constants() -> None:
    document = json.loads(shared("wycheproof", "ec_prime_order_curves_test.json").read_text())
    found = {t["name"]: t for tests in document["testGroups"] for t in tests["tests"]}
    for name, c in (("secp256r1", CURVES["p256"]), ("secp521r1", CURVES["p521"])):
        t = found[name]
        assert [int(t[k], 16) for k in ("p", "n", "a", "b", "gx", "gy")] == [c.q, c.r, c.q - 3, c.b, *c.g]


def test_aws_lc_base_point_multiples(curve: Group) -> None:
    used = 0
    for r in records(shared("aws-lc", "ec_scalar_base_mult_tests.txt")):
        if NIST_NAMES.get(r["Curve"]) != curve.curve.name:
            continue
        used += 1
        k, x, y = int(r["N"], 16) % curve.curve.r, int(r["X"], 16), int(r["Y"], 16)
        expected = curve.curve.encode((x, y) if x or y else None)
        assert curve.encode(curve.mul_base(k)) == expected
        assert curve.encode(curve.mul(k, curve.load(curve.curve.g))) == expected
    assert used > 100


def test_aws_lc_ecdh(curve: Group) -> None:
    used = 0
    for r in records(shared("aws-lc", "ecdh_tests.txt")):
        if NIST_NAMES.get(r["Curve"]) != curve.curve.name:
            continue
        used += 1
        k = int(r["Private"], 16)
        assert curve.encode(curve.mul_base(k)) == curve.curve.encode((int(r["X"], 16), int(r["Y"], 16)))
        peer = curve.load((int(r["PeerX"], 16), int(r["PeerY"], 16)))
        assert x_of(curve.encode(curve.mul(k, peer))) == int(r["Z"], 16)
    assert used == 25


def test_aws_lc_p256_montgomery_form_and_additions() -> None:
    """Their vectors are in Montgomery form with R = 2^256, as our limbs are; they add Jacobian points."""
    g = group(P256, "int128")
    q, used = P256.q, {"Negate": 0, "MulMont": 0, "FromMont": 0, "PointAdd": 0}
    for r in records(shared("aws-lc", "p256-nistz_tests.txt")):
        kind = r["Test"]
        if kind not in used:
            continue
        used[kind] += 1
        if kind == "PointAdd":
            points = []
            for name in ("A", "B"):
                x, y, z = (int(r[f"{name}.{c}"], 16) * pow(2, -256, q) % q for c in "XYZ")
                points.append((x * pow(z, -2, q) % q, y * pow(z, -3, q) % q) if z else None)
            x, y = (int(r[f"Result.{c}"], 16) * pow(2, -256, q) % q for c in "XY")
            result = g.add(*(g.load(p) for p in points))
            assert g.encode(result) == P256.encode((x, y) if x or y else None)
            continue
        a, b = g.scalar(int(r["A"], 16)), g.scalar(int(r.get("B", "0"), 16))
        out = g.scalar(0)
        if kind == "Negate":
            g.lib.test_p256_fe_neg(out, a, 1)
            assert list(out) == list(b)
        elif kind == "MulMont":
            g.f("fe_mul")(out, a, b)
            assert list(out) == list(g.scalar(int(r["Result"], 16)))
        else:
            g.f("fe_mul")(out, a, g.scalar(1))
            assert list(out) == list(g.scalar(int(r["Result"], 16)))
    assert all(used.values())


@pytest.mark.parametrize("edition", ["FIPS_186-2", "FIPS_186-3"])
def test_nist_key_pairs(curve: Group, edition: str) -> None:
    used = 0
    for r in records(published("ECDSA", edition, "KeyPair.rsp")):
        if NIST_NAMES.get(r["heading"].split(",")[0]) != curve.curve.name or "d" not in r:
            continue
        used += 1
        point = (int(r["Qx"], 16), int(r["Qy"], 16))
        assert curve.encode(curve.mul_base(int(r["d"], 16))) == curve.curve.encode(point)
    assert used >= 4


@pytest.mark.parametrize("edition", ["FIPS_186-2", "FIPS_186-3"])
def test_nist_public_key_validation(curve: Group, edition: str) -> None:
    """Keys whose x is out of range or on no point must be refused; a wrong y cannot be told in this encoding."""
    verdicts = set()
    for r in records(published("ECDSA", edition, "PKV.rsp")):
        if NIST_NAMES.get(r["heading"].split(",")[0]) != curve.curve.name or "Qx" not in r:
            continue
        x, y, fine = int(r["Qx"], 16), int(r["Qy"], 16), r["Result"].startswith("P")
        v = 2 * x + y % 2
        if v >= 2 ** (8 * curve.curve.element_octets):
            assert not fine
            continue
        ok, loaded = curve.decode(v.to_bytes(curve.curve.element_octets, "big"))
        square = (x**3 - 3 * x + curve.curve.b) % curve.curve.q
        assert ok == (x < curve.curve.q and pow(square, (curve.curve.q - 1) // 2, curve.curve.q) == 1)
        if fine:
            assert ok
            twice = curve.curve.add((x, y), (x, y))
            assert curve.encode(curve.add(loaded, loaded)) == curve.curve.encode(twice)
        verdicts.add(fine)
    assert verdicts == {True, False}


def test_openssl_compressed_points() -> None:
    g, used = group(P256, "int128"), 0
    for r in records(published("EC", "compressed_points.txt")):
        if r["CURVE"] != "SECP256R1":
            continue
        used += 1
        element = sec1_to_element(g, bytes.fromhex(r["POINT"]))
        assert element == P256.encode((int(r["X"], 16), int(r["Y"], 16)))
        ok, loaded = g.decode(element)
        assert ok
        double = P256.add((int(r["X"], 16), int(r["Y"], 16)), (int(r["X"], 16), int(r["Y"], 16)))
        assert g.encode(g.add(loaded, loaded)) == P256.encode(double)
    assert used >= 2
