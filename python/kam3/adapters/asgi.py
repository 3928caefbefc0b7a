"""ASGI middleware (ASGI 3): puts HTTP Mutual authentication before any ASGI application, Starlette's and FastAPI's among them.

    application = MutualMiddleware(application, server, table=MemorySessionTable(), credentials=users)

The application finds who it is in ``scope["user"]``, which is what Starlette's ``request.user`` shows, and with all that is known in
``scope["kam3.login"]``, a `Login`; both come from a request that was proved and from nothing else. Everything of `kam3.adapters.wsgi`
holds here, too. A WebSocket is a request like any other: its handshake carries the credentials, its acceptance the proof.

Key exchanges, and stores that wait, are carried out in threads, so that the event loop goes on.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from kam3.adapters.async_driving import AsyncHandler as AsyncHandler  # for users to find it here
from kam3.adapters.login import FORGEABLE, Login, concluding
from kam3.adapters.server_driving import Peers, log_events, page
from kam3.mutual.conclusion import Ending, ending
from kam3.mutual.credentials import AsyncCredentialStore, CredentialStore
from kam3.mutual.outcomes import Answered, Forwarded, Headers, Identity, Request
from kam3.mutual.server import MutualServer
from kam3.mutual.sessions import AsyncSessionTable, SessionTable
from kam3.mutual.spaces import absolute_target

Scope: TypeAlias = "MutableMapping[str, Any]"
Message: TypeAlias = "MutableMapping[str, Any]"
Receive: TypeAlias = "Callable[[], Awaitable[Message]]"
Send: TypeAlias = "Callable[[Message], Awaitable[None]]"
Fields: TypeAlias = "list[tuple[bytes, bytes]]"
Application: TypeAlias = "Callable[[Scope, Receive, Send], Awaitable[None]]"

_log = logging.getLogger("kam3.asgi")

_KEY = "kam3.login"
#: What header fields are to us, apart from those that are nothing: places in the lists of their values.
_HOST, _AUTHORIZATION, _FORWARDED, _FORGED = 1, 2, 3, 4
_SCHEMES = {"ws": "http", "wss": "https"}
_PLACES = {"host": _HOST, "authorization": _AUTHORIZATION}
#: How many names of fields are remembered.
_NAMES = 256
#: A handshake that is refused where the server has no way to send a response to it: "policy violation" (RFC 6455 section 7.4.1).
_CLOSED = {"type": "websocket.close", "code": 1008, "reason": "authentication needed"}
#: Octets of a body that are read for a request that is refused: clients send as much again without asking first.
_DRAINED = 65536
_FAILED_BODY = b"the server has failed\n"
_FAILED: Headers = (
    ("content-type", "text/plain; charset=utf-8"),
    ("content-length", str(len(_FAILED_BODY))),
    ("cache-control", "no-store"),
)


class User:
    """Who is logged in, in the forms that Starlette's ``request.user`` and ``request.auth`` have: somebody or nobody, and nothing finer."""

    __slots__ = ("_identity",)

    def __init__(self, identity: Identity | None) -> None:
        self._identity = identity

    @property
    def is_authenticated(self) -> bool:
        """Tell whether somebody is logged in."""
        return self._identity is not None

    @property
    def display_name(self) -> str:
        """The user name, or an empty string."""
        return "" if self._identity is None else self._identity.user

    @property
    def identity(self) -> str:
        """As `display_name`."""
        return self.display_name

    @property
    def scopes(self) -> list[str]:
        """What the user may do: ``authenticated``, or nothing."""
        return [] if self._identity is None else ["authenticated"]


class MutualMiddleware:
    """An ASGI application that protects another one.

    Args:
        app: what is protected.
        server: realms, paths and origins.
        table: the sessions; one that this process shares with no other must be in a server of one process.
        credentials: J of the users.
        handler: what carries out actions, for other bounds than those of `AsyncHandler`; then `table` and `credentials` are left out.
        peers: how to tell the client's address behind proxies.
        scheme: how clients speak to us, where this server cannot know because a proxy ends TLS; None takes the scope's.

    Raises:
        ValueError: neither or both of `handler` and the stores, or a `server` that is a proxy.
    """

    def __init__(
        self,
        app: Application,
        server: MutualServer,
        *,
        table: SessionTable | AsyncSessionTable | None = None,
        credentials: CredentialStore | AsyncCredentialStore | None = None,
        handler: AsyncHandler | None = None,
        peers: Peers | None = None,
        scheme: str | None = None,
    ) -> None:
        if handler is None:
            if table is None or credentials is None:
                raise ValueError("table and credentials are needed, or a handler")
            handler = AsyncHandler(table, credentials)
        elif table is not None or credentials is not None:
            raise ValueError("a handler has its table and credentials: give one or the other")
        if scheme not in (None, "http", "https"):
            raise ValueError("scheme must be http or https")
        if server.proxy:
            raise ValueError("a server made with proxy=True is for a forward proxy: see kam3.adapters.proxy")
        self._app, self._server, self._handler = app, server, handler
        self._peers, self._scheme = peers or Peers(), scheme
        self._places: dict[bytes, int] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the application answer it."""
        kind = scope["type"]
        if kind == "lifespan":
            await self._app(scope, receive, send)
            return
        if kind not in ("http", "websocket"):
            raise ValueError(f"this middleware knows no {kind}, and lets through nothing that it cannot judge")
        scope, request = self._judged(scope)
        outcome = await self._handler.run(self._server.flow(request))
        if outcome.events:
            log_events(outcome.events)
        if isinstance(outcome, Answered):
            if kind == "http":
                await _drain(scope, receive)
                await _send_answer(outcome, scope, send)
            else:
                await _refuse_handshake(outcome, scope, receive, send)
            return
        identity = outcome.identity
        login = scope[_KEY] = Login(identity)
        scope["user"] = scope["auth"] = User(identity)
        if outcome.area is None:
            await self._app(scope, receive, send)
            return
        response = _Response(self._server, self._handler, outcome, login, send)
        if kind == "websocket":
            await self._app(scope, receive, response.send_websocket)
            return
        try:
            await self._app(scope, receive, response.send)
        except Exception:
            if not response.missing:
                raise
            _log.exception("the application raised an exception")
        else:
            if not response.missing:
                return
            _log.error("the application returned without a response")
        await response.send_failure(scope)

    def _judged(self, scope: Scope) -> tuple[Scope, Request]:
        """Return the scope as the application may see it, and the request as it is judged.

        That scope has no forged names, and its target is in the form that applications read.
        """
        headers, path, scheme = scope["headers"], scope["path"], self._scheme or scope.get("scheme", "http")
        scheme = _SCHEMES.get(scheme, scheme)
        hosts: list[str] = []
        authorization: list[str] = []
        forwarded: list[str] = []
        forged = False
        places = self._places
        for name, value in headers:
            place = places.get(name)
            if place is None:
                place = self._place_of(name)
            if not place:
                continue
            if place == _AUTHORIZATION:
                authorization.append(value.decode("latin-1"))
            elif place == _HOST:
                hosts.append(value.decode("latin-1"))
            elif place == _FORWARDED:
                forwarded.append(value.decode("latin-1"))
            else:
                forged = True
        if forged:
            headers = [field for field in headers if self._place_of(field[0]) != _FORGED]
        split = None if path.startswith("/") else absolute_target(path)
        if split is not None and split[0] == scheme:
            path, hosts = split[2], [split[1]]
            headers = [*(field for field in headers if self._place_of(field[0]) != _HOST), (b"host", split[1].encode())]
        client = scope.get("client")
        request = Request(
            scope.get("method", "GET"),  # a handshake of a WebSocket is a GET, or stands for one
            scheme,
            hosts[0] if len(hosts) == 1 else None,
            path,
            tuple(authorization),
            self._peers.peer_of(client[0] if client else "", forwarded),
        )
        return {**scope, "headers": headers, "path": path}, request

    def _place_of(self, name: bytes) -> int:
        """Return what a field is to us, and remember it for names that are written often."""
        text = name.decode("latin-1").lower()
        place = _PLACES.get(text, 0)
        if text == self._peers.field.lower():
            place = _FORWARDED
        elif text.replace("_", "-") in FORGEABLE:
            place = _FORGED
        if len(self._places) < _NAMES and len(name) <= 64:
            self._places[name] = place
        return place


class _Response:
    """One response of the application on its way out: its header section is completed, its exceptions are answered."""

    __slots__ = ("_forwarded", "_handler", "_login", "_send", "_server")

    def __init__(
        self, server: MutualServer, handler: AsyncHandler, forwarded: Forwarded, login: Login, send: Send
    ) -> None:
        self._server, self._handler, self._forwarded, self._login, self._send = server, handler, forwarded, login, send

    @property
    def missing(self) -> bool:
        """Tell whether the client waits for a response with a proof that the application has not begun."""
        return not self._login._sent and self._forwarded.identity is not None

    async def send_failure(self, scope: Scope) -> None:
        self._login._wish = ""
        await self.send({"type": "http.response.start", "status": 500, "headers": _encoded(_FAILED)})
        await self.send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else _FAILED_BODY})

    def send(self, message: Message) -> Awaitable[None]:
        """Send a message; no coroutine of our own, for most messages go on as they are."""
        kind = message["type"]
        if kind == "http.response.start":
            return self._begin(message, message["status"])
        if kind == "http.response.trailers":  # a proof in a trailer is none (RFC 8120 section 4.5)
            fields = [field for field in message.get("headers", ()) if field[0].lower() != b"authentication-info"]
            message = {**message, "headers": fields}
        return self._send(message)

    def send_websocket(self, message: Message) -> Awaitable[None]:
        kind = message["type"]
        if kind == "websocket.accept":
            return self._begin(message, 101)
        return self._begin(message, message["status"]) if kind == "websocket.http.response.start" else self._send(message)

    def _begin(self, message: Message, status: int) -> Awaitable[None]:
        """Send the beginning of the response, completed."""
        fields = [(name.lower(), value) for name, value in message.get("headers", ())]
        names = [_text(name) for name, _ in fields]
        if self._login._wish:
            return self._begin_as_wished(message, status, fields, names)
        return self._send(self._completed(message, ending(self._forwarded, status, fields, names, False), fields, names))

    async def _begin_as_wished(self, message: Message, status: int, fields: Fields, names: list[str]) -> None:
        steps = concluding(self._server, self._forwarded, self._login, status, fields, names)
        await self._send(self._completed(message, await self._handler.run(steps), fields, names))

    def _completed(self, message: Message, ended: Ending, fields: Fields, names: list[str]) -> Message:
        if ended.events:
            log_events(ended.events)
        self._login._sent = True
        message = {**message, "headers": [*_encoded(ended.first), *ended.kept(fields, names), *_always(ended.last)]}
        if "status" in message:  # not in the acceptance of a WebSocket
            message["status"] = ended.status
        return message


def _encoded(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(_name(name), value.encode("latin-1")) for name, value in headers]


_text = functools.lru_cache(256)(lambda name: str(name, "latin-1"))  # names of applications: few, and again and again
_always = functools.lru_cache(_encoded)  # of fields that an area sends again and again


@functools.cache  # a dozen names, all of them ours
def _name(name: str) -> bytes:
    return name.lower().encode("ascii")


async def _drain(scope: Scope, receive: Receive) -> None:
    """Take in a short body that is on its way: some servers close the connection of a request that is answered before its end.

    Whoever waits for 100 (Continue) is answered without one, and long bodies are not read for a request that does not run.
    """
    fields = dict(scope["headers"])
    length = fields.get(b"content-length", b"")
    if not length.isdigit() or len(length) > 5 or not 0 < int(length) <= _DRAINED or b"expect" in fields:
        return
    while (message := await receive())["type"] == "http.request" and message.get("more_body", False):
        pass


async def _send_answer(answered: Answered, scope: Scope, send: Send) -> None:
    headers, body = page(answered)
    await send({"type": "http.response.start", "status": answered.status, "headers": _encoded(headers)})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


async def _refuse_handshake(answered: Answered, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer the handshake of a WebSocket by a response where the server can send one, else close it."""
    if (await receive())["type"] != "websocket.connect":
        return
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send(_CLOSED)
        return
    headers, body = page(answered)
    await send({"type": "websocket.http.response.start", "status": answered.status, "headers": _encoded(headers)})
    await send({"type": "websocket.http.response.body", "body": body})
