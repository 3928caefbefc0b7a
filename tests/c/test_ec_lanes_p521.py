"""csrc/ec/p521_ifma_fe and p521_ifma_slots: the fields of P-521 in lanes, at the largest numbers they promise to take."""

from __future__ import annotations

import ctypes
import random

import pytest

from tests.c.ec_support import P521
from tests.clib import LIBRARY, build, use_path

Q = P521.q
UNIT = 2**48 + 2**20  # of magnitudes, as p521_ifma_slots.inc.h says
Number = list[int]


class Lanes:
    """The functions of ec_lanes_p521.c for one field, in registers of so many lanes."""

    def __init__(self, count: int, bits: int) -> None:
        use_path(build("ec-lanes-cpu", library=tuple(p for p in LIBRARY if p.parent.name == "base")), "ifma")
        self.count, self.bits = count, bits
        flags = (f"-DGROUPS={count // 4}", *(("-DSLOTS",) if bits == 48 else ()))
        self.lib = build(f"ec-lanes-p521-{count}-{bits}", ("ec_lanes_p521.c",), flags, ())

    def call(self, name: str, *operands: list[Number], more: tuple[int, ...] = ()) -> list[Number]:
        """Call test_<name> on operands that are lists of numbers, one a lane, a number being a list of eleven limbs."""
        words = ctypes.c_uint64 * (11 * self.count)
        out = words()
        arrays = [words(*(operand[lane][i] for i in range(11) for lane in range(self.count))) for operand in operands]
        getattr(self.lib, f"test_{name}")(out, *arrays, *more)
        return [[out[i * self.count + lane] for i in range(11)] for lane in range(self.count)]

    def value(self, limbs: Number) -> int:
        """Return the number that limbs spell, not reduced."""
        return sum(limb << (self.bits * i) for i, limb in enumerate(limbs))


@pytest.fixture(scope="module", params=(4, 8))
def lanes(request: pytest.FixtureRequest) -> Lanes:
    return Lanes(request.param, 52)


@pytest.fixture(scope="module")
def slots() -> Lanes:
    return Lanes(4, 48)


def mixed(rng: random.Random, largest: int, top: int) -> Number:
    """Return limbs up to `largest`, and the top one up to `top`: all of them, patterns, or random ones."""
    kind = rng.randrange(4)
    if kind == 0:
        return [largest] * 10 + [top]
    if kind == 1:
        return [rng.choice((0, largest)) for _ in range(10)] + [rng.choice((0, top))]
    if kind == 2:
        limbs = [0] * 11
        limbs[rng.randrange(11)] = 1
        return limbs
    return [rng.choice((0, 1, largest, rng.randrange(largest + 1))) for _ in range(10)] + [rng.randrange(top + 1)]


def expect_tight(limbs: Number) -> None:
    assert all(limb < 2**52 for limb in limbs[:10])
    assert limbs[10] <= 2


def test_products(lanes: Lanes) -> None:
    rng = random.Random(521)
    for _ in range(400):
        a, b = ([mixed(rng, 2**52 - 1, 2) for _ in range(lanes.count)] for _ in range(2))
        for lane, out in enumerate(lanes.call("mul", a, b)):
            expect_tight(out)
            assert (lanes.value(out) * 2**520 - lanes.value(a[lane]) * lanes.value(b[lane])) % Q == 0


def test_products_at_every_limb(lanes: Lanes) -> None:
    """One limb of each operand at a time: every column by itself, and a lane that does not reach into the others."""
    for i in range(11):
        for j in range(11):
            x, y = (2 if k == 10 else 2**52 - 1 for k in (i, j))
            a, b = ([[0] * 11 for _ in range(lanes.count)] for _ in range(2))
            lane = (i + j) % lanes.count
            a[lane][i], b[lane][j] = x, y
            for k, out in enumerate(lanes.call("mul", a, b)):
                assert lanes.value(out) % Q == ((x * y << 52 * (i + j)) * pow(2, -520, Q) % Q if k == lane else 0)


def test_carries(lanes: Lanes) -> None:
    rng = random.Random(52)
    edges = [Q, Q + 1, 2 * Q, 2**521, 2**521 + 1, 2**520, 2**520 - 1]
    for largest, top in ((2**52 - 1, 2047), (2**52, 1), (2**63 - 2**52 - 1, 2047)):
        for _ in range(100):
            a = [mixed(rng, largest, top) for _ in range(lanes.count)]
            a[0] = [rng.choice(edges) >> 52 * i & (2**52 - 1 if i < 10 else 2047) for i in range(11)]
            for lane, out in enumerate(lanes.call("carry", a)):
                expect_tight(out)
                assert (lanes.value(out) - lanes.value(a[lane])) % Q == 0


def test_the_bias_is_a_multiple_of_q(lanes: Lanes) -> None:
    for out in lanes.call("bias"):
        assert lanes.value(out) == 2**9 * Q
        assert min(out[:10]) > 511 * 2**52 - 2**52


@pytest.mark.parametrize(("m", "n"), [(1, 1), (5, 6), (6, 5), (3, 10), (15, 2), (2, 15), (1, 15)])
def test_products_in_slots(slots: Lanes, m: int, n: int) -> None:
    rng = random.Random(m)
    for _ in range(100):
        a, b = ([mixed(rng, k * UNIT, k * UNIT) for _ in range(4)] for k in (m, n))
        a[0], b[0] = [m * UNIT] * 11, [n * UNIT] * 11
        for lane, out in enumerate(slots.call("mul", a, b)):
            assert max(out) <= UNIT
            assert (slots.value(out) - slots.value(a[lane]) * slots.value(b[lane])) % Q == 0
        for x, k in ((a, m), (b, n)):
            if k * k <= 30:
                for lane, out in enumerate(slots.call("sqr", x)):
                    assert max(out) <= UNIT
                    assert (slots.value(out) - slots.value(x[lane]) ** 2) % Q == 0


@pytest.mark.parametrize("m", [1, 2, 4, 7])
def test_differences_in_slots(slots: Lanes, m: int) -> None:
    rng = random.Random(m)
    for _ in range(100):
        a, b = ([mixed(rng, k * UNIT, k * UNIT) for _ in range(4)] for k in (1, m))
        a[0], b[0] = [0] * 11, [m * UNIT] * 11
        differences = slots.call("difference", a, b, more=(m,))
        carried = slots.call("carry", differences)
        for lane, out in enumerate(differences):
            assert max(out) <= (m + 2) * UNIT
            assert (slots.value(out) - slots.value(a[lane]) + slots.value(b[lane])) % Q == 0
            assert max(carried[lane]) <= UNIT
            assert (slots.value(carried[lane]) - slots.value(out)) % Q == 0
