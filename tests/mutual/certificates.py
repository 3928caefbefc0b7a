"""Certificates of every kind, made when they are asked for."""

from __future__ import annotations

import datetime
import functools
import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa

_RSA_OID = bytes.fromhex("06092a864886f70d0101")  # pkcs-1, without its last octet
_KEYS: dict[str, Any] = {
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "dsa": lambda: dsa.generate_private_key(2048),
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
}


@functools.cache
def key(kind: str) -> Any:
    """Return the key of a kind, the same one each time."""
    if kind == "mldsa65":
        from cryptography.hazmat.primitives.asymmetric import mldsa  # in newer versions alone

        return mldsa.MLDSA65PrivateKey.generate()
    return _KEYS[kind]()


@functools.cache
def certificate(kind: str, hash_name: str | None = None, mgf: str | None = None, host: str = "localhost", serial: int = 1) -> bytes:
    """Return a certificate in DER, signed with its own key; with `mgf` by RSA-PSS."""
    algorithm = getattr(hashes, hash_name)() if hash_name else None
    extra: dict[str, Any] = {}
    if mgf and algorithm:
        extra["rsa_padding"] = padding.PSS(padding.MGF1(getattr(hashes, mgf)()), algorithm.digest_size)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    start = datetime.datetime(2026, 1, 1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key(kind).public_key())
        .serial_number(serial)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    )
    return builder.sign(key(kind), algorithm, **extra).public_bytes(serialization.Encoding.DER)


def relabelled(last: int) -> bytes:
    """Return an RSA certificate that says it was signed by 2 (MD2), 4 (MD5) or 5 (SHA-1) of PKCS #1: no library signs by them now."""
    der = certificate("rsa", "SHA256")
    assert der.count(_RSA_OID + b"\x0b") == 2, "inside what is signed, and beside the signature"
    return der.replace(_RSA_OID + b"\x0b", _RSA_OID + bytes([last]))


def private_key_pem(kind: str) -> bytes:
    """Return the key of a kind for `ssl.SSLContext.load_cert_chain`."""
    pem: bytes = key(kind).private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem


def chain_files(directory: Path, hosts: Sequence[str] = ("localhost", "127.0.0.1")) -> tuple[str, str, str]:
    """Make an authority and a certificate of it; return the paths of the chain, of its key, and of the authority, all in PEM."""
    authority_key, leaf_key = key("p384"), key("p256")
    root = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test authority")])
    names = [x509.IPAddress(ipaddress.ip_address(host)) if host[0].isdigit() else x509.DNSName(host) for host in hosts]

    def builder(subject: x509.Name, public: Any, serial: int) -> x509.CertificateBuilder:
        start = datetime.datetime(2026, 1, 1)
        begun = x509.CertificateBuilder().subject_name(subject).issuer_name(root).public_key(public).serial_number(serial)
        dated = begun.not_valid_before(start).not_valid_after(start + datetime.timedelta(days=36500))
        by = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
        return dated.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False).add_extension(by, False)

    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    authority = builder(root, authority_key.public_key(), 1).add_extension(usage, True)
    authority = authority.add_extension(x509.BasicConstraints(True, None), True)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, hosts[0])])
    leaf = builder(subject, leaf_key.public_key(), 2).add_extension(x509.SubjectAlternativeName(names), False)
    pems = [made.sign(authority_key, hashes.SHA384()).public_bytes(serialization.Encoding.PEM) for made in (leaf, authority)]
    paths = [directory / name for name in ("chain.pem", "key.pem", "authority.pem")]
    for path, octets in zip(paths, (b"".join(pems), private_key_pem("p256"), pems[1]), strict=True):
        path.write_bytes(octets)
    chain, private, trusted = map(str, paths)
    return chain, private, trusted
