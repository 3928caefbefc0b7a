"""A site for those who have logged in, with one open corner: ``uvicorn members:app``."""

import os

import kam3
from kam3.adapters.asgi import MutualMiddleware
from kam3.mutual.realms import Realm
from kam3.mutual.server import MutualServer
from kam3.mutual.spaces import Space
from kam3.stores.memory import MemorySessionTable
from kam3.stores.sqlite import SqliteCredentialStore

ORIGIN = os.environ.get("ORIGIN", "http://127.0.0.1:8000")  # as clients write it
MEMBERS = Realm(kam3.EC_P256.token, ORIGIN, "Members")  # algorithm, auth-scope, realm: what every password is bound to


async def greeting(scope, receive, send):
    """Greet who has logged in."""
    if scope["type"] == "lifespan":
        return
    body = f"Hello, {scope['kam3.login'].user or 'stranger'}!\n".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain; charset=utf-8")]})
    await send({"type": "http.response.body", "body": body})


server = MutualServer([Space(MEMBERS), Space(None, prefixes=("/public",))], [ORIGIN])
app = MutualMiddleware(greeting, server, table=MemorySessionTable(), credentials=SqliteCredentialStore("users.sqlite"))
