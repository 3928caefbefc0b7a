"""List the hand-written files above 400 lines and the functions above 60: reading matter for a reviewer, never a failure."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE_LINES, FUNCTION_LINES = 400, 60
GENERATED = re.compile(r"csrc/gen/.*\.[ch]$")


def functions(path: Path, text: str) -> list[tuple[str, int]]:
    """Return (name, lines) of every function; in C one that begins in the first column and ends with a lone brace."""
    if path.suffix == ".py":
        defined = (ast.FunctionDef, ast.AsyncFunctionDef)
        return [(n.name, (n.end_lineno or n.lineno) - n.lineno + 1) for n in ast.walk(ast.parse(text)) if isinstance(n, defined)]
    found = re.finditer(r"^(?:[a-zA-Z][^;{}#=]*?\b(\w+(?:\(\w+\))?)\([^;{}]*?\) \{\n.*?^\})", text, re.MULTILINE | re.DOTALL)
    return [(match[1], match[0].count("\n") + 1) for match in found]


def main() -> None:
    """Print the list."""
    paths = sorted(path for folder in ("csrc", "python", "tests", "benchmarks", ".ci") for path in (ROOT / folder).rglob("*.[chp]*"))
    for path in paths:
        name = path.relative_to(ROOT).as_posix()
        if path.suffix not in (".c", ".h", ".py") or GENERATED.match(name):
            continue
        text = path.read_text(encoding="utf-8")
        lines = text.count("\n")
        if lines > FILE_LINES:
            print(f"{name}: {lines} lines")
        for function, length in functions(path, text):
            if length > FUNCTION_LINES:
                print(f"{name}: {function} has {length} lines")


if __name__ == "__main__":
    main()
