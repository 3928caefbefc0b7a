"""What HTTP Mutual authentication costs a real server, beside its peers; all in one run, interleaved.

    python -m benchmarks.bench_servers                  # all of it: two minutes on an idle machine
    python -m benchmarks.bench_servers --only cpu       # or: throughput, flood

Needs uvicorn with httptools; throughput also gunicorn, Flask, Flask-HTTPAuth and redis-server, and measures flask-scram if it is installed.

cpu: the processor time of one request with a response of 1 kB, without and with the ASGI middleware; both get the same octets. They are
handed to uvicorn's protocol, on an event loop, without sockets: what those cost is the same for both. Beside it stands what the fields of
the proof cost on their way through the server alone, and what the middleware takes when no server is around it: code that is called over
and over again finds itself in the caches of the processor, and does not drive the server's own out of them.

throughput: requests a second of one and of two worker processes on one socket, with tables in memory and in Redis, beside the same
application bare and beside Digest of Flask-HTTPAuth and flask-scram, if it is installed. (Their nonces are in a signed cookie, and a header
can be sent again and again: the comparison is of what a request costs, not of what it is worth.) Every client runs in a process of its own
and makes its proofs before the clock runs.

flood: key exchanges a second that uvicorn answers with EC_P256 to attackers who reuse one K_c1, and what log-ins of an honest user take
meanwhile and without them. Two cores for attackers, kernel and server together, so that this is no figure of a server that is alone.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import multiprocessing
import secrets
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import kam3
from benchmarks.servers_under_test import ORIGIN_HOST, PAGE, PASSWORD, USER, Configuration, application, realm_of, serve
from kam3.adapters.stdlib import Client
from kam3.cli.terminal import print_table
from kam3.mutual.messages import KexC1, KexS1, VfyC, parse_challenge, read_challenges, serialize
from kam3.mutual.realms import Origin
from kam3.mutual.validation import Channel, vh_of
from kam3.stores import keys


class Connection:
    """One connection that sends prepared requests, and reads as little as it can of the responses."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((ORIGIN_HOST, port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, octets: bytes) -> bytes:
        self._socket.sendall(octets)
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            piece = self._socket.recv(65536)
            if not piece:
                raise ConnectionError(received)
            received += piece
        head = received[:end].lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(received) < end + 4 + length:
            received += self._socket.recv(65536)
        return received

    async def ask_async(self, octets: bytes) -> bytes:
        return self.ask(octets)


def listening_socket() -> socket.socket:
    """Return a socket whose connections have TCP_NODELAY, whatever server takes them: else responses of two pieces take 40 ms."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listening.bind((ORIGIN_HOST, 0))
    listening.listen(512)
    return listening


def octets_of(origin: str, authorization: str = "") -> bytes:
    field = f"Authorization: {authorization}\r\n" if authorization else ""
    host = origin.partition("://")[2]
    return f"GET /page HTTP/1.1\r\nHost: {host}\r\nUser-Agent: bench\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n{field}\r\n".encode()


class Session:
    """A session of a client, which makes requests before they are needed."""

    def __init__(self, origin: str) -> None:
        self.origin, self.realm, self.nc = origin, realm_of(origin), 0

    async def begin(self, ask: Callable[[bytes], Awaitable[bytes]]) -> Session:
        """Exchange keys."""
        alg = kam3.EC_P256
        pi = alg.pi(PASSWORD, auth_scope=self.origin, realm=self.realm.realm, user=USER)
        with kam3.ClientExchange(alg, pi) as exchange:
            answer = await ask(octets_of(self.origin, serialize(KexC1(self.realm, "host", USER, exchange.kc1))))
            challenge = parse_challenge(read_challenges([field_of(answer, "www-authenticate")]).mutual or {})
            assert isinstance(challenge, KexS1), challenge
            self.sid, self.session = challenge.sid, exchange.finish(challenge.ks1)
        return self

    def requests(self, count: int) -> list[bytes]:
        made, vh = [], vh_of(Channel(Origin.parse(self.origin)))
        for _ in range(count):
            self.nc += 1
            vkc = self.session.vkc(self.nc, vh)
            made.append(octets_of(self.origin, serialize(VfyC(self.realm, "host", self.sid, self.nc, vkc))))
        return made


def field_of(answer: bytes, name: str) -> str:
    for line in answer.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n"):
        key, _, value = line.partition(": ")
        if key.lower() == name:
            return value
    raise ValueError(f"no {name} in {answer!r}")


# The processor time of a request.


class Transport(asyncio.Transport):
    """What uvicorn's protocol writes to: memory."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.7", 50000), "sockname": (ORIGIN_HOST, 80)})
        self.written: list[bytes] = []
        self.complete = False

    def write(self, data: Any) -> None:
        self.written.append(data)
        self.complete = self.complete or data.endswith(PAGE[:100]) or b" 401 " in data

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        raise ConnectionError(b"".join(self.written))

    def set_protocol(self, protocol: Any) -> None:
        pass


class Fed:
    """uvicorn's protocol, fed by hand: no socket, no other thread, so that its processor time is the server's alone."""

    def __init__(self, http: str, kind: str) -> None:
        import uvicorn
        from uvicorn.server import ServerState

        self.origin = f"http://{ORIGIN_HOST}"
        self.app = application(Configuration(self.origin, kind))
        config = uvicorn.Config(self.app, http=http, lifespan="off", log_config=None, timeout_keep_alive=600)  # type: ignore[arg-type]
        config.load()
        self._transport = Transport()
        protocol: Any = config.http_protocol_class
        self._protocol = protocol(config=config, server_state=ServerState(), app_state={})
        self._protocol.connection_made(self._transport)

    async def ask(self, octets: bytes) -> bytes:
        transport = self._transport
        transport.written, transport.complete = [], False
        self._protocol.data_received(octets)
        while not transport.complete:
            await asyncio.sleep(0)
        await asyncio.sleep(0)  # what the protocol does after its response
        return b"".join(transport.written)

    async def spent(self, requests: Sequence[bytes]) -> float:
        """Return the microseconds of processor time that a request took."""
        before = time.thread_time()
        for octets in requests:
            answer = await self.ask(octets)
        taken = time.thread_time() - before
        if not answer.startswith(b"HTTP/1.1 200"):
            raise ValueError(answer)
        return taken / len(requests) * 1e6


async def called(app: Any, requests: Sequence[bytes]) -> float:
    """Return the microseconds of processor time that an application takes when no server is around it."""
    scopes = []
    for octets in requests:
        lines = [line.split(b": ", 1) for line in octets.split(b"\r\n")[1:-2]]
        scope = {"type": "http", "method": "GET", "scheme": "http", "path": "/page", "client": ("192.0.2.7", 50000), "state": {}}
        scopes.append({**scope, "query_string": b"", "headers": [(name.lower(), value) for name, value in lines]})
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    before = time.thread_time()
    for scope in scopes:
        await app(scope, None, send)
    taken = time.thread_time() - before
    if sent[-2]["status"] != 200:
        raise ValueError(sent[-2:])
    return taken / len(requests) * 1e6


async def cpu(rounds: int, batch: int) -> None:
    rows = []
    for http in ("h11", "httptools"):
        bare, fields, protected = Fed(http, "bare"), Fed(http, "fields"), Fed(http, "kam3")
        session = await Session(protected.origin).begin(protected.ask)
        turns: dict[str, Callable[[list[bytes]], Awaitable[float]]] = {
            "bare": bare.spent,
            "fields": fields.spent,
            "protected": protected.spent,
            "bare, called": lambda requests, app=bare.app: called(app, requests),  # type: ignore[misc]  # the default binds it
            "called": lambda requests, app=protected.app: called(app, requests),  # type: ignore[misc]  # the same
        }
        taken: dict[str, list[float]] = {name: [] for name in turns}
        for number in range(rounds):
            requests = session.requests(batch), session.requests(batch)  # a number is accepted once
            for name in sorted(turns, reverse=bool(number % 2)):
                taken[name].append(await turns[name](requests["called" in name]))
        added, on_the_wire, alone = (
            [one - other for one, other in zip(taken[more], taken[less], strict=True)]
            for more, less in (("protected", "bare"), ("fields", "bare"), ("called", "bare, called"))
        )
        shown = taken["bare"], taken["protected"], added
        quarter = f"{statistics.quantiles(added, n=4)[0]:.1f}"
        rows.append(
            [f"uvicorn, {http}", *(f"{statistics.median(column):.1f}" for column in shown), quarter]
            + [f"{statistics.median(column):.1f}" for column in (on_the_wire, alone)]
        )
    head = ["microseconds of CPU a request, medians", "bare", "protected", "added", "lower quartile", "of it fields", "added, no server"]
    print_table(head, rows)


# Requests a second.


def _client(port: int, origin: str, kind: str, seconds: float, start: Any, results: Any) -> None:
    connection = Connection(port)
    session: Any = None
    if kind == "kam3":
        session = asyncio.run(Session(origin).begin(connection.ask_async))
        prepared = session.requests(12_000)
    elif kind == "digest":
        prepared = [octets_of(origin, _digest(connection, origin))] * 12_000
    elif kind == "scram":
        first, final = _scram(connection, origin)
        prepared = [final] * 12_000
    else:
        prepared = [octets_of(origin)] * 12_000
    start.wait()
    end, done = time.perf_counter() + seconds, 0
    for octets in prepared:
        if kind == "scram":
            connection.ask(first)
        answer = connection.ask(octets)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise ValueError(answer[:300])
        done += 1
        if time.perf_counter() > end:
            break
    results.put(done / (time.perf_counter() - end + seconds))


def _digest(connection: Connection, origin: str) -> str:
    """Log in by Digest without qop, as Flask-HTTPAuth has it where nothing else is asked for; one header then serves every request."""
    import hashlib

    answer = connection.ask(octets_of(origin))
    challenge, cookie = field_of(answer, "www-authenticate"), field_of(answer, "set-cookie").partition(";")[0]
    given = dict(part.strip().split("=", 1) for part in challenge.partition(" ")[2].split(","))
    nonce, opaque, realm = (given[name].strip('"') for name in ("nonce", "opaque", "realm"))
    md5 = lambda text: hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()  # noqa: E731
    response = md5(f"{md5(f'{USER}:{realm}:{PASSWORD}')}:{nonce}:{md5('GET:/page')}")
    return (
        f'Digest username="{USER}", realm="{realm}", nonce="{nonce}", uri="/page", response="{response}", opaque="{opaque}"'
        f"\r\nCookie: {cookie}"
    )


def _scram(connection: Connection, origin: str) -> tuple[bytes, bytes]:
    """Log in by SCRAM; return both steps. flask-scram has no sessions, and keeps its nonces in a cookie, so that both can be sent again."""
    import scramp

    client = scramp.ScramClient(["SCRAM-SHA-256"], USER, PASSWORD)
    encode = lambda text: base64.b64encode(text.encode()).decode()  # noqa: E731
    first = octets_of(origin, f'SCRAM-SHA-256 realm="bench", data="{encode(client.get_client_first())}"')
    answer = connection.ask(first)
    given = dict(part.strip().split("=", 1) for part in field_of(answer, "www-authenticate").partition(" ")[2].split(","))
    client.set_server_first(base64.b64decode(given["data"]).decode())
    final = f'SCRAM-SHA-256 sid={given["sid"]}, data="{encode(client.get_client_final())}"'
    return first, octets_of(origin, f"{final}\r\nCookie: {field_of(answer, 'set-cookie').partition(';')[0]}")


@contextlib.contextmanager
def running(configuration: Configuration, listening: socket.socket, workers: int) -> Iterator[None]:
    processes = [multiprocessing.get_context("fork").Process(target=serve, args=(configuration, listening)) for _ in range(workers)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
            process.join()


def requests_a_second(configuration: Configuration, workers: int, seconds: float, clients: int = 4) -> float:
    listening = listening_socket()
    port = listening.getsockname()[1]
    configuration = configuration._replace(origin=f"http://{ORIGIN_HOST}:{port}")
    with running(configuration, listening, workers):
        fork = multiprocessing.get_context("fork")
        start, results = fork.Barrier(clients + 1), fork.Queue()
        arguments = (port, configuration.origin, configuration.kind, seconds, start, results)
        processes = [fork.Process(target=_client, args=arguments) for _ in range(clients)]
        for process in processes:
            process.start()
        start.wait()
        total = sum(results.get(timeout=120) for _ in processes)
        for process in processes:
            process.join()
    listening.close()
    return total


def throughput(rounds: int, seconds: float) -> None:
    contenders: dict[str, Configuration] = {
        "ASGI, bare": Configuration("", kind="bare"),
        "ASGI, kam3, memory": Configuration("", kind="kam3"),
        "Flask, bare": Configuration("", kind="flask"),
        "Flask, kam3, memory": Configuration("", kind="kam3", front="wsgi"),
        "Flask-HTTPAuth Digest": Configuration("", kind="digest"),
    }
    with contextlib.suppress(ImportError):
        import flask_scram  # noqa: F401 - whether it is there

        contenders["flask-scram (two steps each)"] = Configuration("", kind="scram")
    with contextlib.ExitStack() as stack:
        if shutil.which("redis-server"):
            from tests.stores.servers import RedisServer

            directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            redis = RedisServer(directory / "redis")
            stack.callback(redis.kill)
            keys.make(directory / "keys")
            shared = {"redis": redis.url, "key_file": str(directory / "keys")}
            contenders["ASGI, kam3, Redis"] = Configuration("", kind="kam3", **shared)
            contenders["Flask, kam3, Redis"] = Configuration("", kind="kam3", front="wsgi", **shared)
        found: dict[tuple[str, int], list[float]] = {}
        for _ in range(rounds):
            for name, configuration in contenders.items():
                for workers in (1, 2):
                    if workers > 1 and "memory" in name:
                        continue  # each worker would have sessions of its own
                    found.setdefault((name, workers), []).append(requests_a_second(configuration, workers, seconds))
    medians = {place: statistics.median(rates) for place, rates in found.items()}
    rows = []
    for name in contenders:
        pair = [medians.get((name, workers)) for workers in (1, 2)]
        rows.append([name, *("-" if rate is None else f"{rate:.0f}" for rate in pair)])
    print_table(["requests a second, medians", "1 worker", "2 workers"], rows)


# A flood.


def _attacker(port: int, origin: str, stop: Any, results: Any) -> None:
    realm, connection = realm_of(origin), Connection(port)
    alg, done, refused = kam3.EC_P256, 0, 0
    kc1 = alg.kc1(alg.generate_secret())
    requests = [octets_of(origin, serialize(KexC1(realm, "host", secrets.token_hex(4), kc1))) for _ in range(2000)]
    begun = time.perf_counter()
    while not stop.is_set():
        for octets in requests[done % 2000 : done % 2000 + 20]:
            refused += connection.ask(octets).startswith(b"HTTP/1.1 503")
            done += 1
    took = time.perf_counter() - begun
    results.put((done / took, refused / took))


def _logins(origin: str, count: int) -> list[float]:
    taken = []
    for _ in range(count):
        with Client(timeout=60) as client:
            client.mutual.add(origin + "/", USER, PASSWORD)
            begun = time.perf_counter()
            reply = client.get(origin + "/page")
            taken.append(time.perf_counter() - begun)
            assert reply.outcome.proved
    return taken


def flood(attackers: int, logins: int) -> None:
    """All come from one address, so that the limits of a peer are lifted: what is shown is the work, not the refusals."""
    listening = listening_socket()
    port = listening.getsockname()[1]
    configuration = Configuration(f"http://{ORIGIN_HOST}:{port}", kind="kam3")
    fork = multiprocessing.get_context("fork")
    with running(configuration, listening, 1):
        calm = _logins(configuration.origin, logins)
        stop, results = fork.Event(), fork.Queue()
        processes = [fork.Process(target=_attacker, args=(port, configuration.origin, stop, results)) for _ in range(attackers)]
        for process in processes:
            process.start()
        time.sleep(1.0)
        amid = _logins(configuration.origin, logins)
        stop.set()
        rates = [results.get(timeout=60) for _ in processes]
        for process in processes:
            process.join()
    listening.close()
    print(f"flood: {sum(rate for rate, _ in rates):.0f} key exchanges a second, {sum(rate for _, rate in rates):.0f} of them refused (503)")
    named = {"calm": calm, "flooded": amid}
    rows = [[name, f"{statistics.median(times) * 1e3:.1f}", f"{max(times) * 1e3:.1f}"] for name, times in named.items()]
    print_table(["milliseconds of an honest log-in, three requests", "median", "longest"], rows)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["cpu", "throughput", "flood"], help="one part alone")
    parser.add_argument("--rounds", type=int, default=40, help="turns of each contender for its processor time; 40 if left out")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each run for requests a second; 2 if left out")
    parser.add_argument("--turns", type=int, default=3, help="turns of each contender for requests a second; 3 if left out")
    arguments = parser.parse_args(argv)
    parts: dict[str, Callable[[], None]] = {
        "cpu": lambda: asyncio.run(cpu(arguments.rounds, 150)),
        "throughput": lambda: throughput(arguments.turns, arguments.seconds),
        "flood": lambda: flood(4, 20),
    }
    for name, part in parts.items():
        if arguments.only in (None, name):
            part()
    return 0


if __name__ == "__main__":
    sys.exit(main())
