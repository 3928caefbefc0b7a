"""Compile the library for a checker, run the driver under it, and read what it says."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kam3.sets import ParameterSet
from tests import clib
from tests.ct import answers

HERE = Path(__file__).resolve().parent
FLAGS = ("-fPIC", "-fvisibility=hidden", f"-I{clib.CSRC}", f"-I{HERE}")
#: What a checker needs to name functions; version 4 because valgrind reads no later one reliably.
DEBUG = ("-gdwarf-4", "-fno-omit-frame-pointer")
CLANG = ("clang-19", "clang-20", "clang-21", "clang")
#: The builds that are checked; a test names those of the default run and leaves the others to the nightly one.
MATRIX = (("gcc", "-O2"), ("gcc", "-O3"), ("clang", "-O1"), ("clang", "-O2"), ("clang", "-O3"))
PORTABLE = "portable"
NO_SUCH_PATH = 77

_workspace = tempfile.TemporaryDirectory(prefix="kam3-ct-")  # goes when the process ends


def tool(*names: str) -> str:
    """Return the path of the first of these programs that is installed, or skip the test by their name."""
    for name in names:
        if path := shutil.which(name):
            return path
    pytest.skip(f"{names[0]} is not installed")


def compiler(name: str) -> str:
    """Return the path of gcc or clang, or skip."""
    return tool(*(CLANG if name == "clang" else (name,)))


def _execute(command: Iterable[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(command), capture_output=True, text=True, check=False, timeout=1200)


def require_flags(compiler_path: str, flags: tuple[str, ...], why: str) -> None:
    """Skip with this reason unless a program of one line compiles and runs."""
    folder = Path(tempfile.mkdtemp(dir=_workspace.name))
    (folder / "probe.c").write_text('#include "base/ct.h"\nint main(void) { return 0; }\n')
    probe = str(folder / "probe")
    if _execute([compiler_path, *flags, f"-I{clib.CSRC}", "-o", probe, f"{probe}.c"]).returncode or _execute([probe]).returncode:
        pytest.skip(why)


def objects(compiler_path: str, flags: tuple[str, ...], sources: tuple[Path, ...]) -> dict[Path, Path]:
    """Compile each source with these flags and return its object."""
    return clib.objects(compiler_path, (*FLAGS, *flags), sources)


def library_objects(compiler_path: str, flags: tuple[str, ...]) -> dict[Path, Path]:
    """Compile all of libkam3."""
    return objects(compiler_path, flags, clib.LIBRARY)


@functools.cache
def driver(compiler_path: str, flags: tuple[str, ...]) -> Path:
    """Build the driver, the planted faults and the library with these flags; once a process."""
    parts = [*library_objects(compiler_path, flags).values()]
    parts += objects(compiler_path, flags, (HERE / "driver.c", HERE / "planted.c")).values()
    program = Path(tempfile.mkdtemp(dir=_workspace.name)) / "driver"
    done = _execute([compiler_path, *flags, "-o", str(program), *map(str, parts)])
    assert done.returncode == 0, done.stderr
    return program


@functools.cache
def values_file(ps: ParameterSet) -> Path:
    """Write the driver's values for one algorithm; once a process."""
    path = Path(_workspace.name) / f"values-{ps.number}"
    path.write_text(answers.text(ps))
    return path


@dataclass(frozen=True)
class Finding:
    """One complaint of a checker: during which run, what, and the functions from the innermost out."""

    run: str
    kind: str
    functions: tuple[str, ...]
    places: tuple[str, ...]

    def __str__(self) -> str:
        where = "\n    ".join(f"{f} {p}" for f, p in zip(self.functions, self.places, strict=True))
        return f"{self.run}: {self.kind}\n    {where}"


@dataclass
class Report:
    """What one execution of the driver showed."""

    exit_status: int
    output: str
    runs: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def functions(self) -> set[str]:
        """The functions that were called."""
        return {run.split(" ")[0] for run in self.runs}

    @property
    def finished(self) -> bool:
        """Whether every run came to its end and gave its answer."""
        return "done" in self.output.splitlines()

    def assert_clean(self) -> None:
        """Fail with every finding, or with the answer that was wrong."""
        assert not self.findings, "\n".join(dict.fromkeys(map(str, self.findings)))
        assert self.finished, self.output[-2000:]
        assert self.exit_status == 0, self.output[-2000:]


_COMPLAINT = re.compile(r"==\d+==(?: |WARNING: MemorySanitizer: )(?P<kind>[A-Z].*|use-of-uninitialized-value.*)")
_FRAME = re.compile(
    r"==\d+==    (?:at|by) 0x[0-9A-F]+: (?P<memcheck>\S+) \((?P<memcheck_place>.*)\)"
    r"|    #\d+ 0x[0-9a-f]+ in (?P<msan>\S+) (?P<msan_place>\S+)"
)


def read(exit_status: int, output: str) -> Report:
    """Attribute the complaints of memcheck or MSan to the runs that the driver announced."""
    report = Report(exit_status, output)
    run, kind, frames = "before the first run", "", list[tuple[str, str]]()

    def close() -> None:
        if frames:
            report.findings.append(Finding(run, kind, *map(tuple, zip(*frames, strict=True))))
            frames.clear()

    for line in output.splitlines():
        if match := _FRAME.match(line):
            frames.append((match["memcheck"] or match["msan"], match["memcheck_place"] or match["msan_place"]))
            continue
        close()
        if line.startswith("run "):
            run = line.removeprefix("run ").strip()
            report.runs.append(run)
        elif match := _COMPLAINT.match(line):
            kind = match["kind"]
    close()
    return report


@dataclass(frozen=True)
class Checker:
    """A way to run the driver: a program built for it, a command in front, and variables around it."""

    program: Path
    prefix: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()

    def run(self, *arguments: str) -> Report:
        """Run the driver with these arguments."""
        done = subprocess.run(
            [*self.prefix, str(self.program), *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=1200,
            env={**os.environ, **dict(self.environment)},
        )
        return read(done.returncode, done.stdout + done.stderr)

    def library(self, ps: ParameterSet, path: str) -> Report:
        """Run all of kam3.h for one algorithm on one CPU path, or skip if the machine that the checker shows cannot run it."""
        report = self.run(str(values_file(ps)), path)
        if report.exit_status == NO_SUCH_PATH and path != PORTABLE:
            pytest.skip(f"this machine, as the checker shows it, cannot run the path {path}")
        return report

    def assert_planted(self, *faults: str) -> None:
        """Fail unless each fault is found in the function that commits it, and nothing is found where there is none."""
        for fault in faults:
            report = self.run("planted", fault)
            assert report.finished, report.output
            innermost = {finding.functions[0] for finding in report.findings}
            assert innermost == {f"planted_{fault}"}, report.output
        self.run("planted", "nothing").assert_clean()


def cpu_paths() -> list[str]:
    """Return the names of the CPU paths, portable first."""
    source = (clib.CSRC / "base" / "cpu.c").read_text()
    table = source[source.index("} paths[] = {") :]
    names = re.findall(r'\{"(\w+)"', table[: table.index("};")])
    assert names[0] == PORTABLE
    return names


def declared_functions() -> set[str]:
    """Return the functions that kam3.h declares."""
    header = (clib.CSRC / "kam3.h").read_text()
    without_comments = re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)
    return set(re.findall(r"^[a-z].*?\b(kam3_\w+)\(", without_comments, flags=re.MULTILINE))
