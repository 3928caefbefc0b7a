"""What carries out the actions of flows for an event loop: key exchanges and stores that wait in threads, the rest at once."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kam3.errors import OverloadedError
from kam3.mutual.actions import Admit, Begin, Commit, Create, End, Find, Outcome, Pause, Respond, Steps, respond
from kam3.mutual.credentials import AsyncCredentialStore, CredentialStore
from kam3.mutual.sessions import AsyncSessionTable, SessionTable


class AsyncHandler:
    """Carry out the actions of flows for an event loop.

    Args:
        table: the session table; its methods may be coroutines. Others are called in a thread, unless the table is ``immediate``: nothing
            in it waits for more than a lock.
        credentials: the credential store, likewise.
        exchanges: how many key exchanges are computed at once, of which each fills a core; None for one a core. A queue of eight times as
            many waits for them.
        pauses: how many requests may sleep at once because too many ask for their user.
    """

    def __init__(
        self,
        table: SessionTable | AsyncSessionTable,
        credentials: CredentialStore | AsyncCredentialStore,
        *,
        exchanges: int | None = None,
        pauses: int = 256,
    ) -> None:
        running = exchanges or os.cpu_count() or 1
        self._computing = ThreadPoolExecutor(running, thread_name_prefix="kam3-exchange")
        self._waiting = ThreadPoolExecutor(4 * running, thread_name_prefix="kam3-store")
        self._places, self._pauses = 9 * running, pauses
        self._begin, self._commit = self._method(table, "begin"), self._method(table, "commit")
        self._admit, self._create = self._method(table, "admit"), self._method(table, "create")
        self._end, self._find = self._method(table, "end"), self._method(credentials, "find")
        self._at_once: dict[type, Callable[..., object]] = {}
        if _immediate(table, "begin", "commit"):  # of every request with a proof
            self._at_once = {Begin: table.begin, Commit: table.commit}  # whose arguments are the members of the action

    async def run(self, steps: Steps[Outcome]) -> Outcome:
        """Drive a machine to its end, as `run_async` with `handle`; what waits for nothing is done without a coroutine."""
        at_once = self._at_once
        try:
            action: Any = next(steps)
            while True:
                known = at_once.get(type(action))
                try:
                    value = await self.handle(action) if known is None else known(*action)
                except Exception as error:
                    action = steps.throw(error)
                else:
                    action = steps.send(value)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome
        finally:
            steps.close()

    def _method(self, store: object, name: str) -> Callable[..., Awaitable[Any]]:
        """Return a method of a store as a coroutine function that does not hold the event loop up."""
        method: Callable[..., Any] = getattr(store, name)
        if inspect.iscoroutinefunction(method):
            return method
        if _immediate(store, name):

            async def call(*arguments: object) -> object:
                return method(*arguments)

        else:

            async def call(*arguments: object) -> object:
                return await asyncio.get_running_loop().run_in_executor(self._waiting, method, *arguments)

        return call

    async def handle(self, action: object) -> object:
        """Carry out one action and return its value.

        Raises:
            StoreUnavailableError: the store does not answer.
            OverloadedError: too many wait.
            TypeError: it is no action of a server.
        """
        if isinstance(action, Begin):
            return await self._begin(action.key, action.nc)
        if isinstance(action, Commit):
            return await self._commit(action.key, action.nc, action.right, action.peer)
        if isinstance(action, Admit):
            return await self._admit(action.peer, action.realm, action.user)
        if isinstance(action, Pause):
            await self._pause(action.seconds)
            return None
        if isinstance(action, Find):
            return await self._find(action.realm, action.user)
        if isinstance(action, Respond):
            return await self._respond(action)
        if isinstance(action, Create):
            return await self._create(action.new)
        if isinstance(action, End):
            return await self._end(action.key)
        raise TypeError(f"{type(action).__name__} is no action of a server")

    async def _respond(self, action: Respond) -> object:
        if not self._places:
            raise OverloadedError("too many key exchanges wait; please try again", retry_after=1)
        self._places -= 1  # of one event loop, and so of one thread
        try:
            computed = self._computing.submit(respond, action)
        except BaseException:
            self._places += 1
            raise
        # The place is free when the work is done, not when somebody stops waiting for it.
        loop = asyncio.get_running_loop()
        computed.add_done_callback(lambda _: loop.is_closed() or loop.call_soon_threadsafe(self._free_place))
        return await asyncio.wrap_future(computed)

    def _free_place(self) -> None:
        self._places += 1

    async def _pause(self, seconds: float) -> None:
        if not self._pauses:
            raise OverloadedError("too many key exchanges wait; please try again", retry_after=5)
        self._pauses -= 1
        try:
            await asyncio.sleep(seconds)
        finally:
            self._pauses += 1

    def close(self) -> None:
        """Let the threads go; work that has begun is finished."""
        self._computing.shutdown(wait=False, cancel_futures=True)
        self._waiting.shutdown(wait=False, cancel_futures=True)


def _immediate(store: object, *names: str) -> bool:
    """Tell whether methods of a store may be called on the event loop."""
    return bool(getattr(store, "immediate", False)) and not any(inspect.iscoroutinefunction(getattr(store, name)) for name in names)
