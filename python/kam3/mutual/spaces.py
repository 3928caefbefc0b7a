"""What a server protects: its origins, its protected spaces, and which of them a request is for.

Everything is checked and written out when the server is made, so that a mistake shows then, and a request costs a few look-ups. Nothing
that a client sends becomes part of an origin, a realm or a value vh: it only chooses among what is configured (RFC 8120 section 7).
"""

from __future__ import annotations

import posixpath
import re
import urllib.parse
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from kam3.algorithms import Algorithm, algorithm
from kam3.arguments import MAX_HOST_VALUES
from kam3.mutual.extensions import CONTROL_FIELD, Control, serialize_control, serialize_optional
from kam3.mutual.messages import ORIGIN, PROXY, HeaderSet, Init, KexS1, Stale, serialize
from kam3.mutual.prefixes import KnownPrefixes
from kam3.mutual.realms import Origin, Realm, check_scope, covers, serialize_path
from kam3.mutual.validation import Channel, method_of, vh_of

#: The reasons that this server gives in a 401-INIT (RFC 8120 section 4.1); user-unknown and invalid-credential are not among them.
INIT_REASONS = ("initial", "auth-failed", "reauth-needed", "invalid-parameters", "authz-failed")

# Prefixes are written as they are sent: what a URI may hold, without query and fragment.
_PREFIX = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")


@dataclass(frozen=True, slots=True)
class ServedOrigin:
    """A server as its clients see it.

    Attributes:
        url: ``scheme://host`` or ``scheme://host:port``; nothing may follow.
        certificates: of an https origin: the certificates, in DER, that clients may be shown, 1 to 4 (several during a change, or behind
            several listeners; where a proxy ends TLS, those of the proxy). Of an http origin: none.
        undefined_hash: see `kam3.mutual.validation.Channel`.
    """

    url: str
    certificates: Sequence[bytes] = ()
    undefined_hash: Literal["sha256"] | None = None


@dataclass(frozen=True, slots=True)
class Space:
    """Some paths of the server, and the realm that protects them.

    Attributes:
        realm: the authentication realm; None leaves the paths open, within a larger space that is protected.
        prefixes: what the paths begin with, as they stand in URLs: percent-encoded, without dot segments. They are prefixes of strings, as
            clients apply them (RFC 8120 section 4.3): ``/a`` protects ``/ab``, and ``/a/`` does not protect ``/a``. Of several spaces the
            one with the longest prefix has a path.
        optional: who has not logged in gets the application's answer, with an invitation to do so (RFC 8053 section 3).
        origins: the URLs of the served origins that it is for; none named: all that the scope of the realm covers.
        control: what Authentication-Control tells clients: hints, which nobody has to follow (RFC 8053 section 8).
    """

    realm: Realm | None
    prefixes: Sequence[str] = ("/",)
    optional: bool = False
    origins: Sequence[str] = ()
    control: Control = Control()  # noqa: RUF009 - immutable


@dataclass(frozen=True, slots=True)
class Terms:
    """What a server promises with each session (RFC 8120 section 4.3).

    Attributes:
        nc_max: the largest nonce number. 2^31-1 fits the integers of every client.
        nc_window: how far nonce numbers may come out of order; 1024 allows that many requests under way, for 128 octets a session.
        time: seconds for which a session can be used. A longer one saves key exchanges, a shorter one lets a stolen z live less long.
        grace: seconds beyond `time` for which it is kept, for requests that were sent in time.
    """

    nc_max: int = 2**31 - 1
    nc_window: int = 1024
    time: int = 3600
    grace: int = 60

    def __post_init__(self) -> None:
        if self.nc_window < 128:
            raise ValueError("nc_window must be 128 or more (RFC 8120 section 4.3)")
        if self.time < 60:
            raise ValueError("time must be 60 seconds or more (RFC 8120 section 4.3)")
        if self.nc_max < self.nc_window:
            raise ValueError("nc_max must not be less than nc_window")
        if self.grace < 0:
            raise ValueError("grace must not be negative")


class Controls(NamedTuple):
    """Authentication-Control as it goes with each kind of response, as header fields; empty where there is nothing to say."""

    initial: tuple[tuple[str, str], ...] = ()  # a 401-INIT with the reason initial, or the same by Optional-WWW-Authenticate
    failed: tuple[tuple[str, str], ...] = ()  # a 401-INIT to credentials of the realm
    proved: tuple[tuple[str, str], ...] = ()
    log_out: tuple[tuple[str, str], ...] = ()  # a proved response after which the session is over


@dataclass(frozen=True, slots=True)
class Area:
    """A protected space on one origin, or a proxy, with all that is ever sent for it."""

    headers: HeaderSet
    origin: str  # what its sessions belong to: an origin and a proxy at one address share none
    realm: Realm
    algorithm: Algorithm
    validation: str
    hosts: tuple[bytes, ...]  # the values of vh that a proof may be made for
    path: str | None
    optional: bool
    init: Mapping[str, str]  # the challenge of a 401-INIT by its reason
    stale: str
    controls: Controls
    known: KnownPrefixes = field(repr=False, compare=False)


class Site:
    """One origin: which area its paths belong to."""

    __slots__ = ("_prefixes", "origin")

    def __init__(self, origin: Origin, prefixes: Mapping[str, Area | None]) -> None:
        self.origin = origin
        self._prefixes = sorted(prefixes.items(), key=lambda entry: len(entry[0]), reverse=True)

    def area_of(self, path: str) -> Area | None:
        """Return the area of a path, percent-decoded; None if it is open.

        Raises:
            ValueError: the path means one area as it stands and another one when dot segments, repeated slashes and backslashes are
                resolved, as some applications do: nobody may choose between the two.
        """
        area = self._longest(path)
        if ("//" in path or "/." in path or "\\" in path) and self._longest(_resolved(path)) is not area:
            raise ValueError("the path is ambiguous: resolve its dot segments, repeated slashes and backslashes")
        return area

    def _longest(self, path: str) -> Area | None:
        for prefix, area in self._prefixes:
            if path.startswith(prefix):
                return area
        return None


class Sites:
    """All origins of a server, and the way from a Host field to one of them."""

    __slots__ = ("_by_host", "origins")

    def __init__(self, sites: Iterable[Site]) -> None:
        self._by_host: dict[tuple[str, str], Site] = {}
        self.origins: list[Origin] = []
        for site in sites:
            origin = site.origin
            if origin in self.origins:
                raise ValueError(f"the origin {origin} is there twice")
            self.origins.append(origin)
            # What clients write nearly always; any other spelling is parsed.
            self._by_host[origin.scheme, str(origin).partition("://")[2]] = site
            self._by_host[origin.scheme, f"{origin.host}:{origin.port}"] = site

    def site_of(self, scheme: str, host: str) -> Site | None:
        """Return the site of a Host field; None if no such origin is served.

        Raises:
            ValueError: the field is malformed.
        """
        site = self._by_host.get((scheme, host))
        if site is not None:
            return site
        if not host or not host.isascii() or any(mark in host for mark in "/?#@\\ \t"):
            raise ValueError("Host must be host or host:port")
        origin = Origin.parse(f"{scheme}://{host}")
        return self._by_host.get((origin.scheme, f"{origin.host}:{origin.port}"))


def make_sites(spaces: Iterable[Space], origins: Iterable[ServedOrigin | str], terms: Terms, *, proxy: bool = False) -> Sites:
    """Check a configuration, of a server or of a proxy, and write out everything that depends on it alone.

    Raises:
        ValueError: the rule that it breaks; UnknownAlgorithmError, LocalProtocolError and MissingExtraError likewise.
    """
    served = [ServedOrigin(origin) if isinstance(origin, str) else origin for origin in origins]
    parsed = {_exact_origin(entry.url): entry for entry in served}
    spaces = tuple(spaces)
    if not parsed or not spaces:
        raise ValueError("a server needs at least one origin and one space")
    if proxy:
        _check_proxy(spaces, parsed)
    headers = PROXY if proxy else ORIGIN
    sites = Sites(Site(origin, _areas(spaces, origin, entry, terms, headers)) for origin, entry in parsed.items())
    if len(parsed) != len(served):
        raise ValueError("an origin is there twice")
    for space in spaces:
        if not any(_is_for(space, origin) for origin in parsed):
            raise ValueError(f"the space {' '.join(space.prefixes)} is for none of the origins: its auth-scope covers none")
    _warn(spaces, tuple(parsed))
    return sites


def absolute_target(target: str) -> tuple[str, str, str] | None:
    """Split a target in absolute form, percent-decoded, into scheme, host and path; None if it is none (RFC 9112 section 3.2.2)."""
    scheme, separator, rest = target.partition("://")
    if not separator or scheme.lower() not in ("http", "https"):
        return None
    host, slash, path = rest.partition("/")
    return scheme.lower(), host, slash + path or "/"


def _exact_origin(url: str) -> Origin:
    origin = Origin.parse(url)
    if url.partition("://")[2].strip("/") != url.partition("://")[2] or re.search(r"[?#]|://[^/]*/", url):
        raise ValueError("an origin must be scheme://host or scheme://host:port, with nothing behind it")
    return origin


def _check_proxy(spaces: Sequence[Space], origins: Iterable[Origin]) -> None:
    """Check what is asked of a proxy beyond what is asked of a server (RFC 8120 section 14)."""
    hosts = list(dict.fromkeys(origin.host for origin in origins))
    for space in spaces:
        if space.realm is None or tuple(space.prefixes) != ("/",):
            raise ValueError("a proxy must protect all requests: a space with a realm, and prefixes left out")
        if space.optional or space.control != Control():
            raise ValueError("RFC 8053 is not applicable to proxies: a space of one has neither optional nor control (RFC 8120 section 14)")
        if space.realm.auth_scope not in hosts:
            raise ValueError(f"the auth-scope of a proxy must be its host name, {' or '.join(hosts)} (RFC 8120 section 14)")


def _is_for(space: Space, origin: Origin) -> bool:
    if space.origins:
        return any(Origin.parse(url) == origin for url in space.origins)
    return space.realm is None or covers(space.realm.auth_scope, origin)


def _areas(spaces: Sequence[Space], origin: Origin, served: ServedOrigin, terms: Terms, headers: HeaderSet) -> dict[str, Area | None]:
    """Return the areas of an origin by their decoded prefixes; no prefix of any space may be left without a word."""
    certificates = tuple(served.certificates)
    if origin.scheme == "https" and not 1 <= len(certificates) <= MAX_HOST_VALUES:
        raise ValueError(f"the origin {origin} needs 1 to {MAX_HOST_VALUES} certificates, for tls-server-end-point (RFC 8120 section 7)")
    channels = [Channel(origin, certificate, undefined_hash=served.undefined_hash) for certificate in certificates or (None,)]
    validation, hosts = method_of(channels[0]), tuple(dict.fromkeys(vh_of(channel) for channel in channels))
    found: dict[str, Area | None] = {}
    for space in spaces:
        if not _is_for(space, origin):
            continue
        prefixes = _decoded(space.prefixes)
        area = None if space.realm is None else _area(space, space.realm, origin, validation, hosts, terms, headers)
        for prefix in prefixes:
            if prefix in found:
                raise ValueError(f"the prefix {prefix} on {origin} belongs to two spaces")
            found[prefix] = area
    for prefix in (prefix for space in spaces if space.realm is not None for prefix in _decoded(space.prefixes)):
        if not any(prefix.startswith(known) for known in found):
            raise ValueError(f"{origin} leaves {prefix} open, because no scope covers it: add a Space, if need be with realm None")
    return found


def _decoded(prefixes: Sequence[str]) -> list[str]:
    if isinstance(prefixes, str) or not prefixes:
        raise ValueError("prefixes must be a sequence of at least one")
    for prefix in prefixes:
        if not _PREFIX.fullmatch(prefix):
            raise ValueError("a prefix must be a path from the root, percent-encoded, without query and fragment")
    decoded = [urllib.parse.unquote(prefix, errors="strict") for prefix in prefixes]
    if any(_resolved(prefix) != prefix for prefix in decoded):
        raise ValueError("a prefix must have no dot segments, repeated slashes and backslashes")
    return decoded


def _resolved(path: str) -> str:
    """Read a path as an application may that resolves dot segments, repeated slashes and backslashes."""
    path = path.replace("\\", "/")
    resolved = "/" + posixpath.normpath(path).lstrip("/")
    return resolved + "/" if path.endswith(("/", "/.", "/..")) and resolved != "/" else resolved


def _area(
    space: Space, realm: Realm, origin: Origin, validation: str, hosts: tuple[bytes, ...], terms: Terms, headers: HeaderSet
) -> Area:
    alg = algorithm(realm.algorithm)
    if realm.algorithm != alg.token:
        raise ValueError("the algorithm of a realm must be its token in lower case")
    check_scope(realm.auth_scope, origin)
    path = serialize_path(space.prefixes, realm, origin) if headers == ORIGIN else None  # left out by a proxy: all requests
    init = {reason: serialize(Init(realm, validation, reason)) for reason in INIT_REASONS}
    if space.optional:
        serialize_optional(Init(realm, validation, "initial"), 200)  # what is sent is the same text
    window = (terms.nc_max, terms.nc_window)
    serialize(KexS1(realm, validation, "0" * 32, bytes(alg.element_octets), *window, terms.time, path))  # what cannot be sent raises now
    stale, controls = serialize(Stale(realm, validation)), _controls(space, realm.realm)
    server = str(origin) if headers == ORIGIN else f"proxy {origin}"
    return Area(headers, server, realm, alg, validation, hosts, path, space.optional, init, stale, controls, KnownPrefixes(alg))


def _controls(space: Space, realm: str) -> Controls:
    """Write out what counts in each kind of response (RFC 8053 section 4); a parameter that does not count there is not sent."""
    control = space.control
    proved = Control(location_when_logout=control.location_when_logout, logout_timeout=control.logout_timeout)
    failed = Control(auth_style=control.auth_style, username=control.username)
    initial = replace(failed, location_when_unauthenticated=control.location_when_unauthenticated, no_auth=control.no_auth)

    def written(part: Control, optional: bool = False) -> tuple[tuple[str, str], ...]:
        return () if part == Control() else ((CONTROL_FIELD, serialize_control({realm: part}, optional=optional)),)

    return Controls(written(initial, space.optional), written(failed), written(proved), written(replace(proved, logout_timeout=0)))


def _warn(spaces: Sequence[Space], origins: Sequence[Origin]) -> None:
    """Warn of what RFC 8120 and RFC 8053 do not recommend."""
    if any(space.control.username is not None for space in spaces):
        warnings.warn("the user name in Authentication-Control is told to everybody (RFC 8053 section 8.1)", stacklevel=4)
    realms = list(dict.fromkeys(space.realm for space in spaces if space.realm is not None))
    if len({realm[1:] for realm in realms}) < len(realms):
        warnings.warn("one auth-scope and realm have several algorithms, which RFC 8120 section 5 does not recommend", stacklevel=4)
    for origin in origins:
        prefixes = [(prefix, space.realm) for space in spaces if space.realm and _is_for(space, origin) for prefix in space.prefixes]
        for prefix, realm in prefixes:
            if any(other.startswith(prefix) and realm != others for other, others in prefixes):
                warnings.warn(f"{prefix} of one realm contains paths of another one: their clients cannot tell which to use", stacklevel=4)
                return

