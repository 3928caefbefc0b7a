"""Origins, authentication realms, their scopes and their paths (RFC 8120 sections 4.3 and 5).

Host names with letters beyond ASCII and wildcard scopes need the extra ``[http]``, nothing else does.
"""

from __future__ import annotations

import functools
import re
import urllib.parse
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from kam3.errors import MissingExtraError
from kam3.mutual.hosts import is_address, normal_host

DEFAULT_PORTS = {"http": 80, "https": 443}

ScopeKind: TypeAlias = Literal["single-server", "single-host", "wildcard-domain"]

#: How many elements of a `path` are looked at; it is a hint, so the rest can be left out.
MAX_PATH_ELEMENTS = 256

# RFC 3986 appendix B, for absolute URLs alone: scheme "://" authority, then path, query; the fragment is dropped. No two parts can take
# the same character, so matching is linear.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(\?[^#]*)?(?:#.*)?", re.DOTALL)
# authority without userinfo: host [ ":" port ]; the host has no colon unless it is in brackets
_AUTHORITY = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::([0-9]{0,16}))?")
_PORT = re.compile(r"[1-9][0-9]{0,4}|0")


class Realm(NamedTuple):
    """An authentication realm: the triple that tells it from every other (RFC 8120 section 5)."""

    algorithm: str  # the token, in lower case
    auth_scope: str
    realm: str


class Origin(NamedTuple):
    """A server as sessions know it: scheme, host and port (RFC 8120 section 6). `Origin.parse` makes it; `str` writes it.

    Its text omits the default port: the ASCII serialization of a Web origin, which is the single-server scope of the server.
    """

    scheme: str  # "http" or "https"
    host: str  # in lower case, IDNs as A-labels, IPv6 addresses in brackets
    port: int

    @classmethod
    def parse(cls, url: str) -> Origin:
        """Read the origin of a URL; whatever comes after scheme, host and port is not looked at.

        Args:
            url: an absolute ``http`` or ``https`` URL.

        Returns:
            The origin in its one spelling: host in lower case and IDNA-encoded (UTS 46, non-transitional), port as a number.

        Raises:
            ValueError: no such URL; the message names the rule.
            MissingExtraError: the host has letters beyond ASCII, and the extra ``[http]`` is not installed.

        RFC 8120 section 5; RFC 6454 section 6.2.
        """
        return _split(url)[0]

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}" + ("" if self.port == DEFAULT_PORTS.get(self.scheme) else f":{self.port}")


def _split(url: str) -> tuple[Origin, str]:
    """Return the origin of an absolute URL, and its path and query as they stand."""
    match = _URL.fullmatch(url)
    if match is None:
        raise ValueError("a URL must be absolute: scheme://host, then the rest")
    scheme, authority, path, query = match.groups(default="")
    scheme = scheme.lower()
    if scheme not in DEFAULT_PORTS:
        raise ValueError("the scheme of a URL must be http or https")
    if "@" in authority:
        raise ValueError("a URL must not hold a user name or password")
    return _origin(scheme, authority), path + query


@functools.lru_cache(maxsize=1024)
def _origin(scheme: str, authority: str) -> Origin:
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise ValueError("the authority of a URL must be host, host:port or, with an IPv6 address, [host]:port")
    host, digits = match.groups(default="")
    number = digits.lstrip("0")
    if not digits:
        port = DEFAULT_PORTS[scheme]
    elif not 0 < len(number) <= 5 or (port := int(number)) > 65535:
        raise ValueError("a port must be a number from 1 to 65535")
    return Origin(scheme, normal_host(host), port)


# Scopes


def scope_kind(auth_scope: str) -> ScopeKind:
    """Tell the kind of a scope, which must be in its canonical form.

    Args:
        auth_scope: the value of the parameter.

    Returns:
        ``single-server`` for ``scheme://host`` and ``scheme://host:port``, ``single-host`` for ``host``, ``wildcard-domain`` for
        ``*.domain``.

    Raises:
        ValueError: it is none of them, or not canonical; the message names the rule.

    RFC 8120 section 5: not obeying the canonical form "will cause valid authentication attempts to fail".
    """
    if not auth_scope:
        raise ValueError("an auth-scope must not be empty")
    if not auth_scope.isascii():
        raise ValueError("an auth-scope must write internationalized names as A-labels (xn--...)")
    if auth_scope != auth_scope.lower():
        raise ValueError("an auth-scope must be in lower case")
    if auth_scope.startswith("*."):
        if is_address(_check_host(auth_scope[2:])):
            raise ValueError("a wildcard scope must name a domain: an IP address has no subdomains")
        return "wildcard-domain"
    scheme, separator, authority = auth_scope.partition("://")
    if separator:
        _check_server(scheme, authority)
        return "single-server"
    _check_host(auth_scope)
    return "single-host"


def _check_host(host: str) -> str:
    if not host.startswith("[") and (":" in host or "/" in host):
        raise ValueError("an auth-scope must be scheme://host, scheme://host:port, host or *.domain")
    if normal_host(host) != host:  # what is ASCII and in lower case already can only be an IPv6 address
        raise ValueError("an auth-scope must write an IPv6 address in its shortest form")
    return host


def _check_server(scheme: str, authority: str) -> None:
    if scheme not in DEFAULT_PORTS:
        raise ValueError("the scheme of an auth-scope must be http or https")
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise ValueError("an auth-scope must be scheme://host, scheme://host:port, host or *.domain")
    host, digits = match.groups()
    _check_host(host)
    if digits is None:
        return
    if not _PORT.fullmatch(digits) or not 0 < int(digits) <= 65535:
        raise ValueError("the port of an auth-scope must be a number from 1 to 65535 without leading zeros")
    if int(digits) == DEFAULT_PORTS[scheme]:
        raise ValueError("an auth-scope must omit the default port of its scheme")


def covers(auth_scope: str, origin: Origin) -> bool:
    """Say whether a scope includes a server; one that is not canonical includes none.

    A single-server scope covers exactly the server it is the text of, a single-host scope every scheme and port of its host, a wildcard
    the domain itself and all its subdomains (RFC 8120 section 5).
    """
    try:
        kind = scope_kind(auth_scope)
    except ValueError:
        return False
    if kind == "single-server":
        return auth_scope == str(origin)
    if kind == "single-host":
        return auth_scope == origin.host
    return origin.host == auth_scope[2:] or origin.host.endswith(auth_scope[1:])  # never an address: no domain ends in a number


def is_public_suffix(postfix: str) -> bool:
    """Say whether a domain is one that anybody may have a name under (``com``, ``co.jp``, ``github.io``), by the Public Suffix List.

    A single label that is not in the list counts as one (``corp``), as it does for cookies.

    Args:
        postfix: a domain in its one spelling, as `scope_kind` checks it.

    Raises:
        MissingExtraError: the extra ``[http]`` is not installed.

    RFC 8120 section 5, the wildcard-domain type.
    """
    return _public_suffixes()(postfix)


@functools.cache
def _public_suffixes() -> Callable[[str], bool]:
    try:
        import publicsuffixlist
    except ImportError as error:
        raise MissingExtraError("wildcard scopes need publicsuffixlist: pip install 'kam3[http]'") from error
    is_public: Callable[[str], bool] = publicsuffixlist.PublicSuffixList().is_public
    return is_public


def check_scope(auth_scope: str, origin: Origin) -> ScopeKind:
    """Check all that section 5 asks of a scope, for a server that sends it or a client that was sent it.

    Args:
        auth_scope: the scope.
        origin: the server that sends it.

    Returns:
        Its kind.

    Raises:
        ValueError: the scope is not canonical, does not cover the server, or is a wildcard over a public suffix; the message names the
            rule.
        MissingExtraError: it is a wildcard, and the extra ``[http]`` is not installed.

    RFC 8120 section 5.
    """
    kind = scope_kind(auth_scope)
    if not covers(auth_scope, origin):
        raise ValueError(f"the auth-scope must cover the server it is sent by, {origin}")
    if kind == "wildcard-domain" and is_public_suffix(auth_scope[2:]):
        raise ValueError("the domain of a wildcard scope must belong to one organization, and not be a public suffix")
    return kind


def specificity(auth_scope: str) -> tuple[int, int]:
    """Return a key that sorts canonical scopes, the most specific last: of several candidate realms take that of the greatest key.

    Single-server beats single-host, which beats wildcard; of two wildcards the longer one wins (RFC 8120 section 5.1).
    """
    kind = scope_kind(auth_scope)
    return (2, 0) if kind == "single-server" else (1, 0) if kind == "single-host" else (0, len(auth_scope))


# Paths

# What a path or query may hold beside unreserved characters: gen-delims, sub-delims and "%" (RFC 3986 section 2.2), without "#".
_RESERVED = ":/?[]@!$&'()*+,;=%"
_PERCENT = re.compile("%([0-9A-Fa-f]{2})?")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def normal_target(target: str) -> str:
    """Return a path with its query in the normal form of RFC 3986 section 6.2.2: what two equivalent ones have in common.

    Percent-encoded unreserved characters are decoded, dot segments removed, hexadecimal digits put in upper case; characters that no URI
    may have are percent-encoded as UTF-8. Nothing else is decoded: ``%2F`` is not ``/``.

    Args:
        target: a path from the root, or empty; then a query, if there is one.

    Raises:
        ValueError: it begins with something else, or holds a lone surrogate, which has no UTF-8.

    Timing: linear in the length.
    """
    text = _PERCENT.sub(_normal_percent, urllib.parse.quote(target, safe=_RESERVED))
    path, mark, query = text.partition("?")
    if not path.startswith("/") and path:
        raise ValueError("a path must begin with a slash")
    return _without_dots(path) + mark + query


def _normal_percent(match: re.Match[str]) -> str:
    if match[1] is None:
        return "%25"
    octet = int(match[1], 16)
    return chr(octet) if octet in _UNRESERVED else match[0].upper()


def _without_dots(path: str) -> str:
    """Remove the dot segments of an absolute path (RFC 3986 section 5.2.4); the empty path is the root."""
    segments = path.split("/")
    kept: list[str] = []
    for segment in segments[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", "..") or not kept:
        kept.append("")
    return "/" + "/".join(kept)


def _absolute(url: str) -> str:
    origin, target = _split(url)
    return str(origin) + normal_target(target)


@dataclass(frozen=True, slots=True)
class PathSpace:
    """The URLs that a realm is expected to protect: those that begin with one of some absolute prefixes.

    It is a prefix of strings, as Digest's `domain` has it: ``/private`` covers ``/private2`` and ``/private?x``, ``/private/`` does not
    cover ``/private``.
    """

    prefixes: tuple[str, ...]
    everything: bool = False  # of a proxy that named no path

    def covers(self, url: str) -> bool:
        """Say whether an absolute URL is inside; of one that cannot be read it is not.

        Raises:
            MissingExtraError: the host has letters beyond ASCII, and the extra ``[http]`` is not installed.

        Timing: linear in the length of the URL and of all prefixes. RFC 8120 section 4.3; RFC 7616 section 3.3.
        """
        if self.everything:
            return True
        try:
            return _absolute(url).startswith(self.prefixes)
        except ValueError:
            return False


def parse_path(path: str | None, realm: Realm, origin: Origin, *, proxy: bool = False) -> PathSpace:
    """Read the `path` of a 401-KEX-S1.

    Args:
        path: the value: URIs separated by spaces, relative ones to the root of the server; None where it is absent.
        realm: the realm it was sent for.
        origin: the server that sent it.
        proxy: it came from a proxy: its elements have no limits, and without it the realm covers everything (section 14).

    Returns:
        The space. Without `path`, or with an empty one, it is the whole server. Elements that are outside the scope of the realm or cannot
        be read, and those after the first 256, are left out; nothing may be left.

    Timing: linear in the length of the value. RFC 8120 sections 4.3 and 14; RFC 7616 section 3.3.
    """
    elements = [element for element in (path or "").split(" ") if element][:MAX_PATH_ELEMENTS]
    if not elements:
        return PathSpace((), everything=True) if proxy else PathSpace((f"{origin}/",))
    prefixes: dict[str, None] = {}
    for element in elements:
        try:
            url = _resolved(element, origin)
            if proxy or covers(realm.auth_scope, Origin.parse(url)):
                prefixes[_absolute(url)] = None
        except (ValueError, MissingExtraError):
            continue  # a hint that cannot be read is no hint
    return PathSpace(tuple(prefixes))


def _resolved(element: str, origin: Origin) -> str:
    if _URL.fullmatch(element):
        return element
    if element.startswith("//"):
        return f"{origin.scheme}:{element}"
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", element):
        raise ValueError("a URI of another kind")
    return f"{origin}/{element.removeprefix('/')}"


def serialize_path(prefixes: Iterable[str], realm: Realm, origin: Origin) -> str:
    """Write the `path` of a realm on a server.

    Args:
        prefixes: paths from the root of the server, or absolute URLs of other servers in the scope of the realm.
        realm: the realm.
        origin: the server that will send it.

    Returns:
        The value of the parameter: what `parse_path` reads, in ASCII. It says the same as the prefixes in their normal form.

    Raises:
        ValueError: no prefix; one that is neither a path from the root nor an http or https URL; white space in it; outside of the scope.
        MissingExtraError: a host has letters beyond ASCII, and the extra ``[http]`` is not installed.

    RFC 8120 section 4.3.
    """
    elements = []
    for prefix in prefixes:
        if not prefix.startswith("/") and not _URL.fullmatch(prefix):
            raise ValueError("an element of path must begin with a slash or be an absolute URL")
        if any(character.isspace() or not character.isprintable() for character in prefix):
            raise ValueError("an element of path must have no white space and no control characters: percent-encode them")
        url = _resolved(prefix, origin)
        target = Origin.parse(url)
        if not covers(realm.auth_scope, target):
            raise ValueError(f"an element of path must be inside the auth-scope, and {target} is not")
        url = _absolute(url)
        elements.append(url.removeprefix(str(origin)) if target == origin else url)
    if not elements:
        raise ValueError("path must have at least one element; to say nothing leave it out")
    return " ".join(elements)
