"""The limits on key exchanges (RFC 8120 section 17.3): how many passwords may be guessed, and how much the guessers may cost.

Counted are key exchanges, not failures: whoever asks for one has all that a guess needs, whether or not he shows the proof. A rate is one
number for each key, the time at which it is all paid back (the generic cell rate algorithm), so that a table of any kind can keep it and
forget it when it lies in the past.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import NamedTuple


class Rate(NamedTuple):
    """So many at once, and then one every so many seconds."""

    burst: int
    interval: float  # seconds

    def spend(self, paid_back: float, now: float) -> tuple[float, float]:
        """Count one more.

        Args:
            paid_back: what was kept for this key, or any time in the past where nothing was kept.
            now: the time, on the same clock.

        Returns:
            What to keep if this one goes on, and the seconds from now at which it is within the rate: 0 if it is now.
        """
        kept = max(paid_back, now) + self.interval
        return kept, max(0.0, kept - now - self.burst * self.interval)

    def refund(self, paid_back: float) -> float:
        """Take back one that was counted."""
        return paid_back - self.interval


@dataclass(frozen=True)
class Limits:
    """The limits of a session table. All are on; a limit is lifted only by a number that says so.

    Attributes:
        sessions: how many sessions the table keeps. 100 000 of EC_P256 take about 150 MB.
        pending: how many of them may wait for their first proof. An honest client proves itself a round trip after its key exchange, so
            that this many are under way only in a flood; it is then that the oldest of the peer that holds most is dropped.
        pending_per_peer: how many of those one peer may hold. A new one drops the oldest of the same peer: it is refused nothing, and
            takes nothing from others. Large enough for an office behind one address.
        peer: key exchanges of one peer, whatever the users. Each costs the server 0.1 ms (EC_P256) to 11 ms (DL_4096) of one core;
            10 a second of the costliest are a tenth of one.
        user_and_peer: key exchanges for one user from one peer: 2880 guesses a day. A log-in that succeeds is not counted, so that a
            program that logs in for every request never meets it.
        user: key exchanges for one user from all peers together. Beyond it they wait, and are never refused: a refusal would let
            anyone lock the user out. Peers where the user proved himself lately do not wait.
        longest_wait: seconds that a key exchange waits at most for `user`.
        trusted_for: seconds for which a peer where a user proved himself is exempt from waiting.
        counters: how many rates are kept of each kind; the oldest is forgotten first.
    """

    sessions: int = 100_000
    pending: int = 10_000
    pending_per_peer: int = 256
    peer: Rate = Rate(burst=100, interval=0.1)  # noqa: RUF009 - a tuple
    user_and_peer: Rate = Rate(burst=20, interval=30.0)  # noqa: RUF009 - a tuple
    user: Rate = Rate(burst=40, interval=1.0)  # noqa: RUF009 - a tuple
    longest_wait: float = 5.0
    trusted_for: float = 30 * 86400.0
    counters: int = 100_000

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            least = min(value) if isinstance(value, Rate) else value
            if least < 0 or (least == 0 and field.name not in ("longest_wait", "trusted_for")):
                raise ValueError(f"{field.name} must be positive")
        if not self.pending_per_peer <= self.pending <= self.sessions:
            raise ValueError("pending_per_peer must not exceed pending, nor pending sessions")


@lru_cache(maxsize=4096)  # every request of a client asks
def peer_group(address: str) -> str:
    """Return what limits count a peer by: its IPv4 address, or the first 64 bits of its IPv6 address.

    One IPv6 subscriber has 2^64 addresses or more. IPv4 addresses written as IPv6 (``::ffff:192.0.2.1``) count as IPv4. What is no
    address, as with a Unix socket, counts as it is.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            return f"{ipaddress.IPv6Address(int(parsed) >> 64 << 64)}/64"
        parsed = parsed.ipv4_mapped
    return str(parsed)
