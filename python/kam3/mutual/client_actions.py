"""What a sequence of the client asks for, what it is answered, and what it comes to.

Two of the actions compute for a millisecond or more and say so by `run`: a program with an event loop calls it in another thread.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from kam3.algorithms import Algorithm
from kam3.errors import ExchangeStateError, RemoteProtocolError
from kam3.exchange import ClientExchange
from kam3.mutual.extensions import Control
from kam3.mutual.realms import Origin, Realm
from kam3.mutual.validation import Channel
from kam3.session import ClientSession

if TYPE_CHECKING:
    from kam3.memory import Octets
    from kam3.mutual.client_credentials import Credential

#: Resolved when a key exchange has come to its end: with None, or with what proved the server false.
Ticket: TypeAlias = "Future[RemoteProtocolError | None]"


class Send(NamedTuple):
    """Send the request, and answer with the Response; what the transport raises is thrown back.

    Attributes:
        authorization: the value of the one Authorization field, or None: send none. A value serves for one transmission: if the transport
            wants to send it again, by a redirect or on a new connection, that is another sequence.
        probe: send HEAD to the same URL, without body, instead of the request, whose body can be sent once only.
        channel: the channel that `authorization` was made for, or None where that does not matter. An answer that comes over a connection
            with another certificate will be dropped.
    """

    authorization: str | None
    probe: bool = False
    channel: Channel | None = None


class Response(NamedTuple):
    """A response, as far as a sequence looks at it: its final status and header section, never a 1xx, its content or its trailer."""

    status: int
    fields: Callable[[str], Sequence[str]]  # all lines of a field, by its name in any case
    channel: Channel  # that it came on


@dataclass(frozen=True, slots=True)
class StartExchange:
    """Call `run`, off the event loop; the ClientExchange. What it raises is thrown back."""

    credential: Credential
    realm: Realm
    algorithm: Algorithm

    def run(self) -> ClientExchange:
        """Derive pi, unless that has been done, and begin an exchange."""
        return ClientExchange(self.algorithm, self.credential.pi(self.algorithm, self.realm))


@dataclass(frozen=True, slots=True)
class FinishExchange:
    """Call `run`, off the event loop; the ClientSession. What it raises is thrown back."""

    exchange: ClientExchange
    ks1: bytes

    def run(self) -> ClientSession:
        """Compute z."""
        return self.exchange.finish(self.ks1)


@dataclass(frozen=True, slots=True)
class AskCredentials:
    """Ask for user and password of a realm; Credentials, or None where nobody can be asked."""

    origin: Origin  # of the URL
    realm: Realm
    hints: Control  # what the server says about the log-in, unproved: to be told, never to be obeyed
    proxy: bool = False  # `origin` is a proxy that is to be used, not a server that is to be read


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait until the future is done, without cancelling it; None."""

    ticket: Ticket


class Credentials(NamedTuple):
    """A user name and a password, as a person typed them or a program was given them."""

    user: str
    password: str | bytes  # bytes are taken as they are, text is prepared (RFC 8120 section 9)

    def __repr__(self) -> str:
        return "Credentials(...)"


class Status(enum.Enum):
    """How a sequence ended (RFC 8120 sections 10.1 and 17.4)."""

    AUTH_SUCCEED = "AUTH-SUCCEED"
    AUTH_REQUIRED = "AUTH-REQUIRED"
    UNAUTHENTICATED = "UNAUTHENTICATED"


class Reason(NamedTuple):
    """Why a sequence ended as it did."""

    code: str  # ours, for programs: see docs/http.md
    text: str  # what was checked and what can be done
    wire: str | None = None  # the reason parameter of the server's message


@dataclass(slots=True)
class Outcome:
    """What a sequence came to. The response it is about is the last one that was received.

    Attributes:
        status: the status of RFC 8120.
        reason: why.
        realm: the realm that the status is about, or None.
        user: the user name that was used in it.
        nc: of the request that was proved.
        requests: how many were sent.
        withheld: nothing of the response may be used but its status code and Retry-After.
        control: what counts in Authentication-Control (RFC 8053); unproved, unless the status is AUTH_SUCCEED.
    """

    status: Status
    reason: Reason
    realm: Realm | None = None
    user: str | None = None
    nc: int | None = None
    requests: int = 0
    withheld: bool = False
    control: Control | None = None
    _session: ClientSession | None = field(default=None, repr=False)
    _vh: bytes = field(default=b"", repr=False)

    @property
    def proved(self) -> bool:
        """Whether the server has proved that it knows the user, and the response is its answer to this request."""
        return self.status is Status.AUTH_SUCCEED

    def b1(self, t: Octets = b"") -> bytes:
        """Compute b_1, which binds an application to the session (RFC 8120 section 13); as `ClientSession.b1`.

        Raises:
            ExchangeStateError: the response is not proved, or the session has come to its end since.
        """
        return self._proved_session().b1(self._vh, t)

    def b2(self, t: Octets = b"") -> bytes:
        """Compute b_2, which binds an application to this request (RFC 8120 section 13); as `ClientSession.b2`.

        Raises:
            ExchangeStateError: the response is not proved, or the session has come to its end since.
        """
        session = self._proved_session()
        return session.b2(0 if self.nc is None else self.nc, self._vh, t)

    def _proved_session(self) -> ClientSession:
        if self._session is None:
            raise ExchangeStateError("b_1 and b_2 are there for a proved response only")
        return self._session
