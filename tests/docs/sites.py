"""The example sites of the documentation, run as its pages say, each in a process and a directory of its own."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.clib import ROOT
from tests.stores.servers import free_port

EXAMPLES = ROOT / "docs" / "examples"
PASSWORD = "correct horse battery staple"


def kam3(*arguments: str, folder: Path, given: str = PASSWORD + "\n") -> str:
    """Run a command; return what it printed."""
    command = [sys.executable, "-m", "kam3", *arguments]
    done = subprocess.run(command, input=given, capture_output=True, text=True, cwd=folder, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def asgi(module: str, port: int, *options: str) -> list[str]:
    fixed = ("--app-dir", str(EXAMPLES), "--log-level", "warning")
    return [sys.executable, "-m", "uvicorn", f"{module}:app", "--port", str(port), *fixed, *options]


def wsgi(module: str, port: int) -> list[str]:
    return [sys.executable, "-m", "tests.docs.wsgi_server", module, str(port)]


@contextmanager
def running(command: list[str], port: int, folder: Path, **environment: str) -> Iterator[None]:
    """Run a server until the block is left; it listens when the block is entered."""
    path = os.pathsep.join([str(EXAMPLES), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")]), *sys.path])
    process = subprocess.Popen(command, cwd=folder, env={**os.environ, "PYTHONPATH": path, **environment})
    try:
        until = time.monotonic() + 60
        while not _listens(port):
            assert process.poll() is None, "the server has ended"
            assert time.monotonic() < until, "the server does not listen"
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def tls_in_front_of(port: int, certificate: Path, key: Path) -> Iterator[int]:
    """End TLS in front of a server, as a reverse proxy does that writes no field; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                client = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=relay, args=(client,), daemon=True).start()

    def relay(client: socket.socket) -> None:
        with context.wrap_socket(client, server_side=True) as outside, socket.create_connection(("127.0.0.1", port)) as inside:
            threading.Thread(target=pump, args=(inside, outside), daemon=True).start()
            pump(outside, inside)

    def pump(source: socket.socket, target: socket.socket) -> None:
        try:
            while octets := source.recv(65536):
                target.sendall(octets)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.close()


@contextmanager
def members(folder: Path, module: str, *, interface: str, realm: str = "Members") -> Iterator[str]:
    """Add alice by the command line, and run an example; its origin."""
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    kam3("passwd", "users.sqlite", "alice", "--auth-scope", origin, "--realm", realm, "--password-stdin", folder=folder)
    command = asgi(module, port) if interface == "asgi" else wsgi(module, port)
    with running(command, port, folder, ORIGIN=origin):
        yield origin
