"""csrc/ec: the groups of P-256 and P-521 against plain Python."""

from __future__ import annotations

import ctypes
import random
import shutil
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.c.ec_support import CURVES, EC_PATHS, EC_VARIANTS, Affine, Curve, Group, group
from tests.clib import forced_path, use_path


@pytest.fixture(scope="module", params=[(n, v, p) for n in CURVES for v in EC_VARIANTS for p in EC_PATHS], ids="-".join)
def curve(request: pytest.FixtureRequest) -> Group:
    name, variant, path = request.param
    return group(CURVES[name], variant, path)


def corners(c: Curve) -> list[int]:
    """Scalars at which windows, signs and exceptional additions change."""
    bits = c.r.bit_length()
    found = {0, 1, 2, 3, 15, 16, 17, 31, 32, 33, 47, 48, 49, 527, 528, 529, c.r - 1, c.r - 2, c.r - 16, c.r - 17, c.r // 2, c.r // 2 + 1}
    found |= {2**i + d for i in (*range(4, 70, 7), 64, 128, 255, bits - 1) for d in (-1, 0, 1)}
    found |= {sum(16 << (5 * i) for i in range(bits // 5)), sum(15 << (5 * i) for i in range(bits // 5)), 2 ** (bits - 1) - 1}
    found |= {(c.r - d * k) % c.r for d in (1, 2) for k in range(32)} | {2**i - 2 ** (i % 5) for i in range(bits - 6, bits)}
    return sorted(k for k in found if 0 <= k < c.r)


def some_points(c: Curve) -> list[Affine]:
    return [None, c.g, c.neg(c.g), c.add(c.g, c.g), c.mul(2**200 + 12345, c.g)]


def test_additions(curve: Group) -> None:
    c = curve.curve
    for a in some_points(c):
        for b in [*some_points(c), c.neg(a), a]:
            assert curve.encode(curve.add(curve.load(a), curve.load(b))) == c.encode(c.add(a, b))


def test_additions_in_place_of_sums(curve: Group) -> None:
    """Sums of sums: operands with z other than 1, equal ones and opposite ones, and results that overwrite operands."""
    c = curve.curve
    two_g = c.add(c.g, c.g)
    a = curve.add(curve.load(two_g), curve.load(c.g))
    b = curve.add(curve.load(c.g), curve.load(two_g))
    minus = curve.add(curve.load(c.neg(two_g)), curve.load(c.neg(c.g)))
    assert curve.encode(curve.add(a, b)) == c.encode(c.mul(6, c.g))
    assert curve.encode(curve.add(a, minus)) == c.encode(None)
    curve.f("ge_add")(a, a, a)
    assert curve.encode(a) == c.encode(c.mul(6, c.g))
    curve.f("ge_add")(b, a, b)
    assert curve.encode(b) == c.encode(c.mul(9, c.g))
    curve.f("ge_dbl")(b, b)
    assert curve.encode(b) == c.encode(c.mul(18, c.g))
    nothing = curve.load(None)
    curve.f("ge_dbl")(nothing, nothing)
    assert curve.encode(curve.add(nothing, b)) == c.encode(c.mul(18, c.g))


def test_corner_scalars(curve: Group) -> None:
    c = curve.curve
    point = c.mul(2**77 + 5, c.g)
    loaded, base = curve.load(point), curve.load(c.g)
    prepared = curve.prepare(curve.add(loaded, curve.load(None)))  # z is not 1
    for k in corners(c):
        expected = c.encode(c.mul(k, point))
        assert curve.encode(curve.mul(k, loaded)) == expected
        assert curve.encode(curve.mul(k, loaded, "ge_mul_vartime")) == expected
        assert curve.encode(curve.mul_prepared(k, prepared)) == expected
        expected = c.encode(c.mul(k, c.g))
        assert curve.encode(curve.mul(k, base)) == expected
        assert curve.encode(curve.mul_base(k)) == expected
        for name in ("ge_mul", "ge_mul_vartime"):
            assert curve.encode(curve.mul(k, curve.load(None), name)) == c.encode(None)


def test_one_scalar_on_two_points(curve: Group) -> None:
    c = curve.curve
    points = [c.mul(2**77 + 5, c.g), c.neg(c.g), None]
    scalars = [0, 1, 2, c.r - 1, c.r - 2, *(random.Random(p).randrange(c.r) for p in range(6))]
    for k in scalars:
        for a in points:
            for b in points:
                out = [curve.point(), curve.point()]
                curve.f("ge_mul_pair")(*out, curve.load(a), curve.load(b), curve.scalar(k))
                assert [curve.encode(x) for x in out] == [c.encode(c.mul(k, a)), c.encode(c.mul(k, b))]
    a, b = curve.load(points[0]), curve.load(points[1])
    curve.f("ge_mul_pair")(b, a, a, b, curve.scalar(scalars[-1]))
    assert curve.encode(b) == c.encode(c.mul(scalars[-1], points[0]))
    assert curve.encode(a) == c.encode(c.mul(scalars[-1], points[1]))


def many(curve: Group, pairs: list[tuple[int, Affine]]) -> list[bytes]:
    """Return [k]a of each (k, a) by one call of ge_mul_many that writes every result over its point."""
    points = [curve.load(a) for _, a in pairs]
    scalars = [curve.scalar(k) for k, _ in pairs]
    pointers = (ctypes.c_void_p * len(pairs))(*map(ctypes.addressof, points))
    curve.f("ge_mul_many")(pointers, pointers, (ctypes.c_void_p * len(pairs))(*map(ctypes.addressof, scalars)), ctypes.c_size_t(len(pairs)))
    return [curve.encode(point) for point in points]


def test_many_at_once(curve: Group) -> None:
    """As many as there are lanes, fewer and more; corner scalars in every lane, and the identity beside points."""
    c = curve.curve
    assert curve.f("ge_lanes")() in (1, 8)
    points = [c.mul(2**77 + 5, c.g), c.g, None, c.neg(c.g), c.mul(3, c.g)]
    scalars = corners(c)
    pairs = [(k, points[i % 5]) for i, k in enumerate(scalars)]
    for count in (*range(20), len(pairs)):
        assert many(curve, pairs[:count]) == [c.encode(c.mul(k, a)) for k, a in pairs[:count]]
    for lane in range(8):
        alone = [(0, c.g)] * lane + [(c.r - 2, points[0])] + [(0, c.g)] * (7 - lane)
        assert many(curve, alone)[lane] == c.encode(c.mul(c.r - 2, points[0]))


def test_one_point_by_two_scalars(curve: Group) -> None:
    c = curve.curve
    scalars = [0, 1, 2, 17, c.r - 1, c.r - 2, *(random.Random(p).randrange(c.r) for p in range(3))]
    for a in (c.mul(2**77 + 5, c.g), None):
        for k in scalars:
            for t in scalars:
                out = [curve.load(a), curve.point()]
                curve.f("ge_mul_twice")(*out, out[0], curve.scalar(k), curve.scalar(t))
                assert [curve.encode(x) for x in out] == [c.encode(c.mul(k, a)), c.encode(c.mul(k * t % c.r, a))]


def test_a_table_of_one_path_serves_on_every_other(curve: Group) -> None:
    c, k = curve.curve, random.Random(7).randrange(curve.curve.r)
    a, here = c.mul(2**200 + 3, c.g), curve.lib.kam3_cpu_path().decode()
    tables = []
    for path in ("portable", here):
        with forced_path(curve.lib, path):
            tables.append(curve.prepare(curve.load(a)))
    for path in ("portable", here):
        with forced_path(curve.lib, path):
            assert [curve.encode(curve.mul_prepared(k, table)) for table in tables] == [c.encode(c.mul(k, a))] * 2


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**521), st.integers(0, 2**521))
def test_random_scalars(curve: Group, m: int, k: int) -> None:
    c = curve.curve
    m, k = m % c.r, k % c.r
    point = curve.mul_base(m)  # z is not 1
    expected = c.encode(c.mul(m * k % c.r, c.g))
    assert curve.encode(curve.mul(k, point)) == expected
    assert curve.encode(curve.mul(k, point, "ge_mul_vartime")) == expected
    assert curve.encode(curve.mul_base(m * k % c.r)) == expected
    assert curve.encode(curve.mul_prepared(k, curve.prepare(point))) == expected
    assert curve.encode(curve.add(curve.mul_base(k), point)) == c.encode(c.mul((m + k) % c.r, c.g))
    curve.f("ge_mul")(point, point, curve.scalar(k))
    assert curve.encode(point) == expected, "r may be a"


def test_pairs(curve: Group) -> None:
    c, k = curve.curve, 2**250 + 99
    first, second = c.mul(7, c.g), c.mul(11, c.g)
    expected = [c.encode(c.mul(k, first)), c.encode(c.mul(k, second))]
    for places in ((2, 3), (0, 1), (1, 0)):
        p = [curve.load(first), curve.load(second), curve.point(), curve.point()]
        curve.f("ge_mul_pair")(p[places[0]], p[places[1]], p[0], p[1], curve.scalar(k))
        assert [curve.encode(p[i]) for i in places] == expected


def test_long_chains_keep_their_magnitudes(curve: Group) -> None:
    c, rng = curve.curve, random.Random(8121)
    total, a = 1, curve.load(c.g)
    for _ in range(60):
        step = rng.choice(("add", "dbl", "mul", "vartime", "self"))
        k = rng.randrange(c.r)
        if step == "add":
            a, total = curve.add(a, curve.mul_base(k)), total + k
        elif step == "dbl":
            curve.f("ge_dbl")(a, a)
            total *= 2
        elif step == "self":
            a, total = curve.add(a, a), total * 2
        else:
            a, total = curve.mul(k, a, "ge_mul" if step == "mul" else "ge_mul_vartime"), total * k
        total %= c.r
    assert curve.encode(a) == c.encode(c.mul(total, c.g))


def test_codec_round_trip(curve: Group) -> None:
    c = curve.curve
    for k in (1, 2, 3, 5, 1000, c.r - 1, c.r - 2, 2**130):
        for point in (c.mul(k, c.g), c.neg(c.mul(k, c.g))):
            ok, loaded = curve.decode(c.encode(point))
            assert ok
            assert curve.encode(loaded) == c.encode(point)


def expect_refused(curve: Group, octets: bytes) -> None:
    ok, loaded = curve.decode(octets)
    assert not ok
    assert curve.encode(loaded) == curve.curve.encode(curve.curve.g), "what is refused decodes to the base point"


def test_codec_refuses_x_from_q_on_and_high_bits(curve: Group) -> None:
    c = curve.curve
    length = c.element_octets
    valid = int.from_bytes(c.encode(c.g), "big")
    for parity in (0, 1):
        for x in (c.q, c.q + 1, c.q + c.g[0], 2 ** c.q.bit_length() - 1, 2 ** c.q.bit_length(), 2 ** (8 * length - 1) - 1):
            if 2 * x + parity < 2 ** (8 * length):
                expect_refused(curve, (2 * x + parity).to_bytes(length, "big"))
    for bit in range(c.q.bit_length() + 1, 8 * length):
        expect_refused(curve, (valid | 1 << bit).to_bytes(length, "big"))
    # x + q for every small x that is on the curve: the same point by another name
    for x in range(40):
        if 2 * (x + c.q) + 1 < 2 ** (8 * length):
            expect_refused(curve, (2 * (x + c.q)).to_bytes(length, "big"))


def test_codec_accepts_exactly_the_curve(curve: Group) -> None:
    c, rng = curve.curve, random.Random(521)
    seen = set()
    for x in (*range(24), c.q - 1, c.q - 2, c.q - 3, *(rng.randrange(c.q) for _ in range(24))):
        square = (x**3 - 3 * x + c.b) % c.q
        y = pow(square, (c.q + 1) // 4, c.q)
        exists = y * y % c.q == square
        seen.add(exists)
        for parity in (0, 1):
            octets = (2 * x + parity).to_bytes(c.element_octets, "big")
            if exists:
                ok, loaded = curve.decode(octets)
                assert ok
                assert curve.encode(loaded) == octets
                expected = c.add((x, y if y % 2 == parity else c.q - y), c.g)
                assert curve.encode(curve.add(loaded, curve.load(c.g))) == c.encode(expected)
            else:
                expect_refused(curve, octets)
    assert seen == {True, False}


def test_many_octet_strings_decode_as_each_does(curve: Group) -> None:
    """Points and what is none, in every lane; fewer than there are lanes, and more."""
    c, rng = curve.curve, random.Random(4)
    n = c.element_octets
    octets = [c.encode(c.mul(k, c.g)) for k in range(1, 9)] + [rng.randrange(2 * c.q).to_bytes(n, "big") for _ in range(20)]
    octets += [bytes(n), b"\xff" * n, (2 * c.q).to_bytes(n, "big"), c.encode(c.g)]
    rng.shuffle(octets)
    alone = [curve.decode(string) for string in octets]
    assert {ok for ok, _ in alone} == {True, False}
    for count in (0, 1, 3, 4, 5, 8, 11, len(octets)):
        points = [curve.point() for _ in range(count)]
        strings = [ctypes.create_string_buffer(string, n) for string in octets[:count]]
        verdicts = (ctypes.c_uint64 * (count + 1))()
        pointers = [(ctypes.c_void_p * count)(*map(ctypes.addressof, buffers)) for buffers in (points, strings)]
        curve.f("ge_decode_many")(pointers[0], verdicts, pointers[1], ctypes.c_size_t(count))
        assert list(verdicts) == [(2**64 - 1) * ok for ok, _ in alone[:count]] + [0]
        assert [curve.encode(point) for point in points] == [curve.encode(point) for _, point in alone[:count]]


def test_the_identity_has_no_encoding(curve: Group) -> None:
    c = curve.curve
    for nothing in (curve.load(None), curve.add(curve.load(c.g), curve.load(c.neg(c.g))), curve.mul_base(0)):
        assert curve.encode(nothing) == b""


def test_all_zero_octets_are_a_point(curve: Group) -> None:
    """(0, y) with y^2 = b and y even is on both curves: its encoding is all zero, and not the identity's."""
    c = curve.curve
    y = pow(c.b, (c.q + 1) // 4, c.q)
    assert y * y % c.q == c.b
    ok, loaded = curve.decode(bytes(c.element_octets))
    assert ok
    assert curve.encode(loaded) == bytes(c.element_octets)
    assert curve.encode(curve.add(loaded, loaded)) == c.encode(c.mul(2, (0, y if y % 2 == 0 else c.q - y)))


@pytest.mark.parametrize("path", EC_PATHS)
@pytest.mark.parametrize("name", CURVES)
def test_threads_racing_for_the_table(name: str, path: str) -> None:
    c = CURVES[name]
    fresh = Group(private_copy(group(c, "int128").lib), c)
    use_path(fresh.lib, path)
    scalars = [random.Random(i).randrange(c.r) for i in range(4)]
    start, results = threading.Barrier(8), [[] for _ in range(8)]

    def work(i: int) -> None:
        start.wait()
        if i == 7:
            fresh.f("ge_prepare_tables")()
        results[i] = [fresh.encode(fresh.mul_base(k)) for k in scalars]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [[c.encode(c.mul(k, c.g)) for k in scalars]] * 8


def private_copy(lib: ctypes.CDLL) -> ctypes.CDLL:
    """Load a library once more, with tables of its own that are still empty."""
    copy = Path(tempfile.mkdtemp(prefix="kam3-ec-copy-")) / "copy.so"
    shutil.copy(lib._name, copy)
    return ctypes.CDLL(str(copy))
