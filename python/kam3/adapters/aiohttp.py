"""Client middleware for aiohttp that authenticates by HTTP Mutual.

    session = aiohttp.ClientSession(middlewares=[MutualMiddleware(mutual)])

Be the last one in the list: what stands behind this middleware sees Authorization and responses that nobody has judged. `outcome_of` tells
what came of a request, and `response.kam3` too.
"""

from __future__ import annotations

import copy
import functools
from typing import TYPE_CHECKING, Any

from kam3.adapters.client_hops import (
    DRAINED,
    KEY,
    ClientSide,
    Hop,
    about_content,
    drive_async,
    lines_of,
    outcome_of,
    peer_of,
    raising,
)
from kam3.errors import MissingExtraError
from kam3.mutual.client_actions import Outcome, Response, Send

try:
    from aiohttp import EMPTY_PAYLOAD, BytesPayload, ClientError, ClientResponse, Fingerprint, hdrs
    from multidict import CIMultiDict, CIMultiDictProxy
except ImportError as error:
    raise MissingExtraError("kam3.adapters.aiohttp needs aiohttp: pip install 'kam3[aiohttp]'") from error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import ClientRequest, ClientSession

__all__ = ["MutualMiddleware", "outcome_of", "preauthenticate"]


class MutualMiddleware(ClientSide):
    """Middleware for `aiohttp.ClientSession` or for one request; sessions and tasks may share it.

    Args:
        mutual: as in `kam3.adapters.client_hops.ClientSide`, like `require`, `pass_redirects`, `undefined_hash`, and `ask`, which may be
            a coroutine function.
    """

    async def __call__(self, request: ClientRequest, handler: Callable[[ClientRequest], Awaitable[ClientResponse]]) -> ClientResponse:
        """Make one request, without redirects.

        Raises:
            UnprovedResponseError: it has no proof, and `require` is on, or TLS does not identify the server.
            RemoteProtocolError: a fatal communication error: the server broke the protocol, or has not proved itself.
            LocalProtocolError: the credentials were forgotten while the request was under way.
            ValueError: the request has Authorization already.

            The first three are an `aiohttp.ClientError` as well. Beyond these come the errors of the library, and of what `ask` does.
        """
        hop = _Hop(self, request)

        async def send(send: Send) -> Response:
            await _drain(hop)
            return hop.take(await handler(hop.prepare(send)))

        try:
            with raising(ClientError):
                return hop.deliver(await drive_async(hop.steps(), send, self.ask))
        except BaseException:
            if hop.response is not None:
                hop.response.close()
            raise
        finally:
            request.headers.popall(hdrs.AUTHORIZATION, None)  # `response.request_info` shows these headers


class _Hop(Hop):
    def __init__(self, side: ClientSide, request: ClientRequest) -> None:
        self._request = request
        body: Any = request.body
        replayable = isinstance(body, (bytes, bytearray, BytesPayload))
        size = (body.size or 0) if isinstance(body, BytesPayload) else len(body) if replayable else 0
        super().__init__(
            side, request.method, str(request.url), replayable=replayable, size=size, authorized=hdrs.AUTHORIZATION in request.headers
        )
        self.response: ClientResponse | None = None
        base: Any = request.response_class
        request.response_class = _noting(base)

    def prepare(self, send: Send) -> ClientRequest:
        """Make the library's request for a `Send`."""
        request = self._request
        if send.probe:
            request = copy.copy(request)
            request.method, request._body = hdrs.METH_HEAD, None
            request.chunked = request.compress = request._continue = None
            request.headers = CIMultiDict((name, value) for name, value in request.headers.items() if not about_content(name))
        request.headers.popall(hdrs.AUTHORIZATION, None)
        if send.authorization is not None:
            request.headers[hdrs.AUTHORIZATION] = send.authorization
        return request

    def take(self, response: ClientResponse) -> Response:
        """Take the library's response."""
        self.response = response
        peer = peer_of(getattr(response, "kam3_tls", None))
        if isinstance(self._request.ssl, Fingerprint):
            peer = peer._replace(identified=True)  # by the connector, before anything was sent
        return self.read(response.status, lines_of(response.raw_headers), peer)

    def deliver(self, outcome: Outcome) -> ClientResponse:
        """Return the response that the caller is to see.

        Raises:
            UnprovedResponseError: there is none.
        """
        response: Any = self.response
        names = self.shown(outcome, response.status, hdrs.LOCATION in response.headers)
        if names is not None:
            headers = CIMultiDict((name, response.headers[name]) for name in names if name in response.headers)
            response.close()
            response.content, response._released = EMPTY_PAYLOAD, False
            response._cache.clear()  # of `headers`
            response._headers, response._raw_cookie_headers = CIMultiDictProxy(headers), None
            response._raw_headers = tuple((name.encode(), value.encode()) for name, value in headers.items())
        setattr(response, KEY, outcome)
        return response  # type: ignore[no-any-return]  # a ClientResponse


@functools.cache
def _noting(base: type[ClientResponse]) -> type[ClientResponse]:
    """Return a class of responses that note their connection's TLS: when middleware sees one without content, the connection is gone."""
    if hasattr(base, "kam3_tls"):
        return base

    class Noting(base):  # type: ignore[misc,valid-type]
        kam3_tls: Any = None

        async def start(self, connection: Any) -> Any:
            self.kam3_tls = connection.transport.get_extra_info("ssl_object")
            return await super().start(connection)

    Noting.__name__ = base.__name__
    return Noting


async def _drain(hop: _Hop) -> None:
    """Read the rest of an answer that is not delivered, so that its connection can be used again."""
    response, hop.response = hop.response, None
    if response is None:
        return
    left = DRAINED
    try:
        while left > 0 and not response.content.at_eof():
            left -= len(await response.content.readany())
    except BaseException:
        response.close()
        raise
    response.release()


async def preauthenticate(session: ClientSession, url: str, **options: Any) -> Outcome:
    """Log in to the realm of a URL by a HEAD request, before a stream is sent there.

    Args:
        session: with a `MutualMiddleware`.
        url: that the stream will go to.
        options: of the request, such as `ssl` and `timeout`.

    Returns:
        What came of it.

    Raises:
        UnprovedResponseError: as `MutualMiddleware`, and all the others.
        LookupError: the session has no `MutualMiddleware`.
    """
    async with session.head(url, allow_redirects=False, **options) as response:
        return outcome_of(response)
