"""What a session writes before its nonce number is the same in all its requests: read strictly once, and known from then on.

A req-VFY-C of the usual form ends with ``, nc=NUMBER, vkc=PROOF``. If all of it was read by the strict way and its session accepted, the
text before that end stands for realm, validation and sid in any field that ends likewise: the end holds no quote that could close one in
the text, so that a text in which a quoted-string is open was never read; nc and vkc are not in the text, since they would have been there
twice; and the number of parameters and the greatest length are those of the field that was read.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

from kam3.algorithms import Algorithm
from kam3.errors import WireError
from kam3.mutual.sessions import SessionKey

#: How many texts of an area are kept; when there are more, all are forgotten: reading strictly is no misfortune.
CAPACITY = 4096
#: Octets of a text that is kept: with the longest end below, the field stays under MAX_FIELD.
LONGEST = 1024

#: What a request with a proof claims: the session that it is of, its nonce number, VK_c.
Claim: TypeAlias = "tuple[SessionKey, int, bytes]"


class KnownPrefixes:
    """The texts of sessions that were accepted in one area; safe for threads.

    Args:
        alg: the algorithm of the area's realm.
    """

    __slots__ = ("_decode", "_end", "_known")

    def __init__(self, alg: Algorithm) -> None:
        # The number as it is written without leading zeros, and short; the proof bare (hexadecimal) or in quotes (base64), of its length.
        number = ", nc=(0|[1-9][0-9]{0,15}), vkc="
        self._decode: Callable[[str], bytes]
        if alg.wire_type == "hex-fixed-number":
            self._end = re.compile(rf"{number}([0-9A-Fa-f]{{{2 * alg.hash_octets}}})")
            self._decode = bytes.fromhex
        else:
            self._end = re.compile(rf'{number}"([0-9A-Za-z+/=]{{{(alg.hash_octets + 2) // 3 * 4}}})"')
            self._decode = functools.partial(alg.from_wire, kind="hash")
        self._known: dict[str, SessionKey] = {}

    def read(self, lines: Sequence[str]) -> Claim | None:
        """Read the Authorization fields of a request; None where the strict way has to be gone, and what that would give else."""
        if len(lines) != 1:
            return None
        text = lines[0]
        at = text.rfind(", nc=")
        key = self._known.get(text[:at])
        if key is None:
            return None
        end = self._end.fullmatch(text, at)
        if end is None:
            return None
        nc, vkc = end.groups()
        try:
            return key, int(nc), self._decode(vkc)
        except WireError:
            return None

    def learn(self, lines: Sequence[str], key: SessionKey) -> None:
        """Keep the text of a field that was read by the strict way, and led to an accepted proof of this session."""
        text = lines[0]
        at = text.rfind(", nc=")
        if not 0 <= at <= LONGEST or self._end.fullmatch(text, at) is None:
            return
        if len(self._known) >= CAPACITY:
            self._known.clear()
        self._known[text[:at]] = key
