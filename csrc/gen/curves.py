"""Compute the constants of the curves and of the P-256 field and write ``curves.h`` beside this file.

``python csrc/gen/curves.py`` writes it; with ``--check`` it writes nothing and exits with 1 if it differs from what it would write.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

OUTPUT = Path(__file__).resolve().parent / "curves.h"


@dataclass(frozen=True)
class Curve:
    """A curve y^2 = x^3 - 3x + b mod q, its base point, and how its field keeps a number.

    A number x is kept as `count` limbs, `bits` bits each, of x * scale mod q.
    """

    name: str
    q: int
    b: int
    gx: int
    gy: int
    count: int
    bits: int
    scale: int

    def check(self) -> None:
        """Raise ValueError unless the base point is on the curve."""
        if (self.gy**2 - self.gx**3 + 3 * self.gx - self.b) % self.q:
            raise ValueError(f"the base point of {self.name} is not on the curve")

    def limbs(self, x: int) -> str:
        """Return the limbs of x as the field keeps it, least significant first."""
        x = x * self.scale % self.q
        limbs = [f"0x{(x >> (self.bits * i)) & (2**self.bits - 1):016x}" for i in range(self.count)]
        return ", \\\n    ".join(", ".join(limbs[i : i + 5]) for i in range(0, self.count, 5))


P256 = Curve(
    name="P256",
    q=2**256 - 2**224 + 2**192 + 2**96 - 1,
    b=0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    gx=0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    gy=0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    count=4,
    bits=64,
    scale=2**256,
)
P521 = Curve(
    name="P521",
    q=2**521 - 1,
    b=0x51953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109E156193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00,
    gx=0xC6858E06B70404E9CD9E3ECB662395B4429C648139053FB521F828AF606B4D3DBAA14B5E77EFE75928FE1DC127A2FFA8DE3348B3C1856A429BF97E7E31C2E5BD66,
    gy=0x11839296A789A3BC0045C8A5FB42C7D1BD998F54449579B446817AFBD17273E662C97EE72995EF42640C550B9013FAD0761353C7086A272C24088BE94769FD16650,
    count=9,
    bits=58,
    scale=1,
)


def define(curve: Curve, what: str, meaning: str, x: int) -> str:
    """Return the macro KAM3_<curve>_<what>, the limbs of x, under a comment that says what x is."""
    return f"/* {meaning} */\n#define KAM3_{curve.name}_{what} \\\n    {curve.limbs(x)}\n"


def text() -> str:
    """Return the text of curves.h."""
    parts = [
        "/* Made by csrc/gen/curves.py: change that and run it again.\n"
        " *\n * Limbs as the fields keep them: P-256 in Montgomery form with R = 2^256, P-521 in radix 2^58. */\n"
        "#ifndef KAM3_GEN_CURVES_H\n#define KAM3_GEN_CURVES_H\n"
    ]
    for curve in (P256, P521):
        curve.check()
        parts.append(define(curve, "B", f"{curve.name}: b of y^2 = x^3 - 3x + b", curve.b))
        parts.append(define(curve, "GX", f"{curve.name}: x of the base point", curve.gx))
        parts.append(define(curve, "GY", f"{curve.name}: y of the base point", curve.gy))
    parts.append(define(P256, "ONE", "R mod q: 1 in Montgomery form", 1))
    parts.append(define(P256, "R2", "R^2 mod q", P256.scale))
    parts.append(define(P256, "R3", "R^3 mod q", P256.scale**2))
    lanes = replace(P256, count=5, bits=52, scale=2**260)
    parts.append(define(lanes, "IFMA_ONE", "2^260 mod q in radix 2^52: 1 as the IFMA path keeps it", 1))
    parts.append(define(lanes, "IFMA_B", "b in the same form", P256.b))
    parts.append(define(P256, "SIXTEEN", "16 in Montgomery form: brings x 2^256 to x 2^260", 16))
    slots = replace(P521, count=11, bits=48)
    parts.append(define(slots, "IFMA_B", "P521: b in radix 2^48, as the IFMA path keeps it for the base point", P521.b))
    parts.append("#endif\n")
    return "\n".join(parts)


def main(arguments: list[str]) -> int:
    """Write the file, or compare it; return the exit status."""
    if arguments == ["--check"]:
        if OUTPUT.read_text() == text():
            return 0
        print(f"{OUTPUT.name} is not what curves.py makes", file=sys.stderr)
        return 1
    OUTPUT.write_text(text())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
