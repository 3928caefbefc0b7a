"""The benchmarks' subjects: every algorithm on every backend that runs here, and one exchange to take arguments from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

import kam3
from benchmarks.machine import cpu_name, describe


@dataclass(frozen=True)
class Subject:
    """An algorithm bound to a backend, and the values of one exchange, each in its natural length."""

    alg: kam3.Algorithm
    backend: str
    pi: bytes
    j: bytes
    s_c1: bytes
    kc1: bytes
    s_s1: bytes
    ks1: bytes
    z: bytes


@cache
def subject_of(backend: str, token: str) -> Subject:
    """Run one exchange on the backend."""
    alg = kam3.algorithm(token).on(backend)
    pi = alg.pi("password", auth_scope="http://localhost", realm="benchmark", user="alice")
    s_c1, s_s1, j = alg.generate_secret(), alg.generate_secret(), alg.j(pi)
    kc1 = alg.kc1(s_c1)
    ks1, z = alg.respond(j, kc1, s_s1)
    return Subject(alg, backend, pi, j, s_c1, kc1, s_s1, ks1, z)


@pytest.fixture(params=kam3.backends.available())
def backend(request: pytest.FixtureRequest) -> str:
    """Name a backend that runs here."""
    name: str = request.param
    return name


@pytest.fixture(params=[alg.token for alg in kam3.ALGORITHMS], ids=lambda token: token.removeprefix("iso-kam3-"))
def subject(request: pytest.FixtureRequest, backend: str) -> Subject:
    """Bind an algorithm to the backend."""
    return subject_of(backend, request.param)


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """Put into the JSON what a figure is worth nothing without."""
    machine_info["cpu_name"] = cpu_name()
    machine_info["kam3"] = {name: describe(name) for name in kam3.backends.available()}
