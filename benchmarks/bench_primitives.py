"""Each primitive, for each algorithm on each backend. Run by ``pytest benchmarks``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.conftest import Subject

_VH = b"http://localhost:80"

#: Name of the step: what is timed, on values prepared beforehand.
STEPS: dict[str, Callable[[Subject], Callable[[], Any]]] = {
    "pi": lambda s: lambda: s.alg.pi(b"password", auth_scope=b"http://localhost", realm=b"benchmark", user=b"alice"),
    "j": lambda s: lambda: s.alg.j(s.pi),
    "generate_secret": lambda s: s.alg.generate_secret,
    "kc1": lambda s: lambda: s.alg.kc1(s.s_c1),
    "ks1": lambda s: lambda: s.alg.ks1(s.j, s.kc1, s.s_s1),
    "z_server": lambda s: lambda: s.alg.z_server(s.kc1, s.ks1, s.s_s1),
    "respond": lambda s: lambda: s.alg.respond(s.j, s.kc1, s.s_s1),
    "z_client": lambda s: lambda: s.alg.z_client(s.pi, s.s_c1, s.kc1, s.ks1),
    "vkc": lambda s: lambda: s.alg.vkc(s.kc1, s.ks1, s.z, 1, _VH),
    "b2": lambda s: lambda: s.alg.b2(s.kc1, s.ks1, s.z, 1, _VH),
    "check_element": lambda s: lambda: s.alg.check_element(s.kc1),
    "is_square": lambda s: lambda: s.alg.is_square(s.kc1),
}


@pytest.mark.parametrize("step", STEPS)
def test_primitive(benchmark: Any, subject: Subject, step: str) -> None:
    benchmark.group = f"{subject.alg.token} {step}"
    benchmark.name = subject.backend
    benchmark.extra_info.update(algorithm=subject.alg.token, backend=subject.backend, step=step)
    benchmark(STEPS[step](subject))
