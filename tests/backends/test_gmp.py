"""The groups on GMP against the plain ones, element by element, and the shape of what GMP is asked."""

from __future__ import annotations

import importlib
import itertools
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kam3 import sets
from kam3.backends import groups

gmp = pytest.importorskip("kam3.backends.gmp", reason="gmpy2 is not installed", exc_type=ImportError)

from tests.backends import tiny  # noqa: E402  # after the skip

CURVES = {"P-256": groups.EC_P256, "P-521": groups.EC_P521}
MODPS = {"2048": groups.DL_2048, "4096": groups.DL_4096}


def affine(curve, point):
    """Return the plain form of a projective point."""
    if curve.is_trivial(point):
        assert point[0] == 0
        assert point[1] != 0
        return None
    number = curve.encode(point)
    x, y, z = (int(c) for c in point)
    plain = x * pow(z, -1, int(curve.q)) % int(curve.q), y * pow(z, -1, int(curve.q)) % int(curve.q)
    assert number == 2 * plain[0] + plain[1] % 2
    return plain


def test_it_names_its_libraries_and_promises_no_constant_time() -> None:
    backend = gmp.GmpBackend()
    assert backend.name == "gmpy2"
    assert backend.constant_time is False
    assert backend.cpu_path() == "gmp"
    assert "gmpy2 " in backend.build()
    assert "GMP" in backend.build() or "MPIR" in backend.build()
    assert "not constant time" in gmp.__doc__


def test_without_gmpy2_it_is_an_import_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gmpy2", None)
    monkeypatch.delitem(sys.modules, "kam3.backends.gmp")
    with pytest.raises(ImportError, match="gmpy2"):
        importlib.import_module("kam3.backends.gmp")


@pytest.mark.parametrize("plain", tiny.TINY_EC.values(), ids=lambda c: str(c.q))
def test_tiny_additions_have_no_exceptional_case(plain: groups.Curve) -> None:
    """Every pair of points, the identity in every scaling, doublings and opposites, each in two projective forms."""
    curve = gmp.GmpCurve(plain)
    points = [None, *tiny.elements(plain)]

    def forms(point):
        for scale in (1, 5):
            yield (gmp.mpz(0), gmp.mpz(scale), gmp.mpz(0)) if point is None else tuple(gmp.mpz(c * scale % plain.q) for c in (*point, 1))

    for a, b in itertools.product(points, repeat=2):
        for p, s in itertools.product(forms(a), forms(b)):
            assert affine(curve, curve.add(p, s)) == plain.add(a, b)


@pytest.mark.parametrize("plain", tiny.TINY_EC.values(), ids=lambda c: str(c.q))
def test_tiny_multiples_are_the_plain_ones(plain: groups.Curve) -> None:
    curve = gmp.GmpCurve(plain)
    for element, k in itertools.product(tiny.elements(plain), range(3 * plain.r)):
        assert affine(curve, curve.mul(k, curve.decode(plain.encode(element)))) == plain.mul(k, element)


@pytest.mark.parametrize("plain", tiny.TINY_EC.values(), ids=lambda c: str(c.q))
def test_tiny_decode_accepts_what_the_plain_one_accepts(plain: groups.Curve) -> None:
    curve = gmp.GmpCurve(plain)
    for number in range(256):
        try:
            expected = plain.decode(number)
        except ValueError:
            with pytest.raises(ValueError):
                curve.decode(number)
        else:
            assert affine(curve, curve.decode(number)) == expected


def test_decode_gives_y_0_no_odd_twin() -> None:
    plain = groups.Curve(q=23, b=2, g=(1, 0), r=11)
    curve = gmp.GmpCurve(plain)
    assert affine(curve, curve.decode(2)) == (1, 0)
    with pytest.raises(ValueError):
        curve.decode(3)


@pytest.mark.parametrize("plain", tiny.TINY_DL.values(), ids=lambda g: str(g.q))
def test_tiny_powers_and_squares_are_the_plain_ones(plain: groups.ModpGroup) -> None:
    group = gmp.GmpModpGroup(plain)
    for element in (1, *tiny.elements(plain), plain.q - 1):
        for k in range(2 * plain.q):
            assert group.mul_vartime(k, element) == group.mul(k, element) == plain.mul(k, element)
        assert group.is_square(element) == plain.is_square(element)
        assert group.is_trivial(element) == plain.is_trivial(element)


@pytest.mark.parametrize("plain", MODPS.values(), ids=MODPS)
def test_secret_exponents_reach_gmp_in_one_size_and_powmod_sec(plain: groups.ModpGroup, monkeypatch: pytest.MonkeyPatch) -> None:
    group, sizes = gmp.GmpModpGroup(plain), set()
    powmod_sec = gmp.gmpy2.powmod_sec

    def recorded(base, exponent, modulus):
        sizes.add((exponent.bit_length() + 63) // 64)
        return powmod_sec(base, exponent, modulus)

    monkeypatch.setattr(gmp.gmpy2, "powmod_sec", recorded)
    for k in (0, 1, 2**256, plain.r - 1):
        group.mul(k, group.g)
    assert sizes == {plain.q.bit_length() // 64 + 1}


@pytest.mark.parametrize("plain", CURVES.values(), ids=CURVES)
def test_multiples_are_the_plain_ones(plain: groups.Curve) -> None:
    curve = gmp.GmpCurve(plain)

    def check(k: int) -> None:
        assert affine(curve, curve.mul(k, curve.g)) == plain.mul(k, plain.g)

    for k in (0, 1, plain.r - 1, plain.r, plain.r + 1, 2**524 + 7):
        check(k)
    settings(max_examples=6, deadline=None)(given(k=st.integers(0, 2**521))(check))()


@settings(max_examples=30, deadline=None)
@given(x=st.integers(0, 2**600), y=st.integers(1, 2**520))
@example(x=0, y=1)
@example(x=1, y=groups.EC_P256.r - 1)
def test_the_blinded_quotient_is_the_quotient(x: int, y: int) -> None:
    for group in (groups.EC_P256, groups.EC_P521, groups.DL_2048, tiny.TINY_DL[23]):
        if y % group.r:
            assert gmp.blinded_quotient(x, y, group.r) == group.quotient(x, y)


def test_every_set_has_its_group_with_the_same_constants() -> None:
    plain = {"iso-kam3-dl-2048-sha256": groups.DL_2048, "iso-kam3-dl-4096-sha512": groups.DL_4096}
    plain |= {"iso-kam3-ec-p256-sha256": groups.EC_P256, "iso-kam3-ec-p521-sha512": groups.EC_P521}
    found = gmp.GmpBackend()._groups
    assert set(found) == {ps.token for ps in sets.SETS}
    for token, group in found.items():
        assert (group.q, group.r, group.encode(group.g)) == (plain[token].q, plain[token].r, plain[token].encode(plain[token].g))
