"""The credentials of a client: whose they are, which realm may use them, and when they are forgotten (RFC 8120 sections 5 and 10.2).

Credentials are given for an origin. While they have proved themselves nowhere, they serve the first realm of that origin that asks, one at
a time; the first that proves that it knows the user has them for good. No other realm gets them by itself: the algorithm is a part of what
a realm is, so that a server cannot draw out a second guess under another one.

Not safe for threads: `MutualClient` holds its lock around each call, except for `Credential.pi`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

from kam3.algorithms import Algorithm
from kam3.errors import LocalProtocolError
from kam3.mutual.client_actions import Credentials, Ticket
from kam3.mutual.realms import Origin, Realm
from kam3.ownership import process_mark
from kam3.pi import Pi
from kam3.preparation import prepare_password, prepare_user

#: Realms whose credentials a person was asked for. The oldest is forgotten first.
MAX_ASKED = 256


class Credential:
    """One user name with its password, kept as octets that can be wiped, and pi where it has been derived.

    A password that a person can be asked for again is forgotten once its realm has proved itself. One that was given by a program stays: a
    forked child cannot use its parent's pi, and has nobody to ask.
    """

    __slots__ = (
        "_lock",
        "_mark",
        "_password",
        "_pi",
        "_pi_realm",
        "asked",
        "bad",
        "closed",
        "deadline",
        "logout_location",
        "origin",
        "proved",
        "realm",
        "ticket",
        "trying",
        "user",
    )

    def __init__(self, credentials: Credentials, origin: Origin, realm: Realm | None, *, asked: bool, prepare: bool = True) -> None:
        user, password = credentials
        if prepare:
            user = prepare_user(user)
            password = prepare_password(password) if isinstance(password, str) else password
        self.user = user
        self.origin = origin
        self.realm = realm  # the one that may use it, or None: the first that proves itself
        self.proved = False
        self.asked = asked
        self.bad = False  # refused; or, of one that a program gave, logged out
        self.closed = False
        self.trying: Realm | None = None  # while it is not proved: the realm whose key exchange is under way
        self.ticket: Ticket | None = None  # of that exchange
        self.deadline: float | None = None  # logout-timeout
        self.logout_location: str | None = None
        self._lock = threading.Lock()  # around the derivation, which takes milliseconds
        self._mark = process_mark()
        self._password: bytearray | None = bytearray(password.encode("utf-8") if isinstance(password, str) else password)
        self._pi: Pi | None = None
        self._pi_realm: Realm | None = None

    def pi(self, alg: Algorithm, realm: Realm) -> Pi:
        """Return pi for a realm; it is derived once and kept.

        Raises:
            LocalProtocolError: the credentials have been forgotten.
        """
        if self._mark != process_mark():  # the lock may be held by a thread that this process does not have
            self._lock, self._mark, self._pi = threading.Lock(), process_mark(), None
        with self._lock:
            if self._pi is not None and self._pi_realm == realm:
                return self._pi
            if self._password is None:
                raise _forgotten()
            derived = Pi.from_password(alg, self._password, auth_scope=realm.auth_scope, realm=realm.realm, user=self.user)
            previous, self._pi, self._pi_realm = self._pi, derived, realm
            if previous is not None:
                previous.close()
            if self.closed:  # `close` has come meanwhile, and does not wait for us
                derived.close()
                raise _forgotten()
            return derived

    @property
    def usable(self) -> bool:
        """Whether pi can be had in this process."""
        return not (self.bad or self.closed) and (self._password is not None or (self._pi is not None and self._mark == process_mark()))

    def confirm(self, realm: Realm) -> None:
        """Bind to the realm that has proved itself."""
        if not self.proved:
            self.realm, self.proved = realm, True
        if self.asked:
            self._forget_password()

    def refuse(self) -> None:
        """Mark as bad: the realm has refused them, and they are not tried again (step 13)."""
        self.bad = True
        self.close()

    def close(self) -> None:
        """Wipe what can be wiped."""
        self.closed = True
        self._forget_password()
        if self._pi is not None:
            self._pi.close()

    def _forget_password(self) -> None:
        password, self._password = self._password, None
        if password is not None:
            password[:] = bytes(len(password))

    def __repr__(self) -> str:
        return f"<Credential for {self.origin}>"


class Wallet:
    """All credentials of a client."""

    __slots__ = ("_asked", "_given", "_share")

    def __init__(self, *, share: bool) -> None:
        self._share = share  # between the servers of one scope
        self._given: dict[tuple[Origin, Realm | None], Credential] = {}  # by the realm that was named when it was given
        self._asked: dict[tuple[Realm, Origin | None], Credential] = {}

    def add(self, credential: Credential) -> Credential | None:
        """Keep a credential; the one that it replaces is returned, to be closed."""
        if not credential.asked:
            named = credential.origin, credential.realm
            replaced = self._given.get(named)
            self._given[named] = credential
            return replaced
        if credential.realm is None:
            raise ValueError("a credential that was asked for has a realm")
        key = credential.realm, None if self._share else credential.origin
        replaced = self._asked.pop(key, None)
        self._asked[key] = credential
        if replaced is None and len(self._asked) > MAX_ASKED:
            return self._asked.pop(next(iter(self._asked)))
        return replaced

    def find(self, realm: Realm, origin: Origin) -> Credential | None:
        """Return the usable credential that a realm may have at an origin inside its scope."""
        for named in (realm, None):
            given = self._given.get((origin, named))
            if given is not None and given.realm in (None, realm) and given.usable:
                return given
        asked = self._asked.get((realm, None if self._share else origin))
        if asked is not None and asked.usable:
            return asked
        if self._share:
            return next((credential for credential in self._given.values() if credential.realm == realm and credential.usable), None)
        return None

    def expected(self, origin: Origin) -> Credential | None:
        """Return the usable credential of an origin that names its realm already; None where several do: the server will say which."""
        named = [credential for credential in self._at(origin) if credential.realm is not None and credential.usable]
        return named[0] if len(named) == 1 else None

    def given(self, origin: Origin) -> Credential | None:
        """Return what was given for an origin, one that is usable rather than one that is not."""
        return min(self._at(origin), key=lambda credential: not credential.usable, default=None)

    def _at(self, origin: Origin) -> list[Credential]:
        return [credential for (where, _), credential in self._given.items() if where == origin]

    def of(self, realm: Realm) -> list[Credential]:
        """Return all credentials that a realm has or is being tried with."""
        every = (*self._given.values(), *self._asked.values())
        return [credential for credential in every if realm in (credential.realm, credential.trying)]

    def remove(self, credential: Credential) -> None:
        """Drop a credential, if it is there."""
        self._given = {key: kept for key, kept in self._given.items() if kept is not credential}
        self._asked = {key: kept for key, kept in self._asked.items() if kept is not credential}

    def due(self, now: float) -> list[Credential]:
        """Return the credentials whose logout-timeout is over."""
        every = (*self._given.values(), *self._asked.values())
        return [credential for credential in every if credential.deadline is not None and credential.deadline <= now]

    def __iter__(self) -> Iterator[Credential]:
        return iter([*self._given.values(), *self._asked.values()])


def _forgotten() -> LocalProtocolError:
    return LocalProtocolError("the password has been forgotten: give the credentials again", code="no-credentials")
