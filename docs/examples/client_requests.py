"""requests: an adapter for the URLs that need it."""

import getpass
import os

import requests

from kam3.adapters.requests import MutualAdapter, outcome_of

url = os.environ.get("ORIGIN", "http://127.0.0.1:8000") + "/"
adapter = MutualAdapter()
adapter.mutual.add(url, "alice", getpass.getpass())

with requests.Session() as session:
    session.mount(url, adapter)
    response = session.get(url, timeout=30)
    print(response.status_code, response.text, outcome_of(response).status.value)
