"""Valgrind's memcheck, with every secret marked as undefined: no branch and no address depends on one."""

from __future__ import annotations

import functools

import pytest

from kam3 import sets
from kam3.sets import ParameterSet
from tests.ct import build

#: The default run: all of gcc -O2, and of clang -O3, which once made a branch of a mask in the inverse, the cheap half.
DEFAULT = {(("gcc", "-O2"), ps) for ps in sets.SETS} | {(("clang", "-O3"), ps) for ps in sets.SETS if ps.is_curve}
CASES = [
    pytest.param(pair, ps, id=f"{''.join(pair)}-{ps.token}", marks=() if (pair, ps) in DEFAULT else pytest.mark.nightly)
    for pair in build.MATRIX
    for ps in sets.SETS
]
VALGRIND = ("-q", "--error-exitcode=99", "--leak-check=no", "--num-callers=24", "--error-limit=no")


@functools.cache
def checker_of(compiler: str, optimisation: str) -> build.Checker:
    """Build the driver, and see that what must be found is found."""
    valgrind, path = build.tool("valgrind"), build.compiler(compiler)
    flags = (*build.DEBUG, optimisation, "-DKAM3_CT_MEMCHECK")
    build.require_flags(path, flags, "valgrind/memcheck.h is not installed")
    checker = build.Checker(build.driver(path, flags), (valgrind, *VALGRIND))
    checker.assert_planted("branch", "load")
    return checker


@pytest.mark.parametrize("path", build.cpu_paths())
@pytest.mark.parametrize("build_of, ps", CASES)
def test_no_branch_and_no_address_depends_on_a_secret(build_of: tuple[str, str], ps: ParameterSet, path: str) -> None:
    report = checker_of(*build_of).library(ps, path)
    report.assert_clean()
    assert report.functions == build.declared_functions()


def test_a_finding_is_an_exit_status() -> None:
    assert checker_of("gcc", "-O2").run("planted", "branch").exit_status == 99
