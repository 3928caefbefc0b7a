"""The forward proxy, and the client on `http.client` through it: real sockets on the loopback interface."""

from __future__ import annotations

import asyncio
import http.client
import logging
import runpy
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import kam3
from kam3.adapters import asgi, wsgi
from kam3.adapters.asgi import AsyncHandler
from kam3.adapters.proxy import MutualProxy, _Exchange
from kam3.adapters.proxy_messages import public_web
from kam3.adapters.proxy_streams import ProxyLimits
from kam3.adapters.stdlib import Client, Reply
from kam3.adapters.stdlib_connections import Connection
from kam3.errors import RemoteProtocolError, RetryableProtocolError, UnprovedResponseError
from kam3.mutual.client import MutualClient
from kam3.mutual.client_actions import AskCredentials, Credentials, Response, Status
from kam3.mutual.messages import PROXY, Init, KexC1, KexS1, VfyC, VfyS, parse_request, read_credentials, serialize
from kam3.mutual.server import MutualServer
from kam3.mutual.spaces import Space
from kam3.stores.memory import MemoryCredentialStore, MemorySessionTable
from tests.adapters.proxying import HOST, PROXY_PASSWORD, PROXY_USER, REALM, Running, proxy_running
from tests.clib import ROOT
from tests.mutual.loopback import Loopback, make_certificate, running
from tests.mutual.model import PASSWORD, USER, response


@pytest.fixture
def proxy() -> Iterator[Running]:
    with proxy_running() as proxy:
        yield proxy


@pytest.fixture
def server() -> Iterator[Loopback]:
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, bytes]:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def secure(files: tuple[Path, Path, bytes]) -> Iterator[Loopback]:
    with running(tls=files[:2], certificate=files[2]) as server:
        yield server


@pytest.fixture
def context(files: tuple[Path, Path, bytes]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(files[0]))


def both(reply: Reply) -> tuple[bool, bool]:
    assert reply.proxy is not None
    return reply.outcome.proved, reply.proxy.proved


# Log-ins


def test_r257_both_log_ins_go_in_one_request_of_plain_http(proxy: Running, server: Loopback) -> None:
    with proxy.client(origin=server) as client:
        reply = client.get(server.url + "a?b=c")
        assert (reply.status, reply.body, both(reply)) == (200, b"page /a?b=c", (True, True))
        assert both(client.get(server.url)) == (True, True)
    assert proxy.connections == 1
    assert [path for _, path, _, _ in server.requests] == ["/a?b=c"] * 3 + ["/"], "what the proxy answered itself reached nobody"


def test_r258_a_tunnel_is_proved_before_tls_and_carries_the_log_in_to_the_origin(
    proxy: Running, secure: Loopback, context: ssl.SSLContext
) -> None:
    with proxy.client(origin=secure, context=context) as client:
        reply = client.get(secure.url + "a")
        assert (reply.body, both(reply)) == (b"page /a", (True, True))
        assert both(client.get(secure.url)) == (True, True)
    assert (proxy.connections, secure.connections) == (1, 1)


def test_r262_a_proxy_that_is_reached_by_https(
    files: tuple[Path, Path, bytes], server: Loopback, secure: Loopback, context: ssl.SSLContext
) -> None:
    with proxy_running(tls=files) as proxy, proxy.client(origin=secure, context=context) as client:
        client.mutual.add(server.url, USER, PASSWORD)
        assert both(client.get(secure.url)) == (True, True), "TLS in TLS"
        assert both(client.get(server.url)) == (True, True)
        secure.page = lambda _: b"x" * 300_000
        assert len(client.request("POST", secure.url, body=b"y" * 200_000).body) == 300_000
        assert secure.requests[-1][2] == b"y" * 200_000


def test_r261_the_session_with_the_proxy_serves_all_origins(
    proxy: Running, server: Loopback, secure: Loopback, context: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "kam3.audit")
    with running() as third, proxy.client(require=False, context=context) as client:
        for origin in (server, third, secure):
            reply = client.get(origin.url)
            assert (reply.status, reply.proxy is not None and reply.proxy.proved) == (401, True)
    audited = [getattr(record, "event", "") for record in caplog.records]
    assert [name for name in audited if name != "tunnel"] == ["key-exchange", "log-in"]
    assert "tunnel" in audited


def test_decision_24_an_origins_401_passes_with_the_proxys_proof(proxy: Running, server: Loopback) -> None:
    with proxy.client() as client:
        reply = client.get(server.url)
        assert (reply.status, reply.outcome.reason.code) == (401, "no-credentials")
        assert reply.headers["WWW-Authenticate"].startswith("Mutual ")
        assert reply.proxy is not None
        assert reply.proxy.proved


def test_an_open_origin_is_open_behind_a_proxy_too(proxy: Running) -> None:
    with running(realms={}) as server, proxy.client(require=False) as client:
        reply = client.get(server.url)
        assert (reply.outcome.status, reply.body, both(reply)) == (Status.UNAUTHENTICATED, b"page /", (False, True))
        with proxy.client() as strict, pytest.raises(UnprovedResponseError):
            strict.get(server.url)


@pytest.mark.parametrize("kind", ["plain", "tunnel"])
def test_a_wrong_password_is_told_as_the_proxys(
    proxy: Running, server: Loopback, secure: Loopback, context: ssl.SSLContext, kind: str
) -> None:
    origin = server if kind == "plain" else secure
    with proxy.client(origin=origin, password="wrong", context=context) as client:
        reply = client.get(origin.url)
    assert (reply.status, reply.outcome.status, reply.outcome.reason.code) == (407, Status.AUTH_REQUIRED, "auth-failed")
    assert reply.outcome.reason.text.startswith(f"proxy {proxy.url}: ")
    assert (origin.requests, origin.connections, proxy.targets) == ([], 0, [])


def test_somebody_is_asked_for_both(proxy: Running, server: Loopback) -> None:
    asked: list[tuple[bool, str]] = []

    def ask(action: AskCredentials) -> Credentials:
        asked.append((action.proxy, action.realm.realm))
        return Credentials(PROXY_USER, PROXY_PASSWORD) if action.proxy else Credentials(USER, PASSWORD)

    with Client(proxy=proxy.url, ask=ask, timeout=10) as client:
        assert both(client.get(server.url)) == (True, True)
        assert both(client.get(server.url)) == (True, True)
    assert asked == [(True, "Way out"), (False, "A")]


def test_nobody_to_ask_is_a_407(proxy: Running, server: Loopback) -> None:
    with Client(proxy=proxy.url, timeout=10) as client:
        reply = client.get(server.url)
    assert (reply.status, reply.outcome.reason.code) == (407, "no-credentials")


def test_bodies_of_all_kinds_go_through(proxy: Running, server: Loopback) -> None:
    with proxy.client(origin=server) as client:
        for body, length in ((b"x" * 1000, 1000), (b"x" * 300_000, 300_000), (iter([b"abc", b"def"]), 6)):
            assert both(client.request("POST", server.url, body=body)) == (True, True)
            assert len(server.requests[-1][2]) == length
        assert client.request("HEAD", server.url).body == b""
        server.page = lambda _: b"z" * 1_000_000
        assert len(client.get(server.url).body) == 1_000_000


@pytest.mark.parametrize("body", [b"x", None])
def test_sessions_that_both_have_lost_are_made_anew(proxy: Running, server: Loopback, body: bytes | None) -> None:
    with proxy.client(origin=server) as client:
        client.get(server.url)
        server.model.forget()
        proxy.table._rooms.clear()
        assert both(client.request("GET" if body is None else "POST", server.url, body=body)) == (True, True)


def test_a_stream_is_never_sent_twice_for_the_proxys_sake(proxy: Running, server: Loopback) -> None:
    with proxy.client(origin=server) as client:
        client.get(server.url)
        proxy.table._rooms.clear()
        with pytest.raises(RetryableProtocolError) as caught:
            client.request("POST", server.url, body=iter([b"abc"]))
        assert caught.value.code == "body-sent"
        assert both(client.request("POST", server.url, body=iter([b"abc"]))) == (True, True)


def test_threads_share_both_sessions_and_repeat_no_number(proxy: Running, server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, int]] = []
    begin = proxy.table.begin

    def noted(key: Any, nc: int) -> Any:
        sent.append((key.sid, nc))
        return begin(key, nc)

    monkeypatch.setattr(proxy.table, "begin", noted)
    proxy.proxy.handle.__self__._begin = proxy.proxy.handle.__self__._method(proxy.table, "begin")  # type: ignore[attr-defined]
    with proxy.client(origin=server) as client, ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: client.get(server.url), range(40)))
    assert all(both(reply) == (True, True) for reply in replies)
    assert len(sent) == len(set(sent)) >= 42
    assert len({sid for sid, _ in sent}) == 1
    used = [number for numbers in server.model.used.values() for number in numbers]
    assert len(used) == len(set(used)) == 40


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_row_83_no_proof_for_an_origin_is_sent_twice_whatever_the_proxy_asks_for(
    proxy: Running, server: Loopback, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    seen: list[bytes] = []
    judge = _Exchange._judge

    async def noted(self: _Exchange, request: Any) -> bool:
        seen.extend(value for name, value in request.headers if name == b"authorization")
        return await judge(self, request)

    monkeypatch.setattr(_Exchange, "_judge", noted)
    body = None if method == "GET" else b"abc"
    with proxy.client(origin=server) as client:
        client.get(server.url)
        proxy.table._rooms.clear()  # the proxy will not know the session
        assert both(client.request(method, server.url, body=body)) == (True, True)
        with Client(client.mutual, proxy=proxy.mutual(), timeout=10) as fresh:  # and this one does not know the proxy
            assert both(fresh.request(method, server.url, body=body)) == (True, True)
    assert len(seen) == len(set(seen)) >= 4


def test_the_caller_cannot_write_the_fields_of_the_proxy(proxy: Running, server: Loopback) -> None:
    with proxy.client(origin=server) as client, pytest.raises(ValueError, match="Proxy-Authorization"):
        client.request("GET", server.url, headers={"Proxy-Authorization": "Basic x"})


def test_clients_for_proxies_and_origins_are_not_mixed_up(proxy: Running) -> None:
    with pytest.raises(ValueError, match="give it as proxy"):
        Client(proxy.mutual())
    with pytest.raises(ValueError, match="made with proxy="):
        Client(proxy=MutualClient())


def test_no_proxy_is_an_os_error(server: Loopback) -> None:
    with proxy_running() as gone:
        url = gone.url
    with Client(proxy=url, timeout=5) as client, pytest.raises(OSError):
        client.get(server.url)
    assert server.connections == 0


# Proxies that lie


class Liar:
    """A proxy that does not know J: it plays along as far as it can, then says that all is well, and takes down what comes."""

    def __init__(self, proof: Callable[[VfyC], str | None], challenges: bool) -> None:
        self.proof, self.challenges = proof, challenges
        self.after = b""  # what came in the tunnel
        self.done = threading.Event()


def _liar(liar: Liar) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            lines = self.headers.get_all("Proxy-Authorization", [])
            parameters = read_credentials(lines, PROXY)
            message = None if parameters is None else parse_request(parameters)
            if isinstance(message, KexC1):
                ks1 = kam3.EC_P256.kc1(kam3.EC_P256.generate_secret())
                self._reply(407, "Proxy-Authenticate", serialize(KexS1(REALM, "host", "0" * 32, ks1, 2**31 - 1, 1024, 3600)))
            elif message is None and liar.challenges:
                self._reply(407, "Proxy-Authenticate", serialize(Init(REALM, "host", "initial")))
            else:
                self._reply(200, "Proxy-Authentication-Info", None if message is None else liar.proof(message))

        def _reply(self, status: int, name: str, value: str | None) -> None:
            self.send_response(status)
            if value is not None:
                self.send_header(name, value)
            tunnel = self.command == "CONNECT" and status == 200
            content = b"" if tunnel else b"poisoned content"
            if not tunnel:
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Set-Cookie", "stolen=secret")
            self.end_headers()
            self.wfile.write(content)
            if tunnel:
                self.connection.settimeout(5)
                liar.after = self.connection.recv(1000)
                liar.done.set()
                self.close_connection = True

        do_GET = do_CONNECT = _serve  # noqa: N815  # the names that the base class looks for

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@contextmanager
def lying(proof: Callable[[VfyC], str | None], *, challenges: bool = True) -> Iterator[tuple[Liar, str]]:
    liar = Liar(proof, challenges)
    listener = ThreadingHTTPServer((HOST, 0), _liar(liar))
    listener.daemon_threads = True
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield liar, f"http://{HOST}:{listener.server_port}"
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


def wrong(message: VfyC) -> str:
    return serialize(VfyS(message.sid, bytes(32), REALM.algorithm))


LIES: dict[str, tuple[Callable[[VfyC], str | None], bool]] = {
    "a wrong proof": (wrong, True),
    "no proof": (lambda _: None, True),
    "the proof of another session": (lambda message: wrong(message).replace(message.sid, "1" * 32), True),
    "no challenge": (lambda _: None, False),
}


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("case", LIES)
def test_row_83_a_proxy_that_does_not_know_j_is_detected_before_an_octet_of_the_origin(case: str, scheme: str) -> None:
    proof, challenges = LIES[case]
    with lying(proof, challenges=challenges) as (liar, url):
        mutual = MutualClient(proxy=url)
        mutual.add(url, PROXY_USER, PROXY_PASSWORD)
        errors = (RemoteProtocolError, UnprovedResponseError)
        with Client(proxy=mutual, require=False, timeout=10) as client, pytest.raises(errors) as caught:
            client.get(f"{scheme}://{HOST}:9/")
        told = repr(caught.value) + repr(vars(caught.value))
        assert f"proxy {url}" in told
        assert "poisoned" not in told
        assert "stolen" not in told
        if scheme == "https":
            assert liar.done.wait(10)
        assert liar.after == b"", "nothing of TLS was sent into the tunnel"


def test_a_proxys_own_words_never_pass_for_those_of_an_https_server() -> None:
    with lying(wrong) as (_, url), Client(proxy=url, require=False, timeout=10) as client:
        reply = client.get(f"https://{HOST}:9/")
    assert (reply.status, reply.outcome.status, reply.body) == (407, Status.AUTH_REQUIRED, b"")
    assert list(reply.headers) == ["Proxy-Authenticate"]


def test_an_idle_connection_to_the_proxy_that_is_lost_is_replaced(
    proxy: Running, secure: Loopback, context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "lost", lambda self: False)
    with proxy.client(origin=secure, context=context, require=False) as client:
        with running() as server:
            client.get(server.url)
        (idle,) = client._through.pool._idle.values()  # type: ignore[union-attr]  # it has a proxy
        idle.http.sock.shutdown(socket.SHUT_RDWR)
        assert both(client.get(secure.url)) == (True, True)


def test_log_out_is_for_the_one_whose_answer_it_was(proxy: Running, server: Loopback) -> None:
    with proxy.client(origin=server) as client:
        reply = client.get(server.url)
        again = client.log_out(reply)
        assert again is not None
        assert (again.status, again.proxy is not None and again.proxy.requests) == (401, 1)


def test_the_bad_proxy_gets_one_guess(server: Loopback) -> None:
    with lying(wrong) as (_, url):
        mutual = MutualClient(proxy=url)
        mutual.add(url, PROXY_USER, PROXY_PASSWORD)
        with Client(proxy=mutual, timeout=10) as client, pytest.raises(RemoteProtocolError) as caught:
            client.get(server.url)
        assert caught.value.code == "server-not-proved"
    assert server.connections == 0


def test_a_proxy_that_asks_for_nothing_is_used_where_no_proof_is_required(server: Loopback) -> None:
    with lying(lambda _: None, challenges=False) as (_, url), Client(proxy=url, require=False, require_proxy=False) as client:
        reply = client.get(server.url)
        assert (reply.body, reply.outcome.status, both(reply)) == (b"poisoned content", Status.UNAUTHENTICATED, (False, False))


# What the proxy passes on


class Raw:
    """A connection to a proxy, in octets."""

    def __init__(self, proxy: Running) -> None:
        self.socket = socket.create_connection((HOST, proxy.port), timeout=10)
        self.reader = self.socket.makefile("rb")

    def ask(self, *lines: str, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
        self.socket.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode("latin-1") + body)
        return self.answer()

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        status = int(self.reader.readline().split()[1])
        fields: dict[str, str] = {}
        while (line := self.reader.readline().decode("latin-1").strip()) != "":
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()
        return status, fields, self.reader.read(int(fields.get("content-length", "0"))) if status >= 200 else b""

    @property
    def closed(self) -> bool:
        try:
            return self.reader.read(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self.reader.close()
        self.socket.close()


class Proved:
    """Makes Proxy-Authorization by hand."""

    def __init__(self, proxy: Running) -> None:
        self.client, self.url = proxy.mutual(), proxy.url
        with Client(proxy=self.client, require=False) as client, running(realms={}) as server:
            client.get(server.url)

    def line(self) -> str:
        steps = self.client.sequence("GET", "http://any.example/")
        send: Any = steps.send(None)
        steps.close()
        return f"Proxy-Authorization: {send.authorization}"


@pytest.fixture
def raw(proxy: Running) -> Iterator[Raw]:
    raw = Raw(proxy)
    yield raw
    raw.close()


@contextmanager
def echoing(answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") -> Iterator[tuple[str, list[bytes]]]:
    """An origin that takes down the octets of its first request and answers the same to all."""
    listener = socket.create_server((HOST, 0))
    got: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                octets = b""
                while b"\r\n\r\n" not in octets:
                    octets += connection.recv(65536)
                head, _, body = octets.partition(b"\r\n\r\n")
                fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
                while b"expect" not in fields and len(body) < int(fields.get(b"content-length", b"0")):
                    body += connection.recv(65536)
                got.append(head + b"\r\n\r\n" + body)
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{listener.getsockname()[1]}", got
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def test_hop_by_hop_fields_end_here_and_host_is_that_of_the_target(proxy: Running, raw: Raw) -> None:
    answer = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: X-Secret\r\nX-Secret: 1\r\nX-Kept: 2\r\nKeep-Alive: 5\r\nVia: 1.1 other\r\n"
        b"Proxy-Authenticate: Basic\r\nProxy-Authentication-Info: vks=00\r\nUpgrade: x\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\nok"
    )
    proved = Proved(proxy)
    with echoing(answer) as (url, got):
        line = proved.line()
        status, fields, body = raw.ask(
            f"POST {url}/a?b HTTP/1.1",
            "Host: evil.example",
            "Content-Length: 3",
            line,
            "Authorization: Mutual for=origin",
            "Connection: X-Hop, keep-alive, Content-Length",
            "X-Hop: 1",
            "X-End: 2",
            "TE: trailers",
            "Upgrade: websocket",
            "Proxy-Connection: keep-alive",
            "Via: 1.0 first",
            body=b"abc",
        )
    (request,) = got
    text = request.decode("latin-1").lower()
    assert text.startswith("post /a?b http/1.1\r\n")
    assert text.endswith("\r\n\r\nabc")
    assert f"host: {url.partition('//')[2]}\r\n" in text
    via = f"via: 1.1 {proxy.proxy.pseudonym}"
    for passed in ("content-length: 3", "authorization: mutual for=origin", "x-end: 2", "via: 1.0 first", via):
        assert f"\r\n{passed}" in text
    for dropped in ("proxy-", "evil", "x-hop", "te:", "upgrade", "connection:"):
        assert f"\r\n{dropped}" not in text
    assert (status, body) == (200, b"ok")
    assert {"x-kept", "set-cookie", "via", "proxy-authentication-info"} <= set(fields)
    assert not {"x-secret", "keep-alive", "proxy-authenticate", "upgrade"} & set(fields)
    assert len(fields["proxy-authentication-info"]) > 64, "and it is ours"


AMBIGUOUS = {
    "length and coding": ["Content-Length: 3", "Transfer-Encoding: chunked"],
    "two lengths": ["Content-Length: 3", "Content-Length: 4"],
    "two lengths in one line": ["Content-Length: 3, 4"],
    "a length with a sign": ["Content-Length: +3"],
    "a length that is none": ["Content-Length: 0x3"],
    "two codings": ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
    "another coding": ["Transfer-Encoding: gzip, chunked"],
    "a disguised coding": ["Transfer-Encoding: xchunked"],
    "a space before the colon": ["Content-Length : 3"],
    "a control character": ["X-A: b\x00c"],
    "a bare carriage return": ["X-A: b\rContent-Length: 3"],
}


@pytest.mark.parametrize("case", AMBIGUOUS)
def test_a_request_whose_end_is_ambiguous_reaches_nobody(proxy: Running, raw: Raw, case: str) -> None:
    proved = Proved(proxy)
    proxy.targets.clear()
    with echoing() as (url, got):
        line = proved.line()
        body = b"0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"
        status, fields, _ = raw.ask(f"POST {url}/ HTTP/1.1", "Host: x", line, *AMBIGUOUS[case], body=body)
        assert status in (400, 501)
        assert "proxy-authentication-info" not in fields
        assert raw.closed
    assert (got, proxy.targets) == ([], [])


def test_a_coding_in_http_1_0_is_refused(proxy: Running, raw: Raw) -> None:
    assert raw.ask("POST http://x.example/ HTTP/1.0", "Transfer-Encoding: chunked", body=b"0\r\n\r\n")[0] == 400
    assert raw.closed


@pytest.mark.parametrize(
    "line",
    [
        "GET / HTTP/1.1",
        "GET https://x.example/ HTTP/1.1",
        "GET http://u:p@x.example/ HTTP/1.1",
        "GET http://x.example/#f HTTP/1.1",
        "GET http://x.example:99999/ HTTP/1.1",
        "GET http:///a HTTP/1.1",
        "GET ftp://x.example/ HTTP/1.1",
        "CONNECT x.example HTTP/1.1",
        "CONNECT http://x.example:443/ HTTP/1.1",
        "CONNECT x.example:0 HTTP/1.1",
        "CONNECT u@x.example:443 HTTP/1.1",
        "GET http://x.example/ HTTP/9.9",
        "nonsense",
    ],
)
def test_targets_that_are_none_are_refused(proxy: Running, raw: Raw, line: str) -> None:
    assert raw.ask(line, "Host: x.example")[0] in (400, 505)
    assert raw.closed
    assert proxy.targets == []


def test_trace_is_not_passed_on_and_connect_has_no_content(proxy: Running) -> None:
    for lines, expected in ((["TRACE http://x.example/ HTTP/1.1"], 405), (["CONNECT x.example:443 HTTP/1.1", "Content-Length: 3"], 400)):
        raw = Raw(proxy)
        assert raw.ask(*lines, "Host: x.example")[0] == expected
        raw.close()


def test_nothing_is_passed_on_before_the_proof(proxy: Running, raw: Raw) -> None:
    with echoing() as (url, got):
        changed = Proved(proxy).line().replace("nc=", "nc=9")
        for line in ("X-None: 1", "Proxy-Authorization: Basic x", "Authorization: Mutual realm=x", changed):
            status, fields, body = raw.ask(f"POST {url}/ HTTP/1.1", "Host: x", line, "Content-Length: 3", body=b"abc")
            assert (status, "proxy-authenticate" in fields, bool(body)) == (407, True, True)
            assert "www-authenticate" not in fields
            assert "proxy-authentication-info" not in fields
    assert got == []


def test_a_header_section_without_end_is_refused(proxy: Running, raw: Raw) -> None:
    raw.socket.sendall(b"GET http://x.example/ HTTP/1.1\r\nX: " + b"a" * 40000)
    assert raw.answer()[0] == 431
    assert raw.closed


def test_too_large_a_body_of_a_refused_request_is_not_read(proxy: Running, raw: Raw) -> None:
    raw.socket.sendall(b"POST http://x.example/ HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 100_000)
    status, fields, _ = raw.answer()
    assert (status, fields["connection"].lower()) == (407, "close")


def test_only_allowed_targets_are_reached_and_others_refused_with_a_proof(
    server: Loopback, secure: Loopback, context: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "kam3.audit")
    with proxy_running(allow=public_web) as proxy, proxy.client(require=False, context=context) as client:
        reply = client.get(server.url)
        assert (reply.status, both(reply)) == (403, (False, True))
        with pytest.raises(ConnectionRefusedError, match="403"):
            client.get(secure.url)
    assert (server.connections, secure.connections) == (0, 0)
    assert [getattr(record, "event", "") for record in caplog.records].count("target-refused") == 2


def test_the_default_is_the_public_web() -> None:
    assert public_web("dns.example", "8.8.8.8", 443)
    assert public_web("dns.example", "2001:4860:4860::8888", 80)
    ours = ("127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fe80::1%eth0", "0.0.0.0", "224.0.0.1", "fc00::1")
    for address in ours:
        assert not public_web("sly.example", address, 443)
    assert not public_web("mail.example", "8.8.8.8", 25)


def test_an_origin_that_is_not_there_is_a_502_with_a_proof(proxy: Running, context: ssl.SSLContext) -> None:
    with running() as gone:
        url = gone.url
    with proxy.client(require=False, context=context) as client:
        reply = client.get(url)
        assert (reply.status, both(reply)) == (502, (False, True))
        with pytest.raises(ConnectionRefusedError, match="502"):
            client.get(url.replace("http:", "https:"))


BROKEN = {
    "no http": b"SSH-2.0-x\r\n\r\n",
    "nothing": b"",
    "length and coding": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "a proxy's challenge": b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nok",
    "an upgrade": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
}


@pytest.mark.parametrize("case", BROKEN)
def test_an_answer_of_an_origin_that_is_none_is_a_502_with_a_proof(proxy: Running, case: str) -> None:
    with echoing(BROKEN[case]) as (url, _), proxy.client(require=False) as client:
        reply = client.get(f"{url}/")
        assert (reply.status, both(reply)) == (502, (False, True))
        assert reply.body.startswith(url.partition("//")[2].encode()), "the proxy's own words"


def test_a_response_that_is_cut_off_is_cut_off_here_too(proxy: Running) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok"
    with echoing(answer) as (url, _), proxy.client(require=False) as client, pytest.raises((http.client.IncompleteRead, OSError)):
        client.get(f"{url}/")


def test_answers_without_a_length_and_interim_ones_pass(proxy: Running, raw: Raw) -> None:
    line = Proved(proxy).line()
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\nProxy-Authentication-Info: vks=0\r\n\r\n"
    with echoing(interim + b"HTTP/1.0 200 OK\r\n\r\nto the end") as (url, _):
        status, fields, _ = raw.ask(f"GET {url}/ HTTP/1.1", "Host: x", line)
        assert (status, fields) == (103, {"link": "x"})
        status, fields, _ = raw.answer()
        assert (status, fields["transfer-encoding"]) == (200, "chunked")
        assert raw.reader.readline() + raw.reader.readline() == b"a\r\nto the end\r\n"


def test_a_body_waits_for_the_origins_100(proxy: Running, raw: Raw) -> None:
    line = Proved(proxy).line()
    answer = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    with echoing(answer) as (url, got):
        status, _, _ = raw.ask(f"POST {url}/ HTTP/1.1", "Host: x", line, "Expect: 100-continue", "Content-Length: 3")
        assert status == 100
        raw.socket.sendall(b"abc")
        assert raw.answer()[0] == 200
    assert b"expect: 100-continue" in got[0].lower()


def test_requests_that_go_in_a_circle_end(proxy: Running, raw: Raw) -> None:
    status, fields, _ = raw.ask(
        "GET http://x.example/ HTTP/1.1", "Host: x", Proved(proxy).line(), f"Via: 1.1 a, 1.1 {proxy.proxy.pseudonym}"
    )
    assert (status, "proxy-authentication-info" in fields) == (508, True)


@pytest.mark.parametrize("forwards, expected", [("0", 501), ("x", 400), ("5", 200)])
def test_max_forwards_is_counted_down(proxy: Running, raw: Raw, forwards: str, expected: int) -> None:
    with echoing() as (url, got):
        assert raw.ask(f"OPTIONS {url} HTTP/1.1", "Host: x", Proved(proxy).line(), f"Max-Forwards: {forwards}")[0] == expected
    assert [octets.startswith(b"OPTIONS * HTTP/1.1\r\n") and b"Max-Forwards: 4" in octets for octets in got] == [True] * (expected == 200)


def test_what_follows_a_refused_connect_is_no_request(proxy: Running, raw: Raw) -> None:
    with echoing() as (url, got):
        smuggled = f"GET {url}/ HTTP/1.1\r\nHost: x\r\n{Proved(proxy).line()}\r\n\r\n".encode()
        status, _, _ = raw.ask("CONNECT x.example:443 HTTP/1.1", "Host: x", body=smuggled)
        assert status == 407
        assert raw.closed
    assert got == []


def test_a_tunnel_passes_octets_both_ways_and_its_ends(proxy: Running, raw: Raw) -> None:
    listener = socket.create_server((HOST, 0))
    status, fields, _ = raw.ask(f"CONNECT {HOST}:{listener.getsockname()[1]} HTTP/1.1", "Host: x", Proved(proxy).line(), body=b"early ")
    assert (status, set(fields)) == (200, {"proxy-authentication-info"})
    origin, _ = listener.accept()
    origin.settimeout(10)
    raw.socket.sendall(b"there")
    raw.socket.shutdown(socket.SHUT_WR)
    got = b""
    while octets := origin.recv(100):
        got += octets
    assert got == b"early there"
    origin.sendall(b"and back")
    origin.close()
    assert raw.reader.read() == b"and back"
    listener.close()


def test_a_silent_tunnel_ends_and_so_does_a_silent_client() -> None:
    with proxy_running(limits=ProxyLimits(tunnel=0.5, silence=2.0)) as proxy:
        line = Proved(proxy).line()
        raw, silent, listener = Raw(proxy), Raw(proxy), socket.create_server((HOST, 0))
        assert raw.ask(f"CONNECT {HOST}:{listener.getsockname()[1]} HTTP/1.1", "Host: x", line)[0] == 200
        assert raw.closed
        assert silent.closed
        for each in (raw, silent, listener):
            each.close()


@pytest.mark.parametrize("limits", [ProxyLimits(connections=2), ProxyLimits(connections_per_peer=2)])
def test_connections_beyond_the_limits_are_closed(limits: ProxyLimits) -> None:
    with proxy_running(limits=limits) as proxy:
        first, second = Raw(proxy), Raw(proxy)
        for raw in (first, second):
            assert raw.ask("GET http://x.example/ HTTP/1.1", "Host: x")[0] == 407
        third = Raw(proxy)
        assert third.closed
        for raw in (first, second, third):
            raw.close()
        deadline = time.monotonic() + 30
        while proxy.proxy._open and time.monotonic() < deadline:
            time.sleep(0.01)
        fourth = Raw(proxy)
        assert fourth.ask("GET http://x.example/ HTTP/1.1", "Host: x")[0] == 407
        fourth.close()


def test_a_store_that_does_not_answer_is_a_503_and_nothing_is_passed_on(proxy: Running, server: Loopback) -> None:
    def broken(*_: object) -> None:
        raise kam3.errors.StoreUnavailableError("down")

    with proxy.client(origin=server, require=False) as client:
        client.get(server.url)
        count = len(server.requests)
        proxy.proxy.handle.__self__._begin = proxy.proxy.handle.__self__._method(  # type: ignore[attr-defined]  # the AsyncHandler
            type("Down", (), {"immediate": True, "begin": broken})(), "begin"
        )
        reply = client.get(server.url)
        assert (reply.status, reply.outcome.reason.code, reply.body) == (503, "server-error", b"")
        assert len(server.requests) == count


@pytest.mark.parametrize("origins, proxy", [(["http://a.example"], False), (["http://a.example", "http://a.example:81"], True)])
def test_a_proxy_needs_a_server_for_one_proxy(origins: list[str], proxy: bool) -> None:
    server = MutualServer([Space(REALM._replace(auth_scope="a.example"))], origins, proxy=proxy)
    with pytest.raises(ValueError, match="one address"):
        MutualProxy(server, table=MemorySessionTable(), credentials=MemoryCredentialStore())


@pytest.mark.parametrize("middleware", [wsgi.MutualMiddleware, asgi.MutualMiddleware])
def test_row_83_a_server_that_is_a_proxy_protects_no_application(middleware: Any) -> None:
    server = MutualServer([Space(REALM)], [f"http://{HOST}"], proxy=True)
    with pytest.raises(ValueError, match=r"kam3\.adapters\.proxy"):
        middleware(lambda *_: [], server, table=MemorySessionTable(), credentials=MemoryCredentialStore())


def test_the_example_of_the_docs_is_a_proxy(server: Loopback) -> None:
    example = runpy.run_path(str(ROOT / "docs" / "examples" / "proxy.py"))
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    replies: list[Reply] = []

    async def serve() -> None:
        proxy = example["make_proxy"](PROXY_USER, PROXY_PASSWORD, port, allow=lambda *_: True)
        async with await proxy.listen(HOST, port):
            replies.append(await asyncio.get_running_loop().run_in_executor(None, fetch))

    def fetch() -> Reply:
        mutual = MutualClient(proxy=f"http://{HOST}:{port}")
        mutual.add(f"http://{HOST}:{port}", PROXY_USER, PROXY_PASSWORD)
        with Client(proxy=mutual, timeout=10) as client:
            client.mutual.add(server.url, USER, PASSWORD)
            return client.get(server.url)

    asyncio.run(serve())
    assert both(replies[0]) == (True, True)


def test_a_handler_or_the_stores() -> None:
    server = MutualServer([Space(REALM)], [f"http://{HOST}"], proxy=True)
    table, users = MemorySessionTable(), MemoryCredentialStore()
    with pytest.raises(ValueError, match="or a handler"):
        MutualProxy(server, table=table)
    handler = AsyncHandler(table, users)
    with pytest.raises(ValueError, match="one or the other"):
        MutualProxy(server, table=table, handler=handler)
    handler.close()


def test_r263_rfc_8053_of_an_origin_is_between_it_and_the_client(proxy: Running, server: Loopback) -> None:
    def tamper(kind: str, old: Response) -> Response:
        control = 'Mutual realm="A", logout-timeout=0, Mutual realm="Way out", logout-timeout=0'
        return response(old.status, old.channel, **{**_fields(old), "authentication_control": control})

    server.model.tamper = tamper
    with proxy.client(origin=server) as client:
        assert both(client.get(server.url)) == (True, True)
        server.model.tamper = None
        reply = client.get(server.url)
        assert (reply.status, reply.outcome.reason.code) == (401, "no-credentials"), "logged out of the origin"
        assert reply.proxy is not None
        assert (reply.proxy.proved, reply.proxy.requests) == (True, 1), "and not of the proxy"


def _fields(old: Response) -> dict[str, Any]:
    return {name.replace("-", "_").lower(): old.fields(name) for name in ("WWW-Authenticate", "Authentication-Info") if old.fields(name)}
