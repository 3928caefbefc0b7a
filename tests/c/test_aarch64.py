"""libkam3 for aarch64: built by a cross compiler, run by QEMU's user-mode emulator on its largest CPU. Nothing here ran on hardware.

A run names its CPU path and is told which one served it: the portable code, and ``armsha`` with the SHA-256 instructions.
"""

from __future__ import annotations

import functools
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kam3 import errors, sets
from kam3.sets import ParameterSet
from tests import clib
from tests.ct import build
from tests.vectors import frozen

#: What differs by path: SHA-512 has no code of its own.
RUNS = [(ps, path) for ps in sets.SETS for path in ("portable", "armsha") if path == "portable" or ps.hash_name == "sha256"]
OS_CPU = clib.CSRC / "binding" / "os_cpu.c"
ARGUMENTS = {6: "pi", 7: "j", 8: "s_c1", 9: "s_s1", 10: "kc1", 11: "ks1"}

any_run = pytest.mark.parametrize("ps, path", RUNS, ids=[f"{ps.token}-{path}" for ps, path in RUNS])


def emulator() -> tuple[str, ...]:
    """Return the command in front of a program, or skip by name."""
    return build.tool("qemu-aarch64"), "-cpu", "max"


@functools.cache
def program(name: str, flags: tuple[str, ...] = ()) -> Path:
    """Build ``tests/c/<name>.c`` with the library and the one file of the binding that asks for the CPU."""
    compiler = build.tool("aarch64-linux-gnu-gcc")
    emulator()  # skips before anything is compiled
    parts = build.objects(compiler, ("-O2",), (*clib.LIBRARY, OS_CPU, clib.ROOT / "tests" / "c" / f"{name}.c"))
    target = Path(tempfile.mkdtemp(prefix="kam3-aarch64-")) / name
    subprocess.run([compiler, "-static", *flags, "-o", str(target), *map(str, parts.values())], check=True)
    return target


def run(name: str, *arguments: str, text: str = "", flags: tuple[str, ...] = ()) -> list[str]:
    command = [*emulator(), str(program(name, flags)), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, input=text, timeout=600).stdout.splitlines()


def test_a_c_program_runs_whole_exchanges() -> None:
    assert run("exchange_program") == [f"algorithm {n}: registration 0, right password 0, wrong password 6" for n in (1, 2, 3, 4)]


def test_linux_tells_of_the_sha_instructions() -> None:
    assert run("lines_program") == ["armsha"]


def test_without_the_sha_instructions_the_portable_code_serves(tmp_path: Path) -> None:
    silent = tmp_path / "silent.c"
    silent.write_text("unsigned long __wrap_getauxval(unsigned long what) { return what & 0; }\n")
    flags = ("-Wl,--wrap=getauxval", str(silent))
    assert run("lines_program", flags=flags) == ["portable"]
    assert run("lines_program", "armsha", flags=flags) == ["no path armsha"]


def test_sha256_kernels_are_their_portable_twins() -> None:
    assert run("armsha_program") == ["2200 compared, 0 differ"]
    assert run("armsha_program", "planted") == ["2200 compared, 2200 differ"], "the comparison can fail"


def natural(number: str) -> bytes:
    """Return a decimal number in as few octets as it needs, none for 0."""
    return int(number).to_bytes((int(number).bit_length() + 7) // 8, "big")


def questions(ps: ParameterSet) -> list[tuple[str, Sequence[bytes], dict[str, Any]]]:
    """Return (operation, arguments, what must come out) for all that the frozen vectors say of a parameter set."""
    asked: list[tuple[str, Sequence[bytes], dict[str, Any]]] = []
    for test in frozen.tests(ps, "Kam3Exchange"):
        v = {**frozen.octets(test["inputs"]), **frozen.octets(test["outputs"])}
        proof = (v["kc1"], v["ks1"], v["z"], natural(test["inputs"]["nc"]), v["vh"])
        right = {name: {"octets": v[name]} for name in ("pi", "j", "kc1", "vkc", "vks", "b1", "b2")}
        asked += [
            ("pi", (v["password"], v["auth_scope"], v["realm"], v["user"]), right["pi"]),
            ("j", (v["pi"],), right["j"]),
            ("kc1", (v["s_c1"],), right["kc1"]),
            ("respond", (v["j"], v["kc1"], v["s_s1"]), {"octets": v["ks1"] + v["z"]}),
            ("z_client", (v["pi"], v["s_c1"], v["kc1"], v["ks1"]), {"octets": v["z"]}),
            ("vkc", proof, right["vkc"]),
            ("vks", proof, right["vks"]),
            ("b1", (*proof, v["t"]), right["b1"]),
            ("b2", (*proof, v["t"]), right["b2"]),
        ]
    for kind, operation, inputs, outputs in (
        ("Kam3Server", "respond", ("j", "kc1", "s_s1"), ("ks1", "z")),
        ("Kam3Client", "z_client", ("pi", "s_c1", "kc1", "ks1"), ("z",)),
    ):
        for test in frozen.tests(ps, kind):
            v = frozen.octets(test["inputs"])
            if test["result"] == "valid":
                right_one = {"octets": b"".join(frozen.octets(test["outputs"])[name] for name in outputs)}
            else:
                right_one = test["error"]
            asked.append((operation, [v[name] for name in inputs], right_one))
    return asked


def said(line: str) -> dict[str, Any]:
    """Return what an answer of lines_program says, in the words of `questions`."""
    status, octets = line.split(" ")
    if status == "0":
        return {"octets": bytes.fromhex(octets)}
    assert not octets.strip("0"), "outputs are zero after an error"
    code, argument = int(status) & 0xFF, int(status) >> 8
    return {"code": errors.fault(errors.Rule(code)).code, "argument": ARGUMENTS.get(argument)}


@any_run
def test_frozen_vectors(ps: ParameterSet, path: str) -> None:
    asked = questions(ps)
    text = "".join(f"{name} {ps.number} {' '.join(octets.hex() or '-' for octets in given)}\n" for name, given, _ in asked)
    used, *answers = run("lines_program", path, text=text)
    assert used == path
    assert len(answers) == len(asked) > 150
    for (name, given, right), line in zip(asked, answers, strict=True):
        assert said(line) == right, (name, [octets.hex() for octets in given])


@any_run
def test_every_function_of_the_header_answers_as_the_reference(ps: ParameterSet, path: str) -> None:
    """The driver of tests/ct without a checker, from a compiler that may use the SHA instructions everywhere: nobody needs to tell."""
    compiler = build.tool("aarch64-linux-gnu-gcc")
    report = build.Checker(build.driver(compiler, ("-O2", "-static", "-march=armv8-a+crypto")), emulator()).library(ps, path)
    report.assert_clean()
    assert report.functions == build.declared_functions()
