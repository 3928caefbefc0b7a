"""Each step and each whole side of an exchange, for each algorithm on each backend and code path. Run by ``pytest benchmarks``."""

from __future__ import annotations

from typing import Any

import pytest

from kam3.bench.steps import STEPS, Contender, Step, Subject


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_step(benchmark: Any, subject: Subject, contender: Contender, step: Step) -> None:
    benchmark.group = f"{subject.alg.token} {step.name}"
    benchmark.name = contender.label
    benchmark.extra_info.update(
        algorithm=subject.alg.token, step=step.name, side=step.side, backend=contender.backend, cpu_path=contender.cpu_path
    )
    benchmark(step.prepare(subject))
