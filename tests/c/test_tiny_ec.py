"""The templates of csrc/ec on a curve of 223 points: everything that can be asked is asked."""

from __future__ import annotations

import ctypes

import pytest

from tests.c.ec_support import TINY, Affine, Group, group
from tests.clib import VARIANTS

POINTS: list[Affine] = [None, *((x, y) for x in range(TINY.q) for y in range(TINY.q) if TINY.holds((x, y)))]
ENCODED = {TINY.encode(p): p for p in POINTS[1:]}
MULTIPLES: list[Affine] = [None]
while (following := TINY.add(MULTIPLES[-1], TINY.g)) is not None:
    MULTIPLES.append(following)
LOG = {p: k for k, p in enumerate(MULTIPLES)}


@pytest.fixture(scope="module", params=VARIANTS)
def tiny(request: pytest.FixtureRequest) -> Group:
    return group(TINY, request.param)


def raw(p: Affine, scale: int = 1) -> ctypes.Array[ctypes.c_uint64]:
    """Return p with its homogeneous coordinates multiplied by `scale`."""
    x, y, z = (0, 1, 0) if p is None else (*p, 1)
    return (ctypes.c_uint64 * 3)(*(c * scale % TINY.q for c in (x, y, z)))


def affine(a: ctypes.Array[ctypes.c_uint64]) -> Affine:
    """Return the point of a ge, which must be one: on the curve, or the identity with y alone."""
    x, y, z = a
    if z == 0:
        assert x == 0
        assert y != 0
        return None
    inverse = pow(z, -1, TINY.q)
    return x * inverse % TINY.q, y * inverse % TINY.q


def test_the_curve_is_what_it_says() -> None:
    assert len(POINTS) == len(MULTIPLES) == TINY.r
    assert set(POINTS) == set(MULTIPLES)
    assert all(p is None or p[1] != 0 for p in POINTS)


def test_every_pair_added(tiny: Group) -> None:
    out = (ctypes.c_uint64 * 3)()
    add = tiny.f("ge_add")
    lefts = [raw(p, 3 + i) for i, p in enumerate(POINTS)]  # representatives other than (x, y, 1)
    rights = [raw(p, 249 - i % 200) for i, p in enumerate(POINTS)]
    for p, left in zip(POINTS, lefts, strict=True):
        for q, right in zip(POINTS, rights, strict=True):
            add(out, left, right)
            assert affine(out) == MULTIPLES[(LOG[p] + LOG[q]) % TINY.r]


def test_additions_in_place(tiny: Group) -> None:
    for p in POINTS:
        a = raw(p, 7)
        tiny.f("ge_add")(a, a, a)
        assert affine(a) == TINY.add(p, p)
        a, b = raw(p, 9), raw(TINY.g)
        tiny.f("ge_add")(b, a, b)
        assert affine(b) == TINY.add(p, TINY.g)
        tiny.f("ge_dbl")(a, a)
        assert affine(a) == TINY.add(p, p)


def test_every_representative_of_every_point_doubled(tiny: Group) -> None:
    out = (ctypes.c_uint64 * 3)()
    for p in POINTS:
        for scale in range(1, TINY.q):
            tiny.f("ge_dbl")(out, raw(p, scale))
            assert affine(out) == MULTIPLES[LOG[p] * 2 % TINY.r]


@pytest.mark.parametrize("name", ["ge_mul", "ge_mul_vartime"])
def test_every_scalar_times_every_point(tiny: Group, name: str) -> None:
    out = (ctypes.c_uint64 * 3)()
    multiply = tiny.f(name)
    scalars = [tiny.scalar(k) for k in range(TINY.r)]
    for i, p in enumerate(POINTS):
        a = raw(p, 1 + i % 250)
        for k, scalar in enumerate(scalars):
            multiply(out, a, scalar)
            assert affine(out) == MULTIPLES[k * LOG[p] % TINY.r]


def test_every_scalar_times_the_base_point(tiny: Group) -> None:
    for k in range(TINY.r):
        assert affine(tiny.mul_base(k)) == MULTIPLES[k]


def test_every_scalar_while_another_thread_is_filling_the_table(tiny: Group) -> None:
    tiny.lib.test_tinyec_set_table_state(1)
    try:
        for k in range(TINY.r):
            assert affine(tiny.mul_base(k)) == MULTIPLES[k]
    finally:
        tiny.lib.test_tinyec_set_table_state(0)


def test_every_entry_of_the_table(tiny: Group) -> None:
    tiny.f("ge_prepare_tables")()
    entry = (ctypes.c_uint64 * 2)()
    for window in range(3):
        for j in range(16):
            tiny.lib.test_tinyec_table_entry(entry, ctypes.c_size_t(window), ctypes.c_size_t(j))
            assert tuple(entry) == MULTIPLES[(2 * j + 1) * 32**window % TINY.r]


def test_every_octet_string_decoded(tiny: Group) -> None:
    accepted = 0
    for v in range(2**16):
        octets = v.to_bytes(2, "big")
        ok, point = tiny.decode(octets)
        assert ok == (octets in ENCODED)
        assert affine(point) == ENCODED.get(octets, TINY.g), "what is refused decodes to the base point"
        accepted += ok
    assert accepted == TINY.r - 1


def test_every_representative_of_every_point_encoded(tiny: Group) -> None:
    for p in POINTS:
        for scale in range(1, TINY.q, 7):
            assert tiny.encode(raw(p, scale)) == TINY.encode(p)


def test_every_scalar_decoded(tiny: Group) -> None:
    for k in range(256):
        out = tiny.scalar(99)
        assert (tiny.f("sc_decode")(out, bytes([k])) != 0) == (1 <= k < TINY.r)
        assert out[0] == (k if 1 <= k < TINY.r else 1)
