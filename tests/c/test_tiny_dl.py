"""The templates of csrc/dl over groups of 23 and 1019 elements, exhaustively."""

from __future__ import annotations

import ctypes

import pytest

from tests.c.dl_python import LIBRARY_PARTS, YES, Group
from tests.c.test_bn import Modulus
from tests.clib import CSRC, VARIANTS, build, limbs, number

ORDERS = {"tinydl": 47, "smalldl": 2039}


@pytest.fixture(scope="module", params=VARIANTS)
def lib(request: pytest.FixtureRequest) -> ctypes.CDLL:
    library = tuple(CSRC / part for part in LIBRARY_PARTS)
    return build(f"tiny-dl-{request.param}", ("tiny_dl.c",), VARIANTS[request.param], library)


@pytest.fixture
def tiny(lib: ctypes.CDLL) -> Group:
    return Group(lib, "tinydl", 47)


@pytest.fixture
def small(lib: ctypes.CDLL) -> Group:
    return Group(lib, "smalldl", 2039)


@pytest.mark.parametrize("name", ["tinydl_q", "tinydl_r", "smalldl_q", "smalldl_r"])
def test_constants(lib: ctypes.CDLL, name: str) -> None:
    mod = Modulus.in_dll(lib, f"kam3_{name}")
    expected = Modulus.of(mod.value)
    q = ORDERS[name.split("_")[0]]
    assert mod.value == (q if name.endswith("q") else (q - 1) // 2)
    assert (mod.n, mod.n0, mod.rr[0]) == (1, expected.n0, expected.rr[0])
    assert (mod.n62, mod.jumps, mod.m_inv62) == (2, expected.jumps, expected.m_inv62)
    assert mod.m62[:2] == expected.m62[:2]
    assert mod.n0 != 1


@pytest.mark.parametrize("name", ORDERS)
def test_decode_of_every_octet_string(lib: ctypes.CDLL, name: str) -> None:
    group = Group(lib, name, ORDERS[name])
    for x in range(256**group.octets if group.octets == 1 else 2 * group.q):
        assert group.decode(x) == ((True, x) if 1 < x < group.q - 1 else (False, 2))


@pytest.mark.parametrize("name", ORDERS)
def test_encode_of_every_element(lib: ctypes.CDLL, name: str) -> None:
    group = Group(lib, name, ORDERS[name])
    for x in range(1, group.q):
        assert group.encode(group.element(x)) == ((False, 0) if x in (1, group.q - 1) else (True, x))


def test_add_of_every_pair(tiny: Group) -> None:
    for x in range(1, 47):
        for y in range(1, 47):
            a, b = tiny.element(x), tiny.element(y)
            tiny.function("ge_add")(a, a, b)
            assert tiny.value(a) == x * y % 47


@pytest.mark.parametrize("name", ["ge_mul", "ge_mul_vartime", "ge_mul_prepared"])
def test_every_power_of_every_element(tiny: Group, name: str) -> None:
    for x in range(1, 47):
        for k in range(23):
            assert tiny.mul(name, k, x) == pow(x, k, 47)


def test_every_power_of_the_base(tiny: Group, small: Group) -> None:
    for group in (tiny, small):
        base = limbs(0, 1)
        group.function("ge_base")(base)
        assert group.value(base) == 2
        for k in range(group.r):
            assert group.mul("ge_mul_base", k) == pow(2, k, group.q)


@pytest.mark.parametrize("name", ["ge_mul", "ge_mul_vartime", "ge_mul_prepared"])
def test_every_power_of_some_elements(small: Group, name: str) -> None:
    for x in (1, 2, 3, 7, 1000, 2037, 2038):
        for k in range(small.r):
            assert small.mul(name, k, x) == pow(x, k, small.q)


def test_base_while_another_thread_fills_the_table(tiny: Group) -> None:
    tiny.function("test_comb_state")(1)
    try:
        tiny.function("ge_prepare_tables")()
        for k in range(23):
            assert tiny.mul("ge_mul_base", k) == pow(2, k, 47)
    finally:
        tiny.function("test_comb_state")(0)
    assert [tiny.mul("ge_mul_base", k) for k in range(23)] == [pow(2, k, 47) for k in range(23)]


def test_scalars_exhaustively(tiny: Group) -> None:
    out = limbs(0, 1)
    for a in range(256):
        ok = tiny.function("sc_decode")(out, bytes([a]))
        assert (ok, number(out)) == ((YES, a) if 1 <= a <= 22 else (0, 1))
        tiny.function("sc_reduce")(out, b"\xff" * 63 + bytes([a]), 64)
        assert number(out) == int.from_bytes(b"\xff" * 63 + bytes([a]), "big") % 23
    for a in range(23):
        ok = tiny.function("sc_inv")(out, limbs(a, 1))
        assert (ok, number(out)) == ((YES, pow(a, -1, 23)) if a else (0, 0))
        for b in range(23):
            tiny.function("sc_mul")(out, limbs(a, 1), limbs(b, 1))
            assert number(out) == a * b % 23
            tiny.function("sc_add")(out, limbs(a, 1), limbs(b, 1))
            assert number(out) == (a + b) % 23
