"""Several processes on one listening socket: a parent that forks them, replaces those that die, and ends them all."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable

from kam3.errors import Kam3Error

_log = logging.getLogger("kam3.serve")

#: Seconds within which a worker that ends was no use; the next one then waits as long, so that a fault at start does not spin.
_SHORT_LIFE = 1.0
#: Seconds that workers have to answer what they began, before they are killed.
_GRACE = 10.0


class Workers:
    """Run a function in several processes until SIGTERM or SIGINT.

    Each process begins as a fork of this one, before anything in it has threads, an event loop or secrets.

    Args:
        count: how many.
        work: what each of them does; it is to return upon SIGTERM.

    Raises:
        Kam3Error: this system cannot fork.
    """

    def __init__(self, count: int, work: Callable[[], None]) -> None:
        if not hasattr(os, "fork"):
            raise Kam3Error("more than one worker needs a system that can fork processes")
        self._count, self._work = count, work
        self._born: dict[int, float] = {}  # by process id
        self._ending = False

    def run(self) -> None:
        """Keep the workers running; return when all have ended after a signal."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        while not self._ending:
            while len(self._born) < self._count and not self._ending:
                self._start()
            self._wait()
        until = time.monotonic() + _GRACE
        while self._born and time.monotonic() < until:
            self._reap(os.WNOHANG)
            time.sleep(0.02)
        self._signal(signal.SIGKILL)
        while self._born:
            self._reap(0)

    def _start(self) -> None:
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))  # a child must not run the parent's handler
        child = os.fork()
        if child:
            self._born[child] = time.monotonic()
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            return
        status = 1
        try:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            self._work()
            status = 0
        except KeyboardInterrupt:
            status = 130
        except BaseException:
            _log.exception("a worker failed")
        finally:
            os._exit(status)  # nothing of the parent's is to be ended here

    def _wait(self) -> None:
        ended = self._reap(0)
        if ended is None or self._ending:
            return
        lived = time.monotonic() - ended
        _log.error("a worker has ended and is replaced")
        if lived < _SHORT_LIFE:
            time.sleep(_SHORT_LIFE)

    def _reap(self, options: int) -> float | None:
        """Take note of a child that has ended, and return when it was born."""
        try:
            child, _ = os.waitpid(-1, options)
        except ChildProcessError:
            self._born.clear()
            return None
        except InterruptedError:
            return None
        return self._born.pop(child, None)

    def _end(self, *_: object) -> None:
        self._ending = True
        self._signal(signal.SIGTERM)

    def _signal(self, number: int) -> None:
        for child in list(self._born):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)
