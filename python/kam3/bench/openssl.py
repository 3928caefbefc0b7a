"""The steps of an exchange composed from OpenSSL's libcrypto through ctypes: what kam3 is compared with.

Nothing is computed that kam3 does not compute, and everything that does not depend on the exchange (group, Montgomery constants,
memory) is prepared beforehand. Every exponentiation takes OpenSSL's constant-time call. Where an exponent is public (t_1 and t_2),
OpenSSL also has a faster one for the discrete-logarithm sets; `vartime_public` takes that. Curve points have a single call for both.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import hashlib
import time
from collections.abc import Callable, Sequence
from typing import Any

from kam3.backends import groups
from kam3.sets import DL_2048, DL_4096, EC_P256, EC_P521, ParameterSet

_MODP = {DL_2048.token: groups.DL_2048, DL_4096.token: groups.DL_4096}
_CURVES = {EC_P256.token: groups.EC_P256, EC_P521.token: groups.EC_P521}
_NID = {EC_P256.token: 415, EC_P521.token: 716}  # NID_X9_62_prime256v1, NID_secp521r1

_POINTER, _INT = ctypes.c_void_p, ctypes.c_int
#: Name: (result, arguments). A result of int is checked to be 1, a pointer not to be NULL, unless the name is in `_UNCHECKED`.
_PROTOTYPES: dict[str, tuple[Any, Sequence[Any]]] = {
    "OpenSSL_version": (ctypes.c_char_p, [_INT]),
    "BN_new": (_POINTER, []),
    "BN_CTX_new": (_POINTER, []),
    "BN_MONT_CTX_new": (_POINTER, []),
    "BN_MONT_CTX_set": (_INT, [_POINTER] * 3),
    "BN_bin2bn": (_POINTER, [ctypes.c_char_p, _INT, _POINTER]),
    "BN_bn2binpad": (_INT, [_POINTER, ctypes.c_char_p, _INT]),
    "BN_set_flags": (None, [_POINTER, _INT]),
    "BN_num_bits": (_INT, [_POINTER]),
    "BN_mod_mul": (_INT, [_POINTER] * 5),
    "BN_mod_add": (_INT, [_POINTER] * 5),
    "BN_mod_inverse": (_POINTER, [_POINTER] * 4),
    "BN_mod_exp_mont": (_INT, [_POINTER] * 6),
    "BN_mod_exp_mont_consttime": (_INT, [_POINTER] * 6),
    "EC_GROUP_new_by_curve_name": (_POINTER, [_INT]),
    "EC_POINT_new": (_POINTER, [_POINTER]),
    "EC_POINT_set_compressed_coordinates": (_INT, [_POINTER, _POINTER, _POINTER, _INT, _POINTER]),
    "EC_POINT_mul": (_INT, [_POINTER] * 6),
    "EC_POINT_add": (_INT, [_POINTER] * 5),
    "EC_POINT_is_at_infinity": (_INT, [_POINTER] * 2),
    "EC_POINT_get_affine_coordinates": (_INT, [_POINTER] * 5),
}
_UNCHECKED = {"OpenSSL_version", "BN_set_flags", "BN_num_bits", "BN_bn2binpad", "EC_POINT_is_at_infinity"}
_BN_FLG_CONSTTIME = 4


class OpenSSLError(Exception):
    """A call to libcrypto failed, or the library is not here."""


class Library:
    """libcrypto with its functions typed and their results checked."""

    def __init__(self, path: str | None = None) -> None:
        """Load the library at `path`, or the system's.

        Raises:
            OpenSSLError: there is none, or it lacks a function (OpenSSL 1.1.1 or later has all).
        """
        found = path or ctypes.util.find_library("crypto")
        if found is None:
            raise OpenSSLError("no libcrypto found")
        try:
            library = ctypes.CDLL(found)
            for name, (result, arguments) in _PROTOTYPES.items():
                function = getattr(library, name)
                function.restype, function.argtypes = result, arguments
                if name not in _UNCHECKED:
                    function.errcheck = _check
                setattr(self, name, function)
        except (OSError, AttributeError) as error:
            raise OpenSSLError(f"{found} does not serve: {error}") from error

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)  # set in __init__; this tells a type checker that they are there

    def version(self) -> str:
        """Name the library's version."""
        return str(self.OpenSSL_version(0).decode())

    def call_seconds(self, calls: int = 20_000) -> float:
        """Measure what one call costs through ctypes with a function that does next to nothing (least of several rounds)."""
        number = self.BN_new()
        best = float("inf")
        for _ in range(5):
            start = time.perf_counter()
            for _ in range(calls):
                self.BN_num_bits(number)
            best = min(best, time.perf_counter() - start)
        return best / calls


class Counting:
    """A library that counts the calls that go through it."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._library, name)

        def counted(*arguments: Any) -> Any:
            self.calls += 1
            return function(*arguments)

        return counted


def _check(result: Any, function: Any, _arguments: Any) -> Any:
    if not result:
        raise OpenSSLError(f"{function.__name__} failed")
    return result


class _Steps:
    """What both kinds of groups share: octets in and out, and the client's exponent."""

    def __init__(self, library: Library | Counting, ps: ParameterSet, q: int, r: int) -> None:
        self._lib, self._hash, self._length = library, ps.hash_name, ps.element_octets
        self._ctx = library.BN_CTX_new()
        self._q, self._r, self._s, self._t, self._u = (library.BN_new() for _ in range(5))
        self._set(self._q, q.to_bytes(ps.element_octets, "big"))
        self._set(self._r, r.to_bytes(ps.scalar_octets, "big"))
        for secret in (self._s, self._t, self._u):
            library.BN_set_flags(secret, _BN_FLG_CONSTTIME)

    def _set(self, number: int, octets: bytes) -> None:
        self._lib.BN_bin2bn(octets, len(octets), number)

    def _digest(self, prefix: bytes, *parts: bytes) -> bytes:
        return hashlib.new(self._hash, prefix + b"".join(parts)).digest()

    def _client_exponent(self, pi: bytes, s_c1: bytes, kc1: bytes, ks1: bytes) -> int:
        """Return (S_c1 + t_2) / (S_c1 * t_1 + pi) mod r."""
        lib = self._lib
        self._set(self._s, s_c1)
        self._set(self._t, self._digest(b"\x01", kc1))
        lib.BN_mod_mul(self._u, self._s, self._t, self._r, self._ctx)
        self._set(self._t, pi)
        lib.BN_mod_add(self._u, self._u, self._t, self._r, self._ctx)
        lib.BN_mod_inverse(self._u, self._u, self._r, self._ctx)
        self._set(self._t, self._digest(b"\x02", kc1, ks1))
        lib.BN_mod_add(self._s, self._s, self._t, self._r, self._ctx)
        lib.BN_mod_mul(self._u, self._u, self._s, self._r, self._ctx)
        return int(self._u)


class ModpSteps(_Steps):
    """The equations of RFC 8121 section 3.2."""

    def __init__(self, library: Library | Counting, ps: ParameterSet, *, vartime_public: bool = False) -> None:
        group = _MODP[ps.token]
        super().__init__(library, ps, group.q, group.r)
        self._q_minus_1 = group.q - 1
        self._mont, self._g = library.BN_MONT_CTX_new(), library.BN_new()
        self._set(self._g, bytes([group.g]))
        library.BN_MONT_CTX_set(self._mont, self._q, self._ctx)
        self._j, self._kc1, self._a = (library.BN_new() for _ in range(3))
        self._power_public = library.BN_mod_exp_mont if vartime_public else library.BN_mod_exp_mont_consttime
        self._power_secret = library.BN_mod_exp_mont_consttime
        self._out = ctypes.create_string_buffer(self._length)

    def kc1(self, s_c1: bytes) -> bytes:
        """Return g^S_c1."""
        self._set(self._s, s_c1)
        return self._power(self._g, self._s)

    def respond(self, j: bytes, kc1: bytes, s_s1: bytes) -> tuple[bytes, bytes]:
        """Return K_s1 = (J * K_c1^t_1)^S_s1 and z = (K_c1 * g^t_2)^S_s1."""
        for octets in (j, kc1):
            self._check(octets)
        self._set(self._j, j)
        self._set(self._kc1, kc1)
        self._set(self._s, s_s1)
        ks1 = self._answer(self._j, self._kc1, self._digest(b"\x01", kc1))
        z = self._answer(self._kc1, self._g, self._digest(b"\x02", kc1, ks1))
        return ks1, z

    def z_client(self, pi: bytes, s_c1: bytes, kc1: bytes, ks1: bytes) -> bytes:
        """Return z = K_s1^((S_c1 + t_2) / (S_c1 * t_1 + pi))."""
        self._check(ks1)
        self._set(self._a, ks1)
        return self._power(self._a, self._client_exponent(pi, s_c1, kc1, ks1))

    def prepare_power(self, element: bytes, scalar: bytes) -> Callable[[], object]:
        """Return the bare power x^e for a full-length secret e, as one call."""
        self._set(self._j, element)
        self._set(self._s, scalar)
        arguments = (self._a, self._j, self._s, self._q, self._ctx, self._mont)
        return lambda: self._power_secret(*arguments)

    def _answer(self, factor: int, base: int, t: bytes) -> bytes:
        """Return (factor * base^t)^S mod q."""
        self._set(self._t, t)
        self._power_public(self._a, base, self._t, self._q, self._ctx, self._mont)
        self._lib.BN_mod_mul(self._a, factor, self._a, self._q, self._ctx)
        return self._power(self._a, self._s)

    def _power(self, base: int, exponent: int) -> bytes:
        self._power_secret(self._a, base, exponent, self._q, self._ctx, self._mont)
        self._lib.BN_bn2binpad(self._a, self._out, self._length)
        octets = self._out.raw
        self._check(octets)
        return octets

    def _check(self, octets: bytes) -> None:
        if not 1 < int.from_bytes(octets, "big") < self._q_minus_1:
            raise OpenSSLError("out of range")


class CurveSteps(_Steps):
    """The equations of RFC 8121 section 3.3."""

    def __init__(self, library: Library | Counting, ps: ParameterSet) -> None:
        curve = _CURVES[ps.token]
        super().__init__(library, ps, curve.q, curve.r)
        self._field = curve.q
        self._group = library.EC_GROUP_new_by_curve_name(_NID[ps.token])
        self._j, self._kc1, self._point = (library.EC_POINT_new(self._group) for _ in range(3))
        self._x, self._y = library.BN_new(), library.BN_new()
        self._out_x, self._out_y = (ctypes.create_string_buffer(self._length) for _ in range(2))

    def kc1(self, s_c1: bytes) -> bytes:
        """Return P([S_c1]G)."""
        self._set(self._s, s_c1)
        self._lib.EC_POINT_mul(self._group, self._point, self._s, None, None, self._ctx)
        return self._encode()

    def respond(self, j: bytes, kc1: bytes, s_s1: bytes) -> tuple[bytes, bytes]:
        """Return K_s1 = P([S_s1](J + [t_1]P'(K_c1))) and z = P([S_s1](P'(K_c1) + [t_2]G))."""
        self._decode(self._j, j)
        self._decode(self._kc1, kc1)
        self._set(self._s, s_s1)
        self._set(self._t, self._digest(b"\x01", kc1))
        self._lib.EC_POINT_mul(self._group, self._point, None, self._kc1, self._t, self._ctx)
        ks1 = self._answer(self._j)
        self._set(self._t, self._digest(b"\x02", kc1, ks1))
        self._lib.EC_POINT_mul(self._group, self._point, self._t, None, None, self._ctx)
        return ks1, self._answer(self._kc1)

    def z_client(self, pi: bytes, s_c1: bytes, kc1: bytes, ks1: bytes) -> bytes:
        """Return z = P([(S_c1 + t_2) / (S_c1 * t_1 + pi)]P'(K_s1))."""
        self._decode(self._point, ks1)
        return self._times(self._client_exponent(pi, s_c1, kc1, ks1))

    def prepare_power(self, element: bytes, scalar: bytes) -> Callable[[], object]:
        """Return the bare multiple [k]A for a full-length secret k, as one call."""
        self._decode(self._j, element)
        self._set(self._s, scalar)
        arguments = (self._group, self._point, None, self._j, self._s, self._ctx)
        return lambda: self._lib.EC_POINT_mul(*arguments)

    def check_element(self, octets: bytes) -> None:
        """Decode a point: a square root."""
        self._decode(self._point, octets)

    def _answer(self, summand: int) -> bytes:
        """Return P([S](summand + point))."""
        self._lib.EC_POINT_add(self._group, self._point, summand, self._point, self._ctx)
        return self._times(self._s)

    def _times(self, scalar: int) -> bytes:
        self._lib.EC_POINT_mul(self._group, self._point, None, self._point, scalar, self._ctx)
        return self._encode()

    def _encode(self) -> bytes:
        if self._lib.EC_POINT_is_at_infinity(self._group, self._point):
            raise OpenSSLError("the identity")
        self._lib.EC_POINT_get_affine_coordinates(self._group, self._point, self._x, self._y, self._ctx)
        self._lib.BN_bn2binpad(self._x, self._out_x, self._length)
        self._lib.BN_bn2binpad(self._y, self._out_y, self._length)
        return (int.from_bytes(self._out_x.raw, "big") << 1 | self._out_y.raw[-1] & 1).to_bytes(self._length, "big")

    def _decode(self, point: int, octets: bytes) -> None:
        number = int.from_bytes(octets, "big")
        if number >> 1 >= self._field:  # OpenSSL would reduce it
            raise OpenSSLError("out of range")
        self._set(self._x, (number >> 1).to_bytes(self._length, "big"))
        self._lib.EC_POINT_set_compressed_coordinates(self._group, point, self._x, number & 1, self._ctx)


def steps(library: Library | Counting, ps: ParameterSet, *, vartime_public: bool = False) -> ModpSteps | CurveSteps:
    """Make the steps of one algorithm.

    Raises:
        OpenSSLError: this library does not know the curve.
    """
    return CurveSteps(library, ps) if ps.is_curve else ModpSteps(library, ps, vartime_public=vartime_public)
