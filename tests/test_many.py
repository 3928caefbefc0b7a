"""Many at once: order, bounds, faults in place, cancelling."""

from __future__ import annotations

import itertools
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kam3
from kam3 import backends, many
from kam3.errors import BackendUnavailableError, InvalidSecretError
from tests.spying import PASSWORD, REALM, in_child, spy_on

P256 = kam3.EC_P256
PI_ITEM = (PASSWORD, *REALM.values())


def scalars(count: int) -> list[bytes]:
    return [n.to_bytes(32, "big") for n in range(1, count + 1)]


def ordered(
    function: Callable[..., Any], items: Any, *, arity: int = 1, run: int = 2, threads: int | None = 2, progress: Any = None
) -> Iterator[Any]:
    return many.ordered(lambda: many.one_by_one(function), arity, run, items, threads, progress)


def test_each_function(backend: str) -> None:
    pi, s = P256.pi(PASSWORD, **REALM), P256.generate_secret()
    j, kc1 = P256.j(pi), P256.kc1(s)
    ks1, z = P256.respond(j, kc1, s)
    assert list(P256.pi_many([PI_ITEM] * 3)) == [pi] * 3
    assert list(P256.j_many([(pi,)] * 3)) == [j] * 3
    assert list(P256.kc1_many([(s,)] * 3)) == [kc1] * 3
    assert list(P256.respond_many([(j, kc1, s)] * 3)) == [(ks1, z)] * 3
    assert list(P256.z_client_many([(pi, s, kc1, ks1)] * 3)) == [z] * 3


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 60), st.integers(1, 5), st.integers(1, 9))
def test_order_is_kept(count: int, threads: int, run: int) -> None:
    def slow(n: int) -> int:
        time.sleep((n * 7 % 5) / 5000)
        return n

    assert list(ordered(slow, ((n,) for n in range(count)), run=run, threads=threads)) == list(range(count))


def test_faults_stand_in_their_places(backend: str) -> None:
    good = scalars(1)[0]
    items: list[Any] = [(good,), (b"",), good, [good], (good, good), (), ("text",), None, (good,)]
    results = list(P256.kc1_many(items))
    assert results[0] == results[-1] == P256.kc1(good)
    assert isinstance(results[1], InvalidSecretError)
    assert [type(result) for result in results[2:-1]] == [TypeError] * 6
    assert str(results[2]) == "each item must be a tuple of 1 arguments"
    assert all(result.__traceback__ is None for result in results[1:-1]), "its frames hold secrets"


def test_an_exception_in_its_place_leads_to_no_secret(backend: str) -> None:
    """Neither its own frames nor those of an exception it came from: they know the S_s1 of the whole run."""
    s = scalars(1)[0]
    off_curve, kc1 = bytes([0] * 32 + [2]), P256.kc1(s)
    with pytest.raises(kam3.errors.InvalidElementError):
        P256.check_element(off_curve)
    for result in P256.respond_many([(off_curve, kc1, s), (kc1, off_curve, s), (kc1, kc1, bytes(32))]):
        assert isinstance(result, kam3.errors.Kam3Error)
        assert (result.__traceback__, result.__context__, result.__cause__) == (None, None, None)


def test_an_endless_iterable_is_read_a_few_items_ahead() -> None:
    read = []

    def endless() -> Iterator[tuple[int]]:
        for n in itertools.count():
            read.append(n)
            yield (n,)

    results = ordered(lambda n: -n, endless(), run=3, threads=2)
    assert list(itertools.islice(results, 20)) == [-n for n in range(20)]
    results.close()  # type: ignore[attr-defined]
    assert len(read) <= 20 + 2 * 2 * 3 + 3


def test_memory_is_bounded() -> None:
    class Item:
        pass

    alive: weakref.WeakSet[Item] = weakref.WeakSet()
    most = 0

    def items() -> Iterator[tuple[Item]]:
        nonlocal most
        for _ in range(300):
            item = Item()
            alive.add(item)
            most = max(most, len(alive))
            yield (item,)

    assert sum(1 for _ in ordered(lambda item: None, items(), run=2, threads=2)) == 300
    assert most < 30


def test_work_starts_at_the_first_next() -> None:
    read: list[int] = []
    alg, spy = spy_on(P256, "reference")
    results = alg.kc1_many((read.append(1) or (s,)) for s in scalars(2))  # type: ignore[func-returns-value]
    assert read == []
    assert spy.trace == []
    next(results)
    assert read == [1, 1]


def test_the_backend_is_the_one_active_at_the_first_next() -> None:
    _, spy = spy_on(P256, "reference")
    results = P256.kc1_many([(s,) for s in scalars(30)], threads=1)
    backends.use("reference")
    next(results)
    backends.use(backends.available()[0])
    assert len(list(results)) == 29
    assert spy.trace.count("kc1") == 30


def test_no_backend_is_raised_by_next(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Any:
        raise BackendUnavailableError("none")

    monkeypatch.setattr(backends, "get", lambda name=None: none())
    results = P256.kc1_many([(scalars(1)[0],)])
    with pytest.raises(BackendUnavailableError):
        next(results)


def test_progress_comes_in_the_callers_thread() -> None:
    seen: list[tuple[int, int | None, bool]] = []

    def progress(done: int, total: int | None) -> None:
        seen.append((done, total, threading.current_thread() is threading.main_thread()))

    items = [(n,) for n in range(5)]
    assert list(ordered(lambda n: n, items, progress=progress)) == [0, 1, 2, 3, 4]
    assert seen == [(n, 5, True) for n in range(1, 6)]
    seen.clear()
    assert list(ordered(lambda n: n, iter(items), progress=progress)) == [0, 1, 2, 3, 4]
    assert seen == [(n, None, True) for n in range(1, 6)]


def workers() -> int:
    return sum(thread.name.startswith("kam3") for thread in threading.enumerate())


@pytest.mark.parametrize("end", ["close", "drop", "progress", "interrupt"])
def test_the_end_cancels(end: str) -> None:
    """No worker is left, and no item is begun after the caller has gone, however he goes."""
    begun = []

    def work(n: int) -> int:
        begun.append(n)
        time.sleep(0.002)
        return n

    def progress(done: int, total: int | None) -> None:
        if done == 3 and end in ("progress", "interrupt"):
            raise KeyboardInterrupt if end == "interrupt" else ZeroDivisionError

    results = ordered(work, ((n,) for n in itertools.count()), run=50, progress=progress)
    if end in ("close", "drop"):
        assert next(results) == 0
        if end == "close":
            results.close()  # type: ignore[attr-defined]
        del results
    else:
        with pytest.raises((KeyboardInterrupt, ZeroDivisionError)):
            list(results)
    count = len(begun)
    assert count < 50 * 4
    assert workers() == 0
    time.sleep(0.02)
    assert len(begun) == count


def test_interrupt_while_reading_cancels() -> None:
    def items() -> Iterator[tuple[int]]:
        yield (1,)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        next(ordered(lambda n: n, items()))
    assert workers() == 0


def test_fault_of_the_iterable_comes_after_the_results_before_it() -> None:
    def items() -> Iterator[tuple[int]]:
        yield from ((n,) for n in range(5))
        raise LookupError("no more")

    results = ordered(lambda n: n, items())
    assert list(itertools.islice(results, 5)) == [0, 1, 2, 3, 4]
    with pytest.raises(LookupError, match="no more"):
        next(results)
    assert workers() == 0


def test_a_forked_child_cannot_go_on() -> None:
    results = ordered(lambda n: n, ((n,) for n in range(50)))
    next(results)

    def child() -> str:
        with pytest.raises(RuntimeError, match="another process") as caught:
            list(results)
        return str(caught.value)

    assert "forked child" in in_child(child)
    assert list(results) == list(range(1, 50))


@pytest.mark.parametrize(
    "options, error",
    [
        ({"threads": 0}, ValueError),
        ({"threads": -1}, ValueError),
        ({"threads": True}, TypeError),
        ({"threads": 1.5}, TypeError),
        ({"progress": 3}, TypeError),
    ],
)
def test_options_are_judged_at_once(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=next(iter(options))):
        P256.kc1_many([], **options)
    with pytest.raises(TypeError):
        P256.kc1_many(None)  # type: ignore[arg-type]


def test_all_cores_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert many.usable_cores() >= 1
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert many.usable_cores() == 1
    assert list(ordered(lambda n: n, [(1,)], threads=None)) == [1]


@pytest.mark.parametrize("alg", kam3.ALGORITHMS, ids=lambda alg: alg.token)
def test_pi_of_many_is_the_pi_of_each(alg: kam3.Algorithm) -> None:
    """More items than any lanes hold, and faults between them: each pi in its place, whatever was computed side by side."""
    good = [(f"password {n}" * (n % 5), "http://localhost", b"realm", f"user{n}") for n in range(11)]
    items: list[object] = [*good[:3], ("p", "s", 1, "u"), *good[3:7], ("p",), *good[7:], ("\ud800", "s", "r", "u")]
    results = list(alg.pi_many(items, threads=2))  # type: ignore[arg-type]
    assert [type(results[n]) for n in (3, 8, 13)] == [TypeError, TypeError, ValueError]
    pis = [result for result in results if isinstance(result, bytes)]
    assert pis == [alg.pi(password, auth_scope=scope, realm=realm, user=user) for password, scope, realm, user in good]


@pytest.mark.parametrize("alg", kam3.ALGORITHMS, ids=lambda alg: alg.token)
def test_exchanges_of_many_are_those_of_each(alg: kam3.Algorithm) -> None:
    """More items than any lanes hold, prepared J and `Pi` among them, and faults between: each answer in its place."""
    n = alg.hash_octets
    pis = [bytes([number]) * n for number in range(1, 6)]
    secrets = [alg.generate_secret() for _ in pis]
    kc1s = [alg.kc1(s_c1) for s_c1 in secrets]
    owned = kam3.Pi.from_password(alg, PASSWORD, **REALM)
    prepared = alg.prepare_j(alg.j(pis[0]))
    items: list[Any] = [(alg.j(pi), kc1, s) for pi, kc1, s in zip(pis, kc1s, reversed(secrets), strict=True)] * 2
    items[1:1] = [(prepared, kc1s[0], secrets[0]), (items[0][0], kc1s[0], bytes(alg.scalar_octets)), (items[0][0], "text", secrets[0])]
    items[6:6] = [(prepared, kc1s[0][1:], secrets[0]), (7, kc1s[0], secrets[0])]
    answers = list(alg.respond_many(items, threads=2))
    expect_each(alg.respond, items, answers)
    pairs: list[Any] = [(owned, secrets[1], kc1s[1], answers[0][0]), (pis[0][1:], secrets[0], kc1s[0], answers[0][0])]  # type: ignore[index]
    pairs += [(pi, s_c1, kc1, answers[0][0]) for pi, s_c1, kc1 in zip(pis, secrets, kc1s, strict=True)] * 2  # type: ignore[index]
    pairs += [(owned, secrets[0], kc1s[0], kc1s[0][:-1]), (pis[0], None, kc1s[0], kc1s[0])]
    expect_each(alg.z_client, pairs, list(alg.z_client_many(pairs, threads=2)))


def expect_each(function: Callable[..., Any], items: list[Any], answers: list[Any]) -> None:
    """Expect of each item what the single function gives or raises, word for word."""
    for item, answer in zip(items, answers, strict=True):
        if not isinstance(answer, Exception):
            assert answer == function(*item)
            continue
        with pytest.raises(type(answer)) as caught:
            function(*item)
        assert str(answer) == str(caught.value)
        assert answer.__traceback__ is answer.__context__ is answer.__cause__ is None
    assert 2 <= sum(isinstance(answer, Exception) for answer in answers) < len(answers) / 2


def test_a_run_leaves_no_secret(backend: str) -> None:
    alg, spy = spy_on(P256, "reference")
    s, pi = scalars(1)[0], P256.pi(PASSWORD, **REALM)
    kc1 = P256.kc1(s)
    with kam3.Pi.from_password(P256, PASSWORD, **REALM) as owned:
        for good in (True, False):
            ks1 = kc1 if good else kc1[1:]
            list(alg.z_client_many([(owned, s, kc1, ks1), (pi, s, kc1, ks1)]))
            list(alg.respond_many([(P256.j(pi), ks1, s)] * 2))
    assert spy.memories
    assert not spy.holds_secrets()


def test_what_a_backend_cannot_do_for_a_run_of_pi_stands_in_the_place_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(type(kam3.backends.get()), "pi_many", broken)
    results = list(kam3.EC_P256.pi_many([("a", "b", "c", "d"), ("a", "b", "c", 1), ("a", "b", "c", "d")]))  # type: ignore[list-item]
    assert [type(result) for result in results] == [MemoryError, TypeError, MemoryError]
