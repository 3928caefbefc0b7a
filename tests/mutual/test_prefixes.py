"""Texts of sessions that are known already: what is read by them is what the strict way reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kam3
from kam3.errors import RemoteProtocolError
from kam3.mutual import prefixes
from kam3.mutual.messages import VfyC, parse_request, read_credentials, serialize
from kam3.mutual.outcomes import Forwarded
from kam3.mutual.prefixes import KnownPrefixes
from kam3.mutual.realms import Realm
from tests.mutual.serving import REALM, Bench

SID = "0123456789abcdef" * 2
MESSAGES = [
    VfyC(Realm(alg.token, "http://h.example", 'the "r"'), "host", SID, 7, bytes(range(alg.hash_octets))) for alg in kam3.ALGORITHMS
]


def strict(line: str) -> VfyC | None:
    try:
        parameters = read_credentials([line])
        message = None if parameters is None else parse_request(parameters)
    except RemoteProtocolError:
        return None
    return message if isinstance(message, VfyC) else None


numbers = st.one_of(st.integers(0, 2**64).map(str), st.sampled_from(["", "00", "07", "+1", "-1", "1e3", "\u0662", "9" * 16, "9" * 17]))
proofs = st.one_of(
    st.binary(min_size=0, max_size=66).map(bytes.hex),
    st.sampled_from(MESSAGES).map(lambda message: serialize(message).rpartition("vkc=")[2].strip('"')),
    st.text("0123456789abcdefABCXYZ+/=\"\\, ", max_size=130),
)
ends = st.builds(
    lambda before, nc, between, vkc, after: f"{before}, nc={nc}{between}{vkc}{after}",
    st.sampled_from(["", ", x=y", ', x="', ', x="\\', ", sid=00", ", nc=1"]),
    numbers,
    st.sampled_from([", vkc=", ', vkc="', ",vkc=", ", VKC=", ", vkc*="]),
    proofs,
    st.sampled_from(["", '"', " ", ",", ", x=y", ", vkc=00", '", x="']),
)


@given(message=st.sampled_from(MESSAGES), end=ends)
def test_a_known_text_is_read_as_the_strict_way_reads_it(message: VfyC, end: str) -> None:
    known, line = KnownPrefixes(), serialize(message)
    assert strict(line) == message
    known.learn([line], message)
    other = line.rpartition(", nc=")[0] + end
    read = known.read([other])
    assert read is None or read == strict(other)
    usual = strict(other)
    if usual is not None:  # and what came in an unusual form becomes known in that form
        known.learn([other], usual)
        again = known.read([other])
        assert again is None or again == usual


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.realm.algorithm)
def test_the_usual_form_is_known_after_the_first_request(message: VfyC) -> None:
    known, line = KnownPrefixes(), serialize(message)
    assert known.read([line]) is None
    known.learn([line], message)
    second = VfyC(message.realm, message.validation, message.sid, 8, message.vkc[::-1])
    assert known.read([serialize(second)]) == second
    assert known.read([serialize(second), serialize(second)]) is None
    assert known.read([]) is None


def test_only_so_many_and_so_long_texts_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefixes, "CAPACITY", 10)
    known = KnownPrefixes()
    for number in range(25):
        message = VfyC(MESSAGES[0].realm, "host", f"{number:032x}", 1, MESSAGES[0].vkc)
        known.learn([serialize(message)], message)
    assert len(known._known) == 5
    long = VfyC(Realm(kam3.EC_P256.token, "http://h.example", "r" * 1024), "host", SID, 1, bytes(32))
    known.learn([serialize(long)], long)
    assert known.read([serialize(long)]) is None


def test_only_what_was_accepted_is_learnt() -> None:
    bench = Bench()
    login = bench.log_in()
    bench.ask(login.wrong(1))
    assert not bench.server._known._known
    login = bench.log_in()
    assert isinstance(login.get(1), Forwarded)
    assert len(bench.server._known._known) == 1
    assert isinstance(login.get(2), Forwarded)
    bench.ask(login.header(3).replace(REALM.realm, "other"))
    assert len(bench.server._known._known) == 1
