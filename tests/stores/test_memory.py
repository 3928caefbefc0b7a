"""The session table in memory: its limits, whom it drops, threads, forks and clocks."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kam3
from kam3.errors import ExchangeStateError, InvalidElementError, StoreUnavailableError, UnknownAlgorithmError
from kam3.mutual.limits import Limits, Rate, peer_group
from kam3.mutual.outcomes import Answered, Forwarded
from kam3.mutual.realms import Realm
from kam3.mutual.sessions import Answer, NewSession, SessionKey
from kam3.session import ServerSession
from kam3.stores.fading import Fading
from kam3.stores.memory import MemoryCredentialStore, MemorySessionTable
from kam3.stores.pending import PendingByPeer
from tests.mutual.serving import ALG, ORIGIN, REALM, USER, Bench, Clock, j_of

_numbers = iter(range(10**9))


def fresh_session() -> ServerSession:
    return kam3.ServerExchange.fake(ALG).respond(ALG.kc1(ALG.generate_secret()))


def new(peer: str = "p", *, user: str = USER, lifetime: float = 3660.0, sid: str | None = None) -> NewSession:
    key = SessionKey(ORIGIN, REALM, sid or f"{next(_numbers):032x}")
    return NewSession(key, fresh_session(), user, True, peer, 2**31 - 1, 1024, lifetime)


def add(table: MemorySessionTable, *peers: str, **more: object) -> list[NewSession]:
    sessions = [new(peer, **more) for peer in peers]  # type: ignore[arg-type]  # they are new's
    for session in sessions:
        table.create(session)
    return sessions


def alive(table: MemorySessionTable, *sessions: NewSession) -> list[bool]:
    return [table.begin(session.key, 9).answer in (Answer.EVALUATE, Answer.REJECTED) for session in sessions]


def wiped(session: NewSession) -> bool:
    try:
        _ = session.session.ks1
    except ExchangeStateError:
        return True
    return False


def table_of(clock: Clock | None = None, **limits: object) -> MemorySessionTable:
    return MemorySessionTable(Limits(**limits), clock=clock or Clock())  # type: ignore[arg-type]  # they are Limits'


# Row 62: rates


def test_row_62_peers_are_ipv4_addresses_and_ipv6_networks() -> None:
    assert peer_group("192.0.2.1") != peer_group("192.0.2.2")
    assert peer_group("2001:db8::1") == peer_group("2001:DB8:0:0:ffff:ffff:ffff:ffff") == "2001:db8::/64"
    assert peer_group("2001:db8:0:1::1") != peer_group("2001:db8::1")
    assert peer_group("::ffff:192.0.2.1") == peer_group("192.0.2.1")
    assert peer_group("fe80::1%eth0") == "fe80::/64"
    assert peer_group("unix:/run/x") == "unix:/run/x"


def test_row_62_key_exchanges_of_one_peer_are_bounded_whatever_the_users() -> None:
    clock = Clock()
    table = table_of(clock, peer=Rate(3, 10.0))
    assert [table.admit("a", REALM, f"u{n}").admitted for n in range(4)] == [True, True, True, False]
    assert table.admit("a", REALM, "x").retry_after == 11
    assert table.admit("b", REALM, "x").admitted
    clock.now += 10
    assert [table.admit("a", REALM, "x").admitted for _ in range(2)] == [True, False]
    clock.now += 1000
    assert [table.admit("a", REALM, f"v{n}").admitted for n in range(4)] == [True, True, True, False], "no credit beyond the burst"


def test_row_62_key_exchanges_for_one_user_from_one_peer_are_bounded() -> None:
    table = table_of(user_and_peer=Rate(2, 30.0))
    assert [table.admit("a", REALM, USER).admitted for _ in range(3)] == [True, True, False]
    assert table.admit("a", REALM, "bob").admitted
    assert table.admit("b", REALM, USER).admitted
    assert table.admit("a", REALM._replace(realm="s"), USER).admitted


def test_row_62_a_log_in_that_succeeds_is_not_counted() -> None:
    bench = Bench(table=table_of(user_and_peer=Rate(2, 30.0)))
    for _ in range(10):
        login = bench.log_in()
        login.check(login.get(1), 1)
    for _ in range(2):
        bench.log_in(password="wrong").get(1)
    assert not bench.table.admit("192.0.2.7", REALM, USER).admitted, "guesses are, however they ended"


def test_rows_62_and_63_a_user_is_delayed_by_five_seconds_at_most_and_never_refused() -> None:
    clock = Clock()
    table = table_of(clock, user=Rate(2, 1.0))
    waits = [table.admit(f"p{n}", REALM, USER) for n in range(20)]
    assert all(admission.admitted for admission in waits)
    assert [admission.wait for admission in waits[:8]] == [0, 0, 1, 2, 3, 4, 5, 5]
    assert waits[-1].wait == 5
    clock.now += 5
    assert table.admit("q", REALM, USER).wait == 1, "the debt does not grow beyond the longest wait"
    assert table.admit("q", REALM, "bob").wait == 0


def test_row_55_unknown_names_are_limited_as_known_ones() -> None:
    bench = Bench(table=table_of(user_and_peer=Rate(2, 30.0)))
    for user in (USER, "nobody"):
        assert [bench.table.admit("a", REALM, user).admitted for _ in range(3)] == [True, True, False]


def test_counters_are_bounded() -> None:
    table = table_of(counters=50, peer=Rate(10, 1.0))
    for number in range(1000):
        table.admit(f"p{number}", REALM, f"u{number}" * 100)
    assert len(table._peers) <= 50
    assert len(table._users) <= 50
    assert len(table._users_and_peers) <= 50


@given(st.lists(st.tuples(st.integers(0, 20), st.floats(0, 100)), max_size=80))
def test_what_fades_is_kept_while_there_is_room(puts: list[tuple[int, float]]) -> None:
    fading: Fading[int] = Fading(8)
    for key, until in puts:
        fading.put(key, until, now=50.0)
        assert fading.get(key) == until
        assert len(fading) <= 8
    assert fading.get(99) < 0


@pytest.mark.parametrize("limits", [{"sessions": 0}, {"pending": 0}, {"peer": Rate(0, 1.0)}, {"user": Rate(1, -1.0)}, {"pending": 10**6}])
def test_limits_that_make_no_sense_are_refused(limits: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must"):
        Limits(**limits)  # type: ignore[arg-type]  # they are Limits'


# Rows 64 and 65: who is dropped


def test_row_64_one_peer_drops_its_own_oldest() -> None:
    table = table_of(pending_per_peer=3)
    other, mine = add(table, "b")[0], add(table, "a", "a", "a", "a")
    assert alive(table, other, *mine) == [True, False, True, True, True]
    assert wiped(mine[0])


def test_row_65_full_of_pending_the_peer_that_holds_most_loses_its_oldest() -> None:
    table = table_of(pending=6, pending_per_peer=6)
    honest = add(table, "h")
    flood = add(table, *"fffff")
    late = add(table, "i", "j")
    assert alive(table, *honest, *flood, *late) == [True, False, False, True, True, True, True, True]


def test_row_65_a_flood_does_not_keep_an_honest_user_out() -> None:
    bench = Bench(table=table_of(pending=50, pending_per_peer=20))
    login = bench.log_in()
    for number in range(2000):
        bench.table.create(new(f"198.51.100.{number % 10}"))
    login.check(login.get(1), 1)
    assert len(bench.table) <= 51


def test_row_65_full_it_drops_rejected_then_pending_then_the_oldest() -> None:
    table = table_of(sessions=4, pending=4, pending_per_peer=4)
    proved, rejected, pending, other = add(table, "a", "b", "c", "d")
    assert table.commit(proved.key, 1, True, "a") is Answer.ACCEPTED
    assert table.commit(rejected.key, 1, False, "b") is Answer.FAILED
    assert table.commit(other.key, 1, True, "d") is Answer.ACCEPTED
    (one,) = add(table, "e")
    assert alive(table, proved, pending, other) == [True, True, True]
    assert table.begin(rejected.key, 1).answer is Answer.STALE
    (two,) = add(table, "e")
    assert alive(table, proved, other) == [True, True]
    assert Counter(alive(table, pending, one, two)) == {True: 2, False: 1}
    for session in (pending, one, two):
        table.commit(session.key, 1, True, "e")
    add(table, "f", "g")
    assert len(table) == 4
    assert table.begin(proved.key, 9).answer is Answer.STALE
    assert wiped(proved)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=60))
def test_the_order_of_a_flood_against_a_naive_model(moves: list[tuple[str, bool]]) -> None:
    pending: PendingByPeer[int] = PendingByPeer()
    model: list[tuple[str, int]] = []
    for number, (peer, adding) in enumerate(moves):
        mine = [item for owner, item in model if owner == peer]
        if adding:
            pending.add(peer, number)
            model.append((peer, number))
        elif mine:
            assert pending.oldest_of(peer) == mine[0]
            pending.remove(peer, mine[0])
            model.remove((peer, mine[0]))
        counts = Counter(owner for owner, _ in model)
        assert len(pending) == len(model)
        assert all(pending.held_by(owner) == counts[owner] for owner in "abcd")
        if model:
            assert counts[pending.most()] == max(counts.values())


# Life and death of a session


def test_row_47_a_session_ends_at_its_time_and_its_memory_is_given_back() -> None:
    clock = Clock()
    table = table_of(clock)
    first, second = add(table, "a", "b", lifetime=100.0)
    assert table.commit(first.key, 1, True, "a") is Answer.ACCEPTED
    clock.now += 99.9
    assert table.begin(first.key, 2).answer is Answer.EVALUATE
    clock.now += 0.1
    assert table.begin(first.key, 3).answer is Answer.STALE
    assert table.commit(second.key, 1, True, "b") is Answer.STALE
    assert wiped(first)
    assert wiped(second)
    add(table, "c")
    assert len(table) == 1


def test_expired_sessions_are_swept_when_others_come() -> None:
    clock = Clock()
    table = table_of(clock)
    old = add(table, *"abc", lifetime=100.0)
    clock.now += 101
    add(table, "d")
    assert len(table) == 1
    assert all(wiped(session) for session in old)


def test_row_71_a_clock_that_jumps_forwards_ends_sessions_and_no_more() -> None:
    clock = Clock()
    table = table_of(clock)
    (session,) = add(table, "a")
    clock.now += 10**9
    assert alive(table, session) == [False]
    assert table.admit("a", REALM, USER).admitted
    assert alive(table, *add(table, "a")) == [True]


def test_a_rejected_session_holds_no_secret() -> None:
    table = table_of()
    (session,) = add(table, "a")
    assert table.commit(session.key, 1, False, "a") is Answer.FAILED
    assert wiped(session)
    assert table.begin(session.key, 2).answer is Answer.REJECTED


def test_an_ended_session_is_wiped_and_ending_again_is_nothing() -> None:
    table = table_of()
    (session,) = add(table, "a")
    table.end(session.key)
    table.end(session.key)
    assert alive(table, session) == [False]
    assert wiped(session)
    assert len(table) == 0


def test_a_sid_that_is_there_is_never_replaced() -> None:
    table = table_of()
    (session,) = add(table, "a")
    with pytest.raises(StoreUnavailableError, match="sid"):
        table.create(new("b", sid=session.key.sid))
    assert alive(table, session) == [True]
    elsewhere = new("b", sid=session.key.sid)
    table.create(NewSession(session.key._replace(origin="http://other"), elsewhere.session, USER, True, "b", 9, 9, 9.0))
    assert len(table) == 2


def test_row_66_a_restart_is_stale() -> None:
    bench = Bench()
    login = bench.log_in()
    bench.table = MemorySessionTable()
    assert isinstance(login.get(1), Answered)
    bench.log_in()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_row_66_a_forked_child_knows_no_session_of_its_parent() -> None:
    table = table_of()
    (session,) = add(table, "a")
    table._lock.acquire()  # as another thread may hold it at that moment
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)  # a child that waits for that lock would wait for ever
        answer = table.begin(session.key, 1).answer
        add(table, "b")
        os._exit(0 if answer is Answer.STALE and len(table) == 1 else 1)
    table._lock.release()
    assert os.waitpid(pid, 0)[1] == 0
    assert alive(table, session) == [True]


# Threads


def hammer(count: int, work: Callable[[], object]) -> None:
    start = threading.Barrier(count)

    def run() -> None:
        start.wait()
        work()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("proved", [False, True])
def test_row_43_many_threads_with_one_number_get_one_200(proved: bool) -> None:
    for _ in range(40):
        bench = Bench()
        login = bench.log_in()
        if proved:
            login.check(login.get(0), 0)
        header, outcomes = login.header(1), []
        hammer(8, lambda bench=bench, header=header, outcomes=outcomes: outcomes.append(bench.ask(header)))
        assert sum(isinstance(outcome, Forwarded) for outcome in outcomes) == 1
        assert all(outcome.status == 401 for outcome in outcomes if isinstance(outcome, Answered))


def test_row_40_many_threads_with_right_and_wrong_proofs_decide_once() -> None:
    for _ in range(40):
        bench = Bench()
        login = bench.log_in()
        headers = [login.header(nc) if nc % 2 else login.wrong(nc) for nc in range(1, 9)]
        random.shuffle(headers)
        outcomes: list[Answered | Forwarded] = []
        hammer(8, lambda bench=bench, headers=headers, outcomes=outcomes: outcomes.append(bench.ask(headers.pop())))
        accepted = [outcome for outcome in outcomes if isinstance(outcome, Forwarded)]
        assert len(accepted) in (0, 4), "either the first guess was wrong, or every right proof counts"


def test_threads_in_one_table_lose_nothing() -> None:
    table = table_of(pending=64, pending_per_peer=16, sessions=200)

    def live() -> None:
        for number in range(60):
            peer = f"p{random.randrange(6)}"
            table.admit(peer, REALM, USER)
            (session,) = add(table, peer)
            if number % 3:
                table.commit(session.key, 1, number % 2 == 0, peer)
            if number % 7 == 0:
                table.end(session.key)

    hammer(6, live)
    records = [record for room in table._rooms.values() for record in room.values()]
    assert len(records) == len(table) <= 200
    assert len(table._pending) == sum(record.phase.value == "key-exchanging" for record in records) <= 64
    assert len(table._rejected) == sum(record.phase.value == "rejected" for record in records)


# Credentials


def test_credentials_are_found_by_the_realm_and_the_name() -> None:
    store = MemoryCredentialStore()
    store.put(REALM, USER, bytearray(j_of()))  # type: ignore[arg-type]  # any octets
    assert store.find(REALM, USER) == j_of()
    for realm, user in ((REALM, "Alice"), (REALM, ""), (REALM._replace(realm="s"), USER), (REALM._replace(auth_scope="h"), USER)):
        assert store.find(realm, user) is None
    store.remove(REALM, USER)
    store.remove(REALM, USER)
    assert store.find(REALM, USER) is None


def test_row_11_a_j_that_is_no_element_is_not_kept() -> None:
    store = MemoryCredentialStore()
    with pytest.raises(InvalidElementError):
        store.put(REALM, USER, bytes(33)[:-1])
    with pytest.raises(InvalidElementError):
        store.put(Realm(kam3.DL_2048.token, ORIGIN, "r"), USER, (1).to_bytes(256, "big"))
    with pytest.raises(UnknownAlgorithmError):
        store.put(REALM._replace(algorithm="x"), USER, j_of())
    with pytest.raises(TypeError, match="user"):
        store.put(REALM, b"alice", j_of())  # type: ignore[arg-type]  # that is refused
    assert store.find(REALM, USER) is None
