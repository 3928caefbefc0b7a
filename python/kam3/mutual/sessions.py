"""The sessions of a server: what a table of them must do, whatever it is kept in (RFC 8120 sections 6 and 11).

A table judges a request in two steps, each of them atomic. `begin` looks at the session and the nonce number before the proof is
evaluated; `commit` tests state, window and duplicate once more and settles what the evaluated proof leads to. The evaluation itself
happens between them, outside of any lock: of several at once the first commit decides, and the others are judged in the state it left.
A failed proof consumes no nonce number. What they answer is the table of `kam3.mutual.server_states`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from kam3.mutual.realms import Realm
from kam3.session import ServerSession


class SessionKey(NamedTuple):
    """What a session is found by: it is local to one server and one realm (RFC 8120 section 6)."""

    origin: str  # the configured origin, as a single-server scope is written
    realm: Realm
    sid: str  # 32 hexadecimal digits in lower case


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session just after its key exchange."""

    key: SessionKey
    session: ServerSession  # the table owns it from `create` on
    user: str
    fake: bool
    peer: str  # the address that limits count by
    nc_max: int
    nc_window: int
    lifetime: float  # seconds from now for which the session is kept, unless a limit is hit


class Begun(NamedTuple):
    """What `begin` found."""

    answer: Answer
    session: ServerSession | None = None  # with EVALUATE: what verifies vkc; the table keeps the ownership, and may close it meanwhile
    user: str = ""
    pending: bool = False  # no proof was accepted in this session yet: the next one is a log-in


class Answer(enum.Enum):
    """What the table says of a request with a proof."""

    STALE = "stale"  # no such session, or it is inactive: 401-STALE
    NC_REFUSED = "nc-refused"  # a nonce number used before, or out of bounds; the session is inactive from now on: 401-STALE
    REJECTED = "rejected"  # the session had its one guess: 401-INIT auth-failed, vkc is not evaluated
    EVALUATE = "evaluate"  # of `begin` alone: evaluate vkc, then commit
    FAILED = "failed"  # of `commit` alone: the proof was wrong: 401-INIT auth-failed
    ACCEPTED = "accepted"  # of `commit` alone: the proof was right, the nonce number is consumed


class Admission(NamedTuple):
    """Whether a key exchange may begin (RFC 8120 section 17.3)."""

    admitted: bool
    wait: float = 0.0  # seconds to pause first, if admitted
    retry_after: int = 0  # seconds to name in the 503, if not


class SessionTable(Protocol):
    """A table of sessions. Every method may raise StoreUnavailableError, and the request is then refused."""

    def admit(self, peer: str, realm: Realm, user: str) -> Admission:
        """Count a key exchange that is about to begin against the limits, before anything costly is done for it."""
        ...

    def create(self, new: NewSession) -> None:
        """Keep a new session, in the state key-exchanging; where the table is full, evict pending sessions first.

        A session that is there already is never replaced: StoreUnavailableError.
        """
        ...

    def begin(self, key: SessionKey, nc: int) -> Begun:
        """Judge a request before its proof is evaluated: STALE, NC_REFUSED, REJECTED or EVALUATE."""
        ...

    def commit(self, key: SessionKey, nc: int, right: bool, peer: str) -> Answer:
        """Settle a request whose proof was evaluated: ACCEPTED, FAILED, REJECTED, NC_REFUSED or STALE, by the state as it is now."""
        ...

    def end(self, key: SessionKey) -> None:
        """Make a session inactive, if it is there: log-out, or a new log-in is wanted."""
        ...


class AsyncSessionTable(Protocol):
    """`SessionTable` for programs with an event loop."""

    async def admit(self, peer: str, realm: Realm, user: str) -> Admission:
        """As `SessionTable.admit`."""
        ...

    async def create(self, new: NewSession) -> None:
        """As `SessionTable.create`."""
        ...

    async def begin(self, key: SessionKey, nc: int) -> Begun:
        """As `SessionTable.begin`."""
        ...

    async def commit(self, key: SessionKey, nc: int, right: bool, peer: str) -> Answer:
        """As `SessionTable.commit`."""
        ...

    async def end(self, key: SessionKey) -> None:
        """As `SessionTable.end`."""
        ...
