"""Many sequences at once against a server that misbehaves at will, in any order that hypothesis can think of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from kam3.errors import LocalProtocolError, RemoteProtocolError
from kam3.mutual.client import MutualClient
from kam3.mutual.client_actions import AskCredentials, Response, Send, Status, Wait
from kam3.mutual.messages import Init, KexC1, KexS1, Stale, VfyC, VfyS, parse_request, read_credentials, serialize
from tests.mutual.model import ORIGIN, PASSWORD, USER, ModelServer, Walk, realm_at, response

A, B = realm_at(name="A"), realm_at(name="B")
URLS = (f"{ORIGIN}/a/1", f"{ORIGIN}/a/2", f"{ORIGIN}/b/1", f"{ORIGIN}/open")

HONEST = "honest"
WRONGS = (
    "init A",
    "init B",
    "auth-failed A",
    "internal-error A",
    "stale A",
    "stale B",
    "kex",
    "normal",
    "normal 401",
    "redirect",
    "503",
    "false proof",
    "replayed proof",
    "optional A",
    "broken",
)


def kind_of(send: Send) -> str:
    if send.authorization is None:
        return "plain"
    return "kex" if "kc1" in send.authorization else "vfy"


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.client = MutualClient(clock=lambda: self.now)
        self.server = ModelServer(realms={"/a": A, "/b": B}, nc_max=5, nc_window=2, time=60, path="/a/ /b/")
        self.client.add(str(ORIGIN), USER, PASSWORD)
        self.open: list[Walk] = []
        self.urls: dict[int, str] = {}
        self.kexes: dict[int, list[Any]] = {}
        self.honest: dict[int, bool] = {}  # of each walk: its latest answer was the server's own proof
        self.numbers: set[tuple[Any, str, int]] = set()
        self.proofs: list[str] = []

    @rule(url=st.sampled_from(URLS), method=st.sampled_from(["GET", "POST"]), once=st.booleans())
    def begin(self, url: str, method: str, once: bool) -> None:
        walk = Walk(self.client, url, method, once=once)
        self.open.append(walk)
        self.urls[id(walk)], self.kexes[id(walk)], self.honest[id(walk)] = url, [], False
        self.note(walk)

    def note(self, walk: Walk) -> None:
        """Look at what a walk wants, or what it came to."""
        if isinstance(walk.error, (RemoteProtocolError, LocalProtocolError)):
            assert walk.outcome is None
        elif walk.error is not None:
            raise walk.error
        if walk.outcome is not None and walk.outcome.proved:
            assert self.honest[id(walk)], "a success that the server did not prove"
        if walk.over:
            self.open.remove(walk)
        if not isinstance(walk.action, Send) or walk.action.authorization is None:
            return
        parameters = read_credentials([walk.action.authorization])
        assert parameters is not None
        message = parse_request(parameters)
        if isinstance(message, KexC1):
            assert message.realm not in self.kexes[id(walk)], "two key exchanges in one realm"
            self.kexes[id(walk)].append(message.realm)
        else:
            number = message.realm, message.sid, message.nc
            assert number not in self.numbers, "a number twice"
            assert message.nc <= 5
            self.numbers.add(number)

    @precondition(lambda self: self.open)
    @rule(pick=st.integers(0, 5), count=st.integers(1, 4))
    def go_on(self, pick: int, count: int) -> None:
        walk = self.open[pick % len(self.open)]
        for _ in range(count):
            self.step(walk, HONEST)

    @precondition(lambda self: self.open)
    @rule(pick=st.integers(0, 5), wrong=st.sampled_from(["false proof", "replayed proof"]))
    def forge(self, pick: int, wrong: str) -> None:
        self.go_wrong(pick, "vfy", wrong)

    @precondition(lambda self: self.open)
    @rule(pick=st.integers(0, 5), until=st.sampled_from(["plain", "kex", "vfy"]), wrong=st.sampled_from(WRONGS))
    def go_wrong_at(self, pick: int, until: str, wrong: str) -> None:
        self.go_wrong(pick, until, wrong)

    def go_wrong(self, pick: int, until: str, wrong: str) -> None:
        """Let something go wrong at a certain kind of request, if it comes to one soon."""
        walk = self.open[pick % len(self.open)]
        for _ in range(4):
            if isinstance(walk.action, Send) and kind_of(walk.action) == until:
                break
            self.step(walk, HONEST)
        self.step(walk, wrong)

    def step(self, walk: Walk, wrong: str) -> None:
        if walk.over:
            return
        if isinstance(walk.action, Wait):
            if walk.action.ticket.done():
                walk.feed(None)
        elif isinstance(walk.action, AskCredentials):
            walk.feed(None)
        else:
            assert isinstance(walk.action, Send)
            got, proof = self.answer(walk, walk.action, wrong)
            self.honest[id(walk)] = bool(proof) and got.fields("Authentication-Info") == proof
            walk.feed(got)
        self.note(walk)

    def answer(self, walk: Walk, send: Send, wrong: str) -> tuple[Response, Sequence[str]]:
        """Return what is answered, and the proof that the server would have given."""
        url = self.urls[id(walk)]
        right = self.server.answer(send.authorization, url, send.probe)
        proof = right.fields("Authentication-Info")
        self.proofs += proof
        channel = self.server.channel
        word, _, rest = wrong.partition(" ")
        realm = B if rest == "B" else A
        if wrong == HONEST:
            return right, proof
        if wrong == "kex":
            return self.unasked_kex(), proof
        made: dict[str, Response] = {
            "init": response(401, channel, www_authenticate=serialize(Init(realm, "host", "initial"))),
            "auth-failed": response(401, channel, www_authenticate=serialize(Init(realm, "host", "auth-failed"))),
            "internal-error": response(403, channel, www_authenticate=serialize(Init(realm, "host", "internal-error"))),
            "stale": response(401, channel, www_authenticate=serialize(Stale(realm, "host"))),
            "normal": response(401 if rest else 200, channel),
            "redirect": response(302, channel, location="/elsewhere"),
            "503": response(503, channel),
            "optional": response(200, channel, optional_www_authenticate=serialize(Init(A, "host", "initial"))),
            "broken": response(401, channel, www_authenticate="Mutual realm=, kc1"),
            "false": response(200, channel, authentication_info=self.false_proof(send)),
            "replayed": response(200, channel, authentication_info=self.proofs[0] if self.proofs else "version=1"),
        }
        return made[word], proof

    def unasked_kex(self) -> Response:
        answer = KexS1(A, "host", "12" * 16, bytes(33), 5, 2, 60)
        return response(401, self.server.channel, www_authenticate=serialize(answer))

    def false_proof(self, send: Send) -> str:
        parameters = None if send.authorization is None else read_credentials([send.authorization])
        message = None if parameters is None else parse_request(parameters)
        return serialize(VfyS(message.sid if isinstance(message, VfyC) else "ab" * 16, bytes(32), A.algorithm))

    @precondition(lambda self: self.open)
    @rule(pick=st.integers(0, 5), lost=st.booleans())
    def give_up(self, pick: int, lost: bool) -> None:
        walk = self.open[pick % len(self.open)]
        if lost and not walk.over:
            with pytest.raises(ConnectionError):
                walk.steps.throw(ConnectionError())
        walk.close()
        self.open.remove(walk)

    @rule(what=st.sampled_from(["sessions lost", "a second", "a minute", "log-out", "new credentials"]))
    def disturb(self, what: str) -> None:
        if what == "sessions lost":
            self.server.forget()
        elif what == "log-out":
            self.client.log_out(A)
        elif what == "new credentials":
            self.client.add(str(ORIGIN), USER, PASSWORD)
        else:
            self.now += 1 if what == "a second" else 61

    @invariant()
    def nobody_waits_for_nobody(self) -> None:
        waiting = [walk for walk in self.open if isinstance(walk.action, Wait) and not walk.action.ticket.done()]
        if waiting:
            assert len(waiting) < len(self.open)

    def teardown(self) -> None:
        for walk in self.open:
            walk.close()
        self.client.add(str(ORIGIN), USER, PASSWORD)
        last = Walk(self.client, URLS[0])
        for _ in range(10):
            if isinstance(last.action, Send):
                last.feed(self.server.answer(last.action.authorization, URLS[0]))
        assert last.outcome is not None, last.action
        assert last.outcome.status is Status.AUTH_SUCCEED


def test_no_misbehaviour_in_any_order_breaks_the_rules(quick_pi: None) -> None:
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture]
    chosen = settings(
        max_examples=100,
        stateful_step_count=50,
        deadline=None,
        derandomize=True,
        report_multiple_bugs=False,
        suppress_health_check=checks,
    )
    run_state_machine_as_test(Machine, settings=chosen)
