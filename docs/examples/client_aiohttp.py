"""aiohttp: client middleware, the last in the list."""

import asyncio
import getpass
import os

import aiohttp

from kam3.adapters.aiohttp import MutualMiddleware, outcome_of

url = os.environ.get("ORIGIN", "http://127.0.0.1:8000") + "/"
mutual = MutualMiddleware()
mutual.mutual.add(url, "alice", getpass.getpass())


async def main():
    """Fetch a page."""
    async with aiohttp.ClientSession(middlewares=[mutual]) as session, session.get(url) as response:
        print(response.status, await response.text(), outcome_of(response).status.value)


asyncio.run(main())
