"""One operation on many arguments, over all cores, in order and in bounded memory.

The caller's thread reads the iterable, hands runs of items to worker threads (the native core releases the GIL), and yields the results in
their order. At most two runs a worker are on their way, so an endless iterable is welcome; it is read that far ahead.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from kam3.ownership import process_mark

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")
Progress: TypeAlias = Callable[[int, "int | None"], object]


def usable_cores() -> int:
    """Count the cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def ordered(
    start: Callable[[], Callable[..., T]], arity: int, run: int, items: Iterable[object], threads: int | None, progress: Progress | None
) -> Iterator[T | Exception]:
    """Apply a function to argument tuples in worker threads.

    Args:
        start: called at the first ``next``; returns the function.
        arity: how many arguments the function takes.
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
    start: Callable[[], Callable[..., T]],
    arity: int,
    run: int,
    source: Iterator[object],
    threads: int,
    progress: Progress | None,
    total: int | None,
) -> Iterator[T | Exception]:
    from concurrent.futures import ThreadPoolExecutor

    function, home, done = start(), process_mark(), 0
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
                    waiting.append(pool.submit(_work, function, arity, taken, cancelled))
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
        pool.shutdown(wait=home == process_mark(), cancel_futures=True)


def _take(source: Iterator[object], count: int) -> tuple[list[object], Exception | None]:
    """Read up to `count` items, and the exception that ended the reading early, if one did."""
    taken: list[object] = []
    try:
        for item in islice(source, count):
            taken.append(item)  # one by one: those before an exception count
    except Exception as error:
        return taken, error
    return taken, None


def _work(function: Callable[..., T], arity: int, items: list[object], cancelled: threading.Event) -> list[T | Exception]:
    """Answer a run of items; none of those left once the caller has gone."""
    results: list[T | Exception] = []
    for item in items:
        if cancelled.is_set():
            break
        if not isinstance(item, tuple) or len(item) != arity:
            results.append(TypeError(f"each item must be a tuple of {arity} arguments"))
            continue
        try:
            results.append(function(*item))
        except Exception as error:
            results.append(error.with_traceback(None))  # its frames would keep the secrets of the whole run alive
    return results
