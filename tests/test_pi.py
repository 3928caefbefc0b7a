"""kam3.Pi: pi that Python never sees, accepted wherever pi is."""

from __future__ import annotations

import copy
import gc
import pickle
from typing import Any

import pytest

import kam3
from kam3.errors import ExchangeStateError, InvalidSecretError
from tests.spying import PASSWORD, REALM, in_child, spy_on

P256 = kam3.EC_P256


def make(alg: kam3.Algorithm = P256) -> kam3.Pi:
    return kam3.Pi.from_password(alg, PASSWORD, **REALM)


def test_serves_wherever_pi_does(backend: str) -> None:
    pi, s_c1 = P256.pi(PASSWORD, **REALM), P256.generate_secret()
    kc1 = P256.kc1(s_c1)
    ks1, z = P256.respond(P256.j(pi), kc1, P256.generate_secret())
    with make() as own:
        assert P256.j(own) == P256.j(pi)
        assert P256.z_client(own, s_c1, kc1, ks1) == z
        assert list(P256.j_many([(own,), (pi,)])) == [P256.j(pi)] * 2
        with kam3.ClientExchange(P256, own) as client:
            session = kam3.ServerExchange(P256, P256.j(pi)).respond(client.kc1)
            session.verify_vkc(client.finish(session.ks1).vkc(1, b"vh"), 1, b"vh")


def test_serves_on_another_backend_than_it_was_made_on() -> None:
    view, spy = spy_on(P256, "reference")
    with make() as own:
        assert view.j(own) == P256.j(P256.pi(PASSWORD, **REALM))
    assert not spy.holds_secrets()


def test_belongs_to_its_algorithm() -> None:
    with make() as own, pytest.raises(InvalidSecretError, match="pi belongs to iso-kam3-ec-p256-sha256, not to iso-kam3-dl-2048"):
        kam3.DL_2048.j(own)


def test_is_wiped_by_close() -> None:
    alg, spy = spy_on(P256, "reference")
    with make(alg):
        assert spy.holds_secrets()
    assert not spy.holds_secrets()


def test_is_wiped_when_it_goes() -> None:
    alg, spy = spy_on(P256, "reference")
    own = make(alg)
    assert spy.holds_secrets()
    del own
    gc.collect()
    assert not spy.holds_secrets()


def test_is_wiped_when_its_making_is_interrupted() -> None:
    alg, spy = spy_on(P256, "reference")
    spy.fail_at = 2
    with pytest.raises(KeyboardInterrupt):
        make(alg)
    assert spy.trace == ["allocate", "pi"]
    assert not spy.holds_secrets()


def test_refuses_after_close() -> None:
    own = make()
    own.close()
    own.close()
    for use in (lambda: P256.j(own), lambda: kam3.ClientExchange(P256, own), own.__enter__):
        with pytest.raises(ExchangeStateError, match="this Pi is closed"):
            use()


def test_refuses_in_a_forked_child() -> None:
    own = make()

    def child() -> str:
        with pytest.raises(ExchangeStateError, match="forked child") as caught:
            P256.j(own)
        own.close()
        assert not any(own._memory.view())
        return str(caught.value)

    assert "another process" in in_child(child)
    assert P256.j(own)


def test_cannot_leave() -> None:
    own = make()
    for leave in (copy.copy, copy.deepcopy, pickle.dumps, lambda value: pickle.dumps(value, 0)):
        with pytest.raises(TypeError, match="cannot be pickled or copied"):
            leave(own)
    with pytest.raises(TypeError):
        bytes(own)  # type: ignore[call-overload]
    assert repr(own) == "<kam3.Pi for iso-kam3-ec-p256-sha256>"


def test_is_made_from_a_password_alone() -> None:
    with pytest.raises(TypeError, match="from_password"):
        kam3.Pi()
    wrong: Any = "iso-kam3-ec-p256-sha256"
    with pytest.raises(TypeError, match="alg"):
        make(wrong)
    with pytest.raises(TypeError, match="^user must be"):
        kam3.Pi.from_password(P256, PASSWORD, auth_scope="", realm="", user=7)  # type: ignore[arg-type]
