"""The session table on a real Redis: its answers, races, and everything that a Redis may do to it."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import kam3
from kam3.errors import ExchangeStateError, MissingExtraError, StoreUnavailableError
from kam3.mutual.limits import Limits, Rate
from kam3.mutual.sessions import Answer
from kam3.stores.redis import AsyncRedisSessionTable, RedisSessionTable
from kam3.stores.redis_lua import NC_LIMIT
from tests.stores.servers import RedisServer, need, wait_for
from tests.stores.sessions import KEYS, REALM, key, new, pair, proof, request
from tests.test_exchange import VH

pytest.importorskip("redis", reason="needs redis-py")

STALE, NC_REFUSED, REJECTED, EVALUATE, FAILED, ACCEPTED = Answer


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    need("redis-server")
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture
def server(shared: RedisServer) -> RedisServer:
    """The Redis of this module, emptied."""
    client = shared.client()
    client.config_set("maxmemory", 0)
    client.config_set("maxmemory-policy", "noeviction")
    client.flushall()
    return shared


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., RedisServer]]:
    """What starts a Redis of the test's own."""
    need("redis-server")
    started: list[RedisServer] = []

    def starter(*options: str) -> RedisServer:
        started.append(RedisServer(tmp_path / str(len(started)), *options))
        return started[-1]

    yield starter
    for one in started:
        one.kill()


def table_on(server: RedisServer, timeout: float = 20.0, **options: Any) -> RedisSessionTable:
    return RedisSessionTable.from_url(server.url, options.pop("keys", KEYS), timeout=timeout, **options)


@pytest.fixture
def table(server: RedisServer) -> Iterator[RedisSessionTable]:
    table = table_on(server)
    yield table
    table.close()


def name_of(client: Any) -> bytes:
    (name,) = client.keys("*session:*")
    return name


# Requirements of RFC 8120 and rows of the catalogue


def test_row_37_an_unknown_sid_is_stale(table: RedisSessionTable) -> None:
    table.create(new())
    assert table.begin(key(2), 1).answer is STALE
    assert table.commit(key(2), 1, True, "p") is STALE


@pytest.mark.parametrize("change", [{"origin": "http://example.com:8080"}, {"realm": REALM._replace(realm="other")}])
def test_row_30_a_sid_is_local_to_its_server_and_realm(table: RedisSessionTable, change: dict[str, Any]) -> None:
    table.create(new())
    assert table.begin(key(**change), 1).answer is STALE
    assert request(table) is ACCEPTED


def test_row_39_a_wrong_first_proof_rejects_the_session_and_row_38_it_stays_rejected(table: RedisSessionTable, server: RedisServer) -> None:
    table.create(new())
    assert request(table, right=False) is FAILED
    begun = table.begin(key(), 1)
    assert (begun.answer, begun.session, begun.user) == (REJECTED, None, "alice")
    assert table.commit(key(), 1, True, "p") is REJECTED
    assert server.client().hget(name_of(server.client()), "blob") is None, "z is of no more use"


@pytest.mark.parametrize(("first", "second"), [(True, True), (True, False), (False, True), (False, False)])
def test_row_40_of_two_proofs_on_a_pending_session_the_first_commit_decides(table: RedisSessionTable, first: bool, second: bool) -> None:
    table.create(new())
    assert [table.begin(key(), nc).answer for nc in (1, 2)] == [EVALUATE, EVALUATE]
    assert table.commit(key(), 2, first, "p") is (ACCEPTED if first else FAILED)
    expected = (ACCEPTED if second else FAILED) if first else REJECTED
    assert table.commit(key(), 1, second, "p") is expected
    assert request(table, nc=3) is (ACCEPTED if first else REJECTED)


def test_row_41_a_wrong_proof_of_an_authenticated_session_changes_nothing(table: RedisSessionTable) -> None:
    table.create(new())
    assert request(table, nc=1) is ACCEPTED
    assert request(table, nc=2, right=False) is FAILED
    assert request(table, nc=2) is ACCEPTED


def test_row_42_replay_of_the_same_nc_ends_the_session(table: RedisSessionTable) -> None:
    table.create(new())
    assert request(table, nc=5) is ACCEPTED
    assert request(table, nc=5) is NC_REFUSED
    assert request(table, nc=6) is STALE


def test_row_43_two_concurrent_requests_with_one_nc_give_one_acceptance(table: RedisSessionTable) -> None:
    table.create(new())
    assert [table.begin(key(), 1).answer for _ in "ab"] == [EVALUATE, EVALUATE]
    assert [table.commit(key(), 1, True, "p") for _ in "ab"] == [ACCEPTED, NC_REFUSED]


def test_row_43_eight_threads_race_with_one_nc(server: RedisServer) -> None:
    tables = [table_on(server) for _ in range(8)]
    for trial in range(150):
        tables[0].create(new(trial))
        barrier, answers = threading.Barrier(8), []

        def race(table: RedisSessionTable, trial: int = trial, barrier: Any = barrier, answers: Any = answers) -> None:
            begun = table.begin(key(trial), 1)
            barrier.wait()
            if begun.answer is EVALUATE:
                answers.append(table.commit(key(trial), 1, True, "p"))

        threads = [threading.Thread(target=race, args=(table,)) for table in tables]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == 8
        assert answers.count(ACCEPTED) == 1
        assert set(answers) <= {ACCEPTED, NC_REFUSED, STALE}


def test_row_40_threads_race_with_wrong_and_right_proofs(server: RedisServer) -> None:
    tables = [table_on(server) for _ in range(2)]
    for trial in range(60):
        tables[0].create(new(trial))
        barrier, answers = threading.Barrier(2), {}

        def race(right: bool, trial: int = trial, barrier: Any = barrier, answers: Any = answers) -> None:
            tables[right].begin(key(trial), 1 + right)
            barrier.wait()
            answers[right] = tables[right].commit(key(trial), 1 + right, right, "p")

        threads = [threading.Thread(target=race, args=(right,)) for right in (True, False)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers in ({True: ACCEPTED, False: FAILED}, {True: REJECTED, False: FAILED})


@pytest.mark.parametrize("nc", [401, 2**31, 2**53, 2**64 + 1, 2**80, 10**5000], ids=lambda nc: f"{nc.bit_length()} bits")
def test_row_44_above_nc_max_is_refused_whatever_its_size(table: RedisSessionTable, nc: int) -> None:
    table.create(new(nc_max=400))
    assert request(table, nc=nc) is NC_REFUSED
    assert request(table, nc=1) is STALE


def test_row_20_the_largest_nc_max_is_exact_and_a_larger_one_refused(table: RedisSessionTable) -> None:
    for sid, nc, answer in ((1, NC_LIMIT - 1, ACCEPTED), (2, NC_LIMIT, NC_REFUSED)):
        table.create(new(sid, nc_max=NC_LIMIT - 1))
        assert request(table, sid, nc=1) is ACCEPTED
        assert request(table, sid, nc=nc) is answer
    with pytest.raises(ValueError, match="nc_max"):
        table.create(new(3, nc_max=NC_LIMIT))


def test_row_44_zero_is_a_nonce_number(table: RedisSessionTable) -> None:
    table.create(new())
    assert [request(table, nc=nc) for nc in (0, 1, 0)] == [ACCEPTED, ACCEPTED, NC_REFUSED]


def test_row_44_zero_after_others_within_the_window(table: RedisSessionTable) -> None:
    table.create(new())
    assert [request(table, nc=nc) for nc in (5, 0, 4, 0)] == [ACCEPTED, ACCEPTED, ACCEPTED, NC_REFUSED]


def test_row_44_the_example_of_section_6(table: RedisSessionTable) -> None:
    used = [*range(1, 121), 122, 124, *range(130, 239), *range(255, 361), *range(363, 373)]
    allowed = {*range(245, 255), 361, 362, *range(373, 401)}
    table.create(new(nc_max=400, nc_window=128))
    assert all(table.commit(key(), nc, True, "p") is ACCEPTED for nc in used)
    assert {nc for nc in range(402) if _would_go_on(table, nc)} == allowed


def _would_go_on(table: RedisSessionTable, nc: int) -> bool:
    """Tell without consequences: on a copy of the record."""
    client = table._client
    name = name_of(client)
    kept = client.dump(name)
    answer = table.begin(key(), nc).answer
    client.restore(name, 3_600_000, kept, replace=True)
    return answer is EVALUATE


def test_row_45_a_failed_proof_consumes_no_number(table: RedisSessionTable) -> None:
    table.create(new())
    request(table, nc=1)
    assert [request(table, nc=7, right=right) for right in (False, False, True, True)] == [FAILED, FAILED, ACCEPTED, NC_REFUSED]


def test_row_47_a_session_ends_with_its_lifetime_on_the_servers_clock(table: RedisSessionTable, server: RedisServer) -> None:
    table.create(new(lifetime=1000.0))
    client = server.client()
    assert 999_000 < client.pttl(name_of(client)) <= 1_000_000
    table.create(new(2, lifetime=0.05))
    wait_for(lambda: table.begin(key(2), 1).answer is STALE)
    assert request(table) is ACCEPTED
    assert client.pttl(name_of(client)) <= 1_000_000, "use does not lengthen it"


def test_row_71_the_clock_of_a_worker_does_not_matter(table: RedisSessionTable, monkeypatch: pytest.MonkeyPatch) -> None:
    table.create(new())
    for now in (0.0, 4e9):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        assert table.begin(key(), 1).answer is EVALUATE
        assert table.admit("p", REALM, "u").wait == 0
    assert request(table) is ACCEPTED


def test_row_70_the_lifetime_may_end_between_begin_and_commit(table: RedisSessionTable, server: RedisServer) -> None:
    table.create(new())
    assert table.begin(key(), 1).answer is EVALUATE
    client = server.client()
    client.pexpire(name_of(client), 1)
    wait_for(lambda: not client.keys("*session:*"))
    assert table.commit(key(), 1, True, "p") is STALE
    assert not client.keys("*session:*"), "nothing comes back to life"


def test_end_makes_it_stale(table: RedisSessionTable) -> None:
    table.create(new())
    request(table)
    table.end(key())
    table.end(key())
    assert request(table, nc=2) is STALE


def test_begin_gives_user_pending_and_a_session_that_verifies(table: RedisSessionTable) -> None:
    table.create(new(user="ålice\ud800"))
    first = table.begin(key(), 3)
    assert (first.user, first.pending) == ("ålice\ud800", True)
    vks = first.session.verify_vkc(proof(3), 3, VH)
    pair().client.verify_vks(vks, 3, VH)
    assert table.commit(key(), 3, True, "p") is ACCEPTED
    assert table.begin(key(), 4).pending is False


def test_a_fake_session_comes_back_fake(table: RedisSessionTable) -> None:
    made = new(fake=True)
    made.session._fake = True
    table.create(made)
    assert request(table) is FAILED


def test_the_copy_in_this_process_is_wiped(table: RedisSessionTable) -> None:
    made = new()
    table.create(made)
    with pytest.raises(ExchangeStateError, match="closed"):
        made.session.ks1  # noqa: B018  # the reading is what raises


def test_a_sid_that_exists_is_not_replaced(table: RedisSessionTable) -> None:
    table.create(new())
    with pytest.raises(StoreUnavailableError, match="sid"):
        table.create(new(user="mallory"))
    assert table.begin(key(), 1).user == "alice"


# What a Redis may do


def test_row_66_restart_without_persistence(start: Any) -> None:
    server = start()
    table = table_on(server)
    table.create(new())
    request(table)
    server.kill()
    with pytest.raises(StoreUnavailableError):
        table.begin(key(), 2)
    server.start()
    assert request(table, nc=2) is STALE
    table.create(new())
    assert request(table) is ACCEPTED


def test_row_68_restart_that_remembers_an_older_state(start: Any) -> None:
    server = start("--appendonly", "yes", "--appendfsync", "always")
    table = table_on(server)
    table.create(new())
    request(table)
    server.kill()
    server.start()
    assert server.client().keys("*session:*"), "the record is there, and nobody knows whether it is the latest"
    assert table.commit(key(), 2, True, "p") is STALE
    assert not server.client().keys("*session:*")


def offset(server: RedisServer) -> int:
    return int(server.client().info("replication")["master_repl_offset"])


def test_row_68_a_replica_promoted_with_lost_writes(start: Any) -> None:
    first, second = start(), start()
    second.client().replicaof("127.0.0.1", first.port)
    wait_for(lambda: second.client().info("replication")["master_link_status"] == "up")
    table = table_on(first)
    table.create(new(1))
    table.create(new(2))
    request(table, 1, nc=1)
    wait_for(lambda: offset(second) == offset(first))
    second.client().config_set("masterauth", "wrong")  # from here on nothing comes through
    second.client().replicaof("127.0.0.1", 1)
    assert request(table, 1, nc=2) is ACCEPTED
    assert request(table, 2, right=False) is FAILED
    first.kill()
    second.client().replicaof("NO", "ONE")
    promoted = table_on(second)
    assert len(second.client().keys("*session:*")) == 2, "it has the sessions, without the last two commits"
    assert request(promoted, 1, nc=2) is STALE, "else this would be a replay"
    assert request(promoted, 2) is STALE, "else this would be a second guess"
    promoted.create(new(3))
    assert request(promoted, 3) is ACCEPTED


def test_row_68_a_table_that_knew_the_former_epoch_learns_the_new_one(start: Any) -> None:
    server = start()
    table = table_on(server)
    table.create(new())
    server.kill()
    server.start()
    table.create(new())
    assert request(table) is ACCEPTED


def test_row_68_the_first_replica_of_a_redis_begins_an_epoch(start: Any) -> None:
    first, second = start(), start()
    table = table_on(first)
    table.create(new())
    second.client().replicaof("127.0.0.1", first.port)
    wait_for(lambda: second.client().keys("*session:*"))
    assert request(table) is STALE, "Redis itself draws a new replication id then"


def test_row_69_flushall_is_stale(table: RedisSessionTable, server: RedisServer) -> None:
    table.create(new())
    request(table)
    server.client().flushall()
    assert request(table, nc=1) is STALE
    table.create(new())
    assert request(table) is ACCEPTED


def test_row_69_a_session_is_one_key_and_the_loss_of_any_other_accepts_nothing(table: RedisSessionTable, server: RedisServer) -> None:
    client = server.client()
    table.create(new(1))
    table.create(new(2))
    request(table, 1, nc=1)
    client.delete(*(name for name in client.keys("*") if b"session:" not in name))
    assert request(table, 1, nc=1) is NC_REFUSED
    assert request(table, 2, right=False) is FAILED
    assert request(table, 2) is REJECTED
    for sid in range(3, 9):
        table.create(new(sid))
        assert request(table, sid) is ACCEPTED


def test_row_69_eviction_of_any_key_accepts_nothing(server: RedisServer) -> None:
    table, client = table_on(server), server.client()
    client.config_set("maxmemory-policy", "allkeys-random")
    client.config_set("maxmemory", client.info("memory")["used_memory"] + 300_000)
    accepted = set()
    for sid in range(400):
        table.create(new(sid))
        if request(table, sid, nc=1) is ACCEPTED:
            accepted.add(sid)
    alive = len(client.keys("*session:*"))
    assert 0 < alive < 400
    answers = {request(table, sid, nc=1) for sid in accepted}
    assert answers == {NC_REFUSED, STALE}


def test_full_memory_refuses_and_still_rejects_a_wrong_proof(server: RedisServer) -> None:
    table, client = table_on(server), server.client()
    for sid in (1, 2):
        table.create(new(sid))
    client.config_set("maxmemory", 1)
    with pytest.raises(StoreUnavailableError, match="OutOfMemory"):
        table.create(new(3))
    with pytest.raises(StoreUnavailableError):
        request(table, 1)
    assert request(table, 2, right=False) is FAILED
    client.config_set("maxmemory", 0)
    assert request(table, 1) is ACCEPTED, "what was not stored did not happen"
    assert request(table, 2) is REJECTED


def test_row_67_a_slow_server_is_unavailable(server: RedisServer) -> None:
    table = table_on(server, timeout=0.1)
    table.create(new())
    request(table)
    server.client().execute_command("CLIENT", "PAUSE", "1500", "ALL")
    begun = time.monotonic()
    with pytest.raises(StoreUnavailableError, match="Timeout"):
        table.begin(key(), 2)
    assert time.monotonic() - begun < 1.4, "the time-out ended it, not the pause"
    with pytest.raises(StoreUnavailableError):
        table.commit(key(), 2, True, "p")
    wait_for(lambda: server.client().ping())
    table.create(new(2, user="bob"))
    assert [table.begin(key(sid), 3)[::2] for sid in (2, 1, 2)] == [(EVALUATE, "bob"), (EVALUATE, "alice"), (EVALUATE, "bob")], "in step"
    assert request(table, nc=3) is ACCEPTED
    assert request(table, nc=2) in (ACCEPTED, NC_REFUSED), "nobody knew whether the commit took place"


def test_row_67_no_server_at_all_is_unavailable() -> None:
    table = RedisSessionTable.from_url("redis://127.0.0.1:1/0", KEYS)
    made = new()
    with pytest.raises(StoreUnavailableError) as caught:
        table.create(made)
    assert caught.value.code == "store-unavailable"
    for action in (lambda: table.admit("p", REALM, "u"), lambda: table.begin(key(), 1), lambda: table.end(key())):
        with pytest.raises(StoreUnavailableError):
            action()


def test_a_read_only_replica_is_unavailable(start: Any) -> None:
    first, second = start(), start()
    second.client().replicaof("127.0.0.1", first.port)
    wait_for(lambda: second.client().info("replication")["master_link_status"] == "up")
    with pytest.raises(StoreUnavailableError):
        table_on(second).create(new())


def test_scripts_come_back_after_script_flush(table: RedisSessionTable, server: RedisServer) -> None:
    table.create(new())
    server.client().script_flush()
    assert request(table) is ACCEPTED


@pytest.mark.parametrize("field", ["version", "epoch", "phase", "peer", "max", "window", "largest", "flags", "blob", "user", "fake", "who"])
@pytest.mark.parametrize("change", ["gone", "garbage"])
def test_row_72_a_corrupt_record_is_not_accepted(table: RedisSessionTable, server: RedisServer, field: str, change: str) -> None:
    client = server.client()
    table.create(new())
    name = name_of(client)
    if change == "gone":
        client.hdel(name, field)
    else:
        client.hset(name, field, b"\xff\x00x")
    harmless = change == "garbage" and field in ("peer", "who")  # limits count by them, nothing else does
    if field == "version" and change == "garbage":
        assert request(table) is STALE
        assert client.exists(name), "it may belong to a newer worker"
    elif harmless:
        assert request(table) is ACCEPTED
    else:
        assert request(table) is STALE
        assert not client.exists(name) or field == "version"


def test_row_72_every_flipped_bit_of_the_blob_is_stale(table: RedisSessionTable, server: RedisServer) -> None:
    client = server.client()
    table.create(new())
    name = name_of(client)
    kept, blob = client.dump(name), client.hget(name, "blob")
    for position in range(len(blob)):
        client.restore(name, 10_000, kept, replace=True)
        changed = bytearray(blob)
        changed[position] ^= 1 << position % 8
        client.hset(name, "blob", bytes(changed))
        assert table.begin(key(), 1).answer is STALE
        assert not client.exists(name)


def test_row_72_a_record_moved_to_another_sid_or_user_is_stale(table: RedisSessionTable, server: RedisServer) -> None:
    client = server.client()
    table.create(new(1))
    one = name_of(client)
    table.create(new(2))
    (two,) = set(client.keys("*session:*")) - {one}
    client.hset(two, "blob", client.hget(one, "blob"))
    assert request(table, 2) is STALE
    client.hset(one, "user", "mallory")
    assert request(table, 1) is STALE


def test_row_72_a_real_session_is_not_made_a_fake_one_nor_the_other_way(table: RedisSessionTable, server: RedisServer) -> None:
    client = server.client()
    for fake in (False, True):
        table.create(new(fake=fake))
        client.hset(name_of(client), "fake", str(int(not fake)))
        assert request(table) is STALE


def test_row_68_a_record_carried_to_another_redis_is_stale_whatever_epoch_is_written_into_it(table: RedisSessionTable, start: Any) -> None:
    other = start()
    elsewhere = table_on(other)
    elsewhere.create(new(2))
    table.create(new())
    client = other.client()
    epoch = client.hget(name_of(client), "epoch")
    name = name_of(table._client)
    client.restore(name, 10_000, table._client.dump(name))
    client.hset(name, "epoch", epoch)
    assert request(elsewhere, 1) is STALE
    assert request(elsewhere, 2) is ACCEPTED


def test_row_72_a_key_of_another_type_is_stale(table: RedisSessionTable, server: RedisServer) -> None:
    client = server.client()
    table.create(new())
    name = name_of(client)
    client.delete(name)
    client.set(name, "x")
    assert request(table) is STALE


def test_row_73_key_exchange_on_one_worker_and_proof_on_another(server: RedisServer) -> None:
    table_on(server).create(new())
    assert [request(table_on(server), nc=nc) for nc in (1, 2)] == [ACCEPTED, ACCEPTED]


def test_row_73_keys_are_rotated_while_sessions_live(server: RedisServer) -> None:
    before, after = table_on(server, keys=[KEYS[1]]), table_on(server, keys=KEYS)
    before.create(new(1))
    after.create(new(2))
    assert request(after, 1) is ACCEPTED
    assert request(before, 2) is STALE, "a worker that does not know the new key yet"


def test_row_73_a_worker_of_another_version_leaves_the_record_alone(table: RedisSessionTable, server: RedisServer) -> None:
    client = server.client()
    table.create(new())
    name = name_of(client)
    client.hset(name, "version", "2")
    assert request(table) is STALE
    client.hset(name, "version", "1")
    assert request(table) is ACCEPTED


# Limits


def caps(**limits: Any) -> Limits:
    return Limits(**{"sessions": 100, "pending": 50, "pending_per_peer": 10, **limits})


def alive(table: RedisSessionTable, sids: Any) -> list[int]:
    client = table._client
    return [sid for sid in sids if client.exists(table._table._session(key(sid))[1][0])]


def test_row_64_a_peer_drops_its_own_oldest_pending_session(server: RedisServer) -> None:
    table = table_on(server, limits=caps())
    table.create(new(100, peer="192.0.2.2"))
    for sid in range(12):
        table.create(new(sid))
    assert alive(table, [*range(12), 100]) == [*range(2, 12), 100]


def test_row_65_a_full_table_drops_the_oldest_pending_of_the_peer_that_holds_most(server: RedisServer) -> None:
    table = table_on(server, limits=caps(pending=6, pending_per_peer=5))
    for sid, peer in enumerate("aaabb"):
        table.create(new(sid, peer=peer))
    request(table, 4)
    assert request(table, 3, right=False) is FAILED
    for sid, peer in ((5, "c"), (6, "c"), (7, "d"), (8, "e")):
        table.create(new(sid, peer=peer))
    assert alive(table, range(9)) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_row_65_rejected_ones_go_first_and_authenticated_ones_last(server: RedisServer) -> None:
    table = table_on(server, limits=caps(sessions=4, pending=4, pending_per_peer=4))
    for sid in range(4):
        table.create(new(sid, peer=str(sid)))
    request(table, 0)
    request(table, 1, right=False)
    order = []
    for sid in range(10, 14):
        before = set(alive(table, range(14)))
        table.create(new(sid, peer="x"))
        (gone,) = before - set(alive(table, range(14)))
        order.append(gone)
        assert request(table, sid) is ACCEPTED
    assert order in ([1, 2, 3, 0], [1, 3, 2, 0])
    assert len(alive(table, range(14))) == 4


def test_row_65_the_work_of_a_call_is_bounded(server: RedisServer) -> None:
    table, client = table_on(server, limits=caps(sessions=1000, pending=1000, pending_per_peer=1000)), server.client()
    table.create(new())
    client.zadd("{kam3}:expiry", {f"{number:064x}": number for number in range(150)})
    before = client.zcard("{kam3}:expiry")
    table.create(new(999))
    assert before - client.zcard("{kam3}:expiry") == 15, "16 that were over, and the new one"


def test_counting_keys_end_with_the_sessions_that_they_count(table: RedisSessionTable, server: RedisServer) -> None:
    client = server.client()
    for sid in range(3):
        table.create(new(sid, lifetime=50))
    request(table, 0)
    request(table, 1, right=False)
    table.admit("p", REALM, "u")
    lifetimes = {name: client.pttl(name) for name in client.keys("*")}
    assert len(lifetimes) == 3 + 5 + 3 + 1
    assert all(0 < left <= (30 * 86400_000 if b"home" in name else 50_000) for name, left in lifetimes.items() if b"rate" not in name)
    for sid in range(3):
        table.end(key(sid))
    assert not [name for name in client.keys("*") if b"rate" not in name and b"home" not in name]


def test_row_62_rates_of_a_peer_refuse(server: RedisServer) -> None:
    table = table_on(server, limits=Limits(peer=Rate(2, 1000.0)))
    assert [table.admit("p", REALM, str(user)).admitted for user in range(3)] == [True, True, False]
    assert 990 < table.admit("p", REALM, "x").retry_after <= 1001
    assert table.admit("q", REALM, "x").admitted


def test_row_62_a_rate_is_paid_back(server: RedisServer) -> None:
    table = table_on(server, limits=Limits(user_and_peer=Rate(1, 0.05)))
    assert table.admit("p", REALM, "u").admitted
    wait_for(lambda: table.admit("p", REALM, "u").admitted)


def test_row_63_the_rate_of_a_user_delays_and_never_refuses(server: RedisServer) -> None:
    table = table_on(server, limits=Limits(user=Rate(2, 1000.0), longest_wait=4.0))
    waits = [table.admit(str(peer), REALM, "u").wait for peer in range(6)]
    assert waits[:2] == [0, 0]
    assert all(3.9 < wait <= 4.0 for wait in waits[2:])
    (rate,) = server.client().keys("*rate:user:*")
    assert server.client().pttl(rate) <= 2_004_000, "the debt ends where the wait does"


def test_row_62_a_peer_that_proved_itself_does_not_wait_and_its_log_in_is_not_counted(server: RedisServer) -> None:
    table = table_on(server, limits=Limits(user=Rate(1, 1000.0), user_and_peer=Rate(2, 1000.0)))
    for sid in range(5):
        assert table.admit("home", REALM, "alice").admitted
        table.create(new(sid, peer="home"))
        assert request(table, sid, peer="home") is ACCEPTED
    assert table.admit("home", REALM, "alice").wait == 0
    assert table.admit("elsewhere", REALM, "alice").wait > 0
    assert not table.admit("elsewhere2", REALM, "bob").wait


# The rest


def test_keys_are_required_and_checked(server: RedisServer) -> None:
    for keys, kind in (([], ValueError), ([b"short"], ValueError), (KEYS[0], TypeError), (None, TypeError)):
        with pytest.raises(kind, match="keys"):
            RedisSessionTable.from_url(server.url, keys)


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    for kind in (RedisSessionTable, AsyncRedisSessionTable):
        with pytest.raises(MissingExtraError, match=r"kam3\[redis\]"):
            kind.from_url("redis://localhost", KEYS)


def test_a_client_that_decodes_is_refused(server: RedisServer) -> None:
    with pytest.raises(ValueError, match="decode_responses"):
        RedisSessionTable(server.client(decode_responses=True), KEYS)


def _raw(info: Any) -> bytes:
    """Undo what some versions of redis-py do to the answer."""
    return "".join(f"{name}:{value} " for name, value in info.items()).encode() if isinstance(info, dict) else info


def test_a_cluster_keeps_all_in_one_slot(start: Any) -> None:
    import redis

    server = start("--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1")
    server.client().execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    wait_for(lambda: b"cluster_state:ok" in _raw(server.client().execute_command("CLUSTER", "INFO")))
    table = RedisSessionTable(redis.cluster.RedisCluster(host="127.0.0.1", port=server.port), KEYS)
    assert table.admit("p", REALM, "alice").admitted
    for sid in range(5):
        table.create(new(sid))
        assert [request(table, sid, nc=nc) for nc in (1, 1, 2)] == [ACCEPTED, NC_REFUSED, STALE]
    slots = {server.client().execute_command("CLUSTER", "KEYSLOT", name) for name in server.client().keys("*")}
    assert len(slots) == 1


def test_two_prefixes_are_two_tables(server: RedisServer) -> None:
    table_on(server, prefix="one").create(new())
    assert table_on(server, prefix="two").begin(key(), 1).answer is STALE
    assert all(name.startswith(b"{one}:") for name in server.client().keys("*"))


def test_no_secret_is_stored_in_the_clear(table: RedisSessionTable, server: RedisServer) -> None:
    z = bytes(pair().server._z.view())
    table.create(new())
    record = server.client().hgetall(name_of(server.client()))
    assert all(z not in value and z.hex().encode() not in value for value in record.values())


def test_a_request_takes_two_round_trips(table: RedisSessionTable, server: RedisServer) -> None:
    table.create(new())
    request(table)
    client = server.client()
    before = client.info("commandstats")["cmdstat_evalsha"]["calls"]
    request(table, nc=2)
    assert client.info("commandstats")["cmdstat_evalsha"]["calls"] - before == 2


def test_the_asynchronous_table_does_the_same(server: RedisServer) -> None:
    async def work() -> list[Any]:
        table = AsyncRedisSessionTable.from_url(server.url, KEYS, timeout=20)
        admitted = await table.admit("p", REALM, "alice")
        await table.create(new())
        begun = await asyncio.gather(table.begin(key(), 1), table.begin(key(), 1))
        answers = await asyncio.gather(*(table.commit(key(), 1, True, "p") for _ in begun))
        await table.end(key())
        last = (await table.begin(key(), 2)).answer
        await table.aclose()
        return [admitted.admitted, *(one.answer for one in begun), *answers, last]

    assert asyncio.run(work()) == [True, EVALUATE, EVALUATE, ACCEPTED, NC_REFUSED, STALE]


def test_the_asynchronous_table_is_unavailable_without_a_server() -> None:
    async def work() -> None:
        await AsyncRedisSessionTable.from_url("redis://127.0.0.1:1/0", KEYS).begin(key(), 1)

    with pytest.raises(StoreUnavailableError):
        asyncio.run(work())


@pytest.mark.parametrize("alg", kam3.ALGORITHMS, ids=lambda alg: alg.token)
def test_every_algorithm_fits(table: RedisSessionTable, alg: kam3.Algorithm) -> None:
    table.create(new(alg=alg))
    begun = table.begin(key(), 1)
    begun.session.verify_vkc(pair(alg).client.vkc(1, VH), 1, VH)
    assert table.commit(key(), 1, True, "p") is ACCEPTED


def test_row_67_after_a_restart_no_request_meets_a_connection_of_before(tmp_path: Path) -> None:
    """As many connections as requests at once were in the pool; one refusal each would be a long outage after the outage."""
    need("redis-server")
    server = RedisServer(tmp_path)
    try:
        with_threads = RedisSessionTable.from_url(server.url, KEYS, timeout=20)
        start = threading.Barrier(4)

        def ask(_: int) -> None:
            start.wait(30)
            with_threads.begin(key(1), 1)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(ask, range(4)))

        async def with_loop() -> None:
            table = AsyncRedisSessionTable.from_url(server.url, KEYS, timeout=20)
            await asyncio.gather(*(table.begin(key(1), 1) for _ in range(4)))
            server.kill()
            server.start()
            for _ in range(10):
                await asyncio.sleep(0)  # the loop hears of the end
            assert [(await table.begin(key(1), 1)).answer for _ in range(4)] == [Answer.STALE] * 4
            await table.aclose()

        asyncio.run(with_loop())
        assert [with_threads.begin(key(1), 1).answer for _ in range(4)] == [Answer.STALE] * 4
    finally:
        server.kill()
