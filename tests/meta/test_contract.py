"""The numbers and names that C and Python share are the same in both."""

from __future__ import annotations

import re

from kam3 import sets
from kam3.backends.base import Backend
from kam3.errors import Rule
from kam3.sets import Role
from tests.clib import CSRC

HEADER = (CSRC / "kam3.h").read_text(encoding="utf-8")


def members(enumeration: str, prefix: str) -> dict[str, int]:
    """Return the members of an enum of kam3.h without their prefix."""
    found = re.search(rf"enum {enumeration} \{{(.*?)\}}", HEADER, re.DOTALL)
    assert found is not None, enumeration
    pairs = re.findall(rf"\b{prefix}(\w+) = (\d+)", found[1])
    assert len(pairs) == len(re.findall(r" = ", re.sub(r"/\*.*?\*/", "", found[1], flags=re.DOTALL))) > 0
    return {name: int(number) for name, number in pairs}


def test_every_rule_has_its_error_code() -> None:
    codes = members("kam3_error", "KAM3_(?:ERR_)?")
    assert {name: number for name, number in codes.items() if number >= 16} == {rule.name: rule.value for rule in Rule}
    assert len(set(codes.values())) == len(codes)


def test_every_algorithm_has_its_number() -> None:
    numbers = members("kam3_algorithm", "KAM3_")
    assert numbers == {name: ps.number for name in ("DL_2048", "DL_4096", "EC_P256", "EC_P521") for ps in [getattr(sets, name)]}
    tokens = re.findall(r"KAM3_\w+ = (\d),? +/\* (iso-kam3-[\w-]+) \*/", HEADER)
    assert {(int(number), token) for number, token in tokens} == {(ps.number, ps.token) for ps in sets.SETS}


def test_every_role_has_its_number() -> None:
    assert members("kam3_role", "KAM3_") == {role.name: role.value for role in Role}


def test_every_argument_is_named_as_in_python() -> None:
    arguments = {name.lower() for name in members("kam3_argument", "KAM3_ARG_")} - {"none", "algorithm", "output", "element"}
    operations = [getattr(Backend, name) for name in vars(Backend) if not name.startswith("_")]
    parameters = {name for operation in operations for name in operation.__annotations__}
    assert arguments <= parameters, arguments - parameters


def test_every_argument_of_a_prototype_is_in_the_enum() -> None:
    arguments = {name.lower() for name in members("kam3_argument", "KAM3_ARG_")}
    inputs = set(re.findall(r"const uint8_t \*(\w+)", HEADER)) - {"left", "right", "random"}
    assert inputs <= arguments, inputs - arguments
