"""What holds for the adapters of all client libraries, each against a server that misbehaves."""

from __future__ import annotations

import pickle
import ssl
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import kam3
from kam3.adapters.client_hops import joined, outcome_of, raising
from kam3.errors import RemoteProtocolError, RetryableProtocolError, UnprovedResponseError
from kam3.mutual.client_actions import Response, Status
from kam3.mutual.messages import KexS1, serialize
from tests.adapters.clients import ALL, EACH, Caller, calling, verification
from tests.adapters.live import Tls
from tests.mutual.loopback import Loopback, running
from tests.mutual.model import ALG, realm_at, response
from tests.mutual.test_client_rows import bad_elements, flipped, octets, on, with_kex

each = pytest.mark.parametrize("kind", EACH, ids=lambda kind: kind.__name__)
every = pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
POISON = b"poisoned content"


# Fatal faults

def kex_s1(old: Response) -> Response:
    scope = str(old.channel.origin)
    message = KexS1(realm_at(old.channel.origin, scope=scope), "host", "00" * 16, bytes(33), 9, 9, 9)
    return response(401, old.channel, www_authenticate=serialize(message))


def made_up(old: Response) -> Response:
    return response(200, old.channel, authentication_info=f"version=1, sid={'0' * 32}, vks={'0' * 64}")


def basic(old: Response) -> Response:
    return response(401, old.channel, www_authenticate='Basic realm="A"')


def plain(status: int) -> Callable[[Response], Response]:
    return lambda old: response(status, old.channel, location="/elsewhere")


Tamper = Callable[[str, Response], Response]

FATAL: dict[str, tuple[Tamper, str]] = {
    "row 5, ks1 no point": (with_kex(ks1=octets(bad_elements(ALG)[0], ALG)), "invalid-ks1"),
    "row 5, ks1 beyond q": (with_kex(ks1=octets(bad_elements(ALG)[-1], ALG)), "invalid-ks1"),
    "row 74, 401-KEX-S1 to a plain request": (on("normal", kex_s1), "unexpected-response"),
    "row 74, 401-KEX-S1 to req-VFY-C": (on("vfy", kex_s1), "unexpected-response"),
    "row 74, proof for a plain request": (on("normal", made_up), "unexpected-response"),
    "row 74, proof for req-KEX-C1": (on("kex", made_up), "unexpected-response"),
    "row 75, 200 to req-KEX-C1": (on("kex", plain(200)), "unexpected-response"),
    "row 75, 302 to req-KEX-C1": (on("kex", plain(302)), "unexpected-response"),
    "row 75, 302 to req-VFY-C": (on("vfy", plain(302)), "unexpected-response"),
    "row 75, 307 to req-VFY-C": (on("vfy", plain(307)), "unexpected-response"),
    "row 75, 401 to req-VFY-C": (on("vfy", basic), "unexpected-response"),
    "row 75, 403 to req-VFY-C": (on("vfy", plain(403)), "unexpected-response"),
    "row 75, 404 to req-VFY-C": (on("vfy", plain(404)), "unexpected-response"),
    "row 76, wrong vks": (on("vfy", flipped), "server-not-proved"),
    "row 76, wrong vks on a redirect": (on("vfy", lambda old: Response(302, flipped(old).fields, old.channel)), "server-not-proved"),
    "row 76, missing vks": (on("vfy", plain(200)), "unexpected-response"),
    "row 76, vks of another session": (on("vfy", made_up), "unexpected-response"),
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
@pytest.mark.parametrize("extremes", ["nc_max=0", "nc_window=0", "time=0", "all huge"])
def test_row_80_extreme_values_neither_crash_nor_loop(kind: type[Caller], extremes: str, server: Loopback, quick_pi: None) -> None:
    huge = {"nc_max": 10**3000, "nc_window": 2**80, "time": 10**3000}
    for name, value in (huge if extremes == "all huge" else {extremes[: extremes.index("=")]: 0}).items():
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


@each
def test_row_34_a_certificate_that_is_replaced_costs_a_key_exchange_and_no_log_in(
    kind: type[Caller], certificates: tuple[Tls, Tls], tmp_path: Path
) -> None:
    old, new = certificates
    both = tmp_path / "both.pem"
    both.write_bytes(old.certificate.read_bytes() + new.certificate.read_bytes())
    contexts: list[ssl.SSLContext] = []

    class Kept(ssl.SSLContext):
        def load_cert_chain(self, *files: Any, **more: Any) -> None:
            contexts.append(self)
            super().load_cert_chain(*files, **more)

    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ssl, "SSLContext", Kept)
            server = stack.enter_context(running(tls=(old.certificate, old.key), certificate=old.der))
        client = stack.enter_context(
            calling(kind, server.url, verify=verification(kind, ssl.create_default_context(cafile=str(both)), str(both)))
        )

        def replace(tls: Tls) -> None:
            server.close_after.add(len(server.requests) + 1)
            assert client.get(server.url).outcome.requests == 1
            contexts[0].load_cert_chain(tls.certificate, tls.key)
            server.model.certificate = tls.der
            server.model.log.clear()

        assert client.get(server.url).outcome.proved
        replace(new)
        assert client.get(server.url).outcome.proved
        assert server.model.log == ["vfy", "kex", "vfy"]
        replace(old)
        with pytest.raises(RetryableProtocolError) as caught:
            client.request("POST", server.url, body=b"abc")  # it may have been carried out
        assert caught.value.code == "certificate-changed"
        assert client.request("POST", server.url, body=b"abc").outcome.proved
