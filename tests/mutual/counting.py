"""A backtracking matcher that counts its steps, for the few operators that the grammar's patterns are made of.

It does what the engine of `re` does, in the same order, only slowly: so that a test can say how the work grows without a clock.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

if sys.version_info >= (3, 11):
    from re import _parser as parser
else:
    import sre_parse as parser

Next = Callable[[int], bool]


class Matcher:
    """Matches a pattern at one place after the other, as `findall` does; `steps` counts the characters and positions looked at."""

    def __init__(self, pattern: re.Pattern[str], text: str) -> None:
        self.tree = list(parser.parse(pattern.pattern, pattern.flags))
        self.text, self.steps, self.end = text, 0, 0

    def match(self, at: int) -> bool:
        def done(end: int) -> bool:
            self.end = end
            return True

        return self.sequence(self.tree, 0, at, done)

    def sequence(self, items: Sequence[Any], index: int, at: int, then: Next) -> bool:
        if index == len(items):
            return then(at)
        return self.item(items[index], at, lambda end: self.sequence(items, index + 1, end, then))

    def item(self, item: tuple[Any, Any], at: int, then: Next) -> bool:
        operator, argument = str(item[0]), item[1]
        self.steps += 1
        if operator in ("LITERAL", "NOT_LITERAL", "IN", "ANY"):
            return at < len(self.text) and self.holds(item, at) and then(at + 1)
        if operator == "SUBPATTERN":
            return self.sequence(list(argument[-1]), 0, at, then)
        if operator == "BRANCH":
            return any(self.sequence(list(branch), 0, at, then) for branch in argument[1])
        if operator == "AT":
            return at == len(self.text) and then(at)  # \Z alone is used
        if operator == "ASSERT":
            return self.sequence(list(argument[1]), 0, at, lambda _: True) and then(at)
        if operator == "MAX_REPEAT":
            least, most, body = argument[0], int(argument[1]), list(argument[2])
            if len(body) == 1 and str(body[0][0]) in ("LITERAL", "NOT_LITERAL", "IN", "ANY"):
                return self.run(body[0], least, most, at, then)
            return self.repeat(body, least, most, at, then)
        raise AssertionError(f"the counter does not know {operator}")

    def run(self, one: tuple[Any, Any], least: int, most: int, at: int, then: Next) -> bool:
        """Match a character many times: as many as there are, then fewer."""
        end = at
        while end < len(self.text) and end - at < most and self.holds(one, end):
            end += 1
            self.steps += 1
        while end - at >= least:
            self.steps += 1
            if then(end):
                return True
            end -= 1
        return False

    def repeat(self, body: list[Any], least: int, most: int, at: int, then: Next) -> bool:
        """Match a group many times."""
        if most > 0 and self.sequence(body, 0, at, lambda end: end > at and self.repeat(body, max(0, least - 1), most - 1, end, then)):
            return True
        return least == 0 and then(at)

    def holds(self, one: tuple[Any, Any], at: int) -> bool:
        code = ord(self.text[at])
        operator, argument = str(one[0]), one[1]
        if operator == "ANY":
            return True
        if operator == "IN":
            return any(code == low if str(kind) == "LITERAL" else low[0] <= code <= low[1] for kind, low in argument)
        return (code == argument) == (operator == "LITERAL")


def steps(pattern: re.Pattern[str], text: str, start: int, everywhere: bool) -> int:
    """Count the steps of ``pattern.findall(text, start)``, or of ``pattern.match(text, start)`` where not `everywhere`."""
    matcher, at, limit = Matcher(pattern, text), start, sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    try:
        while at <= len(text):
            at = max(matcher.end, at + 1) if matcher.match(at) else at + 1
            if not everywhere:
                break
    finally:
        sys.setrecursionlimit(limit)
    return matcher.steps
