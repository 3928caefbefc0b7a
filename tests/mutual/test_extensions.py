"""Optional-WWW-Authenticate and Authentication-Control (RFC 8053)."""

from __future__ import annotations

import dataclasses
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kam3.errors import LocalProtocolError, MissingExtraError, RemoteProtocolError
from kam3.mutual import grammar
from kam3.mutual.extensions import (
    MAX_TIMEOUT,
    Control,
    Situation,
    after_logout,
    control_for,
    read_optional,
    serialize_control,
    serialize_optional,
)
from kam3.mutual.messages import Init, KexS1, Stale, serialize
from kam3.mutual.realms import Realm

REALM = Realm("iso-kam3-ec-p256-sha256", "http://h", "a b")
URL = "http://h/x/y?z"
ASKING = [Situation.INITIAL, Situation.OPTIONAL, Situation.FAILED]
NOT_ASKING = [Situation.INTERMEDIATE, Situation.PROVED, Situation.UNPROVED]

#: Each parameter, where it counts, the field of Control and its value there.
PARAMETERS = [
    ("auth-style", "modal", [Situation.INITIAL, Situation.FAILED], "auth_style", "modal"),
    ("location-when-unauthenticated", '"/login"', [Situation.INITIAL, Situation.OPTIONAL], "location_when_unauthenticated", "http://h/login"),
    ("no-auth", "true", [Situation.INITIAL, Situation.OPTIONAL], "no_auth", True),
    ("username", "alice", ASKING, "username", "alice"),
    ("location-when-logout", '"/bye"', [Situation.PROVED], "location_when_logout", "http://h/bye"),
    ("logout-timeout", "300", [Situation.PROVED], "logout_timeout", 300),
]
NAMES = [parameter[0] for parameter in PARAMETERS]


def control(text: str, situation: Situation = Situation.INITIAL) -> Control:
    return control_for([text], REALM, situation, URL)


def nothing(situation: Situation) -> Control:
    return Control(auth_style="non-modal" if situation in ASKING else None)


def effective(parameters: str, situation: Situation) -> Control:
    return control(f'Mutual realm="a b", {parameters}', situation)


@pytest.mark.parametrize("situation", Situation)
@pytest.mark.parametrize("name, value, counts, field, read", PARAMETERS, ids=NAMES)
def test_a_parameter_counts_in_its_situations_alone(
    name: str, value: str, counts: list[Situation], field: str, read: object, situation: Situation
) -> None:
    expected = nothing(situation)
    if situation in counts:
        expected = dataclasses.replace(expected, **{field: read})  # type: ignore[arg-type]  # the field's own type
    assert effective(f"{name}={value}", situation) == expected


@pytest.mark.parametrize("name, value, counts, field, read", PARAMETERS, ids=NAMES)
def test_values_are_quoted_or_not(name: str, value: str, counts: list[Situation], field: str, read: object) -> None:
    bare = value.strip('"')
    forms = [f'"{bare}"', '"' + "".join(f"\\{character}" for character in bare) + '"']
    if "/" not in bare:  # no token
        forms.append(bare)
    for form in forms:
        for text in (f"{name}={form}", f"{name.upper()} = {form}"):
            assert getattr(effective(text, counts[0]), field) == read


NO_LOCATIONS = ["javascript:x", "ftp://h/", "http://u@h/", "http://", "http://[/", "http://h:0", "http:/x", "http:x"]
WRONG = [
    ("auth-style", ["other", "''", '""']),
    ("no-auth", ["yes", "1", '""']),
    ("logout-timeout", ["-1", "1.5", "007", '""', '" 1"', "1e3", "x"]),
    ("username", ['"a\tb"', '"\xff"']),
    ("location-when-logout", ['""', '"a b"', '"\\\\evil"', *(f'"{url}"' for url in NO_LOCATIONS)]),
]
WRONG.append(("location-when-unauthenticated", WRONG[-1][1]))


@pytest.mark.parametrize("name, values", WRONG, ids=[name for name, _ in WRONG])
def test_wrong_values_are_ignored(name: str, values: list[str]) -> None:
    situation = next(parameter[2] for parameter in PARAMETERS if parameter[0] == name)[0]
    for value in values:
        assert effective(f"{name}={value}", situation) == nothing(situation), value
    beside = Control(username="x", auth_style="non-modal") if situation is Situation.INITIAL else Control(logout_timeout=1)
    other = "username=x" if situation is Situation.INITIAL else "logout-timeout=1"
    if not other.startswith(name):
        assert effective(f"{name}={values[0]}, {other}", situation) == beside, "the other parameters still count"


@pytest.mark.parametrize("name, value, counts, field, read", PARAMETERS, ids=NAMES)
def test_a_parameter_that_is_there_twice_is_ignored(name: str, value: str, counts: list[Situation], field: str, read: object) -> None:
    once = f"{name}={value}"
    for text in (f"{once}, {once}", f"{once}, {once}, {once}", f'{once}, Mutual realm="a b", {once}', f"{once}, {name}*=UTF-8''%C3%A9"):
        assert effective(text, counts[0]) == nothing(counts[0])
    twice = control_for([f'Mutual realm="a b", {once}', f'Mutual realm="a b", {once}'], REALM, counts[0], URL)
    assert twice == nothing(counts[0])
    assert getattr(effective(f'{once}, Mutual realm="c", {once}', counts[0]), field) == read, "that of another realm is not a repetition"


@pytest.mark.parametrize(
    "text",
    [
        'Mutual realm="other", logout-timeout=0',
        'Mutual realm="A B", logout-timeout=0',
        'Basic realm="a b", logout-timeout=0',
        "Mutual logout-timeout=0",
        'Mutual realm="a b", realm="a b", logout-timeout=0',
        "Mutual realm*=UTF-8''a%20b, logout-timeout=0",
        "Mutual abc==",
        "Mutual",
        "logout-timeout=0",
        'Mutual realm="a b" logout-timeout=0',
        'Mutual realm="a b", logout-timeout=0, "',
        'Mutual realm="a b", logout-timeout=0' + " " * 10_000,
        'Mutual realm="a b", -x.example.com=1',
        "",
    ],
)
def test_entries_that_are_not_relevant_or_not_readable_are_ignored(text: str) -> None:
    assert control(text, Situation.PROVED) == Control()


def test_unknown_parameters_are_ignored() -> None:
    assert effective("-x.example.com=1, foo=bar, username=alice, foo=bar", Situation.INITIAL).username == "alice"


def test_several_lines_and_one_line_are_alike() -> None:
    lines = ['Basic realm="x", username="bob, Mutual realm=a"', 'mUTUAL realm="other", username=eve', ""]
    lines += ['Mutual realm="a b", username="al,ice"', 'Mutual realm="a b", auth-style=modal']
    expected = Control(username="al,ice", auth_style="modal")
    assert control_for(lines, REALM, Situation.INITIAL, URL) == expected
    assert control_for([", ".join(lines)], REALM, Situation.INITIAL, URL) == expected
    assert control_for([], REALM, Situation.INITIAL, URL) == nothing(Situation.INITIAL)


@pytest.mark.parametrize(
    "text, name",
    [
        ("username*=UTF-8''Ren%C3%A9e", "Ren\u00e9e"),
        ("username*=utf-8''Ren%c3%a9e", "Ren\u00e9e"),
        ('username="Ren\xc3\xa9e"', "Ren\u00e9e"),  # what we never send
        ("username*=ISO-8859-1''Ren%E9e", None),
        ("username*=UTF-8'fr'Ren%C3%A9e", None),
        ("username*=UTF-8''alice", None),
        ("username*=UTF-8''Ren%E9e", None),
        ("username*=UTF-8''%EF%BB%BFx", None),
        ("username*=UTF-8''%C3%A9%0A", None),
        ("username*=\"UTF-8''Ren%C3%A9e\"", None),
        ("username*=x", None),
    ],
)
def test_extended_values(text: str, name: str | None) -> None:
    assert effective(text, Situation.INITIAL).username == name


def test_only_strings_can_be_extended() -> None:
    for text in ("auth-style*=UTF-8''modal", "no-auth*=UTF-8''true", "no-auth*=true", "logout-timeout*=UTF-8''300", "logout-timeout*=300"):
        for situation in (Situation.INITIAL, Situation.PROVED):
            assert effective(text, situation) == nothing(situation)
    extended = effective("location-when-logout*=UTF-8''%2F%C3%A9%3Fa", Situation.PROVED)
    assert extended.location_when_logout == "http://h/%C3%A9?a"


@pytest.mark.parametrize(
    "location, url",
    [
        ("/login", "http://h/login"),
        ("login?a#b", "http://h/x/login?a#b"),
        ("../login", "http://h/login"),
        ("?q", "http://h/x/y?q"),
        ("http://h", "http://h"),
        ("HTTP://H:80/a", "http://h/a"),
        ("//h/a", "http://h/a"),
        ("//h:81/a", None),
        ("https://h/a", None),
        ("http://evil.example/", None),
        ("//evil.example/", None),
    ],
)
def test_an_unproved_location_is_resolved_and_stays_with_its_origin(location: str, url: str | None) -> None:
    for situation in (Situation.INITIAL, Situation.OPTIONAL):
        assert effective(f'location-when-unauthenticated="{location}"', situation).location_when_unauthenticated == url


def test_a_proved_location_may_lead_anywhere() -> None:
    found = effective('location-when-logout="https://sso.example:8443/bye"', Situation.PROVED)
    assert found.location_when_logout == "https://sso.example:8443/bye"


def test_a_location_that_needs_a_missing_extra_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "location-when-logout*=UTF-8''http://z%C3%BCri.example/"
    assert effective(text.replace("/", "%2F").replace(":", "%3A"), Situation.PROVED).location_when_logout == "http://xn--zri-hoa.example/"
    monkeypatch.setitem(sys.modules, "idna", None)
    text = "location-when-logout*=UTF-8''http%3A%2F%2Fg%C3%BCter.example%2F"
    assert effective(text, Situation.PROVED).location_when_logout is None


def test_no_auth_goes_before_the_location() -> None:
    text = 'location-when-unauthenticated="/login", no-auth='
    assert effective(text + "true", Situation.INITIAL) == Control(auth_style="non-modal", no_auth=True)
    assert effective(text + "yes", Situation.INITIAL).location_when_unauthenticated == "http://h/login"


def test_time_outs() -> None:
    for text, seconds in (("0", 0), ('"300"', 300), ("9" * 4000, MAX_TIMEOUT)):
        assert effective(f"logout-timeout={text}", Situation.PROVED).logout_timeout == seconds


@given(st.lists(st.text(alphabet=st.characters(max_codepoint=0xFF)), max_size=3), st.sampled_from(Situation))
def test_any_field_gives_a_control(lines: list[str], situation: Situation) -> None:
    control_for(lines, REALM, situation, URL)
    control_for([f'Mutual realm="a b", {line}' for line in lines], REALM, situation, URL)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_any_location_is_a_url_or_ignored(text: str) -> None:
    octets = text.encode().decode("latin-1").replace("\\", "\\\\").replace('"', '\\"')
    found = effective(f'location-when-logout="{octets}"', Situation.PROVED).location_when_logout
    assert found is None or (found.isascii() and found.isprintable() and " " not in found and found.startswith(("http://", "https://")))


# Sending


FULL = Control("modal", "/login", False, "alice", "https://h.example/bye?x", 300)


def test_what_is_sent() -> None:
    assert serialize_control({"a b": FULL}) == (
        'Mutual realm="a b", auth-style=modal, location-when-unauthenticated="/login", username="alice", '
        'location-when-logout="https://h.example/bye?x", logout-timeout=300'
    )
    assert serialize_control({"a": Control(no_auth=True), 'b"': Control(logout_timeout=0)}) == (
        'Mutual realm="a", no-auth=true, Mutual realm="b\\"", logout-timeout=0'
    )
    assert serialize_control({"a": Control(username="Ren\u00e9e")}) == "Mutual realm=\"a\", username*=UTF-8''Ren%C3%A9e"
    assert serialize_control({"a": Control(username="Renee_of_France")}) == 'Mutual realm="a", username="Renee_of_France"'


def test_what_is_sent_is_read() -> None:
    text = serialize_control({"c": Control(username="eve", logout_timeout=1), "a b": FULL})
    assert control(text) == Control("modal", "http://h/login", False, "alice")
    assert control(text, Situation.PROVED) == Control(location_when_logout="https://h.example/bye?x", logout_timeout=300)
    for name, _, quoted in grammar.parse_challenges([text])[1].parameters:
        assert quoted is (name in ("realm", "location-when-unauthenticated", "username", "location-when-logout"))


@pytest.mark.parametrize(
    "wrong, rule",
    [
        (Control(), "must have a parameter"),
        (Control(auth_style="Modal"), "modal or non-modal"),  # type: ignore[arg-type]  # what is refused
        (Control(no_auth=True, location_when_unauthenticated="/x"), "both"),
        (Control(location_when_unauthenticated=""), "location-when-unauthenticated must be an http or https URL"),
        (Control(location_when_unauthenticated="javascript:x"), "http or https"),
        (Control(location_when_logout="/a b"), "location-when-logout must be an http or https URL.* percent-encoded"),
        (Control(location_when_logout="/\u00e9"), "percent-encoded"),
        (Control(location_when_logout="/\r\nX: y"), "percent-encoded"),
        (Control(location_when_logout="\\\\evil"), "backslashes"),
        (Control(location_when_logout="http://u:p@h/"), "user name or password"),
        (Control(logout_timeout=-1), "logout-timeout must be a natural number"),
        (Control(username=""), "username must be prepared"),
        (Control(username="a b"), "username must be prepared"),
        (Control(username="e\u0301"), "username must be prepared"),
        (Control(username="a\r\nX: y"), "username must be prepared"),
    ],
)
def test_what_the_rfc_forbids_is_not_sent(wrong: Control, rule: str) -> None:
    with pytest.raises(LocalProtocolError, match=rule):
        serialize_control({"a": wrong})


def test_every_entry_names_its_realm() -> None:
    with pytest.raises(LocalProtocolError, match="must name a realm"):
        serialize_control({})
    for realm in ("\u00e9", "a\r\nX: y"):
        with pytest.raises(LocalProtocolError, match="realm must"):
            serialize_control({realm: FULL})


def test_what_is_not_sent_with_an_optional_authentication() -> None:
    for wrong in (Control(no_auth=True), Control(location_when_unauthenticated="/x"), Control(auth_style="modal")):
        with pytest.raises(LocalProtocolError, match="optional"):
            serialize_control({"a": wrong}, optional=True)
    fine = Control(auth_style="non-modal", username="alice")
    assert serialize_control({"a": fine}, optional=True) == serialize_control({"a": fine})


def test_a_user_name_beyond_ascii_is_not_sent_unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    from kam3 import preparation

    preparation._enforcer.cache_clear()
    monkeypatch.setitem(sys.modules, "precis_i18n", None)
    with pytest.raises(MissingExtraError, match=r"kam3\[http\]"):
        serialize_control({"a": Control(username="Ren\u00e9e")})
    assert "alice" in serialize_control({"a": Control(username="alice")})


# Optional authentication

INIT = Init(REALM, "host", "initial")


def test_an_optional_challenge_is_that_of_the_401() -> None:
    for status in (200, 204, 304, 404, 500):
        assert serialize_optional(INIT, status) == serialize(INIT)
        assert read_optional([serialize_optional(INIT, status)], status) == INIT


def test_what_cannot_be_optional_is_not_sent() -> None:
    for status in (401, 100, 103):
        with pytest.raises(LocalProtocolError, match="final response other than 401"):
            serialize_optional(INIT, status)
    kex = KexS1(REALM, "host", "00" * 16, b"\x02" * 33, 1, 128, 60)
    for message in (dataclasses.replace(INIT, reason="auth-failed"), Stale(REALM, "host"), kex):
        with pytest.raises(LocalProtocolError, match="reason initial"):
            serialize_optional(message, 200)  # type: ignore[arg-type]  # what is refused


def test_the_field_has_no_meaning_on_a_401_and_on_interim_responses() -> None:
    for status in (401, 100, 103):
        assert read_optional([serialize(INIT)], status) is None
        assert read_optional(["Mutual broken=="], status) is None


REASONS = ["auth-failed", "reauth-needed", "invalid-parameters", "internal-error", "user-unknown", "invalid-credential", "authz-failed"]


@pytest.mark.parametrize("reason", [*REASONS, "stale-session"])
def test_an_optional_challenge_of_another_reason_is_refused(reason: str) -> None:
    text = serialize(INIT).replace("initial", reason)
    assert reason in text
    with pytest.raises(RemoteProtocolError, match="Optional-WWW-Authenticate must have the reason initial"):
        read_optional([text], 200)


def test_an_optional_challenge_with_an_unknown_reason_is_initial() -> None:
    found = read_optional([serialize(INIT).replace("initial", "-x.example.com")], 200)
    assert found == Init(REALM, "host", "-x.example.com")


def test_optional_challenges_of_other_schemes_are_none_of_ours() -> None:
    assert read_optional(['Basic realm="x"'], 200) is None
    assert read_optional([], 200) is None
    assert read_optional(['Basic realm="x"', serialize(INIT)], 200) == INIT


def test_faults_of_an_optional_challenge_name_its_field() -> None:
    for text in (f"{serialize(INIT)}, {serialize(INIT)}", "Mutual broken==", 'Mutual "'):
        with pytest.raises(RemoteProtocolError, match="^Optional-WWW-Authenticate"):
            read_optional([text], 200)
    with pytest.raises(RemoteProtocolError, match="algorithm is missing"):
        read_optional(['Mutual version=1, realm="x", reason=initial'], 200)


# Log-out


@pytest.mark.parametrize(
    "method, location, then",
    [
        ("GET", "http://h/bye", "http://h/bye"),
        ("POST", "http://h/bye", "http://h/bye"),
        ("GET", None, URL),
        ("POST", None, None),
        ("HEAD", None, None),
        ("PUT", None, None),
    ],
)
def test_what_is_loaded_after_log_out(method: str, location: str | None, then: str | None) -> None:
    assert after_logout(method, URL, Control(location_when_logout=location)) == then
