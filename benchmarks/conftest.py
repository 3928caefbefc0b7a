"""The benchmarks' subjects: every algorithm on every backend and code path that runs here, and one exchange to take arguments from."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

import kam3
from kam3.bench.machine import cpu_paths, describe, describe_backend
from kam3.bench.steps import Contender, Subject, selection_kept


def contenders() -> list[Contender]:
    """Return each backend that runs here, the native one once for each of its paths."""
    found = []
    for name in kam3.backends.available():
        paths = cpu_paths() if name == "native" else (kam3.backends.report(name).cpu_path,)
        found += [Contender(name, path) for path in paths]
    return found


@cache
def subject_of(token: str) -> Subject:
    """Run one exchange; all backends give the same octets."""
    return Subject.of(kam3.algorithm(token))


@pytest.fixture(params=contenders(), ids=lambda contender: f"{contender.backend}-{contender.cpu_path.replace(' ', '_')}")
def contender(request: pytest.FixtureRequest) -> Iterator[Contender]:
    """Make a backend and a path the ones in use."""
    with selection_kept():
        request.param.select()
        yield request.param


@pytest.fixture(params=[alg.token for alg in kam3.ALGORITHMS], ids=lambda token: token.removeprefix("iso-kam3-"))
def subject(request: pytest.FixtureRequest) -> Subject:
    """Give an algorithm and the values of an exchange."""
    return subject_of(request.param)


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """Put into the JSON what a figure is worth nothing without."""
    machine_info["kam3"] = describe() | {name: describe_backend(name) for name in kam3.backends.available()}
    machine_info["cpu_name"] = machine_info["kam3"]["cpu"]
