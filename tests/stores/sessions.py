"""Sessions for tests of tables: one true key exchange, and copies of its end as many as are needed."""

from __future__ import annotations

import functools

import kam3
from kam3.errors import VerificationError
from kam3.mutual.realms import Realm
from kam3.mutual.sessions import Answer, NewSession, SessionKey
from tests.test_exchange import VH, Pair, connect

ORIGIN = "http://example.com"
REALM = Realm(kam3.EC_P256.token, ORIGIN, "secrets")
KEYS = (bytes(range(32)), b"\x11" * 32)


_connect = functools.cache(connect)


def pair(alg: kam3.Algorithm = kam3.EC_P256) -> Pair:
    return _connect(alg)


def server_session(alg: kam3.Algorithm = kam3.EC_P256) -> kam3.ServerSession:
    """Return a session of its own that the client's end of `pair` fits."""
    return kam3.ServerSession.unseal(pair(alg).server.seal(KEYS[0], b"copy"), KEYS, b"copy")


def key(sid: int = 1, **changes: object) -> SessionKey:
    return SessionKey(ORIGIN, REALM, f"{sid:032x}")._replace(**changes)


def new(
    sid: int = 1, *, user: str = "alice", fake: bool = False, peer: str = "192.0.2.1", nc_max: int = 2**31 - 1, nc_window: int = 1024,
    lifetime: float = 3660.0, alg: kam3.Algorithm = kam3.EC_P256,
) -> NewSession:  # fmt: skip
    return NewSession(key(sid), server_session(alg), user, fake, peer, nc_max, nc_window, lifetime)


def proof(nc: int, *, right: bool = True) -> bytes:
    return pair().client.vkc(nc, VH) if right else bytes(32)


def request(table, sid: int = 1, nc: int = 1, *, right: bool = True, peer: str = "192.0.2.1") -> Answer:
    """Do what a server does with one request, with true evaluation of a true proof."""
    begun = table.begin(key(sid), nc)
    if begun.answer is not Answer.EVALUATE:
        return begun.answer
    try:
        begun.session.verify_vkc(proof(nc, right=right), nc, VH)
        verdict = True
    except VerificationError:
        verdict = False
    return table.commit(key(sid), nc, verdict, peer)
