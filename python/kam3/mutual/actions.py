"""What the machines ask for, and what they come to.

A flow of the server and a sequence of the client are generators. Each action that one yields names the value that is to be sent back into
it; an error that the action may raise is thrown into it. Where a generator ends, it returns an outcome. `run` and `run_async` drive one
with a handler that carries out its actions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias, TypeVar

from kam3.algorithms import Algorithm
from kam3.errors import DegenerateError, InvalidElementError
from kam3.exchange import ServerExchange
from kam3.mutual.realms import Realm
from kam3.mutual.sessions import NewSession, SessionKey
from kam3.session import ServerSession

Outcome = TypeVar("Outcome")

Steps: TypeAlias = "Generator[object, Any, Outcome]"


def run(steps: Steps[Outcome], handle: Callable[[object], object]) -> Outcome:
    """Drive a machine to its end; `handle` carries out one action and returns its value."""
    try:
        action = next(steps)
        while True:
            try:
                value = handle(action)
            except Exception as error:
                action = steps.throw(error)
            else:
                action = steps.send(value)
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome
    finally:
        steps.close()


async def run_async(steps: Steps[Outcome], handle: Callable[[object], Awaitable[object]]) -> Outcome:
    """As `run`, with a handler that is awaited."""
    try:
        action = next(steps)
        while True:
            try:
                value = await handle(action)
            except Exception as error:
                action = steps.throw(error)
            else:
                action = steps.send(value)
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome
    finally:
        steps.close()


# What the server asks for. Where nothing else is said the value is that of the store's method of the same name.


class Admit(NamedTuple):
    """`SessionTable.admit`."""

    peer: str
    realm: Realm
    user: str


class Pause(NamedTuple):
    """Wait so many seconds before going on with this request; None."""

    seconds: float


class Find(NamedTuple):
    """`CredentialStore.find`."""

    realm: Realm
    user: str


@dataclass(frozen=True, slots=True)
class Respond:
    """`respond`, off the event loop and behind a bounded queue; a `Responded`. Thrown back is OverloadedError where the queue is full."""

    algorithm: Algorithm
    j: bytes | None
    kc1: bytes

    def __repr__(self) -> str:
        return f"Respond({self.algorithm!r})"  # J is secret


class Responded(NamedTuple):
    """The server's side of a key exchange."""

    session: ServerSession | None  # None: K_c1 is no element, or leads to a K_s1 or z that must not be used
    corrupt: bool = False  # J was no element: the stored record is broken, and the session fake


def respond(action: Respond) -> Responded:
    """Make the exchange of a `Respond`; nothing of it is kept but the session.

    A broken J takes the way of an unknown user, so that a client cannot tell (RFC 8120 section 11, note 2).

    Raises:
        OSError: the operating system gives no random octets.
        BackendUnavailableError: no backend can run here.

    Timing: the same for known and unknown users.
    """
    corrupt = False
    try:
        exchange = ServerExchange.fake(action.algorithm) if action.j is None else ServerExchange(action.algorithm, action.j)
    except (InvalidElementError, DegenerateError):
        corrupt = True
        exchange = ServerExchange.fake(action.algorithm)
    with exchange:
        try:
            return Responded(exchange.respond(action.kc1), corrupt)
        except (InvalidElementError, DegenerateError):
            return Responded(None, corrupt)


class Create(NamedTuple):
    """`SessionTable.create`."""

    new: NewSession


class Begin(NamedTuple):
    """`SessionTable.begin`."""

    key: SessionKey
    nc: int


class Commit(NamedTuple):
    """`SessionTable.commit`."""

    key: SessionKey
    nc: int
    right: bool
    peer: str


class End(NamedTuple):
    """`SessionTable.end`."""

    key: SessionKey
