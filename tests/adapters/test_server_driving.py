"""What adapters of servers share."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from kam3.adapters.server_driving import Gate, Handler, Peers, log_events, page, phrase_of
from kam3.errors import OverloadedError
from kam3.mutual.actions import Admit, End, Pause, Respond, Responded
from kam3.mutual.outcomes import Answered, Event
from kam3.mutual.sessions import Admission, SessionKey
from kam3.stores.memory import MemoryCredentialStore, MemorySessionTable
from tests.mutual.serving import ALG, ORIGIN, REALM, USER, j_of

TRUSTED = ("10.0.0.0/8", "192.0.2.1", "2001:db8:ffff::/48")


@pytest.mark.parametrize(
    "address, values, expected",
    [
        ("198.51.100.1", ("203.0.113.9",), "198.51.100.1"),  # no proxy of ours: what it says is worth nothing
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", ("203.0.113.9",), "203.0.113.9"),
        ("10.0.0.1", ("6.6.6.6, 203.0.113.9",), "203.0.113.9"),  # the client wrote the first one
        ("10.0.0.1", ("6.6.6.6, 203.0.113.9, 10.1.1.1", "192.0.2.1"), "203.0.113.9"),
        ("10.0.0.1", ("6.6.6.6, garbage, 10.1.1.1",), "10.1.1.1"),
        ("10.0.0.1", ("",), "10.0.0.1"),
        ("10.0.0.1", ("203.0.113.9:4711",), "203.0.113.9"),
        ("10.0.0.1", ("[2001:db8::9]:4711",), "2001:db8::9"),
        ("2001:db8:ffff::1", ("2001:DB8::9",), "2001:db8::9"),
        ("::ffff:10.0.0.1", ("203.0.113.9",), "203.0.113.9"),
        ("", ("203.0.113.9",), ""),
        ("10.0.0.1", ("1.1.1.1, " * 5000 + "203.0.113.9",), "203.0.113.9"),
    ],
)
def test_row_62_the_peer_is_the_rightmost_address_that_is_no_proxy_of_ours(address: str, values: tuple[str, ...], expected: str) -> None:
    assert Peers(TRUSTED).peer_of(address, values) == expected
    assert Peers().peer_of(address, values) == address


def test_row_62_forwarded_is_read_as_rfc_7239_writes_it() -> None:
    peers = Peers(TRUSTED, "Forwarded")
    assert peers.peer_of("10.0.0.1", ['for=6.6.6.6, proto=https; For="[2001:db8::9]:47"', "for=10.1.1.1"]) == "2001:db8::9"
    assert peers.peer_of("10.0.0.1", ["for=unknown"]) == "10.0.0.1"
    assert peers.peer_of("10.0.0.1", ["by=1.2.3.4"]) == "10.0.0.1"


@pytest.mark.parametrize("proxies, field", [(("x",), "Forwarded"), ("10.0.0.0/8", "Forwarded"), ((), "X-Real-IP")])
def test_proxies_that_make_no_sense_are_refused(proxies: tuple[str, ...], field: str) -> None:
    with pytest.raises(ValueError, match="must|appear"):
        Peers(proxies, field)  # type: ignore[arg-type]  # that is refused


def test_row_64_a_gate_lets_so_many_in_so_many_wait_and_refuses_the_rest() -> None:
    gate, inside, waiting, leave = Gate(2, 1, retry_after=3), threading.Semaphore(0), threading.Event(), threading.Event()
    seen = []

    def enter() -> None:
        with gate.entered():
            inside.release()
            leave.wait(10)
            seen.append("left")

    threads = [threading.Thread(target=enter) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert inside.acquire(timeout=10)
    assert inside.acquire(timeout=10)
    while gate._places:
        time.sleep(0.001)
    assert not inside.acquire(blocking=False)
    with pytest.raises(OverloadedError) as refused, gate.entered():
        pass
    assert refused.value.retry_after == 3
    leave.set()
    for thread in threads:
        thread.join(10)
    assert seen == ["left"] * 3
    with gate.entered():
        waiting.set()
    assert gate._places == 3


def test_a_gate_gives_its_place_back_after_an_exception() -> None:
    gate = Gate(1, 0, retry_after=1)
    for _ in range(3):
        with pytest.raises(KeyError), gate.entered():
            raise KeyError


def test_the_handler_carries_out_actions() -> None:
    slept: list[float] = []
    users = MemoryCredentialStore()
    users.put(REALM, USER, j_of())
    handler = Handler(MemorySessionTable(), users, sleep=slept.append)
    assert handler.handle(Admit("p", REALM, USER)) == Admission(True)
    handler.handle(Pause(2.5))
    assert slept == [2.5]
    responded = handler.handle(Respond(ALG, j_of(), ALG.kc1(ALG.generate_secret())))
    assert isinstance(responded, Responded)
    assert responded.session is not None
    assert handler.handle(End(SessionKey(ORIGIN, REALM, "0" * 32))) is None
    with pytest.raises(TypeError, match="no action"):
        handler.handle("x")


def test_row_62_a_full_waiting_room_is_an_overload() -> None:
    started, leave = threading.Event(), threading.Event()

    def sleep(seconds: float) -> None:
        started.set()
        leave.wait(10)

    handler = Handler(MemorySessionTable(), MemoryCredentialStore(), pauses=1, sleep=sleep)
    thread = threading.Thread(target=handler.handle, args=(Pause(1.0),))
    thread.start()
    assert started.wait(10)
    with pytest.raises(OverloadedError):
        handler.handle(Pause(1.0))
    leave.set()
    thread.join(10)


def test_row_61_the_audit_log_tells_who_and_what_and_cannot_be_split(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "kam3.audit"):
        user = "eve\n2026 INFO log-in user='root'\u2028" + "x" * 9999
        log_events([Event("log-in-failed", logging.WARNING, "192.0.2.1", REALM, user, "why\r\nnot")])
    (record,) = caplog.records
    text = record.getMessage()
    assert "\n" not in text
    assert text.isascii()
    assert len(text) < 500
    assert (record.__dict__["event"], record.__dict__["peer"], record.__dict__["realm"]) == ("log-in-failed", "192.0.2.1", "r")
    assert text.startswith("log-in-failed peer='192.0.2.1' realm='r' user=\"eve\\n2026")
    assert text.endswith("(why\\r\\nnot)")


def test_events_below_the_level_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "kam3.audit"):
        log_events([Event("log-in", logging.INFO, "p")])
    assert caplog.records == []


def test_the_page_of_an_answer() -> None:
    headers, body = page(Answered(401, (("A", "b"),), "log-in needed"))
    assert headers[0] == ("A", "b")
    assert dict(headers)["Content-Length"] == str(len(body))
    assert body == b"log-in needed\n"
    assert (phrase_of(421), phrase_of(799)) == ("Misdirected Request", "Unknown")
