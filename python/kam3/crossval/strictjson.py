"""JSON (RFC 8259) without the liberties of the standard decoder, one value a line, in bounded memory.

Refused beyond bad syntax: invalid UTF-8, names that occur twice in one object, NaN and the infinities, numbers with a fraction or an
exponent that overflow a double, more than `MAX_NESTING` arrays and objects open at once, lines longer than `MAX_LINE`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NoReturn

#: Octets of one line, without its end (LF or CRLF).
MAX_LINE = 1 << 20

#: Arrays and objects open at once.
MAX_NESTING = 64

#: Decimal digits converted at a time: the least value that CPython's limit on int(str) can be set to is 640.
_CHUNK = 600

_ESCAPE = re.compile(r"\\.", re.DOTALL)
_STRING = re.compile(r'"[^"]*"?')
_BRACKET = re.compile(r"[\[\]{}]")


class StrictJSONError(ValueError):
    """A line that is not acceptable JSON; the message says the rule, and nothing of the line but a position."""


@dataclass(frozen=True)
class Number:
    """A JSON number as it was written: nothing is rounded, and nobody pays for digits that are not used."""

    literal: str

    @property
    def is_integer(self) -> bool:
        """Tell whether it is written without fraction and exponent."""
        return self.literal.lstrip("-").isdigit()

    @property
    def digits(self) -> int:
        """The count of decimal digits of an integer."""
        return len(self.literal.lstrip("-"))

    def to_int(self) -> int:
        """Convert an integer literal, whatever CPython's process-wide limit on such conversions is.

        Returns:
            The value; -0 is 0. The time is quadratic in `digits`, which the caller has bounded.

        Raises:
            ValueError: the literal has a fraction or an exponent.
        """
        if not self.is_integer:
            raise ValueError("the literal has a fraction or an exponent")
        digits = self.literal.lstrip("-")
        value = 0
        for start in range(0, len(digits), _CHUNK):
            chunk = digits[start : start + _CHUNK]
            value = value * 10 ** len(chunk) + int(chunk)
        return -value if self.literal.startswith("-") else value


def parse(line: bytes) -> object:
    """Parse one JSON text strictly.

    Args:
        line: UTF-8; JSON white space around the text is allowed.

    Returns:
        None, bool, `str` (lone surrogates written as escapes stay in it), `Number`, `list` or `dict` of these.

    Raises:
        StrictJSONError: the line breaks a rule of this module.
    """
    if len(line) > MAX_LINE:
        raise StrictJSONError(f"longer than {MAX_LINE} octets")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise StrictJSONError(f"not UTF-8 at octet {error.start}") from None
    if not text.strip(" \t\n\r"):
        raise StrictJSONError("blank")
    if _nesting(text) > MAX_NESTING:
        raise StrictJSONError(f"nested deeper than {MAX_NESTING}")
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise StrictJSONError(f"not JSON at character {error.pos}") from None


def serialize(value: object) -> str:
    """Write what `parse` returned as ASCII JSON; every number keeps its literal."""
    if isinstance(value, Number):
        return value.literal
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)}: {serialize(member)}" for name, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(serialize, value)) + "]"
    return json.dumps(value)


def lines(stream: BinaryIO) -> Iterator[bytes | None]:
    """Cut a stream into lines, holding little more than `MAX_LINE` octets at a time.

    Args:
        stream: a buffered binary stream; its last line may lack the line end.

    Yields:
        Each line without its LF or CRLF; None for a line longer than `MAX_LINE`, which is read to its end and dropped.
    """
    while piece := stream.readline(MAX_LINE + 2):
        complete = piece.endswith(b"\n")
        line = piece.removesuffix(b"\n").removesuffix(b"\r")
        if len(line) <= MAX_LINE:
            yield line
            continue
        del piece, line
        while not complete:
            rest = stream.readline(MAX_LINE)
            complete = not rest or rest.endswith(b"\n")
        yield None


def _nesting(text: str) -> int:
    """Bound the nesting from above, exactly for valid JSON: what the decoder reads before it stops is counted right."""
    depth = deepest = 0
    for bracket in _BRACKET.findall(_STRING.sub("", _ESCAPE.sub("", text))):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _finite(literal: str) -> Number:
    if math.isinf(float(literal)):
        raise StrictJSONError("a number overflows")
    return _number(literal)


def _number(literal: str) -> Number:
    if not literal.isascii():
        raise StrictJSONError("a number has a digit outside ASCII")
    return Number(literal)


def _constant(_: str) -> NoReturn:
    raise StrictJSONError("NaN and infinities are not JSON")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise StrictJSONError("a name occurs twice in one object")
    return members


_DECODER = json.JSONDecoder(parse_int=_number, parse_float=_finite, parse_constant=_constant, object_pairs_hook=_object)
