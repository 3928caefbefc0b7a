"""The six messages of RFC 8120 section 4 as records, and the rules on their parameters.

A field is read once, into `Parameters`; the realm is taken from them before anything else is judged, then the message. Parameters that no
rule knows are ignored. Whether kc1 and ks1 are elements is for the exchange to say, whether a proof is right for the session.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, TypeAlias

from kam3.algorithms import Algorithm, algorithm
from kam3.errors import LocalProtocolError, RemoteProtocolError, UnknownAlgorithmError
from kam3.mutual import grammar, values
from kam3.mutual.grammar import MAX_FIELD, Challenge
from kam3.mutual.realms import Realm
from kam3.mutual.values import fault

#: Known parameters by name, in lower case, their values decoded; unknown ones as they came.
Parameters: TypeAlias = Mapping[str, str]

SCHEME = "Mutual"
_STALE = "stale-session"

_STRINGS = frozenset({"auth-scope", "user", "path"})
_NO_STRINGS = frozenset(
    {"version", "algorithm", "validation", "realm", "reason", "sid", "kc1", "ks1", "vkc", "vks", "nc", "nc-max", "nc-window", "time"}
)

#: Where an Authentication-Info begins with the scheme's name.
_SCHEME = re.compile(r"mutual +[\t ,]*(?![\t ,=])", re.IGNORECASE | re.ASCII)
#: The parameters of which a message has one kind (RFC 8120 section 4); any number makes a kc# or ks#.
_KIND = re.compile(r"(k[cs])[0-9]+|vk[cs]|reason")
_KIND_BEGINS = frozenset({"kc", "ks", "vk", "re"})
_REQUEST_KINDS = frozenset({"kc#", "vkc"})
_RESPONSE_KINDS = frozenset({"reason", "ks#", "vks"})


class HeaderSet(NamedTuple):
    """The names under which the messages travel."""

    challenge: str
    credentials: str
    info: str
    status: int  # of a 401-KEX-S1, and of no 200-VFY-S


#: To and from an origin server (RFC 8120 section 3).
ORIGIN = HeaderSet("WWW-Authenticate", "Authorization", "Authentication-Info", 401)
#: To and from a proxy (RFC 8120 section 14).
PROXY = HeaderSet("Proxy-Authenticate", "Proxy-Authorization", "Proxy-Authentication-Info", 407)


class Challenges(NamedTuple):
    """What a server offers."""

    mutual: Parameters | None
    others: tuple[Challenge, ...]


class _Record:
    """What the records have in common."""

    __slots__ = ()

    def __repr__(self) -> str:
        # An nc may have more digits than Python is willing to print.
        shown = (f"{field.name}={_shown(getattr(self, field.name))}" for field in fields(self))  # type: ignore[arg-type]  # all are dataclasses
        return f"{type(self).__name__}({', '.join(shown)})"


def _shown(value: object) -> str:
    return hex(value) if isinstance(value, int) and value.bit_length() > 64 else repr(value)


@dataclass(frozen=True, slots=True, repr=False)
class Init(_Record):
    """401-INIT (section 4.1): credentials are wanted; `realm` has an empty auth-scope where the server left it out."""

    realm: Realm
    validation: str
    reason: str  # never stale-session


@dataclass(frozen=True, slots=True, repr=False)
class Stale(_Record):
    """401-STALE (section 4.1): the session is gone; `realm` as in `Init`."""

    realm: Realm
    validation: str


@dataclass(frozen=True, slots=True, repr=False)
class KexC1(_Record):
    """req-KEX-C1 (section 4.2)."""

    realm: Realm
    validation: str
    user: str
    kc1: bytes


@dataclass(frozen=True, slots=True, repr=False)
class KexS1(_Record):
    """401-KEX-S1 (section 4.3)."""

    realm: Realm
    validation: str
    sid: str  # hexadecimal digits in lower case, of the length that was issued
    ks1: bytes
    nc_max: int
    nc_window: int
    time: int  # seconds
    path: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class VfyC(_Record):
    """req-VFY-C (section 4.4)."""

    realm: Realm
    validation: str
    sid: str
    nc: int
    vkc: bytes


@dataclass(frozen=True, slots=True, repr=False)
class VfyS(_Record):
    """200-VFY-S (section 4.5)."""

    sid: str
    vks: bytes
    algorithm: str  # the session's, which is not sent: it says how vks is written


Message: TypeAlias = "Init | Stale | KexC1 | KexS1 | VfyC | VfyS"


def read_credentials(lines: Iterable[str], headers: HeaderSet = ORIGIN) -> Parameters | None:
    """Read the credentials of a request.

    Args:
        lines: the values of all Authorization fields of the request.
        headers: whose fields they are.

    Returns:
        The parameters, or None where there are no credentials or those of another scheme, whose grammar is not looked at.

    Raises:
        RemoteProtocolError: the fault of the field or of a parameter; ``reason`` is invalid-parameters.
    """
    opened = grammar.open_credentials(lines, headers.credentials)
    if opened is None or opened[0].lower() != "mutual":
        return None
    return _collect(grammar.scan_parameters(opened[1], opened[2], headers.credentials))


def read_challenges(lines: Iterable[str], headers: HeaderSet = ORIGIN) -> Challenges:
    """Read the challenges of a response.

    Args:
        lines: the values of all WWW-Authenticate fields of the response, in order.
        headers: whose fields they are.

    Returns:
        The parameters of the Mutual challenge, and the challenges of other schemes. A field that does not follow its grammar, but nowhere
        speaks of Mutual, is no concern of ours, and its challenges are not told.

    Raises:
        RemoteProtocolError: there are several Mutual challenges (section 4.1), or the fault of the field or of a parameter.
    """
    lines = tuple(lines)
    if not lines:
        return Challenges(None, ())
    try:
        found = grammar.parse_challenges(lines, headers.challenge)
    except RemoteProtocolError:
        if "mutual" in grammar.join(lines).lower():
            raise
        return Challenges(None, ())
    mutual = [challenge for challenge in found if challenge.scheme.lower() == "mutual"]
    if len(mutual) > 1:
        raise grammar.fault(headers.challenge, "must not hold two Mutual challenges (RFC 8120 section 4.1)")
    others = tuple([challenge for challenge in found if challenge.scheme.lower() != "mutual"])
    return Challenges(_mutual(mutual[0], headers.challenge) if mutual else None, others)


def read_info(lines: Iterable[str], headers: HeaderSet = ORIGIN) -> Parameters | None:
    """Read the proof of a response, in the syntax of RFC 7615 or, as figure 1 of RFC 8120 has it, behind the scheme's name.

    Args:
        lines: the values of all Authentication-Info fields of the response's header section, in order.
        headers: whose fields they are.

    Returns:
        The parameters, or None where there is no vks and so no message of ours.

    Raises:
        RemoteProtocolError: the fault of the field or of a parameter.
    """
    text = grammar.join(lines).lstrip("\t ,")
    if "vks" not in text.lower():
        return None
    behind = _SCHEME.match(text)
    parameters = _collect(grammar.scan_parameters(text, behind.end() if behind else 0, headers.info))
    return parameters if "vks" in parameters else None


def realm_of(parameters: Parameters) -> Realm:
    """Take the realm's triple from parameters, its auth-scope empty where it is omitted.

    Raises:
        RemoteProtocolError: algorithm or realm is missing, or one of the three no value of its type.
    """
    scope = parameters.get("auth-scope")
    if scope == "":
        raise fault("auth-scope", "must not be empty (RFC 8120 section 5)")
    return Realm(values.parse_token("algorithm", _need(parameters, "algorithm")), scope or "", _need(parameters, "realm"))


def parse_request(parameters: Parameters) -> KexC1 | VfyC:
    """Make the message of a request from its parameters.

    Raises:
        RemoteProtocolError: ``code`` is unsupported-version, conflicting-parameters, missing-parameter, unknown-algorithm, or syntax for a
            value; ``reason`` is invalid-parameters.
    """
    _check_version(parameters)
    kind = _kind_of(parameters, _REQUEST_KINDS, _RESPONSE_KINDS - {"reason"})
    if kind is None:
        raise _missing("kc1 or vkc")
    _need(parameters, "auth-scope")
    realm = realm_of(parameters)
    alg = _algorithm(realm.algorithm)
    validation = values.parse_token("validation", _need(parameters, "validation"))
    if kind == "vkc":
        return VfyC(
            realm,
            validation,
            values.parse_hex("sid", _need(parameters, "sid")),
            values.parse_integer("nc", _need(parameters, "nc")),
            values.parse_number("vkc", parameters["vkc"], alg),
        )
    kc1 = values.parse_number("kc1", _need(parameters, "kc1"), alg)
    return KexC1(realm, validation, _need(parameters, "user"), kc1)


def parse_challenge(parameters: Parameters) -> Init | Stale | KexS1:
    """Make the message of a challenge from its parameters.

    Raises:
        RemoteProtocolError: as `parse_request`. The algorithm of a 401-INIT or 401-STALE may be unknown.
    """
    _check_version(parameters)
    kind = _kind_of(parameters, _RESPONSE_KINDS, _REQUEST_KINDS)
    if kind not in ("reason", "ks#"):
        raise _missing("reason or ks1")
    realm = realm_of(parameters)
    validation = values.parse_token("validation", _need(parameters, "validation"))
    if kind == "reason":
        reason = values.parse_token("reason", parameters["reason"])
        return Stale(realm, validation) if reason == _STALE else Init(realm, validation, reason)
    _need(parameters, "auth-scope")
    return KexS1(
        realm,
        validation,
        values.parse_hex("sid", _need(parameters, "sid")),
        values.parse_number("ks1", _need(parameters, "ks1"), _algorithm(realm.algorithm)),
        values.parse_integer("nc-max", _need(parameters, "nc-max")),
        values.parse_integer("nc-window", _need(parameters, "nc-window")),
        values.parse_integer("time", _need(parameters, "time")),
        parameters.get("path"),
    )


def parse_info(parameters: Parameters, token: str) -> VfyS:
    """Make a 200-VFY-S from its parameters.

    Args:
        parameters: what `read_info` gave.
        token: the algorithm of the session.

    Raises:
        RemoteProtocolError: as `parse_request`.
    """
    _check_version(parameters)
    _kind_of(parameters, _RESPONSE_KINDS, _REQUEST_KINDS)
    alg = _algorithm(token)
    sid = values.parse_hex("sid", _need(parameters, "sid"))
    return VfyS(sid, values.parse_number("vks", _need(parameters, "vks"), alg), alg.token)


def serialize(message: Message) -> str:
    """Write a message as the value of its field, in the canonical form.

    Raises:
        LocalProtocolError: a value cannot be sent, or (``code`` length) the field would be longer than MAX_FIELD.
    """
    text = ", ".join(["version=1", *_PARTS[type(message)](message)])
    if type(message) is not VfyS:
        text = f"{SCHEME} {text}"
    if len(text) > MAX_FIELD:
        raise LocalProtocolError(f"the message must not be longer than {MAX_FIELD} octets", code="length")
    return text


def _head(message: Init | Stale | KexC1 | KexS1 | VfyC) -> list[str]:
    token, scope, realm = message.realm
    head = [values.serialize_token("algorithm", token), values.serialize_token("validation", message.validation)]
    if scope or not isinstance(message, (Init, Stale)):
        if not scope:
            raise LocalProtocolError("auth-scope is missing", code="missing-parameter", argument="auth-scope")
        head.append(values.serialize_string("auth-scope", scope))
    head.append(values.serialize_realm(realm))
    return head


def _init_parts(message: Init) -> list[str]:
    if message.reason == _STALE:
        raise LocalProtocolError("reason must not be stale-session: that is a 401-STALE", code="syntax", argument="reason")
    return [*_head(message), values.serialize_token("reason", message.reason)]


def _stale_parts(message: Stale) -> list[str]:
    return [*_head(message), f"reason={_STALE}"]


def _kex_c1_parts(message: KexC1) -> list[str]:
    alg = _own_algorithm(message.realm.algorithm)
    return [*_head(message), values.serialize_string("user", message.user), values.serialize_number("kc1", message.kc1, alg)]


def _kex_s1_parts(message: KexS1) -> list[str]:
    parts = [
        *_head(message),
        values.serialize_hex("sid", message.sid),
        values.serialize_number("ks1", message.ks1, _own_algorithm(message.realm.algorithm)),
        values.serialize_integer("nc-max", message.nc_max),
        values.serialize_integer("nc-window", message.nc_window),
        values.serialize_integer("time", message.time),
    ]
    if message.path is not None:
        parts.append(values.serialize_string("path", message.path))
    return parts


def _vfy_c_parts(message: VfyC) -> list[str]:
    return [
        *_head(message),
        values.serialize_hex("sid", message.sid),
        values.serialize_integer("nc", message.nc),
        values.serialize_number("vkc", message.vkc, _own_algorithm(message.realm.algorithm)),
    ]


def _vfy_s_parts(message: VfyS) -> list[str]:
    return [values.serialize_hex("sid", message.sid), values.serialize_number("vks", message.vks, _own_algorithm(message.algorithm))]


_PARTS: dict[type, Callable[[Any], list[str]]] = {
    Init: _init_parts,
    Stale: _stale_parts,
    KexC1: _kex_c1_parts,
    KexS1: _kex_s1_parts,
    VfyC: _vfy_c_parts,
    VfyS: _vfy_s_parts,
}


def _mutual(challenge: Challenge, field: str) -> Parameters:
    if challenge.token68 is not None:
        raise grammar.fault(field, "must have parameters after Mutual, not token68 (RFC 8120 section 3)")
    return _collect(challenge.parameters)


def _collect(found: Iterable[tuple[str, str, bool]]) -> Parameters:
    parameters: dict[str, str] = {}
    for name, text, quoted in found:
        if name[-1] == "*":
            name, text = _extended(name[:-1], text, quoted)
        elif not text.isascii():
            text = _plain(name, text)
        if name in parameters:
            known = name if name in _STRINGS or name in _NO_STRINGS else "an unknown parameter"  # whose name is the peer's choice
            raise fault(known, "must not be there twice (RFC 8120 sections 3.1 and 4)", "duplicate-parameter")
        parameters[name] = text
    return parameters


def _extended(name: str, text: str, quoted: bool) -> tuple[str, str]:
    if name in _NO_STRINGS:
        raise fault(name, "must not be in the extended syntax (RFC 8120 section 3.1)")
    if name in _STRINGS:
        if quoted:
            raise fault(name, "must not be quoted in the extended syntax (RFC 8187 section 3.2.1)")
        text = values.parse_ext_value(name, text)
    return name, text


def _plain(name: str, text: str) -> str:
    if name == "realm":
        raise fault(name, "must be ASCII (RFC 8120 section 4.1)")
    return values.parse_string(name, text) if name in _STRINGS else text


def _need(parameters: Parameters, name: str) -> str:
    text = parameters.get(name)
    if text is None:
        raise _missing(name)
    return text


def _missing(name: str) -> RemoteProtocolError:
    return fault(name, "is missing (RFC 8120 section 4)", "missing-parameter")


def _check_version(parameters: Parameters) -> None:
    if _need(parameters, "version") != "1":
        raise fault("version", "must be 1 (RFC 8120 section 4)", "unsupported-version")


def _kind_of(parameters: Parameters, kinds: frozenset[str], strange: frozenset[str]) -> str | None:
    """Return which of `kinds` a message is of; those of the other direction are `strange` to it."""
    begun = [name for name in parameters if name[:2] in _KIND_BEGINS]
    found = {f"{match[1]}#" if match[1] else name for name in begun if (match := _KIND.fullmatch(name))}
    if found & strange:
        raise fault(min(found & strange), "must not be in a message of this direction (RFC 8120 section 4)", "conflicting-parameters")
    found &= kinds
    if len(found) > 1:
        raise fault(" and ".join(sorted(found)), "must not be in one message (RFC 8120 section 4)", "conflicting-parameters")
    return found.pop() if found else None


def _algorithm(token: str) -> Algorithm:
    try:
        return algorithm(token)
    except UnknownAlgorithmError:
        raise fault("algorithm", "is none of RFC 8121", "unknown-algorithm") from None


def _own_algorithm(token: str) -> Algorithm:
    try:
        return algorithm(token)
    except UnknownAlgorithmError:
        raise LocalProtocolError("algorithm is none of RFC 8121", code="unknown-algorithm", argument="algorithm") from None
