"""What is particular to aiohttp: middleware, request_info, fingerprints; the rest is in test_client_hops and _traffic."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from kam3.errors import UnprovedResponseError
from kam3.mutual.client_actions import Status
from tests.adapters.live import Tls, site
from tests.mutual.loopback import Loopback, running
from tests.mutual.model import PASSWORD, USER, response

aiohttp = pytest.importorskip("aiohttp")
module = pytest.importorskip("kam3.adapters.aiohttp")

Scenario = Callable[[Any], Awaitable[None]]


def run(server: Loopback, scenario: Scenario, **options: Any) -> None:
    async def whole() -> None:
        middleware = module.MutualMiddleware(**options)
        middleware.mutual.add(server.url, USER, PASSWORD)
        async with aiohttp.ClientSession(middlewares=[middleware]) as session:
            await scenario(session)

    asyncio.run(whole())


def test_neither_the_request_nor_its_info_shows_authorization(server: Loopback) -> None:
    async def scenario(session: Any) -> None:
        async with session.get(server.url) as reply:
            assert module.outcome_of(reply).proved
            assert reply.kam3 is module.outcome_of(reply)
            assert "Authorization" not in reply.request_info.headers

    run(server, scenario)


def test_forms_json_and_text_are_sent_again_and_files_once(server: Loopback) -> None:
    async def scenario(session: Any) -> None:
        for options in ({"json": {"a": 1}}, {"data": {"a": "b"}}, {"data": "text"}):
            await session.post(server.url, **options)
        assert [body for _, _, body, _ in server.requests] == [b'{"a": 1}'] * 3 + [b"a=b", b"text"]
        server.model.forget()
        server.requests.clear()
        form = aiohttp.FormData()
        form.add_field("f", io.BytesIO(b"content"), filename="f")
        with pytest.raises(aiohttp.ClientError):
            await session.post(server.url, data=form)  # the session was lost: the form would have to be sent again
        assert [method for method, _, _, _ in server.requests] == ["POST"]
        async with session.post(server.url, data=io.BytesIO(b"content")) as reply:
            assert module.outcome_of(reply).proved
        assert [(method, body) for method, _, body, _ in server.requests][1:] == [("HEAD", b""), ("POST", b"content")]

    run(server, scenario)


def test_a_fingerprint_identifies_the_server(certificates: tuple[Tls, Tls]) -> None:
    tls = certificates[0]
    with running(tls=(tls.certificate, tls.key), certificate=tls.der) as server:

        async def scenario(session: Any) -> None:
            known = aiohttp.Fingerprint(hashlib.sha256(tls.der).digest())
            async with session.get(server.url, ssl=known) as reply:
                assert module.outcome_of(reply).proved
            server.model.realms = {}
            async with session.get(server.url, ssl=known) as reply:
                assert module.outcome_of(reply).status is Status.UNAUTHENTICATED
            with pytest.raises(UnprovedResponseError, match="identified"):
                await session.get(server.url, ssl=False)

        run(server, scenario, require=False)


def test_raise_for_status_comes_after_the_proof(server: Loopback) -> None:
    server.model.tamper = lambda _, old: old if old.status == 401 else old._replace(status=404)

    async def scenario(session: Any) -> None:
        with pytest.raises(aiohttp.ClientResponseError) as caught:
            await session.get(server.url, raise_for_status=True)
        assert caught.value.status == 404
        assert "Authorization" not in caught.value.request_info.headers

    run(server, scenario)


def test_middleware_for_one_request(server: Loopback) -> None:
    async def scenario() -> None:
        middleware = module.MutualMiddleware()
        middleware.mutual.add(server.url, USER, PASSWORD)
        async with aiohttp.ClientSession() as session:
            async with session.get(server.url, middlewares=[middleware]) as reply:
                assert module.outcome_of(reply).proved
            async with session.get(server.url) as reply:
                assert reply.status == 401
                with pytest.raises(LookupError):
                    module.outcome_of(reply)

    asyncio.run(scenario())


def test_a_lost_connection_is_tried_again_by_the_library_with_a_new_number(server: Loopback) -> None:
    async def scenario(session: Any) -> None:
        await session.get(server.url)
        server.cut = {4}
        async with session.get(server.url) as reply:
            assert module.outcome_of(reply).nc == 3
        server.cut = {6}
        with pytest.raises(aiohttp.ClientError):
            await session.post(server.url, data=b"x")  # it may have been carried out
        async with session.get(server.url) as reply:
            assert module.outcome_of(reply).nc == 5

    run(server, scenario)


def test_no_response_keeps_a_connection_that_nobody_can_use(server: Loopback) -> None:
    async def scenario(session: Any) -> None:
        server.page = lambda _: bytes(300_000)
        server.model.tamper = lambda asked, old: old if asked != "vfy" else response(200, old.channel)
        for _ in range(3):
            with pytest.raises(aiohttp.ClientError):
                await session.get(server.url)
        assert not session.connector._acquired

    run(server, scenario)


def test_a_websocket_is_opened_with_a_proof() -> None:
    pytest.importorskip("websockets")
    with site("uvicorn") as made:

        async def scenario() -> None:
            middleware = module.MutualMiddleware()
            middleware.mutual.add(made.url("/"), USER, PASSWORD)
            async with aiohttp.ClientSession(middlewares=[middleware]) as session:
                async with session.ws_connect(made.url("/a2")) as socket:
                    assert await socket.receive_str() == USER
                with pytest.raises(UnprovedResponseError):
                    await session.ws_connect(made.url("/open"))

        asyncio.run(scenario())


def test_expect_continue(server: Loopback) -> None:
    async def scenario(session: Any) -> None:
        async with session.post(server.url, data=b"abc", expect100=True) as reply:
            assert module.outcome_of(reply).proved

    run(server, scenario)
    assert server.requests[-1][2] == b"abc"
