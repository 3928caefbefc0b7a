"""What goes into a flow of the server, and what it comes to."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias, final

from kam3.algorithms import Algorithm
from kam3.mutual.realms import Realm
from kam3.mutual.sessions import Answer, SessionKey

if TYPE_CHECKING:
    from kam3.memory import Octets
    from kam3.mutual.spaces import Area
    from kam3.session import ServerSession

_ACCEPTED: Final = Answer.ACCEPTED  # as in `kam3.mutual.server_states`

#: Header fields in order.
Headers: TypeAlias = "tuple[tuple[str, str], ...]"


class Request(NamedTuple):
    """A request as far as it is judged.

    Attributes:
        method: the method, in upper case.
        scheme: ``http`` or ``https``: how the client speaks to us, known from the connection or from configuration.
        host: the one Host field, or ``:authority``; None where there is none. It chooses among the configured origins, nothing else. Of a
            request to a proxy: the proxy's own host and port, as configured; its `scheme` likewise, and its `path` is ``/``.
        path: the path as the application reads it, percent-decoded; or the whole target in absolute form (RFC 9112
            section 3.2.2), percent-decoded, whose host then counts.
        authorization: the values of all Authorization fields, as str of latin-1 octets; of a request to a proxy all Proxy-Authorization.
        peer: the address of the client, as far as it is known.
    """

    method: str
    scheme: str
    host: str | None
    path: str
    authorization: tuple[str, ...]
    peer: str


class Event(NamedTuple):
    """Something that belongs into the audit log. No member is secret; `user` is what the client sent, of any length and content."""

    name: str
    level: int  # of `logging`
    peer: str
    realm: Realm | None = None
    user: str | None = None
    detail: str = ""


@final
class Identity:
    """Who a request was proved to come from. Only a request that the session table has accepted leads to one.

    The server's proof VK_s is in here and nowhere else, so that no way leads to it but by an accepted request (RFC 8121 section 5.1).

    Attributes:
        user: the user name, as the client sent it and J is stored for.
        realm: the authentication realm.
        key: the session.
        nc: the nonce number of the request.
        peer: the address that limits count by.
    """

    __slots__ = ("_info", "_session", "_vh", "key", "nc", "peer", "realm", "user")

    user: str
    realm: Realm
    key: SessionKey
    nc: int
    peer: str
    _info: str
    _session: ServerSession
    _vh: bytes

    def __init__(self) -> None:
        raise TypeError("an Identity is made by a request that was accepted")

    @classmethod
    def _accepted(
        cls,
        answer: Literal[Answer.ACCEPTED],
        area: Area,
        key: SessionKey,
        nc: int,
        user: str,
        peer: str,
        session: ServerSession,
        vks: bytes,
        vh: bytes,
    ) -> Identity:
        if answer is not _ACCEPTED:  # whatever a program without a type checker does
            raise TypeError("the session table has not accepted this request")
        self = cls.__new__(cls)
        self.user, self.realm, self.key, self.nc, self.peer = user, key.realm, key, nc, peer
        self._session, self._vh = session, vh
        self._info = _written(key.sid, vks, area.algorithm)
        return self

    def b1(self, t: Octets = b"") -> bytes:
        """Compute b_1, which binds the application to the session (RFC 8120 section 13).

        Args:
            t: what the application chooses.

        Returns:
            b_1, `hash_octets` octets.

        Secret: the result.

        Raises:
            TypeError: `t` is no octets.
            ExchangeStateError: the session has ended meanwhile.
        """
        return self._session.b1(self._vh, t)

    def b2(self, t: Octets = b"") -> bytes:
        """Compute b_2, which binds the application to this request; everything else as `b1`."""
        return self._session.b2(self.nc, self._vh, t)

    def __repr__(self) -> str:
        return f"<kam3.mutual Identity user={self.user!r} realm={self.realm.realm!r}>"


def _written(sid: str, vks: bytes, alg: Algorithm) -> str:
    """Write a 200-VFY-S as `serialize` does, of values that need no check: a sid that was issued, a vks that was computed here."""
    text = vks.hex() if alg.parameters.wire_type == "hex-fixed-number" else f'"{alg.to_wire(vks, "hash")}"'
    return f"version=1, sid={sid}, vks={text}"


class Answered(NamedTuple):
    """The request is answered without the application.

    Attributes:
        status: the HTTP status.
        headers: header fields, without those of the body.
        reason: one line for people, which may be the body.
        events: for the audit log.
    """

    status: int
    headers: Headers
    reason: str
    events: tuple[Event, ...] = ()


class Forwarded(NamedTuple):
    """The application runs; its final response goes through `MutualServer.conclude`.

    Attributes:
        identity: who it is, or None where the resource is open, or optional and nobody has logged in.
        area: the protected space, None where the resource is open.
        events: for the audit log.
    """

    identity: Identity | None
    area: Area | None
    events: tuple[Event, ...] = ()


class Concluded(NamedTuple):
    """A final response with what belongs to it."""

    status: int
    headers: Headers
    events: tuple[Event, ...] = ()


WARNING, INFO, ERROR = logging.WARNING, logging.INFO, logging.ERROR
