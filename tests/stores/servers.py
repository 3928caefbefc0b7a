"""Real servers for tests: started on a free port in a directory of their own, and gone afterwards."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
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

        fixed = ("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.directory), "--repl-diskless-sync-delay", "0")
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
