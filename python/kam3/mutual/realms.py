"""Origins, authentication realms and their scopes (RFC 8120 section 5)."""

from __future__ import annotations

from typing import NamedTuple


class Realm(NamedTuple):
    """An authentication realm: the triple that tells it from every other (RFC 8120 section 5)."""

    algorithm: str  # the token, in lower case
    auth_scope: str
    realm: str


class Origin(NamedTuple):
    """A server as sessions know it: scheme, host and port (RFC 8120 section 6)."""

    scheme: str  # "http" or "https"
    host: str  # in lower case, IDNs as A-labels, IPv6 addresses in brackets
    port: int
