"""What log-ins and proofs cost in each client library, beside its own Digest, against a local server in another process.

    python -m benchmarks.bench_clients [--rounds N] [--logins N] [--json]

Every round takes one sample of each row of a table, in an order that changes: a request that is not timed, and then five that are (of a
log-in one). A row's time is the wall clock of one request end to end, the server's work included; "client" is the processor time of this
process alone. What is added is the difference to a plain request of the same
library in the same round; the figures are medians over the rounds, with the quartiles. SCRAM has no row where requests-scram is missing; it
cannot reuse a log-in.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, NamedTuple

import kam3
from benchmarks.client_server import PASSWORD, USER, path_of
from kam3.adapters.client_hops import ClientSide, outcome_of
from kam3.bench.machine import describe, describe_backend
from kam3.cli.terminal import print_table
from kam3.mutual.client import MutualClient

Get = Callable[[], Any]


class Row(NamedTuple):
    """One thing that is timed: its name, and a function that makes one request and checks it."""

    library: str
    scheme: str
    get: Get


class Sample(NamedTuple):
    """Microseconds of one request."""

    wall: float
    client: float


def timed(get: Get, repeat: int) -> Sample:
    """Time some requests in a row, after one that warms the caches up again; the mean of them."""
    get()
    wall, client = time.perf_counter_ns(), time.process_time_ns()
    for _ in range(repeat):
        get()
    return Sample((time.perf_counter_ns() - wall) / 1000 / repeat, (time.process_time_ns() - client) / 1000 / repeat)


def checked(status: int) -> None:
    if status != 200:
        raise SystemExit(f"a request came back with {status}: nothing is to be learned from this run")


def proved(response: Any, requests: int) -> None:
    outcome = outcome_of(response)
    if not (outcome.proved and outcome.requests == requests):
        raise SystemExit(f"{outcome} where {requests} requests and a proof were due")


class Clients:
    """The clients, with plain requests, Digest and Mutual; `requests` is how many a Mutual row has to take."""

    def __init__(self, url: str, loop: asyncio.AbstractEventLoop) -> None:
        self.url, self._loop = url, loop
        self._closing: list[Callable[[], Any]] = []

    def fresh(self, side: ClientSide) -> None:
        """Forget all log-ins."""
        side.mutual = MutualClient()
        side.mutual.add(self.url, USER, PASSWORD)

    def run(self, work: Awaitable[Any]) -> Any:
        return self._loop.run_until_complete(work)

    def close(self) -> None:
        for close in self._closing:
            close()

    def mutual(
        self, library: str, side: ClientSide, get: Callable[[str], Any], *, login: bool, algs: Sequence[kam3.Algorithm]
    ) -> Iterator[Row]:
        for alg in algs:
            target = self.url + path_of(alg)

            def go(target: str = target) -> None:
                if login:
                    self.fresh(side)
                proved(get(target), 3 if login else 1)

            if not login:
                self.fresh(side)
                get(target)
            yield Row(library, f"Mutual {alg.token.removeprefix('iso-kam3-').rpartition('-')[0]}", go)

    def httpx(self, login: bool, algs: Sequence[kam3.Algorithm]) -> Iterator[Row]:
        import httpx

        from kam3.adapters.httpx import MutualTransport

        client, side = httpx.Client(), MutualTransport(httpx.HTTPTransport())
        ours = httpx.Client(transport=side)
        self._closing += [client.close, ours.close]
        kept = httpx.DigestAuth(USER, PASSWORD)
        yield Row("httpx", "plain", lambda: checked(client.get(self.url + "/plain").status_code))
        digest = lambda: checked(client.get(self.url + "/digest", auth=httpx.DigestAuth(USER, PASSWORD) if login else kept).status_code)  # noqa: E731
        digest()
        yield Row("httpx", "Digest", digest)
        yield from self.mutual("httpx", side, ours.get, login=login, algs=algs)

    def httpx_async(self, login: bool, algs: Sequence[kam3.Algorithm]) -> Iterator[Row]:
        import httpx

        from kam3.adapters.httpx import AsyncMutualTransport

        client, side = httpx.AsyncClient(), AsyncMutualTransport(httpx.AsyncHTTPTransport())
        ours = httpx.AsyncClient(transport=side)
        self._closing += [lambda: self.run(client.aclose()), lambda: self.run(ours.aclose())]
        kept = httpx.DigestAuth(USER, PASSWORD)
        yield Row("httpx async", "plain", lambda: checked(self.run(client.get(self.url + "/plain")).status_code))

        def digest() -> None:
            auth = httpx.DigestAuth(USER, PASSWORD) if login else kept
            checked(self.run(client.get(self.url + "/digest", auth=auth)).status_code)

        digest()
        yield Row("httpx async", "Digest", digest)
        yield from self.mutual("httpx async", side, lambda url: self.run(ours.get(url)), login=login, algs=algs)

    def requests(self, login: bool, algs: Sequence[kam3.Algorithm]) -> Iterator[Row]:
        import requests
        from requests.auth import HTTPDigestAuth

        from kam3.adapters.requests import MutualAdapter

        client, ours, side = requests.Session(), requests.Session(), MutualAdapter()
        ours.mount(self.url, side)
        for session in (client, ours):
            session.trust_env = False
            self._closing.append(session.close)
        kept = HTTPDigestAuth(USER, PASSWORD)
        yield Row("requests", "plain", lambda: checked(client.get(self.url + "/plain").status_code))

        def digest() -> None:
            checked(client.get(self.url + "/digest", auth=HTTPDigestAuth(USER, PASSWORD) if login else kept).status_code)

        digest()
        yield Row("requests", "Digest", digest)
        if login:
            with contextlib.suppress(ImportError):
                from requests_scram import HTTPSCRAMAuth

                def scram() -> None:
                    with contextlib.redirect_stdout(io.StringIO()):  # it prints the fields of each response
                        checked(client.get(self.url + "/scram", auth=HTTPSCRAMAuth(USER, PASSWORD, ["SCRAM-SHA-256"])).status_code)

                scram()
                yield Row("requests", "SCRAM-SHA-256", scram)
        yield from self.mutual("requests", side, ours.get, login=login, algs=algs)

    def aiohttp(self, login: bool, algs: Sequence[kam3.Algorithm]) -> Iterator[Row]:
        import aiohttp

        from kam3.adapters.aiohttp import MutualMiddleware

        side = MutualMiddleware()

        async def sessions() -> tuple[Any, Any]:
            return aiohttp.ClientSession(), aiohttp.ClientSession(middlewares=[side])

        client, ours = self.run(sessions())
        self._closing += [lambda: self.run(client.close()), lambda: self.run(ours.close())]
        kept = aiohttp.DigestAuthMiddleware(USER, PASSWORD)

        async def get(session: Any, url: str, **options: Any) -> Any:
            async with session.get(url, **options) as response:
                await response.read()
                return response

        yield Row("aiohttp", "plain", lambda: checked(self.run(get(client, self.url + "/plain")).status))

        def digest() -> None:
            auth = aiohttp.DigestAuthMiddleware(USER, PASSWORD) if login else kept
            checked(self.run(get(client, self.url + "/digest", middlewares=[auth])).status)

        digest()
        yield Row("aiohttp", "Digest", digest)
        yield from self.mutual("aiohttp", side, lambda url: self.run(get(ours, url)), login=login, algs=algs)

    def rows(self, *, login: bool) -> Iterator[Row]:
        for make in (self.httpx, self.httpx_async, self.requests, self.aiohttp):
            with contextlib.suppress(ImportError):
                yield from make(login, kam3.ALGORITHMS if login and make == self.httpx else (kam3.EC_P256,))


def measure(rows: Sequence[Row], rounds: int, repeat: int) -> list[dict[str, Any]]:
    """Take the samples, and make the figures of them."""
    taken: dict[Row, list[Sample]] = {row: [] for row in rows}
    order = list(rows)
    for _ in range(rounds):
        random.shuffle(order)
        for row in order:
            taken[row].append(timed(row.get, repeat))
    plain = {row.library: taken[row] for row in rows if row.scheme == "plain"}
    figures = []
    for row in rows:
        added = [(now.wall - base.wall, now.client - base.client) for now, base in zip(taken[row], plain[row.library], strict=True)]
        wall, client = ([pair[i] for pair in added] for i in range(2))
        quartiles = statistics.quantiles(wall, n=4)
        figures.append(
            {
                "library": row.library,
                "scheme": row.scheme,
                "request": statistics.median(sample.wall for sample in taken[row]),
                "added": statistics.median(wall),
                "quartiles": [quartiles[0], quartiles[2]],
                "added_client": statistics.median(client),
            }
        )
    return figures


def show(title: str, figures: Sequence[dict[str, Any]]) -> None:
    print(f"\n{title}, microseconds")
    heads = ["library", "scheme", "request", "added", "quartiles", "added, client"]
    lines = []
    for f in figures:
        low, high = f["quartiles"]
        added = f"{f['added']:.0f}", f"{low:.0f} to {high:.0f}", f"{f['added_client']:.0f}"
        lines.append([f["library"], f["scheme"], f"{f['request']:.0f}", *added])
    print_table(heads, lines)


def main() -> None:
    """Run both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--logins", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.client_server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    loop = asyncio.new_event_loop()
    try:
        if server.stdout is None:
            raise SystemExit("the server has no output")
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        found = {}
        for name, login, rounds, repeat in (
            ("a request of a live log-in", False, options.rounds, 5),
            ("a first log-in", True, options.logins, 1),
        ):
            clients = Clients(url, loop)
            found[name] = measure(list(clients.rows(login=login)), rounds, repeat)
            clients.close()
    finally:
        server.communicate()
        loop.close()
    about = describe() | describe_backend(kam3.backends.active())
    if options.json:
        print(json.dumps({"machine": about, **found}))
        return
    for name, value in about.items():
        print(f"{name}: {value}")
    for name, figures in found.items():
        show(name, figures)


if __name__ == "__main__":
    main()
