"""Time cases in interleaved rounds, so that a machine that slows down slows all of them."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from kam3.bench.clock import Clock, CycleCounter
from kam3.bench.spread import Spread

#: A sample holds at most so many calls, whatever the clock says.
MOST_CALLS = 100_000


@dataclass(frozen=True)
class Case:
    """One thing to time.

    `step` names the work and `contender` who does it: ``kam3`` or another library. `select` makes the backend and the code path the ones in
    use; it runs before each sample, untimed. One call of `call` does `items` times the work. `threads` is None for work in one
    thread, whose processor time counts; else the clock is the wall's. `overhead_us` is what the means of calling alone cost.
    """

    algorithm: str
    step: str
    contender: str
    call: Callable[[], object]
    select: Callable[[], object] = lambda: None
    backend: str | None = None
    cpu_path: str | None = None
    threads: int | None = None
    items: int = 1
    overhead_us: float = 0.0
    note: str = ""


@dataclass
class Row:
    """What came out for one case: microseconds of one item, the overhead included.

    `cycles` is of one item, too, where they could be counted. `ratio` is the time of this case over that of kam3's first case of the same
    algorithm and step, round by round, the overhead of each taken off; None for that case itself and where there is none.
    """

    algorithm: str
    step: str
    contender: str
    backend: str | None
    cpu_path: str | None
    threads: int | None
    rounds: int
    calls: int
    overhead_us: float
    note: str
    us: Spread
    cycles: Spread | None = None
    ratio: Spread | None = None


@dataclass
class _Series:
    case: Case
    calls: int
    us: list[float] = field(default_factory=list)
    cycles: list[float] = field(default_factory=list)

    def net(self) -> list[float]:
        """Return the samples without what calling alone cost."""
        return [value - self.case.overhead_us for value in self.us]


@dataclass(frozen=True)
class Clocks:
    """What is read around each sample."""

    processor: Clock
    wall: Clock
    cycles: CycleCounter | None = None


def measure(
    cases: Sequence[Case], clocks: Clocks, *, rounds: int, sample_seconds: float, on_round: Callable[[int], object] = lambda _: None
) -> list[Row]:
    """Time all cases, one sample each a round, in one order and the reverse by turns.

    Args:
        cases: what to time; those of one algorithm and step are compared with each other and best stand side by side.
        clocks: what to read.
        rounds: how many samples of each case, at least 1.
        sample_seconds: how long a sample should last at least.
        on_round: called with the round's number, from 0, as it begins.

    Returns:
        A row for each case, in the same order.
    """
    with _without_garbage_collection():
        series = [_Series(case, _calls_for(case, clocks, sample_seconds)) for case in cases]
        for number in range(rounds):
            on_round(number)
            for one in series if number % 2 == 0 else reversed(series):
                us, cycles = _sample(one.case, one.calls, clocks)
                one.us.append(us)
                if cycles is not None:
                    one.cycles.append(cycles)
    return list(_rows(series, rounds))


def _rows(series: Sequence[_Series], rounds: int) -> Iterator[Row]:
    first: dict[tuple[str, str], _Series] = {}
    for one in series:
        if one.case.contender == "kam3":
            first.setdefault((one.case.algorithm, one.case.step), one)
    for one in series:
        case, standard = one.case, first.get((one.case.algorithm, one.case.step))
        row = Row(
            case.algorithm,
            case.step,
            case.contender,
            case.backend,
            case.cpu_path,
            case.threads,
            rounds,
            one.calls,
            case.overhead_us,
            case.note,
            Spread.of(one.us),
        )
        if one.cycles:
            row.cycles = Spread.of(one.cycles)
        if standard is not None and standard is not one:
            pairs = list(zip(one.net(), standard.net(), strict=True))
            if all(ours > 0 for _, ours in pairs):  # a clock that stood still has no ratio
                row.ratio = Spread.of([theirs / ours for theirs, ours in pairs])
        yield row


def _sample(case: Case, calls: int, clocks: Clocks) -> tuple[float, float | None]:
    """Return the microseconds and, where they are counted and mean something, the cycles of one item, the mean over a sample."""
    case.select()
    call, repeat = case.call, range(calls)
    clock = clocks.processor if case.threads is None else clocks.wall
    counter = clocks.cycles if case.threads is None else None
    cycles = 0 if counter is None else -counter.read()
    start = clock.read()
    for _ in repeat:
        call()
    seconds = clock.read() - start
    items = calls * case.items
    return seconds / items * 1e6, None if counter is None else (cycles + counter.read()) / items


def _calls_for(case: Case, clocks: Clocks, sample_seconds: float) -> int:
    """Choose how many calls make a sample long enough, after one that makes tables and fills caches."""
    _sample(case, 1, clocks)
    calls = 1
    while calls < MOST_CALLS:
        seconds = _sample(case, calls, clocks)[0] * calls * case.items / 1e6
        if seconds >= sample_seconds / 4:
            return max(1, min(MOST_CALLS, round(calls * sample_seconds / seconds)))
        calls *= 4
    return MOST_CALLS


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
