"""The kernels of csrc/dl/montgomery_ifma.h by themselves: every carry that a product can be made to have."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.c.dl_python import LIBRARY_PARTS
from tests.c.test_bn import Modulus, numbers
from tests.clib import CSRC, build, forced_path

Array = ctypes.Array[ctypes.c_uint64]
LANES, BITS = 8, 52


def aligned(count: int) -> Array:
    """Return an array at the beginning of a cache line."""
    room = (ctypes.c_uint64 * (count + 8))()
    offset = -ctypes.addressof(room) % 64
    return (ctypes.c_uint64 * count).from_buffer(room, offset)


@dataclass(frozen=True)
class Kernel:
    """The kernels modulo one of the two q."""

    lib: ctypes.CDLL
    q: int

    @property
    def vectors(self) -> int:
        return -(-self.q.bit_length() // (LANES * BITS))

    @property
    def radix(self) -> int:
        return 1 << (LANES * BITS * self.vectors)

    @property
    def limbs(self) -> int:
        return LANES * self.vectors

    def put(self, *numbers: int) -> Array:
        """Return numbers in the order of the vectors: lane l of vector k is limb vectors * l + k."""
        out = aligned(self.limbs * len(numbers))
        for start, x in enumerate(numbers):
            for i in range(self.limbs):
                lane, vector = divmod(i, self.vectors)
                out[self.limbs * start + LANES * vector + lane] = (x >> (BITS * i)) & (2**BITS - 1)
        return out

    def get(self, array: Array) -> int:
        assert max(array) < 2**BITS
        order = ((i, LANES * (i % self.vectors) + i // self.vectors) for i in range(self.limbs))
        return sum(array[place] << (BITS * i) for i, place in order)

    def product(self, name: str, *factors: int) -> int:
        """Call mul or sqr, check the bound, and return the result below 2q; r aliases the first factor."""
        arrays = [self.put(x) for x in factors]
        assert getattr(self.lib, f"kam3_test_ifma_{name}")(arrays[0], *arrays, self.put(self.q + 1), self.vectors) == 1
        result = self.get(arrays[0])
        assert result < 2 * self.q
        return result


@pytest.fixture(scope="module")
def lib() -> Iterator[ctypes.CDLL]:
    library = build("dl-ifma", ("dl_ifma_kernels.c",), (), tuple(CSRC / part for part in LIBRARY_PARTS))
    with forced_path(library, "ifma"):
        yield library


def kernel_of(lib: ctypes.CDLL, bits: int) -> Kernel:
    return Kernel(lib, Modulus.in_dll(lib, f"kam3_dl{bits}_q").value)


def factors(kernel: Kernel) -> st.SearchStrategy[int]:
    """Numbers below 2q: of random and of extreme limbs, and those next to the bounds."""
    q = kernel.q
    limb = st.one_of(st.sampled_from([0, 1, 2**BITS - 1, 2**BITS - 2, 2 ** (BITS - 1)]), st.integers(0, 2**BITS - 1))
    number = st.lists(limb, min_size=kernel.limbs, max_size=kernel.limbs).map(lambda x: sum(v << (BITS * i) for i, v in enumerate(x)))
    spelt = number.map(lambda x: x % (2 * q))
    near = st.sampled_from([0, q, 2 * q]).flatmap(lambda c: st.integers(-3, 3).map(lambda d: (c + d) % (2 * q)))
    return st.one_of(spelt, near, numbers(kernel.limbs).map(lambda x: x % (2 * q)), st.just(2 ** q.bit_length() - 1))


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_products(lib: ctypes.CDLL, data: st.DataObject) -> None:
    kernel = kernel_of(lib, data.draw(st.sampled_from([2048, 4096])))
    q, over_r = kernel.q, pow(kernel.radix, -1, kernel.q)
    a, b = data.draw(factors(kernel)), data.draw(factors(kernel))
    assert kernel.product("mul", a, b) % q == a * b * over_r % q
    assert kernel.product("sqr", a) % q == a * a * over_r % q


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_results_of_extreme_limbs(lib: ctypes.CDLL, data: st.DataObject) -> None:
    """The last carries run through long rows of limbs that are all ones."""
    kernel = kernel_of(lib, data.draw(st.sampled_from([2048, 4096])))
    q = kernel.q
    wanted, b = data.draw(factors(kernel)) % q, data.draw(st.integers(1, q - 1))
    a = wanted * kernel.radix * pow(b, -1, q) % q
    assert kernel.product("mul", a, b) % q == wanted
    x = pow(wanted * kernel.radix, (q + 1) // 4, q)  # the root of a square, as q = 3 mod 4
    assert kernel.product("sqr", x) % q in (wanted, q - wanted)


@pytest.mark.parametrize("bits", [2048, 4096])
def test_look_up(lib: ctypes.CDLL, bits: int) -> None:
    kernel = kernel_of(lib, bits)
    entries = [pow(3, i, kernel.q) for i in range(16)]
    table, q1 = kernel.put(*entries), kernel.put(kernel.q + 1)
    for index, entry in enumerate(entries):
        r, found = kernel.put(kernel.q - 1), kernel.put(2**BITS - 1)
        assert lib.kam3_test_ifma_mul_and_scan(r, r, q1, kernel.vectors, found, table, ctypes.c_uint64(index)) == 1
        assert kernel.get(found) == entry
        assert kernel.get(r) % kernel.q == pow(kernel.radix, -1, kernel.q)
