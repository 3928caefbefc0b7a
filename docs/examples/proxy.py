"""A forward proxy for one user.

python proxy.py NAME
kam3 get http://example.com/ --user alice --proxy http://NAME@127.0.0.1:3128
"""

import asyncio
import getpass
import sys

import kam3
from kam3.adapters.proxy import MutualProxy
from kam3.mutual.realms import Realm
from kam3.mutual.server import MutualServer
from kam3.mutual.spaces import Space
from kam3.preparation import prepare_password, prepare_user
from kam3.stores.memory import MemoryCredentialStore, MemorySessionTable

HOST, PORT = "127.0.0.1", 3128
REALM = Realm(kam3.EC_P256.token, HOST, "proxy")


def make_proxy(user: str, password: str, port: int = PORT, **options: object) -> MutualProxy:
    """Make the proxy; `options` are those of `MutualProxy`, such as allow: without it requests go to the public Web alone."""
    users, user = MemoryCredentialStore(), prepare_user(user)
    pi = kam3.EC_P256.pi(prepare_password(password), auth_scope=REALM.auth_scope, realm=REALM.realm, user=user)
    users.put(REALM, user, kam3.EC_P256.j(pi))
    server = MutualServer([Space(REALM)], [f"http://{HOST}:{port}"], proxy=True)
    return MutualProxy(server, table=MemorySessionTable(), credentials=users, **options)


async def main(user: str) -> None:
    """Serve until an interrupt."""
    listening = await make_proxy(user, getpass.getpass()).listen(HOST, PORT)
    async with listening:
        await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
