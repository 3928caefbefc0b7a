"""The six messages of RFC 8120 section 4: golden headers, there and back, what is mandatory, exclusive, unknown, and in which field."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kam3
from kam3.errors import LocalProtocolError, RemoteProtocolError
from kam3.mutual import grammar, messages
from kam3.mutual.grammar import MAX_FIELD, Challenge, Parameter
from kam3.mutual.messages import ORIGIN, PROXY, Init, KexC1, KexS1, Message, Stale, VfyC, VfyS
from kam3.mutual.realms import Realm
from tests.mutual.samples import DL, EC, ELEMENT, GOLDEN, HASH, MESSAGES, POINT, SID, again, changed, parse, read

golden = pytest.mark.parametrize("name", GOLDEN)
each_kind = pytest.mark.parametrize("name", ["Init", "Stale", "KexC1", "KexS1", "VfyC", "VfyS"])

MANDATORY = {
    "Init": ["version", "algorithm", "validation", "realm"],  # without reason it is no message at all
    "Stale": ["version", "algorithm", "validation", "realm"],
    "KexC1": ["version", "algorithm", "validation", "auth-scope", "realm", "user", "kc1"],
    "KexS1": ["version", "algorithm", "validation", "auth-scope", "realm", "sid", "ks1", "nc-max", "nc-window", "time"],
    "VfyC": ["version", "algorithm", "validation", "auth-scope", "realm", "sid", "nc", "vkc"],
    "VfyS": ["version", "sid"],  # without vks there is no Authentication-Info of ours
}


def kind_of(name: str) -> type[Message]:
    return type(GOLDEN[name][0])


def refused(name: str, text: str, code: str, argument: str | None = None) -> RemoteProtocolError:
    algorithm = DL.algorithm if name.endswith("DL") else EC.algorithm
    with pytest.raises(RemoteProtocolError) as caught:
        parse(kind_of(name), text, algorithm)
    assert (caught.value.code, caught.value.reason) == (code, "invalid-parameters")
    if argument is not None:
        assert caught.value.argument == argument
    return caught.value


def unsendable(message: Message, code: str = "syntax") -> LocalProtocolError:
    with pytest.raises(LocalProtocolError) as caught:
        messages.serialize(message)
    assert (caught.value.code, caught.value.reason) == (code, None)
    return caught.value


@golden
def test_golden_headers(name: str) -> None:
    message, text = GOLDEN[name]
    assert messages.serialize(message) == text
    assert again(message) == message


@given(MESSAGES)
def test_there_and_back(message: Message) -> None:
    assert again(message) == message
    assert messages.serialize(again(message)) == messages.serialize(message)
    assert messages.serialize(message).isascii()


@golden
def test_records_are_frozen_values(name: str) -> None:
    message = GOLDEN[name][0]
    assert not hasattr(message, "__dict__")
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(message, dataclasses.fields(message)[0].name, EC)
    assert pickle.loads(pickle.dumps(message)) == message == copy.deepcopy(message)
    assert hash(copy.copy(message)) == hash(message)
    assert repr(message).startswith(f"{type(message).__name__}(")


def test_a_record_is_shown_whatever_its_numbers_are() -> None:
    assert "nc=0x1000" in repr(VfyC(EC, "host", SID, 1 << 60_000, HASH))
    assert "nc=7," in repr(VfyC(EC, "host", SID, 7, HASH))


@each_kind
def test_every_mandatory_parameter_is(name: str) -> None:
    for parameter in MANDATORY[name]:
        text = changed(name, **{parameter.replace("-", "_"): None})
        error = refused(name, text, "missing-parameter")
        assert parameter in str(error)


@each_kind
def test_every_parameter_quoted_and_unquoted_and_in_any_case(name: str) -> None:
    message, text = GOLDEN[name]
    prefix, body = ("", text) if name == "VfyS" else ("mUTUAL  ", text.removeprefix("Mutual "))
    unquoted = {key: value for key, value, _ in grammar.parse_parameters([body])}
    quoted = ", ".join(f"{key.upper()} = {grammar.quote(value, key)}" for key, value in unquoted.items())
    assert parse(kind_of(name), prefix + quoted) == message
    escaped = " ,, ".join(f'{key.title()}="' + "".join(f"\\{character}" for character in value) + '"' for key, value in unquoted.items())
    assert parse(kind_of(name), prefix + escaped) == message
    tokens = {key: value for key, value in unquoted.items() if re.fullmatch(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", value)}
    bare = ",".join(f"{key}={value}" if key in tokens else f"{key}={grammar.quote(value, key)}" for key, value in unquoted.items())
    assert parse(kind_of(name), prefix + bare) == message
    assert parse(kind_of(name), prefix + ",".join(reversed(bare.split(",")))) == message  # in any order


def test_tokens_and_digits_in_any_case() -> None:
    text = changed("Init", algorithm="ISO-KAM3-EC-P256-SHA256", validation="HOST", reason="Initial")
    assert parse(Init, text) == GOLDEN["Init"][0]
    assert parse(Stale, changed("Stale", reason='"STALE-session"')) == GOLDEN["Stale"][0]
    assert parse(VfyC, changed("VfyC", sid=SID.upper(), vkc=HASH.hex().upper())) == GOLDEN["VfyC"][0]


@each_kind
@pytest.mark.parametrize(
    "version", ["2", "0", "01", '""', '"1 "', "1.0", "-wg-draft", "-draft.example.com", "\u0661".encode().decode("latin-1")]
)
def test_no_other_version(name: str, version: str) -> None:
    if version.isascii():
        refused(name, changed(name, version=version), "unsupported-version", "version")
    else:
        refused(name, changed(name, version=f'"{version}"'), "unsupported-version", "version")


@each_kind
def test_unknown_parameters_are_ignored(name: str) -> None:
    for more in (
        {"foo": "bar"},
        {"_x.example.com": '"\xff"'},
        {"kc": "1"},
        {"ks": "1"},
        {"xkc1": "1"},
        {"kc1x": "1"},
        {"foo_ext": "KOI8-R'ru'%c9"},
        {"nonce": '""'},
    ):
        assert parse(kind_of(name), changed(name, **more)) == GOLDEN[name][0]


@pytest.mark.parametrize("first, second", [("a", "a"), ("a", "A"), ("a", "a*"), ("a*", "a*"), ("A*", "a")])
def test_no_parameter_twice_known_or_not(first: str, second: str) -> None:
    for name in ("Init", "KexC1", "KexS1", "VfyC", "VfyS"):
        text = GOLDEN[name][1]
        refused(name, f"{text}, {first}=1, {second}=1", "duplicate-parameter", "an unknown parameter")
        refused(name, f"{text}, {first.replace('a', 'version').replace('A', 'Version').rstrip('*')}=1", "duplicate-parameter", "version")


@pytest.mark.parametrize("name, parameter", [("KexC1", "user"), ("KexC1", "auth-scope"), ("KexS1", "path"), ("Init", "auth-scope")])
def test_strings_in_both_syntaxes_and_never_twice(name: str, parameter: str) -> None:
    key, field = (
        parameter.replace("-", "_"),
        {"auth-scope": lambda found: found.realm.auth_scope}.get(parameter, lambda found: getattr(found, parameter)),
    )
    extended = changed(name, **{key: None, f"{key}_ext": "utf-8''%c3%a9"})
    plain = changed(name, **{key: '"\xc3\xa9"'})
    assert field(parse(kind_of(name), extended)) == field(parse(kind_of(name), plain)) == "\u00e9"
    refused(name, changed(name, **{f"{key}_ext": "UTF-8''%c3%a9"}), "duplicate-parameter", parameter)
    for value in ("UTF-8''abc", "iso-8859-1''%e9", "UTF-8'de'%c3%a9", "UTF-8''%ff", "\"UTF-8''%c3%a9\"", "%c3%a9"):
        refused(name, changed(name, **{key: None, f"{key}_ext": value}), "syntax", parameter)
    for octets in ("\xe9", "\xef\xbb\xbfa", "\xed\xa0\x80"):
        refused(name, changed(name, **{key: f'"{octets}"'}), "syntax", parameter)


@pytest.mark.parametrize(
    "name, parameter",
    [(name, parameter) for name in MANDATORY for parameter in MANDATORY[name] if parameter not in ("user", "auth-scope")]
    + [("Init", "reason"), ("VfyS", "vks")],
)
def test_nothing_but_strings_is_extended(name: str, parameter: str) -> None:
    key = parameter.replace("-", "_")
    for value in ("UTF-8''%c3%a9", "UTF-8''1"):
        refused(name, changed(name, **{key: None, f"{key}_ext": value}), "syntax", parameter)


def test_a_realm_is_ascii_both_ways() -> None:
    refused("Init", changed("Init", realm='"\xc3\xa9"'), "syntax", "realm")
    assert unsendable(Init(EC._replace(realm="\u00e9"), "host", "initial")).argument == "realm"
    assert parse(Init, changed("Init", realm='""')).realm.realm == ""  # type: ignore[union-attr]


REQUEST_FAULTS = [("KexC1", {"vkc": HASH.hex()}), ("VfyC", {"kc1": POINT.hex()}), ("VfyC", {"kc2": "1"}), ("VfyC", {"kc007": "1"})]
REQUEST_FAULTS += [(name, {found: "ab"}) for name in ("KexC1", "VfyC") for found in ("ks1", "ks2", "ks0", "ks99999", "vks", "VKS", "Ks1")]
RESPONSE_FAULTS: list[tuple[str, dict[str, str]]] = [
    ("Init", {"ks1": "1"}),
    ("Init", {"ks2": "1"}),
    ("Init", {"vks": "1"}),
    ("KexS1", {"vks": "1"}),
]
RESPONSE_FAULTS += [("KexS1", {"reason": "initial"}), ("VfyS", {"reason": "initial"}), ("VfyS", {"ks1": "1"}), ("VfyS", {"ks23": "1"})]
RESPONSE_FAULTS += [
    (name, {found: "ab"}) for name in ("Init", "Stale", "KexS1", "VfyS") for found in ("kc1", "kc2", "kc99999", "vkc", "VkC")
]


@pytest.mark.parametrize("name, more", REQUEST_FAULTS + RESPONSE_FAULTS)
def test_what_excludes_each_other(name: str, more: dict[str, str]) -> None:
    refused(name, changed(name, **more), "conflicting-parameters")


def test_errors_say_which_kinds_and_nothing_that_the_peer_chose() -> None:
    long = "9" * 3000
    assert str(refused("VfyC", changed("VfyC", **{f"kc{long}": "1"}), "conflicting-parameters")).startswith(
        "kc# and vkc must not be in one"
    )
    assert str(refused("VfyC", changed("VfyC", **{f"ks{long}": "1"}), "conflicting-parameters")).startswith(
        "ks# must not be in a message of this"
    )
    assert len(str(refused("VfyC", f"{GOLDEN['VfyC'][1]}, {long}=1, {long}=1", "duplicate-parameter"))) < 100


def test_more_rounds_are_unknown_parameters() -> None:
    assert parse(KexC1, changed("KexC1", kc2="xyz", kc10="1")) == GOLDEN["KexC1"][0]
    assert parse(KexS1, changed("KexS1", ks2="xyz", ks10="1")) == GOLDEN["KexS1"][0]
    assert parse(KexC1, changed("KexC1", reason="initial")) == GOLDEN["KexC1"][0]  # known in responses alone
    refused("KexC1", changed("KexC1", kc1=None, kc2="ab"), "missing-parameter", "kc1")
    refused("KexS1", changed("KexS1", ks1=None, ks2="ab"), "missing-parameter", "ks1")


def test_a_challenge_of_no_kind() -> None:
    for text in (changed("Init", reason=None), changed("KexS1", ks1=None)):
        assert "reason or ks1" in str(refused("Init", text, "missing-parameter"))
    refused("Init", changed("Init", reason=None, vks="ab"), "missing-parameter", "reason or ks1")
    assert "kc1 or vkc" in str(refused("VfyC", changed("VfyC", vkc=None), "missing-parameter"))
    refused("Init", "Mutual", "missing-parameter", "version")
    refused("VfyC", "Mutual", "missing-parameter", "version")


def test_unknown_algorithms() -> None:
    found = parse(Init, changed("Init", algorithm="-kam4.example.com"))
    assert isinstance(found, Init)
    assert found.realm.algorithm == "-kam4.example.com"  # the client says that it cannot use it
    for name in ("KexC1", "KexS1", "VfyC"):
        refused(name, changed(name, algorithm="iso-kam3-dl-1024-sha1"), "unknown-algorithm", "algorithm")
    with pytest.raises(RemoteProtocolError) as caught:
        parse(VfyS, GOLDEN["VfyS"][1], "other")
    assert caught.value.code == "unknown-algorithm"
    for message in (KexC1(EC._replace(algorithm="x"), "host", "a", POINT), VfyS(SID, HASH, "x")):
        assert unsendable(message, "unknown-algorithm").argument == "algorithm"


def test_the_auth_scope_may_be_omitted_where_the_rfc_says_so() -> None:
    bare = EC._replace(auth_scope="")
    assert parse(Init, changed("Init", auth_scope=None)) == Init(bare, "host", "initial")
    assert parse(Stale, changed("Stale", auth_scope=None)) == Stale(DL._replace(auth_scope=""), "host")
    for name in ("Init", "KexC1", "KexS1", "VfyC"):
        refused(name, changed(name, auth_scope='""'), "syntax", "auth-scope")
    for message in (KexC1(bare, "host", "a", POINT), KexS1(bare, "host", SID, POINT, 1, 1, 1), VfyC(bare, "host", SID, 1, HASH)):
        assert unsendable(message, "missing-parameter").argument == "auth-scope"


def test_the_realm_is_read_before_anything_else_is_judged() -> None:
    parameters = read(
        VfyC, 'Mutual version=9, algorithm=ISO-KAM3-EC-P256-SHA256, realm="Members", auth-scope="http://example.com", nc=-1, kc1=x, ks1=y'
    )
    assert parameters is not None
    assert messages.realm_of(parameters) == EC
    for text in ('Mutual realm="a"', "Mutual algorithm=a", 'Mutual realm="a", algorithm="!"'):
        found = read(VfyC, text)
        assert found is not None
        with pytest.raises(RemoteProtocolError) as caught:
            messages.realm_of(found)
        assert caught.value.argument in ("algorithm", "realm")


def test_path_may_be_absent_or_empty() -> None:
    assert parse(KexS1, changed("KexS1", path='""')).path == ""  # type: ignore[union-attr]
    without = KexS1(EC, "host", SID, POINT, 1, 1, 1)
    assert again(without) == without
    assert "path" not in messages.serialize(without)


def test_a_401_stale_is_not_an_init() -> None:
    assert unsendable(Init(EC, "host", "stale-session")).argument == "reason"


@pytest.mark.parametrize(
    "message, argument",
    [
        (Init(EC._replace(realm="a\r\nb"), "host", "initial"), "realm"),
        (Init(EC._replace(auth_scope="a\nb"), "host", "initial"), "auth-scope"),
        (KexC1(EC, "host", "a\0", POINT), "user"), (KexC1(EC, "host", "\u00e9\r\n", POINT), "user"),
        (KexS1(EC, "host", SID, POINT, 1, 1, 1, "/\r\n"), "path"),
        (Init(EC, "host\r\n", "initial"), "validation"), (Init(EC, "host", "INITIAL"), "reason"), (Init(EC, "", "initial"), "validation"),
        (Init(EC._replace(algorithm="ISO"), "host", "initial"), "algorithm"), (VfyC(EC, "host", SID.upper(), 1, HASH), "sid"),
        (VfyC(EC, "host", "abc", 1, HASH), "sid"), (VfyC(EC, "host", SID, -1, HASH), "nc"), (VfyC(EC, "host", SID, 1, HASH[1:]), "vkc"),
        (KexC1(DL, "host", "a", POINT), "kc1"), (KexS1(EC, "host", SID, POINT, 1, -1, 1), "nc-window"),
        (VfyS(SID, b"", EC.algorithm), "vks"),
    ],
)  # fmt: skip
def test_what_cannot_be_sent(message: Message, argument: str) -> None:
    assert unsendable(message).argument == argument


def test_no_message_is_longer_than_a_field_may_be() -> None:
    unsendable(KexC1(EC, "host", "a" * MAX_FIELD, POINT), "length")
    unsendable(KexC1(EC, "host", "a" * 10**6, POINT), "length")
    room = MAX_FIELD - len(messages.serialize(KexC1(EC, "host", "", POINT)))
    longest = KexC1(EC, "host", "a" * room, POINT)
    assert len(messages.serialize(longest)) == MAX_FIELD
    assert again(longest) == longest
    refused("KexC1", changed("KexC1", user='"' + "a" * 10**6 + '"'), "syntax", "Authorization")
    longest_dl4096 = KexS1(
        Realm(kam3.DL_4096.token, "https://" + "h" * 253 + ":65535", "r" * 100),
        "tls-server-end-point",
        "ab" * 64,
        bytes(512),
        2**64,
        2**64,
        2**64,
        "/" * 100,
    )
    assert len(messages.serialize(longest_dl4096)) < 2048


def test_other_schemes_are_left_alone() -> None:
    for lines in (
        [],
        ["Basic YTpi"],
        ["Bearer {any[thing]}"],
        ["basic"],
        ["Negotiate " + "a" * 50_000],
        ["Basic x, Mutual a=b"],
        ["MutualX a=b"],
    ):
        assert messages.read_credentials(lines) is None
    for text in ("", ",", "Mutual,a=b", '"', "Mutual\ta=b", "Mutual\x00", "\u212autual a=b"):
        refused("VfyC", text, "syntax", "Authorization")


def test_challenges_of_other_schemes_are_told_apart() -> None:
    basic = Challenge("Basic", None, (Parameter("realm", "Mutual version=1", True),))
    text = GOLDEN["Init"][1]
    for lines in (['Basic realm="Mutual version=1"', text, "Negotiate"], [f'Basic realm="Mutual version=1", {text}, Negotiate']):
        found = messages.read_challenges(lines)
        assert found.others == (basic, Challenge("Negotiate"))
        assert found.mutual is not None
        assert messages.parse_challenge(found.mutual) == GOLDEN["Init"][0]
    assert messages.read_challenges([]) == messages.read_challenges([""]) == (None, ())


def test_a_field_that_is_no_concern_of_ours() -> None:
    for line in ('Basic realm="a" charset="b"', "Digest \x00", "a" * 50_000 + "=,", 'Basic realm="'):
        assert messages.read_challenges([line]) == (None, ())
        for mutual in (GOLDEN["Init"][1], "MUTUAL"):
            with pytest.raises(RemoteProtocolError) as caught:
                messages.read_challenges([line, mutual])
            assert (caught.value.code, caught.value.argument) == ("syntax", "WWW-Authenticate")


def test_one_mutual_challenge_in_a_response() -> None:
    text = GOLDEN["Init"][1]
    for lines in ([text, text], [f"{text}, {text}"], [text, "Basic a=b", GOLDEN["KexS1"][1].replace("Mutual", "mutual")], ["Mutual", text]):
        with pytest.raises(RemoteProtocolError, match="two Mutual challenges") as caught:
            messages.read_challenges(lines)
        assert caught.value.argument == "WWW-Authenticate"


@pytest.mark.parametrize("token68", ["abc", "abc==", "a=", "="])
def test_mutual_never_has_token68(token68: str) -> None:
    for name in ("Init", "VfyC"):
        refused(name, f"Mutual {token68}", "syntax")


def test_authentication_info_with_and_without_the_scheme() -> None:
    message, text = GOLDEN["VfyS"]
    for lines in (
        [text],
        [f"Mutual {text}"],
        [f"MUTUAL  ,{text}"],
        text.split(", "),
        [text, "", "mutual=1"],
        ["nextnonce=a", text],
        [f"mutual = 1, {text}"],
    ):
        found = messages.read_info(lines)
        assert found is not None
        assert messages.parse_info(found, EC.algorithm) == message
    for lines in ([text, text], [text, f"vks={HASH.hex()}"]):  # several lines are one list
        with pytest.raises(RemoteProtocolError) as caught:
            messages.read_info(lines)
        assert caught.value.code == "duplicate-parameter"
    for wrong in ("Basic vks=1", 'vks="', "vks", "Mutual vks", f"a=1 {text}", "Mutual\tvks=1"):
        with pytest.raises(RemoteProtocolError) as caught:
            messages.read_info([wrong])
        assert (caught.value.code, caught.value.argument) == ("syntax", "Authentication-Info")


def test_authentication_info_of_others() -> None:
    for lines in ([], [""], ['rspauth="6629"'], ["version=1, sid=ab"], ["\x00 not ours"], ['a="vks"'], ["xvks=1"]):
        assert messages.read_info(lines) is None


def test_the_proxys_fields_have_their_own_names() -> None:
    assert (ORIGIN.challenge, ORIGIN.credentials, ORIGIN.info, ORIGIN.status) == (
        "WWW-Authenticate",
        "Authorization",
        "Authentication-Info",
        401,
    )
    readers: list[tuple[Callable[..., Any], str]] = [
        (messages.read_challenges, "Proxy-Authenticate"), (messages.read_credentials, "Proxy-Authorization"),
        (messages.read_info, "Proxy-Authentication-Info"),
    ]  # fmt: skip
    assert [name for _, name in readers] == [PROXY.challenge, PROXY.credentials, PROXY.info]
    assert PROXY.status == 407
    for reader, name in readers:
        with pytest.raises(RemoteProtocolError) as caught:
            reader(['Mutual vks="'], PROXY)
        assert caught.value.argument == name
        assert name in str(caught.value)


def test_numbers_of_dl_are_base64_quoted_or_not() -> None:
    text = messages.serialize(KexC1(DL, "host", "a", ELEMENT))
    assert parse(KexC1, text) == KexC1(DL, "host", "a", ELEMENT)
    assert 'kc1="AAECAw' in text
    head, _, number = text.rpartition("kc1=")
    if re.search(r"[/=]", number):  # no token characters: quotes are needed, and the grammar says so
        refused("KexC1", f"{head}kc1={number.strip(chr(34))}", "syntax", "Authorization")
    zeros = messages.serialize(KexC1(Realm(kam3.DL_4096.token, "example.com", "r"), "host", "a", bytes(510) + b"\1\1"))
    assert parse(KexC1, zeros.replace('"' + "A" * 681 + 'EB"', "A" * 681 + "EB"))


@given(st.text(alphabet=st.characters(max_codepoint=0x17F), max_size=60))
def test_any_text_is_a_message_or_a_protocol_error(text: str) -> None:
    for kind in (VfyC, VfyS, Init):
        for full in (text, f"Mutual {text}", f"{GOLDEN['VfyC'][1]}, {text}", f"{GOLDEN['VfyS'][1]}, {text}"):
            try:
                parameters = read(kind, full)
                if parameters is not None:
                    parse(kind, full)
            except RemoteProtocolError as error:
                assert error.reason == "invalid-parameters"
