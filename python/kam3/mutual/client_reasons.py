"""Why a sequence ended as it did, in words: what was checked and what can be done. `Reason.code` is for programs (docs/http.md)."""

from __future__ import annotations

from kam3.errors import LocalProtocolError, RemoteProtocolError
from kam3.mutual.client_actions import Reason
from kam3.mutual.client_credentials import Credential
from kam3.mutual.client_states import Event, State
from kam3.mutual.messages import Init

PROVED = Reason("proved", "the server has proved that it knows the user, and that this is its answer to this request")

NORMAL = Reason("normal-response", "the server answered without asking for authentication, and proved nothing: anybody can answer so")
UNPROVED = Reason(
    "normal-response",
    "the request tried to authenticate, and the server answered without a proof: the resource is open, or somebody stripped the proof",
)
SERVER_ERROR = Reason("server-error", "the server failed before it proved itself: nothing of its response may be used; try again later")
OFFERED = Reason("optional", "the server offers authentication for this resource, and answered without it; it proved nothing")

#: The reasons of a 401-INIT after which credentials are kept (decided from RFC 8120 section 4.1): nobody has judged them.
KEEPING = frozenset({"internal-error", "invalid-parameters", "authz-failed"})

_REFUSED = {
    "auth-failed": "the server has refused the credentials, and they are forgotten: check user and password and give them again",
    "reauth-needed": "the server wants a new log-in, and the credentials are forgotten: give them again",
    "authz-failed": "the server knows the user, who may not access this resource",
    "internal-error": "the server had a problem of its own and did not judge the credentials; try again later",
    "invalid-parameters": "the server did not accept a parameter of the request and did not judge the credentials",
}


def unusable(rule: str, init: Init | None) -> Reason:
    """Explain a challenge that nothing can be done about."""
    return Reason("unusable-challenge", f"the challenge cannot be answered: {rule}", None if init is None else init.reason)


def refused(init: Init) -> Reason:
    """Explain a 401-INIT in answer to an attempt."""
    code = init.reason if init.reason in _REFUSED else "auth-failed"
    return Reason(code, _REFUSED[code], init.reason)


def required(init: Init | None, given: Credential | None) -> Reason:
    """Explain why there are no credentials for a challenge.

    Args:
        init: the challenge, or None: the credentials have gone while a session was renewed.
        given: what was given for the origin, which is not usable here.
    """
    if init is None:
        return Reason("no-credentials", "the session is over, and the credentials for a new one have been forgotten")
    if given is None:
        return Reason("no-credentials", "the resource needs authentication, and there are no credentials for its realm", init.reason)
    if given.realm not in (None, init.realm):
        text = "the credentials of this origin belong to another realm, and are never used in a second one by themselves"
        return Reason("other-realm", text, init.reason)
    text = "the credentials of this origin have been refused before, and are not tried again until they are changed"
    return Reason("bad-credentials", text, init.reason)


_EVENTS = {
    Event.INIT: "a 401-INIT",
    Event.INIT_OTHER: "a 401-INIT of another realm",
    Event.UNUSABLE: "a 401-INIT that cannot be answered",
    Event.OPTIONAL_OTHER: "an offer to authenticate in another realm",
    Event.STALE: "a 401-STALE",
    Event.KEX_S1: "a 401-KEX-S1",
    Event.VFY_S: "a 200-VFY-S",
    Event.NORMAL: "a response without a proof",
    Event.UNPROTECTED: "a response without a proof",
    Event.SERVER_ERROR: "a server error",
    Event.FOREIGN: "a response that is out of order",
    Event.WRONG: "a wrong proof",
}

_REQUESTS = {
    State.SEND_NORMAL_1: "a plain request",
    State.SEND_KEX_1: "a req-KEX-C1",
    State.SEND_KEX: "a later req-KEX-C1",
    State.SEND_VFY_1: "a req-VFY-C",
    State.SEND_VFY: "a later req-VFY-C",
    State.SEND_VFY_NEW: "a req-VFY-C of a new session",
    State.RCVD_VFY: "a req-VFY-C",
}


def fatal(state: State, event: Event, rule: str) -> str:
    """Describe a fatal communication error."""
    text = f"{_EVENTS[event]} in answer to {_REQUESTS[state]} must not be accepted (RFC 8120 section 10.1)"
    return f"{text}: {rule}" if rule else text


def not_proved() -> RemoteProtocolError:
    """Return the error for a wrong proof."""
    return RemoteProtocolError("the server has not proved that it knows the user: its vks is wrong", code="server-not-proved")


def logged_out() -> LocalProtocolError:
    """Return the error for credentials or a session that somebody has ended meanwhile."""
    return LocalProtocolError("the credentials were forgotten while the request was under way", code="logged-out")


def lost() -> LocalProtocolError:
    """Return the error for what cannot be: the table leads nowhere without what the state works on."""
    return LocalProtocolError("the sequence has lost what it works on", code="out-of-order")
