"""What is the reference's own: randomness, memory, and that it promises nothing."""

from __future__ import annotations

import os

import pytest

from kam3 import sets
from kam3.backends.groups import ModpGroup
from kam3.backends.reference import ReferenceBackend
from kam3.sets import ParameterSet, Role
from tests.backends import tiny

REFERENCE = ReferenceBackend()


def draw(ps: ParameterSet, role: Role, backend: ReferenceBackend = REFERENCE) -> bytes:
    out = bytearray(b"\xee" * ps.scalar_octets)
    backend.generate_secret(ps, role, memoryview(out))
    return bytes(out)


def test_it_promises_nothing() -> None:
    assert REFERENCE.name == "reference"
    assert REFERENCE.constant_time is False
    assert REFERENCE.cpu_path() == "python"
    assert REFERENCE.cpu_features() == ()
    assert "Python" in REFERENCE.build() or "PyPy" in REFERENCE.build()


def test_memory_is_zero_then_writable_then_wiped() -> None:
    memory = REFERENCE.allocate(5)
    assert len(memory) == 5
    view = memory.view()
    assert view == bytes(5)
    view[:] = b"12345"
    assert memory.view() == b"12345"
    memory.wipe()
    assert view == bytes(5)
    memory.wipe()


def test_secrets_fill_their_range_and_nothing_else() -> None:
    """In a group of order 23, 2000 draws miss a value of the range once in 10^37."""
    backend = ReferenceBackend({tiny.TINY_DL_SET.token: ModpGroup(47, 2)})
    for role in Role:
        drawn = {draw(tiny.TINY_DL_SET, role, backend)[0] for _ in range(2000)}
        assert drawn == set(range(1, 23))


@pytest.mark.parametrize("role", Role)
def test_draws_out_of_range_are_drawn_again(ps: ParameterSet, role: Role, monkeypatch: pytest.MonkeyPatch) -> None:
    least = ps.least_s_c1 if role is Role.CLIENT else 1
    octets = [b"\xff" * ps.scalar_octets, bytes(ps.scalar_octets), (least - 1).to_bytes(ps.scalar_octets, "big")]
    answers = iter([*octets, least.to_bytes(ps.scalar_octets, "big"), b""])
    monkeypatch.setattr(os, "urandom", lambda count: next(answers))
    assert draw(ps, role) == least.to_bytes(ps.scalar_octets, "big")


def test_the_largest_secret_of_p_521_can_be_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The seven bits above r's are dropped, not judged."""
    largest = REFERENCE._groups[sets.EC_P521.token].r - 1
    monkeypatch.setattr(os, "urandom", lambda count: (largest | 0b1111111 << 521).to_bytes(count, "big"))
    assert draw(sets.EC_P521, Role.SERVER) == largest.to_bytes(66, "big")


@pytest.mark.parametrize("octet", [0x00, 0xFF])
def test_a_source_that_is_stuck_is_an_error_and_leaves_zeros(ps: ParameterSet, octet: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "urandom", lambda count: bytes([octet]) * count)
    out = bytearray(b"\xee" * ps.scalar_octets)
    with pytest.raises(OSError, match="random"):
        REFERENCE.generate_secret(ps, Role.SERVER, memoryview(out))
    assert out == bytes(ps.scalar_octets)
