"""The types of values of RFC 8120 section 3: read from a parameter's text, and written in their canonical form.

Every ``parse_`` function takes the parameter's name, for the error alone, and its text with the quotes removed; it raises
RemoteProtocolError. Every ``serialize_`` function gives the parameter whole, and raises LocalProtocolError for what cannot be sent.
No error holds a value.
"""

from __future__ import annotations

import re
from urllib.parse import quote_from_bytes, unquote_to_bytes

from kam3.algorithms import Algorithm
from kam3.errors import LocalProtocolError, RemoteProtocolError, WireError
from kam3.mutual.grammar import MAX_FIELD, quote

# bare-token      = ( DIGIT / ALPHA ) *( DIGIT / ALPHA / "-" / "_" )
# extension-token = "-" bare-token 1*("." bare-token)
# extensive-token = bare-token / extension-token
_BARE = r"[0-9A-Za-z][0-9A-Za-z\-_]*"
_EXTENSIVE_TOKEN = re.compile(rf"{_BARE}|-{_BARE}(?:\.{_BARE})+")
# integer = "0" / (%x31-39 *DIGIT)
_INTEGER = re.compile(r"0|[1-9][0-9]*")
# hex-fixed-number = 1*(2(DIGIT / %x41-46 / %x61-66))
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
# ext-value   = charset "'" [ language ] "'" value-chars                 ; RFC 8187 section 3.2.1; here the charset is UTF-8, the language
# value-chars = *( pct-encoded / attr-char )                             ; empty (RFC 8120 section 3.1)
# attr-char   = ALPHA / DIGIT / "!" / "#" / "$" / "&" / "+" / "-" / "." / "^" / "_" / "`" / "|" / "~"
_EXT_VALUE = re.compile(r"[Uu][Tt][Ff]-8''((?:%[0-9A-Fa-f]{2}|[A-Za-z0-9!#$&+\-.^_`|~])*)")
_ATTR_CHAR = "!#$&+-.^_`|~"  # and letters and digits, which quote_from_bytes leaves alone anyway
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

_BYTE_ORDER_MARK = "\ufeff"
#: Digits that int() and str() convert at once: Python lets nobody set its limit on them lower than 640.
_CHUNK = 512


def fault(name: str, rule: str, code: str = "syntax") -> RemoteProtocolError:
    """Build the error for a parameter that breaks a rule."""
    return RemoteProtocolError(f"{name} {rule}", code=code, reason="invalid-parameters", argument=name)


def _unsendable(name: str, rule: str) -> LocalProtocolError:
    return LocalProtocolError(f"{name} {rule}", code="syntax", argument=name)


def parse_token(name: str, text: str) -> str:
    """Read an extensive-token (RFC 8120 section 3.2.1); the token in lower case, as it is compared and hashed."""
    if _EXTENSIVE_TOKEN.fullmatch(text) is None:
        raise fault(name, "must be an extensive-token (RFC 8120 section 3.2.1)")
    return text.lower()


def serialize_token(name: str, token: str) -> str:
    """Write an extensive-token, which must be in lower case already."""
    if _EXTENSIVE_TOKEN.fullmatch(token) is None or token != token.lower():
        raise _unsendable(name, "must be an extensive-token in lower case (RFC 8120 section 3.2.1)")
    return f"{name}={token}"


def parse_string(name: str, text: str) -> str:
    """Read a string in the plain syntax (RFC 8120 section 3.2.2): characters that stand for octets, and octets that are UTF-8."""
    if text.isascii():
        return text
    return _decoded(name, text.encode("latin-1"))


def parse_ext_value(name: str, text: str) -> str:
    """Read a string in the extended syntax (RFC 8120 section 3.1): UTF-8, no language, and something beyond ASCII in it."""
    found = _EXT_VALUE.fullmatch(text)
    if found is None:
        raise fault(name, "must be an ext-value in UTF-8 without a language (RFC 8120 section 3.1)")
    string = _decoded(name, unquote_to_bytes(found[1]))
    if string.isascii():
        raise fault(name, "must be in the plain syntax, as it is ASCII (RFC 8120 section 3.1)")
    if _CONTROL.search(string):
        raise fault(name, "must hold no control characters")
    return string


def _decoded(name: str, octets: bytes) -> str:
    try:
        string = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise fault(name, "must be valid UTF-8 (RFC 8120 section 3.2.2)") from None
    if string.startswith(_BYTE_ORDER_MARK):
        raise fault(name, "must not begin with a byte order mark (RFC 8120 section 3.2.2)")
    return string


def serialize_string(name: str, string: str) -> str:
    """Write a string: quoted where it is ASCII, else as an ext-value (RFC 8120 section 3.1)."""
    if string.isascii():
        return f"{name}={quote(string, name)}"
    if string.startswith(_BYTE_ORDER_MARK):
        raise _unsendable(name, "must not begin with a byte order mark (RFC 8120 section 3.2.2)")
    if _CONTROL.search(string):
        raise _unsendable(name, "must hold no control characters")
    try:
        octets = string.encode("utf-8")
    except UnicodeEncodeError:
        raise _unsendable(name, "must hold no surrogates") from None
    return f"{name}*=UTF-8''{quote_from_bytes(octets, _ATTR_CHAR)}"


def serialize_realm(realm: str) -> str:
    """Write a realm: quoted, never extended, and ASCII (RFC 8120 sections 3.1 and 4.1)."""
    if not realm.isascii():
        raise _unsendable("realm", "must be ASCII (RFC 8120 section 4.1)")
    return serialize_string("realm", realm)


def parse_integer(name: str, text: str) -> int:
    """Read an integer of up to MAX_FIELD digits (RFC 8120 section 3.2.3), whatever limit Python has on digits."""
    if len(text) > MAX_FIELD or _INTEGER.fullmatch(text) is None:
        raise fault(name, "must be an integer without leading zeros (RFC 8120 section 3.2.3)")
    if len(text) <= _CHUNK:
        return int(text)
    number = 0
    for start in range(0, len(text), _CHUNK):
        chunk = text[start : start + _CHUNK]
        number = number * 10 ** len(chunk) + int(chunk)
    return number


def serialize_integer(name: str, number: int) -> str:
    """Write an integer."""
    if number < 0 or number.bit_length() > 4 * MAX_FIELD:  # a digit takes less than 4 bits
        raise _unsendable(name, "must be a natural number that a field can hold")
    chunks = []
    while number >= 10**_CHUNK:
        number, chunk = divmod(number, 10**_CHUNK)
        chunks.append(f"{chunk:0{_CHUNK}}")
    return f"{name}={number}" + "".join(reversed(chunks))


def parse_hex(name: str, text: str) -> str:
    """Read a hex-fixed-number that stays text, as a sid does: in lower case, and of the length it was issued in."""
    if _HEX.fullmatch(text) is None:
        raise fault(name, "must be an even number of hexadecimal digits (RFC 8120 section 3.2.3)")
    return text.lower()


def serialize_hex(name: str, digits: str) -> str:
    """Write a hex-fixed-number, which must be in lower case already."""
    if _HEX.fullmatch(digits) is None or digits != digits.lower():
        raise _unsendable(name, "must be an even number of hexadecimal digits in lower case (RFC 8120 section 3.2.3)")
    return f"{name}={digits}"


def parse_number(name: str, text: str, alg: Algorithm) -> bytes:
    """Read kc1, ks1, vkc or vks: octets of the natural length; whether they are an element is for the exchange to say."""
    try:
        return alg.from_wire(text, "element" if name[0] == "k" else "hash")
    except WireError as error:
        raise fault(name, f"is no {alg.wire_type} of its natural length (RFC 8120 section 3.2.3): {error}") from None


def serialize_number(name: str, octets: bytes, alg: Algorithm) -> str:
    """Write kc1, ks1, vkc or vks: hexadecimal bare, base64 quoted."""
    length = alg.element_octets if name[0] == "k" else alg.hash_octets
    if len(octets) != length:
        raise _unsendable(name, f"must be exactly {length} octets long")
    text = alg.to_wire(octets, "element" if name[0] == "k" else "hash")
    return f"{name}={text}" if alg.wire_type == "hex-fixed-number" else f'{name}="{text}"'
