"""The sessions of a client: nonce numbers, expiry, and one key exchange at a time (RFC 8120 section 6).

Not safe for threads: `MutualClient` holds its lock around each call. What computes proofs is, for it changes nothing here.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import NamedTuple

from kam3.algorithms import Algorithm
from kam3.errors import RemoteProtocolError, WireError
from kam3.mutual.client_actions import Ticket
from kam3.mutual.messages import ORIGIN, HeaderSet, KexS1, VfyC, VfyS, parse_info, read_info, serialize
from kam3.mutual.realms import Origin, Realm
from kam3.mutual.validation import Channel, vh_of
from kam3.session import ClientSession

#: Longest time that a session is reused for, in seconds, whatever the server suggests.
MAX_TIME = 86400
#: Sessions that a client keeps. The oldest that nobody is just making is dropped first.
MAX_SESSIONS = 1024


class SessionKey(NamedTuple):
    """What a client's session belongs to: it is local to one server and one realm (RFC 8120 section 6), and to a user."""

    origin: Origin
    realm: Realm
    user: str


class LiveSession:
    """A session from its key exchange on: it hands out nonce numbers, and makes and checks the fields of requests and responses."""

    __slots__ = (
        "_channel",
        "_head",
        "_info_head",
        "_info_length",
        "_next",
        "_quote",
        "_vh",
        "_window",
        "alg",
        "distrusted",
        "expires",
        "in_flight",
        "message",
        "proved",
        "retired",
        "room",
        "session",
    )

    def __init__(self, session: ClientSession, alg: Algorithm, message: KexS1, channel: Channel, now: float) -> None:
        self.session = session
        self.alg = alg
        self.message = message
        self.proved = False  # the server has shown once that it knows the user
        self.retired = False  # no further request
        self.distrusted = False  # a proof in it was wrong
        self.in_flight = 0
        self.room: Ticket | None = None  # resolved when a request comes back, if somebody waits for that
        self.expires = now + min(message.time, MAX_TIME)
        self._next = min(1, message.nc_max)
        self._window = max(1, message.nc_window)
        self._channel, self._vh = channel, vh_of(channel)
        proof = bytes(alg.hash_octets)
        request = serialize(VfyC(message.realm, message.validation, message.sid, 0, proof))
        self._quote = '"' if request.endswith('"') else ""
        self._head = request.rpartition("nc=0, vkc=")[0] + "nc="
        response = serialize(VfyS(message.sid, proof, alg.token))
        self._info_head, self._info_length = f"{response.rpartition('vks=')[0]}vks={self._quote}", len(response)

    def usable(self, channel: Channel | None, now: float) -> bool:
        """Whether another request may be made: there is time and a number left, and the server shows the certificate it has proved with."""
        if self.retired or self.expires <= now or self._next > self.message.nc_max:
            return False
        return channel is None or channel is self._channel or channel.certificate == self._channel.certificate

    def full(self) -> bool:
        """Whether as many requests are in flight as the window of the server has room for."""
        return self.in_flight >= self._window

    def draw(self) -> int:
        """Take the next nonce number, which is spent with that, whatever becomes of the request; one more is in flight."""
        nc = self._next
        self._next = nc + 1
        self.in_flight += 1
        return nc

    @property
    def channel(self) -> Channel:
        """The channel that the latest 401-KEX-S1 or proof came on."""
        return self._channel

    def vh_on(self, channel: Channel) -> bytes:
        """Return vh of a channel."""
        if channel is self._channel or channel == self._channel:
            return self._vh
        return vh_of(channel)

    def authorization(self, nc: int, vh: bytes) -> str:
        """Write a req-VFY-C: the text that `serialize` gives for it."""
        vkc = self.session.vkc(nc, vh)
        return f"{self._head}{nc}, vkc={vkc.hex()}" if not self._quote else f'{self._head}{nc}, vkc="{self.alg.to_wire(vkc, "hash")}"'

    def vks(self, lines: Sequence[str], headers: HeaderSet = ORIGIN) -> bytes:
        """Take the proof from the Authentication-Info of a response, or what stands for it in `headers`.

        Raises:
            RemoteProtocolError: the field is broken, or of another session.
        """
        if len(lines) == 1:
            line = lines[0]
            if len(line) == self._info_length and line.startswith(self._info_head) and line.endswith(self._quote):
                try:  # the canonical text, read without the parser
                    return self.alg.from_wire(line[len(self._info_head) : self._info_length - len(self._quote)], "hash")
                except WireError:
                    pass  # the parser will say what is wrong
        parameters = read_info(lines, headers)
        if parameters is None:
            raise RemoteProtocolError("vks is missing (RFC 8120 section 4.5)", code="missing-parameter", argument="vks")
        message = parse_info(parameters, self.alg.token)
        if message.sid != self.message.sid:
            raise RemoteProtocolError("sid is not that of the request (RFC 8120 section 4.5)", code="wrong-sid", argument="sid")
        return message.vks


class Ownership:
    """The right to make the key exchange of a key, and the duty to release it."""

    __slots__ = ("key", "ticket")

    def __init__(self, key: SessionKey) -> None:
        self.key = key
        self.ticket: Ticket = new_ticket()


class SessionStore:
    """The sessions by their keys: none, one that is being made, or a live one."""

    __slots__ = ("_slots",)

    def __init__(self) -> None:
        self._slots: dict[SessionKey, LiveSession | Ownership] = {}

    def claim(self, key: SessionKey, channel: Channel | None, now: float) -> LiveSession | Ownership | Ticket:
        """Look for a session.

        Returns:
            A live session with room, to draw a number from; or a ticket, to wait for and then to ask again; or the ownership of the key
            exchange that is to be made.
        """
        slot = self._slots.get(key)
        if isinstance(slot, LiveSession):
            if slot.usable(channel, now):
                return self._room(slot) if slot.full() else slot
            self.retire(key, slot)
        elif slot is not None:
            return slot.ticket
        owned = Ownership(key)
        self._put(key, owned)
        return owned

    @staticmethod
    def _room(session: LiveSession) -> Ticket:
        if session.room is None:
            session.room = new_ticket()
        return session.room

    def _put(self, key: SessionKey, slot: LiveSession | Ownership) -> None:
        self._slots[key] = slot
        if len(self._slots) > MAX_SESSIONS:
            for other, kept in self._slots.items():
                if other != key and isinstance(kept, LiveSession):
                    self.retire(other, kept)
                    return

    def release(self, owned: Ownership, session: LiveSession | None, failure: RemoteProtocolError | None = None) -> None:
        """End an ownership, with the session that has proved itself or with nothing, and let the others go on."""
        held = self._slots.get(owned.key) is owned  # else there was a log-out meanwhile
        if held:
            del self._slots[owned.key]
        if session is not None:
            if held and not session.retired:
                self._slots[owned.key] = session
            else:
                self.retire(owned.key, session)
        resolve(owned.ticket, failure)

    def retire(self, key: SessionKey, session: LiveSession) -> None:
        """Use a session no more; z goes when the last request in flight has come back."""
        session.retired = True
        if self._slots.get(key) is session:
            del self._slots[key]
        if session.room is not None:
            room, session.room = session.room, None
            resolve(room)
        if session.in_flight == 0:
            session.session.close()

    def retire_all(self, realm: Realm, user: str) -> None:
        """Use no session of a user in a realm any more, on no server."""
        for key, slot in list(self._slots.items()):
            if key.realm == realm and key.user == user and isinstance(slot, LiveSession):
                self.retire(key, slot)

    def put_back(self, session: LiveSession) -> None:
        """Note that a request is no longer in flight."""
        session.in_flight -= 1
        if session.room is not None:
            room, session.room = session.room, None
            resolve(room)
        if session.retired and session.in_flight == 0:
            session.session.close()

    def forget(self, realm: Realm | None) -> None:
        """Wipe all sessions of a realm on all servers, or all there are, those with requests in flight included."""
        for key in [key for key in self._slots if realm is None or key.realm == realm]:
            slot = self._slots.pop(key)
            if isinstance(slot, Ownership):
                resolve(slot.ticket)  # whoever waits looks anew; the owner finds its slot gone
            else:
                self.retire(key, slot)
                slot.session.close()

    def __len__(self) -> int:
        return len(self._slots)


def new_ticket() -> Ticket:
    """Return a ticket that nobody who waits for it can cancel."""
    ticket: Ticket = Future()
    ticket.set_running_or_notify_cancel()
    return ticket


def resolve(ticket: Ticket, failure: RemoteProtocolError | None = None) -> None:
    """Resolve a ticket, if that has not been done."""
    if not ticket.done():
        ticket.set_result(failure)
