"""``kam3 passwd``: what it writes, what it tells, and that no password shows anywhere."""

from __future__ import annotations

import getpass
import io
import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import kam3
from kam3 import cli
from kam3.mutual.realms import Realm
from kam3.stores import keys
from kam3.stores.sqlite import SqliteCredentialStore

SCOPE = "http://example.com"
TOKEN = kam3.EC_P256.token
REALM = Realm(TOKEN, SCOPE, "kam3")
PASSWORD = "correct horse battery staple"

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "users"


@pytest.fixture
def passwd(file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command on the file; `given` is standard input, `typed` what the prompts get."""
    monkeypatch.delenv("KAM3_KEY_FILE", raising=False)

    def command(*arguments: str, given: bytes = b"", typed: tuple[str, ...] = (), scope: str | None = SCOPE) -> tuple[int, str, str]:
        answers = iter(typed)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        monkeypatch.setattr(getpass, "getpass", lambda prompt: next(answers))
        capsys.readouterr()
        try:
            status = cli.main(["passwd", str(file), *arguments, *(("--auth-scope", scope) if scope else ())])
        except SystemExit as stopped:
            status = int(str(stopped.code))
        assert list(answers) == [], "every prompt came"
        captured = capsys.readouterr()
        assert PASSWORD not in captured.out + captured.err
        return status, captured.out, captured.err

    return command


def j_of(password: str = PASSWORD, realm: Realm = REALM, user: str = "alice") -> bytes:
    alg = kam3.algorithm(realm.algorithm)
    return alg.j(alg.pi(password, auth_scope=realm.auth_scope, realm=realm.realm, user=user))


@pytest.fixture
def find(file: Path) -> Callable[..., bytes | None]:
    def find(user: str = "alice", realm: Realm = REALM, with_keys: Any = ()) -> bytes | None:
        with SqliteCredentialStore(file, with_keys) as store:
            return store.find(realm, user)

    return find


def given(password: str = PASSWORD, end: str = "\n") -> dict[str, bytes]:
    return {"given": (password + end).encode()}


def test_a_user_is_added_changed_checked_and_removed(passwd: Command, find: Any, file: Path) -> None:
    assert passwd("alice", typed=(PASSWORD, PASSWORD)) == (0, "added alice\n", "")
    assert find() == j_of()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert passwd("alice", "--check", typed=(PASSWORD,)) == (0, "the password is right\n", "")
    status, out, err = passwd("alice", "--check", typed=("wrong",))
    assert (status, out) == (1, "")
    assert "not right" in err
    assert passwd("alice", "--password-stdin", **given("another"))[:2] == (0, "changed alice\n")
    assert find() == j_of("another")
    assert passwd("alice", "--remove")[:2] == (0, "removed alice\n")
    assert find() is None


@pytest.mark.parametrize("end", ["\n", "\r\n", "", "\nmore\n"])
def test_the_password_is_the_first_line_of_standard_input(passwd: Command, find: Any, end: str) -> None:
    assert passwd("alice", "--password-stdin", **given(" with blanks ", end))[0] == 0
    assert find() == j_of(" with blanks ")


def test_two_passwords_that_differ_change_nothing(passwd: Command, find: Any) -> None:
    status, _, err = passwd("alice", typed=(PASSWORD, PASSWORD + "x"))
    assert status == 1
    assert "not the same" in err
    assert find() is None


def test_name_and_password_are_prepared(passwd: Command, find: Any) -> None:
    pytest.importorskip("precis_i18n", reason="needs the extra [http]")
    assert passwd("a\u030alice", "--password-stdin", **given("o\u0308l"))[0] == 0
    assert find("\u00e5lice") == j_of("\u00f6l", user="\u00e5lice")
    for user, password in (("no good\u2028name", "x"), ("alice", "tab\tbed"), ("alice", "")):
        status, out, err = passwd(user, "--password-stdin", **given(password))
        assert (status, out) == (1, "")
        assert "is refused by the profile" in err
        assert "tab" not in err


def test_a_password_that_is_no_text_is_refused_without_showing_it(passwd: Command) -> None:
    status, _, err = passwd("alice", "--password-stdin", given=b"secret\xff\n")
    assert status == 1
    assert "UTF-8" in err
    assert "secret" not in err


def test_several_algorithms_at_once_and_a_change_reaches_all(passwd: Command, find: Any) -> None:
    both = ("--algorithm", TOKEN, "--algorithm", kam3.EC_P521.token.upper())
    assert passwd("alice", *both, "--password-stdin", **given())[0] == 0
    other = REALM._replace(algorithm=kam3.EC_P521.token)
    assert (find(), find(realm=other)) == (j_of(), j_of(realm=other))
    assert passwd("alice", "--password-stdin", **given("new"))[2] == ""
    assert (find(), find(realm=other)) == (j_of("new"), j_of("new", other))
    status, _, err = passwd("alice", "--password-stdin", "--algorithm", TOKEN, **given("newer"))
    assert status == 0
    assert f"keeps the former password under {kam3.EC_P521.token}" in err
    assert passwd("alice", "--check", "--password-stdin", **given("newer"))[0] == 1, "not right under both"
    assert passwd("alice", "--check", "--password-stdin", "--algorithm", TOKEN, **given("newer"))[0] == 0
    assert passwd("alice", "--remove")[0] == 0
    assert (find(), find(realm=other)) == (None, None)


def test_a_realm_without_users_is_warned_of(passwd: Command) -> None:
    assert passwd("alice", "--password-stdin", **given())[2] == ""
    assert passwd("bob", "--password-stdin", **given())[2] == ""
    _, _, err = passwd("alice", "--password-stdin", scope="http://example.com:8120", **given())
    assert "warning: no user is stored for" in err
    assert "'http://example.com:8120'" in err
    status, _, err = passwd("alice", "--check", "--password-stdin", "--realm", "other", **given())
    assert status == 1
    assert "warning: no user is stored" in err
    assert "no such user" in err


def test_unknown_users_are_told_of(passwd: Command) -> None:
    passwd("alice", "--password-stdin", **given())
    for mode in ("--remove", "--check"):
        status, out, err = passwd("bob", mode)
        assert (status, out) == (1, "")
        assert "no such user" in err


def test_a_missing_file_is_made_for_new_users_alone(passwd: Command, file: Path) -> None:
    for mode in ("--remove", "--check", "--list"):
        arguments = (mode,) if mode == "--list" else ("alice", mode)
        status, _, err = passwd(*arguments)
        assert status == 1
        assert "SQLite file" in err
        assert not file.exists()


def test_lists(passwd: Command) -> None:
    passwd("bob", "--password-stdin", **given())
    passwd("alice", "--password-stdin", "--algorithm", TOKEN, "--algorithm", kam3.EC_P521.token, **given())
    passwd("zoe", "--password-stdin", "--realm", "other", **given())
    status, out, _ = passwd("--list", "--json", scope=None)
    everybody = json.loads(out)["users"]
    assert status == 0
    assert [(entry["user"], entry["algorithm"], entry["auth_scope"], entry["realm"]) for entry in everybody] == [
        ("alice", TOKEN, SCOPE, "kam3"),
        ("bob", TOKEN, SCOPE, "kam3"),
        ("zoe", TOKEN, SCOPE, "other"),
        ("alice", kam3.EC_P521.token, SCOPE, "kam3"),
    ]
    assert [entry["user"] for entry in json.loads(passwd("--list", "--json", "--algorithm", TOKEN)[1])["users"]] == ["alice", "bob"]
    assert len(json.loads(passwd("alice", "--list", "--json")[1])["users"]) == 2
    _, out, _ = passwd("--list", "--realm", "other")
    assert out.splitlines()[2].split() == ["zoe", TOKEN, SCOPE, "other"]


def test_a_name_does_nothing_to_the_terminal(passwd: Command, file: Path) -> None:
    passwd("alice", "--password-stdin", **given())
    with SqliteCredentialStore(file) as store:
        store.put(REALM, "\x1b[2Jevil", j_of())
    assert "\x1b" not in passwd("--list", scope=None)[1]


# Import


def table(*lines: str) -> dict[str, bytes]:
    return {"given": "\n".join(lines).encode()}


def test_many_are_imported(passwd: Command, find: Any) -> None:
    lines = [f"user{number},password {number}" for number in range(30)]
    status, out, err = passwd("--import", "-", **table(*lines))
    assert (status, out, err) == (0, "added or changed 30 users\n", "")
    for number in (0, 17, 29):
        assert find(f"user{number}") == j_of(f"password {number}", user=f"user{number}")


def test_import_reads_files_and_csv(passwd: Command, find: Any, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_bytes(b'\xef\xbb\xbfalice,"a ""quoted"", password"\r\n\r\nbob,plain\r\n')
    assert passwd("--import", str(tmp_path / "new.csv"), "--algorithm", TOKEN, "--algorithm", kam3.EC_P521.token)[:2] == (
        0,
        "added or changed 2 users\n",
    )
    assert find("alice") == j_of('a "quoted", password')
    other = REALM._replace(algorithm=kam3.EC_P521.token)
    assert find("bob", other) == j_of("plain", other, "bob")


def test_import_tells_what_it_refuses_by_line_and_goes_on(passwd: Command, find: Any) -> None:
    status, out, err = passwd("--import", "-", **table("alice,one", "bob", "carol,x,y", "dave,", "alice,two", "erin,three"))
    assert status == 1
    assert out == "added or changed 2 users, refused 4 lines\n"
    assert [line.partition(":")[2].partition(":")[0].strip() for line in err.splitlines()] == ["line 2", "line 3", "line 4", "line 5"]
    assert "the user of line 1 again" in err
    assert find("alice") == j_of("one")
    assert find("erin") == j_of("three", user="erin")
    assert not any(secret in err for secret in ("carol", "two"))


def test_import_tells_of_former_passwords_under_other_algorithms(passwd: Command) -> None:
    passwd("alice", "--password-stdin", "--algorithm", kam3.EC_P521.token, **given())
    status, _, err = passwd("--import", "-", "--algorithm", TOKEN, **table("alice,one", "bob,two"))
    assert status == 0
    assert f"1 of them keep a former password under {kam3.EC_P521.token}" in err


@pytest.mark.parametrize(("octets", "words"), [(b"alice,secret\xff", "UTF-8"), (b'alice,"secret', "line 1")])
def test_import_of_what_is_no_table(passwd: Command, octets: bytes, words: str) -> None:
    status, _, err = passwd("--import", "-", given=octets)
    assert status == 1
    assert words in err
    assert "secret" not in err


def test_import_of_nothing(passwd: Command) -> None:
    assert passwd("--import", "-", given=b"") == (0, "added or changed 0 users\n", "")


# Sealed


def test_a_sealed_store(passwd: Command, find: Any, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key_file = str(tmp_path / "keys")
    keys.make(key_file)
    assert passwd("alice", "--password-stdin", "--seal", "--key-file", key_file, **given())[0] == 0
    assert j_of() not in file.read_bytes()
    assert find(with_keys=keys.read(key_file)) == j_of()
    keys.make(key_file)
    monkeypatch.setenv("KAM3_KEY_FILE", key_file)
    assert passwd("alice", "--check", "--password-stdin", "--seal", **given())[0] == 0
    status, _, err = passwd("alice", "--check", "--password-stdin", **given())
    assert status == 1
    assert "cannot be used" in err


def test_reseal_takes_former_keys_and_plain_rows(passwd: Command, find: Any, file: Path, tmp_path: Path) -> None:
    key_file = tmp_path / "keys"
    keys.make(key_file)
    sealed = ("--seal", "--key-file", str(key_file))
    passwd("alice", "--password-stdin", *sealed, **given())
    passwd("bob", "--password-stdin", **given("plain"))
    with SqliteCredentialStore(file, [b"\x33" * 32]) as store:
        store.put(REALM, "carol", j_of())
    keys.make(key_file)
    status, out, err = passwd("--reseal", *sealed, scope=None)
    assert (status, out) == (1, "sealed 2 of 3 under the newest key; 1 were plain\n")
    assert "J of carol" in err
    newest = keys.read(key_file)[:1]
    assert find("alice", with_keys=newest) == j_of()
    assert find("bob", with_keys=newest) == j_of("plain", user="bob")
    passwd("carol", "--remove")
    assert passwd("--reseal", *sealed, scope=None) == (0, "sealed 2 of 2 under the newest key; 0 were plain\n", "")


# Usage


@pytest.mark.parametrize("command", ["passwd", "key"])
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main([command, "--help"])
    assert stopped.value.code == 0
    assert "example:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "USER is needed"),
        (["alice", "--import", "-"], "takes the users from the file"),
        (["alice", "--json"], "--json goes with --list"),
        (["alice", "--list", "--remove"], "not allowed with"),
        (["alice", "--key-file", "x"], "goes with --seal"),
        (["alice", "--seal"], "KAM3_KEY_FILE"),
        (["--reseal"], "--reseal goes with --seal"),
        (["alice", "--reseal", "--seal"], "with all users"),
        (["alice", "--algorithm", "rot13"], "algorithm"),
        (["alice", "secret"], "unrecognized"),
        (["alice", "--password", "secret"], "unrecognized"),
    ],
)
def test_wrong_usage_is_2(passwd: Command, file: Path, arguments: list[str], words: str) -> None:
    status, out, err = passwd(*arguments)
    assert (status, out) == (2, "")
    assert words in err
    assert not file.exists()


def test_the_scope_is_needed(passwd: Command) -> None:
    status, _, err = passwd("alice", scope=None)
    assert status == 2
    assert "--auth-scope is needed" in err


def test_a_url_is_a_database(file: Path, monkeypatch: pytest.MonkeyPatch, find: Any) -> None:
    pytest.importorskip("sqlalchemy", reason="needs SQLAlchemy")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(PASSWORD.encode())))
    assert cli.main(["passwd", f"sqlite:///{file}", "alice", "--auth-scope", SCOPE, "--password-stdin"]) == 0
    assert find() == j_of()
    assert os.name == "nt" or stat.S_IMODE(file.stat().st_mode) == 0o600
