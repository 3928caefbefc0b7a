"""The builder of kam3._native: cffi out of line, API mode, from the declarations in kam3.h and binding/binding.h themselves."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from typing import Any

from cffi import FFI

CSRC = Path(__file__).parent
#: CPython with a GIL gets one extension for 3.10 and all later versions; the others have no stable ABI that reaches back so far.
STABLE_ABI = sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED")
PREAMBLE = '#include "kam3.h"\n#include "binding/binding.h"\n'


def declarations(header: str) -> str:
    """Return the lines of a header between its two markers; they are plain C that cffi reads as it is."""
    text = (CSRC / header).read_text(encoding="utf-8")
    begin, end = (text.index(f"/* kam3 declarations {word}") for word in ("begin", "end"))
    return text[text.index("*/", begin) + 2 : end]


def library_sources() -> list[str]:
    """Return every translation unit of libkam3 and of the glue."""
    return sorted(path.as_posix() for path in CSRC.glob("*/*.c"))


def headers() -> list[str]:
    """Return every header and template: a change in one rebuilds the extension."""
    return sorted(path.as_posix() for path in CSRC.glob("**/*.h"))


def builder() -> FFI:
    """Return the FFI that setup.py builds; compiler flags are setup.py's business."""
    ffi = FFI()
    for header in ("kam3.h", "binding/binding.h"):
        ffi.cdef(declarations(header))
    arguments: dict[str, Any] = {
        "sources": library_sources(),
        "depends": headers(),
        "include_dirs": [CSRC.as_posix()],
        "py_limited_api": STABLE_ABI,
    }
    if STABLE_ABI:
        arguments["define_macros"] = [("Py_LIMITED_API", "0x030A0000")]
    ffi.set_source("kam3._native", PREAMBLE, **arguments)
    return ffi
