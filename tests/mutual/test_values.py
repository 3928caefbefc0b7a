"""The types of values of RFC 8120 section 3: one canonical text each, what else is accepted, and every trap that Python lays."""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Callable
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kam3
from kam3.errors import LocalProtocolError, RemoteProtocolError
from kam3.mutual import grammar, values
from kam3.mutual.grammar import MAX_FIELD

#: Digits to Python's `isdigit`, `isdecimal`, `int` or `\d`, and to nobody else; and what `int` ignores.
FOREIGN_DIGITS = [
    "\u0661",
    "\uff11",
    "\u00b2",
    "\u0be7",
    "\U0001d7d9",
    "1\u0661",
    "1_0",
    " 1",
    "1 ",
    "\t1",
    "1\n",
    "\u00a01",
    "\u20091",
    "1\x0c",
    "1\0",
]


def refused(read: Callable[[], object], name: str) -> RemoteProtocolError:
    with pytest.raises(RemoteProtocolError) as caught:
        read()
    assert (caught.value.code, caught.value.reason, caught.value.argument) == ("syntax", "invalid-parameters", name)
    assert str(caught.value).startswith(f"{name} ")
    return caught.value


def unsendable(write: Callable[[], object], name: str) -> LocalProtocolError:
    with pytest.raises(LocalProtocolError) as caught:
        write()
    assert (caught.value.code, caught.value.reason, caught.value.argument) == ("syntax", None, name)
    return caught.value


def text_of(parameter: str) -> str:
    """Read back what was written, through the grammar."""
    ((name, value, _),) = grammar.parse_parameters([parameter])
    return values.parse_ext_value(name, value) if name.endswith("*") else value


@pytest.mark.parametrize("token", ["1", "a", "0_", "A-b_C-", "iso-kam3-dl-2048-sha256", "-x.Example.COM", "-a-b_.c.d", "-0.1"])
def test_extensive_tokens(token: str) -> None:
    assert values.parse_token("reason", token) == token.lower()
    assert values.serialize_token("reason", token.lower()) == f"reason={token.lower()}"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "-",
        "_a",
        "a.b",
        "-x",
        "-x.",
        "-.x",
        "-x..y",
        "--x.y",
        "-x.-y",
        "-_x.y",
        "a b",
        " a",
        "a ",
        "a\n",
        "a\0",
        "\u212a",
        "a\u0130",
        "\u00e9",
        "a+",
        "a=",
        "a:",
    ],
)
def test_what_is_no_extensive_token(token: str) -> None:
    refused(lambda: values.parse_token("reason", token), "reason")
    unsendable(lambda: values.serialize_token("reason", token), "reason")


@given(st.text(alphabet="aZ09-_.+ \n\u212a\u0661", max_size=7))
def test_tokens_as_the_abnf_reads(text: str) -> None:
    def bare(part: str) -> bool:
        letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
        return part != "" and part[0] in letters and all(character in letters + "-_" for character in part)

    parts = text[1:].split(".")
    if bare(text) or (text[:1] == "-" and len(parts) > 1 and all(bare(part) for part in parts)):
        assert values.parse_token("reason", text) == text.lower()
    else:
        refused(lambda: values.parse_token("reason", text), "reason")


@pytest.mark.parametrize("text", ["", "00", "007", "+7", "-7", "-0", "0x7", "7.", "7e3", *FOREIGN_DIGITS])
def test_what_is_no_integer(text: str) -> None:
    refused(lambda: values.parse_integer("nc", text), "nc")


@given(
    st.one_of(
        st.integers(0, 300), st.integers(0, 2**80), st.integers(1, MAX_FIELD - 1).flatmap(lambda n: st.integers(10 ** (n - 1), 10**n - 1))
    )
)
def test_integers_there_and_back(number: int) -> None:
    name, _, digits = values.serialize_integer("nc", number).partition("=")
    assert (name, values.parse_integer("nc", digits)) == ("nc", number)
    if number < 10**600:
        assert digits == str(number)
    assert re.fullmatch("0|[1-9][0-9]*", digits)


def test_integers_need_nothing_of_pythons_limit_on_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(sys, "set_int_max_str_digits"):
        pytest.skip("this Python has no limit on digits")
    before = sys.get_int_max_str_digits()
    try:
        sys.set_int_max_str_digits(640)  # the least that Python takes
        for digits in ("9" * 641, "1" + "0" * 4300, "7" * MAX_FIELD):
            assert values.serialize_integer("nc", values.parse_integer("nc", digits)) == f"nc={digits}"
        with pytest.raises(ValueError, match="limit"):
            int("9" * 641)
    finally:
        sys.set_int_max_str_digits(before)


def test_integers_are_bounded() -> None:
    assert values.parse_integer("nc", "1" + "0" * (MAX_FIELD - 1)) == 10 ** (MAX_FIELD - 1)
    for length in (MAX_FIELD + 1, 10**6):
        refused(lambda length=length: values.parse_integer("nc", "1" * length), "nc")
    unsendable(lambda: values.serialize_integer("nc", 1 << 10**6), "nc")
    unsendable(lambda: values.serialize_integer("nc", -1), "nc")


@pytest.mark.parametrize("text", ["", "a", "abc", "0x", "ag", "a ", " a", "ab\n", "a\u0661", "\uff21b", "a_", "+a", "ab cd"])
def test_what_is_no_hexadecimal_number(text: str) -> None:
    refused(lambda: values.parse_hex("sid", text), "sid")
    unsendable(lambda: values.serialize_hex("sid", text), "sid")


def test_a_hexadecimal_number_keeps_its_length_and_loses_its_case() -> None:
    assert values.parse_hex("sid", "00AbfF") == "00abff"
    assert values.serialize_hex("sid", "00abff") == "sid=00abff"
    unsendable(lambda: values.serialize_hex("sid", "00ABFF"), "sid")


@pytest.mark.parametrize("alg", kam3.ALGORITHMS, ids=lambda alg: alg.token)
@pytest.mark.parametrize("name", ["kc1", "ks1", "vkc", "vks"])
def test_numbers_of_the_algorithms(alg: kam3.Algorithm, name: str) -> None:
    length = alg.element_octets if name[0] == "k" else alg.hash_octets
    octets = b"\0" + bytes(range(length - 1 & 0xFF)) + bytes(length - 1 & ~0xFF)
    text = octets.hex() if alg.wire_type == "hex-fixed-number" else base64.b64encode(octets).decode()
    written = values.serialize_number(name, octets, alg)
    assert written == (f"{name}={text}" if alg.wire_type == "hex-fixed-number" else f'{name}="{text}"')
    assert values.parse_number(name, text, alg) == octets
    for wrong in (octets[1:], octets + b"\0", b""):
        unsendable(lambda wrong=wrong: values.serialize_number(name, wrong, alg), name)
        error = refused(lambda wrong=wrong: values.parse_number(name, base64.b64encode(wrong).decode(), alg), name)
        assert error.__cause__ is None


@pytest.mark.parametrize("change", [
    lambda text: text.rstrip("="), lambda text: text + "=", lambda text: text + "====", lambda text: text[:-2] + "B=",
    lambda text: text.replace("+", "-"), lambda text: text.replace("/", "_"), lambda text: text[:4] + "\n" + text[4:],
    lambda text: " " + text,
    lambda text: text[:4] + " " + text[5:], lambda text: text + "\n", lambda text: "=" + text[1:], lambda text: text[:-1] + "\u0661",
    lambda text: "",
    lambda text: text[:8] + "\x80" + text[9:], lambda text: text[:40] + "====", lambda text: text[:-1] + "A",
])  # fmt: skip
def test_base64_in_its_one_canonical_form(change: Callable[[str], str]) -> None:
    octets = bytes.fromhex("fbefbe" + "fffefd" * 9 + "fb00")
    text = base64.b64encode(octets).decode()
    assert values.parse_number("vkc", text, kam3.DL_2048) == octets
    assert {"+", "/", "="} <= set(text)
    refused(lambda: values.parse_number("vkc", change(text), kam3.DL_2048), "vkc")


@given(st.text(max_size=30))
def test_strings_there_and_back(string: str) -> None:
    try:
        written = values.serialize_string("user", string)
    except LocalProtocolError:
        controls = any((ord(character) < 32 and character != "\t") or ord(character) == 127 for character in string)
        assert controls or string.startswith("\ufeff") or any("\ud800" <= character <= "\udfff" for character in string)
        return
    assert written.startswith('user="' if string.isascii() else "user*=UTF-8''")
    assert written.isascii()
    assert text_of(written) == string


@pytest.mark.parametrize(
    "string", ["\r\n", "a\nb", "\0", "\x1f", "\x7f", "\u00e9\r", "\u00e9\0", "\ufeffa", "\ud800", "a\udc80", "\u00e9\x7f"]
)
def test_strings_that_are_not_sent(string: str) -> None:
    unsendable(lambda: values.serialize_string("user", string), "user")


def test_the_rfcs_example() -> None:
    assert values.serialize_string("user", "Renee of France") == 'user="Renee of France"'
    assert (
        values.serialize_string("user", "Ren\u00e9e of France") == "user*=UTF-8''Ren%C3%A9e%20of%20France"
    )  # the RFC prints %C3%89: a capital
    assert values.serialize_string("user", "\u00e9!#$&+-.^_`|~'\"%*(),/:;<=>?@[\\]{}") == (
        "user*=UTF-8''%C3%A9!#$&+-.^_`|~%27%22%25%2A%28%29%2C%2F%3A%3B%3C%3D%3E%3F%40%5B%5C%5D%7B%7D"
    )


@pytest.mark.parametrize(
    "octets",
    [
        b"\xc3",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xff",
        b"\x80",
        b"\xef\xbb\xbf",
        b"\xef\xbb\xbfa",
        b'a\xc3"',
        b"\xe9",
    ],
)
def test_octets_that_are_no_string(octets: bytes) -> None:
    refused(lambda: values.parse_string("user", octets.decode("latin-1")), "user")
    refused(lambda: values.parse_ext_value("user", "UTF-8''" + "".join(f"%{octet:02x}" for octet in octets)), "user")


@pytest.mark.parametrize("string", ["", "a", "\u00e9", "\u20ac", "\U0001f511", "a\ufeff", "\u0080", "e\u0301"])
def test_plain_strings_are_utf_8(string: str) -> None:
    assert values.parse_string("user", string.encode().decode("latin-1")) == string


@pytest.mark.parametrize(
    "text",
    [
        "", "UTF-8", "UTF-8'", "UTF-8''", "UTF-8''alice", "UTF-8''%61", "''%C3%A9", "UTF-8'en'%C3%A9", "UTF-8'%C3%A9", "ISO-8859-1''%E9",
        "UTF8''%C3%A9",
        "UTF-16''%00%E9", "US-ASCII''%C3%A9", "UTF-8''%C3%A", "UTF-8''%C3%", "UTF-8''%", "UTF-8''%C3%G9", "UTF-8''%C3%A9 ",
        " UTF-8''%C3%A9",
        "UTF-8''\u00c3\u00a9", "UTF-8''%C3%A9'", "UTF-8''%C3%A9*", "UTF-8''%C3%A9/", "UTF-8''%C3%A9\n", "UTF-8''%u00E9",
        "UTF-8''%C3%A9%0D%0A",
        "UTF-8''%C3%A9%00", "UTF-8''%C3%A9%7F", "UTF-8''%\uff230", "UTF-8''%C3%A9\u212a", "\u0426TF-8''%C3%A9",
    ],
)  # fmt: skip
def test_what_is_no_ext_value(text: str) -> None:
    refused(lambda: values.parse_ext_value("user", text), "user")


@pytest.mark.parametrize("text", ["UTF-8''%C3%A9", "utf-8''%c3%a9", "uTf-8''%C3%a9"])
def test_ext_values_in_any_case(text: str) -> None:
    assert values.parse_ext_value("user", text) == "\u00e9" == unquote(text[7:])


def test_a_realm_is_ascii_and_quoted() -> None:
    assert values.serialize_realm('a "realm" \\ of tokens') == 'realm="a \\"realm\\" \\\\ of tokens"'
    assert values.serialize_realm("token") == 'realm="token"'
    unsendable(lambda: values.serialize_realm("\u00e9"), "realm")
    unsendable(lambda: values.serialize_realm("a\r\nSet-Cookie: b"), "realm")


def test_no_error_holds_the_value() -> None:
    secret = "sesame"
    for error in (
        refused(lambda: values.parse_token("algorithm", secret + "!"), "algorithm"),
        refused(lambda: values.parse_integer("nc", secret), "nc"),
        refused(lambda: values.parse_hex("sid", secret), "sid"),
        refused(lambda: values.parse_number("vkc", secret, kam3.EC_P256), "vkc"),
        refused(lambda: values.parse_ext_value("user", secret), "user"),
        refused(lambda: values.parse_string("user", secret + "\xff"), "user"),
        unsendable(lambda: values.serialize_string("user", secret + "\n"), "user"),
        unsendable(lambda: values.serialize_token("reason", secret + " "), "reason"),
    ):
        assert secret not in str(error)
