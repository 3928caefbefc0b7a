"""The server of RFC 8120 without I/O: what becomes of a request (section 11), and what goes with the response to it.

A flow yields the actions of `kam3.mutual.actions` and returns `Answered` or `Forwarded`. Whatever it cannot settle is refused: a store
that does not answer leads to 503, never to the application, and never to a 401, at which clients would forget good passwords.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator, Iterable
from typing import Any, Final, TypeAlias

from kam3.errors import ExchangeStateError, OverloadedError, RemoteProtocolError, StoreUnavailableError, VerificationError
from kam3.mutual import conclusion
from kam3.mutual.actions import Admit, Begin, Commit, Create, End, Find, Pause, Respond, Responded, Steps
from kam3.mutual.conclusion import NO_STORE
from kam3.mutual.limits import peer_group
from kam3.mutual.messages import KexC1, KexS1, VfyC, parse_request, read_credentials, realm_of, serialize
from kam3.mutual.outcomes import ERROR, INFO, WARNING, Answered, Concluded, Event, Forwarded, Headers, Identity, Request
from kam3.mutual.server_states import REASONS, REFUSALS, Judged
from kam3.mutual.sessions import Admission, Answer, Begun, NewSession, SessionKey
from kam3.mutual.spaces import Area, ServedOrigin, Space, Terms, absolute_target, make_sites
from kam3.session import ServerSession

_SID_OCTETS = 16  # RFC 8120 section 4.3 asks for 80 bits, or the square of the sessions at one time

_STORE_RETRY = 5  # seconds

_EVALUATE: Final = Answer.EVALUATE  # as in `kam3.mutual.server_states`
_ACCEPTED: Final = Answer.ACCEPTED


#: A source of session identifiers: so many octets, random, and told to nobody else.
Sids: TypeAlias = "Callable[[int], bytes]"


class MutualServer:
    """A server's configuration, and the judgement of its requests; immutable but for the texts that its areas remember, for all threads.

    Args:
        spaces: what is protected, and what is left open within it.
        origins: the server as its clients see it: URLs, or `ServedOrigin` where certificates belong to it. Host fields choose among them,
            and a request for another origin is refused with 421.
        terms: what is promised with each session.
        sids: the source of session identifiers.
        proxy: it is a proxy (RFC 8120 section 14): the messages are 407 and the Proxy- fields, `origins` are its own addresses, a space
            protects all requests, and the scope of its realm is the proxy's host name.

    Raises:
        ValueError: the configuration breaks a rule, which the message names.
        UnknownAlgorithmError: a realm has none of the four algorithms.
        LocalProtocolError: a realm's name or scope cannot be sent.
        MissingExtraError: it needs the extra ``[http]``.
    """

    __slots__ = ("_sids", "_sites", "proxy", "terms")

    def __init__(
        self,
        spaces: Iterable[Space],
        origins: Iterable[ServedOrigin | str],
        *,
        terms: Terms | None = None,
        sids: Sids = secrets.token_bytes,
        proxy: bool = False,
    ) -> None:
        self.terms = terms or Terms()
        self.proxy = proxy
        self._sites = make_sites(spaces, origins, self.terms, proxy=proxy)
        self._sids = sids

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins that are served, as single-server scopes are written."""
        return tuple(map(str, self._sites.origins))

    def flow(self, request: Request) -> Steps[Answered | Forwarded]:
        """Judge a request.

        Args:
            request: the request.

        Returns:
            The steps to an `Answered`, to be sent without running the application, or a `Forwarded`, with which it runs.

        Raises:
            Exception: what an action raised and is no refusal of a store or a queue, thrown through; nothing was let in.
        """
        area = self._area_of(request)
        if area is None:
            return Forwarded(None, None)
        if isinstance(area, Answered):
            return area
        peer = peer_group(request.peer)
        claim = known = area.known.read(request.authorization)
        try:
            if claim is None:
                message = self._judge(request.authorization, area)
                if isinstance(message, Judged):
                    return _refused(area, message, peer)
                if isinstance(message, KexC1):
                    return (yield from self._key_exchange(message, area, peer))
                if len(message.sid) != 2 * _SID_OCTETS:
                    return _failed(Answer.STALE, area, peer, "")  # none was issued of this length
                claim = SessionKey(area.origin, area.realm, message.sid), message.nc, message.vkc
            key, nc, vkc = claim
            stored = nc if nc <= self.terms.nc_max else self.terms.nc_max + 1  # stores only compare it; the proof is over the number itself
            begun: Begun = yield Begin(key, stored)
            answer, session, user, pending = begun
            if answer is not _EVALUATE or session is None:
                return _failed(answer, area, peer, user)
            proof = _evaluate(session, vkc, nc, area)
            answer = yield Commit(key, stored, proof is not None, peer)
            if answer is not _ACCEPTED or proof is None:
                return _failed(answer, area, peer, user)
            if known is None:
                area.known.learn(request.authorization, key)
            identity = Identity._accepted(answer, area, key, nc, user, peer, session, *proof)
            return Forwarded(identity, area, (Event("log-in", INFO, peer, area.realm, user),) if pending else ())
        except StoreUnavailableError as error:
            event = Event("store-unavailable", ERROR, peer, area.realm, detail=str(error))
            return _unavailable(_STORE_RETRY, "the store does not answer; please try again", event)
        except OverloadedError as error:
            return _unavailable(error.retry_after, str(error), Event("overloaded", WARNING, peer, area.realm))

    def _area_of(self, request: Request) -> Area | Answered | None:
        """Return the area of the resource that a request is for, None if it is open, or the answer if it is for none of ours."""
        host, path = request.host, request.path or "/"
        try:
            if path[0] != "/":
                host, path = _absolute_target(request)
            if host is None:
                raise ValueError("a request needs one Host field")
            site = self._sites.site_of(request.scheme, host)
            return self._misdirected(request) if site is None else site.area_of(path)
        except ValueError as error:
            return Answered(400, (), str(error))

    def _misdirected(self, request: Request) -> Answered:
        reason = (
            f"this server answers for {', '.join(self.origins)} alone, and not under the name and scheme of this request. "
            "Its operator has to configure every origin that clients use; behind a reverse proxy that is the proxy's"
        )
        detail = f"{request.scheme}, Host {request.host!r:.200}"
        return Answered(421, (), reason, (Event("misdirected", INFO, peer_group(request.peer), detail=detail),))

    @staticmethod
    def _judge(authorization: tuple[str, ...], area: Area) -> KexC1 | VfyC | Judged:
        """Tell what a request is: a header that does not parse first, then the realm, then everything else."""
        try:
            message = _read(authorization, area)
        except RemoteProtocolError:
            return Judged.MALFORMED
        if isinstance(message, Judged):
            return message
        if message.realm != area.realm:
            return Judged.OTHER_REALM
        return message if message.validation == area.validation else Judged.MALFORMED

    def _key_exchange(self, message: KexC1, area: Area, peer: str) -> Generator[object, Any, Answered | Forwarded]:
        """Answer req-KEX-C1. Whatever the user name is, the same actions follow in the same order."""
        realm, user, terms = area.realm, message.user, self.terms
        window = (terms.nc_max, terms.nc_window)
        admission: Admission = yield Admit(peer, realm, user)
        if not admission.admitted:
            event = Event("rate-limited", WARNING, peer, realm, user)
            return _unavailable(admission.retry_after, "too many key exchanges; please try again later", event)
        if admission.wait > 0:
            yield Pause(admission.wait)
        j: bytes | None = yield Find(realm, user)
        responded: Responded = yield Respond(area.algorithm, j, message.kc1)
        session = responded.session
        if session is None:
            return _refused(area, Judged.BAD_KC1, peer)
        sid = self._sids(_SID_OCTETS).hex()
        fake = j is None or responded.corrupt
        key = SessionKey(area.origin, realm, sid)
        challenge = KexS1(realm, area.validation, sid, session.ks1, *window, terms.time, area.path)
        try:
            yield Create(NewSession(key, session, user, fake, peer, *window, terms.time + terms.grace))
        except BaseException:
            session.close()
            raise
        events = [Event("key-exchange", INFO, peer, realm, user)]
        if responded.corrupt:
            detail = "J is no element of the algorithm's group: the user cannot log in"
            events.append(Event("corrupt-credential", ERROR, peer, realm, user, detail))
        return _challenged(area, serialize(challenge), "the key exchange goes on", *events)

    def conclude(self, forwarded: Forwarded, status: int, headers: Headers, *, log_out: bool = False) -> Concluded:
        """Complete a final response: the application's, or one that is made in its place.

        With the proof, if the request was accepted, whatever the status is; 401 becomes 403, for a response of this status cannot carry it
        (RFC 8120 section 4.5). Of a proxy that is true of 407, which becomes 502; an origin's 401 carries the proxy's proof. To be called
        before the header section is sent; interim responses (1xx but 101) go without.

        Args:
            forwarded: what the flow came to.
            status: the HTTP status.
            headers: the header fields.
            log_out: tell the client to forget its credentials; `end` has been carried out before.

        Returns:
            Status and header fields to send.
        """
        return conclusion.conclude(forwarded, status, headers, log_out)

    def reauthenticate(self, forwarded: Forwarded) -> Answered:
        """Return the answer that asks for a new log-in, to be sent in place of the application's; `end` has been carried out before.

        Raises:
            ValueError: the request was not accepted, so that there is nothing to begin anew.
        """
        return conclusion.wanted_again(forwarded)

    def deny(self, forwarded: Forwarded) -> Answered:
        """Return the answer to a user who is known and lacks the right (403, authz-failed), to be sent in place of the application's.

        It is a 401-INIT message: clients show the reason and keep their credentials. A plain 403 of the application is the usual way.

        Raises:
            ValueError: the request was not accepted.
        """
        return conclusion.denied(forwarded)

    def end(self, forwarded: Forwarded) -> Steps[None]:
        """Make the session of an accepted request inactive.

        Raises:
            StoreUnavailableError: from the steps: the store does not answer, and the session goes on.
        """
        if forwarded.identity is not None:
            yield End(forwarded.identity.key)


def _absolute_target(request: Request) -> tuple[str | None, str]:
    """Return host and path of a target that does not begin with a slash (RFC 9112 section 3.2)."""
    if request.path == "*" and request.method == "OPTIONS":
        return request.host, "/"
    split = absolute_target(request.path)
    if split is None or split[0] != request.scheme:
        raise ValueError("the target of a request must be a path, or a URL of the scheme it is sent by")
    return split[1:]


def _read(authorization: tuple[str, ...], area: Area) -> KexC1 | VfyC | Judged:
    """Read credentials; raise what is wrong with them where no realm can be told."""
    parameters = read_credentials(authorization, area.headers)
    if parameters is None:
        return Judged.NORMAL
    try:
        return parse_request(parameters)
    except RemoteProtocolError:
        realm = realm_of(parameters)  # of another realm we know no rules, and a message without a scope is of none
        return Judged.OTHER_REALM if realm.auth_scope and realm != area.realm else Judged.MALFORMED


def _evaluate(session: ServerSession, vkc: bytes, nc: int, area: Area) -> tuple[bytes, bytes] | None:
    """Return VK_s and the vh that matched, or None if the proof is wrong or the session has been ended meanwhile."""
    try:
        return session.verify_vkc_among(vkc, nc, area.hosts)
    except (VerificationError, ExchangeStateError):
        return None


def _refused(area: Area, judged: Judged, peer: str) -> Answered | Forwarded:
    """Answer a request that comes to no session."""
    reason, replaceable = REFUSALS[judged]
    if replaceable and area.optional:
        return Forwarded(None, area)
    events = () if replaceable else (Event("malformed", INFO, peer, area.realm, detail=judged.value),)
    controls = area.controls.initial if replaceable else area.controls.failed
    return _challenged(area, area.init[reason], f"log-in needed: {reason}", *events, controls=controls)


def _failed(answer: Answer, area: Area, peer: str, user: str) -> Answered:
    """Answer a request whose session or proof was not accepted."""
    reason = REASONS.get(answer, "auth-failed")  # ACCEPTED without a proof: a table that does not keep its word
    if reason == "stale-session":
        events = (Event("nonce-refused", WARNING, peer, area.realm, user),) if answer is Answer.NC_REFUSED else ()
        return _challenged(area, area.stale, "the session is over", *events)
    event = Event("log-in-failed", WARNING, peer, area.realm, user, answer.value)
    return _challenged(area, area.init[reason], "log-in failed", event, controls=area.controls.failed)


def _challenged(area: Area, challenge: str, reason: str, *events: Event, controls: Headers = ()) -> Answered:
    headers = area.headers
    return Answered(headers.status, ((headers.challenge, challenge), NO_STORE, *controls), reason, events)


def _unavailable(retry_after: int, reason: str, event: Event) -> Answered:
    return Answered(503, (("Retry-After", str(retry_after)), NO_STORE), reason, (event,))

