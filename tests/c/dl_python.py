"""ctypes views of a DL group of csrc/dl or of tests/c/tiny_dl.c."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

from tests.c.test_bn import Modulus
from tests.clib import CSRC, LIBRARY, aligned, limbs

YES = 2**64 - 1
LIBRARY_PARTS = tuple(str(p.relative_to(CSRC)) for p in LIBRARY if p.parent.name in ("base", "bn", "dl", "gen"))


@dataclass(frozen=True)
class Group:
    """The group mod q under `prefix`; elements cross as Python ints, verdicts as booleans."""

    lib: ctypes.CDLL
    prefix: str
    q: int
    limb_bits: int = 64

    def __post_init__(self) -> None:
        for name in ("ge_decode", "ge_encode", "sc_decode", "sc_inv"):
            self.function(name).restype = ctypes.c_uint64

    @property
    def r(self) -> int:
        return (self.q - 1) // 2

    @property
    def words(self) -> int:
        """The 64-bit words of a scalar."""
        return -(-self.q.bit_length() // 64)

    @property
    def n(self) -> int:
        """The limbs of an element."""
        return -(-self.q.bit_length() // self.limb_bits)

    @property
    def octets(self) -> int:
        return -(-self.q.bit_length() // 8)

    @property
    def radix(self) -> int:
        """R of the Montgomery form."""
        return 2 ** (self.limb_bits * self.n)

    def function(self, name: str) -> ctypes._FuncPointer:  # type: ignore[name-defined]
        return getattr(self.lib, f"kam3_{self.prefix}_{name}")

    def scalar(self, k: int) -> ctypes.Array[ctypes.c_uint64]:
        return limbs(k, self.words)

    def limbs(self, x: int) -> ctypes.Array[ctypes.c_uint64]:
        """Return x in the limbs of an element."""
        mask = 2**self.limb_bits - 1
        return (ctypes.c_uint64 * self.n)(*((x >> (self.limb_bits * i)) & mask for i in range(self.n)))

    def number(self, ge: ctypes.Array[ctypes.c_uint64]) -> int:
        """Return the number that the limbs of an element spell."""
        assert max(ge) < 2**self.limb_bits
        return sum(limb << (self.limb_bits * i) for i, limb in enumerate(ge))

    def element(self, x: int) -> ctypes.Array[ctypes.c_uint64]:
        """Return the Montgomery form of any x, below q."""
        return self.limbs(x * self.radix % self.q)

    def value(self, ge: ctypes.Array[ctypes.c_uint64]) -> int:
        return self.number(ge) * pow(self.radix, -1, self.q) % self.q

    def decode(self, x: int) -> tuple[bool, int]:
        ge = self.limbs(0)
        ok = self.function("ge_decode")(ge, x.to_bytes(self.octets, "big"))
        assert ok in (0, YES)
        return ok == YES, self.value(ge)

    def encode(self, ge: ctypes.Array[ctypes.c_uint64]) -> tuple[bool, int]:
        out = ctypes.create_string_buffer(b"\xaa" * self.octets, self.octets + 1)
        ok = self.function("ge_encode")(out, ge)
        assert ok in (0, YES)
        assert out.raw[-1] == 0, "one octet too many"
        return ok == YES, int.from_bytes(out.raw[:-1], "big")

    def mul(self, name: str, k: int, x: int | None = None) -> int:
        """Call ge_mul_base (no x), ge_mul or ge_mul_vartime; r aliases the element.

        ge_mul_pair gets x and 1/x, and each r is the other's element.
        """
        if name == "ge_mul_pair":
            assert x is not None
            first, second = self.element(x), self.element(pow(x, -1, self.q))
            self.function(name)(second, first, first, second, self.scalar(k))
            assert self.value(first) * self.value(second) % self.q == 1
            return self.value(second)
        if name == "ge_mul_prepared":
            assert x is not None
            return self.mul_prepared(k, self.prepare(x))
        if name == "ge_mul_twice":
            assert x is not None
            return self.mul_twice(k, 1, x)[1]
        ge = self.element(0 if x is None else x)
        arguments = (ge, self.scalar(k)) if x is None else (ge, ge, self.scalar(k))
        self.function(name)(*arguments)
        return self.value(ge)


    def prepare(self, x: int) -> ctypes.Array[ctypes.c_char]:
        """Return x with its comb."""
        table = aligned(400000)
        self.function("ge_prepare")(table, self.element(x))
        return table

    def mul_prepared(self, k: int, table: ctypes.Array[ctypes.c_char]) -> int:
        ge = self.element(0)
        self.function("ge_mul_prepared")(ge, table, self.scalar(k))
        return self.value(ge)

    def mul_twice(self, k: int, t: int, x: int) -> tuple[int, int]:
        first, second = self.element(x), self.element(0)
        self.function("ge_mul_twice")(first, second, first, self.scalar(k), self.scalar(t))
        return self.value(first), self.value(second)


def modp(lib: ctypes.CDLL, bits: int) -> Group:
    """Return one of the two groups of csrc/dl."""
    return Group(lib, f"dl{bits}", Modulus.in_dll(lib, f"kam3_dl{bits}_q").value, 60)
