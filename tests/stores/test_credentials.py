"""The stores of credentials: one set of tests for SQLite, for SQLAlchemy on SQLite, and for a real PostgreSQL; plain and sealed."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import sqlite3
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import kam3
from kam3.errors import InvalidElementError, MissingExtraError, StoreUnavailableError, UnknownAlgorithmError
from kam3.mutual.realms import Realm
from kam3.stores.credentials import Entry, mismatch
from kam3.stores.sql import AsyncSqlCredentialStore, SqlCredentialStore
from kam3.stores.sqlite import SqliteCredentialStore
from tests.stores.servers import PostgresServer

sql = pytest.importorskip("sqlalchemy", reason="needs SQLAlchemy")

SCOPE = "http://example.com"
REALM = Realm(kam3.EC_P256.token, SCOPE, "secrets")
OTHER = REALM._replace(realm="other")
KEYS = (bytes(range(32)), b"\x11" * 32)
KINDS = ("sqlite", "sql-sqlite", "postgres")


@functools.cache
def j(number: int = 5, alg: kam3.Algorithm = kam3.EC_P256) -> bytes:
    return alg.kc1(number.to_bytes(alg.scalar_octets, "big"))


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    pytest.importorskip("psycopg", reason="needs psycopg 3")
    server = PostgresServer()
    yield server
    server.stop()


Opener = Callable[..., Any]


@pytest.fixture(params=KINDS)
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """What opens one store, as often as it is called."""
    opened: list[Any] = []
    url = ""
    if request.param == "postgres":
        url = request.getfixturevalue("postgres").url
        SqlCredentialStore(url, create=True).close()
        engine = sql.create_engine(url.replace("postgresql", "postgresql+psycopg"))
        with engine.begin() as connection:
            connection.execute(sql.text("DROP TABLE kam3_credentials"))
        engine.dispose()

    def opener(keys: Any = (), create: bool = True) -> Any:
        if request.param == "sqlite":
            opened.append(SqliteCredentialStore(tmp_path / "users", keys, create=create))
        else:
            opened.append(SqlCredentialStore(url or f"sqlite:///{tmp_path}/users", keys, create=create))
        return opened[-1]

    opener.kind = request.param  # type: ignore[attr-defined]
    yield opener
    for store in opened:
        store.close()


@pytest.fixture(params=[(), KEYS], ids=["plain", "sealed"])
def store(request: pytest.FixtureRequest, opener: Opener) -> Any:
    return opener(request.param)


def tamper(opener: Opener, statement: str, **values: Any) -> list[Any]:
    """Change the table behind the store's back."""
    with opener()._engine.begin() if opener.kind != "sqlite" else sqlite3.connect(opener()._path) as connection:  # type: ignore[attr-defined]
        done = connection.execute(statement if opener.kind == "sqlite" else sql.text(statement), values)  # type: ignore[attr-defined]
        return [] if statement.startswith("UPDATE") else [tuple(row) for row in done]


def test_what_is_put_is_found_until_it_is_removed(store: Any) -> None:
    assert store.find(REALM, "alice") is None
    assert store.put(REALM, "alice", j(5)) is True
    assert store.find(REALM, "alice") == j(5)
    assert store.put(REALM, "alice", j(6)) is False
    assert store.find(REALM, "alice") == j(6)
    assert store.remove(REALM, "alice") is True
    assert store.remove(REALM, "alice") is False
    assert store.find(REALM, "alice") is None


def test_a_user_has_one_j_for_each_realm_triple(store: Any) -> None:
    triples = [REALM, OTHER, REALM._replace(auth_scope="http://example.com:8080"), Realm(kam3.EC_P521.token, SCOPE, "secrets")]
    for number, realm in enumerate(triples, 5):
        store.put(realm, "alice", j(number, kam3.algorithm(realm.algorithm)))
    for number, realm in enumerate(triples, 5):
        assert store.find(realm, "alice") == j(number, kam3.algorithm(realm.algorithm))
    store.remove(OTHER, "alice")
    assert [store.find(realm, "alice") is None for realm in triples] == [False, True, False, False]


@pytest.mark.parametrize(
    "name", ["Alice", "alice ", "álice", "a\u0301lice", "ALICE", "alic", "aliceb", "'; DROP TABLE users; --", "x" * 10_000, "%", "🂡"]
)
def test_row_60_names_are_compared_by_their_octets(store: Any, name: str) -> None:
    store.put(REALM, "alice", j(5))
    assert store.find(REALM, name) is None
    store.put(REALM, name, j(6))
    assert store.find(REALM, name) == j(6)
    assert store.find(REALM, "alice") == j(5)
    assert Entry(REALM, name) in store.entries()


@pytest.mark.parametrize("name", ["", "\0", "alice\0", "\ud800"])
def test_names_that_cannot_be_stored_are_found_by_nobody(store: Any, name: str) -> None:
    assert store.find(REALM, name) is None
    with pytest.raises(ValueError, match="user"):
        store.put(REALM, name, j())


def test_texts_do_not_run_into_each_other(store: Any) -> None:
    store.put(Realm(REALM.algorithm, "ab", "c"), "d", j())
    for realm, user in ((("a", "bc"), "d"), (("ab", "cd"), ""), (("abc", ""), "d"), (("ab", ""), "cd")):
        assert store.find(Realm(REALM.algorithm, *realm), user) is None


@pytest.mark.parametrize(
    ("realm", "user", "octets", "kind"),
    [
        (REALM, "alice", bytes(32), InvalidElementError),
        (REALM, "alice", b"\x01" * 33, InvalidElementError),
        (REALM, "alice", "text", TypeError),
        (REALM, b"alice", j(), TypeError),
        (REALM._replace(realm=None), "alice", j(), TypeError),
        (REALM._replace(algorithm="nonesuch"), "alice", j(), UnknownAlgorithmError),
        (REALM._replace(algorithm=REALM.algorithm.upper()), "alice", j(), UnknownAlgorithmError),
    ],
)
def test_row_11_what_is_no_credential_is_not_kept(store: Any, realm: Any, user: Any, octets: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        store.put(realm, user, octets)
    assert list(store.entries()) == []


def test_lists_are_in_order(store: Any) -> None:
    for realm, user in ((REALM, "zoe"), (OTHER, "bob"), (REALM, "Zoe"), (REALM, "alice")):
        store.put(realm, user, j())
    assert list(store.entries()) == [Entry(OTHER, "bob"), Entry(REALM, "Zoe"), Entry(REALM, "alice"), Entry(REALM, "zoe")]
    assert [entry.user for entry in store.entries(REALM)] == ["Zoe", "alice", "zoe"]
    assert store.realms() == [(OTHER, 1), (REALM, 3)]


def test_many_are_put_at_once_and_the_last_of_one_name_counts(store: Any) -> None:
    items = [(REALM, f"user{number}", j(5)) for number in range(1203)]
    assert store.put_many(iter([*items, (REALM, "user1202", j(6)), (REALM, "user0", j(7))])) == 1205
    assert store.realms() == [(REALM, 1203)]
    assert [store.find(REALM, f"user{number}") for number in (0, 1, 1202)] == [j(7), j(5), j(6)]


def test_an_item_that_cannot_be_kept_keeps_its_transaction_out(store: Any) -> None:
    with pytest.raises(InvalidElementError):
        store.put_many([(REALM, "alice", j()), (REALM, "bob", b"")])
    assert store.find(REALM, "alice") is None


def test_threads_share_a_store(store: Any) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(20):
                store.put(REALM, f"user{number}", j(5 + turn))
                assert store.find(REALM, f"user{number}") == j(5 + turn)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert store.realms() == [(REALM, 4)]


def test_two_stores_put_one_new_user_at_once(opener: Opener) -> None:
    stores = [opener(), opener()]
    for turn in range(10):
        barrier, done = threading.Barrier(2), []

        def work(store: Any, barrier: Any = barrier, done: Any = done, turn: int = turn) -> None:
            barrier.wait()
            done.append(store.put(REALM, f"user{turn}", j()))

        threads = [threading.Thread(target=work, args=(store,)) for store in stores]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(done) == 2
        assert stores[0].find(REALM, f"user{turn}") == j()


def test_it_is_still_there_when_opened_again(opener: Opener) -> None:
    opener(KEYS).put(REALM, "alice", j())
    assert opener(KEYS, create=False).find(REALM, "alice") == j()


def test_sealed_j_does_not_show_and_former_keys_open_it(opener: Opener) -> None:
    opener(KEYS[1:]).put(REALM, "alice", j())
    ((kept,),) = tamper(opener, "SELECT j FROM kam3_credentials")
    assert j() not in bytes(kept)
    assert opener(KEYS).find(REALM, "alice") == j()
    assert opener([b"\x22" * 32]).find(REALM, "alice") == b""


def test_row_12_a_corrupt_j_is_found_and_no_element(opener: Opener) -> None:
    """The machine then takes the fake path and tells its operator."""
    for keys in ((), KEYS):
        opener(keys).put(REALM, "alice", j())
        for octets in (b"", b"x", j()[:-1], b"\x01" * 33, j() + b"\0"):
            tamper(opener, "UPDATE kam3_credentials SET j = :j", j=octets)
            found = opener(keys).find(REALM, "alice")
            assert isinstance(found, bytes)
            with pytest.raises(InvalidElementError):
                kam3.ServerExchange(kam3.EC_P256, found)


def test_row_12_a_plain_j_or_one_of_another_user_is_no_element_where_they_are_sealed(opener: Opener) -> None:
    store = opener(KEYS)
    store.put(REALM, "alice", j(5))
    store.put(REALM, "bob", j(6))
    ((blob,),) = tamper(opener, "SELECT j FROM kam3_credentials WHERE user_name = 'alice'")
    tamper(opener, "UPDATE kam3_credentials SET j = :j WHERE user_name = 'bob'", j=bytes(blob))
    assert store.find(REALM, "bob") == b""
    tamper(opener, "UPDATE kam3_credentials SET j = :j WHERE user_name = 'bob'", j=j(7))
    assert store.find(REALM, "bob") == b""
    assert store.find(REALM, "alice") == j(5)


def test_row_57_a_name_that_is_not_there_is_looked_up_and_unsealed_like_any(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    from kam3 import sealing

    store, opened = opener(KEYS), []
    store.put(REALM, "alice", j())
    store.find(REALM, "nobody")
    real = sealing.unseal

    def watch(purpose: int, blob: Any, *rest: Any) -> Any:
        opened.append((purpose, len(blob)))
        return real(purpose, blob, *rest)

    monkeypatch.setattr(sealing, "unseal", watch)
    assert store.find(REALM, "alice") == j()
    assert store.find(REALM, "nobody") is None
    assert opened == [opened[0]] * 2


def test_a_store_that_is_not_there_is_unavailable(opener: Opener) -> None:
    if opener.kind == "sqlite":  # type: ignore[attr-defined]
        with pytest.raises(StoreUnavailableError, match="SQLite file"):
            opener(create=False)
    else:
        store = opener(create=False)
        for action in (lambda: store.find(REALM, "alice"), lambda: store.put(REALM, "alice", j()), store.realms):
            with pytest.raises(StoreUnavailableError) as caught:
                action()
            assert "alice" not in str(caught.value)


def test_a_warning_tells_of_a_realm_without_users(store: Any) -> None:
    assert mismatch(store, REALM) is None, "an empty store is no mistake yet"
    store.put(REALM, "alice", j())
    assert mismatch(store, REALM) is None
    warning = mismatch(store, REALM._replace(auth_scope="http://example.com:8120"))
    assert warning is not None
    assert "'http://example.com:8120'" in warning
    assert "'http://example.com', realm 'secrets' has 1" in warning


# SQLite alone


def test_the_file_is_made_with_mode_0600_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    former = os.umask(0)
    try:
        with SqliteCredentialStore(tmp_path / "users", create=True) as store:
            store.put(REALM, "alice", j())
        SqlCredentialStore(f"sqlite:///{tmp_path}/others", create=True).close()
    finally:
        os.umask(former)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["others", "users"]
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("users", "others")} == {0o600}


def test_both_read_the_same_file(tmp_path: Path) -> None:
    with SqliteCredentialStore(tmp_path / "users", KEYS, create=True) as store:
        store.put(REALM, "ålice", j())
    with SqlCredentialStore(f"sqlite:///{tmp_path}/users", KEYS) as other:
        assert other.find(REALM, "ålice") == j()
        other.put(REALM, "bob", j(6))
        assert list(other.entries()) == [Entry(REALM, "bob"), Entry(REALM, "ålice")]
    with SqliteCredentialStore(tmp_path / "users", KEYS) as store:
        assert store.find(REALM, "bob") == j(6)


def test_what_is_removed_is_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "users"
    with SqliteCredentialStore(file, create=True) as store:
        store.put(REALM, "alice", j())
        assert j() in file.read_bytes()
        store.remove(REALM, "alice")
        assert j() not in file.read_bytes()


def test_row_12_a_j_that_is_text_is_no_element(tmp_path: Path) -> None:
    for keys in ((), KEYS):
        with SqliteCredentialStore(tmp_path / "users", keys, create=True) as store:
            store.put(REALM, "alice", j())
            with store._here.connection as connection:
                connection.execute("UPDATE kam3_credentials SET j = 'text'")
            assert store.find(REALM, "alice") == b""


def test_without_the_extras_they_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(MissingExtraError, match=r"kam3\[sql\]"):
        SqlCredentialStore(f"sqlite:///{tmp_path}/users")
    with pytest.raises(MissingExtraError, match=r"kam3\[sql\]"):
        AsyncSqlCredentialStore("postgresql://localhost/x")


def test_a_file_of_something_else_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database" * 100)
    for create in (False, True):
        with pytest.raises(StoreUnavailableError):
            SqliteCredentialStore(tmp_path / "text", create=create)
    with pytest.raises((StoreUnavailableError, OSError)):
        SqliteCredentialStore(tmp_path / "no" / "directory", create=True)


def test_a_closed_store_is_unavailable(tmp_path: Path) -> None:
    store = SqliteCredentialStore(tmp_path / "users", create=True)
    store.close()
    with pytest.raises(StoreUnavailableError):
        store.find(REALM, "alice")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_has_a_connection_of_its_own(tmp_path: Path) -> None:
    store = SqliteCredentialStore(tmp_path / "users", create=True)
    store.put(REALM, "alice", j())
    inherited = store._here.connection
    with store._here.lock:  # as another thread of the parent may hold it
        child = os.fork()
        if child == 0:
            signal.alarm(30)  # rather than waiting for ever for a lock
            done = store.find(REALM, "alice") == j() and store._here.connection is not inherited and store.put(REALM, "bob", j())
            os._exit(0 if done else 1)
        assert os.waitpid(child, 0)[1] == 0
    assert store.find(REALM, "bob") == j()


def test_a_writer_does_not_make_readers_wait_until_it_commits(tmp_path: Path) -> None:
    with SqliteCredentialStore(tmp_path / "users", create=True) as store:
        store.put(REALM, "alice", j())
        writer = sqlite3.connect(tmp_path / "users")
        writer.execute("BEGIN IMMEDIATE")
        assert store.find(REALM, "alice") == j()
        writer.rollback()
        writer.close()


# SQL alone


def test_a_url_that_names_no_database_is_unavailable() -> None:
    for url in ("nonsense", "nonsense://x/y", "postgresql+psycopg://127.0.0.1:1/x"):
        with pytest.raises(StoreUnavailableError):
            SqlCredentialStore(url, create=True, timeout=1)


def test_errors_and_logs_do_not_show_j(postgres: PostgresServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "sqlalchemy.engine")  # before the engine is made, which asks for it once
    store = SqlCredentialStore(postgres.url, create=True)
    store.put(REALM, "alice", j())
    with store._engine.begin() as connection:
        connection.execute(sql.text("ALTER TABLE kam3_credentials ADD CONSTRAINT none CHECK (length(j) < 3) NOT VALID"))
    with pytest.raises(StoreUnavailableError) as caught:
        store.put(REALM, "bob", j())
    with store._engine.begin() as connection:
        connection.execute(sql.text("ALTER TABLE kam3_credentials DROP CONSTRAINT none"))
    store.close()
    shown = str(caught.value) + repr(caught.value.__context__) + repr(caught.value.__cause__) + caplog.text
    assert j().hex() not in shown
    assert repr(j())[2:-1] not in shown
    assert "'bob'" not in shown, "no parameter does"
    assert "INSERT INTO kam3_credentials" in caplog.text, "it does log statements"


def test_a_lost_connection_is_replaced(postgres: PostgresServer) -> None:
    store = SqlCredentialStore(postgres.url, create=True)
    store.put(REALM, "alice", j())
    other = SqlCredentialStore(postgres.url)
    with other._engine.begin() as connection:
        others = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = 'kam3'"
        ended = connection.execute(sql.text(f"SELECT pg_terminate_backend(pid, 10000) {others}")).scalars().all()
        assert ended and all(ended)  # noqa: PT018  # some, and all of them
    assert store.find(REALM, "alice") == j()
    for one in (store, other):
        one.close()


def test_the_asynchronous_store_finds_the_same(postgres: PostgresServer) -> None:
    pytest.importorskip("greenlet", reason="needs greenlet, as sqlalchemy[asyncio] brings it")

    async def work() -> list[bytes | None]:
        store = AsyncSqlCredentialStore(postgres.url, KEYS)
        found = [await store.find(REALM, user) for user in ("alice", "nobody")]
        await store.aclose()
        return found

    with SqlCredentialStore(postgres.url, KEYS, create=True) as store:
        store.put(REALM, "alice", j())
    assert asyncio.run(work()) == [j(), None]
    with pytest.raises(StoreUnavailableError):
        asyncio.run(AsyncSqlCredentialStore("postgresql://127.0.0.1:1/x", timeout=1).find(REALM, "alice"))
