"""What the tests of csrc/ec share: the two curves in plain Python, and the library's functions behind ctypes."""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass
from pathlib import Path

from tests.clib import LIBRARY, ROOT, VARIANTS, aligned, build, use_path

ONES = 2**64 - 1
THIRD_PARTY = ROOT.parent / "shared" / "vectors" / "third-party"
EC_LIBRARY: tuple[Path, ...] = tuple(p for p in LIBRARY if p.parent.name in ("base", "bn", "ec", "gen"))
#: Both products, and the build that checks every magnitude as it runs.
EC_VARIANTS = {**VARIANTS, "verify": ("-DKAM3_VERIFY",)}

#: The CPU paths that have an arithmetic of points of their own.
EC_PATHS = ("portable", "adx", "ifma")

Affine = tuple[int, int] | None


@dataclass(frozen=True)
class Curve:
    """y^2 = x^3 - 3x + b mod q with r points; None is the identity."""

    name: str
    q: int
    b: int
    g: tuple[int, int]
    r: int
    scalar_octets: int
    element_octets: int

    def add(self, a: Affine, b: Affine) -> Affine:
        """Return a + b by the schoolbook's cases."""
        if a is None or b is None:
            return b if a is None else a
        q = self.q
        if a[0] == b[0]:
            if (a[1] + b[1]) % q == 0:
                return None
            slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, q)
        else:
            slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, q)
        x = (slope * slope - a[0] - b[0]) % q
        return x, (slope * (a[0] - x) - a[1]) % q

    def neg(self, a: Affine) -> Affine:
        """Return -a."""
        return None if a is None else (a[0], -a[1] % self.q)

    @functools.cache  # noqa: B019  (the curves live as long as the tests, which ask for the same points on every build and path)
    def mul(self, k: int, a: Affine) -> Affine:
        """Return [k]a by doubling and adding."""
        out: Affine = None
        for bit in bin(k)[2:] if k else "":
            out = self.add(out, out)
            if bit == "1":
                out = self.add(out, a)
        return out

    def holds(self, a: tuple[int, int]) -> bool:
        """Tell whether a is on the curve."""
        return (a[1] ** 2 - a[0] ** 3 + 3 * a[0] - self.b) % self.q == 0

    def encode(self, a: Affine) -> bytes:
        """Return P(a) of RFC 8121 section 3.3; nothing for the identity."""
        return b"" if a is None else (2 * a[0] + a[1] % 2).to_bytes(self.element_octets, "big")


P256 = Curve(
    "p256",
    2**256 - 2**224 + 2**192 + 2**96 - 1,
    0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    (
        0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
        0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    ),
    0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    32,
    33,
)
P521 = Curve(
    "p521",
    2**521 - 1,
    0x51953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109E156193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00,
    (
        0xC6858E06B70404E9CD9E3ECB662395B4429C648139053FB521F828AF606B4D3DBAA14B5E77EFE75928FE1DC127A2FFA8DE3348B3C1856A429BF97E7E31C2E5BD66,
        0x11839296A789A3BC0045C8A5FB42C7D1BD998F54449579B446817AFBD17273E662C97EE72995EF42640C550B9013FAD0761353C7086A272C24088BE94769FD16650,
    ),
    2**521 - 0x5AE79787C40D069948033FEB708F65A2FC44A36477663B851449048E16EC79BF7,
    66,
    66,
)
TINY = Curve("tinyec", 251, 26, (2, 84), 223, 1, 2)
CURVES = {"p256": P256, "p521": P521}


class Group:
    """The functions of exchange/group.h on one curve, with buffers for points and scalars."""

    def __init__(self, lib: ctypes.CDLL, curve: Curve) -> None:
        self.lib = lib
        self.curve = curve
        for name in ("ge_decode", "ge_encode", "sc_decode"):
            self.f(name).restype = ctypes.c_uint64
        if curve is TINY:
            self.fe_words, self.sc_words = 1, 1
        else:
            self.fe_words, self.sc_words = getattr(lib, f"test_{curve.name}_fe_words")(), -(-curve.r.bit_length() // 64)

    def f(self, name: str) -> ctypes._NamedFuncPointer:
        """Return the C function kam3_<curve>_<name>."""
        return getattr(self.lib, f"kam3_{self.curve.name}_{name}")

    def point(self) -> ctypes.Array[ctypes.c_uint64]:
        """Return a buffer for a ge, full of noise."""
        return (ctypes.c_uint64 * (3 * self.fe_words))(*([0xA5A5A5A5A5A5A5A5] * (3 * self.fe_words)))

    def scalar(self, k: int) -> ctypes.Array[ctypes.c_uint64]:
        """Return k < r as an sc."""
        return (ctypes.c_uint64 * self.sc_words)(*((k >> (64 * i)) & ONES for i in range(self.sc_words)))

    def decode(self, octets: bytes) -> tuple[bool, ctypes.Array[ctypes.c_uint64]]:
        """Return the verdict of ge_decode, which must be a mask, and the point."""
        out = self.point()
        verdict = self.f("ge_decode")(out, octets)
        assert verdict in (0, ONES)
        return verdict == ONES, out

    def load(self, a: Affine) -> ctypes.Array[ctypes.c_uint64]:
        """Return a as a ge."""
        if a is None:
            out = self.point()
            self.f("ge_base")(out)
            self.f("ge_mul")(out, out, self.scalar(0))
            return out
        ok, out = self.decode(self.curve.encode(a))
        assert ok
        return out

    def encode(self, point: ctypes.Array[ctypes.c_uint64]) -> bytes:
        """Return the octets of ge_encode; nothing if it refused, and then they must all be zero."""
        length = self.curve.element_octets
        out = ctypes.create_string_buffer(b"\xee" * (length + 1))
        verdict = self.f("ge_encode")(out, point)
        assert verdict in (0, ONES)
        assert out.raw[length] == 0xEE
        if not verdict:
            assert out.raw[:length] == bytes(length)
            return b""
        return out.raw[:length]

    def add(self, a: ctypes.Array[ctypes.c_uint64], b: ctypes.Array[ctypes.c_uint64]) -> ctypes.Array[ctypes.c_uint64]:
        """Return a + b."""
        out = self.point()
        self.f("ge_add")(out, a, b)
        return out

    def mul(self, k: int, a: ctypes.Array[ctypes.c_uint64], name: str = "ge_mul") -> ctypes.Array[ctypes.c_uint64]:
        """Return [k]a by ge_mul or ge_mul_vartime."""
        out = self.point()
        self.f(name)(out, a, self.scalar(k))
        return out

    def mul_base(self, k: int) -> ctypes.Array[ctypes.c_uint64]:
        """Return [k]G by ge_mul_base."""
        out = self.point()
        self.f("ge_mul_base")(out, self.scalar(k))
        return out

    def prepare(self, a: ctypes.Array[ctypes.c_uint64]) -> ctypes.Array[ctypes.c_char]:
        """Return a point with its table."""
        table = aligned(400000)
        self.f("ge_prepare")(table, a)
        return table

    def mul_prepared(self, k: int, table: ctypes.Array[ctypes.c_char]) -> ctypes.Array[ctypes.c_uint64]:
        """Return [k]a by ge_mul_prepared."""
        out = self.point()
        self.f("ge_mul_prepared")(out, table, self.scalar(k))
        return out


def group(curve: Curve, variant: str, path: str = "portable") -> Group:
    """Return a curve of the library built in one of EC_VARIANTS, on a CPU path; every path has a copy of its own."""
    if curve is TINY:
        library = tuple(p for p in EC_LIBRARY if p.parent.name in ("base", "bn"))
        return Group(build(f"tinyec-{variant}", ("tiny_ec.c",), (*EC_VARIANTS[variant], f"-I{ROOT / 'tests' / 'c'}"), library), curve)
    lib = build(f"ec-{variant}-{path}", ("ec_fields.c",), EC_VARIANTS[variant], EC_LIBRARY)
    use_path(lib, path)
    return Group(lib, curve)
