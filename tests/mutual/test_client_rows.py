"""The client's rows of the catalogue of attacks and faults, one test each, by their numbers."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import kam3
from kam3.backends import groups
from kam3.errors import RemoteProtocolError, RetryableProtocolError
from kam3.mutual.client import MutualClient
from kam3.mutual.client_actions import AskCredentials, Credentials, Response, Send, Status
from kam3.mutual.messages import KexS1, VfyC, parse_challenge, parse_request, read_challenges, read_credentials, serialize
from kam3.mutual.realms import Origin, Realm
from kam3.mutual.validation import Channel
from tests.mutual.model import ALG, ORIGIN, PASSWORD, URL, USER, ModelServer, Walk, client_for, fetch, realm_at, response

Tamper = Callable[[str, Response], Response]


def on(kind: str, change: Callable[[Response], Response]) -> Tamper:
    return lambda asked, answer: change(answer) if asked == kind else answer


def with_kex(**changes: Any) -> Tamper:
    """Change values of the 401-KEX-S1."""

    def change(answer: Response) -> Response:
        parameters = read_challenges(answer.fields("WWW-Authenticate")).mutual
        assert parameters is not None
        message = parse_challenge(parameters)
        assert isinstance(message, KexS1)
        values = {name: getattr(message, name) for name in KexS1.__dataclass_fields__} | changes
        return response(401, answer.channel, www_authenticate=serialize(KexS1(**values)))

    return on("kex", change)


def certificate(name: str) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime(2026, 1, 1)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(1)
    signed = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.DER)


@pytest.fixture(scope="module")
def certificates() -> tuple[bytes, bytes]:
    return certificate("one"), certificate("two")


def secure(certificate: bytes) -> ModelServer:
    origin = Origin("https", "site.example", 443)
    return ModelServer(origin, certificate, {"/": realm_at(origin)})


SECURE_URL = "https://site.example/page"


def octets(number: int, alg: kam3.Algorithm) -> bytes:
    return number.to_bytes(alg.element_octets, "big")


def bad_elements(alg: kam3.Algorithm) -> list[int]:
    if alg is kam3.DL_2048:
        q = groups.DL_2048.q
        return [0, 1, q - 1, q, q + 1, q - 4]  # the last is no square
    q, b = groups.EC_P256.q, groups.EC_P256.b
    off = next(x for x in range(2, 100) if pow(x**3 - 3 * x + b, (q - 1) // 2, q) != 1)
    return [2 * off, 2 * off + 1, 2 * q, 2 * q + 1, 2**264 - 1]


@pytest.mark.parametrize("alg", [kam3.DL_2048, kam3.EC_P256], ids=lambda alg: alg.token)
def test_row_5_a_bad_ks1_is_fatal_and_no_vkc_is_computed(alg: kam3.Algorithm) -> None:
    for number in bad_elements(alg):
        server = ModelServer(realms={"/": realm_at(alg=alg)}, tamper=with_kex(ks1=octets(number, alg)))
        with pytest.raises(RemoteProtocolError) as caught:
            fetch(client_for(server), server)
        assert caught.value.code == "invalid-ks1"
        assert server.log == ["normal", "kex"]


def test_row_31_a_login_that_one_site_relays_to_another_fails(quick_pi: None) -> None:
    scope = realm_at(scope="*.site.example")
    bank = ModelServer(Origin("http", "bank.site.example", 80), realms={"/": scope})
    evil = Origin("http", "evil.site.example", 80)

    def relay(send: Send) -> Response:
        answer = bank.answer(send.authorization, "http://bank.site.example/")
        return answer._replace(channel=Channel(evil))

    client = MutualClient()
    client.add("http://evil.site.example/", USER, PASSWORD)
    walk = Walk(client, "http://evil.site.example/")
    while isinstance(walk.action, Send):
        walk.feed(relay(walk.action))
    assert bank.log == ["normal", "kex", "vfy"]
    assert walk.outcome is not None
    assert (walk.outcome.status, walk.outcome.reason.code) == (Status.AUTH_REQUIRED, "auth-failed")
    honest = MutualClient()
    honest.add("http://bank.site.example/", USER, PASSWORD)
    assert fetch(honest, bank, "http://bank.site.example/").proved  # the same messages, without the relay


def test_row_31_a_scope_of_another_server_is_not_answered_at_all() -> None:
    bank = realm_at(Origin("http", "bank.example", 80))
    evil = ModelServer(realms={"/": bank})
    outcome = fetch(client_for(evil), evil)
    assert (outcome.status, outcome.reason.code) == (Status.AUTH_REQUIRED, "unusable-challenge")
    assert evil.log == ["normal"]


def test_row_34_a_certificate_that_changes_before_vkc_is_taken_as_it_is(certificates: tuple[bytes, bytes]) -> None:
    server = secure(certificates[0])
    client = client_for(server)
    walk = Walk(client, SECURE_URL)
    for certificate in (certificates[0], certificates[1]):  # 401-INIT over one connection, the rest over another
        assert isinstance(walk.action, Send)
        server.certificate = certificate
        walk.feed(server.answer(walk.action.authorization, SECURE_URL))
    assert isinstance(walk.action, Send)
    assert walk.action.channel == Channel(server.origin, certificates[1])
    walk.feed(server.answer(walk.action.authorization, SECURE_URL))
    assert walk.outcome is not None
    assert walk.outcome.proved


@pytest.mark.parametrize("late", ["proof", "auth-failed", "normal", "503"])
def test_row_34_an_answer_over_another_certificate_than_vkc_was_made_for_is_dropped(certificates: tuple[bytes, bytes], late: str) -> None:
    server = secure(certificates[0])
    client = client_for(server)
    assert fetch(client, server, SECURE_URL).proved
    walk = Walk(client, SECURE_URL)
    assert isinstance(walk.action, Send)
    changed = Channel(server.origin, certificates[1])
    answer = {
        "proof": server.answer(walk.action.authorization, SECURE_URL),
        "auth-failed": server.init(server.realms["/"], "auth-failed"),
        "normal": response(200, changed),
        "503": response(503, changed),
    }[late]
    walk.feed(answer._replace(channel=changed))
    assert isinstance(walk.error, RetryableProtocolError)
    assert (walk.error.code, walk.error.may_have_run) == ("certificate-changed", True)
    server.certificate = certificates[1]
    server.log.clear()
    assert fetch(client, server, SECURE_URL).proved  # the credentials are still there
    assert server.log == ["kex", "vfy"]


def test_row_34_a_certificate_that_is_seen_to_have_changed_leads_to_a_key_exchange(certificates: tuple[bytes, bytes]) -> None:
    server = secure(certificates[0])
    client = client_for(server)
    assert fetch(client, server, SECURE_URL, channel=server.channel).proved
    assert fetch(client, server, SECURE_URL, channel=server.channel).requests == 1
    server.certificate = certificates[1]
    server.log.clear()
    assert fetch(client, server, SECURE_URL, channel=server.channel).proved
    assert server.log == ["kex", "vfy"]


def test_row_36_a_stripped_challenge_with_basic_is_not_answered() -> None:
    server = ModelServer(tamper=lambda _, answer: response(401, answer.channel, www_authenticate='Basic realm="A"'))
    outcome = fetch(client_for(server), server)
    assert (outcome.status, outcome.reason.code, outcome.requests) == (Status.UNAUTHENTICATED, "normal-response", 1)
    later = ModelServer(tamper=on("kex", lambda answer: response(401, answer.channel, www_authenticate='Basic realm="A"')))
    with pytest.raises(RemoteProtocolError):
        fetch(client_for(later), later)


def test_row_36_another_algorithm_draws_out_no_second_guess(quick_pi: None) -> None:
    server = ModelServer()
    client = client_for(server)
    assert fetch(client, server).proved
    server.realms = {"/": realm_at(alg=kam3.DL_2048)}
    server.forget()
    server.log.clear()
    outcome = fetch(client, server)
    assert (outcome.status, outcome.reason.code) == (Status.AUTH_REQUIRED, "other-realm")
    assert server.log == ["vfy"]  # for the realm that it knows, and nothing for the other


def test_row_74_a_kex_s1_that_nobody_asked_for_is_fatal() -> None:
    server = ModelServer()
    answer = KexS1(server.realms["/"], "host", "00" * 16, bytes(33), 9, 9, 9)
    server.tamper = on("normal", lambda old: response(401, old.channel, www_authenticate=serialize(answer)))
    with pytest.raises(RemoteProtocolError, match="401-KEX-S1"):
        fetch(client_for(server), server)


def test_row_74_a_kex_s1_to_a_vfy_is_fatal_and_ends_the_session() -> None:
    server = ModelServer()
    client = client_for(server)
    fetch(client, server)
    answer = KexS1(server.realms["/"], "host", "00" * 16, bytes(33), 9, 9, 9)
    server.tamper = on("vfy", lambda old: response(401, old.channel, www_authenticate=serialize(answer)))
    with pytest.raises(RemoteProtocolError, match="unexpected|must not be accepted"):
        fetch(client, server)
    server.tamper = None
    server.log.clear()
    assert fetch(client, server).proved
    assert server.log == ["kex", "vfy"]


@pytest.mark.parametrize("kind", ["normal", "kex"])
def test_row_74_a_proof_in_answer_to_anything_but_a_vfy_is_fatal(kind: str) -> None:
    proof = f"version=1, sid={'0' * 32}, vks={'0' * 64}"
    server = ModelServer(tamper=on(kind, lambda old: response(200, old.channel, authentication_info=proof)))
    with pytest.raises(RemoteProtocolError, match="200-VFY-S"):
        fetch(client_for(server), server)


@pytest.mark.parametrize("kind", ["kex", "vfy"])
@pytest.mark.parametrize("status", [200, 204, 302, 304, 401, 403, 404])
def test_row_75_a_normal_response_to_a_later_request_is_fatal(kind: str, status: int) -> None:
    server = ModelServer(tamper=on(kind, lambda old: response(status, old.channel, set_cookie="a=b", location="/elsewhere")))
    with pytest.raises(RemoteProtocolError) as caught:
        fetch(client_for(server), server)
    assert caught.value.code == "unexpected-response"


def flipped(answer: Response) -> Response:
    text = answer.fields("Authentication-Info")[0]
    return response(200, answer.channel, authentication_info=text[:-1] + ("0" if text[-1] != "0" else "1"), set_cookie="a=b")


def test_row_76_a_wrong_vks_is_fatal_whether_or_not_it_is_the_first_answer() -> None:
    server = ModelServer(tamper=on("vfy", flipped))
    client = client_for(server)
    with pytest.raises(RemoteProtocolError) as caught:
        fetch(client, server)
    assert caught.value.code == "server-not-proved"
    server.tamper = None
    assert fetch(client, server).proved
    server.tamper = on("vfy", flipped)
    with pytest.raises(RemoteProtocolError) as caught:
        fetch(client, server)
    assert caught.value.code == "server-not-proved"


def test_row_76_a_missing_vks_is_unauthenticated_on_the_first_request_and_fatal_later() -> None:
    server = ModelServer()
    client = client_for(server)
    fetch(client, server)
    server.tamper = on("vfy", lambda old: response(200, old.channel))
    outcome = fetch(client, server)
    assert (outcome.status, outcome.reason.code, outcome.proved) == (Status.UNAUTHENTICATED, "normal-response", False)
    server.forget()
    with pytest.raises(RemoteProtocolError):
        fetch(client_for(server), server)


def test_row_76_a_server_that_does_not_know_j_is_found_out() -> None:
    server = ModelServer(users={USER: "another password"})

    def forge(answer: Response) -> Response:
        # The best a server without J can do is to have a session and to make up the proof.
        sid = next(sid for _, sid in server.sessions)
        return response(200, answer.channel, authentication_info=f"version=1, sid={sid}, vks={'ab' * 32}")

    server.tamper = on("vfy", forge)
    with pytest.raises(RemoteProtocolError) as caught:
        fetch(client_for(server), server)
    assert caught.value.code == "server-not-proved"


def test_row_77_an_old_vks_proves_nothing() -> None:
    server = ModelServer()
    client = client_for(server)
    kept: list[Response] = []
    server.tamper = on("vfy", lambda answer: kept.append(answer) or answer)  # type: ignore[func-returns-value]
    fetch(client, server)
    server.tamper = on("vfy", lambda _: kept[0])
    with pytest.raises(RemoteProtocolError) as caught:
        fetch(client, server)
    assert caught.value.code == "server-not-proved"


@pytest.mark.parametrize(
    "changes",
    [
        {"realm": realm_at(name="B")},
        {"realm": realm_at(scope="site.example")},
        {"realm": realm_at(alg=kam3.EC_P521), "ks1": bytes(66)},
        {"validation": "tls-unique"},
    ],
    ids=["realm", "auth-scope", "algorithm", "validation"],
)
def test_row_78_a_kex_s1_with_other_values_than_the_request_is_fatal(changes: dict[str, Any]) -> None:
    server = ModelServer(tamper=with_kex(**changes))
    with pytest.raises(RemoteProtocolError):
        fetch(client_for(server), server)
    assert server.log == ["normal", "kex"]


def test_row_79_a_server_that_always_answers_stale_gets_one_key_exchange() -> None:
    server = ModelServer()
    client = client_for(server)
    fetch(client, server)
    server.log.clear()
    server.tamper = on("vfy", lambda old: server.stale(server.realms["/"]))
    with pytest.raises(RetryableProtocolError) as caught:
        fetch(client, server)
    assert (caught.value.code, caught.value.may_have_run) == ("stale-again", False)
    assert server.log == ["vfy", "kex", "vfy"]


@pytest.mark.parametrize("nc_max", [0, 1, 2, 2**80, 10**3000])
@pytest.mark.parametrize("nc_window", [0, 1, 2**80])
@pytest.mark.parametrize("time", [0, 1, 10**3000])
def test_row_80_extreme_values_of_a_session_neither_crash_nor_loop(nc_max: int, nc_window: int, time: int, quick_pi: None) -> None:
    server = ModelServer(nc_max=nc_max, nc_window=nc_window, time=time)
    client = client_for(server)
    outcomes = [fetch(client, server) for _ in range(4)]
    assert all(outcome.proved for outcome in outcomes)
    for numbers in server.used.values():
        assert len(set(numbers)) == len(numbers) > 0
        assert max(numbers) <= nc_max
    assert len(server.sessions) == (4 if time == 0 or nc_max in (0, 1) else 2 if nc_max == 2 else 1)


def test_row_81_credentials_are_never_used_in_another_realm_by_themselves() -> None:
    server = ModelServer(realms={"/": realm_at(), "/b": realm_at(name="B")}, path="/page /other http://other.example/")
    client = client_for(server)
    assert fetch(client, server).proved
    server.log.clear()
    outcome = fetch(client, server, f"{ORIGIN}/b")
    assert (outcome.status, outcome.reason.code) == (Status.AUTH_REQUIRED, "other-realm")
    assert server.log == ["normal"]
    asked: list[AskCredentials] = []

    def ask(action: AskCredentials) -> Credentials:
        asked.append(action)
        return Credentials(USER, PASSWORD)

    assert fetch(client, server, f"{ORIGIN}/b", ask=ask).proved  # a person may say so
    assert [action.realm.realm for action in asked] == ["B"]


def test_row_81_entries_of_path_outside_the_scope_are_ignored() -> None:
    server = ModelServer(path="/page http://other.example/ https://site.example:8120/")
    client = client_for(server)
    fetch(client, server)
    assert client.realm_of("http://other.example/") is None
    assert client.realm_of("https://site.example:8120/") is None
    assert client.realm_of(f"{ORIGIN}/page2") == server.realms["/"]


def test_row_82_log_out_forgets_password_pi_z_sids_and_paths() -> None:
    server = ModelServer()
    client = client_for(server)
    outcome = fetch(client, server)
    assert outcome.realm is not None
    credential = client._memory.given(ORIGIN)
    assert credential is not None
    password, pi = credential._password, credential._pi
    assert password is not None
    assert pi is not None
    assert bytes(password) == PASSWORD.encode()
    client.log_out(outcome.realm)
    assert bytes(password) == bytes(len(PASSWORD))
    with pytest.raises(kam3.ExchangeStateError):
        kam3.ClientExchange(ALG, pi)
    with pytest.raises(kam3.ExchangeStateError):
        outcome.b1()
    assert client.realm_of(URL) is None
    server.log.clear()
    after = fetch(client, server)
    assert (after.status, after.reason.code) == (Status.AUTH_REQUIRED, "no-credentials")
    assert server.log == ["normal"]  # loaded again without an authentication header


def test_row_82_log_out_reaches_all_servers_of_the_realm() -> None:
    scope = realm_at(scope="site.example")
    servers = [ModelServer(Origin("http", "site.example", port), realms={"/": scope}) for port in (8001, 8002)]
    client = client_for(servers[0])
    outcomes = [fetch(client, server, f"{server.origin}/") for server in servers]
    assert all(outcome.proved for outcome in outcomes)
    client.log_out(scope)
    for server, outcome in zip(servers, outcomes, strict=True):
        with pytest.raises(kam3.ExchangeStateError):
            outcome.b1()
        assert fetch(client, server, f"{server.origin}/").reason.code == "no-credentials"


def test_a_vfy_is_written_as_the_messages_write_it() -> None:
    for alg in kam3.ALGORITHMS:
        server = ModelServer(realms={"/": realm_at(alg=alg, name='r "quoted" \\')})
        client = client_for(server)
        seen: list[str] = []

        def note(send: Send, seen: list[str] = seen, server: ModelServer = server) -> Response:
            if send.authorization is not None:
                seen.append(send.authorization)
            return server.answer(send.authorization)

        walk = Walk(client)
        while isinstance(walk.action, Send):
            walk.feed(note(walk.action))
        assert walk.outcome is not None
        assert walk.outcome.proved
        parameters = read_credentials([seen[-1]])
        assert parameters is not None
        message = parse_request(parameters)
        assert isinstance(message, VfyC)
        assert serialize(message) == seen[-1]


def test_realm_triples_are_told_apart_whatever_is_equal_in_them() -> None:
    assert len({realm_at(), realm_at(name="B"), realm_at(scope="site.example"), realm_at(alg=kam3.EC_P521)}) == 4
    assert isinstance(realm_at(), Realm)


@pytest.mark.parametrize("right", [True, False])
def test_r2_the_proof_is_checked_before_anything_else_of_the_response_is_looked_at(right: bool) -> None:
    server = ModelServer()
    client = client_for(server)
    fetch(client, server)
    walk = Walk(client)
    assert isinstance(walk.action, Send)
    answer = server.answer(walk.action.authorization)
    if not right:
        answer = flipped(answer)
    looked: list[str] = []

    def fields(name: str) -> Any:
        looked.append(name)
        return answer.fields(name)

    walk.feed(Response(answer.status, fields, answer.channel))
    assert walk.over
    assert set(looked) == ({"Authentication-Info", "Authentication-Control"} if right else {"Authentication-Info"})
    assert looked.index("Authentication-Info") == 0


@pytest.mark.parametrize("status", [200, 204, 302, 304, 403, 404, 500, 503])
def test_r190_a_right_proof_succeeds_whatever_the_status(status: int) -> None:
    server = ModelServer(status=status)
    outcome = fetch(client_for(server), server)
    assert (outcome.status, outcome.withheld) == (Status.AUTH_SUCCEED, False)


@pytest.mark.parametrize("kind", ["kex", "vfy"])
def test_r196_r198_an_unproved_server_error_is_unauthenticated_and_withheld(kind: str) -> None:
    server = ModelServer(tamper=on(kind, lambda old: response(503, old.channel)))
    outcome = fetch(client_for(server), server)
    assert (outcome.status, outcome.reason.code, outcome.withheld) == (Status.UNAUTHENTICATED, "server-error", True)


@pytest.mark.parametrize("start", ["plain", "kex", "vfy"])
def test_r193_a_normal_response_to_the_first_request_is_unauthenticated(start: str) -> None:
    server = ModelServer()
    client = MutualClient()
    client.add(URL, USER, PASSWORD, realm=None if start == "plain" else server.realms["/"])
    if start == "vfy":
        fetch(client, server)
    server.tamper = lambda _, old: response(200, old.channel)
    outcome = fetch(client, server)
    assert (outcome.status, outcome.requests) == (Status.UNAUTHENTICATED, 1)


def test_r185_after_a_401_to_a_vfy_its_session_is_not_used_again() -> None:
    server = ModelServer()
    client = client_for(server)
    fetch(client, server)
    server.tamper = on("vfy", lambda _: server.init(server.realms["/"], "internal-error"))
    assert fetch(client, server).status is Status.AUTH_REQUIRED
    server.tamper = None
    server.log.clear()
    assert fetch(client, server).proved
    assert server.log[0] == "kex"


def test_row_27_several_fields_are_one_list_and_a_duplicate_in_it_is_fatal() -> None:
    server = ModelServer()

    def doubled(old: Response) -> Response:
        text = old.fields("Authentication-Info")[0]
        return response(200, old.channel, authentication_info=[text, "sid=00"])

    def split(old: Response) -> Response:
        head, _, tail = old.fields("Authentication-Info")[0].rpartition(", ")
        return response(200, old.channel, authentication_info=[head, tail])

    server.tamper = on("vfy", split)
    client = client_for(server)
    assert fetch(client, server).proved
    server.tamper = on("vfy", doubled)
    with pytest.raises(RemoteProtocolError, match="twice"):
        fetch(client, server)
