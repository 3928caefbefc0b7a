"""What holds for the adapters of all client libraries, each against a server that misbehaves."""

from __future__ import annotations

import asyncio
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import kam3
from kam3.adapters.client_driving import REPLAYABLE
from kam3.adapters.client_hops import joined, outcome_of, raising
from kam3.errors import LocalProtocolError, ProtocolError, RemoteProtocolError, RetryableProtocolError, UnprovedResponseError
from kam3.mutual.client import MutualClient
from kam3.mutual.client_actions import AskCredentials, Credentials, Response, Status
from kam3.mutual.messages import KexS1, serialize
from tests.adapters.clients import ALL, EACH, Aiohttp, AsyncHttpx, Caller, Httpx, Looping, Requests, calling, stream_of, verification
from tests.adapters.live import Tls
from tests.mutual import loopback
from tests.mutual.loopback import Loopback, make_certificate, running
from tests.mutual.model import ALG, PASSWORD, USER, realm_at, response
from tests.mutual.test_client_rows import bad_elements, flipped, octets, on, with_kex

each = pytest.mark.parametrize("kind", EACH, ids=lambda kind: kind.__name__)
every = pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
POISON = b"poisoned content"


@pytest.fixture
def server() -> Iterator[Loopback]:
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tls, Tls]:
    folder = tmp_path_factory.mktemp("certificates")
    return Tls(*make_certificate(folder, "front")), Tls(*make_certificate(folder, "behind"))


def numbers(server: Loopback) -> list[int]:
    """Return the numbers that the server has accepted, in their order."""
    return [number for used in server.model.used.values() for number in used]


# Fatal faults

PROOF = f"version=1, sid={'0' * 32}, vks={'0' * 64}"


def kex_s1(old: Response) -> Response:
    scope = str(old.channel.origin)
    message = KexS1(realm_at(old.channel.origin, scope=scope), "host", "00" * 16, bytes(33), 9, 9, 9)
    return response(401, old.channel, www_authenticate=serialize(message))


def plain(status: int) -> Callable[[Response], Response]:
    return lambda old: response(status, old.channel, location="/elsewhere")


Tamper = Callable[[str, Response], Response]

FATAL: dict[str, tuple[Tamper, str]] = {
    "row 5, ks1 = 0": (with_kex(ks1=octets(0, ALG)), "invalid-ks1"),
    "row 5, ks1 no point": (with_kex(ks1=octets(bad_elements(ALG)[0], ALG)), "invalid-ks1"),
    "row 5, ks1 beyond q": (with_kex(ks1=octets(bad_elements(ALG)[-1], ALG)), "invalid-ks1"),
    "row 74, 401-KEX-S1 to a plain request": (on("normal", kex_s1), "unexpected-response"),
    "row 74, 401-KEX-S1 to req-VFY-C": (on("vfy", kex_s1), "unexpected-response"),
    "row 74, proof for a plain request": (on("normal", lambda old: response(200, old.channel, authentication_info=PROOF)), "unexpected-response"),
    "row 74, proof for req-KEX-C1": (on("kex", lambda old: response(200, old.channel, authentication_info=PROOF)), "unexpected-response"),
    "row 75, 200 to req-KEX-C1": (on("kex", plain(200)), "unexpected-response"),
    "row 75, 302 to req-KEX-C1": (on("kex", plain(302)), "unexpected-response"),
    "row 75, 302 to req-VFY-C": (on("vfy", plain(302)), "unexpected-response"),
    "row 75, 307 to req-VFY-C": (on("vfy", plain(307)), "unexpected-response"),
    "row 75, 401 to req-VFY-C": (on("vfy", lambda old: response(401, old.channel, www_authenticate='Basic realm="A"')), "unexpected-response"),
    "row 75, 403 to req-VFY-C": (on("vfy", plain(403)), "unexpected-response"),
    "row 75, 404 to req-VFY-C": (on("vfy", plain(404)), "unexpected-response"),
    "row 76, wrong vks": (on("vfy", flipped), "server-not-proved"),
    "row 76, wrong vks on a redirect": (on("vfy", lambda old: Response(302, flipped(old).fields, old.channel)), "server-not-proved"),
    "row 76, missing vks": (on("vfy", plain(200)), "unexpected-response"),
    "row 76, vks of another session": (on("vfy", lambda old: response(200, old.channel, authentication_info=PROOF)), "unexpected-response"),
    "row 78, another realm": (with_kex(realm=realm_at(name="B")), "unexpected-response"),
    "row 78, another validation": (with_kex(validation="tls-unique"), "unexpected-response"),
    "row 78, another algorithm": (with_kex(realm=realm_at(alg=kam3.EC_P521), ks1=bytes(66)), "unexpected-response"),
    "row 13, a duplicate parameter": (
        on("normal", lambda old: response(401, old.channel, www_authenticate="Mutual realm=a, realm=b")),
        "unexpected-response",
    ),
}


def poisoned(tamper: Tamper) -> Tamper:
    """Add a cookie, and somewhere to go, to whatever a server answers."""
    extra = {"set-cookie": ["stolen=secret; Path=/"], "location": ["/stolen"]}

    def change(kind: str, old: Response) -> Response:
        answer = tamper(kind, old)
        return answer if answer is old else answer._replace(fields=lambda name: extra.get(name.lower()) or answer.fields(name))

    return change


@each
@pytest.mark.parametrize("case", FATAL)
def test_r195_a_fatal_response_delivers_nothing(kind: type[Caller], case: str, server: Loopback, quick_pi: None) -> None:
    tamper, code = FATAL[case]
    server.model.tamper = poisoned(tamper)
    server.page = lambda _: POISON
    with calling(kind, server.url, require=False) as client:
        with pytest.raises(RemoteProtocolError) as caught:
            client.get(server.url, follow=True)
        assert caught.value.code == code
        assert isinstance(caught.value, client.base), "the library's users catch it"
        told = f"{caught.value!r} {caught.value} {vars(caught.value)!r} {caught.value.__cause__!r}"
        assert "poison" not in told
        assert "stolen" not in told
        assert client.cookies() == {}
        assert [path for _, path, _, _ in server.requests] == ["/"] * len(server.requests), "no redirect was followed"
        if code == "invalid-ks1":
            assert server.model.log == ["normal", "kex"], "no vkc was sent"


@each
def test_row_76_a_session_that_has_been_proved_gives_no_credit(kind: type[Caller], server: Loopback) -> None:
    with calling(kind, server.url) as client:
        assert client.get(server.url).outcome.proved
        server.model.tamper = poisoned(on("vfy", flipped))
        with pytest.raises(RemoteProtocolError, match="proved"):
            client.get(server.url)
        assert client.cookies() == {}


@each
def test_row_77_an_old_vks_proves_nothing(kind: type[Caller], server: Loopback) -> None:
    kept: list[Response] = []
    server.model.tamper = on("vfy", lambda answer: kept.append(answer) or answer)  # type: ignore[func-returns-value]  # None, so the answer
    with calling(kind, server.url) as client:
        client.get(server.url)
        server.model.tamper = on("vfy", lambda _: kept[0])
        with pytest.raises(RemoteProtocolError) as caught:
            client.get(server.url)
        assert caught.value.code == "server-not-proved"


@each
def test_row_79_a_server_that_is_always_stale_gets_two_key_exchanges_and_no_third(kind: type[Caller], server: Loopback) -> None:
    server.model.tamper = on("vfy", lambda _: server.model.stale(server.model.realms["/"]))
    with calling(kind, server.url) as client:
        with pytest.raises(RetryableProtocolError) as caught:
            client.get(server.url)
        assert caught.value.code == "stale-again"
        assert isinstance(caught.value, client.base)
    assert server.model.log.count("kex") == 2


@each
@pytest.mark.parametrize("extremes", [{"nc_max": 0}, {"nc_window": 0}, {"time": 0}, {"nc_max": 10**3000, "nc_window": 2**80, "time": 10**3000}])
def test_row_80_extreme_values_neither_crash_nor_loop(kind: type[Caller], extremes: dict[str, int], server: Loopback, quick_pi: None) -> None:
    for name, value in extremes.items():
        setattr(server.model, name, value)
    with calling(kind, server.url) as client:
        assert all(client.get(server.url).outcome.proved for _ in range(3))
    assert all(len(set(used)) == len(used) for used in server.model.used.values())


@each
def test_row_81_credentials_are_not_used_in_a_second_realm(kind: type[Caller], server: Loopback) -> None:
    server.model.realms["/b"] = realm_at(server.model.origin, "B")
    with calling(kind, server.url) as client:
        assert client.get(server.url).outcome.proved
        server.model.log.clear()
        reply = client.get(server.url + "b")
        assert (reply.status, reply.outcome.status, reply.outcome.reason.code) == (401, Status.AUTH_REQUIRED, "other-realm")
    assert "kex" not in server.model.log


@each
def test_row_82_log_out_forgets_and_says_what_to_load(kind: type[Caller], server: Loopback) -> None:
    with calling(kind, server.url) as client:
        first, posted = client.get(server.url + "x"), client.request("POST", server.url, body=b"x")
        assert client.log_out(first) == server.url + "x"
        again = client.get(server.url + "x")
        assert (again.status, again.outcome.reason.code) == (401, "no-credentials")
        assert not server.requests[-1][3]
        assert client.log_out(posted) is None


# What is required


@every
def test_decision_13_an_unproved_response_is_withheld_with_its_cookies(kind: type[Caller]) -> None:
    with running(realms={}) as server:
        server.model.tamper = lambda _, old: response(200, old.channel, set_cookie="a=b")
        with calling(kind, server.url) as client:
            with pytest.raises(UnprovedResponseError, match="require=False") as caught:
                client.get(server.url)
            assert isinstance(caught.value, client.base)
            assert client.cookies() == {}
        with calling(kind, server.url, require=False) as client:
            reply = client.get(server.url)
            assert (reply.outcome.status, reply.body, client.cookies()) == (Status.UNAUTHENTICATED, b"page /", {"a": "b"})


@each
def test_decision_13_a_stripped_proof_is_withheld_by_the_same_rule(kind: type[Caller], server: Loopback) -> None:
    with calling(kind, server.url) as client:
        client.get(server.url)
        server.model.tamper = lambda _, old: response(200, old.channel, set_cookie="a=b")
        with pytest.raises(UnprovedResponseError):
            client.get(server.url)
        assert client.cookies() == {}


@every
def test_decision_14_of_an_unproved_server_error_its_status_and_retry_after_are_shown(kind: type[Caller], server: Loopback) -> None:
    server.model.tamper = lambda asked, old: (
        old if asked == "normal" else response(503, old.channel, retry_after="7", set_cookie="a=b", location="/x")
    )
    with calling(kind, server.url) as client, pytest.raises(UnprovedResponseError):
        client.get(server.url)
    with calling(kind, server.url, require=False) as client:
        reply = client.get(server.url, follow=True)
        assert (reply.status, reply.outcome.withheld, reply.body, client.cookies()) == (503, True, b"", {})
        assert {name: value for name, value in reply.headers.items() if name != "content-length"} == {"retry-after": "7"}


@each
def test_r159_where_tls_does_not_identify_the_server_everything_is_proved(kind: type[Caller], certificates: tuple[Tls, Tls]) -> None:
    tls = certificates[0]
    with running(tls=(tls.certificate, tls.key), certificate=tls.der) as server:
        server.model.realms = {"/in": realm_at(server.model.origin)}
        with calling(kind, server.url, verify=False, require=False) as client:
            assert client.get(server.url + "in").outcome.proved
            for path in ("", "open"):
                with pytest.raises(UnprovedResponseError, match="identified"):
                    client.get(server.url + path)
        with calling(kind, verify=False, require=False) as client, pytest.raises(UnprovedResponseError, match="identified"):
            client.get(server.url + "in")  # not even a 401 that asks for a log-in
        trusted = verification(kind, tls.trusting(), str(tls.certificate))
        with calling(kind, server.url, verify=trusted, require=False) as client:
            assert client.get(server.url + "open").outcome.status is Status.UNAUTHENTICATED


@each
def test_row_31_a_server_with_another_certificate_cannot_relay(kind: type[Caller], certificates: tuple[Tls, Tls]) -> None:
    front, behind = certificates
    with running(tls=(front.certificate, front.key), certificate=behind.der) as server:
        trusted = verification(kind, front.trusting(), str(front.certificate))
        with calling(kind, server.url, verify=trusted) as client:
            reply = client.get(server.url)
            assert (reply.outcome.status, reply.outcome.reason.code) == (Status.AUTH_REQUIRED, "auth-failed")


@every
@pytest.mark.parametrize("kept", [True, False], ids=["kept", "closed"])
@pytest.mark.parametrize("content", [b"", b"page"], ids=["empty", "page"])
def test_the_certificate_is_that_of_the_connection_whatever_becomes_of_it(
    kind: type[Caller], kept: bool, content: bytes, certificates: tuple[Tls, Tls]
) -> None:
    tls = certificates[0]
    with running(tls=(tls.certificate, tls.key), certificate=tls.der) as server:
        server.page = lambda _: content
        server.close_after = set() if kept else set(range(1, 10))
        trusted = verification(kind, tls.trusting(), str(tls.certificate))
        with calling(kind, server.url, verify=trusted) as client:
            assert client.get(server.url).outcome.proved
            assert client.request("HEAD", server.url).outcome.proved
        assert server.connections == (1 if kept else 4)


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


def redirecting(path: str, target: str, status: int = 302) -> Tamper:
    """Redirect what a path answers when all is well; with its proof, if there is one."""

    def change(kind: str, old: Response) -> Response:
        if old.status != 200 or not change.server.requests[-1][1] == path:  # type: ignore[attr-defined]
            return old
        return Response(status, lambda name: [target] if name == "Location" else old.fields(name), old.channel)

    return change


def redirect(server: Loopback, path: str, target: str, status: int = 302) -> None:
    change = redirecting(path, target, status)
    change.server = server  # type: ignore[attr-defined]
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
        with pytest.raises(Exception) as caught:  # noqa: B017  # each library has an error of its own for it
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
    with calling(kind, server.url, mutual=mutual, timeout=0.6) as slow, calling(kind, mutual=mutual) as patient, ThreadPoolExecutor(2) as pool:
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
            while len(server.requests) < 5:
                await asyncio.sleep(0.01)
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
        server.model.realms["/"] = realm_at(server.model.origin)

        class Dying(BaseException):
            pass

        def die(kind: str, old: Response) -> Response:
            return old

        server.model.tamper = die
        client.mutual.close()

        def ask(_: AskCredentials) -> Credentials:
            raise Dying

        client.side.ask = ask
        with pytest.raises(Dying):
            client.get(server.url)
        client.mutual.add(server.url, USER, PASSWORD)
        assert client.get(server.url).outcome.proved


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
        server.model.tamper = on("kex", lambda old: (client.mutual.close(), old)[1])
        with pytest.raises(LocalProtocolError) as caught:
            client.get(server.url)
        assert (caught.value.code, isinstance(caught.value, client.base)) == ("logged-out", True)


@every
def test_errors_can_be_pickled(kind: type[Caller]) -> None:
    base = kind().base
    for error in (
        RemoteProtocolError("text", code="server-not-proved", argument="vks"),
        RetryableProtocolError("text", code="stale-again", reason="stale-session"),
        UnprovedResponseError("text"),
    ):
        with pytest.raises(type(error)) as caught, raising(base):
            raise error
        again = pickle.loads(pickle.dumps(caught.value))
        assert type(again) is type(caught.value)
        assert isinstance(again, base)
        assert (str(again), again.code, again.argument) == (str(error), error.code, error.argument)
    assert joined(UnprovedResponseError, base) is joined(UnprovedResponseError, base)


def test_a_response_of_somebody_else_has_no_outcome() -> None:
    httpx = pytest.importorskip("httpx")
    with pytest.raises(LookupError, match="adapter of kam3"):
        outcome_of(httpx.Response(200))


def test_an_answer_of_any_length_on_the_way_is_not_read_in_full(server: Loopback) -> None:
    server.page = lambda _: bytes(1 << 20)
    for kind in EACH:
        server.connections = 0
        with calling(kind, server.url) as client:
            assert client.get(server.url).outcome.proved
        assert server.connections == 3, kind


