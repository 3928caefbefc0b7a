"""The catalogue of attacks and faults, its part on group elements and algebra: one test a row, named after it.

Rows that cannot happen by chance in the real groups run in a tiny one, through the same exchanges, with the random source under control.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Iterable, Iterator

import pytest

import kam3
from kam3 import backends, sets
from kam3.algorithms import Algorithm
from kam3.backends import groups
from kam3.backends.reference import ReferenceBackend
from kam3.errors import BackendUnavailableError, DegenerateError, ExchangeStateError, InvalidElementError, InvalidSecretError
from tests.backends import tiny
from tests.vectors import frozen

DL = (kam3.DL_2048, kam3.DL_4096)
EC = (kam3.EC_P256, kam3.EC_P521)
GROUPS = {kam3.DL_2048: groups.DL_2048, kam3.DL_4096: groups.DL_4096, kam3.EC_P256: groups.EC_P256, kam3.EC_P521: groups.EC_P521}

any_dl = pytest.mark.parametrize("alg", DL, ids=lambda alg: alg.token)
any_ec = pytest.mark.parametrize("alg", EC, ids=lambda alg: alg.token)
any_alg = pytest.mark.parametrize("alg", [*DL, *EC], ids=lambda alg: alg.token)
any_tiny = pytest.mark.parametrize("group", [tiny.TINY_DL[47], tiny.TINY_EC[43]], ids=["dl", "ec"])
python_random = pytest.mark.parametrize("name", ["gmpy2", "reference"])  # those that read os.urandom; the native core is tested in C


def on(alg: Algorithm, name: str) -> Algorithm:
    try:
        return alg.on(name)
    except BackendUnavailableError as error:
        pytest.skip(str(error))


class Counting(ReferenceBackend):
    """The reference, counting its draws."""

    draws = 0

    def generate_secret(self, ps: sets.ParameterSet, role: sets.Role, out: memoryview) -> None:
        self.draws += 1
        super().generate_secret(ps, role, out)


def tiny_algorithm(group: groups.ModpGroup | groups.Curve) -> Algorithm:
    ps = tiny.parameter_set(group)
    return Algorithm._of("TINY", ps, Counting({ps.token: group}))


def t1_of(alg: Algorithm, kc1: bytes) -> int:
    return int.from_bytes(hashlib.new(alg.hash_name, b"\1" + kc1).digest(), "big")


def draws(monkeypatch: pytest.MonkeyPatch, secrets: Iterable[int]) -> None:
    """Let the operating system's random octets be these numbers."""
    numbers = iter(secrets)
    monkeypatch.setattr(os, "urandom", lambda count: next(numbers).to_bytes(count, "big"))


def j_and_kc1(alg: Algorithm) -> tuple[bytes, bytes]:
    test = frozen.octets(frozen.tests(alg.parameters, "Kam3Exchange")[0]["outputs"])
    return test["j"], test["kc1"]


def pi_of(alg: Algorithm) -> bytes:
    return frozen.octets(frozen.tests(alg.parameters, "Kam3Exchange")[0]["outputs"])["pi"]


def refuse_at_the_server(alg: Algorithm, kc1: bytes) -> None:
    """The stateless step and the exchange refuse K_c1, and the exchange is over."""
    j, good = j_and_kc1(alg)
    with pytest.raises(InvalidElementError) as stateless:
        alg.respond(j, kc1, alg.generate_secret())
    assert stateless.value.argument == "kc1"
    exchange = kam3.ServerExchange(alg, j)
    with pytest.raises(InvalidElementError) as refused:
        exchange.respond(kc1)
    assert (refused.value.argument, str(refused.value)) == ("kc1", str(stateless.value))
    with pytest.raises(ExchangeStateError):
        exchange.respond(good)


def refuse_at_the_client(alg: Algorithm, ks1: bytes) -> None:
    """`finish` raises, so there is no session that could compute VK_c, and the exchange is over."""
    _, good = j_and_kc1(alg)
    exchange = kam3.ClientExchange(alg, pi_of(alg))
    with pytest.raises(InvalidElementError) as refused:
        exchange.finish(ks1)
    assert refused.value.argument == "ks1"
    with pytest.raises(ExchangeStateError):
        exchange.finish(good)


def modp_edges(alg: Algorithm) -> list[bytes]:
    q = GROUPS[alg].q
    return [number.to_bytes(alg.element_octets, "big") for number in (0, 1, q - 1, q, q + 1, 256**alg.element_octets - 1)]


def no_points(alg: Algorithm) -> Iterator[bytes]:
    """x = q or more, x of no point, and a good representation with a bit above the natural range set."""
    curve, (_, good) = GROUPS[alg], j_and_kc1(alg)
    assert isinstance(curve, groups.Curve)
    q = curve.q
    small = next(x for x in range(q) if pow(x**3 - 3 * x + curve.b, (q - 1) // 2, q) == 1)
    no_square = next(x for x in range(q) if pow(x**3 - 3 * x + curve.b, (q - 1) // 2, q) == q - 1)
    highest = [int.from_bytes(good, "big") | 1 << bit for bit in range(q.bit_length() + 1, 8 * alg.element_octets)]
    for number in (2 * q, 2 * q + 1, 2 * (q + small), 2 * no_square, 2 * no_square + 1, *highest):
        yield number.to_bytes(alg.element_octets, "big")


@any_dl
def test_row_01_k_c1_at_and_beyond_the_edges_of_its_range(alg: Algorithm) -> None:
    for kc1 in modp_edges(alg):
        refuse_at_the_server(alg, kc1)


@any_dl
def test_row_02_k_c1_that_is_no_square(alg: Algorithm) -> None:
    j, good = j_and_kc1(alg)
    non_square = (GROUPS[alg].q - int.from_bytes(good, "big")).to_bytes(alg.element_octets, "big")
    assert not alg.is_square(non_square)
    assert alg.is_square(good)
    alg.respond(j, non_square, alg.generate_secret())  # the RFC's own checks let it pass
    with pytest.raises(InvalidElementError, match="not a square") as refused:
        kam3.ServerExchange(alg, j).respond(non_square)
    assert refused.value.argument == "kc1"
    with pytest.raises(InvalidElementError, match="not a square"):
        kam3.ServerExchange.fake(alg).respond(non_square)  # else it would tell known users from unknown ones
    with kam3.ServerExchange(alg, j, strict=False).respond(non_square) as session:
        assert 1 < int.from_bytes(session.ks1, "big") < GROUPS[alg].q - 1


@any_alg
def test_row_03_k_c1_of_another_length(alg: Algorithm) -> None:
    named = "kc1 has a leading zero octet"
    (short,) = (t for t in frozen.tests(alg.parameters, "Kam3Exchange") if t["comment"].startswith(named))
    kc1 = frozen.octets(short["outputs"])["kc1"]
    assert kc1[0] == 0
    for octets in (b"", kc1[1:], kc1[:-1], kc1.lstrip(b"\0"), b"\0" + kc1, kc1 + b"\0"):
        refuse_at_the_server(alg, octets)


@any_ec
def test_row_04_k_c1_that_is_no_point(alg: Algorithm) -> None:
    for kc1 in no_points(alg):
        refuse_at_the_server(alg, kc1)


@any_alg
def test_row_05_k_s1_that_is_none(alg: Algorithm) -> None:
    _, good = j_and_kc1(alg)
    if alg in DL:
        non_square = (GROUPS[alg].q - int.from_bytes(good, "big")).to_bytes(alg.element_octets, "big")
        wrong = [*modp_edges(alg), non_square]
    else:
        wrong = [*no_points(alg)]
    for ks1 in (*wrong, b"", good[1:], b"\0" + good):
        refuse_at_the_client(alg, ks1)


@any_alg
def test_row_06_a_j_that_makes_k_s1_trivial_ends_the_exchange(alg: Algorithm) -> None:
    """J = K_c1^-t_1 (or its negative) can be arranged in the real groups by who writes J."""
    group, s_c1 = GROUPS[alg], 2**40
    kc1 = alg.kc1(s_c1.to_bytes(alg.scalar_octets, "big"))
    t1 = t1_of(alg, kc1)
    inverse = group.encode(group.mul(-s_c1 * t1 % group.r, group.g))
    for number in (inverse, group.q - inverse) if alg in DL else (inverse,):
        j = number.to_bytes(alg.element_octets, "big")
        with pytest.raises(DegenerateError, match="K_s1"):
            alg.respond(j, kc1, alg.generate_secret())
        backend = Counting()
        exchange = kam3.ServerExchange(Algorithm._of("COUNTING", alg.parameters, backend), j)
        before = backend.draws
        with pytest.raises(DegenerateError, match="K_s1"):
            exchange.respond(kc1)
        assert backend.draws == before + 1, "never another S_s1"
        with pytest.raises(ExchangeStateError):
            exchange.respond(kc1)


@any_tiny
def test_row_06_every_k_c1_in_a_tiny_group(group: groups.ModpGroup | groups.Curve) -> None:
    alg, refused = tiny_algorithm(group), 0
    j_element = group.mul(5, group.g)
    j = bytes([group.encode(j_element)])
    for kc1_element in tiny.elements(group):
        kc1 = bytes([group.encode(kc1_element)])
        total = group.add(j_element, group.mul(t1_of(alg, kc1), kc1_element))
        exchange = kam3.ServerExchange(alg, j, strict=False)
        if not group.is_trivial(total):
            continue
        with pytest.raises(DegenerateError, match="K_s1"):
            exchange.respond(kc1)
        refused += 1
    assert refused > 0


@any_tiny
def test_row_07_a_trivial_z_is_never_hashed(group: groups.ModpGroup | groups.Curve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every S_s1 and every K_c1 at the server, every S_c1 and K_s1 at the client: a session, or DegenerateError and none."""
    alg, ps = tiny_algorithm(group), tiny.parameter_set(group)
    reference, pi = ReferenceBackend({ps.token: group}), bytes(31) + b"\7"
    j = alg.j(pi)
    peers = [bytes([group.encode(e)]) for e in tiny.elements(group) if group.is_square(e)]
    draws(monkeypatch, itertools.repeat(3))
    kam3.ServerExchange(alg, j)  # the stand-in for unknown users is drawn once
    seen = {"server": set(), "client": set()}
    for secret, peer in itertools.product(range(1, group.r), peers):
        draws(monkeypatch, itertools.chain([secret], itertools.repeat(1 if secret > 1 else 2)))
        try:
            session = kam3.ServerExchange(alg, j).respond(peer)
        except DegenerateError as error:
            seen["server"].add("z" if "computed z" in str(error) else "K_s1")
        else:
            seen["server"].add("session")
            z = bytearray(1)
            reference.z_server(ps, peer, session.ks1, bytes([secret]), memoryview(z))
            assert not group.is_trivial(group.decode(z[0]))
            session.close()
        draws(monkeypatch, itertools.chain([secret], itertools.repeat(1 if secret > 1 else 2)))
        try:
            client = kam3.ClientExchange(alg, pi)
            client.finish(peer).close()
        except DegenerateError as error:
            assert "computed z" in str(error)
            seen["client"].add("z")
        else:
            seen["client"].add("session")
    assert seen == {"server": {"session", "K_s1", "z"}, "client": {"session", "z"}}


@any_tiny
def test_row_08_a_denominator_of_0_is_drawn_again_before_k_c1_is_sent(
    group: groups.ModpGroup | groups.Curve, monkeypatch: pytest.MonkeyPatch
) -> None:
    alg, found = tiny_algorithm(group), 0
    for s_c1 in range(1, group.r):
        kc1 = alg.kc1(bytes([s_c1]))
        pi = (-s_c1 * t1_of(alg, kc1) % group.r).to_bytes(32, "big")
        if not any(pi):
            continue
        other = next(s for s in range(1, group.r) if (s * t1_of(alg, alg.kc1(bytes([s]))) + int.from_bytes(pi, "big")) % group.r)
        draws(monkeypatch, [s_c1, s_c1, other])
        with kam3.ClientExchange(alg, pi) as client:
            assert client.kc1 == alg.kc1(bytes([other]))
        with pytest.raises(DegenerateError, match="t_1"):
            alg.z_client(pi, bytes([s_c1]), kc1, kc1)
        draws(monkeypatch, itertools.repeat(s_c1))  # a source that gives nothing else is broken: an error, and no end of drawing
        with pytest.raises(DegenerateError, match="t_1"):
            kam3.ClientExchange(alg, pi)
        found += 1
    assert found >= group.r - 2


@any_tiny
def test_row_08_a_numerator_of_0_ends_the_exchange(group: groups.ModpGroup | groups.Curve, monkeypatch: pytest.MonkeyPatch) -> None:
    alg, found = tiny_algorithm(group), 0
    for s_c1, ks1_element in itertools.product(range(1, group.r), (group.mul(k, group.g) for k in range(1, group.r))):
        kc1, ks1 = alg.kc1(bytes([s_c1])), bytes([group.encode(ks1_element)])
        t2 = int.from_bytes(hashlib.sha256(b"\2" + kc1 + ks1).digest(), "big")
        if (s_c1 + t2) % group.r:
            continue
        pi = (next(p for p in range(1, group.r) if (s_c1 * t1_of(alg, kc1) + p) % group.r)).to_bytes(32, "big")
        draws(monkeypatch, [s_c1])
        client = kam3.ClientExchange(alg, pi)
        with pytest.raises(DegenerateError, match="computed z"):
            client.finish(ks1)
        with pytest.raises(ExchangeStateError):
            client.finish(ks1)
        found += 1
    assert found > 0


@any_alg
@python_random
def test_row_09_a_faulty_random_source_is_an_error(alg: Algorithm, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    alg = on(alg, name)
    j, kc1 = j_and_kc1(alg)
    exchange = kam3.ServerExchange(alg, j)

    def broken(count: int) -> bytes:
        raise OSError("no entropy")

    for source in (lambda count: bytes(count), lambda count: b"\xff" * count, broken):
        monkeypatch.setattr(os, "urandom", source)
        with pytest.raises(OSError):
            alg.generate_secret()
        with pytest.raises(OSError):
            kam3.ClientExchange(alg, pi_of(alg))
    with pytest.raises(OSError):
        exchange.respond(kc1)
    with pytest.raises(ExchangeStateError):
        exchange.respond(kc1)


@any_alg
def test_row_09_secrets_out_of_range_are_refused(alg: Algorithm) -> None:
    j, kc1 = j_and_kc1(alg)
    r, least = GROUPS[alg].r, alg.parameters.least_s_c1
    assert least == ({2048: 2048, 4096: 4096}.get(GROUPS[alg].q.bit_length(), 1))
    for number in {0, least - 1, r, r + 1, 256**alg.scalar_octets - 1}:
        secret = number.to_bytes(alg.scalar_octets, "big")
        with pytest.raises(InvalidSecretError) as refused:
            alg.kc1(secret)
        assert refused.value.argument == "s_c1"
        if number == 0 or number >= r:
            with pytest.raises(InvalidSecretError) as refused:
                alg.respond(j, kc1, secret)
            assert refused.value.argument == "s_s1"
    alg.kc1(least.to_bytes(alg.scalar_octets, "big"))
    for _ in range(4):
        assert least <= int.from_bytes(alg.generate_secret(), "big") < r


@python_random
def test_row_10_every_exchange_reads_the_random_source(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    alg = on(kam3.EC_P256, name)
    j, kc1 = j_and_kc1(alg)
    kam3.ServerExchange(alg, j).respond(kc1).close()
    urandom, read = os.urandom, []

    def recorded(count: int) -> bytes:
        read.append(urandom(count))
        return read[-1]

    monkeypatch.setattr(os, "urandom", recorded)
    for exchange in range(3):
        before = len(read)
        kam3.ServerExchange(alg, j).respond(kc1).close()
        assert len(read) > before, exchange
        before = len(read)
        kam3.ClientExchange(alg, pi_of(alg)).close()
        assert len(read) > before, exchange


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("name", backends.NAMES)
def test_row_10_parent_and_child_answer_differently_after_a_fork(name: str) -> None:
    alg = on(kam3.EC_P256, name)
    j, kc1 = j_and_kc1(alg)

    def answers() -> bytes:
        found = b""
        for _ in range(2):
            with kam3.ServerExchange(alg, j).respond(kc1) as session:
                found += session.ks1
        return found

    known = answers()
    for _ in range(2):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(writing, answers())
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            known += pipe.read()
        os.waitpid(child, 0)
        known += answers()
    seen = [known[i : i + alg.element_octets] for i in range(0, len(known), alg.element_octets)]
    assert len(seen) == 10
    assert len(set(seen)) == 10


@any_alg
def test_row_11_pi_0_mod_r_and_a_j_that_is_trivial(alg: Algorithm) -> None:
    zeros = [bytes(alg.hash_octets)]
    if alg is kam3.EC_P256:
        zeros.append(groups.EC_P256.r.to_bytes(32, "big"))
    for pi in zeros:
        with pytest.raises(DegenerateError, match=r"J\(pi\)"):
            alg.j(pi)
    for j in modp_edges(alg) if alg in DL else [(2 * GROUPS[alg].q).to_bytes(alg.element_octets, "big")]:
        with pytest.raises(InvalidElementError) as refused:
            kam3.ServerExchange(alg, j)
        assert refused.value.argument == "j"


@any_alg
def test_row_12_a_corrupt_j_is_told_before_the_peer_gets_an_answer(alg: Algorithm) -> None:
    """The layer above answers by a fake exchange, which has the same shape."""
    good, kc1 = j_and_kc1(alg)
    others = [j_and_kc1(other)[0] for other in (*DL, *EC) if other is not alg]
    corrupt = modp_edges(alg) if alg in DL else [*no_points(alg)]
    for j in (b"", good[1:], b"\0" + good, *others, *corrupt):
        with pytest.raises(InvalidElementError) as refused:
            kam3.ServerExchange(alg, j)
        assert refused.value.argument == "j"
        with pytest.raises(InvalidElementError) as refused:
            alg.respond(j, kc1, alg.generate_secret())
        assert refused.value.argument == "j"
    with kam3.ServerExchange.fake(alg).respond(kc1) as fake, kam3.ServerExchange(alg, good).respond(kc1) as real:
        assert len(fake.ks1) == len(real.ks1)
        assert alg.is_square(fake.ks1)
        assert repr(fake) == repr(real)
