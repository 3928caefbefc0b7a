"""``kam3 get``, against a model server on a loopback port."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kam3.mutual.client_actions import Response
from tests.adapters.proxying import PROXY_PASSWORD, PROXY_USER, Running, proxy_running
from tests.cli.test_cli import PYTHON, start
from tests.mutual.loopback import Loopback, make_certificate, running
from tests.mutual.model import PASSWORD, USER, response


@pytest.fixture
def server() -> Iterator[Loopback]:
    with running() as server:
        yield server


def get(url: str, *options: str, password: str = PASSWORD) -> tuple[int, bytes, str]:
    process = start("get", url, "--user", USER, "--password-stdin", *options)
    out, err = process.communicate(f"{password}\n".encode(), timeout=60)
    return process.returncode, out, err.decode()


def rows(output: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in output.splitlines()]


def test_0_the_content_is_printed_and_nothing_else(server: Loopback) -> None:
    server.page = lambda _: b"\x00\xffcontent"
    status, out, err = get(server.url)
    assert (status, out) == (0, b"\x00\xffcontent")
    assert "AUTH-SUCCEED" in err
    assert PASSWORD not in err


@pytest.mark.parametrize("http_status", [404, 500])
def test_0_whatever_the_http_status(server: Loopback, http_status: int) -> None:
    server.model.status = http_status
    assert get(server.url)[:2] == (0, b"page /")


def test_3_a_wrong_password(server: Loopback) -> None:
    status, out, err = get(server.url, password="wrong")
    assert (status, out) == (3, b"")
    assert "AUTH-REQUIRED" in err


def test_3_a_challenge_that_cannot_be_answered(server: Loopback) -> None:
    server.model.tamper = lambda _, old: response(
        401, old.channel, www_authenticate=old.fields("WWW-Authenticate")[0].replace("validation=host", "validation=tls-unique")
    )
    status, out, _ = get(server.url, "--json")
    assert (status, rows(out)[0]["reason"]) == (3, "unusable-challenge")


def test_4_an_open_page_is_printed_with_a_warning() -> None:
    with running(realms={}) as server:
        status, out, err = get(server.url)
    assert (status, out) == (4, b"page /")
    assert "warning: UNAUTHENTICATED" in err


def test_4_an_unproved_server_error_is_not_printed(server: Loopback) -> None:
    server.model.tamper = lambda kind, old: old if kind == "normal" else response(503, old.channel, retry_after="7")
    status, out, err = get(server.url)
    assert (status, out) == (4, b"")
    assert "Retry-After: '7'" in err
    status, out, _ = get(server.url, "--json")
    row = rows(out)[0]
    assert (status, row["status"], row["http_status"], row["reason"]) == (4, "UNAUTHENTICATED", 503, "server-error")
    assert "body" not in row


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_5_no_octet_of_a_false_server_is_printed(server: Loopback, options: list[str]) -> None:
    server.page = lambda _: b"poisoned content"
    server.model.tamper = lambda kind, old: (
        old if kind != "vfy" else response(200, old.channel, authentication_info=f"version=1, sid={'0' * 32}, vks={'0' * 64}")
    )
    status, out, err = get(server.url, *options)
    assert status == 5
    assert b"poisoned" not in out
    assert "poisoned" not in err
    if options:
        assert rows(out)[0]["status"] == "FATAL"


def test_6_no_connection() -> None:
    with running() as gone:
        url = gone.url
    status, out, err = get(url)
    assert (status, out) == (6, b"")
    assert "NO-CONNECTION" in err


def test_6_an_untrusted_certificate(tmp_path: Path) -> None:
    certificate, key, der = make_certificate(tmp_path)
    with running(tls=(certificate, key), certificate=der) as server:
        assert get(server.url)[0] == 6
        assert get(server.url, "--cacert", str(certificate))[:2] == (0, b"page /")


@pytest.mark.parametrize(
    "options",
    [
        ["--repeat", "0"],
        ["--repeat", "x"],
        ["--cacert", "/no/such/file"],
        ["--proxy", "127.0.0.1:3128"],
        ["--proxy", "socks5://127.0.0.1:3128"],
        ["--proxy", "http://peter:secret@127.0.0.1:3128"],
        ["--proxy", "http://@127.0.0.1:3128"],
        ["--proxy", "http://127.0.0.1:3128/path"],
        ["--password", "x"],
    ],
)
def test_2_wrong_usage(options: list[str]) -> None:
    url = "https://127.0.0.1:9/" if "--cacert" in options else "http://127.0.0.1:9/"
    status, out, err = get(url, *options)
    assert (status, out) == (2, b"")
    assert "usage: kam3" in err


@pytest.mark.parametrize("url", ["ftp://x/", "/page", "http://alice:secret@127.0.0.1/"])
def test_2_a_url_that_is_none(url: str) -> None:
    status, _, err = get(url)
    assert status == 2
    assert "secret" not in err.partition("usage")[2].partition("error:")[2]


def test_2_a_password_that_preparation_refuses(server: Loopback) -> None:
    status, out, err = get(server.url, password="")
    assert (status, out) == (2, b"")
    assert "password" in err


@pytest.fixture
def proxy() -> Iterator[Running]:
    with proxy_running() as proxy:
        yield proxy


def through(proxy: Running, url: str, *options: str, password: str = PASSWORD, second: str = PROXY_PASSWORD) -> tuple[int, bytes, str]:
    return get(url, "--proxy", proxy.url.replace("://", f"://{PROXY_USER}@"), *options, password=f"{password}\n{second}")


def test_0_through_a_proxy(proxy: Running, server: Loopback) -> None:
    status, out, err = through(proxy, server.url)
    assert (status, out) == (0, b"page /")
    assert PROXY_PASSWORD not in err
    status, out, _ = through(proxy, server.url, "--json", "--repeat", "2")
    assert [(row["status"], row["proxy"], row["nc"]) for row in rows(out)] == [("AUTH-SUCCEED", "AUTH-SUCCEED", nc) for nc in (1, 2)]


def test_0_through_a_tunnel_of_a_proxy(tmp_path: Path) -> None:
    certificate, key, der = make_certificate(tmp_path)
    with running(tls=(certificate, key), certificate=der) as server, proxy_running(tls=(certificate, key, der)) as proxy:
        assert through(proxy, server.url, "--cacert", str(certificate))[:2] == (0, b"page /")


def test_3_a_wrong_password_for_the_proxy(proxy: Running, server: Loopback) -> None:
    status, out, err = through(proxy, server.url, second="wrong")
    assert (status, out) == (3, b"")
    assert f"AUTH-REQUIRED: proxy {proxy.url}: " in err
    assert get(server.url, "--proxy", proxy.url)[0] == 3, "and none"
    assert server.requests == []


def test_3_a_wrong_password_for_the_server_behind_a_proxy(proxy: Running, server: Loopback) -> None:
    status, _, err = through(proxy, server.url, password="wrong")
    assert status == 3
    assert "AUTH-REQUIRED: the server" in err


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_5_a_proxy_that_proves_nothing(server: Loopback, scheme: str) -> None:
    with running(realms={}) as liar:  # it takes any request for one of its own
        liar.page = lambda _: b"poisoned content"
        url = server.url.replace("http", scheme, 1)
        options = ("--proxy", f"http://{PROXY_USER}@{liar.url.partition('//')[2].rstrip('/')}")
        status, out, err = get(url, *options, password=f"{PASSWORD}\n{PROXY_PASSWORD}")
    assert (status, out) == (5, b"")
    assert "poisoned" not in err


def test_6_a_proxy_that_is_not_there(server: Loopback) -> None:
    with proxy_running() as gone:
        pass
    assert through(gone, server.url)[0] == 6


def test_6_a_proxy_that_makes_no_tunnel(proxy: Running) -> None:
    with running() as gone:
        url = gone.url.replace("http:", "https:")
    status, out, err = through(proxy, url)
    assert (status, out) == (6, b"")
    assert "makes no tunnel" in err


def test_json_has_one_object_a_request(server: Loopback) -> None:
    status, out, _ = get(server.url, "--json", "--repeat", "3")
    found = rows(out)
    assert status == 0
    assert [row["nc"] for row in found] == [1, 2, 3]
    assert [row["round_trips"] for row in found] == [3, 1, 1]
    assert set(found[0]) >= {"status", "http_status", "reason", "algorithm", "realm", "nc", "round_trips", "milliseconds", "body"}
    realm = server.model.realms["/"]
    assert (found[0]["status"], found[0]["algorithm"], found[0]["realm"]) == ("AUTH-SUCCEED", realm.algorithm, realm.realm)
    assert found[0]["body"] == "page /"


def test_json_keeps_octets_that_are_no_text(server: Loopback) -> None:
    server.page = lambda _: b"\xff\x00"
    row = rows(get(server.url, "--json")[1])[0]
    assert (row["body"], row["body_base64"]) == (None, "/wA=")


def test_repeat_ends_with_the_first_failure(server: Loopback) -> None:
    status, out, _ = get(server.url, "--json", "--repeat", "3", password="wrong")
    assert status == 3
    assert len(rows(out)) == 1


def test_redirects_are_followed_when_asked_for(server: Loopback) -> None:
    def redirect(kind: str, old: Response) -> Response:
        if kind != "vfy" or server.requests[-1][1] != "/old":
            return old
        return Response(302, lambda name: ["/new"] if name == "Location" else old.fields(name), old.channel)

    server.model.tamper = redirect
    assert get(server.url + "old")[:2] == (0, b"page /old")
    assert get(server.url + "old", "--location")[:2] == (0, b"page /new")
    row = rows(get(server.url + "old", "--location", "--json")[1])[0]
    assert (row["round_trips"], row["hops"]) == (4, [{"url": server.url + "old", "http_status": 302, "status": "AUTH-SUCCEED"}])


def test_verbose_tells_of_requests_and_reasons_and_no_secret(server: Loopback) -> None:
    status, out, err = get(server.url, "-v")
    assert (status, out) == (0, b"page /")
    assert f"> GET {server.url}\n" in err
    assert "401-INIT" in err
    assert PASSWORD not in err


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no terminals on this system")
def test_the_prompt_names_user_realm_and_origin_and_does_not_show_the_password(server: Loopback) -> None:
    text = on_a_terminal(server.url, PASSWORD)
    assert f"password of {USER} for 'A' at {server.model.origin}" in text
    assert PASSWORD not in text
    assert "page /" in text


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no terminals on this system")
def test_the_prompt_for_a_proxy_names_it(server: Loopback, proxy: Running) -> None:
    text = on_a_terminal(server.url, PROXY_PASSWORD, PASSWORD, "--proxy", proxy.url.replace("://", f"://{PROXY_USER}@"))
    assert f"password of {PROXY_USER} for 'Way out' at proxy {proxy.url}" in text
    assert f"password of {USER} for 'A' at {server.model.origin}" in text
    assert "page /" in text


def on_a_terminal(url: str, *given: str) -> str:
    """Run ``kam3 get`` on a terminal: passwords in the order of the prompts, then options."""
    import pty

    begin = next((number for number, text in enumerate(given) if text.startswith("--")), len(given))
    child, terminal = pty.fork()
    if child == 0:  # pragma: no cover  # what runs in the child is not counted
        command = [sys.executable, "-m", "kam3", "get", url, "--user", USER, *given[begin:]]
        os.execve(sys.executable, command, {**os.environ, "PYTHONPATH": PYTHON})
    shown = b""
    try:
        for number, password in enumerate(given[:begin], 1):
            while shown.count(b": ") < number:
                shown += os.read(terminal, 1024)
            os.write(terminal, f"{password}\n".encode())
        while True:
            try:
                more = os.read(terminal, 1024)
            except OSError:
                break
            if not more:
                break
            shown += more
    finally:
        os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return shown.decode()
