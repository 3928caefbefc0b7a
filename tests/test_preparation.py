"""String preparation (RFC 8120 section 9) by way of PRECIS."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kam3
from kam3 import preparation
from kam3.errors import MissingExtraError
from tests.clib import ROOT

GOLDEN = ROOT.parent / "shared" / "vectors" / "third-party" / "precis-i18n" / "golden.json"
PREPARE = {"UsernameCasePreserved": kam3.prepare_user, "OpaqueString": kam3.prepare_password}


@pytest.mark.parametrize(
    "typed, prepared",
    [("alice", "alice"), ("Alice", "Alice"), ("e\u0301", "\u00e9"), ("\uff21lice", "Alice"), ("\u212b", "\u00c5")],
)
def test_user(typed: str, prepared: str) -> None:
    assert kam3.prepare_user(typed) == prepared


@pytest.mark.parametrize(
    "typed, prepared", [("a b", "a b"), ("a\u00a0b", "a b"), ("e\u0301", "\u00e9"), ("\uff21", "\uff21"), ("\U0001f9c5", "\U0001f9c5")]
)
def test_password(typed: str, prepared: str) -> None:
    assert kam3.prepare_password(typed) == prepared


@pytest.mark.parametrize(
    "typed, rule", [("", "empty"), ("swordfish 1", "spaces"), ("swordfish\x00", "controls"), ("swordfish\ud800", "other")]
)
def test_refusals_name_the_rule_and_not_the_name(typed: str, rule: str) -> None:
    with pytest.raises(ValueError, match=f"^user is refused by the profile UsernameCasePreserved: DISALLOWED/{rule}$") as caught:
        kam3.prepare_user(typed)
    assert caught.value.__context__ is None, "the profile's error holds the text"
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("typed", ["", "swordfish\x07", "swordfish\ud800", "sword\u0378fish"])
def test_refusals_name_the_rule_and_not_the_password(typed: str) -> None:
    with pytest.raises(ValueError, match="^password is refused by the profile OpaqueString: DISALLOWED/") as caught:
        kam3.prepare_password(typed)
    assert "fish" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("prepare, name", [(kam3.prepare_user, "user"), (kam3.prepare_password, "password")])
def test_types(prepare: Any, name: str) -> None:
    for wrong in (b"alice", None, 5):
        with pytest.raises(TypeError, match=f"^{name} must be a str"):
            prepare(wrong)


@pytest.mark.parametrize("prepare", [kam3.prepare_user, kam3.prepare_password])
def test_missing_extra(prepare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    preparation._enforcer.cache_clear()
    monkeypatch.setitem(sys.modules, "precis_i18n", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'kam3\[http\]'") as caught:
        prepare("\u00e9mile")
    assert isinstance(caught.value, ImportError)
    monkeypatch.undo()
    assert prepare("\u00e9mile") == "\u00e9mile", "a failure is not remembered"


@pytest.mark.parametrize("prepare", [kam3.prepare_user, kam3.prepare_password])
def test_printable_ascii_needs_no_extra(prepare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    preparation._enforcer.cache_clear()
    monkeypatch.setitem(sys.modules, "precis_i18n", None)
    text = "".join(map(chr, range(0x21, 0x7F)))
    assert prepare(text) == text
    assert kam3.prepare_password(" " + text + " ") == " " + text + " "
    for other in ("", "a\x00", "a\x7f", "a\n", "\u00e9"):
        with pytest.raises(MissingExtraError):
            prepare(other)
    with pytest.raises(MissingExtraError):
        kam3.prepare_user("a b")


def outcome(enforce: Any, text: str) -> str | None:
    try:
        prepared: str = enforce(text)
    except ValueError:  # precis-i18n's UnicodeEncodeError is one
        return None
    return prepared


@pytest.mark.parametrize("profile", sorted(PREPARE))
def test_every_ascii_character_is_prepared_as_precis_i18n_does(profile: str) -> None:
    enforce = preparation._enforcer(profile)
    for code in range(0x80):
        for text in (chr(code), "a" + chr(code), chr(code) + "a", f"a{chr(code)}b"):
            assert outcome(PREPARE[profile], text) == outcome(enforce, text), repr(text)


@pytest.mark.parametrize("profile", sorted(PREPARE))
@given(text=st.text(alphabet=st.characters(max_codepoint=0x7F)) | st.text())
def test_all_text_is_prepared_as_precis_i18n_does(profile: str, text: str) -> None:
    assert outcome(PREPARE[profile], text) == outcome(preparation._enforcer(profile), text)


@pytest.mark.skipif(not GOLDEN.is_file(), reason="precis-i18n's golden file is not beside the checkout")
def test_golden_file() -> None:
    checked = 0
    for row in json.loads(GOLDEN.read_text(encoding="utf-8")):
        if row["profile"] not in PREPARE:
            continue
        checked += 1
        if row["error"] is None:
            assert PREPARE[row["profile"]](row["input"]) == row["output"]
        else:
            with pytest.raises(ValueError, match=row["error"]):
                PREPARE[row["profile"]](row["input"])
    assert checked > 300
