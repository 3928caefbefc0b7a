"""The grammar of challenges, credentials and parameter lists (RFC 9110 section 11): strict, bounded, linear, and there and back."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kam3.errors import LocalProtocolError, RemoteProtocolError
from kam3.mutual import grammar
from kam3.mutual.grammar import MAX_ELEMENTS, MAX_FIELD, Challenge, Parameter, parse_challenges, parse_credentials, parse_parameters
from tests.mutual import slow_grammar
from tests.mutual.counting import steps

TOKENS = st.text(alphabet=sorted(slow_grammar.TCHAR), min_size=1, max_size=8)
VALUES = st.text(alphabet=sorted(slow_grammar.PAIRED), max_size=12)
TOKENS68 = st.from_regex(r"[A-Za-z0-9\-._~+/]{1,8}={0,3}", fullmatch=True)
PARAMETERS = st.one_of(
    st.builds(Parameter, TOKENS.map(str.lower), VALUES, st.just(True)), st.builds(Parameter, TOKENS.map(str.lower), TOKENS, st.just(False))
)
CHALLENGES = st.one_of(
    st.builds(Challenge, TOKENS, TOKENS68, st.just(())),
    st.builds(Challenge, TOKENS, st.none(), st.lists(PARAMETERS, max_size=4).map(tuple)),
)
#: Few kinds of characters, so that short texts hold all the structure there is.
TEXTS = st.text(alphabet='aB=", \t\\\x80\x00~@', max_size=9)


def refused(read: Callable[[], object]) -> RemoteProtocolError:
    with pytest.raises(RemoteProtocolError) as caught:
        read()
    assert (caught.value.code, caught.value.reason) == ("syntax", "invalid-parameters")
    return caught.value


def test_several_challenges_in_a_line_and_in_lines() -> None:
    basic = Challenge("Basic", None, (Parameter("realm", 'a, Mutual b="c"', True), Parameter("charset", "UTF-8", True)))
    mutual = Challenge("Mutual", None, (Parameter("version", "1", False), Parameter("realm", "r", True)))
    lines = ['Basic realm="a, Mutual b=\\"c\\"", charset="UTF-8"', 'Mutual version=1, realm="r"', "Negotiate", "Foo abc=="]
    expected = (basic, mutual, Challenge("Negotiate"), Challenge("Foo", "abc=="))
    assert parse_challenges(lines) == expected
    assert parse_challenges([", ".join(lines)]) == expected
    assert parse_challenges([lines[0], ",,".join(lines[1:])]) == expected
    assert parse_challenges([]) == parse_challenges([""]) == parse_challenges([" ,\t, "]) == ()


@pytest.mark.parametrize(
    "text",
    [
        'Mutual a="b",c=d',
        'Mutual  a = "b" , c\t=\td',
        'Mutual ,, a="\\b",\t,c=d, ',
        'Mutual A="b",,C="d"',
        "Mutual a=b\t,c=d",
        'Mutual \t,a="b", c=d,',
    ],
)
def test_white_space_empty_elements_quotes_and_case(text: str) -> None:
    for read in (parse_challenges([text])[0], parse_credentials([text])):
        assert read is not None
        assert [(name, value) for name, value, _ in read.parameters] == [("a", "b"), ("c", "d")]


@pytest.mark.parametrize(
    "text",
    [
        "a=b", "Mutual,a=b", "Mutual\ta=b", "Mutual \ta=b", "Mutual a=b c=d", "Mutual a=,b=c", 'Mutual a="', 'Mutual a="b',
        'Mutual a="b\\"', 'Mutual a="b"c',
        "Mutual a=b;c=d", "Mutual a==b", "Mutual abc== d", "Mutual abc==, d=e", "Mutual a=b, c", "Mutual a='\n'", "Mutual a\n=b",
        'Mutual a="\0"',
        'Mutual a="\r\n b"', 'Mutual a="\x7f"', 'Mutual a="\\\n"', 'Mutual a="\u0100"', "Mutual a=\u0661", "Mutual a=\xe9", '"Mutual" a=b',
        "Mutual a=b\x0b",
        "Mutual a=b\n", "\x1fMutual a=b", "Mutual =b", "Mutual a=b, =c",
    ],
)  # fmt: skip
def test_what_is_no_credentials(text: str) -> None:
    error = refused(lambda: parse_credentials([text]))
    assert error.argument == "Authorization"
    if text != "Mutual a=b, c":  # two challenges
        assert refused(lambda: parse_challenges([text])).argument == "WWW-Authenticate"


def test_authorization_is_one_line() -> None:
    assert parse_credentials([]) is None
    assert "repeated" in str(refused(lambda: parse_credentials(["A b=c", "A b=c"])))
    assert "scheme" in str(refused(lambda: parse_credentials([""])))
    for read in (parse_credentials, parse_challenges, parse_parameters):
        with pytest.raises(TypeError, match="lines of a field"):
            read("Mutual a=b")


def test_faults_tell_the_place_and_not_the_value() -> None:
    error = refused(lambda: parse_challenges(['Mutual a=b, sesame="open']))
    assert "from octet 12 on" in str(error)
    assert "sesame" not in str(error)


def test_bounds() -> None:
    def filled(length: int) -> str:
        return "M a=".ljust(length, "b")

    for read in (parse_challenges, parse_credentials):
        assert read([filled(MAX_FIELD)])
        assert f"longer than {MAX_FIELD}" in str(refused(lambda read=read: read([filled(MAX_FIELD + 1)])))
        assert read(["M " + ",".join(["a=b"] * (MAX_ELEMENTS - 1))])
        assert f"more than {MAX_ELEMENTS}" in str(refused(lambda read=read: read(["M " + ",".join(["a=b"] * (MAX_ELEMENTS + 1))])))
    assert len(parse_parameters(["a=b"] * MAX_ELEMENTS)) == MAX_ELEMENTS
    refused(lambda: parse_parameters(["a=b"] * (MAX_ELEMENTS + 1)))
    refused(lambda: parse_challenges(["A"] * (MAX_ELEMENTS + 1)))
    refused(lambda: parse_credentials(["M " + "a" * MAX_FIELD]))


@given(st.lists(CHALLENGES, max_size=4))
def test_challenges_there_and_back(challenges: list[Challenge]) -> None:
    texts = [grammar.serialize_challenge(challenge) for challenge in challenges]
    assert list(parse_challenges(texts)) == list(parse_challenges([", ".join(texts)])) == challenges
    for text, challenge in zip(texts, challenges, strict=True):
        assert parse_credentials([text]) == challenge


@given(st.lists(PARAMETERS, max_size=6))
def test_parameters_there_and_back(parameters: list[Parameter]) -> None:
    assert list(parse_parameters([grammar.serialize_parameters(parameters)])) == parameters


@pytest.mark.parametrize(
    "challenge",
    [
        Challenge("a b"), Challenge(""), Challenge("a", "b c"), Challenge("a", ""), Challenge("a", "=="),
        Challenge("a", "b", (Parameter("c", "d", True),)),
        Challenge("a", None, (Parameter("b c", "d", True),)), Challenge("a", None, (Parameter("b", "c d", False),)),
        Challenge("a", None, (Parameter("b", "", False),)), Challenge("a", None, (Parameter("b", "c\r\nd", True),)),
        Challenge("a", None, (Parameter("b", "c\0", True),)), Challenge("a", None, (Parameter("b", "\u0100", True),)),
        Challenge("a", None, (Parameter("b", "c\n", False),)), Challenge("a\n"), Challenge("a", "b\n"),
    ],
)  # fmt: skip
def test_what_is_not_written(challenge: Challenge) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        grammar.serialize_challenge(challenge)
    assert (caught.value.code, caught.value.reason) == ("syntax", None)


@example("a \ta=a").via("HTAB is no SP")
@example("a=a, a=a").via("two readings are one")
@given(TEXTS)
def test_as_the_naive_reader(text: str) -> None:
    rules: dict[str, Callable[[list[str]], Any]] = {
        "credentials": parse_credentials,
        "parameters": parse_parameters,
        "challenges": parse_challenges,
    }
    for rule, read in rules.items():
        trimmed = text.strip(" \t") if rule == "credentials" else text.strip(" \t,")  # as HTTP does, and as empty elements allow
        expected = slow_grammar.readings(rule, trimmed)
        try:
            found = read([text])
        except RemoteProtocolError:
            assert expected == set(), rule
        else:
            assert found in expected, rule


@given(st.lists(CHALLENGES, max_size=3), st.just("") | st.text(alphabet=sorted(slow_grammar.PAIRED), max_size=12))
def test_as_authchallenge(challenges: list[Challenge], noise: str) -> None:
    other = pytest.importorskip("authchallenge", reason="authchallenge is not installed")
    text = ", ".join([grammar.serialize_challenge(challenge) for challenge in challenges] + [noise])
    try:
        found = parse_challenges([text])
        expected = other.parse_challenges(text, strict=True)
    except (RemoteProtocolError, other.AuthError):
        return  # its strict mode knows the rules of some schemes, too, and refuses duplicates
    assert [(read.scheme.lower(), read.token68, {name: value for name, value, _ in read.parameters}) for read in found] == [
        (read.scheme.lower(), read.token68, {name.lower(): value for name, value in read.params.items()}) for read in expected
    ]


#: Texts of any length that make the scanner work hard: long runs, late faults, much backtracking.
HARD: dict[str, Callable[[int], str]] = {
    "an unterminated quote": lambda n: 'M a="' + "b" * n,
    "quoted-pairs, unterminated": lambda n: 'M a="' + "\\b" * (n // 2),
    "backslash at the end": lambda n: 'M a="' + "\\\\" * (n // 2) + "\\",
    "spaces after the scheme": lambda n: "M" + " " * n + "@",
    "spaces and tabs after the scheme": lambda n: "M" + " \t" * (n // 2) + "@",
    "tabs after a space": lambda n: "M " + "\t" * n + "@",
    "commas after the scheme": lambda n: "M " + ", " * (n // 2) + "@",
    "white space before =": lambda n: "M a" + " " * n + "@",
    "white space after =": lambda n: "M a=" + " \t" * (n // 2) + "@",
    "white space after a value": lambda n: "M a=b" + " \t" * (n // 2) + "@",
    "commas after a value": lambda n: "M a=b" + "," * n + "@",
    "a long name": lambda n: "M " + "a" * n + "@",
    "a long value": lambda n: "M a=" + "b" * n + "@",
    "a long token68": lambda n: "M " + "a" * (n // 2) + "=" * (n // 2) + "@",
    "a long scheme": lambda n: "M" * n,
    "parameters": lambda n: "M " + "a=b," * (n // 4),
    "schemes": lambda n: "M," * (n // 2),
    "schemes that announce": lambda n: "M a=b," * (n // 6) + "@",
    "schemes with token68": lambda n: "M a," * (n // 4) + "@",
    "quotes closed and opened": lambda n: 'M a="' + '"' * n,
    "names in a row": lambda n: "M " + "a " * (n // 2),
}


@pytest.mark.parametrize("kind", HARD)
@pytest.mark.parametrize("pattern", ["_CHALLENGES", "_PARAMETERS", "_OPENING"])
def test_twice_the_octets_take_at_most_twice_the_steps(kind: str, pattern: str) -> None:
    compiled: re.Pattern[str] = getattr(grammar, pattern)
    text, twice = HARD[kind](480), HARD[kind](960)
    start = 2 if pattern == "_PARAMETERS" else 0  # behind the scheme
    everywhere = pattern != "_OPENING"
    once = steps(compiled, text, start, everywhere)
    assert steps(compiled, twice, start, everywhere) <= 2 * once + 50
    assert once <= 25 * len(text)


def test_the_count_of_steps_can_tell() -> None:
    slow = re.compile(r" +[\t ,]*(?=a)|(.+)", re.DOTALL)
    assert steps(slow, " " * 200, 0, True) > 3 * steps(slow, " " * 100, 0, True)
