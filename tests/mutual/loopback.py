"""The model server on a loopback port, over plain http or TLS, for the tests of what has a transport."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kam3.mutual.client_actions import Response
from kam3.mutual.realms import Origin
from tests.mutual.model import ModelServer, realm_at

#: Fields that a response of the model may have.
_FIELDS = (
    "WWW-Authenticate",
    "Authentication-Info",
    "Optional-WWW-Authenticate",
    "Authentication-Control",
    "Set-Cookie",
    "Location",
    "Retry-After",
)


class Loopback:
    """A server that is running."""

    def __init__(self, model: ModelServer) -> None:
        self.model = model
        self.requests: list[tuple[str, str, bytes, bool]] = []  # method, path, body, whether with Authorization
        self.connections = 0
        self.page: Callable[[str], bytes] = lambda path: f"page {path}".encode()
        self.close_after: set[int] = set()  # requests, by their number from 1, after whose answer the connection is closed
        self.cut: set[int] = set()  # requests whose connection is closed without an answer
        self.interim = False
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"{self.model.origin}/"


def _handler(server: Loopback) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            server.connections += 1

        def _serve(self) -> None:
            body = self._body()
            with server.lock:
                url = f"{server.model.origin}{self.path}"
                authorization = self.headers.get("Authorization")
                server.requests.append((self.command, self.path, body, authorization is not None))
                number = len(server.requests)
                if number in server.cut:
                    self.close_connection = True
                    return
                answer = server.model.answer(authorization, url)
            self._reply(answer, number)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") == "chunked":
                whole = b""
                while size := int(self.rfile.readline(), 16):
                    whole += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return whole
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def _reply(self, answer: Response, number: int) -> None:
            if server.interim:
                self.wfile.write(b"HTTP/1.1 103 Early Hints\r\nAuthentication-Info: version=1, sid=00, vks=00\r\n\r\n")
            content = server.page(self.path)
            self.send_response(answer.status)
            for name in _FIELDS:
                for value in answer.fields(name):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            if number in server.close_after:
                self.send_header("Connection", "close")
                self.close_connection = True
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_POST = do_PUT = _serve  # noqa: N815  # the names that the base class looks for

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@contextmanager
def running(*, tls: tuple[Path, Path] | None = None, certificate: bytes | None = None, **options: Any) -> Iterator[Loopback]:
    """Run a model server; `tls` are the files of certificate and key, `certificate` is the former in DER."""
    model = ModelServer(certificate=certificate, **options)
    server = Loopback(model)
    listener = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    listener.daemon_threads = True
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        # The handshake is for the thread of the connection: here a client that never begins it would stop the server.
        listener.socket = context.wrap_socket(listener.socket, server_side=True, do_handshake_on_connect=False)
    model.origin = Origin("http" if tls is None else "https", "127.0.0.1", listener.server_port)
    if "realms" not in options:
        model.realms = {"/": realm_at(model.origin)}
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


def make_certificate(folder: Path, name: str = "server") -> tuple[Path, Path, bytes]:
    """Make a self-signed certificate for the loopback address; its file, that of its key, and the certificate in DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    paths[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return *paths, signed.public_bytes(serialization.Encoding.DER)
