"""What is particular to httpx and httpx2: hooks, transports without a network, trio; the rest is in test_client_hops and _traffic."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from kam3.adapters.asgi import MutualMiddleware as AsgiMiddleware
from kam3.adapters.client_hops import outcome_of
from kam3.adapters.httpx import AsyncMutualTransport, MutualTransport
from kam3.adapters.wsgi import MutualMiddleware as WsgiMiddleware
from kam3.errors import RemoteProtocolError
from kam3.mutual.client import MutualClient
from kam3.mutual.client_actions import Status
from kam3.mutual.realms import Origin
from tests.adapters.clients import NO_CONTEXT
from tests.adapters.live import Site, Tls, _asgi, _parts, _wsgi
from tests.adapters.live import site as site_of
from tests.mutual.loopback import Loopback
from tests.mutual.model import PASSWORD, USER, realm_at
from tests.mutual.test_client_rows import flipped, on

pytestmark = pytest.mark.parametrize("name", ["httpx", "httpx2"])


@pytest.fixture
def lib(name: str) -> Any:
    return pytest.importorskip(name)


def mutual_for(server: Loopback | Site) -> MutualClient:
    mutual = MutualClient()
    mutual.add(server.url if isinstance(server, Loopback) else server.url("/"), USER, PASSWORD)
    return mutual


@pytest.fixture
def client(lib: Any, server: Loopback) -> Iterator[Any]:
    with lib.Client(transport=MutualTransport(lib.HTTPTransport(verify=NO_CONTEXT), mutual_for(server))) as client:
        yield client


def test_the_outcome_is_among_the_extensions(client: Any, server: Loopback) -> None:
    response = client.get(server.url)
    assert response.extensions["kam3"] is outcome_of(response)
    assert outcome_of(response).proved


def test_hooks_and_callers_never_see_authorization_nor_a_response_on_the_way(client: Any, server: Loopback) -> None:
    seen: list[Any] = []
    client.event_hooks = {"request": [seen.append], "response": [seen.append]}
    response = client.get(server.url)
    assert [getattr(each, "status_code", None) for each in seen] == [None, 200]
    assert "authorization" not in response.request.headers
    assert "authorization" not in seen[0].headers
    assert len(server.requests) == 3


def test_a_response_is_streamed_after_it_has_been_proved(client: Any, server: Loopback) -> None:
    server.page = lambda _: bytes(300_000)
    with client.stream("GET", server.url) as response:
        assert outcome_of(response).proved
        assert not response.is_stream_consumed
        assert sum(map(len, response.iter_bytes())) == 300_000


def test_a_response_that_is_refused_gives_its_connection_back(lib: Any, server: Loopback) -> None:
    transport = lib.HTTPTransport(verify=NO_CONTEXT, limits=lib.Limits(max_connections=1))
    with lib.Client(transport=MutualTransport(transport, mutual_for(server)), timeout=lib.Timeout(5, pool=1)) as client:
        server.page = lambda _: bytes(300_000)
        server.model.tamper = on("vfy", flipped)
        for _ in range(3):
            with pytest.raises(RemoteProtocolError) as caught:
                client.get(server.url)
            assert caught.value.code == "server-not-proved"
            assert caught.value.request.url == server.url  # type: ignore[attr-defined]  # of httpx.RequestError


def test_form_and_json_bodies_are_sent_again(client: Any, server: Loopback) -> None:
    assert outcome_of(client.post(server.url, json={"a": 1})).proved
    assert outcome_of(client.post(server.url, data={"a": "b"})).proved
    assert [body for _, _, body, _ in server.requests] == [b'{"a":1}'] * 3 + [b"a=b"]


def test_files_are_a_stream(client: Any, server: Loopback) -> None:
    assert outcome_of(client.post(server.url, files={"a": b"content"})).proved
    assert [(method, b"content" in body) for method, _, body, _ in server.requests] == [("HEAD", False), ("HEAD", False), ("POST", True)]


def test_only_the_mounted_origin_is_touched(lib: Any, server: Loopback) -> None:
    mounts = {server.url.rstrip("/"): MutualTransport(lib.HTTPTransport(verify=NO_CONTEXT), mutual_for(server))}
    with lib.Client(mounts=mounts, transport=lib.MockTransport(lambda request: lib.Response(200, text=request.headers["x"]))) as client:
        assert client.get("http://other.example/", headers={"x": "y"}).text == "y"
        with pytest.raises(LookupError):
            outcome_of(client.get("http://other.example/", headers={"x": "y"}))
        assert outcome_of(client.get(server.url)).proved


def test_a_request_of_another_library_is_told(lib: Any) -> None:
    with pytest.raises(TypeError, match="httpx"):
        MutualTransport(lib.MockTransport(lib.Response)).handle_request(object())


def test_http_2_has_the_same_certificate_for_all_its_streams(lib: Any, certificates: tuple[Tls, Tls]) -> None:
    pytest.importorskip("h2")
    tls = certificates[0]
    with site_of("hypercorn", tls) as site:
        transport = MutualTransport(lib.HTTPTransport(verify=tls.trusting(), http2=True), mutual_for(site))
        with lib.Client(transport=transport) as client, ThreadPoolExecutor(4) as pool:
            first = client.get(site.url("/a2"))
            assert (first.http_version, outcome_of(first).proved) == ("HTTP/2", True)
            replies = pool.map(lambda i: client.post(site.url(f"/a2/{i}"), content=b"abc"), range(12))
            assert [reply.text for reply in replies] == [f"POST /a2/{i} {USER} 3" for i in range(12)]


@pytest.fixture
def site() -> Site:
    origin = Origin("http", "testserver", 80)
    return Site(origin, [realm_at(origin)])


def test_a_wsgi_application_in_this_process(lib: Any, site: Site) -> None:
    application = WsgiMiddleware(_wsgi, **_parts(site, None))
    with lib.Client(transport=MutualTransport(lib.WSGITransport(app=application), mutual_for(site))) as client:
        assert client.post("http://testserver/a0", content=b"abc").text == f"POST /a0 {USER} 3"


def test_an_asgi_application_in_this_process(lib: Any, site: Site) -> None:
    application = AsgiMiddleware(_asgi, **_parts(site, None))

    async def scenario() -> None:
        async with lib.AsyncClient(transport=AsyncMutualTransport(lib.ASGITransport(app=application), mutual_for(site))) as client:
            response = await client.post("http://testserver/a0", content=b"abc")
            assert (response.text, outcome_of(response).status) == (f"POST /a0 {USER} 3", Status.AUTH_SUCCEED)

    asyncio.run(scenario())


def test_trio_tasks_share_one_session(lib: Any, server: Loopback) -> None:
    trio = pytest.importorskip("trio")
    proved: list[bool] = []

    async def scenario() -> None:
        transport = AsyncMutualTransport(lib.AsyncHTTPTransport(verify=NO_CONTEXT), mutual_for(server))
        async with lib.AsyncClient(transport=transport) as client, trio.open_nursery() as nursery:

            async def get() -> None:
                for _ in range(4):
                    proved.append(outcome_of(await client.get(server.url)).proved)

            for _ in range(6):
                nursery.start_soon(get)

    trio.run(scenario)
    assert proved == [True] * 24
    assert server.model.log.count("kex") == 1
    assert sorted(number for used in server.model.used.values() for number in used) == list(range(1, 25))


def test_a_trio_task_that_is_cancelled_lets_the_others_go_on(lib: Any, server: Loopback) -> None:
    trio = pytest.importorskip("trio")
    held, go = threading.Event(), threading.Event()

    def page(_: str) -> bytes:
        if len(server.requests) == 2 and not go.is_set():
            held.set()
            go.wait(10)
        return b""

    server.page = page

    async def scenario() -> None:
        transport = AsyncMutualTransport(lib.AsyncHTTPTransport(verify=NO_CONTEXT), mutual_for(server))
        proved: list[bool] = []
        async with lib.AsyncClient(transport=transport) as client, trio.open_nursery() as nursery:
            owner = trio.CancelScope()

            async def first() -> None:
                with owner:
                    await client.get(server.url)

            async def second() -> None:
                proved.append(outcome_of(await client.get(server.url)).proved)

            nursery.start_soon(first)
            await trio.to_thread.run_sync(held.wait, 10)
            nursery.start_soon(second)
            await trio.sleep(0.1)
            owner.cancel()
        assert owner.cancelled_caught
        assert proved == [True]

    try:
        trio.run(scenario)
    finally:
        go.set()
    assert server.model.log.count("kex") == 2


def test_tls_of_a_proxy_is_not_that_of_an_http_origin(lib: Any, site: Site, certificates: tuple[Tls, Tls]) -> None:
    class Proxy:
        context = certificates[0].trusting()

        def getpeercert(self, binary_form: bool) -> bytes:
            return certificates[0].der

        def get_extra_info(self, _: str) -> Proxy:
            return self

    inner = lib.WSGITransport(app=WsgiMiddleware(_wsgi, **_parts(site, None)))

    class Proxied(lib.BaseTransport):  # type: ignore[misc,name-defined]  # of either library
        def handle_request(self, request: Any) -> Any:
            response = inner.handle_request(request)
            response.extensions["network_stream"] = Proxy()
            return response

    with lib.Client(transport=MutualTransport(Proxied(), mutual_for(site))) as client:
        assert outcome_of(client.get("http://testserver/a0")).proved
