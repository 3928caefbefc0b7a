"""csrc/ec/p256_ifma_fe: the field of P-256 in lanes, at the largest numbers it promises to take."""

from __future__ import annotations

import ctypes
import random

import pytest

from tests.c.ec_support import P256
from tests.clib import LIBRARY, build, use_path

Q, R = P256.q, 2**260
TOP = 2**52 - 1


class Lanes:
    """The functions of ec_lanes.c in registers of so many lanes."""

    def __init__(self, count: int) -> None:
        use_path(build("ec-lanes-cpu", library=tuple(p for p in LIBRARY if p.parent.name == "base")), "ifma")
        self.count = count
        self.lib = build(f"ec-lanes-{count}", ("ec_lanes.c",), (f"-DGROUPS={count // 4}",), ())

    def call(self, name: str, *operands: list[list[int]]) -> list[list[int]]:
        """Call test_<name> on operands that are lists of numbers, one a lane, a number being a list of five signed limbs."""
        words = ctypes.c_int64 * (5 * self.count)
        padded = [*operands, *([operands[0]] * (4 - len(operands)))]
        arrays = [words(*(operand[lane][i] for i in range(5) for lane in range(self.count))) for operand in padded]
        out = words()
        getattr(self.lib, f"test_{name}")(out, *arrays)
        return [[out[i * self.count + lane] for i in range(5)] for lane in range(self.count)]


@pytest.fixture(scope="module", params=(4, 8))
def lanes(request: pytest.FixtureRequest) -> Lanes:
    return Lanes(request.param)


def value(limbs: list[int]) -> int:
    return sum(limb << (52 * i) for i, limb in enumerate(limbs))


def tight(x: int) -> list[int]:
    return [(x >> (52 * i)) & TOP for i in range(5)]


def is_tight(limbs: list[int]) -> bool:
    return all(0 <= limb <= TOP for limb in limbs)


def numbers(rng: random.Random) -> list[list[int]]:
    """Tight numbers: corners of the limbs and of q, and random ones."""
    corners = [0, 1, R - 1, Q - 1, Q, Q + 1, 2 * Q, 15 * Q, 16 * Q, 2**256 - 1, 2**256, 2**208 - 1, R - 2**208, R - 2**52]
    patterns = [[rng.choice((0, 1, TOP - 1, TOP, 2**51, 2**36, 2**44)) for _ in range(5)] for _ in range(60)]
    return [tight(x) for x in corners] + patterns + [tight(rng.randrange(R)) for _ in range(40)]


def loose(x: int, rng: random.Random) -> list[int]:
    """Write x in limbs far beyond 52 bits, of both signs."""
    limbs = tight(x)
    limbs[4] = x >> 208
    for i in range(4):
        borrowed = rng.choice((-(2**6) + 1, -1, 0, 1, 2**6 - 1))
        limbs[i] += borrowed << 52
        limbs[i + 1] -= borrowed
    return limbs


def expect_product(limbs: list[int], expected: int, bound: int) -> None:
    """The limbs are loose, the value is expected / R mod q, and below bound / R."""
    assert all(abs(limb) < 2**59 for limb in limbs)
    assert 0 <= value(limbs) * R < bound
    assert (value(limbs) * R - expected) % Q == 0


def test_products(lanes: Lanes) -> None:
    rng = random.Random(52)
    pool = numbers(rng)
    for _ in range(150):
        a, b, c, d = ([rng.choice(pool) for _ in range(lanes.count)] for _ in range(4))
        for lane, out in enumerate(lanes.call("mul", a, b)):
            product = value(a[lane]) * value(b[lane])
            expect_product(out, product, product + R * Q)
        for lane, out in enumerate(lanes.call("sqr", a)):
            product = value(a[lane]) ** 2
            expect_product(out, product, product + R * Q)
        for lane, out in enumerate(lanes.call("mul_two", a, b, c, d)):
            product = value(a[lane]) * value(b[lane]) + value(c[lane]) * value(d[lane])
            expect_product(out, product, product + R * Q)


def test_products_at_every_limb(lanes: Lanes) -> None:
    """One limb of each operand at a time: every column and every digit of the reduction by itself."""
    for i in range(5):
        for j in range(5):
            for x, y in ((1, 1), (TOP, TOP), (TOP, 1), (2**44, 2**8), (2**51, 2)):
                a, b = [[0] * 5 for _ in range(lanes.count)], [[0] * 5 for _ in range(lanes.count)]
                lane = (i + j) % lanes.count
                a[lane][i], b[lane][j] = x, y
                for k, out in enumerate(lanes.call("mul", a, b)):
                    expect_product(out, (x * y << (52 * (i + j))) if k == lane else 0, (x * y << (52 * (i + j))) + R * Q)


def test_products_with_a_sum_folded_in(lanes: Lanes) -> None:
    rng = random.Random(2)
    pool = numbers(rng)
    for _ in range(300):
        a, b = ([rng.choice(pool) for _ in range(lanes.count)] for _ in range(2))
        total = [value(x) * value(y) // R for x, y in zip(a, b, strict=True)]
        c = [loose(rng.choice((0, 1, Q, 2 * Q, 5 * Q, rng.randrange(5 * Q))) if t < 8 * Q else 0, rng) for t in total]
        for lane, out in enumerate(lanes.call("mul_add_folded", a, b, c)):
            expect_product(out, value(a[lane]) * value(b[lane]) + value(c[lane]) * R, 2001 * R * Q // 1000)


def test_carry_and_fold(lanes: Lanes) -> None:
    rng = random.Random(3)
    near = [n * Q + d for n in range(16) for d in (-(2**220), -(2**209), -1, 0, 1, 2**209, 2**220) if n * Q + d >= 0]
    pool = [*near, *(n << 256 for n in range(16)), *((n << 256) - 1 for n in range(1, 17)), *(rng.randrange(R) for _ in range(50))]
    for _ in range(300):
        a = [loose(rng.choice(pool), rng) for _ in range(lanes.count)]
        for lane, out in enumerate(lanes.call("carry", a)):
            assert is_tight(out)
            assert value(out) == value(a[lane])
        beyond = [loose(value(x) + rng.choice((0, 1, R)), rng) for x in a]
        for lane, out in enumerate(lanes.call("fold", beyond)):
            assert is_tight(out)
            assert 0 <= value(out) <= 1001 * Q // 1000
            assert (value(out) - value(beyond[lane])) % Q == 0
