"""csrc/bn and csrc/gen/moduli.py against Python's integers."""

from __future__ import annotations

import ctypes
import math
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.clib import CSRC, ROOT, VARIANTS, build, limbs, number

M64 = 2**64 - 1
ONES = M64
VECTORS = ROOT.parent / "shared" / "vectors" / "third-party" / "aws-lc" / "mod_exp_tests.txt"
NAMES = ("dl2048_q", "dl2048_r", "dl4096_q", "dl4096_r", "p256_q", "p256_r", "p521_q", "p521_r")

P256_R = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P521_R = int(
    "1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
    16,
)


class Modulus(ctypes.Structure):
    """kam3_modulus, made here from its definition rather than by csrc/gen."""

    _fields_ = (
        ("n", ctypes.c_size_t),
        ("n0", ctypes.c_uint64),
        ("m", ctypes.POINTER(ctypes.c_uint64)),
        ("rr", ctypes.POINTER(ctypes.c_uint64)),
        ("n62", ctypes.c_size_t),
        ("jumps", ctypes.c_size_t),
        ("m_inv62", ctypes.c_uint64),
        ("m62", ctypes.POINTER(ctypes.c_int64)),
    )

    @classmethod
    def of(cls, m: int, n: int | None = None) -> Modulus:
        """Return the structure of an odd m > 1."""
        bits = m.bit_length()
        n = n or -(-bits // 64)
        n62 = max(2, -(-(bits + 1) // 62))
        keep = (limbs(m, n), limbs(pow(2, 128 * n, m), n), (ctypes.c_int64 * n62)(*((m >> (62 * i)) & (2**62 - 1) for i in range(n62))))
        u64p = ctypes.POINTER(ctypes.c_uint64)
        out = cls(
            n,
            -pow(m, -1, 2**64) % 2**64,
            ctypes.cast(keep[0], u64p),
            ctypes.cast(keep[1], u64p),
            n62,
            -(-((45907 * bits + 26313) // 19929) // 62),
            pow(m, -1, 2**62),
            ctypes.cast(keep[2], ctypes.POINTER(ctypes.c_int64)),
        )
        out.keep = keep
        return out

    @property
    def value(self) -> int:
        return number(self.m[: self.n])  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=VARIANTS)
def lib(request: pytest.FixtureRequest) -> ctypes.CDLL:
    library = (*sorted((CSRC / "bn").glob("*.c")), CSRC / "base" / "wipe.c", CSRC / "gen" / "moduli.c")
    out = build(f"bn-{request.param}", ("bn_scalars.c",), VARIANTS[request.param], library)
    for name in ("bn_is_zero", "bn_eq", "bn_lt", "bn_add", "bn_sub", "mod_inverse"):
        getattr(out, f"kam3_{name}").restype = ctypes.c_uint64
    for prefix in ("test256", "test521", "testtiny"):
        for name in ("decode", "inv", "is_zero", "lt_word"):
            getattr(out, f"kam3_{prefix}_sc_{name}").restype = ctypes.c_uint64
    return out


def library_moduli(lib: ctypes.CDLL) -> dict[str, Modulus]:
    return {name: Modulus.in_dll(lib, f"kam3_{name}") for name in NAMES}


#: Limb patterns on which carries run far, beside random ones.
limb = st.one_of(st.sampled_from([0, 1, ONES, ONES - 1, 2**63, 2**63 - 1, 2**32, 2**32 - 1]), st.integers(0, M64))


@st.composite
def numbers(draw: Any, n: int) -> int:
    return sum(draw(limb) << (64 * i) for i in range(n))


@st.composite
def pairs(draw: Any) -> tuple[int, int, int]:
    n = draw(st.sampled_from([1, 2, 4, 9, 32]))
    return n, draw(numbers(n)), draw(numbers(n))


def edges(m: int) -> list[int]:
    values = (0, 1, 2, m - 1, m - 2, m // 2, m // 2 + 1, 2**62, 2**62 - 1, 2**64 - 1, -(2**64), 2 ** (m.bit_length() - 1))
    return sorted({x % m for x in values})


@settings(max_examples=120, deadline=None)
@given(pairs())
def test_add_sub_and_comparisons(lib: ctypes.CDLL, pair: tuple[int, int, int]) -> None:
    n, a, b = pair
    x, y, r = limbs(a, n), limbs(b, n), limbs(0, n)
    carry = lib.kam3_bn_add(r, x, y, n)
    assert number(r) + (carry << (64 * n)) == a + b
    borrow = lib.kam3_bn_sub(r, x, y, n)
    assert number(r) - (borrow << (64 * n)) == a - b
    for first, second in ((x, y), (x, x), (y, x)):
        p, q = number(first), number(second)
        assert lib.kam3_bn_lt(first, second, n) == (M64 if p < q else 0)
        assert lib.kam3_bn_eq(first, second, n) == (M64 if p == q else 0)
    assert lib.kam3_bn_is_zero(x, n) == (M64 if a == 0 else 0)
    assert lib.kam3_bn_is_zero(limbs(0, n), n) == M64
    lib.kam3_bn_add(x, x, y, n)
    assert number(x) == (a + b) % 2 ** (64 * n), "r may be a"


@pytest.mark.parametrize("position", range(0, 256, 17))
def test_comparisons_see_every_limb(lib: ctypes.CDLL, position: int) -> None:
    a, zero = limbs(1 << position, 4), limbs(0, 4)
    assert (lib.kam3_bn_is_zero(a, 4), lib.kam3_bn_eq(a, zero, 4), lib.kam3_bn_lt(zero, a, 4), lib.kam3_bn_lt(a, zero, 4)) == (0, 0, M64, 0)


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=72), st.integers(0, 3))
def test_octets_and_back(lib: ctypes.CDLL, octets: bytes, spare: int) -> None:
    n = -(-len(octets) // 8) + spare
    r = limbs(2 ** (64 * n) - 1, n)
    lib.kam3_bn_from_octets(r, n, octets, len(octets))
    assert number(r) == int.from_bytes(octets, "big")
    back = ctypes.create_string_buffer(b"\xaa" * (len(octets) + 1))
    lib.kam3_bn_to_octets(back, len(octets), r, n)
    assert back.raw[: len(octets) + 1] == octets + b"\xaa"


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_change_of_radix_and_back(lib: ctypes.CDLL, data: st.DataObject) -> None:
    bits, words = data.draw(st.sampled_from([60, 62, 52, 33, 63])), data.draw(st.sampled_from([1, 4, 9, 32]))
    a = data.draw(numbers(words))
    n = -(-64 * words // bits) + data.draw(st.integers(0, 1))
    r = limbs(2 ** (64 * n) - 1, n)
    lib.kam3_bn_to_radix(r, n, bits, limbs(a, words), words)
    assert list(r) == [(a >> (bits * i)) % 2**bits for i in range(n)]
    back = limbs(2 ** (64 * words) - 1, words)
    lib.kam3_bn_from_radix(back, words, r, n, bits)
    assert number(back) == a


def test_generated_constants(lib: ctypes.CDLL) -> None:
    found = library_moduli(lib)
    values = {name: mod.value for name, mod in found.items()}
    assert values["p256_r"] == P256_R
    assert values["p521_r"] == P521_R
    assert values["p256_q"] == 2**256 - 2**224 + 2**192 + 2**96 - 1
    assert values["p521_q"] == 2**521 - 1
    for bits in (2048, 4096):
        q, r = values[f"dl{bits}_q"], values[f"dl{bits}_r"]
        assert q.bit_length() == bits
        assert q == 2 * r + 1
        assert q % 2**64 == M64
        assert q >> (bits - 64) == M64
        assert all(pow(2, p - 1, p) == 1 for p in (q, r) if p != 2), "2 is a Fermat witness of neither"
        assert pow(2, r, q) == 1
    for mod in found.values():
        expected = Modulus.of(mod.value)
        assert (mod.n, mod.n0, mod.n62, mod.jumps, mod.m_inv62) == (expected.n, expected.n0, expected.n62, expected.jumps, expected.m_inv62)
        assert mod.rr[: mod.n] == expected.rr[: mod.n]
        assert mod.m62[: mod.n62] == expected.m62[: mod.n62]


@pytest.mark.parametrize(("bits", "n"), [(2048, 35), (4096, 69)])
def test_generated_constants_of_radix_60(lib: ctypes.CDLL, bits: int, n: int) -> None:
    q = library_moduli(lib)[f"dl{bits}_q"].value

    def constant(name: str) -> int:
        digits = (ctypes.c_uint64 * n).in_dll(lib, f"kam3_dl{bits}_q_{name}")
        assert max(digits) < 2**60
        return sum(digit << (60 * i) for i, digit in enumerate(digits))

    assert constant("m60") == q
    assert constant("rr60") == pow(2, 2 * 60 * n, q)
    assert 2 ** (60 * n) > 2**44 * q
    assert q % 2**60 == 2**60 - 1


def test_generator_agrees_with_its_output() -> None:
    script = Path(CSRC / "gen" / "moduli.py")
    done = subprocess.run([sys.executable, "-B", str(script), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_generator_tells_a_difference(tmp_path: Path) -> None:
    for name in ("moduli.py", "moduli.h", "moduli.c"):
        text = (CSRC / "gen" / name).read_text()
        (tmp_path / name).write_text(text.replace(".n = 4,", ".n = 5,") if name == "moduli.c" else text)
    done = subprocess.run([sys.executable, "-B", str(tmp_path / "moduli.py"), "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "moduli.c is not what moduli.py makes\n")


def check_arithmetic(lib: ctypes.CDLL, mod: Modulus, a: int, b: int, wide: int) -> None:
    """a, b below m; `wide` is any number of n limbs."""
    m, n, p = mod.value, mod.n, ctypes.byref(mod)
    x, y, w, r = limbs(a, n), limbs(b, n), limbs(wide, n), limbs(0, n)
    lib.kam3_mod_add(r, x, y, p)
    assert number(r) == (a + b) % m
    over_r = pow(2, -64 * n, m)
    lib.kam3_mod_montmul(r, x, w, p)
    assert number(r) == a * wide * over_r % m
    lib.kam3_mod_montmul(r, w, x, p)
    assert number(r) == a * wide * over_r % m
    lib.kam3_mod_mul(r, w, x, p)
    assert number(r) == a * wide % m
    lib.kam3_mod_mul(x, x, x, p)
    assert number(x) == a * a % m, "r, a and b may be one"


@pytest.mark.parametrize("name", NAMES)
def test_modular_arithmetic(lib: ctypes.CDLL, name: str) -> None:
    mod = library_moduli(lib)[name]
    m, top, rng = mod.value, 2 ** (64 * mod.n) - 1, random.Random(name)
    for a in edges(m):
        for b in edges(m):
            check_arithmetic(lib, mod, a, b, rng.choice([0, 1, m - 1, m, top, top - m, m + 1 if m < top else m]))
    for _ in range(30):
        check_arithmetic(lib, mod, rng.randrange(m), rng.randrange(m), rng.randrange(top + 1))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_modular_arithmetic_of_any_modulus(lib: ctypes.CDLL, data: st.DataObject) -> None:
    n = data.draw(st.sampled_from([1, 2, 3, 5]))
    m = data.draw(numbers(n)) | 1
    m += 2 if m == 1 else 0
    mod = Modulus.of(m, n)
    a, b, wide = (data.draw(numbers(n)) for _ in range(3))
    check_arithmetic(lib, mod, a % m, b % m, wide)


def check_inverse(lib: ctypes.CDLL, mod: Modulus, x: int) -> None:
    m, n = mod.value, mod.n
    r = limbs(2 ** (64 * n) - 1, n)
    ok = lib.kam3_mod_inverse(r, limbs(x, n), ctypes.byref(mod))
    assert (ok, number(r)) == ((M64, pow(x, -1, m)) if math.gcd(x, m) == 1 else (0, 0))


@pytest.mark.parametrize("m", [*range(3, 140, 2), 251, 65521, 65535])
def test_inverse_modulo_tiny_numbers_exhaustively(lib: ctypes.CDLL, m: int) -> None:
    mod = Modulus.of(m)
    for x in range(m) if m < 1000 else random.Random(m).sample(range(m), 1000):
        check_inverse(lib, mod, x)


@pytest.mark.parametrize("name", NAMES)
def test_inverse(lib: ctypes.CDLL, name: str) -> None:
    mod = library_moduli(lib)[name]
    m, rng = mod.value, random.Random(name)
    powers = [2**k for k in range(0, m.bit_length() - 1, 61)]
    for x in [*edges(m), *powers, *(m - p for p in powers), *(rng.randrange(m) for _ in range(40))]:
        check_inverse(lib, mod, x)
    x = limbs(3, mod.n)
    assert lib.kam3_mod_inverse(x, x, ctypes.byref(mod)) == M64
    assert number(x) == pow(3, -1, m), "r may be x"


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_inverse_of_any_modulus(lib: ctypes.CDLL, data: st.DataObject) -> None:
    n = data.draw(st.sampled_from([1, 2, 3, 4, 7, 64]))
    m = data.draw(numbers(n)) | 1
    m += 2 if m == 1 else 0
    x = data.draw(st.one_of(numbers(n).map(lambda v: v % m), st.integers(0, min(m - 1, 1000))))
    check_inverse(lib, Modulus.of(m, n), x)


def jacobi(a: int, m: int) -> int:
    """Return (a | m), by the law of reciprocity."""
    a, sign = a % m, 1
    while a:
        while a % 2 == 0:
            a //= 2
            sign *= -1 if m % 8 in (3, 5) else 1
        a, m = m, a
        sign *= -1 if a % 4 == m % 4 == 3 else 1
        a %= m
    return sign if m == 1 else 0


@pytest.mark.parametrize("m", [3, 5, 7, 9, 15, 21, 23, 45, 47, 105, 225])
def test_jacobi_of_tiny_numbers_exhaustively(lib: ctypes.CDLL, m: int) -> None:
    mod = Modulus.of(m)
    for x in range(m):
        assert lib.kam3_mod_jacobi_vartime(limbs(x, 1), ctypes.byref(mod)) == jacobi(x, m)


@pytest.mark.parametrize("name", NAMES)
def test_jacobi(lib: ctypes.CDLL, name: str) -> None:
    mod = library_moduli(lib)[name]
    m, rng = mod.value, random.Random(name)
    values = [*edges(m), *(2**k % m for k in (63, 64, 65, 128)), *(rng.randrange(m) for _ in range(20))]
    for x in values:
        assert lib.kam3_mod_jacobi_vartime(limbs(x, mod.n), ctypes.byref(mod)) == jacobi(x, m)
        assert lib.kam3_mod_jacobi_vartime(limbs(x * x % m, mod.n), ctypes.byref(mod)) == (1 if x else 0)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_jacobi_of_any_modulus(lib: ctypes.CDLL, data: st.DataObject) -> None:
    n = data.draw(st.sampled_from([1, 2, 3, 5]))
    m = data.draw(numbers(n)) | 1
    m += 2 if m == 1 else 0
    x = data.draw(st.one_of(numbers(n), st.integers(0, 1000))) % m
    assert lib.kam3_mod_jacobi_vartime(limbs(x, n), ctypes.byref(Modulus.of(m, n))) == jacobi(x, m)


SCALARS = {"test256": (4, 32, P256_R), "test521": (9, 66, P521_R), "testtiny": (1, 2, 0)}
TINY_ORDERS = (3, 23, 1019, 32749)


def scalar_fields(lib: ctypes.CDLL) -> list[tuple[str, int, int, int, Any]]:
    """(prefix, limbs, octets, r, what must be set before use) for each instance of the template."""
    out: list[tuple[str, int, int, int, Any]] = [(name, n, octets, r, None) for name, (n, octets, r) in SCALARS.items() if r]
    return out + [("testtiny", 1, 2, r, Modulus.of(r)) for r in TINY_ORDERS]


def select(lib: ctypes.CDLL, mod: Modulus | None) -> None:
    if mod is not None:
        ctypes.memmove(ctypes.byref(Modulus.in_dll(lib, "kam3_test_tiny_modulus")), ctypes.byref(mod), ctypes.sizeof(Modulus))


@settings(max_examples=150, deadline=None)
@given(octets=st.one_of(st.binary(max_size=64), st.sampled_from([b"\xff" * k for k in range(65)])))
def test_scalar_reduce(lib: ctypes.CDLL, octets: bytes) -> None:
    for prefix, n, _, r, mod in scalar_fields(lib):
        select(lib, mod)
        out = limbs(0, n)
        getattr(lib, f"kam3_{prefix}_sc_reduce")(out, octets, len(octets))
        assert number(out) == int.from_bytes(octets, "big") % r


def test_scalar_decode(lib: ctypes.CDLL) -> None:
    for prefix, n, size, r, mod in scalar_fields(lib):
        select(lib, mod)
        for x in (0, 1, 2, r - 1, r, r + 1, 256**size - 1):
            out = limbs(0, n)
            ok = getattr(lib, f"kam3_{prefix}_sc_decode")(out, x.to_bytes(size, "big"))
            assert (ok, number(out)) == ((M64, x) if 1 <= x < r else (0, 1))


def test_scalar_arithmetic(lib: ctypes.CDLL) -> None:
    for prefix, n, _, r, mod in scalar_fields(lib):
        select(lib, mod)
        rng = random.Random(r)
        call = lambda name, *args, prefix=prefix: getattr(lib, f"kam3_{prefix}_sc_{name}")(*args)  # noqa: E731
        values = [*edges(r), *(rng.randrange(r) for _ in range(10))]
        for a in values:
            out, x = limbs(0, n), limbs(a, n)
            for b in values:
                call("add", out, x, limbs(b, n))
                assert number(out) == (a + b) % r
                call("mul", out, x, limbs(b, n))
                assert number(out) == a * b % r
            ok = call("inv", out, x)
            assert (ok, number(out)) == ((M64, pow(a, -1, r)) if a else (0, 0))
            assert call("is_zero", x) == (0 if a else M64)
            for word in (0, 1, a % 2**64, (a + 1) % 2**64, M64):
                assert call("lt_word", x, ctypes.c_uint64(word)) == (M64 if a < word else 0)


def read_vectors(path: Path) -> list[dict[str, int]]:
    """Return the blocks of a file of `name = hex` lines that are separated by empty lines."""
    blocks: list[dict[str, int]] = [{}]
    for line in path.read_text(encoding="ascii").splitlines():
        name, equals, value = line.partition("=")
        if line.strip() == "":
            blocks.append({})
        elif equals and not line.startswith("#"):
            blocks[-1][name.strip()] = int(value.strip() or "0", 16)
    return [block for block in blocks if block]


def test_montmul_on_third_party_exponentiations(lib: ctypes.CDLL) -> None:
    """A^E mod M by square and multiply over kam3_mod_montmul, for the odd M of at most 64 limbs."""
    if not VECTORS.is_file():
        pytest.skip("mod_exp_tests.txt of AWS-LC is not beside this checkout")
    done = 0
    for block in read_vectors(VECTORS):
        if not {"A", "E", "M", "ModExp"} <= set(block) or block["M"] % 2 == 0 or not 1 < block["M"] < 2**4096:
            continue
        mod = Modulus.of(block["M"])
        n, p = mod.n, ctypes.byref(mod)
        x, r = limbs(block["A"] % block["M"], n), limbs(1 % block["M"], n)
        lib.kam3_mod_montmul(x, x, mod.rr, p)
        lib.kam3_mod_montmul(r, r, mod.rr, p)
        for bit in bin(block["E"])[2:]:
            lib.kam3_mod_montmul(r, r, r, p)
            if bit == "1":
                lib.kam3_mod_montmul(r, r, x, p)
        lib.kam3_mod_montmul(r, r, limbs(1, n), p)
        assert number(r) == block["ModExp"] % block["M"]
        done += 1
    assert done > 20
