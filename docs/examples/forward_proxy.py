"""A forward proxy for those who log in: the public Web through it, and one site of ours. ``python forward_proxy.py``."""

import asyncio
import os

import kam3
from kam3.adapters.proxy import MutualProxy, public_web
from kam3.mutual.realms import Origin, Realm
from kam3.mutual.server import MutualServer
from kam3.mutual.spaces import Space
from kam3.stores.memory import MemorySessionTable
from kam3.stores.sqlite import SqliteCredentialStore

PROXY = Origin.parse(os.environ.get("PROXY", "http://127.0.0.1:3128"))  # as clients write it
SITE = Origin.parse(os.environ.get("ORIGIN", "http://127.0.0.1:8000"))
STAFF = Realm(kam3.EC_P256.token, PROXY.host, "Proxy")  # the scope of a proxy is its bare host name


def allowed(host, address, port):
    """Allow the public Web, as without this, and our own site."""
    return public_web(host, address, port) or (address, port) == (SITE.host, SITE.port)


async def main():
    """Serve until we are stopped."""
    server = MutualServer([Space(STAFF)], [str(PROXY)], proxy=True)
    proxy = MutualProxy(server, table=MemorySessionTable(), credentials=SqliteCredentialStore("staff.sqlite"), allow=allowed)
    async with await proxy.listen("127.0.0.1", PROXY.port) as listening:
        await listening.serve_forever()


asyncio.run(main())
