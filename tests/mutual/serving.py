"""A server without a network for the tests, and a client of a few lines that is written from the RFC, not from ours."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field

import kam3
from kam3.mutual.actions import Admit, Begin, Commit, Create, End, Find, Pause, Respond, respond, run
from kam3.mutual.messages import KexC1, KexS1, VfyC, parse_challenge, parse_info, read_challenges, read_info, serialize
from kam3.mutual.outcomes import Answered, Forwarded, Request
from kam3.mutual.realms import Realm
from kam3.mutual.server import MutualServer
from kam3.mutual.spaces import Space
from kam3.stores.memory import MemoryCredentialStore, MemorySessionTable

ORIGIN = "http://h.example:8120"
HOST = "h.example:8120"
VH = b"http://h.example:8120"
ALG = kam3.EC_P256
REALM = Realm(ALG.token, ORIGIN, "r")
USER, PASSWORD = "alice", "correct horse"
PEER = "192.0.2.7"


@functools.cache  # thousands of iterations
def pi_of(password: str = PASSWORD, realm: Realm = REALM, user: str = USER) -> bytes:
    return kam3.algorithm(realm.algorithm).pi(password, auth_scope=realm.auth_scope, realm=realm.realm, user=user)


@functools.cache
def j_of(password: str = PASSWORD, realm: Realm = REALM, user: str = USER) -> bytes:
    return kam3.algorithm(realm.algorithm).j(pi_of(password, realm, user))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Bench:
    """A server, its stores, and the actions that it asked for."""

    server: MutualServer = field(default_factory=lambda: MutualServer([Space(REALM)], [ORIGIN]))
    clock: Clock = field(default_factory=Clock)
    table: MemorySessionTable = None  # type: ignore[assignment]  # made below
    users: MemoryCredentialStore = field(default_factory=MemoryCredentialStore)
    trace: list[object] = field(default_factory=list)
    before: Callable[[object], None] = lambda action: None

    def __post_init__(self) -> None:
        if self.table is None:
            self.table = MemorySessionTable(clock=self.clock)
        self.users.put(REALM, USER, j_of())

    def handle(self, action: object) -> object:
        self.trace.append(action)
        self.before(action)
        match action:
            case Admit():
                return self.table.admit(action.peer, action.realm, action.user)
            case Pause():
                self.clock.now += action.seconds
                return None
            case Find():
                return self.users.find(action.realm, action.user)
            case Respond():
                return respond(action)
            case Create():
                return self.table.create(action.new)
            case Begin():
                return self.table.begin(action.key, action.nc)
            case Commit():
                return self.table.commit(action.key, action.nc, action.right, action.peer)
            case End():
                return self.table.end(action.key)
        raise AssertionError(action)

    def ask(
        self, *authorization: str, path: str = "/", host: str | None = HOST, scheme: str = "http", method: str = "GET", peer: str = PEER
    ) -> Answered | Forwarded:
        return run(self.server.flow(Request(method, scheme, host, path, authorization, peer)), self.handle)

    def log_in(self, user: str = USER, password: str = PASSWORD, realm: Realm = REALM, **request: str) -> Login:
        """Exchange keys; the login that comes back has not sent its proof yet."""
        alg = kam3.algorithm(realm.algorithm)
        with kam3.ClientExchange(alg, pi_of(password, realm, user)) as exchange:
            answer = self.ask(serialize(KexC1(realm, "host", user, exchange.kc1)), **request)
            challenge = challenge_of(answer)
            assert isinstance(challenge, KexS1), challenge
            return Login(self, realm, challenge, exchange.finish(challenge.ks1), request)


@dataclass
class Login:
    """A client after its key exchange."""

    bench: Bench
    realm: Realm
    challenge: KexS1
    session: kam3.ClientSession
    request: dict[str, str]

    def header(self, nc: int, *, vh: bytes = VH, vkc: bytes | None = None, sid: str | None = None) -> str:
        vkc = self.session.vkc(nc, vh) if vkc is None else vkc
        return serialize(VfyC(self.realm, "host", sid or self.challenge.sid, nc, vkc))

    def wrong(self, nc: int) -> str:
        return self.header(nc, vkc=bytes(kam3.algorithm(self.realm.algorithm).hash_octets))

    def get(self, nc: int, **request: str) -> Answered | Forwarded:
        return self.bench.ask(self.header(nc), **{**self.request, **request})

    def get_wrong(self, nc: int) -> Answered | Forwarded:
        return self.bench.ask(self.wrong(nc), **self.request)

    def check(self, outcome: Answered | Forwarded, nc: int, status: int = 200) -> None:
        """Check that the server proves itself in its final response."""
        assert isinstance(outcome, Forwarded), outcome
        assert outcome.identity is not None
        concluded = self.bench.server.conclude(outcome, status, ())
        values = [value for name, value in concluded.headers if name == "Authentication-Info"]
        parameters = read_info(values)
        assert parameters is not None
        proof = parse_info(parameters, self.realm.algorithm)
        assert proof.sid == self.challenge.sid
        self.session.verify_vks(proof.vks, nc, VH)


def challenge_of(answer: Answered | Forwarded):  # type: ignore[no-untyped-def]  # any of the three
    assert isinstance(answer, Answered), answer
    assert answer.status in (401, 403), answer
    parameters = read_challenges([value for name, value in answer.headers if name == "WWW-Authenticate"]).mutual
    assert parameters is not None
    return parse_challenge(parameters)


def reason_of(answer: Answered | Forwarded) -> str:
    challenge = challenge_of(answer)
    return getattr(challenge, "reason", "stale-session")
