"""Messages for tests: golden ones, and hypothesis strategies for all."""

from __future__ import annotations

from hypothesis import strategies as st

import kam3
from kam3.mutual.messages import (
    Init,
    KexC1,
    KexS1,
    Message,
    Parameters,
    Stale,
    VfyC,
    VfyS,
    parse_challenge,
    parse_info,
    parse_request,
    read_challenges,
    read_credentials,
    read_info,
    serialize,
)
from kam3.mutual.realms import Realm

EC = Realm("iso-kam3-ec-p256-sha256", "http://example.com", "Members")
DL = Realm("iso-kam3-dl-2048-sha256", "example.com", 'A "realm"')
SID = "0123456789abcdef0123456789abcdef"
HASH = bytes(range(32))
POINT = bytes(range(33))
ELEMENT = bytes(range(256))

#: One of each, with the field's value as it must be.
GOLDEN: dict[str, tuple[Message, str]] = {
    "Init": (
        Init(EC, "host", "initial"),
        "Mutual version=1, algorithm=iso-kam3-ec-p256-sha256, validation=host, "
        'auth-scope="http://example.com", realm="Members", reason=initial',
    ),
    "Init without auth-scope": (
        Init(EC._replace(auth_scope=""), "tls-server-end-point", "-reason.example.com"),
        'Mutual version=1, algorithm=iso-kam3-ec-p256-sha256, validation=tls-server-end-point, realm="Members", reason=-reason.example.com',
    ),
    "Stale": (
        Stale(DL, "host"),
        'Mutual version=1, algorithm=iso-kam3-dl-2048-sha256, validation=host, auth-scope="example.com", '
        'realm="A \\"realm\\"", reason=stale-session',
    ),
    "KexC1": (
        KexC1(EC, "host", "alice", POINT),
        'Mutual version=1, algorithm=iso-kam3-ec-p256-sha256, validation=host, auth-scope="http://example.com", realm="Members", '
        f'user="alice", kc1={POINT.hex()}',
    ),
    "KexC1 of Renée": (
        KexC1(EC, "host", "Ren\u00e9e", POINT),
        'Mutual version=1, algorithm=iso-kam3-ec-p256-sha256, validation=host, auth-scope="http://example.com", realm="Members", '
        f"user*=UTF-8''Ren%C3%A9e, kc1={POINT.hex()}",
    ),
    "KexS1": (
        KexS1(EC, "host", SID, POINT, 2**31 - 1, 1024, 3600, "/ /a"),
        'Mutual version=1, algorithm=iso-kam3-ec-p256-sha256, validation=host, auth-scope="http://example.com", realm="Members", '
        f'sid={SID}, ks1={POINT.hex()}, nc-max=2147483647, nc-window=1024, time=3600, path="/ /a"',
    ),
    "VfyC": (
        VfyC(EC, "host", SID, 0, HASH),
        'Mutual version=1, algorithm=iso-kam3-ec-p256-sha256, validation=host, auth-scope="http://example.com", realm="Members", '
        f"sid={SID}, nc=0, vkc={HASH.hex()}",
    ),
    "VfyC of DL": (
        VfyC(DL, "host", SID, 7, HASH),
        'Mutual version=1, algorithm=iso-kam3-dl-2048-sha256, validation=host, auth-scope="example.com", realm="A \\"realm\\"", '
        f'sid={SID}, nc=7, vkc="AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="',
    ),
    "VfyS": (VfyS(SID, HASH, EC.algorithm), f"version=1, sid={SID}, vks={HASH.hex()}"),
    "VfyS of DL": (VfyS(SID, HASH, DL.algorithm), f'version=1, sid={SID}, vks="AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="'),
}


def read(kind: type[Message], text: str) -> Parameters | None:
    """Read a field's value as the field in which messages of this kind travel."""
    if kind in (KexC1, VfyC):
        return read_credentials([text])
    return read_info([text]) if kind is VfyS else read_challenges([text]).mutual


def parse(kind: type[Message], text: str, algorithm: str = EC.algorithm) -> Message:
    """Read a message."""
    parameters = read(kind, text)
    assert parameters is not None
    if kind in (KexC1, VfyC):
        return parse_request(parameters)
    return parse_info(parameters, algorithm) if kind is VfyS else parse_challenge(parameters)


def again(message: Message) -> Message:
    """Write a message and read it back."""
    token = message.algorithm if isinstance(message, VfyS) else message.realm.algorithm
    return parse(type(message), serialize(message), token)


def changed(name: str, **parts: str | None) -> str:
    """Return a golden text with parameters replaced, added, or left out where None; underscores stand for hyphens, `ext` for a star."""
    text = GOLDEN[name][1]
    prefix = "" if name.startswith("VfyS") else "Mutual "
    pairs = dict(part.split("=", 1) for part in text.removeprefix(prefix).split(", "))
    for key, part in parts.items():
        plain = key.replace("_ext", "*").replace("_", "-")
        if part is None:
            del pairs[plain]
        else:
            pairs[plain] = part
    return prefix + ", ".join(f"{key}={part}" for key, part in pairs.items())


ALGORITHMS = st.sampled_from(kam3.ALGORITHMS)
TOKENS = st.from_regex(r"[0-9a-z][0-9a-z\-_]{0,8}|-[0-9a-z][0-9a-z\-_]{0,8}(\.[0-9a-z]{1,3}){1,2}", fullmatch=True)
STRINGS = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\t"), max_size=20).filter(
    lambda text: not text.startswith("\ufeff")
)
ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126) | st.just("\t"), max_size=20)
SIDS = st.binary(min_size=1, max_size=20).map(bytes.hex)
INTEGERS = st.one_of(st.integers(0, 2**80), st.integers(0, 10**1000))


def realms(alg: kam3.Algorithm) -> st.SearchStrategy[Realm]:
    return st.builds(Realm, st.just(alg.token), STRINGS.filter(bool), ASCII)


def numbers(length: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=length, max_size=length)


def messages_of(alg: kam3.Algorithm) -> st.SearchStrategy[Message]:
    realm, element, digest = realms(alg), numbers(alg.element_octets), numbers(alg.hash_octets)
    some = st.one_of(realm, realm.map(lambda triple: triple._replace(auth_scope="", algorithm="-other.example")))
    return st.one_of(
        st.builds(Init, some, TOKENS, TOKENS.filter(lambda token: token != "stale-session")),
        st.builds(Stale, some, TOKENS),
        st.builds(KexC1, realm, TOKENS, STRINGS, element),
        st.builds(KexS1, realm, TOKENS, SIDS, element, INTEGERS, INTEGERS, INTEGERS, st.none() | STRINGS),
        st.builds(VfyC, realm, TOKENS, SIDS, INTEGERS, digest),
        st.builds(VfyS, SIDS, digest, st.just(alg.token)),
    )


MESSAGES = ALGORITHMS.flatmap(messages_of)
