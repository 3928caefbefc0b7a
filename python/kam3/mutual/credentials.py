"""What a server knows of its users: J by realm and user name (RFC 8120 section 11)."""

from __future__ import annotations

from typing import Protocol

from kam3.mutual.realms import Realm


class CredentialStore(Protocol):
    """Where a server finds J(pi) of a user. Never pi, never a password."""

    def find(self, realm: Realm, user: str) -> bytes | None:
        """Return J of a user, compared by the octets of the name's UTF-8, or None if there is none.

        Known and unknown names take the same look-up.

        Raises:
            StoreUnavailableError: the store cannot answer.
        """
        ...


class AsyncCredentialStore(Protocol):
    """`CredentialStore` for programs with an event loop."""

    async def find(self, realm: Realm, user: str) -> bytes | None:
        """As `CredentialStore.find`."""
        ...
