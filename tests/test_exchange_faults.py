"""Exchanges under interruption: an exception at any point, other threads, signal handlers, forks."""

from __future__ import annotations

import gc
import linecache
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

import kam3
from kam3 import backends, exchange, ownership, session
from kam3.errors import ExchangeStateError, VerificationError
from tests.spying import PASSWORD, REALM, Hollow, Spy, in_child, spy_on
from tests.test_exchange import Pair, connect

P256 = kam3.EC_P256
FASTEST = backends.available()[0]
VH = b"http://example.com:80"
PI = P256.on(FASTEST).pi(PASSWORD, **REALM)
J = P256.on(FASTEST).j(PI)
KC1 = P256.on(FASTEST).kc1(bytes(31) + b"\x09")


def right_guess(server: kam3.ServerSession) -> bytes:
    return P256.vkc(server._kc1, server._ks1, server._z, 1, VH)


# An exception out of any call of the backend, after its work is done


def interrupted_everywhere(prepare: Callable[[kam3.Algorithm], Any], step: Callable[[Any], Any], check: Callable[[Any, Spy], None]) -> int:
    """Run the step again and again, interrupted in its first call of the backend, its second, ..., and return how many there are."""
    for number in range(1, 99):
        alg, spy = spy_on(P256, FASTEST)
        subject = prepare(alg)
        spy.trace.clear()
        spy.fail_at = number
        try:
            step(subject)
        except KeyboardInterrupt:
            check(subject, spy)
        else:
            return number - 1
    raise AssertionError("the step does not end")


def leaves_nothing(subject: Any, spy: Spy) -> None:
    assert not spy.holds_secrets(), spy.trace


def test_interrupted_making_leaves_nothing() -> None:
    def first(alg: kam3.Algorithm) -> kam3.Algorithm:
        exchange._stand_ins.clear()
        return alg

    assert interrupted_everywhere(first, lambda alg: kam3.ClientExchange(alg, PI), leaves_nothing) == 5
    assert interrupted_everywhere(first, lambda alg: kam3.ServerExchange(alg, J), leaves_nothing) == 6
    assert interrupted_everywhere(first, kam3.ServerExchange.fake, leaves_nothing) == 6


def test_interrupted_finish_is_spent_and_leaves_nothing() -> None:
    def check(client: kam3.ClientExchange, spy: Spy) -> None:
        leaves_nothing(client, spy)
        with pytest.raises(ExchangeStateError, match="has been used"):
            client.finish(KC1)

    assert interrupted_everywhere(lambda alg: kam3.ClientExchange(alg, PI), lambda client: client.finish(KC1), check) == 3


def test_interrupted_respond_is_spent_and_leaves_nothing() -> None:
    def check(server: kam3.ServerExchange, spy: Spy) -> None:
        leaves_nothing(server, spy)
        with pytest.raises(ExchangeStateError, match="has been used"):
            server.respond(KC1)

    assert interrupted_everywhere(lambda alg: kam3.ServerExchange(alg, J), lambda server: server.respond(KC1), check) == 4


def test_interrupted_first_verification_is_the_one_guess() -> None:
    def check(server: kam3.ServerSession, spy: Spy) -> None:
        leaves_nothing(server, spy)
        with pytest.raises(ExchangeStateError, match="is over"):
            server.verify_vkc(bytes(32), 1, VH)

    calls = interrupted_everywhere(
        lambda alg: kam3.ServerExchange(alg, J).respond(KC1), lambda server: server.verify_vkc(right_guess(server), 1, [VH, b"x"]), check
    )
    assert calls == 2


def test_interrupted_later_verification_changes_nothing() -> None:
    alg, spy = spy_on(P256, FASTEST)
    server = kam3.ServerExchange(alg, J).respond(KC1)
    right = right_guess(server)
    vks = server.verify_vkc(right, 1, VH)
    spy.trace.clear()
    spy.fail_at = 1
    with pytest.raises(KeyboardInterrupt):
        server.verify_vkc(right, 1, VH)
    assert server.verify_vkc(right, 1, VH) == vks


# An exception on any line of ours, as KeyboardInterrupt comes


FILES = {exchange.__file__, session.__file__, ownership.__file__}


class InterruptAtLine:
    """Raise KeyboardInterrupt at the n-th line of our modules that is run.

    Not at the lines of ``with`` and ``try`` themselves: there only a tracer can stop. The interpreter handles signals when it calls a
    function, starts one, or jumps back, and so not between leaving a block and releasing its lock.
    """

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, frame: FrameType, event: str, argument: object) -> Any:
        if frame.f_code.co_filename not in FILES or frame.f_code.co_name == "__del__":
            return None
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
        if event == "line" and line != "try:" and not line.startswith("with "):
            self.left -= 1
            if self.left == 0:
                sys.settrace(None)
                raise KeyboardInterrupt
        return self

    def run(self, step: Callable[[], Any]) -> tuple[bool, Any]:
        """Return whether the step was interrupted, and its result."""
        before = sys.gettrace()
        sys.settrace(self)
        try:
            result = step()
        except KeyboardInterrupt:
            return True, None
        finally:
            sys.settrace(before)
        return False, result


def at_every_line(make: Callable[[kam3.Algorithm], Any], step: Callable[[Any], Any], check: Callable[[Any, Spy], None]) -> None:
    for number in range(1, 500):
        alg, spy = spy_on(P256, Hollow())
        subject = make(alg)
        spy.trace.clear()
        interrupted, result = InterruptAtLine(number).run(lambda s=subject: step(s))  # type: ignore[misc]
        check(subject, spy)
        if not interrupted:
            assert number > 5
            return
        del result
        if isinstance(subject, ownership.SecretOwner):
            closer = threading.Thread(target=subject.close, daemon=True)
            closer.start()
            closer.join(10)
            assert not closer.is_alive(), f"the lock is still held after an interruption at line {number}"
        del subject
        gc.collect()
        assert not spy.holds_secrets(), f"interrupted at line {number}"
    raise AssertionError("the step does not end")


def test_finish_interrupted_at_any_line() -> None:
    def check(client: kam3.ClientExchange, spy: Spy) -> None:
        begun = bool(spy.trace)
        if begun:
            with pytest.raises(ExchangeStateError):
                client.finish(KC1)
        assert spy.trace.count("z_client") <= 1

    at_every_line(lambda alg: kam3.ClientExchange(alg, PI), lambda client: client.finish(KC1), check)


def test_respond_interrupted_at_any_line() -> None:
    def check(server: kam3.ServerExchange, spy: Spy) -> None:
        if spy.trace:
            with pytest.raises(ExchangeStateError):
                server.respond(KC1)
        assert spy.trace.count("respond") <= 1

    at_every_line(lambda alg: kam3.ServerExchange(alg, J), lambda server: server.respond(KC1), check)


def test_wrong_guess_interrupted_at_any_line() -> None:
    """However it is interrupted, a client has one guess: another one is never evaluated after a wrong one was."""

    def guess(server: kam3.ServerSession) -> None:
        with pytest.raises(VerificationError):
            server.verify_vkc(bytes(32), 1, VH)

    def check(server: kam3.ServerSession, spy: Spy) -> None:
        if "proofs" in spy.trace:
            with pytest.raises(ExchangeStateError):
                server.verify_vkc(bytes(32), 1, VH)
            assert spy.trace.count("proofs") == 1

    at_every_line(lambda alg: kam3.ServerExchange(alg, J).respond(KC1), guess, check)


def test_right_guess_interrupted_at_any_line() -> None:
    def check(server: kam3.ServerSession, spy: Spy) -> None:
        """Afterwards it is untouched, verified, or over; VK_s is never there without a verified client."""
        try:
            assert server.vh == VH
        except ExchangeStateError as error:
            assert not spy.trace or "has not verified" not in str(error)

    at_every_line(lambda alg: kam3.ServerExchange(alg, J).respond(KC1), lambda server: server.verify_vkc(right_guess(server), 1, VH), check)


def test_making_interrupted_at_any_line() -> None:
    for make in (lambda alg: kam3.ClientExchange(alg, PI), lambda alg: kam3.ServerExchange(alg, J)):
        at_every_line(lambda alg: alg, make, lambda alg, spy: None)


# A signal handler that comes back into the object amid a call


def test_close_amid_a_call_withholds_its_result() -> None:
    for name, use in (
        ("vkc", lambda pair: pair.client.vkc(1, VH)),
        ("verify_vks", lambda pair: pair.client.verify_vks(bytes(32), 1, VH)),
        ("verify_vkc", lambda pair: pair.server.verify_vkc(right_guess(pair.server), 1, VH)),
    ):
        alg, spy = spy_on(P256, FASTEST)
        pair = connect(alg)
        spy.during["vk" if name == "verify_vks" else "proofs"] = pair.server.close if name == "verify_vkc" else pair.client.close
        with pytest.raises(ExchangeStateError, match="is closed"):
            use(pair)


def test_close_amid_the_key_exchange() -> None:
    alg, spy = spy_on(P256, FASTEST)
    client, server = kam3.ClientExchange(alg, PI), kam3.ServerExchange(alg, J)
    spy.during = {"z_client": client.close, "respond": server.close}
    for step in (lambda: client.finish(KC1), lambda: server.respond(KC1)):
        with pytest.raises(ExchangeStateError, match="is closed"):
            step()
    assert not spy.holds_secrets()


def test_no_second_guess_amid_the_first() -> None:
    alg, spy = spy_on(P256, FASTEST)
    server = kam3.ServerExchange(alg, J).respond(KC1)
    right, refusals = right_guess(server), []

    def second() -> None:
        with pytest.raises(ExchangeStateError):
            server.verify_vkc(right, 1, VH)
        refusals.append(True)

    spy.during["proofs"] = second
    with pytest.raises(VerificationError):
        server.verify_vkc(bytes(32), 1, VH)
    assert refusals == [True]


# Threads


def at_once(work: Callable[[], Any], count: int = 8) -> list[Any]:
    """Run the work in threads that start together, and return results and exceptions."""
    gate, results = threading.Barrier(count), []

    def run() -> None:
        gate.wait()
        try:
            results.append(work())
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_one_thread_finishes(backend: str) -> None:
    client, server = kam3.ClientExchange(P256, PI), kam3.ServerExchange(P256, J)
    for step, kind in ((lambda: client.finish(KC1), kam3.ClientSession), (lambda: server.respond(KC1), kam3.ServerSession)):
        assert sorted(type(r).__name__ for r in at_once(step)) == sorted([kind.__name__, *["ExchangeStateError"] * 7])


def test_one_thread_guesses() -> None:
    """Fault catalogue, row 40, within one process."""
    server = kam3.ServerExchange(P256, J).respond(KC1)
    results = at_once(lambda: server.verify_vkc(bytes(32), 1, VH))
    assert sorted(type(r).__name__ for r in results) == [*["ExchangeStateError"] * 7, "VerificationError"]


def test_close_comes_between_calls_of_other_threads(backend: str) -> None:
    for _ in range(5):
        pair = connect()
        expected = pair.client.vkc(1, VH)
        calls = iter([pair.client.close] + [lambda p=pair: p.client.vkc(1, VH)] * 7)
        for result in at_once(lambda c=calls: next(c)()):
            assert result in (None, expected) or isinstance(result, ExchangeStateError)


# Forks


def test_child_draws_its_own_secrets(backend: str) -> None:
    """Fault catalogue, row 10."""

    def draw() -> list[bytes]:
        return [P256.generate_secret(), kam3.ClientExchange(P256, PI).kc1, kam3.ServerExchange(P256, J).respond(KC1).ks1]

    draw()
    answers = [in_child(draw), in_child(draw), draw()]
    assert len({value for answer in answers for value in answer}) == 9


def test_stand_in_is_of_one_process() -> None:
    def drawn() -> bytes:
        own = kam3.ServerExchange.fake(P256)
        return bytes(own._j.view())

    assert drawn() == drawn() != in_child(drawn)


def test_exchanges_and_sessions_refuse_in_a_child() -> None:
    pair = connect()
    client, server = kam3.ClientExchange(P256, PI), kam3.ServerExchange(P256, J)
    right = right_guess(pair.server)
    uses: list[Callable[[], Any]] = [
        lambda: client.kc1,
        lambda: client.finish(KC1),
        lambda: server.respond(KC1),
        lambda: pair.client.vkc(1, VH),
        lambda: pair.client.verify_vks(right, 1, VH),
        lambda: pair.server.verify_vkc(right, 1, VH),
        lambda: pair.server.ks1,
        client.__enter__,
    ]

    def child() -> list[str]:
        said = []
        for use in uses:
            try:
                use()
            except ExchangeStateError as error:
                said.append(str(error))
        for owner in (client, server, pair.client, pair.server):
            owner.close()
            assert not any(any(memory.view()) for memory in owner._secrets())
        return said

    said = in_child(child)
    assert len(said) == len(uses)
    assert all("forked child" in text for text in said)
    assert in_child(lambda: in_child(child)) == said, "nor in a grandchild"
    assert pair.server.verify_vkc(right, 1, VH), "the parent goes on"


def test_another_process_is_told_by_its_forks_even_under_the_same_id(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = connect()
    monkeypatch.setattr(ownership, "_mark", ownership._mark)  # to be put back
    ownership._count_fork()
    with pytest.raises(ExchangeStateError, match="forked child"):
        pair.client.vkc(1, VH)
    pair.client.close()
    assert not any(pair.client._z.view())


def test_child_can_close_what_another_thread_was_using() -> None:
    pair = connect()
    holding, done = threading.Event(), threading.Event()

    def hold() -> None:
        with pair.client._lock:
            holding.set()
            done.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    holding.wait(30)
    try:
        assert in_child(lambda: pair.client.close() or any(pair.client._z.view())) is False
    finally:
        done.set()
        thread.join()


# Any order of calls


class Sessions(RuleBasedStateMachine):
    """Both sessions of one exchange against the smallest model of what they allow."""

    numbers = st.integers(0, 3)
    hosts = st.sampled_from([b"a", b"b"])

    @initialize()
    def exchange(self) -> None:
        self.pair: Pair = connect()
        self.server = "unverified"
        self.client = "open"

    def expect(self, allowed: bool, action: Callable[[], Any]) -> Any:
        if allowed:
            return action()
        with pytest.raises(ExchangeStateError):
            action()
        return None

    @precondition(lambda self: self.client == "open")
    @rule(nc=numbers, made=numbers, vh=hosts, tried=st.lists(hosts, min_size=1, max_size=4))
    def verify_vkc(self, nc: int, made: int, vh: bytes, tried: list[bytes]) -> None:
        vkc = self.pair.client.vkc(made, vh)
        if self.server not in ("unverified", "verified"):
            self.expect(False, lambda: self.pair.server.verify_vkc(vkc, nc, tried))
        elif made == nc and vh in tried:
            self.pair.client.verify_vks(self.pair.server.verify_vkc(vkc, nc, tried), nc, vh)
            self.server = "verified"
            assert self.pair.server.vh == vh
        else:
            with pytest.raises(VerificationError):
                self.pair.server.verify_vkc(vkc, nc, tried)
            self.server = "verified" if self.server == "verified" else "over"

    @rule(nc=numbers, vh=hosts)
    def bind(self, nc: int, vh: bytes) -> None:
        ours = self.expect(self.client == "open", lambda: self.pair.client.b2(nc, vh))
        theirs = self.expect(self.server == "verified", lambda: self.pair.server.b2(nc, vh))
        assert None in (ours, theirs) or ours == theirs

    @rule(vh=hosts)
    def wrong_vks(self, vh: bytes) -> None:
        if self.client == "open":
            with pytest.raises(VerificationError):
                self.pair.client.verify_vks(bytes(32), 1, vh)
            self.client = "over"
        else:
            self.expect(False, lambda: self.pair.client.verify_vks(bytes(32), 1, vh))

    @rule(side=st.sampled_from(["client", "server"]))
    def close(self, side: str) -> None:
        getattr(self.pair, side).close()
        setattr(self, side, "closed")

    def teardown(self) -> None:
        if hasattr(self, "pair"):
            assert any(self.pair.server._z.view()) == (self.server in ("unverified", "verified"))
            assert any(self.pair.client._z.view()) == (self.client == "open")


TestSessions = Sessions.TestCase
TestSessions.settings = settings(max_examples=30, stateful_step_count=12, deadline=None)
