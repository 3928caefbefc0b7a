"""HTTP Mutual authentication through uvicorn, hypercorn and gunicorn, over loopback TCP and over TLS 1.3 (catalogue, rows 51 and 52)."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

import kam3
from kam3.adapters.stdlib import Client
from kam3.errors import UnprovedResponseError
from kam3.mutual.client_actions import Status
from kam3.mutual.messages import Init, KexC1, KexS1, Stale, VfyC, parse_challenge, parse_info, read_challenges, read_info, serialize
from kam3.mutual.realms import Origin
from kam3.mutual.validation import Channel, vh_of
from tests.servers.processes import COMMANDS, PATIENCE, Raw, Site, message_of, pi_of
from tests.servers.site import PASSWORD, USER, leaf_of

certificates = pytest.importorskip("tests.mutual.certificates", reason="certificates are made with cryptography")


@pytest.fixture(scope="module", params=COMMANDS)
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    made = Site(request.param, limited=False)
    yield made
    made.stop()


@pytest.fixture(scope="module", params=COMMANDS)
def tls(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, str]]:
    chain, key, authority = certificates.chain_files(tmp_path_factory.mktemp("tls"))
    made = Site(request.param, tls=(chain, key), limited=False)
    yield made, authority
    made.stop()


@pytest.fixture
def client(site: Site) -> Iterator[Client]:
    with site.client() as client:
        yield client


def test_a_login_and_its_session(site: Site, client: Client) -> None:
    first, *others = [client.get(site.url + "/") for _ in range(3)]
    assert (first.status, first.outcome.status, first.outcome.requests) == (200, Status.AUTH_SUCCEED, 3)
    assert [reply.outcome.requests for reply in others] == [1, 1]
    assert json.loads(first.body)["user"] == USER


def test_tls_1_3_with_a_chain(tls: tuple[Site, str]) -> None:
    """Client and server hash the server's own certificate, not its authority's: tls-server-end-point (RFC 8120 section 7)."""
    site, authority = tls
    with site.client(authority=authority) as client:
        replies = [client.get(site.url + "/bind") for _ in range(2)]
        assert [reply.outcome.requests for reply in replies] == [3, 1]
        bound = json.loads(replies[1].body)
        assert (bound["b1"], bound["b2"]) == (replies[1].outcome.b1(b"t").hex(), replies[1].outcome.b2(b"t").hex())
        body = client.request("POST", site.url + "/echo", body=b"x" * 1000).body
        assert body == b"x" * 1000
    with site.client(authority=authority, password="wrong") as client:
        reply = client.get(site.url + "/")
        assert (reply.status, reply.outcome.reason.code) == (401, "auth-failed")


def test_a_server_that_tls_does_not_identify_has_to_prove_every_response(tls: tuple[Site, str]) -> None:
    """With no authority for its certificate, the proof is all that tells the server from another one (RFC 8120 section 7.1)."""
    site, _ = tls
    with Client(timeout=PATIENCE, context=ssl._create_unverified_context()) as client:
        client.mutual.add(site.url, USER, PASSWORD)
        assert client.get(site.url + "/").outcome.proved
        with pytest.raises(UnprovedResponseError):
            client.get(site.url + "/open")


def test_a_wrong_password_is_refused_and_nothing_runs(site: Site) -> None:
    before = len(site.ran())
    with site.client(password="wrong") as client:
        reply = client.get(site.url + "/")
    assert (reply.status, reply.outcome.status, reply.outcome.reason.code) == (401, Status.AUTH_REQUIRED, "auth-failed")
    assert len(site.ran()) == before


@pytest.mark.parametrize("method, path, status", [("HEAD", "/", 200), ("GET", "/empty", 204), ("GET", "/unchanged", 304)])
def test_row_51_responses_without_a_body_are_proved(site: Site, client: Client, method: str, path: str, status: int) -> None:
    for _ in range(2):
        reply = client.request(method, site.url + path)
        assert (reply.status, reply.body, reply.outcome.proved) == (status, b"", True)


def test_row_51_a_streamed_response_is_proved_before_its_body(site: Site, client: Client) -> None:
    reply = client.get(site.url + "/stream")
    assert (reply.body, reply.outcome.proved) == (b"".join(b"part %d\n" % number for number in range(20)), True)
    assert len(reply.headers.get_all("Authentication-Info", [])) == 1


@pytest.mark.parametrize("body", [b"", b"abc", b"x" * 200_000, [b"one ", b"two"]], ids=["empty", "small", "large", "streamed"])
def test_row_51_a_body_arrives_once_and_whole(site: Site, client: Client, body: bytes | list[bytes]) -> None:
    before = len(site.ran())
    reply = client.request("POST", site.url + "/echo", body=body if isinstance(body, bytes) else iter(body))
    assert (reply.status, reply.body, reply.outcome.proved) == (200, body if isinstance(body, bytes) else b"".join(body), True)
    assert len(site.ran()) == before + 1


def test_row_52_an_exception_becomes_a_proved_500_and_the_number_stays_consumed(site: Site, client: Client) -> None:
    reply = client.get(site.url + "/fail")
    assert (reply.status, reply.outcome.proved) == (500, True)
    assert b"always fails" not in reply.body
    assert client.get(site.url + "/").outcome.requests == 1
    raw = Raw(site).begin()
    assert raw.ask(raw.header(1), "/fail").status == 500
    assert isinstance(message_of(raw.ask(raw.header(1))), Stale)


def test_decision_16_a_401_of_the_application_becomes_403(site: Site, client: Client) -> None:
    reply = client.get(site.url + "/challenge")
    assert (reply.status, reply.outcome.proved) == (403, True)


def _interims_and_final(site: Site, authorization: str) -> tuple[list[bytes], bytes]:
    """Send a POST that waits for 100 (Continue) before its body; return the interim and the final header section."""
    with socket.create_connection(("127.0.0.1", int(site.url.rpartition(":")[2])), PATIENCE) as connection:
        head = f"POST /echo HTTP/1.1\r\nHost: {site.url[7:]}\r\nContent-Length: 3\r\nExpect: 100-continue\r\n{authorization}\r\n"
        connection.sendall(head.encode())
        stream = connection.makefile("rb")
        interims = []
        while True:
            section = b""
            while (line := stream.readline()) not in (b"\r\n", b""):
                section += line
            if not section.startswith(b"HTTP/1.1 100"):
                return interims, section
            interims.append(section)
            connection.sendall(b"abc")


def test_decision_18_expect_100_continue(site: Site) -> None:
    raw = Raw(site).begin()
    interims, final = _interims_and_final(site, f"Authorization: {raw.header(1)}\r\n")
    assert len(interims) == 1
    assert b"authentication-info" not in interims[0].lower()
    assert final.startswith(b"HTTP/1.1 200")
    assert final.lower().count(b"authentication-info") == 1
    interims, final = _interims_and_final(site, "")
    assert final.startswith(b"HTTP/1.1 401")
    if site.kind.startswith("uvicorn"):  # the others ask for the body before any application runs
        assert interims == []


def test_log_out_ends_the_session_on_both_sides(site: Site, client: Client) -> None:
    reply = client.get(site.url + "/logout")
    assert reply.outcome.proved
    assert reply.outcome.control.logout_timeout == 0
    raw = Raw(site).begin()
    raw.check(raw.ask(raw.header(1), "/logout").headers.get_all("Authentication-Info"), 1)
    assert isinstance(message_of(raw.ask(raw.header(2))), Stale)


def test_reauthenticate_asks_for_the_password_and_deny_does_not(site: Site, client: Client) -> None:
    assert client.get(site.url + "/").outcome.proved
    reply = client.get(site.url + "/again")
    assert (reply.status, reply.outcome.reason.code) == (401, "reauth-needed")
    assert client.get(site.url + "/").outcome.status is Status.AUTH_REQUIRED  # the password was forgotten
    with site.client() as other:
        assert (denied := other.get(site.url + "/deny")).status == 403
        assert denied.outcome.reason.code == "authz-failed"
        assert other.get(site.url + "/").outcome.proved
    raw = Raw(site).begin()
    assert message_of(raw.ask(raw.header(1), "/again")) == Init(site.realm, "host", "reauth-needed")
    assert isinstance(message_of(raw.ask(raw.header(2))), Stale)


def test_open_and_optional_pages(site: Site, client: Client) -> None:
    with pytest.raises(UnprovedResponseError):
        client.get(site.url + "/open")
    assert Raw(site).ask(path="/open").status == 200
    stranger = Raw(site).ask(path="/optional")
    assert (stranger.status, json.loads(stranger.content)["user"]) == (200, None)  # type: ignore[attr-defined]
    assert stranger.getheader("Optional-WWW-Authenticate", "").startswith("Mutual ")
    assert json.loads(client.get(site.url + "/optional").body)["user"] == USER


def test_a_forged_remote_user_does_not_arrive(site: Site) -> None:
    raw = Raw(site).begin()
    raw.extra = {"Remote-User": "mallory", "X-Forwarded-For": "192.0.2.1", "X_Remote_User": "mallory"}
    answered = json.loads(raw.ask(raw.header(1)).content)  # type: ignore[attr-defined]
    assert (answered["user"], answered["peer"]) == (USER, "127.0.0.1")


def test_http_2_by_hypercorn(tmp_path: Path) -> None:
    """The middleware sees the same request: the authority stands for the Host field, and the proof is in the fields of the answer."""
    httpx = pytest.importorskip("httpx", reason="needs a client that speaks HTTP/2")
    pytest.importorskip("h2", reason="needs h2")
    chain, key, authority = certificates.chain_files(tmp_path)
    site = Site("hypercorn", tls=(chain, key), limited=False)
    der = leaf_of(chain)
    vh, method = vh_of(Channel(Origin.parse(site.url), der)), "tls-server-end-point"
    try:
        with httpx.Client(http1=False, http2=True, verify=ssl.create_default_context(cafile=authority), timeout=PATIENCE) as client:
            with kam3.ClientExchange(kam3.EC_P256, pi_of(site.realm)) as exchange:
                opened = client.get(site.url, headers={"Authorization": serialize(KexC1(site.realm, method, USER, exchange.kc1))})
                challenge = parse_challenge(read_challenges(opened.headers.get_list("WWW-Authenticate")).mutual or {})
                assert isinstance(challenge, KexS1)
                session = exchange.finish(challenge.ks1)
            for nc in (1, 2):
                header = serialize(VfyC(site.realm, method, challenge.sid, nc, session.vkc(nc, vh)))
                answer = client.get(site.url, headers={"Authorization": header})
                assert (answer.http_version, answer.status_code, answer.json()["user"]) == ("HTTP/2", 200, USER)
                info = read_info(answer.headers.get_list("Authentication-Info"))
                session.verify_vks(parse_info(info or {}, site.realm.algorithm).vks, nc, vh)
    finally:
        site.stop()
