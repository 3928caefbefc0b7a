"""What the adapters for requests and niquests share: both come from one source, and have the same adapters over urllib3 or its fork."""

from __future__ import annotations

import functools
import http.client
import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NoReturn, cast

from kam3.adapters.client_driving import drive
from kam3.adapters.client_hops import DRAINED, KEY, ClientSide, Hop, Peer, about_content, outcome_of, raising
from kam3.adapters.stdlib_connections import FinalResponse  # http.client, beneath urllib3, takes a 103 for the final response
from kam3.mutual.client_actions import Outcome, Response, Send

if TYPE_CHECKING:
    from kam3.adapters.client_driving import Ask
    from kam3.mutual.client import MutualClient


class MutualSend(ClientSide):
    """The part of an adapter that comes before the library's `HTTPAdapter`, which is to be the next base class."""

    error: ClassVar[type[Exception]]  # of the library, for requests
    #: Of the options of ``Retry``: only connecting is tried again, for an Authorization serves for one transmission.
    _NO_RETRY: ClassVar[dict[str, Any]] = {
        "read": False,
        "redirect": False,
        "status": False,
        "other": False,
        "status_forcelist": (),
        "respect_retry_after_header": False,
    }

    def __init__(
        self,
        mutual: MutualClient | None = None,
        *,
        require: bool = True,
        pass_redirects: bool = False,
        ask: Ask | None = None,
        undefined_hash: Literal["sha256"] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(mutual, require=require, pass_redirects=pass_redirects, ask=ask, undefined_hash=undefined_hash)
        self._next("__init__")(**options)
        library: Any = self
        library.max_retries = library.max_retries.new(**self._NO_RETRY)

    def __reduce__(self) -> NoReturn:
        raise TypeError("an adapter with passwords and sessions cannot be pickled")

    def _next(self, name: str) -> Any:
        """Return a method of the library's class."""
        return getattr(super(ClientSide, self), name)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> Any:
        """Make the pools, of connections that remember their peers; as the library's."""
        made = self._next("init_poolmanager")(*arguments, **options)
        library: Any = self
        _remember(library.poolmanager)
        return made

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        """Make the pools for a proxy, likewise."""
        manager = self._next("proxy_manager_for")(*arguments, **options)
        _remember(manager)
        return manager

    def send(self, request: Any, *arguments: Any, **options: Any) -> Any:
        """Make one request, without redirects.

        Raises:
            UnprovedResponseError: it has no proof, and `require` is on, or TLS does not identify the server.
            RemoteProtocolError: a fatal communication error: the server broke the protocol, or has not proved itself.
            LocalProtocolError: the credentials were forgotten while the request was under way.
            ValueError: the request has Authorization already; the session multiplexes.

            The first three are a `RequestException` as well. Beyond these come the errors of the library, and of what `ask` does.
        """
        if options.get("multiplexed"):
            raise ValueError("a session that is multiplexed does not wait for responses, which have to be proved")
        hop = _Hop(self, request)
        transmit = self._next("send")

        def send(send: Send) -> Response:
            _drain(hop)
            return hop.take(transmit(hop.prepare(send), *arguments, **options))

        try:
            with raising(self.error, request):
                outcome = drive(hop.steps(), send, cast("Ask | None", self.ask))
                return hop.deliver(outcome)
        except BaseException:
            if hop.response is not None:
                hop.response.raw.close()
            raise


class _Hop(Hop):
    def __init__(self, side: ClientSide, request: Any) -> None:
        self._request = request
        body = request.body
        replayable = body is None or isinstance(body, (bytes, bytearray, str))
        size = len(body or b"") if replayable else 0
        super().__init__(
            side, request.method, request.url, replayable=replayable, size=size, authorized="Authorization" in request.headers
        )
        self.response: Any = None

    def prepare(self, send: Send) -> Any:
        """Make the library's request for a `Send`; the caller's own stays as it is."""
        request = self._request.copy()
        if send.probe:
            request.method, request.body = "HEAD", None
            for name in filter(about_content, list(request.headers)):
                del request.headers[name]
        elif not self.replayable and self._request._body_position is None:
            self._request._body_position = object()  # the library's sign that a body cannot be rewound for a redirect
        if send.authorization is not None:
            request.headers["Authorization"] = send.authorization
        return request

    def take(self, response: Any) -> Response:
        """Take the library's response."""
        self.response = response
        headers = response.raw.headers
        connection = response.raw.connection
        return self.read(response.status_code, lambda name: headers.getlist(name), getattr(connection, "kam3_peer", Peer()))

    def deliver(self, outcome: Outcome) -> Any:
        """Return the response that the caller is to see.

        Raises:
            UnprovedResponseError: there is none.
        """
        response = self.response
        names = self.shown(outcome, response.status_code, "Location" in response.headers)
        if names is not None:
            response.raw.close()
            response.raw = io.BytesIO()  # no cookies can be found there
            response.cookies.clear()
            shown = {name: response.headers[name] for name in names if name in response.headers}
            response.headers = type(response.headers)(shown)
        response.request = self._request
        setattr(response, KEY, outcome)
        return response


def _drain(hop: _Hop) -> None:
    """Read the rest of an answer that is not delivered, so that its connection can be used again."""
    response, hop.response = hop.response, None
    if response is None:
        return
    raw, left = response.raw, DRAINED
    while left > 0:
        chunk = raw.read(left, decode_content=False)
        if not chunk:
            raw.release_conn()
            return
        left -= len(chunk)
    raw.close()


def _remember(manager: Any) -> None:
    manager.pool_classes_by_scheme = {scheme: _remembering(pool) for scheme, pool in manager.pool_classes_by_scheme.items()}


@functools.cache
def _remembering(pool: Any) -> Any:
    """Return a class of pools whose connections note the certificate: an answer that closes its connection comes without it."""
    if hasattr(pool.ConnectionCls, "kam3_peer"):
        return pool
    base: Any = pool.ConnectionCls

    def connect(self: Any) -> None:
        base.connect(self)
        self.kam3_peer = _peer_of(self)

    members: dict[str, Any] = {"kam3_peer": Peer(), "connect": connect}
    if getattr(base, "response_class", None) is http.client.HTTPResponse:
        members["response_class"] = FinalResponse
    connection = type(base.__name__, (base,), members)
    return type(pool.__name__, (pool,), {"ConnectionCls": connection})


def _peer_of(connection: Any) -> Peer:
    known = getattr(connection, "conn_info", None)  # urllib3-future has more than sockets
    certificate: bytes | None = getattr(known, "certificate_der", None)
    if certificate is None:
        look: Callable[[bool], bytes | None] | None = getattr(connection.sock, "getpeercert", None)
        certificate = None if look is None else look(True)
    return Peer(certificate, bool(connection.is_verified))


def preauthenticate(session: Any, url: str, **options: Any) -> Outcome:
    """Log in to the realm of a URL by a HEAD request, before a stream is sent there.

    Args:
        session: with a `MutualAdapter` for the URL.
        url: that the stream will go to.
        options: of the request, such as `verify` and `timeout`.

    Returns:
        What came of it.

    Raises:
        UnprovedResponseError: as `MutualAdapter.send`, and all the others.
        LookupError: the session has no `MutualAdapter` for the URL.
    """
    return outcome_of(session.head(url, allow_redirects=False, **options))
