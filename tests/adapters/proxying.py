"""A proxy with Mutual authentication on a loopback port, for the tests of both its sides."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kam3
from kam3.adapters.asgi import AsyncHandler
from kam3.adapters.proxy import MutualProxy, ProxyLimits
from kam3.adapters.stdlib import Client
from kam3.mutual.client import MutualClient
from kam3.mutual.realms import Realm
from kam3.mutual.server import MutualServer
from kam3.mutual.spaces import ServedOrigin, Space
from kam3.stores.memory import MemoryCredentialStore, MemorySessionTable
from tests.mutual.loopback import Loopback
from tests.mutual.model import PASSWORD, USER, j_of

PROXY_USER, PROXY_PASSWORD = "peter", "proxy horse"
HOST = "127.0.0.1"
REALM = Realm(kam3.EC_P256.token, HOST, "Way out")


@dataclass
class Running:
    """A proxy that is running, and what it has done."""

    url: str = ""
    proxy: MutualProxy = None  # type: ignore[assignment]  # made with the port
    table: MemorySessionTable = field(default_factory=MemorySessionTable)
    users: MemoryCredentialStore = field(default_factory=MemoryCredentialStore)
    targets: list[tuple[str, str, int]] = field(default_factory=list)
    connections: int = 0

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def client(self, *, origin: Loopback | None = None, password: str = PROXY_PASSWORD, **options: Any) -> Client:
        """Return a client that goes through it, with the credentials of an origin where one is given."""
        client = Client(proxy=self.mutual(password), timeout=10, **options)
        if origin is not None:
            client.mutual.add(origin.url, USER, PASSWORD)
        return client

    def mutual(self, password: str = PROXY_PASSWORD) -> MutualClient:
        mutual = MutualClient(proxy=self.url)
        mutual.add(self.url, PROXY_USER, password)
        return mutual


Allow = Callable[[str, str, int], bool]


def everything(host: str, address: str, port: int) -> bool:
    return True


@contextmanager
def proxy_running(
    *, allow: Allow = everything, limits: ProxyLimits | None = None, tls: tuple[Path, Path, bytes] | None = None, **parts: Any
) -> Iterator[Running]:
    """Run a proxy in a thread of its own; `tls` are the files of certificate and key, and the former in DER; `parts` are of `Running`."""
    running = Running(**parts)
    running.users.put(REALM, PROXY_USER, j_of(REALM, PROXY_USER, PROXY_PASSWORD))

    def noted(host: str, address: str, port: int) -> bool:
        running.targets.append((host, address, port))
        return allow(host, address, port)

    context = None
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls[:2])
    loop, ready = asyncio.new_event_loop(), threading.Event()
    handler = AsyncHandler(running.table, running.users)

    async def serve() -> asyncio.Server:
        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            running.connections += 1
            await running.proxy.serve(reader, writer)

        listening = await asyncio.start_server(accept, HOST, 0, ssl=context)
        scheme = "http" if tls is None else "https"
        running.url = f"{scheme}://{HOST}:{listening.sockets[0].getsockname()[1]}"
        origin = ServedOrigin(running.url, () if tls is None else (tls[2],))
        server = MutualServer([Space(REALM)], [origin], proxy=True)
        running.proxy = MutualProxy(server, handler=handler, allow=noted, limits=limits)
        return listening

    def work() -> None:
        asyncio.set_event_loop(loop)
        listening = loop.run_until_complete(serve())
        ready.set()
        loop.run_forever()
        listening.close()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield running
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        handler.close()
