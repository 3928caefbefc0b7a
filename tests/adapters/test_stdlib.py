"""The client on `http.client`, against a model server on a loopback port."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kam3.adapters.client_driving import REPLAYABLE
from kam3.adapters.stdlib import Client
from kam3.errors import Kam3Error, RemoteProtocolError, RetryableProtocolError, UnprovedResponseError
from kam3.mutual.client_actions import AskCredentials, Credentials, Response, Status
from tests.mutual.loopback import Loopback, make_certificate, running
from tests.mutual.model import PASSWORD, USER, realm_at, response


@pytest.fixture
def server() -> Iterator[Loopback]:
    with running() as server:
        yield server


def client_of(server: Loopback, **options: object) -> Client:
    client = Client(timeout=10, **options)  # type: ignore[arg-type]  # options are those of the class
    client.mutual.add(server.url, USER, PASSWORD)
    return client


def test_a_login_and_further_requests_take_one_connection(server: Loopback) -> None:
    with client_of(server) as client:
        reply = client.get(server.url + "a?b=c#d")
        assert (reply.status, reply.body, reply.outcome.status) == (200, b"page /a?b=c", Status.AUTH_SUCCEED)
        assert reply.outcome.requests == 3
        assert client.get(server.url).outcome.requests == 1
    assert server.connections == 1
    assert [path for _, path, _, _ in server.requests] == ["/a?b=c"] * 3 + ["/"]


def test_a_post_is_repeated_with_its_body(server: Loopback) -> None:
    with client_of(server) as client:
        assert client.request("POST", server.url, body=b"x" * 1000).outcome.proved
    assert [(method, len(body)) for method, _, body, _ in server.requests] == [("POST", 1000)] * 3


@pytest.mark.parametrize("large", [False, True])
def test_a_stream_or_a_large_body_is_sent_once(server: Loopback, large: bool) -> None:
    body = b"x" * (REPLAYABLE + 1) if large else iter([b"abc", b"def"])
    with client_of(server) as client:
        assert client.request("POST", server.url, body=body).outcome.proved
    assert [(method, bool(body)) for method, _, body, _ in server.requests] == [("HEAD", False), ("HEAD", False), ("POST", True)]


def test_a_stream_is_never_sent_twice(server: Loopback) -> None:
    with client_of(server) as client:
        client.get(server.url)
        server.model.forget()
        with pytest.raises(RetryableProtocolError) as caught:
            client.request("POST", server.url, body=iter([b"abc"]))
        assert caught.value.code == "body-sent"
        assert client.request("POST", server.url, body=iter([b"abc"])).outcome.proved


def test_a_large_body_that_can_be_sent_again_is_tried_once_more(server: Loopback) -> None:
    with client_of(server) as client:
        client.get(server.url)
        server.model.forget()
        assert client.request("POST", server.url, body=b"x" * (REPLAYABLE + 1)).outcome.proved


@pytest.mark.parametrize("kind", ["normal", "kex", "vfy"])
def test_a_connection_that_the_server_closes_is_opened_anew(server: Loopback, kind: str) -> None:
    server.close_after = {["normal", "kex", "vfy"].index(kind) + 1}
    with client_of(server) as client:
        assert client.get(server.url).outcome.proved
        assert client.get(server.url).outcome.requests == 1
    assert server.connections == 2


def test_an_idle_connection_that_is_lost_leads_to_a_new_number(server: Loopback) -> None:
    with client_of(server) as client:
        client.get(server.url)
        server.cut = {4}
        reply = client.get(server.url)
        assert (reply.outcome.proved, reply.outcome.nc) == (True, 3)  # 2 was spent on the lost one
        server.cut = {6}
        with pytest.raises((ConnectionError, OSError)):
            client.request("POST", server.url, body=b"x")  # it may have been carried out
        assert client.get(server.url).outcome.nc == 5


def test_no_connection_is_an_os_error(server: Loopback) -> None:
    with running() as gone:
        url = gone.url
    with Client(timeout=5) as client, pytest.raises(OSError):
        client.get(url)


def test_decision_13_an_unproved_response_is_withheld_unless_proofs_are_not_required() -> None:
    with running(realms={}) as server:
        with client_of(server) as client, pytest.raises(UnprovedResponseError, match="require=False"):
            client.get(server.url)
        with client_of(server, require=False) as client:
            reply = client.get(server.url)
            assert (reply.outcome.status, reply.body) == (Status.UNAUTHENTICATED, b"page /")


def test_decision_13_a_stripped_proof_is_withheld_by_the_same_rule(server: Loopback) -> None:
    with client_of(server) as client:
        client.get(server.url)
        server.model.tamper = lambda _, old: response(200, old.channel, set_cookie="a=b")
        with pytest.raises(UnprovedResponseError):
            client.get(server.url)


def test_decision_14_an_unproved_server_error_shows_its_status_and_retry_after_only(server: Loopback) -> None:
    server.model.tamper = lambda kind, old: (
        old if kind == "normal" else response(503, old.channel, retry_after="7", set_cookie="a=b", location="/x")
    )
    with client_of(server, require=False) as client:
        reply = client.get(server.url)
    assert (reply.status, reply.outcome.withheld, reply.body, reply.headers.items()) == (503, True, b"", [("Retry-After", "7")])


def fatal_cases() -> dict[str, tuple[str, object]]:
    return {
        "wrong vks": ("vfy", lambda old: response(200, old.channel, authentication_info=old.fields("Authentication-Info")[0][:-1] + "z")),
        "false vks": ("vfy", lambda old: response(200, old.channel, authentication_info=f"version=1, sid={'0' * 32}, vks={'0' * 64}")),
        "missing vks": ("vfy", lambda old: response(200, old.channel)),
        "redirect": ("vfy", lambda old: response(302, old.channel, location="http://127.0.0.1:9/")),
        "basic": ("kex", lambda old: response(401, old.channel, www_authenticate='Basic realm="x"')),
        "normal": ("kex", lambda old: response(200, old.channel)),
        "broken": ("normal", lambda old: response(401, old.channel, www_authenticate="Mutual realm=a, realm=b")),
    }


@pytest.mark.parametrize("case", fatal_cases())
def test_r195_a_fatal_response_delivers_nothing(server: Loopback, case: str) -> None:
    kind, change = fatal_cases()[case]

    def tamper(asked: str, old: Response) -> Response:
        if asked != kind:
            return old
        changed = change(old)  # type: ignore[operator]  # a function from response to response
        return Response(changed.status, lambda name: ["stolen=secret"] if name == "Set-Cookie" else changed.fields(name), changed.channel)

    server.model.tamper = tamper
    server.page = lambda _: b"poisoned content"
    for require in (True, False):
        with client_of(server, require=require) as client, pytest.raises(RemoteProtocolError) as caught:
            client.get(server.url, follow=5)
        told = repr(caught.value) + str(caught.value) + repr(vars(caught.value))
        assert "poisoned" not in told
        assert "stolen" not in told


def test_auth_required_is_delivered_as_the_401_that_it_is(server: Loopback) -> None:
    with Client() as client:
        reply = client.get(server.url)
        assert (reply.status, reply.outcome.status, reply.outcome.reason.code) == (401, Status.AUTH_REQUIRED, "no-credentials")
    with Client() as client:
        client.mutual.add(server.url, USER, "wrong")
        reply = client.get(server.url)
        assert (reply.status, reply.outcome.reason.code) == (401, "auth-failed")


def test_somebody_is_asked_by_realm_and_origin(server: Loopback) -> None:
    asked: list[AskCredentials] = []

    def ask(action: AskCredentials) -> Credentials:
        asked.append(action)
        return Credentials(USER, PASSWORD)

    with Client(ask=ask) as client:
        assert client.get(server.url).outcome.proved
        assert client.get(server.url).outcome.proved
    assert [(action.realm, action.origin) for action in asked] == [(server.model.realms["/"], server.model.origin)]


def test_decision_20_each_hop_is_a_sequence_and_no_number_is_sent_twice(server: Loopback) -> None:
    def redirect(kind: str, old: Response) -> Response:
        if kind != "vfy" or server.requests[-1][1] != "/old":
            return old
        return Response(302, lambda name: ["/new"] if name == "Location" else old.fields(name), old.channel)

    server.model.tamper = redirect
    with client_of(server) as client:
        reply = client.get(server.url + "old", follow=3)
    assert (reply.url, reply.body) == (server.url + "new", b"page /new")
    assert [(hop.status, hop.outcome.proved) for hop in reply.hops] == [(302, True)]
    numbers = [number for used in server.model.used.values() for number in used]
    assert numbers == [1, 2]


def test_decision_20_credentials_do_not_follow_to_another_origin(server: Loopback) -> None:
    with running() as other:
        server.model.realms = {}
        server.model.tamper = lambda _, old: response(302, old.channel, location=other.url)
        with client_of(server, require=False) as client:
            reply = client.request("GET", server.url, headers={"Cookie": "a=b"}, follow=3)
        assert reply.outcome.reason.code == "no-credentials"
        assert other.requests == [("GET", "/", b"", False)]


def test_the_caller_cannot_write_authorization(server: Loopback) -> None:
    with client_of(server) as client, pytest.raises(ValueError, match="Authorization"):
        client.request("GET", server.url, headers={"authorization": "Basic x"})


def test_interim_responses_are_skipped_with_their_fields(server: Loopback) -> None:
    server.interim = True
    with client_of(server) as client:
        reply = client.get(server.url)
        assert (reply.outcome.proved, reply.status) == (True, 200)


def test_log_out_forgets_and_loads_a_page_that_was_got_plainly(server: Loopback) -> None:
    with client_of(server) as client:
        first = client.get(server.url)
        reply = client.log_out(first)
        assert reply is not None
        assert (reply.status, reply.outcome.status) == (401, Status.AUTH_REQUIRED)
        assert not server.requests[-1][3]
        client.mutual.add(server.url, USER, PASSWORD)
        count = len(server.requests)
        posted = client.request("POST", server.url, body=b"x")
        sent = len(server.requests) - count
        assert client.log_out(posted) is None
        assert len(server.requests) == count + sent


def test_threads_share_sessions(server: Loopback) -> None:
    with client_of(server) as client, ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: client.get(server.url), range(40)))
    assert all(reply.outcome.proved for reply in replies)
    assert server.model.log.count("kex") == 1


def test_https_binds_to_the_certificate_of_the_connection(tmp_path: Path) -> None:
    certificate, key, der = make_certificate(tmp_path)
    context = ssl.create_default_context(cafile=str(certificate))
    with running(tls=(certificate, key), certificate=der) as server:
        with client_of(server, context=context) as client:
            assert client.get(server.url).outcome.proved
            assert client.get(server.url).outcome.requests == 1
        assert server.connections == 1


def test_row_31_https_a_server_with_another_certificate_cannot_relay(tmp_path: Path) -> None:
    certificate, key, _ = make_certificate(tmp_path, "front")
    _, _, behind = make_certificate(tmp_path, "behind")
    context = ssl.create_default_context(cafile=str(certificate))
    with running(tls=(certificate, key), certificate=behind) as server, client_of(server, context=context) as client:
        reply = client.get(server.url)
        assert (reply.outcome.status, reply.outcome.reason.code) == (Status.AUTH_REQUIRED, "auth-failed")


def test_an_untrusted_certificate_gets_nothing(tmp_path: Path) -> None:
    certificate, key, der = make_certificate(tmp_path)
    with running(tls=(certificate, key), certificate=der) as server, client_of(server) as client:
        with pytest.raises(ssl.SSLCertVerificationError):
            client.get(server.url)
        assert server.requests == []


def test_wrong_urls_are_refused_before_anything_is_sent(server: Loopback) -> None:
    with client_of(server) as client:
        for url in ("ftp://x/", "/page", "http://u:p@127.0.0.1/", ""):
            with pytest.raises(ValueError):
                client.get(url)


def test_errors_of_ours_are_one_family(server: Loopback) -> None:
    assert issubclass(UnprovedResponseError, Kam3Error)
    assert realm_at(server.model.origin) == server.model.realms["/"]
