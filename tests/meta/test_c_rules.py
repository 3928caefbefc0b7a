"""House rules of the C library: which folder may include which, what it may call, and what it may keep."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import clib
from tests.clib import CSRC

SOURCES = sorted(path for path in CSRC.rglob("*.[ch]") if path.parent != CSRC)

#: A folder includes from itself and from these; kam3.h from anywhere. exchange/group.h is the seam that the groups fill.
BELOW = {
    "base": set(),
    "gen": {"base", "bn"},
    "bn": {"base", "gen"},
    "hash": {"base"},
    "dl": {"base", "gen", "bn", "exchange/group.h"},
    "ec": {"base", "gen", "bn", "exchange/group.h"},
    "exchange": {"base", "gen", "bn", "hash", "dl", "ec"},
    "binding": {"base"},
}
SYSTEM_HEADERS = {"stdint.h", "stddef.h", "string.h", "stdatomic.h"}
#: Compilers' own headers and the checkers', behind conditions.
CONDITIONAL_HEADERS = {"cpuid.h", "immintrin.h", "arm_neon.h", "intrin.h", "valgrind/memcheck.h", "sanitizer/msan_interface.h"}

FORBIDDEN = "malloc|calloc|realloc|free|alloca|[fsv]*n?printf|puts|abort|exit|assert|setjmp|longjmp|rand|getenv|system"

#: What the compiler may call by itself, and the parts of string.h that cannot fail.
CALLED_OUTSIDE = {"memcpy", "memmove", "memset", "memcmp", "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_", "___stack_chk_guard"}

#: Everything the library keeps between calls: the chosen CPU path, and fixed-base tables (public content) with their once-cells.
KEPT = re.compile(r"(kam3_)?(cpu_word|cpu_told|cpu_path\w*|chosen\w*|path_in_use|.*table\w*|.*comb\w*|.*once\w*|.*cell\w*)(\.\d+)?")


def included(path: Path) -> Iterator[tuple[str, str]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if match := re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line):
            yield match[1], match[2]


def without_comments_and_strings(text: str) -> str:
    return re.sub(r'/\*.*?\*/|"(?:\\.|[^"\\])*"', " ", text, flags=re.DOTALL)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(CSRC)))
def test_includes_point_downwards(path: Path) -> None:
    folder = path.parent.relative_to(CSRC).parts[0]
    for kind, name in included(path):
        if kind == "<":
            if folder != "binding":
                assert name in SYSTEM_HEADERS | CONDITIONAL_HEADERS
            continue
        assert (CSRC / name).is_file(), f"includes are relative to csrc: {name}"
        start = name.split("/")[0]
        assert name == "kam3.h" or start == folder or start in BELOW[folder] or name in BELOW[folder], f"{path} includes {name}"


@pytest.mark.parametrize("path", [p for p in SOURCES if p.parent.name != "binding"], ids=lambda path: str(path.relative_to(CSRC)))
def test_no_heap_no_output_no_escape(path: Path) -> None:
    text = without_comments_and_strings(path.read_text(encoding="utf-8"))
    assert re.findall(rf"\b(?:{FORBIDDEN})\s*\(", text) == []


@pytest.fixture(scope="module", params=list(clib.VARIANTS))
def objects(request: pytest.FixtureRequest) -> list[Path]:
    if shutil.which("nm") is None:
        pytest.skip("no nm (binutils)")
    return list(clib.objects(clib.compiler(), (*clib.OPTIONS, *clib.VARIANTS[request.param]), clib.LIBRARY).values())


def symbols(path: Path, *options: str) -> list[tuple[str, str, str]]:
    """Return (name, class, section) of every symbol that nm lists."""
    output = subprocess.run(["nm", "--format=sysv", *options, str(path)], check=True, capture_output=True, text=True).stdout
    rows = [[field.strip() for field in line.split("|")] for line in output.splitlines() if line.count("|") == 6]
    return [(row[0], row[2], row[6]) for row in rows if row[0] != "Name"]


def test_the_library_calls_nothing_outside_but_memory_functions(objects: list[Path]) -> None:
    ours = {name for path in objects for name, _, _ in symbols(path, "--defined-only")}
    called = {name for path in objects for name, _, _ in symbols(path, "--undefined-only")}
    assert called - ours <= CALLED_OUTSIDE


def test_every_global_symbol_has_our_prefix(objects: list[Path]) -> None:
    names = {name for path in objects for name, _, _ in symbols(path, "--defined-only", "--extern-only")}
    assert {name for name in names if not name.startswith("kam3_")} == set()
    assert "kam3_respond" in names


def test_the_library_keeps_nothing_but_the_cpu_path_and_tables(objects: list[Path]) -> None:
    writable = {
        f"{path.stem}: {name}"
        for path in objects
        for name, kind, section in symbols(path, "--defined-only")
        if kind in "bBdDgGsSC" and not section.startswith((".data.rel.ro", ".rodata"))
    }
    assert {entry for entry in writable if not KEPT.fullmatch(entry.partition(": ")[2])} == set()


def test_the_extension_shows_its_entry_point_alone() -> None:
    extension = pytest.importorskip("kam3._native", reason="the extension is not built", exc_type=ImportError)
    if shutil.which("nm") is None:
        pytest.skip("no nm (binutils)")
    shown = {name for name, _, _ in symbols(Path(extension.__file__), "--dynamic", "--defined-only")}
    assert {name.partition("@")[0] for name in shown} - {"_init", "_fini"} == {"PyInit__native"}
