"""What is particular to requests and niquests: adapters, retries, hooks; the rest is in test_client_hops and _traffic."""

from __future__ import annotations

import importlib
import io
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kam3.errors import RetryableProtocolError
from tests.adapters.live import Tls, site
from tests.mutual.loopback import Loopback
from tests.mutual.model import PASSWORD, USER

pytestmark = pytest.mark.parametrize("name", ["requests", "niquests"])


@pytest.fixture
def lib(name: str) -> Any:
    return pytest.importorskip(name)


@pytest.fixture
def module(name: str, lib: Any) -> Any:
    return importlib.import_module(f"kam3.adapters.{name}")


@pytest.fixture
def session(lib: Any, module: Any, server: Loopback) -> Iterator[Any]:
    with mounted(lib, module.MutualAdapter(), server) as session:
        yield session


def mounted(lib: Any, adapter: Any, server: Loopback) -> Any:
    adapter.mutual.add(server.url, USER, PASSWORD)
    session = lib.Session()
    session.trust_env = False
    session.mount(server.url, adapter)
    return session


def test_the_outcome_is_an_attribute(module: Any, session: Any, server: Loopback) -> None:
    response = session.get(server.url)
    assert response.kam3 is module.outcome_of(response)
    assert response.kam3.proved


def test_hooks_and_callers_never_see_authorization_nor_a_response_on_the_way(session: Any, server: Loopback) -> None:
    seen: list[Any] = []
    response = session.get(server.url, hooks={"response": lambda response, **_: seen.append(response)})
    assert seen == [response]
    assert "Authorization" not in response.request.headers
    assert len(server.requests) == 3


@pytest.mark.parametrize("retries", [3, "all"])
def test_an_authorization_serves_for_one_transmission_whatever_max_retries_says(
    lib: Any, module: Any, retries: Any, server: Loopback
) -> None:
    if retries == "all":
        kind = type(module.MutualAdapter().max_retries)
        retries = kind(total=5, read=5, status=5, status_forcelist=[200, 503], backoff_factor=0)
    with mounted(lib, module.MutualAdapter(max_retries=retries), server) as session:
        session.get(server.url)
        server.cut = {4}
        with pytest.raises(lib.RequestException):
            session.get(server.url)
        assert len(server.requests) == 4
        assert session.get(server.url).kam3.nc == 3


def test_a_connection_that_was_lost_while_idle_is_opened_anew(session: Any, server: Loopback) -> None:
    server.close_after = {3}
    session.get(server.url)
    assert session.get(server.url).kam3.requests == 1
    assert server.connections == 2


def test_form_and_json_bodies_and_files_in_memory_are_sent_again(session: Any, server: Loopback) -> None:
    session.post(server.url, json={"a": 1})
    session.post(server.url, data={"a": "b"})
    assert session.post(server.url, files={"a": b"content"}).kam3.proved
    bodies = [body for _, _, body, _ in server.requests]
    assert [json.loads(body) for body in bodies[:3]] == [{"a": 1}] * 3
    assert bodies[3] == b"a=b"
    assert b"content" in bodies[4]


def test_a_file_is_a_stream_that_is_sent_once(session: Any, server: Loopback, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    with (tmp_path / "file").open("rb") as file:
        assert session.post(server.url, data=file).kam3.proved
    assert [(method, body) for method, _, body, _ in server.requests] == [("HEAD", b""), ("HEAD", b""), ("POST", b"content")]
    server.model.forget()
    with pytest.raises(RetryableProtocolError):
        session.post(server.url, data=io.BytesIO(b"content"))


def test_a_session_with_passwords_is_not_pickled(session: Any) -> None:
    with pytest.raises(TypeError, match="passwords"):
        pickle.dumps(session.adapters)


def test_other_origins_are_left_alone(lib: Any, module: Any, session: Any, server: Loopback) -> None:
    adapter = session.get_adapter("http://127.0.0.2/")
    assert not isinstance(adapter, module.MutualAdapter)


def test_basic_of_a_netrc_file_is_refused_not_sent(
    lib: Any, module: Any, server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD.replace(' ', '')}\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with mounted(lib, module.MutualAdapter(), server) as session:
        session.trust_env = True
        with pytest.raises(ValueError, match="netrc"):
            session.get(server.url)
    assert server.requests == []


def test_a_multiplexed_session_is_refused(name: str, lib: Any, module: Any, server: Loopback) -> None:
    if name == "requests":
        pytest.skip("requests does not multiplex")
    adapter = module.MutualAdapter()
    with lib.Session(multiplexed=True) as session:
        session.mount(server.url, adapter)
        with pytest.raises(ValueError, match="multiplexed"):
            session.get(server.url)


def test_http_2(name: str, lib: Any, module: Any, certificates: tuple[Tls, Tls]) -> None:
    if name == "requests":
        pytest.skip("requests has no HTTP/2")
    tls, adapter = certificates[0], module.MutualAdapter()
    with site("hypercorn", tls) as made, lib.Session() as session:
        adapter.mutual.add(made.url("/"), USER, PASSWORD)
        session.mount("https://", adapter)
        for _ in range(2):
            response = session.get(made.url("/a2"), verify=str(tls.certificate))
            assert (response.http_version, response.kam3.proved) == (20, True)


def test_connections_through_a_proxy_note_their_peers_too(module: Any, name: str) -> None:
    adapter = module.MutualAdapter()
    manager = adapter.proxy_manager_for("http://127.0.0.1:9/")
    assert manager is adapter.proxy_manager_for("http://127.0.0.1:9/")
    for pools in (manager, adapter.poolmanager):
        assert all(hasattr(pool.ConnectionCls, "kam3_peer") for pool in pools.pool_classes_by_scheme.values())
