"""A flood of key exchanges, in simulated time: what an honest user waits meanwhile (catalogue, rows 62 to 65; RFC 8120 section 17.3).

The flow, the memory table, its limits and the key exchanges are real; simulated are the clock, an event loop that takes each request in
turn, and the cores that compute behind a bounded queue, as `kam3.adapters.asgi.AsyncHandler` has them.
"""

from __future__ import annotations

import functools
import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import kam3
from kam3.errors import OverloadedError
from kam3.mutual.actions import Pause, Respond, Steps, respond
from kam3.mutual.messages import KexC1, KexS1, VfyC, serialize
from kam3.mutual.outcomes import Answered, Forwarded, Request
from kam3.mutual.server import MutualServer
from kam3.mutual.spaces import Space
from kam3.stores.memory import MemorySessionTable
from tests.mutual.serving import ALG, HOST, ORIGIN, REALM, USER, VH, Bench, challenge_of, pi_of

RATE = 10_000  # key exchanges a second
CORES, QUEUE, PAUSES = 2, 18, 256  # as AsyncHandler has them on two cores
LOOP, EXCHANGE = 60e-6, 100e-6  # seconds that a request takes on the loop, and an exchange of EC_P256 on a core
ROUND_TRIP = 0.02
LIMIT = 1.0  # seconds that an honest login may wait


class Simulation:
    """A server under a clock of its own."""

    def __init__(self) -> None:
        self.now, self._order = 0.0, itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._loop, self._cores = 0.0, [0.0] * CORES
        self._places, self._pauses = QUEUE, PAUSES
        self.bench = Bench(server=MutualServer([Space(REALM)], [ORIGIN]))
        self.bench.table = MemorySessionTable(clock=lambda: self.now)
        self.statuses: Counter[int] = Counter()

    def at(self, time: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time, next(self._order), event))

    def run(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            self.now, _, event = heapq.heappop(self._events)
            event()
        self.now = until

    def request(self, header: str, peer: str, done: Callable[[Answered | Forwarded], None]) -> None:
        """Have a request arrive now."""
        self._loop = max(self._loop, self.now) + LOOP
        steps = self.bench.server.flow(Request("GET", "http", HOST, "/", (header,), peer))
        self.at(self._loop, lambda: self._go(steps, lambda: next(steps), done))

    def _go(self, steps: Steps[Answered | Forwarded], step: Callable[[], object], done: Callable[[Answered | Forwarded], None]) -> None:
        try:
            while True:
                action = step()
                if isinstance(action, (Pause, Respond)):
                    refused = self._wait(steps, action, done)
                    if refused is None:
                        return
                    step = functools.partial(steps.throw, refused)
                    continue
                step = functools.partial(steps.send, self.bench.handle(action))
        except StopIteration as end:
            done(end.value)

    def _wait(self, steps: Any, action: Pause | Respond, done: Callable[[Answered | Forwarded], None]) -> OverloadedError | None:
        """Come back to a flow when its pause is over or its exchange computed, unless too many wait."""
        if isinstance(action, Pause):
            if not self._pauses:
                return OverloadedError("full", retry_after=5)
            self._pauses -= 1
            self.at(self.now + action.seconds, lambda: self._resume(steps, None, done, pause=True))
            return None
        if not self._places:
            return OverloadedError("full", retry_after=1)
        self._places -= 1
        core = min(range(CORES), key=self._cores.__getitem__)
        self._cores[core] = max(self._cores[core], self.now) + EXCHANGE
        self.at(self._cores[core], lambda: self._resume(steps, respond(action), done, pause=False))
        return None

    def _resume(self, steps: Any, value: object, done: Callable[[Answered | Forwarded], None], *, pause: bool) -> None:
        self._pauses, self._places = self._pauses + pause, self._places + (not pause)
        self._go(steps, lambda: steps.send(value), done)

    def flood(self, seconds: float, attacks: Iterator[tuple[str, str]]) -> None:
        """Have attackers send from now on."""
        start = self.now

        def arrive(number: int) -> None:
            header, peer = next(attacks)
            self.request(header, peer, lambda outcome: self.statuses.update([getattr(outcome, "status", 200)]))
            if number + 1 < seconds * RATE:
                self.at(start + (number + 1) / RATE, lambda: arrive(number + 1))

        self.at(start, lambda: arrive(0))

    def login(self, waits: list[float | None], peer: str) -> None:
        """Have an honest user log in from now on, and note what the log-in takes beyond the network; None if it is refused."""
        begun, exchange = self.now, kam3.ClientExchange(ALG, pi_of())

        def answered(outcome: Answered | Forwarded) -> None:
            if isinstance(outcome, Answered) and outcome.status == 503:
                waits.append(None)
                return
            challenge = challenge_of(outcome)
            assert isinstance(challenge, KexS1), challenge
            session = exchange.finish(challenge.ks1)
            header = serialize(VfyC(REALM, "host", challenge.sid, 1, session.vkc(1, VH)))
            self.at(self.now + ROUND_TRIP, lambda: self.request(header, peer, proved))

        def proved(outcome: Answered | Forwarded) -> None:
            waits.append(self.now - begun - ROUND_TRIP if isinstance(outcome, Forwarded) else None)

        self.request(serialize(KexC1(REALM, "host", USER, exchange.kc1)), peer, answered)


def attacks(kind: str, user: str | None, peers: int) -> Iterator[tuple[str, str]]:
    """Yield headers and peers: K_c1 of an honest exchange, or octets that are none; for one user, or for a new one each time."""
    elements = [ALG.kc1(ALG.generate_secret()) for _ in range(16)]
    if kind == "garbage":
        elements = [bytes([2]) + number.to_bytes(32, "big") for number in range(2**200, 2**200 + 16)]
    for number in itertools.count():
        name = f"user{number}" if user is None else user
        peer = number % peers
        yield serialize(KexC1(REALM, "host", name, elements[number % 16])), f"10.{peer >> 16}.{peer >> 8 & 255}.{peer & 255}"


@pytest.mark.parametrize("peers", [1, 20_000], ids=["one-peer", "many-peers"])
@pytest.mark.parametrize("user", [None, USER], ids=["names-of-nobody", "the-users-name"])
@pytest.mark.parametrize("kind", ["valid", "garbage"])
def test_row_64_an_honest_user_gets_in_amid_ten_thousand_key_exchanges_a_second(kind: str, user: str | None, peers: int) -> None:
    simulation, waits = Simulation(), list[float | None]()
    simulation.login(waits, "192.0.2.50")  # at home there: a flood under the user's own name does not hold it up
    simulation.run(1.0)
    assert len(waits) == 1
    simulation.flood(1.2, attacks(kind, user, peers))
    for number in range(8):
        home = "192.0.2.50" if user is not None else f"192.0.2.{number}"
        simulation.at(1.0 + 0.14 * number + 0.05, lambda home=home: simulation.login(waits, home))
    simulation.run(10.0)
    assert len(waits) == 9
    assert all(wait is not None and wait < LIMIT for wait in waits), waits
    assert sum(simulation.statuses.values()) == 12_000
    if peers == 1:  # refused before anything costly
        assert simulation.statuses[503] > 11_500


def test_row_63_a_flood_under_the_users_own_name_delays_a_new_place_and_locks_nobody_out() -> None:
    simulation, waits = Simulation(), list[float | None]()
    simulation.flood(1.0, attacks("valid", USER, 20_000))
    simulation.run(3.0)
    simulation.login(waits, "192.0.2.99")
    simulation.run(20.0)
    assert len(waits) == 1
    assert waits[0] is not None
    assert waits[0] <= 5.1  # the longest wait of the limits
