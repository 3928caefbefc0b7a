"""A client on the standard library's `http.client`: plain http needs no extra, https needs ``[http]`` for the hash of the certificate.

It is for programs that want no other library, and for ``kam3 get``. It keeps no cookies and no cache.
"""

from __future__ import annotations

import http.client
import logging
import ssl
import urllib.parse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from kam3.adapters.client_driving import IDEMPOTENT, REPLAYABLE, Ask, check_proved, drive, may_retry
from kam3.adapters.stdlib_connections import Body, Carrier, Connection, Content, Dial, Pool, content_of, without_content
from kam3.adapters.stdlib_proxy import AnsweredByProxyError, Message, Through
from kam3.errors import RetryableProtocolError
from kam3.mutual.client import MutualClient
from kam3.mutual.client_actions import Outcome, Response, Send
from kam3.mutual.realms import Origin
from kam3.mutual.validation import Channel

if TYPE_CHECKING:
    from typing_extensions import Self

_log = logging.getLogger("kam3.http")

_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: Fields of the caller that do not go to another origin by a redirect.
_PRIVATE = frozenset({"cookie", "proxy-authorization"})
#: Fields that this client writes, the second one for a proxy.
_OURS = ("authorization", "proxy-authorization")


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
        proxy: what the proxy has proved about this response, or about the tunnel that it came through; None without a proxy.
    """

    url: str
    method: str
    status: int
    headers: http.client.HTTPMessage
    body: bytes
    outcome: Outcome
    hops: tuple[Hop, ...] = ()
    proxy: Outcome | None = None


class Client:
    """Make requests by way of a `MutualClient`; safe for threads.

    Args:
        mutual: the state of sessions and credentials, which several clients may share; None makes one.
        require: raise UnprovedResponseError instead of returning a final response without the server's proof.
        ask: asks somebody for credentials that have not been given; called in the thread of the request.
        context: for https; None takes `ssl.create_default_context()`.
        timeout: of each operation on a connection, in seconds; None waits for ever.
        undefined_hash: as in `kam3.mutual.validation.Channel`.
        proxy: the proxy that all requests go through: its URL, or a ``MutualClient(proxy=URL)`` with its credentials. The attribute `proxy`
            is that client, or None.
        require_proxy: the proxy, too, must prove itself: in each answer, and in that to CONNECT before TLS is begun in the tunnel. False
            is for proxies that ask for nothing.

    Raises:
        ValueError: `proxy` is no http or https URL, or a `MutualClient` for origins; or `mutual` is one for a proxy.
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
        proxy: MutualClient | str | None = None,
        require_proxy: bool = True,
    ) -> None:
        self.mutual = MutualClient() if mutual is None else mutual
        if self.mutual.proxy is not None:
            raise ValueError("mutual is the client of a proxy: give it as proxy")
        self.proxy = MutualClient(proxy=proxy) if isinstance(proxy, str) else proxy
        self.require = require
        self._ask = ask
        self._context = context
        dial = Dial(timeout, self._tls, undefined_hash)
        self._through = None if self.proxy is None else Through(self.proxy, dial, require=require_proxy, ask=ask)
        self._pool = Pool(self._through.tunnel if self._through is not None else lambda origin: Connection.open(origin, dial))

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
            ValueError: no http or https URL, or Authorization among the headers, or Proxy-Authorization where there is a proxy.
            UnprovedResponseError: the final response is not proved, and `require` is on; or the proxy has not proved itself, and must.
            RemoteProtocolError: a fatal communication error: the server or the proxy broke the protocol, or has not proved itself.
            LocalProtocolError: the credentials were forgotten while the request was under way.
            MissingExtraError: https, or a scope or a name that needs the extra ``[http]``.
            OSError: no connection; or the proxy makes none.
            http.client.HTTPException: the other side does not speak HTTP.
        """
        fields = dict(headers or {})
        if any(name.lower() in _OURS[: 1 if self._through is None else 2] for name in fields):
            raise ValueError("headers must not hold Authorization, nor Proxy-Authorization for a proxy: this client writes them")
        hops: list[Hop] = []
        while True:
            reply = self._twice(method, url, body, fields)
            location = reply.headers.get("Location") if reply.status in _REDIRECTS else None
            if location is None or not follow:
                if self.require:
                    check_proved(reply.outcome, reply.status)
                return replace(reply, hops=tuple(hops))
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
        wire = _Wire(method, url, body, fields, once)
        try:
            return self._once(wire)
        except RetryableProtocolError as error:
            if not may_retry(error, method, replayable=replayable):
                raise
        except (ConnectionError, http.client.BadStatusLine):
            if not (wire.reused and replayable and method in IDEMPOTENT):
                raise
        return self._once(wire)

    def _once(self, wire: _Wire) -> Reply:
        plain = wire.origin.scheme == "http"
        with wire.over(Carrier(self._pool, wire.origin) if self._through is None or not plain else self._through.carrier()) as carrier:
            try:
                channel = wire.open(self._through if plain else None)
                outcome = drive(self.mutual.sequence(wire.method, wire.url, channel=channel, once=wire.once), wire.send, self._ask)
            except AnsweredByProxyError as answered:
                return wire.reply(answered.content, answered.outcome, answered.outcome)
            proxy = wire.proxy if carrier.connection is None or plain else carrier.connection.proxy
            return wire.reply(content_of(carrier.response, outcome), outcome, proxy)

    def log_out(self, reply: Reply) -> Reply | None:
        """Forget the realm of a reply on all servers, then load what is to be shown now: RFC 8120 section 10.2, RFC 8053 section 4.5.

        Returns:
            The page that the server has named for this, else, if the reply was to a GET, the same one, loaded plainly; else None. It has
            no proof.
        """
        realm = reply.outcome.realm
        mutual = self.proxy if self.proxy is not None and reply.outcome is reply.proxy else self.mutual
        location = None if realm is None else mutual.log_out(realm)
        if location is None and reply.method == "GET":
            location = reply.url
        return None if location is None else self._twice("GET", location, None, {})

    def close(self) -> None:
        """Close the connections that are kept; sessions and credentials stay in `mutual`."""
        self._pool.close()
        if self._through is not None:
            self._through.pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = ssl.create_default_context()
        return self._context


class _Wire:
    """What a request is on the wire, and what carries it there: straight, in a tunnel, or through a proxy that reads it."""

    _carrier: Carrier

    def __init__(self, method: str, url: str, body: Body, fields: dict[str, str], once: bool) -> None:
        self.method, self.url, self.once = method, url, once
        self.origin = Origin.parse(url)
        self._body, self._fields = body, fields
        parts = urllib.parse.urlsplit(url)
        self._target = urllib.parse.quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_PRINTABLE)
        self._through: Through | None = None
        self.proxy: Outcome | None = None  # of the proxy that reads it, to the latest response

    @property
    def reused(self) -> bool:
        """Whether the connection was there before."""
        return self._carrier.reused

    def over(self, carrier: Carrier) -> Carrier:
        """Take a carrier."""
        self._carrier = carrier
        return carrier

    def open(self, through: Through | None) -> Channel:
        """Have a connection, and return the channel to the origin."""
        self._through = through
        channel = self._carrier.open().channel
        return channel if through is None else Channel(self.origin)

    def send(self, send: Send) -> Response:
        """Send a request, and wait for the header section of its response."""
        method, body, fields = self.method, self._body, dict(self._fields)
        if send.probe:
            method, body, fields = "HEAD", None, without_content(fields)
        if send.authorization is not None:
            fields["Authorization"] = send.authorization
        if self._through is not None:
            message = Message(method, self.url, f"{self.origin}{self._target}", body, fields)
            once = send.authorization is not None or (self.once and not send.probe)
            response, self.proxy = self._through.send(self._carrier, message, once=once)
            return Response(response.status, lambda name: response.headers.get_all(name, []), Channel(self.origin))
        connection = self._carrier.ready(send)
        _log.debug("> %s %s%s", method, self.url, "" if send.authorization is None else ", Authorization: Mutual")
        response = self._carrier.transmit(connection, method, self._target, body, fields)
        _log.debug("< %s", response.status)
        return Response(response.status, lambda name: response.headers.get_all(name, []), connection.channel)

    def reply(self, content: Content, outcome: Outcome, proxy: Outcome | None) -> Reply:
        """Make the reply."""
        return Reply(self.url, self.method, *content, outcome, proxy=proxy)
