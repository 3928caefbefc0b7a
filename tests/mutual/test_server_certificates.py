"""A server with several certificates: what a request is bound to is the one that its own connection shows (catalogue, row 34)."""

from __future__ import annotations

import pytest

import kam3
from kam3.mutual.messages import KexC1, VfyC, serialize
from kam3.mutual.outcomes import Forwarded
from kam3.mutual.realms import Origin, Realm
from kam3.mutual.server import MutualServer
from kam3.mutual.spaces import ServedOrigin, Space
from kam3.mutual.validation import Channel, vh_of
from tests.mutual.serving import USER, Bench, challenge_of, j_of, pi_of

certificates = pytest.importorskip("tests.mutual.certificates", reason="certificates are made with cryptography")

URL, METHOD = "https://h.example", "tls-server-end-point"
REALM = Realm(kam3.EC_P256.token, URL, "r")
PLACE = {"scheme": "https", "host": "h.example"}


@pytest.fixture
def hosts() -> list[bytes]:
    return [vh_of(Channel(Origin.parse(URL), certificates.certificate(kind, "SHA384"))) for kind in ("p256", "p384")]


def test_row_34_a_session_tells_which_vh_matched_together_with_the_proof(hosts: list[bytes]) -> None:
    with kam3.ClientExchange(kam3.EC_P256, pi_of()) as exchange:
        server = kam3.ServerExchange(kam3.EC_P256, j_of()).respond(exchange.kc1)
        client = exchange.finish(server.ks1)
    for nc, host in enumerate((*hosts, *hosts[::-1]), 1):
        vks, matched = server.verify_vkc_among(client.vkc(nc, host), nc, hosts)
        client.verify_vks(vks, nc, host)
        assert matched == host


def test_row_34_b1_and_b2_are_of_the_certificate_of_the_request(hosts: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    ders = [certificates.certificate(kind, "SHA384") for kind in ("p256", "p384")]
    bench = Bench(server=MutualServer([Space(REALM)], [ServedOrigin(URL, ders)]))
    bench.users.put(REALM, USER, j_of(realm=REALM))
    with kam3.ClientExchange(kam3.EC_P256, pi_of(realm=REALM)) as exchange:
        challenge = challenge_of(bench.ask(serialize(KexC1(REALM, METHOD, USER, exchange.kc1)), **PLACE))
        client = exchange.finish(challenge.ks1)
    # As if, after every proof, another request over the other certificate were proved before anybody looks.
    monkeypatch.setattr(kam3.ServerSession, "vh", property(lambda _: hosts[1]))
    accepted = bench.ask(serialize(VfyC(REALM, METHOD, challenge.sid, 1, client.vkc(1, hosts[0]))), **PLACE)
    assert isinstance(accepted, Forwarded)
    assert accepted.identity is not None
    assert (accepted.identity.b1(), accepted.identity.b2()) == (client.b1(hosts[0]), client.b2(1, hosts[0]))
