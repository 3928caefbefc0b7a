"""The client's automaton as a table: steps 1 to 14 of RFC 8120 section 10.2, and the rules of section 10.1 that they come from.

A sequence is in one state. Some states send a request and turn the answer into an event; the others look into what the client knows. A
pair of state and event that is not in the table is a fatal communication error: nothing of the response may be used (section 10.1).

Where the table says more than the RFC:

- Step 1 and 2 are NEW, steps 6 and 7 RCVD_INIT. Step 12 asks for credentials within RCVD_INIT, so that it is reached without them only.
- After a 401-STALE a session may be there that another sequence has made meanwhile. It is used as one's own new one would be. A 401-STALE
  for a new session ends the sequence, for a second key exchange in it is not allowed: at most one 401-STALE, one key exchange a realm.
- RCVD_OPTIONAL is RFC 8053: a normal response that offers authentication.
- UNPROTECTED is the normal answer to a request that stood in for one whose body can be sent once only: the real one follows, plainly.
- A 5xx without the server's proof is no fatal error (section 10.1, the last paragraph but one).
"""

from __future__ import annotations

import enum


class State(enum.IntEnum):
    """Where a sequence is. What has a number in section 10.2 is named after its label there."""

    NEW = 1
    SEND_VFY_1 = 3
    SEND_KEX_1 = 4
    SEND_NORMAL_1 = 5
    RCVD_INIT = 6
    SEND_VFY = 8
    SEND_KEX = 9
    SEND_VFY_NEW = 10  # step_rcvd_kex1
    UNAUTHENTICATED = 11
    AUTH_REQUIRED = 12
    FAILED = 13
    RCVD_VFY = 14
    AUTH_SUCCEED = 15
    RCVD_OPTIONAL = 16
    RCVD_STALE = 17
    STALE_AGAIN = 18
    FATAL = 19


class Event(enum.IntEnum):
    """What moves a sequence. "Same" and "other" tell a response's realm from the request's; to a plain request every realm is another."""

    # Responses
    INIT = 1  # 401-INIT of the same realm
    INIT_OTHER = 2  # 401-INIT of another realm, which we have the means for
    UNUSABLE = 3  # 401-INIT that we have no means for: version, algorithm, validation, auth-scope
    OPTIONAL_OTHER = 4  # a normal response with Optional-WWW-Authenticate for another realm
    STALE = 5  # 401-STALE of the same realm
    KEX_S1 = 6  # 401-KEX-S1 with the values of the request
    VFY_S = 7  # a response with vks
    NORMAL = 8  # a response without any message of ours
    UNPROTECTED = 9  # the same, to a request that stood in for the real one
    SERVER_ERROR = 10  # 5xx without vks, to a request that tried to authenticate
    FOREIGN = 11  # whatever else: another realm's, broken, or out of any rule
    # What the client knows
    SESSION = 12  # a session for the realm
    CREDENTIALS = 13  # a password for the realm, and no session
    NOTHING = 14  # neither, or no expectation about the URL
    UNSENT = 15  # the same, and a HEAD has stood in for the real request so far
    # What came of the check of vks
    PROVED = 16
    WRONG = 17


_S, _E = State, Event

TABLE: dict[tuple[State, Event], State] = {
    # Steps 1 and 2
    (_S.NEW, _E.SESSION): _S.SEND_VFY_1,
    (_S.NEW, _E.CREDENTIALS): _S.SEND_KEX_1,
    (_S.NEW, _E.NOTHING): _S.SEND_NORMAL_1,
    # Step 3
    (_S.SEND_VFY_1, _E.INIT_OTHER): _S.RCVD_INIT,
    (_S.SEND_VFY_1, _E.UNUSABLE): _S.AUTH_REQUIRED,
    (_S.SEND_VFY_1, _E.OPTIONAL_OTHER): _S.RCVD_OPTIONAL,
    (_S.SEND_VFY_1, _E.STALE): _S.RCVD_STALE,
    (_S.SEND_VFY_1, _E.INIT): _S.FAILED,
    (_S.SEND_VFY_1, _E.VFY_S): _S.RCVD_VFY,
    (_S.SEND_VFY_1, _E.NORMAL): _S.UNAUTHENTICATED,
    (_S.SEND_VFY_1, _E.SERVER_ERROR): _S.UNAUTHENTICATED,
    # Step 4
    (_S.SEND_KEX_1, _E.INIT_OTHER): _S.RCVD_INIT,
    (_S.SEND_KEX_1, _E.UNUSABLE): _S.AUTH_REQUIRED,
    (_S.SEND_KEX_1, _E.OPTIONAL_OTHER): _S.RCVD_OPTIONAL,
    (_S.SEND_KEX_1, _E.KEX_S1): _S.SEND_VFY_NEW,
    (_S.SEND_KEX_1, _E.INIT): _S.FAILED,
    (_S.SEND_KEX_1, _E.NORMAL): _S.UNAUTHENTICATED,
    (_S.SEND_KEX_1, _E.UNPROTECTED): _S.SEND_NORMAL_1,
    (_S.SEND_KEX_1, _E.SERVER_ERROR): _S.UNAUTHENTICATED,
    # Step 5
    (_S.SEND_NORMAL_1, _E.INIT_OTHER): _S.RCVD_INIT,
    (_S.SEND_NORMAL_1, _E.UNUSABLE): _S.AUTH_REQUIRED,
    (_S.SEND_NORMAL_1, _E.OPTIONAL_OTHER): _S.RCVD_OPTIONAL,
    (_S.SEND_NORMAL_1, _E.NORMAL): _S.UNAUTHENTICATED,
    (_S.SEND_NORMAL_1, _E.UNPROTECTED): _S.SEND_NORMAL_1,
    # Steps 6 and 7
    (_S.RCVD_INIT, _E.SESSION): _S.SEND_VFY,
    (_S.RCVD_INIT, _E.CREDENTIALS): _S.SEND_KEX,
    (_S.RCVD_INIT, _E.NOTHING): _S.AUTH_REQUIRED,
    (_S.RCVD_OPTIONAL, _E.SESSION): _S.SEND_VFY,
    (_S.RCVD_OPTIONAL, _E.CREDENTIALS): _S.SEND_KEX,
    (_S.RCVD_OPTIONAL, _E.NOTHING): _S.UNAUTHENTICATED,
    (_S.RCVD_OPTIONAL, _E.UNSENT): _S.SEND_NORMAL_1,
    # Step 8
    (_S.SEND_VFY, _E.STALE): _S.RCVD_STALE,
    (_S.SEND_VFY, _E.INIT): _S.FAILED,
    (_S.SEND_VFY, _E.VFY_S): _S.RCVD_VFY,
    (_S.SEND_VFY, _E.SERVER_ERROR): _S.UNAUTHENTICATED,
    # Step 9
    (_S.RCVD_STALE, _E.SESSION): _S.SEND_VFY_NEW,
    (_S.RCVD_STALE, _E.CREDENTIALS): _S.SEND_KEX,
    (_S.RCVD_STALE, _E.NOTHING): _S.AUTH_REQUIRED,
    (_S.SEND_KEX, _E.KEX_S1): _S.SEND_VFY_NEW,
    (_S.SEND_KEX, _E.INIT): _S.FAILED,
    (_S.SEND_KEX, _E.SERVER_ERROR): _S.UNAUTHENTICATED,
    # Step 10
    (_S.SEND_VFY_NEW, _E.INIT): _S.FAILED,
    (_S.SEND_VFY_NEW, _E.VFY_S): _S.RCVD_VFY,
    (_S.SEND_VFY_NEW, _E.STALE): _S.STALE_AGAIN,
    (_S.SEND_VFY_NEW, _E.SERVER_ERROR): _S.UNAUTHENTICATED,
    # Step 14
    (_S.RCVD_VFY, _E.PROVED): _S.AUTH_SUCCEED,
    (_S.RCVD_VFY, _E.WRONG): _S.FATAL,
}

#: Where a sequence ends. FAILED is AUTH-REQUIRED after credentials were refused (steps 13 and 12).
FINAL = frozenset({_S.UNAUTHENTICATED, _S.AUTH_REQUIRED, _S.FAILED, _S.AUTH_SUCCEED, _S.STALE_AGAIN, _S.FATAL})

#: States that send a request, and of these the ones whose request is the first of its sequence.
SENDING = frozenset({_S.SEND_NORMAL_1, _S.SEND_KEX_1, _S.SEND_VFY_1, _S.SEND_KEX, _S.SEND_VFY, _S.SEND_VFY_NEW})
FIRST = frozenset({_S.SEND_NORMAL_1, _S.SEND_KEX_1, _S.SEND_VFY_1})

RESPONSES = tuple(event for event in Event if event <= _E.FOREIGN)


_AFTER = {state: {event: TABLE.get((state, event), _S.FATAL) for event in Event} for state in State}


def after(state: State, event: Event) -> State:
    """Return the state that an event leads to; FATAL where the table has none."""
    return _AFTER[state][event]


def diagram() -> str:
    """Draw the table as a Mermaid state diagram; what it does not show is fatal."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.NEW.name}"]
    edges: dict[tuple[State, State], list[str]] = {}
    for (state, event), target in TABLE.items():
        edges.setdefault((state, target), []).append(event.name)
    lines += [f"    {state.name} --> {target.name}: {', '.join(names)}" for (state, target), names in edges.items()]
    lines += [f"    {state.name} --> [*]" for state in State if state in FINAL]
    return "\n".join(lines) + "\n"
