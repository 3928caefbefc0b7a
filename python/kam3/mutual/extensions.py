"""The extensions of RFC 8053 for interactive clients: Optional-WWW-Authenticate and Authentication-Control.

Nothing here protects anything: clients and users may ignore both headers (RFC 8053 section 8), and whoever can change a response can
remove them. They have no meaning between a client and a proxy (RFC 8120 section 14).
"""

from __future__ import annotations

import enum
import re
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from kam3.errors import LocalProtocolError, MissingExtraError, RemoteProtocolError
from kam3.mutual import grammar, messages, values
from kam3.mutual.messages import Init
from kam3.mutual.realms import Origin, Realm
from kam3.preparation import prepare_user

OPTIONAL_FIELD = "Optional-WWW-Authenticate"
CONTROL_FIELD = "Authentication-Control"

AuthStyle: TypeAlias = Literal["modal", "non-modal"]

#: What RFC 8120 section 8 proposes for Mutual where the server names no style.
DEFAULT_STYLE: AuthStyle = "non-modal"

#: The longest time-out that is told apart from longer ones, in seconds: 68 years. Clocks can add it.
MAX_TIMEOUT = 2**31 - 1

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_URI = re.compile(r"[\x21-\x7e]+")
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")


class Situation(enum.Enum):
    """What a response is to its request, which decides on what counts in Authentication-Control (RFC 8053 sections 2.1 and 4)."""

    INITIAL = "initial"  # a 401-INIT to a request without credentials, or with those of another realm
    OPTIONAL = "optional"  # the same by Optional-WWW-Authenticate
    FAILED = "failed"  # a 401-INIT to credentials of the realm
    INTERMEDIATE = "intermediate"  # a 401-KEX-S1 or 401-STALE
    PROVED = "proved"  # a response whose vks was verified
    UNPROVED = "unproved"  # any other one


@dataclass(frozen=True, slots=True)
class Control:
    """The parameters of Authentication-Control for one realm: those to be sent, or those received that count.

    Attributes:
        auth_style: ask for the password before the content is shown (modal) or after.
        location_when_unauthenticated: where to go, as after a 303, if the user would have to be asked.
        no_auth: do not ask the user here; a response to be taken as any other 4xx.
        username: the only user name that works here. A server sends it to everybody: only for names that are public anyway.
        location_when_logout: where to go, as after a 303, when the user has logged out, all secrets erased before.
        logout_timeout: after how many seconds to forget credentials and sessions of the realm; 0 is now.
    """

    auth_style: AuthStyle | None = None
    location_when_unauthenticated: str | None = None
    no_auth: bool = False
    username: str | None = None
    location_when_logout: str | None = None
    logout_timeout: int | None = None


# Which parameters count in which situation; what is not named counts nowhere else (RFC 8053 sections 4.2 to 4.7).
_COUNTS: dict[Situation, frozenset[str]] = {
    Situation.INITIAL: frozenset({"auth-style", "location-when-unauthenticated", "no-auth", "username"}),
    Situation.OPTIONAL: frozenset({"location-when-unauthenticated", "no-auth", "username"}),  # always non-modal
    Situation.FAILED: frozenset({"auth-style", "username"}),
    Situation.INTERMEDIATE: frozenset(),
    Situation.PROVED: frozenset({"location-when-logout", "logout-timeout"}),
    Situation.UNPROVED: frozenset(),
}
_STRINGS = frozenset({"location-when-unauthenticated", "username", "location-when-logout"})


def control_for(lines: Iterable[str], realm: Realm, situation: Situation, url: str) -> Control:
    """Take from Authentication-Control what counts.

    Args:
        lines: the values of all Authentication-Control fields of the response, in order.
        realm: of the chosen challenge where the response is INITIAL, OPTIONAL or FAILED, else of the credentials in the request.
        situation: what the response is.
        url: of the request, which relative locations are resolved against.

    Returns:
        What counts, locations as absolute http or https URLs. Everything else is left out: entries of other schemes and realms, unknown
        and repeated parameters (`name` and `name*` are one), wrong values, and a field that does not follow its grammar. A location is
        left out if the response was not proved and it leads to another origin: an attacker could have put it there. Where the user
        would have to be asked, `no_auth` goes before the location, which is then left out, too.

    Timing: linear in the length of the field. RFC 8053 section 4.
    """
    found = _parameters(lines, realm, _COUNTS[situation])
    style = found.get("auth-style", "").lower()
    no_auth = found.get("no-auth", "").lower() == "true"
    asked = situation in (Situation.INITIAL, Situation.OPTIONAL, Situation.FAILED)
    return Control(
        auth_style=("modal" if style == "modal" else DEFAULT_STYLE) if asked else None,
        no_auth=no_auth,
        location_when_unauthenticated=None if no_auth else _location(found.get("location-when-unauthenticated"), url, same_origin=True),
        username=_username(found.get("username")),
        location_when_logout=_location(found.get("location-when-logout"), url, same_origin=False),
        logout_timeout=_timeout(found.get("logout-timeout")),
    )


def _parameters(lines: Iterable[str], realm: Realm, counting: frozenset[str]) -> dict[str, str]:
    """Return the parameters of the entries of a realm, decoded; those with a fault or there twice are left out."""
    try:
        entries = grammar.parse_challenges(lines, CONTROL_FIELD)
    except RemoteProtocolError:
        return {}
    found: dict[str, str | None] = {}
    for entry in entries:
        if entry.scheme.lower() == "mutual" and [p.value for p in entry.parameters if p.name == "realm"] == [realm.realm]:
            for parameter in entry.parameters:
                name = parameter.name.removesuffix("*")
                if name in counting:
                    found[name] = None if name in found else _decoded(name, parameter)
    return {name: text for name, text in found.items() if text is not None}


def _decoded(name: str, parameter: grammar.Parameter) -> str | None:
    extended = parameter.name != name
    if extended and (name not in _STRINGS or parameter.quoted):
        return None
    try:
        return values.parse_ext_value(name, parameter.value) if extended else values.parse_string(name, parameter.value)
    except RemoteProtocolError:
        return None


def _location(location: str | None, url: str, *, same_origin: bool) -> str | None:
    if location is None:
        return None
    try:
        here, target = Origin.parse(url), _resolve(location, url)
        return target if Origin.parse(target) == here or not same_origin else None
    except (ValueError, MissingExtraError):  # no http URL, or one that cannot be read here: a wrong value
        return None


def _resolve(location: str, url: str) -> str:
    """Return the absolute URL of a location; what is not ASCII in it is percent-encoded as UTF-8, its host apart."""
    if _CONTROL_CHARACTER.search(location) or " " in location or "\\" in location or not location:
        raise ValueError("a location must be a URL, without white space and backslashes")  # which readers of URLs drop or take for slashes
    # What has a scheme is absolute: urljoin would take http:/x and http:///x for relative.
    target = location if _SCHEME.match(location) else urllib.parse.urljoin(url, location)
    origin = Origin.parse(target)
    rest = re.sub("^[^:]*://[^/?#]*", "", target)
    return str(origin) + urllib.parse.quote(rest, safe="".join(map(chr, range(0x21, 0x7F))))


def _username(name: str | None) -> str | None:
    return None if name is None or _CONTROL_CHARACTER.search(name) else name


def _timeout(text: str | None) -> int | None:
    try:
        return None if text is None else min(values.parse_integer("logout-timeout", text), MAX_TIMEOUT)
    except RemoteProtocolError:
        return None


def serialize_control(controls: Mapping[str, Control], *, optional: bool = False) -> str:
    """Write Authentication-Control; a server does it at set-up, so that nothing wrong is ever sent.

    Args:
        controls: what to send, by the name of the realm.
        optional: it goes into a response with Optional-WWW-Authenticate.

    Returns:
        The value of the field.

    Raises:
        LocalProtocolError: nothing to send; a value that RFC 8053 forbids: a style it does not know, no http URL or relative reference, a
            negative time-out, an unprepared user name, both `no_auth` and `location_when_unauthenticated`, or, with `optional`, any
            of these two, or modal.
        MissingExtraError: a user name beyond ASCII is checked, and the extra ``[http]`` is not installed.

    RFC 8053 section 4.
    """
    entries = [f"Mutual {values.serialize_realm(realm)}, {', '.join(_parts(control, optional))}" for realm, control in controls.items()]
    if not entries:
        raise _refused("controls", "must name a realm: without one leave the field out")
    return ", ".join(entries)


def _parts(control: Control, optional: bool) -> Iterator[str]:
    if control == Control():
        raise _refused("control", "must have a parameter (RFC 8053 section 4)")
    if optional and (control.no_auth or control.location_when_unauthenticated is not None or control.auth_style == "modal"):
        raise _refused("control", "must not have no_auth, location_when_unauthenticated or the modal style with an optional authentication")
    if control.no_auth and control.location_when_unauthenticated is not None:
        raise _refused("control", "must not have both no_auth and location_when_unauthenticated (RFC 8053 section 4.4)")
    if control.auth_style is not None:
        if control.auth_style not in ("modal", "non-modal"):
            raise _refused("auth_style", "must be modal or non-modal (RFC 8053 section 4.2)")
        yield values.serialize_token("auth-style", control.auth_style)
    if control.location_when_unauthenticated is not None:
        yield _location_part("location-when-unauthenticated", control.location_when_unauthenticated)
    if control.no_auth:
        yield values.serialize_token("no-auth", "true")
    if control.username is not None:
        yield values.serialize_string("username", _prepared(control.username))
    if control.location_when_logout is not None:
        yield _location_part("location-when-logout", control.location_when_logout)
    if control.logout_timeout is not None:
        yield values.serialize_integer("logout-timeout", control.logout_timeout)


def _location_part(name: str, location: str) -> str:
    try:
        if _URI.fullmatch(location) is None:
            raise ValueError("a URL has printable ASCII only, the rest of it percent-encoded")
        _resolve(location, "http://host.example/")
    except ValueError as error:
        raise _refused(name, f"must be an http or https URL, or relative to one: {error}") from error
    return values.serialize_string(name, location)


def _prepared(name: str) -> str:
    try:
        if prepare_user(name) == name:
            return name
    except ValueError:
        pass
    raise _refused("username", "must be prepared by prepare_user (RFC 8053 section 4.7)")


def _refused(argument: str, rule: str) -> LocalProtocolError:
    return LocalProtocolError(f"{argument} {rule}", code="syntax", argument=argument)


# Optional authentication


def serialize_optional(message: Init, status: int) -> str:
    """Write Optional-WWW-Authenticate.

    Args:
        message: the challenge, the same as in a 401-INIT to the same request; its reason is ``initial``.
        status: of the response, which is a final one and not 401.

    Raises:
        LocalProtocolError: another message or reason, or such a status: failed and intermediate attempts are answered with 401.

    RFC 8053 section 3; RFC 8120 section 8.
    """
    if not isinstance(message, Init) or message.reason != "initial":
        raise _refused("message", "must be a 401-INIT with the reason initial to be optional (RFC 8120 section 8)")
    if status < 200 or status == 401:
        raise _refused("status", "must be that of a final response other than 401 (RFC 8053 section 3)")
    return messages.serialize(message)


def read_optional(lines: Iterable[str], status: int) -> Init | None:
    """Read Optional-WWW-Authenticate.

    Args:
        lines: the values of all these fields of the response, in order.
        status: of the response.

    Returns:
        The challenge, which means what a 401-INIT with the reason initial means; None where there is none of ours, and on a 401 or an
        interim response, where the field has no meaning.

    Raises:
        RemoteProtocolError: the fault of the field; or it holds another message, or a reason that RFC 8120 section 4.1 defines for another
            case. A client can go on as without the field, since the response claims no authentication.

    RFC 8053 section 3; RFC 8120 section 8.
    """
    if status < 200 or status == 401:
        return None
    parameters = messages.read_challenges(lines, messages.ORIGIN._replace(challenge=OPTIONAL_FIELD)).mutual
    if parameters is None:
        return None
    message = messages.parse_challenge(parameters)
    if not isinstance(message, Init) or message.reason in _OTHER_REASONS:
        raise grammar.fault(OPTIONAL_FIELD, "must have the reason initial (RFC 8120 section 8)")
    return message


#: The tokens of RFC 8120 section 4.1 but for `initial` and `stale-session`, which is no 401-INIT.
_OTHER_REASONS = frozenset(
    {"auth-failed", "reauth-needed", "invalid-parameters", "internal-error", "user-unknown", "invalid-credential", "authz-failed"}
)


# Log-out


def after_logout(method: str, url: str, control: Control) -> str | None:
    """Say what to load by GET, without credentials, once the user has logged out and everything secret is erased.

    Args:
        method: of the request whose response is shown now.
        url: of that request.
        control: what counted in that response.

    Returns:
        The location the server named, else the page itself if it was got by GET, else None: it is kept as it is, and no other request is
        ever repeated.

    RFC 8053 section 4.5.
    """
    if control.location_when_logout is not None:
        return control.location_when_logout
    return url if method == "GET" else None
