"""A C program on kam3.h alone, linked against the sources."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests import clib


@pytest.mark.parametrize("variant", clib.VARIANTS)
def test_a_c_program_runs_whole_exchanges(tmp_path: Path, variant: str) -> None:
    program = tmp_path / "exchange"
    source = str(clib.ROOT / "tests" / "c" / "exchange_program.c")
    parts = map(str, clib.objects(clib.compiler(), (*clib.OPTIONS, *clib.VARIANTS[variant], *clib.EXTRA_FLAGS), clib.LIBRARY).values())
    subprocess.run([clib.compiler(), *clib.WARNINGS, *clib.EXTRA_FLAGS, f"-I{clib.CSRC}", "-o", str(program), source, *parts], check=True)
    run = subprocess.run([str(program)], check=True, capture_output=True, text=True)
    assert run.stdout.splitlines() == [f"algorithm {n}: registration 0, right password 0, wrong password 6" for n in (1, 2, 3, 4)]
