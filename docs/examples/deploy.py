"""The members' site behind a proxy that ends TLS, with any number of workers: sessions in Redis, users in a sealed SQLite file."""

import os
import ssl
from pathlib import Path

import kam3
from kam3.adapters.asgi import MutualMiddleware
from kam3.adapters.server_driving import Peers
from kam3.mutual.realms import Realm
from kam3.mutual.server import MutualServer
from kam3.mutual.spaces import ServedOrigin, Space
from kam3.stores import keys
from kam3.stores.redis import AsyncRedisSessionTable
from kam3.stores.sqlite import SqliteCredentialStore

ORIGIN = os.environ["ORIGIN"]  # https://members.example.com: what clients write, not where this process listens
CERTIFICATES = os.environ["CERTIFICATES"].split()  # the proxy's, PEM: the one that it shows, and the next one during a change
KEYS = keys.read(os.environ["KAM3_KEY_FILE"])  # `kam3 key new`; the same for all workers
MEMBERS = Realm(kam3.EC_P256.token, ORIGIN, "Members")


def der(path):
    """Return the first certificate of a PEM file, which is the server's own, in DER."""
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    first = Path(path).read_text(encoding="ascii").partition(begin)[2].partition(end)[0]
    return ssl.PEM_cert_to_DER_cert(begin + first + end)


async def page(scope, receive, send):
    """Greet who has logged in, and tell which process did."""
    if scope["type"] == "lifespan":
        return
    body = f"Hello, {scope['kam3.login'].user}, from {os.getpid()}!\n".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain; charset=utf-8")]})
    await send({"type": "http.response.body", "body": body})


app = MutualMiddleware(
    page,
    MutualServer([Space(MEMBERS)], [ServedOrigin(ORIGIN, [der(path) for path in CERTIFICATES])]),
    table=AsyncRedisSessionTable.from_url(os.environ["REDIS_URL"], KEYS),
    credentials=SqliteCredentialStore("users.sqlite", KEYS),
    peers=Peers(["127.0.0.1"]),  # our proxy, and nobody else: it writes X-Forwarded-For
    scheme="https",  # between client and proxy; from the proxy to us it is http
)
