"""What the stores of credentials share: how a user is named, what is checked before J is kept, and J at rest.

All keep one table, ``kam3_credentials``, with a row for each user and realm: `id`, a digest of algorithm, auth-scope, realm and the octets
of the user's name, by which alone rows are found, so that no collation and no index order says anything about names; these four as text,
for lists; and `j`. With server keys J is sealed, bound to its row: who copies the table learns nothing, and who writes to it can delete
users or bring back their former J, but neither make nor exchange users.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, Protocol, TypeVar

from kam3 import arguments, sealing
from kam3.algorithms import algorithm
from kam3.errors import SealError, UnknownAlgorithmError
from kam3.mutual.realms import Realm
from kam3.stores.naming import digest, join

T = TypeVar("T")

#: How many rows `put_many` writes in one transaction.
BATCH = 500


class Entry(NamedTuple):
    """One line of a list: a user of a realm."""

    realm: Realm
    user: str


class ManagedCredentialStore(Protocol):
    """A `kam3.mutual.credentials.CredentialStore` that ``kam3 passwd`` can work on.

    Every method raises StoreUnavailableError where the store cannot answer.
    """

    def find(self, realm: Realm, user: str) -> bytes | None:
        """Return J of a user, or None. A row that cannot be used gives octets that are no element, an empty string for instance."""
        ...

    def put(self, realm: Realm, user: str, j: bytes) -> bool:
        """Keep J of a user; tell whether there was none before."""
        ...

    def put_many(self, items: Iterable[tuple[Realm, str, bytes]]) -> int:
        """Keep many, in transactions of `BATCH`; return how many."""
        ...

    def remove(self, realm: Realm, user: str) -> bool:
        """Forget a user; tell whether there was one."""
        ...

    def entries(self, realm: Realm | None = None) -> Iterator[Entry]:
        """List users, of one realm or of all, in the order of their names."""
        ...

    def realms(self) -> list[tuple[Realm, int]]:
        """List the realms that have users, and how many."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class Row(NamedTuple):
    """A row of the table, in the order of its columns."""

    id: str
    algorithm: str
    auth_scope: str
    realm: str
    user_name: str
    j: bytes


def row_id(realm: Realm, user: str) -> str:
    """Return what a row is found by."""
    return digest("kam3 credential", *realm, user)


class Vault:
    """J at rest: sealed under server keys, or plain where there are none.

    Args:
        keys: the current and the former keys, of 32 octets each; none for plain storage.

    Raises:
        TypeError, ValueError: as `kam3.sealing.checked_keys`.
        MissingExtraError: there are keys, and the extra ``[http]`` is not installed.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = sealing.checked_keys(keys) if keys else ()
        self._decoys: dict[str, bytes] = {}

    def row(self, realm: Realm, user: str, j: bytes) -> Row:
        """Check what is to be kept, and return its row.

        Raises:
            TypeError: `user` or a part of `realm` is no str, or `j` no octets.
            ValueError: `user` is empty, or a text holds NUL or a lone surrogate.
            UnknownAlgorithmError: `realm` names none of the four, or not in lower case.
            InvalidElementError: `j` is no element of the algorithm's group.
        """
        for name, text in zip(("algorithm", "auth_scope", "realm", "user"), (*realm, user), strict=True):
            if not isinstance(text, str):
                raise TypeError(f"{name} must be a str, not {type(text).__name__}")
            if "\0" in text:
                raise ValueError(f"{name} must not hold NUL")
            arguments.text(name, text)
        if not user:
            raise ValueError("user must not be empty")
        alg = algorithm(realm.algorithm)
        if alg.token != realm.algorithm:
            raise UnknownAlgorithmError("the token of a realm must be in lower case", argument="token")
        octets = arguments.public("j", j)
        alg.check_element(octets)
        kept = octets
        if self._keys:
            kept = sealing.seal(sealing.CREDENTIAL, alg.parameters, self._keys[0], _context(realm, user), octets)
        return Row(row_id(realm, user), *realm, user, kept)

    def opened(self, realm: Realm, user: str, kept: object) -> bytes | None:
        """Return J of what a row holds, None where there is no row, and no element where the row cannot be used.

        With keys, a name that is not there costs the opening of a seal, too.
        """
        if not self._keys:
            return kept if kept is None or isinstance(kept, bytes) else b""
        blob, context = (kept, _context(realm, user)) if kept is not None else self._decoy(realm.algorithm)
        if not isinstance(blob, bytes):
            return b""
        try:
            alg, memory = sealing.unseal(sealing.CREDENTIAL, blob, self._keys, context, 0, 1)
        except SealError:
            return b""
        try:
            found = bytes(memory.view()[: alg.element_octets])
        finally:
            memory.wipe()
        return None if kept is None else found

    def _decoy(self, token: str) -> tuple[bytes, bytes]:
        """Return a sealed nothing of an algorithm, and its context."""
        context = join("kam3 decoy", token)
        if token not in self._decoys:
            ps = algorithm(token).parameters
            self._decoys[token] = sealing.seal(sealing.CREDENTIAL, ps, self._keys[0], context, bytes(ps.element_octets))
        return self._decoys[token], context


def _context(realm: Realm, user: str) -> bytes:
    return join("kam3 credential", *realm, user)


def make_private(path: str | os.PathLike[str]) -> None:
    """Make an empty file that its owner alone may read and write, unless it exists."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def batches(items: Iterable[T]) -> Iterator[list[T]]:
    """Cut an iterable into lists of at most `BATCH`."""
    source = iter(items)
    while batch := list(islice(source, BATCH)):
        yield batch


def open_store(location: str, keys: Sequence[bytes] = (), *, create: bool = False) -> ManagedCredentialStore:
    """Open the store of credentials at a place.

    Args:
        location: the path of an SQLite file, or a URL of SQLAlchemy.
        keys: server keys to seal J under, or none.
        create: make the file or the table, if there is none.

    Raises:
        As `kam3.stores.sqlite.SqliteCredentialStore`, or `kam3.stores.sql.SqlCredentialStore`.
    """
    if "://" in location:
        from kam3.stores.sql import SqlCredentialStore

        return SqlCredentialStore(location, keys, create=create)
    from kam3.stores.sqlite import SqliteCredentialStore

    return SqliteCredentialStore(location, keys, create=create)


def mismatch(store: ManagedCredentialStore, realm: Realm) -> str | None:
    """Return a warning if a store has users, but none of this realm; else None.

    pi is salted with algorithm, auth-scope, realm and user: where a port or a host has moved, every password is void.
    """
    known = store.realms()
    if not known or any(realm == other for other, _ in known):
        return None
    others = "; ".join(f"{_described(other)} has {count}" for other, count in known[:5])
    return f"no user is stored for {_described(realm)}, so that none can log in there ({others}): a password is bound to all three parts"


def _described(realm: Realm) -> str:
    return f"algorithm {realm.algorithm}, auth-scope {realm.auth_scope!r}, realm {realm.realm!r}"
