"""The grammar of RFC 9110 as a naive reader: one character at a time, every choice tried. It is what the scanner is compared with."""

from __future__ import annotations

from collections.abc import Iterator

TCHAR = set("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
TOKEN68 = set("-._~+/0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
OBS_TEXT = {chr(code) for code in range(0x80, 0x100)}
QDTEXT = {chr(code) for code in range(0x20, 0x7F)} - {'"', "\\"} | {"\t"} | OBS_TEXT
PAIRED = {chr(code) for code in range(0x20, 0x7F)} | {"\t"} | OBS_TEXT


def run(text: str, at: int, of: set[str]) -> Iterator[int]:
    """Yield every end of 0 or more characters, the longest first."""
    end = at
    while end < len(text) and text[end] in of:
        end += 1
    yield from range(end, at - 1, -1)


def token(text: str, at: int) -> Iterator[int]:
    return (end for end in run(text, at, TCHAR) if end > at)


def value(text: str, at: int) -> Iterator[tuple[int, str, bool]]:
    for end in token(text, at):
        yield end, text[at:end], False
    if text[at : at + 1] == '"':
        read, at = "", at + 1
        while at < len(text):
            if text[at] == '"':
                yield at + 1, read, True
                return
            if text[at] == "\\":
                at += 1
                if at == len(text) or text[at] not in PAIRED:
                    return
            elif text[at] not in QDTEXT:
                return
            read, at = read + text[at], at + 1


def parameter(text: str, at: int) -> Iterator[tuple[int, tuple[str, str, bool]]]:
    for end in token(text, at):
        for equals in run(text, end, {" ", "\t"}):
            if text[equals : equals + 1] == "=":
                for begin in run(text, equals + 1, {" ", "\t"}):
                    for done, read, quoted in value(text, begin):
                        yield done, (text[at:end].lower(), read, quoted)


def listed(text: str, at: int, element: object) -> Iterator[tuple[int, tuple[object, ...]]]:
    """``#element``: [ element ] *( OWS "," OWS [ element ] )."""
    firsts = [(at, ())]
    firsts += [(end, (read,)) for end, read in element(text, at)]  # type: ignore[operator]
    for end, read in reversed(firsts):
        yield from rest(text, end, read, element)


def rest(text: str, at: int, so_far: tuple[object, ...], element: object) -> Iterator[tuple[int, tuple[object, ...]]]:
    for comma in run(text, at, {" ", "\t"}):
        if text[comma : comma + 1] == ",":
            for begin in run(text, comma + 1, {" ", "\t"}):
                for end, read in element(text, begin):  # type: ignore[operator]
                    yield from rest(text, end, (*so_far, read), element)
                yield from rest(text, begin, so_far, element)
    yield at, so_far


def credentials(text: str, at: int) -> Iterator[tuple[int, tuple[str, str | None, tuple[object, ...]]]]:
    for end in token(text, at):
        scheme = text[at:end]
        for begin in run(text, end, {" "}):
            if begin > end:
                for body in run(text, begin, TOKEN68):
                    if body > begin:
                        for done in run(text, body, {"="}):
                            yield done, (scheme, text[begin:done], ())
                for done, read in listed(text, begin, parameter):
                    yield done, (scheme, None, read)
        yield end, (scheme, None, ())


def readings(rule: str, text: str) -> set[object]:
    """Return everything that a whole text can be read as."""
    if rule == "credentials":
        found = credentials(text, 0)
    elif rule == "parameters":
        found = listed(text, 0, parameter)  # type: ignore[assignment]
    else:
        found = listed(text, 0, credentials)  # type: ignore[assignment]
    return {read for end, read in found if end == len(text)}
