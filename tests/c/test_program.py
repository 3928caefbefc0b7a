"""A C program on kam3.h alone, linked against the sources."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests import clib


@pytest.mark.parametrize("variant", clib.VARIANTS)
def test_a_c_program_runs_whole_exchanges(tmp_path: Path, variant: str) -> None:
    program = tmp_path / "exchange"
    sources = [*map(str, clib.LIBRARY), str(clib.ROOT / "tests" / "c" / "exchange_program.c")]
    flags = [*clib.WARNINGS, *clib.VARIANTS[variant], "-O2", f"-I{clib.CSRC}"]
    subprocess.run([clib.compiler(), *flags, "-o", str(program), *sources], check=True)
    run = subprocess.run([str(program)], check=True, capture_output=True, text=True)
    assert run.stdout.splitlines() == [f"algorithm {n}: registration 0, right password 0, wrong password 6" for n in (1, 2, 3, 4)]
