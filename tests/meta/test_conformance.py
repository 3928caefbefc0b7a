"""The conformance table of RFC 8120 and RFC 8053: complete, each row once, each row with a living test or a reason."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.clib import ROOT

TABLES = sorted((ROOT / "docs" / "conformance").glob("*.md"))

#: R1-R378: RFC 8120 sections 2-17 and RFC 8053 sections 3-8, numbered in the order of the texts.
NUMBER_OF_REQUIREMENTS = 378

#: Demands on the authors of other specifications, operators and user interfaces may need no code; these words open the reason.
NO_TEST = ("none: ", "pending: ")

A_TEST = re.compile(r"`?(tests/[\w/]+\.py)::(\w+)(?:::(\w+))?`?")


class Row(NamedTuple):
    file: str
    id: str
    section: str
    role: str
    level: str
    requirement: str
    where: str
    test: str


def rows() -> Iterator[Row]:
    for path in TABLES:
        for line in path.read_text(encoding="utf-8").splitlines():
            if re.match(r"\| *R\d+ *\|", line):
                cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
                assert len(cells) == 7, f"{path.name}: {cells[0]} has {len(cells)} cells, not 7"
                yield Row(path.name, *cells)


ROWS = list(rows())


@functools.cache
def names_of_tests(path: Path) -> frozenset[str]:
    """Return the names of the test functions of a file, with their class where they have one."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            names.add(node.name)
        elif isinstance(node, ast.ClassDef):
            names |= {node.name, *(f"{node.name}::{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef))}
        elif isinstance(node, ast.Assign):  # TestMachine = Machine.TestCase, as hypothesis has it
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return frozenset(names)


def test_every_requirement_has_one_row() -> None:
    seen = [row.id for row in ROWS]
    assert sorted(seen, key=lambda name: int(name[1:])) == [f"R{number}" for number in range(1, NUMBER_OF_REQUIREMENTS + 1)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_row_has_a_living_test(row: Row) -> None:
    assert row.requirement
    assert row.where
    if row.test.startswith(NO_TEST):
        assert row.test.partition(": ")[2], f"{row.id} gives no reason"
        return
    named = A_TEST.findall(row.test)
    assert named, f"{row.id} names no test, and does not say why"
    for file, *names in named:
        assert (ROOT / file).is_file(), f"{row.id}: there is no {file}"
        name = "::".join(filter(None, names))
        assert name in names_of_tests(ROOT / file), f"{row.id}: {file} has no {name}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_row_names_a_place_that_exists(row: Row) -> None:
    for path in re.findall(r"python/kam3/[\w/]+\.py", row.where):
        assert (ROOT / path).is_file(), f"{row.id}: there is no {path}"
