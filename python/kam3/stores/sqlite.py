"""Credentials in an SQLite file: the default, with nothing to install.

The file is made with mode 0600. It keeps SQLite's rollback journal: a store that is read a thousand times for each write gains nothing by
a write-ahead log, which would put two more files beside it that hold J, and could not be read from a read-only directory. What is removed
is overwritten (``secure_delete``).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kam3.errors import StoreUnavailableError
from kam3.mutual.realms import Realm
from kam3.ownership import process_mark
from kam3.stores.credentials import Entry, Vault, batches, make_private, row_id

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

_TABLE = """
CREATE TABLE IF NOT EXISTS kam3_credentials (
    id VARCHAR(32) NOT NULL PRIMARY KEY,
    algorithm VARCHAR(64) NOT NULL,
    auth_scope TEXT NOT NULL,
    realm TEXT NOT NULL,
    user_name TEXT NOT NULL,
    j BLOB NOT NULL
)"""
_PUT = "INSERT OR REPLACE INTO kam3_credentials (id, algorithm, auth_scope, realm, user_name, j) VALUES (?, ?, ?, ?, ?, ?)"
_FIND = "SELECT j FROM kam3_credentials WHERE id = ?"
_REMOVE = "DELETE FROM kam3_credentials WHERE id = ?"
_ENTRIES = "SELECT algorithm, auth_scope, realm, user_name FROM kam3_credentials ORDER BY algorithm, auth_scope, realm, user_name"
_REALMS = "SELECT algorithm, auth_scope, realm, count(*) FROM kam3_credentials GROUP BY algorithm, auth_scope, realm ORDER BY 1, 2, 3"

#: Seconds to wait for a writer in another process.
_PATIENCE = 2.0


class _Here(NamedTuple):
    """The connection of one process. A forked child must neither use nor close its parent's."""

    mark: tuple[int, int]
    lock: threading.Lock
    connection: sqlite3.Connection


class SqliteCredentialStore:
    """A `kam3.mutual.credentials.CredentialStore` in an SQLite file, safe for threads, forks and several processes.

    Args:
        path: the file.
        keys: server keys to seal J under (`kam3.stores.credentials`); none keeps J as it is.
        create: make the file, with mode 0600, if there is none.

    Secret: `keys`.

    Raises:
        TypeError, ValueError: a key is none of 32 octets.
        MissingExtraError: there are keys, and the extra ``[http]`` is not installed.
        StoreUnavailableError: there is no such file, or it is no SQLite file.

    Every method raises StoreUnavailableError where the file cannot be read or written.
    """

    def __init__(self, path: str | os.PathLike[str], keys: Sequence[bytes] = (), *, create: bool = False) -> None:
        self._path = Path(path).absolute()
        self._vault = Vault(keys)
        self._abandoned: list[_Here] = []
        self._closed = False
        if create:
            make_private(self._path)
        with _faults():
            self._here = self._connect()
            if create:
                with self._here.connection as connection:
                    connection.execute(_TABLE)
            self._here.connection.execute(_FIND, ("",))

    def find(self, realm: Realm, user: str) -> bytes | None:
        """Return J of a user, or None; octets that are no element where the row cannot be used.

        Secret: the result.
        """
        with self._use() as connection:
            row = connection.execute(_FIND, (row_id(realm, user),)).fetchone()
        return self._vault.opened(realm, user, None if row is None else row[0])

    def put(self, realm: Realm, user: str, j: bytes) -> bool:
        """Keep J of a user, in place of any that was there.

        Args:
            realm: the triple that went into pi.
            user: the prepared name (RFC 8120 section 9).
            j: J(pi), `element_octets` octets.

        Returns:
            Whether there was none before.

        Secret: j.

        Raises:
            TypeError, ValueError, UnknownAlgorithmError, InvalidElementError: as `kam3.stores.credentials.Vault.row`.
        """
        row = self._vault.row(realm, user, j)
        with self._use() as connection, connection:
            known = connection.execute(_FIND, (row.id,)).fetchone() is not None
            connection.execute(_PUT, row)
        return not known

    def put_many(self, items: Iterable[tuple[Realm, str, bytes]]) -> int:
        """Keep J of many users, in transactions of 500; return how many. What raises, as in `put`, ends the work before its transaction."""
        total = 0
        for batch in batches(items):
            rows = [self._vault.row(*item) for item in batch]
            with self._use() as connection, connection:
                connection.executemany(_PUT, rows)
            total += len(rows)
        return total

    def remove(self, realm: Realm, user: str) -> bool:
        """Forget a user; tell whether there was one. Sessions live on until their time."""
        with self._use() as connection, connection:
            return connection.execute(_REMOVE, (row_id(realm, user),)).rowcount > 0

    def entries(self, realm: Realm | None = None) -> Iterator[Entry]:
        """List the users of one realm or of all, in the order of realms and names."""
        with self._use() as connection:
            rows = connection.execute(_ENTRIES).fetchall()
        found = (Entry(Realm(*row[:3]), row[3]) for row in rows)
        return (entry for entry in found if realm is None or entry.realm == realm)

    def realms(self) -> list[tuple[Realm, int]]:
        """List the realms that have users, and how many."""
        with self._use() as connection:
            return [(Realm(*row[:3]), row[3]) for row in connection.execute(_REALMS)]

    def close(self) -> None:
        """Close the connection; no method works any more."""
        self._closed = True
        if self._here.mark == process_mark():
            with self._here.lock:
                self._here.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @contextlib.contextmanager
    def _use(self) -> Iterator[sqlite3.Connection]:
        with _faults():
            if self._here.mark != process_mark() and not self._closed:
                self._abandoned.append(self._here)  # to close it here would drop locks that the parent holds
                self._here = self._connect()
            with self._here.lock:
                yield self._here.connection

    def _connect(self) -> _Here:
        connection = sqlite3.connect(f"{self._path.as_uri()}?mode=rw", timeout=_PATIENCE, uri=True, check_same_thread=False)
        with _closing_on_error(connection):
            connection.execute("PRAGMA secure_delete = ON")
        return _Here(process_mark(), threading.Lock(), connection)


@contextlib.contextmanager
def _closing_on_error(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise


@contextlib.contextmanager
def _faults() -> Iterator[None]:
    """Turn SQLite's errors into ours; their texts hold names of tables and files, never values."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreUnavailableError(f"the SQLite file of credentials cannot be used: {error}") from error
