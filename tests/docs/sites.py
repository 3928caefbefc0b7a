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


NGINX = """
daemon off; pid nginx.pid; error_log stderr; worker_processes 1;
events {{}}
http {{
    access_log off; client_body_temp_path body; proxy_temp_path proxy;
    fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    server {{
        listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key};
        {location}
    }}
}}
"""


@contextmanager
def nginx_in_front_of(port: int, certificate: Path, key: Path) -> Iterator[int]:
    """Run nginx with what the page on deploying says for it; its port."""
    page = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
    location = page.partition("```nginx\n")[2].partition("```")[0].replace("127.0.0.1:8000", f"127.0.0.1:{port}")
    outside, folder = free_port(), certificate.parent / "nginx"
    folder.mkdir()
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(port=outside, certificate=certificate, key=key, location=location), encoding="utf-8")
    with running(["nginx", "-p", str(folder), "-c", str(configuration)], outside, folder):
        yield outside


@contextmanager
def members(folder: Path, module: str, *, interface: str, realm: str = "Members") -> Iterator[str]:
    """Add alice by the command line, and run an example; its origin."""
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    kam3("passwd", "users.sqlite", "alice", "--auth-scope", origin, "--realm", realm, "--password-stdin", folder=folder)
    command = asgi(module, port) if interface == "asgi" else wsgi(module, port)
    with running(command, port, folder, ORIGIN=origin):
        yield origin
