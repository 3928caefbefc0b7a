"""A FastAPI security scheme over the ASGI middleware: names the log-in in OpenAPI, and gives a path operation who it is.

Behind ``app.add_middleware(MutualMiddleware, server=server, table=table, credentials=users)``, and with ``mutual = MutualLogin()``, a path
operation takes ``login: Annotated[Login, Depends(mutual)]`` and finds the name in ``login.user``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kam3.adapters.login import Login
from kam3.errors import LocalProtocolError, MissingExtraError
from kam3.mutual.outcomes import Identity

try:
    from fastapi import HTTPException, Request
    from fastapi.openapi.models import HTTPBase
    from fastapi.security.base import SecurityBase
except ImportError as error:
    raise MissingExtraError("kam3.adapters.fastapi needs FastAPI: pip install fastapi") from error

if TYPE_CHECKING:
    from fastapi.openapi.models import SecurityBase as SecurityModel


class MutualLogin(SecurityBase):
    """A dependency whose value is the request's `Login`.

    It authenticates nobody: that is the middleware's work, before any path operation runs. On optional pages it asks for a log-in, unless
    `required` is off; with `allow` it also asks whether this user may.

    Args:
        required: answer 401 to who has not logged in; off, the `Login` tells that there is nobody.
        allow: called with the identity; a false answer becomes 403 with the reason authz-failed.
        scheme_name: the scheme's name in OpenAPI.
        description: its description there.
    """

    def __init__(
        self,
        *,
        required: bool = True,
        allow: Callable[[Identity], bool] | None = None,
        scheme_name: str = "Mutual",
        description: str = "HTTP Mutual authentication (RFC 8120): each side proves that it knows the password; the password is not sent.",
    ) -> None:
        self.model: SecurityModel = HTTPBase(scheme="mutual", description=description)
        self.scheme_name = scheme_name
        self._required, self._allow = required, allow

    async def __call__(self, request: Request) -> Login:
        """Return the request's `Login`.

        Raises:
            LocalProtocolError: the application runs without the middleware.
            HTTPException: 401 where nobody is logged in, which the middleware completes to a challenge; 403 where `allow` says no.
        """
        login = request.scope.get("kam3.login")
        if not isinstance(login, Login):
            raise LocalProtocolError("the application needs kam3.adapters.asgi.MutualMiddleware around it", code="no-middleware")
        if login.identity is None:
            if self._required:
                raise HTTPException(401, "log-in needed")
            return login
        if self._allow is not None and not self._allow(login.identity):
            login.deny()
            raise HTTPException(403, "this user may not do that")
        return login
