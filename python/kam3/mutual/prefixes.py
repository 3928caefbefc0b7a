"""What a session writes before its nonce number is the same in all its requests: read strictly once, and known from then on.

A req-VFY-C of the usual form ends with ``, nc=NUMBER, vkc=PROOF``. If all of it was read by the strict way and its session accepted, the
text before that end stands for realm, validation and sid in any field that ends likewise: the end holds no quote that could close one in
the text, so that a text in which a quoted-string is open was never read; nc and vkc are not in the text, since they would have been there
twice; and the number of parameters and the greatest length are those of the field that was read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from kam3.algorithms import Algorithm, algorithm
from kam3.errors import RemoteProtocolError
from kam3.mutual import values
from kam3.mutual.messages import VfyC
from kam3.mutual.realms import Realm

#: How many texts are kept; when there are more, all are forgotten: reading strictly is no misfortune.
CAPACITY = 4096
#: Octets of a text that is kept: with the longest end below, the field stays under MAX_FIELD.
LONGEST = 1024

# The number as it is written without leading zeros, and short; the proof as a token (hexadecimal) or in quotes (base64).
_END = re.compile(r', nc=(0|[1-9][0-9]{0,15}), vkc=(?:([0-9A-Za-z+]{1,128})|"([0-9A-Za-z+/=]{1,128})")', re.ASCII)


class KnownPrefixes:
    """The texts of sessions that were accepted; safe for threads."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, tuple[Realm, str, str, Algorithm]] = {}

    def read(self, lines: Sequence[str]) -> VfyC | None:
        """Read the Authorization fields of a request; None where the strict way has to be gone, and what that would give else."""
        if len(lines) != 1:
            return None
        text = lines[0]
        at = text.rfind(", nc=")
        known = self._known.get(text[:at])
        if known is None:
            return None
        end = _END.fullmatch(text, at)
        if end is None:
            return None
        realm, validation, sid, alg = known
        nc, token, quoted = end.groups()
        try:
            return VfyC(realm, validation, sid, int(nc), values.parse_number("vkc", token or quoted, alg))
        except RemoteProtocolError:
            return None

    def learn(self, lines: Sequence[str], message: VfyC) -> None:
        """Keep the text of a field that was read as `message`, by the strict way, and led to an accepted proof."""
        text = lines[0]
        at = text.rfind(", nc=")
        if not 0 <= at <= LONGEST or text[:at] in self._known or _END.fullmatch(text, at) is None:
            return
        if len(self._known) >= CAPACITY:
            self._known.clear()
        self._known[text[:at]] = message.realm, message.validation, message.sid, algorithm(message.realm.algorithm)
