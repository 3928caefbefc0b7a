"""Fixed-length numbers as text on the wire (RFC 8120 section 3.2.3): hexadecimal for the curves, base64 for the MODP groups.

Both directions take a time linear in the length, and the text's length is looked at before its content.
"""

from __future__ import annotations

import binascii

from kam3.errors import Rule, WireError, fault
from kam3.sets import WireType


def serialize(octets: bytes, length: int, wire_type: WireType) -> str:
    """Write octets of the natural length as text, without quotes.

    Raises:
        InvalidElementError: there are not exactly `length` octets.
    """
    if len(octets) != length:
        raise fault(Rule.ELEMENT_LENGTH, "octets", expected=length, actual=len(octets))
    if wire_type == "hex-fixed-number":
        return octets.hex()
    return binascii.b2a_base64(octets, newline=False).decode("ascii")


def parse(text: str, length: int, wire_type: WireType) -> bytes:
    """Read text that stands for exactly `length` octets, quotes removed.

    Hexadecimal digits are accepted in either case; base64 in its one canonical form, with all its padding and pad bits of zero.

    Raises:
        WireError: anything else.
    """
    if wire_type == "hex-fixed-number":
        if len(text) != 2 * length:
            raise WireError(f"text must be exactly {2 * length} hexadecimal digits, not {len(text)} characters", argument="text")
        try:
            octets = bytes.fromhex(text)
        except ValueError:
            octets = b""
        if len(octets) != length:  # `fromhex` skips white space
            raise WireError("text must hold hexadecimal digits alone", argument="text")
        return octets
    characters = (length + 2) // 3 * 4
    if len(text) != characters:
        raise WireError(f"text must be exactly {characters} characters of base64, not {len(text)}", argument="text")
    try:
        octets = binascii.a2b_base64(text)
    except ValueError:  # binascii.Error, or a str beyond ASCII
        octets = b""
    # The decoder ignores much, but what it returns has one canonical text, and only that text is right.
    if len(octets) != length or binascii.b2a_base64(octets, newline=False) != text.encode("utf-8", "replace"):
        raise WireError("text must be base64 in its canonical form (RFC 4648 section 4)", argument="text")
    return octets
