"""Proxies (RFC 8120 section 14): the machines of client and server with the other header set, against each other and against liars."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

import kam3
from kam3.errors import LocalProtocolError, RemoteProtocolError
from kam3.mutual.actions import run
from kam3.mutual.client import MutualClient
from kam3.mutual.client_actions import AskCredentials, Credentials, Outcome, Response, Send, Status
from kam3.mutual.extensions import Control
from kam3.mutual.messages import PROXY, Init, KexC1, VfyC, parse_challenge, parse_request, read_challenges, read_credentials, serialize
from kam3.mutual.outcomes import Answered, Forwarded, Headers, Request
from kam3.mutual.realms import Origin, Realm
from kam3.mutual.server import MutualServer
from kam3.mutual.spaces import ServedOrigin, Space
from kam3.mutual.validation import Channel
from kam3.stores.memory import MemorySessionTable
from tests.mutual.certificates import certificate
from tests.mutual.model import Ask, handler, j_of
from tests.mutual.serving import Bench

HOST, PROXY_URL = "proxy.example", "http://proxy.example:3128"
REALM = Realm(kam3.EC_P256.token, HOST, "Way out")
USER, PASSWORD = "peter", "proxy horse"
#: Two pages on two servers.
HERE, THERE = "http://site.example/a", "https://other.example:8443/"

Change = Callable[[str, int, Headers], "tuple[int, Headers]"]


def unchanged(kind: str, status: int, headers: Headers) -> tuple[int, Headers]:
    return status, headers


@dataclass
class Proxy:
    """A proxy, and the origins behind it."""

    url: str = PROXY_URL
    realm: Realm = REALM
    certificate: bytes | None = None
    bench: Bench = field(default_factory=Bench)
    origin: tuple[int, Headers] = (200, ())  # what the origins answer
    change: Change = unchanged  # what the client gets instead, by the kind of its request
    seen: list[tuple[str, int]] = field(default_factory=list)  # kinds of requests, and the statuses of their answers
    sent: list[Headers] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        origin = ServedOrigin(self.url, () if self.certificate is None else (self.certificate,))
        self.bench.server = MutualServer([Space(self.realm)], [origin], proxy=True)
        self.bench.users.put(self.realm, USER, j_of(self.realm, USER, PASSWORD))

    def ask(self, *authorization: str, method: str = "GET") -> Answered | Forwarded:
        own = Origin.parse(self.url)
        request = Request(method, own.scheme, f"{own.host}:{own.port}", "/", authorization, "192.0.2.7")
        return run(self.bench.server.flow(request), self.bench.handle)

    def answer(self, send: Send) -> Response:
        lines = () if send.authorization is None else (send.authorization,)
        kind = "normal"
        parameters = read_credentials(lines, PROXY)
        if parameters is not None:
            message = parse_request(parameters)
            kind = "kex" if isinstance(message, KexC1) else "vfy"
            if isinstance(message, VfyC):
                self.numbers.append(message.nc)
        outcome = self.ask(*lines)
        if isinstance(outcome, Answered):
            status, headers = outcome.status, outcome.headers
        else:
            status, headers, _ = self.bench.server.conclude(outcome, *self.origin)
        status, headers = self.change(kind, status, headers)
        self.seen.append((kind, status))
        self.sent.append(headers)
        return Response(
            status,
            lambda name: [value for known, value in headers if known.lower() == name.lower()],
            Channel(Origin.parse(self.url), self.certificate),
        )

    def fetch(self, client: MutualClient, url: str = HERE, method: str = "GET", ask: Ask | None = None, once: bool = False) -> Outcome:
        return run(client.sequence(method, url, once=once), handler(self.answer, ask))


def client_of(url: str = PROXY_URL, password: str = PASSWORD) -> MutualClient:
    client = MutualClient(proxy=url)
    client.add(url, USER, password)
    return client


@pytest.fixture
def proxy() -> Proxy:
    return Proxy()


def names(headers: Headers) -> set[str]:
    return {name for name, _ in headers}


def test_r255_407_stands_where_401_does(proxy: Proxy) -> None:
    assert proxy.fetch(client_of()).proved
    assert proxy.seen == [("normal", 407), ("kex", 407), ("vfy", 200)]


def test_r255_every_refusal_of_the_server_is_a_407(proxy: Proxy) -> None:
    client = client_of()
    proxy.fetch(client)
    proxy.bench.table = MemorySessionTable(clock=proxy.bench.clock)
    assert proxy.fetch(client).proved
    assert proxy.fetch(client_of(password="wrong")).reason.code == "auth-failed"
    assert {status for _, status in proxy.seen} == {407, 200}
    outcome = proxy.ask("Mutual realm=")
    assert isinstance(outcome, Answered)
    assert outcome.status == 407


def test_r256_to_r258_the_fields_are_those_of_proxies_and_no_others(proxy: Proxy) -> None:
    assert proxy.fetch(client_of()).proved
    assert [names(headers) - {"Cache-Control"} for headers in proxy.sent] == [
        {"Proxy-Authenticate"},
        {"Proxy-Authenticate"},
        {"Proxy-Authentication-Info"},
    ]


@pytest.mark.parametrize("status", [200, 204, 302, 304, 401, 403, 404, 500, 503])
def test_decision_24_every_answer_but_407_carries_the_proof_an_origins_401_too(proxy: Proxy, status: int) -> None:
    theirs = (("WWW-Authenticate", 'Basic realm="x"'), ("Authentication-Info", "version=1, sid=00, vks=00"), ("Cache-Control", "public"))
    proxy.origin = (status, theirs)
    outcome = proxy.fetch(client_of())
    assert (outcome.status, proxy.seen[-1]) == (Status.AUTH_SUCCEED, ("vfy", status))
    assert set(theirs) <= set(proxy.sent[-1]), "what is between client and origin passes as it is"


def test_decision_24_a_407_of_an_origin_is_none_of_ours(proxy: Proxy) -> None:
    proxy.origin = (407, (("Proxy-Authenticate", "Basic"), ("Proxy-Authentication-Info", "x=y")))
    assert proxy.fetch(client_of()).proved
    assert proxy.seen[-1] == ("vfy", 502)
    assert [name for name, _ in proxy.sent[-1]] == ["Proxy-Authentication-Info"]


def test_a_wrong_password_is_refused_and_forgotten(proxy: Proxy) -> None:
    client = client_of(password="wrong")
    outcome = proxy.fetch(client)
    assert (outcome.status, outcome.reason.code) == (Status.AUTH_REQUIRED, "auth-failed")
    assert outcome.reason.text.startswith(f"proxy {PROXY_URL}: ")
    assert proxy.fetch(client).reason.code == "bad-credentials"


def test_an_unknown_user_looks_like_any_other(proxy: Proxy) -> None:
    client = MutualClient(proxy=PROXY_URL)
    client.add(PROXY_URL, "nobody", PASSWORD)
    assert proxy.fetch(client).reason.code == "auth-failed"
    assert proxy.seen == [("normal", 407), ("kex", 407), ("vfy", 407)]


def moved(kind: str, change: Callable[[int, Headers], tuple[int, Headers]]) -> Change:
    return lambda asked, status, headers: change(status, headers) if asked == kind else (status, headers)


def renamed(headers: Headers, old: str, new: str) -> Headers:
    return tuple([(new if name == old else name, value) for name, value in headers])


FATAL: dict[str, Change] = {
    "a key exchange by 401": moved("kex", lambda _, headers: (401, headers)),
    "a key exchange in WWW-Authenticate": moved(
        "kex", lambda status, headers: (status, renamed(headers, "Proxy-Authenticate", "WWW-Authenticate"))
    ),
    "a proof by 407": moved("vfy", lambda _, headers: (407, headers)),
    "a proof in Authentication-Info": moved(
        "vfy", lambda status, headers: (status, renamed(headers, "Proxy-Authentication-Info", "Authentication-Info"))
    ),
    "no proof": moved("vfy", lambda status, _: (status, ())),
    "a wrong proof": moved("vfy", lambda status, headers: (status, (("Proxy-Authentication-Info", wrong(headers)),))),
    "an origin's challenge instead": moved("vfy", lambda _, __: (401, (("WWW-Authenticate", "Basic"),))),
}


def wrong(headers: Headers) -> str:
    return dict(headers)["Proxy-Authentication-Info"].rpartition("=")[0] + "=" + "00" * 32


@pytest.mark.parametrize("case", FATAL)
def test_row_83_what_is_not_in_the_fields_of_a_proxy_does_not_count(proxy: Proxy, case: str) -> None:
    proxy.change = FATAL[case]
    with pytest.raises(RemoteProtocolError) as caught:
        proxy.fetch(client_of())
    assert str(caught.value).startswith(f"proxy {PROXY_URL}: ")
    assert caught.value.code == ("server-not-proved" if case == "a wrong proof" else "unexpected-response")


def test_row_83_a_client_for_origins_does_not_answer_a_407(proxy: Proxy) -> None:
    client = MutualClient()
    client.add(PROXY_URL, USER, PASSWORD)
    outcome = run(client.sequence("GET", f"{PROXY_URL}/"), handler(proxy.answer))
    assert (outcome.status, outcome.requests) == (Status.UNAUTHENTICATED, 1)


def test_row_83_a_client_for_a_proxy_does_not_answer_a_401(proxy: Proxy) -> None:
    challenge = serialize(Init(REALM, "host", "initial"))
    proxy.change = lambda *_: (401, (("WWW-Authenticate", challenge), ("Optional-WWW-Authenticate", challenge)))
    outcome = proxy.fetch(client_of())
    assert (outcome.status, outcome.requests) == (Status.UNAUTHENTICATED, 1)


def test_row_83_clients_for_proxies_and_origins_share_nothing(proxy: Proxy) -> None:
    client, plain = client_of(), MutualClient()
    proxy.fetch(client)
    assert client.realm_of(HERE) == REALM
    assert plain.realm_of(HERE) is None
    asked: list[AskCredentials] = []
    outcome = proxy.fetch(MutualClient(proxy=PROXY_URL), ask=lambda action: asked.append(action))  # type: ignore[func-returns-value]  # None is the answer
    assert (outcome.reason.code, [(ask.proxy, ask.origin) for ask in asked]) == ("no-credentials", [(True, Origin.parse(PROXY_URL))])


def test_row_83_a_session_with_a_proxy_is_none_with_an_origin_at_its_address(proxy: Proxy) -> None:
    server = MutualServer([Space(REALM)], [PROXY_URL])  # the scope of a host is one for its servers, too
    client = client_of()
    proxy.fetch(client)
    steps = client.sequence("GET", HERE)
    send = steps.send(None)
    assert isinstance(send, Send)
    assert send.authorization is not None
    request = Request("GET", "http", "proxy.example:3128", "/", (send.authorization,), "192.0.2.7")
    outcome = run(server.flow(request), proxy.bench.handle)
    assert isinstance(outcome, Answered)
    (challenge,) = [value for name, value in outcome.headers if name == "WWW-Authenticate"]
    assert "reason=stale-session" in challenge
    assert isinstance(proxy.ask(send.authorization), Forwarded), "where it belongs, it counts"
    steps.close()


@pytest.mark.parametrize("scope", [PROXY_URL, "http://proxy.example", "*.example.com", "other.example"])
def test_r259_a_server_refuses_another_scope_than_its_host(scope: str) -> None:
    with pytest.raises(ValueError, match=r"must be its host name, proxy\.example"):
        MutualServer([Space(REALM._replace(auth_scope=scope))], [PROXY_URL], proxy=True)


@pytest.mark.parametrize("scope", [PROXY_URL, "*.proxy.example", "other.example"])
def test_r259_a_client_takes_no_other_scope_than_the_host(proxy: Proxy, scope: str) -> None:
    challenge = serialize(Init(REALM._replace(auth_scope=scope), "host", "initial"))
    proxy.change = lambda *_: (407, (("Proxy-Authenticate", challenge),))
    outcome = proxy.fetch(client_of())
    assert (outcome.status, outcome.reason.code) == (Status.AUTH_REQUIRED, "unusable-challenge")
    with pytest.raises(ValueError, match="scope"):
        MutualClient(proxy=PROXY_URL).add(PROXY_URL, USER, PASSWORD, realm=REALM._replace(auth_scope=scope))


def test_r259_a_scope_that_is_left_out_is_the_host(proxy: Proxy) -> None:
    challenge = serialize(Init(REALM._replace(auth_scope=""), "host", "initial"))
    proxy.change = moved("normal", lambda *_: (407, (("Proxy-Authenticate", challenge),)))
    outcome = proxy.fetch(client_of())
    assert (outcome.proved, outcome.realm) == (True, REALM)


def with_path(path: str) -> Change:
    return moved("kex", lambda status, headers: (status, tuple([(name, f'{value}, path="{path}"') for name, value in headers])))


def test_r260_paths_have_no_limits(proxy: Proxy) -> None:
    proxy.change = with_path("http://site.example/a https://other.example:8443/ /own")
    client = client_of()
    assert proxy.fetch(client).proved
    for url in (f"{HERE}/b", f"{THERE}c", f"{PROXY_URL}/own"):
        assert client.realm_of(url) == REALM
    for url in ("http://site.example/b", "http://third.example/a"):
        assert client.realm_of(url) is None


def test_r261_without_path_all_requests_are_covered(proxy: Proxy) -> None:
    client = client_of()
    proxy.fetch(client)
    challenge = parse_challenge(read_challenges([value for _, value in proxy.sent[1]][:1], PROXY).mutual or {})
    assert getattr(challenge, "path", "") is None
    for url in (THERE, "http://third.example/", HERE):
        outcome = proxy.fetch(client, url, "CONNECT" if url.startswith("https") else "GET")
        assert (outcome.proved, outcome.requests) == (True, 1)


def test_r261_the_last_rule_is_no_more_than_a_hint(proxy: Proxy) -> None:
    client = client_of()
    proxy.fetch(client)
    proxy.change = lambda *_: (200, ())
    outcome = proxy.fetch(client, THERE)
    assert (outcome.status, outcome.reason.code) == (Status.UNAUTHENTICATED, "normal-response")


def test_r262_proofs_are_for_scheme_host_and_port_of_the_proxy(proxy: Proxy) -> None:
    # A proxy that relays what it gets to another one: the client proves itself for the first.
    relay = Proxy(url="http://proxy.example:9", bench=proxy.bench)
    relay.bench.server = MutualServer([Space(REALM)], [PROXY_URL], proxy=True)
    relay.ask = proxy.ask  # type: ignore[method-assign]  # that is what it does
    outcome = relay.fetch(client_of("http://proxy.example:9"))
    assert outcome.reason.code == "auth-failed"
    assert proxy.fetch(client_of(), THERE).proved, "and never for the origin"


def test_r262_an_https_proxy_is_known_by_its_certificate() -> None:
    url = "https://proxy.example:3128"
    proxy = Proxy(url=url, certificate=certificate("p256", "SHA256", host=HOST))
    assert proxy.fetch(client_of(url)).proved
    (first, *_) = proxy.sent[0]
    assert "validation=tls-server-end-point" in first[1]
    other = Proxy(url=url, certificate=certificate("p256", "SHA256", host=HOST, serial=2), bench=proxy.bench)
    other.ask = Proxy(url=url, certificate=proxy.certificate).ask  # type: ignore[method-assign]
    assert other.fetch(client_of(url)).reason.code == "auth-failed"


RFC_8053 = (
    ("Authentication-Control", f'Mutual realm="{REALM.realm}", no-auth=true, username="other"'),
    ("Authentication-Control", f'Mutual realm="{REALM.realm}", logout-timeout=0, location-when-logout="http://site.example/bye"'),
    ("Optional-WWW-Authenticate", serialize(Init(REALM, "host", "initial"))),
)


def test_r263_a_client_ignores_rfc_8053_at_a_proxy(proxy: Proxy) -> None:
    proxy.change = lambda _, status, headers: (status, headers + RFC_8053)
    hints: list[Control] = []

    def ask(action: AskCredentials) -> Credentials:
        hints.append(action.hints)
        return Credentials(USER, PASSWORD)

    client = MutualClient(proxy=PROXY_URL)
    first = proxy.fetch(client, ask=ask)
    assert (first.proved, first.control, hints) == (True, None, [Control()])
    assert proxy.fetch(client).requests == 1, "nobody was logged out"
    assert client.log_out(REALM) is None


def test_r263_an_offer_is_no_challenge_at_a_proxy(proxy: Proxy) -> None:
    proxy.change = lambda *_: (200, RFC_8053)
    outcome = proxy.fetch(client_of())
    assert (outcome.status, outcome.reason.code, outcome.requests) == (Status.UNAUTHENTICATED, "normal-response", 1)


@pytest.mark.parametrize("space", [Space(REALM, optional=True), Space(REALM, control=Control(no_auth=True))])
def test_r263_a_server_refuses_rfc_8053_for_a_proxy(space: Space) -> None:
    with pytest.raises(ValueError, match="RFC 8053"):
        MutualServer([space], [PROXY_URL], proxy=True)


@pytest.mark.parametrize("space", [Space(None), Space(REALM, ("/a",))])
def test_a_proxy_protects_all_or_nothing(space: Space) -> None:
    with pytest.raises(ValueError, match="protect all"):
        MutualServer([space], [PROXY_URL], proxy=True)


def test_another_log_in_and_a_missing_right_are_asked_for_in_the_fields_of_proxies(proxy: Proxy) -> None:
    client = client_of()
    proxy.fetch(client)
    steps = client.sequence("GET", HERE)
    send = steps.send(None)
    assert isinstance(send, Send)
    forwarded = proxy.ask(send.authorization or "")
    steps.close()
    assert isinstance(forwarded, Forwarded)
    again, denied = proxy.bench.server.reauthenticate(forwarded), proxy.bench.server.deny(forwarded)
    assert [answer.status for answer in (again, denied)] == [407, 403]
    assert [answer.headers[0][0] for answer in (again, denied)] == ["Proxy-Authenticate"] * 2


def test_credentials_of_a_proxy_are_for_its_url_alone() -> None:
    with pytest.raises(ValueError, match="for the proxy"):
        MutualClient(proxy=PROXY_URL).add("http://site.example/", USER, PASSWORD)
    with pytest.raises(ValueError, match="http or https"):
        MutualClient(proxy="socks5://proxy.example")


def test_a_channel_to_anything_but_the_proxy_is_refused(proxy: Proxy) -> None:
    steps = client_of().sequence("GET", HERE, channel=Channel(Origin.parse(HERE)))
    with pytest.raises(LocalProtocolError, match="proxy.example"):
        steps.send(None)


def test_what_can_be_sent_once_is_sent_when_the_proxy_is_known(proxy: Proxy) -> None:
    probes: list[tuple[bool, str]] = []

    def answer(send: Send) -> Response:
        response = proxy.answer(send)
        probes.append((send.probe, proxy.seen[-1][0]))
        return response

    assert run(client_of().sequence("POST", HERE, once=True), handler(answer)).proved
    assert probes == [(True, "normal"), (True, "kex"), (False, "vfy")]


def test_numbers_are_never_repeated_under_threads(proxy: Proxy) -> None:
    client = client_of()
    proxy.fetch(client)
    urls: Iterator[str] = iter([f"http://site{number % 7}.example/{number}" for number in range(200)])
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda url: proxy.fetch(client, url).proved, urls))
    assert sorted(proxy.numbers) == list(range(1, 202))


def test_accepted_requests_and_no_others_lead_to_a_proof(proxy: Proxy) -> None:
    for authorization in ((), ("Mutual realm=",), ("Basic x",)):
        outcome = proxy.ask(*authorization)
        assert isinstance(outcome, Answered)
        assert "Proxy-Authentication-Info" not in names(outcome.headers)
