"""The connections of the client on `http.client`: opened with the channel that they are, kept while they are idle, read to their end."""

from __future__ import annotations

import http.client
import selectors
import ssl
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from kam3.adapters.client_driving import SHOWN_WHEN_WITHHELD
from kam3.errors import RetryableProtocolError
from kam3.mutual.client_actions import Outcome, Send
from kam3.mutual.realms import Origin
from kam3.mutual.validation import Channel

if TYPE_CHECKING:
    from typing_extensions import Self

#: Octets of an answer that is only a step to the next one that are read to keep its connection; of more the connection is closed.
_DRAINED = 65536

Body: TypeAlias = "bytes | Iterable[bytes] | None"


class FinalResponse(http.client.HTTPResponse):
    """A response that is final: the library itself skips 100 alone. The one that opens a tunnel has no content (RFC 9110 section 9.3.6)."""

    _method: str

    def begin(self) -> None:
        """Read the header section."""
        super().begin()
        while 100 < self.status < 200 and self.status != 101:
            self.headers = self.msg = None  # type: ignore[assignment]  # the sign for the base class that nothing has been read
            super().begin()
        if self._method == "CONNECT" and 200 <= self.status < 300:
            self.length, self.chunked, self.will_close = 0, False, False


class Dial(NamedTuple):
    """How connections are opened."""

    timeout: float | None
    context: Callable[[], ssl.SSLContext]
    undefined_hash: Literal["sha256"] | None


class Connection:
    """An open connection, with the channel that it is.

    Attributes:
        http: the connection; it never opens itself anew, for that would be another channel.
        channel: to the server at its other end.
        proxy: what the proxy that it leads through has proved.
    """

    def __init__(self, http: http.client.HTTPConnection, origin: Origin, dial: Dial, proxy: Outcome | None = None) -> None:
        http.response_class = FinalResponse
        http.auto_open = 0
        self.http, self.proxy = http, proxy
        sock: Any = http.sock
        certificate = sock.getpeercert(binary_form=True) if origin.scheme == "https" else None
        self.channel = Channel(origin, certificate, undefined_hash=dial.undefined_hash)

    @classmethod
    def open(cls, origin: Origin, dial: Dial) -> Connection:
        """Connect to a server."""
        host, port = origin.host, origin.port
        made = (
            http.client.HTTPConnection(host, port, timeout=dial.timeout)
            if origin.scheme == "http"
            else http.client.HTTPSConnection(host, port, timeout=dial.timeout, context=dial.context())
        )
        made.connect()
        return cls(made, origin, dial)

    def lost(self) -> bool:
        """Whether the other side has closed an idle connection, or says something that nobody asked for."""
        if self.http.sock is None:
            return True
        with selectors.DefaultSelector() as selector:
            selector.register(self.http.sock, selectors.EVENT_READ)
            return bool(selector.select(0))

    def close(self) -> None:
        """Close it."""
        self.http.close()


class Pool:
    """The idle connections, one for each server, and the way to new ones; safe for threads."""

    def __init__(self, connect: Callable[[Origin], Connection]) -> None:
        self._connect = connect
        self._idle: dict[Origin, Connection] = {}

    def take(self, origin: Origin) -> tuple[Connection, bool]:
        """Return a connection, and whether it was there before."""
        kept = self._idle.pop(origin, None)
        if kept is not None:
            if not kept.lost():
                return kept, True
            kept.close()
        return self._connect(origin), False

    def keep(self, connection: Connection) -> None:
        """Keep a connection whose latest response was read to its end."""
        if self._idle.setdefault(connection.channel.origin, connection) is not connection:
            connection.close()

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.popitem()[1].close()


class Carrier:
    """The connection of one sequence, opened anew when the server closes it, and the latest response on it.

    Attributes:
        connection: the one that is open now.
        response: the latest response, its content not read yet.
        reused: the connection was there before, and nothing has come over it since.
    """

    def __init__(self, pool: Pool, origin: Origin) -> None:
        self._pool, self._origin = pool, origin
        self.connection: Connection | None = None
        self.response: http.client.HTTPResponse | None = None
        self.reused = False

    def open(self) -> Connection:
        """Have a connection."""
        if self.connection is None:
            self.connection, self.reused = self._pool.take(self._origin)
        return self.connection

    def ready(self, send: Send) -> Connection:
        """Have a connection on which a message can be sent: the rest of the answer before is read.

        Raises:
            RetryableProtocolError: the server shows another certificate than the message was made for.
        """
        self._drain()
        connection = self.open()
        if send.channel is not None and send.channel.certificate != connection.channel.certificate:
            raise RetryableProtocolError("the server shows another certificate than before", code="certificate-changed")
        return connection

    def transmit(self, connection: Connection, method: str, target: str, body: Body, fields: dict[str, str]) -> http.client.HTTPResponse:
        """Send a request, and wait for the header section of its response."""
        connection.http.request(method, target, body, fields)
        self.response = connection.http.getresponse()
        return self.response

    def _drain(self) -> None:
        """Read the rest of an answer that is not delivered, so that its connection can be used again."""
        response, self.response = self.response, None
        if response is None or self.connection is None:
            return
        response.read(_DRAINED)
        if not response.isclosed() or self.connection.http.sock is None:
            self._drop()
        else:
            self.reused = False

    def _drop(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def detach(self) -> Connection:
        """Give the connection away."""
        connection, self.connection = self.open(), None
        return connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        whole = self.response is not None and self.response.isclosed()
        if whole and self.connection is not None and self.connection.http.sock is not None:
            self._pool.keep(self.connection)
        else:
            self._drop()


class Content(NamedTuple):
    """What is delivered of a response."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


def content_of(response: http.client.HTTPResponse | None, outcome: Outcome) -> Content:
    """Take what may be used of the latest response; its content is read only now."""
    if response is None:
        raise http.client.ResponseNotReady
    if outcome.withheld:
        return bare(response, SHOWN_WHEN_WITHHELD)
    return Content(response.status, response.headers, response.read())


def bare(response: http.client.HTTPResponse, names: Iterable[str]) -> Content:
    """Take nothing of a response but its status and some fields."""
    shown = http.client.HTTPMessage()
    for name in names:
        for value in response.headers.get_all(name, []):
            shown[name] = value
    return Content(response.status, shown, b"")


def without_content(fields: dict[str, str]) -> dict[str, str]:
    """Leave out what speaks of a body, for a request that goes without."""
    return {name: value for name, value in fields.items() if not name.lower().startswith(("content-", "transfer-", "expect"))}
