"""Log in with nothing but the standard library."""

import getpass
import os

from kam3.adapters.stdlib import Client

url = os.environ.get("ORIGIN", "http://127.0.0.1:8000") + "/"

with Client() as client:
    client.mutual.add(url, "alice", getpass.getpass())
    reply = client.get(url)  # a key exchange, then the page; raises if the server cannot prove that it knows alice
    print(reply.status, reply.body.decode(), reply.outcome.status.value)
    again = client.get(url)  # the same session: one request
    print(again.outcome.requests, again.outcome.nc)
