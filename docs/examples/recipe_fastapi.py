"""FastAPI: the log-in is a dependency, and a security scheme in OpenAPI."""

import os
from typing import Annotated

from fastapi import Depends, FastAPI

import kam3
from kam3.adapters.asgi import MutualMiddleware
from kam3.adapters.fastapi import MutualLogin
from kam3.adapters.login import Login
from kam3.mutual.realms import Realm
from kam3.mutual.server import MutualServer
from kam3.mutual.spaces import Space
from kam3.stores.memory import MemorySessionTable
from kam3.stores.sqlite import SqliteCredentialStore

ORIGIN = os.environ.get("ORIGIN", "http://127.0.0.1:8000")
MEMBERS = Realm(kam3.EC_P256.token, ORIGIN, "Members")

app = FastAPI()
server = MutualServer([Space(MEMBERS), Space(None, prefixes=("/openapi.json", "/docs"))], [ORIGIN])
app.add_middleware(MutualMiddleware, server=server, table=MemorySessionTable(), credentials=SqliteCredentialStore("users.sqlite"))

Member = Annotated[Login, Depends(MutualLogin())]
Admin = Annotated[Login, Depends(MutualLogin(allow=lambda identity: identity.user == "root"))]


@app.get("/")
async def home(login: Member):
    """Greet who has logged in."""
    return {"user": login.user}


@app.get("/admin")
async def admin(login: Admin):
    """Answer root; everybody else gets 403 with the reason authz-failed."""
    return {"admin": login.user}
