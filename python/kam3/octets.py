"""The functions VI and VS of RFC 8120 section 12.1."""

from __future__ import annotations


def vi(number: int) -> bytes:
    """Encode a natural number as VI (RFC 8120 section 12.1): big-endian base 128, shortest form.

    Args:
        number: a natural number of any size.

    Returns:
        The octets, every one but the last with its top bit set.

    Raises:
        ValueError: `number` is negative.

    Timing: depends on the number, which is public (nc, or a length).
    """
    if number < 0:
        raise ValueError("VI is defined for natural numbers only")
    octets = bytearray([number & 0x7F])
    number >>= 7
    while number:
        octets.append(0x80 | (number & 0x7F))
        number >>= 7
    octets.reverse()
    return bytes(octets)


def vs(octets: bytes) -> bytes:
    """Encode an octet string as VS (RFC 8120 section 12.1): its length in octets as VI, then itself."""
    return vi(len(octets)) + octets
