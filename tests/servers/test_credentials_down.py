"""PostgreSQL killed and restarted while users log in: 503, and then it heals. Sessions that exist do not need it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from kam3.errors import UnprovedResponseError
from kam3.mutual.messages import Init
from kam3.stores.sql import SqlCredentialStore
from tests.servers.processes import PATIENCE, Raw, Site, message_of
from tests.servers.site import USER
from tests.stores.servers import PostgresServer, wait_for

pytest.importorskip("sqlalchemy", reason="needs SQLAlchemy")
pytest.importorskip("psycopg", reason="needs psycopg")


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.stop()


@pytest.fixture(params=["uvicorn-httptools", "gunicorn"])
def site(request: pytest.FixtureRequest, postgres: PostgresServer) -> Iterator[Site]:
    made = Site(request.param, credentials=postgres.url, limited=False)
    store = SqlCredentialStore(postgres.url, create=True)
    store.put(made.realm, USER, bytes.fromhex(made.settings.j))
    store.close()
    yield made
    made.stop()


def fresh_login(site: Site) -> bool:
    """Log in; tell whether that was possible. Nothing but a 503 excuses the server."""
    with site.client() as client:
        try:
            return client.get(site.url + "/").outcome.requests == 3
        except UnprovedResponseError as error:
            assert "503" in str(error)
            return False


def test_row_67_the_database_of_credentials_killed_and_restarted_under_load(site: Site, postgres: PostgresServer) -> None:
    stop, results = threading.Event(), list[bool]()

    def load() -> None:
        while not stop.is_set():
            results.append(fresh_login(site))

    with site.client() as living, ThreadPoolExecutor(3) as pool:
        assert living.get(site.url + "/").outcome.requests == 3
        threads = [pool.submit(load) for _ in range(3)]
        try:
            wait_for(lambda: results.count(True) >= 10, PATIENCE)
            postgres.halt()
            try:
                wait_for(lambda: results.count(False) >= 10, PATIENCE)
                assert living.get(site.url + "/").outcome.requests == 1  # a session needs no credentials
                assert isinstance(message_of(Raw(site).ask()), Init)
            finally:
                postgres.resume()
            wait_for(lambda: results[-20:] == [True] * 20, PATIENCE)
        finally:
            stop.set()
        for thread in threads:
            thread.result(PATIENCE)
        assert living.get(site.url + "/").outcome.requests == 1
    assert any(line.startswith("store-unavailable") for line in site.audit())
    assert site.settings.j not in site.log()
