"""A server for the tests of the client: honest by default, made of `kam3.ServerExchange`, and ready to misbehave; and a driver."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import kam3
from kam3.errors import VerificationError
from kam3.mutual.actions import run
from kam3.mutual.client import MutualClient
from kam3.mutual.client_actions import AskCredentials, Credentials, FinishExchange, Outcome, Response, Send, StartExchange, Wait
from kam3.mutual.messages import Init, KexC1, KexS1, Stale, VfyC, VfyS, parse_request, read_credentials, serialize
from kam3.mutual.realms import Origin, Realm
from kam3.mutual.validation import Channel, method_of, vh_of

USER, PASSWORD = "alice", "correct horse"
ORIGIN = Origin("http", "site.example", 8120)
URL = f"{ORIGIN}/page"
ALG = kam3.EC_P256


def realm_at(origin: Origin = ORIGIN, name: str = "A", alg: kam3.Algorithm = ALG, scope: str | None = None) -> Realm:
    return Realm(alg.token, str(origin) if scope is None else scope, name)


def response(status: int, channel: Channel, **fields: str | Sequence[str]) -> Response:
    """Make a response; the names of fields have underscores for hyphens."""
    found = {name.replace("_", "-").lower(): [value] if isinstance(value, str) else list(value) for name, value in fields.items()}
    return Response(status, lambda name: found.get(name.lower(), []), channel)


_J: dict[tuple[Realm, str, str], bytes] = {}


def j_of(realm: Realm, user: str, password: str) -> bytes:
    key = realm, user, password
    if key not in _J:
        alg = kam3.algorithm(realm.algorithm)
        _J[key] = alg.j(alg.pi(password, auth_scope=realm.auth_scope, realm=realm.realm, user=user))
    return _J[key]


@dataclass
class ModelServer:
    """One server: a realm for each path prefix, sessions, and hooks."""

    origin: Origin = ORIGIN
    certificate: bytes | None = None
    realms: dict[str, Realm] = field(default_factory=lambda: {"/": realm_at()})
    users: dict[str, str] = field(default_factory=lambda: {USER: PASSWORD})
    nc_max: int = 2**31 - 1
    nc_window: int = 1024
    time: int = 3600
    path: str | None = None
    sessions: dict[tuple[Realm, str], kam3.ServerSession] = field(default_factory=dict)
    used: dict[tuple[Realm, str], list[int]] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    urls: list[tuple[str, str]] = field(default_factory=list)
    status: int = 200
    tamper: Callable[[str, Response], Response] | None = None  # by the kind of the request

    @property
    def channel(self) -> Channel:
        return Channel(self.origin, self.certificate)

    def realm_of(self, url: str) -> Realm | None:
        path = url.removeprefix(str(self.origin))
        found = [prefix for prefix in self.realms if path.startswith(prefix)]
        return self.realms[max(found, key=len)] if found else None

    def answer(self, authorization: str | None, url: str = URL, probe: bool = False) -> Response:
        kind = "normal"
        realm = self.realm_of(url)
        parameters = read_credentials([] if authorization is None else [authorization])
        message = None if parameters is None else parse_request(parameters)
        if message is not None:
            kind = "kex" if isinstance(message, KexC1) else "vfy"
        self.log.append(kind + ("?" if probe else ""))
        self.urls.append((kind, url))
        answer = self._judge(message, realm)
        return answer if self.tamper is None else self.tamper(kind, answer)

    def _judge(self, message: KexC1 | VfyC | None, realm: Realm | None) -> Response:
        if realm is None:
            return response(self.status, self.channel)
        if message is None or message.realm != realm:
            return self.init(realm, "initial")
        if isinstance(message, KexC1):
            return self.key_exchange(message)
        session = self.sessions.get((realm, message.sid))
        if session is None or message.nc in self.used[realm, message.sid] or message.nc > self.nc_max:
            return self.stale(realm)
        try:
            vks = session.verify_vkc(message.vkc, message.nc, vh_of(self.channel))
        except VerificationError:
            return self.init(realm, "auth-failed")
        self.used[realm, message.sid].append(message.nc)
        return response(self.status, self.channel, authentication_info=serialize(VfyS(message.sid, vks, realm.algorithm)))

    def key_exchange(self, message: KexC1) -> Response:
        alg = kam3.algorithm(message.realm.algorithm)
        password = self.users.get(message.user)
        exchange = (
            kam3.ServerExchange.fake(alg)
            if password is None
            else kam3.ServerExchange(alg, j_of(message.realm, message.user, password))
        )
        session = exchange.respond(message.kc1)
        sid = secrets.token_hex(16)
        self.sessions[message.realm, sid], self.used[message.realm, sid] = session, []
        answer = KexS1(message.realm, message.validation, sid, session.ks1, self.nc_max, self.nc_window, self.time, self.path)
        return response(401, self.channel, www_authenticate=serialize(answer))

    def init(self, realm: Realm, reason: str, status: int = 401, **fields: str) -> Response:
        return response(status, self.channel, www_authenticate=serialize(Init(realm, method_of(self.channel), reason)), **fields)

    def stale(self, realm: Realm) -> Response:
        return response(401, self.channel, www_authenticate=serialize(Stale(realm, method_of(self.channel))))

    def forget(self) -> None:
        self.sessions.clear()


def client_for(server: ModelServer, password: str = PASSWORD, user: str = USER, **options: Any) -> MutualClient:
    client = MutualClient(**options)
    client.add(str(server.origin), user, password)
    return client


Ask = Callable[[AskCredentials], "Credentials | None"]


def handler(answer: Callable[[Send], Response], ask: Ask | None = None) -> Callable[[object], object]:
    def handle(action: object) -> object:
        if isinstance(action, Send):
            return answer(action)
        if isinstance(action, (StartExchange, FinishExchange)):
            return action.run()
        if isinstance(action, Wait):
            return action.ticket.result(10)
        assert isinstance(action, AskCredentials)
        return None if ask is None else ask(action)

    return handle


def fetch(
    client: MutualClient,
    server: ModelServer,
    url: str = URL,
    method: str = "GET",
    ask: Ask | None = None,
    **options: Any,
) -> Outcome:
    """Make one request of the user."""
    steps = client.sequence(method, url, **options)
    return run(steps, handler(lambda send: server.answer(send.authorization, url, send.probe), ask))


class Walk:
    """A sequence that is driven by hand, to the next thing that it cannot compute by itself."""

    def __init__(self, client: MutualClient, url: str = URL, method: str = "GET", **options: Any) -> None:
        self.steps = client.sequence(method, url, **options)
        self.outcome: Outcome | None = None
        self.error: BaseException | None = None
        self.action: object = None
        self.feed(None)

    @property
    def over(self) -> bool:
        return self.outcome is not None or self.error is not None

    def feed(self, value: object) -> object:
        try:
            self.action = self.steps.send(value)
            while isinstance(self.action, (StartExchange, FinishExchange)):
                try:
                    done = self.action.run()
                except Exception as error:
                    self.action = self.steps.throw(error)
                else:
                    self.action = self.steps.send(done)
        except StopIteration as end:
            self.outcome, self.action = end.value, None
        except BaseException as error:
            self.error, self.action = error, None
        return self.action

    def close(self) -> None:
        self.steps.close()


def sends(steps: Iterator[object]) -> Iterator[Send]:
    return (action for action in steps if isinstance(action, Send))
