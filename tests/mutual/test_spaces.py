"""Configuration of a server: what is refused, what is warned of, and which area a path belongs to."""

from __future__ import annotations

import datetime

import pytest

import kam3
from kam3.errors import LocalProtocolError, UnknownAlgorithmError
from kam3.mutual.extensions import Control
from kam3.mutual.outcomes import Answered, Forwarded
from kam3.mutual.realms import Realm
from kam3.mutual.server import MutualServer
from kam3.mutual.spaces import ServedOrigin, Space, absolute_target
from tests.mutual.serving import ALG, ORIGIN, REALM, USER, Bench, j_of, reason_of


def server(*spaces: Space, origins: tuple[ServedOrigin | str, ...] = (ORIGIN,)) -> MutualServer:
    return MutualServer(spaces, origins)


@pytest.mark.parametrize(
    "spaces, origins, rule",
    [
        ((), (ORIGIN,), "at least one"),
        ((Space(REALM),), (), "at least one"),
        ((Space(REALM),), ("ftp://h",), "http or https"),
        ((Space(REALM),), (ORIGIN + "/",), "nothing behind"),
        ((Space(REALM),), (ORIGIN + "/x",), "nothing behind"),
        ((Space(REALM),), (ORIGIN + "?x",), "nothing behind"),
        ((Space(REALM),), (ORIGIN, "http://H.example:8120"), "twice"),
        ((Space(REALM),), ("http://other",), "covers"),
        ((Space(REALM), Space(REALM)), (ORIGIN,), "two spaces"),
        ((Space(REALM, ()),), (ORIGIN,), "at least one"),
        ((Space(REALM, "/"),), (ORIGIN,), "sequence"),
        ((Space(REALM, ("x",)),), (ORIGIN,), "from the root"),
        ((Space(REALM, ("/a b",)),), (ORIGIN,), "from the root"),
        ((Space(REALM, ("/a?b",)),), (ORIGIN,), "from the root"),
        ((Space(REALM, ("/a\r\nSet-Cookie: x",)),), (ORIGIN,), "from the root"),
        ((Space(REALM, ("/a/../b",)),), (ORIGIN,), "dot segments"),
        ((Space(REALM, ("/a//b",)),), (ORIGIN,), "dot segments"),
        ((Space(REALM._replace(auth_scope="H.example")),), (ORIGIN,), "covers"),
        ((Space(REALM._replace(auth_scope="http://h.example")),), (ORIGIN,), "covers"),
        ((Space(REALM), Space(Realm(ALG.token, "http://x", "q"), ("/q",))), (ORIGIN, "http://x"), "open"),
        ((Space(REALM._replace(algorithm=ALG.token.upper())),), (ORIGIN,), "lower case"),
        ((Space(REALM),), ("https://h.example:8120",), "certificates"),
        ((Space(Realm(ALG.token, "https://h", "r")),), (ServedOrigin("https://h", [b"x"] * 5),), "1 to 4"),
        ((Space(Realm(ALG.token, "https://h", "r")),), (ServedOrigin("https://h", [b"x"]),), "DER"),
        ((Space(REALM),), (ServedOrigin(ORIGIN, [b"x"]),), "http channel"),
    ],
)
def test_r62_r63_a_configuration_that_breaks_a_rule_is_refused(
    spaces: tuple[Space, ...], origins: tuple[ServedOrigin | str, ...], rule: str
) -> None:
    with pytest.raises(ValueError, match=rule):
        server(*spaces, origins=origins)


def test_r61_an_unknown_algorithm_is_refused() -> None:
    with pytest.raises(UnknownAlgorithmError):
        server(Space(REALM._replace(algorithm="iso-kam3-x")))


@pytest.mark.parametrize("name", ["a\r\nSet-Cookie: x=1", "a\nb", "a\x00b", "\u00e9", "a\x7f"])
def test_row_26_a_realm_that_could_split_a_response_is_refused(name: str) -> None:
    with pytest.raises(LocalProtocolError):
        server(Space(REALM._replace(realm=name)))


@pytest.mark.parametrize(
    "control", [Control(location_when_logout="/x\r\nSet-Cookie: a"), Control(auth_style="loud"), Control(logout_timeout=-1)]  # type: ignore[arg-type]
)
def test_row_26_and_r334_a_control_that_breaks_a_rule_is_refused(control: Control) -> None:
    with pytest.raises(LocalProtocolError):
        server(Space(REALM, control=control))


@pytest.mark.parametrize("control", [Control(no_auth=True), Control(location_when_unauthenticated="/login")])
def test_r340_and_r347_what_does_not_go_with_optional_is_refused(control: Control) -> None:
    with pytest.raises(LocalProtocolError):
        server(Space(REALM, optional=True, control=control))


def test_a_quote_in_a_realm_is_quoted() -> None:
    realm = REALM._replace(realm='a "b" \\c')
    bench = Bench(server=server(Space(realm)))
    bench.users.put(realm, USER, j_of(realm=realm))
    login = bench.log_in(realm=realm)
    login.check(login.get(1), 1)


def test_r111_and_r124_and_r376_what_is_not_recommended_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="several algorithms"):
        server(Space(REALM, ("/a",)), Space(REALM._replace(algorithm=kam3.EC_P521.token), ("/b",)))
    with pytest.warns(UserWarning, match="contains paths of another"):
        server(Space(REALM), Space(REALM._replace(realm="s"), ("/b",)))
    with pytest.warns(UserWarning, match="told to everybody"):
        server(Space(REALM, control=Control(username="alice")))


def test_the_origins_are_written_as_scopes() -> None:
    scope = REALM._replace(auth_scope="h.example")
    assert server(Space(scope), origins=("HTTP://H.example:80", ORIGIN)).origins == ("http://h.example", ORIGIN)


def area(tested: MutualServer, path: str) -> str:
    outcome = Bench(server=tested).ask(path=path)
    if isinstance(outcome, Forwarded):
        return "open" if outcome.area is None else "optional"
    return "protected" if outcome.status == 401 else str(outcome.status)


NESTED = server(
    Space(REALM, ("/", "/public/admin", "/caf%C3%A9/")), Space(None, ("/public", "/o\u0070en/")), Space(REALM, ("/either",), optional=True)
)


@pytest.mark.parametrize(
    "path, expected",
    [
        ("/", "protected"),
        ("", "protected"),
        ("/x", "protected"),
        ("/public", "open"),
        ("/publicity", "open"),  # a prefix of strings, as clients have it
        ("/public/x", "open"),
        ("/public/admin", "protected"),
        ("/public/admin/x", "protected"),
        ("/open", "protected"),
        ("/open/", "open"),
        ("/either/x", "optional"),
        ("/caf\u00e9/x", "protected"),
        ("/PUBLIC", "protected"),
        ("/public/../x", "400"),
        ("/public/..", "400"),
        ("/public/./admin", "400"),
        ("/public//admin", "400"),
        ("/public\\admin", "400"),
        ("/public/x/../../admin", "400"),
        ("//public", "400"),
        ("/x/../public", "400"),
        ("/x/../y", "protected"),  # the same area either way
        ("/public/x/../y", "open"),
        ("/public/.../x", "open"),
        ("/public/.well-known", "open"),
    ],
)
def test_the_longest_prefix_has_a_path_and_no_spelling_gets_around_it(path: str, expected: str) -> None:
    assert area(NESTED, path) == expected


def test_open_spaces_may_be_for_one_origin() -> None:
    scope = REALM._replace(auth_scope="h.example")
    tested = server(Space(scope), Space(None, ("/x",), origins=("http://h.example",)), origins=("http://h.example", ORIGIN))
    bench = Bench(server=tested)
    assert bench.ask(path="/x", host="h.example") == Forwarded(None, None)
    assert reason_of(bench.ask(path="/x")) == "initial"


@pytest.mark.parametrize(
    "target, expected",
    [
        ("http://h/x", ("http", "h", "/x")),
        ("HTTPS://h:1", ("https", "h:1", "/")),
        ("http:///x", ("http", "", "/x")),
        ("/http://h/x", None),
        ("ftp://h/x", None),
        ("h:80", None),
    ],
)
def test_targets_in_absolute_form(target: str, expected: tuple[str, str, str] | None) -> None:
    assert absolute_target(target) == expected


def certificate(name: str) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    built = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(1)
    built = built.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    return built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def test_rows_34_and_35_several_certificates_are_tried_and_the_one_that_matched_is_answered() -> None:
    from kam3.mutual.messages import KexC1, KexS1, VfyC, parse_info, read_info, serialize
    from kam3.mutual.validation import end_point_hash
    from tests.mutual.serving import challenge_of, pi_of

    old, new = certificate("old"), certificate("new")
    realm = Realm(ALG.token, "https://h.example", "r")
    bench = Bench(server=server(Space(realm), origins=(ServedOrigin("https://h.example", [old, new]),)))
    bench.users.put(realm, USER, j_of(realm=realm))

    def ask(header: str) -> Answered | Forwarded:
        return bench.ask(header, host="h.example", scheme="https")

    with kam3.ClientExchange(ALG, pi_of(realm=realm)) as exchange:
        challenge = challenge_of(ask(serialize(KexC1(realm, "tls-server-end-point", USER, exchange.kc1))))
        assert isinstance(challenge, KexS1)
        session = exchange.finish(challenge.ks1)
    for nc, der in ((1, old), (2, new), (3, old)):
        vh = end_point_hash(der)
        outcome = ask(serialize(VfyC(realm, "tls-server-end-point", challenge.sid, nc, session.vkc(nc, vh))))
        assert isinstance(outcome, Forwarded)
        assert outcome.identity is not None
        info = read_info([dict(bench.server.conclude(outcome, 200, ()).headers)["Authentication-Info"]])
        assert info is not None
        session.verify_vks(parse_info(info, ALG.token).vks, nc, vh)
        assert outcome.identity.b2(b"x") == session.b2(nc, vh, b"x")
    vh = end_point_hash(certificate("evil"))
    assert reason_of(ask(serialize(VfyC(realm, "tls-server-end-point", challenge.sid, 4, session.vkc(4, vh))))) == "auth-failed"
