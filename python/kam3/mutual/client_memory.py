"""What the sequences of a client share, safe for threads: credentials, sessions, and what has been learned about URLs.

One lock, held for look-ups only, never while anything is computed or waited for. It is reentrant: a sequence that the garbage collector
finds gives back what it holds, in whichever thread and wherever that happens.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import NamedTuple

from kam3.errors import RemoteProtocolError
from kam3.mutual.client_actions import Credentials, Ticket
from kam3.mutual.client_credentials import Credential, Wallet
from kam3.mutual.client_sessions import LiveSession, Ownership, SessionKey, SessionStore
from kam3.mutual.client_spaces import Spaces
from kam3.mutual.extensions import Control
from kam3.mutual.messages import ORIGIN, PROXY
from kam3.mutual.realms import Origin, Realm, parse_path
from kam3.mutual.validation import Channel


class Claim(NamedTuple):
    """What a sequence may go on with: a session and a number for one request, or the key exchange that it owns."""

    origin: Origin
    realm: Realm
    credential: Credential
    session: LiveSession | None = None
    nc: int = 0
    owned: Ownership | None = None


class Memory:
    """The shared state of a `MutualClient`; with `proxy` all that is known is about that proxy, and nothing about origins."""

    def __init__(self, clock: Callable[[], float], *, share: bool, proxy: Origin | None = None) -> None:
        self._clock = clock
        self.proxy = proxy
        self.headers = ORIGIN if proxy is None else PROXY
        self._wallet = Wallet(share=share)
        self._spaces = Spaces(share=share)
        self._deadline: float | None = None  # the earliest logout-timeout
        self._start()
        _memories.add(self)

    def _start(self) -> None:
        """Begin without sessions; also in a forked child, which cannot use those of its parent, nor a lock that a lost thread holds."""
        self._lock = threading.RLock()
        self._store = SessionStore()
        for credential in self._wallet:
            credential.trying = credential.ticket = None

    def origin_of(self, url: str) -> Origin:
        """Return the server that the messages of a request for a URL go to.

        Raises:
            ValueError: no http or https URL.
        """
        return self.proxy or Origin.parse(url)

    # Credentials

    def add(self, credential: Credential) -> None:
        """Keep a credential; the one it replaces is forgotten, with its sessions."""
        with self._lock:
            replaced = self._wallet.add(credential)
            if replaced is not None:
                self._drop(replaced)

    def ask(self, credentials: Credentials, origin: Origin, realm: Realm) -> None:
        """Keep credentials that were asked for; of several who asked at once, the first answer counts."""
        credential = Credential(credentials, origin, realm, asked=True)
        with self._lock:
            if self._wallet.find(realm, origin) is None:
                self.add(credential)
                return
        credential.close()

    def given(self, origin: Origin) -> Credential | None:
        """Return the credential that was given for an origin, usable or not."""
        with self._lock:
            return self._wallet.given(origin)

    def can_log_in(self, origin: Origin) -> bool:
        """Whether there is something to log in to a realm of an origin with."""
        with self._lock:
            given = self._wallet.given(origin)
            return given is not None and given.usable

    def refuse(self, credential: Credential, realm: Realm) -> None:
        """Note that a realm has refused a credential (step 13): one that was asked for goes, one that was given stays marked as bad."""
        with self._lock:
            credential.refuse()
            if credential.asked:
                self._wallet.remove(credential)
            self._store.retire_all(realm, credential.user)

    def log_out(self, realm: Realm) -> str | None:
        """Wipe passwords, pi and z of a realm on all servers; the location that the server has named for this."""
        with self._lock:
            location = None
            for credential in self._wallet.of(realm):
                location = credential.logout_location or location
                self._wallet.remove(credential)
                credential.close()
            self._store.forget(realm)
            self._spaces.forget(realm)
            return location

    def close(self) -> None:
        """Wipe everything."""
        with self._lock:
            self._store.forget(None)  # first: it wipes z under requests in flight, too, which then fail as after a log-out
            for credential in self._wallet:
                self._drop(credential)

    def _drop(self, credential: Credential) -> None:
        self._wallet.remove(credential)
        credential.close()
        for realm in (credential.realm, credential.trying):
            if realm is not None:
                self._store.retire_all(realm, credential.user)

    def _log_out_due(self, now: float) -> None:
        for credential in self._wallet.due(now):
            if credential.realm is not None:
                self.log_out(credential.realm)
        self._deadline = min((c.deadline for c in self._wallet if c.deadline is not None), default=None)

    # Claims

    def expect(self, url: str, channel: Channel | None) -> Claim | Ticket | None:
        """Look for a realm that a URL is expected in, and for the means to log in there: steps 1 and 2 of section 10.2.

        Returns:
            The claim; a ticket to wait for and then ask again; or None: there is no expectation.
        """
        with self._lock:
            now = self._clock()
            if self._deadline is not None and self._deadline <= now:
                self._log_out_due(now)
            remembered = self._spaces.remembered(url)
            if remembered is not None:
                found = self._claim(remembered[1], remembered[0], channel, now)
                if found is not None:
                    return found
            origin = self.origin_of(url)
            for realm in self._spaces.candidates(url, origin):
                found = self._claim(realm, origin, channel, now)
                if found is not None:
                    return found
            credential = self._wallet.expected(origin)
            if credential is None or credential.realm is None or self._spaces.knows(credential.realm, origin):
                return None
            return self._claim(credential.realm, origin, channel, now)

    def claim(self, realm: Realm, origin: Origin, channel: Channel | None) -> Claim | Ticket | None:
        """Look for the means to log in to a realm: steps 6 and 7 of section 10.2; as `expect`, None if there are none."""
        with self._lock:
            return self._claim(realm, origin, channel, self._clock())

    def _claim(self, realm: Realm, origin: Origin, channel: Channel | None, now: float) -> Claim | Ticket | None:
        credential = self._wallet.find(realm, origin)
        if credential is None:
            return None
        if credential.realm is None and credential.trying not in (None, realm):
            return credential.ticket  # one realm at a time
        found = self._store.claim(SessionKey(origin, realm, credential.user), channel, now)
        if type(found) is LiveSession:
            return Claim(origin, realm, credential, found, found.draw())
        if type(found) is Ownership:
            if credential.realm is None:
                credential.trying, credential.ticket = realm, found.ticket
            return Claim(origin, realm, credential, owned=found)
        return found  # type: ignore[return-value]  # the third kind: a ticket

    # What came of them

    def draw(self, session: LiveSession) -> int:
        """Take the first number of a session that has just been made."""
        with self._lock:
            return session.draw()

    def now(self) -> float:
        """Return the time."""
        return self._clock()

    def put_back(self, session: LiveSession) -> None:
        """Note that a request is no longer in flight."""
        with self._lock:
            self._store.put_back(session)

    def retire(self, claim: Claim, session: LiveSession) -> None:
        """Use a session no more."""
        with self._lock:
            self._store.retire(SessionKey(claim.origin, claim.realm, claim.credential.user), session)

    def release(self, claim: Claim, session: LiveSession | None = None, failure: RemoteProtocolError | None = None) -> None:
        """End the ownership of a claim, with a session that the server has proved itself in, or without."""
        owned, credential = claim.owned, claim.credential
        if owned is None:
            return
        with self._lock:
            if credential.ticket is owned.ticket:
                credential.trying = credential.ticket = None
            if session is not None and credential.closed:
                session.retired = True
            self._store.release(owned, session, failure)

    def confirm(self, origin: Origin, claim: Claim, session: LiveSession) -> None:
        """Note the first proof of a session: its realm has the credential now, and its paths are trusted."""
        with self._lock:
            session.proved = True
            if not claim.credential.closed:
                claim.credential.confirm(claim.realm)
                space = parse_path(session.message.path, claim.realm, origin, proxy=self.proxy is not None)
                self._spaces.learn_space(claim.realm, origin, space)

    def succeed(self, url: str, origin: Origin, realm: Realm, session: LiveSession) -> None:
        """Note that a request has come back with a proof."""
        with self._lock:
            self._store.put_back(session)
            self._spaces.learn(url, origin, realm)

    def learn(self, url: str, origin: Origin, realm: Realm) -> None:
        """Remember the realm that has asked for credentials at a URL."""
        with self._lock:
            self._spaces.learn(url, origin, realm)

    def unlearn(self, url: str) -> None:
        """Forget it: a URL needed no authentication."""
        with self._lock:
            self._spaces.unlearn(url)

    def realm_of(self, url: str, origin: Origin) -> Realm | None:
        """Return the realm that a URL is expected in."""
        with self._lock:
            remembered = self._spaces.remembered(url)
            return remembered[1] if remembered is not None else next(self._spaces.candidates(url, origin), None)

    def obey(self, claim: Claim, control: Control) -> None:
        """Do what a proved response says about log-out (RFC 8053 sections 4.5 and 4.6)."""
        with self._lock:
            credential = claim.credential
            credential.logout_location = control.location_when_logout
            if control.logout_timeout is None:
                return
            credential.deadline = self._clock() + control.logout_timeout
            if self._deadline is None or credential.deadline < self._deadline:
                self._deadline = credential.deadline
            if control.logout_timeout == 0:
                self.log_out(claim.realm)


_memories: weakref.WeakSet[Memory] = weakref.WeakSet()


def _start_in_child() -> None:
    for memory in _memories:
        memory._start()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_in_child)
