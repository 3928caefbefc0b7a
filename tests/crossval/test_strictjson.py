"""The strict JSON reader: what it refuses beyond the standard decoder, what it keeps, and that memory stays bounded."""

from __future__ import annotations

import io
import json
import sys
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kam3.crossval.strictjson import MAX_LINE, MAX_NESTING, Number, StrictJSONError, lines, parse, serialize

REFUSED = {
    "": "blank",
    " \t\r": "blank",
    "{": "not JSON",
    "{} {}": "not JSON",
    "{'a': 1}": "not JSON",
    '{"a": 1,}': "not JSON",
    "01": "not JSON",
    "+1": "not JSON",
    "1.": "not JSON",
    ".5": "not JSON",
    "\ufeff{}": "not JSON",
    '"\t"': "not JSON",
    '"\\x41"': "not JSON",
    '"\\u+123"': "not JSON",
    "\u0663": "not JSON",
    "1\u0663": "not JSON",
    "NaN": "NaN",
    "[Infinity]": "NaN",
    "-Infinity": "NaN",
    "1e400": "overflows",
    '{"a": [-1.5E999]}': "overflows",
    '{"a": 1, "a": 1}': "twice",
    '{"a": 1, "\\u0061": 2}': "twice",
    '[{"b": {"a": 1, "a": null}}]': "twice",
    "[" * 65 + "]" * 65: "nested",
    '{"a":' * 65 + "1" + "}" * 65: "nested",
    "[" * MAX_LINE: "nested",
    '{"a":' * (MAX_LINE // 5): "nested",
}


@pytest.mark.parametrize(("text", "rule"), REFUSED.items(), ids=lambda value: ascii(value)[:24])
def test_refused(text: str, rule: str) -> None:
    with pytest.raises(StrictJSONError, match=rule):
        parse(text.encode())


@pytest.mark.parametrize("line", [b"\xff", b'"\xed\xa0\x80"', b'"\xc0\xaf"', b'"\xc3"', b"\x00\xef\xbb\xbf\xfe"])
def test_invalid_utf_8_is_refused(line: bytes) -> None:
    with pytest.raises(StrictJSONError, match="UTF-8"):
        parse(line)


def test_the_message_shows_nothing_of_the_line() -> None:
    twice = b'{"hunter2": "hunter2", "hunter2": "hunter2"}'
    for line in (twice, b'{"password": "\\hunter2"}', b'{"password": hunter2}', b'"hunter2\xff"'):
        with pytest.raises(StrictJSONError) as caught:
            parse(line)
        assert "hunter2" not in str(caught.value)
        assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "text",
    ["-0", "0", "-17", "1" + "0" * 20_000, "1.0", "1E5", "2.50e-1", "1e-400", "0." + "3" * 1000],
    ids=lambda text: text[:12],
)
def test_numbers_keep_their_literal(text: str) -> None:
    assert serialize(parse(f" [{text}]\r".encode())) == f"[{text}]"


def test_strings_keep_lone_surrogates_and_come_out_as_ascii() -> None:
    assert parse(b'"\\ud800"') == "\ud800"
    assert serialize('\ud800\U0001f511\x00"é') == '"\\ud800\\ud83d\\udd11\\u0000\\"\\u00e9"'


def test_nesting_up_to_the_limit() -> None:
    text = "[" * MAX_NESTING + "]" * MAX_NESTING
    assert serialize(parse(text.encode())) == text
    wide = "[" + ",".join(["[]"] * 1000) + "]"
    assert len(parse(wide.encode())) == 1000  # type: ignore[arg-type]
    brackets = '["' + "[" * 1000 + '", "\\"[[[[[[' + "{" * 100 + '"]'
    assert len(parse(brackets.encode())) == 2  # type: ignore[arg-type]


def test_integers_beyond_the_limit_of_the_interpreter() -> None:
    limit = getattr(sys, "get_int_max_str_digits", int)()
    for literal in ("9" * 10_000, "-" + "7" * 4301, "1" + "0" * 600, "0", "-0", "12"):
        expected = 0
        for digit in literal.lstrip("-"):
            expected = expected * 10 + int(digit)
        assert Number(literal).to_int() == (-expected if literal.startswith("-") else expected)
    assert getattr(sys, "get_int_max_str_digits", int)() == limit


@pytest.mark.parametrize("literal", ["1.0", "1e3", "1E3", "-0.0"])
def test_a_fraction_or_an_exponent_is_no_integer(literal: str) -> None:
    assert not Number(literal).is_integer
    with pytest.raises(ValueError, match="fraction"):
        Number(literal).to_int()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(json_values, st.booleans())
def test_agrees_with_the_standard_decoder(value: object, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    try:
        line = text.encode()
    except UnicodeEncodeError:
        return
    again = serialize(parse(line))
    assert again.isascii()
    assert json.loads(again) == value


@given(st.binary(max_size=200) | st.text(alphabet='[]{}",:\\0123456789.eE+-aNInft \t', max_size=60).map(str.encode))
def test_whatever_is_accepted_is_json_to_the_standard_decoder(line: bytes) -> None:
    try:
        value = parse(line)
    except StrictJSONError:
        return
    assert json.loads(serialize(value)) == json.loads(line)


def test_lines() -> None:
    full = b"x" * MAX_LINE
    cases: list[tuple[bytes, list[bytes | None]]] = [
        (b"", []),
        (b"a", [b"a"]),
        (b"a\n", [b"a"]),
        (b"\n\r\n \n", [b"", b"", b" "]),
        (b"a\r\nb\rc\r\r\n", [b"a", b"b\rc\r"]),
        (full + b"\n" + full + b"\r\n" + full, [full, full, full]),
        (full + b"x\n1", [None, b"1"]),
        (full + b"x\r\n1", [None, b"1"]),
        (full + b"xy\n1", [None, b"1"]),
        (full + b"x", [None]),
        (full + full + full + b"\n1", [None, b"1"]),
        (full + full + full, [None]),
    ]
    for text, expected in cases:
        assert list(lines(io.BytesIO(text))) == expected, text[-20:]


class _Endless(io.RawIOBase):
    """A line of many octets without an end, then a short one."""

    def __init__(self, octets: int) -> None:
        self._left = octets

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._left <= 0:
            tail, self._left = (b"\n[]", -1) if self._left == 0 else (b"", -1)
            buffer[: len(tail)] = tail
            return len(tail)
        count = min(len(buffer), self._left)
        buffer[:count] = b"[" * count
        self._left -= count
        return count


def test_a_line_of_100_megabytes_is_dropped_in_bounded_memory() -> None:
    stream = io.BufferedReader(_Endless(100 << 20), 1 << 16)
    tracemalloc.start()
    try:
        assert list(lines(stream)) == [None, b"[]"]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * MAX_LINE
