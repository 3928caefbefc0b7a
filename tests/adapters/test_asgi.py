"""The ASGI middleware, called as a server calls it: proofs on all final answers, no other identity, nothing passes unjudged."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import kam3
from kam3.adapters.asgi import AsyncHandler, MutualMiddleware
from kam3.errors import LocalProtocolError, StoreUnavailableError
from kam3.mutual.actions import Respond
from kam3.mutual.messages import KexC1, VfyC, parse_challenge, parse_info, read_challenges, read_info, serialize
from kam3.mutual.server import MutualServer
from kam3.mutual.spaces import Space
from kam3.stores.memory import MemoryCredentialStore, MemorySessionTable
from tests.mutual.serving import ALG, HOST, ORIGIN, REALM, USER, VH, j_of, pi_of

App = Callable[[Any, Any, Any], Awaitable[None]]


def field(headers: list[tuple[bytes, bytes]], name: str) -> list[str]:
    return [value.decode("latin-1") for key, value in headers if key == name.encode()]


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": scope["user"].display_name.encode()})


class Site:
    """A middleware over an application, and a client that is written from the RFC."""

    def __init__(self, app: App = hello, *, table: Any = None, credentials: Any = None, **space: Any) -> None:
        users = MemoryCredentialStore()
        users.put(REALM, USER, j_of())
        self.seen: list[Any] = []
        server = MutualServer([Space(REALM, **space), Space(None, prefixes=("/public",))], [ORIGIN])
        self.handler = AsyncHandler(MemorySessionTable() if table is None else table, users if credentials is None else credentials)

        async def recording(scope: Any, receive: Any, send: Any) -> None:
            self.seen.append(scope)
            await app(scope, receive, send)

        self.middleware = MutualMiddleware(recording, server, handler=self.handler)
        self.session: Any = None
        self.sid = ""

    async def call(self, authorization: str | None = None, *, method: str = "GET", path: str = "/", **scope: Any) -> tuple[int, Any, bytes]:
        headers = [(b"host", HOST.encode()), *scope.pop("headers", [])]
        if authorization is not None:
            headers.append((b"authorization", authorization.encode()))
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        full = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": headers, "client": ("192.0.2.1", 1)}
        await self.middleware({**full, "scheme": "http", **scope}, receive, send)
        assert sent, "no response"
        return sent[0]["status"], sent[0]["headers"], b"".join(message.get("body", b"") for message in sent[1:])

    async def log_in(self, password: str = "correct horse") -> None:
        with kam3.ClientExchange(ALG, pi_of(password)) as exchange:
            status, headers, _ = await self.call(serialize(KexC1(REALM, "host", USER, exchange.kc1)))
            assert status == 401
            parameters = read_challenges(field(headers, "www-authenticate")).mutual
            assert parameters is not None
            challenge: Any = parse_challenge(parameters)
            self.session, self.sid = exchange.finish(challenge.ks1), challenge.sid

    def proof(self, nc: int) -> str:
        return serialize(VfyC(REALM, "host", self.sid, nc, self.session.vkc(nc, VH)))

    async def get(self, nc: int, **request: Any) -> tuple[int, Any, bytes]:
        status, headers, body = await self.call(self.proof(nc), **request)
        self.check(headers, nc)
        return status, headers, body

    def check(self, headers: Any, nc: int) -> None:
        info = read_info(field(headers, "authentication-info"))
        assert info is not None, headers
        self.session.verify_vks(parse_info(info, ALG.token).vks, nc, VH)


def test_a_login_and_a_reused_session() -> None:
    async def scenario() -> None:
        site = Site()
        status, headers, _ = await site.call()
        assert (status, site.seen) == (401, [])
        assert "reason=initial" in field(headers, "www-authenticate")[0]
        await site.log_in()
        assert [(await site.get(nc))[::2] for nc in (1, 2, 3)] == [(200, USER.encode())] * 3
        login = site.seen[-1]["kam3.login"]
        assert (login.user, site.seen[-1]["user"].is_authenticated, site.seen[-1]["auth"].scopes) == (USER, True, ["authenticated"])
        assert login.identity.b1() == site.session.b1(VH)

    asyncio.run(scenario())


def test_a_wrong_password_and_an_unknown_user_do_not_reach_the_application() -> None:
    async def scenario() -> None:
        site = Site()
        await site.log_in("wrong")
        status, headers, _ = await site.call(site.proof(1))
        assert (status, site.seen) == (401, [])
        assert "reason=auth-failed" in field(headers, "www-authenticate")[0]

    asyncio.run(scenario())


def test_open_and_optional_pages() -> None:
    async def scenario() -> None:
        site = Site(optional=True)
        status, headers, body = await site.call()
        assert (status, body) == (200, b"")
        assert field(headers, "optional-www-authenticate")
        status, headers, _ = await site.call(path="/public")
        assert (status, [name for name, _ in headers]) == (200, [b"content-type"])
        assert site.seen[-1]["user"].is_authenticated is False

    asyncio.run(scenario())


def test_what_one_request_makes_of_its_scopes_is_nothing_to_the_next() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["auth"].scopes.append("admin")
        assert scope["auth"].scopes == ["authenticated"]
        await hello(scope, receive, send)

    async def scenario() -> None:
        site = Site(app)
        await site.log_in()
        assert [(await site.get(nc))[0] for nc in (1, 2)] == [200, 200]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("own", "sent"),
    [
        ((), [b"Authorization"]),
        (((b"vary", b"Accept"),), [b"Accept", b"Authorization"]),
        (((b"Vary", b"Accept, authorization"),), [b"Accept, authorization"]),
        (((b"VARY", b"a"), (b"vary", b"*")), [b"a", b"*"]),
    ],
)
def test_fields_of_the_application_count_in_any_case(own: tuple[tuple[bytes, bytes], ...], sent: list[bytes]) -> None:
    forged = [(b"Authentication-INFO", b"x"), (b"WWW-Authenticate", b"y"), (b"Optional-WWW-Authenticate", b"z"), (b"X-Kept", b"\xff")]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [*own, *forged]})
        await send({"type": "http.response.body", "body": b""})

    async def scenario() -> None:
        site = Site(app, optional=True)
        await site.log_in()
        _, headers, _ = await site.get(1)
        assert [value for name, value in headers if name == b"vary"] == sent
        assert (b"x-kept", b"\xff") in headers
        assert not {b"www-authenticate", b"optional-www-authenticate"} & {name for name, _ in headers}
        assert len(field(headers, "authentication-info")) == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("status", [200, 204, 302, 304, 403, 404, 500])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_row_51_every_final_answer_carries_the_proof(status: int, method: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": [(b"authentication-info", b"forged")]})
        await send({"type": "http.response.body", "body": b""})

    async def scenario() -> None:
        site = Site(app)
        await site.log_in()
        got, headers, _ = await site.get(1, method=method)
        assert (got, len(field(headers, "authentication-info"))) == (status, 1)

    asyncio.run(scenario())


def test_an_application_that_answers_401_or_fails_or_says_nothing_is_answered_for(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/401":
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b"no"})
        if scope["path"] == "/raises":
            raise ValueError("a fault of the application")

    async def scenario() -> None:
        site = Site(app)
        await site.log_in()
        assert (await site.get(1, path="/401"))[0] == 403
        assert (await site.get(2, path="/raises"))[::2] == (500, b"the server has failed\n")
        assert (await site.get(3, path="/silent"))[::2] == (500, b"the server has failed\n")
        assert (await site.get(4, path="/raises", method="HEAD"))[::2] == (500, b"")

    with caplog.at_level(logging.WARNING):
        asyncio.run(scenario())
    assert "application-401" in caplog.text
    assert "the application raised an exception" in caplog.text
    assert "returned without a response" in caplog.text


def test_an_exception_after_the_header_section_is_the_servers_to_cut_off() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError("too late")

    async def scenario() -> None:
        site = Site(app)
        await site.log_in()
        with pytest.raises(ValueError, match="too late"):
            await site.get(1)

    asyncio.run(scenario())


def test_row_54_forged_names_do_not_reach_the_application() -> None:
    forged = [(b"Remote-User", b"root"), (b"remote_user", b"root"), (b"X-Forwarded-User", b"root"), (b"x-keep", b"this")]

    async def scenario() -> None:
        site = Site()
        await site.log_in()
        await site.get(1, headers=forged)
        await site.call(path="/public", headers=forged)
        for scope in site.seen:
            assert [name for name, _ in scope["headers"] if name not in (b"host", b"authorization")] == [b"x-keep"]

    asyncio.run(scenario())


def test_a_proof_in_a_trailer_is_taken_out() -> None:
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [], "trailers": True})
        await send({"type": "http.response.body", "body": b""})
        await send({"type": "http.response.trailers", "headers": [(b"Authentication-Info", b"x"), (b"a", b"b")]})

    async def scenario() -> None:
        site = Site(app)
        await site.log_in()

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/", "scheme": "http", "client": None}
        scope["headers"] = [(b"host", HOST.encode()), (b"authorization", site.proof(1).encode())]
        await site.middleware(scope, None, send)  # type: ignore[arg-type]  # this application receives nothing

    asyncio.run(scenario())
    assert sent[-1]["headers"] == [(b"a", b"b")]


@pytest.mark.parametrize(
    ("wish", "status", "reason"), [("log_out", 200, ""), ("reauthenticate", 401, "reauth-needed"), ("deny", 403, "authz-failed")]
)
def test_wishes_of_the_application(wish: str, status: int, reason: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        login = scope["kam3.login"]
        if scope["path"] == "/wish":
            getattr(login, wish)()
        await hello(scope, receive, send)
        with pytest.raises(LocalProtocolError):
            getattr(login, wish)()

    async def scenario() -> None:
        site = Site(app)
        await site.log_in()
        got, headers, _ = await site.call(site.proof(1), path="/wish")
        assert got == status
        assert reason in "".join(field(headers, "www-authenticate"))
        if wish == "log_out":
            assert "logout-timeout=0" in field(headers, "authentication-control")[0]
            site.check(headers, 1)
        expected = 200 if wish == "deny" else 401  # the session goes on for a user who may not do that
        assert (await site.call(site.proof(2)))[0] == expected

    asyncio.run(scenario())


def test_a_host_that_is_not_configured_or_comes_twice_is_refused() -> None:
    async def scenario() -> None:
        site = Site()
        assert (await site.call(headers=[(b"host", b"evil.example")]))[0] == 400
        status, _, body = await site.call(scheme="https")
        assert (status, site.seen) == (421, [])
        assert b"reverse proxy" in body

    asyncio.run(scenario())


def test_a_target_in_absolute_form_is_judged_and_rewritten() -> None:
    async def scenario() -> None:
        site = Site()
        assert (await site.call(path=f"{ORIGIN}/x"))[0] == 401
        assert (await site.call(path="http://evil.example/x"))[0] == 421
        assert (await site.call(path=f"{ORIGIN}/public/x"))[0] == 200
        assert site.seen[-1]["path"] == "/public/x"

    asyncio.run(scenario())


class Broken(MemorySessionTable):
    """A table that answers a question and then no more."""

    immediate = False

    def begin(self, key: Any, nc: int) -> Any:
        raise StoreUnavailableError("gone")


def test_row_67_a_store_that_does_not_answer_is_503_and_never_the_application() -> None:
    async def scenario() -> None:
        site = Site(table=Broken())
        await site.log_in()
        status, headers, _ = await site.call(site.proof(1))
        assert (status, site.seen, field(headers, "www-authenticate")) == (503, [], [])

    asyncio.run(scenario())


def test_stores_may_be_coroutines_threads_or_immediate() -> None:
    where: list[str] = []

    class InThread(MemoryCredentialStore):
        immediate = False

        def find(self, realm: Any, user: str) -> Any:
            where.append(threading.current_thread().name)
            return j_of()

    class Awaited:
        async def find(self, realm: Any, user: str) -> Any:
            where.append(threading.current_thread().name)
            return j_of()

    async def scenario(store: Any) -> None:
        site = Site(credentials=store)
        await site.log_in()
        assert (await site.get(1))[0] == 200

    for store in (InThread(), Awaited()):
        asyncio.run(scenario(store))
    assert where[0].startswith("kam3-store")
    assert where[1] == "MainThread"


def test_row_64_the_queue_before_the_exponentiation_is_bounded() -> None:
    async def scenario() -> None:
        handler = AsyncHandler(MemorySessionTable(), MemoryCredentialStore(), exchanges=1)
        going = threading.Event()
        handler._computing.submit(going.wait)
        kc1 = kam3.ClientExchange(ALG, pi_of()).kc1
        waiting = [asyncio.ensure_future(handler.handle(Respond(ALG, None, kc1))) for _ in range(9)]
        await asyncio.sleep(0)
        with pytest.raises(kam3.errors.OverloadedError):
            await handler.handle(Respond(ALG, None, kc1))
        waiting[0].cancel()
        going.set()
        await asyncio.gather(*waiting, return_exceptions=True)
        await asyncio.sleep(0)
        assert handler._places == 9
        assert (await handler.handle(Respond(ALG, None, kc1))).session is not None  # type: ignore[attr-defined]  # a Responded
        handler.close()

    asyncio.run(scenario())


async def socket(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": scope["user"].display_name})


@pytest.mark.parametrize("extension", [True, False])
def test_a_websocket_is_let_through_by_a_proof_alone(extension: bool) -> None:
    async def call(site: Site, authorization: str | None) -> list[Any]:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"host", HOST.encode())] + ([(b"authorization", authorization.encode())] if authorization else [])
        extensions = {"websocket.http.response": {}} if extension else {}
        scope = {"type": "websocket", "path": "/", "scheme": "ws", "headers": headers, "client": ("192.0.2.1", 1), "extensions": extensions}
        await site.middleware(scope, receive, send)
        return sent

    async def scenario() -> None:
        site = Site(socket)
        refused = await call(site, None)
        assert site.seen == []
        assert refused[0]["type"] == ("websocket.http.response.start" if extension else "websocket.close")
        await site.log_in()
        accepted = await call(site, site.proof(1))
        site.check(accepted[0]["headers"], 1)
        assert accepted[1]["text"] == USER

    asyncio.run(scenario())


def test_lifespan_passes_and_what_is_unknown_does_not() -> None:
    async def scenario() -> None:
        site = Site(lambda scope, receive, send: asyncio.sleep(0))
        await site.middleware({"type": "lifespan"}, None, None)  # type: ignore[arg-type]  # the application uses neither
        assert site.seen[-1]["type"] == "lifespan"
        with pytest.raises(ValueError, match="lets through nothing"):
            await site.middleware({"type": "quic", "headers": []}, None, None)  # type: ignore[arg-type]  # likewise

    asyncio.run(scenario())


def test_a_handler_or_the_stores() -> None:
    server = MutualServer([Space(REALM)], [ORIGIN])
    with pytest.raises(ValueError, match="needed"):
        MutualMiddleware(hello, server)
    with pytest.raises(ValueError, match="one or the other"):
        MutualMiddleware(hello, server, table=MemorySessionTable(), handler=AsyncHandler(MemorySessionTable(), MemoryCredentialStore()))
    with pytest.raises(ValueError, match="scheme"):
        MutualMiddleware(hello, server, table=MemorySessionTable(), credentials=MemoryCredentialStore(), scheme="ftp")


@pytest.mark.parametrize(
    "fields, read",
    [
        ({"content-length": "6"}, 2),
        ({"content-length": "65536"}, 2),
        ({"content-length": "65537"}, 0),
        ({"content-length": "6", "expect": "100-continue"}, 0),
        ({"content-length": "0"}, 0),
        ({"content-length": "\u00b2"}, 0),
        ({"transfer-encoding": "chunked"}, 0),
        ({}, 0),
    ],
)
def test_a_short_body_is_taken_in_before_its_request_is_refused(fields: dict[str, str], read: int) -> None:
    """Some servers close the connection of a request that is answered before its end, and the next step of the log-in with it."""

    async def scenario() -> None:
        site, calls, order = Site(), iter([True, False]), []

        async def receive() -> Any:
            order.append("receive")
            return {"type": "http.request", "body": b"abc", "more_body": next(calls)}

        async def send(message: Any) -> None:
            order.append(message["type"])

        headers = [(b"host", HOST.encode()), *((name.encode(), value.encode("latin-1")) for name, value in fields.items())]
        scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers, "client": None, "scheme": "http"}
        await site.middleware(scope, receive, send)
        assert order == ["receive"] * read + ["http.response.start", "http.response.body"]

    asyncio.run(scenario())


def test_a_body_that_breaks_off_does_not_keep_the_refusal_waiting() -> None:
    async def scenario() -> None:
        site, sent = Site(), []

        async def receive() -> Any:
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"host", HOST.encode()), (b"content-length", b"6")]
        scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers, "client": None, "scheme": "http"}
        await site.middleware(scope, receive, send)
        assert sent[0]["status"] == 401

    asyncio.run(scenario())


def test_the_stores_in_memory_are_called_on_the_loop_and_not_in_threads() -> None:
    """A thread costs several times what a request with a proof costs otherwise."""

    async def scenario() -> None:
        site, here = Site(), threading.get_ident()
        called: list[int] = []
        for store, name in ((MemorySessionTable, "begin"), (MemorySessionTable, "commit"), (MemoryCredentialStore, "find")):
            original = getattr(store, name)

            def noting(*arguments: Any, original: Any = original) -> Any:
                called.append(threading.get_ident())
                return original(*arguments)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(store, name, noting)
                site = Site()
                await site.log_in()
                await site.get(1)
        assert called == [here] * 3

    asyncio.run(scenario())
