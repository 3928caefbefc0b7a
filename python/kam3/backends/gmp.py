"""The equations of the reference over groups that compute with GMP: the fallback where the native core cannot be built.

What depends on a secret's value and what does not:

- Powers in the MODP groups with a secret exponent go through GMP's `mpz_powm_sec`, whose time and memory accesses depend only on the sizes
  of its operands; exponents are brought to one size first. Powers with a public exponent (t_1, t_2) do not.
- The division mod r is blinded by a random factor, so its time depends on that factor and not on the secrets.
- Curve points are added by formulas without exceptional cases in a fixed sequence of field operations, and table entries are looked up by
  an index that is secret. GMP's additions, products and reductions of field elements take times that depend on their values, so this hides
  the number of additions, not the cache line or the carries: **the curve arithmetic is not constant time**, on either curve.
- S_c1 * t_1 + pi, the products mod q between two powers, the comparison with r and the encodings take times that depend on secrets, and
  Python leaves copies that cannot be wiped.
"""

from __future__ import annotations

import secrets
from typing import Any, TypeAlias

import gmpy2  # type: ignore[import-untyped,import-not-found,unused-ignore]  # has no type information

from kam3 import sets
from kam3.backends import groups
from kam3.backends.reference import ReferenceBackend
from kam3.errors import Rule

mpz = gmpy2.mpz
Mpz: TypeAlias = Any  # an integer of GMP


def blinded_quotient(x: int, y: int, r: int) -> int:
    """Return x / y mod r as (x * blind) / (y * blind): what is inverted is uniformly distributed."""
    blind = 1 + secrets.randbelow(r - 1)
    return int(x * blind % r * gmpy2.invert(y * blind % r, r) % r)


class GmpModpGroup:
    """A MODP group (`kam3.backends.groups.ModpGroup`) on mpz."""

    rule = Rule.ELEMENT_RANGE

    def __init__(self, plain: groups.ModpGroup) -> None:
        self.q, self.g, self.r = mpz(plain.q), mpz(plain.g), mpz(plain.r)
        self._decode = plain.decode

    def decode(self, number: int) -> Mpz:
        """Accept 1 < number < q-1."""
        return mpz(self._decode(number))

    def encode(self, element: Mpz) -> int:
        """Return the element, which is its own representation."""
        return int(element)

    def add(self, a: Mpz, b: Mpz) -> Mpz:
        """Return a * b mod q."""
        return a * b % self.q

    def mul(self, k: int, a: Mpz) -> Mpz:
        """Return a^k mod q for a secret k < 2r; for all k < r the exponent given to GMP has the same length."""
        return gmpy2.powmod_sec(a, k + 4 * self.r, self.q)  # a^(2r) = 1; r < 2^(n-1), so 2^n < 4r <= k + 4r < 5r < 2^(n+2)

    def mul_vartime(self, k: int, a: Mpz) -> Mpz:
        """Return a^k mod q for a public k."""
        return gmpy2.powmod(a, k, self.q)

    def quotient(self, x: int, y: int) -> int:
        """Return x / y mod r."""
        return blinded_quotient(x, y, self.r)

    def is_trivial(self, element: Mpz) -> bool:
        """Tell the elements of order 1 and 2."""
        return element in (1, self.q - 1)

    def is_square(self, element: Mpz, /) -> bool:
        """Tell whether the Jacobi symbol (element | q) is 1."""
        return bool(gmpy2.jacobi(element, self.q) == 1)


Projective = tuple[Mpz, Mpz, Mpz]
"""(X : Y : Z) is the affine point (X/Z, Y/Z); 0_E is (0 : 1 : 0)."""

WINDOW = 4


class GmpCurve:
    """A curve (`kam3.backends.groups.Curve`) in homogeneous projective coordinates on mpz."""

    rule = Rule.ELEMENT_POINT

    def __init__(self, plain: groups.Curve) -> None:
        self.q, self.b, self.r = mpz(plain.q), mpz(plain.b), mpz(plain.r)
        self.g = self.decode(plain.encode(plain.g))
        self._digits = -(-plain.r.bit_length() // WINDOW)

    def decode(self, number: int) -> Projective:
        """Return the point with x = number >> 1 and y of the parity of number."""
        x, parity = mpz(number >> 1), number & 1
        if x >= self.q:
            raise ValueError("x out of range")
        square = (x * x * x - 3 * x + self.b) % self.q
        y = gmpy2.powmod_sec(square, (self.q + 1) // 4, self.q)
        if y * y % self.q != square:
            raise ValueError("no point has this x")
        if y % 2 != parity:
            if y == 0:
                raise ValueError("no point has this x and this parity of y")
            y = self.q - y
        return x, y, mpz(1)

    def encode(self, element: Projective) -> int:
        """Return 2x + (y mod 2), with 1/Z = Z^(q-2)."""
        x, y, z = element
        inverse = gmpy2.powmod_sec(z, self.q - 2, self.q)
        return int(x * inverse % self.q * 2 + y * inverse % self.q % 2)

    def add(self, a: Projective, b: Projective) -> Projective:
        """Return a + b, whatever they are, for a = -3 and an odd group order.

        Ref: Renes, Costello, Batina, "Complete addition formulas for prime order elliptic curves" (2016), algorithm 4:
        with (u, v, w) = (X1 X2, Y1 Y2, Z1 Z2), the mixed sums (xy, yz, xz) with xy = X1 Y2 + X2 Y1 and so on,
        s = 3 (b xz - u - 3 w), m = 3 u - 3 w and n = 3 (xz - b w):
        X3 = xy (v + n) - yz s,  Y3 = (v - n) (v + n) + m s,  Z3 = yz (v - n) + xy m.
        """
        (x1, y1, z1), (x2, y2, z2), q, b_ = a, b, self.q, self.b
        u, v, w = x1 * x2 % q, y1 * y2 % q, z1 * z2 % q
        xy = (x1 + y1) * (x2 + y2) - u - v
        yz = (y1 + z1) * (y2 + z2) - v - w
        xz = (x1 + z1) * (x2 + z2) - u - w
        s = 3 * (b_ * xz - u - 3 * w) % q
        m = 3 * (u - w)
        n = 3 * (xz - b_ * w) % q
        return (xy * (v + n) - yz * s) % q, ((v - n) * (v + n) + m * s) % q, (yz * (v - n) + xy * m) % q

    def mul(self, k: int, a: Projective) -> Projective:
        """Return [k] a: the same sequence of additions for every k, four doublings and one addition for each digit of k mod r."""
        k = int(k % self.r)
        table = [(mpz(0), mpz(1), mpz(0))]
        for _ in range(2**WINDOW - 1):
            table.append(self.add(table[-1], a))
        result = table[0]
        for digit in range(self._digits - 1, -1, -1):
            for _ in range(WINDOW):
                result = self.add(result, result)
            result = self.add(result, table[(k >> WINDOW * digit) % 2**WINDOW])
        return result

    mul_vartime = mul

    def quotient(self, x: int, y: int) -> int:
        """Return x / y mod r."""
        return blinded_quotient(x, y, self.r)

    def is_trivial(self, element: Projective) -> bool:
        """Tell 0_E."""
        return bool(element[2] == 0)

    def is_square(self, _element: Projective, /) -> bool:
        """Return True: h = 1, every point is in the subgroup."""
        return True


class GmpBackend(ReferenceBackend):
    """The operations of RFC 8121 on GMP, through gmpy2.

    Secret: the exponents of the MODP groups are protected, the curves' scalars are not; the module says what is and what is not.
    Timing: not constant time.
    """

    name = "gmpy2"
    constant_time = False

    def __init__(self) -> None:
        super().__init__(
            {
                sets.DL_2048.token: GmpModpGroup(groups.DL_2048),
                sets.DL_4096.token: GmpModpGroup(groups.DL_4096),
                sets.EC_P256.token: GmpCurve(groups.EC_P256),
                sets.EC_P521.token: GmpCurve(groups.EC_P521),
            }
        )

    def cpu_path(self) -> str:
        """Name the code path: GMP chooses its own."""
        return "gmp"

    def build(self) -> str:
        """Name gmpy2 and the library under it."""
        return f"gmpy2 {gmpy2.version()}, {gmpy2.mp_version()}"
