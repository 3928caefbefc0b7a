"""Move users from Basic to Mutual: each log-in by Basic at /enrol stores J, and the members' site takes Mutual from then on."""

import base64
import os

import kam3
from kam3.adapters.wsgi import MutualMiddleware
from kam3.mutual.realms import Realm
from kam3.mutual.server import MutualServer
from kam3.mutual.spaces import Space
from kam3.stores.memory import MemorySessionTable
from kam3.stores.sqlite import SqliteCredentialStore

ORIGIN = os.environ.get("ORIGIN", "http://127.0.0.1:8000")
MEMBERS = Realm(kam3.EC_P256.token, ORIGIN, "Members")
users = SqliteCredentialStore("users.sqlite", create=True)


def check_password(user, password):
    """Stand in for the check that the site makes today, against its bcrypt or PBKDF2 hashes."""
    return (user, password) == ("alice", "correct horse battery staple")


def store_j(user, password):
    """Keep J of a password that was just found right; it replaces what there was."""
    user, password = kam3.prepare_user(user), kam3.prepare_password(password)
    with kam3.Pi.from_password(kam3.EC_P256, password, auth_scope=MEMBERS.auth_scope, realm=MEMBERS.realm, user=user) as pi:
        users.put(MEMBERS, user, kam3.EC_P256.j(pi))


def basic(environ):
    """Return user and password of a Basic log-in, or two empty strings."""
    scheme, _, text = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(text, validate=True).decode("utf-8").partition(":")
    except ValueError:
        return "", ""
    return user, password


def site(environ, start_response):
    """Enrol by Basic; greet who has logged in by Mutual everywhere else."""
    status, fields, text = "200 OK", [], f"Hello, {environ.get('REMOTE_USER')}!\n"
    if environ["PATH_INFO"] == "/enrol":
        user, password = basic(environ)
        if user and check_password(user, password):
            store_j(user, password)
            text = "From now on, log in by Mutual.\n"
        else:
            status, fields, text = "401 Unauthorized", [("WWW-Authenticate", 'Basic realm="Members", charset="UTF-8"')], "\n"
    start_response(status, [*fields, ("Content-Type", "text/plain; charset=utf-8")])
    return [text.encode()]


server = MutualServer([Space(MEMBERS), Space(None, prefixes=("/enrol",))], [ORIGIN])  # /enrol is not ours: Basic guards it
app = MutualMiddleware(site, server, table=MemorySessionTable(), credentials=users)
