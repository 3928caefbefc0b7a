"""A small forward proxy that users log in to by Mutual authentication (RFC 8120 section 14): plain http requests, and CONNECT tunnels.

    proxy = MutualProxy(MutualServer([Space(realm)], ["http://proxy.example:3128"], proxy=True), table=..., credentials=...)
    listening = await proxy.listen("0.0.0.0", 3128)

Each request is judged before anything of it is sent on. What follows, the errors of the proxy included, carries the proxy's proof: an
origin's 401 as well, and the answer to CONNECT before the first octet of the tunnel. The parser is h11; messages are read and written
anew, so that an origin gets what was judged and nothing between the lines.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeAlias

from kam3.adapters.async_driving import AsyncHandler
from kam3.adapters.proxy_messages import (
    RefusedError,
    Target,
    check_request,
    has,
    passed_on,
    public_web,
    request_fields,
    target_of,
    to_octets,
    to_text,
)
from kam3.adapters.proxy_streams import CHUNK, ClientGoneError, ProxyLimits, Side, pass_both, relay
from kam3.adapters.server_driving import log_events, page
from kam3.errors import MissingExtraError
from kam3.mutual.actions import run_async
from kam3.mutual.credentials import AsyncCredentialStore, CredentialStore
from kam3.mutual.limits import peer_group
from kam3.mutual.outcomes import INFO, WARNING, Answered, Event, Forwarded, Headers, Request
from kam3.mutual.realms import Origin
from kam3.mutual.server import MutualServer
from kam3.mutual.sessions import AsyncSessionTable, SessionTable

try:
    import h11
except ImportError as error:
    raise MissingExtraError("kam3.adapters.proxy needs h11: pip install 'kam3[proxy]'") from error

#: Whether a request may go to a host (its name in the request), at an address that this was resolved to, and a port.
Allow: TypeAlias = "Callable[[str, str, int], bool]"

_log = logging.getLogger("kam3.proxy")


class MutualProxy:
    """A forward proxy for the users of one realm.

    Args:
        server: who judges: a `MutualServer` made with ``proxy=True``, for the one address that clients know the proxy by.
        table: the sessions.
        credentials: J of the users.
        handler: what carries out actions, for other bounds than those of `AsyncHandler`; then `table` and `credentials` are left out.
        allow: where requests may go; the default is the public Web and nothing else.
        limits: what its clients may take.

    Raises:
        ValueError: neither or both of `handler` and the stores; or another kind of server, or one of several addresses.
    """

    def __init__(
        self,
        server: MutualServer,
        *,
        table: SessionTable | AsyncSessionTable | None = None,
        credentials: CredentialStore | AsyncCredentialStore | None = None,
        handler: AsyncHandler | None = None,
        allow: Allow = public_web,
        limits: ProxyLimits | None = None,
    ) -> None:
        if handler is None:
            if table is None or credentials is None:
                raise ValueError("table and credentials are needed, or a handler")
            handler = AsyncHandler(table, credentials)
        elif table is not None or credentials is not None:
            raise ValueError("a handler has its table and credentials: give one or the other")
        if not server.proxy or len(server.origins) != 1:
            raise ValueError("the server of a proxy must be made with proxy=True, for one address")
        self.server, self.handle, self.allow = server, handler.handle, allow
        self.limits = limits or ProxyLimits()
        self.origin = Origin.parse(server.origins[0])
        self.pseudonym = f"kam3-{secrets.token_hex(4)}"  # in Via
        self._open: Counter[str] = Counter()  # connections by peer

    async def listen(self, host: str, port: int, *, context: ssl.SSLContext | None = None) -> asyncio.Server:
        """Accept connections.

        Args:
            host: the address to listen on.
            port: the port.
            context: for a proxy that is reached by https.

        Returns:
            The server; close it to accept no more.

        Raises:
            OSError: it cannot listen there.
        """
        return await asyncio.start_server(self.serve, host, port, ssl=context, limit=CHUNK)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of a client; what `asyncio.start_server` calls."""
        client = Side(h11.SERVER, reader, writer, self.limits)
        peer = peer_group(client.peer)
        if self._open.total() >= self.limits.connections or self._open[peer] >= self.limits.connections_per_peer:
            writer.close()
            return
        self._open[peer] += 1
        try:
            await self._serve(client)
            await client.close()
        except asyncio.CancelledError:  # the program ends: nobody waits for this task
            writer.transport.abort()
        finally:
            self._open[peer] -= 1
            if not self._open[peer]:
                del self._open[peer]

    async def _serve(self, client: Side) -> None:
        try:
            while await _Exchange(self, client).run():
                client.http.start_next_cycle()
        except (ClientGoneError, OSError, asyncio.TimeoutError, h11.ProtocolError) as error:
            _log.debug("connection of %s: %r", client.peer, error)
        except Exception:
            _log.exception("a request could not be answered")

    async def connect(self, target: Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to an origin, at an address that is allowed, and to no other that its name may have by then.

        Raises:
            RefusedError: it may not be, or cannot be reached.
        """
        host, port = target.host, target.origin.port
        loop = asyncio.get_running_loop()
        try:
            found = await asyncio.wait_for(loop.getaddrinfo(host, port, type=socket.SOCK_STREAM), self.limits.connecting)
            addresses = [str(entry[4][0]) for entry in found]
            allowed = [address for address in dict.fromkeys(addresses) if self.allow(host, address, port)]
            if not allowed:
                raise RefusedError(403, f"this proxy does not connect to {target.authority}")
            for address in allowed[:-1]:
                with contextlib.suppress(OSError, asyncio.TimeoutError):
                    return await self._connect(address, port)
            return await self._connect(allowed[-1], port)
        except asyncio.TimeoutError:
            raise RefusedError(504, f"{target.authority} does not answer") from None
        except (OSError, UnicodeError):
            raise RefusedError(502, f"{target.authority} cannot be reached") from None

    async def _connect(self, address: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.wait_for(asyncio.open_connection(address, port, limit=CHUNK), self.limits.connecting)


class _Exchange:
    """One request, and the answer to it."""

    def __init__(self, proxy: MutualProxy, client: Side) -> None:
        self._proxy, self._client = proxy, client
        self._method = ""
        self._forwarded = Forwarded(None, None)  # until it is judged
        self._begun = False  # the answer

    async def run(self) -> bool:
        """Answer one request; return whether another may come on the connection."""
        client = self._client
        try:
            request = await asyncio.wait_for(client.next_event(), self._proxy.limits.silence)
            if not isinstance(request, h11.Request):  # the client has closed
                return False
            self._method = request.method.decode("ascii")
            check_request(self._method, request.http_version, request.headers)
            target = target_of(self._method, request.target.decode("ascii"))
        except h11.RemoteProtocolError as error:
            await self._fail(error.error_status_hint, "the request is malformed")
            return False
        except RefusedError as refused:
            await self._fail(refused.status, str(refused))
            return False
        try:
            if not await self._judge(request):
                return self._goes_on()
            if self._method == "CONNECT":
                return await self._tunnel(target)
            await self._forward(request, target)
        except RefusedError as refused:
            if self._begun:  # too late to say so: the client must not take what it got for the whole
                raise ConnectionAbortedError(str(refused)) from None
            await self._answer(refused.status, str(refused))
        return self._goes_on()

    def _goes_on(self) -> bool:
        """Say whether the client's connection can be used again. What came behind a CONNECT that was refused may be no request at all."""
        http = self._client.http
        behind = self._method == "CONNECT" and bool(http.trailing_data[0])
        return http.our_state is h11.DONE and http.their_state is h11.DONE and not behind

    async def _judge(self, request: Any) -> bool:
        """Judge the request, and answer it unless it is accepted."""
        proxy, client = self._proxy, self._client
        lines = tuple([value.decode("latin-1") for name, value in request.headers if name == b"proxy-authorization"])
        own = f"{proxy.origin.host}:{proxy.origin.port}"
        outcome = await run_async(
            proxy.server.flow(Request(self._method, proxy.origin.scheme, own, "/", lines, client.peer)), proxy.handle
        )
        log_events(outcome.events)
        if isinstance(outcome, Answered):
            headers, body = page(outcome)
            await self._send_own(outcome.status, headers, body)
            return False
        if outcome.identity is None:
            raise RefusedError(500, "the request was not judged")
        self._forwarded = outcome
        return True

    # Answers of our own

    async def _fail(self, status: int, text: str) -> None:
        """Answer a request that cannot be judged, without a proof; the connection is closed then."""
        if self._client.http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            headers, body = page(Answered(status, (("Connection", "close"),), text))
            await self._write(status, headers, body)

    async def _answer(self, status: int, text: str) -> None:
        """Answer an accepted request ourselves, with the proof."""
        identity = self._forwarded.identity
        if identity is not None and status == 403:
            log_events([Event("target-refused", WARNING, identity.peer, identity.realm, identity.user, text)])
        headers, body = page(Answered(status, (), text))
        await self._send_own(*self._concluded(status, headers), body)

    def _concluded(self, status: int, headers: Headers) -> tuple[int, Headers]:
        concluded = self._proxy.server.conclude(self._forwarded, status, headers)
        log_events(concluded.events)
        return concluded.status, concluded.headers

    async def _send_own(self, status: int, headers: Headers, body: bytes) -> None:
        if not await asyncio.wait_for(self._read_rest(), self._proxy.limits.silence):
            headers = (*headers, ("Connection", "close"))
        await self._write(status, headers, body)

    async def _read_rest(self) -> bool:
        """Throw away the content of the request, if there is not too much of it; whether it came to its end."""
        client, left = self._client, self._proxy.limits.unread_octets
        while left > 0 and not client.http.they_are_waiting_for_100_continue and client.http.their_state is h11.SEND_BODY:
            event = await client.next_event()
            left -= len(event.data) if isinstance(event, h11.Data) else 0
        return client.http.their_state is not h11.SEND_BODY

    async def _write(self, status: int, headers: Headers, body: bytes) -> None:
        self._begun = True
        events: list[Any] = [h11.Response(status_code=status, headers=to_octets(headers))]
        if self._method != "HEAD":
            events.append(h11.Data(data=body))
        await self._client.send(*events, h11.EndOfMessage())

    # Plain requests

    async def _forward(self, request: Any, target: Target) -> None:
        raw = request.headers.raw_items()
        fields = request_fields(self._method, raw, target, self._proxy.pseudonym)
        origin = Side(h11.CLIENT, *await self._proxy.connect(target), self._proxy.limits)
        try:
            await origin.send(h11.Request(method=self._method, target=target.path, headers=fields))
            await pass_both(self._response(origin, target), self._content(origin))
        except (OSError, h11.RemoteProtocolError, asyncio.TimeoutError) as error:
            status = 504 if isinstance(error, asyncio.TimeoutError) else 502
            raise RefusedError(status, f"{target.authority} gave no usable answer") from None
        finally:
            origin.writer.close()

    async def _content(self, origin: Side) -> None:
        """Pass the content of the request on; trailers end here."""
        while True:
            try:
                event = await self._client.next_event()
            except (OSError, h11.RemoteProtocolError, asyncio.TimeoutError) as error:
                raise ClientGoneError(str(error)) from None
            if isinstance(event, h11.EndOfMessage):
                await origin.send(h11.EndOfMessage())
                return
            if not isinstance(event, h11.Data):
                raise ClientGoneError("closed within a request")
            await origin.send(h11.Data(data=event.data))

    async def _response(self, origin: Side, target: Target) -> None:
        """Pass the response on, with our proof."""
        client = self._client
        while True:
            event = await origin.next_event()
            if isinstance(event, h11.Response):
                break
            if not isinstance(event, h11.InformationalResponse):
                raise RefusedError(502, f"{target.authority} gave no usable answer")
            if client.http.their_http_version != b"1.0":
                await client.send(h11.InformationalResponse(status_code=event.status_code, headers=passed_on(event.headers.raw_items())))
        if event.status_code == 407:
            raise RefusedError(502, f"{target.authority} answered like a proxy")
        if has(event.headers, b"transfer-encoding") and has(event.headers, b"content-length"):
            raise RefusedError(502, f"{target.authority} gave an answer without a certain end")
        status, headers = self._concluded(event.status_code, to_text(passed_on(event.headers.raw_items())))
        self._begun = True
        via = ("Via", f"1.1 {self._proxy.pseudonym}")
        await client.send(h11.Response(status_code=status, headers=to_octets((*headers, via)), reason=event.reason))
        while isinstance(event := await origin.next_event(), h11.Data):
            await client.send(h11.Data(data=event.data))
        if not isinstance(event, h11.EndOfMessage):
            raise ConnectionAbortedError("the origin has closed within its response")
        await client.send(h11.EndOfMessage())

    # Tunnels

    async def _tunnel(self, target: Target) -> bool:
        client, identity = self._client, self._forwarded.identity
        while client.http.their_state is h11.SEND_BODY:
            await client.next_event()  # the end of the request, which has no content
        reader, writer = await self._proxy.connect(target)
        try:
            status, headers = self._concluded(200, ())
            await client.send(h11.Response(status_code=status, headers=to_octets(headers)))
            if identity is not None:
                log_events([Event("tunnel", INFO, identity.peer, identity.realm, identity.user, target.authority)])
            early, _ = client.http.trailing_data
            if early:
                writer.write(early)
            await relay((client.reader, writer), (reader, client.writer), self._proxy.limits.tunnel)
        finally:
            writer.close()
        return False
