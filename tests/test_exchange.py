"""Exchanges and sessions: what they give, in which order, and what they refuse. Interruptions are in test_exchange_faults.py."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
from dataclasses import dataclass
from typing import Any

import pytest

import kam3
from kam3 import backends
from kam3.backends.reference import PLAIN_GROUPS
from kam3.errors import (
    DegenerateError,
    ExchangeStateError,
    InvalidElementError,
    InvalidSecretError,
    Rule,
    VerificationError,
    fault,
)
from tests.spying import PASSWORD, REALM, spy_on

P256 = kam3.EC_P256
VH, OTHER = b"http://example.com:80", b"http://evil.example:80"
#: 2x for the least x above 0 with which P-256 has no point; x = 0 has one.
NO_POINT = bytes(32) + b"\x02"
each_algorithm = pytest.mark.parametrize("alg", kam3.ALGORITHMS, ids=lambda alg: alg.token)


@dataclass
class Pair:
    """Both ends of one exchange."""

    client: kam3.ClientSession
    server: kam3.ServerSession

    def proof(self, nc: int = 1, vh: bytes = VH) -> bytes:
        return self.client.vkc(nc, vh)


def connect(alg: kam3.Algorithm = P256, *, password: str = PASSWORD, fake: bool = False) -> Pair:
    j = alg.j(alg.pi(PASSWORD, **REALM))
    with kam3.ClientExchange(alg, alg.pi(password, **REALM)) as client:
        exchange = kam3.ServerExchange.fake(alg) if fake else kam3.ServerExchange(alg, j)
        server = exchange.respond(client.kc1)
        return Pair(client.finish(server.ks1), server)


def refused(action: Any, words: str) -> None:
    with pytest.raises(ExchangeStateError, match=words):
        action()


# The exchange


@each_algorithm
def test_both_sides_prove_themselves(alg: kam3.Algorithm, backend: str) -> None:
    pair = connect(alg)
    for nc in (0, 1, 2**80):
        vks = pair.server.verify_vkc(pair.client.vkc(nc, VH), nc, VH)
        assert len(vks) == alg.hash_octets
        pair.client.verify_vks(vks, nc, VH)
        assert pair.client.b2(nc, VH, b"t") == pair.server.b2(nc, VH, b"t") != pair.server.b2(nc, VH)
    assert pair.client.b1(VH) == pair.server.b1(VH) != pair.server.b1(VH, b"t")
    assert pair.server.ks1 == pair.server.ks1
    pair.client.close()
    pair.server.close()


def test_any_two_backends_understand_each_other() -> None:
    for ours in backends.available():
        for theirs in backends.available():
            pi = P256.pi(PASSWORD, **REALM)
            client = kam3.ClientExchange(P256.on(ours), pi)
            server = kam3.ServerExchange(P256.on(theirs), P256.j(pi)).respond(client.kc1)
            session = client.finish(server.ks1)
            session.verify_vks(server.verify_vkc(session.vkc(1, VH), 1, VH), 1, VH)


def test_proofs_are_those_of_the_primitives() -> None:
    alg, spy = spy_on(P256, "reference")
    pair = connect(alg)
    z = bytes(pair.server._z.view())
    kc1, ks1 = pair.server._kc1, pair.server.ks1
    assert pair.client.vkc(7, VH) == P256.vkc(kc1, ks1, z, 7, VH)
    assert pair.server.verify_vkc(pair.client.vkc(7, VH), 7, VH) == P256.vks(kc1, ks1, z, 7, VH)
    assert pair.server.b1(VH, b"t") == P256.b1(kc1, ks1, z, VH, b"t")
    assert pair.server.b2(7, VH, b"t") == P256.b2(kc1, ks1, z, 7, VH, b"t")
    assert spy.trace.count("generate_secret") >= 2


def test_every_exchange_draws_afresh(backend: str) -> None:
    pi = P256.pi(PASSWORD, **REALM)
    clients = [kam3.ClientExchange(P256, pi) for _ in range(4)]
    assert len({client.kc1 for client in clients}) == 4
    j = P256.j(pi)
    assert len({kam3.ServerExchange(P256, j).respond(clients[0].kc1).ks1 for _ in range(4)}) == 4
    assert len({kam3.ServerExchange.fake(P256).respond(clients[0].kc1).ks1 for _ in range(4)}) == 4


def test_nobody_chooses_a_secret() -> None:
    makers = (kam3.ClientExchange, kam3.ServerExchange, kam3.ServerExchange.fake, kam3.ClientExchange.finish, kam3.ServerExchange.respond)
    names = {name for maker in makers for name in inspect.signature(maker).parameters}
    assert names == {"alg", "pi", "j", "strict", "self", "ks1", "kc1"}
    client = kam3.ClientExchange(P256, P256.pi(PASSWORD, **REALM))
    with pytest.raises(AttributeError):
        client.s_c1 = b""  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        client.kc1 = b""  # type: ignore[misc]


def test_exchanges_keep_their_backend(backend: str) -> None:
    pair = connect()
    backends.use("reference")
    pair.client.verify_vks(pair.server.verify_vkc(pair.proof(), 1, VH), 1, VH)
    assert pair.client._backend.name == pair.server._backend.name == backend


@pytest.mark.parametrize("maker", [kam3.ClientSession, kam3.ServerSession])
def test_sessions_are_made_by_exchanges(maker: Any) -> None:
    with pytest.raises(TypeError, match="made by an exchange"):
        maker()


# The client


@pytest.mark.parametrize("pi", [b"", bytes(31), bytes(33)])
def test_client_checks_pi(pi: bytes) -> None:
    with pytest.raises(InvalidSecretError, match="pi must be exactly 32 octets") as caught:
        kam3.ClientExchange(P256, pi)
    assert caught.value.argument == "pi"


def test_client_keeps_a_copy_of_pi() -> None:
    pi = bytearray(P256.pi(PASSWORD, **REALM))
    j = P256.j(pi)
    client = kam3.ClientExchange(P256, pi)
    pi[:] = bytes(32)
    server = kam3.ServerExchange(P256, j).respond(client.kc1)
    server.verify_vkc(client.finish(server.ks1).vkc(1, VH), 1, VH)


def test_client_draws_again_when_the_denominator_is_0() -> None:
    """Fault catalogue, row 8."""
    alg, spy = spy_on(P256, "reference")

    def degenerate() -> None:
        if spy.trace.count("check_denominator") < 3:
            spy.during["check_denominator"] = degenerate
            raise fault(Rule.DEGENERATE_DENOMINATOR)

    spy.during["check_denominator"] = degenerate
    client = kam3.ClientExchange(alg, P256.pi(PASSWORD, **REALM))
    assert spy.trace == ["allocate", "allocate", *["generate_secret", "kc1", "check_denominator"] * 3]
    assert client.kc1 == P256.kc1(client._s_c1)


def test_client_gives_up_on_a_broken_random_source() -> None:
    alg, spy = spy_on(P256, "reference")

    def degenerate() -> None:
        spy.during["check_denominator"] = degenerate
        raise fault(Rule.DEGENERATE_DENOMINATOR)

    degenerate_forever: Any = degenerate
    spy.during["check_denominator"] = degenerate_forever
    with pytest.raises(DegenerateError):
        kam3.ClientExchange(alg, bytes(32))
    assert spy.trace.count("generate_secret") == 16
    assert not spy.holds_secrets()


@pytest.mark.parametrize("ks1", [NO_POINT, bytes(32), b"\xff" * 33, b"", None, "text"])
def test_finish_is_for_once_even_if_it_raises(ks1: Any) -> None:
    """Fault catalogue, row 5: nothing is computed from a bad K_s1, and the exchange is over."""
    alg, spy = spy_on(P256, "reference")
    client = kam3.ClientExchange(alg, P256.pi(PASSWORD, **REALM))
    with pytest.raises((InvalidElementError, TypeError), match="ks1"):
        client.finish(ks1)
    assert "z_client" not in spy.trace
    assert not spy.holds_secrets()
    refused(lambda: client.finish(P256.kc1(P256.generate_secret())), "has been used")
    assert len(client.kc1) == 33


def test_finish_wipes_what_it_used() -> None:
    alg, spy = spy_on(P256, "reference")
    client = kam3.ClientExchange(alg, P256.pi(PASSWORD, **REALM))
    session = client.finish(P256.kc1(P256.generate_secret()))
    assert not any(client._pi.view())
    assert not any(client._s_c1.view())
    assert [memory is session._z for memory in spy.memories if any(memory.view())] == [True]
    refused(lambda: client.finish(client.kc1), "has been used")
    client.close()
    assert session.vkc(1, VH)


def test_wrong_vks_ends_the_client_session(backend: str) -> None:
    pair = connect()
    right = pair.server.verify_vkc(pair.proof(), 1, VH)
    for change in (lambda p: p.client.verify_vks(right[:-1], 1, VH), lambda p: p.client.verify_vks(right + b"\0", 1, VH)):
        with pytest.raises(VerificationError):
            change(connect())
    with pytest.raises(VerificationError) as caught:
        pair.client.verify_vks(right, 2, VH)
    assert caught.value.argument == "vks"
    assert not any(pair.client._z.view())
    for use in (lambda: pair.client.verify_vks(right, 1, VH), pair.proof, lambda: pair.client.b1(VH), lambda: pair.client.b2(1, VH)):
        refused(use, "is over")
    pair.client.close()
    refused(pair.proof, "is closed")


def test_mistakes_of_the_caller_leave_the_client_session_alone() -> None:
    pair = connect()
    vks = pair.server.verify_vkc(pair.proof(), 1, VH)
    mistakes: list[Any] = [(None, 1, VH), (vks, True, VH), (vks, "1", VH), (vks, 1, "vh"), (vks, 1, [VH]), (vks, -1, VH)]
    for arguments in mistakes:
        with pytest.raises((TypeError, ValueError)) as caught:
            pair.client.verify_vks(*arguments)
        assert not isinstance(caught.value, kam3.Kam3Error)
    pair.client.verify_vks(vks, 1, VH)


# The server


@pytest.mark.parametrize("j", [b"", NO_POINT, bytes(32), b"\xff" * 33])
def test_server_checks_j(j: bytes) -> None:
    """Fault catalogue, row 12."""
    alg, spy = spy_on(P256, "reference")
    with pytest.raises(InvalidElementError, match="^j ") as caught:
        kam3.ServerExchange(alg, j)
    assert caught.value.argument == "j"
    assert not spy.holds_secrets()


@pytest.mark.parametrize("kc1", [NO_POINT, bytes(32), b"\xff" * 33, b"", None, "text"])
def test_respond_is_for_once_even_if_it_raises(kc1: Any) -> None:
    """Fault catalogue, rows 3, 4 and 10."""
    alg, spy = spy_on(P256, "reference")
    exchange = kam3.ServerExchange(alg, P256.j(P256.pi(PASSWORD, **REALM)))
    with pytest.raises((InvalidElementError, TypeError), match="kc1"):
        exchange.respond(kc1)
    assert "respond" not in spy.trace
    assert not spy.holds_secrets()
    refused(lambda: exchange.respond(P256.kc1(P256.generate_secret())), "has been used")


def test_respond_wipes_what_it_used() -> None:
    alg, spy = spy_on(P256, "reference")
    exchange = kam3.ServerExchange(alg, P256.j(P256.pi(PASSWORD, **REALM)))
    session = exchange.respond(P256.kc1(P256.generate_secret()))
    assert [memory is session._z for memory in spy.memories if any(memory.view())] == [True]
    refused(lambda: exchange.respond(session._kc1), "has been used")
    exchange.close()
    assert session.ks1


#: The prime of RFC 3526 section 3.
Q_2048 = int(PLAIN_GROUPS[kam3.DL_2048.token].q)
NON_SQUARE = (Q_2048 - 4).to_bytes(256, "big")  # -1 is none, since q = 3 mod 4


def test_strict_refuses_non_squares(backend: str) -> None:
    """Fault catalogue, rows 2 and 58."""
    alg = kam3.DL_2048
    j = alg.j(bytes(31) + b"\x05")
    for exchange in (kam3.ServerExchange(alg, j), kam3.ServerExchange.fake(alg)):
        with pytest.raises(InvalidElementError, match="kc1 is not in the subgroup") as caught:
            exchange.respond(NON_SQUARE)
        assert caught.value.argument == "kc1"
    with pytest.raises(InvalidElementError, match="ks1 is not in the subgroup"):
        kam3.ClientExchange(alg, bytes(32)).finish(NON_SQUARE)
    assert kam3.ServerExchange(alg, j, strict=False).respond(NON_SQUARE).ks1
    assert kam3.ServerExchange.fake(alg, strict=False).respond(NON_SQUARE).ks1
    assert kam3.ClientExchange(alg, bytes(32), strict=False).finish(NON_SQUARE).vkc(1, VH)


@pytest.mark.parametrize("element", [0, 1, Q_2048 - 1, Q_2048, Q_2048 + 1, 2**2048 - 1], ids=["0", "1", "q-1", "q", "q+1", "all ones"])
@pytest.mark.parametrize("strict", [True, False])
def test_range_is_checked_strict_or_not(element: int, strict: bool, backend: str) -> None:
    """Fault catalogue, rows 1 and 5."""
    octets = element.to_bytes(256, "big")
    with pytest.raises(InvalidElementError, match="must satisfy 1 < kc1 < q-1"):
        kam3.ServerExchange.fake(kam3.DL_2048, strict=strict).respond(octets)
    with pytest.raises(InvalidElementError, match="must satisfy 1 < ks1 < q-1"):
        kam3.ClientExchange(kam3.DL_2048, bytes(32), strict=strict).finish(octets)


def test_one_wrong_guess_ends_the_session(backend: str) -> None:
    """Promise 6; fault catalogue, row 39."""
    for wrong in (bytes(32), b"", bytes(33)):
        pair = connect()
        with pytest.raises(VerificationError) as caught:
            pair.server.verify_vkc(wrong, 1, VH)
        assert caught.value.argument == "vkc"
        assert not any(pair.server._z.view())
        for use in (lambda p=pair: p.server.verify_vkc(p.proof(), 1, VH), lambda p=pair: p.server.b1(VH), lambda p=pair: p.server.ks1):
            refused(use, "is over")


def test_wrong_password_nc_or_host_fails(backend: str) -> None:
    pair = connect(password="wrong")
    with pytest.raises(VerificationError):
        pair.server.verify_vkc(pair.proof(), 1, VH)
    for nc, vh in ((2, VH), (1, OTHER), (1, [OTHER, b""])):
        pair = connect()
        with pytest.raises(VerificationError):
            pair.server.verify_vkc(pair.proof(), nc, vh)  # type: ignore[arg-type]


def test_after_a_success_failures_change_nothing() -> None:
    """Fault catalogue, row 41."""
    pair = connect()
    vks = pair.server.verify_vkc(pair.proof(), 1, VH)
    for _ in range(3):
        with pytest.raises(VerificationError):
            pair.server.verify_vkc(bytes(32), 1, OTHER)
    assert pair.server.vh == VH
    assert pair.server.verify_vkc(pair.proof(), 1, VH) == vks


def test_mistakes_of_the_caller_leave_the_server_session_alone() -> None:
    pair = connect()
    mistakes: list[Any] = [
        (None, 1, VH), ("00", 1, VH), (b"", True, VH), (b"", 1.0, VH), (b"", -1, VH),
        (b"", 1, "vh"), (b"", 1, None), (b"", 1, []), (b"", 1, [VH] * 5), (b"", 1, [VH, "vh"]), (b"", 1, {VH}),
    ]  # fmt: skip
    for arguments in mistakes:
        with pytest.raises((TypeError, ValueError)) as caught:
            pair.server.verify_vkc(*arguments)
        assert not isinstance(caught.value, kam3.Kam3Error)
    assert pair.server.verify_vkc(pair.proof(), 1, VH)


def test_nothing_but_ks1_before_the_first_success() -> None:
    """Promise 7; fault catalogue, row 49."""
    pair = connect()
    for use in (lambda: pair.server.b1(VH), lambda: pair.server.b2(1, VH), lambda: pair.server.vh):
        refused(use, "has not verified")
    assert not hasattr(pair.server, "vks")
    assert pair.server.verify_vkc(pair.proof(), 1, VH)


def test_any_of_four_hosts_may_match() -> None:
    """Fault catalogue, row 34: certificates change while sessions live."""
    hosts = [b"old", VH, b"new", b"next"]
    alg, spy = spy_on(P256, "reference")
    for place, host in enumerate(hosts):
        pair = connect(alg)
        spy.forget()
        vks = pair.server.verify_vkc(pair.client.vkc(1, host), 1, hosts)
        assert spy.trace == ["proofs"] * 5, "one of the client, four tried: all are tried wherever the right one is"
        assert pair.server.vh == hosts[place]
        pair.client.verify_vks(vks, 1, host)
        assert pair.server.b1(tuple(hosts)) == pair.client.b1(host)
        assert pair.server.b2(1, hosts) == pair.client.b2(1, host)
        assert pair.server.b1(b"old") == pair.client.b1(b"old")
    with pytest.raises(ValueError, match="^vh must hold the value that matched"):
        pair.server.b1([b"a", b"b"])


def test_answers_may_come_in_any_order(backend: str) -> None:
    """The session keeps VK_s of the latest request alone, and makes the others when they are asked for."""
    alg, spy = spy_on(P256, backend)
    pair = connect(alg)
    answers = {(nc, host): pair.server.verify_vkc(pair.client.vkc(nc, host), nc, host) for host in (VH, b"new") for nc in (1, 2)}
    for made in ((2, b"new"), (1, b"new"), (2, VH), (1, VH), (2, b"new")):
        spy.forget()
        pair.client.verify_vks(answers[made], *made)
        assert spy.trace == ([] if made == (2, b"new") else ["vk"])
    for other in ((1, b"new"), (2, VH)):
        again = connect(alg)
        vks = again.server.verify_vkc(again.client.vkc(2, b"new"), 2, b"new")
        with pytest.raises(VerificationError):
            again.client.verify_vks(vks, *other)
        assert again.client._expected is None, "what was kept of the latest request ends with the session"


def test_the_latest_match_counts() -> None:
    pair = connect()
    for host in (b"old", b"new"):
        pair.server.verify_vkc(pair.client.vkc(1, host), 1, [b"old", b"new"])
        assert pair.server.b1([b"old", b"new"]) == pair.client.b1(host)


# Unknown users


def test_fake_session_never_succeeds(backend: str) -> None:
    pair = connect(fake=True)
    with pytest.raises(VerificationError):
        pair.server.verify_vkc(pair.proof(), 1, VH)
    refused(lambda: pair.server.verify_vkc(pair.proof(), 1, VH), "is over")


def test_fake_session_refuses_even_the_right_guess() -> None:
    pair = connect(fake=True)
    right = P256.vkc(pair.server._kc1, pair.server.ks1, pair.server._z, 1, VH)
    with pytest.raises(VerificationError) as caught:
        pair.server.verify_vkc(right, 1, VH)
    with pytest.raises(VerificationError) as known:
        connect().server.verify_vkc(bytes(32), 1, VH)
    assert str(caught.value) == str(known.value)


def test_fake_takes_the_same_path() -> None:
    """Promise 8; fault catalogue, row 57: the same calls of the backend, from the first exchange of the process on."""
    traces = []
    for fake in (False, True, False, True):
        if len(traces) < 2:
            kam3.exchange._stand_ins.clear()  # type: ignore[attr-defined]
        alg, spy = spy_on(P256, "reference")
        j, kc1 = P256.j(P256.pi(PASSWORD, **REALM)), P256.kc1(P256.generate_secret())
        exchange = kam3.ServerExchange.fake(alg) if fake else kam3.ServerExchange(alg, j)
        session = exchange.respond(kc1)
        with pytest.raises(VerificationError):
            session.verify_vkc(bytes(32), 1, [VH, OTHER])
        assert not spy.holds_secrets()
        assert repr(session) == repr(connect().server)
        traces.append(spy.trace)
    assert traces[0] == traces[1]
    assert traces[2] == traces[3]
    assert len(traces[0]) == len(traces[2]) + 3  # the stand-in for J was drawn, whoever came first


def test_stand_in_is_drawn_once() -> None:
    kam3.exchange._stand_ins.clear()  # type: ignore[attr-defined]
    for alg in (P256, kam3.EC_P521, P256.on(backends.available()[-1])):
        kam3.ServerExchange.fake(alg)
    drawn = list(kam3.exchange._stand_ins.values())  # type: ignore[attr-defined]
    assert [len(j) for j in drawn] == [33, 66]
    again = kam3.ServerExchange.fake(P256)
    assert bytes(again._j.view()) == drawn[0]


# One life cycle for all


def owners(alg: kam3.Algorithm) -> list[Any]:
    pi = P256.pi(PASSWORD, **REALM)
    pair = connect(alg)
    return [kam3.ClientExchange(alg, pi), kam3.ServerExchange(alg, P256.j(pi)), kam3.ServerExchange.fake(alg), pair.client, pair.server]


def uses(owner: Any) -> list[Any]:
    element = P256.kc1(bytes(31) + b"\x05")
    calls: dict[type, list[Any]] = {
        kam3.ClientExchange: [lambda: owner.kc1, lambda: owner.finish(element)],
        kam3.ServerExchange: [lambda: owner.respond(element)],
        kam3.ClientSession: [lambda: owner.vkc(1, VH), lambda: owner.verify_vks(b"", 1, VH), lambda: owner.b1(VH), lambda: owner.b2(1, VH)],
        kam3.ServerSession: [lambda: owner.ks1, lambda: owner.vh, lambda: owner.verify_vkc(b"", 1, VH), lambda: owner.b1(VH)],
    }
    return [owner.__enter__, *calls[type(owner)]]


def test_close_wipes_and_refuses(backend: str) -> None:
    alg, spy = spy_on(P256, backend)
    for owner in owners(alg):
        assert any(any(memory.view()) for memory in owner._secrets())
        with owner as same:
            assert same is owner
        assert not any(any(memory.view()) for memory in owner._secrets())
        owner.close()
        for use in uses(owner):
            refused(use, f"this {type(owner).__name__} is closed")
    assert not spy.holds_secrets()


def test_secrets_go_with_their_owner(backend: str) -> None:
    alg, spy = spy_on(P256, backend)
    kept = owners(alg)
    assert spy.holds_secrets()
    kept.clear()
    gc.collect()
    assert not spy.holds_secrets()


def test_owners_cannot_leave_and_show_nothing() -> None:
    for owner in owners(P256):
        for leave in (copy.copy, copy.deepcopy, pickle.dumps, lambda value: pickle.dumps(value, 1)):
            with pytest.raises(TypeError, match="cannot be pickled or copied"):
                leave(owner)
        assert repr(owner) == f"<kam3.{type(owner).__name__} iso-kam3-ec-p256-sha256>"


@pytest.mark.parametrize(
    "make", [lambda a: kam3.ClientExchange(a, bytes(32)), lambda a: kam3.ServerExchange(a, b""), kam3.ServerExchange.fake]
)
def test_exchanges_want_an_algorithm(make: Any) -> None:
    with pytest.raises(TypeError, match="alg must be a kam3.Algorithm"):
        make(P256.token)
