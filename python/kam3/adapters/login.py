"""What an application of any server interface knows of the log-in, and what becomes of its wishes."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from kam3.errors import LocalProtocolError, StoreUnavailableError
from kam3.mutual.actions import Steps
from kam3.mutual.conclusion import Ending, Fields, ending
from kam3.mutual.outcomes import Forwarded, Identity
from kam3.mutual.server import MutualServer

_log = logging.getLogger("kam3.login")

#: Fields in which applications look for a user whom somebody in front of them has authenticated. What a client sends under these names is a
#: forgery; CGI, and some frameworks, take "_" for "-".
FORGEABLE = frozenset({"remote-user", "x-remote-user", "x-forwarded-user", "x-authenticated-user", "auth-user", "x-auth-user"})


class Login:
    """What the application knows of the log-in, and what it can ask for; one for each request.

    Attributes:
        identity: who it is; None where the page is open, or optional and nobody has logged in.
    """

    __slots__ = ("_sent", "_wish", "identity")

    def __init__(self, identity: Identity | None) -> None:
        self.identity = identity
        self._wish = ""
        self._sent = False

    @property
    def user(self) -> str | None:
        """The user name, or None."""
        return None if self.identity is None else self.identity.user

    def log_out(self) -> None:
        """End the session with this response, and tell the client to forget the password; to be called before the response begins.

        Raises:
            LocalProtocolError: nobody is logged in, or the header section has been sent.
        """
        self._ask("log-out")

    def reauthenticate(self) -> None:
        """Make this response a 401 that asks for a new log-in, and end the session; everything else as `log_out`."""
        self._ask("reauthenticate")

    def deny(self) -> None:
        """Make this response a 403 that says that the user lacks the right (authz-failed); everything else as `log_out`."""
        self._ask("deny")

    def _ask(self, wish: str) -> None:
        if self.identity is None:
            raise LocalProtocolError("nobody is logged in", code="not-logged-in")
        if self._sent:
            raise LocalProtocolError("the header section has been sent", code="too-late")
        self._wish = wish


def concluding(
    server: MutualServer, forwarded: Forwarded, login: Login, status: int, fields: Fields, names: Sequence[str]
) -> Steps[Ending]:
    """Tell what becomes of the application's final response, and do what it asked for with it.

    Args:
        server: who judged the request.
        forwarded: what it came to.
        login: the request's.
        status: the application's HTTP status.
        fields: the application's header fields.
        names: their names, in lower case.

    Returns:
        The steps to it. Where the store does not answer, a log-out becomes 503: the session goes on.
    """
    wish = login._wish
    if wish in ("log-out", "reauthenticate"):
        try:
            yield from server.end(forwarded)
        except StoreUnavailableError:
            _log.error("the session of a user who logs out could not be ended")
            status, wish = 503, ""
    if wish not in ("reauthenticate", "deny"):
        return ending(forwarded, status, fields, names, wish == "log-out")
    answered = server.reauthenticate(forwarded) if wish == "reauthenticate" else server.deny(forwarded)
    taken = frozenset({name.lower() for name, _ in answered.headers} | {"www-authenticate", "authentication-info"})
    return Ending(answered.status, answered.headers, taken, (), answered.events)
