"""Nonce numbers, expiry, and many sequences at once."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import kam3
from kam3.adapters.client_driving import advance, advance_async, may_retry
from kam3.errors import LocalProtocolError, RemoteProtocolError, RetryableProtocolError
from kam3.mutual.client import MutualClient
from kam3.mutual.client_actions import AskCredentials, Outcome, Response, Send, StartExchange, Status, Wait
from kam3.mutual.client_sessions import MAX_TIME, LiveSession
from kam3.mutual.client_spaces import MAX_URLS
from kam3.mutual.messages import KexS1, VfyC, parse_request, read_credentials, serialize
from kam3.mutual.realms import Origin
from kam3.mutual.validation import Channel, vh_of
from tests.mutual.model import ORIGIN, PASSWORD, URL, USER, ModelServer, Walk, client_for, fetch, realm_at, response


def nc_of(send: object) -> int:
    assert isinstance(send, Send)
    assert send.authorization is not None
    parameters = read_credentials([send.authorization])
    assert parameters is not None
    message = parse_request(parameters)
    assert isinstance(message, VfyC)
    return message.nc


def answer(walk: Walk, server: ModelServer, url: str = URL) -> None:
    assert isinstance(walk.action, Send)
    walk.feed(server.answer(walk.action.authorization, url, walk.action.probe))


def log_in(server: ModelServer, **options: Any) -> MutualClient:
    client = client_for(server, **options)
    assert fetch(client, server).proved
    return client


# Round trips


def test_r5_case_a_a_known_realm_starts_with_the_key_exchange() -> None:
    server = ModelServer()
    client = MutualClient()
    client.add(URL, USER, PASSWORD, realm=server.realms["/"])
    assert fetch(client, server).requests == 2
    assert server.log == ["kex", "vfy"]


def test_r6_case_b_a_live_session_starts_with_the_vfy() -> None:
    server = ModelServer()
    client = log_in(server)
    outcome = fetch(client, server)
    assert (outcome.requests, outcome.nc) == (1, 2)


def test_r8_r127_a_stale_session_is_renewed_without_a_word() -> None:
    server = ModelServer()
    client = log_in(server)
    server.forget()
    server.log.clear()
    outcome = fetch(client, server, ask=lambda _: pytest.fail("nobody is to be asked"))
    assert (outcome.status, outcome.requests) == (Status.AUTH_SUCCEED, 3)
    assert server.log == ["vfy", "kex", "vfy"]


def test_r128_two_ports_of_a_host_have_sessions_of_their_own() -> None:
    scope = realm_at(scope="site.example")
    servers = [ModelServer(Origin("http", "site.example", port), realms={"/": scope}) for port in (8001, 8002)]
    client = MutualClient()
    client.add("http://site.example:8001/", USER, PASSWORD)
    for server in servers:
        assert fetch(client, server, f"{server.origin}/").proved  # the second shares the password, as section 5 means it
    assert [server.log for server in servers] == [["normal", "kex", "vfy"], ["normal", "kex", "vfy"]]


def test_servers_share_no_credentials_where_that_is_switched_off() -> None:
    scope = realm_at(scope="site.example")
    servers = [ModelServer(Origin("http", "site.example", port), realms={"/": scope}) for port in (8001, 8002)]
    client = MutualClient(share=False)
    client.add("http://site.example:8001/", USER, PASSWORD)
    assert fetch(client, servers[0], "http://site.example:8001/").proved
    outcome = fetch(client, servers[1], "http://site.example:8002/")
    assert (outcome.status, outcome.reason.code) == (Status.AUTH_REQUIRED, "no-credentials")


def test_r130_equal_sids_of_two_realms_are_unrelated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.mutual.model.secrets.token_hex", lambda octets: "ab" * octets)
    origins = [Origin("http", host, 80) for host in ("a.example", "b.example")]
    servers = [ModelServer(origin, realms={"/": realm_at(origin)}) for origin in origins]
    client = client_for(servers[0])
    client.add("http://b.example/", USER, PASSWORD)
    for _ in range(2):
        for server in servers:
            assert fetch(client, server, f"{server.origin}/").proved


# Nonce numbers


def test_r133_r135_a_thousand_requests_take_one_key_exchange_and_no_number_twice() -> None:
    server = ModelServer()
    client = log_in(server)
    numbers = [fetch(client, server).nc for _ in range(1000)]
    assert numbers == list(range(2, 1002))
    assert server.log.count("kex") == 1


def test_decision_6_the_first_number_is_1_or_what_nc_max_allows() -> None:
    for nc_max, first in ((0, 0), (1, 1), (2**31 - 1, 1)):
        server = ModelServer(nc_max=nc_max)
        assert fetch(client_for(server), server).nc == first


def test_r136_after_nc_max_comes_a_new_key_exchange() -> None:
    server = ModelServer(nc_max=3)
    client = log_in(server)
    assert [fetch(client, server).nc for _ in range(5)] == [2, 3, 1, 2, 3]
    assert server.log.count("kex") == 2


@pytest.mark.parametrize("how", ["error", "close", "garbage", "fatal", "server error"])
def test_r135_a_number_is_spent_whatever_becomes_of_its_request(how: str) -> None:
    server = ModelServer(nc_window=1)
    client = log_in(server)
    walk = Walk(client)
    assert nc_of(walk.action) == 2
    if how == "error":
        with pytest.raises(ConnectionError):
            walk.steps.throw(ConnectionError("lost"))
    elif how == "close":
        walk.close()
    elif how == "garbage":
        walk.steps = None  # type: ignore[assignment]
        gc.collect()
    elif how == "fatal":
        walk.feed(response(403, server.channel, www_authenticate="Mutual realm=, ="))
        assert isinstance(walk.error, RemoteProtocolError)
        assert fetch(client, server).nc == 1  # of a new session
        return
    else:
        walk.feed(response(503, server.channel))
    assert fetch(client, server).nc == 3  # and the window of 1 has room again


def test_decision_6_no_more_requests_are_in_flight_than_the_window_has_room_for() -> None:
    server = ModelServer(nc_window=3)
    client = log_in(server)
    walks = [Walk(client) for _ in range(5)]
    assert [type(walk.action) for walk in walks] == [Send, Send, Send, Wait, Wait]
    answer(walks[1], server)
    waiting = walks[3].action
    assert isinstance(waiting, Wait)
    assert waiting.ticket.done()
    walks[3].feed(None)
    walks[4].feed(None)
    assert [type(walk.action) for walk in walks[3:]] == [Send, Wait]
    assert nc_of(walks[3].action) == 5  # a fresh number, drawn when it is sent (R137)


def test_r137_r142_numbers_keep_to_the_window_in_any_order_of_answers() -> None:
    server = ModelServer(nc_max=400, nc_window=128)
    client = log_in(server)
    walks = [Walk(client) for _ in range(128)]
    largest = 0
    for walk in walks:
        number = nc_of(walk.action)
        assert number > largest - 128
        largest = max(largest, number)
    for walk in reversed(walks):
        answer(walk, server)
        assert walk.outcome is not None


def test_r144_r146_numbers_beyond_any_machine_word_are_hashed_as_they_are() -> None:
    server = ModelServer(nc_max=2**80)
    client = log_in(server)
    session = next(slot for slot in client._memory._store._slots.values() if isinstance(slot, LiveSession))
    session._next = 2**64 + 1
    assert [fetch(client, server).nc for _ in range(2)] == [2**64 + 1, 2**64 + 2]


def test_r102_threads_never_draw_a_number_twice() -> None:
    server = ModelServer()
    client = log_in(server)
    walks: list[Walk] = []

    def draw(_: int) -> None:
        walks.extend(Walk(client) for _ in range(50))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(draw, range(8)))
    numbers = [nc_of(walk.action) for walk in walks]
    assert sorted(numbers) == list(range(2, 402))


# Time


def test_decision_7_a_session_is_not_reused_after_its_time() -> None:
    now = [1000.0]
    server = ModelServer(time=60)
    client = log_in(server, clock=lambda: now[0])
    now[0] += 59.9
    assert fetch(client, server).requests == 1
    now[0] += 0.1
    assert fetch(client, server).requests == 2  # a key exchange, without asking
    assert server.log == ["normal", "kex", "vfy", "vfy", "kex", "vfy"]


def test_decision_7_time_is_at_most_a_day_and_0_allows_the_first_vfy() -> None:
    now = [0.0]
    server = ModelServer(time=10**9)
    client = log_in(server, clock=lambda: now[0])
    now[0] = MAX_TIME
    assert fetch(client, server).requests == 2
    server = ModelServer(time=0)
    client = log_in(server)
    assert fetch(client, server).requests == 2


# One key exchange at a time


def test_decision_5_others_wait_for_the_first_proof_of_a_session() -> None:
    server = ModelServer()
    client = client_for(server)
    first, second = Walk(client), Walk(client)
    answer(first, server)
    answer(second, server)
    assert isinstance(second.action, Wait)
    answer(first, server)  # the 401-KEX-S1
    assert not second.action.ticket.done()
    answer(first, server)  # the proof
    assert first.outcome is not None
    assert second.action.ticket.done()
    second.feed(None)
    assert nc_of(second.action) == 2
    answer(second, server)
    assert second.outcome is not None
    assert server.log.count("kex") == 1


@pytest.mark.parametrize("how", ["transport", "close before", "close within", "refused", "server error", "normal", "stale", "wrong ks1"])
def test_decision_5_an_owner_that_fails_lets_the_others_go_on(how: str) -> None:
    server = ModelServer()
    client = client_for(server)
    first, second = Walk(client), Walk(client)
    answer(first, server)
    answer(second, server)
    waiting = second.action
    assert isinstance(waiting, Wait)
    if how == "close before":
        first.close()
    elif how == "transport":
        with pytest.raises(ConnectionError):
            first.steps.throw(ConnectionError("lost"))
    elif how == "wrong ks1":
        first.feed(response(401, server.channel, www_authenticate=broken_kex(server)))
    else:
        if how != "close within":
            answer(first, server)
        {
            "close within": first.close,
            "refused": lambda: first.feed(server.init(server.realms["/"], "auth-failed")),
            "server error": lambda: first.feed(response(503, server.channel)),
            "normal": lambda: first.feed(response(200, server.channel)),
            "stale": lambda: first.feed(server.stale(server.realms["/"])),
        }[how]()
    assert waiting.ticket.done()
    second.feed(None)
    if how == "refused":
        assert isinstance(second.action, AskCredentials)
        second.feed(None)
        assert second.outcome is not None
        assert (second.outcome.status, second.outcome.reason.code) == (Status.AUTH_REQUIRED, "bad-credentials")
    elif how == "wrong ks1":
        assert isinstance(second.error, RemoteProtocolError)  # that server gets no second guess
        assert second.error.code == "invalid-ks1"
    else:
        answer(second, server)
        answer(second, server)
        assert second.outcome is not None
        assert second.outcome.proved


def broken_kex(server: ModelServer) -> str:
    return serialize(KexS1(server.realms["/"], "host", "00" * 16, b"\xff" * 33, 9, 9, 9))


def test_n5_a_false_server_gets_one_guess_from_all_who_wait() -> None:
    server = ModelServer()
    client = client_for(server)
    walks = [Walk(client) for _ in range(5)]
    for walk in walks:
        answer(walk, server)
    answer(walks[0], server)
    sid = next(sid for _, sid in server.sessions)
    walks[0].feed(response(200, server.channel, authentication_info=f"version=1, sid={sid}, vks={'ab' * 32}"))
    for walk in walks[1:]:
        walk.feed(None)
    assert [getattr(walk.error, "code", None) for walk in walks] == ["server-not-proved"] * 5
    assert server.log.count("kex") == 1


def test_all_interleavings_of_two_sequences_end_well_and_use_no_number_twice(quick_pi: None) -> None:
    """Every order in which two sequences can take their steps, from a log-in of both to a session that is lost amid them."""
    endings: set[tuple[int, int]] = set()

    def explore(order: tuple[int, ...], lose_at: int | None) -> None:
        server = ModelServer()
        client = client_for(server)
        walks = [Walk(client), Walk(client)]
        for position, index in enumerate(order):
            if position == lose_at:
                server.forget()
            proceed(walks[index], server)
        ready = [index for index, walk in enumerate(walks) if not walk.over and can_proceed(walk)]
        if not ready:
            assert all(walk.over for walk in walks), order  # nobody waits for nobody
            for walk in walks:
                assert walk.outcome is not None or isinstance(walk.error, RetryableProtocolError), (order, walk.error)
                assert walk.outcome is None or walk.outcome.proved
            for numbers in server.used.values():
                assert len(numbers) == len(set(numbers))
            endings.add((len(order), server.log.count("kex")))
            assert server.log.count("kex") <= (1 if lose_at is None else 2)
            return
        for index in ready:
            explore((*order, index), lose_at)

    explore((), None)
    for lose_at in range(8):
        explore((), lose_at)
    assert len(endings) > 3


def can_proceed(walk: Walk) -> bool:
    return not isinstance(walk.action, Wait) or walk.action.ticket.done()


def proceed(walk: Walk, server: ModelServer) -> None:
    if isinstance(walk.action, Wait):
        walk.feed(None)
    else:
        answer(walk, server)


def test_many_who_find_their_session_gone_make_one_key_exchange() -> None:
    server = ModelServer()
    client = log_in(server)
    walks = [Walk(client) for _ in range(10)]
    server.forget()
    server.log.clear()
    while not all(walk.over for walk in walks):
        for walk in walks:
            if not walk.over and can_proceed(walk):
                proceed(walk, server)
    assert all(walk.outcome is not None and walk.outcome.proved for walk in walks)
    assert server.log.count("kex") == 1


def test_threads_share_one_key_exchange() -> None:
    server = ModelServer()
    client = client_for(server)
    lock = threading.Lock()

    def one(_: int) -> Outcome:
        steps = client.sequence("GET", URL)
        step = advance(steps)
        while isinstance(step, Send):
            with lock:
                got = server.answer(step.authorization)
            step = advance(steps, got)
        return step

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(one, range(64)))
    assert all(outcome.proved for outcome in outcomes)
    assert server.log.count("kex") == 1


def test_tasks_share_one_key_exchange_and_a_cancelled_owner_or_waiter_harms_nobody() -> None:
    server = ModelServer()
    client = client_for(server)
    gate = asyncio.Event()

    async def one() -> Outcome:
        steps = client.sequence("GET", URL)
        try:
            step = await advance_async(steps)
            while isinstance(step, Send):
                got = server.answer(step.authorization)
                if server.log[-1] == "kex" and server.log.count("kex") == 1:
                    gate.set()
                    await asyncio.sleep(30)
                step = await advance_async(steps, got)
            return step
        finally:
            steps.close()

    async def all_of_them() -> list[Any]:
        tasks = [asyncio.create_task(one()) for _ in range(12)]
        await gate.wait()
        await asyncio.sleep(0.05)
        tasks[-1].cancel()  # one that waits
        await asyncio.sleep(0)
        tasks[0].cancel()  # the owner: it came first
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = asyncio.run(all_of_them())
    cancelled = [result for result in results if isinstance(result, asyncio.CancelledError)]
    proved = [result for result in results if isinstance(result, Outcome) and result.proved]
    assert (len(cancelled), len(proved)) == (2, 10)
    assert server.log.count("kex") == 2


# Bodies that can be sent once


def test_decision_19_a_stream_is_sent_once_after_heads() -> None:
    server = ModelServer()
    client = client_for(server)
    assert fetch(client, server, method="POST", once=True).proved
    assert server.log == ["normal?", "kex?", "vfy"]


def test_decision_19_an_unprotected_answer_to_the_head_leads_to_a_plain_request() -> None:
    server = ModelServer(realms={})
    outcome = fetch(client_for(server), server, method="POST", once=True)
    assert (outcome.status, outcome.requests) == (Status.UNAUTHENTICATED, 2)
    assert server.log == ["normal?", "normal"]
    expected = MutualClient()
    expected.add(URL, USER, PASSWORD, realm=realm_at())
    server.log.clear()
    assert fetch(expected, server, method="POST", once=True).status is Status.UNAUTHENTICATED
    assert server.log == ["kex?", "normal"]


def test_decision_19_nothing_is_sent_twice_after_a_stale_on_a_stream() -> None:
    server = ModelServer()
    client = log_in(server)
    server.forget()
    server.log.clear()
    with pytest.raises(RetryableProtocolError) as caught:
        fetch(client, server, method="POST", once=True)
    assert (caught.value.code, caught.value.may_have_run) == ("body-sent", False)
    assert server.log == ["vfy"]
    server.log.clear()
    assert fetch(client, server, method="POST", once=True).proved
    assert server.log == ["kex?", "vfy"]


def test_a_stream_without_credentials_is_sent_plainly_at_once() -> None:
    server = ModelServer()
    outcome = fetch(MutualClient(), server, method="POST", once=True)
    assert (outcome.status, server.log) == (Status.AUTH_REQUIRED, ["normal"])


# Fork, log-out, memory


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_makes_sessions_of_its_own() -> None:
    server = ModelServer()
    client = client_for(server)
    owner = Walk(client)
    answer(owner, server)
    assert isinstance(owner.action, Send)  # a key exchange of the parent is under way
    other = client_for(server)
    assert fetch(other, server).proved
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover  # what runs in the child is not counted
        try:
            fine = all(fetch(one, server).proved for one in (client, other) for _ in range(2))
            os.write(writer, b"y" if fine else b"n")
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        assert stream.read() == b"y"
    os.waitpid(child, 0)
    assert fetch(other, server).requests == 1  # the parent's session is as it was
    answer(owner, server)
    answer(owner, server)
    assert owner.outcome is not None


def test_a_log_out_ends_what_is_under_way() -> None:
    server = ModelServer()
    client = log_in(server)
    walk = Walk(client)
    assert isinstance(walk.action, Send)
    got = server.answer(walk.action.authorization)
    client.log_out(server.realms["/"])
    walk.feed(got)
    assert isinstance(walk.error, LocalProtocolError)
    assert walk.error.code == "logged-out"
    walk = Walk(client_for(server))
    answer(walk, server)
    answer(walk, server)
    assert isinstance(walk.action, Send)


def test_close_wipes_z_under_a_request_in_flight() -> None:
    server = ModelServer()
    client = log_in(server)
    walk = Walk(client)
    assert isinstance(walk.action, Send)
    (live,) = client._memory._store._slots.values()
    got = server.answer(walk.action.authorization)
    client.close()
    with pytest.raises(kam3.ExchangeStateError):
        live.session.b1(b"")  # type: ignore[union-attr]  # a live session, for there was a log-in
    walk.feed(got)
    assert isinstance(walk.error, LocalProtocolError)
    assert walk.error.code == "logged-out"


def test_a_session_that_comes_after_the_log_out_is_not_kept() -> None:
    server = ModelServer()
    client = client_for(server)
    walk = Walk(client)
    answer(walk, server)
    answer(walk, server)
    assert isinstance(walk.action, Send)  # a VFY of the new session
    got = server.answer(walk.action.authorization)
    client.log_out(server.realms["/"])
    walk.feed(got)
    assert walk.over
    server.log.clear()
    assert fetch(client, server).reason.code == "no-credentials"
    assert server.log == ["normal"]
    assert len(client._memory._store) == 0


def test_credentials_that_are_replaced_take_their_sessions_with_them() -> None:
    server = ModelServer(users={USER: PASSWORD, "bob": PASSWORD})
    client = log_in(server)
    client.add(URL, "bob", PASSWORD)
    server.log.clear()
    outcome = fetch(client, server)
    assert (outcome.user, outcome.proved) == ("bob", True)
    assert "kex" in server.log


def test_the_client_remembers_a_bounded_number_of_urls() -> None:
    server = ModelServer()
    client = log_in(server)
    for number in range(MAX_URLS + 100):
        client._memory.learn(f"{ORIGIN}/{number}", ORIGIN, server.realms["/"])
    assert len(client._memory._spaces._urls) == MAX_URLS


def test_sessions_are_bounded(monkeypatch: pytest.MonkeyPatch, quick_pi: None) -> None:
    monkeypatch.setattr("kam3.mutual.client_sessions.MAX_SESSIONS", 3)
    scope = realm_at(scope="site.example")
    client = MutualClient()
    client.add("http://site.example:8000/", USER, PASSWORD)
    for port in range(8000, 8006):
        server = ModelServer(Origin("http", "site.example", port), realms={"/": scope})
        assert fetch(client, server, f"{server.origin}/").proved
        assert len(client._memory._store) <= 3


def test_an_answer_from_another_origin_is_a_mistake_of_the_adapter() -> None:
    server = ModelServer()
    walk = Walk(client_for(server))
    walk.feed(response(200, Channel(Origin("http", "other.example", 80))))
    assert isinstance(walk.error, LocalProtocolError)
    assert walk.error.code == "wrong-origin"
    with pytest.raises(LocalProtocolError):
        fetch(client_for(server), server, channel=Channel(Origin("http", "other.example", 80)))


def test_what_may_be_tried_again() -> None:
    stale, changed = (RetryableProtocolError("", code=code) for code in ("stale-again", "certificate-changed"))
    assert may_retry(stale, "POST", replayable=True)
    assert not may_retry(stale, "POST", replayable=False)
    assert may_retry(changed, "GET", replayable=True)
    assert not may_retry(changed, "POST", replayable=True)


def test_b1_and_b2_are_those_of_the_server_and_are_there_for_proved_responses_only() -> None:
    server = ModelServer()
    client = log_in(server)
    outcome = fetch(client, server)
    assert outcome.nc is not None
    session = next(iter(server.sessions.values()))
    vh = vh_of(server.channel)
    assert outcome.b1(b"t") == session.b1(vh, b"t")
    assert outcome.b2(b"t") == session.b2(outcome.nc, vh, b"t")
    plain = fetch(client, ModelServer(realms={}), f"{ORIGIN}/open")
    with pytest.raises(kam3.ExchangeStateError):
        plain.b1()


def test_an_action_shows_no_secret() -> None:
    server = ModelServer()
    client = client_for(server)
    steps = client.sequence("GET", URL)
    shown = [repr(next(steps))]
    action: Any = steps.send(server.answer(None))
    assert isinstance(action, StartExchange)
    shown.append(repr(action))
    exchange = action.run()
    action = steps.send(exchange)
    shown.append(repr(action))
    action = steps.send(server.answer(action.authorization))
    shown.append(repr(action))
    steps.close()
    assert not any(PASSWORD in text for text in shown)


def test_a_response_is_what_an_adapter_makes_it() -> None:
    got = response(200, Channel(ORIGIN), www_authenticate=["a", "b"])
    assert isinstance(got, Response)
    assert got.fields("WWW-Authenticate") == ["a", "b"]


def test_a_log_out_before_the_exchange_begins_leaves_nothing_to_begin_it_with() -> None:
    server = ModelServer()
    client = client_for(server)
    steps = client.sequence("GET", URL)
    next(steps)
    action: Any = steps.send(server.answer(None))
    assert isinstance(action, StartExchange)
    client.log_out(server.realms["/"])
    with pytest.raises(LocalProtocolError) as caught:
        action.run()
    assert caught.value.code == "no-credentials"
    with pytest.raises(LocalProtocolError):
        steps.throw(caught.value)
    assert len(client._memory._store) == 0


def test_a_log_out_before_vkc_is_computed_ends_the_sequence() -> None:
    server = ModelServer()
    client = log_in(server)
    session = next(slot for slot in client._memory._store._slots.values() if isinstance(slot, LiveSession))
    session.session.close()  # as a log-out does that comes just after the claim
    walk = Walk(client)
    assert isinstance(walk.error, LocalProtocolError)
    assert walk.error.code == "logged-out"


def test_a_wrong_proof_ends_the_session_for_all_who_are_under_way_in_it() -> None:
    server = ModelServer()
    client = log_in(server)
    first, second = Walk(client), Walk(client)
    assert isinstance(second.action, Send)
    right = server.answer(second.action.authorization)
    sid = next(sid for _, sid in server.sessions)
    first.feed(response(200, server.channel, authentication_info=f"version=1, sid={sid}, vks={'ab' * 32}"))
    second.feed(right)
    assert [getattr(walk.error, "code", None) for walk in (first, second)] == ["server-not-proved"] * 2
    server.log.clear()
    assert fetch(client, server).proved
    assert server.log == ["kex", "vfy"]


@pytest.mark.parametrize("certificate", [None, b"no certificate"])
def test_a_kex_s1_over_a_connection_that_cannot_carry_proofs_is_fatal(certificate: bytes | None) -> None:
    origin = Origin("https", "site.example", 443)
    server = ModelServer(origin, b"not looked at", {"/": realm_at(origin)})
    client = MutualClient()
    client.add(f"{origin}/", USER, PASSWORD, realm=server.realms["/"])
    walk = Walk(client, f"{origin}/")
    assert isinstance(walk.action, Send)
    assert walk.action.authorization is not None
    got = server.answer(walk.action.authorization, f"{origin}/")
    walk.feed(got._replace(channel=Channel(origin, certificate)))
    assert isinstance(walk.error, RemoteProtocolError)
    assert server.log == ["kex"]


def test_a_log_out_while_pi_is_derived_leaves_no_pi(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ModelServer()
    client = client_for(server)
    steps = client.sequence("GET", URL)
    next(steps)
    action: Any = steps.send(server.answer(None))
    derive = kam3.Pi.from_password
    made: list[kam3.Pi] = []

    class Slow:
        @staticmethod
        def from_password(*arguments: Any, **salt: Any) -> kam3.Pi:
            made.append(derive(*arguments, **salt))
            client.log_out(server.realms["/"])
            return made[0]

    monkeypatch.setattr("kam3.mutual.client_credentials.Pi", Slow)
    with pytest.raises(LocalProtocolError):
        action.run()
    with pytest.raises(kam3.ExchangeStateError):
        kam3.ClientExchange(kam3.EC_P256, made[0])
    steps.close()
