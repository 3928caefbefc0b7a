"""What a forward proxy reads in requests and changes in messages: targets, fields that end at it, Via (RFC 9110 section 7, RFC 9112).

Nothing here talks or waits. Fields are pairs of octets, as h11 has them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

from kam3.errors import MissingExtraError
from kam3.mutual.outcomes import Headers
from kam3.mutual.realms import Origin

Fields: TypeAlias = "Sequence[tuple[bytes, bytes]]"

#: The fields that are for the next hop alone (RFC 9110 section 7.6.1), whether or not Connection names them. Those of authentication to a
#: proxy are among them: what the client proves to us is for nobody else, and no origin may speak to the client in our name.
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-authentication-info",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
#: What Connection cannot take away: the framing is ours to answer for.
_KEPT = frozenset({b"content-length"})

_ABSOLUTE = re.compile(r"(?i:http)://[^/?#@\\]+([/?][^#]*)?")
_AUTHORITY = re.compile(r"(\[[^\]/?#@]*\]|[^:\[\]/?#@\\]+):[0-9]{1,5}")


class RefusedError(Exception):
    """A request that the proxy answers itself, with this status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Target(NamedTuple):
    """Where a request is to go."""

    origin: Origin
    path: str  # with its query; empty for CONNECT

    @property
    def host(self) -> str:
        """The host as the resolver wants it: an IPv6 address without its brackets."""
        return self.origin.host.strip("[]")

    @property
    def authority(self) -> str:
        """The value of Host."""
        return str(self.origin).partition("://")[2]


def target_of(method: str, target: str) -> Target:
    """Read the target of a request: an absolute http URL, of CONNECT host and port (RFC 9112 sections 3.2.2 and 3.2.3).

    Raises:
        RefusedError: it is no such target.
    """
    try:
        if method == "CONNECT":
            if not _AUTHORITY.fullmatch(target):
                raise ValueError("the target of CONNECT must be host:port")
            return Target(Origin.parse(f"https://{target}"), "")
        match = _ABSOLUTE.fullmatch(target)
        if match is None:
            raise ValueError("this is a proxy: a target must be an absolute http URL without user name and fragment; for https use CONNECT")
        path = match[1] or ""
        if not path.startswith("/"):
            path = "*" if not path and method == "OPTIONS" else f"/{path}"
        return Target(Origin.parse(target), path)
    except (ValueError, MissingExtraError) as error:
        raise RefusedError(400, str(error)) from None


def check_request(method: str, version: bytes, fields: Fields) -> None:
    """Refuse a request whose end two programs may see in two places (RFC 9112 section 6), or that no proxy should pass on.

    Several lengths that differ, and codings other than chunked, have been refused by the parser.

    Raises:
        RefusedError: it is one.
    """
    if version not in (b"1.0", b"1.1"):
        raise RefusedError(505, "this proxy speaks HTTP/1.1")
    coded, measured = has(fields, b"transfer-encoding"), has(fields, b"content-length")
    if coded and (measured or version != b"1.1"):
        raise RefusedError(400, "Transfer-Encoding must not be there beside Content-Length, nor in HTTP/1.0")
    if method == "CONNECT" and (coded or measured):
        raise RefusedError(400, "CONNECT has no content")
    if method == "TRACE":
        raise RefusedError(405, "TRACE is not passed on: it shows credentials")


def has(fields: Fields, name: bytes) -> bool:
    """Say whether a field is there."""
    return any(known == name for known, _ in fields)


def passed_on(raw: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Leave out what is for the next hop alone: the fields that are always so, and those that Connection names."""
    fields = list(raw)
    options = b",".join(value for name, value in fields if name.lower() == b"connection").split(b",")
    dropped = (HOP_BY_HOP | {option.strip().lower() for option in options}) - _KEPT
    return [field for field in fields if field[0].lower() not in dropped]


def request_fields(method: str, raw: Fields, target: Target, pseudonym: str) -> list[tuple[bytes, bytes]]:
    """Make the fields of the request to the origin: Host by the target (RFC 9112 section 3.2.2), our name in Via.

    Raises:
        RefusedError: the request has come through us before, or may not go further.
    """
    fields = [field for field in passed_on(raw) if field[0].lower() != b"host"]
    if any(name.lower() == b"via" and pseudonym.encode() in value for name, value in fields):
        raise RefusedError(508, "the request goes in a circle")
    if method == "OPTIONS":
        fields = [(name, _one_less(value) if name.lower() == b"max-forwards" else value) for name, value in fields]
    coding = [(b"Transfer-Encoding", b"chunked")] if any(name.lower() == b"transfer-encoding" for name, _ in raw) else []
    return [(b"Host", target.authority.encode("ascii")), *fields, (b"Via", f"1.1 {pseudonym}".encode()), *coding]


def _one_less(forwards: bytes) -> bytes:
    """Count down Max-Forwards (RFC 9110 section 7.6.2)."""
    if not re.fullmatch(rb"[0-9]{1,6}", forwards):
        raise RefusedError(400, "Max-Forwards must be a number")
    if int(forwards) == 0:
        raise RefusedError(501, "this proxy has no options of its own to tell")
    return str(int(forwards) - 1).encode("ascii")


def to_text(fields: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Return fields as text, octets as latin-1."""
    return tuple([(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields])


def to_octets(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Return fields as octets."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def public_web(host: str, address: str, port: int) -> bool:
    """Allow the ports of the Web at addresses of the public Internet; nothing of the networks that the proxy itself stands in.

    Args:
        host: the name in the request.
        address: one that it was resolved to, and will be connected to.
        port: the port.
    """
    del host
    parsed = ipaddress.ip_address(address.partition("%")[0])
    return port in (80, 443) and parsed.is_global and not parsed.is_multicast
