"""What one authenticated request costs on a live session beyond the transport: vkc and vks, the fields, the bookkeeping."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import kam3
from kam3.mutual.client import MutualClient
from kam3.mutual.client_actions import FinishExchange, Outcome, Response, Send, StartExchange
from kam3.mutual.messages import KexC1, KexS1, VfyC, VfyS, parse_request, read_credentials, serialize
from kam3.mutual.realms import Origin, Realm
from kam3.mutual.validation import Channel, vh_of

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

ORIGIN = Origin("http", "site.example", 8120)
URL = f"{ORIGIN}/page?of=it"


class Peer:
    """The server, and the proofs that it will give: they are made before the clock runs."""

    def __init__(self, alg: kam3.Algorithm) -> None:
        self.realm = Realm(alg.token, str(ORIGIN), "members")
        self.alg = alg
        self.j = alg.j(alg.pi("password", auth_scope=self.realm.auth_scope, realm=self.realm.realm, user="alice"))
        self.channel = Channel(ORIGIN)
        self.vks: dict[str, str] = {}

    def answer(self, send: Send) -> Response:
        parameters = read_credentials([send.authorization or ""])
        assert parameters is not None
        message = parse_request(parameters)
        if isinstance(message, KexC1):
            self.session = kam3.ServerExchange(self.alg, self.j).respond(message.kc1)
            answer = KexS1(self.realm, "host", "ab" * 16, self.session.ks1, 2**31 - 1, 1024, 3600)
            return fields(401, self.channel, "www-authenticate", serialize(answer))
        assert isinstance(message, VfyC)
        return self.proof(self.session.verify_vkc(message.vkc, message.nc, vh_of(self.channel)))

    def proof(self, vks: bytes) -> Response:
        return fields(200, self.channel, "authentication-info", serialize(VfyS("ab" * 16, vks, self.alg.token)))


def fields(status: int, channel: Channel, name: str, value: str) -> Response:
    found = {name: [value]}
    return Response(status, lambda name: found.get(name.lower(), []), channel)


def walk(client: MutualClient, peer: Peer, channel: Channel | None = None) -> Outcome:
    steps = client.sequence("GET", URL, channel=channel)
    action = next(steps)
    try:
        while True:
            action = steps.send(action.run() if isinstance(action, (StartExchange, FinishExchange)) else peer.answer(action))
    except StopIteration as end:
        return end.value


@pytest.mark.parametrize("alg", kam3.ALGORITHMS, ids=lambda alg: alg.token)
@pytest.mark.benchmark(group="mutual-client")
def test_one_authenticated_request_on_a_live_session(benchmark: BenchmarkFixture, alg: kam3.Algorithm) -> None:
    peer, client = Peer(alg), MutualClient()
    client.add(URL, "alice", "password", realm=peer.realm)
    assert walk(client, peer).proved

    def prepared() -> tuple[tuple[Response], dict[str, object]]:
        # The number that comes next is known, and so is the proof for it.
        nc = next(iter(client._memory._store._slots.values()))._next
        vkc = kam3.ClientSession.vkc(next(iter(client._memory._store._slots.values())).session, nc, vh_of(peer.channel))
        return (peer.proof(peer.session.verify_vkc(vkc, nc, vh_of(peer.channel))),), {}

    def request(answer: Response) -> Outcome:
        steps = client.sequence("GET", URL, channel=peer.channel)
        next(steps)
        try:
            steps.send(answer)
        except StopIteration as end:
            return end.value
        raise AssertionError("one request is enough on a live session")

    outcome = benchmark.pedantic(request, setup=prepared, rounds=3000)
    assert outcome.proved


@pytest.mark.parametrize("alg", kam3.ALGORITHMS, ids=lambda alg: alg.token)
@pytest.mark.benchmark(group="mutual-client-proofs")
def test_the_two_proofs_alone(benchmark: BenchmarkFixture, alg: kam3.Algorithm) -> None:
    peer, client = Peer(alg), MutualClient()
    client.add(URL, "alice", "password", realm=peer.realm)
    assert walk(client, peer).proved
    session = next(iter(client._memory._store._slots.values())).session
    vh = vh_of(peer.channel)
    vks = peer.session.verify_vkc(session.vkc(7, vh), 7, vh)

    def proofs() -> None:
        session.vkc(7, vh)
        session.verify_vks(vks, 7, vh)

    benchmark.pedantic(proofs, rounds=3000)
