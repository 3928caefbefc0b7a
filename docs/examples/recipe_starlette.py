"""Starlette: ``request.user`` and ``@requires`` work as with its own authentication."""

import os

from starlette.applications import Starlette
from starlette.authentication import requires
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import kam3
from kam3.adapters.asgi import MutualMiddleware
from kam3.mutual.realms import Realm
from kam3.mutual.server import MutualServer
from kam3.mutual.spaces import Space
from kam3.stores.memory import MemorySessionTable
from kam3.stores.sqlite import SqliteCredentialStore

ORIGIN = os.environ.get("ORIGIN", "http://127.0.0.1:8000")
MEMBERS = Realm(kam3.EC_P256.token, ORIGIN, "Members")


@requires("authenticated")
async def home(request):
    """Greet who has logged in."""
    return PlainTextResponse(f"Hello, {request.user.display_name}!\n")


async def news(request):
    """Show a page to everybody, and more of it to members."""
    return PlainTextResponse("for members\n" if request.user.is_authenticated else "for everybody\n")


async def leave(request):
    """End the session, and have the client forget the password."""
    request.scope["kam3.login"].log_out()
    return PlainTextResponse("Good-bye!\n")


server = MutualServer([Space(MEMBERS), Space(MEMBERS, prefixes=("/news",), optional=True)], [ORIGIN])
protection = Middleware(MutualMiddleware, server=server, table=MemorySessionTable(), credentials=SqliteCredentialStore("users.sqlite"))
app = Starlette(routes=[Route("/", home), Route("/news", news), Route("/leave", leave)], middleware=[protection])
