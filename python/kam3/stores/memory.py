"""Sessions and credentials in the memory of this process: for servers of one process with any number of threads.

A restart forgets all sessions, and clients renew them without asking anybody. A forked child begins with an empty table, because the
sessions of its parent serve nowhere else; servers of several processes need a table that they share.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from kam3 import arguments
from kam3.algorithms import algorithm
from kam3.errors import StoreUnavailableError
from kam3.mutual.limits import Limits
from kam3.mutual.realms import Realm
from kam3.mutual.server_states import Phase, State, Stateful, begin, commit
from kam3.mutual.sessions import Admission, Answer, Begun, NewSession, SessionKey
from kam3.session import ServerSession
from kam3.stores.fading import Fading
from kam3.stores.pending import PendingByPeer

#: Seconds between two sweeps for what has expired. What has expired counts as gone at once; the sweep only gives its memory back.
_SWEEP = 10.0

_EVALUATE, _KEY_EXCHANGING = Answer.EVALUATE, Phase.KEY_EXCHANGING  # as in `kam3.mutual.server_states`, for what every request passes
_GONE = Begun(Answer.STALE)

_tables: weakref.WeakSet[MemorySessionTable] = weakref.WeakSet()


def _forget_in_child() -> None:
    for table in _tables:
        table._reset()  # alone in the child: no other thread was copied, and the lock may be held by one that was not


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)


class _Record:
    """One session. K_c1, K_s1, z and whether it is fake are in `session`; there may be 100 000 of these, so that nothing is kept twice."""

    __slots__ = ("expires", "nc_max", "nc_window", "peer", "phase", "room", "session", "sid", "user", "window")

    def __init__(self, new: NewSession, room: dict[bytes, _Record], sid: bytes, expires: float) -> None:
        self.room, self.sid, self.expires = room, sid, expires
        self.session: ServerSession | None = new.session
        self.user, self.peer = new.user, new.peer
        self.nc_max, self.nc_window = new.nc_max, new.nc_window
        self.phase, self.window = State()


class MemorySessionTable:
    """A `kam3.mutual.sessions.SessionTable` in this process, safe for threads.

    Full, it drops rejected sessions first, then the oldest pending one of the peer that holds most, then the oldest of all.

    Args:
        limits: see there.
        clock: seconds that never go back, whatever is done to the clock on the wall.
    """

    immediate = True  # nothing in it waits for more than a lock: an event loop may call it

    def __init__(self, limits: Limits | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits or Limits()
        self._clock = clock
        self._reset()
        _tables.add(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        # By origin and realm, then by sid. All sessions of one room live equally long, so that each room is ordered by expiry.
        self._rooms: dict[tuple[str, Realm], dict[bytes, _Record]] = {}
        self._count = 0
        self._pending: PendingByPeer[_Record] = PendingByPeer()
        self._rejected: dict[_Record, None] = {}
        self._next_sweep = float("-inf")
        counters = self._limits.counters
        self._peers: Fading[str] = Fading(counters)
        self._users_and_peers: Fading[tuple[bytes, str]] = Fading(counters)
        self._users: Fading[bytes] = Fading(counters)
        self._trusted: Fading[tuple[bytes, str]] = Fading(counters)

    def __len__(self) -> int:
        """Return how many sessions are kept, expired ones that were not swept yet included."""
        return self._count

    def admit(self, peer: str, realm: Realm, user: str) -> Admission:
        """Count a key exchange; refused are only the rates of one peer, by the seconds until it may come back."""
        limits, now, digest = self._limits, self._clock(), _digest(realm, user)
        with self._lock:
            of_peer, wait_peer = limits.peer.spend(self._peers.get(peer), now)
            of_both, wait_both = limits.user_and_peer.spend(self._users_and_peers.get((digest, peer)), now)
            if wait_peer or wait_both:
                return Admission(False, retry_after=int(max(wait_peer, wait_both)) + 1)
            of_user, wait = limits.user.spend(self._users.get(digest), now)
            if wait > limits.longest_wait:  # the debt ends there: who comes next waits no longer
                of_user, wait = of_user - wait + limits.longest_wait, limits.longest_wait
            self._peers.put(peer, of_peer, now)
            self._users_and_peers.put((digest, peer), of_both, now)
            self._users.put(digest, of_user, now)
            return Admission(True, wait=0.0 if self._trusted.get((digest, peer)) > now else wait)

    def create(self, new: NewSession) -> None:
        """Keep a new session; a full table drops others for it.

        Raises:
            StoreUnavailableError: there is a session of this key; nothing changes.
        """
        now = self._clock()
        dropped: list[_Record] = []
        with self._lock:
            room = self._rooms.setdefault((new.key.origin, new.key.realm), {})
            sid = bytes.fromhex(new.key.sid)
            if sid in room:
                raise StoreUnavailableError("a session of this sid exists: the source of sids is not random", argument="sid")
            if now >= self._next_sweep:
                self._next_sweep = now + _SWEEP
                dropped += self._drop_all(self._expired(now))
            dropped += self._make_room(new.peer)
            record = room[sid] = _Record(new, room, sid, now + new.lifetime)
            self._count += 1
            self._pending.add(record.peer, record)
        _close(dropped)

    def begin(self, key: SessionKey, nc: int) -> Begun:
        """Judge a request before its proof is evaluated."""
        with self._lock:
            record = self._find(key)
            if record is None:
                return _GONE
            state, answer = begin(record, nc, record.nc_max, record.nc_window)
            if answer is _EVALUATE:
                return Begun(answer, record.session, record.user, record.phase is _KEY_EXCHANGING)
            user = record.user
            session = self._settle(record, state)
        if session is not None:
            session.close()
        return Begun(answer, user=user)

    def commit(self, key: SessionKey, nc: int, right: bool, peer: str) -> Answer:
        """Settle a request whose proof was evaluated."""
        with self._lock:
            record = self._find(key)
            if record is None:
                return Answer.STALE
            pending = record.phase is _KEY_EXCHANGING
            state, answer = commit(record, nc, right, record.nc_max, record.nc_window)
            if state.phase is record.phase:
                record.window = state.window
                return answer
            session = self._settle(record, state)
            if pending and answer is Answer.ACCEPTED:
                self._proved(key.realm, record, peer)
        if session is not None:
            session.close()
        return answer

    def end(self, key: SessionKey) -> None:
        """Forget a session, if it is there."""
        with self._lock:
            record = self._find(key)
            if record is None:
                return
            self._drop(record)
        _close((record,))

    def close(self) -> None:
        """Forget all sessions, and wipe their secrets."""
        with self._lock:
            records = [record for room in self._rooms.values() for record in room.values()]
            self._drop_all(records)
        _close(records)

    def _find(self, key: SessionKey) -> _Record | None:
        """Return a session; one that has expired goes when it is asked for, at the latest."""
        room = self._rooms.get(key[:2])
        record = None if room is None else room.get(bytes.fromhex(key.sid))
        if record is not None and record.expires <= self._clock():
            _close((self._drop(record),))
            return None
        return record

    def _settle(self, record: _Record, state: Stateful) -> ServerSession | None:
        """Bring a session into a state; return what is to be closed, outside of the lock, since it may be at work in another thread."""
        before, session = record.phase, record.session
        if state.phase is Phase.INACTIVE:
            self._drop(record)
            return session
        record.phase, record.window = state.phase, state.window
        if before is state.phase:
            return None
        self._pending.remove(record.peer, record)  # the table leads on from no other phase
        if state.phase is Phase.AUTHENTICATED:
            return None
        self._rejected[record] = None
        record.session = None
        return session

    def _proved(self, realm: Realm, record: _Record, peer: str) -> None:
        """Take back the count of a key exchange that was no guess, and remember where the user is at home."""
        now, digest = self._clock(), _digest(realm, record.user)
        both = (digest, record.peer)
        self._users_and_peers.put(both, self._limits.user_and_peer.refund(self._users_and_peers.get(both)), now)
        self._trusted.put((digest, peer), now + self._limits.trusted_for, now)

    def _make_room(self, peer: str) -> list[_Record]:
        """Drop what a new session of this peer leaves no room for."""
        limits, dropped = self._limits, []
        if self._pending.held_by(peer) >= limits.pending_per_peer:
            dropped.append(self._drop(self._pending.oldest_of(peer)))
        elif len(self._pending) >= limits.pending:
            dropped.append(self._drop(self._pending.oldest_of(self._pending.most())))
        if self._count < limits.sessions:
            return dropped
        batch = 1 + limits.sessions // 1000  # many at once: finding the oldest passes over the places of those that went before
        if self._rejected:
            return dropped + self._drop_all(list(islice(self._rejected, batch)))
        if len(self._pending):
            dropped.append(self._drop(self._pending.oldest_of(self._pending.most())))
            return dropped
        largest = max(self._rooms.values(), key=len)
        return dropped + self._drop_all(list(islice(largest.values(), batch)))

    def _expired(self, now: float) -> list[_Record]:
        return [record for room in self._rooms.values() for record in _until(room.values(), now)]

    def _drop_all(self, records: list[_Record]) -> list[_Record]:
        for record in records:
            self._drop(record)
        return records

    def _drop(self, record: _Record) -> _Record:
        """Take a session out of the table; its secrets are still to be closed."""
        del record.room[record.sid]
        self._count -= 1
        if record.phase is Phase.KEY_EXCHANGING:
            self._pending.remove(record.peer, record)
        elif record.phase is Phase.REJECTED:
            del self._rejected[record]
        return record


def _until(records: Iterable[_Record], now: float) -> Iterator[_Record]:
    for record in records:
        if record.expires > now:
            return
        yield record


def _close(records: Iterable[_Record]) -> None:
    for record in records:
        if record.session is not None:
            record.session.close()


def _digest(realm: Realm, user: str) -> bytes:
    """Return what the counters know a user by: of one length, however long the name is."""
    hashed = hashlib.blake2b(digest_size=16)
    for part in (*realm, user):
        octets = part.encode("utf-8", "surrogatepass")
        hashed.update(len(octets).to_bytes(8, "big") + octets)
    return hashed.digest()


class MemoryCredentialStore:
    """A `kam3.mutual.credentials.CredentialStore` in this process, safe for threads; for tests and demonstrations."""

    immediate = True

    def __init__(self) -> None:
        self._j: dict[tuple[Realm, str], bytes] = {}

    def put(self, realm: Realm, user: str, j: bytes) -> None:
        """Keep J of a user, in place of any that was there.

        Args:
            realm: the triple that went into pi.
            user: the prepared name (RFC 8120 section 9).
            j: J(pi), `element_octets` octets.

        Secret: j.

        Raises:
            TypeError: `user` is no str, or `j` no octets.
            UnknownAlgorithmError: `realm` names none of the four.
            InvalidElementError: `j` is no element of the algorithm's group.
        """
        if not isinstance(user, str):
            raise TypeError(f"user must be a str, not {type(user).__name__}")
        octets = arguments.public("j", j)
        algorithm(realm.algorithm).check_element(octets)
        self._j[realm, user] = octets

    def remove(self, realm: Realm, user: str) -> None:
        """Forget a user, if there is one of this name; sessions live on until their time."""
        self._j.pop((realm, user), None)

    def find(self, realm: Realm, user: str) -> bytes | None:
        """Return J of a user, or None."""
        return self._j.get((realm, user))
