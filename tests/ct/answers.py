"""What the driver is fed: arguments, right results and degenerate values for one algorithm, from the reference backend."""

from __future__ import annotations

import hashlib
from typing import Any

from kam3.backends.reference import PLAIN_GROUPS, ReferenceBackend
from kam3.sets import ParameterSet

PASSWORD, AUTH_SCOPE, REALM, USER = b"correct horse", b"https://example.com", b"a realm", b"alice"
VH, T, NC = b"https://example.com:443", b"a token", 300


def point_error(ps: ParameterSet) -> int:
    """Return the number of the rule that an octet string of natural length breaks when it encodes no element."""
    return 18 if ps.is_curve else 17  # KAM3_ERR_ELEMENT_POINT, KAM3_ERR_ELEMENT_RANGE


def scalar(ps: ParameterSet, name: str) -> int:
    """Return a number in the range of S_c1 and S_s1 that only its name determines."""
    octets = hashlib.shake_256(f"{ps.token} {name}".encode()).digest(ps.scalar_octets + 16)
    return ps.least_s_c1 + int.from_bytes(octets, "big") % (PLAIN_GROUPS[ps.token].r - ps.least_s_c1)


def challenge(ps: ParameterSet, *parts: bytes) -> int:
    """Return t_1 of (K_c1) or t_2 of (K_c1, K_s1)."""
    return int.from_bytes(hashlib.new(ps.hash_name, bytes([len(parts)]) + b"".join(parts)).digest(), "big")


def invalid_element(ps: ParameterSet) -> bytes:
    """Return an octet string of natural length that is no element: q-1, or an x that no point of the curve has."""
    group: Any = PLAIN_GROUPS[ps.token]
    number = group.q - 1
    while True:
        try:
            group.decode(number)
        except ValueError:
            return bytes(number.to_bytes(ps.element_octets, "big"))
        number -= 1


def values(ps: ParameterSet) -> list[tuple[str, str, bytes]]:
    """Return (``secret`` or ``public``, name, octets) for all that the driver asks for."""
    backend, group = ReferenceBackend(), PLAIN_GROUPS[ps.token]

    def result(length: int, compute: Any, *arguments: Any) -> bytes:
        out = bytearray(length)
        compute(ps, *arguments, memoryview(out))
        return bytes(out)

    def spell(number: int) -> bytes:
        return number.to_bytes(ps.scalar_octets, "big")

    e = ps.element_octets
    pi = result(ps.hash_octets, backend.pi, PASSWORD, AUTH_SCOPE, REALM, USER)
    s_c1, s_s1 = scalar(ps, "s_c1"), scalar(ps, "s_s1")
    j, kc1 = result(e, backend.j, pi), backend.kc1(ps, spell(s_c1))
    t_1 = challenge(ps, kc1)
    ks1 = backend.ks1(ps, j, kc1, spell(s_s1))
    t_2 = challenge(ps, kc1, ks1)
    z = result(e, backend.z_server, kc1, ks1, spell(s_s1))
    proofs = (kc1, ks1, z)
    r_octets = spell(group.r)

    secret = {
        "password": PASSWORD,
        "auth_scope": AUTH_SCOPE,
        "realm": REALM,
        "user": USER,
        "pi": pi,
        "s_c1": spell(s_c1),
        "s_s1": spell(s_s1),
        "j": j,
        "z": z,
        "vkc": backend.vk(ps, 4, *proofs, NC, VH),
        "vks": backend.vk(ps, 3, *proofs, NC, VH),
        "b1": backend.b(ps, 6, *proofs, 0, VH, T),
        "b2": backend.b(ps, 7, *proofs, NC, VH, T),
        # out of range, or of no natural length
        "s_c1_low": spell(ps.least_s_c1 - 1),
        "s_r": r_octets,
        "random_high": b"\xff" * ps.scalar_octets,
        "pi_long": pi + b"\0",
        "j_invalid": invalid_element(ps),
        "j_ones": b"\xff" * e,
        # pi = 0 mod r: r itself where a hash can hold it
        "pi_trivial": r_octets if ps.scalar_octets == ps.hash_octets else bytes(ps.hash_octets),
        # J = K_c1^-t_1;  S_c1 t_1 + pi = 0;  S_c1 + t_2 = 0
        "j_cancel": backend.kc1(ps, spell(-s_c1 * t_1 % group.r)),
        "s_c1_cancel": spell(-int.from_bytes(pi, "big") * pow(t_1, -1, group.r) % group.r),
        "s_c1_trivial_z": spell(-t_2 % group.r),
    }
    secret["vkc_too"] = secret["vkc"]
    public = {
        "algorithm": bytes([ps.number]),
        "element_error": bytes([point_error(ps)]),
        "element_invalid": invalid_element(ps),
        "kc1": kc1,
        "ks1": ks1,
        "nc": NC.to_bytes(3, "big"),
        "nothing": b"",
        "vh": VH,
        "t": T,
    }
    if not ps.is_curve:  # -1 is no square, for q = 3 mod 4
        public["kc1_nonsquare"] = (group.q - int.from_bytes(kc1, "big")).to_bytes(e, "big")
    return [("secret", *item) for item in secret.items()] + [("public", *item) for item in public.items()]


def text(ps: ParameterSet) -> str:
    """Return the values as the driver reads them."""
    return "".join(f"{kind} {name} {octets.hex()}\n" for kind, name, octets in values(ps))
