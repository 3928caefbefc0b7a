"""The servers that `benchmarks.bench_servers` measures: one page of 1 kB, bare, or behind one of the schemes."""

from __future__ import annotations

import functools
import socket
from typing import Any, NamedTuple

import kam3
from kam3.mutual.limits import Limits, Rate
from kam3.mutual.realms import Realm
from kam3.mutual.server import MutualServer
from kam3.mutual.spaces import Space
from kam3.stores import keys
from kam3.stores.memory import MemoryCredentialStore, MemorySessionTable

ORIGIN_HOST = "127.0.0.1"
USER, PASSWORD = "alice", "correct horse"
PAGE = b"x" * 1000
_FREE = Rate(10**9, 1e-6)
LIMITS = Limits(peer=_FREE, user_and_peer=_FREE, user=_FREE)


class Configuration(NamedTuple):
    """A server to run."""

    origin: str
    kind: str  # bare, fields, kam3, flask, digest, scram
    front: str = "asgi"  # of kam3: or wsgi
    redis: str = ""
    key_file: str = ""


def realm_of(origin: str) -> Realm:
    return Realm(kam3.EC_P256.token, origin, "bench")


async def page(scope: Any, receive: Any, send: Any) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(PAGE))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": PAGE})


async def page_with_fields(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the fields that the middleware adds, and without it."""
    ours = [(b"authentication-info", b"version=1, sid=%b, vks=%b" % (b"0" * 32, b"0" * 64)), (b"cache-control", b"private")]
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(PAGE)), *ours]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": PAGE})


@functools.cache
def _j(origin: str) -> bytes:
    pi = kam3.EC_P256.pi(PASSWORD, auth_scope=origin, realm="bench", user=USER)
    return kam3.EC_P256.j(pi)


def _protection(configuration: Configuration, asynchronous: bool) -> dict[str, Any]:
    users = MemoryCredentialStore()
    users.put(realm_of(configuration.origin), USER, _j(configuration.origin))
    table: Any = MemorySessionTable(LIMITS)
    if configuration.redis:
        from kam3.stores import redis

        made = redis.AsyncRedisSessionTable if asynchronous else redis.RedisSessionTable
        table = made.from_url(configuration.redis, keys.read(configuration.key_file), limits=LIMITS, timeout=10)
    return {"server": MutualServer([Space(realm_of(configuration.origin))], [configuration.origin]), "table": table, "credentials": users}


def application(configuration: Configuration) -> Any:
    if configuration.kind in ("bare", "fields"):
        return page if configuration.kind == "bare" else page_with_fields
    from kam3.adapters.asgi import MutualMiddleware

    return MutualMiddleware(page, **_protection(configuration, asynchronous=True))


def flask_application(configuration: Configuration) -> Any:
    from flask import Flask, Response

    app = Flask("bench")
    app.config["SECRET_KEY"] = "of the cookies that Digest keeps its nonces in"

    def answer() -> Response:
        return Response(PAGE, mimetype="text/plain")

    if configuration.kind == "digest":
        from flask_httpauth import HTTPDigestAuth

        auth = HTTPDigestAuth(realm="bench", qop=None)
        auth.get_password(lambda name: PASSWORD if name == USER else None)
        answer = auth.login_required(answer)
    if configuration.kind == "scram":
        from flask_scram import Scram
        from scramp.core import ScramServer

        ScramServer.user = USER  # flask-scram 1.0.1 asks for this name at the end of a log-in, and scramp has it not
        scram = Scram(app, realm="bench")
        kept = scram.make_auth_info(PASSWORD)
        app.config["SCRAM_AUTH_FN"] = lambda name: kept
        answer = scram.login_required(answer)
    app.add_url_rule("/page", "page", answer)
    if configuration.kind == "kam3":
        from kam3.adapters.wsgi import MutualMiddleware

        return MutualMiddleware(app, **_protection(configuration, asynchronous=False))
    return app


def serve(configuration: Configuration, listening: socket.socket) -> None:
    """Serve until SIGTERM: ASGI on uvicorn, WSGI on gunicorn's worker with threads."""
    if configuration.kind in ("flask", "digest", "scram") or configuration.front == "wsgi":
        _gunicorn(configuration, listening)
        return
    import uvicorn

    app = application(configuration)
    config = uvicorn.Config(app, http="httptools", loop="asyncio", lifespan="off", log_config=None, timeout_keep_alive=600)
    uvicorn.Server(config).run(sockets=[listening])


def _gunicorn(configuration: Configuration, listening: socket.socket) -> None:
    import os

    from gunicorn.app.base import BaseApplication

    class Server(BaseApplication):
        def load_config(self) -> None:
            settings = {
                "bind": f"fd://{os.dup(listening.fileno())}",
                "worker_class": "gthread",
                "threads": 4,
                "workers": 1,
                "loglevel": "error",
                "keepalive": 30,
                "control_socket_disable": True,
            }
            for name, value in settings.items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            return flask_application(configuration)

    Server().run()
