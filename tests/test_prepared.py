"""kam3.PreparedJ: J with a table, accepted wherever J is, with the same results and the same errors."""

from __future__ import annotations

import copy
import gc
import hashlib
import pickle
import threading
from typing import Any

import pytest

import kam3
from kam3.backends.reference import PLAIN_GROUPS
from kam3.errors import DegenerateError, ExchangeStateError, InvalidElementError, InvalidSecretError
from tests.spying import in_child, spy_on

P256 = kam3.EC_P256
KC1 = P256.kc1((2**200 + 1).to_bytes(32, "big"))
S = (2**255 - 19).to_bytes(32, "big")


def some_j(alg: kam3.Algorithm = P256) -> bytes:
    return alg.j(bytes(range(1, alg.hash_octets + 1)))


def elements(alg: kam3.Algorithm) -> list[bytes]:
    """J of a user and of pi = 1, and in the DL groups their negatives: no squares, but the primitives take them."""
    found = [some_j(alg), alg.j(bytes(alg.hash_octets - 1) + b"\x01")]
    if not alg.parameters.is_curve:
        q = PLAIN_GROUPS[alg.token].q
        found += [(q - int.from_bytes(j, "big")).to_bytes(alg.element_octets, "big") for j in found]
    return found


@pytest.mark.parametrize("alg", kam3.ALGORITHMS, ids=lambda alg: alg.token)
def test_gives_what_j_gives(backend: str, alg: kam3.Algorithm) -> None:
    """On non-squares, too, where an exponent must not be reduced mod r."""
    if backend == "reference" and alg in (kam3.DL_4096, kam3.EC_P521):
        pytest.skip("half a minute, and the smaller groups show the same")
    kc1, s = elements(alg)[-1], alg.generate_secret(role="server")
    for j in elements(alg)[1:]:
        expected = alg.respond(j, kc1, s)
        with alg.prepare_j(j) as prepared:
            assert alg.respond(prepared, kc1, s) == expected
            assert alg.ks1(prepared, kc1, s) == expected[0]
            assert list(alg.respond_many([(prepared, kc1, s), (j, kc1, s)])) == [expected] * 2


@pytest.mark.parametrize("alg", kam3.ALGORITHMS[2:], ids=lambda alg: alg.token)
def test_serves_an_exchange(backend: str, alg: kam3.Algorithm) -> None:
    pi = bytes(range(1, alg.hash_octets + 1))
    with alg.prepare_j(alg.j(pi)) as prepared, kam3.ClientExchange(alg, pi) as client:
        server = kam3.ServerExchange(alg, prepared).respond(client.kc1)
        session = client.finish(server.ks1)
        session.verify_vks(server.verify_vkc(session.vkc(1, b"vh"), 1, b"vh"), 1, b"vh")


def test_errors_are_those_of_respond(backend: str) -> None:
    off_curve = bytes([0] * 32 + [2])
    with pytest.raises(InvalidElementError, match="^j "):
        P256.prepare_j(off_curve)
    with pytest.raises(InvalidElementError, match="^j "):
        P256.prepare_j(some_j()[:-1])
    with pytest.raises(TypeError, match="^j must be"):
        P256.prepare_j("text")  # type: ignore[arg-type]
    with P256.prepare_j(some_j()) as prepared:
        for kc1, s, error in ((off_curve, S, InvalidElementError), (KC1, bytes(32), InvalidSecretError), (KC1[1:], S, InvalidElementError)):
            messages = []
            for j in (prepared, some_j()):
                with pytest.raises(error) as caught:
                    P256.respond(j, kc1, s)
                messages.append(str(caught.value))
            assert messages[0] == messages[1]
        with pytest.raises(TypeError, match="^j must be"):
            P256.respond(7, KC1, S)  # type: ignore[arg-type]


def test_a_degenerate_answer_is_refused(backend: str) -> None:
    """J = K_c1^-t_1, which only tests can arrange."""
    r = PLAIN_GROUPS[P256.token].r
    t_1 = int.from_bytes(hashlib.sha256(b"\x01" + KC1).digest(), "big")
    j = P256.kc1((-(2**200 + 1) * t_1 % r).to_bytes(32, "big"))
    with P256.prepare_j(j) as prepared, pytest.raises(DegenerateError):
        P256.respond(prepared, KC1, S)


def test_belongs_to_its_algorithm() -> None:
    with P256.prepare_j(some_j()) as prepared:
        for use in (
            lambda: kam3.EC_P521.respond(prepared, KC1, S),
            lambda: kam3.EC_P521.ks1(prepared, KC1, S),
            lambda: kam3.ServerExchange(kam3.EC_P521, prepared),
        ):
            with pytest.raises(InvalidElementError, match="j belongs to iso-kam3-ec-p256-sha256, not to iso-kam3-ec-p521-sha512"):
                use()


def test_serves_on_another_backend_than_it_was_made_on() -> None:
    view, spy = spy_on(P256, "reference")
    with P256.prepare_j(some_j()) as prepared:
        assert view.respond(prepared, KC1, S) == P256.respond(some_j(), KC1, S)
        assert "respond_prepared" not in spy.trace
    with view.prepare_j(some_j()) as prepared:
        assert P256.respond(prepared, KC1, S) == view.respond(prepared, KC1, S)
        assert "respond_prepared" in spy.trace
    assert not spy.holds_secrets()


def test_is_wiped_by_close_and_when_it_goes_and_when_its_making_fails() -> None:
    alg, spy = spy_on(P256, "reference")
    with alg.prepare_j(some_j()):
        assert spy.holds_secrets()
    assert not spy.holds_secrets()
    prepared = alg.prepare_j(some_j())
    assert spy.holds_secrets()
    del prepared
    gc.collect()
    assert not spy.holds_secrets()
    spy.forget()
    spy.fail_at = 4
    with pytest.raises(KeyboardInterrupt):
        alg.prepare_j(some_j())
    assert spy.trace[-1] == "prepare_j"
    assert not spy.holds_secrets()


def test_refuses_after_close() -> None:
    prepared = P256.prepare_j(some_j())
    prepared.close()
    prepared.close()
    for use in (
        lambda: P256.respond(prepared, KC1, S),
        lambda: P256.ks1(prepared, KC1, S),
        lambda: kam3.ServerExchange(P256, prepared),
        prepared.__enter__,
    ):
        with pytest.raises(ExchangeStateError, match="this PreparedJ is closed"):
            use()
    (result,) = P256.respond_many([(prepared, KC1, S)])
    assert isinstance(result, ExchangeStateError)


def test_an_exchange_outlives_what_it_was_begun_with(backend: str) -> None:
    prepared = P256.prepare_j(some_j())
    exchange = kam3.ServerExchange(P256, prepared)
    prepared.close()
    with exchange.respond(KC1) as session:
        assert len(session.ks1) == P256.element_octets


@pytest.mark.parametrize("who", ["the same thread", "another thread"])
def test_close_amid_a_call_lets_it_end_and_the_end_wipes(who: str) -> None:
    alg, spy = spy_on(P256, "reference")
    prepared = alg.prepare_j(some_j())
    seen = []

    def close() -> None:
        prepared.close()
        seen.append(any(prepared._table.view()))

    def in_thread() -> None:
        thread = threading.Thread(target=close)
        thread.start()
        thread.join()

    spy.during["respond_prepared"] = close if who == "the same thread" else in_thread
    assert alg.respond(prepared, KC1, S) == P256.respond(some_j(), KC1, S)
    assert seen == [True]
    assert not any(prepared._table.view())
    assert not any(prepared._j.view())


def test_many_threads_share_one() -> None:
    expected = P256.respond(some_j(), KC1, S)
    with P256.prepare_j(some_j()) as prepared:
        assert list(P256.respond_many([(prepared, KC1, S)] * 100, threads=4)) == [expected] * 100
        assert prepared._calls == 0


def test_refuses_in_a_forked_child() -> None:
    prepared = P256.prepare_j(some_j())

    def child() -> str:
        with pytest.raises(ExchangeStateError, match="forked child") as caught:
            P256.respond(prepared, KC1, S)
        prepared._calls = 1  # as if another thread had been in a call
        prepared.close()
        assert not any(prepared._table.view())
        return str(caught.value)

    assert "another process" in in_child(child)
    assert P256.respond(prepared, KC1, S)


def test_cannot_leave() -> None:
    prepared = P256.prepare_j(some_j())
    for leave in (copy.copy, copy.deepcopy, pickle.dumps, lambda value: pickle.dumps(value, 0)):
        with pytest.raises(TypeError, match="cannot be pickled or copied"):
            leave(prepared)
    with pytest.raises(TypeError):
        bytes(prepared)  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        P256.check_element(prepared)  # type: ignore[arg-type]
    assert repr(prepared) == "<kam3.PreparedJ for iso-kam3-ec-p256-sha256>"


def test_is_made_by_prepare_j_alone() -> None:
    wrong: Any = kam3.PreparedJ
    with pytest.raises(TypeError, match="prepare_j"):
        wrong()


def test_serves_on_every_cpu_path() -> None:
    """Made on one path and used on another: the same results."""
    native = pytest.importorskip("kam3.backends.native", reason="the extension is not built", exc_type=ImportError)
    expected, before = P256.respond(some_j(), KC1, S), native.NativeBackend().cpu_path()
    alg = P256.on("native")
    try:
        for made_on in ("portable", before):
            native.NativeBackend(made_on)
            prepared = alg.prepare_j(some_j())
            for used_on in ("portable", before):
                native.NativeBackend(used_on)
                assert alg.respond(prepared, KC1, S) == expected
    finally:
        native.NativeBackend(before)
