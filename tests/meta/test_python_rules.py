"""House rules of the Python package: which module may import which, and that what is public says what it does."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clib import ROOT

PACKAGE = ROOT / "python" / "kam3"
MODULES = sorted(PACKAGE.rglob("*.py"))

#: Floors of the house, the lowest first: a module imports from its own floor or from below, never from above. The first match counts.
FLOORS = (
    ("errors", 0),
    ("octets", 0),
    ("sets", 0),
    ("memory", 0),
    ("_native", 0),
    ("backends", 1),
    ("arguments", 2),
    ("ownership", 2),
    ("preparation", 2),
    ("wire", 2),
    ("many", 3),
    ("pi", 3),
    ("prepared", 3),
    ("primitives", 3),
    ("runs", 3),
    ("algorithms", 3),
    ("session", 4),
    ("exchange", 4),
    ("sealing", 4),
    ("", 5),
    ("mutual", 6),
    ("stores", 7),
    ("adapters", 8),
    ("crossval", 9),
    ("bench", 9),
    ("cli", 10),
    ("__main__", 10),
)


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def floor(name: str) -> int:
    for start, number in FLOORS:
        if name == start or (start and name.startswith(start + ".")):
            return number
    raise AssertionError(f"kam3.{name} has no floor yet: give it one")


class WithoutTypes(ast.NodeTransformer):
    """Drop what is there for the type checker alone."""

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return node.orelse
        return self.generic_visit(node)


def imports(path: Path) -> Iterator[str]:
    """Yield every module of ours that a file imports when it runs, anywhere in it, without the leading ``kam3.``."""
    for node in ast.walk(WithoutTypes().visit(ast.parse(path.read_text(encoding="utf-8")))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "kam3" and name != "kam3.__version__":  # a constant, set before anything is imported
                yield existing(name.removeprefix("kam3").lstrip("."))


def existing(name: str) -> str:
    """Return the module that holds the imported name: the name itself, or what it is a member of."""
    path = PACKAGE.joinpath(*name.split("."))
    if name in ("", "_native") or path.is_dir() or path.with_suffix(".py").is_file():
        return name
    return existing(name.rpartition(".")[0])


def public(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body)


def is_overload(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    return any(isinstance(decorator, ast.Name) and decorator.id == "overload" for decorator in node.decorator_list)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: name_of(path) or "kam3")
def test_imports_go_one_way(path: Path) -> None:
    name = name_of(path)
    for imported in imports(path):
        assert floor(imported) <= floor(name), f"kam3.{name} (floor {floor(name)}) imports kam3.{imported} (floor {floor(imported)})"


def test_the_lowest_modules_import_nothing_of_ours() -> None:
    assert [(name, list(imports(PACKAGE / f"{name}.py"))) for name in ("errors", "octets")] == [("errors", []), ("octets", [])]


def test_only_the_native_backend_imports_the_extension() -> None:
    assert [name_of(path) for path in MODULES if "_native" in imports(path)] == ["backends.native"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: name_of(path) or "kam3")
def test_what_is_public_has_a_docstring(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), f"{path} has no docstring"
    silent = [node.name for node in public(tree.body) if not ast.get_docstring(node) and not is_overload(node)]
    assert silent == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: name_of(path) or "kam3")
def test_no_input_is_checked_by_assert(path: Path) -> None:
    lines = [node.lineno for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Assert)]
    assert lines == [], "python -O would leave these out"


def test_the_package_is_marked_as_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()
