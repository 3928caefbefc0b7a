"""What a response is to a sequence: one event of its automaton, and the rule that it breaks (RFC 8120 sections 4 and 10.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

from kam3.algorithms import algorithm
from kam3.errors import RemoteProtocolError
from kam3.mutual.client_actions import Response
from kam3.mutual.client_states import Event
from kam3.mutual.extensions import OPTIONAL_FIELD, read_optional
from kam3.mutual.messages import ORIGIN, HeaderSet, Init, KexS1, Parameters, Stale, parse_challenge, read_challenges
from kam3.mutual.realms import Origin, Realm, check_scope
from kam3.mutual.validation import method_of, vh_of

#: Methods whose request may be made again although it has been answered (RFC 9110 section 9.2.1).
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

_UNUSABLE_CODES = frozenset({"unsupported-version", "unknown-algorithm"})


class Question(NamedTuple):
    """The request that a response answers."""

    origin: Origin
    realm: Realm | None = None  # that it tries to authenticate in
    validation: str = ""
    probe: bool = False
    safe: bool = True  # it may be made again after an answer
    headers: HeaderSet = ORIGIN


class Reading(NamedTuple):
    """A response as an event."""

    event: Event
    message: Init | Stale | KexS1 | None = None  # its realm never lacks the auth-scope
    text: str = ""  # the rule that makes it unusable or foreign
    proof: Sequence[str] = ()  # the lines that hold the proof, where there is one


def read(response: Response, question: Question) -> Reading:
    """Tell which event a response is. The proof, where there is one, is not looked at.

    Raises:
        MissingExtraError: a wildcard scope or a certificate needs the extra ``[http]``.
    """
    status, headers = response.status, question.headers
    lines = response.fields(headers.info)
    proof = bool(lines) and "vks" in ",".join(lines).lower()
    if status >= 500 and not proof and question.realm is not None:
        return Reading(Event.SERVER_ERROR)
    try:
        if 400 <= status < 500:
            challenge = read_challenges(response.fields(headers.challenge), headers).mutual
            if challenge is not None:
                if proof:
                    return Reading(Event.FOREIGN, text="a response must not hold both a challenge and a proof (RFC 8120 section 4)")
                return _challenge(response, challenge, question)
        if proof:
            if status == headers.status:
                return Reading(Event.FOREIGN, text=f"a 200-VFY-S must not have the status {status} (RFC 8120 section 4.5)")
            return Reading(Event.VFY_S, None, "", lines)
        return _optional(response, question) or _normal(question)
    except RemoteProtocolError as error:
        return Reading(Event.FOREIGN, text=str(error))


def _normal(question: Question, text: str = "", message: Init | None = None) -> Reading:
    return Reading(Event.UNPROTECTED if question.probe else Event.NORMAL, message, text)


def _challenge(response: Response, parameters: Parameters, question: Question) -> Reading:
    try:
        message = parse_challenge(parameters)
    except RemoteProtocolError as error:
        return Reading(Event.UNUSABLE if error.code in _UNUSABLE_CODES and "reason" in parameters else Event.FOREIGN, text=str(error))
    message = _with_scope(message, question)
    if isinstance(message, Init):
        rule = unusable(message, response, question.headers)
        if rule is not None:
            return Reading(Event.UNUSABLE, message, rule)
        return Reading(Event.INIT if message.realm == question.realm else Event.INIT_OTHER, message)
    name = "401-STALE" if isinstance(message, Stale) else "401-KEX-S1"
    if message.realm != question.realm or message.validation != question.validation:
        rule = f"algorithm, validation, auth-scope and realm of a {name} must be those of the request (RFC 8120 sections 4.3 and 10.1)"
        return Reading(Event.FOREIGN, message, rule)
    if isinstance(message, Stale):
        return Reading(Event.STALE, message)
    if response.status != question.headers.status:
        return Reading(Event.FOREIGN, message, f"a 401-KEX-S1 must have the status {question.headers.status} (RFC 8120 section 4.3)")
    return Reading(Event.KEX_S1, message)


def _with_scope(message: Init | Stale | KexS1, question: Question) -> Init | Stale | KexS1:
    """Write the auth-scope in where it was left out: the single-server scope (RFC 8120 section 4.1), of a proxy its host (section 14)."""
    if message.realm.auth_scope or isinstance(message, KexS1):
        return message
    origin = question.origin
    realm = message.realm._replace(auth_scope=str(origin) if question.headers == ORIGIN else origin.host)
    return Stale(realm, message.validation) if isinstance(message, Stale) else Init(realm, message.validation, message.reason)


def unusable(message: Init, response: Response, headers: HeaderSet = ORIGIN) -> str | None:
    """Return the rule that keeps us from authenticating to a challenge, or None: sections 5, 7 and 14 of RFC 8120."""
    try:
        algorithm(message.realm.algorithm)
        method = method_of(response.channel)
        if message.validation != method:
            return f"validation must be {method} on this channel (RFC 8120 section 7)"
        vh_of(response.channel)
        check_scope(message.realm.auth_scope, response.channel.origin)
        if headers != ORIGIN and message.realm.auth_scope != response.channel.origin.host:
            return "the auth-scope of a proxy must be its host name (RFC 8120 section 14)"
    except LookupError:
        return "algorithm is none of RFC 8121"
    except ValueError as error:
        return str(error)
    return None


def _optional(response: Response, question: Question) -> Reading | None:
    """Read the challenge that a response offers beside its content (RFC 8053 sections 3 and 3.1); None where there is none."""
    if question.headers != ORIGIN:  # what stands there is between client and origin (RFC 8120 section 14)
        return None
    lines = response.fields(OPTIONAL_FIELD)
    if not lines and response.status < 400:
        lines = response.fields("WWW-Authenticate")
    if not lines:
        return None
    try:
        message = read_optional(lines, response.status)
    except RemoteProtocolError:
        if question.realm is None:  # nothing is claimed, and nothing hoped for
            return None
        raise
    if message is None:
        return None
    message = cast(Init, _with_scope(message, question))
    rule = unusable(message, response)
    if rule is not None:
        return _normal(question, rule)
    if message.realm == question.realm:
        rule = "authentication must not be offered in answer to an attempt in the same realm (RFC 8053 section 3)"
        return Reading(Event.FOREIGN, message, rule)
    if not (question.safe or question.probe):
        return _normal(question, "authentication is offered, but the request has been carried out, and is not made twice", message)
    return Reading(Event.OPTIONAL_OTHER, message)
