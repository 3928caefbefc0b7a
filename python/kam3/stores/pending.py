"""Who holds how many pending sessions: the order in which a flood is thrown out."""

from __future__ import annotations

from typing import Generic, TypeVar

Item = TypeVar("Item")


class PendingByPeer(Generic[Item]):
    """Pending items by peer, oldest first, and the peers by how many they hold; every operation takes constant time."""

    __slots__ = ("_by_count", "_by_peer", "_total")

    def __init__(self) -> None:
        self._by_peer: dict[str, dict[Item, None]] = {}
        self._by_count: list[dict[str, None]] = [{}]  # [n]: the peers that hold n, in the order in which they came to it; [0] is empty
        self._total = 0

    def __len__(self) -> int:
        return self._total

    def held_by(self, peer: str) -> int:
        """Return how many items a peer holds."""
        return len(self._by_peer.get(peer, ()))

    def add(self, peer: str, item: Item) -> None:
        """Add an item that is not there."""
        items = self._by_peer.setdefault(peer, {})
        items[item] = None
        self._total += 1
        self._moved(peer, len(items) - 1, len(items))

    def remove(self, peer: str, item: Item) -> None:
        """Remove an item that is there."""
        items = self._by_peer[peer]
        del items[item]
        self._total -= 1
        if not items:
            del self._by_peer[peer]
        self._moved(peer, len(items) + 1, len(items))

    def oldest_of(self, peer: str) -> Item:
        """Return the oldest item of a peer that holds some."""
        return next(iter(self._by_peer[peer]))

    def most(self) -> str:
        """Return the peer that holds most, of several the one that came to that number first; there must be items."""
        return next(iter(self._by_count[-1]))

    def _moved(self, peer: str, before: int, after: int) -> None:
        if before:
            del self._by_count[before][peer]
        if after == len(self._by_count):
            self._by_count.append({})
        if after:
            self._by_count[after][peer] = None
        while len(self._by_count) > 1 and not self._by_count[-1]:
            self._by_count.pop()
