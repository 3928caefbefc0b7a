"""Sealed sessions: what survives, what the blob looks like, and that nothing but the right key and context opens it."""

from __future__ import annotations

import hashlib
import hmac
import os
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kam3
from kam3 import backends, sealing
from kam3.errors import ExchangeStateError, MissingExtraError, SealError, VerificationError
from tests.spying import spy_on
from tests.test_exchange import VH, Pair, connect, each_algorithm

KEY, FORMER, STRANGE = bytes(range(32)), b"\x11" * 32, b"\x22" * 32
CONTEXT = b"\x05alice\x01/"

FRAGILE = settings(max_examples=200, deadline=None)


def reopen(pair: Pair, keys: Any = (KEY,), context: bytes = CONTEXT) -> kam3.ServerSession:
    return kam3.ServerSession.unseal(pair.server.seal(KEY, CONTEXT), keys, context)


def refused(blob: Any, keys: Any = (KEY,), context: bytes = CONTEXT) -> None:
    with pytest.raises(SealError) as caught:
        kam3.ServerSession.unseal(blob, keys, context)
    assert (caught.value.code, caught.value.argument) == ("invalid-seal", "blob")
    assert str(caught.value) == "blob is not one that was sealed under one of keys for this context"


@pytest.fixture(scope="module")
def server() -> kam3.ServerSession:
    return connect().server


@pytest.fixture(scope="module")
def blob(server: kam3.ServerSession) -> bytes:
    return server.seal(KEY, CONTEXT)


@each_algorithm
def test_a_sealed_session_goes_on_where_it_was(alg: kam3.Algorithm, backend: str) -> None:
    pair = connect(alg)
    opened = reopen(pair)
    assert opened.ks1 == pair.server.ks1
    pair.client.verify_vks(opened.verify_vkc(pair.client.vkc(7, VH), 7, VH), 7, VH)
    assert opened.b2(7, VH, b"t") == pair.client.b2(7, VH, b"t")


def test_what_one_backend_sealed_another_opens() -> None:
    for ours in backends.available():
        backends.use(ours)
        pair = connect()
        blob = pair.server.seal(KEY, CONTEXT)
        for theirs in backends.available():
            backends.use(theirs)
            opened = kam3.ServerSession.unseal(blob, [KEY], CONTEXT)
            pair.client.verify_vks(opened.verify_vkc(pair.proof(), 1, VH), 1, VH)


def test_an_opened_session_is_unverified_even_if_it_was_sealed_after_a_success() -> None:
    pair = connect()
    pair.server.verify_vkc(pair.proof(), 1, VH)
    opened = reopen(pair)
    with pytest.raises(ExchangeStateError, match="not verified"):
        opened.b1(VH)
    with pytest.raises(VerificationError):
        opened.verify_vkc(bytes(32), 2, VH)
    with pytest.raises(ExchangeStateError, match="over"):
        opened.verify_vkc(pair.proof(2), 2, VH)


def test_a_fake_session_stays_fake_although_the_right_proof_is_made_for_it() -> None:
    pair = connect()
    pair.server._fake = True  # its z is known here, as that of a true fake is to nobody
    with pytest.raises(VerificationError):
        reopen(pair).verify_vkc(pair.proof(), 1, VH)


@each_algorithm
def test_golden_layout(alg: kam3.Algorithm) -> None:
    """Open a blob by the layout that `kam3.sealing` documents, with other code; HKDF is written out (RFC 5869)."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    server = connect(alg).server
    blob = server.seal(KEY, CONTEXT)
    assert len(blob) == 59 + 3 * alg.element_octets
    assert blob[0] == 1
    assert blob[1] == 1 + kam3.ALGORITHMS.index(alg)
    assert blob[2:10] == hmac.digest(KEY, b"kam3 key id", "sha256")[:8] == sealing.key_id(KEY)
    own = hmac.digest(hmac.digest(blob[10:42], KEY, "sha256"), b"kam3 seal\x01", "sha256")
    plain = AESGCM(own).decrypt(bytes(12), blob[42:], blob[:42] + CONTEXT)
    assert plain == b"\x00" + server._kc1 + server.ks1 + bytes(server._z.view())


def test_golden_blob() -> None:
    """Open a blob as it was written once, so that a change of the format does not go unnoticed: it would need a new version."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    kc1, ks1, z = (kam3.EC_P256.kc1(bytes(31) + bytes([number])) for number in (2, 3, 5))
    salt = bytes(range(100, 132))
    header = bytes.fromhex("0103") + bytes.fromhex("98f794faad8b4cd0") + salt
    own = hmac.digest(hmac.digest(salt, KEY, "sha256"), b"kam3 seal\x01", "sha256")
    blob = header + AESGCM(own).encrypt(bytes(12), b"\x00" + kc1 + ks1 + z, header + CONTEXT)
    assert hashlib.sha256(blob).hexdigest() == "d0c34a06dd5b3a92d58a6bdcba7a3807253ed117236548edb3c7116b63740ff4"
    opened = kam3.ServerSession.unseal(blob, [KEY], CONTEXT)
    assert (opened._kc1, opened.ks1, bytes(opened._z.view())) == (kc1, ks1, z)


def test_blobs_of_one_session_differ_throughout() -> None:
    server = connect().server
    one, other = server.seal(KEY, CONTEXT), server.seal(KEY, CONTEXT)
    assert one[10:42] != other[10:42]
    assert one[42:] != other[42:]
    assert bytes(server._z.view()) not in one + other


def test_former_keys_open_and_others_do_not() -> None:
    former = connect().server.seal(FORMER, CONTEXT)
    kam3.ServerSession.unseal(former, [KEY, FORMER], CONTEXT)
    kam3.ServerSession.unseal(former, (bytearray(FORMER), memoryview(KEY)), CONTEXT)
    refused(former, [KEY, STRANGE])


def test_a_key_of_the_same_id_does_not_open(blob: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "key_id", lambda key: blob[2:10])
    refused(blob, [STRANGE])


@pytest.mark.parametrize("context", [CONTEXT[:-1], CONTEXT + b"\0", b"\x05alicf\x01/"])
def test_another_context_does_not_open(blob: bytes, context: bytes) -> None:
    refused(blob, context=context)


def test_row_72_every_flipped_bit_is_refused(blob: bytes) -> None:
    for position in range(len(blob)):
        for bit in range(8):
            changed = bytearray(blob)
            changed[position] ^= 1 << bit
            refused(changed)


def test_row_72_every_cut_is_refused(blob: bytes) -> None:
    for length in range(len(blob)):
        refused(blob[:length])
        refused(blob[length + 1 :])
    refused(blob + b"\0")


@FRAGILE
@given(st.binary(max_size=400))
def test_row_72_any_octets_are_refused(octets: bytes) -> None:
    refused(octets)
    refused(b"\x01\x03" + sealing.key_id(KEY) + octets)


@FRAGILE
@given(key=st.binary(min_size=32, max_size=32), context=st.binary(min_size=1, max_size=80), other=st.binary(min_size=1, max_size=80))
def test_only_the_context_of_the_sealing_opens(server: kam3.ServerSession, key: bytes, context: bytes, other: bytes) -> None:
    blob = server.seal(key, context)
    kam3.ServerSession.unseal(blob, [key], context).close()
    if other != context:
        refused(blob, [key], other)


def test_a_blob_for_another_purpose_is_refused(blob: bytes) -> None:
    with pytest.raises(SealError):
        sealing.unseal(sealing.CREDENTIAL, blob, [KEY], CONTEXT, 1, 3)
    refused(sealing.seal(sealing.CREDENTIAL, kam3.EC_P256.parameters, KEY, CONTEXT, bytes(100)))


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ((KEY[:-1], CONTEXT), ValueError, "key must be exactly 32 octets long, not 31"),
        (("k" * 32, CONTEXT), TypeError, "key must be a bytes-like object"),
        ((KEY, b""), ValueError, "context must not be empty"),
        ((KEY, "x"), TypeError, "context must be a bytes-like object"),
    ],
)
def test_wrong_arguments_of_seal(arguments: Any, kind: type[Exception], words: str) -> None:
    pair = connect()
    with pytest.raises(kind, match=words):
        pair.server.seal(*arguments)
    pair.server.verify_vkc(pair.proof(), 1, VH)  # nothing changed


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ((b"x", [], CONTEXT), ValueError, "at least one key"),
        ((b"x", KEY, CONTEXT), TypeError, "keys must be a sequence of keys, not bytes"),
        ((b"x", [KEY, b"short"], CONTEXT), ValueError, "each of keys must be exactly 32 octets"),
        ((b"x", [KEY], b""), ValueError, "context must not be empty"),
        (("x", [KEY], CONTEXT), TypeError, "blob must be a bytes-like object"),
    ],
)
def test_wrong_arguments_of_unseal(arguments: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words) as caught:
        kam3.ServerSession.unseal(*arguments)
    assert not isinstance(caught.value, SealError)


def test_a_session_that_is_over_or_closed_is_not_sealed() -> None:
    over, closed = connect().server, connect().server
    with pytest.raises(VerificationError):
        over.verify_vkc(bytes(32), 1, VH)
    closed.close()
    for session, words in ((over, "over"), (closed, "closed")):
        with pytest.raises(ExchangeStateError, match=words):
            session.seal(KEY, CONTEXT)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_does_not_seal() -> None:
    session = connect().server
    child = os.fork()
    if child == 0:
        try:
            session.seal(KEY, CONTEXT)
        except ExchangeStateError:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


def test_the_opened_plaintext_is_wiped() -> None:
    blob = connect().server.seal(KEY, CONTEXT)
    _, spy = spy_on(kam3.EC_P256, backends.active())
    backends.use("reference")
    session = kam3.ServerSession.unseal(blob, [KEY], CONTEXT)
    plain, z = spy.memories
    assert not any(plain.view())
    assert any(z.view())
    session.close()
    assert not any(z.view())
    spy.forget()
    refused(blob, context=b"other")
    (plain,) = spy.memories
    assert not any(plain.view())


def test_without_cryptography_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers", None)
    monkeypatch.setattr(sealing, "_library", sealing._library.__wrapped__)
    with pytest.raises(MissingExtraError, match=r"kam3\[http\]"):
        connect().server.seal(KEY, CONTEXT)
