"""What goes with the final response to a request that the application has seen (RFC 8120 section 4.5, RFC 8053 section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias, TypeVar

from kam3.mutual.outcomes import INFO, WARNING, Answered, Concluded, Event, Forwarded, Headers, Identity
from kam3.mutual.spaces import Area

#: Header fields in order, as an interface of applications has them.
Fields: TypeAlias = "Sequence[tuple[str | bytes, str | bytes]]"
Field = TypeVar("Field")

# What an application must not say itself: it cannot know the proof, and a challenge beside a proof contradicts it.
_OURS = frozenset({"authentication-info", "optional-www-authenticate", "www-authenticate"})
_OURS_OF_PROXIES = frozenset({"proxy-authentication-info", "proxy-authenticate"})
#: What is sent for a status that cannot carry the proof.
_INSTEAD = {401: 403, 407: 502}
#: For every 401 and 503 of ours: what they say holds for one request alone.
NO_STORE = ("Cache-Control", "no-store")
_CONTROL = frozenset({"authentication-control"})
_PRIVATE = (("Cache-Control", "private"),)
_VARY = (("Vary", "Authorization"),)


class Ending(NamedTuple):
    """What becomes of a final response, whatever its fields are written in: each adapter applies it to fields of its own kind."""

    status: int
    first: Headers = ()  # before the application's fields
    dropped: frozenset[str] = frozenset()  # names, in lower case, of fields that the application must not send
    last: Headers = ()  # behind them
    events: tuple[Event, ...] = ()

    def kept(self, fields: Sequence[Field], names: Sequence[str]) -> Sequence[Field]:
        """Return those of the application's fields that are sent; `names` are theirs, in lower case."""
        if self.dropped.isdisjoint(names):
            return fields
        return [field for name, field in zip(names, fields, strict=True) if name not in self.dropped]


def ending(forwarded: Forwarded, status: int, fields: Fields, names: Sequence[str], log_out: bool) -> Ending:
    """Tell what becomes of the application's final response.

    Args:
        forwarded: what the flow came to.
        status: the application's HTTP status.
        fields: its header fields, in str or in octets.
        names: their names, in lower case.
        log_out: tell the client to forget its credentials.
    """
    identity, area, _ = forwarded
    if area is None:
        return Ending(status)
    ours = area.headers
    dropped = _OURS if ours.status == 401 else _OURS_OF_PROXIES
    if identity is None:
        return _invited(area, status, dropped, fields, names)
    events: tuple[Event, ...] = ()
    if status == ours.status:
        detail = f"the application answered {status} to a user who has logged in; sent as {_INSTEAD[status]}"
        events = (Event(f"application-{status}", WARNING, identity.peer, identity.realm, identity.user, detail),)
        status = _INSTEAD[status]
    if log_out:
        events += (Event("log-out", INFO, identity.peer, identity.realm, identity.user),)
    control = area.controls.log_out if log_out else area.controls.proved
    last = _caching(area, fields, names)
    if control:
        dropped, last = dropped | _CONTROL, last + control
    return Ending(status, ((ours.info, identity._info),), dropped, last, events)


def conclude(forwarded: Forwarded, status: int, headers: Headers, log_out: bool) -> Concluded:
    """See `MutualServer.conclude`."""
    names = [name.lower() for name, _ in headers]
    return concluded(ending(forwarded, status, headers, names, log_out), headers, names)


def concluded(ended: Ending, headers: Headers, names: Sequence[str]) -> Concluded:
    """Return the response whole."""
    return Concluded(ended.status, (*ended.first, *ended.kept(headers, names), *ended.last), ended.events)


def _invited(area: Area, status: int, dropped: frozenset[str], fields: Fields, names: Sequence[str]) -> Ending:
    """Complete an answer to somebody who has not logged in, where that is optional."""
    initial, control = area.init["initial"], area.controls.initial
    if control:  # what the application says itself stays where we say nothing; two of them would contradict each other
        dropped |= _CONTROL
    if status == 401:  # the application wants a log-in after all; Optional-WWW-Authenticate must not be on a 401
        return Ending(401, (("WWW-Authenticate", initial), NO_STORE), dropped | {"cache-control"}, control)
    return Ending(status, (("Optional-WWW-Authenticate", initial),), dropped, _caching(area, fields, names) + control)


def _caching(area: Area, fields: Fields, names: Sequence[str]) -> Headers:
    """Keep shared caches from giving one user's page to another, and an optional page from standing in for its other form."""
    if area.headers.status == 407:  # the response is the origin's, which says how it may be cached
        return ()
    if not area.optional:
        return () if "cache-control" in names else _PRIVATE
    values = [value for name, (_, value) in zip(names, fields, strict=True) if name == "vary"]
    texts = [value if isinstance(value, str) else value.decode("latin-1") for value in values]
    varies = [part.strip().lower() for text in texts for part in text.split(",")]
    return () if "authorization" in varies or "*" in varies else _VARY


def wanted_again(forwarded: Forwarded) -> Answered:
    """See `MutualServer.reauthenticate`."""
    status = _accepted(forwarded)[1].headers.status
    return _instead(forwarded, status, "reauth-needed", "please log in again", "reauthenticate", INFO)


def denied(forwarded: Forwarded) -> Answered:
    """See `MutualServer.deny`."""
    return _instead(forwarded, 403, "authz-failed", "this user may not do that", "denied", WARNING)


def _instead(forwarded: Forwarded, status: int, reason: str, text: str, name: str, level: int) -> Answered:
    identity, area = _accepted(forwarded)
    event = Event(name, level, identity.peer, identity.realm, identity.user)
    return Answered(status, ((area.headers.challenge, area.init[reason]), NO_STORE, *area.controls.failed), text, (event,))


def _accepted(forwarded: Forwarded) -> tuple[Identity, Area]:
    if forwarded.identity is None or forwarded.area is None:
        raise ValueError("the request was not accepted: nobody is logged in")
    return forwarded.identity, forwarded.area
