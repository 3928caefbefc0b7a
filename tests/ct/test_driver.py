"""The driver itself, without a checker: it calls all of kam3.h, and it notices wrong answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from kam3 import sets
from kam3.sets import ParameterSet
from tests.ct import build


@pytest.fixture(scope="module")
def plain() -> build.Checker:
    return build.Checker(build.driver(build.compiler("gcc"), ("-O2",)))


@pytest.mark.parametrize("path", build.cpu_paths())
@pytest.mark.parametrize("ps", sets.SETS, ids=lambda ps: ps.token)
def test_every_function_of_the_header_is_called(plain: build.Checker, ps: ParameterSet, path: str) -> None:
    report = plain.library(ps, path)
    report.assert_clean()
    assert report.functions == build.declared_functions()


@pytest.mark.parametrize("name", ["pi", "j", "kc1", "ks1", "z", "vkc", "vks", "b1", "b2", "s_c1"])
def test_a_wrong_answer_is_noticed(plain: build.Checker, name: str, tmp_path: Path) -> None:
    lines = build.values_file(sets.EC_P256).read_text().splitlines()
    wrong = tmp_path / "values"
    wrong.write_text("".join(f"{line[:-1]}{int(line[-1], 16) ^ 1:x}\n" if line.split()[1] == name else f"{line}\n" for line in lines))
    report = plain.run(str(wrong), build.PORTABLE)
    assert report.exit_status == 1
    assert not report.finished


def test_another_path_is_noticed(plain: build.Checker) -> None:
    report = plain.run(str(build.values_file(sets.EC_P256)), "abacus")
    assert report.exit_status == build.NO_SUCH_PATH
