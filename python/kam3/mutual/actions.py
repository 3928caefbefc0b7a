"""What the machines ask for, and what they come to.

A flow of the server and a sequence of the client are generators. Each action that one yields names the value that is to be sent back into
it; an error that the action may raise is thrown into it. Where a generator ends, it returns an outcome. `run` and `run_async` drive one
with a handler that carries out its actions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from kam3.algorithms import Algorithm
from kam3.mutual.realms import Realm
from kam3.mutual.sessions import NewSession, SessionKey

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


@dataclass(frozen=True, slots=True)
class Admit:
    """`SessionTable.admit`."""

    peer: str
    realm: Realm
    user: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds before going on with this request; None."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Find:
    """`CredentialStore.find`."""

    realm: Realm
    user: str


@dataclass(frozen=True, slots=True)
class Respond:
    """Run ``ServerExchange(algorithm, j).respond(kc1)``, or with `ServerExchange.fake` where j is None; the ServerSession.

    To be done off the event loop, behind a bounded queue. Thrown back: InvalidElementError, DegenerateError, and OverloadedError where the
    queue is full.
    """

    algorithm: Algorithm
    j: bytes | None
    kc1: bytes

    def __repr__(self) -> str:
        return f"Respond({self.algorithm!r})"  # J is secret


@dataclass(frozen=True, slots=True)
class Create:
    """`SessionTable.create`."""

    new: NewSession


@dataclass(frozen=True, slots=True)
class Begin:
    """`SessionTable.begin`."""

    key: SessionKey
    nc: int


@dataclass(frozen=True, slots=True)
class Commit:
    """`SessionTable.commit`."""

    key: SessionKey
    nc: int
    right: bool
    peer: str


@dataclass(frozen=True, slots=True)
class End:
    """`SessionTable.end`."""

    key: SessionKey
