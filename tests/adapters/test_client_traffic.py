"""Redirects, bodies, many requests at once, and callers: what holds for the adapters of all client libraries."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from kam3.adapters.client_driving import REPLAYABLE
from kam3.adapters.client_hops import Hop
from kam3.errors import LocalProtocolError, ProtocolError, RetryableProtocolError, UnprovedResponseError
from kam3.mutual.client import MutualClient
from kam3.mutual.client_actions import AskCredentials, Credentials, Response
from tests.adapters.clients import ALL, EACH, Aiohttp, AsyncHttpx, Caller, Httpx, Looping, Requests, calling, stream_of
from tests.mutual import loopback
from tests.mutual.loopback import Loopback, running
from tests.mutual.model import PASSWORD, USER, response
from tests.mutual.test_client_rows import on

each = pytest.mark.parametrize("kind", EACH, ids=lambda kind: kind.__name__)
every = pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)


def numbers(server: Loopback) -> list[int]:
    """Return the numbers that the server has accepted, in their order."""
    return [number for used in server.model.used.values() for number in used]


# Redirects


def watched(server: Loopback) -> list[str | None]:
    """Return a list that comes to hold the Authorization of every request."""
    seen: list[str | None] = []
    answer = server.model.answer

    def watching(authorization: str | None, url: str) -> Response:
        seen.append(authorization)
        return answer(authorization, url)

    server.model.answer = watching  # type: ignore[method-assign,assignment]  # the same, with an ear
    return seen


def redirect(server: Loopback, path: str, target: str, status: int = 302) -> None:
    """Redirect what a path answers when all is well; with its proof, if there is one."""

    def change(_: str, old: Response) -> Response:
        if old.status != 200 or server.requests[-1][1] != path:
            return old
        return Response(status, lambda name: [target] if name == "Location" else old.fields(name), old.channel)

    server.model.tamper = change


@every
@pytest.mark.parametrize("status", [302, 307])
def test_trap_9_within_an_origin_each_hop_is_a_sequence_of_its_own(kind: type[Caller], status: int, server: Loopback) -> None:
    seen = watched(server)
    redirect(server, "/old", "/new", status)
    with calling(kind, server.url) as client:
        reply = client.get(server.url + "old", follow=True)
        assert (reply.url, reply.body) == (server.url + "new", b"page /new")
        assert [(code, outcome.proved, outcome.nc) for code, outcome in reply.history] == [(status, True, 1)]
        assert (reply.outcome.proved, reply.outcome.nc) == (True, 2)
    sent = [value for value in seen if value is not None]
    assert len(set(sent)) == len(sent) == 3
    assert numbers(server) == [1, 2]


@every
def test_trap_1_credentials_and_authorization_stay_with_their_origin(kind: type[Caller], server: Loopback) -> None:
    with running() as other:
        seen = watched(other)
        redirect(server, "/old", other.url)
        with calling(kind, server.url) as client:
            reply = client.get(server.url + "old", follow=True)
            assert (reply.status, reply.outcome.reason.code) == (401, "no-credentials")
            assert [outcome.proved for _, outcome in reply.history] == [True]
    assert seen == [None]


@each
def test_an_unproved_redirect_is_refused_or_passed_on_bare(kind: type[Caller], server: Loopback) -> None:
    with running(realms={}) as first:
        first.model.tamper = lambda _, old: response(302, old.channel, location=server.url, set_cookie="a=b")
        with calling(kind, server.url) as client:
            with pytest.raises(UnprovedResponseError, match="pass_redirects"):
                client.get(first.url, follow=True)
            assert server.requests == []
        with calling(kind, server.url, pass_redirects=True) as client:
            reply = client.get(first.url, follow=True)
            assert (reply.url, reply.outcome.proved, [outcome.proved for _, outcome in reply.history]) == (server.url, True, [False])
            assert client.cookies() == {}
            bare = client.get(first.url)
            assert (bare.status, bare.body, bare.headers["location"]) == (302, b"", server.url)


@each
def test_a_stream_is_not_sent_again_by_a_redirect(kind: type[Caller], server: Loopback) -> None:
    redirect(server, "/old", "/new", 307)
    with calling(kind, server.url) as client:
        client.preauthenticate(server.url)
        with pytest.raises(Exception) as caught:  # each library has an error of its own for it
            client.request("POST", server.url + "old", body=stream_of([b"abc", b"def"]), follow=True)
        assert not isinstance(caught.value, ProtocolError) or caught.value.code == "body-sent"
    assert [body for method, _, body, _ in server.requests if method == "POST"] == [b"abcdef"]


# Bodies


@every
def test_decision_19_small_bodies_are_sent_again(kind: type[Caller], server: Loopback) -> None:
    with calling(kind, server.url) as client:
        assert client.request("POST", server.url, body=b"x" * REPLAYABLE).outcome.proved
    assert [(method, len(body)) for method, _, body, _ in server.requests] == [("POST", REPLAYABLE)] * 3


@every
@pytest.mark.parametrize("large", [False, True], ids=["stream", "large"])
def test_decision_19_streams_and_large_bodies_are_sent_once(kind: type[Caller], large: bool, server: Loopback) -> None:
    with calling(kind, server.url) as client:
        body: Any = b"x" * (REPLAYABLE + 1) if large else stream_of([b"abc", b"def"])
        assert client.request("POST", server.url, body=body, headers={"Content-Type": "text/x"}).outcome.proved
        assert client.request("POST", server.url, body=stream_of([b"abc"])).outcome.requests == 1
    assert [(method, len(body)) for method, _, body, _ in server.requests] == [
        ("HEAD", 0),
        ("HEAD", 0),
        ("POST", REPLAYABLE + 1 if large else 6),
        ("POST", 3),
    ]


@each
def test_decision_19_a_stream_meets_stale_and_nothing_is_sent_twice(kind: type[Caller], server: Loopback) -> None:
    with calling(kind, server.url) as client:
        client.get(server.url)
        server.model.forget()
        count = len(server.requests)
        with pytest.raises(RetryableProtocolError) as caught:
            client.request("POST", server.url, body=stream_of([b"abc"]))
        assert (caught.value.code, isinstance(caught.value, client.base)) == ("body-sent", True)
        assert [(method, body) for method, _, body, _ in server.requests[count:]] == [("POST", b"abc")]
        assert client.request("POST", server.url, body=stream_of([b"def"])).outcome.proved


@each
def test_decision_19_a_large_body_that_can_be_sent_again_is(kind: type[Caller], server: Loopback) -> None:
    with calling(kind, server.url) as client:
        client.get(server.url)
        server.model.forget()
        assert client.request("POST", server.url, body=b"x" * (REPLAYABLE + 1)).outcome.proved


@each
def test_a_log_in_can_come_before_the_stream(kind: type[Caller], server: Loopback) -> None:
    with calling(kind, server.url) as client:
        assert client.preauthenticate(server.url + "up").proved
        count = len(server.requests)
        assert client.request("PUT", server.url + "up", body=stream_of([b"abc"])).outcome.requests == 1
        assert [method for method, _, _, _ in server.requests[count:]] == ["PUT"]


@each
def test_a_stream_of_100_megabytes_is_sent_once(kind: type[Caller], monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []
    make = loopback._handler

    def counting(server: Loopback) -> Any:
        class Counting(make(server)):  # type: ignore[misc]  # what it makes is a class
            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return b""
                total = 0
                while size := int(self.rfile.readline(), 16):
                    left = size
                    while left:
                        left -= len(self.rfile.read(min(left, 1 << 20)))
                    self.rfile.readline()
                    total += size
                self.rfile.readline()
                counted.append(total)
                return b""

        return Counting

    monkeypatch.setattr(loopback, "_handler", counting)
    part = bytes(1 << 20)
    with running() as server, calling(kind, server.url) as client:
        assert client.request("POST", server.url, body=stream_of([part] * 100)).outcome.proved
        assert [method for method, _, _, _ in server.requests] == ["HEAD", "HEAD", "POST"]
    assert counted == [100 << 20]


# Many at once


@pytest.mark.parametrize("kind", [Httpx, Requests], ids=lambda kind: kind.__name__)
def test_threads_share_one_session_and_no_number_is_lost_or_repeated(kind: type[Caller], server: Loopback) -> None:
    with calling(kind, server.url) as client, ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda i: client.get(f"{server.url}{i}"), range(60)))
    assert all(reply.outcome.proved for reply in replies)
    assert [reply.body for reply in replies] == [f"page /{i}".encode() for i in range(60)]
    assert server.model.log.count("kex") == 1
    assert sorted(numbers(server)) == list(range(1, 61))
    assert sorted(reply.outcome.nc or 0 for reply in replies) == list(range(1, 61))


@pytest.mark.parametrize("kind", [AsyncHttpx, Aiohttp], ids=lambda kind: kind.__name__)
def test_tasks_share_one_session_and_no_number_is_lost_or_repeated(kind: type[Looping], server: Loopback) -> None:
    with calling(kind, server.url) as client:
        assert isinstance(client, Looping)

        async def several(first: int) -> list[bool]:
            return [(await client.ask("GET", f"{server.url}{i}")).outcome.proved for i in range(first, 60, 8)]

        async def all_of_them() -> list[list[bool]]:
            return await asyncio.gather(*map(several, range(8)))

        assert all(map(all, client.run(all_of_them())))
    assert server.model.log.count("kex") == 1
    assert sorted(numbers(server)) == list(range(1, 61))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("kind", [Httpx, Requests], ids=lambda kind: kind.__name__)
def test_processes_have_sessions_of_their_own(kind: type[Caller], server: Loopback) -> None:
    with calling(kind, server.url) as client:
        assert client.get(server.url).outcome.proved
        children = []
        for _ in range(2):
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    with calling(kind, mutual=client.mutual) as own:  # its connections cannot be shared
                        status = 0 if all(own.get(server.url).outcome.proved for _ in range(3)) else 2
                finally:
                    os._exit(status)
            children.append(child)
        assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0]
        assert client.get(server.url).outcome.requests == 1
    assert sorted(map(sorted, server.model.used.values())) == [[1, 2], [1, 2, 3], [1, 2, 3]]


class Gate:
    """Holds the answer to one request back."""

    def __init__(self, server: Loopback, number: int) -> None:
        self.held, self.open = threading.Event(), threading.Event()
        self._number, self._server = number, server
        server.page = self.page

    def page(self, path: str) -> bytes:
        if len(self._server.requests) == self._number and not self.open.is_set():
            self.held.set()
            self.open.wait(10)
        return b"page"


@pytest.mark.parametrize("kind", [Httpx, Requests], ids=lambda kind: kind.__name__)
def test_a_thread_that_times_out_lets_those_go_on_that_wait_for_its_key_exchange(kind: type[Caller], server: Loopback) -> None:
    gate = Gate(server, 2)  # the answer to req-KEX-C1
    mutual = MutualClient()
    impatient, patience = calling(kind, server.url, mutual=mutual, timeout=0.6), calling(kind, mutual=mutual)
    with impatient as slow, patience as patient, ThreadPoolExecutor(2) as pool:
        first = pool.submit(slow.get, server.url)
        assert gate.held.wait(10)
        second = pool.submit(patient.get, server.url)
        with pytest.raises(slow.base):
            first.result(10)
        assert second.result(10).outcome.proved
        gate.open.set()
    assert server.model.log.count("kex") == 2


@pytest.mark.parametrize("kind", [AsyncHttpx, Aiohttp], ids=lambda kind: kind.__name__)
def test_a_task_that_is_cancelled_lets_those_go_on_that_wait_for_its_key_exchange(kind: type[Looping], server: Loopback) -> None:
    gate = Gate(server, 2)
    with calling(kind, server.url) as client:
        assert isinstance(client, Looping)

        async def scenario() -> bool:
            first = asyncio.create_task(client.ask("GET", server.url))
            assert await asyncio.get_running_loop().run_in_executor(None, gate.held.wait, 10)
            waiting = [asyncio.create_task(client.ask("GET", server.url)) for _ in range(3)]
            await asyncio.sleep(0.1)  # they come to wait
            waiting[0].cancel()  # whoever waits may go, too
            first.cancel()
            proved = [(await task).outcome.proved for task in waiting[1:]]
            for task in (first, waiting[0]):
                with pytest.raises(asyncio.CancelledError):
                    await task
            return all(proved)

        assert client.run(scenario())
        gate.open.set()
    assert server.model.log.count("kex") == 2
    assert sorted(numbers(server)) == [1, 2]


@pytest.mark.parametrize("kind", [Httpx, Requests], ids=lambda kind: kind.__name__)
def test_a_thread_that_dies_lets_those_go_on_that_wait_for_its_key_exchange(kind: type[Caller], server: Loopback) -> None:
    with calling(kind, server.url) as client:

        class Dying(BaseException):
            pass

        def die(*_: object) -> None:
            raise Dying

        read = Hop.read
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Dying):
            patch.setattr(Hop, "read", lambda hop, *response: read(hop, *response) if len(server.requests) < 2 else die())
            client.get(server.url)
        assert client.get(server.url).outcome.proved
    assert server.model.log == ["normal", "kex", "kex", "vfy"]


# Callers


@each
def test_somebody_is_asked_by_realm_and_origin(kind: type[Caller], server: Loopback) -> None:
    asked: list[AskCredentials] = []

    def ask(action: AskCredentials) -> Credentials:
        asked.append(action)
        return Credentials(USER, PASSWORD)

    async def ask_async(action: AskCredentials) -> Credentials:
        await asyncio.sleep(0)
        return ask(action)

    for asker in (ask, ask_async) if issubclass(kind, Looping) else (ask,):
        asked.clear()
        with calling(kind, ask=asker) as client:
            assert client.get(server.url).outcome.proved
            assert client.get(server.url).outcome.proved
        assert [(action.realm, action.origin) for action in asked] == [(server.model.realms["/"], server.model.origin)]


@every
def test_the_caller_cannot_write_authorization(kind: type[Caller], server: Loopback) -> None:
    with calling(kind, server.url) as client, pytest.raises(ValueError, match="Authorization"):
        client.get(server.url, headers={"authorization": "Basic x"})
    assert server.requests == []


@each
def test_interim_responses_are_skipped_with_their_fields(kind: type[Caller], server: Loopback) -> None:
    server.interim = True
    with calling(kind, server.url) as client:
        assert client.get(server.url).outcome.proved


@each
def test_a_log_out_under_way_is_an_error_of_the_library_too(kind: type[Caller], server: Loopback) -> None:
    with calling(kind, server.url) as client:
        client.get(server.url)
        server.model.tamper = on("vfy", lambda old: (client.mutual.log_out(server.model.realms["/"]), old)[1])
        with pytest.raises(LocalProtocolError) as caught:
            client.get(server.url)
        assert (caught.value.code, isinstance(caught.value, client.base)) == ("logged-out", True)


def test_an_answer_of_any_length_on_the_way_is_not_read_in_full(server: Loopback) -> None:
    server.page = lambda _: bytes(1 << 20)
    for kind in EACH:
        server.connections = 0
        with calling(kind, server.url) as client:
            assert client.get(server.url).outcome.proved
        assert server.connections == 3, kind
