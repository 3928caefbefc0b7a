"""Origins, scopes and paths (RFC 8120 sections 4.3 and 5)."""

from __future__ import annotations

import ipaddress
import sys
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kam3.errors import MissingExtraError
from kam3.mutual import realms
from kam3.mutual.hosts import is_address, normal_host
from kam3.mutual.realms import (
    Origin,
    PathSpace,
    Realm,
    check_scope,
    covers,
    is_public_suffix,
    normal_target,
    parse_path,
    scope_kind,
    serialize_path,
    specificity,
)

H = Origin("http", "h", 80)
REALM = Realm("iso-kam3-ec-p256-sha256", "http://h", "r")


# Origins


@pytest.mark.parametrize(
    "url, origin",
    [
        ("http://example.com", ("http", "example.com", 80)),
        ("https://example.com/", ("https", "example.com", 443)),
        ("HTTP://Example.COM:80/a/b?c#d", ("http", "example.com", 80)),
        ("https://example.com:80", ("https", "example.com", 80)),
        ("http://h:8120/x", ("http", "h", 8120)),
        ("http://h:0008120", ("http", "h", 8120)),
        ("http://h:/", ("http", "h", 80)),
        ("http://h?x", ("http", "h", 80)),
        ("http://h#@evil.example/", ("http", "h", 80)),
        ("http://h/\n\x00", ("http", "h", 80)),
        ("http://my_app-1:8000", ("http", "my_app-1", 8000)),
        ("http://192.0.2.1/", ("http", "192.0.2.1", 80)),
        ("http://b\u00fccher.example", ("http", "xn--bcher-kva.example", 80)),
        ("http://B\u00dcCHER.example", ("http", "xn--bcher-kva.example", 80)),
        ("http://fa\u00df.example", ("http", "xn--fa-hia.example", 80)),
        ("http://XN--BCHER-KVA.example", ("http", "xn--bcher-kva.example", 80)),
        ("http://example\u3002com", ("http", "example.com", 80)),
        ("http://[::1]", ("http", "[::1]", 80)),
        ("http://[2001:DB8:0:0:1:0:0:1]:81", ("http", "[2001:db8::1:0:0:1]", 81)),
        ("http://[0:0:0:0:0:0:0:0]", ("http", "[::]", 80)),
        ("http://[1:2:3:4:5:6:0:8]", ("http", "[1:2:3:4:5:6:0:8]", 80)),
        ("http://[::ffff:192.0.2.1]", ("http", "[::ffff:c000:201]", 80)),
    ],
)
def test_an_origin_has_one_spelling(url: str, origin: tuple[str, str, int]) -> None:
    assert Origin.parse(url) == Origin(*origin)


@pytest.mark.parametrize(
    "url, rule",
    [
        ("", "absolute"),
        ("h", "absolute"),
        ("/x", "absolute"),
        ("//h/x", "absolute"),
        ("http:/h", "absolute"),
        (" http://h", "absolute"),
        ("ftp://h", "http or https"),
        ("ws://h", "http or https"),
        ("http://u@h", "user name or password"),
        ("http://u:p@h", "user name or password"),
        ("http://h\\@evil.example", "user name or password"),
        ("http://h:x", "host:port"),
        ("http://h:1:2", "host:port"),
        ("http://h:-1", "host:port"),
        ("http://h:\u0661", "host:port"),
        ("http://h:" + "0" * 1000, "host:port"),
        ("http://::1", "host:port"),
        ("http://[::1", "host:port"),
        ("http://[::1]x", "host:port"),
        ("http://h:0", "1 to 65535"),
        ("http://h:65536", "1 to 65535"),
        ("http://h:123456", "1 to 65535"),
        ("http://", "empty"),
        ("http://:80", "empty"),
        ("http://h.", "end in a dot"),
        ("http://a..b", "LDH"),
        ("http://.b", "LDH"),
        ("http://-a", "LDH"),
        ("http://a-.b", "LDH"),
        ("http://a b", "LDH"),
        ("http://h\n", "LDH"),
        ("http://a%41", "LDH"),
        ("http://*.h", "LDH"),
        ("http://" + "a" * 64, "LDH"),
        ("http://" + "a." * 126 + "ab", "253"),
        ("http://" + "\u00fc" * 254, "253"),
        ("http://a\u0378b", "IDNA"),
        ("http://1\u0661.example", "IDNA"),
        ("http://127.1", "four decimal numbers"),
        ("http://0x7f.1", "four decimal numbers"),
        ("http://a.0x7f", "four decimal numbers"),
        ("http://2130706433", "four decimal numbers"),
        ("http://192.0.2.01", "four decimal numbers"),
        ("http://192.0.2.256", "four decimal numbers"),
        ("http://\uff11\uff12\uff17.1", "four decimal numbers"),
        ("http://[1::2::3]", "IPv6"),
        ("http://[h]", "IPv6"),
        ("http://[]", "IPv6"),
        ("http://[fe80::1%25eth0]", "zone"),
    ],
)
def test_what_is_no_origin_is_refused_by_its_rule(url: str, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        Origin.parse(url)


def test_only_names_beyond_ascii_need_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "idna", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'kam3\[http\]'"):
        Origin.parse("http://m\u00fcsli.example")
    assert Origin.parse("https://xn--mssi-0ra.example").host == "xn--mssi-0ra.example"
    monkeypatch.undo()
    assert Origin.parse("http://m\u00fcsli.example").host == "xn--msli-0ra.example", "a failure is not remembered"


@pytest.mark.parametrize(
    "origin, text",
    [
        (Origin("http", "h", 80), "http://h"),
        (Origin("https", "h", 443), "https://h"),
        (Origin("http", "h", 443), "http://h:443"),
        (Origin("https", "h", 80), "https://h:80"),
        (Origin("http", "[::1]", 8120), "http://[::1]:8120"),
    ],
)
def test_the_text_of_an_origin_omits_the_default_port(origin: Origin, text: str) -> None:
    assert str(origin) == text
    assert Origin.parse(text) == origin


@given(st.integers(0, 2**128 - 1) | st.integers(0, 2**16).map(lambda n: n << 64) | st.integers(0, 2**32))
def test_ipv6_addresses_are_spelled_as_the_standard_library_does_but_for_the_tail(number: int) -> None:
    address = ipaddress.IPv6Address(number)
    spelled = normal_host(f"[{address.exploded}]")
    assert normal_host(f"[{address}]") == normal_host(f"[{str(address).upper()}]") == spelled
    if "." not in str(address):
        assert spelled == f"[{address}]"
    assert ipaddress.IPv6Address(spelled[1:-1]) == address
    assert is_address(spelled)


LABELS = st.from_regex(r"[a-z0-9_]([a-z0-9_-]{0,8}[a-z0-9_])?", fullmatch=True)
HOSTS = st.lists(LABELS, min_size=1, max_size=4).map(".".join).filter(lambda host: not host.rpartition(".")[2].lstrip("0x").isdigit())


@given(st.sampled_from(["http", "https"]), HOSTS, st.integers(1, 65535))
def test_the_text_of_any_origin_is_its_single_server_scope(scheme: str, host: str, port: int) -> None:
    try:
        origin = Origin.parse(f"{scheme}://{host}:{port}")
    except ValueError as error:
        assert "four decimal numbers" in str(error)
        return
    assert Origin.parse(str(origin)) == origin
    assert check_scope(str(origin), origin) == "single-server"
    assert check_scope(origin.host, origin) == "single-host"


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_is_an_origin_or_a_value_error(one: str, other: str) -> None:
    for url in (one, f"http://{one}", f"http://{one}:{other}", f"https://[{one}]/{other}", f"{one}://{other}"):
        try:
            origin = Origin.parse(url)
        except ValueError:
            continue
        assert origin.host.isascii()
        assert Origin.parse(str(origin)) == origin


# Scopes


@pytest.mark.parametrize(
    "scope, kind",
    [
        ("http://h", "single-server"),
        ("http://h:8120", "single-server"),
        ("http://h:443", "single-server"),
        ("https://h:80", "single-server"),
        ("http://[::1]:8120", "single-server"),
        ("h", "single-host"),
        ("xn--bcher-kva.example", "single-host"),
        ("192.0.2.1", "single-host"),
        ("[::1]", "single-host"),
        ("*.example.com", "wildcard-domain"),
        ("*.com", "wildcard-domain"),
    ],
)
def test_the_three_kinds_of_scopes(scope: str, kind: str) -> None:
    assert scope_kind(scope) == kind


@pytest.mark.parametrize(
    "scope, rule",
    [
        ("", "empty"),
        ("http://H", "lower case"),
        ("HTTP://h", "lower case"),
        ("Example.com", "lower case"),
        ("*.Example.com", "lower case"),
        ("b\u00fccher.example", "A-labels"),
        ("*.b\u00fccher.example", "A-labels"),
        ("http://h:80", "default port"),
        ("https://h:443", "default port"),
        ("http://h:08120", "leading zeros"),
        ("http://h:", "leading zeros"),
        ("http://h:0", "1 to 65535"),
        ("http://h:65536", "1 to 65535"),
        ("http://h/", "scheme://host"),
        ("http://h/x", "scheme://host"),
        ("http://u@h", "LDH"),
        ("http://", "empty"),
        ("ftp://h", "http or https"),
        ("://h", "http or https"),
        ("h:80", "scheme://host"),
        ("h/", "scheme://host"),
        ("h h", "LDH"),
        ("h.", "end in a dot"),
        ("127.1", "four decimal numbers"),
        ("[0::1]", "shortest form"),
        ("http://[::0001]", "shortest form"),
        ("::1", "scheme://host"),
        ("*", "LDH"),
        ("*.", "empty"),
        ("*..com", "LDH"),
        ("*.*.com", "LDH"),
        ("a.*.com", "LDH"),
        ("*.example.com:80", "scheme://host"),
        ("http://*.example.com", "LDH"),
        ("*.192.0.2.1", "no subdomains"),
        ("*.[::1]", "no subdomains"),
        ("a\x00", "LDH"),
        ("x" * 100_000, "253"),
    ],
)
def test_a_scope_that_is_not_canonical_is_refused_by_its_rule(scope: str, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        scope_kind(scope)
    assert not covers(scope, H)


@pytest.mark.parametrize(
    "scope, url, covered",
    [
        ("http://h", "http://h:80/x", True),
        ("http://h", "https://h", False),
        ("http://h", "http://h:8120", False),
        ("http://h:8120", "http://h", False),
        ("http://h:8120", "http://h:812", False),
        ("http://h", "http://a.h", False),
        ("http://h:443", "https://h", False),
        ("h", "http://h", True),
        ("h", "https://h:8120", True),
        ("h", "http://a.h", False),
        ("h", "http://hh", False),
        ("[::1]", "http://[0:0::1]:1", True),
        ("*.example.com", "http://example.com", True),
        ("*.example.com", "https://www.example.com:8443", True),
        ("*.example.com", "http://www.sales.example.com", True),
        ("*.example.com", "http://badexample.com", False),
        ("*.example.com", "http://example.com.evil.example", False),
        ("*.example.com", "http://com", False),
        ("*.xn--bcher-kva.example", "http://www.b\u00fccher.example", True),
        ("*.h:80", "http://h", False),
        ("*.1", "http://192.0.2.1", False),
        ("*.2.1", "http://192.0.2.1", False),
    ],
)
def test_what_a_scope_covers(scope: str, url: str, covered: bool) -> None:
    assert covers(scope, Origin.parse(url)) is covered


def test_no_address_is_in_a_domain() -> None:
    assert not covers("*.example.com", Origin("http", "[::1]", 80))
    with pytest.raises(ValueError, match="four decimal numbers"):  # no domain ends in a number
        scope_kind("*.0.2.1")


@pytest.mark.parametrize(
    "domain, public",
    [
        ("com", True),
        ("co.jp", True),
        ("github.io", True),
        ("xn--fiqs8s", True),
        ("corp", True),
        ("localhost", True),
        ("example.com", False),
        ("a.co.jp", False),
        ("a.github.io", False),
        ("www.ck", False),
    ],
)
def test_public_suffixes(domain: str, public: bool) -> None:
    assert is_public_suffix(domain) is public
    origin = Origin("http", f"www.{domain}", 80)
    if public:
        with pytest.raises(ValueError, match="one organization"):
            check_scope(f"*.{domain}", origin)
    else:
        assert check_scope(f"*.{domain}", origin) == "wildcard-domain"


def test_only_wildcards_need_the_list_of_public_suffixes(monkeypatch: pytest.MonkeyPatch) -> None:
    realms._public_suffixes.cache_clear()
    monkeypatch.setitem(sys.modules, "publicsuffixlist", None)
    origin = Origin("http", "www.example.com", 80)
    with pytest.raises(MissingExtraError, match=r"pip install 'kam3\[http\]'"):
        check_scope("*.example.com", origin)
    for scope in ("http://www.example.com", "www.example.com"):
        check_scope(scope, origin)
    monkeypatch.undo()
    assert check_scope("*.example.com", origin) == "wildcard-domain", "a failure is not remembered"


def test_a_scope_that_does_not_cover_its_server_is_refused() -> None:
    for scope in ("http://g", "https://h", "g", "*.example.com"):
        with pytest.raises(ValueError, match="must cover the server it is sent by, http://h$"):
            check_scope(scope, H)


def test_the_most_specific_scope_is_the_last() -> None:
    scopes = ["*.www.example.com", "http://www.example.com", "*.example.com", "www.example.com"]
    assert sorted(scopes, key=specificity) == ["*.example.com", "*.www.example.com", "www.example.com", "http://www.example.com"]
    assert specificity("http://a") == specificity("https://b:81"), "there is no defined priority"


# Paths


@pytest.mark.parametrize(
    "target, normal",
    [
        ("", "/"),
        ("/", "/"),
        ("?q", "/?q"),
        ("/a/b/c/./../../g", "/a/g"),  # RFC 3986 section 5.2.4
        ("/..", "/"),
        ("/../../a", "/a"),
        ("/a/.", "/a/"),
        ("/a/b/..", "/a/"),
        ("/a/..", "/"),
        ("/a/../?../x", "/?../x"),
        ("//a//b", "//a//b"),
        ("/%7Ea/%2e%2E/b%2fc", "/b%2Fc"),
        ("/100%", "/100%25"),
        ("/%%341", "/%2541"),
        ("/\u00e9 \\", "/%C3%A9%20%5C"),
        ("/a#b", "/a%23b"),
    ],
)
def test_equivalent_targets_have_one_form(target: str, normal: str) -> None:
    assert normal_target(target) == normal
    assert normal_target(normal) == normal


@given(st.text(alphabet="/.%aA2e5?\\\u00e9") | st.text())
def test_the_normal_form_of_a_target_is_stable_and_means_the_same(text: str) -> None:
    try:
        normal = normal_target("/" + text)
    except UnicodeEncodeError:
        assert any(0xD800 <= ord(character) < 0xE000 for character in text)
        return
    assert normal_target(normal) == normal
    path = normal.partition("?")[0]
    assert not {".", ".."} & set(path.split("/"))
    if "." not in text and "%2" not in text:
        assert urllib.parse.unquote(normal) == urllib.parse.unquote("/" + text)


def test_a_target_that_does_not_begin_at_the_root_is_refused() -> None:
    for target in ("a", "*", "http://h/"):
        with pytest.raises(ValueError, match="slash"):
            normal_target(target)


@pytest.mark.parametrize("path", [None, "", " ", "   "])
def test_without_path_the_realm_is_the_whole_server(path: str | None) -> None:
    space = parse_path(path, REALM, H)
    assert space == PathSpace(("http://h/",))
    for url in ("http://h", "http://h:80/", "http://H/a?b#c"):
        assert space.covers(url)
    for url in ("https://h/", "http://h:8120/", "http://h.example/", "http://hh/", "mailto:h", "", "/"):
        assert not space.covers(url)


@pytest.mark.parametrize(
    "path, url, covered",
    [
        ("/private", "http://h/private", True),
        ("/private", "http://h/private/x", True),
        ("/private", "http://h/private2", True),  # a prefix of strings, as RFC 7616 section 3.3 has it
        ("/private", "http://h/private?x", True),
        ("/private", "http://h/priv", False),
        ("/private", "http://h/Private", False),
        ("/private/", "http://h/private", False),
        ("/private/", "http://h/x/../private/y", True),
        ("/private/", "http://h/private/../y", False),
        ("/private/", "http://h/private/%2e%2e/y", False),
        ("/a/../private/", "http://h/private/y", True),
        ("/pri%76ate", "http://h/%70rivate", True),
        ("/a%2fb", "http://h/a%2Fb/c", True),
        ("/a%2fb", "http://h/a/b", False),
        ("/\u00e9", "http://h/%c3%a9/x", True),
        ("/a  /b", "http://h/b", True),
        ("http://h/a", "http://h/a", True),
        ("HTTP://H:80/a", "http://h/a", True),
        ("http://h", "http://h/a", True),
        ("//h/a", "http://h/a", True),
        ("private", "http://h/private", True),
        ("/a?b", "http://h/a?bc", True),
        ("/a?b", "http://h/a", False),
        ("mailto:x /a", "http://h/a", True),
        ("mailto:x", "http://h/", False),
        ("http://[ /a", "http://h/a", True),
        ("\ud800 /a", "http://h/a", True),
    ],
)
def test_a_path_is_a_list_of_prefixes(path: str, url: str, covered: bool) -> None:
    assert parse_path(path, REALM, H).covers(url) is covered


def test_a_path_can_name_other_servers_in_the_scope() -> None:
    origin = Origin.parse("https://www.example.com")
    space = parse_path("https://api.example.com/v1/ https://evil.example/ /x", REALM._replace(auth_scope="*.example.com"), origin)
    assert space.prefixes == ("https://api.example.com/v1/", "https://www.example.com/x")


def test_the_path_of_a_proxy_has_no_limits() -> None:
    assert parse_path(None, REALM, H, proxy=True).covers("https://anything.example:99/x")
    space = parse_path("http://other.example/a", REALM, H, proxy=True)
    assert space.covers("http://other.example/ab")
    assert not space.covers("http://other.example/b")


def test_a_path_is_bounded() -> None:
    space = parse_path(" ".join(f"/{n}/" for n in range(100_000)), REALM, H)
    assert len(space.prefixes) == realms.MAX_PATH_ELEMENTS
    assert space.covers("http://h/255/")
    assert not space.covers("http://h/256/")


def test_elements_that_need_a_missing_extra_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "idna", None)
    assert parse_path("http://gr\u00fc\u00df.example/ /a", REALM, H).prefixes == ("http://h/a",)


@given(st.text() | st.text(alphabet="/ :.%#?[]@ahtp"))
def test_any_text_is_a_path(text: str) -> None:
    parse_path(text, REALM, H).covers(text)
    assert all(prefix.startswith("http://h/") for prefix in parse_path(text, REALM, H).prefixes)


def test_a_server_writes_what_clients_read() -> None:
    prefixes = ["/", "/a/../b", "/\u00e9/", "http://h:80/x", "http://h"]
    text = serialize_path(prefixes, REALM, H)
    assert text == "/ /b /%C3%A9/ /x /"
    assert parse_path(text, REALM, H) == parse_path(" ".join(prefixes), REALM, H)
    wide = REALM._replace(auth_scope="h")
    assert serialize_path(["/a", "https://h:8443/b"], wide, H) == "/a https://h:8443/b"


@pytest.mark.parametrize(
    "prefixes, rule",
    [
        ([], "at least one"),
        (["a"], "slash"),
        ([""], "slash"),
        (["mailto:x"], "slash"),
        (["/a b"], "white space"),
        (["/a\tb"], "white space"),
        (["/a\r\nX: y"], "white space"),
        (["/a\u00a0"], "white space"),
        (["/a\x00"], "white space"),
        (["/a", "https://h/"], "inside the auth-scope, and https://h is not"),
        (["//evil.example/"], "inside the auth-scope"),
    ],
)
def test_a_server_that_cannot_mean_its_path_is_told_the_rule(prefixes: list[str], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        serialize_path(prefixes, REALM, H)
