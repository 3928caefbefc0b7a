"""Host validation: what vh is on a channel (RFC 8120 section 7).

The channel decides on the method, no message does: ``host`` on plain http, ``tls-server-end-point`` on TLS with a certificate of the
server, ``tls-unique`` on TLS without one. A parameter `validation` is compared with `method_of`, and vh is built from the channel that
carries the message, at each message anew (section 7.2).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from kam3.errors import MissingExtraError
from kam3.mutual.realms import Origin

Method: TypeAlias = Literal["host", "tls-server-end-point", "tls-unique"]

_BEFORE_1_3 = frozenset({"TLSv1", "TLSv1.1", "TLSv1.2"})  # as `ssl.SSLSocket.version` names them


@dataclass(frozen=True, slots=True)
class TlsUnique:
    """The channel binding ``tls-unique`` (RFC 5929 section 3.1), which a program has to ask for by making one of these.

    Attributes:
        finished: the first Finished message of the latest handshake, as the TLS library gives it now.
        version: the version of TLS, as `ssl.SSLSocket.version` names it. On TLS 1.3 the value is undefined, whatever a library returns.
        extended_master_secret: the connection uses RFC 7627; without it a resumed session can have the Finished data of another one.

    Raises:
        ValueError: TLS 1.3 or unknown, no extended master secret, or no data.
    """

    finished: bytes
    version: str
    extended_master_secret: bool

    def __post_init__(self) -> None:
        if self.version not in _BEFORE_1_3:
            raise ValueError("tls-unique is not defined on TLS 1.3; the version must be TLSv1.2 or an older one")
        if not self.extended_master_secret:
            raise ValueError("tls-unique needs the extended master secret of RFC 7627: without it sessions can be resumed into another")
        if not self.finished:
            raise ValueError("tls-unique needs the Finished data of the connection")


@dataclass(frozen=True, slots=True)
class Channel:
    """What carries a message: the server that is accessed, and the TLS connection to it.

    Attributes:
        origin: of the resource; for a proxy's own messages that of the proxy.
        certificate: the server's certificate in DER, None on plain http. The handshake must have shown that the server holds its key.
        tls_unique: where the server has no certificate, and the program allows that.
        undefined_hash: the hash for certificates whose signature has no hash function of its own (Ed25519, Ed448, ML-DSA), for which
            RFC 5929 defines none: None refuses them; the other side has to make the same choice.

    Raises:
        ValueError: plain http with something of TLS.
    """

    origin: Origin
    certificate: bytes | None = None
    tls_unique: TlsUnique | None = None
    undefined_hash: Literal["sha256"] | None = None

    def __post_init__(self) -> None:
        if self.origin.scheme == "http" and not (self.certificate is None and self.tls_unique is None):
            raise ValueError("an http channel has neither a certificate nor tls-unique: the origin of a TLS connection is https")


def method_of(channel: Channel) -> Method:
    """Return the validation method that a channel must use.

    Raises:
        ValueError: TLS without a certificate of the server, and ``tls-unique`` is not switched on.

    RFC 8120 section 7.
    """
    if channel.origin.scheme == "http":
        return "host"
    if channel.certificate is not None:
        return "tls-server-end-point"
    if channel.tls_unique is not None:
        return "tls-unique"
    raise ValueError("a TLS channel needs the server's certificate for tls-server-end-point; tls-unique is not switched on")


def vh_of(channel: Channel) -> bytes:
    """Return vh of a channel, by the method that it must use.

    Returns:
        For ``host`` the ASCII octets of scheme, host and port, the port always written; for ``tls-server-end-point`` the bare hash of the
        certificate, for ``tls-unique`` the bare Finished data: neither has the prefix of RFC 5056.

    Raises:
        ValueError: the channel has no method, or `end_point_hash` refuses the certificate.
        MissingExtraError: a certificate is to be hashed, and the extra ``[http]`` is not installed.

    RFC 8120 section 7.
    """
    if method_of(channel) == "host":
        return f"{channel.origin.scheme}://{channel.origin.host}:{channel.origin.port}".encode("ascii")
    if channel.certificate is not None:
        return end_point_hash(channel.certificate, undefined_hash=channel.undefined_hash)
    return cast(TlsUnique, channel.tls_unique).finished  # `method_of` has seen that it is there


@functools.lru_cache(maxsize=256)  # public data, and the same few certificates at every message
def end_point_hash(certificate: bytes, *, undefined_hash: Literal["sha256"] | None = None) -> bytes:
    """Return the hash of a certificate for ``tls-server-end-point``.

    Args:
        certificate: the certificate in DER.
        undefined_hash: as in `Channel`.

    Returns:
        Its hash, by the hash function of its signature; by SHA-256 where that is MD5 or SHA-1.

    Raises:
        ValueError: no certificate in DER, or one whose signature has no hash function, several, or an unknown one.
        MissingExtraError: the extra ``[http]`` is not installed.

    RFC 5929 section 4.1.
    """
    try:
        from cryptography import exceptions, x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric.padding import PSS
    except ImportError as error:
        raise MissingExtraError("hashing a certificate needs cryptography: pip install 'kam3[http]'") from error
    try:
        parsed = x509.load_der_x509_certificate(certificate)
    except ValueError as error:
        raise ValueError("the certificate must be an X.509 certificate in DER") from error
    try:
        algorithm = parsed.signature_hash_algorithm
        parameters = parsed.signature_algorithm_parameters
    except exceptions.UnsupportedAlgorithm:
        algorithm = parameters = None
    if isinstance(parameters, PSS) and algorithm is not None and parameters.mgf._algorithm.name != algorithm.name:
        algorithm = None  # two hash functions: the library has no public name for the second
    if algorithm is None:
        if undefined_hash is None:
            raise ValueError(
                "RFC 5929 defines no hash for the signature of this certificate (Ed25519, Ed448, ML-DSA, two hashes, or unknown): "
                "use a certificate with another signature, or undefined_hash='sha256' on both sides"
            )
        algorithm = hashes.SHA256()
    elif algorithm.name in ("md5", "sha1"):
        algorithm = hashes.SHA256()
    return parsed.fingerprint(algorithm)
