"""What carries octets through a forward proxy: connections with the messages on them, and both ways at one time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeAlias

from kam3.errors import MissingExtraError

try:
    import h11
except ImportError as error:
    raise MissingExtraError("kam3.adapters.proxy needs h11: pip install 'kam3[proxy]'") from error

#: Octets that are read at one time, and buffered of each direction.
CHUNK = 65536

_Way: TypeAlias = "tuple[asyncio.StreamReader, asyncio.StreamWriter]"


@dataclass(frozen=True)
class ProxyLimits:
    """What the clients of a proxy may take of it.

    Attributes:
        connections: how many are open at one time; one more is closed at once.
        connections_per_peer: how many of them one peer may have (RFC 8120 section 17.3), counted as in `kam3.mutual.limits.peer_group`.
        header_octets: of the header section of a request or response.
        unread_octets: of a body that is read and thrown away, to keep the connection after an answer of our own; of more it is closed.
        silence: seconds that the other side of a request, or an idle connection, may say nothing.
        connecting: seconds for a connection to an origin, look-up of the name included.
        tunnel: seconds that a tunnel may stay without an octet.
    """

    connections: int = 1024
    connections_per_peer: int = 256
    header_octets: int = 16384
    unread_octets: int = 65536
    silence: float = 30.0
    connecting: float = 10.0
    tunnel: float = 300.0


class ClientGoneError(Exception):
    """The client has gone, or gone wrong, within its request: there is nobody to answer."""


class Side:
    """A connection, to a client or to an origin, and the messages on it."""

    def __init__(self, role: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limits: ProxyLimits) -> None:
        self.http = h11.Connection(role, max_incomplete_event_size=limits.header_octets)
        self.reader, self.writer, self._silence = reader, writer, limits.silence
        name = writer.get_extra_info("peername")
        self.peer = str(name[0]) if isinstance(name, tuple) else ""

    async def next_event(self) -> Any:
        """Wait for the next event; NEED_DATA is none."""
        while True:
            event = self.http.next_event()
            if event is not h11.NEED_DATA:
                return event
            self.http.receive_data(await asyncio.wait_for(self.reader.read(CHUNK), self._silence))

    async def send(self, *events: Any) -> None:
        """Send, and wait while the other side does not keep up."""
        for event in events:
            data = self.http.send(event)
            if data:
                self.writer.write(data)
        await asyncio.wait_for(self.writer.drain(), self._silence)

    async def close(self) -> None:
        """Close, and let what was sent arrive: closed with octets unread, the system would answer them by a reset."""
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            if self.writer.can_write_eof():
                self.writer.write_eof()
                await asyncio.wait_for(self._throw_away(), 1.0)
        self.writer.close()
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            await asyncio.wait_for(self.writer.wait_closed(), 1.0)

    async def _throw_away(self) -> None:
        left = 16 * CHUNK
        while left > 0 and (octets := await self.reader.read(CHUNK)):
            left -= len(octets)


async def pass_both(response: Coroutine[Any, Any, None], content: Coroutine[Any, Any, None]) -> None:
    """Pass content and response at the same time. Once the response is there, the rest of the content is wanted by nobody."""
    tasks = [asyncio.ensure_future(response), asyncio.ensure_future(content)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if tasks[0] not in done:
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):  # an origin may answer, and close, before it has read it all
                tasks[1].result()
        await tasks[0]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def relay(one: _Way, other: _Way, idle: float) -> None:
    """Carry octets both ways, until both have ended or nothing has come for so many seconds."""
    loop = asyncio.get_running_loop()
    touched = loop.time()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Carry one way to its end; whether the other may go on, which TLS does not allow."""
        nonlocal touched
        while octets := await reader.read(CHUNK):
            touched = loop.time()
            writer.write(octets)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
            return True
        return False

    async def watch() -> bool:
        while (left := touched + idle - loop.time()) > 0:
            await asyncio.sleep(left)
        return False

    tasks = {asyncio.ensure_future(work) for work in (carry(*one), carry(*other), watch())}
    running = set(tasks)
    try:
        while len(running) > 1:
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            if not all(task.result() for task in done):
                break
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
