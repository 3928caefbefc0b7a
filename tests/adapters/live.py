"""Servers people use, with our middleware in front of a small application, on loopback ports, in threads."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest

import kam3
from kam3.adapters.asgi import MutualMiddleware as AsgiMiddleware
from kam3.adapters.wsgi import MutualMiddleware as WsgiMiddleware
from kam3.mutual.realms import Origin, Realm
from kam3.mutual.server import MutualServer
from kam3.mutual.spaces import ServedOrigin, Space
from kam3.stores.memory import MemoryCredentialStore, MemorySessionTable
from tests.mutual.model import PASSWORD, USER, j_of, realm_at


@dataclass
class Tls:
    """A certificate for the loopback address."""

    certificate: Path
    key: Path
    der: bytes

    def context(self) -> ssl.SSLContext:
        """Return what the server uses: TLS 1.3."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return context

    def trusting(self) -> ssl.SSLContext:
        """Return what a client uses."""
        return ssl.create_default_context(cafile=str(self.certificate))


@dataclass
class Site:
    """A server with all four algorithms, each under a path of its own, ``/a0`` to ``/a3``; ``/open`` is for everybody."""

    origin: Origin
    realms: list[Realm]

    def url(self, path: str) -> str:
        return f"{self.origin}{path}"


def _wsgi(environ: Any, start_response: Any) -> list[bytes]:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length)
    name = environ.get("REMOTE_USER", "nobody")
    if environ["PATH_INFO"].endswith("/old"):
        start_response("307 Temporary Redirect", [("Location", environ["PATH_INFO"][:-3] + "new"), ("Content-Length", "0")])
        return []
    text = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {name} {len(body)}".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [text]


async def _asgi(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": scope["user"].display_name})
        await send({"type": "websocket.close"})
        return
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    path = scope["path"]
    if path.endswith("/old"):
        headers = [(b"location", path[:-3].encode() + b"new"), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 307, "headers": headers})
        await send({"type": "http.response.body"})
        return
    name = scope["user"].display_name or "nobody"
    text = f"{scope['method']} {path} {name} {size}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(text)).encode())]})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else text})


Serve = Callable[["Site", "Tls | None", socket.socket], "AbstractContextManager[None]"]


def _parts(site: Site, tls: Tls | None) -> dict[str, Any]:
    users = MemoryCredentialStore()
    for realm in site.realms:
        users.put(realm, USER, j_of(realm, USER, PASSWORD))
    spaces = [Space(realm, (f"/a{i}",)) for i, realm in enumerate(site.realms)]
    served = ServedOrigin(str(site.origin), (tls.der,) if tls else ())
    return {"server": MutualServer(spaces, [served]), "table": MemorySessionTable(), "credentials": users}


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


class _Threads(ThreadingMixIn, WSGIServer):
    daemon_threads = True


@contextlib.contextmanager
def _running(target: Callable[[], None], stop: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop()
        thread.join()


@contextlib.contextmanager
def wsgiref(site: Site, tls: Tls | None, listener: socket.socket) -> Iterator[None]:
    """Closes each connection after one answer."""
    application = WsgiMiddleware(_wsgi, **_parts(site, tls))
    listener.close()
    server = make_server("127.0.0.1", site.origin.port, application, _Threads, _Quiet)
    if tls:
        server.socket = tls.context().wrap_socket(server.socket, server_side=True)
        server.base_environ["HTTPS"] = "on"
    with _running(lambda: server.serve_forever(0.02), server.shutdown):
        yield
    server.server_close()


@contextlib.contextmanager
def werkzeug(site: Site, tls: Tls | None, listener: socket.socket) -> Iterator[None]:
    """Keeps connections."""
    serving = pytest.importorskip("werkzeug.serving")

    class Handler(serving.WSGIRequestHandler):  # type: ignore[misc,name-defined]
        protocol_version = "HTTP/1.1"

        def log(self, *_: Any) -> None:
            pass

    application = WsgiMiddleware(_wsgi, **_parts(site, tls))
    listener.close()
    context = tls.context() if tls else None
    server = serving.make_server("127.0.0.1", site.origin.port, application, threaded=True, ssl_context=context, request_handler=Handler)
    with _running(lambda: server.serve_forever(0.02), server.shutdown):
        yield
    server.server_close()


@contextlib.contextmanager
def uvicorn(site: Site, tls: Tls | None, listener: socket.socket) -> Iterator[None]:
    """ASGI."""
    library = pytest.importorskip("uvicorn")
    files = {"ssl_certfile": str(tls.certificate), "ssl_keyfile": str(tls.key)} if tls else {}
    application = AsgiMiddleware(_asgi, **_parts(site, tls))
    config = library.Config(application, log_level="critical", lifespan="off", **files)
    server = library.Server(config)

    def stop() -> None:
        server.should_exit = True

    with _running(lambda: server.run(sockets=[listener]), stop):
        while not server.started:
            time.sleep(0.005)
        yield


@contextlib.contextmanager
def hypercorn(site: Site, tls: Tls | None, listener: socket.socket) -> Iterator[None]:
    """ASGI over HTTP/2, where there is TLS."""
    configuration = pytest.importorskip("hypercorn.config")
    serving = pytest.importorskip("hypercorn.asyncio")
    application = AsgiMiddleware(_asgi, **_parts(site, tls))
    config = configuration.Config()
    config.bind, config.loglevel, config.graceful_timeout = [f"fd://{listener.fileno()}"], "ERROR", 0.1
    if tls:
        config.certfile, config.keyfile = str(tls.certificate), str(tls.key)
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    def serve() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(serving.serve(application, config, shutdown_trigger=over.wait))

    with _running(serve, lambda: loop.call_soon_threadsafe(over.set)):
        yield
    loop.close()


SERVERS: dict[str, Serve] = {"wsgiref": wsgiref, "werkzeug": werkzeug, "uvicorn": uvicorn}


@contextlib.contextmanager
def site(name: str, tls: Tls | None = None) -> Iterator[Site]:
    """Run a server."""
    listener = socket.create_server(("127.0.0.1", 0))
    origin = Origin("https" if tls else "http", "127.0.0.1", listener.getsockname()[1])
    made = Site(origin, [realm_at(origin, f"realm {i}", alg) for i, alg in enumerate(kam3.ALGORITHMS)])
    with (SERVERS | {"hypercorn": hypercorn})[name](made, tls, listener):
        yield made
