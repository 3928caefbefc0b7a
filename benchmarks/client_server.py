"""The local server of bench_clients: small, in a process of its own, with plain pages, Digest (RFC 7616), Mutual, and SCRAM (RFC 7804).

    python -m benchmarks.client_server        prints its port, and serves until its standard input is closed
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import itertools
import re
import sys
from collections.abc import Callable

import kam3
from kam3.adapters.server_driving import Handler
from kam3.mutual.actions import run
from kam3.mutual.limits import Limits, Rate
from kam3.mutual.outcomes import Answered, Request
from kam3.mutual.realms import Origin, Realm
from kam3.mutual.server import MutualServer
from kam3.mutual.spaces import Space
from kam3.stores.memory import MemoryCredentialStore, MemorySessionTable

USER, PASSWORD, REALM = "alice", "correct horse", "members"
_UNLIMITED = Limits(peer=Rate(10**9, 1.0))  # one peer logs in all the time here

Fields = tuple[tuple[str, str], ...]
Answer = tuple[int, Fields]


def path_of(alg: kam3.Algorithm) -> str:
    """Return the path that is protected by an algorithm."""
    return f"/mutual/{alg.token.removeprefix('iso-kam3-')}"


class Mutual:
    """The server of the package, without a framework around it."""

    def __init__(self, port: int) -> None:
        origin = Origin("http", "127.0.0.1", port)
        users, spaces = MemoryCredentialStore(), []
        for alg in kam3.ALGORITHMS:
            realm = Realm(alg.token, str(origin), f"{REALM} {alg.token}")
            users.put(realm, USER, alg.j(alg.pi(PASSWORD, auth_scope=realm.auth_scope, realm=realm.realm, user=USER)))
            spaces.append(Space(realm, (path_of(alg),)))
        self._server, self._handle = MutualServer(spaces, [str(origin)]), Handler(MemorySessionTable(_UNLIMITED), users).handle
        self._host = f"127.0.0.1:{port}"

    def answer(self, method: str, path: str, authorization: str | None) -> Answer:
        request = Request(method, "http", self._host, path, () if authorization is None else (authorization,), "127.0.0.1")
        outcome = run(self._server.flow(request), self._handle)
        if isinstance(outcome, Answered):
            return outcome.status, tuple(outcome.headers)
        return 200, tuple(self._server.conclude(outcome, 200, ()).headers)


class Digest:
    """Digest by SHA-256 with qop=auth and one nonce, without a check of replays: the least that a server can do."""

    NONCE = "8c6b5e0f5e0f4a1d"
    PARAMETER = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')

    def answer(self, method: str, path: str, authorization: str | None) -> Answer:
        if authorization is not None and authorization.startswith("Digest "):
            given = {name: quoted or bare for name, quoted, bare in self.PARAMETER.findall(authorization)}
            first, second = self._hash(f"{USER}:{REALM}:{PASSWORD}"), self._hash(f"{method}:{path}")
            want = self._hash(f"{first}:{self.NONCE}:{given.get('nc')}:{given.get('cnonce')}:auth:{second}")
            if given.get("response") == want:
                return 200, ()
        return 401, (("WWW-Authenticate", f'Digest realm="{REALM}", nonce="{self.NONCE}", qop="auth", algorithm=SHA-256'),)

    @staticmethod
    def _hash(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()


class Scram:
    """SCRAM-SHA-256 by scramp, with its default number of iterations."""

    def __init__(self) -> None:
        from scramp import ScramMechanism

        self._mechanism = ScramMechanism("SCRAM-SHA-256")
        self._info = self._mechanism.make_auth_info(PASSWORD)
        self._open: dict[str, object] = {}
        self._sids = map(str, itertools.count())

    def answer(self, _method: str, _path: str, authorization: str | None) -> Answer:
        given = dict(re.findall(r"(\w+)=([^\s,]+)", authorization or ""))
        if "data" not in given:
            return 401, (("WWW-Authenticate", f'SCRAM-SHA-256 realm="{REALM}"'),)
        data = base64.b64decode(given["data"]).decode()
        if "sid" not in given:
            server = self._mechanism.make_server(lambda _: self._info)
            server.set_client_first(data)
            sid = next(self._sids)
            self._open[sid] = server
            return 401, (("WWW-Authenticate", f"SCRAM-SHA-256 sid={sid}, data={self._encoded(server.get_server_first())}"),)
        server = self._open.pop(given["sid"])
        server.set_client_final(data)  # type: ignore[attr-defined]  # scramp has no types
        return 200, (("Authentication-Info", f"sid={given['sid']}, data={self._encoded(server.get_server_final())}"),)  # type: ignore[attr-defined]

    @staticmethod
    def _encoded(text: str) -> str:
        return base64.b64encode(text.encode()).decode()


class Connection(asyncio.Protocol):
    """HTTP/1.1 of requests without content."""

    def __init__(self, areas: dict[str, Callable[[str, str, str | None], Answer]]) -> None:
        self._areas, self._read = areas, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        while b"\r\n\r\n" in self._read:
            head, _, self._read = self._read.partition(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            method, path, _ = lines[0].split(" ")
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            answer = self._areas.get(path.split("/")[1], lambda *_: (200, ()))
            status, more = answer(method, path, fields.get("authorization"))
            text = "".join(f"{name}: {value}\r\n" for name, value in more if name.lower() != "content-length")
            self._transport.write(f"HTTP/1.1 {status} x\r\nContent-Length: 4\r\n{text}\r\npage".encode("latin-1"))  # type: ignore[attr-defined]


async def main() -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    areas: dict[str, Callable[[str, str, str | None], Answer]] = {"digest": Digest().answer}
    server = await loop.create_server(lambda: Connection(areas), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    areas["mutual"] = Mutual(port).answer
    with contextlib.suppress(ImportError):
        areas["scram"] = Scram().answer
    print(port, flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
