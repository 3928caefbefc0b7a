"""Build libkam3, with test code beside it, as a shared library, so that tests reach every internal C function through ctypes."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CSRC = ROOT / "csrc"
#: Every translation unit of libkam3: all of csrc but the glue for Python.
LIBRARY = tuple(sorted(p for p in CSRC.glob("*/*.c") if p.parent.name != "binding"))
#: More flags for every build, from the environment: the gate adds its sanitizers.
EXTRA_FLAGS = tuple(os.environ.get("KAM3_TEST_CFLAGS", "").split())
#: Lines alone of what debuggers know: the places of variables cost most of the time of a vector kernel's compilation.
OPTIONS = ("-O2", "-g1", "-fPIC", f"-I{CSRC}")
WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")

#: The builds every test of a C layer runs on: the compiler's __int128, and the plain fallback for compilers without it.
VARIANTS: dict[str, tuple[str, ...]] = {"int128": (), "no-int128": ("-DKAM3_NO_INT128",)}


def compiler() -> str:
    """Return the C compiler's path, or skip the test by name."""
    path = shutil.which(os.environ.get("CC", "cc").split()[0]) or shutil.which("gcc") or shutil.which("clang")
    if path is None:
        pytest.skip("no C compiler: tests of the C layers need one")
    return path


def _run(command: list[str]) -> None:
    """Run the compiler, without the sanitizers that may be loaded into this process; fail with what it says."""
    plain = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=plain, timeout=1200)
    assert done.returncode == 0, done.stderr


@functools.cache
def _folder(cc: str, flags: tuple[str, ...]) -> Path:
    """Name the folder of a build by all it is made from but the sources."""
    version = subprocess.run([cc, "--version"], check=True, capture_output=True, text=True).stdout
    digest = hashlib.sha256("\0".join((cc, version, *flags)).encode())
    for path in sorted([*CSRC.glob("**/*.h"), *(ROOT / "tests").glob("**/*.h")]):
        digest.update(path.read_bytes())
    folder = ROOT / "build" / "c-tests" / digest.hexdigest()[:20]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes and threads out while the file is held open; where there is no such lock, tests run in one process."""
    with path.open("a") as file:
        with contextlib.suppress(ImportError):
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@functools.cache
def objects(cc: str, flags: tuple[str, ...], sources: tuple[Path, ...]) -> dict[Path, Path]:
    """Compile each source, and tell where its object is. Whoever comes first compiles, every later test and process takes what is there.

    The objects are kept under build/ while the compiler, the flags, the source and all headers stay the same.
    """
    folder = _folder(cc, flags)

    def compile_one(source: Path) -> tuple[Path, Path]:
        text = hashlib.sha256(source.read_bytes()).hexdigest()[:8]
        target = folder / f"{source.parent.name}-{source.stem}-{text}.o"
        done = target.with_suffix(".done")
        with _locked(target.with_suffix(".lock")):
            if not done.exists():  # a marker: instrumented code writes its counts beside the object, which cannot be renamed
                _run([cc, *WARNINGS, *flags, "-c", "-o", str(target), str(source)])
                done.touch()
        return source, target

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(pool.map(compile_one, sources))


@functools.cache
def build(name: str, extra_sources: tuple[str, ...] = (), flags: tuple[str, ...] = (), library: tuple[Path, ...] = LIBRARY) -> ctypes.CDLL:
    """Link `library` with ``tests/c/<extra_sources>``, all compiled with `flags`, and load the result; once a process and name."""
    output = Path(tempfile.mkdtemp(prefix=f"kam3-{name}-")) / f"{name}.so"
    flags = (*OPTIONS, *flags, *EXTRA_FLAGS)
    sources = [str(ROOT / "tests" / "c" / s) for s in extra_sources]
    parts = map(str, objects(compiler(), flags, library).values())
    _run([compiler(), *WARNINGS, *flags, f"-I{ROOT / 'tests' / 'c'}", "-shared", "-o", str(output), *sources, *parts])
    return ctypes.CDLL(str(output))


def use_path(library: ctypes.CDLL, path: str) -> None:
    """Make `library` take this CPU path, and see that it does; skip by name if this CPU cannot."""
    library.kam3_cpu_path.restype = ctypes.c_char_p
    if library.kam3_cpu_use(path.encode(), ctypes.c_size_t(len(path))) != 0:
        pytest.skip(f"this CPU lacks what the path {path} needs")
    assert library.kam3_cpu_path() == path.encode()


@contextlib.contextmanager
def forced_path(library: ctypes.CDLL, path: str) -> Iterator[None]:
    """Let a library that others use, too, take this CPU path inside, and the one before again afterwards."""
    library.kam3_cpu_path.restype = ctypes.c_char_p
    before = library.kam3_cpu_path()
    use_path(library, path)
    try:
        yield
        assert library.kam3_cpu_path() == path.encode(), "no test left another path behind"
    finally:
        library.kam3_cpu_use(before, ctypes.c_size_t(len(before)))


def aligned(octets: int) -> ctypes.Array[ctypes.c_char]:
    """Return a buffer that begins at a multiple of 64 and is full of noise, for the types of the library that ask for that."""
    room = ctypes.create_string_buffer(b"\xa5" * (octets + 64), octets + 64)
    return (ctypes.c_char * octets).from_buffer(room, -ctypes.addressof(room) % 64)


def limbs(number: int, count: int) -> ctypes.Array[ctypes.c_uint64]:
    """Return `number` as `count` 64-bit limbs, least significant first."""
    return (ctypes.c_uint64 * count)(*((number >> (64 * i)) & (2**64 - 1) for i in range(count)))


def number(limb_array: ctypes.Array[ctypes.c_uint64]) -> int:
    """Return the number that 64-bit limbs spell."""
    return sum(limb << (64 * i) for i, limb in enumerate(limb_array))
