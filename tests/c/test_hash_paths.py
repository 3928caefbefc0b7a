"""The CPU paths: what each allows, and every kernel of csrc/hash against its portable twin on any chaining value."""

from __future__ import annotations

import ctypes
import hashlib
import platform
import random
from ctypes import c_size_t, c_uint32, c_uint64

import pytest

from tests import clib
from tests.c.test_hash import LIBRARY, PATHS

WORD = {"sha256": c_uint32, "sha512": c_uint64}
#: kernel: (what it needs of the CPU, chains side by side). Compression functions have no chains.
KERNELS = {
    "sha256_compress_shani": ({"sha", "ssse3"}, 0),
    "sha256_iterate_shani": ({"sha", "ssse3"}, 1),
    "sha256_iterate_x4_shani": ({"sha", "ssse3", "avx2"}, 4),
    "sha256_iterate_x4_avx512": ({"sha", "ssse3", "avx512f", "avx512vl"}, 4),
    "sha512_compress_avx2": ({"bmi1", "bmi2", "avx2"}, 0),
    "sha512_iterate_avx2": ({"bmi1", "bmi2", "avx2"}, 1),
    "sha512_iterate_x4_avx2": ({"avx2"}, 4),
    "sha512_compress_avx512": ({"bmi1", "bmi2", "avx512f", "avx512vl"}, 0),
    "sha512_iterate_avx512": ({"bmi1", "bmi2", "avx512f", "avx512vl"}, 1),
    "sha512_iterate_x8_avx512": ({"avx512f"}, 8),
}
ALLOWED = {
    "portable": set(),
    "shani": {"sha", "ssse3"},
    "adx": {"sha", "ssse3", "bmi1", "bmi2", "adx", "avx2"},
    "ifma": {"sha", "ssse3", "bmi1", "bmi2", "adx", "avx2", "avx512f", "avx512vl", "avx512ifma"},
}


@pytest.fixture(scope="module")
def library() -> ctypes.CDLL:
    library = clib.build("hash-int128", ("hash_sizes.c",), clib.VARIANTS["int128"], LIBRARY)
    library.kam3_cpu_feature_name.restype = ctypes.c_char_p
    return library


def features(library: ctypes.CDLL) -> dict[str, int]:
    """Return the bit of every feature by its name."""
    names = []
    while (name := library.kam3_cpu_feature_name(len(names))) is not None:
        names.append(name.decode())
    return {name: 1 << i for i, name in enumerate(names)}


@pytest.mark.parametrize("path", PATHS)
def test_a_path_allows_what_its_cpus_have(library: ctypes.CDLL, path: str) -> None:
    found = library.kam3_cpu_features()
    with clib.forced_path(library, path):
        in_use = {name for name, bit in features(library).items() if library.kam3_cpu_has(c_uint32(bit))}
    assert in_use == {name for name, bit in features(library).items() if found & bit and name in ALLOWED[path]}


def test_one_missing_feature_is_enough_to_say_no(library: ctypes.CDLL) -> None:
    bits = features(library)
    with clib.forced_path(library, "shani"):
        assert library.kam3_cpu_has(c_uint32(bits["sha"] | bits["ssse3"])) == 1
        assert library.kam3_cpu_has(c_uint32(bits["sha"] | bits["adx"])) == 0


@pytest.mark.parametrize("kernel", KERNELS)
def test_kernel_is_its_portable_twin(library: ctypes.CDLL, kernel: str) -> None:
    if platform.machine().lower() not in {"x86_64", "amd64"}:
        pytest.skip(f"kam3_{kernel} is x86-64 code")
    needed, chains = KERNELS[kernel]
    found, bits = library.kam3_cpu_features(), features(library)
    missing = sorted(name for name in needed if not found & bits[name])
    if missing:
        pytest.skip(f"kam3_{kernel} needs {', '.join(missing)}")
    name, what = kernel.split("_")[:2]
    ours, twin = getattr(library, f"kam3_{kernel}"), getattr(library, f"kam3_{name}_{what}_portable")
    rng = random.Random(f"kam3 {kernel}")
    if chains:
        compare_loops(ours, twin, name, chains, rng)
    else:
        compare_compressions(ours, twin, name, rng)


def compare_compressions(ours: ctypes._CFuncPtr, twin: ctypes._CFuncPtr, name: str, rng: random.Random) -> None:
    """Compare over any chaining value, some extreme ones, and no to five blocks at an odd address."""
    word, block = WORD[name], hashlib.new(name).block_size
    top = 2 ** (8 * ctypes.sizeof(word)) - 1
    for count in range(6):
        for state in [[0] * 8, [top] * 8, [rng.choice((0, 1, top >> 1, top)) for _ in range(8)], [rng.randrange(top) for _ in range(8)]]:
            text = ctypes.create_string_buffer(b"!" + rng.randbytes(count * block))
            a, b = (word * 8)(*state), (word * 8)(*state)
            ours(a, ctypes.byref(text, 1), c_size_t(count))
            twin(b, ctypes.byref(text, 1), c_size_t(count))
            assert list(a) == list(b), (count, state)


def compare_loops(ours: ctypes._CFuncPtr, twin: ctypes._CFuncPtr, name: str, chains: int, rng: random.Random) -> None:
    """Compare over any midstates and words: a chain is four states of 64 octets, of which SHA-256 uses the first 32."""
    words = 64 // ctypes.sizeof(WORD[name])
    size = 4 * words
    for count in (0, 1, 2, 3, 50):
        given = [rng.randrange(2 ** (512 // words)) for _ in range(chains * size)]
        a, b = (WORD[name] * len(given))(*given), (WORD[name] * len(given))(*given)
        ours(a, c_uint32(count))
        for i in range(chains):
            twin(ctypes.byref(b, i * 256), c_uint32(count))
        assert list(a) == list(b), count
