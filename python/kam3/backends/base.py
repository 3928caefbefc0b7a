"""What a backend is: the operations of RFC 8121 and 8120 on octets, the same octets and the same errors from each of them.

The layer above has already checked Python types; a backend checks lengths and values, in the order of the arguments, and raises what
`kam3.errors.fault` builds. The first fault answers. A fault that one argument alone shows is ELEMENT_* or SECRET_*; a fault of a computed
value is DEGENERATE_*. Secret results are written into memory the caller hands in (a writable buffer of the natural length), public ones are
returned; on an error that memory is all zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from kam3.memory import SecretMemory
from kam3.sets import ParameterSet, Role

Buffer = bytes | bytearray | memoryview


class Backend(Protocol):
    """The operations of RFC 8121 on one implementation. Secret are pi, j, s_c1, s_s1 and z; the rest is public."""

    name: str
    constant_time: bool

    def cpu_path(self) -> str:
        """Name the code path in use (``portable``, ...)."""
        ...

    def cpu_features(self) -> tuple[str, ...]:
        """Name the features found on this CPU that a path could use."""
        ...

    def build(self) -> str:
        """Say in one line how this backend was built (compiler, library versions)."""
        ...

    def allocate(self, octets: int) -> SecretMemory:
        """Return zeroed memory for a secret."""
        ...

    def pi(self, ps: ParameterSet, password: Buffer, auth_scope: Buffer, realm: Buffer, user: Buffer, out: memoryview) -> None:
        """Write pi = PBKDF2(password, VS(token) | VS(auth_scope) | VS(realm) | VS(user)) (RFC 8120 section 12.2)."""
        ...

    def pi_many(self, ps: ParameterSet, items: Sequence[tuple[Buffer, Buffer, Buffer, Buffer]], outs: Sequence[memoryview]) -> None:
        """Write for each (password, auth_scope, realm, user) what `pi` writes, side by side where that is faster."""
        ...

    def generate_secret(self, ps: ParameterSet, role: Role, out: memoryview) -> None:
        """Write a fresh S, uniform in [least value of the role, r-1], from the operating system; OSError if that fails."""
        ...

    def j(self, ps: ParameterSet, pi: Buffer, out: memoryview) -> None:
        """Write J(pi); DEGENERATE_J when pi = 0 mod r."""
        ...

    def kc1(self, ps: ParameterSet, s_c1: Buffer) -> bytes:
        """Return K_c1."""
        ...

    def check_denominator(self, ps: ParameterSet, pi: Buffer, s_c1: Buffer, kc1: Buffer) -> None:
        """Raise DEGENERATE_DENOMINATOR when S_c1 * t_1 + pi = 0 mod r."""
        ...

    def ks1(self, ps: ParameterSet, j: Buffer, kc1: Buffer, s_s1: Buffer) -> bytes:
        """Return K_s1; DEGENERATE_KS1 when it is 1, q-1 or the identity."""
        ...

    def z_server(self, ps: ParameterSet, kc1: Buffer, ks1: Buffer, s_s1: Buffer, out: memoryview) -> None:
        """Write z as the server computes it; DEGENERATE_Z when it is 1, q-1 or the identity."""
        ...

    def respond(self, ps: ParameterSet, j: Buffer, kc1: Buffer, s_s1: Buffer, z_out: memoryview) -> bytes:
        """Return K_s1 and write z: `ks1` and `z_server` in one call, and their errors in that order."""
        ...

    def table_octets(self, ps: ParameterSet) -> int:
        """Return how long what `prepare_j` writes is."""
        ...

    def prepare_j(self, ps: ParameterSet, j: Buffer, out: memoryview) -> None:
        """Write J in the form in which `respond_prepared` takes it; it must stay where it is written."""
        ...

    def respond_prepared(self, ps: ParameterSet, table: Buffer, kc1: Buffer, s_s1: Buffer, z_out: memoryview) -> bytes:
        """Do what `respond` does, with what `prepare_j` of this backend made of J. The table is secret."""
        ...

    def respond_many(
        self, ps: ParameterSet, items: Sequence[tuple[Buffer, Buffer, Buffer]], z_outs: Sequence[memoryview]
    ) -> list[bytes | Exception]:
        """Do for each (j, kc1, s_s1) what `respond` does, side by side where that is faster; a fault stands in its place."""
        ...

    def z_client(self, ps: ParameterSet, pi: Buffer, s_c1: Buffer, kc1: Buffer, ks1: Buffer, out: memoryview) -> None:
        """Write z as the client computes it; DEGENERATE_DENOMINATOR, then DEGENERATE_Z. kc1 is not compared with s_c1."""
        ...

    def z_client_many(
        self, ps: ParameterSet, items: Sequence[tuple[Buffer, Buffer, Buffer, Buffer]], outs: Sequence[memoryview]
    ) -> list[Exception | None]:
        """Do for each (pi, s_c1, kc1, ks1) what `z_client` does, side by side where that is faster; a fault stands in its place."""
        ...

    def vk(self, ps: ParameterSet, label: int, kc1: Buffer, ks1: Buffer, z: Buffer, nc: int, vh: Buffer) -> bytes:
        """Return H(octet(label) | kc1 | ks1 | z | VI(nc) | VS(vh)): label 4 is VK_c, 3 is VK_s. Lengths alone are checked."""
        ...

    def proofs(self, ps: ParameterSet, kc1: bytes, ks1: bytes, z: SecretMemory, nc: int, vh: bytes) -> tuple[bytes, bytes]:
        """Return VK_c and VK_s of one request, as `vk` gives them; z is in memory that this backend has allocated."""
        ...

    def b(self, ps: ParameterSet, label: int, kc1: Buffer, ks1: Buffer, z: Buffer, nc: int, vh: Buffer, t: Buffer) -> bytes:
        """Return H(H(octet(label) | ... | VS(vh)) | VS(t)): label 6 with nc = 0 is b_1, 7 is b_2 (RFC 8120 section 13)."""
        ...

    def check_element(self, ps: ParameterSet, argument: str, octets: Buffer) -> None:
        """Raise unless `octets` encode an element that a peer may send: DL 1 < x < q-1, curve a point."""
        ...

    def is_square(self, ps: ParameterSet, argument: str, octets: Buffer) -> bool:
        """Check the element, then tell whether it is a square mod q (always True on curves). Public data only."""
        ...
