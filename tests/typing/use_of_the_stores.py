"""What a user of the stores writes: every store is what its protocol says."""

from __future__ import annotations

from kam3.mutual.credentials import AsyncCredentialStore, CredentialStore
from kam3.mutual.sessions import AsyncSessionTable, SessionTable
from kam3.stores.credentials import ManagedCredentialStore
from kam3.stores.redis import AsyncRedisSessionTable, RedisSessionTable
from kam3.stores.sql import AsyncSqlCredentialStore, SqlCredentialStore
from kam3.stores.sqlite import SqliteCredentialStore


def tables(url: str, keys: tuple[bytes, ...]) -> tuple[SessionTable, AsyncSessionTable]:
    return RedisSessionTable.from_url(url, keys), AsyncRedisSessionTable.from_url(url, keys)


def users(path: str, url: str) -> tuple[CredentialStore, CredentialStore, AsyncCredentialStore]:
    return SqliteCredentialStore(path), SqlCredentialStore(url), AsyncSqlCredentialStore(url)


def managed(path: str, url: str) -> tuple[ManagedCredentialStore, ManagedCredentialStore]:
    return SqliteCredentialStore(path), SqlCredentialStore(url)
