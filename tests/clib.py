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
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CSRC = ROOT / "csrc"
#: Every translation unit of libkam3: all of csrc but the glue for Python.
LIBRARY = tuple(sorted(p for p in CSRC.glob("*/*.c") if p.parent.name != "binding"))
#: More flags for every build, from the environment: the gate adds its sanitizers.
EXTRA_FLAGS = tuple(os.environ.get("KAM3_TEST_CFLAGS", "").split())
WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")

#: The builds every test of a C layer runs on: the compiler's __int128, and the plain fallback for compilers without it.
VARIANTS: dict[str, tuple[str, ...]] = {"int128": (), "no-int128": ("-DKAM3_NO_INT128",)}


def compiler() -> str:
    """Return the C compiler's path, or skip the test by name."""
    path = shutil.which(os.environ.get("CC", "cc").split()[0]) or shutil.which("gcc") or shutil.which("clang")
    if path is None:
        pytest.skip("no C compiler: tests of the C layers need one")
    return path


def _key(cc: str, *flags: str) -> str:
    """Name a build by everything it is made from."""
    version = subprocess.run([cc, "--version"], check=True, capture_output=True, text=True).stdout
    digest = hashlib.sha256("\0".join((cc, version, *flags)).encode())
    for path in sorted(CSRC.glob("**/*.[ch]")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:20]


def _run(command: list[str]) -> None:
    """Run the compiler, without the sanitizers that may be loaded into this process."""
    subprocess.run(command, check=True, env={name: value for name, value in os.environ.items() if name != "LD_PRELOAD"})


@functools.cache
def objects(flags: tuple[str, ...] = ()) -> dict[Path, Path]:
    """Compile every file of libkam3 with `flags`, and tell where each object is; kept under build/ while the sources stay the same."""
    cc = compiler()
    folder = ROOT / "build" / "c-tests" / _key(cc, *flags, *EXTRA_FLAGS)
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=folder.parent))
        command = [cc, *WARNINGS, "-O2", "-g", "-fPIC", f"-I{CSRC}", *flags, *EXTRA_FLAGS, "-c"]
        for source in LIBRARY:
            _run([*command, "-o", str(fresh / f"{source.parent.name}-{source.stem}.o"), str(source)])
        if "--coverage" in EXTRA_FLAGS:  # the counts go where the objects were made: every process has its own
            return {source: fresh / f"{source.parent.name}-{source.stem}.o" for source in LIBRARY}
        with contextlib.suppress(OSError):  # another process was faster
            fresh.rename(folder)
    return {source: folder / f"{source.parent.name}-{source.stem}.o" for source in LIBRARY}


@functools.cache
def build(name: str, extra_sources: tuple[str, ...] = (), flags: tuple[str, ...] = (), library: tuple[Path, ...] = LIBRARY) -> ctypes.CDLL:
    """Link `library` with ``tests/c/<extra_sources>``, all compiled with `flags`, and load the result; once a process and name."""
    output = Path(tempfile.mkdtemp(prefix=f"kam3-{name}-")) / f"{name}.so"
    sources = [str(ROOT / "tests" / "c" / s) for s in extra_sources]
    command = [compiler(), *WARNINGS, "-O2", "-g", "-fPIC", "-shared", f"-I{CSRC}", *flags, *EXTRA_FLAGS, "-o", str(output), *sources]
    _run([*command, *(str(objects(flags)[source]) for source in library)])
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
