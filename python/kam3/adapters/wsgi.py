"""WSGI middleware (PEP 3333): puts HTTP Mutual authentication before any WSGI application.

    application = MutualMiddleware(application, server, table=MemorySessionTable(), credentials=users)

The application finds who it is in ``REMOTE_USER`` and, with all that is known, in ``environ["kam3.login"]``, a `Login`; both come from a
request that was proved and from nothing else. Its responses are completed before their first octet of the body is sent. Exceptions that
it raises become a 500 with the server's proof, for an answer without one looks like an attack to the client.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, TypeAlias

from kam3.adapters.login import FORGEABLE, Login, concluding
from kam3.adapters.server_driving import Handler, Peers, log_events, page, phrase_of
from kam3.mutual.actions import run
from kam3.mutual.conclusion import concluded
from kam3.mutual.credentials import CredentialStore
from kam3.mutual.outcomes import Answered, Concluded, Forwarded, Request
from kam3.mutual.server import MutualServer
from kam3.mutual.sessions import SessionTable
from kam3.mutual.spaces import absolute_target

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ExcInfo: TypeAlias = "tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]"

_log = logging.getLogger("kam3.wsgi")

_FORGEABLE = ("REMOTE_USER", "AUTH_TYPE", "REMOTE_IDENT", *(f"HTTP_{name.upper().replace('-', '_')}" for name in FORGEABLE))
_KEY = "kam3.login"


class MutualMiddleware:
    """A WSGI application that protects another one.

    Args:
        application: what is protected.
        server: realms, paths and origins.
        table: the sessions; one that this process shares with no other must be in a server of one process.
        credentials: J of the users.
        handler: what carries out actions, for other bounds than those of `Handler`; then `table` and `credentials` are left out.
        peers: how to tell the client's address behind proxies.
        scheme: how clients speak to us, where this server cannot know because a proxy ends TLS; None takes ``wsgi.url_scheme``.

    Raises:
        ValueError: neither or both of `handler` and the stores, or a `server` that is a proxy.
    """

    def __init__(
        self,
        application: WSGIApplication,
        server: MutualServer,
        *,
        table: SessionTable | None = None,
        credentials: CredentialStore | None = None,
        handler: Handler | None = None,
        peers: Peers | None = None,
        scheme: str | None = None,
    ) -> None:
        if handler is None:
            if table is None or credentials is None:
                raise ValueError("table and credentials are needed, or a handler")
            handler = Handler(table, credentials)
        elif table is not None or credentials is not None:
            raise ValueError("a handler has its table and credentials: give one or the other")
        if scheme not in (None, "http", "https"):
            raise ValueError("scheme must be http or https")
        if server.proxy:
            raise ValueError("a server made with proxy=True is for a forward proxy: see kam3.adapters.proxy")
        self._application, self._server, self._handle = application, server, handler.handle
        self._peers, self._scheme = peers or Peers(), scheme

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, or let the application answer it."""
        for name in _FORGEABLE:
            environ.pop(name, None)
        scheme = self._scheme or environ["wsgi.url_scheme"]
        _origin_form(environ, scheme)
        outcome = run(self._server.flow(self._request(environ, scheme)), self._handle)
        log_events(outcome.events)
        if isinstance(outcome, Answered):
            return _send(outcome, environ, start_response)
        login = environ[_KEY] = Login(outcome.identity)
        if outcome.area is None:
            return self._application(environ, start_response)
        if outcome.identity is not None:
            environ["REMOTE_USER"] = outcome.identity.user.encode().decode("latin-1")  # PEP 3333: text is octets as latin-1
            environ["AUTH_TYPE"] = "Mutual"
        response = _Response(self._server, self._handle, outcome, login, start_response)
        return response.run(self._application, environ)

    def _request(self, environ: WSGIEnvironment, scheme: str) -> Request:
        authorization = environ.get("HTTP_AUTHORIZATION")
        path: str = environ.get("PATH_INFO", "")
        if path[:1] in ("", "/"):  # another one is refused, and must not hide behind the name of a mount point
            path = environ.get("SCRIPT_NAME", "") + path
        return Request(
            method=environ["REQUEST_METHOD"],
            scheme=scheme,
            host=environ.get("HTTP_HOST"),
            path=_text(path),
            authorization=() if authorization is None else (authorization,),
            peer=self._peers.peer_of(environ.get("REMOTE_ADDR", ""), self._forwarded(environ)),
        )

    def _forwarded(self, environ: WSGIEnvironment) -> tuple[str, ...]:
        value = environ.get("HTTP_" + self._peers.field.upper().replace("-", "_"))
        return () if value is None else (value,)


class _Response:
    """One response of the application on its way out: its header section is completed, its exceptions are answered."""

    def __init__(
        self,
        server: MutualServer,
        handle: Callable[[object], object],
        forwarded: Forwarded,
        login: Login,
        start_response: StartResponse,
    ) -> None:
        self._server, self._handle, self._forwarded, self._login = server, handle, forwarded, login
        self._start_response = start_response
        self._begun = False  # an octet of the body was handed over, so that the header section is out

    def run(self, application: WSGIApplication, environ: WSGIEnvironment) -> Iterable[bytes]:
        try:
            chunks = application(environ, self.start_response)
        except Exception:
            return self._failed()
        if type(chunks) in (list, tuple) and self._login._sent:
            return chunks  # nothing that can raise, and servers find the length of a single chunk
        return _Body(self, chunks)

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        number, _, phrase = status.partition(" ")
        concluded = self._conclude(int(number), tuple(headers))
        if concluded.status != int(number):
            phrase = phrase_of(concluded.status)
        write = self._start_response(f"{concluded.status} {phrase}", list(concluded.headers), *([] if exc_info is None else [exc_info]))
        self._login._sent = True  # after: a call that breaks the rules raises, and has sent nothing

        def noted(octets: bytes, /) -> object:
            self._begun = self._begun or bool(octets)
            return write(octets)

        return noted

    def _conclude(self, status: int, headers: tuple[tuple[str, str], ...]) -> Concluded:
        names = [name.lower() for name, _ in headers]
        ended = run(concluding(self._server, self._forwarded, self._login, status, headers, names), self._handle)
        log_events(ended.events)
        return concluded(ended, headers, names)

    def _failed(self) -> list[bytes]:
        """Answer an exception of the application by 500 with the proof, while that can still be done."""
        exc_info = sys.exc_info()
        if self._forwarded.identity is None or self._begun:
            raise
        _log.error("the application raised an exception", exc_info=exc_info)
        body = b"the server has failed\n"
        fields = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
        self._login._wish = ""
        self.start_response("500 Internal Server Error", fields, exc_info)
        return [body]


class _Body:
    """The application's body: what it raises before its first octet can still be answered; afterwards the server has to cut it off."""

    def __init__(self, response: _Response, chunks: Iterable[bytes]) -> None:
        self._response, self._chunks = response, chunks
        self._iterator: Iterator[bytes] | None = None

    def __iter__(self) -> _Body:
        return self

    def __next__(self) -> bytes:
        try:
            if self._iterator is None:
                self._iterator = iter(self._chunks)
            chunk = next(self._iterator)
        except StopIteration:
            raise
        except Exception:
            self._iterator = iter(self._response._failed())
            chunk = next(self._iterator)
        self._response._begun = self._response._begun or bool(chunk)
        return chunk

    def close(self) -> None:
        close = getattr(self._chunks, "close", None)
        if close is not None:
            close()


def _send(answered: Answered, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    headers, body = page(answered)
    start_response(f"{answered.status} {phrase_of(answered.status)}", list(headers))
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def _text(path: str) -> str:
    """Read a path of an environ, octets as latin-1, as UTF-8; other octets stay apart from every character that a prefix can have."""
    return path.encode("latin-1", "replace").decode("utf-8", "surrogateescape")


def _origin_form(environ: WSGIEnvironment, scheme: str) -> None:
    """Put a target in absolute form into the one that applications read; its host replaces the field (RFC 9112 section 3.2.2)."""
    split = absolute_target(environ.get("PATH_INFO", ""))
    if split is not None and split[0] == scheme:
        environ["HTTP_HOST"], environ["PATH_INFO"] = split[1:]
