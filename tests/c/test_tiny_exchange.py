"""Whole exchanges on groups so small that every value a peer could send, and every secret, can be tried.

The C equations, instantiated over tests/c/tiny_dl.h and tests/c/tiny_ec.h, against the equations of the reference over the same
groups in plain integers: the same octets and the same rule for every input, exceptional cases included.
"""

from __future__ import annotations

import ctypes
import hashlib
import itertools
import random
from collections import Counter
from collections.abc import Iterable

import pytest

from kam3.backends.groups import Curve, ModpGroup
from kam3.backends.reference import ReferenceBackend
from kam3.errors import Kam3Error, Rule, fault
from kam3.sets import ParameterSet
from tests import clib

DL = ParameterSet(1, "tiny-dl", "sha256", 32, 1, 1, "base64-fixed-number", 1)
EC = ParameterSet(2, "tiny-ec", "sha256", 32, 2, 1, "hex-fixed-number", 1)


class TinyModpGroup(ModpGroup):
    """The tiny DL group as the C equations see it: t_1 and t_2, far above its r, are reduced mod r. In the real groups they are below r."""

    def mul_vartime(self, k: int, a: int) -> int:
        return pow(a, k % self.r, self.q)


GROUPS = {"tiny-dl": TinyModpGroup(47, 2), "tiny-ec": Curve(251, 26, (2, 84), 223)}
REFERENCE = ReferenceBackend(GROUPS)
#: The message of each rule, with its argument starred out, to the rule's number.
CODES = {str(fault(rule, "*")): int(rule) for rule in Rule}
#: The server's step with J as octets, and with J prepared.
RESPOND = ("respond", "respond_prepared")
#: The same in the midst of others, on the curve alone.
ON_THE_CURVE = (*RESPOND, "respond_many")
OK, RANGE, POINT, SECRET, NO_J, NO_KS1, NO_Z, NO_DENOMINATOR = 0, 17, 18, 33, 48, 49, 50, 51


@pytest.fixture(scope="module", params=list(clib.VARIANTS))
def lib(request: pytest.FixtureRequest) -> ctypes.CDLL:
    return clib.build(f"tiny-{request.param}", ("tiny_dl.c", "tiny_ec.c", "tiny_exchange.c"), clib.VARIANTS[request.param])


def set_number(ps: ParameterSet) -> int:
    return ps.number - 1


def outcome(operation: str, ps: ParameterSet, *inputs: bytes) -> tuple[int, bytes, bytes]:
    """What the reference answers: the number of the broken rule, the public result, the secret result."""
    z = bytearray(ps.element_octets)
    try:
        if operation == "kc1":
            return OK, REFERENCE.kc1(ps, *inputs), b""
        if operation == "check_denominator":
            REFERENCE.check_denominator(ps, *inputs)
            return OK, b"", b""
        result = getattr(REFERENCE, operation.removesuffix("_many"))(ps, *inputs, memoryview(z))
    except Kam3Error as error:
        return CODES[str(error).replace(str(error.argument), "*")], b"", b""
    return OK, result or b"", bytes(z)


def answer(lib: ctypes.CDLL, operation: str, ps: ParameterSet, *inputs: bytes) -> tuple[int, bytes, bytes]:
    """What the C code answers, in the same form."""
    outputs = {"respond": 2, "respond_prepared": 2, "respond_many": 2, "check_denominator": 0}.get(operation, 1)
    out = [ctypes.create_string_buffer(ps.element_octets) for _ in range(outputs)]
    status = getattr(lib, f"tiny_{operation}")(set_number(ps), *out, *inputs) & 0xFF
    if status != OK:
        return status, b"", b""
    values = [o.raw for o in out]
    if operation == "kc1":
        return OK, values[0], b""
    return OK, values[0] if outputs == 2 else b"", values[-1] if outputs else b""


def compare(lib: ctypes.CDLL, operation: str, ps: ParameterSet, inputs: Iterable[tuple[bytes, ...]]) -> Counter[int]:
    """Compare both on all inputs and return how often each answer came."""
    seen: Counter[int] = Counter()
    for values in inputs:
        expected = outcome(operation, ps, *values)
        assert answer(lib, operation, ps, *values) == expected, (operation, values)
        seen[expected[0]] += 1
    return seen


def elements(ps: ParameterSet) -> list[bytes]:
    """Every element a peer may send."""
    group = GROUPS[ps.token]
    found = []
    for n in range(256**ps.element_octets):
        try:
            group.decode(n)
        except ValueError:
            continue
        found.append(n.to_bytes(ps.element_octets, "big"))
    return found


def scalars(ps: ParameterSet) -> list[bytes]:
    """Every octet string of a scalar's length: S in range and out of it."""
    return [bytes([s]) for s in range(256)]


def pis(ps: ParameterSet) -> list[bytes]:
    """Every residue of pi mod r, some far above r."""
    r = GROUPS[ps.token].r
    return [(residue + r * (2**200 if residue % 3 == 0 else residue % 2)).to_bytes(32, "big") for residue in range(r)]


@pytest.mark.parametrize("ps", [DL, EC], ids=lambda ps: ps.token)
def test_every_registration(lib: ctypes.CDLL, ps: ParameterSet) -> None:
    seen = compare(lib, "j", ps, ((pi,) for pi in pis(ps)))
    assert seen == {NO_J: 1, OK: len(pis(ps)) - 1}


@pytest.mark.parametrize("ps", [DL, EC], ids=lambda ps: ps.token)
def test_every_first_message(lib: ctypes.CDLL, ps: ParameterSet) -> None:
    in_range = [s for s in scalars(ps) if s[0] < GROUPS[ps.token].r]
    rest = [s for s in scalars(ps) if s not in in_range]
    assert compare(lib, "kc1", ps, ((s,) for s in in_range)) == {OK: len(in_range) - 1, SECRET: 1}
    assert compare(lib, "kc1", ps, ((s,) for s in rest)) == {SECRET: len(rest)}


@pytest.mark.parametrize("respond", RESPOND)
def test_every_answer_of_the_server_in_the_dl_group(lib: ctypes.CDLL, respond: str) -> None:
    r = GROUPS["tiny-dl"].r
    secrets = [bytes([s]) for s in range(r + 1)]
    seen = compare(lib, respond, DL, itertools.product(elements(DL), elements(DL), secrets))
    assert {OK, SECRET, NO_KS1, NO_Z} == set(seen)


@pytest.mark.parametrize("respond", RESPOND)
def test_every_octet_string_as_j_and_as_kc1(lib: ctypes.CDLL, respond: str) -> None:
    octets = [bytes([n]) for n in range(256)]
    assert set(compare(lib, respond, DL, ((j, b"\x05", b"\x03") for j in octets))) >= {OK, RANGE}
    assert set(compare(lib, respond, DL, ((b"\x05", kc1, b"\x03") for kc1 in octets))) >= {OK, RANGE}
    valid = elements(EC)[7]
    every = [n.to_bytes(2, "big") for n in range(65536)]
    sample = [v for v in every if v < b"\x02\x10"] + every[0x0210::97]
    assert set(compare(lib, respond, EC, ((j, valid, b"\x03") for j in sample))) >= {OK, POINT}
    assert set(compare(lib, respond, EC, ((valid, kc1, b"\x03") for kc1 in sample))) >= {OK, POINT}


def curve_pairs(step: int) -> Iterable[tuple[bytes, bytes, bytes]]:
    """Pairs of J and K_c1 with an S_s1 that runs through its range."""
    for i, (j, kc1) in enumerate(itertools.product(elements(EC), repeat=2)):
        if i % step == 0:
            yield j, kc1, bytes([1 + i % 222])


def opposite_pairs() -> Iterable[tuple[bytes, bytes, bytes]]:
    """For every K_c1, the J with J + [t_1]K_c1' = 0_E and the J that is [t_1]K_c1' (a doubling); and K_c1 is free for z."""
    curve = GROUPS["tiny-ec"]
    assert isinstance(curve, Curve)
    for kc1 in elements(EC):
        t1 = int.from_bytes(hashlib.sha256(b"\x01" + kc1).digest(), "big") % curve.r
        for k in (t1, curve.r - t1):
            j = curve.mul(k, curve.decode(int.from_bytes(kc1, "big")))
            if j is not None:
                yield curve.encode(j).to_bytes(2, "big"), kc1, b"\x07"


@pytest.mark.parametrize("respond", ON_THE_CURVE)
def test_answers_of_the_server_on_the_curve(lib: ctypes.CDLL, respond: str) -> None:
    seen = compare(lib, respond, EC, curve_pairs(11))
    seen += compare(lib, respond, EC, opposite_pairs())
    assert {OK, NO_KS1, NO_Z} <= set(seen)
    assert seen[NO_KS1] >= 200


@pytest.mark.nightly
def test_every_answer_of_the_server_on_the_curve(lib: ctypes.CDLL) -> None:
    seen = compare(lib, "respond", EC, curve_pairs(1))
    assert {OK, NO_KS1, NO_Z} <= set(seen)


def test_every_z_of_the_server(lib: ctypes.CDLL) -> None:
    secrets = [bytes([s]) for s in range(GROUPS["tiny-dl"].r + 1)]
    seen = compare(lib, "z_server", DL, itertools.product(elements(DL), elements(DL), secrets))
    assert {OK, SECRET, NO_Z} == set(seen)
    pairs = itertools.islice(itertools.product(elements(EC), repeat=2), 0, None, 17)
    seen = compare(lib, "z_server", EC, ((kc1, ks1, b"\x0b") for kc1, ks1 in pairs))
    assert {OK, NO_Z} <= set(seen)


@pytest.mark.parametrize(("ps", "step"), [(DL, 1), (EC, 13)], ids=["tiny-dl", "tiny-ec"])
def test_every_z_of_the_client(lib: ctypes.CDLL, ps: ParameterSet, step: int) -> None:
    """pi and S_c1 run through all pairs (or every 13th), each with some K_s1: denominator 0 and numerator 0 are among them."""
    group, draw, every_ks1 = GROUPS[ps.token], random.Random(1), elements(ps)
    kc1_of = {s: REFERENCE.kc1(ps, bytes([s])) for s in range(1, group.r)}
    pairs = itertools.islice(itertools.product(pis(ps), range(1, group.r)), 0, None, step)
    inputs = [(pi, bytes([s]), kc1_of[s], ks1) for pi, s in pairs for ks1 in draw.sample(every_ks1, 4)]
    seen = compare(lib, "z_client", ps, inputs)
    assert {OK, NO_Z, NO_DENOMINATOR} <= set(seen)
    if ps is EC:
        assert compare(lib, "z_client_many", ps, inputs) == seen
    denominators = compare(lib, "check_denominator", ps, ((pi, s, kc1) for pi, s, kc1, _ in inputs))
    assert denominators[NO_DENOMINATOR] == seen[NO_DENOMINATOR]
    assert set(denominators) == {OK, NO_DENOMINATOR}


def test_every_ks1_the_client_can_receive(lib: ctypes.CDLL) -> None:
    pi, s_c1 = pis(DL)[3], b"\x05"
    kc1 = REFERENCE.kc1(DL, s_c1)
    octets = [bytes([n]) for n in range(256)]
    assert set(compare(lib, "z_client", DL, ((pi, s_c1, kc1, ks1) for ks1 in octets))) >= {OK, RANGE}
    assert set(compare(lib, "z_client", DL, ((pi, s_c1, any_kc1, b"\x04") for any_kc1 in octets))) >= {OK, RANGE}


@pytest.mark.parametrize("ps", [DL, EC], ids=lambda ps: ps.token)
def test_client_and_server_agree_on_every_honest_exchange(lib: ctypes.CDLL, ps: ParameterSet) -> None:
    r = GROUPS[ps.token].r
    agreed = 0
    triples = itertools.product(range(1, r), repeat=3)
    for pi_number, s_c1, s_s1 in itertools.islice(triples, 0, None, 1 if ps is DL else 2003):
        pi = pi_number.to_bytes(32, "big")
        status, _, j = answer(lib, "j", ps, pi)
        assert status == OK
        kc1 = answer(lib, "kc1", ps, bytes([s_c1]))[1]
        status, ks1, z = answer(lib, "respond", ps, j, kc1, bytes([s_s1]))
        if status == OK:
            client, _, client_z = answer(lib, "z_client", ps, pi, bytes([s_c1]), kc1, ks1)
            assert (client, client_z) == (OK, z)
            agreed += 1
    assert agreed > 1000
