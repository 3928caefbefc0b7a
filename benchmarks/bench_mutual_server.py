"""What a server pays for HTTP Mutual authentication, without any I/O.

    pytest benchmarks/bench_mutual_server.py               # one request, one key exchange, under pytest-benchmark
    python -m benchmarks.bench_mutual_server [--sessions N]     # the same interleaved with the bare steps; the memory of live sessions

A request is everything from the header's text to the header's text: parse, find the session, judge, verify, commit, answer. A key exchange
is everything from req-KEX-C1 to 401-KEX-S1. Both go through the memory table and `Handler`. The sessions whose memory is measured hold
octets of the right lengths that no exchange has made: 100 000 exchanges of DL_4096 would take a quarter of an hour.
"""

from __future__ import annotations

import argparse
import os
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import kam3
from kam3.adapters.server_driving import Handler
from kam3.cli.terminal import print_table
from kam3.mutual.actions import run
from kam3.mutual.limits import Limits, Rate
from kam3.mutual.messages import KexC1, KexS1, VfyC, parse_challenge, read_challenges, serialize
from kam3.mutual.outcomes import Answered, Forwarded, Request
from kam3.mutual.realms import Realm
from kam3.mutual.server import MutualServer
from kam3.mutual.sessions import Answer, NewSession, SessionKey
from kam3.mutual.spaces import Space, Terms
from kam3.session import ServerSession
from kam3.stores.memory import MemoryCredentialStore, MemorySessionTable

URL, HOST, VH = "http://h.example:8120", "h.example:8120", b"http://h.example:8120"
HEADERS = (("Content-Type", "text/html; charset=utf-8"), ("Content-Length", "1234"))


class Bench:
    """A server with one user, and a client that is logged in."""

    def __init__(self, alg: kam3.Algorithm) -> None:
        self.alg, self.realm = alg, Realm(alg.token, URL, "bench")
        free = Rate(10**9, 1e-9)
        self.table, users = MemorySessionTable(Limits(peer=free, user_and_peer=free, user=free)), MemoryCredentialStore()
        self.pi = alg.pi("password", auth_scope=URL, realm="bench", user="alice")
        self.j = alg.j(self.pi)
        users.put(self.realm, "alice", self.j)
        self.server = MutualServer([Space(self.realm)], [URL], terms=Terms(nc_max=2**31 - 1))
        self.handle = Handler(self.table, users).handle
        self.log_in()

    def answer(self, header: str) -> Answered | Forwarded:
        return run(self.server.flow(Request("GET", "http", HOST, "/page", (header,), "192.0.2.7")), self.handle)

    def log_in(self) -> None:
        with kam3.ClientExchange(self.alg, self.pi) as exchange:
            outcome = self.answer(serialize(KexC1(self.realm, "host", "alice", exchange.kc1)))
            assert isinstance(outcome, Answered)
            challenge = parse_challenge(read_challenges([dict(outcome.headers)["WWW-Authenticate"]]).mutual or {})
            assert isinstance(challenge, KexS1)
            self.session, self.sid, self.nc = exchange.finish(challenge.ks1), challenge.sid, 0

    def header(self) -> str:
        self.nc += 1
        return serialize(VfyC(self.realm, "host", self.sid, self.nc, self.session.vkc(self.nc, VH)))

    def request(self, header: str) -> None:
        outcome = self.answer(header)
        assert isinstance(outcome, Forwarded)
        self.server.conclude(outcome, 200, HEADERS)

    def kex_header(self) -> str:
        return serialize(KexC1(self.realm, "host", "alice", self.alg.kc1(self.alg.generate_secret())))

    def key_exchange(self, header: str) -> None:
        outcome = self.answer(header)
        assert isinstance(outcome, Answered)

    def bare_exchange(self, kc1: bytes) -> None:
        kam3.ServerExchange(self.alg, self.j).respond(kc1)


@pytest.mark.parametrize("alg", kam3.ALGORITHMS, ids=lambda alg: alg.token)
def test_request(benchmark: Any, alg: kam3.Algorithm) -> None:
    bench = Bench(alg)
    benchmark.group = "one authenticated request"
    benchmark.pedantic(bench.request, setup=lambda: ((bench.header(),), {}), rounds=2000)


@pytest.mark.parametrize("alg", kam3.ALGORITHMS, ids=lambda alg: alg.token)
def test_key_exchange(benchmark: Any, alg: kam3.Algorithm) -> None:
    bench = Bench(alg)
    benchmark.group = "one key exchange"
    benchmark.pedantic(bench.key_exchange, setup=lambda: ((bench.kex_header(),), {}), rounds=100)


def interleaved(rounds: int, *contenders: tuple[Callable[[], Any], Callable[[Any], object]]) -> list[float]:
    """Return the median microseconds of each contender: what it is given is made outside of its time, and all take turns."""
    times: list[list[float]] = [[] for _ in contenders]
    for _ in range(rounds):
        for (make, work), taken in zip(contenders, times, strict=True):
            given = make()
            start = time.perf_counter()
            work(given)
            taken.append(time.perf_counter() - start)
    return [statistics.median(taken) * 1e6 for taken in times]


def costs() -> list[list[str]]:
    """Measure the whole against its bare steps."""
    rows = []
    for alg in kam3.ALGORITHMS:
        bench = Bench(alg)
        session = _verified(bench)
        request, verify = interleaved(
            3000,
            (bench.header, bench.request),
            (lambda session=session: session, lambda session: session[0].verify_vkc(session[1], 1, VH)),
        )
        kex, respond, primitive = interleaved(
            30 if alg is kam3.DL_4096 else 150,
            (bench.kex_header, bench.key_exchange),
            (lambda alg=alg: alg.kc1(alg.generate_secret()), bench.bare_exchange),
            (lambda alg=alg: (alg.kc1(alg.generate_secret()), alg.generate_secret()), lambda given, b=bench: b.alg.respond(b.j, *given)),
        )
        rows.append([alg.token, *(f"{value:.1f}" for value in (request, verify, kex, respond, primitive)), f"{1e6 / kex:.0f}"])
    return rows


def _verified(bench: Bench) -> tuple[ServerSession, bytes]:
    """Return a session that has verified its client, and a proof that it will verify again."""
    with kam3.ClientExchange(bench.alg, bench.pi) as exchange:
        session = kam3.ServerExchange(bench.alg, bench.j).respond(exchange.kc1)
        vkc = exchange.finish(session.ks1).vkc(1, VH)
    session.verify_vkc(vkc, 1, VH)
    return session, vkc


def resident() -> int:
    """Return the octets of memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def memory(alg: kam3.Algorithm, sessions: int) -> None:
    """Print the growth of this process by live sessions, each of a user and a peer of its own, proved and used for 40 requests."""
    realm = Realm(alg.token, URL, "bench")
    table = MemorySessionTable(Limits(sessions=max(sessions, 1), pending=min(sessions, 10_000), pending_per_peer=min(sessions, 256)))
    before = resident()
    for number in range(sessions):
        session = ServerSession._begin_unverified(alg.parameters, kam3.backends.get(), False)
        session._kc1, session._ks1 = secrets.token_bytes(alg.element_octets), secrets.token_bytes(alg.element_octets)
        session._matched = VH
        key = SessionKey(URL, realm, secrets.token_hex(16))
        table.create(NewSession(key, session, f"user{number}", False, f"10.0.{number >> 8 & 255}.{number & 255}", 2**31 - 1, 1024, 3660.0))
        for nc in range(1, 41):
            assert table.commit(key, nc, True, "p") is Answer.ACCEPTED
    print((resident() - before) / 1e6)
    assert len(table) == sessions


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=100_000, help="how many live sessions to measure the memory of")
    parser.add_argument("--memory-of", metavar="TOKEN", help="print the megabytes of that many sessions of one algorithm, and no more")
    arguments = parser.parse_args(argv)
    if arguments.memory_of:
        memory(kam3.algorithm(arguments.memory_of), arguments.sessions)
        return 0
    print_table(["microseconds, medians", "request", "verify_vkc", "key exchange", "exchange alone", "respond", "exchanges/s"], costs())
    for alg in (kam3.EC_P256, kam3.DL_4096):
        command = [sys.executable, "-m", "benchmarks.bench_mutual_server", "--memory-of", alg.token, "--sessions", str(arguments.sessions)]
        grown = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        print(f"{arguments.sessions} live sessions of {alg.token}: {grown:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
