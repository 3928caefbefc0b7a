"""The sequence of requests that one request of the user leads to (RFC 8120 section 10).

A sequence walks through the table of `kam3.mutual.client_states`: each state that is not final has a method here, which does what the state
is there for and returns the event that came of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from typing import Any, ClassVar, TypeAlias

from kam3.algorithms import algorithm
from kam3.errors import (
    DegenerateError,
    ExchangeStateError,
    InvalidElementError,
    Kam3Error,
    LocalProtocolError,
    RemoteProtocolError,
    RetryableProtocolError,
    VerificationError,
)
from kam3.exchange import ClientExchange
from kam3.mutual import client_reasons as reasons
from kam3.mutual.actions import Steps
from kam3.mutual.client_actions import AskCredentials, FinishExchange, Outcome, Reason, Response, Send, StartExchange, Status, Ticket, Wait
from kam3.mutual.client_memory import Claim, Memory
from kam3.mutual.client_reading import SAFE, Question, Reading, read
from kam3.mutual.client_sessions import LiveSession
from kam3.mutual.client_states import FINAL, Event, State, after
from kam3.mutual.extensions import CONTROL_FIELD, Control, Situation, control_for
from kam3.mutual.messages import Init, KexC1, KexS1, serialize
from kam3.mutual.realms import Origin, Realm
from kam3.mutual.validation import Channel, method_of, vh_of

log = logging.getLogger("kam3.client")

_Walk: TypeAlias = "Generator[object, Any, Event]"
#: What a state does that need not ask for anything, or not always.
_Look: TypeAlias = "Event | _Walk"


class Sequence:
    """One sequence; `steps` may be walked once."""

    __slots__ = (
        "_channel",
        "_claim",
        "_failure",
        "_flying",
        "_init",
        "_memory",
        "_method",
        "_nc",
        "_once",
        "_origin",
        "_probed",
        "_probing",
        "_reading",
        "_requests",
        "_response",
        "_sent",
        "_session",
        "_state",
        "_url",
    )

    _origin: Origin
    _response: Response
    _reading: Reading

    def __init__(self, memory: Memory, method: str, url: str, channel: Channel | None, once: bool) -> None:
        self._memory, self._method, self._url = memory, method, url
        self._channel = channel  # the latest that is known
        self._once = once
        self._probing = False  # a plain request is to be a HEAD
        self._probed = False  # the latest request was one that stood in for the real one
        self._sent = False  # the request itself, with its body
        self._state = State.NEW
        self._claim: Claim | None = None
        self._session: LiveSession | None = None
        self._nc, self._flying = 0, False  # the number of our request, and whether it is in flight
        self._init: Init | None = None  # the latest challenge
        self._failure: RemoteProtocolError | None = None  # what those who wait for our key exchange must know
        self._requests = 0

    def steps(self) -> Steps[Outcome]:
        """Walk through the table."""
        try:
            while True:
                look = self._WALKS[self._state](self)
                event = look if isinstance(look, Event) else (yield from look)
                state = after(self._state, event)
                if state in FINAL:
                    return self._conclude(state, event)
                self._state = state
        finally:
            self._let_go()

    # Steps 1, 2, 6 and 7: what is known

    def _expect(self) -> _Look:
        found = self._memory.expect(self._url, self._channel)
        return self._expected(found) if found is None or isinstance(found, Claim) else self._expect_after(found)

    def _expect_after(self, ticket: Ticket) -> _Walk:
        found: Claim | Ticket | None = ticket
        while found is not None and not isinstance(found, Claim):
            yield from self._wait(found)
            found = self._memory.expect(self._url, self._channel)
        return self._expected(found)

    def _expected(self, found: Claim | None) -> Event:
        self._origin = self._memory.origin_of(self._url) if found is None else found.origin
        if self._channel is not None and self._channel.origin != self._origin:
            raise LocalProtocolError(f"channel must lead to {self._origin}", code="wrong-origin", argument="channel")
        if found is None:
            self._probing = self._once and self._memory.can_log_in(self._origin)
            return Event.NOTHING
        return self._take(found)

    def _choose(self) -> _Walk:
        self._let_go()
        realm = self._challenge().realm
        found = yield from self._claim_in(realm)
        if found is None:
            control = self._control(Situation.INITIAL, realm)
            ask = AskCredentials(self._origin, realm, control, self._memory.proxy is not None)
            credentials = None if control.no_auth else (yield ask)
            if credentials is not None:
                self._memory.ask(credentials, self._origin, realm)
                found = yield from self._claim_in(realm)
        if found is None:
            return Event.NOTHING
        self._memory.learn(self._url, self._origin, realm)
        return self._take(found)

    def _choose_quietly(self) -> _Walk:
        self._let_go()
        found = yield from self._claim_in(self._challenge().realm)
        if found is None:
            return Event.UNSENT if self._probed else Event.NOTHING
        return self._take(found)

    def _renew(self) -> _Walk:
        realm = self._own_claim().realm
        self._let_go()
        found = yield from self._claim_in(realm)
        return Event.NOTHING if found is None else self._take(found)

    def _claim_in(self, realm: Realm) -> Generator[object, Any, Claim | None]:
        while True:
            found = self._memory.claim(realm, self._origin, self._channel)
            if found is None or isinstance(found, Claim):
                return found
            yield from self._wait(found)

    def _wait(self, ticket: Ticket) -> Generator[object, Any, None]:
        yield Wait(ticket)
        failure = ticket.result() if ticket.done() else None
        if failure is not None:  # that server is not to get one more guess at the password
            raise RemoteProtocolError(str(failure), code=failure.code)

    def _take(self, claim: Claim) -> Event:
        self._claim, self._session, self._nc = claim, claim.session, claim.nc
        self._flying = claim.session is not None
        if self._once and self._sent:
            text = "authentication is wanted after the body has been sent, which can be done once only: make the request again"
            raise RetryableProtocolError(text, code="body-sent")
        return Event.CREDENTIALS if claim.session is None else Event.SESSION

    # Steps 3, 4, 5, 8, 9 and 10: requests

    def _send(self, send: Send, question: Question) -> _Walk:
        self._requests += 1
        self._sent = self._sent or not send.probe
        self._probed = send.probe
        response = yield send
        if response.channel.origin != question.origin:
            raise LocalProtocolError(f"the response must come from {question.origin}", code="wrong-origin", argument="channel")
        self._response, self._channel = response, response.channel
        if send.channel is not None and response.channel.certificate != send.channel.certificate:
            self._drop_session()
            text = "the answer came over a connection with another certificate than the proof was made for"
            raise RetryableProtocolError(text, code="certificate-changed")
        self._reading = reading = read(response, question)
        if isinstance(reading.message, Init):
            self._init = reading.message
            log.info("401-INIT from %s for %r: %s %s", question.origin, self._init.realm.realm, self._init.reason, reading.text)
        return reading.event

    def _send_normal(self) -> _Walk:
        self._let_go()
        question = Question(self._origin, probe=self._probing, safe=self._method in SAFE, headers=self._memory.headers)
        event = yield from self._send(Send(None, self._probing), question)
        self._probing = False
        return event

    def _send_kex(self) -> _Walk:
        claim = self._own_claim()
        realm, alg = claim.realm, algorithm(claim.realm.algorithm)
        validation = self._validation_in(realm)
        question = Question(self._origin, realm, validation, self._once, self._method in SAFE, self._memory.headers)
        try:
            started: ClientExchange = yield StartExchange(claim.credential, realm, alg)
        except ExchangeStateError:
            raise reasons.logged_out() from None
        with started as exchange:
            request = serialize(KexC1(realm, validation, claim.credential.user, exchange.kc1))
            event = yield from self._send(Send(request, self._once), question)
            message = self._reading.message
            if event is not Event.KEX_S1 or not isinstance(message, KexS1):
                return event
            rule = self._unfit(validation)
            if rule is not None:
                return self._foreign(rule)
            try:
                session = yield FinishExchange(exchange, message.ks1)
            except (InvalidElementError, DegenerateError) as error:
                self._failure = RemoteProtocolError(f"the server's key exchange value must not be used: {error}", code="invalid-ks1")
                return self._foreign(str(error))
        self._session = LiveSession(session, alg, message, self._response.channel, self._memory.now())
        self._nc, self._flying = self._memory.draw(self._session), True
        return event

    def _unfit(self, validation: str) -> str | None:
        """Return the rule by which the connection that a 401-KEX-S1 came on cannot carry the proofs, or None."""
        try:
            vh_of(self._response.channel)
            if method_of(self._response.channel) == validation:
                return None
        except ValueError as error:
            return str(error)
        return f"validation is not {validation} on this connection (RFC 8120 section 7)"

    def _foreign(self, rule: str) -> Event:
        self._reading = Reading(Event.FOREIGN, text=rule)
        return Event.FOREIGN

    def _validation_in(self, realm: Realm) -> str:
        """Return the validation to name: that of the challenge, which has been checked, else that of the channel."""
        if self._init is not None and self._init.realm == realm:
            return self._init.validation
        if self._channel is not None:
            return method_of(self._channel)
        return "host" if self._origin.scheme == "http" else "tls-server-end-point"

    def _send_vfy(self) -> _Walk:
        session = self._own_session()
        channel = self._channel or session.channel
        try:
            authorization = session.authorization(self._nc, session.vh_on(channel))
        except ExchangeStateError:
            raise self._wiped(session) from None
        realm, validation = session.message.realm, session.message.validation
        headers = self._memory.headers
        question = Question(self._origin, realm, validation, False, self._method in SAFE, headers)
        event = yield from self._send(Send(authorization, False, channel), question)
        if event is not Event.VFY_S:
            if self._response.status == headers.status:
                self._drop_session()
            self._put_back()
        return event

    # Step 14: the proof

    def _verify(self) -> Event:
        session, claim, response = self._own_session(), self._own_claim(), self._response
        try:
            headers = self._memory.headers
            vks = session.vks(self._reading.proof, headers)
            session.session.verify_vks(vks, self._nc, session.vh_on(response.channel))
        except VerificationError:
            session.distrusted = True
            self._drop_session()
            self._failure = reasons.not_proved()
            return Event.WRONG
        except RemoteProtocolError as error:
            self._reading = Reading(Event.WRONG, text=str(error))
            return Event.WRONG
        except ExchangeStateError:
            raise self._wiped(session) from None
        if not session.proved:
            self._memory.confirm(self._origin, claim, session)
        self._flying = False
        self._memory.succeed(self._url, self._origin, claim.realm, session)
        return Event.PROVED

    # The end

    def _conclude(self, state: State, event: Event) -> Outcome:
        if state is State.AUTH_SUCCEED:
            return self._succeeded()
        if state is State.FATAL:
            self._drop_session()
            raise self._failure or RemoteProtocolError(reasons.fatal(self._state, event, self._reading.text), code="unexpected-response")
        if state is State.STALE_AGAIN:
            text = "the server has lost the session that had just been made: try again once"
            raise RetryableProtocolError(text, code="stale-again", reason="stale-session")
        claim, realm = self._claim, None if self._init is None else self._init.realm
        outcome = Outcome(Status.UNAUTHENTICATED, reasons.NORMAL, realm, requests=self._requests)
        if state is State.UNAUTHENTICATED:
            self._memory.unlearn(self._url)
            if event is Event.SERVER_ERROR:
                outcome.reason, outcome.withheld = reasons.SERVER_ERROR, True
            elif event is Event.NOTHING or self._reading.message is not None:
                outcome.reason = reasons.OFFERED
                if realm is not None:
                    outcome.control = self._control(Situation.OPTIONAL, realm)
            elif self._state is not State.SEND_NORMAL_1:
                outcome.reason = reasons.UNPROVED
            return outcome
        outcome.status = Status.AUTH_REQUIRED
        if state is State.FAILED:
            outcome.reason = self._failed(self._challenge(), self._own_claim())
            outcome.user = self._own_claim().credential.user
        elif event is Event.UNUSABLE:
            outcome.reason = reasons.unusable(self._reading.text, self._init)
        else:
            outcome.reason = reasons.required(self._init, self._memory.given(self._origin))
        if realm is not None:
            failed = state is State.FAILED or claim is not None
            outcome.control = self._control(Situation.FAILED if failed else Situation.INITIAL, realm)
        return outcome

    def _succeeded(self) -> Outcome:
        session, claim = self._own_session(), self._own_claim()
        outcome = Outcome(Status.AUTH_SUCCEED, reasons.PROVED, claim.realm, claim.credential.user, self._nc, self._requests)
        outcome._session, outcome._vh = session.session, session.vh_on(self._response.channel)
        if self._memory.proxy is None and self._response.fields(CONTROL_FIELD):
            outcome.control = self._control(Situation.PROVED, claim.realm)
            self._memory.obey(claim, outcome.control)
        return outcome

    def _failed(self, init: Init, claim: Claim) -> Reason:
        """Step 13: forget the credentials, unless nobody has judged them."""
        if init.reason not in reasons.KEEPING:
            self._memory.refuse(claim.credential, claim.realm)
        return reasons.refused(init)

    def _control(self, situation: Situation, realm: Realm) -> Control:
        if self._memory.proxy is not None:  # RFC 8120 section 14
            return Control()
        return control_for(self._response.fields(CONTROL_FIELD), realm, situation, self._url)

    # What is held

    def _put_back(self) -> None:
        if self._flying and self._session is not None:
            self._flying = False
            self._memory.put_back(self._session)

    def _drop_session(self) -> None:
        if self._session is not None and self._claim is not None:
            self._memory.retire(self._claim, self._session)

    def _let_go(self) -> None:
        """Give back whatever is held: the number in flight, and the right to make the key exchange."""
        claim, session = self._claim, self._session
        if claim is None:
            return
        self._claim = self._session = None
        proved = session is not None and session.proved
        if session is not None and not proved:
            self._memory.retire(claim, session)
        if self._flying and session is not None:
            self._flying = False
            self._memory.put_back(session)
        if claim.owned is not None:
            self._memory.release(claim, session if proved else None, self._failure)

    # The table has seen to it that they are there.

    def _challenge(self) -> Init:
        if self._init is None:
            raise reasons.lost()
        return self._init

    def _own_claim(self) -> Claim:
        if self._claim is None:
            raise reasons.lost()
        return self._claim

    def _own_session(self) -> LiveSession:
        if self._session is None:
            raise reasons.lost()
        return self._session

    def _wiped(self, session: LiveSession) -> Kam3Error:
        """Return the error for z that has gone while the request was under way."""
        return reasons.not_proved() if session.distrusted else reasons.logged_out()

    _WALKS: ClassVar[dict[State, Callable[[Sequence], _Look]]] = {
        State.NEW: _expect,
        State.SEND_NORMAL_1: _send_normal,
        State.SEND_KEX_1: _send_kex,
        State.SEND_VFY_1: _send_vfy,
        State.RCVD_INIT: _choose,
        State.RCVD_OPTIONAL: _choose_quietly,
        State.RCVD_STALE: _renew,
        State.SEND_KEX: _send_kex,
        State.SEND_VFY: _send_vfy,
        State.SEND_VFY_NEW: _send_vfy,
        State.RCVD_VFY: _verify,
    }
