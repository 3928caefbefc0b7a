"""The second half of ``kam3 demo``: a real server and a real client on the loopback interface."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import kam3
from kam3.adapters.stdlib import Client
from kam3.cli.http_server import HttpServer
from kam3.cli.site import protected
from kam3.errors import Kam3Error, RemoteProtocolError
from kam3.mutual.client_actions import Status
from kam3.mutual.messages import Init, KexC1, KexS1, VfyS, parse_request, read_credentials, serialize
from kam3.mutual.realms import Realm

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_USER = "alice"


@dataclass
class HttpResult:
    """What happened over HTTP; each member says in words what the client saw."""

    login: str = "not tried"
    second_request: str = "not tried"
    wrong_password: str = "not tried"  # noqa: S105 - it says what became of one
    rogue_server: str = "not tried"

    @property
    def ok(self) -> bool:
        """Tell whether everything went as it must."""
        return self == HttpResult("proved both ways", "proved both ways, over the same session", "refused", "detected")


def demonstrate_http(right: str, wrong: str) -> HttpResult:
    """Log in over HTTP, make another request, try a wrong password, and meet a server that does not know J.

    Args:
        right: the user's password.
        wrong: another one.

    Returns:
        What happened; a failure is a result, not an exception.
    """
    result = HttpResult()
    alg = kam3.EC_P256
    with _serving(lambda url: protected(Realm(alg.token, url, "demo"), [url], {_USER: right})) as url, _client(url, right) as client:
        result.login = _told(client, url)
        result.second_request = _told(client, url)
        with _client(url, wrong) as impostor:
            result.wrong_password = _told(impostor, url)
    with _serving(lambda url: _Rogue(alg, Realm(alg.token, url, "demo"))) as url, _client(url, right) as client:
        result.rogue_server = _told(client, url)
    return result


@contextlib.contextmanager
def _serving(make: Callable[[str], WSGIApplication]) -> Iterator[str]:
    """Serve an application, which is made for its URL, in a thread of its own."""
    with HttpServer("127.0.0.1", 0) as server:
        server.set_app(make(server.url))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server.url
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def _client(url: str, password: str) -> Iterator[Client]:
    with Client() as client:
        client.mutual.add(url, _USER, password)
        try:
            yield client
        finally:
            client.mutual.close()


def _told(client: Client, url: str) -> str:
    try:
        reply = client.get(url + "/")
    except RemoteProtocolError as error:
        return "detected" if error.code == "server-not-proved" else f"failed: {error}"
    except (Kam3Error, OSError) as error:
        return f"failed: {error}"
    if reply.outcome.status is Status.AUTH_REQUIRED and reply.outcome.reason.code == "auth-failed":
        return "refused"
    if reply.body != f"Hello, {_USER}!\n".encode():
        return f"failed: HTTP status {reply.status}"
    return "proved both ways" + (", over the same session" if reply.outcome.requests == 1 else "")


class _Rogue:
    """A site that wants to look like the user's own: it does not know J, plays along, and says that all went well."""

    def __init__(self, alg: kam3.Algorithm, realm: Realm) -> None:
        self._alg, self._realm = alg, realm

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        line = environ.get("HTTP_AUTHORIZATION")
        parameters = None if line is None else read_credentials([line])
        if parameters is None:
            return self._challenge(serialize(Init(self._realm, "host", "initial")), start_response)
        message = parse_request(parameters)
        if isinstance(message, KexC1):
            ks1 = self._alg.kc1(self._alg.generate_secret())  # any element
            challenge = KexS1(self._realm, "host", secrets.token_hex(16), ks1, 2**31 - 1, 1024, 3600, "/")
            return self._challenge(serialize(challenge), start_response)
        proof = VfyS(message.sid, secrets.token_bytes(self._alg.hash_octets), self._alg.token)
        start_response("200 OK", [("Content-Type", "text/plain"), ("Authentication-Info", serialize(proof))])
        return [f"Hello, {_USER}!\n".encode()]

    def _challenge(self, challenge: str, start_response: StartResponse) -> list[bytes]:
        start_response("401 Unauthorized", [("Content-Type", "text/plain"), ("WWW-Authenticate", challenge)])
        return [b"please log in\n"]
