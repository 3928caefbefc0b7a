"""The client's automaton: the table, its picture, and every short sequence of responses against rules that are written down here anew."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from kam3.errors import RemoteProtocolError, RetryableProtocolError
from kam3.mutual.client import MutualClient
from kam3.mutual.client_actions import AskCredentials, Credentials, Outcome, Response, Send, Status
from kam3.mutual.client_states import FINAL, FIRST, RESPONSES, SENDING, TABLE, Event, State, after, diagram
from kam3.mutual.messages import (
    Init,
    KexC1,
    KexS1,
    Stale,
    VfyC,
    VfyS,
    parse_challenge,
    parse_request,
    read_challenges,
    read_credentials,
    serialize,
)
from kam3.mutual.realms import Realm
from tests.clib import ROOT
from tests.mutual.model import ORIGIN, PASSWORD, URL, USER, ModelServer, Walk, fetch, realm_at, response


def test_every_state_is_reached_and_left() -> None:
    assert set(TABLE.values()) | {State.NEW} == set(State) - ({State.FATAL} - set(TABLE.values()))
    assert {state for state, _ in TABLE} == set(State) - FINAL


def test_states_that_send_are_moved_by_responses_and_no_others_are() -> None:
    for state, event in TABLE:
        assert (state in SENDING) == (event in RESPONSES)


def test_r181_to_r183_a_key_exchange_follows_a_challenge_or_nothing_and_its_answer_a_key_exchange() -> None:
    assert {state for (state, event) in TABLE if event is Event.KEX_S1} == {State.SEND_KEX_1, State.SEND_KEX}
    assert {state for (state, event) in TABLE if event is Event.VFY_S} == {State.SEND_VFY_1, State.SEND_VFY, State.SEND_VFY_NEW}
    assert {state for (state, event) in TABLE if event in (Event.NORMAL, Event.INIT_OTHER)} == FIRST


def test_r182_no_path_has_two_key_exchanges_in_one_realm() -> None:
    # Only the first answer can change the realm, so that a path without INIT_OTHER stays in one.
    def walk(state: State, kexes: int, seen: tuple[State, ...]) -> None:
        kexes += state in (State.SEND_KEX, State.SEND_KEX_1)
        assert kexes <= 1, seen
        for event in Event:
            target = after(state, event)
            if event in (Event.INIT_OTHER, Event.OPTIONAL_OTHER, Event.UNPROTECTED) or target in FINAL or seen.count(target) > 1:
                continue
            walk(target, kexes, (*seen, target))

    for start in (State.NEW, State.RCVD_INIT, State.RCVD_OPTIONAL):
        walk(start, 0, (start,))


def test_what_the_table_does_not_hold_is_fatal() -> None:
    for state, event in itertools.product(State, Event):
        assert after(state, event) is TABLE.get((state, event), State.FATAL)


def test_the_picture_in_the_docs_is_drawn_from_the_table() -> None:
    assert f"```mermaid\n{diagram()}```" in (ROOT / "docs" / "http.md").read_text(encoding="utf-8")


# Every sequence of up to four responses, by the rules of section 10.1 as they are read here, not by the steps of section 10.2.

A, B, C = (realm_at(name=name) for name in "ABC")
KINDS = (
    "init A",
    "init B",
    "init C",
    "init unusable",
    "init two",
    "optional A",
    "optional B",
    "stale A",
    "stale B",
    "kex right",
    "kex wrong realm",
    "kex wrong validation",
    "proof",
    "proof wrong",
    "proof other sid",
    "proof and challenge",
    "normal",
    "basic",
    "503",
    "broken",
)
STARTS = ("nothing expected", "session expected", "credentials expected", "session unexpected")


@dataclass
class Expected:
    """What section 10.1 says, as a machine of its own."""

    start: str
    requests: int = 0
    realm: Realm | None = None
    sends: str = "plain"
    sessions: set[Realm] = field(default_factory=set)
    kexed: set[Realm] = field(default_factory=set)
    stale: bool = False
    end: str | None = None

    def __post_init__(self) -> None:
        if "session" in self.start:
            self.sessions.add(A)
        if self.start == "session expected":
            self.request("vfy", A)
        elif self.start == "credentials expected":
            self.request("kex", A)
        else:
            self.request("plain", None)

    def request(self, sends: str, realm: Realm | None) -> None:
        self.requests += 1
        self.sends, self.realm = sends, realm
        if sends == "kex":
            assert realm is not None
            if realm in self.kexed:
                self.end = "retry"
            self.kexed.add(realm)

    def log_in(self, realm: Realm) -> None:
        self.request("vfy" if realm in self.sessions else "kex", realm)

    def answer(self, kind: str) -> None:
        first = self.requests == 1
        word, _, rest = kind.partition(" ")
        self.end = "fatal"  # "any kind of response other than those explicitly allowed in the above rules"
        attempt = self.sends != "plain"
        if kind in ("normal", "basic") or (kind == "503" and not attempt):
            if first:
                self.end = "unauthenticated"
        elif kind == "503":
            self.end = "server error"
        elif word == "init" and rest in ("A", "B", "C"):
            realm = {"A": A, "B": B, "C": C}[rest]
            if attempt and realm == self.realm:
                self.end = "refused"
            elif first:
                self.end = None
                self.sessions -= {self.realm} if self.sends == "vfy" else set()
                if realm == C and self.start != "nothing expected":  # there the credentials are nobody's yet
                    self.end = "no credentials"
                else:
                    self.log_in(realm)
        elif kind == "init unusable" and first:
            self.end = "no credentials"
        elif word == "optional" and first:
            realm = {"A": A, "B": B}[rest]
            if not (attempt and realm == self.realm):
                self.end = None
                self.log_in(realm)
        elif word == "stale" and self.sends == "vfy" and {"A": A, "B": B}[rest] == self.realm:
            assert self.realm is not None
            self.sessions.discard(self.realm)
            self.end = None
            if self.realm in self.kexed:
                self.end = "retry"
            else:
                self.request("kex", self.realm)
        elif kind == "kex right" and self.sends == "kex":
            self.end = None
            self.request("vfy", self.realm)
        elif kind == "proof" and self.sends == "vfy":
            self.end = "proved"


def of_kind(kind: str, server: ModelServer, send: Send) -> Response:
    """Make a response of a kind to a request; where the kind makes no sense for it, one as near to it as can be."""
    channel = server.channel
    parameters = read_credentials([] if send.authorization is None else [send.authorization])
    request = None if parameters is None else parse_request(parameters)
    word, _, rest = kind.partition(" ")
    realms = {"A": A, "B": B, "C": C}
    challenge = serialize(Init(realms.get(rest, A), "host", "initial"))
    if word == "init" and rest == "unusable":
        return response(401, channel, www_authenticate=serialize(Init(A, "tls-unique", "initial")))
    if word == "init" and rest == "two":
        return response(401, channel, www_authenticate=[challenge, challenge])
    if word == "init":
        return response(401, channel, www_authenticate=challenge)
    if word == "optional":
        return response(200, channel, optional_www_authenticate=challenge)
    if word == "stale":
        return response(401, channel, www_authenticate=serialize(Stale(realms[rest], "host")))
    if word == "kex":
        return _kex(rest, server, request)
    if word == "proof":
        return _proof(rest, server, send, request)
    if kind == "broken":
        return response(401, channel, www_authenticate=challenge + ", realm=again")
    if kind == "basic":
        return response(401, channel, www_authenticate='Basic realm="A"')
    return response(503 if kind == "503" else 200, channel)


def _kex(rest: str, server: ModelServer, request: KexC1 | VfyC | None) -> Response:
    if not isinstance(request, KexC1):
        answer = KexS1(A, "host", "00" * 16, bytes(33), 9, 9, 9)
        return response(401, server.channel, www_authenticate=serialize(answer))
    right = server.key_exchange(request)
    if rest == "right":
        return right
    message = parse_challenge(_mutual(right))
    assert isinstance(message, KexS1)
    values: dict[str, Any] = {name: getattr(message, name) for name in ("sid", "ks1", "nc_max", "nc_window", "time", "path")}
    realm, validation = (message.realm._replace(realm="Z"), "host") if rest == "wrong realm" else (message.realm, "tls-unique")
    return response(401, server.channel, www_authenticate=serialize(KexS1(realm, validation, **values)))


def _mutual(answer: Response) -> Any:
    return read_challenges(answer.fields("WWW-Authenticate")).mutual


def _proof(rest: str, server: ModelServer, send: Send, request: KexC1 | VfyC | None) -> Response:
    text = serialize(VfyS("00" * 16, bytes(32), A.algorithm))
    if isinstance(request, VfyC):
        server.realms = {"/": request.realm}
        text = server.answer(send.authorization).fields("Authentication-Info")[0]
    if rest == "wrong":
        text = text[:-1] + ("0" if text[-1] != "0" else "1")
    if rest == "other sid":
        text = text.replace("sid=", "sid=00", 1)
    if rest == "and challenge":
        return response(403, server.channel, authentication_info=text, www_authenticate=serialize(Init(A, "host", "authz-failed")))
    return response(200, server.channel, authentication_info=text)


def prepared(start: str) -> tuple[MutualClient, ModelServer]:
    server = ModelServer(path="/elsewhere" if start == "session unexpected" else None)
    client = MutualClient()
    # One credential an origin: that of B is what somebody was asked for.
    if start == "nothing expected":
        client.add(URL, USER, PASSWORD)
    else:
        client.add(URL, USER, PASSWORD, realm=A)
    client._memory.ask(Credentials(USER, PASSWORD), ORIGIN, B)
    if start.startswith("session"):
        assert fetch(client, server, f"{ORIGIN}/elsewhere").proved
    return client, server


def result_of(walk: Walk) -> str | None:
    if isinstance(walk.error, RetryableProtocolError):
        return "retry"
    if isinstance(walk.error, RemoteProtocolError):
        return "fatal"
    if walk.error is not None:
        raise walk.error
    if walk.outcome is None:
        return None
    return name_of(walk.outcome)


def name_of(outcome: Outcome) -> str:
    if outcome.status is Status.AUTH_SUCCEED:
        return "proved"
    if outcome.status is Status.UNAUTHENTICATED:
        return "server error" if outcome.withheld else "unauthenticated"
    return "refused" if outcome.user is not None else "no credentials"


def kind_of(send: Send) -> str:
    parameters = read_credentials([] if send.authorization is None else [send.authorization])
    if parameters is None:
        return "plain"
    return "kex" if "kc1" in parameters else "vfy"


def step(walk: Walk, server: ModelServer, kind: str) -> None:
    assert isinstance(walk.action, Send)
    walk.feed(of_kind(kind, server, walk.action))
    while isinstance(walk.action, AskCredentials):
        walk.feed(None)


def explored(start: str, length: int) -> Iterator[tuple[str, ...]]:
    """Yield every sequence of kinds of up to `length` responses that the rules let go on until its last."""
    paths: list[tuple[str, ...]] = [()]
    for _ in range(length):
        longer = [(*path, kind) for path in paths for kind in KINDS]
        yield from longer
        paths = []
        for path in longer:
            rules = Expected(start)
            for kind in path:
                rules.answer(kind)
            if rules.end is None:
                paths.append(path)


@pytest.mark.parametrize("start", STARTS)
def test_r194_every_sequence_of_four_responses_ends_as_section_10_1_says(start: str, quick_pi: None) -> None:
    counted = 0
    for path in explored(start, 4):
        client, server = prepared(start)
        rules, walk = Expected(start), Walk(client)
        for kind in path:
            assert isinstance(walk.action, Send), path
            assert kind_of(walk.action) == rules.sends, path
            step(walk, server, kind)
            rules.answer(kind)
        assert result_of(walk) == rules.end, path
        walk.close()
        client.close()
        counted += 1
    assert counted > 100
