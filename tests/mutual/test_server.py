"""The server's flow: the rows of the attack catalogue that it answers for, one test each, and what RFC 8120 section 11 asks of it.

Longer than other files: the catalogue is read from top to bottom, and a row is found by its number in one place.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable

import pytest

import kam3
from kam3.backends import groups
from kam3.errors import DegenerateError, OverloadedError, StoreUnavailableError
from kam3.mutual.actions import Admit, Begin, Commit, Create, End, Find, Pause, Respond, run
from kam3.mutual.extensions import Control
from kam3.mutual.limits import Limits, Rate
from kam3.mutual.messages import Init, KexC1, KexS1, Stale, VfyC, VfyS, serialize
from kam3.mutual.outcomes import Answered, Forwarded, Identity, _written
from kam3.mutual.realms import Realm
from kam3.mutual.server import MutualServer
from kam3.mutual.sessions import Answer, Begun, SessionKey
from kam3.mutual.spaces import Space, Terms
from kam3.stores.memory import MemorySessionTable
from tests.mutual.serving import ALG, HOST, ORIGIN, PEER, REALM, USER, VH, Bench, Clock, challenge_of, j_of, reason_of


@pytest.fixture
def bench() -> Bench:
    return Bench()


def kex(kc1: bytes | None = None, user: str = USER, realm: Realm = REALM, validation: str = "host") -> str:
    return serialize(KexC1(realm, validation, user, kc1 or ALG.kc1(ALG.generate_secret())))


def names(bench: Bench) -> list[str]:
    return [type(action).__name__ for action in bench.trace]


# Messages


def test_a_normal_request_is_answered_by_401_init_initial(bench: Bench) -> None:
    answer = bench.ask()
    assert challenge_of(answer) == Init(REALM, "host", "initial")
    assert isinstance(answer, Answered)
    assert (answer.status, dict(answer.headers)["Cache-Control"]) == (401, "no-store")
    assert bench.trace == []


def test_another_scheme_is_a_normal_request(bench: Bench) -> None:
    assert reason_of(bench.ask("Basic YTpi")) == "initial"


def test_a_log_in_and_a_thousand_requests_over_one_session(bench: Bench) -> None:
    login = bench.log_in()
    assert login.challenge == dataclasses.replace(
        login.challenge, realm=REALM, validation="host", nc_max=2**31 - 1, nc_window=1024, time=3600, path="/"
    )
    for nc in range(1000):
        login.check(login.get(nc), nc)
    assert names(bench).count("Respond") == 1


def test_r4_every_key_exchange_has_a_session_identifier_of_its_own(bench: Bench) -> None:
    sids = {challenge_of(bench.ask(kex(), peer=f"192.0.2.{i}")).sid for i in range(50)}
    assert len(sids) == 50


def test_row_46_session_identifiers_are_128_bits_of_the_source(bench: Bench) -> None:
    asked = []

    def source(octets: int) -> bytes:
        asked.append(octets)
        return bytes(range(octets))

    bench.server = MutualServer([Space(REALM)], [ORIGIN], sids=source)
    assert bench.log_in().challenge.sid == "000102030405060708090a0b0c0d0e0f"
    assert asked == [16]


def no_elements(alg: kam3.Algorithm) -> list[bytes]:
    """Return octets of the right length that are no element that a server takes."""
    length = alg.element_octets
    if alg is kam3.EC_P256:  # x out of range, and x of no point
        small = [n.to_bytes(length, "big") for n in range(2, 40)]
        return [b"\xff" * length, b"\x02" + bytes(length - 1), *[octets for octets in small if not is_element(alg, octets)]]
    q = groups.DL_2048.q
    return [n.to_bytes(length, "big") for n in (0, 1, q - 1, q, q + 1, 2 ** (8 * length) - 1, q - 4)]  # -1 is no square, and 4 is one


def is_element(alg: kam3.Algorithm, octets: bytes) -> bool:
    try:
        alg.check_element(octets)
    except kam3.errors.InvalidElementError:
        return False
    return True


@pytest.mark.parametrize("alg", [kam3.EC_P256, kam3.DL_2048], ids=lambda alg: alg.token)
def test_rows_1_2_and_4_a_kc1_that_is_no_element_leads_to_no_session(alg: kam3.Algorithm) -> None:
    realm = Realm(alg.token, ORIGIN, "r")
    bench = Bench(server=MutualServer([Space(realm)], [ORIGIN]))
    for number, kc1 in enumerate(no_elements(alg)):
        answer = bench.ask(kex(kc1, realm=realm), peer=f"192.0.2.{number}")
        assert reason_of(answer) == "invalid-parameters"
        assert names(bench)[-1] == "Respond"
    assert len(bench.table) == 0


def test_row_6_an_exchange_that_degenerates_is_refused_and_not_drawn_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def degenerate(exchange: kam3.ServerExchange, kc1: bytes) -> None:
        calls.append(kc1)
        raise DegenerateError("the computed K_s1 is the identity")

    monkeypatch.setattr(kam3.ServerExchange, "respond", degenerate)
    assert reason_of(bench.ask(kex())) == "invalid-parameters"
    assert len(calls) == 1
    assert len(bench.table) == 0


@pytest.mark.parametrize("change", [lambda kc1: kc1[2:], lambda kc1: "00" + kc1, lambda kc1: kc1[1:], lambda kc1: ""])
def test_row_3_a_kc1_of_another_length_is_no_message(bench: Bench, change: Callable[[str], str]) -> None:
    kc1 = ALG.kc1(ALG.generate_secret())
    header = kex(kc1)
    assert kc1.hex() in header
    assert reason_of(bench.ask(header.replace(kc1.hex(), change(kc1.hex())))) == "invalid-parameters"
    assert names(bench) == []


@pytest.mark.parametrize("name", ["version", "algorithm", "validation", "auth-scope", "realm", "user", "kc1"])
def test_r80_a_key_exchange_without_a_parameter_is_malformed(bench: Bench, name: str) -> None:
    scheme, _, rest = kex().partition(" ")
    parts = [part for part in rest.split(", ") if not part.startswith(f"{name}=")]
    assert reason_of(bench.ask(f"{scheme} {', '.join(parts)}")) == "invalid-parameters"
    assert len(bench.table) == 0


@pytest.mark.parametrize("name", ["version", "algorithm", "validation", "auth-scope", "realm", "sid", "nc", "vkc"])
def test_r98_a_proof_without_a_parameter_is_malformed_and_spares_the_session(bench: Bench, name: str) -> None:
    login = bench.log_in()
    scheme, _, rest = login.header(1).partition(" ")
    parts = [part for part in rest.split(", ") if not part.startswith(f"{name}=")]
    assert reason_of(bench.ask(f"{scheme} {', '.join(parts)}")) == "invalid-parameters"
    login.check(login.get(1), 1)


@pytest.mark.parametrize("extra", ["kc1=00", "ks1=00", "vks=00", "version=1", "nc=2", "VKC=00", "realm*=UTF-8''r"])
def test_rows_13_and_15_doubled_and_foreign_parameters_are_malformed(bench: Bench, extra: str) -> None:
    login = bench.log_in()
    assert reason_of(bench.ask(f"{login.header(1)}, {extra}")) == "invalid-parameters"
    login.check(login.get(1), 1)


def test_row_17_unknown_parameters_change_nothing(bench: Bench) -> None:
    login = bench.log_in()
    login.check(bench.ask(f"{login.header(1)}, foo=bar, -x.example.com=1"), 1)


@pytest.mark.parametrize("header", ["Mutual", "Mutual abc==", "Mutual a", 'Mutual realm="', "Mutual \x00", "Mutual " + "a=1, " * 5000])
def test_row_24_whatever_does_not_parse_is_invalid_parameters(bench: Bench, header: str) -> None:
    assert reason_of(bench.ask(header)) == "invalid-parameters"


def test_two_authorization_fields_are_malformed(bench: Bench) -> None:
    login = bench.log_in()
    assert reason_of(bench.ask(login.header(1), login.header(2))) == "invalid-parameters"


def test_a_version_that_is_not_ours_is_malformed(bench: Bench) -> None:
    assert reason_of(bench.ask(kex().replace("version=1", "version=2"))) == "invalid-parameters"


# Realms and origins


@pytest.mark.parametrize(
    "realm", [REALM._replace(realm="s"), REALM._replace(auth_scope="http://h.example"), REALM._replace(algorithm=kam3.EC_P521.token)]
)
def test_row_29_another_realm_is_initial(bench: Bench, realm: Realm) -> None:
    alg = kam3.algorithm(realm.algorithm)
    assert reason_of(bench.ask(kex(alg.kc1(alg.generate_secret()), realm=realm))) == "initial"
    login = bench.log_in()
    message = VfyC(realm, "host", login.challenge.sid, 1, bytes(alg.hash_octets))
    assert reason_of(bench.ask(serialize(message))) == "initial"
    login.check(login.get(1), 1)


def test_row_29_an_algorithm_that_we_do_not_know_is_another_realm(bench: Bench) -> None:
    assert reason_of(bench.ask(kex().replace(ALG.token, "iso-kam9-x"))) == "initial"


@pytest.mark.parametrize("validation", ["tls-server-end-point", "tls-unique", "-x.example.com"])
def test_rows_29_and_33_another_validation_is_invalid_parameters(bench: Bench, validation: str) -> None:
    assert reason_of(bench.ask(kex(validation=validation))) == "invalid-parameters"


def test_row_30_a_session_is_local_to_its_realm_and_origin() -> None:
    other_realm, other_origin = Realm(ALG.token, "h.example", "r"), "http://h.example"
    realm = Realm(ALG.token, "h.example", "q")
    with pytest.warns(UserWarning, match="of one realm contains paths of another"):
        bench = Bench(server=MutualServer([Space(realm), Space(other_realm, ("/b",))], [ORIGIN, other_origin]))
    bench.users.put(realm, USER, j_of(realm=realm))
    login = bench.log_in(realm=realm)
    login.check(login.get(1), 1)
    moved = serialize(VfyC(other_realm, "host", login.challenge.sid, 2, login.session.vkc(2, VH)))
    assert isinstance(challenge_of(bench.ask(moved, path="/b")), Stale)
    assert isinstance(challenge_of(login.get(2, host="h.example")), Stale)
    login.check(login.get(2), 2)  # neither of them has touched the session


def test_row_31_a_relayed_proof_is_for_another_host(bench: Bench) -> None:
    login = bench.log_in()
    assert reason_of(bench.ask(login.header(1, vh=b"http://evil.example:80"))) == "auth-failed"


@pytest.mark.parametrize("host", ["evil.example", "h.example", "h.example:", "h.example:80", "www.h.example:8120", "h.example:8121"])
def test_row_32_a_host_that_is_not_ours_is_misdirected(bench: Bench, host: str) -> None:
    login = bench.log_in()
    answer = bench.ask(login.header(1), host=host)
    assert isinstance(answer, Answered)
    assert (answer.status, answer.headers) == (421, ())
    login.check(login.get(1), 1)


@pytest.mark.parametrize("host", [None, "", "h.example:81208120", "a b", "h@x", "h/x", "h.example:8120/x", "h\\x", "[::1", "\u00e9"])
def test_row_32_a_missing_or_malformed_host_is_a_bad_request(bench: Bench, host: str | None) -> None:
    answer = bench.ask(host=host)
    assert isinstance(answer, Answered)
    assert answer.status == 400


def test_row_32_spellings_of_our_host_lead_to_the_configured_origin(bench: Bench) -> None:
    login = bench.log_in(host="H.EXAMPLE:8120")
    login.check(login.get(1, host="h.example:08120"), 1)
    login.check(login.get(2, path="http://h.example:8120/x", host="evil.example"), 2)  # the target in absolute form counts
    assert isinstance(bench.ask(path="http://evil.example/x"), Answered)
    for path in ("https://h.example:8120/", "h.example:8120", "*", "x"):
        answer = bench.ask(path=path)
        assert isinstance(answer, Answered)
        assert answer.status == 400
    assert reason_of(bench.ask(path="*", method="OPTIONS")) == "initial"


def test_the_answer_for_a_wrong_origin_explains_it(bench: Bench) -> None:
    answer = bench.ask(scheme="https")
    assert isinstance(answer, Answered)
    assert answer.status == 421
    assert ORIGIN in answer.reason
    assert [event.name for event in answer.events] == ["misdirected"]


# The session machine, through the whole flow


def test_row_37_and_r7_an_unknown_sid_is_stale(bench: Bench) -> None:
    login = bench.log_in()
    assert challenge_of(bench.ask(login.header(1, sid="0" * 32))) == Stale(REALM, "host")
    bench.table.close()  # as a restart does
    assert isinstance(challenge_of(login.get(1)), Stale)


@pytest.mark.parametrize("change", [lambda sid: sid + "00", lambda sid: sid[2:], lambda sid: "00" + sid])
def test_row_21_a_sid_of_another_length_is_not_found(bench: Bench, change: Callable[[str], str]) -> None:
    login = bench.log_in()
    bench.trace.clear()
    assert isinstance(challenge_of(bench.ask(login.header(1, sid=change(login.challenge.sid)))), Stale)
    assert bench.trace == []
    login.check(bench.ask(login.header(1).replace(login.challenge.sid, login.challenge.sid.upper())), 1)


def test_row_38_and_39_a_wrong_proof_is_the_one_guess(bench: Bench) -> None:
    login = bench.log_in()
    assert reason_of(login.get_wrong(1)) == "auth-failed"
    bench.trace.clear()
    assert reason_of(login.get(2)) == "auth-failed"  # right, too late
    assert names(bench) == ["Begin"], "the proof is not evaluated"


def test_row_41_a_wrong_proof_spares_a_session_that_was_proved(bench: Bench) -> None:
    login = bench.log_in()
    login.check(login.get(1), 1)
    assert reason_of(login.get_wrong(2)) == "auth-failed"
    login.check(login.get(2), 2)


def test_row_42_a_replay_is_stale_and_ends_the_session(bench: Bench) -> None:
    login = bench.log_in()
    login.check(login.get(1), 1)
    assert isinstance(challenge_of(login.get(1)), Stale)
    assert isinstance(challenge_of(login.get(2)), Stale)


@pytest.mark.parametrize("nc", [2**31, 2**32 + 1, 2**80])
def test_rows_20_and_44_a_huge_number_is_stale(bench: Bench, nc: int) -> None:
    login = bench.log_in()
    login.check(login.get(1), 1)
    assert isinstance(challenge_of(login.get(nc)), Stale)
    assert isinstance(challenge_of(login.get(2)), Stale)


def test_row_20_ten_thousand_digits_are_answered(bench: Bench) -> None:
    login = bench.log_in()
    header = login.header(1).replace("nc=1,", f"nc={'9' * 7000},")
    assert isinstance(challenge_of(bench.ask(header)), Stale)
    assert isinstance(bench.trace[-1], Begin)
    assert bench.trace[-1].nc == 2**31


def test_row_44_numbers_out_of_order_are_accepted_once_each(bench: Bench) -> None:
    login = bench.log_in()
    for nc in (5, 3, 4, 1028, 6, 0 + 1028 - 1023 + 2, 1027):
        login.check(login.get(nc), nc)
    assert isinstance(challenge_of(login.get(4)), Stale)


def test_row_45_the_actions_come_in_their_order(bench: Bench) -> None:
    login = bench.log_in()
    bench.trace.clear()
    login.get(1)
    assert names(bench) == ["Begin", "Commit"]
    login.get_wrong(2)
    assert names(bench) == ["Begin", "Commit", "Begin", "Commit"]
    assert [action.right for action in bench.trace if isinstance(action, Commit)] == [True, False]


def test_row_47_the_session_ends_with_its_time(bench: Bench) -> None:
    login, late = bench.log_in(), bench.log_in()
    bench.clock.now += 3600  # what was promised, and one minute for what is under way
    login.check(login.get(1), 1)
    bench.clock.now += 60
    assert isinstance(challenge_of(late.get(1)), Stale)
    assert isinstance(challenge_of(login.get(2)), Stale)
    bench.log_in()


def test_row_48_open_paths_judge_nothing() -> None:
    bench = Bench(server=MutualServer([Space(REALM), Space(None, ("/public",))], [ORIGIN]))
    for header in (kex(), "Mutual nonsense", "Basic x"):
        outcome = bench.ask(header, path="/public")
        assert outcome == Forwarded(None, None)
        assert bench.server.conclude(outcome, 401, (("WWW-Authenticate", "Basic"),))[:2] == (401, (("WWW-Authenticate", "Basic"),))
    assert bench.trace == []


def test_row_49_the_proof_exists_in_an_accepted_request_alone(bench: Bench) -> None:
    with pytest.raises(TypeError, match="accepted"):
        Identity()
    key = SessionKey(ORIGIN, REALM, "0" * 32)
    for answer in set(Answer) - {Answer.ACCEPTED}:
        with pytest.raises(TypeError, match="not accepted"):
            Identity._accepted(answer, None, key, 1, USER, PEER, None, bytes(32), VH)  # type: ignore[arg-type]  # that is refused


@pytest.mark.parametrize("alg", kam3.ALGORITHMS, ids=lambda alg: alg.token)
def test_the_proof_is_written_as_the_message_is(alg: kam3.Algorithm) -> None:
    vks = bytes(range(alg.hash_octets))
    assert _written("0123456789abcdef" * 2, vks, alg) == serialize(VfyS("0123456789abcdef" * 2, vks, alg.token))


@pytest.mark.parametrize("answer", [answer for answer in Answer if answer is not Answer.ACCEPTED])
def test_row_49_a_right_proof_that_is_not_committed_is_not_answered(bench: Bench, answer: Answer) -> None:
    login = bench.log_in()
    bench.table.commit = lambda *_: answer  # type: ignore[method-assign]
    outcome = login.get(1)
    assert isinstance(outcome, Answered)
    assert "vks" not in repr(outcome)


def test_row_49_a_table_that_accepts_a_wrong_proof_is_not_believed(bench: Bench) -> None:
    login = bench.log_in()
    bench.table.commit = lambda *_: Answer.ACCEPTED  # type: ignore[method-assign]
    assert reason_of(login.get_wrong(1)) == "auth-failed"


def test_row_50_a_proof_of_another_length_is_no_message(bench: Bench) -> None:
    login = bench.log_in()
    good = login.header(1)
    assert reason_of(bench.ask(good[:-2])) == "invalid-parameters"
    assert reason_of(bench.ask(good + "00")) == "invalid-parameters"
    login.check(login.get(1), 1)


@pytest.mark.parametrize("status", [101, 200, 204, 206, 302, 304, 401, 403, 404, 418, 500, 503])
def test_row_51_every_final_answer_carries_the_proof(bench: Bench, status: int) -> None:
    login = bench.log_in()
    outcome = login.get(1)
    login.check(outcome, 1, status)
    assert isinstance(outcome, Forwarded)
    own = (("Content-Type", "text/html"), ("authentication-info", "x"), ("WWW-Authenticate", "y"))
    concluded = bench.server.conclude(outcome, status, own)
    assert concluded.status == (403 if status == 401 else status)
    assert [name.lower() for name, _ in concluded.headers].count("authentication-info") == 1
    assert "www-authenticate" not in [name.lower() for name, _ in concluded.headers]
    assert ("Content-Type", "text/html") in concluded.headers
    assert [event.name for event in concluded.events] == (["application-401"] if status == 401 else [])


def test_decision_17_protected_pages_are_private_unless_the_application_says_more(bench: Bench) -> None:
    login = bench.log_in()
    outcome = login.get(1)
    assert isinstance(outcome, Forwarded)
    assert ("Cache-Control", "private") in bench.server.conclude(outcome, 200, ()).headers
    own = (("cache-control", "no-cache"),)
    assert [value for name, value in bench.server.conclude(outcome, 200, own).headers if name.lower() == "cache-control"] == ["no-cache"]


def test_row_52_a_failure_after_the_commit_consumes_the_number(bench: Bench) -> None:
    login = bench.log_in()
    login.check(login.get(1), 1)
    login.get(2)  # whatever becomes of this one
    assert isinstance(challenge_of(login.get(2)), Stale)


# Optional authentication


@pytest.fixture
def optional() -> Bench:
    control = Control(username="alice", logout_timeout=300)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Bench(server=MutualServer([Space(REALM, optional=True, control=control)], [ORIGIN]))


def test_row_53_optional_pages_invite_who_has_not_logged_in(optional: Bench) -> None:
    for header in ((), ("Basic x",), (kex(realm=REALM._replace(realm="other")),)):
        outcome = optional.ask(*header)
        assert isinstance(outcome, Forwarded)
        assert outcome.identity is None
        concluded = optional.server.conclude(outcome, 200, (("Vary", "Accept"),))
        required = MutualServer([Space(REALM)], [ORIGIN])
        init = dict(Bench(server=required).ask().headers)["WWW-Authenticate"]  # type: ignore[union-attr]
        assert ("Optional-WWW-Authenticate", init) in concluded.headers
        assert ("Vary", "Authorization") in concluded.headers
        assert any(name == "Authentication-Control" and "username" in value for name, value in concluded.headers)


def test_row_53_intermediate_and_failed_attempts_are_401_on_optional_pages(optional: Bench) -> None:
    login = optional.log_in()
    assert login.challenge.path == "/"
    assert reason_of(login.get_wrong(1)) == "auth-failed"
    assert reason_of(optional.ask("Mutual x")) == "invalid-parameters"
    assert isinstance(challenge_of(optional.ask(login.header(1, sid="0" * 32))), Stale)
    assert reason_of(optional.ask(kex(b"\xff" * 33))) == "invalid-parameters"


def test_row_53_a_success_has_no_invitation_and_a_401_neither(optional: Bench) -> None:
    login = optional.log_in()
    outcome = login.get(1)
    login.check(outcome, 1)
    assert isinstance(outcome, Forwarded)
    headers = dict(optional.server.conclude(outcome, 200, ()).headers)
    assert "Optional-WWW-Authenticate" not in headers
    assert headers["Authentication-Control"] == 'Mutual realm="r", logout-timeout=300'
    wanted = optional.ask()
    assert isinstance(wanted, Forwarded)
    concluded = optional.server.conclude(wanted, 401, ())
    assert concluded.status == 401
    assert "Optional-WWW-Authenticate" not in dict(concluded.headers)
    assert "reason=initial" in dict(concluded.headers)["WWW-Authenticate"]


# Guessing, and who is a user


def comparable(trace: list[object]) -> list[object]:
    """Return the actions without what differs from exchange to exchange by chance."""
    shown: list[object] = []
    for action in trace:
        if isinstance(action, Create):
            new = action.new
            shown.append(("Create", new.key[:2], len(new.key.sid), new.peer, new.nc_max, new.nc_window, new.lifetime))
        elif isinstance(action, Respond):
            shown.append(("Respond", action.algorithm))
        elif isinstance(action, (Begin, Commit)):
            shown.append((type(action).__name__, action.nc))
        elif isinstance(action, (Admit, Find)):
            shown.append(type(action).__name__)
        else:
            shown.append(action)
    return shown


@pytest.mark.parametrize(
    "user", ["bob", "corrupt", "", "a" * 6000, "\uff41lice", "a\u0308", "\u00e4", "al\u200dce", "ALICE", " alice", "e\u0301" * 40]
)
def test_rows_12_and_55_to_60_every_name_takes_the_way_of_a_known_one(user: str) -> None:
    known, other = Bench(), Bench()
    other.users._j[REALM, "corrupt"] = bytes(ALG.element_octets)
    answers = []
    for bench, name in ((known, USER), (other, user)):
        login = bench.log_in(user=name, password="wrong")
        answers.append((bench.ask(login.header(1)), bench.ask(login.header(2)), login.challenge))
        del login
    (failed, rejected, challenge), (other_failed, other_rejected, other_challenge) = answers
    assert comparable(known.trace) == comparable(other.trace)
    assert dataclasses.replace(other_challenge, sid=challenge.sid, ks1=challenge.ks1) == challenge
    for one, two in ((failed, other_failed), (rejected, other_rejected)):
        assert isinstance(one, Answered)
        assert isinstance(two, Answered)
        assert (one.status, one.headers, one.reason) == (two.status, two.headers, two.reason)
        assert reason_of(two) == "auth-failed"


def test_row_12_a_corrupt_j_is_an_alert_and_a_fake_session(bench: Bench) -> None:
    bench.users._j[REALM, "eve"] = b"\x01"
    answer = bench.ask(kex(user="eve"))
    assert isinstance(challenge_of(answer), KexS1)
    assert isinstance(answer, Answered)
    assert [event.name for event in answer.events] == ["key-exchange", "corrupt-credential"]
    assert bench.trace[-1].new.fake  # type: ignore[attr-defined]  # the last one is a Create
    assert "01" not in answer.events[-1].detail


def test_row_55_a_fake_session_never_succeeds(bench: Bench) -> None:
    login = bench.log_in(user="bob")
    assert reason_of(login.get(1)) == "auth-failed"


def test_row_56_and_57_the_fake_exchange_is_the_real_one(bench: Bench) -> None:
    bench.log_in(user="bob", password="x")
    responses = [action for action in bench.trace if isinstance(action, Respond)]
    assert [action.j for action in responses] == [None]
    assert "j=" not in repr(responses[0])


def test_row_59_repeated_probes_of_a_name_show_nothing_that_repeats(bench: Bench) -> None:
    kc1 = ALG.kc1(ALG.generate_secret())
    for user in (USER, "nobody"):
        answers = [challenge_of(bench.ask(kex(kc1, user=user), peer=f"192.0.2.{number}")) for number in range(8)]
        assert len({answer.ks1 for answer in answers}) == 8
        assert len({answer.sid for answer in answers}) == 8


def test_row_60_names_that_differ_in_normalisation_are_different_users(bench: Bench) -> None:
    bench.users.put(REALM, "\u00e4", j_of(user="\u00e4"))
    bench.log_in(user="\u00e4").get(1)
    assert isinstance(bench.log_in(user="\u00e4").get(1), Forwarded)
    assert reason_of(bench.log_in(user="a\u0308").get(1)) == "auth-failed"


def test_row_61_reasons_that_tell_of_users_are_never_sent(bench: Bench) -> None:
    assert not {"user-unknown", "invalid-credential", "internal-error"} & set(bench.server._sites.site_of("http", HOST).area_of("/").init)  # type: ignore[union-attr]


def test_row_62_a_key_exchange_is_counted_before_anything_is_computed(bench: Bench) -> None:
    limits = Limits(user_and_peer=Rate(2, 30.0))
    bench.table = MemorySessionTable(limits, clock=bench.clock)
    for _ in range(2):
        bench.ask(kex())
    bench.trace.clear()
    answer = bench.ask(kex())
    assert isinstance(answer, Answered)
    assert answer.status == 503
    assert 1 <= int(dict(answer.headers)["Retry-After"]) <= 31
    assert "WWW-Authenticate" not in dict(answer.headers)
    assert names(bench) == ["Admit"]
    assert [event.name for event in answer.events] == ["rate-limited"]


def test_row_63_the_user_is_delayed_and_not_locked_out(bench: Bench) -> None:
    bench.table = MemorySessionTable(Limits(user=Rate(3, 1.0), longest_wait=5.0), clock=bench.clock)
    for i in range(30):
        bench.table.admit(f"198.51.100.{i}", REALM, USER)
    login = bench.log_in(peer="192.0.2.99")
    assert [action.seconds for action in bench.trace if isinstance(action, Pause)] == [5.0]
    login.check(login.get(1, peer="192.0.2.99"), 1)
    for i in range(30):
        bench.table.admit(f"198.51.100.{i}", REALM, USER)
    bench.trace.clear()
    bench.log_in(peer="192.0.2.99")
    assert "Pause" not in names(bench), "where the user has proved himself he does not wait"


# Stores and time


@pytest.mark.parametrize("kind", [Admit, Find, Create, Begin, Commit])
def test_rows_67_and_decision_11_a_store_that_fails_is_a_503_without_a_challenge(bench: Bench, kind: type) -> None:
    login = bench.log_in()

    def fail(action: object) -> None:
        if isinstance(action, kind):
            raise StoreUnavailableError("the store is away")

    bench.before = fail
    answer = bench.ask(kex()) if kind in (Admit, Find, Create) else login.get(1)
    assert isinstance(answer, Answered)
    assert answer.status == 503
    assert set(dict(answer.headers)) == {"Retry-After", "Cache-Control"}
    assert [event.name for event in answer.events] == ["store-unavailable"]
    bench.before = lambda action: None
    login.check(login.get(2), 2)


def test_a_session_that_could_not_be_kept_is_wiped(bench: Bench) -> None:
    kept = []

    def fail(action: object) -> None:
        if isinstance(action, Create):
            kept.append(action.new.session)
            raise StoreUnavailableError("the store is away")

    bench.before = fail
    bench.ask(kex())
    with pytest.raises(kam3.errors.ExchangeStateError, match="closed"):
        _ = kept[0].ks1


def test_row_64_a_full_queue_is_a_503(bench: Bench) -> None:
    def fail(action: object) -> None:
        if isinstance(action, Respond):
            raise OverloadedError("too many", retry_after=7)

    bench.before = fail
    answer = bench.ask(kex())
    assert isinstance(answer, Answered)
    assert (answer.status, dict(answer.headers)["Retry-After"]) == (503, "7")
    assert len(bench.table) == 0


def test_an_error_that_is_no_refusal_goes_through(bench: Bench) -> None:
    def fail(action: object) -> None:
        raise OSError("no random octets")

    bench.before = fail
    with pytest.raises(OSError, match="random"):
        bench.ask(kex())


def test_row_71_the_clock_on_the_wall_means_nothing(bench: Bench) -> None:
    login = bench.log_in()
    login.check(login.get(1), 1)
    bench.clock.now -= 500.0  # even one that breaks its promise
    login.check(login.get(2), 2)
    assert isinstance(challenge_of(login.get(2)), Stale)


def test_a_session_that_is_evicted_while_its_proof_is_evaluated_is_stale(bench: Bench) -> None:
    login = bench.log_in()
    begin = bench.table.begin

    def begin_and_end(key: SessionKey, nc: int) -> Begun:
        begun = begin(key, nc)
        bench.table.end(key)
        return begun

    bench.table.begin = begin_and_end  # type: ignore[method-assign]
    assert isinstance(challenge_of(login.get(1)), Stale)


# What the application can ask for


def test_decision_25_a_log_out_is_proved_and_ends_the_session(bench: Bench) -> None:
    login = bench.log_in()
    outcome = login.get(1)
    assert isinstance(outcome, Forwarded)
    run(bench.server.end(outcome), bench.handle)
    assert isinstance(bench.trace[-1], End)
    concluded = bench.server.conclude(outcome, 200, (("Authentication-Control", "x"),), log_out=True)
    assert [value for name, value in concluded.headers if name == "Authentication-Control"] == ['Mutual realm="r", logout-timeout=0']
    assert concluded.headers[0][0] == "Authentication-Info"
    assert isinstance(challenge_of(login.get(2)), Stale)


def test_decision_16_a_new_log_in_can_be_asked_for(bench: Bench) -> None:
    login = bench.log_in()
    outcome = login.get(1)
    assert isinstance(outcome, Forwarded)
    run(bench.server.end(outcome), bench.handle)
    answer = bench.server.reauthenticate(outcome)
    assert (answer.status, reason_of(answer)) == (401, "reauth-needed")
    assert isinstance(challenge_of(login.get(2)), Stale)


def test_r76_a_user_without_the_right_is_told_so(bench: Bench) -> None:
    login = bench.log_in()
    outcome = login.get(1)
    assert isinstance(outcome, Forwarded)
    answer = bench.server.deny(outcome)
    assert (answer.status, reason_of(answer)) == (403, "authz-failed")
    login.check(login.get(2), 2)
    with pytest.raises(ValueError, match="nobody is logged in"):
        bench.server.deny(Forwarded(None, None))


def test_r253_applications_bind_themselves_to_the_session_and_to_the_request(bench: Bench) -> None:
    login = bench.log_in()
    outcome = login.get(1)
    login.check(outcome, 1)
    assert isinstance(outcome, Forwarded)
    assert outcome.identity is not None
    assert outcome.identity.b1(b"app") == login.session.b1(VH, b"app")
    assert outcome.identity.b2(b"app") == login.session.b2(1, VH, b"app")
    assert "alice" in repr(outcome.identity)


def test_the_first_proof_of_a_session_is_a_log_in(bench: Bench) -> None:
    login = bench.log_in()
    assert [event.name for event in login.get(1).events] == ["log-in"]
    assert login.get(2).events == ()
    assert [event.name for event in login.get(2).events] == ["nonce-refused"]


def test_terms_are_checked() -> None:
    for wrong in ({"nc_window": 127}, {"time": 59}, {"nc_max": 1000}, {"grace": -1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Terms(**wrong)
    assert Clock()() == 1000.0
