"""What real servers run in these tests: a protected site, once for WSGI and once for ASGI, configured by the environment.

`KAM3_TEST_SITE` is a JSON object; `Settings` tells its members. Every request that reaches the application behind a proof leaves a line
``sid nc pid`` in the file `ran`: by that file the tests know what was accepted, whatever became of the response.
"""

from __future__ import annotations

import json
import logging
import os
import ssl
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import kam3
from kam3.adapters import asgi, wsgi
from kam3.adapters.login import Login
from kam3.adapters.server_driving import Peers
from kam3.mutual.limits import Limits, Rate
from kam3.mutual.realms import Realm
from kam3.mutual.server import MutualServer
from kam3.mutual.spaces import ServedOrigin, Space
from kam3.stores import keys
from kam3.stores.memory import MemoryCredentialStore, MemorySessionTable

VARIABLE = "KAM3_TEST_SITE"
USER, PASSWORD = "alice", "correct horse"
FREE = Rate(1_000_000, 0.001)


@dataclass
class Settings:
    """The configuration of one server."""

    origin: str
    j: str  # J of USER in hexadecimal: to derive pi takes long
    ran: str
    certificate: str = ""  # PEM, the server's own first
    redis: str = ""
    key_file: str = ""
    credentials: str = ""  # a URL of SQLAlchemy; USER in memory where it is empty
    trusted_proxies: list[str] = field(default_factory=list)
    limited: bool = True  # by the default limits

    @property
    def realm(self) -> Realm:
        return Realm(kam3.EC_P256.token, self.origin, "real servers")

    def environment(self) -> dict[str, str]:
        return {**os.environ, VARIABLE: json.dumps(asdict(self))}


def settings() -> Settings:
    return Settings(**json.loads(os.environ[VARIABLE]))


def leaf_of(chain: str) -> bytes:
    """Return the first certificate of a file in DER."""
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    text = Path(chain).read_text(encoding="ascii")
    return ssl.PEM_cert_to_DER_cert(begin + text.partition(begin)[2].partition(end)[0] + end)


def _server(own: Settings) -> MutualServer:
    ders = (leaf_of(own.certificate),) if own.certificate else ()
    spaces = [Space(own.realm), Space(None, ("/open",)), Space(own.realm, ("/optional",), optional=True)]
    return MutualServer(spaces, [ServedOrigin(own.origin, ders)])


def _limits(own: Settings) -> Limits | None:
    return None if own.limited else Limits(peer=FREE, user_and_peer=FREE, user=FREE)


def _users(own: Settings) -> Any:
    if own.credentials:
        from kam3.stores.sql import SqlCredentialStore

        return SqlCredentialStore(own.credentials, timeout=2.0)
    users = MemoryCredentialStore()
    users.put(own.realm, USER, bytes.fromhex(own.j))
    return users


def _table(own: Settings, name: str) -> Any:
    if not own.redis:
        return MemorySessionTable(_limits(own))
    from kam3.stores import redis

    return getattr(redis, name).from_url(own.redis, keys.read(own.key_file), limits=_limits(own))


def _audit() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("AUDIT %(message)s"))
    logging.getLogger("kam3.audit").addHandler(handler)
    logging.getLogger("kam3.audit").setLevel(logging.INFO)


def asgi_application() -> asgi.MutualMiddleware:
    own = settings()
    _audit()
    table = _table(own, "AsyncRedisSessionTable")
    return asgi.MutualMiddleware(asgi_site(own), _server(own), table=table, credentials=_users(own), peers=Peers(own.trusted_proxies))


def wsgi_application() -> wsgi.MutualMiddleware:
    own = settings()
    _audit()
    table = _table(own, "RedisSessionTable")
    return wsgi.MutualMiddleware(wsgi_site(own), _server(own), table=table, credentials=_users(own), peers=Peers(own.trusted_proxies))


def _note(own: Settings, login: Login) -> None:
    if login.identity is not None:
        line = f"{login.identity.key.sid} {login.identity.nc} {os.getpid()}\n"
        descriptor = os.open(own.ran, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, line.encode())  # one call, so that lines of several processes do not mix
        os.close(descriptor)


def pages(path: str, login: Login, body: Callable[[], bytes]) -> tuple[int, list[tuple[str, str]], Iterable[bytes]]:
    """Return status, fields and body of a page."""
    identity = login.identity
    about = {"user": login.user, "pid": os.getpid(), "peer": None if identity is None else identity.peer}
    if path == "/echo":
        return 200, [], [body()]
    if path == "/empty":
        return 204, [], []
    if path == "/unchanged":
        return 304, [("ETag", '"1"')], []
    if path == "/stream":
        return 200, [], (f"part {number}\n".encode() for number in range(20))
    if path == "/fail":
        raise RuntimeError("this page always fails")
    if path == "/challenge":
        return 401, [], [b"no"]
    if path == "/logout":
        login.log_out()
    if path == "/again":
        login.reauthenticate()
    if path == "/deny":
        login.deny()
    if path == "/bind" and identity is not None:
        about["b1"], about["b2"] = identity.b1(b"t").hex(), identity.b2(b"t").hex()
    text = json.dumps(about).encode()
    return 200, [("Content-Type", "application/json"), ("Content-Length", str(len(text)))], [text]


def wsgi_site(own: Settings) -> Any:
    def site(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        login = environ["kam3.login"]
        _note(own, login)
        status, fields, chunks = pages(environ["PATH_INFO"], login, lambda: environ["wsgi.input"].read())
        start_response(f"{status} {HTTPStatus(status).phrase}", fields)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else chunks

    return site


def asgi_site(own: Settings) -> Any:
    async def read(receive: Callable[[], Any]) -> bytes:
        whole, more = b"", True
        while more:
            message = await receive()
            whole, more = whole + message.get("body", b""), message.get("more_body", False)
        return whole

    async def site(scope: dict[str, Any], receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        if scope["type"] == "lifespan":
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": f"{message['type']}.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        login = scope["kam3.login"]
        _note(own, login)
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            text = (await receive()).get("text", "")
            await send({"type": "websocket.send", "text": f"{login.user}: {text}"})
            await send({"type": "websocket.close"})
            return
        body = await read(receive) if scope["path"] == "/echo" else b""
        status, fields, chunks = pages(scope["path"], login, lambda: body)
        headers = [(name.lower().encode(), value.encode()) for name, value in fields]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for chunk in () if scope["method"] == "HEAD" else chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body"})

    return site
