"""Host validation: the method and vh of a channel (RFC 8120 section 7)."""

from __future__ import annotations

import hashlib
import ssl
import sys
from pathlib import Path

import pytest

from kam3.errors import MissingExtraError
from kam3.mutual import validation
from kam3.mutual.realms import Origin
from kam3.mutual.validation import Channel, TlsUnique, end_point_hash, method_of, vh_of

certificates = pytest.importorskip("tests.mutual.certificates", reason="certificates are made with cryptography")

HTTP = Origin.parse("http://example.com")
HTTPS = Origin.parse("https://example.com")
UNIQUE = TlsUnique(b"finished 123", "TLSv1.2", extended_master_secret=True)


@pytest.mark.parametrize(
    "url, vh",
    [
        ("http://example.com", b"http://example.com:80"),
        ("http://EXAMPLE.com:80/x", b"http://example.com:80"),
        ("http://example.com:08120", b"http://example.com:8120"),
        ("http://example.com:443", b"http://example.com:443"),
        ("http://[0:0::1]", b"http://[::1]:80"),
        ("http://b\u00fccher.example", b"http://xn--bcher-kva.example:80"),
    ],
)
def test_host_writes_the_port_always(url: str, vh: bytes) -> None:
    channel = Channel(Origin.parse(url))
    assert method_of(channel) == "host"
    assert vh_of(channel) == vh


@pytest.mark.parametrize(
    "kind, signed_by, mgf, hashed_by",
    [
        ("rsa", "SHA224", None, "sha224"),
        ("rsa", "SHA256", None, "sha256"),
        ("rsa", "SHA384", None, "sha384"),
        ("rsa", "SHA512", None, "sha512"),
        ("rsa", "SHA3_256", None, "sha3_256"),
        ("rsa", "SHA256", "SHA256", "sha256"),
        ("rsa", "SHA384", "SHA384", "sha384"),
        ("dsa", "SHA256", None, "sha256"),
        ("p256", "SHA256", None, "sha256"),
        ("p256", "SHA512", None, "sha512"),
        ("p384", "SHA384", None, "sha384"),
        ("p521", "SHA512", None, "sha512"),
    ],
)
def test_a_certificate_is_hashed_as_it_was_signed(kind: str, signed_by: str, mgf: str | None, hashed_by: str) -> None:
    der = certificates.certificate(kind, signed_by, mgf)
    assert end_point_hash(der) == hashlib.new(hashed_by, der).digest()
    assert vh_of(Channel(HTTPS, der)) == hashlib.new(hashed_by, der).digest(), "bare, without a prefix"
    assert end_point_hash(der, undefined_hash="sha256") == end_point_hash(der), "where there is a hash, the option changes nothing"


@pytest.mark.parametrize("last", [4, 5])
def test_a_certificate_signed_with_md5_or_sha_1_is_hashed_by_sha_256(last: int) -> None:
    der = certificates.relabelled(last)
    assert end_point_hash(der) == hashlib.sha256(der).digest()


UNDEFINED = {"ed25519": ("ed25519",), "ed448": ("ed448",), "mldsa65": ("mldsa65",), "two hashes": ("rsa", "SHA384", "SHA256")}


@pytest.mark.parametrize("name", [*UNDEFINED, "md2"])
def test_a_certificate_without_a_hash_is_refused_or_takes_the_one_that_was_chosen(name: str) -> None:
    if name == "mldsa65":
        pytest.importorskip("cryptography.hazmat.primitives.asymmetric.mldsa", reason="this version of cryptography has no ML-DSA")
    der = certificates.relabelled(2) if name == "md2" else certificates.certificate(*UNDEFINED[name])
    with pytest.raises(ValueError, match=r"RFC 5929 defines no hash .* undefined_hash='sha256'"):
        end_point_hash(der)
    with pytest.raises(ValueError, match="RFC 5929"):
        vh_of(Channel(HTTPS, der))
    assert vh_of(Channel(HTTPS, der, undefined_hash="sha256")) == hashlib.sha256(der).digest()


@pytest.mark.parametrize("damage", [b"", b"\x00", b"x", "short", "long", "pem"])
def test_what_is_no_certificate_is_refused(damage: bytes | str) -> None:
    der: bytes = certificates.certificate("p256", "SHA256")
    if isinstance(damage, str):
        damage = {"short": der[:-1], "long": der + b"\x00", "pem": ssl.DER_cert_to_PEM_cert(der).encode()}[damage]
    with pytest.raises(ValueError, match="must be an X.509 certificate in DER"):
        end_point_hash(damage)


def test_only_the_hash_of_a_certificate_needs_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    der = certificates.certificate("p256", "SHA256")
    end_point_hash.cache_clear()
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'kam3\[http\]'"):
        vh_of(Channel(HTTPS, der))
    assert vh_of(Channel(HTTP)) == b"http://example.com:80"
    assert vh_of(Channel(HTTPS, tls_unique=UNIQUE)) == UNIQUE.finished
    monkeypatch.undo()
    assert vh_of(Channel(HTTPS, der)) == hashlib.sha256(der).digest(), "a failure is not remembered"


def test_a_certificate_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    der = certificates.certificate("p256", "SHA256", serial=2)
    end_point_hash.cache_clear()
    first = vh_of(Channel(HTTPS, der))
    monkeypatch.setitem(sys.modules, "cryptography", None)
    assert vh_of(Channel(HTTPS, bytes(bytearray(der)))) == first


def test_the_channel_decides_on_the_method() -> None:
    der = certificates.certificate("p256", "SHA256")
    assert method_of(Channel(HTTP)) == "host"
    assert method_of(Channel(HTTPS, der)) == "tls-server-end-point"
    assert method_of(Channel(HTTPS, tls_unique=UNIQUE)) == "tls-unique"
    assert method_of(Channel(HTTPS, der, UNIQUE)) == "tls-server-end-point", "a certificate leaves no choice"
    with pytest.raises(ValueError, match="needs the server's certificate"):
        method_of(Channel(HTTPS))
    with pytest.raises(ValueError, match="needs the server's certificate"):
        vh_of(Channel(HTTPS))


def test_plain_http_has_nothing_of_tls() -> None:
    for channel in ({"certificate": b"x"}, {"tls_unique": UNIQUE}):
        with pytest.raises(ValueError, match="neither a certificate nor tls-unique"):
            Channel(HTTP, **channel)


@pytest.mark.parametrize(
    "finished, version, extended, rule",
    [
        (b"x", "TLSv1.3", True, "not defined on TLS 1.3"),
        (b"x", "", True, "TLSv1.2"),
        (b"x", "SSLv3", True, "TLSv1.2"),
        (b"x", "TLSv1.2", False, "RFC 7627"),
        (b"", "TLSv1.2", True, "Finished data"),
    ],
)
def test_tls_unique_is_refused_where_it_binds_nothing(finished: bytes, version: str, extended: bool, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        TlsUnique(finished, version, extended)


def connection(folder: Path, version: ssl.TLSVersion) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Return both ends of a TLS connection, without a socket."""
    pem = folder / "server.pem"
    pem.write_bytes(ssl.DER_cert_to_PEM_cert(certificates.certificate("p384", "SHA384")).encode() + certificates.private_key_pem("p384"))
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(pem)
    context = ssl.create_default_context(cafile=pem)
    context.minimum_version = context.maximum_version = version
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(to_client, to_server, server_hostname="localhost")
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    waiting = [client, server]
    while waiting:
        for end in list(waiting):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(end)
    return client, server


def test_both_ends_of_a_tls_connection_have_one_vh(tmp_path: Path) -> None:
    client, _ = connection(tmp_path, ssl.TLSVersion.TLSv1_3)
    configured = certificates.certificate("p384", "SHA384")
    assert vh_of(Channel(HTTPS, client.getpeercert(binary_form=True))) == vh_of(Channel(HTTPS, configured))
    assert len(vh_of(Channel(HTTPS, configured))) == 48


def test_tls_unique_of_a_connection(tmp_path: Path) -> None:
    def unique(end: ssl.SSLObject) -> TlsUnique:
        return TlsUnique(end.get_channel_binding("tls-unique") or b"", end.version() or "", extended_master_secret=True)

    client, server = map(unique, connection(tmp_path, ssl.TLSVersion.TLSv1_2))
    assert vh_of(Channel(HTTPS, tls_unique=client)) == vh_of(Channel(HTTPS, tls_unique=server)) == client.finished
    assert len(client.finished) == 12
    end, _ = connection(tmp_path, ssl.TLSVersion.TLSv1_3)
    assert end.get_channel_binding("tls-unique"), "Python gives a value there, too"
    with pytest.raises(ValueError, match=r"TLS 1\.3"):
        unique(end)


def test_every_method_is_known_by_its_token() -> None:
    assert set(validation.Method.__args__) == {"host", "tls-server-end-point", "tls-unique"}  # type: ignore[attr-defined]
