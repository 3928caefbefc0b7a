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
from kam3.mutual.prefixes import Claim, KnownPrefixes
from kam3.mutual.realms import Realm
from kam3.mutual.server import MutualServer
from kam3.mutual.sessions import SessionKey
from kam3.mutual.spaces import Space
from tests.mutual.serving import HOST, ORIGIN, REALM, Bench, reason_of

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


def known_for(message: VfyC) -> KnownPrefixes:
    return KnownPrefixes(kam3.algorithm(message.realm.algorithm))


def key_of(message: VfyC) -> SessionKey:
    return SessionKey("http://h.example", message.realm, message.sid)


def claim_of(message: VfyC | None) -> Claim | None:
    return None if message is None else (key_of(message), message.nc, message.vkc)


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
    known, line = known_for(message), serialize(message)
    assert strict(line) == message
    known.learn([line], key_of(message))
    other = line.rpartition(", nc=")[0] + end
    read = known.read([other])
    assert read is None or read == claim_of(strict(other))
    usual = strict(other)
    if usual is not None:  # and what came in an unusual form is not known as something else
        known.learn([other], key_of(usual))
        again = known.read([other])
        assert again is None or again == claim_of(usual)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.realm.algorithm)
def test_a_proof_of_another_form_is_left_to_the_strict_way(message: VfyC) -> None:
    known, line = known_for(message), serialize(message)
    known.learn([line], key_of(message))
    head, mark, proof = line.rpartition("vkc=")
    bare, quote = proof.strip('"'), '"' if proof.startswith('"') else ""
    assert known.read([line]) == claim_of(message)
    shorter, longer = (bare[1:], bare[2:], bare[4:], ""), (bare + "00", bare + "0000")
    for other in (*shorter, *longer, bare.upper(), "g" + bare[1:], " " + bare[1:], "=" * len(bare)):
        text = f"{head}{mark}{quote}{other}{quote}"
        assert known.read([text]) in (None, claim_of(strict(text))), other
        swapped = f"{head}{mark}{other}" if quote else f'{head}{mark}"{other}"'
        assert known.read([swapped]) in (None, claim_of(strict(swapped))), other


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.realm.algorithm)
def test_the_usual_form_is_known_after_the_first_request(message: VfyC) -> None:
    known, line = known_for(message), serialize(message)
    assert known.read([line]) is None
    known.learn([line], key_of(message))
    second = VfyC(message.realm, message.validation, message.sid, 8, message.vkc[::-1])
    assert known.read([serialize(second)]) == claim_of(second)
    assert known.read([serialize(second), serialize(second)]) is None
    assert known.read([]) is None


def test_only_so_many_and_so_long_texts_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefixes, "CAPACITY", 10)
    known = known_for(MESSAGES[0])
    for number in range(25):
        message = VfyC(MESSAGES[0].realm, "host", f"{number:032x}", 1, MESSAGES[0].vkc)
        known.learn([serialize(message)], key_of(message))
    assert len(known._known) == 5
    long = VfyC(Realm(MESSAGES[0].realm.algorithm, "http://h.example", "r" * 1024), "host", SID, 1, MESSAGES[0].vkc)
    known.learn([serialize(long)], key_of(long))
    assert known.read([serialize(long)]) is None


def texts_of(bench: Bench) -> set[str]:
    area = bench.server._sites.site_of("http", HOST).area_of("/")  # type: ignore[union-attr]  # there is one
    assert area is not None
    return set(area.known._known)


def test_only_what_was_accepted_is_learnt() -> None:
    bench = Bench()
    login = bench.log_in()
    bench.ask(login.wrong(1))
    assert not texts_of(bench)
    login = bench.log_in()
    assert isinstance(login.get(1), Forwarded)
    assert len(texts_of(bench)) == 1
    assert isinstance(login.get(2), Forwarded)
    bench.ask(login.header(3).replace(REALM.realm, "other"))
    assert len(texts_of(bench)) == 1


@pytest.mark.filterwarnings("ignore:.*contains paths of another one")
def test_a_text_that_is_known_in_one_area_is_read_strictly_in_another() -> None:
    other, spaces = REALM._replace(realm="other"), [Space(REALM), Space(REALM, ("/same",), optional=True)]
    bench = Bench(server=MutualServer([*spaces, Space(other, ("/other",))], [ORIGIN]))
    login = bench.log_in()
    assert isinstance(login.get(1), Forwarded)
    assert isinstance(login.get(2, path="/same"), Forwarded)  # of one realm, and so of one session
    assert reason_of(login.get(3, path="/other")) == "initial"
    assert isinstance(login.get(4), Forwarded)
