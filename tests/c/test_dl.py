"""csrc/dl against Python's pow()."""

from __future__ import annotations

import ctypes
import random
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.c.dl_python import LIBRARY_PARTS, YES, Group, modp
from tests.c.test_bn import numbers
from tests.clib import CSRC, VARIANTS, build, forced_path, limbs, number, use_path

#: The build and the CPU path of each run.
RUNS = [*((variant, "portable") for variant in VARIANTS), ("int128", "adx"), ("int128", "ifma")]

POWERS = ("ge_mul", "ge_mul_pair", "ge_mul_vartime", "ge_mul_prepared", "ge_mul_twice")


@pytest.fixture(scope="module", params=RUNS, ids="-".join)
def lib(request: pytest.FixtureRequest) -> ctypes.CDLL:
    variant, path = request.param
    library = build(f"dl-{variant}-{path}", (), VARIANTS[variant], tuple(CSRC / part for part in LIBRARY_PARTS))
    use_path(library, path)
    return library


@pytest.fixture(params=[2048, 4096])
def group(request: pytest.FixtureRequest, lib: ctypes.CDLL) -> Group:
    return modp(lib, request.param)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_kernel_takes_numbers_below_2q(lib: ctypes.CDLL, data: st.DataObject) -> None:
    """a b / R and a^2 / R stay below 2q, and their limbs below 2^60."""
    group = modp(lib, data.draw(st.sampled_from([2048, 4096])))
    q, over_r = group.q, pow(group.radix, -1, group.q)
    near = st.sampled_from([0, q, 2 * q]).flatmap(lambda c: st.integers(-3, 3).map(lambda d: (c + d) % (2 * q)))
    anything = st.one_of(numbers(group.words + 1).map(lambda x: x % (2 * q)), near)
    a, b = data.draw(anything), data.draw(anything)
    x, r = group.limbs(a), group.limbs(0)
    group.function("ge_add")(r, x, group.limbs(b))
    assert group.number(r) < 2 * q
    assert group.number(r) % q == a * b * over_r % q
    group.function("ge_mul_vartime")(r, x, group.scalar(4))
    assert group.number(r) < 2 * q
    assert group.number(r) % q == a**4 * over_r**3 % q


def test_decode(group: Group) -> None:
    q = group.q
    for x in (0, 1, q - 1, q, q + 1, 256**group.octets - 1):
        assert group.decode(x) == (False, 2)
    for x in (2, 3, q - 2, q // 2, 2**64, q - 2**64, *(random.Random(x).randrange(2, q - 1) for x in range(5))):
        assert group.decode(x) == (True, x)


def test_encode(group: Group) -> None:
    q, radix = group.q, group.radix
    for x in (2, 3, q - 2, 2**64, *(random.Random(x).randrange(2, q - 1) for x in range(5))):
        assert group.encode(group.element(x)) == (True, x)
    for x in (1, q - 1):
        assert group.encode(group.element(x)) == (False, 0)
    # other representatives than the one below q
    over_r = pow(radix, -1, q)
    for form in (1, 2, q - 1, q + 1, 2 * q - 1, radix - 1):
        assert group.encode(group.limbs(form)) == (True, form * over_r % q)
    for trivial in (1, q - 1):
        assert group.encode(group.limbs(trivial * radix % q + q)) == (False, 0)


def corner_scalars(r: int) -> list[int]:
    bits = r.bit_length()
    ends = (0, 1, 2, r - 1, r - 2, r // 2)
    powers = (5, 63, 64, 65, bits // 2, bits - 2, bits - 1)
    return [*ends, *(2**k for k in powers), *(2**k - 1 for k in powers), sum(31 << (10 * i) for i in range(bits // 10))]


def check_powers(group: Group, scalars: list[int], seed: int) -> None:
    x = random.Random(seed).randrange(2, group.q - 1)
    for k in scalars:
        expected = pow(x, k, group.q)
        for name in POWERS:
            assert group.mul(name, k, x) == expected, (name, k)
        base = pow(2, k, group.q)
        assert group.mul("ge_mul_base", k) == base, k
        assert group.mul("ge_mul", k, 2) == base, k


def test_powers_by_short_and_random_scalars(group: Group) -> None:
    rng = random.Random(group.q)
    check_powers(group, [0, 1, 2, 3, 31, 32, 33, rng.getrandbits(256), rng.getrandbits(512), rng.randrange(group.r)], 1)


def test_powers_by_corner_scalars(lib: ctypes.CDLL) -> None:
    group = modp(lib, 2048)
    check_powers(group, corner_scalars(group.r), 2)


@pytest.mark.nightly
def test_powers_by_corner_scalars_4096(lib: ctypes.CDLL) -> None:
    group = modp(lib, 4096)
    check_powers(group, corner_scalars(group.r), 3)


def test_powers_of_special_elements(group: Group) -> None:
    k = random.Random(group.q + 1).randrange(group.r)
    for x in (1, group.q - 1, 2, group.q - 2):
        for name in POWERS:
            assert group.mul(name, k, x) == pow(x, k, group.q)


def test_twice_is_exact_outside_the_subgroup(group: Group) -> None:
    """k t is not reduced mod r: of a non-square the sign of the power depends on its parity."""
    rng = random.Random(group.q)
    x = next(x for x in range(group.q - 9, 0, -1) if pow(x, group.r, group.q) != 1)
    for _ in range(4):
        k, t = rng.randrange(group.r), rng.getrandbits(256)
        assert group.mul_twice(k, t, x) == (pow(x, k, group.q), pow(x, k * t, group.q))


def test_a_table_of_one_path_serves_on_every_other(lib: ctypes.CDLL) -> None:
    group = modp(lib, 2048)
    k, x = random.Random(1).randrange(group.r), 2**2000 + 12345
    with forced_path(lib, "portable"):
        tables = [group.prepare(x)]
    tables.append(group.prepare(x))
    for path in ("portable", lib.kam3_cpu_path().decode()):
        with forced_path(lib, path):
            assert [group.mul_prepared(k, table) for table in tables] == [pow(x, k, group.q)] * 2


def test_scalars(group: Group) -> None:
    r, n, rng = group.r, group.words, random.Random(group.q + 2)
    out = limbs(0, n)
    for x in (0, 1, r - 1, r, r + 1, 256**group.octets - 1):
        ok = group.function("sc_decode")(out, x.to_bytes(8 * n, "big"))
        assert (ok, number(out)) == ((YES, x) if 1 <= x < r else (0, 1))
    for _ in range(5):
        a, b = rng.randrange(1, r), rng.randrange(r)
        group.function("sc_mul")(out, limbs(a, n), limbs(b, n))
        assert number(out) == a * b % r
        assert (group.function("sc_inv")(out, limbs(a, n)), number(out)) == (YES, pow(a, -1, r))
        octets = rng.randbytes(64)
        group.function("sc_reduce")(out, octets, 64)
        assert number(out) == int.from_bytes(octets, "big"), "64 octets are below r"


@pytest.mark.parametrize("path", ["portable", "adx"])
def test_table_made_by_many_threads(path: str) -> None:
    """Whoever comes first fills the table; all get the right answer at once."""
    library = tuple(CSRC / part for part in LIBRARY_PARTS)
    fresh = build(f"dl-threads-{path}", (), (), library)
    use_path(fresh, path)
    group = modp(fresh, 2048)
    scalars = [random.Random(i).randrange(group.r) for i in range(8)]
    gate, results = threading.Barrier(len(scalars)), dict.fromkeys(scalars, 0)

    def work(k: int) -> None:
        gate.wait()
        results[k] = group.mul("ge_mul_base", k)

    threads = [threading.Thread(target=work, args=(k,)) for k in scalars]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {k: pow(2, k, group.q) for k in scalars}


word = st.one_of(st.sampled_from([0, 1, 2**64 - 1, 2**64 - 2, 2**63]), st.integers(0, 2**64 - 1))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_adx_kernel_takes_any_words(data: st.DataObject) -> None:
    """a b / R and a^2 / R for any a, b < R, not only below q; in place, too."""
    library = build("dl-int128-adx", (), (), tuple(CSRC / part for part in LIBRARY_PARTS))
    use_path(library, "adx")
    n = data.draw(st.sampled_from([32, 64]))
    q = modp(library, 64 * n).q
    modulus = limbs(q, n)
    full, none = st.just([2**64 - 1] * n), st.just([0] * n)
    near = st.integers(-3, 3).map(lambda d: list(limbs(q + d, n)))
    words = st.one_of(st.lists(word, min_size=n, max_size=n), full, none, near)
    a, b = data.draw(words), data.draw(words)
    array = ctypes.c_uint64 * n
    over_r = pow(2, -64 * n, q)
    for x, y in ((a, b), (a, a)):
        expected = number(array(*x)) * number(array(*y)) * over_r % q
        results = [array(*x), array(*y), array()]
        library.kam3_dl_mul_adx(results[0], results[0], array(*y), modulus, ctypes.c_size_t(n))
        library.kam3_dl_mul_adx(results[1], array(*x), results[1], modulus, ctypes.c_size_t(n))
        if x is y:
            library.kam3_dl_sqr_adx(results[2], array(*x), modulus, ctypes.c_size_t(n))
            results.append(array(*x))
            library.kam3_dl_sqr_adx(results[3], results[3], modulus, ctypes.c_size_t(n))
        else:
            library.kam3_dl_mul_adx(results[2], array(*y), array(*x), modulus, ctypes.c_size_t(n))
        assert {number(r) % q for r in results} == {expected}
    one = limbs(1, n)
    library.kam3_dl_mul_adx(one, one, array(*a), modulus, ctypes.c_size_t(n))
    assert number(one) <= q, "a product with 1 is canonical but for q itself"


@pytest.mark.parametrize("n", [32, 64])
def test_adx_fold_takes_the_bit_above_the_words(n: int) -> None:
    library = build("dl-int128-adx", (), (), tuple(CSRC / part for part in LIBRARY_PARTS))
    q = modp(library, 64 * n).q
    for x in (0, 1, q - 1, q, q + 1, 2 ** (64 * n) - 1, 2 ** (64 * n), 2 * q - 1, 2 ** (64 * n) + q - 1):
        top, r = x >> (64 * n), limbs(x % 2 ** (64 * n), n)
        library.kam3_dl_fold_adx(r, r, ctypes.c_uint64(top), limbs(q, n), ctypes.c_size_t(n))
        assert number(r) == (x - q if top else x)
