"""Build the compiled core; pyproject.toml has the rest.

Environment: KAM3_REQUIRE_C=1 (or CIBUILDWHEEL) makes a failed build of the extension an error, else kam3 installs without it and says so.
KAM3_WERROR=1 makes every warning on our C an error. KAM3_CLANG_CL=1 takes clang-cl on Windows. KAM3_CFLAGS and KAM3_LDFLAGS are appended.
"""

from __future__ import annotations

import os
import runpy
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

BUILDER = "csrc/build_ffi.py"
REQUIRED = bool(os.environ.get("KAM3_REQUIRE_C") or os.environ.get("CIBUILDWHEEL"))
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
WITHOUT = """
********************************************************************************
kam3 is being installed WITHOUT its constant-time C core:
    {reason}
Operations will use gmpy2 if it is installed (pip install 'kam3[gmpy2]'), whose
curve arithmetic is not constant time. With a C11 compiler, install again by
    pip install --force-reinstall --no-cache-dir --no-binary kam3 kam3
KAM3_REQUIRE_C=1 turns this warning into an error.
********************************************************************************
"""


def say(text: str) -> None:
    """Write where a person sees it: pip shows a build's own output only when asked or when it fails."""
    print(text, file=sys.stderr, flush=True)
    if os.name == "posix":
        try:
            with Path("/dev/tty").open("w", encoding="utf-8") as terminal:
                terminal.write(text)
        except OSError:
            pass  # no terminal: the first operation will warn once more


class BuildCore(build_ext):
    """Compile libkam3 with our flags and the file that cffi wrote without our warnings, and survive a machine that cannot."""

    def run(self) -> None:
        extensions = self.extensions
        try:
            super().run()
        except Exception as error:  # distutils, setuptools and cffi raise kinds of their own, and OSError
            if REQUIRED:
                raise
            say(WITHOUT.format(reason=" ".join(str(error).split()) or type(error).__name__))
            for extension in extensions:
                Path(self.get_ext_fullpath(extension.name)).unlink(missing_ok=True)
            self.extensions = []

    def build_extension(self, ext: Extension) -> None:
        generated, *ours = ext.sources
        flags, link_flags = self._flags()
        ext.sources = [generated]
        ext.extra_compile_args = flags
        ext.extra_link_args = link_flags
        if os.environ.get("KAM3_WERROR"):
            flags = [*flags, *WARNINGS]
        ext.extra_objects = self.compiler.compile(
            ours, self.build_temp, include_dirs=ext.include_dirs, debug=bool(self.debug), extra_postargs=flags, depends=ext.depends
        )
        if sys.platform == "win32":
            ext.libraries = ["bcrypt"]
        super().build_extension(ext)

    def _flags(self) -> tuple[list[str], list[str]]:
        extra, extra_link = (shlex.split(os.environ.get(name, "")) for name in ("KAM3_CFLAGS", "KAM3_LDFLAGS"))
        if self.compiler.compiler_type == "msvc":
            return [*self._choose_clang_cl(), "/O2", *extra], extra_link
        compile_flags = ["-std=c11", "-O2", "-g0", "-fvisibility=hidden", *extra]
        if sys.platform == "darwin":
            entry = "PyInit__native" if sys.implementation.name == "cpython" else "_cffi_pypyinit__native"
            return compile_flags, [f"-Wl,-exported_symbol,_{entry}", *extra_link]
        if sys.platform.startswith(("linux", "freebsd")):
            return compile_flags, ["-Wl,--version-script=csrc/binding/exports.map", "-Wl,-z,relro,-z,now", *extra_link]
        return compile_flags, extra_link

    def _choose_clang_cl(self) -> list[str]:
        if not os.environ.get("KAM3_CLANG_CL"):
            return ["/std:c11", "/experimental:c11atomics"]
        path = shutil.which("clang-cl")
        if path is None:
            raise FileNotFoundError("KAM3_CLANG_CL is set, but there is no clang-cl")
        compiler: Any = self.compiler
        compiler.initialize()
        compiler.cc = path
        return ["/std:c11"]


stable_abi = runpy.run_path(BUILDER)["STABLE_ABI"]
setup(
    cffi_modules=[f"{BUILDER}:builder"],
    cmdclass={"build_ext": BuildCore},
    options={"bdist_wheel": {"py_limited_api": "cp310"}} if stable_abi else {},
)
