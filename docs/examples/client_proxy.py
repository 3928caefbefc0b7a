"""Log in to a proxy, and to a server behind it; each proves itself."""

import getpass
import os

from kam3.adapters.stdlib import Client
from kam3.mutual.client import MutualClient

url = os.environ.get("ORIGIN", "http://127.0.0.1:8000") + "/"
proxy = MutualClient(proxy=os.environ.get("PROXY", "http://127.0.0.1:3128"))
proxy.add(str(proxy.proxy), "bob", getpass.getpass())

with Client(proxy=proxy) as client:
    client.mutual.add(url, "alice", getpass.getpass())
    reply = client.get(url)
    print(reply.body.decode(), reply.outcome.status.value, reply.proxy.status.value)
