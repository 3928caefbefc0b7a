"""Rounds, samples and ratios, on a clock that tests wind."""

from __future__ import annotations

import gc

import pytest

from kam3.bench.clock import CycleCounter, processor_time, wall_time
from kam3.bench.run import MOST_CALLS, Case, Clocks, measure
from kam3.bench.spread import Spread


class Wound:
    """A clock that only moves when it is told."""

    name = "wound"

    def __init__(self) -> None:
        self.seconds = 0.0

    def read(self) -> float:
        return self.seconds


class Cycles:
    """Three thousand cycles a microsecond."""

    name = "cycles"

    def __init__(self, clock: Wound) -> None:
        self._clock = clock

    def read(self) -> int:
        return round(self._clock.seconds * 3e9)


def case(clock: Wound, microseconds: float, contender: str, **options: object) -> Case:
    def call() -> None:
        clock.seconds += microseconds / 1e6

    return Case("alg", "step", contender, call, **options)  # type: ignore[arg-type]


def test_quartiles() -> None:
    assert Spread.of([5.0]) == Spread(5.0, 5.0, 5.0)
    assert Spread.of([1.0, 2.0, 3.0, 4.0, 5.0]) == Spread(2.0, 3.0, 4.0)
    assert Spread(1, 2, 3).overlaps(Spread(3, 4, 5))
    assert not Spread(1, 2, 3).overlaps(Spread(3.5, 4, 5))


def test_times_ratios_and_cycles() -> None:
    clock = Wound()
    cases = [case(clock, 10, "kam3"), case(clock, 30, "kam3", cpu_path="slow"), case(clock, 25, "other", overhead_us=5)]
    rows = measure(cases, Clocks(clock, clock, Cycles(clock)), rounds=5, sample_seconds=0.001)  # type: ignore[arg-type]
    assert [row.us.median for row in rows] == pytest.approx([10, 30, 25])
    assert [row.calls for row in rows] == [100, 33, 40]
    assert rows[0].ratio is None
    assert [row.ratio.median for row in rows[1:] if row.ratio] == pytest.approx([3, 2])
    assert [row.cycles.median for row in rows if row.cycles] == pytest.approx([30_000, 90_000, 75_000])


def test_no_ratio_to_another_step_or_without_ours() -> None:
    clock = Wound()
    elsewhere = Case("alg", "else", "kam3", case(clock, 10, "kam3").call)
    rows = measure([elsewhere, case(clock, 20, "other")], Clocks(clock, clock), rounds=2, sample_seconds=0.001)
    assert [row.ratio for row in rows] == [None, None]
    assert [row.cycles for row in rows] == [None, None]


def test_threads_are_timed_by_the_wall_and_an_item_is_a_share() -> None:
    wall, processor = Wound(), Wound()
    (row,) = measure([case(wall, 800, "kam3", threads=2, items=8)], Clocks(processor, wall), rounds=1, sample_seconds=0.001)
    assert (row.us.median, row.threads) == (pytest.approx(100), 2)


def test_a_clock_that_stands_still_ends() -> None:
    clock = Wound()
    (row,) = measure([case(clock, 0, "kam3")], Clocks(clock, clock), rounds=1, sample_seconds=0.001)
    assert (row.calls, row.us.median, row.ratio) == (MOST_CALLS, 0, None)


def test_rounds_alternate_and_select_before_each_sample() -> None:
    clock, order = Wound(), []

    def chosen(name: str) -> Case:
        return case(clock, 1000, "kam3", cpu_path=name, select=lambda: order.append(name))

    seen: list[int] = []
    measure([chosen("a"), chosen("b")], Clocks(clock, clock), rounds=2, sample_seconds=0.001, on_round=seen.append)
    assert (order[-4:], seen) == (["a", "b", "b", "a"], [0, 1])


def test_garbage_collection_comes_back_after_an_error() -> None:
    def fail() -> None:
        assert not gc.isenabled()
        raise OSError("no")

    assert gc.isenabled()
    with pytest.raises(OSError, match="no"):
        measure([Case("alg", "step", "kam3", fail)], Clocks(Wound(), Wound()), rounds=1, sample_seconds=0.001)
    assert gc.isenabled()


def test_the_clocks_of_the_system_run() -> None:
    for clock in (processor_time(), wall_time()):
        start = clock.read()
        assert any(clock.read() > start for _ in range(10_000_000))


def test_the_counter_is_read_as_the_kernel_writes_it() -> None:
    try:
        counter = CycleCounter(kind=1, event=1)  # PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK: there without hardware counters, too
    except OSError as error:
        pytest.skip(f"no perf_event_open: {error}")
    before = counter.read()
    ran = any(counter.read() > before for _ in range(10_000_000))
    counter.close()
    assert ran
