"""Comparison with a saved run, row by row."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from kam3.bench.report import Report
from kam3.bench.run import Row
from kam3.bench.steps import OURS


@dataclass(frozen=True)
class Change:
    """One row now and then.

    `factor` is the saved median over the present one: above 1, it takes less time now; None if the present one is 0. `clear` tells that
    the two interquartile ranges do not meet.
    """

    now: Row
    then: Row
    factor: float | None
    clear: bool


def compare(now: Report, then: Report) -> list[Change]:
    """Match the rows of two runs and compare their times.

    Rows match when algorithm, step, contender, threads, backend and code path do. Where each run timed kam3 on one backend and path only,
    these two need not be the same: that is what is compared.

    Args:
        now: the present run.
        then: the saved one.

    Returns:
        The rows of the present run that the saved one has, too.
    """
    loose = all(len({(row.backend, row.cpu_path) for row in report.rows if row.contender == OURS}) == 1 for report in (now, then))
    saved = {_key(row, loose): row for row in then.rows}
    changes = []
    for row in now.rows:
        before = saved.get(_key(row, loose))
        if before is not None:
            factor = before.us.median / row.us.median if row.us.median else None
            changes.append(Change(row, before, factor, not row.us.overlaps(before.us)))
    return changes


def _key(row: Row, loose: bool) -> Hashable:
    place = None if loose else (row.backend, row.cpu_path)
    return row.algorithm, row.step, row.contender, row.threads, place
