"""Each operation of the four groups, straight from the C library through ctypes, on each code path. Run by ``pytest benchmarks``.

A call through ctypes costs a fraction of a microsecond, which is part of the figure; components.py measures without it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import pytest

import kam3
from kam3.bench.machine import CPU_PATHS
from kam3.bench.steps import Subject
from tests import clib

#: The prefixes of csrc/exchange/group.h by algorithm.
PREFIXES = dict(zip([alg.token for alg in kam3.ALGORITHMS], ("dl2048", "dl4096", "p256", "p521"), strict=True))

#: More octets than any ge or sc of the four groups has.
ROOM = 1024

#: Name: the function's arguments out of r, r2, a (elements), k (a scalar), e (an element's octets).
OPERATIONS: dict[str, tuple[str, ...]] = {
    "ge_decode": ("r", "e"),
    "ge_encode": ("e", "a"),
    "ge_add": ("r", "a", "a"),
    "ge_mul": ("r", "a", "k"),
    "ge_mul_pair": ("r", "r2", "a", "a", "k"),
    "ge_mul_base": ("r", "k"),
    "ge_mul_vartime": ("r", "a", "t"),
    "sc_inv": ("s", "k"),
    "sc_mul": ("s", "k", "k"),
}


def prepare(library: ctypes.CDLL, prefix: str, operation: str, subject: Subject) -> Callable[[], object]:
    """Bind an operation to an element, a full-length secret and a public number as long as a hash."""
    values = {name: ctypes.create_string_buffer(ROOM) for name in ("r", "r2", "a", "k", "t", "s")}
    values["e"] = ctypes.create_string_buffer(subject.ks1, len(subject.ks1))
    scalar = ctypes.create_string_buffer(subject.s_s1, len(subject.s_s1))
    getattr(library, f"kam3_{prefix}_ge_decode")(values["a"], values["e"])
    getattr(library, f"kam3_{prefix}_sc_decode")(values["k"], scalar)
    hashed = ctypes.create_string_buffer(subject.pi, len(subject.pi))
    getattr(library, f"kam3_{prefix}_sc_reduce")(values["t"], hashed, ctypes.c_size_t(len(subject.pi)))
    function = getattr(library, f"kam3_{prefix}_{operation}")
    arguments = [values[name] for name in OPERATIONS[operation]]
    return lambda: function(*arguments)


@pytest.mark.parametrize("path", CPU_PATHS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation(benchmark: Any, subject: Subject, operation: str, path: str) -> None:
    library = clib.build("benchmarks")
    if library.kam3_cpu_use(path.encode(), ctypes.c_size_t(len(path))) != 0:
        pytest.skip(f"this CPU cannot run the path {path}")
    benchmark.group = f"{PREFIXES[subject.alg.token]} {operation}"
    benchmark.name = path
    benchmark.extra_info.update(algorithm=subject.alg.token, operation=operation, cpu_path=path)
    benchmark(prepare(library, PREFIXES[subject.alg.token], operation, subject))
