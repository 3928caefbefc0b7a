"""What the client does about realms and the extensions of RFC 8053, on whole sequences."""

from __future__ import annotations

import pytest

from kam3.mutual.client import MutualClient
from kam3.mutual.client_actions import AskCredentials, Credentials, Response, Status
from kam3.mutual.messages import Init, serialize
from kam3.mutual.validation import method_of
from tests.mutual.model import ORIGIN, PASSWORD, URL, USER, ModelServer, client_for, fetch, realm_at, response

REALM = realm_at()


def entry(parameters: dict[str, str]) -> str:
    return ", ".join([f'Mutual realm="{REALM.realm}"', *(f"{name.replace('_', '-')}={value}" for name, value in parameters.items())])


def controlled(server: ModelServer, **parameters: str) -> None:
    """Let every response carry the parameters in Authentication-Control."""
    control = entry(parameters)

    def change(_: str, answer: Response) -> Response:
        fields = {name.replace("-", "_"): answer.fields(name) for name in ("WWW-Authenticate", "Authentication-Info")}
        return response(answer.status, answer.channel, authentication_control=control, **fields)

    server.tamper = change


def inviting(server: ModelServer, field: str, **parameters: str) -> None:
    """Let the server answer who has not logged in with 200 and a challenge in the field."""
    control = entry(parameters)

    def change(kind: str, answer: Response) -> Response:
        if kind != "normal":
            return answer
        challenge = serialize(Init(REALM, method_of(answer.channel), "initial"))
        return response(200, answer.channel, authentication_control=control, **{field: challenge})

    server.tamper = change


class Asking:
    """Someone at the keyboard, who knows the password or not."""

    def __init__(self, answer: Credentials | None = None) -> None:
        self.asked: list[AskCredentials] = []
        self.answer = answer

    def __call__(self, action: AskCredentials) -> Credentials | None:
        self.asked.append(action)
        return self.answer


def test_r305_every_url_inside_the_path_gets_credentials_at_once() -> None:
    server = ModelServer(path="/in/")
    client = client_for(server)
    assert fetch(client, server, f"{ORIGIN}/in/a").status is Status.AUTH_SUCCEED
    del server.log[:]
    assert fetch(client, server, f"{ORIGIN}/in/b").requests == 1
    assert fetch(client, server, f"{ORIGIN}/out").status is Status.AUTH_SUCCEED
    assert server.log == ["vfy", "normal", "vfy"]


@pytest.mark.parametrize("field", ["optional_www_authenticate", "www_authenticate"])
def test_r307_a_challenge_on_a_success_is_an_optional_one(field: str) -> None:
    server = ModelServer()
    inviting(server, field)
    assert fetch(client_for(server), server).status is Status.AUTH_SUCCEED
    assert fetch(MutualClient(), server).status is Status.UNAUTHENTICATED


def test_r335_an_optional_authentication_is_never_modal() -> None:
    server, asking = ModelServer(), Asking()
    inviting(server, "optional_www_authenticate", auth_style="modal")
    assert fetch(MutualClient(), server, ask=asking).status is Status.UNAUTHENTICATED
    assert not asking.asked, "the content comes first"
    controlled(server, auth_style="modal")
    fetch(MutualClient(), server, ask=asking)
    assert asking.asked[0].hints.auth_style == "modal", "that of a 401 counts"


def test_what_an_offer_says_of_the_user_name_reaches_the_caller() -> None:
    server = ModelServer()
    inviting(server, "optional_www_authenticate", username="guest", auth_style="modal")
    outcome = fetch(MutualClient(), server)
    assert outcome.status is Status.UNAUTHENTICATED
    assert outcome.control is not None
    assert (outcome.control.username, outcome.control.auth_style) == ("guest", "non-modal")


def test_r342_the_location_is_offered_to_who_would_have_to_be_asked() -> None:
    server = ModelServer()
    controlled(server, location_when_unauthenticated='"/login"')
    outcome = fetch(MutualClient(), server)
    assert outcome.status is Status.AUTH_REQUIRED
    assert outcome.control is not None
    assert outcome.control.location_when_unauthenticated == f"{ORIGIN}/login"


@pytest.mark.parametrize("parameters", [{"location_when_unauthenticated": '"/login"'}, {"no_auth": "true"}])
def test_r343_and_r350_who_knows_the_password_goes_on(parameters: dict[str, str]) -> None:
    server, asking = ModelServer(), Asking()
    controlled(server, **parameters)
    assert fetch(client_for(server), server, ask=asking).status is Status.AUTH_SUCCEED
    assert not asking.asked


def test_r349_nobody_is_asked_where_no_auth_says_so() -> None:
    server, asking = ModelServer(), Asking(Credentials(USER, PASSWORD))
    controlled(server, no_auth="true")
    outcome = fetch(MutualClient(), server, ask=asking)
    assert (outcome.status, outcome.requests, asking.asked) == (Status.AUTH_REQUIRED, 1, [])


def test_r371_the_name_that_the_user_chose_is_the_one_that_is_sent() -> None:
    server = ModelServer(users={"bob": PASSWORD})
    controlled(server, username="alice")
    assert fetch(client_for(server, user="bob"), server).user == "bob"


@pytest.mark.parametrize("seconds", ["0", "10"])
def test_r363_and_r365_logout_timeout_forgets_credentials_and_sessions(seconds: str) -> None:
    now = [1000.0]
    server = ModelServer()
    client = client_for(server, clock=lambda: now[0])
    controlled(server, logout_timeout=seconds)
    assert fetch(client, server).status is Status.AUTH_SUCCEED
    if seconds != "0":
        now[0] += 9.9
        assert fetch(client, server).requests == 1, "until then the session lives"
        now[0] += 10.1
    del server.log[:]
    assert fetch(client, server).status is Status.AUTH_REQUIRED
    assert server.log == ["normal"]


def test_r365_a_new_logout_timeout_replaces_the_old_one() -> None:
    now = [1000.0]
    server = ModelServer()
    client = client_for(server, clock=lambda: now[0])
    controlled(server, logout_timeout="10")
    fetch(client, server)
    controlled(server, logout_timeout="100")
    fetch(client, server)
    now[0] += 50
    assert fetch(client, server).requests == 1


def test_r363_and_r313_only_a_proved_response_of_the_realm_logs_out() -> None:
    server = ModelServer()
    client = client_for(server)
    inviting(server, "optional_www_authenticate", logout_timeout="0")
    assert fetch(client, server).status is Status.AUTH_SUCCEED
    server.tamper = lambda _, answer: response(
        answer.status,
        answer.channel,
        authentication_control='Mutual realm="other", logout-timeout=0',
        authentication_info=answer.fields("Authentication-Info"),
    )
    assert fetch(client, server).status is Status.AUTH_SUCCEED
    assert fetch(client, server).requests == 1


@pytest.mark.parametrize("validation", ["tls-server-end-point", "tls-unique", "other"])
def test_r155_and_row_33_a_challenge_with_another_validation_than_the_channels_is_not_used(validation: str) -> None:
    server = ModelServer()
    server.tamper = lambda _, answer: response(401, answer.channel, www_authenticate=serialize(Init(REALM, validation, "initial")))
    outcome = fetch(client_for(server), server, URL)
    assert (outcome.status, outcome.requests) == (Status.AUTH_REQUIRED, 1)
    assert "validation must be host" in outcome.reason.text


def test_r123_and_r125_of_realms_that_overlap_the_remembered_one_comes_first_then_the_most_specific() -> None:
    narrow, wide = realm_at(name="A"), realm_at(name="B", scope=ORIGIN.host)
    server = ModelServer(realms={"/": wide, "/a/": narrow})
    client = MutualClient()
    for url in (f"{ORIGIN}/a/x", f"{ORIGIN}/y"):
        assert fetch(client, server, url, ask=Asking(Credentials(USER, PASSWORD))).status is Status.AUTH_SUCCEED
    assert fetch(client, server, f"{ORIGIN}/y").requests == 1, "it is remembered"
    for url, realm, right in ((f"{ORIGIN}/a/new", narrow, True), (f"{ORIGIN}/new", wide, False)):
        del server.log[:]
        outcome = fetch(client, server, url)
        assert (outcome.status, outcome.realm) == (Status.AUTH_SUCCEED, realm)
        assert (server.log in (["vfy"], ["kex", "vfy"])) is right, "the single-server scope is tried first; the choice is only a guess"


def test_one_server_may_have_credentials_for_several_realms() -> None:
    bees = realm_at(name="bees")
    server = ModelServer(realms={"/": realm_at(), "/b/": bees}, users={USER: PASSWORD, "bob": PASSWORD})
    client = MutualClient()
    client.add(URL, USER, PASSWORD, realm=realm_at())
    client.add(URL, "bob", PASSWORD, realm=bees)
    first, second = fetch(client, server, f"{ORIGIN}/a"), fetch(client, server, f"{ORIGIN}/b/a")
    assert [(outcome.status, outcome.user) for outcome in (first, second)] == [(Status.AUTH_SUCCEED, USER), (Status.AUTH_SUCCEED, "bob")]
    assert server.log[0] == "normal", "of two realms nobody knows which it is before the server says so"
    client.add(URL, USER, "wrong", realm=bees)
    assert fetch(client, server, f"{ORIGIN}/b/a").status is Status.AUTH_REQUIRED
    assert fetch(client, server, f"{ORIGIN}/a").status is Status.AUTH_SUCCEED
