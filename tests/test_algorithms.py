"""The algorithms: identity, what their functions take and give, on every backend."""

from __future__ import annotations

import array
import copy
import ctypes
import hashlib
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kam3
from kam3 import backends, octets
from kam3.errors import BackendUnavailableError, DegenerateError, InvalidElementError, InvalidSecretError, UnknownAlgorithmError
from tests.spying import PASSWORD, REALM, spy_on

P256 = kam3.EC_P256
each_algorithm = pytest.mark.parametrize("alg", kam3.ALGORITHMS, ids=lambda alg: alg.token)
LEAST_S_C1 = {"iso-kam3-dl-2048-sha256": 2048, "iso-kam3-dl-4096-sha512": 4096}


def number(value: int, length: int) -> bytes:
    return value.to_bytes(length, "big")


def valid_arguments(alg: kam3.Algorithm) -> dict[str, Any]:
    """Return one right value for every argument name; the same element serves as every element."""
    kc1 = alg.kc1(number(5000, alg.scalar_octets))
    names: dict[str, Any] = dict.fromkeys(("j", "kc1", "ks1", "z", "octets", "element"), kc1)
    names |= dict.fromkeys(("s_c1", "s_s1"), number(5000, alg.scalar_octets))
    return names | {"pi": bytes(alg.hash_octets - 1) + b"\x07", "nc": 1, "vh": b"host", "t": b"t"}


#: Every function on octets, and its arguments in order.
SIGNATURES = {
    "j": ("pi",),
    "kc1": ("s_c1",),
    "ks1": ("j", "kc1", "s_s1"),
    "z_server": ("kc1", "ks1", "s_s1"),
    "respond": ("j", "kc1", "s_s1"),
    "z_client": ("pi", "s_c1", "kc1", "ks1"),
    "vkc": ("kc1", "ks1", "z", "nc", "vh"),
    "vks": ("kc1", "ks1", "z", "nc", "vh"),
    "b1": ("kc1", "ks1", "z", "vh", "t"),
    "b2": ("kc1", "ks1", "z", "nc", "vh", "t"),
    "check_element": ("element",),
    "is_square": ("element",),
}
PARTS = [(name, argument) for name, signature in SIGNATURES.items() for argument in signature]


def call(alg: kam3.Algorithm, name: str, **changed: Any) -> Any:
    values = valid_arguments(alg) | changed
    return getattr(alg, name)(*(values[argument] for argument in SIGNATURES[name]))


# Identity


def test_sizes() -> None:
    table = [
        (a.token, a.hash_name, a.hash_octets, a.element_octets, a.scalar_octets, a.iterations, a.wire_type, a.parameters.token)
        for a in kam3.ALGORITHMS
    ]
    assert table == [
        ("iso-kam3-dl-2048-sha256", "sha256", 32, 256, 256, 16384, "base64-fixed-number", "iso-kam3-dl-2048-sha256"),
        ("iso-kam3-dl-4096-sha512", "sha512", 64, 512, 512, 16384, "base64-fixed-number", "iso-kam3-dl-4096-sha512"),
        ("iso-kam3-ec-p256-sha256", "sha256", 32, 33, 32, 16384, "hex-fixed-number", "iso-kam3-ec-p256-sha256"),
        ("iso-kam3-ec-p521-sha512", "sha512", 64, 66, 66, 16384, "hex-fixed-number", "iso-kam3-ec-p521-sha512"),
    ]
    assert kam3.ALGORITHMS == (kam3.DL_2048, kam3.DL_4096, kam3.EC_P256, kam3.EC_P521)


@each_algorithm
def test_token_finds_the_algorithm_in_any_case(alg: kam3.Algorithm) -> None:
    assert kam3.algorithm(alg.token) is alg
    assert kam3.algorithm(alg.token.upper()) is alg
    assert kam3.algorithm(alg.token.title()) is alg


@pytest.mark.parametrize("token", ["", "iso-kam3-ec-p256-sha512", " iso-kam3-ec-p256-sha256", "iso-\u212aam3-ec-p256-sha256", "\ud800"])
def test_other_tokens_are_unknown(token: str) -> None:
    with pytest.raises(UnknownAlgorithmError) as caught:
        kam3.algorithm(token)
    assert caught.value.argument == "token"


def test_token_must_be_text() -> None:
    with pytest.raises(TypeError, match="token"):
        kam3.algorithm(b"iso-kam3-ec-p256-sha256")  # type: ignore[arg-type]


@each_algorithm
def test_algorithms_are_singletons(alg: kam3.Algorithm) -> None:
    assert copy.copy(alg) is alg
    assert copy.deepcopy([alg])[0] is alg
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(alg, protocol)) is alg
    assert repr(alg).startswith("kam3.")
    assert eval(repr(alg)) is alg
    assert len({*kam3.ALGORITHMS, alg}) == 4
    assert alg != alg.token


@pytest.mark.parametrize("name", ["token", "_parameters", "_bound", "new"])
def test_algorithms_are_immutable(name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(P256, name, None)
    with pytest.raises(AttributeError):
        delattr(P256, name)


def test_algorithms_are_not_made() -> None:
    with pytest.raises(TypeError, match="kam3.algorithm"):
        kam3.Algorithm()


def test_view_is_bound_to_its_backend() -> None:
    view, spy = spy_on(P256, "reference")
    backends.use(backends.available()[0])
    view.kc1(number(5, 32))
    assert spy.trace == ["kc1"]
    assert view == P256.on("reference") != P256
    assert hash(view) == hash(P256.on("reference"))
    assert pickle.loads(pickle.dumps(view)) == view
    assert copy.copy(view) is view
    assert repr(view) == "kam3.EC_P256.on('reference')"
    assert view.token == P256.token


def test_view_of_no_backend() -> None:
    with pytest.raises(BackendUnavailableError):
        P256.on("openssl")
    with pytest.raises(TypeError, match="backend"):
        P256.on(None)  # type: ignore[arg-type]


def test_each_call_takes_the_active_backend() -> None:
    _, spy = spy_on(P256, "reference")
    backends.use("reference")
    P256.kc1(number(5, 32))
    backends.use(backends.available()[0] if len(backends.available()) > 1 else "reference")
    assert spy.trace == ["kc1"]


# Results


@each_algorithm
def test_both_sides_agree(alg: kam3.Algorithm, backend: str) -> None:
    pi = alg.pi(PASSWORD, **REALM)
    s_c1, s_s1 = alg.generate_secret(), alg.generate_secret(role="server")
    j, kc1 = alg.j(pi), alg.kc1(s_c1)
    ks1, z = alg.respond(j, kc1, s_s1)
    assert ks1 == alg.ks1(j, kc1, s_s1)
    assert z == alg.z_server(kc1, ks1, s_s1) == alg.z_client(pi, s_c1, kc1, ks1)
    assert [len(value) for value in (pi, j, kc1, ks1, z)] == [alg.hash_octets, *[alg.element_octets] * 4]
    assert [len(s_c1), len(s_s1)] == [alg.scalar_octets] * 2
    alg.check_element(kc1)
    assert alg.is_square(ks1)
    assert all(type(value) is bytes for value in (pi, j, kc1, ks1, z, s_c1))


@each_algorithm
@pytest.mark.parametrize("nc", [0, 127, 128, 2**31, 2**80])
def test_hashes_are_those_of_the_rfc(alg: kam3.Algorithm, nc: int, backend: str) -> None:
    def digest(label: int, count: int) -> Any:
        return hashlib.new(alg.hash_name, bytes([label]) + 3 * kc1 + octets.vi(count) + octets.vs(b"vh"))

    kc1 = valid_arguments(alg)["kc1"]
    assert alg.vkc(kc1, kc1, kc1, nc, b"vh") == digest(4, nc).digest()
    assert alg.vks(kc1, kc1, kc1, nc, b"vh") == digest(3, nc).digest()
    assert alg.b1(kc1, kc1, kc1, b"vh", b"t") == hashlib.new(alg.hash_name, digest(6, 0).digest() + b"\x01t").digest()
    assert alg.b2(kc1, kc1, kc1, nc, b"vh") == hashlib.new(alg.hash_name, digest(7, nc).digest() + b"\x00").digest()


@each_algorithm
def test_pi_is_that_of_the_rfc(alg: kam3.Algorithm, backend: str) -> None:
    salt = b"".join(octets.vs(part.encode()) for part in (alg.token, *REALM.values()))
    expected = hashlib.pbkdf2_hmac(alg.hash_name, PASSWORD.encode(), salt, 16384, alg.hash_octets)
    assert alg.pi(PASSWORD, **REALM) == expected
    assert alg.pi(PASSWORD.encode(), **{name: bytearray(value.encode()) for name, value in REALM.items()}) == expected


def test_text_is_utf_8_without_preparation() -> None:
    decomposed, composed = "e\u0301", "\u00e9"
    assert P256.pi(composed, **REALM) == P256.pi(b"\xc3\xa9", **REALM) != P256.pi(decomposed, **REALM)


@each_algorithm
@pytest.mark.parametrize("role", ["client", "server"])
def test_secrets_differ_and_are_in_range(alg: kam3.Algorithm, role: Any, backend: str) -> None:
    drawn = {alg.generate_secret(role=role) for _ in range(8)}
    assert len(drawn) == 8
    least = LEAST_S_C1.get(alg.token, 1)
    assert all(int.from_bytes(secret, "big") >= least for secret in drawn)
    for secret in list(drawn)[:1]:
        alg.kc1(secret)  # refuses what is out of the client's range, which is the narrower


def test_non_squares_pass_the_primitives(backend: str) -> None:
    """RFC 8121 section 3.2 asks for a range alone; q-4 is the negative of a square."""
    alg = kam3.DL_2048
    two = number(4, 256)
    q_minus_4 = bytes(b ^ 0xFF for b in two)  # close to the top of the range, but above q
    with pytest.raises(InvalidElementError):
        alg.is_square(q_minus_4)
    assert alg.is_square(two)
    non_square = next(n for n in range(3, 50) if not alg.is_square(number(n, 256)))
    alg.check_element(number(non_square, 256))
    alg.respond(two, number(non_square, 256), alg.generate_secret(role="server"))


def test_degenerate_values(backend: str) -> None:
    with pytest.raises(DegenerateError):
        P256.j(bytes(32))


# What is refused


@pytest.mark.parametrize("name, argument", PARTS)
def test_types_are_refused_by_name(name: str, argument: str) -> None:
    wrong: list[Any] = [None, "text", 1.0, [b"x"], memoryview(b"abcdef")[::2]] if argument != "nc" else [None, "1", 1.0, True, b"1"]
    for value in wrong:
        with pytest.raises(TypeError, match=rf"^{argument} must be"):
            call(P256, name, **{argument: value})


@pytest.mark.parametrize("name, argument", [part for part in PARTS if part[1] not in ("nc", "vh", "t")])
@pytest.mark.parametrize("change", [lambda v: v[:-1], lambda v: b"\0" + v, lambda v: b""], ids=["short", "long", "empty"])
def test_lengths_are_refused_by_name(name: str, argument: str, change: Any, backend: str) -> None:
    value = change(valid_arguments(P256)[argument])
    kind = InvalidSecretError if argument in ("pi", "s_c1", "s_s1") else InvalidElementError
    with pytest.raises(kind, match=rf"^{argument} must be exactly") as caught:
        call(P256, name, **{argument: value})
    assert caught.value.argument == argument


@pytest.mark.parametrize("name", ["vkc", "vks", "b2"])
def test_negative_nc_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="^nc must not be negative"):
        call(P256, name, nc=-1)


@pytest.mark.parametrize("argument", ["password", "auth_scope", "realm", "user"])
def test_pi_refuses_by_name(argument: str) -> None:
    good: dict[str, Any] = {"password": PASSWORD, **REALM}
    for value in (None, 5, ["x"], memoryview(b"abcd")[::-1]):
        with pytest.raises(TypeError, match=f"^{argument} must be"):
            P256.pi(**good | {argument: value})
    with pytest.raises(ValueError, match=f"^{argument} holds a lone surrogate") as caught:
        P256.pi(**good | {argument: "hunter2\ud800"})
    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is None, "the codec's error holds the text"


def test_role_is_client_or_server() -> None:
    with pytest.raises(ValueError, match="role"):
        P256.generate_secret(role="both")  # type: ignore[arg-type]


class Viewed:
    """Memory as a backend might hand it out."""

    def __init__(self, octets: Any) -> None:
        self.octets = octets

    def view(self) -> Any:
        return self.octets

    def wipe(self) -> None:
        raise NotImplementedError

    def __len__(self) -> int:
        return 32


def test_every_kind_of_bytes_like_object(backend: str) -> None:
    s_c1 = number(2**200 + 5, 32)
    own = backends.get(backend).allocate(32)
    own.view()[:] = s_c1
    kinds: list[Any] = [
        bytearray(s_c1),
        memoryview(b"x" + s_c1)[1:],
        array.array("Q", s_c1),
        (ctypes.c_uint8 * 32)(*s_c1),
        memoryview(s_c1).cast("B", (4, 8)),
        Viewed(memoryview(s_c1)),
        own,
    ]
    assert {P256.kc1(kind) for kind in kinds} == {P256.kc1(s_c1)}
    with pytest.raises(InvalidSecretError, match="not 0"):
        P256.kc1(array.array("Q"))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="s_c1"):
        P256.kc1(Viewed(s_c1))


# Secrets in memory


@pytest.mark.parametrize("name", ["j", "z_server", "respond", "z_client"])
def test_memory_of_results_is_wiped(name: str) -> None:
    alg, spy = spy_on(P256, "reference")
    call(alg, name)
    assert spy.memories
    assert not spy.holds_secrets()
    spy.forget()
    with pytest.raises(KeyboardInterrupt):
        valid_arguments(alg)
        spy.forget()
        spy.fail_at = 2
        getattr(alg, name)(*(valid_arguments(P256)[argument] for argument in SIGNATURES[name]))
    assert spy.memories
    assert not spy.holds_secrets()


def test_memory_of_pi_and_secrets_is_wiped() -> None:
    alg, spy = spy_on(P256, "reference")
    alg.pi(PASSWORD, **REALM)
    alg.generate_secret()
    assert len(spy.memories) == 2
    assert not spy.holds_secrets()


def test_failing_random_source_is_an_error() -> None:
    alg, spy = spy_on(P256, "reference")
    spy.fail_at, spy.error = 2, OSError("no random octets")
    with pytest.raises(OSError, match="no random octets"):
        alg.generate_secret()


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=40), st.binary(max_size=40), st.integers(0, 2**90))
def test_backends_agree_on_any_strings(vh: bytes, t: bytes, nc: int) -> None:
    answers = set()
    for name in backends.available():
        alg = P256.on(name)
        kc1 = valid_arguments(P256)["kc1"]
        answers.add((alg.vkc(kc1, kc1, kc1, nc, vh), alg.vks(kc1, kc1, kc1, nc, vh), alg.b2(kc1, kc1, kc1, nc, vh, t)))
    assert len(answers) == 1
