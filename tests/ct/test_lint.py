"""No instruction and no imported function whose time depends on values, in any object of the library."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import clib
from tests.ct import build, lint

#: planted function -> the rule or import it breaks, by architecture
PLANTED = {
    "x86-64": {
        "planted_dividend": "division",
        "planted_divisor": "division",
        "planted_wide_division": "import",
        "planted_comparison": "import",
        "planted_scan": "string operation that stops at data",
        "planted_gather": "gather or scatter",
        "planted_extract": "bit extraction or deposit, microcode before AMD Zen 3",
    },
    "aarch64": {
        "planted_dividend": "division",
        "planted_divisor": "division",
        "planted_wide_division": "import",
        "planted_comparison": "import",
        "planted_gather": "gather or scatter",
        "planted_root": "square root",
    },
}


@dataclass(frozen=True)
class Target:
    """Objects of the library and of planted.c, and the program that reads them."""

    objdump: str
    architecture: str
    library: dict[Path, Path]
    planted: Path


def cross(architecture: str, optimisation: str) -> Target:
    """Compile for a machine whose libc need not be here."""
    clang, objdump = build.compiler("clang"), build.tool("llvm-objdump-19", "llvm-objdump-20", "llvm-objdump-21", "llvm-objdump")
    flags = (optimisation, f"--target={architecture}-linux-gnu", "-nostdlibinc", f"-I{build.HERE / 'freestanding'}")
    return target(clang, objdump, architecture, flags)


def cross_gcc(architecture: str, optimisation: str, *flags: str) -> Target:
    """Compile with gcc for another machine, which brings that machine's libc."""
    names = (f"{architecture}-linux-gnu-gcc", f"{architecture}-linux-gnu-objdump")
    gcc, objdump = map(build.tool, names)
    return target(gcc, objdump, architecture, (optimisation, *flags))


def native(compiler: str, optimisation: str) -> Target:
    """Compile for this machine."""
    architecture = {"x86_64": "x86-64", "AMD64": "x86-64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    if architecture not in lint.FORBIDDEN:
        pytest.skip(f"no table of forbidden instructions for {architecture}")
    return target(build.compiler(compiler), build.tool("objdump"), architecture, (optimisation,))


def target(compiler: str, objdump: str, architecture: str, flags: tuple[str, ...]) -> Target:
    source = build.HERE / "planted.c"
    return Target(objdump, architecture, build.library_objects(compiler, flags), build.objects(compiler, flags, (source,))[source])


TARGETS = {"native": native, "clang": cross, "gcc": cross_gcc}
CROSS = (("clang", "aarch64", "-O2"), ("gcc", "aarch64", "-O2"), ("gcc", "aarch64", "-O3"))
#: The default run reads what is shipped, -O2; the nightly one the other levels, too.
CASES = [
    pytest.param(case, id="-".join(case), marks=() if case[2] == "-O2" else pytest.mark.nightly)
    for case in (*(("native", *pair) for pair in build.MATRIX), *CROSS)
]


@pytest.fixture(scope="module", params=CASES)
def objects(request: pytest.FixtureRequest) -> Target:
    kind, name, optimisation = request.param
    return TARGETS[kind](name, optimisation)


def test_planted_faults_are_found(objects: Target) -> None:
    found = lint.forbidden_instructions(objects.objdump, objects.planted, objects.architecture)
    own = {*lint.IMPORTS, "strcmp", "kam3_wipe", "kam3_hash_init", "kam3_hash_update", "kam3_hash_final"}
    found += lint.forbidden_imports(objects.objdump, objects.planted, own)
    assert {offence.function: offence.rule for offence in found} == PLANTED[objects.architecture]


def test_library_has_no_forbidden_instruction(objects: Target) -> None:
    seen = 0
    for source, path in objects.library.items():
        assert lint.forbidden_instructions(objects.objdump, path, objects.architecture) == [], source
        seen += sum(1 for _ in lint.instructions(objects.objdump, path))
    assert seen > 10_000, "the disassembly was read"


def test_library_imports_nothing_but_moves_of_octets(objects: Target) -> None:
    ours = {symbol for path in objects.library.values() for symbol in lint.defined(objects.objdump, path)}
    for source, path in objects.library.items():
        allowed = lint.IMPORTS_OF.get(source.relative_to(clib.CSRC).as_posix(), set())
        assert lint.forbidden_imports(objects.objdump, path, {*lint.IMPORTS, *lint.ATOMICS, *allowed, *ours}) == [], source


#: The sources whose work is products of 64 by 64 bits.
WIDE_PRODUCTS = ("dl/dl2048.c", "dl/dl4096.c", "ec/p256_fe.c", "ec/p521_fe.c", "bn/inverse.c")


def high_products(objects: Target) -> dict[str, int]:
    """Count the instructions that give the high half of a product, by source."""
    return {
        name: sum(text.startswith(("umulh", "smulh")) for _, text in lint.instructions(objects.objdump, objects.library[clib.CSRC / name]))
        for name in WIDE_PRODUCTS
    }


def test_wide_products_on_aarch64_are_instructions() -> None:
    assert min(high_products(cross_gcc("aarch64", "-O2")).values()) > 0
    assert max(high_products(cross_gcc("aarch64", "-O2", "-DKAM3_NO_INT128")).values()) == 0, "the count can be zero"


@pytest.mark.parametrize(
    ("architecture", "text"),
    [
        ("x86-64", "idivl -0x8(%rbp)"),
        ("x86-64", "divsd %xmm1,%xmm0"),
        ("x86-64", "vdivpd %zmm1,%zmm2,%zmm3"),
        ("x86-64", "fdivrp %st,%st(1)"),
        ("x86-64", "sqrtsd %xmm1,%xmm0"),
        ("x86-64", "vpscatterqq %zmm0,(%rax,%zmm1,8){%k1}"),
        ("x86-64", "vgatherdps %ymm2,(%rsi,%ymm1,4),%ymm0"),
        ("x86-64", "vpcompressq %zmm0,(%rax){%k1}"),
        ("x86-64", "pdep %rax,%rbx,%rcx"),
        ("x86-64", "repnz scas %es:(%rdi),%al"),
        ("x86-64", "loopne 0x10"),
        ("x86-64", "(bad)"),
        ("aarch64", "<unknown>"),
        ("aarch64", ".inst 0xc5c0c060 ; undefined"),
        ("aarch64", "sdiv w0, w1, w2"),
        ("aarch64", "fsqrt d0, d1"),
        ("aarch64", "ursqrte v0.4s, v1.4s"),
        ("aarch64", "compact z0.s, p0, z1.s"),
        ("aarch64", "bext z0.d, z1.d, z2.d"),
        ("aarch64", "match p0.b, p1/z, z0.b, z1.b"),
        ("aarch64", "ldff1d {z0.d}, p0/z, [x0]"),
        ("aarch64", "ld1d {z0.d}, p0/z, [x0, z1.d, lsl #3]"),
        ("aarch64", "ld1d { z0.d }, p0/z, [x0, z1.d, lsl #3]"),
    ],
)
def test_rules_know_these_instructions(architecture: str, text: str) -> None:
    assert lint.broken_rules(architecture, text), text


@pytest.mark.parametrize(
    ("architecture", "text"),
    [
        ("x86-64", "rep stos %rax,%es:(%rdi)"),
        ("x86-64", "rep movsq (%rsi), %es:(%rdi)"),
        ("x86-64", "mulx %rax,%rbx,%rcx"),
        ("x86-64", "vpmadd52luq %zmm0,%zmm1,%zmm2"),
        ("x86-64", "cmovb %rax,%rbx"),
        ("aarch64", "umulh x0, x1, x2"),
        ("aarch64", "ld1 {v0.16b}, [x1]"),
        ("aarch64", "sha256h q0, q1, v2.4s"),
    ],
)
def test_rules_let_these_pass(architecture: str, text: str) -> None:
    assert not lint.broken_rules(architecture, text), text
