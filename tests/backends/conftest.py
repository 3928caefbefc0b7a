"""The backends that a test runs on, each by its name; one that cannot run here is skipped with its reason."""

from __future__ import annotations

import pytest

from kam3 import backends, sets
from kam3.backends.base import Backend
from kam3.errors import BackendUnavailableError


def _get(name: str) -> Backend:
    try:
        backend = backends.get(name)
    except BackendUnavailableError as error:
        pytest.skip(str(error))
    assert backend.name == name
    return backend


@pytest.fixture(params=backends.NAMES)
def backend(request: pytest.FixtureRequest) -> Backend:
    """Every backend in turn."""
    return _get(request.param)


@pytest.fixture(params=[name for name in backends.NAMES if name != "reference"])
def fast_backend(request: pytest.FixtureRequest) -> Backend:
    """Every backend that is compared with the reference."""
    return _get(request.param)


@pytest.fixture(params=sets.SETS, ids=lambda ps: ps.token)
def ps(request: pytest.FixtureRequest) -> sets.ParameterSet:
    """Every parameter set in turn."""
    found: sets.ParameterSet = request.param
    return found
