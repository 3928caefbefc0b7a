"""The sessions that an exchange leads to: they own z, and make and check the proofs of RFC 8120 section 12.2.

A `ServerSession` gives out VK_s only against a correct VK_c (RFC 8121 section 5.1), and its first verification, if it is not a success,
is its last: one exchange, one guess (RFC 8120 section 11).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, final

from kam3 import arguments
from kam3.errors import ExchangeStateError, VerificationError
from kam3.ownership import SecretOwner
from kam3.primitives import LABEL_B1, LABEL_B2, LABEL_VKS

if TYPE_CHECKING:
    from typing_extensions import Self

    from kam3.backends.base import Backend
    from kam3.memory import Octets, SecretMemory
    from kam3.sets import ParameterSet

_OVER = "is over: its verification failed"


class _Session(SecretOwner):
    """What both sides of a session have in common: K_c1, K_s1, and z in wiped memory."""

    __slots__ = ("_backend", "_kc1", "_ks1", "_parameters", "_z")

    _SECRETS = ("_z",)

    _backend: Backend
    _parameters: ParameterSet
    _kc1: bytes
    _ks1: bytes
    _z: SecretMemory

    def __init__(self) -> None:
        raise TypeError(f"a {type(self).__name__} is made by an exchange")

    @classmethod
    def _begin(cls, parameters: ParameterSet, backend: Backend) -> Self:
        """Own zeroed memory that z is about to be written into."""
        session = cls.__new__(cls)
        session._backend, session._parameters = backend, parameters
        session._z = backend.allocate(parameters.element_octets)
        SecretOwner.__init__(session)
        return session

    def _answer(self, compute: Callable[[], bytes]) -> bytes:
        """Compute from z while it is there; `close` may come amid the computation by a signal handler (`kam3.ownership`)."""
        with self._serialised():
            self._require_ready()
            octets = compute()
            self._require_ready()
            return octets

    def _require_ready(self) -> None:
        self._require_open()

    def _vk(self, label: int, nc: int, vh: bytes) -> bytes:
        return self._backend.vk(self._parameters, label, self._kc1, self._ks1, self._z.view(), nc, vh)

    def _b(self, label: int, nc: int, vh: bytes, t: bytes) -> bytes:
        return self._backend.b(self._parameters, label, self._kc1, self._ks1, self._z.view(), nc, vh, t)

    def __repr__(self) -> str:
        return f"<kam3.{type(self).__name__} {self._parameters.token}>"


@final
class ClientSession(_Session):
    """Prove the client to the server and check the server's proof; made by `ClientExchange.finish`.

    Any number of requests may be made over one session, each with a nonce number of its own; to hand them out is the caller's work.

    Secret: z; in wiped memory until `close`, or until a proof of the server turns out wrong. And the VK_s that answers the latest VK_c,
    until either, or until the next: it is worth one answer to a request that has been made.
    """

    __slots__ = ("_expected",)

    _expected: tuple[int, bytes, bytes] | None  # nc, vh and VK_s of the latest request

    @classmethod
    def _begin(cls, parameters: ParameterSet, backend: Backend) -> ClientSession:
        session = super()._begin(parameters, backend)
        session._expected = None
        return session

    def _wipe(self) -> None:
        self._expected = None
        super()._wipe()

    def vkc(self, nc: int, vh: Octets) -> bytes:
        """Compute VK_c, the proof to send with a request.

        Args:
            nc: the nonce number of the request, never used before in this session.
            vh: the host validation value (RFC 8120 section 7).

        Returns:
            VK_c, `hash_octets` octets.

        Raises:
            TypeError: `nc` is no int, or `vh` no octets.
            ValueError: `nc` is negative.
            ExchangeStateError: the session is over or closed, or this is a forked child.

        Timing: depends on the size of nc and the length of vh. RFC 8120 section 12.2.
        """
        number, host = arguments.natural("nc", nc), arguments.public("vh", vh)
        with self._serialised():  # `_answer` without its calls: every request passes here
            self._require_open()
            vkc, vks = self._backend.proofs(self._parameters, self._kc1, self._ks1, self._z, number, host)
            self._require_open()
            self._expected = number, host, vks
            return vkc

    def verify_vks(self, vks: Octets, nc: int, vh: Octets) -> None:
        """Check the server's proof; if it is wrong, the session is over.

        Args:
            vks: what the server sent; any length but `hash_octets` is wrong.
            nc: the nonce number of the request.
            vh: the host validation value of the request.

        Raises:
            VerificationError: the proof is wrong. The server does not know J, or somebody is in between; z is wiped.
            TypeError: `vks` or `vh` is no octets, or `nc` no int; nothing changes.
            ValueError: `nc` is negative; nothing changes.
            ExchangeStateError: the session is over or closed, or this is a forked child.

        Timing: independent of where the proof is wrong; less for the latest request of this session, whose VK_s is there. RFC 8120
        sections 10.1 and 12.2.
        """
        received, number, host = arguments.public("vks", vks), arguments.natural("nc", nc), arguments.public("vh", vh)
        with self._serialised():
            self._require_open()
            expected = self._expected
            if expected is not None and expected[0] == number and expected[1] == host:
                own = expected[2]
            else:
                own = self._vk(LABEL_VKS, number, host)
            equal = hmac.compare_digest(own, received)
            self._require_open()
            if not equal:
                self._end(_OVER)
                raise VerificationError("vks is not the server's proof for this session, nc and vh", argument="vks")

    def b1(self, vh: Octets, t: Octets = b"") -> bytes:
        """Compute b_1, which binds an application to the session (RFC 8120 section 13).

        Trust in it waits for the first successful `verify_vks`.

        Args:
            vh: the host validation value.
            t: what the application chooses.

        Returns:
            b_1, `hash_octets` octets.

        Secret: the result.

        Raises:
            TypeError: an argument is no octets.
            ExchangeStateError: the session is over or closed, or this is a forked child.

        Timing: depends on the lengths of vh and t.
        """
        host, own_t = arguments.public("vh", vh), arguments.public("t", t)
        return self._answer(lambda: self._b(LABEL_B1, 0, host, own_t))

    def b2(self, nc: int, vh: Octets, t: Octets = b"") -> bytes:
        """Compute b_2, which binds an application to one request (RFC 8120 section 13).

        As `b1`, with the nonce number of the request.

        Raises:
            TypeError: `nc` is no int, or another argument no octets.
            ValueError: `nc` is negative.
            ExchangeStateError: the session is over or closed, or this is a forked child.
        """
        number, host, own_t = arguments.natural("nc", nc), arguments.public("vh", vh), arguments.public("t", t)
        return self._answer(lambda: self._b(LABEL_B2, number, host, own_t))


@final
class ServerSession(_Session):
    """Verify the client's proofs and answer them; made by `ServerExchange.respond`.

    Which nonce numbers were used, and when the session expires, is the session table's work.

    Secret: z; in wiped memory until `close`, or until the first verification fails.
    """

    __slots__ = ("_fake", "_matched")

    _fake: bool
    _matched: bytes | None

    @classmethod
    def _begin_unverified(cls, parameters: ParameterSet, backend: Backend, fake: bool) -> ServerSession:
        session = cls._begin(parameters, backend)
        session._fake, session._matched = fake, None
        return session

    def _require_ready(self) -> None:
        self._require_open()
        self._matching_vh()

    def _matching_vh(self) -> bytes:
        """Return the vh of the latest success; refuse before the first."""
        if self._matched is None:
            raise ExchangeStateError("this ServerSession has not verified the client yet")
        return self._matched

    @property
    def ks1(self) -> bytes:
        """K_s1, `element_octets` octets, public; refused with ExchangeStateError after the session's end and in a forked child."""
        with self._serialised():
            self._require_open()
            return self._ks1

    @property
    def vh(self) -> bytes:
        """The value of vh that matched in the latest successful `verify_vkc`; refused with ExchangeStateError before the first."""
        return self._answer(self._matching_vh)

    def verify_vkc(self, vkc: Octets, nc: int, vh: Octets | Sequence[Octets]) -> bytes:
        """Check the client's proof and, if it is right, return the server's: the only way to VK_s (RFC 8121 section 5.1).

        Before the first success, a wrong proof ends the session for good, and so does an interruption; after it, a wrong proof changes
        nothing.

        Args:
            vkc: what the client sent; any length but `hash_octets` is wrong.
            nc: the nonce number of the request.
            vh: the host validation value, or a sequence of 1 to 4 of them (several certificates); all are tried, and the one that
                matches is used from then on.

        Returns:
            VK_s, `hash_octets` octets.

        Raises:
            VerificationError: the proof is wrong: a wrong password, an unknown user (`ServerExchange.fake`), or somebody in between.
            TypeError: `vkc` or `vh` is no octets, or `nc` no int; nothing changes.
            ValueError: `nc` is negative, or `vh` a sequence of none or of more than 4; nothing changes.
            ExchangeStateError: the session is over or closed, or this is a forked child.

        Timing: depends on the size of nc and the number and lengths of vh, not on where the proof is wrong. RFC 8120 sections 11 and 12.2.
        """
        return self.verify_vkc_among(vkc, nc, vh)[0]

    def verify_vkc_among(self, vkc: Octets, nc: int, vh: Octets | Sequence[Octets]) -> tuple[bytes, bytes]:
        """Do what `verify_vkc` does, and tell which vh matched: `vh` may be another request's by the time that it is read.

        Returns:
            VK_s, and the vh that it is made with.

        Raises:
            As `verify_vkc`.
        """
        received, number, hosts = arguments.public("vkc", vkc), arguments.natural("nc", nc), arguments.host_values(vh)
        with self._serialised():
            self._require_open()
            proof = None
            try:
                if self._matched is None:
                    self._ended = _OVER  # whatever interrupts us from here on has been the one guess
                proof = self._matching(received, number, hosts)
                if proof is not None:
                    self._matched, self._ended = proof[1], None
            finally:
                if self._ended is not None:
                    self._end(_OVER)
            if self._closed:
                self._require_not_closed()
            if proof is None:
                raise VerificationError("vkc is not the client's proof for this session, nc and vh", argument="vkc")
            return proof

    def _matching(self, received: bytes, nc: int, hosts: Sequence[bytes]) -> tuple[bytes, bytes] | None:
        """Compare with the VK_c of every vh, and return VK_s and vh where it is the same; none is that of a fake session."""
        proof = None
        for vh in hosts:
            # Both whatever comes of it: right and wrong take the same calls.
            vkc, vks = self._backend.proofs(self._parameters, self._kc1, self._ks1, self._z, nc, vh)
            if hmac.compare_digest(vkc, received) & (not self._fake):
                proof = vks, vh
        return proof

    def b1(self, vh: Octets | Sequence[Octets], t: Octets = b"") -> bytes:
        """Compute b_1, which binds an application to the session (RFC 8120 section 13); only after a first success.

        Args:
            vh: the host validation value, or a sequence of 1 to 4, of which the one that matched in the latest `verify_vkc` is taken.
            t: what the application chooses.

        Returns:
            b_1, `hash_octets` octets.

        Secret: the result.

        Raises:
            TypeError: an argument is no octets.
            ValueError: `vh` is a sequence of none, of more than 4, or without the one that matched.
            ExchangeStateError: before the first success, or the session is over or closed, or this is a forked child.

        Timing: depends on the lengths of vh and t.
        """
        hosts, own_t = arguments.host_values(vh), arguments.public("t", t)
        return self._answer(lambda: self._b(LABEL_B1, 0, self._one_of(hosts), own_t))

    def b2(self, nc: int, vh: Octets | Sequence[Octets], t: Octets = b"") -> bytes:
        """Compute b_2, which binds an application to one request (RFC 8120 section 13); only after a first success.

        As `b1`, with the nonce number of the request.

        Raises:
            TypeError: `nc` is no int, or another argument no octets.
            ValueError: `nc` is negative, or `vh` a sequence of none, of more than 4, or without the one that matched.
            ExchangeStateError: before the first success, or the session is over or closed, or this is a forked child.
        """
        number, hosts, own_t = arguments.natural("nc", nc), arguments.host_values(vh), arguments.public("t", t)
        return self._answer(lambda: self._b(LABEL_B2, number, self._one_of(hosts), own_t))

    def seal(self, key: Octets, context: Octets) -> bytes:
        """Seal the session for a store that need not be trusted with z. Needs the extra ``[http]``.

        Args:
            key: the server's current key, 32 octets.
            context: what `unseal` must be given again: the pieces that say whose session this is and where it belongs, each after its
                length; not empty.

        Returns:
            The blob, whose layout `kam3.sealing` documents: 59 octets more than three group elements. It holds what never changes.

        Secret: `key`. The blob is none.

        Raises:
            TypeError: `key` or `context` is no octets.
            ValueError: `key` is not 32 octets long, or `context` is empty.
            ExchangeStateError: the session is over or closed, or this is a forked child.
            OSError: the operating system gives no random octets.
            MissingExtraError: the extra ``[http]`` is not installed.

        Timing: depends on the algorithm and the length of `context`. RFC 8120 section 11.
        """
        from kam3 import sealing

        with self._serialised():
            self._require_open()
            blob = sealing.seal_session(self, key, context)
            self._require_open()
            return blob

    @classmethod
    def unseal(cls, blob: Octets, keys: Sequence[Octets], context: Octets) -> ServerSession:
        """Open what `seal` made: a session on the active backend that has not verified the client yet, and is fake if it was.

        Args:
            blob: what `seal` returned.
            keys: the current and the former keys, of 32 octets each; the one that the blob names is used.
            context: as at sealing.

        Secret: `keys`.

        Raises:
            SealError: any fault of the blob: another key, another context, cut short, changed, of another version.
            TypeError: `blob`, a key or `context` is no octets, or `keys` no sequence.
            ValueError: a key is not 32 octets long, or `keys` or `context` is empty.
            MissingExtraError: the extra ``[http]`` is not installed.
            BackendUnavailableError: no backend can run here.

        Timing: depends on the algorithm, the number of keys and the length of `context`. RFC 8120 section 11.
        """
        from kam3 import sealing

        return sealing.unseal_session(blob, keys, context)

    def _one_of(self, hosts: Sequence[bytes]) -> bytes:
        if len(hosts) == 1:
            return hosts[0]
        matched = self._matching_vh()
        if matched not in hosts:
            raise ValueError("vh must hold the value that matched in the latest verify_vkc")
        return matched
