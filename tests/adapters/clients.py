"""The clients that there are adapters for, behind one face, so that one test asks them all."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from kam3.mutual.client_actions import Outcome

TIMEOUT = 20
#: For tests without TLS: loading the authorities for each client takes longer than all the rest.
NO_CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass
class Reply:
    """A response of any of the libraries."""

    status: int
    body: bytes
    headers: dict[str, str]
    outcome: Outcome
    url: str
    history: list[tuple[int, Outcome]] = field(default_factory=list)
    raw: Any = None


class Caller:
    """One client. `request` raises what the library raises; it may be called by several threads."""

    library: str
    error: str  # the library's error of a request
    adapter: str

    def __init__(self, *, verify: Any = None, timeout: float = TIMEOUT, **options: Any) -> None:
        self.lib = pytest.importorskip(self.library)
        self.module = importlib.import_module(f"kam3.adapters.{self.adapter}")
        self.base: type[Exception] = getattr(self.lib, self.error)
        self.verify = verify  # an ssl.SSLContext, or False
        self.timeout = timeout
        self.open(**options)

    def open(self, **options: Any) -> None:
        raise NotImplementedError

    def request(self, method: str, url: str, *, body: Any = None, headers: Any = None, follow: bool = False) -> Reply:
        raise NotImplementedError

    def get(self, url: str, **options: Any) -> Reply:
        return self.request("GET", url, **options)

    def cookies(self) -> dict[str, str]:
        raise NotImplementedError

    def preauthenticate(self, url: str) -> Outcome:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def log_out(self, reply: Reply) -> str | None:
        url: str | None = self.side.log_out(reply.raw)
        return url

    side: Any  # the ClientSide

    @property
    def mutual(self) -> Any:
        return self.side.mutual

    def outcome(self, raw: Any) -> Outcome:
        found: Outcome = self.module.outcome_of(raw)
        return found


def stream_of(parts: list[bytes]) -> Iterator[bytes]:
    yield from parts


class Httpx(Caller):
    library, error, adapter = "httpx", "RequestError", "httpx"

    def open(self, **options: Any) -> None:
        inner = self.lib.HTTPTransport(verify=NO_CONTEXT if self.verify is None else self.verify)
        self.side = self.module.MutualTransport(inner, **options)
        self.client = self.lib.Client(transport=self.side, timeout=self.timeout)

    def request(self, method: str, url: str, *, body: Any = None, headers: Any = None, follow: bool = False) -> Reply:
        return self.reply(self.client.request(method, url, content=body, headers=headers, follow_redirects=follow))

    def reply(self, raw: Any) -> Reply:
        history = [(hop.status_code, self.outcome(hop)) for hop in raw.history]
        return Reply(raw.status_code, raw.content, dict(raw.headers), self.outcome(raw), str(raw.url), history, raw)

    def cookies(self) -> dict[str, str]:
        return dict(self.client.cookies)

    def preauthenticate(self, url: str) -> Outcome:
        outcome: Outcome = self.module.preauthenticate(self.client, url)
        return outcome

    def close(self) -> None:
        self.client.close()


class Httpx2(Httpx):
    library = "httpx2"


class Looping(Caller):
    """A client on an event loop, which runs in a thread of its own."""

    def open(self, **options: Any) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.run(self.open_async(**options))

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(2 * TIMEOUT)

    def request(self, method: str, url: str, *, body: Any = None, headers: Any = None, follow: bool = False) -> Reply:
        if isinstance(body, Iterator):
            body = stream_async(body)
        reply: Reply = self.run(self.ask(method, url, body=body, headers=headers, follow=follow))
        return reply

    async def open_async(self, **options: Any) -> None:
        raise NotImplementedError

    async def ask(self, method: str, url: str, *, body: Any = None, headers: Any = None, follow: bool = False) -> Reply:
        raise NotImplementedError

    async def close_async(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.run(self.close_async())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


async def stream_async(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


class AsyncHttpx(Looping, Httpx):
    async def open_async(self, **options: Any) -> None:
        inner = self.lib.AsyncHTTPTransport(verify=NO_CONTEXT if self.verify is None else self.verify)
        self.side = self.module.AsyncMutualTransport(inner, **options)
        self.client = self.lib.AsyncClient(transport=self.side, timeout=self.timeout)

    async def ask(self, method: str, url: str, *, body: Any = None, headers: Any = None, follow: bool = False) -> Reply:
        return self.reply(await self.client.request(method, url, content=body, headers=headers, follow_redirects=follow))

    def preauthenticate(self, url: str) -> Outcome:
        outcome: Outcome = self.run(self.module.preauthenticate_async(self.client, url))
        return outcome

    async def close_async(self) -> None:
        await self.client.aclose()


class AsyncHttpx2(AsyncHttpx):
    library = "httpx2"


class Requests(Caller):
    library, error, adapter = "requests", "RequestException", "requests"

    def open(self, **options: Any) -> None:
        self.side = self.module.MutualAdapter(**options)
        self.client = self.lib.Session()
        self.client.trust_env = False
        if self.verify is not None:
            self.client.verify = self.verify
        self.client.mount("http://", self.side)
        self.client.mount("https://", self.side)

    def request(self, method: str, url: str, *, body: Any = None, headers: Any = None, follow: bool = False) -> Reply:
        raw = self.client.request(method, url, data=body, headers=headers, allow_redirects=follow, timeout=self.timeout)
        history = [(hop.status_code, self.outcome(hop)) for hop in raw.history]
        body, headers = raw.content, {name.lower(): value for name, value in raw.headers.items()}
        raw.raw = None  # urllib3 keeps connections open as long as a response that came over them is there
        return Reply(raw.status_code, body, headers, self.outcome(raw), raw.url, history, raw)

    def cookies(self) -> dict[str, str]:
        return dict(self.client.cookies)

    def preauthenticate(self, url: str) -> Outcome:
        outcome: Outcome = self.module.preauthenticate(self.client, url)
        return outcome

    def close(self) -> None:
        self.client.close()


class Niquests(Requests):
    library = adapter = "niquests"


class Aiohttp(Looping):
    library, error, adapter = "aiohttp", "ClientError", "aiohttp"

    async def open_async(self, **options: Any) -> None:
        self.side = self.module.MutualMiddleware(**options)
        self.options = {} if self.verify is None else {"ssl": self.verify}
        timeout = self.lib.ClientTimeout(total=self.timeout)
        self.client = self.lib.ClientSession(
            middlewares=[self.side], timeout=timeout, cookie_jar=self.lib.CookieJar(unsafe=True), connector=self.lib.TCPConnector(limit=20)
        )

    async def ask(self, method: str, url: str, *, body: Any = None, headers: Any = None, follow: bool = False) -> Reply:
        options = {"data": body, "headers": headers, "allow_redirects": follow, **self.options}
        async with self.client.request(method, url, **options) as raw:
            history = [(hop.status, self.outcome(hop)) for hop in raw.history]
            body = await raw.read()
            shown = {name.lower(): value for name, value in raw.headers.items()}
            return Reply(raw.status, body, shown, self.outcome(raw), str(raw.url), history, raw)

    def cookies(self) -> dict[str, str]:
        return {cookie.key: cookie.value for cookie in self.client.cookie_jar}

    def preauthenticate(self, url: str) -> Outcome:
        outcome: Outcome = self.run(self.module.preauthenticate(self.client, url, **self.options))
        return outcome

    async def close_async(self) -> None:
        await self.client.close()


ALL: tuple[type[Caller], ...] = (Httpx, AsyncHttpx, Httpx2, AsyncHttpx2, Requests, Niquests, Aiohttp)
#: One for each adapter, and for each way of driving it.
EACH: tuple[type[Caller], ...] = (Httpx, AsyncHttpx, Requests, Aiohttp)


def verification(kind: type[Caller], context: Any, path: str) -> Any:
    """Return what makes a client trust a certificate: its file for requests, a context for the others."""
    return path if issubclass(kind, Requests) else context


@contextlib.contextmanager
def calling(
    kind: type[Caller], url: str | None = None, user: str = "alice", password: str = "correct horse", **options: Any
) -> Iterator[Caller]:
    """Have a client, with credentials for the origin of a URL."""
    caller = kind(**options)
    if url is not None:
        caller.mutual.add(url, user, password)
    try:
        yield caller
    finally:
        caller.close()
