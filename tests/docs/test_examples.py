"""The files under docs/examples run, and do what the pages that show them say."""

from __future__ import annotations

import base64
import getpass
import json
import re
import runpy
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from kam3.adapters.stdlib import Client
from kam3.mutual.client_actions import Status
from kam3.mutual.realms import Realm
from tests.clib import ROOT
from tests.docs.sites import EXAMPLES, PASSWORD, asgi, kam3, members, nginx_in_front_of, running, tls_in_front_of, wsgi
from tests.mutual.loopback import make_certificate
from tests.stores.servers import RedisServer, free_port, need

Front: TypeAlias = "Callable[[int, Path, Path], AbstractContextManager[int]]"

PAGES = sorted((ROOT / "docs").glob("*.md"))


@contextmanager
def client_of(origin: str, password: str = PASSWORD, **options: object) -> Iterator[Client]:
    with Client(timeout=30, **options) as client:  # type: ignore[arg-type]  # options are those of the class
        client.mutual.add(origin, "alice", password)
        yield client


def test_every_example_is_shown_and_tested() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    shown = set(re.findall(r"\{literalinclude\} examples/(\w+\.py)", pages))
    there = {path.name for path in EXAMPLES.glob("*.py")}
    assert shown == there
    tests = Path(__file__).read_text(encoding="utf-8") + (ROOT / "tests" / "adapters" / "test_proxy.py").read_text(encoding="utf-8")
    assert [name for name in there if not re.search(rf"\b{name.removesuffix('.py')}\b", tests)] == []


def test_members_as_the_quickstart_has_it(tmp_path: Path) -> None:
    pytest.importorskip("uvicorn")
    with members(tmp_path, "members", interface="asgi") as origin:
        printed = kam3("get", f"{origin}/", "--user", "alice", "--password-stdin", folder=tmp_path)
        assert printed == "Hello, alice!\n"
        with urllib.request.urlopen(f"{origin}/public/x", timeout=30) as response:
            assert response.read() == b"Hello, stranger!\n"
        with client_of(origin, "wrong") as client:
            assert client.get(f"{origin}/").outcome.status is Status.AUTH_REQUIRED


@pytest.mark.parametrize(
    "example, library, printed",
    [
        ("client_stdlib", "kam3", "200 Hello, alice!\n AUTH-SUCCEED\n1 2\n"),
        ("client_httpx", "httpx", "200 Hello, alice!\n AUTH-SUCCEED\n[2, 3]\n"),
        ("client_requests", "requests", "200 Hello, alice!\n AUTH-SUCCEED\n"),
        ("client_aiohttp", "aiohttp", "200 Hello, alice!\n AUTH-SUCCEED\n"),
    ],
)
def test_clients(
    example: str, library: str, printed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip(library)
    pytest.importorskip("uvicorn")
    with members(tmp_path, "members", interface="asgi") as origin:
        monkeypatch.setenv("ORIGIN", origin)
        monkeypatch.setattr(getpass, "getpass", lambda: PASSWORD)
        runpy.run_path(str(EXAMPLES / f"{example}.py"))
    assert capsys.readouterr().out == printed


def test_recipe_starlette(tmp_path: Path) -> None:
    pytest.importorskip("starlette")
    pytest.importorskip("uvicorn")
    with members(tmp_path, "recipe_starlette", interface="asgi") as origin, client_of(origin, require=False) as client:
        with client_of(origin, require=False) as stranger:
            stranger.mutual.close()
            assert stranger.get(f"{origin}/news").body == b"for everybody\n"
        assert client.get(f"{origin}/").body == b"Hello, alice!\n"
        assert client.get(f"{origin}/news").body == b"for members\n"
        reply = client.get(f"{origin}/leave")
        assert (reply.outcome.proved, reply.headers["Authentication-Control"]) == (True, 'Mutual realm="Members", logout-timeout=0')
        assert client.get(f"{origin}/").outcome.status is Status.AUTH_REQUIRED


def test_recipe_fastapi(tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    with members(tmp_path, "recipe_fastapi", interface="asgi") as origin, client_of(origin) as client:
        assert json.loads(client.get(f"{origin}/").body) == {"user": "alice"}
        reply = client.get(f"{origin}/admin")
        assert (reply.status, reply.outcome.reason.code) == (403, "authz-failed")
        with urllib.request.urlopen(f"{origin}/openapi.json", timeout=30) as response:
            assert json.load(response)["components"]["securitySchemes"]["Mutual"]["scheme"] == "mutual"


def test_recipe_flask(tmp_path: Path) -> None:
    pytest.importorskip("flask")
    with members(tmp_path, "recipe_flask", interface="wsgi") as origin, client_of(origin, require=False) as client:
        assert client.get(f"{origin}/").body == b"Hello, alice!\n"
        assert client.get(f"{origin}/public").body == b"for everybody\n"
        assert client.get(f"{origin}/leave").outcome.proved
        assert client.get(f"{origin}/").outcome.status is Status.AUTH_REQUIRED


def test_recipe_django(tmp_path: Path) -> None:
    pytest.importorskip("django")
    with members(tmp_path, "recipe_django", interface="wsgi") as origin, client_of(origin) as client:
        assert client.get(f"{origin}/").body == b"Hello, alice!\n"
        assert (client.get(f"{origin}/nowhere").status, client.get(f"{origin}/nowhere").outcome.proved) == (404, True)


def test_forward_proxy_and_client_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("h11")
    pytest.importorskip("uvicorn")
    port = free_port()
    proxy = f"http://127.0.0.1:{port}"
    named = ("--auth-scope", "127.0.0.1", "--realm", "Proxy", "--password-stdin")
    kam3("passwd", "staff.sqlite", "bob", *named, folder=tmp_path, given="of bob\n")
    with (
        members(tmp_path, "members", interface="asgi") as origin,
        running([sys.executable, str(EXAMPLES / "forward_proxy.py")], port, tmp_path, ORIGIN=origin, PROXY=proxy),
    ):
        monkeypatch.setenv("ORIGIN", origin)
        monkeypatch.setenv("PROXY", proxy)
        passwords = iter(["of bob", PASSWORD])
        monkeypatch.setattr(getpass, "getpass", lambda: next(passwords))
        runpy.run_path(str(EXAMPLES / "client_proxy.py"))
        assert capsys.readouterr().out == "Hello, alice!\n AUTH-SUCCEED AUTH-SUCCEED\n"
        through = ("--proxy", f"http://bob@127.0.0.1:{port}", "--password-stdin")
        printed = kam3("get", f"{origin}/", "--user", "alice", *through, folder=tmp_path, given=f"{PASSWORD}\nof bob\n")
        assert printed == "Hello, alice!\n"
        with Client(proxy=proxy) as stranger:
            assert stranger.get(f"{origin}/public").status == 407


def test_from_basic(tmp_path: Path) -> None:
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    with running(wsgi("from_basic", port), port, tmp_path, ORIGIN=origin):
        with client_of(origin) as client:
            assert client.get(f"{origin}/").outcome.status is Status.AUTH_REQUIRED
        with pytest.raises(urllib.error.HTTPError, match="401"):
            _basic(f"{origin}/enrol", "wrong")
        assert _basic(f"{origin}/enrol", PASSWORD) == b"From now on, log in by Mutual.\n"
        with client_of(origin) as client:
            assert client.get(f"{origin}/").body == b"Hello, alice!\n"


def _basic(url: str, password: str) -> bytes:
    text = base64.b64encode(f"alice:{password}".encode()).decode()
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": f"Basic {text}"}), timeout=30) as response:
        octets: bytes = response.read()
        return octets


@pytest.mark.parametrize("front", [tls_in_front_of, nginx_in_front_of], ids=["relay", "nginx"])
def test_deploy_with_two_workers_behind_a_proxy(front: Front, tmp_path: Path) -> None:
    pytest.importorskip("uvicorn")
    need("redis-server")
    if front is nginx_in_front_of:
        need("nginx")
    certificate, key, _ = make_certificate(tmp_path)
    kam3("key", "new", "--file", "keys", folder=tmp_path)
    redis, port = RedisServer(tmp_path / "redis"), free_port()
    try:
        with front(port, certificate, key) as outside:
            origin = f"https://127.0.0.1:{outside}"
            named = ("--auth-scope", origin, "--realm", "Members", "--seal", "--key-file", "keys", "--password-stdin")
            kam3("passwd", "users.sqlite", "alice", *named, folder=tmp_path)
            settings = {"ORIGIN": origin, "CERTIFICATES": str(certificate), "KAM3_KEY_FILE": "keys", "REDIS_URL": redis.url}
            with running(asgi("deploy", port, "--workers", "2", "--no-proxy-headers"), port, tmp_path, **settings):
                context = ssl.create_default_context(cafile=certificate)
                with client_of(origin, context=context) as client:
                    reply = client.get(f"{origin}/")
                    assert (reply.outcome.proved, reply.body.startswith(b"Hello, alice, from ")) == (True, True)
                    assert reply.outcome.realm == Realm("iso-kam3-ec-p256-sha256", origin, "Members")
                    assert client.get(f"{origin}/").outcome.requests == 1
                    redis.client().flushall()
                    assert client.get(f"{origin}/").outcome.requests == 3, "a silent key exchange"
    finally:
        redis.kill()
