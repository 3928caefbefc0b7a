"""The functions of RFC 8121 and RFC 8120 sections 12 and 13 on octet strings, for one parameter set and one backend.

Types are judged here (`kam3.arguments`), lengths and values by the backend. Every function is stateless and thread-safe, and the native
core releases the GIL. Results that are secret leave as `bytes`, which Python cannot wipe; the exchanges (`kam3.exchange`) keep theirs
inside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeVar

from kam3 import arguments
from kam3.pi import Pi
from kam3.prepared import PreparedJ
from kam3.sets import Role

if TYPE_CHECKING:
    from kam3.backends.base import Backend, Buffer
    from kam3.memory import Octets
    from kam3.sets import ParameterSet

T = TypeVar("T")

LABEL_VKC, LABEL_VKS, LABEL_B1, LABEL_B2 = 4, 3, 6, 7

_ROLES = {"client": Role.CLIENT, "server": Role.SERVER}


class Primitives:
    """What `kam3.Algorithm` computes; it adds which parameter set, and on which backend."""

    __slots__ = ("_parameters",)

    _parameters: ParameterSet

    def _backend(self) -> Backend:
        raise NotImplementedError

    def pi(self, password: Octets | str, *, auth_scope: Octets | str, realm: Octets | str, user: Octets | str) -> bytes:
        """Compute pi = PBKDF2(HMAC_H, password, VS(algorithm) | VS(auth_scope) | VS(realm) | VS(user)).

        Args:
            password: octets, or text taken as UTF-8 without preparation (`kam3.prepare_password` prepares).
            auth_scope: the authentication scope, likewise.
            realm: the realm, likewise.
            user: the user name, likewise (`kam3.prepare_user` prepares).

        Returns:
            pi, `hash_octets` octets. `kam3.Pi.from_password` keeps it in wiped memory instead.

        Secret: password, pi.

        Raises:
            TypeError: an argument is neither text nor octets.
            ValueError: text with a lone surrogate.
            BackendUnavailableError: no backend can run here.

        Timing: 16384 iterations of HMAC; depends on the lengths alone. RFC 8120 section 12.2.
        """
        write = self._pi_writer(password, auth_scope, realm, user)
        return self._written(self._backend(), self._parameters.hash_octets, write)

    def generate_secret(self, *, role: Literal["client", "server"] = "client") -> bytes:
        """Draw a secret exponent from the operating system, uniform in the range of its role.

        Args:
            role: ``client`` for S_c1, in [least value, r-1], where the least value is the table's (above log2(q) for DL, 1 for EC);
                ``server`` for S_s1, in [1, r-1]. The client's range is the narrower one, and so the default: its secrets suit either role.

        Returns:
            The exponent, `scalar_octets` octets.

        Secret: the result. Never use it for two exchanges: two with the same S_s1 give a login without password.

        Raises:
            ValueError: `role` is neither.
            OSError: the operating system gives no random octets.
            BackendUnavailableError: no backend can run here.

        Timing: independent of the result. RFC 8121 sections 3.2 and 3.3.
        """
        if not isinstance(role, str) or role not in _ROLES:
            raise ValueError('role must be "client" or "server"')
        backend = self._backend()
        return self._written(
            backend, self._parameters.scalar_octets, lambda out: backend.generate_secret(self._parameters, _ROLES[role], out)
        )

    def j(self, pi: Octets | Pi) -> bytes:
        """Compute J(pi) = g^pi, what the server stores.

        Args:
            pi: `hash_octets` octets, or a `kam3.Pi`.

        Returns:
            J, `element_octets` octets.

        Secret: pi, J (who has it can pose as the server and search for the password).

        Raises:
            TypeError: `pi` is no octets.
            InvalidSecretError: `pi` has a wrong length, or belongs to another algorithm.
            DegenerateError: pi = 0 mod r.
            ExchangeStateError: `pi` is a closed `Pi`, or one of another process.
            BackendUnavailableError: no backend can run here.

        Timing: constant (native). RFC 8121 sections 3.2 and 3.3.
        """
        backend, ps = self._backend(), self._parameters
        return self._with_pi(backend, pi, lambda own: self._written(backend, ps.element_octets, lambda out: backend.j(ps, own, out)))

    def kc1(self, s_c1: Octets) -> bytes:
        """Compute K_c1 = g^S_c1, what the client sends first.

        Args:
            s_c1: the client's secret exponent, `scalar_octets` octets.

        Returns:
            K_c1, `element_octets` octets, public.

        Secret: s_c1.

        Raises:
            TypeError: `s_c1` is no octets.
            InvalidSecretError: `s_c1` has a wrong length or is out of range.
            BackendUnavailableError: no backend can run here.

        Timing: constant (native). RFC 8121 sections 3.2 and 3.3.
        """
        own = arguments.secret("s_c1", s_c1)
        return self._backend().kc1(self._parameters, own)

    def prepare_j(self, j: Octets) -> PreparedJ:
        """Make a table of powers of J, with which `respond` and `ServerExchange` take two thirds to three quarters of their time.

        Args:
            j: J, `element_octets` octets.

        Returns:
            J with its table, to be closed by the caller; 65 to 330 thousand octets on the native backend, J alone on the others.

        Secret: j, and all that is made of it.

        Raises:
            TypeError: `j` is no octets.
            InvalidElementError: `j` has a wrong length or is no element.
            BackendUnavailableError: no backend can run here.

        Timing: constant (native), about half of that of `respond`, on curves ten times as much. Using the result shows by time which users
        are prepared: whoever logs in under a name learns whether its J is, and if all are but those of unknown names, which names exist.
        Nothing is prepared unless it is asked for. A change of ``KAM3_CPU`` path in between costs the gain, not the result.
        """
        own = arguments.secret("j", j)
        backend, ps = self._backend(), self._parameters
        prepared = PreparedJ._of(ps, backend)
        try:
            backend.prepare_j(ps, own, prepared._table.view())
            prepared._j.view()[:] = own
        except BaseException:
            prepared.close()
            raise
        return prepared

    def ks1(self, j: Octets | PreparedJ, kc1: Octets, s_s1: Octets) -> bytes:
        """Compute K_s1 = (J * K_c1^t_1)^S_s1, the server's answer.

        Args:
            j: J, `element_octets` octets, or what `prepare_j` made of it (which gains nothing here).
            kc1: what the client sent, `element_octets` octets, public.
            s_s1: the server's secret exponent, `scalar_octets` octets, never used before.

        Returns:
            K_s1, `element_octets` octets, public.

        Secret: j, s_s1.

        Raises:
            TypeError: an argument is no octets.
            InvalidElementError: `j` or `kc1` has a wrong length or is no element (non-squares pass here), or `j` is another algorithm's.
            InvalidSecretError: `s_s1` has a wrong length or is out of range.
            DegenerateError: K_s1 is 1, q-1 or the identity; the exchange must be rejected.
            ExchangeStateError: `j` is a closed `PreparedJ`, or one of another process.
            BackendUnavailableError: no backend can run here.

        Timing: constant (native). RFC 8121 sections 3.2 and 3.3.
        """
        own_kc1, own_s = arguments.public("kc1", kc1), arguments.secret("s_s1", s_s1)
        backend, ps = self._backend(), self._parameters
        if not isinstance(j, PreparedJ):
            return backend.ks1(ps, arguments.secret("j", j), own_kc1, own_s)
        copy = backend.allocate(ps.element_octets)
        try:
            j._copy_into(ps, copy.view())
            return backend.ks1(ps, copy.view(), own_kc1, own_s)
        finally:
            copy.wipe()

    def z_server(self, kc1: Octets, ks1: Octets, s_s1: Octets) -> bytes:
        """Compute z = (K_c1 * g^t_2)^S_s1, the shared secret on the server.

        Args:
            kc1: what the client sent, `element_octets` octets, public.
            ks1: what the server answered, `element_octets` octets, public.
            s_s1: the exponent of that answer, `scalar_octets` octets.

        Returns:
            z, `element_octets` octets.

        Secret: s_s1, z.

        Raises:
            TypeError: an argument is no octets.
            InvalidElementError: `kc1` or `ks1` has a wrong length or is no element.
            InvalidSecretError: `s_s1` has a wrong length or is out of range.
            DegenerateError: z is 1, q-1 or the identity; the exchange must be rejected.
            BackendUnavailableError: no backend can run here.

        Timing: constant (native). RFC 8121 sections 3.2 and 3.3.
        """
        own_kc1, own_ks1, own_s = arguments.public("kc1", kc1), arguments.public("ks1", ks1), arguments.secret("s_s1", s_s1)
        backend, ps = self._backend(), self._parameters
        return self._written(backend, ps.element_octets, lambda out: backend.z_server(ps, own_kc1, own_ks1, own_s, out))

    def respond(self, j: Octets | PreparedJ, kc1: Octets, s_s1: Octets) -> tuple[bytes, bytes]:
        """Compute K_s1 and z, the server's whole step: `ks1` and `z_server` in one.

        Args:
            j: J, `element_octets` octets, or what `prepare_j` made of it.
            kc1: what the client sent, `element_octets` octets, public.
            s_s1: the server's secret exponent, `scalar_octets` octets, never used before.

        Returns:
            K_s1 (public) and z, `element_octets` octets each.

        Secret: j, s_s1, z.

        Raises:
            TypeError: an argument is no octets.
            InvalidElementError: `j` or `kc1` has a wrong length or is no element (non-squares pass here), or `j` is another algorithm's.
            InvalidSecretError: `s_s1` has a wrong length or is out of range.
            DegenerateError: K_s1 or z is 1, q-1 or the identity; the exchange must be rejected.
            ExchangeStateError: `j` is a closed `PreparedJ`, or one of another process.
            BackendUnavailableError: no backend can run here.

        Timing: constant (native), with a `PreparedJ` less than without. RFC 8121 sections 3.2 and 3.3.
        """
        own_kc1, own_s = arguments.public("kc1", kc1), arguments.secret("s_s1", s_s1)
        backend, ps = self._backend(), self._parameters
        z = backend.allocate(ps.element_octets)
        try:
            if isinstance(j, PreparedJ):
                ks1 = j._respond(backend, ps, own_kc1, own_s, z.view())
            else:
                ks1 = backend.respond(ps, arguments.secret("j", j), own_kc1, own_s, z.view())
            return ks1, bytes(z.view())
        finally:
            z.wipe()

    def z_client(self, pi: Octets | Pi, s_c1: Octets, kc1: Octets, ks1: Octets) -> bytes:
        """Compute z = K_s1^((S_c1 + t_2) / (S_c1 * t_1 + pi) mod r), the shared secret on the client.

        Args:
            pi: `hash_octets` octets, or a `kam3.Pi`.
            s_c1: the client's secret exponent, `scalar_octets` octets.
            kc1: K_c1 of this exponent (not compared), `element_octets` octets, public.
            ks1: what the server answered, `element_octets` octets, public.

        Returns:
            z, `element_octets` octets.

        Secret: pi, s_c1, z.

        Raises:
            TypeError: an argument is no octets.
            InvalidSecretError: `pi` or `s_c1` has a wrong length, `s_c1` is out of range, or `pi` belongs to another algorithm.
            InvalidElementError: `kc1` or `ks1` has a wrong length or is no element; non-squares pass here.
            DegenerateError: the denominator is 0, or z is 1, q-1 or the identity; the exchange must be rejected.
            ExchangeStateError: `pi` is a closed `Pi`, or one of another process.
            BackendUnavailableError: no backend can run here.

        Timing: constant (native). RFC 8121 sections 3.2 and 3.3.
        """
        own_s, own_kc1, own_ks1 = arguments.secret("s_c1", s_c1), arguments.public("kc1", kc1), arguments.public("ks1", ks1)
        backend, ps = self._backend(), self._parameters
        return self._with_pi(
            backend,
            pi,
            lambda own_pi: self._written(
                backend, ps.element_octets, lambda out: backend.z_client(ps, own_pi, own_s, own_kc1, own_ks1, out)
            ),
        )

    def vkc(self, kc1: Octets, ks1: Octets, z: Octets, nc: int, vh: Octets) -> bytes:
        """Compute VK_c = H(octet(4) | K_c1 | K_s1 | z | VI(nc) | VS(vh)), the client's proof.

        Args:
            kc1: `element_octets` octets, public.
            ks1: `element_octets` octets, public.
            z: the shared secret, `element_octets` octets.
            nc: the nonce number, a natural number of any size.
            vh: the host validation value (RFC 8120 section 7).

        Returns:
            VK_c, `hash_octets` octets.

        Secret: z; VK_c until it is sent.

        Raises:
            TypeError: an argument is no octets, or `nc` no int.
            ValueError: `nc` is negative.
            InvalidElementError: `kc1`, `ks1` or `z` has a wrong length; nothing else of them is checked.
            BackendUnavailableError: no backend can run here.

        Timing: depends on the size of nc and the length of vh. RFC 8120 section 12.2.
        """
        return self._vk(LABEL_VKC, kc1, ks1, z, nc, vh)

    def vks(self, kc1: Octets, ks1: Octets, z: Octets, nc: int, vh: Octets) -> bytes:
        """Compute VK_s = H(octet(3) | K_c1 | K_s1 | z | VI(nc) | VS(vh)), the server's proof.

        A server must not show VK_s before it has verified VK_c (RFC 8121 section 5.1); `kam3.ServerSession` takes care of that.
        Arguments, result, errors and timing are those of `vkc`.
        """
        return self._vk(LABEL_VKS, kc1, ks1, z, nc, vh)

    def b1(self, kc1: Octets, ks1: Octets, z: Octets, vh: Octets, t: Octets = b"") -> bytes:
        """Compute b_1 = H(H(octet(6) | K_c1 | K_s1 | z | VI(0) | VS(vh)) | VS(t)), which binds to the session (RFC 8120 section 13).

        Args:
            kc1: `element_octets` octets, public.
            ks1: `element_octets` octets, public.
            z: the shared secret, `element_octets` octets.
            vh: the host validation value.
            t: what the application chooses.

        Returns:
            b_1, `hash_octets` octets.

        Secret: z, b_1.

        Raises:
            TypeError: an argument is no octets.
            InvalidElementError: `kc1`, `ks1` or `z` has a wrong length; nothing else of them is checked.
            BackendUnavailableError: no backend can run here.

        Timing: depends on the lengths of vh and t.
        """
        return self._b(LABEL_B1, kc1, ks1, z, 0, vh, t)

    def b2(self, kc1: Octets, ks1: Octets, z: Octets, nc: int, vh: Octets, t: Octets = b"") -> bytes:
        """Compute b_2 = H(H(octet(7) | K_c1 | K_s1 | z | VI(nc) | VS(vh)) | VS(t)), which binds to one request.

        Arguments and result are those of `b1`, `nc` that of the request; errors and timing also those of `vkc`.
        """
        return self._b(LABEL_B2, kc1, ks1, z, nc, vh, t)

    def check_element(self, octets: Octets) -> None:
        """Check that octets are an element that a peer may send: DL 1 < x < q-1, EC a point of the curve.

        Args:
            octets: the element; its length, too, is checked.

        Secret: the element may be J.

        Raises:
            TypeError: not octets.
            InvalidElementError: a wrong length, out of range, or no point.
            BackendUnavailableError: no backend can run here.

        Timing: constant but for the verdict (native). RFC 8121 sections 3.2 and 3.3.
        """
        own = arguments.secret("element", octets)
        self._backend().check_element(self._parameters, "element", own)

    def is_square(self, element: Octets) -> bool:
        """Tell whether an element is in the subgroup that g generates: the Jacobi symbol for DL, always True for EC.

        Args:
            element: a public element, `element_octets` octets; not J.

        Returns:
            False for an element of DL that no honest peer sends.

        Raises:
            TypeError: not octets.
            InvalidElementError: a wrong length, out of range, or no point.
            BackendUnavailableError: no backend can run here.

        Timing: depends on the element, which must be public.
        """
        own = arguments.public("element", element)
        return self._backend().is_square(self._parameters, "element", own)

    def _vk(self, label: int, kc1: Octets, ks1: Octets, z: Octets, nc: int, vh: Octets) -> bytes:
        own_kc1, own_ks1, own_z = arguments.public("kc1", kc1), arguments.public("ks1", ks1), arguments.secret("z", z)
        own_nc, own_vh = arguments.natural("nc", nc), arguments.public("vh", vh)
        return self._backend().vk(self._parameters, label, own_kc1, own_ks1, own_z, own_nc, own_vh)

    def _b(self, label: int, kc1: Octets, ks1: Octets, z: Octets, nc: int, vh: Octets, t: Octets) -> bytes:
        own_kc1, own_ks1, own_z = arguments.public("kc1", kc1), arguments.public("ks1", ks1), arguments.secret("z", z)
        own_nc, own_vh, own_t = arguments.natural("nc", nc), arguments.public("vh", vh), arguments.public("t", t)
        return self._backend().b(self._parameters, label, own_kc1, own_ks1, own_z, own_nc, own_vh, own_t)

    def _pi_writer(
        self, password: Octets | str, auth_scope: Octets | str, realm: Octets | str, user: Octets | str
    ) -> Callable[[memoryview], None]:
        """Judge the types of what pi is derived from, and return what writes pi."""
        own = self._pi_arguments(password, auth_scope, realm, user)
        backend, ps = self._backend(), self._parameters
        return lambda out: backend.pi(ps, *own, out)

    @staticmethod
    def _pi_arguments(
        password: Octets | str, auth_scope: Octets | str, realm: Octets | str, user: Octets | str
    ) -> tuple[Buffer, Buffer, Buffer, Buffer]:
        """Judge the types of what pi is derived from: the password is viewed, the public rest copied."""
        return (
            arguments.text("password", password),
            bytes(arguments.text("auth_scope", auth_scope)),
            bytes(arguments.text("realm", realm)),
            bytes(arguments.text("user", user)),
        )

    def _keep_pi(self, password: Octets | str, *, auth_scope: Octets | str, realm: Octets | str, user: Octets | str) -> Pi:
        """Derive pi into memory that a `Pi` owns from before it is written."""
        write = self._pi_writer(password, auth_scope, realm, user)
        memory = self._backend().allocate(self._parameters.hash_octets)
        pi = Pi._of(self._parameters, memory)
        try:
            write(memory.view())
        except BaseException:
            pi.close()
            raise
        return pi

    def _with_pi(self, backend: Backend, pi: Octets | Pi, use: Callable[[Buffer], T]) -> T:
        """Call with pi as a buffer; that of a `Pi` is a copy, so that the owner is locked for no longer than copying takes."""
        if not isinstance(pi, Pi):
            return use(arguments.secret("pi", pi))
        copy = backend.allocate(self._parameters.hash_octets)
        try:
            pi._copy_into(self._parameters, copy.view())
            return use(copy.view())
        finally:
            copy.wipe()

    @staticmethod
    def _written(backend: Backend, octets: int, write: Callable[[memoryview], None]) -> bytes:
        """Return the result that a backend writes into its own memory, wiped afterwards."""
        out = backend.allocate(octets)
        try:
            write(out.view())
            return bytes(out.view())
        finally:
            out.wipe()
