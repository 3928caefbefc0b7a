"""The handshake of a WebSocket through uvicorn: credentials in it, the proof in its acceptance."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kam3.mutual.messages import Init, Stale
from tests.servers.processes import PATIENCE, Raw, Site, message_of

websockets = pytest.importorskip("websockets.sync.client", reason="websockets is not installed")


@pytest.fixture(scope="module", params=["uvicorn-h11", "uvicorn-httptools"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    made = Site(request.param, limited=False)
    yield made
    made.stop()


def connect(site: Site, authorization: str | None = None) -> object:
    fields = {} if authorization is None else {"Authorization": authorization}
    return websockets.connect(site.url.replace("http", "ws") + "/socket", additional_headers=fields, open_timeout=PATIENCE)


def test_row_51_the_acceptance_of_a_handshake_is_proved(site: Site) -> None:
    raw = Raw(site).begin()
    with connect(site, raw.header(1)) as socket:
        raw.check(socket.response.headers.get_all("Authentication-Info"), 1)
        socket.send("hello")
        assert socket.recv(timeout=PATIENCE) == "alice: hello"
    assert raw.ask(raw.header(2)).status == 200  # one session for both


def test_a_handshake_without_proof_is_refused(site: Site) -> None:
    import websockets.exceptions

    with pytest.raises(websockets.exceptions.InvalidStatus) as caught, connect(site):
        pass
    response = caught.value.response
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Mutual version=1")
    raw = Raw(site).begin()
    with connect(site, raw.header(1)):
        pass
    with pytest.raises(websockets.exceptions.InvalidStatus), connect(site, raw.header(1)):
        pass
    assert isinstance(message_of(raw.ask(raw.header(2))), Stale)
    assert isinstance(message_of(raw.ask()), Init)
