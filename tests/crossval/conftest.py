"""One caller of the harness for each backend that runs here."""

from __future__ import annotations

from typing import Any

import pytest

from .callers import BACKENDS, TOKENS, Caller, caller_on, exchange_on


@pytest.fixture(params=BACKENDS)
def caller(request: pytest.FixtureRequest) -> Caller:
    return caller_on(request.param)


@pytest.fixture(params=TOKENS, ids=lambda token: token.removeprefix("iso-kam3-"))
def token(request: pytest.FixtureRequest) -> str:
    value: str = request.param
    return value


@pytest.fixture
def exchange(caller: Caller, token: str) -> dict[str, Any]:
    return dict(exchange_on(caller.backend, token))
