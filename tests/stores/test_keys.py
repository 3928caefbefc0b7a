"""Key files: what is read, who may read it, and how a key is added."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kam3 import cli, sealing
from kam3.errors import Kam3Error, KeyFileError
from kam3.stores import keys

KEY, OTHER = bytes(range(32)), b"\x22" * 32
needs_modes = pytest.mark.skipif(os.name == "nt", reason="needs file modes")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def write(file: Path, text: str | bytes, mode: int = 0o600) -> None:
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    file.chmod(mode)


def test_keys_are_read_newest_first(file: Path) -> None:
    write(file, f"# made in spring\n\n{KEY.hex()}\r\n  {OTHER.hex().upper()}  \n")
    assert keys.read(file) == (KEY, OTHER)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no key"),
        ("# nothing\n", "holds no key"),
        (f"{KEY.hex()}\n{KEY.hex()[:-1]}\n", "line 2 is not a key of 64 hexadecimal digits"),
        (f"{KEY.hex()[:-1]}g", "line 1"),
        (f"{KEY.hex()} {OTHER.hex()}", "line 1"),
        ("٠" * 64, "must be ASCII"),
        (b"\xff" * 64, "must be ASCII"),
        ("#" * 65537, "longer than 65536"),
    ],
)
def test_what_is_no_key_file_is_refused(file: Path, text: Any, words: str) -> None:
    write(file, text)
    with pytest.raises(KeyFileError, match=words) as caught:
        keys.read(file)
    assert caught.value.code == "key-file"
    assert KEY.hex()[:-1] not in str(caught.value)
    assert caught.value.__context__ is None


@settings(max_examples=200, deadline=None)
@given(octets=st.binary(max_size=200))
def test_any_octets_are_keys_or_an_error(tmp_path_factory: pytest.TempPathFactory, octets: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any"
    write(file, octets)
    with pytest.raises(KeyFileError):
        keys.read(file)


@needs_modes
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610, 0o601, 0o666])
def test_a_file_that_is_open_to_others_is_refused(file: Path, mode: int) -> None:
    write(file, KEY.hex(), mode)
    for action in (keys.read, keys.make):
        with pytest.raises(KeyFileError, match="open to others"):
            action(file)
    assert file.read_text() == KEY.hex()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(file, KEY.hex())
    os.chown(file, 4242, -1)
    with pytest.raises(KeyFileError, match="another user"):
        keys.read(file)


def test_a_directory_or_a_missing_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises((OSError, KeyFileError)):
            keys.read(path)


@needs_modes
def test_a_key_is_made_before_the_others_with_mode_0600_whatever_the_umask(file: Path) -> None:
    former = os.umask(0)
    try:
        assert keys.make(file) == 1
    finally:
        os.umask(former)
    (first,) = keys.read(file)
    file.write_text(f"# mine\n{file.read_text()}")
    assert keys.make(file) == 2
    second, again = keys.read(file)
    assert again == first != second
    assert "# mine" in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["keys"]


def test_a_file_that_is_no_key_file_is_not_touched(file: Path) -> None:
    write(file, "something else")
    with pytest.raises(KeyFileError):
        keys.make(file)
    assert file.read_text() == "something else"


def test_two_at_once_do_not_lose_a_key(file: Path) -> None:
    write(file.with_name(".keys.new"), "")
    with pytest.raises(KeyFileError, match="another process"):
        keys.make(file)
    assert not file.exists()


def test_an_interruption_leaves_everything_as_it_was(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(file, KEY.hex())

    def fail(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(KeyboardInterrupt):
        keys.make(file)
    assert [path.name for path in file.parent.iterdir()] == ["keys"]
    assert keys.read(file) == (KEY,)


def test_a_link_leads_to_the_file(file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to(file)
    keys.make(link)
    assert link.is_symlink()
    assert keys.read(file) == keys.read(link)


def test_the_command_makes_and_lists(file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["key", "new", "--file", str(file)]) == 0
    (first,) = keys.read(file)
    assert sealing.key_id(first).hex() in capsys.readouterr().out
    monkeypatch.setenv("KAM3_KEY_FILE", str(file))
    assert cli.main(["key", "new"]) == 0
    assert "holds 2" in capsys.readouterr().out
    assert cli.main(["key", "list"]) == 0
    listed = capsys.readouterr().out
    assert listed.split() == [sealing.key_id(key).hex() for key in keys.read(file)]
    assert cli.main(["key", "list", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == {"file": str(file), "ids": listed.split()}
    assert not any(key.hex() in listed for key in keys.read(file))


def test_the_command_needs_a_file(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("KAM3_KEY_FILE", raising=False)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["key", "new"])
    assert stopped.value.code == 2
    assert "KAM3_KEY_FILE" in capsys.readouterr().err


def test_the_command_fails_with_1_on_a_file_open_to_others(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(file, KEY.hex(), 0o644)
    assert cli.main(["key", "list", "--file", str(file)]) == 1
    assert "chmod 600" in capsys.readouterr().err
    assert issubclass(KeyFileError, Kam3Error)
