"""The one thing the layers above ask of memory for secrets: that it can be viewed while it is needed, and wiped."""

from __future__ import annotations

from typing import Protocol, TypeAlias, Union


class SecretMemory(Protocol):
    """A fixed number of octets that hold a secret, owned by the backend that allocated them."""

    def view(self) -> memoryview:
        """Return a writable view; it shows zeros after `wipe`."""
        ...

    def wipe(self) -> None:
        """Overwrite the octets with zeros; may be called again."""
        ...

    def __len__(self) -> int: ...


#: What an octet-string argument may be: any object with the buffer protocol, or wiped memory of a backend.
Octets: TypeAlias = Union[bytes, bytearray, memoryview, SecretMemory]
