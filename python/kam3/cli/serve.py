"""``kam3 serve``: a small protected server on the standard library's HTTP, to try clients against."""

from __future__ import annotations

import argparse
import getpass
import ipaddress
import logging
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Iterable
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import kam3
from kam3.adapters.wsgi import MutualMiddleware
from kam3.errors import Kam3Error
from kam3.mutual.realms import Origin, Realm
from kam3.mutual.server import MutualServer
from kam3.mutual.spaces import Space
from kam3.preparation import prepare_password, prepare_user
from kam3.stores.memory import MemoryCredentialStore, MemorySessionTable

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from kam3.cli.options import Subparsers

_LATER = {
    "credentials": "a file of credentials",
    "redis": "sessions in Redis",
    "tls": "TLS",
}

#: Seconds that a connection may be silent; without it an idle client would keep a thread for ever.
_SILENCE = 30.0
#: What of an unread request is thrown away before the connection is closed, in seconds and octets: closed at once, the operating system
#: would answer its rest by a reset, which can overtake our response.
_LINGER, _LINGER_OCTETS = 1.0, 1 << 20


def add(commands: Subparsers) -> argparse.ArgumentParser:
    """Define the command's arguments."""
    parser = commands.add_parser(
        "serve",
        help="run a small protected server, to try clients against",
        description="Run a server on which / is for users who have logged in, /public is open, /optional greets both, and /logout ends "
        "the session. It keeps users and sessions in memory, speaks HTTP/1.0 without TLS, and is for trying out, not for the Internet. "
        "What happens is told on standard error.",
        epilog="example: kam3 serve --user alice",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on; 127.0.0.1 if left out")
    parser.add_argument("--port", type=_port, default=8120, help="the port to listen on, 0 for a free one; 8120 if left out")
    parser.add_argument(
        "--origin",
        action="append",
        default=[],
        metavar="URL",
        help="scheme, host and port under which clients reach the server; may be repeated; where it listens if left out",
    )
    parser.add_argument("--algorithm", default=kam3.EC_P256.token, metavar="TOKEN", help=f"the algorithm; {kam3.EC_P256.token} if left out")
    parser.add_argument("--realm", default="kam3", help="the name of the realm; kam3 if left out")
    parser.add_argument("--auth-scope", metavar="S", help="the scope of the realm; the first origin if left out")
    parser.add_argument("--user", metavar="NAME", help="a user who may log in; the password is asked for")
    parser.add_argument("--password-stdin", action="store_true", help="read the password from the first line of standard input")
    parser.add_argument("--credentials", metavar="FILE", help="not in this version")
    parser.add_argument("--redis", metavar="URL", help="not in this version")
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"), help="not in this version")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes; 1, for more need --redis")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or an interrupt."""
    parser: argparse.ArgumentParser = arguments.parser
    for name, what in _LATER.items():
        if getattr(arguments, name) is not None:
            parser.error(f"--{name}: this version cannot serve {what} yet")
    if arguments.workers != 1:
        parser.error("--workers: more than one process needs --redis, to share the sessions, which this version cannot yet")
    if arguments.user is None:
        parser.error("--user NAME is needed: somebody must be able to log in")
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    password = _password(arguments)
    with HttpServer(arguments.host, arguments.port) as server:
        try:
            server.set_app(_application(arguments, server.url, password))
        except (ValueError, Kam3Error) as error:
            parser.error(str(error))
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())  # it waits for the loop that it ends
        print(f"listening on {server.url}", flush=True)
        server.serve_forever(poll_interval=0.1)
    return 0


def _application(arguments: argparse.Namespace, url: str, password: str) -> WSGIApplication:
    origins = arguments.origin or [url]
    alg = kam3.algorithm(arguments.algorithm)
    scope = arguments.auth_scope or str(Origin.parse(origins[0]))
    realm = Realm(alg.token, scope, arguments.realm)
    _warn_of_plain_http(arguments.host)
    return protected(realm, origins, {arguments.user: password})


def protected(realm: Realm, origins: Iterable[str], passwords: dict[str, str]) -> WSGIApplication:
    """Return the protected site.

    Args:
        realm: the realm of its users.
        origins: the URLs under which clients reach it.
        passwords: of the users by their names, neither prepared yet.

    Raises:
        ValueError: a name, a password or the configuration breaks a rule, which the message names.
        Kam3Error: likewise.
    """
    alg, users = kam3.algorithm(realm.algorithm), MemoryCredentialStore()
    spaces = [Space(realm), Space(None, ("/public",)), Space(realm, ("/optional",), optional=True)]
    server = MutualServer(spaces, origins)
    for name, password in passwords.items():
        user = prepare_user(name)
        pi = alg.pi(prepare_password(password), auth_scope=realm.auth_scope, realm=realm.realm, user=user)
        users.put(realm, user, alg.j(pi))
    return MutualMiddleware(site, server, table=MemorySessionTable(), credentials=users)


def site(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Greet the user; what stands before us has seen to it that we know who it is."""
    login, path = environ["kam3.login"], environ["PATH_INFO"]
    status, text = "200 OK", f"Hello, {login.user or 'stranger'}!\n"
    if path == "/public":
        text = "This page is open to everybody.\n"
    elif path == "/logout" and login.user is not None:
        login.log_out()
        text = f"Good-bye, {login.user}!\n"
    elif path not in ("/", "/optional"):
        status, text = "404 Not Found", "There is no such page.\n"
    body = text.encode()
    start_response(status, [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


class HttpServer(ThreadingMixIn, WSGIServer):
    """The standard library's WSGI server with a thread for each connection.

    Args:
        host: the address to listen on.
        port: the port, 0 for a free one.

    Raises:
        OSError: it cannot listen there.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Quiet)

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self.server_address[:2]
        text = host.decode() if isinstance(host, bytes) else str(host)
        return f"http://[{text}]:{port}" if ":" in text else f"http://{text}:{port}"

    def server_bind(self) -> None:
        """Bind, and do not ask the name service for our name, as the standard library does: it may take seconds."""
        host = self.server_address[0]
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(host), self.server_address[1]
        self.setup_environ()

    def shutdown_request(self, request: Any) -> None:
        """Close a connection once the client has seen the response."""
        try:
            request.shutdown(socket.SHUT_WR)
            end, left = time.monotonic() + _LINGER, _LINGER_OCTETS
            while left > 0 and (rest := end - time.monotonic()) > 0:
                request.settimeout(rest)
                octets = request.recv(min(left, 65536))
                if not octets:
                    break
                left -= len(octets)
        except OSError:
            pass  # the client is gone, or silent
        self.close_request(request)


class _Quiet(WSGIRequestHandler):
    """Handle a request without a line of its own in the log, which is the audit log's."""

    timeout = _SILENCE

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the standard library gave it
        logging.getLogger("kam3.serve").debug(format, *args)


def _password(arguments: argparse.Namespace) -> str:
    if arguments.password_stdin:
        line = sys.stdin.readline()
        if not line.strip("\r\n"):
            arguments.parser.error("--password-stdin: standard input has no password on its first line")
        return line.rstrip("\r\n")
    return getpass.getpass(f"password of {arguments.user}: ")


def _warn_of_plain_http(host: str) -> None:
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not loopback:
        warnings.warn("plain HTTP beyond this machine: others can read and change what is sent (RFC 8120 section 17.1)", stacklevel=2)


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
