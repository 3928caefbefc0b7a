"""The server's table of states and messages (RFC 8120 sections 6 and 11), as data and pure functions.

A request with a proof is judged twice by `BEFORE`: before its proof is evaluated, and again when it is committed, because other requests
of the session may have been settled in between. Where `BEFORE` says EVALUATE, the commit goes on to `AFTER`, which knows whether the
proof was right. A session table keeps phase and `Window` of each session and applies `begin` and `commit` atomically; nothing here
changes anything.

The nonce numbers are natural numbers without a bound. They are compared as they are; only numbers up to nc-max are ever kept.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

from kam3.mutual.sessions import Answer


class Phase(enum.Enum):
    """The state of a session. What is not in the table is INACTIVE: both are answered alike, so that a table need not keep it."""

    KEY_EXCHANGING = "key-exchanging"
    AUTHENTICATED = "authenticated"
    REJECTED = "rejected"
    INACTIVE = "inactive"

    __hash__ = object.__hash__  # a key of the tables at every request: `enum` would hash the name, in Python


class Nonce(enum.Enum):
    """What a nonce number is to a session."""

    NEW = "new"  # never received, and within the bounds
    USED = "used"  # received before
    OUTSIDE = "outside"  # above nc-max, or so low that nobody remembers whether it was received

    __hash__ = object.__hash__  # as of `Phase`


_NEW, _USED, _OUTSIDE = Nonce.NEW, Nonce.USED, Nonce.OUTSIDE  # a name of a module is found at once, a member of an `enum` is searched for


class Window(NamedTuple):
    """The nonce numbers that a session has received, in constant memory."""

    largest: int = 0  # the largest received, 0 at first
    flags: int = 0  # bit i: whether `largest` - i was received; 0 at first, so that nc = 0 is no duplicate

    def judge(self, nc: int, nc_max: int, nc_window: int) -> Nonce:
        """Tell what `nc` is, by the rules of RFC 8120 sections 6 and 11 (note 3: what is below the window is refused)."""
        distance = self.largest - nc
        if nc > nc_max or distance >= nc_window:
            return _OUTSIDE
        return _USED if distance >= 0 and self.flags >> distance & 1 else _NEW

    def receive(self, nc: int, nc_window: int) -> Window:
        """Return the window after `nc`, which was judged NEW."""
        ahead = nc - self.largest
        if ahead <= 0:
            return Window(self.largest, self.flags | 1 << -ahead)
        if ahead >= nc_window:  # nothing of before is within the window: never shift by what a client chose
            return Window(nc, 1)
        return Window(nc, (self.flags << ahead | 1) & ((1 << nc_window) - 1))


class State(NamedTuple):
    """All of a session that changes; a table's record that has these two may stand for it."""

    phase: Phase = Phase.KEY_EXCHANGING
    window: Window = Window()


class Stateful(Protocol):
    """What has the members of a `State`."""

    @property
    def phase(self) -> Phase:
        """See `State`."""
        ...

    @property
    def window(self) -> Window:
        """See `State`."""
        ...


class Next(NamedTuple):
    """An entry of the table: the phase a session goes to, and what the request is answered."""

    phase: Phase
    answer: Answer


_K, _A, _R, _I = Phase.KEY_EXCHANGING, Phase.AUTHENTICATED, Phase.REJECTED, Phase.INACTIVE
_EVALUATE, _ACCEPTED = Answer.EVALUATE, Answer.ACCEPTED

#: Judged before the proof, in the order of section 11: state first, then the nonce number. A session that is pending has received no
#: number, so that USED cannot meet it; the entry is there because a table without holes has no default.
BEFORE: Mapping[tuple[Phase, Nonce], Next] = {
    (_K, Nonce.NEW): Next(_K, Answer.EVALUATE),
    (_K, Nonce.USED): Next(_I, Answer.NC_REFUSED),
    (_K, Nonce.OUTSIDE): Next(_I, Answer.NC_REFUSED),
    (_A, Nonce.NEW): Next(_A, Answer.EVALUATE),
    (_A, Nonce.USED): Next(_I, Answer.NC_REFUSED),
    (_A, Nonce.OUTSIDE): Next(_I, Answer.NC_REFUSED),
    (_R, Nonce.NEW): Next(_R, Answer.REJECTED),
    (_R, Nonce.USED): Next(_R, Answer.REJECTED),
    (_R, Nonce.OUTSIDE): Next(_R, Answer.REJECTED),
    (_I, Nonce.NEW): Next(_I, Answer.STALE),
    (_I, Nonce.USED): Next(_I, Answer.STALE),
    (_I, Nonce.OUTSIDE): Next(_I, Answer.STALE),
}

#: Judged with the verdict on the proof, where `BEFORE` says EVALUATE. A wrong proof is the one guess of a pending session; it changes
#: nothing once the client has proved itself, else anyone who saw a sid could log its user out.
AFTER: Mapping[tuple[Phase, bool], Next] = {
    (_K, True): Next(_A, Answer.ACCEPTED),
    (_K, False): Next(_R, Answer.FAILED),
    (_A, True): Next(_A, Answer.ACCEPTED),
    (_A, False): Next(_A, Answer.FAILED),
}

#: `BEFORE` by rows: what every request looks into, without building a key.
_ROWS = {phase: {nonce: BEFORE[phase, nonce] for nonce in Nonce} for phase in Phase}


def begin(state: Stateful, nc: int, nc_max: int, nc_window: int) -> tuple[Stateful, Answer]:
    """Judge a request before its proof is evaluated; the state that comes back is the same object where nothing changes."""
    phase, answer = _ROWS[state.phase][state.window.judge(nc, nc_max, nc_window)]
    return (state if phase is state.phase else State(phase, state.window)), answer


def commit(state: Stateful, nc: int, right: bool, nc_max: int, nc_window: int) -> tuple[Stateful, Answer]:
    """Settle a request whose proof was evaluated, in the state as it is now; a nonce number is consumed with ACCEPTED alone."""
    phase, answer = _ROWS[state.phase][state.window.judge(nc, nc_max, nc_window)]
    if answer is not _EVALUATE:
        return State(phase, state.window), answer
    phase, answer = AFTER[phase, right]
    return State(phase, state.window.receive(nc, nc_window) if answer is _ACCEPTED else state.window), answer


class Judged(enum.Enum):
    """What a request to a protected resource is that comes to no session."""

    NORMAL = "no credentials of this scheme"
    OTHER_REALM = "credentials of another realm"
    MALFORMED = "credentials that break the grammar, or name another version or validation"
    BAD_KC1 = "K_c1 is no element, or leads to none that can be used"


class Refusal(NamedTuple):
    """How it is answered: the reason of the 401-INIT, and whether an optional page runs instead."""

    reason: str
    replaceable: bool  # by a response with Optional-WWW-Authenticate (RFC 8120 section 11, note 1; RFC 8053 section 3)


#: Optional-WWW-Authenticate goes with reason=initial alone (RFC 8120 section 8). Its absence marks the 401-INIT (+) of section 11.
REFUSALS: Mapping[Judged, Refusal] = {
    Judged.NORMAL: Refusal("initial", replaceable=True),
    Judged.OTHER_REALM: Refusal("initial", replaceable=True),
    Judged.MALFORMED: Refusal("invalid-parameters", replaceable=False),
    Judged.BAD_KC1: Refusal("invalid-parameters", replaceable=False),
}

#: The reason in the challenge for each answer of a session table that is a refusal. All but ACCEPTED are 401, on optional pages, too.
REASONS: Mapping[Answer, str] = {
    Answer.STALE: "stale-session",
    Answer.NC_REFUSED: "stale-session",
    Answer.REJECTED: "auth-failed",
    Answer.FAILED: "auth-failed",
}


def diagram() -> str:
    """Draw the life of a session as a Mermaid state diagram, from the tables themselves."""
    return "\n".join(["stateDiagram-v2", *(f"    {line}" for line in _edges())]) + "\n"


def _edges() -> Iterator[str]:
    names = {phase: phase.name.lower() for phase in Phase}
    yield f"[*] --> {names[_K]}: req-KEX-C1 / 401-KEX-S1"
    for phase in Phase:
        labels: dict[tuple[Phase, str], list[str]] = {}
        for nonce in Nonce:
            entry = BEFORE[phase, nonce]
            if entry.answer is not Answer.EVALUATE:
                labels.setdefault((entry.phase, _reply(entry.answer)), []).append(f"nc {nonce.value}")
                continue
            for right in (True, False):
                after = AFTER[phase, right]
                labels.setdefault((after.phase, _reply(after.answer)), []).append(f"vkc {'right' if right else 'wrong'}")
        for (target, reply), causes in labels.items():
            cause = "any" if len(causes) == len(Nonce) else " or ".join(causes)
            yield f"{names[phase]} --> {names[target]}: req-VFY-C, {cause} / {reply}"
        if phase is not _I:
            yield f"{names[phase]} --> {names[_I]}: log-out, time is up, or evicted"


def _reply(answer: Answer) -> str:
    if answer is Answer.ACCEPTED:
        return "200-VFY-S"
    reason = REASONS[answer]
    return "401-STALE" if reason == "stale-session" else f"401-INIT {reason}"
