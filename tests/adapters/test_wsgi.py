"""The WSGI middleware, under wsgiref's validator and over a socket."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.validate import validator

import pytest

import kam3
from kam3.adapters.server_driving import Handler, Peers
from kam3.adapters.wsgi import Login, MutualMiddleware
from kam3.errors import LocalProtocolError, StoreUnavailableError
from kam3.mutual.messages import KexC1, KexS1, VfyC, parse_challenge, parse_info, read_challenges, read_info, serialize
from kam3.mutual.server import MutualServer
from kam3.mutual.spaces import Space
from kam3.stores.memory import MemoryCredentialStore, MemorySessionTable
from tests.mutual.serving import ALG, HOST, ORIGIN, REALM, USER, VH, j_of, pi_of

SPACES = [Space(REALM), Space(None, ("/open",)), Space(REALM, ("/either",), optional=True)]


class Reply:
    """What a WSGI server would send."""

    def __init__(self) -> None:
        self.status, self.headers, self.body = "", [], b""
        self.sent_before_body: bool | None = None
        self.calls = 0

    @property
    def number(self) -> int:
        return int(self.status.split()[0])

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Site:
    """A middleware, and requests to it as a server makes them."""

    def __init__(self, application: Callable[..., Any], *, validated: bool = True, **more: Any) -> None:
        self.table, self.users = MemorySessionTable(), MemoryCredentialStore()
        self.users.put(REALM, USER, j_of())
        inner = validator(application) if validated else application
        self.middleware = MutualMiddleware(inner, MutualServer(SPACES, [ORIGIN]), table=self.table, credentials=self.users, **more)
        self.outer = validator(self.middleware)
        self.session: kam3.ClientSession | None = None
        self.sid, self.nc = "", 0

    def ask(self, path: str = "/", authorization: str | None = None, *, method: str = "GET", **environ: str) -> Reply:
        reply = Reply()
        full: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "internal",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "192.0.2.7",
            "HTTP_HOST": HOST,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            **environ,
        }
        if authorization is not None:
            full["HTTP_AUTHORIZATION"] = authorization

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
            assert exc_info or not reply.calls, "only an exception may change a response"
            if exc_info and reply.body:
                raise exc_info[1].with_traceback(exc_info[2])
            reply.calls += 1
            reply.status, reply.headers = status, headers

            def write(octets: bytes) -> None:
                reply.body += octets

            return write

        chunks = self.outer(full, start_response)
        try:
            for chunk in chunks:
                assert reply.calls, "the header section comes before the body"
                reply.body += chunk
        finally:
            chunks.close()
        assert reply.calls
        return reply

    def log_in(self, password: str = "correct horse") -> None:
        with kam3.ClientExchange(ALG, pi_of(password)) as exchange:
            reply = self.ask(authorization=serialize(KexC1(REALM, "host", USER, exchange.kc1)))
            parameters = read_challenges(reply.values("WWW-Authenticate")).mutual
            assert parameters is not None
            challenge = parse_challenge(parameters)
            assert isinstance(challenge, KexS1)
            self.session, self.sid, self.nc = exchange.finish(challenge.ks1), challenge.sid, 0

    def get(self, path: str = "/", **more: Any) -> Reply:
        """Make a request with a proof; log in before, if need be."""
        if self.session is None:
            self.log_in()
        assert self.session is not None
        self.nc += 1
        return self.ask(path, serialize(VfyC(REALM, "host", self.sid, self.nc, self.session.vkc(self.nc, VH))), **more)

    def check(self, reply: Reply) -> None:
        assert self.session is not None
        info = read_info(reply.values("Authentication-Info"))
        assert info is not None, reply.headers
        self.session.verify_vks(parse_info(info, ALG.token).vks, self.nc, VH)


def hello(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    body = f"{environ.get('REMOTE_USER')} {environ.get('AUTH_TYPE')}".encode("latin-1")
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def test_a_protected_page() -> None:
    site = Site(hello)
    reply = site.ask()
    assert (reply.status, reply.body) == ("401 Unauthorized", b"log-in needed: initial\n")
    reply = site.get()
    site.check(reply)
    assert (reply.status, reply.body) == ("200 OK", b"alice Mutual")
    assert reply.values("Cache-Control") == ["private"]


def test_open_and_optional_pages() -> None:
    site = Site(hello)
    assert site.ask("/open").body == b"None None"
    reply = site.ask("/either")
    assert reply.body == b"None None"
    assert reply.values("Vary") == ["Authorization"]
    assert "reason=initial" in reply.values("Optional-WWW-Authenticate")[0]
    reply = site.get("/either")
    site.check(reply)
    assert reply.body == b"alice Mutual"
    assert reply.values("Optional-WWW-Authenticate") == []


FORGED = {
    "REMOTE_USER": "root",
    "AUTH_TYPE": "Basic",
    "REMOTE_IDENT": "root",
    "HTTP_REMOTE_USER": "root",
    "HTTP_X_REMOTE_USER": "root",
    "HTTP_X_FORWARDED_USER": "root",
}


@pytest.mark.parametrize("path", ["/", "/open", "/either"])
@pytest.mark.parametrize("proved", [False, True])
def test_row_54_a_forged_user_never_reaches_the_application(path: str, proved: bool) -> None:
    seen: dict[str, Any] = {}

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        seen.update(environ)
        return hello(environ, start_response)

    site = Site(application)
    reply = site.get(path, **FORGED) if proved else site.ask(path, **FORGED)
    if path == "/" and not proved:
        assert (reply.number, seen) == (401, {})
        return
    known = proved and path != "/open"
    assert seen.get("REMOTE_USER") == ("alice" if known else None)
    assert seen.get("AUTH_TYPE") == ("Mutual" if known else None)
    assert not any(key in seen for key in FORGED if key not in ("REMOTE_USER", "AUTH_TYPE"))
    assert "root" not in map(str, seen.values())
    assert seen["kam3.login"].user == ("alice" if known else None)


def test_row_54_a_name_beyond_latin_1_is_octets_as_pep_3333_wants_them() -> None:
    names: list[str] = []

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        names.extend((environ["REMOTE_USER"], environ["kam3.login"].user))
        return hello(environ, start_response)

    site, user = Site(application), "\u0141ukasz"
    site.users.put(REALM, user, j_of(user=user))
    with kam3.ClientExchange(ALG, pi_of(user=user)) as exchange:
        reply = site.ask(authorization=serialize(KexC1(REALM, "host", user, exchange.kc1)))
        challenge = parse_challenge(read_challenges(reply.values("WWW-Authenticate")).mutual or {})
        assert isinstance(challenge, KexS1)
        site.session, site.sid = exchange.finish(challenge.ks1), challenge.sid
    site.check(site.get())
    assert names == [user.encode().decode("latin-1"), user]


@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "304 Not Modified", "302 Found", "404 Not", "500 Oh", "401 Unauthorized"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_row_51_every_answer_has_the_proof(status: str, method: str) -> None:
    bodiless = status[:3] in ("204", "304")

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        fields = [] if bodiless else [("Content-Type", "text/plain")]
        start_response(status, [*fields, ("Authentication-Info", "vks=forged")])
        return [] if bodiless or method == "HEAD" else [b"x"]

    site = Site(application)
    reply = site.get(method=method)
    site.check(reply)
    assert len(reply.values("Authentication-Info")) == 1
    assert reply.status == ("403 Forbidden" if status.startswith("401") else status)


def test_decision_16_a_401_of_the_application_is_a_403_and_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("401 Unauthorized", [("Content-Type", "text/plain"), ("WWW-Authenticate", "Basic")])
        return [b"no"]

    site = Site(application)
    with caplog.at_level(logging.WARNING, "kam3.audit"):
        reply = site.get()
    site.check(reply)
    assert reply.values("WWW-Authenticate") == []
    assert "application-401" in caplog.text
    assert site.ask("/open").status == "401 Unauthorized"
    assert "reason=initial" in site.ask("/either").values("WWW-Authenticate")[0]


def test_an_exception_of_the_application_is_a_500_with_the_proof(caplog: pytest.LogCaptureFixture) -> None:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        raise KeyError("secret")

    site = Site(application)
    reply = site.get()
    site.check(reply)
    assert reply.status == "500 Internal Server Error"
    assert b"secret" not in reply.body
    assert "KeyError" in caplog.text
    with pytest.raises(KeyError):
        site.ask("/open")


@pytest.mark.parametrize("empty_first", [False, True])
def test_an_exception_before_the_first_octet_is_a_500_with_the_proof(empty_first: bool) -> None:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        if empty_first:
            yield b""
        raise KeyError

    site = Site(application)
    reply = site.get()
    site.check(reply)
    assert reply.status == "500 Internal Server Error"
    assert reply.calls == 2


def test_an_exception_amid_the_body_is_the_servers_matter() -> None:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"begun"
        raise KeyError

    site = Site(application)
    with pytest.raises(KeyError):
        site.get()


def test_an_exception_after_write_is_the_servers_matter(caplog: pytest.LogCaptureFixture) -> None:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])(b"begun")
        raise KeyError

    with pytest.raises(KeyError):
        Site(application).get()
    assert "raised an exception" not in caplog.text, "no second response was tried"


def test_an_application_may_replace_its_response_after_an_error() -> None:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        try:
            raise ValueError
        except ValueError:
            start_response("503 Sorry", [("Content-Type", "text/html")], sys.exc_info())
        return [b"sorry"]

    site = Site(application)
    reply = site.get()
    site.check(reply)
    assert (reply.status, reply.body) == ("503 Sorry", b"sorry")
    assert len(reply.values("Authentication-Info")) == 1


def test_write_and_generators_and_close() -> None:
    closed: list[bool] = []

    class Body:
        def __init__(self) -> None:
            self.chunks = iter([b"b", b"c"])

        def __iter__(self) -> Body:
            return self

        def __next__(self) -> bytes:
            return next(self.chunks)

        def close(self) -> None:
            closed.append(True)

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Body:
        start_response("200 OK", [("Content-Type", "text/plain")])(b"a")
        return Body()

    site = Site(application)
    reply = site.get()
    site.check(reply)
    assert (reply.body, closed) == (b"abc", [True])


def test_a_streamed_body_is_not_gathered() -> None:
    made: list[int] = []

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        for number in range(3):
            made.append(number)
            yield b"x"

    site = Site(application, validated=False)
    site.log_in()
    assert site.session is not None
    header = serialize(VfyC(REALM, "host", site.sid, 1, site.session.vkc(1, VH)))
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_HOST": HOST, "HTTP_AUTHORIZATION": header, "wsgi.url_scheme": "http"}
    chunks = iter(site.middleware(environ, lambda *_: lambda _: None))
    next(chunks)
    assert made == [0]


def test_row_49_the_body_of_a_request_is_not_read_before_it_is_judged() -> None:
    class Unread(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            raise AssertionError("the body was read")

    site = Site(hello)
    reply = site.ask(method="POST", **{"wsgi.input": Unread()})  # type: ignore[arg-type]  # the environ holds more than text
    assert reply.number == 401


WISHES = [("log_out", 200, None), ("reauthenticate", 401, "reauth-needed"), ("deny", 403, "authz-failed")]


@pytest.mark.parametrize("wish, status, header", WISHES)
def test_what_the_application_can_ask_for(wish: str, status: int, header: str | None) -> None:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        if environ["PATH_INFO"] == "/do":
            getattr(environ["kam3.login"], wish)()
        return hello(environ, start_response)

    site = Site(application)
    reply = site.get("/do")
    assert reply.number == status
    if header is None:
        site.check(reply)
        assert reply.values("Authentication-Control") == ['Mutual realm="r", logout-timeout=0']
    else:
        assert header in reply.values("WWW-Authenticate")[0]
        assert reply.values("Authentication-Info") == []
        assert reply.values("Cache-Control") == ["no-store"]
    again = site.get()
    assert again.number == (200 if wish == "deny" else 401)


def test_a_log_out_that_the_store_does_not_carry_out_is_a_503_with_the_proof() -> None:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        environ["kam3.login"].log_out()
        return hello(environ, start_response)

    site = Site(application)

    def fail(key: object) -> None:
        raise StoreUnavailableError("away")

    site.table.end = fail  # type: ignore[method-assign,assignment]
    reply = site.get()
    site.check(reply)
    assert reply.number == 503
    assert reply.values("Authentication-Control") == []


def test_what_comes_too_late_or_from_nobody_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="nobody"):
        Login(None).log_out()

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        body = hello(environ, start_response)
        with pytest.raises(LocalProtocolError, match="has been sent"):
            environ["kam3.login"].log_out()
        return body

    site = Site(application)
    site.check(site.get())


def test_row_32_the_path_is_that_of_the_whole_site_and_its_octets_are_utf_8() -> None:
    site = Site(hello)
    assert site.ask("", SCRIPT_NAME="/open").number == 200
    assert site.ask("/x", SCRIPT_NAME="/open").number == 200
    assert site.ask("/open", SCRIPT_NAME="/x").number == 401
    assert site.ask("/open/../x").number == 400
    assert site.ask("/\xe9\xff").number == 401


def test_row_32_a_target_in_absolute_form_replaces_the_host_field() -> None:
    hosts: list[str] = []

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        hosts.append(environ["HTTP_HOST"] + environ["PATH_INFO"])
        return hello(environ, start_response)

    site = Site(application, validated=False)
    site.outer = site.middleware  # the validator knows no absolute form
    site.session = None

    def ask(path: str, **environ: str) -> int:
        chunks: list[str] = []
        full = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "HTTP_HOST": "evil.example", "wsgi.url_scheme": "http", **environ}
        list(site.middleware(full, lambda status, headers, exc_info=None: chunks.append(status)))  # type: ignore[arg-type,return-value]
        return int(chunks[0][:3])

    assert ask(f"http://{HOST}/open") == 200
    assert ask(f"http://{HOST}/x") == 401
    assert ask("http://evil.example/open", HTTP_HOST=HOST) == 421
    assert ask(f"https://{HOST}/open") == 400
    assert ask("open") == 400
    assert ask("open", SCRIPT_NAME="/open", HTTP_HOST=HOST) == 400
    assert hosts == [f"{HOST}/open"]


def test_an_unknown_host_and_a_store_that_is_away() -> None:
    site = Site(hello)
    reply = site.ask(HTTP_HOST="evil.example")
    assert reply.status == "421 Misdirected Request"
    assert ORIGIN.encode() in reply.body

    def fail(*_: object) -> None:
        raise StoreUnavailableError("away")

    site.log_in()
    site.table.begin = fail  # type: ignore[method-assign,assignment]
    reply = site.get()
    assert (reply.number, reply.values("WWW-Authenticate")) == (503, [])


def test_a_proxy_that_ends_tls_and_the_peer_behind_it() -> None:
    peers: list[str] = []
    site = Site(hello, peers=Peers(["10.0.0.0/8"]), scheme="http")
    admit = site.table.admit

    def spy(peer: str, *rest: Any) -> Any:
        peers.append(peer)
        return admit(peer, *rest)

    site.table.admit = spy  # type: ignore[method-assign]
    kex = serialize(KexC1(REALM, "host", USER, ALG.kc1(ALG.generate_secret())))
    for address in ("10.0.0.1", "192.0.2.9"):
        assert site.ask(authorization=kex, REMOTE_ADDR=address, HTTP_X_FORWARDED_FOR="6.6.6.6, 203.0.113.5").number == 401
    assert site.ask(authorization=kex, **{"wsgi.url_scheme": "https"}).number == 401
    assert peers == ["203.0.113.5", "192.0.2.9", "192.0.2.7"]


def test_a_middleware_needs_stores_or_a_handler() -> None:
    server, table, users = MutualServer(SPACES, [ORIGIN]), MemorySessionTable(), MemoryCredentialStore()
    handler = Handler(table, users)
    MutualMiddleware(hello, server, handler=handler)
    for more in ({}, {"table": table}, {"handler": handler, "table": table}, {"handler": handler, "scheme": "ftp"}):
        with pytest.raises(ValueError, match="needed|other|http"):
            MutualMiddleware(hello, server, **more)  # type: ignore[arg-type]  # that is refused
