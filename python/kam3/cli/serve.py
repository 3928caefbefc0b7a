"""``kam3 serve``: a small protected server; alone on the standard library's HTTP, or with TLS, Redis and several workers on uvicorn."""

from __future__ import annotations

import argparse
import getpass
import ipaddress
import logging
import signal
import socket
import ssl
import sys
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kam3
from kam3.adapters.asgi import MutualMiddleware as AsgiMiddleware
from kam3.adapters.wsgi import MutualMiddleware as WsgiMiddleware
from kam3.cli.http_server import HttpServer
from kam3.cli.site import asgi_site, server_of, users_of, wsgi_site
from kam3.cli.workers import Workers
from kam3.errors import Kam3Error, MissingExtraError
from kam3.mutual.realms import Origin, Realm
from kam3.mutual.server import MutualServer
from kam3.mutual.spaces import ServedOrigin
from kam3.stores import keys
from kam3.stores.credentials import mismatch, open_store
from kam3.stores.memory import MemoryCredentialStore, MemorySessionTable

if TYPE_CHECKING:
    from kam3.adapters.asgi import Application
    from kam3.cli.options import Subparsers
    from kam3.mutual.credentials import CredentialStore

_DESCRIPTION = """\
Run a server on which / is for users who have logged in, /public is open,
/optional greets both, and /logout ends the session. Users come from a store that
'kam3 passwd' keeps, or there is one whose password is asked for. What happens is
told on standard error.

Alone and without TLS it needs no extra; with --tls, --redis or --workers it runs
on uvicorn (pip install 'kam3[serve]', for --redis also 'kam3[redis]')."""

_EPILOG = """\
examples:
  kam3 serve --user alice
  kam3 serve --credentials users.sqlite --tls cert.pem key.pem --origin https://example.com:8120
  kam3 serve --credentials users.sqlite --redis redis://localhost --key-file server.keys --workers 4"""


def add(commands: Subparsers) -> argparse.ArgumentParser:
    """Define the command's arguments."""
    parser = commands.add_parser(
        "serve",
        help="run a small protected server",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
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
    parser.add_argument("--user", metavar="NAME", help="a user who may log in, beside --credentials; the password is asked for")
    parser.add_argument("--password-stdin", action="store_true", help="read the password from the first line of standard input")
    parser.add_argument("--credentials", metavar="FILE", help="the users: an SQLite file, or a URL of SQLAlchemy ('kam3 passwd')")
    parser.add_argument("--seal", action="store_true", help="the credentials are sealed under the key file ('kam3 passwd --seal')")
    parser.add_argument("--key-file", metavar="FILE", help="server keys; without it the file that KAM3_KEY_FILE names ('kam3 key new')")
    parser.add_argument("--redis", metavar="URL", help="keep the sessions in Redis, sealed under the key file")
    parser.add_argument("--workers", type=_count, default=1, metavar="N", help="processes; 1 if left out, and more need --redis")
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"), help="serve https: the certificate (with its chain) and its key, in PEM")
    return parser


@dataclass
class _Setup:
    """What the arguments come to. Stores are opened by each worker for itself."""

    arguments: argparse.Namespace
    realm: Realm
    server: MutualServer
    memory: MemoryCredentialStore | None  # the one user of --user
    keys: tuple[bytes, ...]

    def users(self) -> CredentialStore:
        """Open the credentials."""
        location = self.arguments.credentials
        if location is None:
            return self.memory or MemoryCredentialStore()
        store = open_store(location, self.keys if self.arguments.seal else ())
        return store if self.memory is None else _Both(self.memory, store)

    def application(self) -> Application:
        """Return the protected site of one worker."""
        table: Any = MemorySessionTable()
        if self.arguments.redis is not None:
            from kam3.stores.redis import AsyncRedisSessionTable

            table = AsyncRedisSessionTable.from_url(self.arguments.redis, self.keys)
        return AsgiMiddleware(asgi_site, self.server, table=table, credentials=self.users())


class _Both:
    """The user of --user, and those of --credentials; a look-up asks both."""

    def __init__(self, first: CredentialStore, second: CredentialStore) -> None:
        self._first, self._second = first, second

    def find(self, realm: Realm, user: str) -> bytes | None:
        """As `CredentialStore.find`."""
        found, other = self._first.find(realm, user), self._second.find(realm, user)
        return other if found is None else found


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or an interrupt."""
    error = arguments.parser.error
    if arguments.workers > 1 and arguments.redis is None:
        error("--workers: more than one process needs --redis, to share the sessions")
    if arguments.user is None and arguments.credentials is None:
        error("--user NAME or --credentials FILE is needed: somebody must be able to log in")
    if arguments.password_stdin and arguments.user is None:
        error("--password-stdin goes with --user")
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    server_keys = _keys(arguments)
    if arguments.credentials is not None:
        open_store(arguments.credentials, server_keys if arguments.seal else ()).close()  # what is wrong with it shows before the prompt
    if arguments.tls is not None:
        _leaf(arguments)
    password = None if arguments.user is None else _password(arguments)
    if arguments.tls is None and arguments.redis is None and arguments.workers == 1:
        return _alone(arguments, password, server_keys)
    return _on_uvicorn(arguments, password, server_keys)


def _alone(arguments: argparse.Namespace, password: str | None, server_keys: tuple[bytes, ...]) -> int:
    with HttpServer(arguments.host, arguments.port) as http:
        setup = _setup(arguments, http.url, password, server_keys)
        http.set_app(WsgiMiddleware(wsgi_site, setup.server, table=MemorySessionTable(), credentials=setup.users()))
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=http.shutdown).start())  # it waits for the loop that it ends
        print(f"listening on {http.url}", flush=True)
        http.serve_forever(poll_interval=0.1)
    return 0


def _on_uvicorn(arguments: argparse.Namespace, password: str | None, server_keys: tuple[bytes, ...]) -> int:
    try:
        import uvicorn
    except ImportError as error:
        raise MissingExtraError("--tls, --redis and --workers need uvicorn: pip install 'kam3[serve]'") from error

    listening = _listen(arguments.host, arguments.port)
    host, port = listening.getsockname()[:2]
    scheme = "http" if arguments.tls is None else "https"
    url = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
    setup = _setup(arguments, url, password, server_keys)
    certificate, key = arguments.tls or (None, None)

    def work() -> None:
        signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn raises it again when it has ended well
        config = uvicorn.Config(
            setup.application(),
            ssl_certfile=certificate,
            ssl_keyfile=key,
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
        uvicorn.Server(config).run(sockets=[listening])

    print(f"listening on {url}", flush=True)  # connections wait in the socket's queue until a worker takes them
    if arguments.workers == 1:
        work()
    else:
        Workers(arguments.workers, work).run()
    return 0


def _setup(arguments: argparse.Namespace, url: str, password: str | None, server_keys: tuple[bytes, ...]) -> _Setup:
    """Check the configuration; what is wrong with it is a usage error."""
    urls = arguments.origin or [url]
    try:
        alg = kam3.algorithm(arguments.algorithm)
        realm = Realm(alg.token, arguments.auth_scope or str(Origin.parse(urls[0])), arguments.realm)
        certificate = () if arguments.tls is None else (_leaf(arguments),)
        origins = [ServedOrigin(origin, certificate if origin.startswith("https:") else ()) for origin in urls]
        memory = None if password is None else users_of(realm, {arguments.user: password})
        setup = _Setup(arguments, realm, server_of(realm, origins), memory, server_keys)
    except MissingExtraError:
        raise
    except (ValueError, Kam3Error) as error:
        arguments.parser.error(str(error))
    if arguments.tls is None:
        _warn_of_plain_http(arguments.host)
    if arguments.credentials is not None:
        store = open_store(arguments.credentials, server_keys if arguments.seal else ())
        try:
            warning = mismatch(store, realm)
        finally:
            store.close()
        if warning is not None and memory is None:
            warnings.warn(warning, stacklevel=2)
    return setup


def _leaf(arguments: argparse.Namespace) -> bytes:
    """Return the first certificate of the file of --tls in DER: the server's own, which its chain follows."""
    parser: argparse.ArgumentParser = arguments.parser
    certificate, key = arguments.tls
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
        text = Path(certificate).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:  # an SSLError is an OSError
        parser.error(f"--tls: certificate and key cannot be used: {error}")
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    return ssl.PEM_cert_to_DER_cert(begin + text.partition(begin)[2].partition(end)[0] + end)


def _keys(arguments: argparse.Namespace) -> tuple[bytes, ...]:
    if arguments.redis is None and not arguments.seal:
        return ()
    parser: argparse.ArgumentParser = arguments.parser
    path = keys.configured(arguments.key_file)
    if path is None:
        parser.error("--key-file FILE (or KAM3_KEY_FILE) is needed with --redis and --seal: make one with 'kam3 key new'")
    return keys.read(path)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The event loop tells by the protocol's number that it may set TCP_NODELAY on connections. Without it a response of two pieces waits
    # for an acknowledgement, which comes after 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, port))
    listening.listen(2048)
    return listening


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


def _count(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 4 and int(text) >= 1:
        return int(text)
    raise argparse.ArgumentTypeError("a number of processes is at least 1")
