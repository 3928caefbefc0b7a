"""csrc/ec/p256_fe and p521_fe against Python's integers."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import clib
from tests.c.ec_support import CURVES, EC_VARIANTS, ONES, group
from tests.clib import CSRC

UNIT = 2**58 + 2**13  # of magnitudes, as p521_fe.h says
WEIGHTS = [2 ** (58 * i) for i in range(9)]


#: Curve, build, CPU path; the adx path has a square root of its own on P-256.
FIELDS = [*((n, v, "portable") for n in CURVES for v in EC_VARIANTS), ("p256", "int128", "adx"), ("p256", "verify", "adx")]


class Field:
    """One field of one build: elements are arrays of words."""

    def __init__(self, name: str, variant: str, path: str = "portable") -> None:
        self.name = name
        g = group(CURVES[name], variant, path)
        self.lib, self.q, self.words, self.octets = g.lib, CURVES[name].q, g.fe_words, CURVES[name].scalar_octets
        for operation in ("from_octets", "is_odd", "sqrt"):
            getattr(self.lib, f"kam3_{name}_fe_{operation}").restype = ctypes.c_uint64
        for operation in ("is_zero", "eq"):
            getattr(self.lib, f"test_{name}_fe_{operation}").restype = ctypes.c_uint64

    def call(self, operation: str, *arguments: Any) -> int:
        """Call a function of the field, out of line or inline."""
        exported = operation in ("from_octets", "to_octets", "mul", "sqr", "inv", "sqrt", "is_odd", "set_one")
        return getattr(self.lib, f"{'kam3' if exported else 'test'}_{self.name}_fe_{operation}")(*arguments)

    def empty(self) -> ctypes.Array[ctypes.c_uint64]:
        """Return a buffer for an element."""
        return (ctypes.c_uint64 * self.words)()

    def element(self, x: int) -> ctypes.Array[ctypes.c_uint64]:
        """Return the element that from_octets makes of x < q."""
        out = self.empty()
        assert self.call("from_octets", out, x.to_bytes(self.octets, "big")) == ONES
        return out

    def lazy(self, limbs: list[int], magnitude: int) -> ctypes.Array[ctypes.c_uint64]:
        """Return an element of P-521 from its limbs."""
        return (ctypes.c_uint64 * self.words)(*(limbs + [magnitude] * (self.words - 9)))

    def value(self, a: ctypes.Array[ctypes.c_uint64]) -> int:
        """Return the number mod q that the limbs stand for, read without the library; P-256's must be below q."""
        if self.name == "p521":
            assert self.words == 9 or all(limb <= a[9] * UNIT for limb in a[:9])
            return sum(w * limb for w, limb in zip(WEIGHTS, a[:9], strict=True)) % self.q
        limbs = sum(limb << (64 * i) for i, limb in enumerate(a))
        assert limbs < self.q
        return limbs * pow(2, -256, self.q) % self.q

    def binary(self, operation: str, a: ctypes.Array[ctypes.c_uint64], b: ctypes.Array[ctypes.c_uint64], *more: int) -> int:
        """Return the value of an operation on two elements, the same when the result overwrites either."""
        out = self.empty()
        self.call(operation, out, a, b, *more)
        for place in (0, 1):
            copies = [type(a)(*a), type(b)(*b)]
            self.call(operation, copies[place], *copies, *more)
            assert list(copies[place]) == list(out)
        return self.value(out)


@pytest.fixture(scope="module", params=FIELDS, ids="-".join)
def field(request: pytest.FixtureRequest) -> Field:
    return Field(*request.param)


@pytest.fixture(scope="module", params=EC_VARIANTS)
def p521(request: pytest.FixtureRequest) -> Field:
    return Field("p521", request.param)


def edges(field: Field) -> list[int]:
    q, width = field.q, 64 if field.name == "p256" else 58
    r_inverse = pow(2, -256, q) if field.name == "p256" else 1
    found = {0, 1, 2, q - 1, q - 2, (q - 1) // 2, (q + 1) // 2, r_inverse, -r_inverse % q}
    found |= {(2 ** (width * i) + d) % q for i in range(1, 9) for d in (-1, 0, 1)}
    # numbers whose internal limbs are all ones, or all zero but one
    found |= {((2**width - 1) << (width * i)) * r_inverse % q for i in range(9)}
    found |= {(2 ** (width * i) - 1) * r_inverse % q for i in range(1, 9)}
    return sorted(found)


seeds = st.one_of(st.integers(0, 2**528), st.sampled_from([0, 1, 2, 2**256 - 1, 2**521 - 2, 2**520, 2**255, 2**128]))


def test_octets_and_back(field: Field) -> None:
    for x in edges(field):
        a = field.element(x)
        assert field.value(a) == x
        out = ctypes.create_string_buffer(b"\x11" * (field.octets + 1))
        field.call("to_octets", out, a)
        assert out.raw[:-1] == x.to_bytes(field.octets, "big") + b"\x11"
        assert field.call("is_odd", a) == (ONES if x % 2 else 0)
        assert field.call("is_zero", a) == (0 if x else ONES)


def test_octets_of_q_and_above_are_refused(field: Field) -> None:
    top = 2 ** (8 * field.octets) - 1
    for x in {field.q, field.q + 1, top, top - 1, *(field.q + 2**i for i in range(8 * field.octets) if field.q + 2**i <= top)}:
        a = field.element(5)
        assert field.call("from_octets", a, x.to_bytes(field.octets, "big")) == 0
        assert field.value(a) == 0


@settings(max_examples=150, deadline=None)
@given(seeds, seeds)
def test_arithmetic(field: Field, seed_a: int, seed_b: int) -> None:
    check_arithmetic(field, seed_a % field.q, seed_b % field.q)


def test_arithmetic_of_edges(field: Field) -> None:
    numbers = edges(field)
    for a in numbers:
        for b in numbers[:: 1 if len(numbers) < 30 else 3]:
            check_arithmetic(field, a, b)


def check_arithmetic(field: Field, a: int, b: int) -> None:
    q, x, y = field.q, field.element(a), field.element(b)
    assert field.binary("add", x, y) == (a + b) % q
    assert field.binary("sub", x, y, 1) == (a - b) % q
    assert field.binary("mul", x, y) == a * b % q
    out = field.empty()
    field.call("sqr", out, x)
    assert field.value(out) == a * a % q
    field.call("neg", out, x, 1)
    assert field.value(out) == -a % q
    assert field.call("is_odd", out) == (ONES if -a % q % 2 else 0)
    assert field.call("eq", x, y) == (ONES if a == b else 0)
    field.call("sub", out, x, x, 1)
    assert field.call("is_zero", out) == ONES, "a - a, not in its smallest form, is zero"
    for mask, chosen in ((0, a), (ONES, b)):
        copy = type(x)(*x)
        field.call("cmov", copy, y, ctypes.c_uint64(mask))
        assert field.value(copy) == chosen


def test_one(field: Field) -> None:
    out = field.empty()
    field.call("set_one", out)
    assert field.value(out) == 1


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_inverse_and_square_root(field: Field, seed: int) -> None:
    check_roots(field, seed % field.q)


def test_inverse_and_square_root_of_edges(field: Field) -> None:
    for x in edges(field):
        check_roots(field, x)


def check_roots(field: Field, a: int) -> None:
    q, x, out = field.q, field.element(a), field.empty()
    field.call("inv", out, x)
    assert field.value(out) == (pow(a, -1, q) if a else 0)
    assert field.call("sqrt", out, x) == (ONES if pow(a, (q - 1) // 2, q) in (0, 1) else 0)
    assert field.value(out) == pow(a, (q + 1) // 4, q)
    square, negated = a * a % q, -a * a % q
    assert field.call("sqrt", out, field.element(square)) == ONES
    assert field.value(out) in (a, q - a)
    assert field.call("sqrt", out, field.element(negated)) == (0 if a else ONES), "-1 is no square"


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_p256_on_the_adx_path(data: st.DataObject) -> None:
    """Every operation of the path's own field on any limbs below q; in place, too."""
    field = Field("p256", "verify", "adx")
    q, radix = field.q, 2**256
    limb = st.one_of(st.sampled_from([0, 1, 2**32 - 1, 2**32, 2**64 - 2**32, 2**64 - 1]), st.integers(0, 2**64 - 1))
    near = st.tuples(st.sampled_from([0, 2**224, 2**192, 2**96, q // 2, q]), st.integers(-3, 3)).map(lambda p: sum(p) % q)
    numbers = st.one_of(st.lists(limb, min_size=4, max_size=4).map(lambda v: sum(x << (64 * i) for i, x in enumerate(v)) % q), near)
    a, b = data.draw(numbers), data.draw(numbers)
    expected = [a * b * pow(radix, -1, q), a * a * pow(radix, -1, q), a + b, a - b, -a, a * (q + 1) // 2]
    for which, value in enumerate(expected):
        for place in range(3):
            x, y, out = clib.limbs(a, 4), clib.limbs(b, 4), field.empty()
            r = (out, x, y)[place]
            assert field.lib.test_p256_adx_fe(which, r, x, y) == 1
            assert clib.number(r) == value % q, (which, place)


def lazy_elements(magnitude: int) -> st.SearchStrategy[list[int]]:
    most = magnitude * UNIT
    limb = st.one_of(st.just(most), st.sampled_from([0, 1, 2**58 - 1, 2**58]), st.integers(0, most))
    return st.lists(limb, min_size=9, max_size=9)


@pytest.mark.parametrize(("m", "n"), [(1, 1), (15, 16), (16, 15), (21, 7), (8, 30), (30, 8), (31, 7), (5, 25)])
def test_p521_products_at_the_largest_magnitudes(p521: Field, m: int, n: int) -> None:
    @settings(max_examples=25, deadline=None)
    @given(lazy_elements(m), lazy_elements(n))
    def check(a: list[int], b: list[int]) -> None:
        x, y = p521.lazy(a, m), p521.lazy(b, n)
        out = p521.empty()
        p521.call("mul", out, x, y)
        assert p521.value(out) == p521.value(x) * p521.value(y) % p521.q
        assert all(limb <= UNIT for limb in out[:9])
        for z, magnitude in ((x, m), (y, n)):
            if magnitude <= 15:
                p521.call("sqr", out, z)
                assert p521.value(out) == p521.value(z) ** 2 % p521.q
                assert all(limb <= UNIT for limb in out[:9])

    check()
    full = [p521.lazy([k * UNIT] * 9, k) for k in (m, n)]
    out = p521.empty()
    p521.call("mul", out, *full)
    assert p521.value(out) == p521.value(full[0]) * p521.value(full[1]) % p521.q


@pytest.mark.parametrize("m", [1, 2, 3, 12, 21, 29])
def test_p521_sums_at_the_largest_magnitudes(p521: Field, m: int) -> None:
    @settings(max_examples=25, deadline=None)
    @given(lazy_elements(1), lazy_elements(m))
    def check(a: list[int], b: list[int]) -> None:
        x, y = p521.lazy(a, 1), p521.lazy(b, m)
        out = p521.empty()
        p521.call("sub", out, x, y, m)
        assert p521.value(out) == (p521.value(x) - p521.value(y)) % p521.q
        assert all(limb <= (m + 2) * UNIT for limb in out[:9])
        p521.call("carry", out)
        assert p521.value(out) == (p521.value(x) - p521.value(y)) % p521.q
        assert all(limb <= UNIT for limb in out[:9])
        assert p521.binary("add", x, y) == (p521.value(x) + p521.value(y)) % p521.q
        value = p521.value(y)
        octets = ctypes.create_string_buffer(66)
        p521.call("to_octets", octets, y)
        assert int.from_bytes(octets.raw, "big") == value
        assert p521.call("is_zero", y) == (0 if value else ONES)
        assert p521.call("is_odd", y) == (ONES if value % 2 else 0)
        assert p521.call("eq", x, y) == (ONES if p521.value(x) == value else 0)

    check()


def test_p521_multiples_of_q_are_zero(p521: Field) -> None:
    for k in range(30):
        limbs = [k * (2**58 - 1)] * 8 + [k * (2**57 - 1)]
        zero = p521.lazy(limbs, max(k, 1))
        assert p521.call("is_zero", zero) == ONES
        assert p521.call("is_odd", zero) == 0
        octets = ctypes.create_string_buffer(b"\x01" * 66)
        p521.call("to_octets", octets, zero)
        assert octets.raw[:66] == bytes(66)
        one = p521.lazy([limbs[0] + 1, *limbs[1:]], k + 1)
        assert p521.call("is_zero", one) == 0
        assert p521.call("eq", one, p521.element(1)) == ONES


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here: the trap would end the test itself")
@pytest.mark.parametrize(
    ("limbs", "a", "b", "stops"),
    [(0, 16, 16, True), (2**59, 1, 1, True), (0, 32, 1, True), (0, 16, 15, False), (2**58, 1, 1, False)],
    ids=["product", "lie", "largest", "fine", "fine, limbs"],
)
def test_the_verify_build_stops_at_a_broken_rule(limbs: int, a: int, b: int, stops: bool) -> None:
    field = Field("p521", "verify")
    child = os.fork()
    if child == 0:
        faulthandler.disable()
        field.call("mul", field.empty(), field.lazy([limbs] * 9, a), field.lazy([0] * 9, b))
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1]) == stops


def test_generated_constants_are_current() -> None:
    assert subprocess.run([sys.executable, str(CSRC / "gen" / "curves.py"), "--check"], check=False).returncode == 0
