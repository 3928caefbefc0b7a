"""Groups so small that every secret and every octet a peer can send is tried, run through the very equations of the big ones."""

from __future__ import annotations

from kam3.backends.groups import Curve, ModpGroup, Point
from kam3.sets import DL_2048, EC_P256, ParameterSet


def _find_curve(q: int) -> Curve:
    """Return the curve of prime order other than q, with the smallest b, over the integers mod q."""
    for b in range(1, q):
        points = [(x, y) for x in range(q) for y in range(q) if (y * y - x**3 + 3 * x - b) % q == 0]
        order = len(points) + 1
        singular = (4 * (-3) ** 3 + 27 * b * b) % q == 0
        if not singular and order != q and all(order % d for d in range(2, order)):
            return Curve(q=q, b=b, g=points[0], r=order)
    raise AssertionError(f"no curve of prime order mod {q}")


#: q = 7 mod 8 and q, r = (q-1)/2 prime, like the MODP primes: 2 generates the squares.
TINY_DL = {q: ModpGroup(q, 2) for q in (23, 47)}
#: q = 3 mod 4, like both NIST primes.
TINY_EC = {q: _find_curve(q) for q in (23, 43)}

TINY_DL_SET = DL_2048._replace(token="tiny-dl", element_octets=1, scalar_octets=1, least_s_c1=1, iterations=1)
TINY_EC_SET = EC_P256._replace(token="tiny-ec", element_octets=1, scalar_octets=1, iterations=1)


def parameter_set(group: ModpGroup | Curve) -> ParameterSet:
    """Return the parameter set that carries a tiny group."""
    return TINY_EC_SET if isinstance(group, Curve) else TINY_DL_SET


def elements(group: ModpGroup | Curve) -> list[int] | list[Point]:
    """Return every element that a peer may send, found without `decode`."""
    if isinstance(group, ModpGroup):
        return list(range(2, group.q - 1))
    return [(x, y) for x in range(group.q) for y in range(group.q) if (y * y - x**3 + 3 * x - group.b) % group.q == 0]
