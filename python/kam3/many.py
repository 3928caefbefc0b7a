"""One operation on many arguments, over all cores, in order and in bounded memory.

The caller's thread reads the iterable, hands runs of items to worker threads (the native core releases the GIL), and yields the results in
their order. At most two runs a worker are on their way, so an endless iterable is welcome; it is read that far ahead.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from kam3.ownership import process_mark

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")
Progress: TypeAlias = Callable[[int, "int | None"], object]
#: Answers the tuples of a run in order, an exception in the place of one that is refused; stops early when the event is set.
Runner: TypeAlias = Callable[[Sequence[tuple[Any, ...]], threading.Event], "list[T | Exception]"]


def usable_cores() -> int:
    """Count the cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def ordered(
    start: Callable[[], Runner[T]], arity: int, run: int, items: Iterable[object], threads: int | None, progress: Progress | None
) -> Iterator[T | Exception]:
    """Answer argument tuples in worker threads.

    Args:
        start: called at the first ``next``; returns what answers a run of tuples, `one_by_one` of a function for instance.
        arity: how many arguments a tuple has.
        run: how many items a worker takes at once.
        items: the argument tuples.
        threads: how many workers; None for one a core.
        progress: called in the caller's thread with the results so far, and their total if `items` has a length, before each result.

    Returns:
        An iterator of results. In the place of an item that is not such a tuple, or whose function raises, stands the exception. When
        `items` itself raises, that is raised after the results of the items before.

    Raises:
        TypeError, ValueError: `items`, `threads` or `progress` is of no use.
    """
    source = iter(items)
    if threads is not None and (not isinstance(threads, int) or isinstance(threads, bool)):
        raise TypeError(f"threads must be an int or None, not {type(threads).__name__}")
    if threads is not None and threads < 1:
        raise ValueError("threads must be at least 1")
    if progress is not None and not callable(progress):
        raise TypeError(f"progress must be callable, not {type(progress).__name__}")
    total = len(items) if isinstance(items, Sized) else None
    return _results(start, arity, run, source, threads or usable_cores(), progress, total)


def _results(
    start: Callable[[], Runner[T]],
    arity: int,
    run: int,
    source: Iterator[object],
    threads: int,
    progress: Progress | None,
    total: int | None,
) -> Iterator[T | Exception]:
    from concurrent.futures import ThreadPoolExecutor

    runner, home, done = start(), process_mark(), 0
    cancelled = threading.Event()
    waiting: deque[Future[list[T | Exception]]] = deque()
    broken: Exception | None = None
    pool = ThreadPoolExecutor(threads, thread_name_prefix="kam3")
    try:
        exhausted = False
        while True:
            while not exhausted and len(waiting) < 2 * threads:
                taken, broken = _take(source, run)
                exhausted = len(taken) < run
                if taken:
                    waiting.append(pool.submit(_work, runner, arity, taken, cancelled))
            if not waiting:
                break
            for result in waiting.popleft().result():
                done += 1
                if progress is not None:
                    progress(done, total)
                yield result
                if home != process_mark():
                    raise RuntimeError("the workers of this iterator are in another process: a forked child cannot go on with it")
        if broken is not None:
            raise broken
    finally:
        cancelled.set()
        if home == process_mark():  # a forked child has no workers, and may have their locks in any state
            pool.shutdown(wait=True, cancel_futures=True)


def _take(source: Iterator[object], count: int) -> tuple[list[object], Exception | None]:
    """Read up to `count` items, and the exception that ended the reading early, if one did."""
    taken: list[object] = []
    try:
        for item in islice(source, count):
            taken.append(item)  # one by one: those before an exception count
    except Exception as error:
        return taken, error
    return taken, None


def one_by_one(function: Callable[..., T]) -> Runner[T]:
    """Return the runner that calls a function on one tuple after the other."""

    def run(items: Sequence[tuple[Any, ...]], cancelled: threading.Event) -> list[T | Exception]:
        results: list[T | Exception] = []
        for item in items:
            if cancelled.is_set():
                break
            try:
                results.append(function(*item))
            except Exception as error:
                results.append(bare(error))
        return results

    return run


def bare(error: Exception) -> Exception:
    """Return an exception without its frames and those of what it came from: they would keep the secrets of the whole run alive."""
    error.__context__ = error.__cause__ = None
    return error.with_traceback(None)


def _work(runner: Runner[T], arity: int, items: list[object], cancelled: threading.Event) -> list[T | Exception]:
    """Answer a run of items: those that are tuples of the right size by the runner, the others here."""
    good = [item for item in items if isinstance(item, tuple) and len(item) == arity]
    answers = deque(runner(good, cancelled))
    results: list[T | Exception] = []
    for item in items:
        if not isinstance(item, tuple) or len(item) != arity:
            results.append(TypeError(f"each item must be a tuple of {arity} arguments"))
        elif answers:
            results.append(answers.popleft())
        else:  # cancelled: nobody waits for the rest
            break
    return results
