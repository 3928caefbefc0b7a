"""Every backend gives the octets of the frozen vectors, and for every input the octets or the error of the reference.

This is the suite that a backend has to pass to be one.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kam3 import sets
from kam3.backends.base import Backend
from kam3.backends.reference import PLAIN_GROUPS, ReferenceBackend
from kam3.errors import Kam3Error
from kam3.memory import SecretMemory
from kam3.sets import ParameterSet, Role
from tests.vectors import frozen

REFERENCE = ReferenceBackend()


# One call, and all that it answers -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Operation:
    """An operation of the protocol: its octet-string arguments in order, and the length of the secret it writes, if it writes one."""

    name: str
    arguments: tuple[str, ...]
    secret: str | None = None

    def call(self, backend: Backend, ps: ParameterSet, arguments: Iterable[bytes]) -> tuple[Any, ...]:
        """Return what a caller can observe: the results, or the error with its type, code, argument and message and the memory it left."""
        length = {None: 0, "z": ps.element_octets, "j": ps.element_octets}[self.secret]
        out = bytearray(b"\xee" * length)
        outs = [memoryview(out)] if length else []
        try:
            returned = getattr(backend, self.name)(ps, *self.labelled(arguments), *outs)
        except Kam3Error as error:
            assert out == bytes(length), "on an error the memory for the secret is all zero"
            return type(error), error.code, error.argument, str(error)
        return returned, bytes(out)

    def labelled(self, arguments: Iterable[bytes]) -> list[Any]:
        given = list(arguments)
        if self.name == "vk":
            return [4, *given, 300, b"vh"]
        if self.name == "b":
            return [7, *given, 300, b"vh", b"t"]
        if self.name in ("check_element", "is_square"):
            return ["ks1", *given]
        return given


OPERATIONS = {
    operation.name: operation
    for operation in (
        Operation("j", ("pi",), "j"),
        Operation("kc1", ("s_c1",)),
        Operation("check_denominator", ("pi", "s_c1", "kc1")),
        Operation("ks1", ("j", "kc1", "s_s1")),
        Operation("z_server", ("kc1", "ks1", "s_s1"), "z"),
        Operation("respond", ("j", "kc1", "s_s1"), "z"),
        Operation("z_client", ("pi", "s_c1", "kc1", "ks1"), "z"),
        Operation("vk", ("kc1", "ks1", "z")),
        Operation("b", ("kc1", "ks1", "z")),
        Operation("check_element", ("ks1",)),
        Operation("is_square", ("ks1",)),
    )
}
any_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda operation: operation.name)


@functools.cache
def small(ps: ParameterSet) -> dict[str, bytes]:
    """The values of an exchange whose secrets are small, so that the reference answers quickly."""
    s_c1, s_s1 = (number.to_bytes(ps.scalar_octets, "big") for number in (2**60 + 12345, 2**59 + 777))
    pi = hashlib.new(ps.hash_name, b"pi").digest()
    j, z = bytearray(ps.element_octets), bytearray(ps.element_octets)
    REFERENCE.j(ps, pi, memoryview(j))
    kc1 = REFERENCE.kc1(ps, s_c1)
    ks1 = REFERENCE.respond(ps, j, kc1, s_s1, memoryview(z))
    return {"pi": pi, "s_c1": s_c1, "s_s1": s_s1, "j": bytes(j), "kc1": kc1, "ks1": ks1, "z": bytes(z)}


def values(ps: ParameterSet, argument: str) -> Iterator[tuple[str, bytes]]:
    """What an argument may be that is not ordinary: named octets."""
    good = small(ps)[argument]
    yield "empty", b""
    yield "one octet short", good[1:]
    yield "one octet long", b"\0" + good
    group, length = PLAIN_GROUPS[ps.token], len(good)
    if argument == "pi":
        numbers = {"0": 0, "1": 1, "r": group.r, "r+1": group.r + 1, "all ones": 256**length - 1}
    elif argument.startswith("s_"):
        least = ps.least_s_c1 if argument == "s_c1" else 1
        numbers = {"0": 0, "least-1": least - 1, "least": least, "r-1": group.r - 1, "r": group.r, "r+1": group.r + 1}
        numbers |= {"2r": 2 * group.r, "all ones": 256**length - 1}
    else:
        q = group.q
        numbers = {"0": 0, "1": 1, "2": 2, "q-2": q - 2, "q-1": q - 1, "q": q, "q+1": q + 1, "all ones": 256**length - 1}
        if ps.is_curve:
            numbers |= {f"P = {number}": number for number in range(3, 13)}
            numbers |= {"2q-2": 2 * q - 2, "2q-1": 2 * q - 1, "2q": 2 * q, "2q+1": 2 * q + 1, "2q+G": 2 * q + group.encode(group.g)}
            top = 8 * length - 1
            numbers |= {f"bit {bit}": int.from_bytes(good, "big") | 1 << bit for bit in range(q.bit_length() + 1, top + 1)}
            numbers["other parity"] = int.from_bytes(good, "big") ^ 1
        else:
            numbers |= {"negative": q - int.from_bytes(good, "big"), "top bit off": int.from_bytes(good, "big") & (1 << 8 * length - 1) - 1}
    for name, number in numbers.items():
        if number < 256**length:
            yield name, number.to_bytes(length, "big")


@functools.cache
def expectation(ps: ParameterSet, operation: Operation, given: tuple[bytes, ...]) -> tuple[Any, ...]:
    """What the reference answers; asked once for all backends, since it is slow."""
    return operation.call(REFERENCE, ps, given)


def assert_agreement(backend: Backend, ps: ParameterSet, operation: Operation, arguments: dict[str, bytes], what: str) -> tuple[Any, ...]:
    given = tuple(arguments[name] for name in operation.arguments)
    expected = expectation(ps, operation, given)
    assert operation.call(backend, ps, given) == expected, what
    return expected


# The frozen vectors ----------------------------------------------------------------------------------------------------------------------


def exchange(backend: Backend, ps: ParameterSet, test: dict[str, Any]) -> dict[str, bytes]:
    """Every value of an exchange, as a backend computes it."""
    i, nc = frozen.octets(test["inputs"]), int(test["inputs"]["nc"])
    pi, j, z, z_s, z_c = (bytearray(n) for n in (ps.hash_octets, *[ps.element_octets] * 4))
    backend.pi(ps, i["password"], i["auth_scope"], i["realm"], i["user"], memoryview(pi))
    backend.j(ps, pi, memoryview(j))
    kc1 = backend.kc1(ps, i["s_c1"])
    ks1 = backend.respond(ps, j, kc1, i["s_s1"], memoryview(z))
    backend.check_denominator(ps, pi, i["s_c1"], kc1)
    if test["flags"] == ["Normal"]:  # the steps of `respond` apart
        assert backend.ks1(ps, j, kc1, i["s_s1"]) == ks1
        backend.z_server(ps, kc1, ks1, i["s_s1"], memoryview(z_s))
        assert z_s == z
    backend.z_client(ps, pi, i["s_c1"], kc1, ks1, memoryview(z_c))
    assert z == z_c
    for name, element in {"j": j, "kc1": kc1, "ks1": ks1, "z": z}.items():
        backend.check_element(ps, name, element)
        assert backend.is_square(ps, name, element) is True
    vkc, vks = (backend.vk(ps, label, kc1, ks1, z, nc, i["vh"]) for label in (4, 3))
    b1, b2 = backend.b(ps, 6, kc1, ks1, z, 0, i["vh"], i["t"]), backend.b(ps, 7, kc1, ks1, z, nc, i["vh"], i["t"])
    found = {"pi": pi, "j": j, "kc1": kc1, "ks1": ks1, "z": z, "vkc": vkc, "vks": vks, "b1": b1, "b2": b2}
    return {name: bytes(value) for name, value in found.items()}


def check_exchanges(backend: Backend, ps: ParameterSet, tests: list[dict[str, Any]]) -> None:
    for test in tests:
        expected = frozen.octets(test["outputs"])
        found = exchange(backend, ps, test)
        assert found == {name: expected[name] for name in found}, test["comment"]


def test_frozen_exchanges(backend: Backend, ps: ParameterSet) -> None:
    tests = frozen.tests(ps, "Kam3Exchange")
    if backend.name == "reference":  # it takes seconds for an exchange in the largest group: the rest is nightly
        tests = {sets.DL_2048: tests[:6], sets.DL_4096: tests[:1], sets.EC_P521: tests[:5]}.get(ps, tests)
    check_exchanges(backend, ps, tests)


@pytest.mark.nightly
def test_all_frozen_exchanges_on_the_reference(ps: ParameterSet) -> None:
    check_exchanges(REFERENCE, ps, frozen.tests(ps, "Kam3Exchange"))


@pytest.mark.parametrize("kind, name", [("Kam3Server", "respond"), ("Kam3Client", "z_client")])
def test_frozen_cases_of_one_side(backend: Backend, ps: ParameterSet, kind: str, name: str) -> None:
    operation, tests = OPERATIONS[name], frozen.tests(ps, kind)
    slow = backend.name == "reference" and ps in (sets.DL_4096, sets.EC_P521)
    for test in [test for test in tests if test["result"] == "invalid" or not slow]:
        answer = operation.call(backend, ps, frozen.octets(test["inputs"]).values())
        if test["result"] == "valid":
            ks1, z = answer
            outputs = frozen.octets(test["outputs"])
            assert (ks1, z) == (outputs.get("ks1"), outputs["z"]), test["comment"]
        else:
            assert answer[1:3] == (test["error"]["code"], test["error"]["argument"]), test["comment"]


# The same answer as the reference for every input ----------------------------------------------------------------------------------------


@any_operation
def test_each_argument_at_and_beyond_its_edges(fast_backend: Backend, ps: ParameterSet, operation: Operation) -> None:
    codes = set()
    for argument in operation.arguments:
        for name, octets in values(ps, argument):
            if name in ("r-1", "least") and ps is sets.DL_4096 and operation.name != "kc1":
                continue  # the reference is slow with a full-size secret there; the frozen vectors have these
            answer = assert_agreement(fast_backend, ps, operation, small(ps) | {argument: octets}, f"{argument}: {name}")
            codes.add(answer[1] if isinstance(answer[0], type) else None)
    assert {"invalid-element", "invalid-secret"} & codes, "some value was refused"
    assert None in codes or operation.name == "check_element", "some value was accepted"


@any_operation
def test_of_several_faults_the_first_argument_answers(fast_backend: Backend, ps: ParameterSet, operation: Operation) -> None:
    """Wrong in length or in range, in every two arguments at once, and a degenerate case under them."""

    def faults(argument: str) -> Iterator[bytes]:
        good = small(ps)[argument]
        yield good[1:]
        if argument.startswith("s_"):
            yield bytes(len(good))
        elif argument != "pi":
            yield b"\xff" * len(good)

    names = operation.arguments
    for first, second in ((a, b) for n, a in enumerate(names) for b in names[n + 1 :]):
        for one in faults(first):
            for two in faults(second):
                answer = assert_agreement(fast_backend, ps, operation, small(ps) | {first: one, second: two}, f"{first} and {second}")
                if operation.name not in ("vk", "b"):
                    assert answer[2] == first


def test_degenerate_values(fast_backend: Backend, ps: ParameterSet) -> None:
    """What an attacker or a broken store can arrange without solving for a hash value, and a faulty argument beside it goes first."""
    group, good = PLAIN_GROUPS[ps.token], small(ps)
    s_c1, pi = int.from_bytes(good["s_c1"], "big"), int.from_bytes(good["pi"], "big")
    t1 = int.from_bytes(hashlib.new(ps.hash_name, b"\1" + good["kc1"]).digest(), "big")
    t2 = int.from_bytes(hashlib.new(ps.hash_name, b"\2" + good["kc1"] + good["ks1"]).digest(), "big")

    def scalar(number: int) -> bytes:
        return (number % group.r).to_bytes(ps.scalar_octets, "big")

    minus = group.encode(group.mul(-s_c1 * t1 % group.r, group.g))
    j_identity = minus.to_bytes(ps.element_octets, "big")
    j_double = group.encode(group.mul(s_c1 * t1 % group.r, group.g)).to_bytes(ps.element_octets, "big")
    zero_denominator, zero_numerator = scalar(-pi * pow(t1, -1, group.r)), scalar(-t2)
    cases = [
        ("j", {"pi": bytes(ps.hash_octets)}, "degenerate", "J(pi)"),
        ("ks1", {"j": j_identity}, "degenerate", "K_s1"),
        ("respond", {"j": j_identity}, "degenerate", "K_s1"),
        ("respond", {"j": j_identity, "s_s1": bytes(ps.scalar_octets)}, "invalid-secret", "s_s1"),
        ("ks1", {"j": j_double}, None, ""),
        ("respond", {"j": good["kc1"]}, None, ""),
        ("check_denominator", {"s_c1": zero_denominator}, "degenerate", "t_1"),
        ("z_client", {"s_c1": zero_denominator}, "degenerate", "t_1"),
        ("z_client", {"s_c1": zero_denominator, "ks1": b"\xff" * ps.element_octets}, "invalid-element", "ks1"),
        ("z_client", {"s_c1": zero_numerator}, "degenerate", "computed z"),
        ("check_denominator", {"s_c1": zero_numerator}, None, ""),
        ("z_client", {"pi": bytes(ps.hash_octets)}, None, ""),
    ]
    if not ps.is_curve:
        cases.append(("ks1", {"j": (group.q - minus).to_bytes(ps.element_octets, "big")}, "degenerate", "K_s1"))
    if ps is sets.EC_P256:
        cases.append(("j", {"pi": scalar_of(group.r, 32)}, "degenerate", "J(pi)"))
    for name, changed, code, words in cases:
        answer = assert_agreement(fast_backend, ps, OPERATIONS[name], good | changed, f"{name} {sorted(changed)}")
        if code is None:
            assert not isinstance(answer[0], type)
        else:
            assert answer[1] == code
            assert words in answer[3]


def scalar_of(number: int, length: int) -> bytes:
    return number.to_bytes(length, "big")


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_will_do(backend: Backend, ps: ParameterSet, kind: Callable[[bytes], Any]) -> None:
    good = small(ps)
    out = bytearray(ps.element_octets)
    assert backend.respond(ps, kind(good["j"]), kind(good["kc1"]), kind(good["s_s1"]), memoryview(out)) == good["ks1"]
    assert out == good["z"]
    backend.z_client(ps, kind(good["pi"]), kind(good["s_c1"]), kind(good["kc1"]), kind(good["ks1"]), memoryview(out))
    assert out == good["z"]
    returned = backend.vk(ps, 4, kind(good["kc1"]), kind(good["ks1"]), kind(good["z"]), 1, kind(b"vh"))
    assert returned == REFERENCE.vk(ps, 4, good["kc1"], good["ks1"], good["z"], 1, b"vh")
    assert type(returned) is bytes


def held(backend: Backend, octets: bytes) -> SecretMemory:
    memory = backend.allocate(len(octets))
    memory.view()[:] = octets
    return memory


def test_both_proofs_break_the_rules_of_one(backend: Backend, ps: ParameterSet) -> None:
    good = small(ps)
    for name in ("kc1", "ks1", "z"):
        for octets in (b"", good[name][1:], good[name] + b"\0"):
            kc1, ks1, z = (({**good, name: octets})[each] for each in ("kc1", "ks1", "z"))
            with pytest.raises(Kam3Error) as of_one:
                REFERENCE.vk(ps, 4, kc1, ks1, z, 1, b"vh")
            with pytest.raises(Kam3Error) as of_both:
                backend.proofs(ps, kc1, ks1, held(backend, z), 1, b"vh")
            assert (type(of_both.value), str(of_both.value)) == (type(of_one.value), str(of_one.value))
            assert of_both.value.argument == name


def test_exchanges_with_secrets_from_anywhere(fast_backend: Backend, ps: ParameterSet) -> None:
    r, bits = PLAIN_GROUPS[ps.token].r, 128 if ps is sets.DL_4096 else 600

    @settings(max_examples=2 if ps is sets.DL_4096 else 6, deadline=None)
    @given(
        pi=st.binary(min_size=ps.hash_octets, max_size=ps.hash_octets),
        s_c1=st.integers(ps.least_s_c1, min(r - 1, 2**bits)),
        s_s1=st.integers(1, min(r - 1, 2**bits)),
    )
    def check(pi: bytes, s_c1: int, s_s1: int) -> None:
        values = {"pi": pi, "s_c1": scalar_of(s_c1, ps.scalar_octets), "s_s1": scalar_of(s_s1, ps.scalar_octets)}
        for operation in ("j", "kc1", "respond", "z_client"):
            answer = assert_agreement(fast_backend, ps, OPERATIONS[operation], small(ps) | values, operation)
            if isinstance(answer[0], type):
                return
            if operation == "j":
                values["j"] = answer[1]
            elif operation == "kc1":
                values["kc1"] = answer[0]
            elif operation == "respond":
                values["ks1"], values["z"] = answer
        assert answer[1] == values["z"]

    check()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_elements_from_anywhere(fast_backend: Backend, ps: ParameterSet, data: st.DataObject) -> None:
    octets = data.draw(st.binary(min_size=ps.element_octets, max_size=ps.element_octets))
    if ps.is_curve and data.draw(st.booleans()):
        octets = bytes([octets[0] & (1 if ps is sets.EC_P256 else 3)]) + octets[1:]
    for name in ("check_element", "is_square"):
        assert_agreement(fast_backend, ps, OPERATIONS[name], {"ks1": octets}, name)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    label=st.sampled_from([3, 4, 6, 7]),
    nc=st.integers(0, 2**40) | st.sampled_from([127, 128, 16383, 16384, 2**31, 2**64, 2**80, 10**400]),
    vh=st.binary(max_size=400),
    t=st.binary(max_size=200),
)
def test_hash_values_of_any_strings(fast_backend: Backend, ps: ParameterSet, label: int, nc: int, vh: bytes, t: bytes) -> None:
    kc1, ks1, z = (small(ps)[name] for name in ("kc1", "ks1", "z"))
    if label in (3, 4):
        assert fast_backend.vk(ps, label, kc1, ks1, z, nc, vh) == REFERENCE.vk(ps, label, kc1, ks1, z, nc, vh)
        assert fast_backend.proofs(ps, kc1, ks1, held(fast_backend, z), nc, vh)[4 - label] == REFERENCE.vk(ps, label, kc1, ks1, z, nc, vh)
    else:
        assert fast_backend.b(ps, label, kc1, ks1, z, nc, vh, t) == REFERENCE.b(ps, label, kc1, ks1, z, nc, vh, t)


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(strings=st.lists(st.binary(max_size=300), min_size=4, max_size=4))
def test_pi_of_any_strings(fast_backend: Backend, ps: ParameterSet, strings: list[bytes]) -> None:
    outs = [bytearray(ps.hash_octets) for _ in range(2)]
    for backend, out in zip((fast_backend, REFERENCE), outs, strict=True):
        backend.pi(ps, *strings, memoryview(out))
    assert outs[0] == outs[1]


@pytest.mark.parametrize("role", Role)
def test_generated_secrets_are_in_range_and_differ(backend: Backend, ps: ParameterSet, role: Role) -> None:
    drawn = []
    for _ in range(8):
        out = bytearray(ps.scalar_octets)
        backend.generate_secret(ps, role, memoryview(out))
        drawn.append(int.from_bytes(out, "big"))
    least = ps.least_s_c1 if role is Role.CLIENT else 1
    assert all(least <= secret < PLAIN_GROUPS[ps.token].r for secret in drawn)
    assert len(set(drawn)) == len(drawn)


def test_memory_for_secrets_shows_zeros_after_wipe(backend: Backend) -> None:
    memory = backend.allocate(7)
    view = memory.view()
    assert (len(memory), bytes(view)) == (7, bytes(7))
    view[:] = b"secret!"
    assert bytes(memory.view()) == b"secret!"
    memory.wipe()
    assert bytes(view) == bytes(7)
