"""Values on the wire (RFC 8120 section 3.2.3): one canonical text each, and everything else refused."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kam3
from kam3.errors import InvalidElementError, WireError

LENGTHS = [
    (kam3.DL_2048, "element", 256, 344),
    (kam3.DL_2048, "hash", 32, 44),
    (kam3.DL_4096, "element", 512, 684),
    (kam3.DL_4096, "hash", 64, 88),
    (kam3.EC_P256, "element", 33, 66),
    (kam3.EC_P256, "hash", 32, 64),
    (kam3.EC_P521, "element", 66, 132),
    (kam3.EC_P521, "hash", 64, 128),
]
each_kind = pytest.mark.parametrize("alg, kind, octets, characters", LENGTHS)
HASH_TEXT = base64.b64encode(bytes(range(32))).decode()


@each_kind
@given(data=st.data())
def test_there_and_back(alg: kam3.Algorithm, kind: Any, octets: int, characters: int, data: Any) -> None:
    value = data.draw(st.binary(min_size=octets, max_size=octets))
    text = alg.to_wire(value, kind)
    assert len(text) == characters
    assert text == (value.hex() if alg.wire_type == "hex-fixed-number" else base64.b64encode(value).decode())
    assert alg.from_wire(text, kind=kind) == value


@each_kind
def test_only_the_natural_length(alg: kam3.Algorithm, kind: Any, octets: int, characters: int) -> None:
    for length in (0, octets - 1, octets + 1, 2 * octets):
        with pytest.raises(InvalidElementError, match=f"octets must be exactly {octets} octets long, not {length}") as caught:
            alg.to_wire(bytes(length), kind)
        assert caught.value.argument == "octets"
    for length in (0, characters - 2, characters - 1, characters + 1, characters + 2, 2 * characters):
        with pytest.raises(WireError, match=f"must be exactly {characters} ") as refused:
            alg.from_wire("0" * length, kind)
        assert refused.value.argument == "text"


def test_hexadecimal_digits_in_either_case() -> None:
    value = bytes(range(0xAB, 0xAB + 32))
    assert kam3.EC_P256.from_wire(value.hex().upper(), "hash") == value
    assert kam3.EC_P256.to_wire(value, "hash") == value.hex()


@pytest.mark.parametrize("digit", ["g", "G", " ", "\n", "-", "+", "_", "\u0661", "\uff11", "\u0660", "\0", "\ud800", "x"])
@pytest.mark.parametrize("place", [0, 1, 31, 62, 63])
def test_nothing_but_hexadecimal_digits(digit: str, place: int) -> None:
    text = "0" * place + digit + "0" * (63 - place)
    with pytest.raises(WireError):
        kam3.EC_P256.from_wire(text, "hash")


@pytest.mark.parametrize(
    "text",
    [
        HASH_TEXT[:-1],  # insufficient padding
        HASH_TEXT[:-2] + "==",  # too much of it
        HASH_TEXT[:-1] + "A",  # 33 octets
        HASH_TEXT + "=",
        HASH_TEXT + "\n",
        HASH_TEXT[:-1] + "\n",
        " " + HASH_TEXT[:-1],
        HASH_TEXT[:10] + "\n" + HASH_TEXT[11:],
        HASH_TEXT[:10] + "=" + HASH_TEXT[11:],
        HASH_TEXT[:10] + "-" + HASH_TEXT[11:],  # the alphabet for URLs
        HASH_TEXT[:10] + "_" + HASH_TEXT[11:],
        HASH_TEXT[:10] + "\u212a" + HASH_TEXT[11:],
        HASH_TEXT[:10] + "\ud800" + HASH_TEXT[11:],
        HASH_TEXT[:10] + "\0" + HASH_TEXT[11:],
        HASH_TEXT[:-2] + "9=",  # pad bits that are not zero: "8=" is canonical
        "=" * 44,
        "=" + HASH_TEXT[:-1],
    ],
)
def test_only_canonical_base64(text: str) -> None:
    with pytest.raises(WireError):
        kam3.DL_2048.from_wire(text, "hash")


def test_pad_bits_are_zero() -> None:
    assert HASH_TEXT.endswith("8=")
    accepted = []
    for last in "0123456789+/ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz":
        try:
            kam3.DL_2048.from_wire(HASH_TEXT[:-2] + last + "=", "hash")
            accepted.append(last)
        except WireError:
            pass
    assert len(accepted) == 16


@given(st.text(max_size=100))
def test_any_text_has_an_answer(text: str) -> None:
    for alg, kind, octets, _ in LENGTHS[1::2]:
        try:
            assert len(alg.from_wire(text, kind)) == octets  # type: ignore[arg-type]
        except WireError as error:
            assert not text or len(text) < 5 or text not in str(error)


@given(st.text(alphabet="AQgw048=+/-_ ", min_size=44, max_size=44))
def test_what_is_accepted_is_canonical(text: str) -> None:
    try:
        value = kam3.DL_2048.from_wire(text, "hash")
    except WireError:
        return
    assert kam3.DL_2048.to_wire(value, "hash") == text


def test_other_kinds() -> None:
    for kind in ("", "Element", "j", None, ["hash"]):
        wrong: Any = kind
        with pytest.raises(ValueError, match="kind"):
            kam3.EC_P256.to_wire(bytes(32), wrong)
        with pytest.raises(ValueError, match="kind"):
            kam3.EC_P256.from_wire("00", wrong)


def test_types() -> None:
    with pytest.raises(TypeError, match="^text must be a str"):
        kam3.EC_P256.from_wire(b"00" * 32, "hash")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="^octets must be"):
        kam3.EC_P256.to_wire("00" * 32, "hash")  # type: ignore[arg-type]


def test_a_long_text_is_refused_by_its_length_alone() -> None:
    for alg in (kam3.EC_P256, kam3.DL_2048):
        with pytest.raises(WireError, match="must be exactly"):
            alg.from_wire("=" * 10_000_000, "hash")
