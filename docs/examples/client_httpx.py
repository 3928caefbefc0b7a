"""httpx (or httpx2), with and without an event loop; one `MutualClient` holds the log-in for both."""

import asyncio
import getpass
import os

import httpx

from kam3.adapters.httpx import AsyncMutualTransport, MutualTransport, outcome_of
from kam3.mutual.client import MutualClient

url = os.environ.get("ORIGIN", "http://127.0.0.1:8000") + "/"
mutual = MutualClient()
mutual.add(url, "alice", getpass.getpass())

with httpx.Client(transport=MutualTransport(httpx.HTTPTransport(), mutual)) as client:
    response = client.get(url)
    print(response.status_code, response.text, outcome_of(response).status.value)


async def main():
    """Make two requests at once in the session that is there."""
    async with httpx.AsyncClient(transport=AsyncMutualTransport(httpx.AsyncHTTPTransport(), mutual)) as client:
        responses = await asyncio.gather(client.get(url), client.get(url))
    print(sorted(outcome_of(response).nc for response in responses))


asyncio.run(main())
