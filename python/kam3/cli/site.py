"""The small protected site that ``kam3 serve`` and ``kam3 demo`` run: its pages once, for WSGI and for ASGI."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import kam3
from kam3.adapters.login import Login
from kam3.adapters.wsgi import MutualMiddleware
from kam3.mutual.realms import Realm
from kam3.mutual.server import MutualServer
from kam3.mutual.spaces import ServedOrigin, Space
from kam3.preparation import prepare_password, prepare_user
from kam3.stores.memory import MemoryCredentialStore, MemorySessionTable

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def server_of(realm: Realm, origins: Iterable[ServedOrigin | str]) -> MutualServer:
    """Return the judgement of the site's requests.

    Raises:
        ValueError, Kam3Error: the configuration breaks a rule, which the message names.
    """
    return MutualServer([Space(realm), Space(None, ("/public",)), Space(realm, ("/optional",), optional=True)], origins)


def users_of(realm: Realm, passwords: dict[str, str]) -> MemoryCredentialStore:
    """Return a store of users in memory.

    Args:
        realm: their realm.
        passwords: by their names, neither prepared yet.

    Raises:
        ValueError, Kam3Error: a name or a password breaks a rule, which the message names.
    """
    alg, users = kam3.algorithm(realm.algorithm), MemoryCredentialStore()
    for name, password in passwords.items():
        user = prepare_user(name)
        pi = alg.pi(prepare_password(password), auth_scope=realm.auth_scope, realm=realm.realm, user=user)
        users.put(realm, user, alg.j(pi))
    return users


def protected(realm: Realm, origins: Iterable[str], passwords: dict[str, str]) -> WSGIApplication:
    """Return the site with users and sessions in memory, as a WSGI application; arguments and errors of `server_of` and `users_of`."""
    return MutualMiddleware(wsgi_site, server_of(realm, origins), table=MemorySessionTable(), credentials=users_of(realm, passwords))


def page(path: str, login: Login) -> tuple[HTTPStatus, bytes]:
    """Return a page of the site; what stands before it has seen to it that we know who asks."""
    status, text = HTTPStatus.OK, f"Hello, {login.user or 'stranger'}!\n"
    if path == "/public":
        text = "This page is open to everybody.\n"
    elif path == "/logout" and login.user is not None:
        login.log_out()
        text = f"Good-bye, {login.user}!\n"
    elif path not in ("/", "/optional"):
        status, text = HTTPStatus.NOT_FOUND, "There is no such page.\n"
    return status, text.encode()


def wsgi_site(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Answer a request that the WSGI middleware has let through."""
    status, body = page(environ["PATH_INFO"], environ["kam3.login"])
    start_response(f"{status.value} {status.phrase}", [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


async def asgi_site(scope: Any, receive: Any, send: Any) -> None:
    """Answer a request that the ASGI middleware has let through."""
    if scope["type"] != "http":
        await receive()  # the handshake of a WebSocket, for which there is no page
        await send({"type": "websocket.close"})
        return
    status, body = page(scope["path"], scope["kam3.login"])
    fields = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status.value, "headers": fields})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
