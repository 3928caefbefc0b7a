"""The server's sessions against a naive model: every order of few requests, every interleaving of two, and long random lives.

The model below was written from sections 6 and 11 of RFC 8120 and the decisions on them, with a set of numbers for each session and
no window; it shares nothing with the code but its names.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from kam3.mutual.limits import Limits, Rate
from kam3.mutual.messages import Stale
from kam3.mutual.outcomes import Answered, Forwarded
from kam3.mutual.server import MutualServer
from kam3.mutual.sessions import SessionKey
from kam3.mutual.spaces import Space, Terms
from kam3.stores.memory import MemorySessionTable
from tests.mutual.serving import HOST, ORIGIN, PEER, REALM, Bench, Login, Request, challenge_of, reason_of

MAX, WIDTH = 2000, 128
FREE = Rate(1_000_000, 0.001)


def make_bench() -> Bench:
    bench = Bench(server=MutualServer([Space(REALM)], [ORIGIN], terms=Terms(nc_max=MAX, nc_window=WIDTH)))
    bench.table = MemorySessionTable(Limits(peer=FREE, user_and_peer=FREE, user=FREE), clock=bench.clock)
    return bench


@dataclass
class Model:
    """What one session must do."""

    state: str = "key exchanging"
    used: set[int] = field(default_factory=set)

    def judge(self, nc: int) -> str | None:
        """Answer a request before its proof is looked at, or say by None that it is looked at."""
        if self.state == "inactive":
            return "stale"
        if self.state == "rejected":
            return "failed"
        if nc > MAX or nc in self.used or nc <= max(self.used, default=0) - WIDTH:
            self.state = "inactive"
            return "stale"
        return None

    def settle(self, nc: int, right: bool) -> str:
        refused = self.judge(nc)
        if refused is not None:
            return refused
        if right:
            self.state = "authenticated"
            self.used.add(nc)
            return "accepted"
        if self.state == "key exchanging":
            self.state = "rejected"
        return "failed"

    def request(self, nc: int, right: bool) -> str:
        return self.judge(nc) or self.settle(nc, right)


def told(outcome: Answered | Forwarded) -> str:
    """Read an outcome as a client does."""
    if isinstance(outcome, Forwarded):
        assert outcome.identity is not None
        return "accepted"
    assert "Authentication-Info" not in dict(outcome.headers)
    if isinstance(challenge_of(outcome), Stale):
        return "stale"
    assert reason_of(outcome) == "auth-failed"
    return "failed"


NUMBERS = (0, 1, 2, WIDTH + 1, MAX, MAX + 1)
REQUESTS = [(nc, right) for nc in NUMBERS for right in (True, False)]


@pytest.mark.parametrize("first", REQUESTS)
def test_every_order_of_three_requests(first: tuple[int, bool]) -> None:
    bench = make_bench()
    for rest in itertools.product(REQUESTS, repeat=2):
        login, model = bench.log_in(), Model()
        for nc, right in (first, *rest):
            outcome = login.get(nc) if right else login.get_wrong(nc)
            assert told(outcome) == model.request(nc, right), (first, rest)
        if isinstance(outcome, Forwarded):
            login.check(outcome, nc)


def steps(bench: Bench, header: str) -> Iterator[str]:
    """Run a flow one action at a time, and yield what it came to at its end."""
    flow = bench.server.flow(Request("GET", "http", HOST, "/", (header,), PEER))
    value: object = None
    try:
        while True:
            action = flow.send(value)
            value = bench.handle(action)
            yield ""
    except StopIteration as end:
        yield told(end.value)


def interleavings(first: int, second: int) -> Iterator[tuple[int, ...]]:
    for places in itertools.combinations(range(first + second), first):
        yield tuple(0 if place in places else 1 for place in range(first + second))


@pytest.mark.parametrize("phase", ["key exchanging", "authenticated", "rejected", "inactive"])
def test_rows_40_and_43_two_requests_at_every_interleaving_of_their_actions(phase: str) -> None:
    bench, checked = make_bench(), 0
    kinds = [(3, True), (3, False), (4, True), (4, False), (2, True), (MAX + 1, True)]
    for (one, two), order in itertools.product(itertools.product(kinds, repeat=2), interleavings(3, 3)):
        login, model = bench.log_in(), Model()
        if phase in ("authenticated", "inactive"):
            assert told(login.get(2)) == model.request(2, True)
        if phase == "rejected":
            assert told(login.get_wrong(2)) == model.request(2, False)
        if phase == "inactive":
            assert told(login.get(2)) == model.request(2, True)
        runs = [steps(bench, login.header(nc) if right else login.wrong(nc)) for nc, right in (one, two)]
        outcomes, done = ["", ""], [0, 0]
        expected: list[str | None] = [None, None]
        guess: bool | None = None  # of a session in key exchange: its object allows one evaluation, which comes before its commit
        for which in order:
            nc, right = (one, two)[which]
            pending = model.state == "key exchanging"
            if not outcomes[which]:
                outcomes[which] = next(runs[which])
                done[which] += 1
                if done[which] == 1:
                    expected[which] = model.judge(nc)
                elif done[which] == 2 and expected[which] is None:
                    # The proof was evaluated just before this action: a wrong one of a session in key exchange spoils those after it.
                    seen = right if guess is not False else False
                    if pending and not right and guess is None:
                        guess = False
                    elif right and guess is None:
                        guess = True
                    expected[which] = model.settle(nc, seen)
        for which in (0, 1):
            while not outcomes[which]:
                outcomes[which] = next(runs[which])
        assert outcomes == expected, (phase, one, two, order)
        assert outcomes.count("accepted") <= (1 if one[0] == two[0] else 2)
        checked += 1
    assert checked == 36 * 20


class Sessions(RuleBasedStateMachine):
    """Long lives of several sessions."""

    logins = Bundle("logins")

    def __init__(self) -> None:
        super().__init__()
        self.bench = make_bench()
        self.models: dict[str, tuple[Model, float]] = {}

    @rule(target=logins)
    def log_in(self) -> Login:
        login = self.bench.log_in()
        self.models[login.challenge.sid] = (Model(), self.bench.clock.now + 3660)
        return login

    @rule(login=logins, nc=st.one_of(st.integers(0, 300), st.integers(MAX - 200, MAX + 2), st.just(2**80)), right=st.booleans())
    def request(self, login: Login, nc: int, right: bool) -> None:
        model, end = self.models[login.challenge.sid]
        if self.bench.clock.now >= end:
            model.state = "inactive"
        expected = model.request(nc, right)
        outcome = login.get(nc) if right else login.get_wrong(nc)
        assert told(outcome) == expected
        if expected == "accepted":
            login.check(outcome, nc)

    @rule(login=logins, ahead=st.integers(1, 3))
    def next_request(self, login: Login, ahead: int) -> None:
        self.request(login, max(self.models[login.challenge.sid][0].used, default=0) + ahead, True)

    @rule(login=logins)
    def log_out(self, login: Login) -> None:
        self.bench.table.end(SessionKey(ORIGIN, REALM, login.challenge.sid))
        self.models[login.challenge.sid][0].state = "inactive"

    @rule(seconds=st.sampled_from([0.5, 600.0, 3600.0]))
    def wait(self, seconds: float) -> None:
        self.bench.clock.now += seconds

    @invariant()
    def nothing_is_kept_that_is_over(self) -> None:
        now = self.bench.clock.now
        alive = sum(model.state != "inactive" for model, end in self.models.values() if now < end)
        expired = sum(now >= end for _, end in self.models.values())  # their memory is given back at the next chance
        assert alive <= len(self.bench.table) <= alive + expired


TestSessions = Sessions.TestCase
TestSessions.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
