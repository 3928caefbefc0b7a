"""Median and quartiles: what a figure is, when the machine is not quiet."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """The quartiles of one figure over the rounds."""

    q1: float
    median: float
    q3: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Take the quartiles of at least one value (inclusive method: of one value all three are that value)."""
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        return cls(*statistics.quantiles(values, n=4, method="inclusive"))

    def overlaps(self, other: Spread) -> bool:
        """Tell whether the two interquartile ranges meet."""
        return self.q1 <= other.q3 and other.q1 <= self.q3
