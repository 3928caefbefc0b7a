"""What every test shares: it leaves the choice of the backend as it found it."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator

import pytest

from kam3 import backends
from kam3.errors import BackendUnavailableError


@pytest.fixture(scope="session", autouse=True)
def _chosen_backend() -> None:
    """Let the policy choose once, so that its warning does not come with every test; tests of the policy run in processes of their own."""
    with warnings.catch_warnings(), contextlib.suppress(BackendUnavailableError):
        warnings.simplefilter("ignore", backends.Kam3Warning)
        backends.active()


@pytest.fixture(autouse=True)
def _same_backends() -> Iterator[None]:
    active, instances = backends._active, dict(backends._instances)
    yield
    backends._active = active
    backends._instances.clear()
    backends._instances.update(instances)


@pytest.fixture(params=backends.available())
def backend(request: pytest.FixtureRequest) -> str:
    """Make each backend that can run here the active one, and return its name."""
    name: str = request.param
    backends.use(name)
    return name
