"""One name of fixed length for what is known by several texts, so that no text can run into its neighbour."""

from __future__ import annotations

import hashlib

from kam3.octets import vs


def join(*parts: str | bytes) -> bytes:
    """Return the parts, a str as UTF-8, each behind its length (VS of RFC 8120 section 12.1): different parts, different octets."""
    return b"".join(vs(part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")) for part in parts)


def digest(*parts: str | bytes) -> str:
    """Return 32 hexadecimal digits of a hash over the parts: as good as one of a kind."""
    return hashlib.sha256(join(*parts)).hexdigest()[:32]
