"""Objects that own secrets: one life cycle for `Pi`, the exchanges and the sessions.

A secret belongs to the process that made it. A forked child has a copy of all memory, and two processes that go on with one S_s1 give a
login without password; so an owner serves only where it was made, and a child can do no more with it than wipe its copy.

Another thread waits for the lock while a call runs. The same thread can come back through a signal handler, and the lock lets it in; so
what must happen once is marked as done before it is begun. If that handler calls `close`, the interrupted call goes on over zeros: it
asks once more, when it has its result, whether it was closed, and then withholds the result. Being closed is a flag that nothing ever
clears.
"""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, NoReturn

from kam3.errors import ExchangeStateError

if TYPE_CHECKING:
    from typing_extensions import Self

    from kam3.memory import SecretMemory

_mark = (0, os.getpid())


def _count_fork() -> None:
    global _mark
    _mark = (_mark[0] + 1, os.getpid())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count_fork)


def process_mark() -> tuple[int, int]:
    """Return what tells this process from every ancestor: the forks that led to it, since process ids are used again, and its id."""
    if os.getpid() != _mark[1]:  # a fork that Python was not told of
        _count_fork()
    return _mark  # one object for all owners, of which a server may have 100 000


class SecretOwner:
    """Own secrets in wiped memory; end by `close`, with the ``with`` block, or when the object goes."""

    __slots__ = ("__weakref__", "_closed", "_ended", "_lock", "_origin")

    _SECRETS: ClassVar[tuple[str, ...]]  # the members that hold them; no list in each of the 100 000 sessions that a server may have

    def __init__(self) -> None:
        self._origin = process_mark()
        self._lock = threading.RLock()
        self._closed = False
        self._ended: str | None = None  # why it may not be used any more, while it is not closed

    def close(self) -> None:
        """Wipe the secrets and refuse every further use.

        May be called again, from any thread (it waits for a call that is running), and in a forked child, whose copy it wipes.
        Called from a signal handler amid another call of the same thread, it makes that call raise ExchangeStateError.
        """
        if getattr(self, "_origin", None) != process_mark():  # __init__ may have been interrupted
            self._closed = True  # without the lock, which a thread that this process does not have may hold
            self._wipe()
            return
        with self._lock:
            self._closed = True
            self._wipe()

    def _end(self, reason: str) -> None:
        """Wipe the secrets and refuse use for this reason."""
        self._ended = reason
        self._wipe()

    def _wipe(self) -> None:
        for memory in self._secrets():
            memory.wipe()

    def _secrets(self) -> list[SecretMemory]:
        """Return those that are there; `__init__` may have been interrupted."""
        return [getattr(self, name) for name in self._SECRETS if hasattr(self, name)]

    def _serialised(self) -> AbstractContextManager[bool]:
        """Return the lock to hold during a call; refuse in a forked child before it is touched."""
        if self._origin != process_mark():
            raise ExchangeStateError(f"this {type(self).__name__} was made in another process: a forked child must make its own")
        return self._lock

    def _require_open(self) -> None:
        """Refuse after the end, whatever it was."""
        if self._closed:
            self._require_not_closed()
        if self._ended is not None:
            raise ExchangeStateError(f"this {type(self).__name__} {self._ended}")

    def _require_not_closed(self) -> None:
        """Refuse after `close` alone."""
        if self._closed:
            raise ExchangeStateError(f"this {type(self).__name__} is closed")

    def __enter__(self) -> Self:
        with self._serialised():
            self._require_not_closed()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        self._wipe()

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} holds secrets and cannot be pickled or copied")
