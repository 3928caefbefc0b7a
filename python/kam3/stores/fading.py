"""Values that matter until a time, and are forgotten after it; bounded."""

from __future__ import annotations

from typing import Generic, TypeVar

Key = TypeVar("Key")


class Fading(Generic[Key]):
    """Keep for each key a time; one that lies in the past is as good as none.

    Args:
        capacity: how many are kept; when there are more, those in the past go, and then the oldest until a quarter is free, so that the
            cost of the sweep is shared by many calls.
    """

    __slots__ = ("_capacity", "_times")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._times: dict[Key, float] = {}

    def get(self, key: Key) -> float:
        """Return the time kept for a key, or one that is always past."""
        return self._times.get(key, float("-inf"))

    def put(self, key: Key, until: float, now: float) -> None:
        """Keep a time for a key, which becomes the newest."""
        self._times.pop(key, None)
        if len(self._times) >= self._capacity:
            self._sweep(now)
        self._times[key] = until

    def _sweep(self, now: float) -> None:
        alive = [(key, until) for key, until in self._times.items() if until > now]
        kept = self._capacity * 3 // 4
        self._times = dict(alive[len(alive) - kept :] if len(alive) > kept else alive)

    def __len__(self) -> int:
        return len(self._times)
