"""Read the disassembly and the imports of objects for instructions and functions whose time depends on the values they work on."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: What a disassembler writes where it knows no instruction: nothing was read there.
UNREADABLE = ("unreadable", re.compile(r"\(bad\)|<unknown>|\.(inst|word|byte)\b"))

#: What no function of the library may contain, by architecture: what it is, and how objdump and llvm-objdump spell it.
#: rep movs and rep stos are allowed: compilers expand memcpy and memset to them, they take the same time for any octets, and a
#: secret count or address would be found by the taint checkers. repe and repne stop at data; llvm-objdump writes rep for repe.
FORBIDDEN = {
    "x86-64": (
        UNREADABLE,
        ("division", re.compile(r"(i?div[bwlq]?|v?div[sp][sdh]|fi?divr?p?[sl]?) ")),
        ("square root", re.compile(r"(v?r?sqrt\w+|fsqrt)\b")),
        ("gather or scatter", re.compile(r"vp?(gather|scatter)")),
        ("compression or expansion", re.compile(r"vp?(compress|expand)")),
        ("bit extraction or deposit, microcode before AMD Zen 3", re.compile(r"(pext|pdep)[lq]? ")),
        ("string operation that stops at data", re.compile(r"(rep\w* )?(cmps|scas)[bwlq]? |rep(e|ne|z|nz) ")),
        ("loop on a count register", re.compile(r"loop")),
    ),
    "aarch64": (
        UNREADABLE,
        ("division", re.compile(r"([us]divr?|fdivr?)\b")),
        ("square root", re.compile(r"(f|fr|ur)sqrt\w*\b")),
        ("gather or scatter", re.compile(r"(ld|st)\w+ .*\[(z\d|x\d+, z\d)")),
        ("compression or expansion", re.compile(r"(compact|splice|expand)\b")),
        ("bit extraction or deposit", re.compile(r"(bext|bdep|bgrp)\b")),
        ("string operation that stops at data", re.compile(r"(n?match|ldff1\w*|ldnf1\w*)\b")),
    ),
}

#: The only functions the library takes from elsewhere: they touch octets whose number is public, whatever the octets are. Thus
#: no division helper of the compiler's run-time library, no memcmp, no mathematical function.
IMPORTS = {"memcpy", "memmove", "memset"}
#: Further imports of one object, with the reason.
IMPORTS_OF = {
    "base/cpu.c": {"memcmp", "bcmp"},  # the name of a CPU path; clang calls bcmp where only equality matters
}
#: gcc's atomic accesses for aarch64, from its run-time library: loops that retry. What is atomic here is public, the chosen CPU path
#: and the state of a once-cell.
ATOMICS = {"__aarch64_cas4_relax", "__aarch64_cas4_acq", "__aarch64_ldset4_relax"}
#: Not functions: what position-independent code refers to.
LINKAGE = {"_GLOBAL_OFFSET_TABLE_"}

_PREFIXES = {"lock", "notrack", "bnd", "data16", "cs", "ds", "es", "ss", "rex.W"}
_FUNCTION = re.compile(r"[0-9a-f]+ <(.+)>:")
_INSTRUCTION = re.compile(r"\s*[0-9a-f]+:\s+(.+)")
_CALL = re.compile(r"\s*[0-9a-f]+:?\s+R_\w+\s+([\w.$@]+)")


@dataclass(frozen=True)
class Offence:
    """One forbidden instruction or import."""

    function: str
    rule: str
    text: str


def _lines(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def _every_extension(objdump: str) -> tuple[str, ...]:
    """LLVM's disassembler, used for aarch64 alone, reads the instructions of the base architecture unless it is told of others."""
    return ("--mattr=+sve2,+crypto",) if "llvm-objdump" in objdump else ()


def instructions(objdump: str, target: Path) -> Iterator[tuple[str, str]]:
    """Yield (function, text) of every instruction of an object; of the prefixes only the repetitions are kept."""
    function = ""
    for line in _lines(objdump, "-d", "--no-show-raw-insn", *_every_extension(objdump), str(target)):
        if match := _FUNCTION.match(line):
            function = match[1]
        elif match := _INSTRUCTION.match(line):
            words = match[1].split("#")[0].split()
            while words and words[0] in _PREFIXES:
                words.pop(0)
            if words:
                yield function, " ".join(words)


def broken_rules(architecture: str, text: str) -> list[str]:
    """Return the rules that an instruction breaks."""
    return [rule for rule, pattern in FORBIDDEN[architecture] if pattern.match(text)]


def forbidden_instructions(objdump: str, target: Path, architecture: str) -> list[Offence]:
    """Return the instructions of an object that FORBIDDEN names."""
    return [Offence(function, rule, text) for function, text in instructions(objdump, target) for rule in broken_rules(architecture, text)]


def imports(objdump: str, target: Path) -> Iterator[tuple[str, str]]:
    """Yield (function, imported symbol) of every reference an object makes, the function that makes it being "" in data."""
    undefined = {line.split()[-1] for line in _lines(objdump, "-t", str(target)) if "*UND*" in line} - LINKAGE
    function, seen = "", set[str]()
    for line in _lines(objdump, "-dr", "--no-show-raw-insn", str(target)):
        if match := _FUNCTION.match(line):
            function = match[1]
        elif (match := _CALL.match(line)) and (symbol := re.split(r"[-+@]", match[1])[0]) in undefined:
            seen.add(symbol)
            yield function, symbol
    yield from (("", symbol) for symbol in undefined - seen)


def defined(objdump: str, target: Path) -> set[str]:
    """Return the global symbols that an object defines."""
    return {line.split()[-1] for line in _lines(objdump, "-t", str(target)) if re.match(r"[0-9a-f]+ g", line) and "*UND*" not in line}


def forbidden_imports(objdump: str, target: Path, allowed: set[str]) -> list[Offence]:
    """Return the references of an object to anything but the allowed symbols."""
    return [Offence(function, "import", symbol) for function, symbol in imports(objdump, target) if symbol not in allowed]
