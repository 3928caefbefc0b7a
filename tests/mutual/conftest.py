from __future__ import annotations

from typing import Any

import pytest

import kam3
from kam3.mutual import client_credentials

_made: dict[tuple[Any, ...], bytes] = {}


class _QuickPi:
    """Derives the pi of each realm and user once; what it gives is a `kam3.Pi` like any other."""

    @staticmethod
    def from_password(alg: kam3.Algorithm, password: bytearray, **salt: str) -> kam3.Pi:
        key = (alg.token, bytes(password), *salt.values())
        if key not in _made:
            _made[key] = alg.pi(bytes(password), **salt)
        memory = alg._backend().allocate(alg.hash_octets)
        memory.view()[:] = _made[key]
        return kam3.Pi._of(alg.parameters, memory)


@pytest.fixture
def quick_pi(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that make hundreds of clients."""
    monkeypatch.setattr(client_credentials, "Pi", _QuickPi)
