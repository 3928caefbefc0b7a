"""Two worker processes on one socket, and their Redis: whatever happens to either, nothing is accepted twice, and everything heals.

Catalogue, rows 42 and 66 to 70 and 73; decisions 1 and 15.
"""

from __future__ import annotations

import http.client
import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kam3.adapters.stdlib import Client, Reply
from kam3.errors import RemoteProtocolError, RetryableProtocolError, UnprovedResponseError
from kam3.mutual.messages import Stale
from kam3.stores import keys
from tests.servers.balancing import Relay
from tests.servers.processes import PATIENCE, Raw, Site, message_of
from tests.stores.servers import RedisServer, need, wait_for

KINDS = ["uvicorn-httptools", "gunicorn"]


class Cluster:
    """Two workers, the Redis that they share, and the relay by which they reach it."""

    def __init__(self, kind: str, directory: Path) -> None:
        need("redis-server")
        self.redis = RedisServer(directory / "redis")
        self.relay = Relay(self.redis.port)
        self.key_file = directory / "server.keys"
        keys.make(self.key_file)
        url = f"redis://127.0.0.1:{self.relay.port}/0"
        self.site = Site(kind, processes=2, redis=url, key_file=str(self.key_file), limited=False)

    def accepted_once(self) -> None:
        """Check that no nonce number of a session has come to the application twice."""
        counted = Counter((sid, nc) for sid, nc, _ in self.site.ran())
        assert counted
        assert max(counted.values()) == 1, [place for place, times in counted.items() if times > 1]

    def stop(self) -> None:
        self.site.stop()
        self.relay.close()
        self.redis.kill()


@pytest.fixture(scope="module", params=KINDS)
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(request.param, tmp_path_factory.mktemp("cluster"))
    yield made
    made.accepted_once()
    made.stop()


def proved(client: Client, url: str) -> Reply | None:
    """Make a request; None where the server was honest enough to say that it cannot answer now."""
    try:
        return client.get(url)
    except UnprovedResponseError as error:
        assert "503" in str(error), error
        return None


def heals(client: Client, url: str) -> Reply:
    """Ask until there is a proved answer, and return it."""
    found: list[Reply] = []

    def asked() -> bool:
        reply = proved(client, url)
        if reply is not None:
            found.append(reply)
        return bool(found)

    wait_for(asked, PATIENCE)
    return found[0]


def at_once(count: int, work: Callable[[int], int]) -> list[int]:
    """Do the same in so many threads, all released together."""
    start = threading.Barrier(count)

    def released(number: int) -> int:
        start.wait(PATIENCE)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(released, range(count)))


def test_row_42_a_number_that_both_workers_get_at_once_is_accepted_once(cluster: Cluster) -> None:
    workers = set[int]()
    for nc in (0, 1, 7, 500, 1024):
        raw = Raw(cluster.site).begin()
        header = raw.header(nc)
        statuses = at_once(8, lambda _: raw.ask(header).status)  # noqa: B023 - used within the turn
        assert Counter(statuses) == {200: 1, 401: 7}
        assert isinstance(message_of(raw.ask(raw.header(nc + 1))), Stale)  # the session is over (RFC 8120 section 6)
        workers |= {pid for _, _, pid in cluster.site.ran()}
    cluster.accepted_once()


def test_row_42_many_numbers_in_any_order_over_both_workers(cluster: Cluster) -> None:
    raw = Raw(cluster.site).begin()
    numbers = random.Random(1).sample(range(1, 1000), 64)
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda nc: raw.ask(raw.header(nc)).status, numbers))
    assert statuses == [200] * 64
    ran = [(nc, pid) for sid, nc, pid in cluster.site.ran() if sid == raw.sid]
    assert sorted(nc for nc, _ in ran) == sorted(numbers)
    assert len({pid for _, pid in ran}) == 2, "both workers served"
    refused = at_once(8, lambda place: raw.ask(raw.header(numbers[place])).status)
    assert refused == [401] * 8


def test_row_73_a_session_is_at_home_in_both_workers(cluster: Cluster) -> None:
    clients = [cluster.site.client() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda client: [client.get(cluster.site.url + "/").outcome.requests for _ in range(5)], clients))
    assert replies == [[3, 1, 1, 1, 1]] * 4


def test_row_66_a_worker_killed_under_load_is_missed_by_nobody(cluster: Cluster) -> None:
    """What was under way on its connections breaks off; it costs no session, since these are in Redis."""
    stop, broken, rounds = threading.Event(), [], []

    def load(client: Client) -> None:
        while not stop.is_set():
            try:
                rounds.append(client.get(cluster.site.url + "/").outcome.requests)
            except (OSError, http.client.HTTPException, RetryableProtocolError) as error:
                broken.append(error)

    clients = [cluster.site.client() for _ in range(4)]
    for client in clients:
        client.get(cluster.site.url + "/")
    threads = [threading.Thread(target=load, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(rounds) > 40, PATIENCE)
    victim = cluster.site.processes.pop(0)
    for pid in children(victim.pid) or [victim.pid]:  # gunicorn's worker is a child, which it replaces itself
        os.kill(pid, signal.SIGKILL)
    if cluster.site.kind == "gunicorn":
        cluster.site.processes.append(victim)
    else:
        victim.wait(PATIENCE)
        cluster.site.start()
    before = len(rounds)
    wait_for(lambda: len(rounds) > before + 80, PATIENCE)
    stop.set()
    for thread in threads:
        thread.join(PATIENCE)
    cluster.site.wait()
    assert set(rounds) == {1}, Counter(rounds)
    assert len(broken) <= 2 * len(clients), broken  # at most the one request under way of each, and what met the closing socket
    cluster.accepted_once()


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def test_row_67_redis_killed_and_restarted_empty(cluster: Cluster) -> None:
    with cluster.site.client() as client:
        client.get(cluster.site.url + "/")
        raw = Raw(cluster.site).begin()
        assert raw.ask(raw.header(1)).status == 200
        cluster.redis.kill()
        refused = raw.ask(raw.header(2))
        assert (refused.status, refused.getheader("Retry-After")) == (503, "5")
        assert "Mutual" not in refused.getheader("WWW-Authenticate", "")  # a challenge would cost clients their passwords
        assert proved(client, cluster.site.url + "/") is None
        cluster.redis.start()
        reply = heals(client, cluster.site.url + "/")
        assert reply.outcome.requests == 3  # 401-STALE, and a new key exchange
        assert client.get(cluster.site.url + "/").outcome.requests == 1
        assert isinstance(message_of(raw.ask(raw.header(1))), Stale)


def test_row_68_a_failover_that_loses_writes_accepts_nothing_twice(cluster: Cluster, tmp_path: Path) -> None:
    replica = RedisServer(tmp_path / "replica")
    try:
        inside = replica.client()
        inside.replicaof("127.0.0.1", cluster.redis.port)
        wait_for(lambda: inside.info("replication")["master_link_status"] == "up")
        client, raw = cluster.site.client(), Raw(cluster.site).begin()
        client.get(cluster.site.url + "/")
        assert raw.ask(raw.header(1)).status == 200
        wait_for(lambda: inside.keys("*session:*") and cluster.redis.client().dbsize() == inside.dbsize())
        os.kill(replica.process.pid, signal.SIGSTOP)  # it misses what follows
        lost = raw.header(2)
        assert raw.ask(lost).status == 200
        guess = Raw(cluster.site, "wrong").begin()
        assert guess.ask(guess.header(1)).status == 401
        cluster.redis.kill()
        os.kill(replica.process.pid, signal.SIGCONT)
        wait_for(lambda: replica.client().ping())
        replica.client().replicaof("NO", "ONE")
        cluster.relay.target = replica.port
        cluster.relay.cut()
        answered: list[object] = []

        def replayed() -> bool:
            response = raw.ask(lost)
            if response.status != 503:
                answered.append(message_of(response))
            return bool(answered)

        wait_for(replayed, PATIENCE)
        assert isinstance(answered[0], Stale)
        assert isinstance(message_of(guess.ask(guess.header(2))), Stale)  # no second guess either
        assert heals(client, cluster.site.url + "/").outcome.requests == 3
        cluster.accepted_once()
    finally:
        cluster.redis.start()
        cluster.relay.target = cluster.redis.port
        cluster.relay.cut()
        replica.kill()
        with cluster.site.client() as other:
            heals(other, cluster.site.url + "/")


def test_row_69_a_redis_that_evicts_costs_sessions_and_nothing_else(cluster: Cluster) -> None:
    inside = cluster.redis.client()
    with cluster.site.client() as client:
        raw = Raw(cluster.site).begin()
        assert raw.ask(raw.header(1)).status == 200
        client.get(cluster.site.url + "/")
        used = inside.info("memory")["used_memory"]
        inside.config_set("maxmemory-policy", "allkeys-lru")
        inside.config_set("maxmemory", used + 300_000)
        try:
            for number in range(40):  # more than there is room for, over and over
                inside.set(f"other:{number}", bytes(20_000))
                reply = heals(client, cluster.site.url + "/")
                assert reply.outcome.requests <= 3
            answer = raw.ask(raw.header(1))
            assert answer.status == 401  # used, or evicted with its session: never as if it were new
        finally:
            inside.config_set("maxmemory", 0)
            inside.config_set("maxmemory-policy", "noeviction")
            inside.delete(*[f"other:{number}" for number in range(40)])
    cluster.accepted_once()


def test_row_69_a_full_redis_refuses_and_heals(cluster: Cluster) -> None:
    inside = cluster.redis.client()
    client, raw = cluster.site.client(), Raw(cluster.site).begin()
    client.get(cluster.site.url + "/")
    assert raw.ask(raw.header(1)).status == 200
    inside.config_set("maxmemory", 1)
    try:
        assert raw.ask(raw.header(2)).status == 503
        assert proved(client, cluster.site.url + "/") is None
    finally:
        inside.config_set("maxmemory", 0)
    assert raw.ask(raw.header(2)).status == 200  # it was not consumed
    assert raw.ask(raw.header(2)).status == 401
    assert client.get(cluster.site.url + "/").outcome.requests == 1
    cluster.accepted_once()


def test_row_67_a_slow_redis_slows_and_a_silent_one_is_given_up(cluster: Cluster) -> None:
    with cluster.site.client() as client:
        client.get(cluster.site.url + "/")
        cluster.relay.delay = 0.05
        assert client.get(cluster.site.url + "/").outcome.requests == 1
        cluster.relay.delay = 5.0  # ten times what the table waits
        try:
            assert proved(client, cluster.site.url + "/") is None
        finally:
            cluster.relay.delay = 0.0
            cluster.relay.cut()
        assert heals(client, cluster.site.url + "/").outcome.requests <= 3
        assert client.get(cluster.site.url + "/").outcome.requests == 1
    cluster.accepted_once()


def test_decision_15_a_session_lost_between_its_exchange_and_its_proof(cluster: Cluster) -> None:
    """The client makes one fresh sequence, and the user notices nothing."""
    inside = cluster.redis.client()
    with cluster.site.client() as client:
        sent: list[int] = []
        original = client.mutual.sequence

        def sequence(*arguments: object, **options: object) -> object:
            steps = original(*arguments, **options)  # type: ignore[arg-type]
            sent.append(0)
            value = yield from _losing(steps, lambda: inside.flushall() if len(sent) == 1 else None)  # type: ignore[arg-type]
            return value

        client.mutual.sequence = sequence  # type: ignore[method-assign,assignment]
        reply = client.get(cluster.site.url + "/")
    assert reply.outcome.proved
    assert len(sent) == 2


def _losing(steps: object, lose: Callable[[], object]) -> object:
    """Pass a sequence through, and lose what Redis holds before its proof is sent."""
    action = next(steps)  # type: ignore[call-overload]
    try:
        while True:
            if ", vkc=" in (getattr(action, "authorization", None) or ""):
                lose()
            try:
                value = yield action
            except Exception as error:
                action = steps.throw(error)  # type: ignore[attr-defined]
            else:
                action = steps.send(value)  # type: ignore[attr-defined]
    except StopIteration as end:
        return end.value


def test_server_keys_are_replaced_while_the_server_runs(cluster: Cluster) -> None:
    """New workers have both keys: what the former one sealed is still opened, what is new is sealed under the new one."""
    url = cluster.site.url + "/"
    former, latter = cluster.site.client(), cluster.site.client()
    assert former.get(url).outcome.requests == 3
    former_key = keys.read(cluster.key_file)
    assert keys.make(cluster.key_file) == len(former_key) + 1
    _replace_workers(cluster.site)
    assert former.get(url).outcome.requests == 1
    assert latter.get(url).outcome.requests == 3
    cluster.key_file.write_text(keys.read(cluster.key_file)[0].hex() + "\n", encoding="ascii")
    _replace_workers(cluster.site)
    assert latter.get(url).outcome.requests == 1
    assert former.get(url).outcome.requests == 3
    cluster.accepted_once()


def _replace_workers(site: Site) -> None:
    """Start new workers beside the old ones on the same socket, then end the old ones: nobody meets a closed door."""
    old, site.processes = site.processes, []
    for _ in old:
        site.start()
    site.wait()
    for process in old:
        process.terminate()
    for process in old:
        process.wait(PATIENCE)


def test_no_fault_was_fatal_to_a_client(cluster: Cluster) -> None:
    """A client that has seen all of the above in one life still has its password."""
    with cluster.site.client() as client:
        for fault in (cluster.redis.client().flushall, cluster.relay.cut):
            heals(client, cluster.site.url + "/")
            fault()
            try:
                heals(client, cluster.site.url + "/")
            except RemoteProtocolError as error:
                pytest.fail(f"fatal: {error}")
