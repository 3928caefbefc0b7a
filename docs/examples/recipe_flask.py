"""Flask: ``request.remote_user`` is who has logged in."""

import os

from flask import Flask, request

import kam3
from kam3.adapters.wsgi import MutualMiddleware
from kam3.mutual.realms import Realm
from kam3.mutual.server import MutualServer
from kam3.mutual.spaces import Space
from kam3.stores.memory import MemorySessionTable
from kam3.stores.sqlite import SqliteCredentialStore

ORIGIN = os.environ.get("ORIGIN", "http://127.0.0.1:8000")
MEMBERS = Realm(kam3.EC_P256.token, ORIGIN, "Members")

app = Flask(__name__)
server = MutualServer([Space(MEMBERS), Space(None, prefixes=("/public",))], [ORIGIN])
users = SqliteCredentialStore("users.sqlite")
app.wsgi_app = MutualMiddleware(app.wsgi_app, server, table=MemorySessionTable(), credentials=users)


@app.get("/")
def home():
    """Greet who has logged in."""
    return f"Hello, {request.remote_user}!\n"


@app.get("/leave")
def leave():
    """End the session, and have the client forget the password."""
    request.environ["kam3.login"].log_out()
    return "Good-bye!\n"


@app.get("/public")
def public():
    """Show a page to everybody."""
    return "for everybody\n"
