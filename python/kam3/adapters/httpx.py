"""Transports for httpx and httpx2 that authenticate by HTTP Mutual, one for their client and one for their asynchronous client.

    client = httpx.Client(transport=MutualTransport(httpx.HTTPTransport(verify=context)))
    client = httpx.AsyncClient(transport=AsyncMutualTransport(httpx.AsyncHTTPTransport()))

They are transports and no `httpx.Auth`, since a client takes cookies from a response and follows its redirect before its `Auth` sees
it, and copies Authorization to the next hop. `response.extensions["kam3"]`, or `outcome_of`, tells what came of a request.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any, cast

from kam3.adapters.client_driving import drive
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
from kam3.mutual.client_actions import Outcome, Response, Send

if TYPE_CHECKING:
    from types import ModuleType

    from typing_extensions import Self, Unpack

    from kam3.adapters.client_driving import Ask
    from kam3.adapters.client_hops import Options
    from kam3.mutual.client import MutualClient

__all__ = ["AsyncMutualTransport", "MutualTransport", "outcome_of", "preauthenticate", "preauthenticate_async"]


@functools.cache
def _library_of(kind: Any) -> ModuleType:
    """Return httpx or httpx2, whichever a class of theirs is from."""
    for base in kind.__mro__:
        name = base.__module__.partition(".")[0]
        if name in ("httpx", "httpx2"):
            return sys.modules[name]
    raise TypeError(f"a request of httpx or httpx2 is needed, not {kind.__name__}")


class _Hop(Hop):
    """A hop in terms of httpx; what waits for the network is in the transports."""

    def __init__(self, side: ClientSide, request: Any) -> None:
        kind: Any = type(request)
        self.library: Any = _library_of(kind)
        self._request = request
        replayable = isinstance(request.stream, self.library.ByteStream)
        size = sum(map(len, request.stream)) if replayable else 0
        authorized = "Authorization" in request.headers
        super().__init__(side, request.method, str(request.url), replayable=replayable, size=size, authorized=authorized)
        self.response: Any = None  # the latest; its content has not been read

    def prepare(self, send: Send) -> Any:
        """Make the library's request for a `Send`; the caller's own stays as it is."""
        given = self._request
        method, stream = ("HEAD", self.library.ByteStream(b"")) if send.probe else (given.method, given.stream)
        request = self.library.Request(method, given.url, headers=given.headers, stream=stream, extensions=given.extensions)
        if send.probe:
            for name in filter(about_content, list(request.headers)):
                del request.headers[name]
        if send.authorization is not None:
            request.headers["Authorization"] = send.authorization
        return request

    def take(self, response: Any) -> Response:
        """Take the library's response."""
        self.response = response
        network = response.extensions.get("network_stream")
        tls = None if network is None else network.get_extra_info("ssl_object")
        return self.read(response.status_code, lines_of(response.headers.raw), peer_of(tls))

    def replaced(self, outcome: Outcome) -> Any:
        """Return the response in place of the one that must not be seen, or None: that one is delivered.

        Raises:
            UnprovedResponseError: neither is.
        """
        response = self.response
        names = self.shown(outcome, response.status_code, "Location" in response.headers)
        if names is None:
            response.extensions[KEY] = outcome
            return None
        headers = [(name, response.headers[name]) for name in names if name in response.headers]
        return self.library.Response(response.status_code, headers=headers, content=b"", extensions={KEY: outcome})


class MutualTransport(ClientSide):
    """A transport for `httpx.Client` or `httpx2.Client`; safe for threads.

    Args:
        transport: what carries the requests, such as `httpx.HTTPTransport`. TLS and proxies are its business.
        mutual: as in `ClientSide`, like all that follows.
        options: `require`, `pass_redirects`, `ask` and `undefined_hash`.
    """

    def __init__(self, transport: Any, mutual: MutualClient | None = None, **options: Unpack[Options]) -> None:
        super().__init__(mutual, **options)
        self._transport = transport

    def handle_request(self, request: Any) -> Any:
        """Make one request, without redirects.

        Raises:
            UnprovedResponseError: it has no proof, and `require` is on, or TLS does not identify the server.
            RemoteProtocolError: a fatal communication error: the server broke the protocol, or has not proved itself.
            LocalProtocolError: the credentials were forgotten while the request was under way.
            ValueError: the request has Authorization already.

            The first three are an `httpx.RequestError` as well. Beyond these come the errors of the library, and of what `ask` does.
        """
        hop = _Hop(self, request)

        def send(send: Send) -> Response:
            _drain(hop)
            return hop.take(self._transport.handle_request(hop.prepare(send)))

        try:
            with raising(hop.library.RequestError, request):
                replaced = hop.replaced(drive(hop.steps(), send, cast("Ask | None", self.ask)))
        except BaseException:
            _close(hop)
            raise
        if replaced is None:
            return hop.response
        _close(hop)
        return replaced

    def close(self) -> None:
        """Close the transport inside; sessions and credentials stay in `mutual`."""
        self._transport.close()

    def __enter__(self) -> Self:
        self._transport.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._transport.__exit__(*exception)


def _drain(hop: _Hop) -> None:
    """Read the rest of an answer that is not delivered, so that its connection can be used again."""
    response, hop.response = hop.response, None
    if response is None:
        return
    left = DRAINED
    try:
        for chunk in response.stream:
            left -= len(chunk)
            if left < 0:
                return
    finally:
        response.stream.close()


def _close(hop: _Hop) -> None:
    if hop.response is not None:
        hop.response.stream.close()


class AsyncMutualTransport(ClientSide):
    """As `MutualTransport`, for `httpx.AsyncClient` or `httpx2.AsyncClient`, on asyncio or trio; `ask` may be a coroutine function."""

    def __init__(self, transport: Any, mutual: MutualClient | None = None, **options: Unpack[Options]) -> None:
        super().__init__(mutual, **options)
        self._transport = transport

    async def handle_async_request(self, request: Any) -> Any:
        """Make one request, without redirects; as `MutualTransport.handle_request`."""
        hop = _Hop(self, request)

        async def send(send: Send) -> Response:
            await _drain_async(hop)
            return hop.take(await self._transport.handle_async_request(hop.prepare(send)))

        try:
            with raising(hop.library.RequestError, request):
                replaced = hop.replaced(await drive_async(hop.steps(), send, self.ask))
        except BaseException:
            await _close_async(hop)
            raise
        if replaced is None:
            return hop.response
        await _close_async(hop)
        return replaced

    async def aclose(self) -> None:
        """Close the transport inside; sessions and credentials stay in `mutual`."""
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._transport.__aexit__(*exception)


async def _drain_async(hop: _Hop) -> None:
    response, hop.response = hop.response, None
    if response is None:
        return
    left = DRAINED
    try:
        async for chunk in response.stream:
            left -= len(chunk)
            if left < 0:
                return
    finally:
        await response.stream.aclose()


async def _close_async(hop: _Hop) -> None:
    if hop.response is not None:
        await hop.response.stream.aclose()


def preauthenticate(client: Any, url: str) -> Outcome:
    """Log in to the realm of a URL by a HEAD request, before a stream is sent there.

    Args:
        client: an `httpx.Client` with a `MutualTransport`.
        url: that the stream will go to.

    Returns:
        What came of it.

    Raises:
        UnprovedResponseError: as `MutualTransport.handle_request`, and all the others.
        LookupError: the client has no `MutualTransport` for the URL.
    """
    return outcome_of(client.head(url, follow_redirects=False))


async def preauthenticate_async(client: Any, url: str) -> Outcome:
    """As `preauthenticate`, with an `httpx.AsyncClient`."""
    return outcome_of(await client.head(url, follow_redirects=False))
