"""The catalogue of attacks and faults, its part on the syntax of messages (rows 13 to 27): one test a row, named after it."""

from __future__ import annotations

import base64
import binascii

import pytest

import kam3
from kam3.errors import LocalProtocolError, RemoteProtocolError
from kam3.mutual import messages
from kam3.mutual.grammar import MAX_ELEMENTS, MAX_FIELD
from kam3.mutual.messages import Init, KexC1, KexS1, Message, Stale, VfyC, VfyS
from kam3.octets import vi
from tests.mutual.samples import DL, EC, ELEMENT, GOLDEN, HASH, POINT, SID, again, changed, parse

KINDS: dict[str, type[Message]] = {"Init": Init, "Stale": Stale, "KexC1": KexC1, "KexS1": KexS1, "VfyC": VfyC, "VfyS": VfyS}


def fault(name: str, text: str) -> RemoteProtocolError:
    with pytest.raises(RemoteProtocolError) as caught:
        parse(KINDS[name], text)
    assert caught.value.reason == "invalid-parameters"  # what a server answers
    return caught.value


def test_row_13_duplicate_parameters_user_and_user_ext_and_case_variants() -> None:
    for more in ('user="bob"', 'USER="bob"', "user*=UTF-8''%C3%A9", "User*=UTF-8''%C3%A9"):
        assert fault("KexC1", f"{GOLDEN['KexC1'][1]}, {more}").code == "duplicate-parameter"
        assert fault("KexC1", f"{GOLDEN['KexC1'][1].replace('Mutual ', f'Mutual {more}, ')}").code == "duplicate-parameter"
    for name, (_, text) in GOLDEN.items():
        if name in KINDS:
            head, body = text[: len(text) - len(text.removeprefix("Mutual "))], text.removeprefix("Mutual ")
            for part in body.split(", "):
                twice = f"{head}{body}, {part.partition('=')[0].upper()}={part.partition('=')[2]}"
                assert fault(name, twice).code == "duplicate-parameter"


def test_row_14_quoted_and_unquoted_forms_of_every_type_realm_included() -> None:
    plain = changed("KexS1", realm="Members", auth_scope='"http://example.com"', version="1", path="a")
    quoted = changed(
        "KexS1", realm='"Members"', version='"1"', algorithm=f'"{EC.algorithm}"', validation='"host"', sid=f'"{SID}"',
        ks1=f'"{POINT.hex()}"',
        nc_max='"2147483647"', nc_window='"1024"', time='"3600"', path='"a"',
    )  # fmt: skip
    assert parse(KexS1, plain) == parse(KexS1, quoted) == KexS1(EC, "host", SID, POINT, 2147483647, 1024, 3600, "a")
    assert ', realm="Members", ' in messages.serialize(Init(EC, "host", "initial"))


def test_row_15_parameters_that_exclude_each_other_and_rounds_that_are_ignored() -> None:
    for name, more in [
        ("KexC1", "vkc"), ("VfyC", "kc1"), ("KexC1", "ks1"), ("KexC1", "vks"), ("VfyC", "ks1"), ("VfyC", "vks"), ("VfyC", "ks2"),
        ("Init", "kc1"),
        ("Init", "vkc"), ("KexS1", "kc1"), ("KexS1", "vkc"), ("Init", "ks1"), ("Init", "vks"), ("KexS1", "vks"), ("VfyS", "ks1"),
        ("VfyS", "kc1"),
    ]:  # fmt: skip
        assert fault(name, changed(name, **{more: "00"})).code == "conflicting-parameters"
    assert fault("KexS1", changed("KexS1", reason="initial")).code == "conflicting-parameters"
    assert parse(KexC1, changed("KexC1", kc2="00")) == GOLDEN["KexC1"][0]
    assert parse(KexS1, changed("KexS1", ks2="00")) == GOLDEN["KexS1"][0]


@pytest.mark.parametrize("name", KINDS)
def test_row_16_version_missing_or_another(name: str) -> None:
    assert fault(name, changed(name, version=None)).code == "missing-parameter"
    for version in ("2", "10", "01", '""', '" 1"', "-1.example.com"):
        assert fault(name, changed(name, version=version)).code == "unsupported-version"


@pytest.mark.parametrize("name", KINDS)
def test_row_17_unknown_parameters_and_extension_tokens_are_ignored(name: str) -> None:
    assert parse(KINDS[name], changed(name, foo="bar", _x_y_example="1", opaque='"\xff\\""')) == GOLDEN[name][0]
    assert parse(KINDS[name], GOLDEN[name][1] + ", -x.example.com=1, !#$%&'*+-.^_`|~=2") == GOLDEN[name][0]


def test_row_18_tokens_in_upper_case_are_hashed_in_lower_case() -> None:
    found = parse(KexC1, changed("KexC1", algorithm="ISO-KAM3-EC-P256-SHA256", validation="HOST"))
    assert found == GOLDEN["KexC1"][0]  # so nothing but the lower case can come into a hash
    assert parse(Stale, changed("Stale", reason="STALE-SESSION")) == GOLDEN["Stale"][0]
    with pytest.raises(LocalProtocolError):
        messages.serialize(Init(EC, "HOST", "initial"))


@pytest.mark.parametrize("parameter", ["nc", "nc_max", "nc_window", "time"])
@pytest.mark.parametrize(
    "text", ["00", "007", "+7", "-7", '" 7"', '"7 "', '""', "7_0", "0x7", "7.0", "1e3", '"\xb2"', '"7\t"', '"\xd9\xa1"', '"\xef\xbc\x91"']
)
def test_row_19_integers_that_python_takes_and_the_abnf_does_not(parameter: str, text: str) -> None:
    name = "VfyC" if parameter == "nc" else "KexS1"
    error = fault(name, changed(name, **{parameter: text}))
    assert (error.code, error.argument) == ("syntax", parameter.replace("_", "-"))


def test_row_20_nonce_numbers_of_any_size_are_themselves() -> None:
    for number in (0, 2**31, 2**32, 2**63, 2**64, 2**80, 10**4300, 10**7000 + 7):
        found = parse(VfyC, changed("VfyC", nc=_digits(number)))
        assert isinstance(found, VfyC)
        assert found.nc == number
        assert again(found) == found
        assert vi(found.nc)  # the true number can be hashed
    assert fault("VfyC", changed("VfyC", nc="1" * 10**6)).argument == "Authorization"


def _digits(number: int) -> str:
    return messages.values.serialize_integer("nc", number).removeprefix("nc=")


def test_row_21_hexadecimal_numbers() -> None:
    for wrong in ("abc", "0g", '"ab "', '""', '"a b"', "0x12", '"\xd9\xa1\xd9\xa1"', "ab_d"):
        assert fault("VfyC", changed("VfyC", sid=wrong)).argument == "sid"
        assert fault("VfyC", changed("VfyC", vkc=wrong)).argument == "vkc"
    for wrong in (HASH.hex()[2:], HASH.hex()[1:], HASH.hex() + "00", "00" + HASH.hex()):
        assert fault("VfyC", changed("VfyC", vkc=wrong)).argument == "vkc"
    assert parse(VfyC, changed("VfyC", sid=SID.upper(), vkc=HASH.hex().upper())) == GOLDEN["VfyC"][0]
    for other in (f"00{SID}", SID[2:]):  # a sid of another length is another sid: it is kept as it came, and not found
        assert parse(VfyC, changed("VfyC", sid=other)).sid == other  # type: ignore[union-attr]


def test_row_22_base64_in_its_one_canonical_form() -> None:
    text = base64.b64encode(HASH).decode()
    for wrong in (
        text.rstrip("="), text + "=", text[:-2] + "9=", text[:4] + " " + text[4:], " " + text, text + " ", text[:4] + "\t" + text[4:],
        text.replace("A", "-", 1), text.replace("A", "_", 1), text.replace("A", "!", 1), text[:-4] + "====", "", "=" * 44,
        text[:-1] + "\xe9",
    ):  # fmt: skip
        with pytest.raises(RemoteProtocolError) as caught:
            parse(VfyC, changed("VfyC of DL", vkc=f'"{wrong}"'))
        assert caught.value.argument == "vkc"
    assert binascii.a2b_base64(text[:-2] + "9=") == HASH  # what Python would have taken
    assert base64.b64decode(text[:4] + " " + text[4:]) == HASH
    assert parse(VfyC, changed("VfyC of DL", vkc=f'"{text}"')) == GOLDEN["VfyC of DL"][0]


@pytest.mark.parametrize(
    "text",
    [
        "ISO-8859-1''%E9", "UTF-16''%E9", "''%C3%A9", "UTF-8'en'%C3%A9", "UTF-8''alice", "UTF-8''", "UTF-8''%61", "UTF-8''%C3%A",
        "UTF-8''%C3%ZZ", "UTF-8''%",
        "UTF-8''%C3", "UTF-8''%C0%AF%C3%A9", "UTF-8''%ED%A0%80", "UTF-8''%F4%90%80%80", "UTF-8''%EF%BB%BF%C3%A9", "UTF-8''%C3%A9%00",
        "\"UTF-8''%C3%A9\"",
    ],
)  # fmt: skip
def test_row_23_ext_values(text: str) -> None:
    assert fault("KexC1", changed("KexC1", user=None, user_ext=text)).argument == "user"
    assert parse(KexC1, changed("KexC1", user=None, user_ext="UTF-8''%C3%A9")).user == "\u00e9"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "text",
    [
        changed("KexC1", user='"' + "a" * MAX_FIELD + '"'), changed("KexC1", user='"' + "a" * 10**6 + '"'),
        "Mutual " + ", ".join(f"a{n}=b" for n in range(10_000)), "Mutual " + ",".join(f"a{n}=b" for n in range(MAX_ELEMENTS + 1)),
        changed("KexC1", user='"alice'), changed("KexC1", user='"alice\\"'), changed("KexC1", user='"a\0b"'), changed("KexC1", user="a\0b"),
        changed("KexC1", user='"a\r\nb"'), changed("KexC1", user='"a\nb"'), changed("KexC1", user='"a\r\n b"'),
        GOLDEN["KexC1"][1] + "\r\n\tfoo=bar",
        GOLDEN["KexC1"][1] + "\n", "Mutual " + "=" * MAX_FIELD, "Mutual " + " " * MAX_FIELD + "a=b", "\0" * 10**6,
    ],
    ids=lambda text: text[-12:],
)  # fmt: skip
def test_row_24_fields_that_are_too_long_or_malformed(text: str) -> None:
    # That the time is linear is shown in test_grammar.py, by counting steps.
    error = fault("KexC1", text)
    assert (error.code, error.argument) == ("syntax", "Authorization")
    assert len(str(error)) < 200


def test_row_25_several_challenges_and_token68() -> None:
    init = GOLDEN["Init"][1]
    lines = ['Basic realm="x, Mutual realm=y"', init, 'Digest realm="d", qop="auth, auth-int", nonce=abc', "Negotiate YII=", "NTLM"]
    for split in (lines, [", ".join(lines)], [f"{lines[0]},,{lines[1]}", ", ".join(lines[2:])], lines[::-1]):
        found = messages.read_challenges(split)
        assert found.mutual is not None
        assert messages.parse_challenge(found.mutual) == GOLDEN["Init"][0]
        assert sorted((other.scheme, other.token68, len(other.parameters)) for other in found.others) == [
            ("Basic", None, 1), ("Digest", None, 3), ("NTLM", None, 0), ("Negotiate", "YII=", 0),
        ]  # fmt: skip
    for text in ("Mutual abc==", "Mutual abc", f"{init}, Mutual abc="):
        with pytest.raises(RemoteProtocolError) as caught:
            messages.read_challenges([text])
        assert caught.value.code == "syntax"
    assert fault("VfyC", "Mutual abc==").code == "syntax"


@pytest.mark.parametrize("text", ["a\r\nSet-Cookie: b", "a\nb", "a\rb", "a\0b", "a\x1fb", "a\x7fb"])
@pytest.mark.parametrize("beyond", ["", "\u00e9"])
def test_row_26_nothing_splits_a_response(text: str, beyond: str) -> None:
    text += beyond
    for message in (
        Init(EC._replace(realm=text), "host", "initial"), Init(EC._replace(auth_scope=text), "host", "initial"), Init(EC, text, "initial"),
        Init(EC, "host", text), KexC1(EC, "host", text, POINT), KexS1(EC, "host", SID, POINT, 1, 128, 60, text),
        KexS1(EC, "host", text, POINT, 1, 128, 60),
        VfyC(EC._replace(realm=text), "host", SID, 1, HASH), VfyS(text, HASH, EC.algorithm), Stale(EC._replace(realm=text), "host"),
    ):  # fmt: skip
        with pytest.raises(LocalProtocolError):
            messages.serialize(message)


def test_row_27_several_authentication_info_fields_are_one_list() -> None:
    # That a trailer is not looked at is the client's part: what is read is what it hands over.
    message, text = GOLDEN["VfyS"]
    found = messages.read_info(text.split(", "))
    assert found is not None
    assert messages.parse_info(found, EC.algorithm) == message
    for lines in ([text, text], [text, "vks=00"], [text, f"sid={SID}"], ["version=1", text]):
        with pytest.raises(RemoteProtocolError) as caught:
            messages.read_info(lines)
        assert caught.value.code == "duplicate-parameter"


def test_elements_are_not_judged_here() -> None:
    zero = KexC1(DL, "host", "a", bytes(len(ELEMENT)))  # no element, and the exchange says so
    assert again(zero) == zero
    with pytest.raises(kam3.InvalidElementError), kam3.ServerExchange(kam3.DL_2048, ELEMENT) as server:
        server.respond(zero.kc1)
