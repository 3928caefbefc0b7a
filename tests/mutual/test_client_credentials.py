"""Whose the credentials are, what the reasons of a server do to them, and what it may say about a log-in."""

from __future__ import annotations

import gc
import logging
from typing import Any

import pytest

import kam3
from kam3.errors import RemoteProtocolError
from kam3.mutual.client import MutualClient
from kam3.mutual.client_actions import AskCredentials, Credentials, Outcome, Response, Send, Status, Wait
from kam3.mutual.extensions import Control
from kam3.mutual.messages import Init, serialize
from kam3.mutual.realms import Origin, Realm
from tests.mutual.model import ORIGIN, PASSWORD, URL, USER, ModelServer, Walk, client_for, fetch, realm_at, response


def answer(walk: Walk, server: ModelServer, url: str = URL) -> None:
    assert isinstance(walk.action, Send)
    walk.feed(server.answer(walk.action.authorization, url))


def test_decision_21_credentials_serve_one_realm_at_a_time_until_one_has_proved_itself() -> None:
    server = ModelServer(realms={"/a": realm_at(name="A"), "/b": realm_at(name="B")})
    client = client_for(server)
    first, second = Walk(client, f"{ORIGIN}/a"), Walk(client, f"{ORIGIN}/b")
    answer(first, server, f"{ORIGIN}/a")
    answer(second, server, f"{ORIGIN}/b")
    assert isinstance(first.action, Send)
    assert isinstance(second.action, Wait)
    answer(first, server, f"{ORIGIN}/a")
    answer(first, server, f"{ORIGIN}/a")
    assert second.action.ticket.done()
    second.feed(None)
    assert isinstance(second.action, AskCredentials)  # they are the first one's now
    second.feed(None)
    assert second.outcome is not None
    assert second.outcome.reason.code == "other-realm"
    assert server.log.count("kex") == 1


def test_decision_21_credentials_of_a_realm_that_did_not_prove_itself_are_free_again() -> None:
    server = ModelServer(realms={"/a": realm_at(name="A"), "/b": realm_at(name="B")})
    client = client_for(server)
    walk = Walk(client, f"{ORIGIN}/a")
    answer(walk, server, f"{ORIGIN}/a")
    walk.feed(response(503, server.channel))
    assert fetch(client, server, f"{ORIGIN}/b").proved


def test_of_several_answers_to_one_question_the_first_counts() -> None:
    server = ModelServer()
    client = MutualClient()
    walks = [Walk(client), Walk(client)]
    for walk in walks:
        answer(walk, server)
        assert isinstance(walk.action, AskCredentials)
    for walk in walks:
        walk.feed(Credentials(USER, PASSWORD))
    assert isinstance(walks[1].action, Wait)
    answer(walks[0], server)
    answer(walks[0], server)
    walks[1].feed(None)
    answer(walks[1], server)
    assert all(walk.outcome is not None and walk.outcome.proved for walk in walks)
    assert server.log.count("kex") == 1


@pytest.mark.parametrize("realm", [realm_at(scope="other.example"), realm_at(scope="SITE.example"), realm_at()._replace(algorithm="x")])
def test_credentials_for_a_realm_that_cannot_be_at_the_origin_are_refused(realm: Realm) -> None:
    with pytest.raises((ValueError, kam3.UnknownAlgorithmError)):
        MutualClient().add(URL, USER, PASSWORD, realm=realm)


def test_credentials_that_name_their_realm_are_used_in_no_other() -> None:
    server = ModelServer(realms={"/a": realm_at(name="A"), "/b": realm_at(name="B")})
    client = MutualClient()
    client.add(URL, USER, PASSWORD, realm=realm_at(name="B"))
    outcome = fetch(client, server, f"{ORIGIN}/a")
    assert server.log == ["kex"]  # expected everywhere, answered for another realm
    assert (outcome.status, outcome.reason.code) == (Status.AUTH_REQUIRED, "other-realm")


def test_r206_refused_credentials_are_not_tried_again_until_they_are_changed() -> None:
    server = ModelServer()
    client = client_for(server, "wrong")
    assert fetch(client, server).reason.code == "auth-failed"
    server.log.clear()
    assert fetch(client, server).reason.code == "bad-credentials"
    assert server.log == ["normal"]
    client.add(URL, USER, PASSWORD)
    assert fetch(client, server).proved


def test_r206_refused_answers_of_a_person_are_asked_for_again() -> None:
    server = ModelServer()
    passwords = iter(["wrong", PASSWORD])
    client = MutualClient()

    def ask(_: AskCredentials) -> Credentials:
        return Credentials(USER, next(passwords))

    assert fetch(client, server, ask=ask).reason.code == "auth-failed"
    assert fetch(client, server, ask=ask).proved
    assert fetch(client, server, ask=ask).requests == 1  # nobody is asked again


@pytest.mark.parametrize("reason", ["auth-failed", "reauth-needed", "initial", "user-unknown", "-x.example.com"])
@pytest.mark.parametrize("kind", ["kex", "vfy"])
def test_decision_22_credentials_are_forgotten(reason: str, kind: str) -> None:
    server = ModelServer()
    server.tamper = lambda asked, old: server.init(server.realms["/"], reason) if asked == kind else old
    client = client_for(server)
    outcome = fetch(client, server)
    assert (outcome.status, outcome.reason.wire) == (Status.AUTH_REQUIRED, reason)
    assert outcome.reason.code == ("reauth-needed" if reason == "reauth-needed" else "auth-failed")
    credential = client._memory.given(ORIGIN)
    assert credential is not None
    assert not credential.usable
    assert credential._password is None


@pytest.mark.parametrize("reason", ["internal-error", "invalid-parameters", "authz-failed"])
@pytest.mark.parametrize("kind", ["kex", "vfy"])
def test_decision_22_credentials_are_kept_and_the_session_is_dropped(reason: str, kind: str) -> None:
    server = ModelServer()
    server.tamper = lambda asked, old: server.init(server.realms["/"], reason) if asked == kind else old
    client = client_for(server)
    outcome = fetch(client, server)
    assert (outcome.status, outcome.reason.code) == (Status.AUTH_REQUIRED, reason)
    assert server.log.count("kex") == 1  # no retry by itself
    server.tamper = None
    assert fetch(client, server).proved


def test_r202_a_live_session_is_used_in_answer_to_a_challenge() -> None:
    server = ModelServer(path="/elsewhere")
    client = client_for(server)
    fetch(client, server)
    server.log.clear()
    assert fetch(client, server, f"{ORIGIN}/unexpected").proved
    assert server.log == ["normal", "vfy"]


def test_r201_an_expected_realm_that_is_another_goes_on_with_that_one() -> None:
    server = ModelServer(realms={"/": realm_at(name="A"), "/b": realm_at(name="B")})
    client = client_for(server)
    fetch(client, server)
    server.log.clear()
    outcome = fetch(client, server, f"{ORIGIN}/b", ask=lambda _: Credentials(USER, PASSWORD))
    assert outcome.proved
    assert outcome.realm == realm_at(name="B")
    assert server.log == ["vfy", "kex", "vfy"]


def test_r205_the_content_of_a_challenge_is_the_response_of_the_outcome() -> None:
    outcome = fetch(MutualClient(), ModelServer())
    assert (outcome.status, outcome.withheld, outcome.requests) == (Status.AUTH_REQUIRED, False, 1)


def test_r77_the_reason_of_each_challenge_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    server = ModelServer()
    with caplog.at_level(logging.INFO, "kam3.client"):
        fetch(client_for(server, "wrong"), server)
    text = [record.getMessage() for record in caplog.records if record.name == "kam3.client"]
    assert [line.split()[-1] for line in text] == ["initial", "auth-failed"]
    assert all("wrong" not in line for line in text)


@pytest.mark.parametrize(
    "change, rule",
    [
        ({"validation": "tls-server-end-point"}, "validation must be host"),
        ({"validation": "-new.example.com"}, "validation must be host"),
        ({"algorithm": "iso-kam3-dl-9999-sha256"}, "algorithm"),
        ({"version": "2"}, "version"),
        ({"auth-scope": '"other.example"'}, "cover"),
        ({"auth-scope": '"http://site.example"'}, "cover"),
        ({"auth-scope": '"HTTP://site.example:8120"'}, "lower case"),
        ({"auth-scope": '"http://site.example:08120"'}, "leading zeros"),
        ({"auth-scope": '"*.example"'}, "public suffix"),
        ({"auth-scope": '"*.com"'}, "cover"),
    ],
    ids=str,
)
def test_decision_9_a_challenge_that_cannot_be_answered(change: dict[str, str], rule: str) -> None:
    values = {
        "version": "1",
        "algorithm": "iso-kam3-ec-p256-sha256",
        "validation": "host",
        "auth-scope": '"http://site.example:8120"',
        "realm": '"A"',
        "reason": "initial",
    }
    text = "Mutual " + ", ".join(f"{name}={value}" for name, value in (values | change).items())
    server = ModelServer(tamper=lambda _, old: response(401, old.channel, www_authenticate=text))
    outcome = fetch(client_for(server), server)
    assert (outcome.status, outcome.reason.code, outcome.requests) == (Status.AUTH_REQUIRED, "unusable-challenge", 1)
    assert rule in outcome.reason.text
    server.tamper = lambda kind, old: old if kind == "normal" else response(401, old.channel, www_authenticate=text)
    with pytest.raises(RemoteProtocolError, match=rule):
        fetch(client_for(server), server)


def test_decision_9_an_omitted_scope_is_the_single_server_one_and_is_written_out() -> None:
    server = ModelServer()
    text = server.answer(None).fields("WWW-Authenticate")[0].replace(' auth-scope="http://site.example:8120",', "")
    assert "auth-scope" not in text
    server.tamper = lambda kind, old: response(401, old.channel, www_authenticate=text) if kind == "normal" else old
    assert fetch(client_for(server), server).proved  # the model compares the triple in KEX and VFY


def test_https_needs_a_certificate() -> None:
    origin = Origin("https", "site.example", 443)
    server = ModelServer(origin, None, {"/": realm_at(origin)})
    text = serialize(Init(server.realms["/"], "tls-server-end-point", "initial"))
    server.tamper = lambda _, old: response(401, old.channel, www_authenticate=text)
    walk = Walk(client_for(server), f"{origin}/")
    walk.feed(response(401, server.channel, www_authenticate=text))
    assert walk.outcome is not None
    assert walk.outcome.reason.code == "unusable-challenge"


# Preparation and secrecy


def test_r83_user_and_password_are_prepared() -> None:
    server = ModelServer(users={"andré": "Grüße"})
    client = MutualClient()
    client.add(URL, "andre\u0301", "Gru\u0308ße")
    outcome = fetch(client, server)
    assert (outcome.proved, outcome.user) == (True, "andré")


@pytest.mark.parametrize("user, password", [("", PASSWORD), ("a b", PASSWORD), (USER, ""), (USER, "a\x00b")])
def test_what_preparation_refuses_is_refused_at_once(user: str, password: str) -> None:
    with pytest.raises(ValueError) as caught:
        MutualClient().add(URL, user, password)
    assert "a\x00b" not in str(caught.value)


def test_octets_are_taken_as_they_are() -> None:
    server = ModelServer(users={USER: PASSWORD})
    client = MutualClient()
    client.add(URL, USER, PASSWORD.encode())
    assert fetch(client, server).proved


def test_nothing_shows_the_password() -> None:
    server = ModelServer()
    client = client_for(server)
    outcome = fetch(client, server)
    credential = client._memory.given(ORIGIN)
    for shown in (client, outcome, credential, client._memory, Credentials(USER, PASSWORD), vars(client)):
        assert PASSWORD not in repr(shown)
        assert PASSWORD not in str(shown)


def test_the_password_of_a_person_is_forgotten_once_pi_is_there() -> None:
    server = ModelServer()
    client = MutualClient()
    assert fetch(client, server, ask=lambda _: Credentials(USER, PASSWORD)).proved
    (credential,) = client._memory._wallet
    assert credential._password is None
    server.forget()
    assert fetch(client, server).proved  # pi serves


def test_close_wipes_everything() -> None:
    server = ModelServer()
    client = client_for(server)
    outcome = fetch(client, server)
    client.close()
    with pytest.raises(kam3.ExchangeStateError):
        outcome.b1()
    assert fetch(client, server).reason.code == "no-credentials"


def test_a_sequence_that_is_thrown_away_leaves_no_exchange_open() -> None:
    server = ModelServer()
    client = client_for(server)
    walk = Walk(client)
    answer(walk, server)
    assert isinstance(walk.action, Send)
    walk.close()
    gc.collect()
    assert not [thing for thing in gc.get_objects() if isinstance(thing, kam3.ClientExchange) and not thing._closed]


# RFC 8053


def optional(server: ModelServer, **fields: str) -> Response:
    text = serialize(Init(server.realms["/"], "host", "initial"))
    return response(200, server.channel, optional_www_authenticate=text, **fields)


def test_r305_optional_authentication_is_taken_up_with_known_credentials_and_the_path_is_kept() -> None:
    server = ModelServer()
    server.tamper = lambda kind, old: optional(server) if kind == "normal" else old
    client = client_for(server)
    assert fetch(client, server).proved
    assert server.log == ["normal", "kex", "vfy"]
    assert fetch(client, server, f"{ORIGIN}/other").requests == 1


def test_optional_authentication_asks_nobody() -> None:
    server = ModelServer()
    server.tamper = lambda kind, old: optional(server)
    outcome = fetch(MutualClient(), server, ask=lambda _: pytest.fail("nobody is to be asked"))
    assert (outcome.status, outcome.reason.code, outcome.realm) == (Status.UNAUTHENTICATED, "optional", server.realms["/"])


def test_a_request_that_has_been_carried_out_is_not_made_twice_for_an_offer() -> None:
    server = ModelServer()
    server.tamper = lambda kind, old: optional(server)
    outcome = fetch(client_for(server), server, method="POST")
    assert (outcome.status, outcome.reason.code, outcome.requests) == (Status.UNAUTHENTICATED, "optional", 1)


def test_an_offer_to_a_head_that_nobody_can_take_up_is_followed_by_the_request_itself() -> None:
    server = ModelServer(realms={})
    offer = realm_at(name="B")
    client = MutualClient()
    client.add(URL, USER, PASSWORD, realm=realm_at(name="A"))
    text = serialize(Init(offer, "host", "initial"))
    server.tamper = lambda kind, old: response(200, old.channel, optional_www_authenticate=text)
    outcome = fetch(client, server, method="POST", once=True)
    assert (outcome.status, server.log) == (Status.UNAUTHENTICATED, ["kex?", "normal"])


@pytest.mark.parametrize("kind", ["kex", "vfy"])
def test_an_offer_in_the_same_realm_in_answer_to_an_attempt_is_fatal(kind: str) -> None:
    server = ModelServer()
    client = MutualClient()
    client.add(URL, USER, PASSWORD, realm=server.realms["/"])
    if kind == "vfy":
        fetch(client, server)
    server.tamper = lambda asked, old: optional(server) if asked == kind else old
    with pytest.raises(RemoteProtocolError, match="RFC 8053"):
        fetch(client, server)


@pytest.mark.parametrize("reason", ["auth-failed", "stale-session", "authz-failed"])
def test_an_offer_with_another_reason_is_none(reason: str) -> None:
    server = ModelServer()
    text = serialize(Init(server.realms["/"], "host", "initial")).replace("initial", reason)
    server.tamper = lambda kind, old: response(200, old.channel, optional_www_authenticate=text)
    outcome = fetch(client_for(server), server)
    assert (outcome.status, outcome.requests) == (Status.UNAUTHENTICATED, 1)


def test_r307_a_challenge_beside_a_success_counts_as_an_offer() -> None:
    server = ModelServer()
    text = serialize(Init(server.realms["/"], "host", "initial"))
    server.tamper = lambda kind, old: response(200, old.channel, www_authenticate=text) if kind == "normal" else old
    assert fetch(client_for(server), server).proved


def controlled(server: ModelServer, kind: str, control: str) -> None:
    def tamper(asked: str, old: Response) -> Response:
        if asked != kind:
            return old
        return Response(old.status, lambda name: [control] if name == "Authentication-Control" else old.fields(name), old.channel)

    server.tamper = tamper


def asked_of(client: MutualClient, server: ModelServer) -> tuple[list[Control], Outcome]:
    seen: list[Control] = []

    def ask(action: AskCredentials) -> None:
        seen.append(action.hints)

    return seen, fetch(client, server, ask=ask)


def test_decision_25_an_unproved_response_hints_and_is_not_obeyed() -> None:
    server = ModelServer()
    controlled(
        server,
        "normal",
        'Mutual realm="A", username="bob", auth-style=modal, location-when-unauthenticated="/log-in", logout-timeout=0, '
        'location-when-logout="/bye"',
    )
    seen, outcome = asked_of(MutualClient(), server)
    expected = Control(auth_style="modal", username="bob", location_when_unauthenticated=f"{ORIGIN}/log-in")
    assert seen == [expected]
    assert outcome.control == expected
    assert fetch(client_for(server), server).user == USER  # R371: the user's choice wins


def test_decision_25_an_unproved_location_of_another_origin_is_not_even_told() -> None:
    server = ModelServer()
    controlled(server, "normal", 'Mutual realm="A", location-when-unauthenticated="http://evil.example/"')
    seen, _ = asked_of(MutualClient(), server)
    assert seen[0].location_when_unauthenticated is None


def test_r349_no_auth_asks_nobody_and_r350_does_not_matter_where_nobody_has_to_be_asked() -> None:
    server = ModelServer()
    controlled(server, "normal", 'Mutual realm="A", no-auth=true')
    seen, outcome = asked_of(MutualClient(), server)
    assert seen == []
    assert outcome.control is not None
    assert outcome.control.no_auth
    assert fetch(client_for(server), server).proved


@pytest.mark.parametrize("kind", ["normal", "kex"])
def test_r357_log_out_is_obeyed_in_proved_responses_only(kind: str) -> None:
    server = ModelServer()
    controlled(server, kind, 'Mutual realm="A", logout-timeout=0, location-when-logout="/bye"')
    client = client_for(server)
    assert fetch(client, server).proved
    assert fetch(client, server).proved
    assert client.log_out(server.realms["/"]) is None


def test_r313_entries_of_other_realms_are_ignored() -> None:
    server = ModelServer()
    controlled(server, "vfy", 'Mutual realm="B", logout-timeout=0')
    client = client_for(server)
    assert fetch(client, server).proved
    assert fetch(client, server).requests == 1


def test_r363_r365_logout_timeout_forgets_in_time_and_a_new_value_replaces_the_old() -> None:
    now = [0.0]
    server = ModelServer()
    client = client_for(server, clock=lambda: now[0])
    controlled(server, "vfy", 'Mutual realm="A", logout-timeout=10')
    assert fetch(client, server).proved
    now[0] = 9
    assert fetch(client, server).proved  # until 19 now
    now[0] = 18
    server.tamper = None
    assert fetch(client, server).proved
    now[0] = 19
    outcome = fetch(client, server)
    assert (outcome.status, outcome.reason.code) == (Status.AUTH_REQUIRED, "no-credentials")


def test_r365_a_timeout_of_0_logs_out_now() -> None:
    server = ModelServer()
    controlled(server, "vfy", 'Mutual realm="A", logout-timeout=0')
    client = client_for(server)
    outcome: Any = fetch(client, server)
    assert outcome.proved
    with pytest.raises(kam3.ExchangeStateError):
        outcome.b1()
    server.tamper = None
    assert fetch(client, server).reason.code == "no-credentials"


def test_r358_r359_log_out_returns_the_location_when_all_is_erased() -> None:
    server = ModelServer()
    controlled(server, "vfy", 'Mutual realm="A", location-when-logout="/bye"')
    client = client_for(server)
    assert fetch(client, server).proved
    assert client.log_out(server.realms["/"]) == f"{ORIGIN}/bye"
    assert list(client._memory._wallet) == []


# Paths


def test_r123_r125_the_remembered_realm_comes_first_then_the_most_specific_scope() -> None:
    scopes = ["*.site.example", "site.example", str(ORIGIN)]
    realms = [realm_at(name=f"R{number}", scope=scope) for number, scope in enumerate(scopes)]
    client = MutualClient()
    server = ModelServer(realms={f"/{number}": realm for number, realm in enumerate(realms)}, path="/")
    for number in range(3):
        assert fetch(client, server, f"{ORIGIN}/{number}", ask=lambda _: Credentials(USER, PASSWORD)).proved
    assert client.realm_of(f"{ORIGIN}/new") == realms[2]
    assert client.realm_of(f"{ORIGIN}/0") == realms[0]
    assert client.realm_of("http://www.site.example/x") is None
