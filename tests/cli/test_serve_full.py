"""``kam3 serve`` with TLS, stored users, Redis and several workers, as processes; `kam3 get` is the client."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kam3.cli.serve import _listen
from tests.cli.test_cli import run, start
from tests.mutual.certificates import chain_files
from tests.stores.servers import RedisServer, need, wait_for

pytest.importorskip("uvicorn", reason="kam3 serve with TLS, Redis or workers needs uvicorn")

PASSWORD = b"correct horse\n"


class Served:
    """A server process and where it listens."""

    def __init__(self, *arguments: str) -> None:
        self.process = start("serve", "--port", "0", *arguments)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(PASSWORD)
        self.process.stdin.close()
        self.process.stdin = None  # type: ignore[assignment]  # so that communicate does not flush it
        line = self.process.stdout.readline().decode()
        assert line.startswith("listening on http"), (line, self.process.communicate(timeout=30))
        self.url = line.removeprefix("listening on ").strip()

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(child) for child in children]

    def stop(self) -> tuple[int, str]:
        self.process.terminate()
        _, err = self.process.communicate(timeout=30)
        return self.process.returncode, err.decode()


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    made: list[Served] = []

    def serve_one(*arguments: str) -> Served:
        made.append(Served(*arguments))
        return made[-1]

    yield serve_one
    for served in made:
        if served.process.poll() is None:
            served.process.kill()
            served.process.wait(timeout=30)


def get(url: str, *arguments: str, given: bytes = PASSWORD) -> tuple[int, str, str]:
    return run("get", url, "--user", "alice", "--password-stdin", *arguments, given=given)


def test_tls_with_a_chain(serve: Callable[..., Served], tmp_path: Path) -> None:
    certificate, key, authority = chain_files(tmp_path)
    served = serve("--user", "alice", "--password-stdin", "--host", "127.0.0.1", "--tls", certificate, key)
    assert served.url.startswith("https://")
    status, out, err = get(served.url + "/", "--cacert", authority, "--repeat", "2", "--json")
    assert status == 0, err
    assert [json.loads(line)["status"] for line in out.splitlines()] == ["AUTH-SUCCEED"] * 2
    assert get(served.url + "/")[0] == 6  # nobody vouches for this certificate
    assert get(served.url + "/", "--cacert", authority, given=b"wrong\n")[0] == 3
    assert served.stop()[0] == 0


def test_stored_users_and_the_warning_about_another_realm(serve: Callable[..., Served], tmp_path: Path) -> None:
    store = str(tmp_path / "users.sqlite")
    scope = "127.0.0.1"
    assert run("passwd", store, "alice", "--auth-scope", scope, "--password-stdin", given=PASSWORD)[0] == 0
    served = serve("--credentials", store, "--auth-scope", scope)
    assert get(served.url + "/")[0] == 0
    assert served.stop()[0] == 0
    other = serve("--credentials", store, "--auth-scope", scope, "--realm", "another")
    assert get(other.url + "/")[0] == 3
    assert "no user is stored for" in other.stop()[1]
    status, _, err = run("serve", "--credentials", str(tmp_path / "none.sqlite"))
    assert status == 1
    assert "the SQLite file of credentials cannot be used" in err


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    need("redis-server")
    server = RedisServer(tmp_path)
    yield server
    server.kill()


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds the workers in /proc")
def test_row_73_workers_share_their_sessions_and_are_replaced(serve: Callable[..., Served], redis: RedisServer, tmp_path: Path) -> None:
    key_file = str(tmp_path / "server.keys")
    assert run("key", "new", "--file", key_file)[0] == 0
    served = serve("--user", "alice", "--password-stdin", "--redis", redis.url, "--key-file", key_file, "--workers", "2")
    wait_for(lambda: len(served.workers()) == 2)
    status, out, err = get(served.url + "/", "--repeat", "20", "--json")
    assert status == 0, err
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["round_trips"] for line in lines] == [3] + [1] * 19  # one session, whichever worker answers
    before = served.workers()
    os.kill(before[0], signal.SIGKILL)
    wait_for(lambda: len(served.workers()) == 2 and served.workers() != before)
    assert get(served.url + "/")[0] == 0
    status, err = served.stop()
    assert (status, served.workers() if served.process.poll() is None else []) == (0, [])
    assert "is replaced" in err


def test_row_67_without_its_redis_the_server_refuses_and_heals(serve: Callable[..., Served], redis: RedisServer, tmp_path: Path) -> None:
    key_file = str(tmp_path / "server.keys")
    assert run("key", "new", "--file", key_file)[0] == 0
    served = serve("--user", "alice", "--password-stdin", "--redis", redis.url, "--key-file", key_file)
    assert get(served.url + "/")[0] == 0
    redis.kill()
    status, out, _ = get(served.url + "/", "--json")
    assert status == 4
    assert json.loads(out)["http_status"] == 503
    redis.start()
    assert get(served.url + "/")[0] == 0
    assert served.stop()[0] == 0


def test_uvicorn_missing_names_the_extra() -> None:
    code = "import sys; sys.modules['uvicorn'] = None; from kam3.cli import main; sys.exit(main(sys.argv[1:]))"
    arguments = [sys.executable, "-c", code, "serve", "--user", "a", "--password-stdin", "--redis", "redis://x", "--key-file"]
    done = subprocess.run([*arguments, os.devnull], input=PASSWORD, capture_output=True, check=False)
    assert done.returncode != 0
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_responses_do_not_wait_for_acknowledgements(host: str) -> None:
    """An event loop sets TCP_NODELAY on the connections of a socket that names its protocol, and on no other."""
    try:
        listening = _listen(host, 0)
    except OSError:
        pytest.skip(f"{host} is no address of this machine")
    with listening, socket.create_connection(listening.getsockname()[:2]):
        connection, _ = listening.accept()

        async def nodelay() -> int:
            _, writer = await asyncio.open_connection(sock=connection)
            option: int = writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            writer.close()
            return option

        assert asyncio.run(nodelay()) == 1
