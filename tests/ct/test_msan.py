"""Clang's MemorySanitizer, with every secret marked as uninitialised: no branch, no address and no divisor depends on one."""

from __future__ import annotations

import functools
import shutil

import pytest

from kam3 import sets
from kam3.sets import ParameterSet
from tests.ct import build

#: A secret may be passed and returned by value; that is no use of it.
SANITIZE = ("-DKAM3_CT_MSAN", "-include", "msan.h", "-fsanitize=memory", "-fsanitize-recover=memory", "-fno-sanitize-memory-param-retval")

OPTIMISATIONS = ["-O2", *(pytest.param(level, marks=pytest.mark.nightly) for level in ("-O1", "-O3"))]


@functools.cache
def checker_of(optimisation: str) -> build.Checker:
    """Build the driver, and see that what must be found is found."""
    clang = build.compiler("clang")
    build.require_flags(clang, ("-fsanitize=memory",), "clang has no MemorySanitizer here: its run-time library is not installed")
    symbolizer = build.tool("llvm-symbolizer-19", "llvm-symbolizer-20", "llvm-symbolizer-21", "llvm-symbolizer")
    environment = (("MSAN_OPTIONS", "halt_on_error=0:exitcode=99"), ("MSAN_SYMBOLIZER_PATH", str(shutil.which(symbolizer))))
    checker = build.Checker(build.driver(clang, (*build.DEBUG, optimisation, *SANITIZE)), (), environment)
    checker.assert_planted("branch", "load", "divisor")
    return checker


@pytest.mark.parametrize("ps", sets.SETS, ids=lambda ps: ps.token)
@pytest.mark.parametrize("path", build.cpu_paths())
@pytest.mark.parametrize("optimisation", OPTIMISATIONS)
def test_no_branch_no_address_and_no_divisor_depends_on_a_secret(optimisation: str, ps: ParameterSet, path: str) -> None:
    report = checker_of(optimisation).library(ps, path)
    report.assert_clean()
    assert report.functions == build.declared_functions()
