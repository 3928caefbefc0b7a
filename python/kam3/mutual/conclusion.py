"""What goes with the final response to a request that the application has seen (RFC 8120 section 4.5, RFC 8053 section 3)."""

from __future__ import annotations

from kam3.mutual.messages import ORIGIN, PROXY, HeaderSet
from kam3.mutual.outcomes import INFO, WARNING, Answered, Concluded, Event, Forwarded, Headers, Identity
from kam3.mutual.spaces import Area

# What an application must not say itself: it cannot know the proof, and a challenge beside a proof contradicts it.
_OURS: dict[HeaderSet, frozenset[str]] = {
    ORIGIN: frozenset({"authentication-info", "optional-www-authenticate", "www-authenticate"}),
    PROXY: frozenset({"proxy-authentication-info", "proxy-authenticate"}),
}
#: What is sent for a status that cannot carry the proof.
_INSTEAD = {401: 403, 407: 502}
#: For every 401 and 503 of ours: what they say holds for one request alone.
NO_STORE = ("Cache-Control", "no-store")


def conclude(forwarded: Forwarded, status: int, headers: Headers, log_out: bool) -> Concluded:
    """See `MutualServer.conclude`."""
    area, identity = forwarded.area, forwarded.identity
    if area is None:
        return Concluded(status, headers)
    names = area.headers
    headers = tuple([field for field in headers if field[0].lower() not in _OURS[names]])
    if identity is None:
        return _invited(area, status, headers)
    events: tuple[Event, ...] = ()
    if status == names.status:
        detail = f"the application answered {status} to a user who has logged in; sent as {_INSTEAD[status]}"
        events = (Event(f"application-{status}", WARNING, identity.peer, identity.realm, identity.user, detail),)
        status = _INSTEAD[status]
    if log_out:
        events += (Event("log-out", INFO, identity.peer, identity.realm, identity.user),)
    headers = _controlled(_cached(headers, area), area.controls.log_out if log_out else area.controls.proved)
    return Concluded(status, ((names.info, identity._info), *headers), events)


def _invited(area: Area, status: int, headers: Headers) -> Concluded:
    """Complete an answer to somebody who has not logged in, where that is optional."""
    if status == 401:  # the application wants a log-in after all; Optional-WWW-Authenticate must not be on a 401
        rest = tuple([field for field in headers if field[0].lower() != "cache-control"])
        return Concluded(401, (("WWW-Authenticate", area.init["initial"]), NO_STORE, *_controlled(rest, area.controls.initial)))
    headers = _controlled(_cached(headers, area), area.controls.initial)
    return Concluded(status, (("Optional-WWW-Authenticate", area.init["initial"]), *headers))


def _controlled(headers: Headers, control: Headers) -> Headers:
    """Add Authentication-Control. What the application says itself stays where we say nothing; two of them would contradict each other."""
    return (*[field for field in headers if field[0].lower() != "authentication-control"], *control) if control else headers


def _cached(headers: Headers, area: Area) -> Headers:
    """Keep shared caches from giving one user's page to another, and an optional page from standing in for its other form."""
    if area.headers == PROXY:  # the response is the origin's, which says how it may be cached
        return headers
    names = {name.lower() for name, _ in headers}
    if not area.optional:
        return headers if "cache-control" in names else (*headers, ("Cache-Control", "private"))
    varies = [part.strip().lower() for name, value in headers if name.lower() == "vary" for part in value.split(",")]
    return headers if "authorization" in varies or "*" in varies else (*headers, ("Vary", "Authorization"))


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
