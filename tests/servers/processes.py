"""Real HTTP servers as processes, and the clients that speak to them."""

from __future__ import annotations

import functools
import http.client
import os
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import kam3
from kam3.adapters.stdlib import Client
from kam3.mutual.messages import KexC1, KexS1, VfyC, parse_challenge, parse_info, read_challenges, read_info, serialize
from kam3.mutual.realms import Realm
from tests.servers.site import PASSWORD, USER, Settings
from tests.stores.servers import wait_for

ROOT = Path(__file__).parents[2]
APPLICATION = "tests.servers.site"
#: What each server needs, and its command; {fd} is the socket that it listens on.
_UVICORN = f"uvicorn --factory {APPLICATION}:asgi_application --loop asyncio --no-proxy-headers --fd {{fd}}"
COMMANDS = {
    "uvicorn-h11": ("uvicorn h11", f"{_UVICORN} --http h11"),
    "uvicorn-httptools": ("uvicorn httptools", f"{_UVICORN} --http httptools"),
    "hypercorn": ("hypercorn", f"hypercorn {APPLICATION}:asgi_application() --bind fd://{{fd}}"),
    "gunicorn": ("gunicorn", f"gunicorn {APPLICATION}:wsgi_application() --threads 8 --workers 1 --bind fd://{{fd}} --no-control-socket"),
}
TLS = {
    "uvicorn-h11": "--ssl-certfile {certificate} --ssl-keyfile {key}",
    "uvicorn-httptools": "--ssl-certfile {certificate} --ssl-keyfile {key}",
    "hypercorn": "--certfile {certificate} --keyfile {key}",
    "gunicorn": "--certfile {certificate} --keyfile {key}",
}
PATIENCE = 120.0  # seconds: the machine may have other work


def listening_socket() -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", 0))
    listening.listen(512)
    return listening


@functools.cache  # thousands of iterations
def pi_of(realm: Realm) -> bytes:
    return kam3.algorithm(realm.algorithm).pi(PASSWORD, auth_scope=realm.auth_scope, realm=realm.realm, user=USER)


class Site:
    """One origin: a listening socket, and the server processes that take its connections.

    Args:
        kind: a key of `COMMANDS`.
        tls: certificate and key, in PEM.
        host: the name in the origin.
        options: further members of `Settings`.
    """

    def __init__(self, kind: str, *, tls: Sequence[str] = (), host: str = "127.0.0.1", processes: int = 1, **options: object) -> None:
        needed, self._command = COMMANDS[kind]
        for module in needed.split():
            pytest.importorskip(module, reason=f"{kind} is not installed")
        self.kind, self.listening = kind, listening_socket()
        self.directory = Path(tempfile.mkdtemp(prefix="kam3-site-"))
        if tls:
            self._command += " " + TLS[kind].format(certificate=tls[0], key=tls[1])
        origin = f"{'https' if tls else 'http'}://{host}:{self.listening.getsockname()[1]}"
        settings = Settings(origin, "", str(self.directory / "ran"), tls[0] if tls else "", **options)  # type: ignore[arg-type]
        settings.j = kam3.EC_P256.j(pi_of(settings.realm)).hex()
        self.settings, self.processes = settings, list[subprocess.Popen[bytes]]()
        self._log = (self.directory / "log").open("wb")
        for _ in range(processes):
            self.start()
        self.wait()

    @property
    def url(self) -> str:
        return self.settings.origin

    @property
    def realm(self) -> Realm:
        return self.settings.realm

    def start(self) -> subprocess.Popen[bytes]:
        """Start one more process."""
        descriptor = os.dup(self.listening.fileno())
        os.set_inheritable(descriptor, True)
        command = [sys.executable, "-m", *self._command.format(fd=descriptor).split(" ")]
        path = os.pathsep.join([str(ROOT), str(ROOT / "python"), os.environ.get("PYTHONPATH", "")])
        environment = {**self.settings.environment(), "PYTHONPATH": path}
        process = subprocess.Popen(command, pass_fds=[descriptor], env=environment, stdout=self._log, stderr=self._log, cwd=ROOT)
        os.close(descriptor)
        self.processes.append(process)
        return process

    def wait(self) -> None:
        """Wait until every process has answered."""

        def all_answered() -> bool:
            assert all(process.poll() is None for process in self.processes), self.log()
            answered.add(self.open_page())
            return {process.pid for process in self.processes} <= answered or (
                self.kind in ("hypercorn", "gunicorn") and len(answered) >= len(self.processes)  # their workers are children
            )

        answered: set[int] = set()
        wait_for(all_answered, PATIENCE)

    def open_page(self) -> int:
        """Return the process that has answered a request of nobody."""
        import json

        connection = self.connection()
        try:
            connection.request("GET", "/open")
            pid: int = json.loads(connection.getresponse().read())["pid"]
            return pid
        finally:
            connection.close()

    def connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        if parts.scheme == "http":
            return http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=PATIENCE)
        context = ssl._create_unverified_context()
        return http.client.HTTPSConnection(str(parts.hostname), parts.port, timeout=PATIENCE, context=context)

    def client(self, *, authority: str | None = None, password: str = PASSWORD, require: bool = True) -> Client:
        context = None
        if authority is not None:
            context = ssl.create_default_context(cafile=authority)
            context.minimum_version = ssl.TLSVersion.TLSv1_3
        client = Client(timeout=PATIENCE, context=context, require=require)
        client.mutual.add(self.url, USER, password)
        return client

    def ran(self) -> list[tuple[str, int, int]]:
        """Return sid, nc and process of every request that the application has seen behind a proof."""
        path = Path(self.settings.ran)
        lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
        return [(sid, int(nc), int(pid)) for sid, nc, pid in map(str.split, lines)]

    def log(self) -> str:
        self._log.flush()
        return (self.directory / "log").read_text(encoding="utf-8", errors="replace")

    def audit(self) -> list[str]:
        return [line.partition("AUDIT ")[2] for line in self.log().splitlines() if "AUDIT " in line]

    def stop(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(PATIENCE)
        self.listening.close()
        self._log.close()


class Raw:
    """A client that shows what it sends: a key exchange of its own, and a header for any nonce number. For plain http."""

    def __init__(self, site: Site, password: str = PASSWORD, forwarded: str | None = None) -> None:
        self.site, self.realm, self.vh = site, site.realm, site.url.encode()
        self._pi = pi_of(self.realm) if password == PASSWORD else bytes(32)
        self.extra = {} if forwarded is None else {"X-Forwarded-For": forwarded}

    def ask(self, authorization: str | None = None, path: str = "/", method: str = "GET") -> http.client.HTTPResponse:
        """Make one request over a connection of its own; its content has been read into `content`."""
        connection = self.site.connection()
        try:
            fields = dict(self.extra) if authorization is None else {**self.extra, "Authorization": authorization}
            connection.request(method, path, headers=fields)
            response = connection.getresponse()
            response.content = response.read()  # type: ignore[attr-defined]
            return response
        finally:
            connection.close()

    def kex_header(self, exchange: kam3.ClientExchange, user: str = USER) -> str:
        return serialize(KexC1(self.realm, "host", user, exchange.kc1))

    def begin(self) -> Raw:
        """Exchange keys."""
        with kam3.ClientExchange(kam3.EC_P256, self._pi) as exchange:
            response = self.ask(self.kex_header(exchange))
            assert response.status == 401, (response.status, self.site.log())
            challenge = message_of(response)
            assert isinstance(challenge, KexS1), challenge
            self.sid, self.session = challenge.sid, exchange.finish(challenge.ks1)
        return self

    def header(self, nc: int) -> str:
        return serialize(VfyC(self.realm, "host", self.sid, nc, self.session.vkc(nc, self.vh)))

    def check(self, info: Sequence[str], nc: int) -> None:
        """Check the server's proof."""
        parameters = read_info(info)
        assert parameters is not None
        self.session.verify_vks(parse_info(parameters, self.realm.algorithm).vks, nc, self.vh)


def message_of(response: http.client.HTTPResponse) -> object:
    parameters = read_challenges(response.headers.get_all("WWW-Authenticate", [])).mutual
    assert parameters is not None, (response.status, response.getheaders())
    return parse_challenge(parameters)
