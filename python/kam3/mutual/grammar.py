"""Challenges, credentials and parameter lists as text (RFC 9110 sections 5.6 and 11): to structure, and back.

Knows nothing of Mutual. A field's value is a str whose characters are the octets of the field (latin-1), as WSGI and the HTTP libraries
give it; values leave here unquoted, but not decoded. The scanner reads from the left and never returns: every element is matched once,
the patterns have one way to match only, and whatever does not match ends the scan. So the time is linear in the length of the field.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from kam3.errors import LocalProtocolError, RemoteProtocolError

#: Octets of one field, its lines joined: what HTTP servers commonly allow for a line. The longest message of RFC 8120 takes under 2 KiB.
MAX_FIELD = 8192
#: Schemes and parameters in one field: a message of RFC 8120 has at most 12, and a server rarely offers five schemes.
MAX_ELEMENTS = 128

# tchar = "!" / "#" / "$" / "%" / "&" / "'" / "*" / "+" / "-" / "." / "^" / "_" / "`" / "|" / "~" / DIGIT / ALPHA; token = 1*tchar
_TCHARS = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# qdtext        = HTAB / SP / %x21 / %x23-5B / %x5D-7E / obs-text        ; obs-text = %x80-FF
# quoted-pair   = "\" ( HTAB / SP / VCHAR / obs-text )
# quoted-string = DQUOTE *( qdtext / quoted-pair ) DQUOTE
_QDTEXT = r"[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]*"
_QUOTED = rf'"({_QDTEXT}(?:\\[\t \x21-\x7e\x80-\xff]{_QDTEXT})*)"'
# 1#element => element *( OWS "," OWS [ element ] )                      ; what stands between two elements, or behind the last
_BETWEEN = r"[\t ]*(?:,[\t ,]*|\Z)"
# auth-param = token BWS "=" BWS ( token / quoted-string )
_PARAMETER = rf"({_TCHARS})[\t ]*=[\t ]*(?:({_TCHARS})|{_QUOTED}){_BETWEEN}"
# token68   = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
_TOKEN68 = r"[A-Za-z0-9\-._~+/]+=*"
# challenge = auth-scheme [ 1*SP ( token68 / #auth-param ) ]             ; a list may begin with empty elements: HTAB before "," alone
_LIST = r" +(?:\t[\t ]*(?=,))?(?:,[\t ,]*)?"
_SCHEME = rf"({_TCHARS})(?: +({_TOKEN68}){_BETWEEN}|{_LIST}(?={_TCHARS}[\t ]*(=))|{_BETWEEN})"

# Each pattern ends with what takes all the rest: findall leaves no gap, and a fault is the last thing it finds.
_PARAMETERS = re.compile(rf"{_PARAMETER}|(.+)", re.DOTALL)
_CHALLENGES = re.compile(rf"{_PARAMETER}|{_SCHEME}|(.+)", re.DOTALL)
# credentials = auth-scheme [ 1*SP ( token68 / #auth-param ) ]
_OPENING = re.compile(rf"({_TCHARS})(?:{_LIST}|\Z)")
_TOKEN68_ALONE = re.compile(_TOKEN68)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_WORD = re.compile(_TCHARS)
#: What a quoted-string can hold, with and without a backslash before it.
_QUOTABLE = re.compile(r"[\t \x21-\x7e\x80-\xff]*")


class Parameter(NamedTuple):
    """An auth-param."""

    name: str  # in lower case
    value: str  # its quotes removed
    quoted: bool


class Challenge(NamedTuple):
    """A challenge or credentials: both have one grammar (RFC 9110 sections 11.3 and 11.4)."""

    scheme: str  # as it was written
    token68: str | None = None
    parameters: tuple[Parameter, ...] = ()


def join(values: Iterable[str]) -> str:
    """Combine the lines of a field into one (RFC 9110 section 5.3), as some libraries do before we see them.

    Raises:
        TypeError: `values` is a str itself, or holds something that is none.
    """
    return ", ".join(_lines(values))


def _lines(values: Iterable[str]) -> tuple[str, ...]:
    if isinstance(values, str):
        raise TypeError("values must be the lines of a field, not a str")
    return tuple(values)


def parse_challenges(values: Iterable[str], field: str = "WWW-Authenticate") -> tuple[Challenge, ...]:
    """Read a list of challenges (RFC 9110 section 11.6.1).

    Args:
        values: the field's lines, in order.
        field: its name, for the error.

    Returns:
        The challenges in order; none where there is no line.

    Raises:
        RemoteProtocolError: the field does not follow the grammar, or is longer than MAX_FIELD or MAX_ELEMENTS.
    """
    challenges: list[Challenge] = []
    scheme, parameters = "", []  # of the challenge whose parameters are being read
    found = _scan(_CHALLENGES, join(values).lstrip("\t ,"), 0, field)
    for name, token, quoted, next_scheme, token68, announced, _ in found:
        if name:
            if not scheme:
                raise fault(field, "must not hold a parameter without a scheme before it")
            parameters.append(Parameter(name.lower(), token or _unquoted(quoted), not token))
            continue
        if scheme:
            challenges.append(Challenge(scheme, None, tuple(parameters)))
        scheme, parameters = next_scheme if announced else "", []
        if not announced:
            challenges.append(Challenge(next_scheme, token68 or None))
    if scheme:
        challenges.append(Challenge(scheme, None, tuple(parameters)))
    return tuple(challenges)


def open_credentials(values: Iterable[str], field: str = "Authorization") -> tuple[str, str, int] | None:
    """Look at the scheme of credentials, and leave the rest to others: its grammar is the scheme's own.

    Args:
        values: the field's lines, one or none.
        field: its name, for the error.

    Returns:
        The scheme as it was written, the text, and where the text goes on after it; None where there is no line.

    Raises:
        RemoteProtocolError: there are several lines, or no scheme.
    """
    lines = _lines(values)
    if not lines:
        return None
    if len(lines) > 1:
        raise fault(field, "must not be repeated")
    text = lines[0].strip("\t ")
    found = _OPENING.match(text)
    if found is None:
        raise fault(field, "must begin with a scheme (RFC 9110 section 11.4)")
    return found[1], text, found.end()


def parse_credentials(values: Iterable[str], field: str = "Authorization") -> Challenge | None:
    """Read credentials (RFC 9110 section 11.4).

    Args:
        values: the field's lines, one or none.
        field: its name, for the error.

    Returns:
        The credentials, or None where there is no line.

    Raises:
        RemoteProtocolError: there are several lines, or as `parse_challenges`.
    """
    opened = open_credentials(values, field)
    if opened is None:
        return None
    scheme, text, start = opened
    token68 = text[len(scheme) :].lstrip(" ")
    if len(text) <= MAX_FIELD and _TOKEN68_ALONE.fullmatch(token68):
        return Challenge(scheme, token68)
    return Challenge(scheme, None, tuple([Parameter(*found) for found in scan_parameters(text, start, field)]))


def parse_parameters(values: Iterable[str], field: str = "Authentication-Info") -> tuple[Parameter, ...]:
    """Read a list of parameters without a scheme (RFC 7615 section 3).

    Args:
        values: the field's lines, in order.
        field: its name, for the error.

    Returns:
        The parameters in order, duplicates included.

    Raises:
        RemoteProtocolError: as `parse_challenges`.
    """
    return tuple([Parameter(*found) for found in scan_parameters(join(values).lstrip("\t ,"), 0, field)])


def scan_parameters(text: str, start: int, field: str) -> list[tuple[str, str, bool]]:
    """As `parse_parameters`, of a text from one of its octets on, with each `Parameter` a bare tuple."""
    found = _scan(_PARAMETERS, text, start, field)
    return [(name.lower(), token or _unquoted(quoted), not token) for name, token, quoted, _ in found]  # no token is empty


def serialize_parameters(parameters: Iterable[Parameter]) -> str:
    """Write a list of parameters, in order.

    Raises:
        LocalProtocolError: a name or an unquoted value is no token, or a quoted one holds what no quoted-string can.
    """
    return ", ".join([f"{name}={quote(value, name) if quoted else _token(value, name)}" for name, value, quoted in map(_named, parameters)])


def serialize_challenge(challenge: Challenge) -> str:
    """Write a challenge or credentials.

    Raises:
        LocalProtocolError: as `serialize_parameters`; or token68 and parameters are both there.
    """
    scheme = _token(challenge.scheme, "scheme")
    if challenge.token68 is None:
        return f"{scheme} {serialize_parameters(challenge.parameters)}" if challenge.parameters else scheme
    if challenge.parameters or _TOKEN68_ALONE.fullmatch(challenge.token68) is None:
        raise LocalProtocolError("token68 must follow RFC 9110 section 11.2 and be alone", code="syntax", argument="token68")
    return f"{scheme} {challenge.token68}"


def quote(value: str, name: str) -> str:
    """Write a quoted-string.

    Args:
        value: characters that stand for octets (latin-1).
        name: the parameter's name, for the error.

    Raises:
        LocalProtocolError: a control character other than HTAB, or a character beyond latin-1.
    """
    if _QUOTABLE.fullmatch(value) is None:
        raise LocalProtocolError(f"{name} must hold no control characters", code="syntax", argument=name)
    if "\\" in value or '"' in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{value}"'


def fault(field: str, rule: str) -> RemoteProtocolError:
    """Build the error for a field that breaks a rule."""
    return RemoteProtocolError(f"{field} {rule}", code="syntax", reason="invalid-parameters", argument=field)


def _scan(pattern: re.Pattern[str], text: str, start: int, field: str) -> list[tuple[str, ...]]:
    if len(text) > MAX_FIELD:
        raise fault(field, f"must not be longer than {MAX_FIELD} octets")
    found: list[tuple[str, ...]] = pattern.findall(text, start)
    if found and found[-1][-1]:
        raise fault(field, f"does not follow its grammar (RFC 9110 section 11) from octet {len(text) - len(found[-1][-1])} on")
    if len(found) > MAX_ELEMENTS:
        raise fault(field, f"must not hold more than {MAX_ELEMENTS} schemes and parameters")
    return found


def _unquoted(text: str) -> str:
    return _QUOTED_PAIR.sub(r"\1", text) if "\\" in text else text


def _named(parameter: Parameter) -> Parameter:
    _token(parameter.name, "name")
    return parameter


def _token(value: str, name: str) -> str:
    if _WORD.fullmatch(value) is None:
        raise LocalProtocolError(f"{name} must be a token (RFC 9110 section 5.6.2)", code="syntax", argument=name)
    return value
