"""``kam3 serve`` as a process, with clients that speak HTTP by hand and by `kam3 get`."""

from __future__ import annotations

import http.client
import signal
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

import kam3
from kam3.adapters.stdlib import Client
from kam3.cli.http_server import HttpServer
from kam3.cli.site import protected
from kam3.mutual.client_actions import Status
from kam3.mutual.realms import Realm
from tests.cli.test_cli import run, start

PASSWORD = b"correct horse\n"


class Served:
    """A server process and where it listens."""

    def __init__(self, *arguments: str, given: bytes = PASSWORD) -> None:
        self.process = start("serve", "--port", "0", "--user", "alice", "--password-stdin", *arguments)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(given)
        self.process.stdin.close()
        self.process.stdin = None  # type: ignore[assignment]  # so that communicate does not flush it
        line = self.process.stdout.readline().decode()
        assert line.startswith("listening on http://127.0.0.1:"), (line, self.process.poll())
        self.url = line.removeprefix("listening on ").strip()
        self.port = int(self.url.rpartition(":")[2])

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=30)
        return self.process.returncode, err.decode()


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    made: list[Served] = []

    def serve_one(*arguments: str, **more: bytes) -> Served:
        made.append(Served(*arguments, **more))
        return made[-1]

    yield serve_one
    for served in made:
        if served.process.poll() is None:
            served.stop(signal.SIGKILL)


def client_of(url: str, password: str = "correct horse") -> Client:
    client = Client(require=False)
    client.mutual.add(url, "alice", password)
    return client


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="signals as POSIX has them")
def test_the_pages_and_a_clean_end(serve: Callable[..., Served]) -> None:
    served = serve()
    with client_of(served.url) as client:
        for _ in range(3):
            reply = client.get(served.url + "/")
            assert (reply.status, reply.body, reply.outcome.status) == (200, b"Hello, alice!\n", Status.AUTH_SUCCEED)
        assert client.get(served.url + "/optional").body == b"Hello, alice!\n"
        missing = client.get(served.url + "/nowhere")
        assert (missing.status, missing.outcome.status) == (404, Status.AUTH_SUCCEED)
        assert client.get(served.url + "/logout").body == b"Good-bye, alice!\n"
    with Client(require=False) as stranger:
        assert stranger.get(served.url + "/public").body == b"This page is open to everybody.\n"
        assert stranger.get(served.url + "/optional").body == b"Hello, stranger!\n"
        assert stranger.get(served.url + "/").status == 401
    with client_of(served.url, "wrong") as impostor:
        assert impostor.get(served.url + "/").outcome.status is Status.AUTH_REQUIRED
    status, err = served.stop()
    assert status == 0
    assert "log-in peer='127.0.0.1' realm='kam3' user='alice'" in err
    assert "log-in-failed" in err
    assert "log-out" in err
    assert "correct horse" not in err


@pytest.mark.parametrize("alg", kam3.ALGORITHMS, ids=lambda alg: alg.token)
def test_every_algorithm(serve: Callable[..., Served], alg: kam3.Algorithm) -> None:
    served = serve("--algorithm", alg.token, "--realm", "a realm", "--auth-scope", "127.0.0.1")
    status, out, err = run("get", served.url + "/", "--user", "alice", "--password-stdin", given=PASSWORD)
    assert (status, out) == (0, "Hello, alice!\n"), err


def test_a_request_under_another_origin_is_explained(serve: Callable[..., Served]) -> None:
    served = serve("--origin", "http://kam3.example")
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.request("GET", "/")
    response = connection.getresponse()
    assert response.status == 421
    assert b"http://kam3.example" in response.read()
    connection.request("GET", "/", headers={"Host": "kam3.example"})
    response = connection.getresponse()
    assert response.status == 401
    assert 'auth-scope="http://kam3.example"' in response.headers["WWW-Authenticate"]


def test_row_66_restarts_are_invisible_to_a_client() -> None:
    with HttpServer("127.0.0.1", 0) as server:
        realm = Realm(kam3.EC_P256.token, server.url, "r")
        server.set_app(protected(realm, [server.url], {"alice": "correct horse"}))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        with client_of(server.url) as client:
            assert client.get(server.url + "/").outcome.requests == 3
            server.set_app(protected(realm, [server.url], {"alice": "correct horse"}))  # as a new process: it knows no session
            reply = client.get(server.url + "/")
            assert (reply.outcome.status, reply.outcome.requests, reply.body) == (Status.AUTH_SUCCEED, 3, b"Hello, alice!\n")
        server.shutdown()
        thread.join()


def test_a_large_body_that_is_not_read_does_not_cut_the_answer_off(serve: Callable[..., Served]) -> None:
    served = serve()
    for _ in range(5):
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
        connection.request("POST", "/", body=bytes(500_000))
        response = connection.getresponse()
        assert response.status == 401
        assert response.read() == b"log-in needed: initial\n"
        connection.close()


def test_garbage_on_the_wire_does_not_end_the_server(serve: Callable[..., Served]) -> None:
    served = serve()
    header = b"Authorization: Mutual \xff\r\nHost: \xff\r\n\r\n"
    for octets in (b"\x00\xff\r\n\r\n", b"GET / HTTP/1.0\r\n" + header, b"GET http://[ HTTP/1.0\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
            connection.sendall(octets)
            while connection.recv(4096):
                pass
    assert run("get", served.url + "/", "--user", "alice", "--password-stdin", given=PASSWORD)[0] == 0


@pytest.mark.parametrize(
    "arguments, rule",
    [
        (["--user", "a", "--redis", "redis://x"], "--redis"),
        (["--user", "a", "--seal"], "kam3 key new"),
        (["--credentials", "x", "--password-stdin"], "--user"),
        (["--user", "a", "--workers", "0"], "--workers"),
        (["--user", "a", "--tls", "c", "k"], "--tls"),
        (["--user", "a", "--workers", "2"], "--workers"),
        ([], "--user"),
        (["--user", "a", "--port", "x"], "--port"),
        (["--user", "a", "--port", "65536"], "--port"),
        (["--user", "a", "--password-stdin", "--port", "0", "--origin", "ftp://x"], "http or https"),
        (["--user", "a", "--password-stdin", "--port", "0", "--algorithm", "x"], "algorithm"),
        (["--user", "a", "--password-stdin", "--port", "0", "--auth-scope", "http://other"], "covers"),
        (["--user", "a", "--password-stdin", "--port", "0", "--realm", "\u00e9"], "realm"),
        (["--user", "", "--password-stdin", "--port", "0"], "user"),
    ],
)
def test_wrong_usage(arguments: list[str], rule: str) -> None:
    status, out, err = run("serve", *arguments, given=PASSWORD)
    assert (status, out) == (2, "")
    assert rule in err
    assert "Traceback" not in err


def test_no_password_on_standard_input_is_wrong_usage() -> None:
    status, _, err = run("serve", "--user", "a", "--password-stdin", "--port", "0", given=b"\n")
    assert status == 2
    assert "no password" in err


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, _, err = run("serve", "--user", "a", "--password-stdin", "--port", port, given=PASSWORD)
    assert status == 1
    assert "in use" in err


def test_plain_http_beyond_this_machine_is_warned_of(serve: Callable[..., Served]) -> None:
    process = start("serve", "--host", "0.0.0.0", "--port", "0", "--user", "a", "--password-stdin")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(PASSWORD)
    process.stdin.flush()
    assert process.stdout.readline().startswith(b"listening on http://0.0.0.0:")
    process.terminate()
    _, err = process.communicate(timeout=30)
    assert b"plain HTTP beyond this machine" in err
