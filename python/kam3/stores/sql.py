"""Credentials in PostgreSQL, or in any other database of SQLAlchemy 2. Needs the extra ``[sql]``.

The table is that of the SQLite file, so that ``sqlite:///FILE`` opens the same store.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from kam3.errors import MissingExtraError, StoreUnavailableError
from kam3.mutual.realms import Realm
from kam3.stores.credentials import Entry, Row, Vault, batches, make_private, row_id

if TYPE_CHECKING:
    from types import TracebackType

    import sqlalchemy
    import sqlalchemy.ext.asyncio
    from typing_extensions import Self


class SqlCredentialStore:
    """A `kam3.mutual.credentials.CredentialStore` in an SQL database, safe for threads.

    Args:
        url: where the database is, as SQLAlchemy writes it: ``postgresql+psycopg://user@host/database``. ``postgresql://`` takes psycopg 3.
        keys: server keys to seal J under (`kam3.stores.credentials`); none keeps J as it is.
        create: make the table, if there is none.
        timeout: seconds to wait for a connection of the pool, and for PostgreSQL to answer, before the request is refused.

    Secret: `keys`.

    Raises:
        TypeError, ValueError: a key is none of 32 octets.
        MissingExtraError: an extra that this needs is not installed.
        StoreUnavailableError: the URL cannot be used, or `create` failed. Else the database is asked when it is first needed.

    Every method raises StoreUnavailableError where the database does not answer, or with an error. A forked child must make its own store.
    """

    def __init__(self, url: str, keys: Sequence[bytes] = (), *, create: bool = False, timeout: float = 5.0) -> None:
        root = _sqlalchemy()
        self._vault = Vault(keys)
        self._table = _table(root)
        with _faults():
            address = _address(root, url)
            self._engine: sqlalchemy.Engine = root.create_engine(address, **_options(address, timeout))
            if create:
                if address.get_backend_name() == "sqlite" and address.database not in (None, "", ":memory:"):
                    make_private(str(address.database))
                self._table.metadata.create_all(self._engine)

    def find(self, realm: Realm, user: str) -> bytes | None:
        """Return J of a user, or None; octets that are no element where the row cannot be used.

        Secret: the result.
        """
        with _faults(), self._engine.connect() as connection:
            kept = connection.execute(_find(self._table, row_id(realm, user))).scalar()
        return self._vault.opened(realm, user, kept)

    def put(self, realm: Realm, user: str, j: bytes) -> bool:
        """Keep J of a user, in place of any that was there; arguments, result and errors as `SqliteCredentialStore.put`."""
        row = self._vault.row(realm, user, j)
        with _faults():
            return self._write([row]) == 1

    def put_many(self, items: Iterable[tuple[Realm, str, bytes]]) -> int:
        """Keep J of many users, in transactions of 500; return how many. What raises, as in `put`, ends the work before its transaction."""
        total = 0
        for batch in batches(items):
            rows = [self._vault.row(*item) for item in batch]
            with _faults():
                self._write(rows)
            total += len(rows)
        return total

    def _write(self, rows: list[Row]) -> int:
        """Write rows in one transaction; return how many were new. Another process may insert the same at once: then once more."""
        root = _sqlalchemy()
        latest = {row.id: row._asdict() for row in rows}
        columns = self._table.c
        for attempt in (1, 2):
            try:
                with self._engine.begin() as connection:
                    known = set(connection.execute(root.select(columns.id).where(columns.id.in_(latest)).with_for_update()).scalars())
                    changed = [{"row": name, "value": latest[name]["j"]} for name in known]
                    if changed:
                        update = root.update(self._table).where(columns.id == root.bindparam("row")).values(j=root.bindparam("value"))
                        connection.execute(update, changed)
                    added = [row for name, row in latest.items() if name not in known]
                    if added:
                        connection.execute(root.insert(self._table), added)
                    return len(added)
            except root.exc.IntegrityError:
                if attempt == 2:
                    raise
        return 0

    def remove(self, realm: Realm, user: str) -> bool:
        """Forget a user; tell whether there was one. Sessions live on until their time."""
        with _faults(), self._engine.begin() as connection:
            deleted = connection.execute(_sqlalchemy().delete(self._table).where(self._table.c.id == row_id(realm, user)))
            return bool(deleted.rowcount)

    def entries(self, realm: Realm | None = None) -> Iterator[Entry]:
        """List the users of one realm or of all, in the order of realms and names."""
        columns = self._table.c
        query = _sqlalchemy().select(columns.algorithm, columns.auth_scope, columns.realm, columns.user_name)
        with _faults(), self._engine.connect() as connection:
            rows = connection.execute(query).all()
        found = (Entry(Realm(*row[:3]), row[3]) for row in sorted(map(tuple, rows)))  # not in the database: its collation may be any
        return (entry for entry in found if realm is None or entry.realm == realm)

    def realms(self) -> list[tuple[Realm, int]]:
        """List the realms that have users, and how many."""
        root, columns = _sqlalchemy(), self._table.c
        query = root.select(columns.algorithm, columns.auth_scope, columns.realm, root.func.count())
        with _faults(), self._engine.connect() as connection:
            rows = connection.execute(query.group_by(columns.algorithm, columns.auth_scope, columns.realm)).all()
        return sorted((Realm(*row[:3]), row[3]) for row in rows)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class AsyncSqlCredentialStore:
    """A `kam3.mutual.credentials.AsyncCredentialStore` on the table of `SqlCredentialStore`, with the same arguments but `create`."""

    def __init__(self, url: str, keys: Sequence[bytes] = (), *, timeout: float = 5.0) -> None:
        root = _sqlalchemy()
        try:
            from sqlalchemy.ext.asyncio import create_async_engine
        except ImportError as error:
            raise MissingExtraError("an asynchronous store in SQL needs greenlet, too: pip install 'kam3[sql]'") from error
        self._vault = Vault(keys)
        self._table = _table(root)
        with _faults():
            address = _address(root, url)
            self._engine = create_async_engine(address, **_options(address, timeout))

    async def find(self, realm: Realm, user: str) -> bytes | None:
        """As `SqlCredentialStore.find`."""
        with _faults():
            async with self._engine.connect() as connection:
                kept = (await connection.execute(_find(self._table, row_id(realm, user)))).scalar()
        return self._vault.opened(realm, user, kept)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._engine.dispose()


def _sqlalchemy() -> Any:
    try:
        import sqlalchemy
    except ImportError as error:
        raise MissingExtraError("a store of credentials in SQL needs SQLAlchemy: pip install 'kam3[sql]'") from error
    return sqlalchemy


def _table(root: Any) -> sqlalchemy.Table:
    columns = [root.Column("id", root.String(32), primary_key=True), root.Column("algorithm", root.String(64), nullable=False)]
    columns += [root.Column(name, root.Text, nullable=False) for name in ("auth_scope", "realm", "user_name")]
    table: sqlalchemy.Table = root.Table("kam3_credentials", root.MetaData(), *columns, root.Column("j", root.LargeBinary, nullable=False))
    return table


def _find(table: sqlalchemy.Table, name: str) -> Any:
    return _sqlalchemy().select(table.c.j).where(table.c.id == name)


def _address(root: Any, url: str) -> sqlalchemy.URL:
    address: sqlalchemy.URL = root.make_url(url)
    return address.set(drivername="postgresql+psycopg") if address.drivername == "postgresql" else address


def _options(address: sqlalchemy.URL, timeout: float) -> dict[str, Any]:
    """Return the settings of an engine: values never in its logs and errors, dead connections noticed, and an end to every wait."""
    options: dict[str, Any] = {"hide_parameters": True, "pool_pre_ping": True}
    if address.get_backend_name() == "postgresql":
        options["pool_timeout"] = timeout
        milliseconds = max(1, round(timeout * 1000))
        options["connect_args"] = {"connect_timeout": max(1, round(timeout)), "options": f"-c statement_timeout={milliseconds}"}
    return options


@contextlib.contextmanager
def _faults() -> Iterator[None]:
    """Turn the errors of SQLAlchemy and its drivers into ours.

    Of their text only what an operational error says of the connection is shown: others may quote a row.
    """
    root = _sqlalchemy()
    try:
        yield
    except (root.exc.SQLAlchemyError, ImportError, OSError) as error:
        if isinstance(error, (MissingExtraError, StoreUnavailableError)):
            raise
        text = type(error).__name__
        if isinstance(error, root.exc.OperationalError):
            text += f": {str(error.orig).splitlines()[0] if str(error.orig) else ''}"
        elif isinstance(error, (root.exc.ArgumentError, root.exc.NoSuchModuleError, ImportError)):
            text += ": the URL names no database that can be used here"
    else:
        return
    raise StoreUnavailableError(f"the database of credentials cannot be used: {text}")
