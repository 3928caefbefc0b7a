"""The catalogue of attacks, rows 28 to 36, 53 and 81: what origins, realms, scopes, paths, vh and the extensions do about them.

Client and server have their own tests of the same rows, on whole requests.
"""

from __future__ import annotations

import pytest

import kam3
from kam3.errors import LocalProtocolError, MissingExtraError, VerificationError
from kam3.mutual.extensions import read_optional, serialize_optional
from kam3.mutual.messages import Init, KexS1, Stale, VfyC, parse_request, read_credentials, realm_of, serialize
from kam3.mutual.realms import Origin, Realm, check_scope, parse_path
from kam3.mutual.sessions import SessionKey
from kam3.mutual.validation import Channel, TlsUnique, method_of, vh_of

P256 = kam3.EC_P256
ORIGIN = Origin.parse("http://example.com")
REALM = Realm(P256.token, "http://example.com", "r")
PASSWORD, USER = b"secret", b"alice"


def pi_of(realm: Realm) -> bytes:
    return kam3.algorithm(realm.algorithm).pi(PASSWORD, auth_scope=realm.auth_scope, realm=realm.realm, user=USER)


def sessions(realm: Realm = REALM) -> tuple[kam3.ClientSession, kam3.ServerSession]:
    """Return both ends after a key exchange."""
    pi = pi_of(realm)
    alg = kam3.algorithm(realm.algorithm)
    client = kam3.ClientExchange(alg, pi)
    server = kam3.ServerExchange(alg, alg.j(pi)).respond(client.kc1)
    return client.finish(server.ks1), server


@pytest.mark.parametrize(
    "scope, rule",
    [
        ("http://example.org", "must cover"),
        ("badexample.com", "must cover"),
        ("*.ample.com", "must cover"),
        ("*.com", "one organization"),
        ("http://Example.com", "lower case"),
        ("http://example.com:80", "default port"),
    ],
)
def test_row_28_a_scope_that_is_wrong_for_the_host_is_refused(scope: str, rule: str) -> None:
    with pytest.raises(ValueError, match=rule) as caught:
        check_scope(scope, ORIGIN)
    assert not isinstance(caught.value, MissingExtraError)


@pytest.mark.parametrize(
    "field, other",
    [("algorithm", kam3.EC_P521.token), ("auth_scope", "http://example.com:81"), ("auth_scope", "example.com"), ("realm", "R")],
)
def test_row_29_another_triple_is_another_realm(field: str, other: str) -> None:
    wrong = REALM._replace(**{field: other})
    alg = kam3.algorithm(wrong.algorithm)
    parameters = read_credentials([serialize(VfyC(wrong, "host", "00" * 16, 1, bytes(alg.hash_octets)))])
    assert parameters is not None
    assert realm_of(parameters) == wrong != REALM, "the server reads the triple before it judges anything else"
    if field != "algorithm":
        assert pi_of(wrong) != pi_of(REALM)


def test_row_29_the_method_of_a_message_is_told_from_that_of_the_channel() -> None:
    for validation in ("tls-server-end-point", "tls-unique", "none"):
        parameters = read_credentials([serialize(VfyC(REALM, validation, "00" * 16, 1, bytes(32)))])
        assert parameters is not None
        assert parse_request(parameters).validation != method_of(Channel(ORIGIN))


def test_row_30_a_sid_belongs_to_one_realm_on_one_server() -> None:
    sid = "00" * 16
    wide = REALM._replace(auth_scope="*.example.com")
    servers = ["http://example.com", "https://example.com", "http://example.com:81", "http://www.example.com"]
    realms = [wide, wide._replace(realm="s"), wide._replace(auth_scope="example.com"), wide._replace(algorithm=kam3.EC_P521.token)]
    keys = {SessionKey(str(Origin.parse(server)), realm, sid) for server in servers for realm in realms}
    assert len(keys) == len(servers) * len(realms)
    assert SessionKey(str(Origin.parse("HTTP://EXAMPLE.COM:80/x")), wide, sid) in keys, "spelling makes no server"


@pytest.mark.parametrize("evil", ["http://evil.example", "http://example.com:8080", "http://www.example.com", "https://example.com"])
def test_row_31_relay_a_proof_made_for_another_host_is_refused(evil: str) -> None:
    client, server = sessions(REALM._replace(auth_scope="example.com"))
    origin = Origin.parse(evil)
    tls = b"another certificate's hash........"
    vh = tls if origin.scheme == "https" else vh_of(Channel(origin))
    with pytest.raises(VerificationError):
        server.verify_vkc(client.vkc(1, vh), 1, vh_of(Channel(ORIGIN)))


def test_row_31_relay_the_same_proof_for_the_right_host_is_accepted() -> None:
    client, server = sessions()
    vh = vh_of(Channel(Origin.parse("http://EXAMPLE.com:80/page")))
    client.verify_vks(server.verify_vkc(client.vkc(1, vh), 1, vh_of(Channel(ORIGIN))), 1, vh)


CONFIGURED = {Origin.parse(url) for url in ("http://example.com", "https://example.com:8443", "http://xn--bcher-kva.example", "http://[::1]:81")}


@pytest.mark.parametrize(
    "target, served",
    [
        ("http://example.com", True),
        ("http://EXAMPLE.com:80", True),
        ("http://example.com:080", True),
        ("http://example.com/absolute/form", True),
        ("https://example.com:8443", True),
        ("http://b\u00fccher.example", True),
        ("http://[0:0:0::1]:81", True),
        ("http://example.com:81", False),
        ("https://example.com", False),
        ("http://example.com.evil.example", False),
        ("http://evil.example", False),
        ("http://[::1]", False),
    ],
)
def test_row_32_a_host_is_a_configured_origin_or_none(target: str, served: bool) -> None:
    assert (Origin.parse(target) in CONFIGURED) is served


@pytest.mark.parametrize("host", ["", "example.com.", "example.com@evil.example", "example.com:80:80", "exam ple", "example.com\r\nx", "*"])
def test_row_32_a_malformed_host_is_no_origin(host: str) -> None:
    with pytest.raises(ValueError, match="host|authority|URL"):
        Origin.parse(f"http://{host}")


def test_row_33_the_channel_leaves_no_choice_of_the_method() -> None:
    https = Origin.parse("https://example.com")
    unique = TlsUnique(b"finished", "TLSv1.2", extended_master_secret=True)
    assert method_of(Channel(ORIGIN)) == "host"
    assert method_of(Channel(https, b"certificate")) == "tls-server-end-point"
    assert method_of(Channel(https, b"certificate", unique)) == "tls-server-end-point"
    with pytest.raises(ValueError, match="neither"):
        Channel(ORIGIN, tls_unique=unique)
    with pytest.raises(ValueError, match=r"TLS 1\.3"):
        TlsUnique(b"finished", "TLSv1.3", extended_master_secret=True)


def test_row_34_a_session_outlives_a_change_of_the_certificate() -> None:
    certificates = pytest.importorskip("tests.mutual.certificates", reason="certificates are made with cryptography")
    https = Origin.parse("https://example.com")
    channels = [Channel(https, certificates.certificate(kind, "SHA384")) for kind in ("p256", "p384")]
    hosts = [vh_of(channel) for channel in channels]
    assert hosts[0] != hosts[1]
    client, server = sessions()
    client.verify_vks(server.verify_vkc(client.vkc(1, hosts[0]), 1, hosts), 1, hosts[0])
    client.verify_vks(server.verify_vkc(client.vkc(2, hosts[1]), 2, hosts), 2, hosts[1])
    with pytest.raises(VerificationError):
        server.verify_vkc(client.vkc(3, hosts[0]), 3, hosts[1:])


def test_row_35_tls_without_the_certificate_that_clients_see_has_no_vh() -> None:
    channel = Channel(Origin.parse("https://example.com"))
    for use in (method_of, vh_of):
        with pytest.raises(ValueError, match="needs the server's certificate"):
            use(channel)


def test_row_36_downgrade_another_algorithm_has_other_credentials_and_basic_is_nothing() -> None:
    known = {REALM: "what the user typed for this realm"}
    assert REALM._replace(algorithm=kam3.DL_2048.token) not in known
    assert read_optional(['Basic realm="r"', 'Digest realm="r", nonce="x"'], 200) is None


def test_row_53_optional_only_where_it_is_allowed() -> None:
    init = Init(REALM, "host", "initial")
    assert serialize_optional(init, 200) == serialize(init)
    kex = KexS1(REALM, "host", "00" * 16, b"\x02" * 33, 1, 128, 60)
    for message in (Init(REALM, "host", "auth-failed"), Init(REALM, "host", "invalid-parameters"), Stale(REALM, "host"), kex):
        with pytest.raises(LocalProtocolError, match="reason initial"):
            serialize_optional(message, 200)  # type: ignore[arg-type]  # what is refused
    with pytest.raises(LocalProtocolError, match="other than 401"):
        serialize_optional(init, 401)


def test_row_81_no_realm_finds_the_credentials_of_another() -> None:
    known = {REALM: "secret"}
    for other in (REALM._replace(realm="R"), REALM._replace(auth_scope="example.com"), REALM._replace(algorithm=kam3.EC_P521.token)):
        assert other not in known


def test_row_81_elements_of_path_outside_the_scope_are_ignored() -> None:
    space = parse_path("/in/ http://example.com:81/out https://example.com/out //evil.example/out", REALM, ORIGIN)
    assert space.prefixes == ("http://example.com/in/",)
    nothing = parse_path("http://evil.example/", REALM, ORIGIN)
    assert not nothing.covers("http://example.com/"), "ignored is not absent"
    assert not nothing.covers("http://evil.example/")
