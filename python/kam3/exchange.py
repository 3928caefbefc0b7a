"""The exchange of RFC 8121 as objects that own its secrets and keep its order.

An exchange draws its secret exponent itself, straight into wiped memory of the backend that was active when it was made. Nothing lets a
caller choose one, for two answers with one S_s1 give a login without password. `ClientExchange.finish` and `ServerExchange.respond` may
be called once, even if they raise, and lead to a session (`kam3.session`), which holds z.

Whatever must happen once is marked as done before it begins. An exception at any point, KeyboardInterrupt included, therefore ends what it
interrupts, and leaves no secret behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from kam3 import arguments
from kam3.algorithms import Algorithm
from kam3.errors import DegenerateError, ExchangeStateError, Rule, fault
from kam3.ownership import SecretOwner, process_mark
from kam3.pi import Pi
from kam3.prepared import PreparedJ
from kam3.session import ClientSession, ServerSession
from kam3.sets import Role

if TYPE_CHECKING:
    from kam3.backends.base import Backend
    from kam3.memory import Octets
    from kam3.sets import ParameterSet

_SPENT = "has been used: an exchange serves once, even if it failed"

#: A denominator of 0 has a chance of 2^-256 at most. This many in a row are a broken random source or backend, not bad luck.
_DRAWS = 16

#: J for unknown users, by process and algorithm. No lock that a fork could leave locked: of two threads that draw, the first to store wins.
_stand_ins: dict[tuple[tuple[int, int], str], bytes] = {}


class _Exchange(SecretOwner):
    """What both sides of an exchange have in common."""

    __slots__ = ("_backend", "_parameters", "_strict")

    _backend: Backend
    _parameters: ParameterSet
    _strict: bool

    def _prepare(self, alg: Algorithm, backend: Backend, strict: bool) -> None:
        SecretOwner.__init__(self)
        self._backend, self._parameters, self._strict = backend, alg.parameters, strict

    def _received(self, argument: str, value: object) -> bytes:
        """Return the peer's element, refused here if it is no square and we are strict; the rest the backend checks."""
        octets = arguments.public(argument, value)
        if self._strict and not self._backend.is_square(self._parameters, argument, octets):
            raise fault(Rule.ELEMENT_SQUARE, argument)
        return octets

    def __repr__(self) -> str:
        return f"<kam3.{type(self).__name__} {self._parameters.token}>"


@final
class ClientExchange(_Exchange):
    """Begin an exchange as the client: draw S_c1 and compute K_c1.

    Args:
        alg: the algorithm; a view bound by `Algorithm.on` decides the backend.
        pi: `hash_octets` octets, or a `kam3.Pi`; a private copy is kept.
        strict: refuse a K_s1 that is no square mod q (DL). Honest servers send none.

    Secret: pi, S_c1; in wiped memory until `finish` or `close`.

    Raises:
        TypeError: `alg` is no `Algorithm`, or `pi` no octets.
        InvalidSecretError: `pi` has a wrong length, or belongs to another algorithm.
        ExchangeStateError: `pi` is a closed `Pi`, or one of another process.
        OSError: the operating system gives no random octets.
        DegenerateError: the denominator was 0 again and again, so the random source is broken.
        BackendUnavailableError: no backend can run here.

    Timing: constant (native). RFC 8121 sections 3.2 and 3.3.
    """

    __slots__ = ("_kc1", "_pi", "_s_c1")

    _SECRETS = ("_pi", "_s_c1")

    def __init__(self, alg: Algorithm, pi: Octets | Pi, *, strict: bool = True) -> None:
        backend = _backend_of(alg)
        self._pi = backend.allocate(alg.parameters.hash_octets)
        self._s_c1 = backend.allocate(alg.parameters.scalar_octets)
        self._prepare(alg, backend, strict)
        try:
            self._keep(pi)
            self._kc1 = self._draw()
        except BaseException:
            self.close()
            raise

    def _keep(self, pi: Octets | Pi) -> None:
        if isinstance(pi, Pi):
            pi._copy_into(self._parameters, self._pi.view())
            return
        given = arguments.secret("pi", pi)
        if len(given) != len(self._pi):
            raise fault(Rule.SECRET_LENGTH, "pi", expected=len(self._pi), actual=len(given))
        self._pi.view()[:] = given

    def _draw(self) -> bytes:
        """Draw S_c1 until the denominator of the later z is not 0, and return K_c1."""
        for attempt in range(1, _DRAWS + 1):
            self._backend.generate_secret(self._parameters, Role.CLIENT, self._s_c1.view())
            kc1 = self._backend.kc1(self._parameters, self._s_c1.view())
            try:
                self._backend.check_denominator(self._parameters, self._pi.view(), self._s_c1.view(), kc1)
            except DegenerateError:
                if attempt == _DRAWS:
                    raise
            else:
                break
        return kc1

    @property
    def kc1(self) -> bytes:
        """K_c1, `element_octets` octets, public; refused with ExchangeStateError after `close` and in a forked child."""
        with self._serialised():
            self._require_not_closed()
            return self._kc1

    def finish(self, ks1: Octets) -> ClientSession:
        """Compute z from the server's answer, once: any call, even one that raises, ends the exchange and wipes pi and S_c1.

        Args:
            ks1: what the server answered, `element_octets` octets, public.

        Returns:
            The session, with z in wiped memory.

        Raises:
            TypeError: `ks1` is no octets.
            InvalidElementError: `ks1` has a wrong length, is no element or, if strict, no square.
            DegenerateError: z is 1, q-1 or the identity; the server is not honest.
            ExchangeStateError: not the first call, or after `close`, or in a forked child.

        Timing: constant (native). RFC 8121 sections 3.2 and 3.3.
        """
        with self._serialised():
            self._require_open()
            session = None
            try:
                self._ended = _SPENT
                received = self._received("ks1", ks1)
                session = ClientSession._begin(self._parameters, self._backend)
                session._kc1, session._ks1 = self._kc1, received
                self._backend.z_client(self._parameters, self._pi.view(), self._s_c1.view(), self._kc1, received, session._z.view())
                self._require_not_closed()
                return session
            except BaseException:
                if session is not None:
                    session.close()
                raise
            finally:
                self._end(_SPENT)


@final
class ServerExchange(_Exchange):
    """Begin an exchange as the server, for a user whose J is stored; for one who is unknown take `ServerExchange.fake`.

    Args:
        alg: the algorithm; a view bound by `Algorithm.on` decides the backend.
        j: J, `element_octets` octets, or what `Algorithm.prepare_j` made of it; a private copy is kept.
        strict: refuse a K_c1 that is no square mod q (DL). Honest clients send none, and others learn a bit of S_s1 from the answer.

    Secret: J; in wiped memory until `respond` or `close`.

    Raises:
        TypeError: `alg` is no `Algorithm`, or `j` no octets.
        InvalidElementError: `j` has a wrong length or is no element (the stored record is broken), or belongs to another algorithm.
        ExchangeStateError: `j` is a closed `PreparedJ`, or one of another process.
        OSError: the operating system gives no random octets.
        BackendUnavailableError: no backend can run here.

    Timing: constant (native), with a `PreparedJ` less than without: the client sees whether the user is prepared, and an unknown one never
    is. RFC 8121 sections 3.2 and 3.3.
    """

    __slots__ = ("_fake", "_j", "_prepared", "_s_s1")

    _SECRETS = ("_j", "_s_s1")

    def __init__(self, alg: Algorithm, j: Octets | PreparedJ, *, strict: bool = True) -> None:
        self._open(alg, j, strict)

    @classmethod
    def fake(cls, alg: Algorithm, *, strict: bool = True) -> ServerExchange:
        """Begin an exchange for an unknown user, by the same path and with the same work; its session never succeeds.

        J is drawn once per process and algorithm, and its exponent forgotten. K_s1 is uniform whatever J is, so that the answer tells
        nothing about the name (RFC 8120 section 11, note 2).

        Args:
            alg: the algorithm; a view bound by `Algorithm.on` decides the backend.
            strict: as for a known user; take the same for both.

        Raises:
            TypeError: `alg` is no `Algorithm`.
            OSError: the operating system gives no random octets.
            BackendUnavailableError: no backend can run here.

        Timing: as for a known user.
        """
        exchange = cls.__new__(cls)
        exchange._open(alg, None, strict)
        return exchange

    def _open(self, alg: Algorithm, j: Octets | PreparedJ | None, strict: bool) -> None:
        backend = _backend_of(alg)
        stand_in = _stand_in_j(alg.parameters, backend)  # for a known user, too: the first exchange pays, whatever its user is
        self._fake = j is None
        self._prepared = j if isinstance(j, PreparedJ) else None
        given = stand_in if j is None or isinstance(j, PreparedJ) else arguments.secret("j", j)
        self._j = backend.allocate(len(given))
        self._s_s1 = backend.allocate(alg.parameters.scalar_octets)
        self._prepare(alg, backend, strict)
        try:
            if self._prepared is not None:
                self._prepared._copy_into(self._parameters, self._j.view())
                return
            self._j.view()[:] = given
            backend.check_element(self._parameters, "j", self._j.view())
        except BaseException:
            self.close()
            raise

    def respond(self, kc1: Octets) -> ServerSession:
        """Draw S_s1 and compute K_s1 and z, once: any call, even one that raises, ends the exchange and wipes J and S_s1.

        Args:
            kc1: what the client sent, `element_octets` octets, public.

        Returns:
            The session, with K_s1 to send, and z in wiped memory.

        Raises:
            TypeError: `kc1` is no octets.
            InvalidElementError: `kc1` has a wrong length, is no element or, if strict, no square.
            DegenerateError: K_s1 or z is 1, q-1 or the identity; the client is not honest.
            OSError: the operating system gives no random octets.
            ExchangeStateError: not the first call, or after `close`, or in a forked child.

        Timing: constant (native). RFC 8121 sections 3.2 and 3.3.
        """
        with self._serialised():
            self._require_open()
            session = None
            try:
                self._ended = _SPENT
                received = self._received("kc1", kc1)
                session = ServerSession._begin_unverified(self._parameters, self._backend, self._fake)
                session._kc1 = received
                self._backend.generate_secret(self._parameters, Role.SERVER, self._s_s1.view())
                session._ks1 = self._answer(received, session._z.view())
                self._require_not_closed()
                return session
            except BaseException:
                if session is not None:
                    session.close()
                raise
            finally:
                self._end(_SPENT)

    def _answer(self, kc1: bytes, z_out: memoryview) -> bytes:
        j, s_s1 = self._j.view(), self._s_s1.view()
        if self._prepared is not None:
            try:
                return self._prepared._respond(self._backend, self._parameters, kc1, s_s1, z_out)
            except ExchangeStateError:  # closed meanwhile
                pass
        return self._backend.respond(self._parameters, j, kc1, s_s1, z_out)


def _backend_of(alg: Algorithm) -> Backend:
    if not isinstance(alg, Algorithm):
        raise TypeError(f"alg must be a kam3.Algorithm, not {type(alg).__name__}")
    return alg._backend()


def _stand_in_j(ps: ParameterSet, backend: Backend) -> bytes:
    """Return this process's J for unknown users: g^x of an x that is wiped at once."""
    key = (process_mark(), ps.token)
    known = _stand_ins.get(key)
    if known is not None:
        return known
    x = backend.allocate(ps.scalar_octets)
    try:
        backend.generate_secret(ps, Role.CLIENT, x.view())
        return _stand_ins.setdefault(key, backend.kc1(ps, x.view()))
    finally:
        x.wipe()
