"""Compile libkam3 with a C program of this folder, and say by what."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
CSRC = HERE.parent / "csrc"
FLAGS = ("-std=c11", "-O2")


class BuildError(Exception):
    """There is no compiler, or it failed."""


def compiler() -> str:
    """Return the C compiler: ``CC``, or the system's.

    Raises:
        BuildError: there is none.
    """
    for name in (os.environ.get("CC", "").partition(" ")[0], "cc", "gcc", "clang"):
        if name and shutil.which(name):
            return name
    raise BuildError("no C compiler: set CC")


def compiler_version() -> str:
    """Return the first line that the compiler says of itself."""
    return _run([compiler(), "--version"]).stdout.partition("\n")[0]


def openssl_flags() -> tuple[list[str], list[str]]:
    """Return what compiles and links OpenSSL's half, nothing where its headers or library are not here."""
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder) / "probe.c"
        probe.write_text("#include <openssl/ec.h>\nint main(void) { return EC_GROUP_new_by_curve_name(415) == 0; }\n", encoding="utf-8")
        try:
            _run([compiler(), str(probe), "-o", str(Path(folder) / "probe"), "-lcrypto"])
        except BuildError:
            return [], []
    return ["-DKAM3_BENCH_OPENSSL"], ["-lcrypto"]


def build(source: str, output: Path, flags: Sequence[str] = (), libraries: Sequence[str] = ()) -> Path:
    """Compile a program of this folder with every file of libkam3.

    Raises:
        BuildError: with what the compiler said.
    """
    library = sorted(str(path) for path in CSRC.glob("*/*.c") if path.parent.name != "binding")
    command = [compiler(), *FLAGS, *flags, f"-I{CSRC}", f"-I{HERE}", str(HERE / source), *library, *libraries, "-o", str(output)]
    _run(command)
    return output


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildError(f"{command[0]} failed:\n{done.stderr}")
    return done
