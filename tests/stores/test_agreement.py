"""The table on Redis and the table in memory give the same answers to the same sequence, whatever it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kam3.mutual.limits import Limits, Rate
from kam3.stores.memory import MemorySessionTable
from kam3.stores.redis import RedisSessionTable
from tests.stores.servers import RedisServer, need
from tests.stores.sessions import KEYS, REALM, key, new

pytest.importorskip("redis", reason="needs redis-py")

#: Rates so slow that the clock does not matter, caps that are met at once. With these caps two peers never hold equally many when one has
#: to give way: which of them does is not told by the rules.
RATES = {
    "peer": Rate(8, 10_000.0),
    "user_and_peer": Rate(3, 10_000.0),
    "user": Rate(4, 10_000.0),
    "longest_wait": 50.0,
}
FEW_PENDING = Limits(sessions=50, pending=3, pending_per_peer=3, **RATES)
FEW_SESSIONS = Limits(sessions=3, pending=3, pending_per_peer=3, **RATES)
MAXIMA, WINDOWS = (0, 1, 40, 2**31 - 1), (0, 1, 2, 7, 8, 9, 16, 33, 128)
numbers = st.one_of(st.integers(0, 60), st.sampled_from((255, 256, 257, 1000, 2**31 - 1, 2**31, 2**53, 2**80)))
sids, peers, users = st.integers(0, 5), st.sampled_from(("a", "b")), st.sampled_from(("alice", "bob"))
requests = st.one_of(
    st.tuples(st.just("commit"), sids, numbers, st.booleans(), peers),
    st.tuples(st.just("commit"), sids, numbers, st.just(True), peers),
    st.tuples(st.just("begin"), sids, numbers),
    st.tuples(st.just("end"), sids),
    st.tuples(st.just("create"), sids, users, st.sampled_from(("a", "b")), st.sampled_from(MAXIMA), st.sampled_from(WINDOWS)),
    st.tuples(st.just("admit"), peers, users),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    need("redis-server")
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


def ask(table: Any, step: tuple[Any, ...]) -> Any:
    match step:
        case ("commit", sid, nc, right, peer):
            return table.commit(key(sid), nc, right, peer)
        case ("begin", sid, nc):
            begun = table.begin(key(sid), nc)
            return begun.answer, begun.user, begun.pending, begun.session is not None
        case ("end", sid):
            return table.end(key(sid))
        case ("create", sid, user, peer, nc_max, nc_window):
            try:
                return table.create(new(sid, user=user, peer=peer, nc_max=nc_max, nc_window=nc_window))
            except Exception as error:
                return type(error)
        case ("admit", peer, user):
            admission = table.admit(peer, REALM, user)
            return admission.admitted, round(admission.wait), round(admission.retry_after, -2)


def compare(server: RedisServer, limits: Limits, steps: list[tuple[Any, ...]]) -> None:
    server.client().flushall()
    on_redis = RedisSessionTable.from_url(server.url, KEYS, limits=limits, timeout=20)
    in_memory = MemorySessionTable(limits)
    for number, step in enumerate(steps):
        answers = ask(on_redis, step), ask(in_memory, step)
        assert answers[0] == answers[1], (number, steps[: number + 1])
    on_redis.close()
    in_memory.close()


@settings(max_examples=100, deadline=None)
@given(
    nc_max=st.sampled_from(MAXIMA),
    nc_window=st.sampled_from(WINDOWS),
    ncs=st.lists(st.tuples(numbers, st.sampled_from((True, True, True, False))), max_size=40),
)
def test_row_44_windows_agree(server: RedisServer, nc_max: int, nc_window: int, ncs: list[tuple[int, bool]]) -> None:
    steps: list[tuple[Any, ...]] = [("create", 1, "alice", "a", nc_max, nc_window)]
    for nc, right in ncs:
        steps += [("begin", 1, nc), ("commit", 1, nc, right, "a")] if right else [("commit", 1, nc, right, "a")]
    compare(server, FEW_PENDING, steps)


@settings(max_examples=100, deadline=None)
@given(
    start=st.integers(0, 200),
    jumps=st.lists(st.one_of(st.integers(-9, 12), st.integers(-40, 60)), max_size=40),
    nc_window=st.sampled_from(WINDOWS),
)
def test_row_44_windows_agree_on_walks(server: RedisServer, start: int, jumps: list[int], nc_window: int) -> None:
    steps: list[tuple[Any, ...]] = [("create", 1, "alice", "a", 2**31 - 1, nc_window)]
    nc = start
    for jump in jumps:
        steps.append(("commit", 1, nc, True, "a"))
        nc = max(0, nc + jump)
    compare(server, FEW_PENDING, steps)


@settings(max_examples=100, deadline=None)
@given(steps=st.lists(requests, max_size=60))
def test_tables_agree(server: RedisServer, steps: list[tuple[Any, ...]]) -> None:
    compare(server, FEW_PENDING, steps)


@settings(max_examples=100, deadline=None)
@given(steps=st.lists(requests, max_size=60))
def test_tables_that_are_full_agree(server: RedisServer, steps: list[tuple[Any, ...]]) -> None:
    compare(server, FEW_SESSIONS, [("create", *step[1:3], "a", *step[4:]) if step[0] == "create" else step for step in steps])
