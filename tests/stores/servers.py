"""Real servers for tests: started on a free port in a directory of their own, and gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest


def free_port() -> int:
    """Return a port that is free; below 55536, since a node of a Redis cluster takes that plus 10000 for its own."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port < 55536:
            return port


class RedisServer:
    """One redis-server, without persistence unless `options` say otherwise."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.port, self.directory, self.options = free_port(), directory, options
        directory.mkdir(parents=True, exist_ok=True)
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self, **options: Any) -> Any:
        import redis

        return redis.Redis(port=self.port, socket_timeout=20, **options)

    def start(self) -> None:
        import redis

        fixed = ("--port", str(self.port), "--bind", "127.0.0.1", "-::1", "--dir", str(self.directory), "--repl-diskless-sync-delay", "0")
        persistence = () if "--appendonly" in self.options or "--save" in self.options else ("--save", "")
        self.process = subprocess.Popen(["redis-server", *fixed, *persistence, *self.options], stdout=subprocess.DEVNULL)
        until = time.monotonic() + 30
        while True:
            try:
                if self.client().ping():
                    return
            except redis.exceptions.RedisError:
                if time.monotonic() > until or self.process.poll() is not None:
                    raise
                time.sleep(0.02)

    def kill(self) -> None:
        """End it at once, as a power cut does."""
        self.process.kill()
        self.process.wait(30)


def need(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"needs {program}, which is not installed")


def wait_for(condition: Any, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come to that in time"
        time.sleep(0.02)


class PostgresServer:
    """One PostgreSQL cluster in a directory of its own, run by the user postgres where the tests run as root."""

    def __init__(self) -> None:
        found = [shutil.which("initdb"), *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True))]
        programs = [Path(program).parent for program in found if program and (Path(program).parent / "pg_ctl").exists()]
        if not programs:
            pytest.skip("needs PostgreSQL's initdb and pg_ctl, which are not installed")
        self.bin, self.port, self.prefix = programs[0], free_port(), list[str]()
        if os.geteuid() == 0:
            need("setpriv")
            try:
                account = pwd.getpwnam("postgres")
            except KeyError:
                pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
            self.prefix = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
        self.directory = directory = Path(tempfile.mkdtemp(prefix="kam3-postgres-"))  # the directories of pytest are closed to other users
        if self.prefix:
            os.chown(directory, account.pw_uid, account.pw_gid)
        self.run("initdb", "-D", str(directory / "data"), "-U", "kam3", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8")
        self.resume()

    def run(self, program: str, *arguments: str) -> None:
        done = subprocess.run([*self.prefix, str(self.bin / program), *arguments], capture_output=True, cwd=self.directory, timeout=120)
        assert done.returncode == 0, done.stderr.decode()

    @property
    def url(self) -> str:
        return f"postgresql://kam3@127.0.0.1:{self.port}/postgres"

    def resume(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        self.run("pg_ctl", "-D", str(self.directory / "data"), "-l", str(self.directory / "log"), "-w", "-o", options, "start")

    def halt(self) -> None:
        """End it at once, as a crash does."""
        self.run("pg_ctl", "-D", str(self.directory / "data"), "-m", "immediate", "-w", "stop")

    def stop(self) -> None:
        self.halt()
        shutil.rmtree(self.directory)
