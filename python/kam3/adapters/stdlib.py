"""A client on the standard library's `http.client`: plain http needs no extra, https needs ``[http]`` for the hash of the certificate.

It is for programs that want no other library, and for ``kam3 get``. It keeps no cookies and no cache.
"""

from __future__ import annotations

import http.client
import logging
import selectors
import ssl
import urllib.parse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kam3.adapters.client_driving import IDEMPOTENT, REPLAYABLE, SHOWN_WHEN_WITHHELD, Ask, advance, check_proved, may_retry
from kam3.errors import RetryableProtocolError
from kam3.mutual.client import MutualClient
from kam3.mutual.client_actions import Outcome, Response, Send
from kam3.mutual.realms import Origin
from kam3.mutual.validation import Channel

if TYPE_CHECKING:
    from typing_extensions import Self

_log = logging.getLogger("kam3.http")

#: Octets of an answer that is only a step to the next one that are read to keep its connection; of more the connection is closed.
_DRAINED = 65536

_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: Fields of the caller that do not go to another origin by a redirect.
_PRIVATE = frozenset({"cookie", "proxy-authorization"})


@dataclass(frozen=True, slots=True)
class Hop:
    """A response that redirected the request."""

    url: str
    status: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Reply:
    """The final response to one request of the user.

    Attributes:
        url: that it is from, after redirects.
        method: of the request that it answers, likewise.
        status: its HTTP status.
        headers: its fields.
        body: its content; empty if it is withheld.
        outcome: what the sequence came to: whether the server has proved itself.
        hops: the redirects on the way.
    """

    url: str
    method: str
    status: int
    headers: http.client.HTTPMessage
    body: bytes
    outcome: Outcome
    hops: tuple[Hop, ...] = ()


class Client:
    """Make requests by way of a `MutualClient`; safe for threads.

    Args:
        mutual: the state of sessions and credentials, which several clients may share; None makes one.
        require: raise UnprovedResponseError instead of returning a final response without the server's proof.
        ask: asks somebody for credentials that have not been given; called in the thread of the request.
        context: for https; None takes `ssl.create_default_context()`.
        timeout: of each operation on a connection, in seconds; None waits for ever.
        undefined_hash: as in `kam3.mutual.validation.Channel`.
    """

    def __init__(
        self,
        mutual: MutualClient | None = None,
        *,
        require: bool = True,
        ask: Ask | None = None,
        context: ssl.SSLContext | None = None,
        timeout: float | None = 30.0,
        undefined_hash: Literal["sha256"] | None = None,
    ) -> None:
        self.mutual = MutualClient() if mutual is None else mutual
        self.require = require
        self._ask = ask
        self._context = context
        self._timeout = timeout
        self._undefined_hash = undefined_hash
        self._idle: dict[Origin, _Connection] = {}

    def get(self, url: str, *, headers: Mapping[str, str] | None = None, follow: int = 0) -> Reply:
        """Make a GET request; as `request`."""
        return self.request("GET", url, headers=headers, follow=follow)

    def request(
        self,
        method: str,
        url: str,
        *,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        follow: int = 0,
    ) -> Reply:
        """Make one request of the user.

        Args:
            method: in upper case.
            url: absolute.
            body: octets, or an iterable of them, which is sent once only.
            headers: further fields of the request.
            follow: how many redirects may be followed; each is a sequence of its own.

        Returns:
            The final response, whatever its status.

        Raises:
            ValueError: no http or https URL, or Authorization among the headers.
            UnprovedResponseError: the final response is not proved, and `require` is on.
            RemoteProtocolError: a fatal communication error: the server broke the protocol, or has not proved itself.
            LocalProtocolError: the credentials were forgotten while the request was under way.
            MissingExtraError: https, or a scope or a name that needs the extra ``[http]``.
            OSError: no connection.
            http.client.HTTPException: the other side does not speak HTTP.
        """
        fields = dict(headers or {})
        if any(name.lower() == "authorization" for name in fields):
            raise ValueError("headers must not hold Authorization: this client writes it")
        hops: list[Hop] = []
        while True:
            reply = self._twice(method, url, body, fields)
            location = reply.headers.get("Location") if reply.status in _REDIRECTS else None
            if location is None or not follow:
                if self.require:
                    check_proved(reply.outcome, reply.status)
                return Reply(reply.url, method, reply.status, reply.headers, reply.body, reply.outcome, tuple(hops))
            hops.append(Hop(url, reply.status, reply.outcome))
            follow -= 1
            target = urllib.parse.urljoin(url, location)
            if reply.status == 303 or (reply.status in (301, 302) and method == "POST"):
                method, body = "HEAD" if method == "HEAD" else "GET", None
            elif not (body is None or isinstance(body, bytes)):
                raise RetryableProtocolError("a redirect after the body has been sent, which can be done once only", code="body-sent")
            if Origin.parse(target) != Origin.parse(url):
                fields = {name: value for name, value in fields.items() if name.lower() not in _PRIVATE}
            url = target

    def _twice(self, method: str, url: str, body: bytes | Iterable[bytes] | None, fields: dict[str, str]) -> Reply:
        """Make a request, and once more where that is safe and may help."""
        replayable = body is None or isinstance(body, bytes)
        once = not replayable or len(body or b"") > REPLAYABLE  # type: ignore[arg-type]  # replayable: it is bytes
        wire = _Wire(self, method, url, body, fields)
        try:
            return self._once(wire, once)
        except RetryableProtocolError as error:
            if not may_retry(error, method, replayable=replayable):
                raise
        except (ConnectionError, http.client.BadStatusLine):
            if not (wire.reused and replayable and method in IDEMPOTENT):
                raise
        return self._once(_Wire(self, method, url, body, fields), once)

    def _once(self, wire: _Wire, once: bool) -> Reply:
        with wire:
            steps = self.mutual.sequence(wire.method, wire.url, channel=wire.open(), once=once)
            try:
                step = advance(steps, ask=self._ask)
                while isinstance(step, Send):
                    try:
                        response = wire.send(step)
                    except (OSError, http.client.HTTPException, RetryableProtocolError) as error:
                        step = advance(steps, error=error, ask=self._ask)
                    else:
                        step = advance(steps, response, ask=self._ask)
                return wire.deliver(step)
            finally:
                steps.close()

    def log_out(self, reply: Reply) -> Reply | None:
        """Forget the realm of a reply on all servers, then load what is to be shown now: RFC 8120 section 10.2, RFC 8053 section 4.5.

        Returns:
            The page that the server has named for this, else, if the reply was to a GET, the same one, loaded plainly; else None. It has
            no proof.
        """
        realm = reply.outcome.realm
        location = None if realm is None else self.mutual.log_out(realm)
        if location is None and reply.method == "GET":
            location = reply.url
        return None if location is None else self._twice("GET", location, None, {})

    def close(self) -> None:
        """Close the connections that are kept; sessions and credentials stay in `mutual`."""
        while self._idle:
            self._idle.popitem()[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self, origin: Origin) -> tuple[_Connection, bool]:
        kept = self._idle.pop(origin, None)
        if kept is not None:
            if not kept.lost():
                return kept, True
            kept.close()
        return _Connection(origin, self._timeout, self._tls() if origin.scheme == "https" else None, self._undefined_hash), False

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = ssl.create_default_context()
        return self._context

    def _keep(self, connection: _Connection) -> None:
        if self._idle.setdefault(connection.channel.origin, connection) is not connection:
            connection.close()


class _HTTPResponse(http.client.HTTPResponse):
    """A response that is final: the library itself skips 100 alone."""

    def begin(self) -> None:
        super().begin()
        while 100 < self.status < 200 and self.status != 101:
            self.headers = self.msg = None  # type: ignore[assignment]  # the sign for the base class that nothing has been read
            super().begin()


class _Connection:
    """An open connection, with the channel that it is."""

    def __init__(
        self, origin: Origin, timeout: float | None, context: ssl.SSLContext | None, undefined_hash: Literal["sha256"] | None
    ) -> None:
        host, port = origin.host, origin.port
        self.http = (
            http.client.HTTPConnection(host, port, timeout=timeout)
            if context is None
            else http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
        )
        self.http.response_class = _HTTPResponse
        self.http.connect()
        certificate = self.http.sock.getpeercert(binary_form=True) if isinstance(self.http.sock, ssl.SSLSocket) else None
        self.channel = Channel(origin, certificate, undefined_hash=undefined_hash)

    def lost(self) -> bool:
        """Whether the other side has closed an idle connection, or says something that nobody asked for."""
        if self.http.sock is None:
            return True
        with selectors.DefaultSelector() as selector:
            selector.register(self.http.sock, selectors.EVENT_READ)
            return bool(selector.select(0))

    def close(self) -> None:
        self.http.close()


class _Wire:
    """What carries the requests of one sequence: one connection, opened anew when the server closes it."""

    def __init__(self, client: Client, method: str, url: str, body: bytes | Iterable[bytes] | None, fields: dict[str, str]) -> None:
        self.method, self.url = method, url
        self._client, self._body, self._fields = client, body, fields
        self._origin = Origin.parse(url)
        parts = urllib.parse.urlsplit(url)
        self._target = urllib.parse.quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_PRINTABLE)
        self._connection: _Connection | None = None
        self._response: http.client.HTTPResponse | None = None
        self.reused = False  # the connection was there before

    def open(self) -> Channel:
        """Have a connection, and return its channel."""
        if self._connection is None:
            self._connection, self.reused = self._client._take(self._origin)
        return self._connection.channel

    def send(self, send: Send) -> Response:
        """Send a request, and wait for the header section of its response."""
        self._drain()
        channel = self.open()
        if send.channel is not None and send.channel.certificate != channel.certificate:
            raise RetryableProtocolError("the server shows another certificate than before", code="certificate-changed")
        method = "HEAD" if send.probe else self.method
        fields = dict(self._fields)
        if send.authorization is not None:
            fields["Authorization"] = send.authorization
        if send.probe:
            fields = {name: value for name, value in fields.items() if not name.lower().startswith(("content-", "transfer-", "expect"))}
        connection = self._there()
        _log.debug("> %s %s%s", method, self.url, "" if send.authorization is None else ", Authorization: Mutual")
        connection.http.request(method, self._target, None if send.probe else self._body, fields)
        response = self._response = connection.http.getresponse()
        _log.debug("< %s", response.status)
        return Response(response.status, lambda name: response.headers.get_all(name, []), connection.channel)

    def _there(self) -> _Connection:
        if self._connection is None:
            raise http.client.NotConnected
        return self._connection

    def _drain(self) -> None:
        """Read the rest of an answer that is not delivered, so that its connection can be used again."""
        response, self._response = self._response, None
        if response is None:
            return
        response.read(_DRAINED)
        if not response.isclosed() or self._there().http.sock is None or self._there().lost():
            self._drop()  # some servers close, without a word, a connection whose request they answered before its body
        else:
            self.reused = False

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def deliver(self, outcome: Outcome) -> Reply:
        """Make the reply of the latest response; its content is read only now."""
        response = self._response
        if response is None:
            raise http.client.ResponseNotReady
        if not outcome.withheld:
            return Reply(self.url, self.method, response.status, response.headers, response.read(), outcome)
        shown = http.client.HTTPMessage()
        for name in SHOWN_WHEN_WITHHELD:
            for value in response.headers.get_all(name, []):
                shown[name] = value
        return Reply(self.url, self.method, response.status, shown, b"", outcome)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        response = self._response
        whole = response is not None and response.isclosed()
        if whole and self._connection is not None and self._connection.http.sock is not None:
            self._client._keep(self._connection)
        else:
            self._drop()
