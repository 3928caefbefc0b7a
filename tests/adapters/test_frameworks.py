"""The frameworks people use, behind the middleware: Starlette, FastAPI, Flask and Django, as the recipes in the docs have it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

import kam3
from kam3.adapters.asgi import MutualMiddleware as AsgiMiddleware
from kam3.adapters.wsgi import MutualMiddleware as WsgiMiddleware
from kam3.errors import LocalProtocolError
from kam3.mutual.messages import KexC1, VfyC, parse_challenge, parse_info, read_challenges, read_info, serialize
from kam3.mutual.server import MutualServer
from kam3.mutual.spaces import Space
from kam3.stores.memory import MemoryCredentialStore, MemorySessionTable
from tests.adapters.test_asgi import Site
from tests.mutual.serving import ALG, HOST, ORIGIN, REALM, USER, VH, j_of, pi_of


def users() -> MemoryCredentialStore:
    store = MemoryCredentialStore()
    store.put(REALM, USER, j_of())
    return store


def site_over(middleware: Any) -> Site:
    """Return a client of an application that has the middleware inside."""
    site = Site()
    site.middleware = middleware
    return site


def test_starlette() -> None:
    starlette = pytest.importorskip("starlette.applications")
    from starlette.authentication import requires
    from starlette.middleware import Middleware
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    @requires("authenticated")
    async def home(request: Any) -> Any:
        return PlainTextResponse(f"hello, {request.user.display_name}")

    @requires("authenticated", status_code=401)
    async def optional(request: Any) -> Any:
        return PlainTextResponse("for users")

    spaces = [Space(REALM), Space(REALM, prefixes=("/optional",), optional=True)]
    middleware = Middleware(
        AsgiMiddleware, server=MutualServer(spaces, [ORIGIN]), table=MemorySessionTable(), credentials=users()
    )
    app = starlette.Starlette(routes=[Route("/", home), Route("/optional", optional)], middleware=[middleware])

    async def scenario() -> None:
        site = site_over(app)
        assert (await site.call())[0] == 401
        status, headers, _ = await site.call(path="/optional")
        assert (status, [name for name, _ in headers].count(b"www-authenticate")) == (401, 1)
        await site.log_in()
        assert (await site.get(1))[::2] == (200, b"hello, alice")
        assert (await site.get(2, path="/nowhere"))[0] == 404
        assert (await site.get(3, path="/optional"))[0] == 200

    asyncio.run(scenario())


def test_fastapi() -> None:
    fastapi = pytest.importorskip("fastapi")
    from kam3.adapters.fastapi import MutualLogin

    needed = fastapi.Depends(MutualLogin())
    admin_needed = fastapi.Depends(MutualLogin(allow=lambda identity: identity.user == "root"))
    asked = fastapi.Depends(MutualLogin(required=False))
    app = fastapi.FastAPI()

    @app.get("/")
    def home(login: Any = needed) -> Any:
        return {"user": login.user}

    @app.get("/admin")
    def admin(login: Any = admin_needed) -> Any:
        return {}

    @app.get("/optional")
    def optional(login: Any = asked) -> Any:
        return {"user": login.user}

    @app.get("/optional/strict")
    def strict(login: Any = needed) -> Any:
        return {}

    schema = app.openapi()
    assert schema["components"]["securitySchemes"]["Mutual"]["scheme"] == "mutual"
    assert schema["paths"]["/"]["get"]["security"] == [{"Mutual": []}]
    spaces = [Space(REALM), Space(REALM, prefixes=("/optional",), optional=True)]
    bare = site_over(app)
    with pytest.raises(LocalProtocolError, match="MutualMiddleware"):
        asyncio.run(bare.call())
    guarded = AsgiMiddleware(app, MutualServer(spaces, [ORIGIN]), table=MemorySessionTable(), credentials=users())

    async def scenario() -> None:
        site = site_over(guarded)
        status, _, body = await site.call(path="/optional")
        assert (status, json.loads(body)) == (200, {"user": None})
        assert (await site.call(path="/optional/strict"))[0] == 401
        await site.log_in()
        assert (await site.get(1))[2] == b'{"user":"alice"}'
        status, headers, _ = await site.call(site.proof(2), path="/admin")
        assert status == 403
        assert any(name == b"www-authenticate" and b"authz-failed" in value for name, value in headers)

    asyncio.run(scenario())


class WsgiClient:
    """A client of a WSGI application, written from the RFC."""

    def __init__(self, application: Any) -> None:
        self.application = application
        with kam3.ClientExchange(ALG, pi_of()) as exchange:
            status, headers, _ = self.call("/", serialize(KexC1(REALM, "host", USER, exchange.kc1)))
            assert status == 401
            parameters = read_challenges([value for name, value in headers if name == "WWW-Authenticate"]).mutual
            assert parameters is not None
            challenge: Any = parse_challenge(parameters)
            self.session, self.sid, self.nc = exchange.finish(challenge.ks1), challenge.sid, 0

    def call(self, path: str, authorization: str | None = None) -> tuple[int, list[tuple[str, str]], bytes]:
        from wsgiref.util import setup_testing_defaults

        environ: dict[str, Any] = {"PATH_INFO": path, "HTTP_HOST": HOST, "REMOTE_ADDR": "192.0.2.1"}
        setup_testing_defaults(environ)
        if authorization is not None:
            environ["HTTP_AUTHORIZATION"] = authorization
        answer: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Any:
            answer[:] = [int(status[:3]), headers]

        chunks = self.application(environ, start_response)
        body = b"".join(chunks)
        getattr(chunks, "close", lambda: None)()
        return answer[0], answer[1], body

    def get(self, path: str) -> tuple[int, bytes]:
        self.nc += 1
        status, headers, body = self.call(path, serialize(VfyC(REALM, "host", self.sid, self.nc, self.session.vkc(self.nc, VH))))
        info = read_info([value for name, value in headers if name.lower() == "authentication-info"])
        assert info is not None
        self.session.verify_vks(parse_info(info, ALG.token).vks, self.nc, VH)
        return status, body


def test_flask() -> None:
    flask = pytest.importorskip("flask")
    app = flask.Flask("site")

    @app.get("/")
    def home() -> str:
        return f"hello, {flask.request.remote_user}"

    @app.get("/fails")
    def fails() -> str:
        raise ValueError("a fault of the page")

    server = MutualServer([Space(REALM), Space(None, prefixes=("/public",))], [ORIGIN])
    app.wsgi_app = WsgiMiddleware(app.wsgi_app, server, table=MemorySessionTable(), credentials=users())
    client = WsgiClient(app)
    assert client.call("/")[0] == 401
    assert client.get("/") == (200, b"hello, alice")
    assert client.get("/fails")[0] == 500
    assert client.get("/nowhere")[0] == 404
    assert client.call("/public")[0] == 404


DJANGO = """
import sys
import django
from django.conf import settings
settings.configure(
    SECRET_KEY="x", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, USE_TZ=True,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware",
                "django.contrib.auth.middleware.RemoteUserMiddleware"],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    AUTHENTICATION_BACKENDS=["django.contrib.auth.backends.RemoteUserBackend"],
)
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

def home(request):
    return HttpResponse(f"hello, {request.user.get_username()}")

urlpatterns = [path("", home)]

from kam3.adapters.wsgi import MutualMiddleware
from kam3.mutual.server import MutualServer
from kam3.mutual.spaces import Space
from kam3.stores.memory import MemorySessionTable
from tests.adapters.test_frameworks import WsgiClient, users
from tests.mutual.serving import ORIGIN, REALM

guarded = MutualMiddleware(
    get_wsgi_application(), MutualServer([Space(REALM)], [ORIGIN]), table=MemorySessionTable(), credentials=users()
)
client = WsgiClient(guarded)
print(client.call("/")[0], *client.get("/"), client.get("/nowhere")[0])
"""


def test_django() -> None:
    """In a process of its own: Django can be configured once only."""
    pytest.importorskip("django")
    import os
    import subprocess
    import sys

    from tests.clib import ROOT

    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    done = subprocess.run([sys.executable, "-c", DJANGO], capture_output=True, text=True, env=environment, check=False)
    assert done.stdout.split("\n")[-2] == "401 200 b'hello, alice' 404", done.stderr
