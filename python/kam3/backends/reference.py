"""The readable specification: RFC 8121 in plain Python integers, to be checked against the RFC line by line.

First the equations of RFC 8121 sections 3.2 and 3.3, over any `Group`; then the backend, which adds octets, the order of the checks, and
the hash values. It protects no secret: times depend on values, and Python keeps copies of integers. It exists to be compared with.
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from kam3 import sets
from kam3.backends import groups
from kam3.backends.base import Buffer
from kam3.backends.groups import E, Group
from kam3.errors import Kam3Error, Rule, fault
from kam3.memory import SecretMemory
from kam3.octets import vi, vs
from kam3.sets import ParameterSet, Role


def compute_j(group: Group[E], pi: int) -> E:
    """Compute J(pi) = g^(pi) mod q, or [pi] * G."""
    j = group.mul(pi, group.g)
    if group.is_trivial(j):
        raise fault(Rule.DEGENERATE_J)
    return j


def compute_kc1(group: Group[E], s_c1: int) -> E:
    """Compute K_c1 = g^(S_c1) mod q, or [S_c1] * G."""
    return group.mul(s_c1, group.g)


def compute_ks1(group: Group[E], j: E, kc1: E, t1: int, s_s1: int) -> E:
    """Compute K_s1 = (J(pi) * K_c1^(t_1))^(S_s1) mod q, or [S_s1] * (J(pi) + [t_1] * K_c1')."""
    ks1 = group.mul(s_s1, group.add(j, group.mul_vartime(t1, kc1)))
    if group.is_trivial(ks1):
        raise fault(Rule.DEGENERATE_KS1)
    return ks1


def compute_denominator(group: Group[E], pi: int, s_c1: int, t1: int) -> int:
    """Compute S_c1 * t_1 + pi mod r, by which the client divides."""
    denominator = (s_c1 * t1 + pi) % group.r
    if denominator == 0:
        raise fault(Rule.DEGENERATE_DENOMINATOR)
    return denominator


def compute_z_client(group: Group[E], pi: int, s_c1: int, t1: int, t2: int, ks1: E) -> E:
    """Compute z = K_s1^((S_c1 + t_2) / (S_c1 * t_1 + pi) mod r) mod q, or [(S_c1 + t_2) / (S_c1 * t_1 + pi) mod r] * P'(K_s1)."""
    exponent = group.quotient(s_c1 + t2, compute_denominator(group, pi, s_c1, t1))
    z = group.mul(exponent, ks1)
    if group.is_trivial(z):
        raise fault(Rule.DEGENERATE_Z)
    return z


def compute_z_server(group: Group[E], kc1: E, t2: int, s_s1: int) -> E:
    """Compute z = (K_c1 * g^(t_2))^(S_s1) mod q, or [S_s1] * (P'(K_c1) + [t_2] * G)."""
    z = group.mul(s_s1, group.add(kc1, group.mul_vartime(t2, group.g)))
    if group.is_trivial(z):
        raise fault(Rule.DEGENERATE_Z)
    return z


class PlainMemory:
    """Octets that `wipe` overwrites. What Python copied elsewhere stays."""

    def __init__(self, octets: int) -> None:
        self._octets = bytearray(octets)

    def view(self) -> memoryview:
        """Return a writable view of the octets."""
        return memoryview(self._octets)

    def wipe(self) -> None:
        """Overwrite the octets with zeros."""
        self._octets[:] = bytes(len(self._octets))

    def __len__(self) -> int:
        return len(self._octets)


class ReferenceBackend:
    """The operations of RFC 8121 on the plain groups, or on others given by token.

    Secret: protects none. Timing: depends on every secret.
    """

    name = "reference"
    constant_time = False

    def __init__(self, by_token: Mapping[str, Group[Any]] | None = None) -> None:
        self._groups: Mapping[str, Group[Any]] = PLAIN_GROUPS if by_token is None else by_token

    def cpu_path(self) -> str:
        """Name the code path: there is one."""
        return "python"

    def cpu_features(self) -> tuple[str, ...]:
        """Return nothing: no CPU feature is looked at."""
        return ()

    def build(self) -> str:
        """Name the Python that does the arithmetic."""
        return f"{platform.python_implementation()} {platform.python_version()}"

    def allocate(self, octets: int) -> PlainMemory:
        """Return zeroed memory for a secret."""
        return PlainMemory(octets)

    def pi(self, ps: ParameterSet, password: Buffer, auth_scope: Buffer, realm: Buffer, user: Buffer, out: memoryview) -> None:
        """Write pi = PBKDF2(HMAC_H, password, VS(algorithm) | VS(auth-scope) | VS(realm) | VS(username), nIterPi, hSize / 8)."""
        with _zero_on_error(out):
            salt = b"".join(vs(bytes(part)) for part in (ps.token.encode("ascii"), auth_scope, realm, user))
            out[:] = hashlib.pbkdf2_hmac(ps.hash_name, password, salt, ps.iterations, ps.hash_octets)

    def pi_many(self, ps: ParameterSet, items: Sequence[tuple[Buffer, Buffer, Buffer, Buffer]], outs: Sequence[memoryview]) -> None:
        """Write each pi, one after the other."""
        for item, out in zip(items, outs, strict=True):
            self.pi(ps, *item, out)

    def generate_secret(self, ps: ParameterSet, role: Role, out: memoryview) -> None:
        """Write S uniform in [least value, r-1]: the first draw of as many bits as r has that is in this range.

        Raises:
            OSError: the operating system gives no random octets, or 128 draws in a row are out of range, which for a sound source
                has a probability below 2^-128.
        """
        r, least = self._groups[ps.token].r, _least(ps, role)
        with _zero_on_error(out):
            for _ in range(128):
                secret = int.from_bytes(os.urandom(ps.scalar_octets), "big") % 2 ** r.bit_length()
                if least <= secret < r:
                    out[:] = secret.to_bytes(ps.scalar_octets, "big")
                    return
            raise OSError("the operating system's random octets do not look random")

    def j(self, ps: ParameterSet, pi: Buffer, out: memoryview) -> None:
        """Write J(pi)."""
        group = self._groups[ps.token]
        with _zero_on_error(out):
            out[:] = _octets(ps, group, compute_j(group, _pi(ps, pi)))

    def kc1(self, ps: ParameterSet, s_c1: Buffer) -> bytes:
        """Return K_c1."""
        group = self._groups[ps.token]
        return _octets(ps, group, compute_kc1(group, _secret(ps, group, Role.CLIENT, s_c1)))

    def check_denominator(self, ps: ParameterSet, pi: Buffer, s_c1: Buffer, kc1: Buffer) -> None:
        """Raise when S_c1 * t_1 + pi = 0 mod r."""
        group = self._groups[ps.token]
        pi_number = _pi(ps, pi)
        s_c1_number = _secret(ps, group, Role.CLIENT, s_c1)
        _element(ps, group, "kc1", kc1)
        compute_denominator(group, pi_number, s_c1_number, _t1(ps, kc1))

    def ks1(self, ps: ParameterSet, j: Buffer, kc1: Buffer, s_s1: Buffer) -> bytes:
        """Return K_s1."""
        group = self._groups[ps.token]
        j_element = _element(ps, group, "j", j)
        kc1_element = _element(ps, group, "kc1", kc1)
        s_s1_number = _secret(ps, group, Role.SERVER, s_s1)
        return _octets(ps, group, compute_ks1(group, j_element, kc1_element, _t1(ps, kc1), s_s1_number))

    def z_server(self, ps: ParameterSet, kc1: Buffer, ks1: Buffer, s_s1: Buffer, out: memoryview) -> None:
        """Write z as the server computes it."""
        group = self._groups[ps.token]
        with _zero_on_error(out):
            kc1_element = _element(ps, group, "kc1", kc1)
            _element(ps, group, "ks1", ks1)
            s_s1_number = _secret(ps, group, Role.SERVER, s_s1)
            out[:] = _octets(ps, group, compute_z_server(group, kc1_element, _t2(ps, kc1, ks1), s_s1_number))

    def respond(self, ps: ParameterSet, j: Buffer, kc1: Buffer, s_s1: Buffer, z_out: memoryview) -> bytes:
        """Return K_s1 and write z."""
        with _zero_on_error(z_out):
            ks1 = self.ks1(ps, j, kc1, s_s1)
            self.z_server(ps, kc1, ks1, s_s1, z_out)
        return ks1

    def table_octets(self, ps: ParameterSet) -> int:
        """Return the length of J: nothing is gained by a table here."""
        return ps.element_octets

    def prepare_j(self, ps: ParameterSet, j: Buffer, out: memoryview) -> None:
        """Write J."""
        with _zero_on_error(out):
            _element(ps, self._groups[ps.token], "j", j)
            out[:] = j

    def respond_prepared(self, ps: ParameterSet, table: Buffer, kc1: Buffer, s_s1: Buffer, z_out: memoryview) -> bytes:
        """Return K_s1 and write z."""
        return self.respond(ps, table, kc1, s_s1, z_out)

    def respond_many(
        self, ps: ParameterSet, items: Sequence[tuple[Buffer, Buffer, Buffer]], z_outs: Sequence[memoryview]
    ) -> list[bytes | Exception]:
        """Return each K_s1 and write each z, one after the other."""
        answers: list[bytes | Exception] = []
        for item, z_out in zip(items, z_outs, strict=True):
            try:
                answers.append(self.respond(ps, *item, z_out))
            except Kam3Error as error:
                answers.append(error)
        return answers

    def z_client(self, ps: ParameterSet, pi: Buffer, s_c1: Buffer, kc1: Buffer, ks1: Buffer, out: memoryview) -> None:
        """Write z as the client computes it."""
        group = self._groups[ps.token]
        with _zero_on_error(out):
            pi_number = _pi(ps, pi)
            s_c1_number = _secret(ps, group, Role.CLIENT, s_c1)
            _element(ps, group, "kc1", kc1)
            ks1_element = _element(ps, group, "ks1", ks1)
            z = compute_z_client(group, pi_number, s_c1_number, _t1(ps, kc1), _t2(ps, kc1, ks1), ks1_element)
            out[:] = _octets(ps, group, z)

    def z_client_many(
        self, ps: ParameterSet, items: Sequence[tuple[Buffer, Buffer, Buffer, Buffer]], outs: Sequence[memoryview]
    ) -> list[Exception | None]:
        """Write each z, one after the other."""
        faults: list[Exception | None] = []
        for item, out in zip(items, outs, strict=True):
            try:
                self.z_client(ps, *item, out)
                faults.append(None)
            except Kam3Error as error:
                faults.append(error)
        return faults

    def vk(self, ps: ParameterSet, label: int, kc1: Buffer, ks1: Buffer, z: Buffer, nc: int, vh: Buffer) -> bytes:
        """Return H(octet(label) | OCTETS(K_c1) | OCTETS(K_s1) | OCTETS(z) | VI(nc) | VS(vh))."""
        for argument, octets in (("kc1", kc1), ("ks1", ks1), ("z", z)):
            _check_length(Rule.ELEMENT_LENGTH, argument, octets, ps.element_octets)
        return _hash(ps, label, kc1, ks1, z, vi(nc), vs(bytes(vh)))

    def proofs(self, ps: ParameterSet, kc1: bytes, ks1: bytes, z: SecretMemory, nc: int, vh: bytes) -> tuple[bytes, bytes]:
        """Return VK_c and VK_s of one request."""
        vkc, vks = (self.vk(ps, label, kc1, ks1, z.view(), nc, vh) for label in (4, 3))
        return vkc, vks

    def b(self, ps: ParameterSet, label: int, kc1: Buffer, ks1: Buffer, z: Buffer, nc: int, vh: Buffer, t: Buffer) -> bytes:
        """Return H(H(octet(label) | OCTETS(K_c1) | OCTETS(K_s1) | OCTETS(z) | VI(nc) | VS(vh)) | VS(t))."""
        return hashlib.new(ps.hash_name, self.vk(ps, label, kc1, ks1, z, nc, vh) + vs(bytes(t))).digest()

    def check_element(self, ps: ParameterSet, argument: str, octets: Buffer) -> None:
        """Raise unless `octets` encode an element that a peer may send."""
        _element(ps, self._groups[ps.token], argument, octets)

    def is_square(self, ps: ParameterSet, argument: str, octets: Buffer) -> bool:
        """Check the element, then tell whether it is in the subgroup generated by g."""
        group = self._groups[ps.token]
        return group.is_square(_element(ps, group, argument, octets))


PLAIN_GROUPS: dict[str, Group[Any]] = {
    sets.DL_2048.token: groups.DL_2048,
    sets.DL_4096.token: groups.DL_4096,
    sets.EC_P256.token: groups.EC_P256,
    sets.EC_P521.token: groups.EC_P521,
}


def _hash(ps: ParameterSet, label: int, *parts: Buffer) -> bytes:
    """H(octet(label) | parts ...)."""
    return hashlib.new(ps.hash_name, b"".join((bytes([label]), *parts))).digest()


def _t1(ps: ParameterSet, kc1: Buffer) -> int:
    """t_1 = INT(H(octet(1) | OCTETS(K_c1)))."""
    return int.from_bytes(_hash(ps, 1, kc1), "big")


def _t2(ps: ParameterSet, kc1: Buffer, ks1: Buffer) -> int:
    """t_2 = INT(H(octet(2) | OCTETS(K_c1) | OCTETS(K_s1)))."""
    return int.from_bytes(_hash(ps, 2, kc1, ks1), "big")


def _check_length(rule: Rule, argument: str, octets: Buffer, expected: int) -> None:
    if len(octets) != expected:
        raise fault(rule, argument, expected=expected, actual=len(octets))


def _pi(ps: ParameterSet, pi: Buffer) -> int:
    """INT(pi), any number of hSize bits."""
    _check_length(Rule.SECRET_LENGTH, "pi", pi, ps.hash_octets)
    return int.from_bytes(pi, "big")


def _least(ps: ParameterSet, role: Role) -> int:
    return ps.least_s_c1 if role is Role.CLIENT else 1


def _secret(ps: ParameterSet, group: Group[Any], role: Role, octets: Buffer) -> int:
    """INT(S_c1) or INT(S_s1), from the least value of the role to r-1."""
    argument = "s_c1" if role is Role.CLIENT else "s_s1"
    _check_length(Rule.SECRET_LENGTH, argument, octets, ps.scalar_octets)
    secret = int.from_bytes(octets, "big")
    if not _least(ps, role) <= secret < group.r:
        raise fault(Rule.SECRET_RANGE, argument)
    return secret


def _element(ps: ParameterSet, group: Group[E], argument: str, octets: Buffer) -> E:
    """The element that its octets of natural length represent."""
    _check_length(Rule.ELEMENT_LENGTH, argument, octets, ps.element_octets)
    try:
        return group.decode(int.from_bytes(octets, "big"))
    except ValueError:
        pass
    raise fault(group.rule, argument)  # out here, so that it does not carry the other exception and its frames


def _octets(ps: ParameterSet, group: Group[E], element: E) -> bytes:
    """OCTETS of what represents the element."""
    return group.encode(element).to_bytes(ps.element_octets, "big")


@contextmanager
def _zero_on_error(out: memoryview) -> Iterator[None]:
    try:
        yield
    except BaseException:
        out[:] = bytes(len(out))
        raise
