"""What all adapters for clients share: the actions that need no transport, and the rules on what is tried again and what is delivered.

An adapter owns the transport. It takes a `MutualClient.sequence`, calls `advance` (or `advance_async`) to come to the next `Send`, sends,
and advances with the `Response`; what the transport raises goes to `advance` as `error`. At the end it has the `Outcome`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

from kam3.errors import RetryableProtocolError, UnprovedResponseError
from kam3.mutual.actions import Steps
from kam3.mutual.client_actions import (
    AskCredentials,
    Credentials,
    FinishExchange,
    Outcome,
    Response,
    Send,
    StartExchange,
    Status,
    Ticket,
    Wait,
)

#: Bodies up to this many octets are kept and sent again; of larger ones, and of streams, a request is made ``once``.
REPLAYABLE = 65536

#: Methods that have the effect of one request however often they are sent (RFC 9110 section 9.2.2).
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})

Ask: TypeAlias = Callable[[AskCredentials], "Credentials | None"]
AskAsync: TypeAlias = Callable[[AskCredentials], "Awaitable[Credentials | None]"]

T = TypeVar("T")


def advance(
    steps: Steps[Outcome], value: Response | None = None, *, error: Exception | None = None, ask: Ask | None = None
) -> Send | Outcome:
    """Go on with a sequence until it wants to send something, or is over.

    Args:
        steps: the sequence. Close it if you do not come to its end.
        value: the response to the latest `Send`; None at the beginning.
        error: what sending raised, instead.
        ask: asks somebody for credentials; None: there is nobody.

    Returns:
        What to send, or the outcome.

    Raises:
        Kam3Error: what the sequence raises; then it is over, and nothing of the latest response may be used.
        Exception: `error`, and what `ask` raises.
    """
    try:
        action = steps.send(value) if error is None else steps.throw(error)
        while not isinstance(action, Send):
            try:
                result = _carry_out(action, ask)
            except Exception as fault:
                action = steps.throw(fault)
            else:
                action = steps.send(result)
        return action
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome


def drive(steps: Steps[Outcome], transmit: Callable[[Send], Response], ask: Ask | None = None) -> Outcome:
    """Drive a sequence to its end.

    Args:
        steps: the sequence.
        transmit: sends what the sequence wants to send.
        ask: as in `advance`.

    Returns:
        The outcome.

    Raises:
        Exception: as `advance`, and what `transmit` raises.
    """
    try:
        step = advance(steps, ask=ask)
        while isinstance(step, Send):
            try:
                response = transmit(step)
            except Exception as error:
                step = advance(steps, error=error, ask=ask)
            else:
                step = advance(steps, response, ask=ask)
        return step
    finally:
        steps.close()


def _carry_out(action: object, ask: Ask | None) -> object:
    if isinstance(action, (StartExchange, FinishExchange)):
        return action.run()
    if isinstance(action, Wait):
        return action.ticket.result()
    if isinstance(action, AskCredentials):
        return None if ask is None else ask(action)
    raise TypeError(f"a sequence of a client has no action {type(action).__name__}")


async def _compute(work: Callable[[], Any]) -> Any:
    import asyncio  # slow to load, for programs that do without

    return await asyncio.get_running_loop().run_in_executor(None, work)


async def _wait(ticket: Ticket) -> None:
    import asyncio

    await asyncio.wrap_future(ticket)


async def advance_async(
    steps: Steps[Outcome],
    value: Response | None = None,
    *,
    error: Exception | None = None,
    ask: AskAsync | None = None,
    compute: Callable[[Callable[[], Any]], Awaitable[Any]] = _compute,
    wait: Callable[[Ticket], Awaitable[None]] = _wait,
) -> Send | Outcome:
    """As `advance`, for programs with an event loop.

    Args:
        steps: the sequence.
        value: the response to the latest `Send`.
        error: what sending raised, instead.
        ask: asks somebody for credentials.
        compute: calls a function in another thread; it takes milliseconds. The default is asyncio's.
        wait: waits for a future without cancelling it; likewise.
    """
    try:
        action = steps.send(value) if error is None else steps.throw(error)
        while not isinstance(action, Send):
            try:
                result: object = None
                if isinstance(action, (StartExchange, FinishExchange)):
                    result = await compute(action.run)
                elif isinstance(action, Wait):
                    await wait(action.ticket)
                elif isinstance(action, AskCredentials):
                    result = None if ask is None else await ask(action)
                else:
                    raise TypeError(f"a sequence of a client has no action {type(action).__name__}")
            except Exception as fault:
                action = steps.throw(fault)
            else:
                action = steps.send(result)
        return action
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome


def may_retry(error: RetryableProtocolError, method: str, *, replayable: bool) -> bool:
    """Say whether one fresh sequence may be tried after an error; after a second error none may.

    Args:
        error: what ended the first sequence.
        method: of the request.
        replayable: the body can be sent again.
    """
    return replayable and (method in IDEMPOTENT or not error.may_have_run)


#: The fields of a withheld response that may be shown.
SHOWN_WHEN_WITHHELD = ("Retry-After",)


def check_proved(outcome: Outcome, status: int) -> None:
    """Refuse a final response without a proof, before its content or cookies are seen; for adapters that `require` proofs.

    Without `require` it is delivered, but what is `withheld` without content, and with no fields but SHOWN_WHEN_WITHHELD. A response that
    asks for authentication is always delivered, as other schemes do: it is plain from its status that nothing was achieved.

    Args:
        outcome: of its sequence.
        status: of the response.

    Raises:
        UnprovedResponseError: it has to be withheld.
    """
    if outcome.status is Status.UNAUTHENTICATED:
        hint = "" if outcome.withheld else "; require=False delivers such responses, for sites that are open in parts"
        raise UnprovedResponseError(f"response with status {status}: {outcome.reason.text}{hint}")
