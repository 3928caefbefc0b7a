"""Compute the constants of every modulus and write ``moduli.h`` and ``moduli.c`` beside this file.

``python csrc/gen/moduli.py`` writes them; with ``--check`` it writes nothing and exits with 1 if they differ from what it would write.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent


def pi_floor(bits: int) -> int:
    """Return floor(2^bits * pi), by Machin's formula pi = 16 arctan(1/5) - 4 arctan(1/239)."""
    guard = 64
    one = 1 << (bits + guard)

    def arctan_inverse(x: int) -> int:
        term = one // x
        total, n, sign = term, 1, 1
        while term:
            term //= x * x
            n += 2
            sign = -sign
            total += sign * (term // n)
        return total

    return (16 * arctan_inverse(5) - 4 * arctan_inverse(239)) >> guard


def modp(bits: int, offset: int) -> int:
    """Return the safe prime of RFC 3526 with `bits` bits."""
    return (1 << bits) - (1 << (bits - 64)) - 1 + ((pi_floor(bits - 130) + offset) << 64)


@dataclass(frozen=True)
class Modulus:
    """An odd modulus by its name in C, its value, and the expression that the value equals."""

    name: str
    m: int
    expression: str

    @property
    def n(self) -> int:
        """64-bit limbs."""
        return -(-self.m.bit_length() // 64)

    @property
    def n62(self) -> int:
        """62-bit limbs of the inverse: room for m and a sign."""
        return max(2, -(-(self.m.bit_length() + 1) // 62))

    @property
    def divsteps(self) -> int:
        """Half-delta divsteps that are enough for numbers of so many bits (Wuille 2021)."""
        return (45907 * self.m.bit_length() + 26313) // 19929

    @property
    def jumps(self) -> int:
        """Jumps of 62 divsteps."""
        return -(-self.divsteps // 62)

    @property
    def n0(self) -> int:
        """-m^-1 mod 2^64."""
        return -pow(self.m, -1, 2**64) % 2**64

    @property
    def rr(self) -> int:
        """R^2 mod m."""
        return (1 << (128 * self.n)) % self.m

    @property
    def m_inv62(self) -> int:
        """m^-1 mod 2^62."""
        return pow(self.m, -1, 2**62)


Q2048, Q4096 = modp(2048, 124476), modp(4096, 240904)
P256_R = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P521_R = 2**521 - 0x5AE79787C40D069948033FEB708F65A2FC44A36477663B851449048E16EC79BF7
MODULI = (
    Modulus("dl2048_q", Q2048, "2^2048 - 2^1984 - 1 + 2^64 (floor(2^1918 pi) + 124476)"),
    Modulus("dl2048_r", (Q2048 - 1) // 2, "(dl2048_q - 1) / 2"),
    Modulus("dl4096_q", Q4096, "2^4096 - 2^4032 - 1 + 2^64 (floor(2^3966 pi) + 240904)"),
    Modulus("dl4096_r", (Q4096 - 1) // 2, "(dl4096_q - 1) / 2"),
    Modulus("p256_q", 2**256 - 2**224 + 2**192 + 2**96 - 1, "2^256 - 2^224 + 2^192 + 2^96 - 1"),
    Modulus("p256_r", P256_R, f"the order of P-256, 2^256 - 2^224 + 2^192 - 0x{2**256 - 2**224 + 2**192 - P256_R:x}"),
    Modulus("p521_q", 2**521 - 1, "2^521 - 1"),
    Modulus("p521_r", P521_R, f"the order of P-521, 2^521 - 0x{2**521 - P521_R:x}"),
)


#: The fields of the DL groups multiply in limbs of radix 2^60, R = 2^(60 n60) (csrc/dl/montgomery.h).
RADIX60 = MODULI[0], MODULI[2]


def n60(x: Modulus) -> int:
    """Return the 60-bit limbs of m."""
    return -(-x.m.bit_length() // 60)


def words(x: int, count: int, bits: int) -> str:
    """Return the C initialiser of `count` limbs of x, `bits` bits each, least significant first."""
    limbs = [f"0x{(x >> (bits * i)) & (2**bits - 1):016x}" for i in range(count)]
    return "".join("\n    " + ", ".join(limbs[i : i + 5]) + "," for i in range(0, count, 5))


def vectors(x: Modulus) -> int:
    """Return the vectors of 8 limbs of 52 bits that hold a number mod m (csrc/dl/montgomery_ifma.h): R = 2^(416 vectors)."""
    return -(-x.m.bit_length() // 416)


def strided(x: int, nv: int) -> str:
    """Return the C initialiser of x in nv vectors of 8 limbs, 52 bits each: lane l of vector k is limb nv l + k."""
    places = ((52 * (nv * lane + k), 64 * (8 * k + lane)) for k in range(nv) for lane in range(8))
    return words(sum((x >> limb & (2**52 - 1)) << word for limb, word in places), 8 * nv, 64)


BANNER = "/* Made by csrc/gen/moduli.py: change that and run it again. */\n"


def header() -> str:
    """Return the text of moduli.h."""
    lines: list[str] = []
    for x in MODULI:
        lines += [f"/* {x.expression} */", f"extern const kam3_modulus kam3_{x.name};"]
    lines.append("")
    for x in RADIX60:
        lines.append(f"extern const uint64_t kam3_{x.name}_m60[{n60(x)}];  /* {x.name}, radix 2^60 */")
        lines.append(f"extern const uint64_t kam3_{x.name}_rr60[{n60(x)}]; /* R^2 mod {x.name}, R = 2^{60 * n60(x)}, radix 2^60 */")
    lines += ["", "/* In the order of dl/montgomery_ifma.h */"]
    for x in RADIX60:
        group, count = x.name.removesuffix("_q"), 8 * vectors(x)
        r52, r60 = 52 * count, 60 * n60(x)
        lines.append(f"extern const uint64_t kam3_{group}_q1_52[{count}];   /* {x.name} + 1 */")
        lines.append(f"extern const uint64_t kam3_{group}_enter52[{count}]; /* 2^{2 * r52} / 2^{r60} mod {x.name} */")
        lines.append(f"extern const uint64_t kam3_{group}_leave52[{count}]; /* 2^{r60} mod {x.name} */")
    return f'{BANNER}#ifndef KAM3_GEN_MODULI_H\n#define KAM3_GEN_MODULI_H\n\n#include "bn/bn.h"\n\n' + "\n".join(lines) + "\n\n#endif\n"


def source() -> str:
    """Return the text of moduli.c."""
    out = [BANNER + '#include "gen/moduli.h"\n']
    for x in MODULI:
        out.append(f"""
/* m = {x.expression} */
static const uint64_t {x.name}_m[{x.n}] = {{{words(x.m, x.n, 64)}
}};
/* R^2 mod m, R = 2^{64 * x.n} */
static const uint64_t {x.name}_rr[{x.n}] = {{{words(x.rr, x.n, 64)}
}};
/* m, radix 2^62 */
static const int64_t {x.name}_m62[{x.n62}] = {{{words(x.m, x.n62, 62)}
}};
const kam3_modulus kam3_{x.name} = {{
    .n = {x.n},
    .n0 = 0x{x.n0:016x}, /* -m^-1 mod 2^64 */
    .m = {x.name}_m,
    .rr = {x.name}_rr,
    .n62 = {x.n62},
    .jumps = {x.jumps}, /* ceil({x.divsteps} / 62), {x.divsteps} = (45907 * {x.m.bit_length()} + 26313) / 19929 */
    .m_inv62 = 0x{x.m_inv62:016x}, /* m^-1 mod 2^62 */
    .m62 = {x.name}_m62,
}};
""")
    for x in RADIX60:
        n = n60(x)
        out.append(f"""
/* {x.name}, radix 2^60 */
const uint64_t kam3_{x.name}_m60[{n}] = {{{words(x.m, n, 60)}
}};
/* R^2 mod {x.name}, R = 2^{60 * n}, radix 2^60 */
const uint64_t kam3_{x.name}_rr60[{n}] = {{{words(2 ** (120 * n) % x.m, n, 60)}
}};
""")
    for x in RADIX60:
        nv, group = vectors(x), x.name.removesuffix("_q")
        r52, r60 = 416 * nv, 60 * n60(x)
        out.append(f"""
/* {x.name} + 1 */
_Alignas(64) const uint64_t kam3_{group}_q1_52[{8 * nv}] = {{{strided(x.m + 1, nv)}
}};
/* 2^{2 * r52} / 2^{r60} mod {x.name} */
_Alignas(64) const uint64_t kam3_{group}_enter52[{8 * nv}] = {{{strided(2 ** (2 * r52 - r60) % x.m, nv)}
}};
/* 2^{r60} mod {x.name} */
_Alignas(64) const uint64_t kam3_{group}_leave52[{8 * nv}] = {{{strided(2**r60 % x.m, nv)}
}};
""")
    return "".join(out)


def main(arguments: list[str]) -> int:
    """Write the files, or compare them with --check."""
    files = {HERE / "moduli.h": header(), HERE / "moduli.c": source()}
    if arguments == ["--check"]:
        stale = [path.name for path, text in files.items() if not path.is_file() or path.read_text(encoding="ascii") != text]
        for name in stale:
            print(f"{name} is not what moduli.py makes", file=sys.stderr)
        return 1 if stale else 0
    if arguments:
        print("usage: moduli.py [--check]", file=sys.stderr)
        return 2
    for path, text in files.items():
        path.write_text(text, encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
