"""Which realm a URL is expected in (RFC 8120 sections 4.3 and 5.1; step 1 of section 10.2).

Not safe for threads: `MutualClient` holds its lock around each call.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from kam3.mutual.realms import Origin, PathSpace, Realm, covers, specificity

#: URLs whose realm is remembered, and path spaces that are. The oldest are forgotten first.
MAX_URLS = 4096
MAX_SPACES = 256


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Spaces:
    """What has been learned about URLs: the realm that asked for each, and the paths that realms have named."""

    __slots__ = ("_share", "_spaces", "_urls")

    def __init__(self, *, share: bool) -> None:
        self._share = share  # between the servers of one scope
        self._urls: dict[str, tuple[Origin, Realm]] = {}
        self._spaces: dict[tuple[Realm, Origin], PathSpace] = {}

    def remembered(self, url: str) -> tuple[Origin, Realm] | None:
        """Return the origin of a URL and the realm that it was last in."""
        return self._urls.get(url)

    def candidates(self, url: str, origin: Origin) -> Iterator[Realm]:
        """Yield the realms whose paths cover a URL, the most specific scope first (section 5.1)."""
        found = {
            realm
            for (realm, server), space in self._spaces.items()
            if (server == origin or (self._share and covers(realm.auth_scope, origin))) and space.covers(url)
        }
        yield from sorted(found, key=lambda realm: (specificity(realm.auth_scope), realm), reverse=True)

    def knows(self, realm: Realm, origin: Origin) -> bool:
        """Whether a realm has named its paths at a server."""
        return (realm, origin) in self._spaces

    def learn(self, url: str, origin: Origin, realm: Realm) -> None:
        """Remember the realm of a URL."""
        if self._urls.get(url) != (origin, realm):
            self._urls.pop(url, None)
            self._urls[url] = (origin, realm)
            _bound(self._urls, MAX_URLS)

    def learn_space(self, realm: Realm, origin: Origin, space: PathSpace) -> None:
        """Remember the paths of a realm at a server."""
        self._spaces.pop((realm, origin), None)
        self._spaces[realm, origin] = space
        _bound(self._spaces, MAX_SPACES)

    def unlearn(self, url: str) -> None:
        """Forget the realm of a URL."""
        self._urls.pop(url, None)

    def forget(self, realm: Realm) -> None:
        """Forget everything about a realm."""
        self._urls = {url: known for url, known in self._urls.items() if known[1] != realm}
        self._spaces = {key: space for key, space in self._spaces.items() if key[0] != realm}


def _bound(kept: dict[_Key, _Value], limit: int) -> None:
    if len(kept) > limit:
        del kept[next(iter(kept))]
