"""Limits that are on without being asked for, behind real servers and their proxies, and what the audit log says (rows 62 to 64)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import kam3
from kam3.mutual.messages import Init, Stale
from tests.servers.processes import PATIENCE, Raw, Site, message_of
from tests.servers.site import USER
from tests.stores.servers import wait_for

#: Key exchanges for one user from one peer that are allowed at once (`kam3.mutual.limits.Limits`).
BURST = 20


@pytest.fixture(params=["uvicorn-httptools", "gunicorn"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    made = Site(request.param, trusted_proxies=["127.0.0.0/8"])
    yield made
    made.stop()


def exchange_only(raw: Raw, user: str = USER) -> tuple[int, str | None]:
    with kam3.ClientExchange(kam3.EC_P256, bytes(range(32))) as exchange:
        response = raw.ask(raw.kex_header(exchange, user))
    return response.status, response.getheader("Retry-After")


def audited(site: Site, event: str) -> list[str]:
    return [line for line in site.audit() if line.startswith(event + " ")]


def test_row_62_guessing_is_limited_by_default_and_shuts_nobody_else_out(site: Site) -> None:
    guesser = Raw(site, forwarded="198.51.100.7")
    statuses = [exchange_only(guesser) for _ in range(BURST + 2)]
    assert [status for status, _ in statuses[:BURST]] == [401] * BURST
    for status, retry_after in statuses[BURST:]:
        assert status == 503
        assert retry_after is not None
        assert 1 <= int(retry_after) <= 60
    # A 503, and no challenge: whoever is refused keeps the password. Others are let in, and so is another user from there.
    assert exchange_only(guesser, "bob")[0] == 401
    honest = Raw(site, forwarded="203.0.113.5, 127.0.0.2").begin()
    assert honest.ask(honest.header(1)).status == 200
    wait_for(lambda: audited(site, "log-in"), PATIENCE)
    assert all("peer='198.51.100.7'" in line and "user='alice'" in line for line in audited(site, "rate-limited"))
    assert len(audited(site, "rate-limited")) == 2
    assert "peer='203.0.113.5'" in audited(site, "log-in")[0]


def test_row_62_a_login_that_succeeds_is_not_counted(site: Site) -> None:
    for _ in range(BURST + 5):
        raw = Raw(site).begin()
        assert raw.ask(raw.header(1)).status == 200


def test_an_address_that_no_proxy_of_ours_wrote_is_not_believed() -> None:
    site = Site("uvicorn-h11", trusted_proxies=["192.0.2.1"])
    try:
        raw = Raw(site, forwarded="198.51.100.7").begin()
        assert raw.ask(raw.header(1)).status == 200
        wait_for(lambda: audited(site, "log-in"), PATIENCE)
        assert "peer='127.0.0.1'" in audited(site, "log-in")[0]
    finally:
        site.stop()


def test_the_audit_log_tells_a_session_from_its_beginning_to_its_end(site: Site) -> None:
    wrong = Raw(site, "wrong").begin()
    assert message_of(wrong.ask(wrong.header(1))) == Init(site.realm, "host", "auth-failed")
    raw = Raw(site).begin()
    assert raw.ask(raw.header(1)).status == 200
    assert raw.ask(raw.header(2)).status == 200
    assert isinstance(message_of(raw.ask(raw.header(2))), Stale)
    last = Raw(site).begin()
    assert last.ask(last.header(1), "/logout").status == 200
    assert raw.ask('Mutual version=1, realm="real servers", user="evil\tname"').status == 401
    wait_for(lambda: audited(site, "malformed"), PATIENCE)
    told = [line.split(" ")[0] for line in site.audit()]
    assert told == [
        *("key-exchange", "log-in-failed"),
        *("key-exchange", "log-in", "nonce-refused"),
        *("key-exchange", "log-in", "log-out"),
        "malformed",
    ]
    assert all("user='alice'" in line and "realm='real servers'" in line for line in site.audit()[:-1])
    log = site.log()
    for secret in (raw.session.vkc(1, raw.vh).hex(), raw.sid, site.settings.j):
        assert secret not in log


def test_a_name_cannot_write_a_line_of_its_own_into_the_log(site: Site) -> None:
    raw = Raw(site)
    with kam3.ClientExchange(kam3.EC_P256, bytes(range(32))) as exchange:
        header = raw.kex_header(exchange, "x\u2028log-in peer='1.2.3.4' \u0085")
    assert raw.ask(header).status == 401
    wait_for(lambda: audited(site, "key-exchange"), PATIENCE)
    (line,) = site.audit()
    assert 'user="x\\u2028log-in peer=' in line
