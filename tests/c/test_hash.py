"""SHA-256, SHA-512, HMAC and PBKDF2 of csrc/hash, against hashlib and published vectors."""

from __future__ import annotations

import ctypes
import hashlib
import hmac
import itertools
import json
from collections.abc import Iterator, Sequence
from ctypes import c_size_t, c_uint32, c_void_p
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import clib

PATHS = ("portable", "armsha", "shani", "adx", "ifma")
LIBRARY = tuple(p for p in clib.LIBRARY if p.parent.name in {"base", "hash"})
WYCHEPROOF = clib.ROOT.parent / "shared" / "vectors" / "third-party" / "wycheproof"


@dataclass(frozen=True)
class Hash:
    """One hash of one build: hashlib's name for it, the library's number, and its sizes in octets."""

    library: ctypes.CDLL
    name: str
    kind: int
    octets: int
    block: int

    def context(self, what: str) -> ctypes.Array[ctypes.c_char]:
        """Return memory for a context that is dirty, for nothing may depend on what was there."""
        size = c_size_t.in_dll(self.library, f"kam3_test_{what}_size").value
        return ctypes.create_string_buffer(b"\xa5" * size, size)

    def digest(self, *pieces: bytes) -> bytes:
        """Return the hash of the pieces, taken in one by one."""
        context, out = self.context("hash"), ctypes.create_string_buffer(self.octets)
        self.library.kam3_hash_init(context, self.kind)
        for piece in pieces:
            self.library.kam3_hash_update(context, piece or None, c_size_t(len(piece)))
        self.library.kam3_hash_final(context, out)
        assert not any(context.raw), "the context is wiped"
        return out.raw

    def hmac(self, key: bytes, *pieces: bytes) -> bytes:
        """Return the HMAC of the pieces, taken in one by one."""
        context, out = self.context("hmac"), ctypes.create_string_buffer(self.octets)
        self.library.kam3_hmac_init(context, self.kind, key or None, c_size_t(len(key)))
        for piece in pieces:
            self.library.kam3_hmac_update(context, piece or None, c_size_t(len(piece)))
        self.library.kam3_hmac_final(context, out)
        assert not any(context.raw), "the context is wiped"
        return out.raw

    def pbkdf2(self, password: bytes, iterations: int, *salt: bytes) -> bytes:
        """Return one block of PBKDF2, the salt taken in piece by piece."""
        context, out = self.context("pbkdf2"), ctypes.create_string_buffer(self.octets)
        self.library.kam3_pbkdf2_init(context, self.kind, password or None, c_size_t(len(password)))
        for piece in salt:
            self.library.kam3_pbkdf2_salt(context, piece or None, c_size_t(len(piece)))
        self.library.kam3_pbkdf2_final(context, c_uint32(iterations), out)
        assert not any(context.raw), "the context is wiped"
        return out.raw

    def pbkdf2_many(self, iterations: int, jobs: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
        """Return what PBKDF2 makes of every (password, salt), all in one call."""
        contexts = [self.context("pbkdf2") for _ in jobs]
        outs = [ctypes.create_string_buffer(self.octets) for _ in jobs]
        for context, (password, salt) in zip(contexts, jobs, strict=True):
            self.library.kam3_pbkdf2_init(context, self.kind, password or None, c_size_t(len(password)))
            self.library.kam3_pbkdf2_salt(context, salt or None, c_size_t(len(salt)))
        pointers = [ctypes.addressof(buffer) for pair in zip(contexts, outs, strict=True) for buffer in pair]
        self.library.kam3_pbkdf2_many((c_void_p * len(pointers))(*pointers), c_size_t(len(jobs)), c_uint32(iterations))
        assert not any(any(context.raw) for context in contexts), "the contexts are wiped"
        return [out.raw for out in outs]


#: Every path, and once more the portable one without __int128.
BUILDS = [("int128", path) for path in PATHS] + [("no-int128", "portable")]


@pytest.fixture(scope="module", params=[(*b, n) for b in BUILDS for n in ("sha256", "sha512")], ids="-".join)
def sha(request: pytest.FixtureRequest) -> Iterator[Hash]:
    variant, path, name = request.param
    library = clib.build(f"hash-{variant}", ("hash_sizes.c",), clib.VARIANTS[variant], LIBRARY)
    with clib.forced_path(library, path):
        yield hash_of(library, name)


def hash_of(library: ctypes.CDLL, name: str) -> Hash:
    """Return a hash of a build by hashlib's name."""
    library.kam3_hash_octets.restype = library.kam3_hash_block_octets.restype = c_size_t
    model = hashlib.new(name)
    return Hash(library, name, {"sha256": 1, "sha512": 2}[name], model.digest_size, model.block_size)


def octets(length: int) -> bytes:
    """Return `length` octets that no shift or swap maps to themselves."""
    return hashlib.shake_128(length.to_bytes(4, "big")).digest(length)


def cut(text: bytes, places: Sequence[int]) -> Iterator[bytes]:
    """Yield `text` in pieces that end at the places, in order."""
    edges = [0, *sorted(min(p, len(text)) for p in places), len(text)]
    return (text[a:b] for a, b in itertools.pairwise(edges))


def test_sizes(sha: Hash) -> None:
    assert sha.library.kam3_hash_octets(sha.kind) == sha.octets
    assert sha.library.kam3_hash_block_octets(sha.kind) == sha.block


def test_every_length_around_the_padding(sha: Hash) -> None:
    for length in range(301):
        text = octets(length)
        assert sha.digest(text) == hashlib.new(sha.name, text).digest(), length


def test_every_split_in_two(sha: Hash) -> None:
    text = octets(2 * sha.block + 5)
    expected = hashlib.new(sha.name, text).digest()
    for place in range(len(text) + 1):
        assert sha.digest(text[:place], text[place:]) == expected, place


@given(text=st.binary(max_size=700), places=st.lists(st.integers(0, 700), max_size=12))
def test_any_split(sha: Hash, text: bytes, places: list[int]) -> None:
    assert sha.digest(*cut(text, places)) == hashlib.new(sha.name, text).digest()


def test_hmac_key_lengths_around_the_block(sha: Hash) -> None:
    for length in [0, 1, sha.octets - 1, sha.octets, sha.octets + 1, *range(sha.block - 3, sha.block + 4), 2 * sha.block, 300]:
        key = octets(length)
        assert sha.hmac(key, b"text") == hmac.digest(key, b"text", sha.name), length


@given(key=st.binary(max_size=300), text=st.binary(max_size=300), places=st.lists(st.integers(0, 300), max_size=4))
def test_any_hmac(sha: Hash, key: bytes, text: bytes, places: list[int]) -> None:
    assert sha.hmac(key, *cut(text, places)) == hmac.digest(key, text, sha.name)


@pytest.mark.parametrize("iterations", [1, 2, 3, 16384])
@pytest.mark.parametrize(("password", "salt"), [(0, 0), (8, 16), (63, 65), (64, 64), (65, 63), (128, 128), (129, 300)])
def test_pbkdf2(sha: Hash, iterations: int, password: int, salt: int) -> None:
    pw, s = octets(password), octets(salt)
    assert sha.pbkdf2(pw, iterations, s) == hashlib.pbkdf2_hmac(sha.name, pw, s, iterations)


@settings(max_examples=50)
@given(
    password=st.binary(max_size=200),
    salt=st.binary(max_size=200),
    places=st.lists(st.integers(0, 200), max_size=4),
    iterations=st.integers(1, 20),
)
def test_any_pbkdf2(sha: Hash, password: bytes, salt: bytes, places: list[int], iterations: int) -> None:
    assert sha.pbkdf2(password, iterations, *cut(salt, places)) == hashlib.pbkdf2_hmac(sha.name, password, salt, iterations)


@pytest.mark.parametrize("count", range(20))
def test_pbkdf2_many(sha: Hash, count: int) -> None:
    """Every number of idle lanes behind every number of full vectors, and no two lanes alike."""
    jobs = [(octets(3 * i), octets(200 - i)) for i in range(count)]
    for iterations in (1, 2, 7):
        expected = [hashlib.pbkdf2_hmac(sha.name, password, salt, iterations) for password, salt in jobs]
        assert sha.pbkdf2_many(iterations, jobs) == expected


def test_pbkdf2_many_as_many_iterations_as_rfc_8120(sha: Hash) -> None:
    jobs = [(octets(10 + i), octets(30)) for i in range(9)]
    assert sha.pbkdf2_many(16384, jobs) == [hashlib.pbkdf2_hmac(sha.name, *job, 16384) for job in jobs]


def nist_text(path: str) -> str:
    """Return a file of the distribution cryptography-vectors."""
    folder = Path(pytest.importorskip("cryptography_vectors").__file__).parent
    return (folder / path).read_text()


def records(text: str) -> Iterator[dict[str, str]]:
    """Yield the blank-line separated records of NIST's and RFC 4231's files, keys in lower case."""
    for paragraph in text.replace("\r", "").split("\n\n"):
        fields = dict(line.split(" = ", 1) for line in paragraph.splitlines() if " = " in line and not line.startswith(("#", "[")))
        if fields:
            yield {key.strip().lower(): value.strip() for key, value in fields.items()}


@pytest.mark.parametrize(("kind", "least"), [("Short", 65), ("Long", 64)])
def test_nist_messages(sha: Hash, kind: str, least: int) -> None:
    ran = 0
    for record in records(nist_text(f"hashes/SHA2/{sha.name.upper()}{kind}Msg.rsp")):
        if "md" in record:
            text = bytes.fromhex(record["msg"])[: int(record["len"]) // 8]  # the empty message is written 00
            assert sha.digest(text).hex() == record["md"], record["len"]
            ran += 1
    assert ran >= least


def test_nist_monte_carlo(sha: Hash) -> None:
    """SHAVS 6.4: a checkpoint is a chain of 1000 hashes over the last three digests; the first ten of a hundred."""
    found = list(records(nist_text(f"hashes/SHA2/{sha.name.upper()}Monte.rsp")))
    seed = bytes.fromhex(next(r["seed"] for r in found if "seed" in r))
    checkpoints = [r["md"] for r in found if "md" in r][:10]
    assert len(checkpoints) == 10
    for expected in checkpoints:
        window = [seed, seed, seed]
        for _ in range(1000):
            window = [*window[1:], sha.digest(*window)]
        seed = window[-1]
        assert seed.hex() == expected


def test_rfc_4231(sha: Hash) -> None:
    ran = 0
    for record in records(nist_text(f"HMAC/rfc-4231-{sha.name}.txt")):
        if "md" in record:
            assert sha.hmac(bytes.fromhex(record["key"]), bytes.fromhex(record["msg"])).hex() == record["md"]
            ran += 1
    assert ran >= 5


def wycheproof(name: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield (group, test) of a Wycheproof file; skip by name where the collection is not there."""
    path = WYCHEPROOF / name
    if not path.exists():
        pytest.skip(f"Wycheproof vectors are not beside this checkout: {name}")
    return ((group, test) for group in json.loads(path.read_text())["testGroups"] for test in group["tests"])


def test_wycheproof_hmac(sha: Hash) -> None:
    ran = 0
    for group, test in wycheproof(f"hmac_{sha.name}_test.json"):
        mac = sha.hmac(bytes.fromhex(test["key"]), bytes.fromhex(test["msg"]))[: group["tagSize"] // 8]
        assert (mac.hex() == test["tag"]) == (test["result"] == "valid"), test["tcId"]
        ran += 1
    assert ran >= 174


def test_wycheproof_pbkdf2(sha: Hash) -> None:
    """Longer outputs begin with the one block that is here."""
    ran = 0
    for _, test in wycheproof(f"pbkdf2_hmac{sha.name}_test.json"):
        out = sha.pbkdf2(bytes.fromhex(test["password"]), test["iterationCount"], bytes.fromhex(test["salt"]))
        expected = bytes.fromhex(test["dk"])
        common = min(len(out), len(expected))
        assert (out[:common] == expected[:common]) == (test["result"] == "valid"), test["tcId"]
        ran += 1
    assert ran >= 58
