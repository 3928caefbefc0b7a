"""What the adapters for httpx, requests, niquests and aiohttp share: one hop at a time, and whether its response is delivered.

They all stand where a library sends one request and takes its response, below redirects, cookies and hooks: so each redirect is a sequence
of its own, a response that must not be used has never been seen by the library, and Authorization is never among the fields that the
library copies to the next hop.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import ssl
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, TypedDict

from kam3.adapters.client_driving import (
    REPLAYABLE,
    SHOWN_WHEN_WITHHELD,
    advance_async,
    check_proved,
    may_retry,
)
from kam3.errors import Kam3Error, ProtocolError, RetryableProtocolError, UnprovedResponseError
from kam3.mutual.client import MutualClient
from kam3.mutual.client_actions import AskCredentials, Credentials, Outcome, Response, Send, Status, Ticket
from kam3.mutual.realms import Origin
from kam3.mutual.validation import Channel

if TYPE_CHECKING:
    from kam3.mutual.actions import Steps

#: Asks somebody for credentials; a coroutine function where the adapter is for an event loop.
Asks: TypeAlias = "Callable[[AskCredentials], Credentials | Awaitable[Credentials | None] | None]"

#: Octets of an answer that is only a step to the next one that are read to keep its connection; of more the connection is closed.
DRAINED = 65536
#: Key of a response's `extensions`, or the attribute, that holds the `Outcome`.
KEY = "kam3"

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Peer(NamedTuple):
    """The other side of a connection."""

    certificate: bytes | None = None  # in DER
    identified: bool = True  # False: there is TLS, and nobody has checked whose certificate that is


def peer_of(tls: Any) -> Peer:
    """Look at a connection, by its `ssl.SSLSocket` or `ssl.SSLObject`; None: there is no TLS."""
    if tls is None:
        return Peer()
    context = tls.context
    return Peer(tls.getpeercert(True), context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname)


def lines_of(raw: Iterable[tuple[bytes, bytes]]) -> Callable[[str], Sequence[str]]:
    """Return the `fields` of a `Response` for the lines of a header section."""
    found: dict[bytes, list[str]] = {}
    for name, value in raw:
        found.setdefault(name.lower(), []).append(value.decode("latin-1"))
    return lambda name: found.get(name.lower().encode(), ())


class Options(TypedDict, total=False):
    """The options of `ClientSide`, for adapters that hand them on."""

    require: bool
    pass_redirects: bool
    ask: Asks | None
    undefined_hash: Literal["sha256"] | None


class ClientSide:
    """The settings of an adapter.

    Args:
        mutual: the state of sessions and credentials, which several adapters may share; None makes one.
        require: raise UnprovedResponseError instead of delivering a final response without the server's proof.
        pass_redirects: deliver an unproved redirect all the same, as nothing but its status and Location, for the library to follow.
            Where the library does not, that is what the caller gets.
        ask: asks somebody for credentials that have not been given.
        undefined_hash: as in `kam3.mutual.validation.Channel`.
    """

    def __init__(
        self,
        mutual: MutualClient | None = None,
        *,
        require: bool = True,
        pass_redirects: bool = False,
        ask: Asks | None = None,
        undefined_hash: Literal["sha256"] | None = None,
    ) -> None:
        self.mutual = MutualClient() if mutual is None else mutual
        self.require = require
        self.pass_redirects = pass_redirects
        self.ask = ask
        self.undefined_hash = undefined_hash

    def log_out(self, response: Any) -> str | None:
        """Forget the realm of a response on all servers: passwords, sessions and paths (RFC 8120 section 10.2).

        Args:
            response: of the library.

        Returns:
            The URL to load now (RFC 8053 section 4.5): the one that the server has named for this; else, if the response was to a GET, its
            own; else None. What is there has no proof.

        Raises:
            LookupError: the response did not come by way of this package.
        """
        realm = outcome_of(response).realm
        location = None if realm is None else self.mutual.log_out(realm)
        if location is None and getattr(response, "request", response).method == "GET":
            location = str(response.url)
        return location


def outcome_of(response: Any) -> Outcome:
    """Return what the sequence came to that a library's response is from.

    Args:
        response: of httpx, requests, niquests or aiohttp; one of its `history`, too.

    Raises:
        LookupError: it did not come by way of this package.
    """
    outcome = getattr(response, "extensions", {}).get(KEY) or getattr(response, KEY, None)
    if not isinstance(outcome, Outcome):
        raise LookupError("the response has no outcome: its request was not made by way of an adapter of kam3")
    return outcome


class Hop:
    """One request of a library, which a sequence turns into several.

    Args:
        side: the settings.
        method: of the request.
        url: absolute.
        replayable: the body can be sent again.
        size: of such a body, in octets.
        authorized: the library's request has an Authorization field.

    Raises:
        ValueError: `authorized`, or no http or https URL.
    """

    def __init__(self, side: ClientSide, method: str, url: str, *, replayable: bool, size: int, authorized: bool) -> None:
        if authorized:
            text = "the request must not hold Authorization (of auth=, of a netrc file, of the URL): kam3 writes it; send it another way"
            raise ValueError(text)
        self.side, self.method, self.url = side, method, url
        self.origin = Origin.parse(url)
        self.peer = Peer()  # of the latest response
        self.replayable, self._once = replayable, not replayable or size > REPLAYABLE

    def steps(self) -> Steps[Outcome]:
        """Make the request: a sequence, and a fresh one where that is safe and may help."""
        mutual = self.side.mutual
        try:
            return (yield from mutual.sequence(self.method, self.url, once=self._once))
        except RetryableProtocolError as error:
            if not may_retry(error, self.method, replayable=self.replayable):
                raise
        return (yield from mutual.sequence(self.method, self.url, once=self._once))

    def read(self, status: int, fields: Callable[[str], Sequence[str]], peer: Peer) -> Response:
        """Show a response of the library to the sequence."""
        if self.origin.scheme == "http":
            peer = Peer()  # TLS would be that of a proxy
        self.peer = peer
        return Response(status, fields, Channel(self.origin, peer.certificate, undefined_hash=self.side.undefined_hash))

    def shown(self, outcome: Outcome, status: int, has_location: bool) -> Iterable[str] | None:
        """Judge the final response.

        Returns:
            None: it is delivered as it is. Else the names of the fields that it may have; it has no content then.

        Raises:
            UnprovedResponseError: it is not delivered.
        """
        if not (outcome.proved or self.peer.identified):
            text = "TLS has not identified the server, its certificate is not verified: then every response must be proved"
            raise UnprovedResponseError(f"response with status {status}: {text} (RFC 8120 section 7.1)")
        redirects = outcome.status is Status.UNAUTHENTICATED and status in _REDIRECTS and has_location and not outcome.withheld
        if self.side.require and redirects:
            if self.side.pass_redirects:
                return ("Location",)
            text = "the redirect is not proved; pass_redirects=True lets the library follow it"
            raise UnprovedResponseError(f"response with status {status}: {text}")
        if self.side.require:
            check_proved(outcome, status)
        return SHOWN_WHEN_WITHHELD if outcome.withheld else None


def about_content(name: str) -> bool:
    """Whether a field of a request is about the content, which a HEAD has not."""
    return name.lower().startswith(("content-", "transfer-", "expect", "trailer"))


async def drive_async(
    steps: Steps[Outcome], send: Callable[[Send], Awaitable[Response]], ask: Asks | None
) -> Outcome:
    """As `client_driving.drive`, on the event loop of asyncio or trio; `ask` may be a coroutine function or not."""
    tools: dict[str, Any] = {} if ask is None else {"ask": functools.partial(_ask, ask)}
    if not _on_asyncio():
        tools |= {"compute": _compute_on_trio, "wait": _wait_on_trio}
    try:
        step = await advance_async(steps, **tools)
        while isinstance(step, Send):
            try:
                response = await send(step)
            except Exception as error:
                step = await advance_async(steps, error=error, **tools)
            else:
                step = await advance_async(steps, response, **tools)
        return step
    finally:
        steps.close()


async def _ask(ask: Asks, action: AskCredentials) -> Credentials | None:
    answer: Any = ask(action)
    if inspect.isawaitable(answer):
        answer = await answer
    return answer  # type: ignore[no-any-return]  # what `ask` promises


def _on_asyncio() -> bool:
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _compute_on_trio(work: Callable[[], Any]) -> Any:
    import trio

    return await trio.to_thread.run_sync(work)


async def _wait_on_trio(ticket: Ticket) -> None:
    import trio

    done, token = trio.Event(), trio.lowlevel.current_trio_token()

    def resolved(_: Ticket) -> None:
        with contextlib.suppress(trio.RunFinishedError):  # nobody waits any longer
            token.run_sync_soon(done.set)

    ticket.add_done_callback(resolved)
    await done.wait()


@functools.cache
def joined(kind: type[Kam3Error], other: type[Exception]) -> Callable[..., Kam3Error]:
    """Return the class of errors that are one of ours and one of a library; they can be pickled."""

    def reduce(self: Kam3Error) -> tuple[object, ...]:
        return _rebuilt, (kind, other, self.args[0], _arguments(self))

    return type(kind.__name__, (kind, other), {"__module__": kind.__module__, "__doc__": kind.__doc__, "__reduce__": reduce})


def _arguments(error: Kam3Error) -> dict[str, str | None]:
    arguments = {"argument": error.argument}
    return {**arguments, "code": error.code, "reason": error.reason} if isinstance(error, ProtocolError) else arguments


def _rebuilt(kind: type[Kam3Error], other: type[Exception], message: str, arguments: dict[str, str | None]) -> Kam3Error:
    classes: Any = kind, other  # mypy does not know that classes can be hashed
    return joined(*classes)(message, **arguments)


@contextlib.contextmanager
def raising(other: type[Exception], request: object = None) -> Iterator[None]:
    """Make our errors also errors of a library, whose users know how to catch them.

    Args:
        other: the library's error of a request.
        request: what its attribute `request` is to be.
    """
    try:
        yield
    except (ProtocolError, UnprovedResponseError) as error:
        fault: Any = _rebuilt(type(error), other, error.args[0], _arguments(error))
        if request is not None:
            fault.request = request
        raise fault.with_traceback(error.__traceback__) from error.__cause__
