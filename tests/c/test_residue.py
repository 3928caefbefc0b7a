"""What a call leaves on the stack: nothing that depends on a secret.

Every function of kam3.h that takes secrets runs twice on a stack of its own, with other secrets and the same public values. The stacks
must be the same afterwards, word for word, and the depth that base/wipe.c wipes must not be exceeded.
"""

from __future__ import annotations

import ctypes
import platform

import pytest

from kam3.backends.reference import ReferenceBackend
from kam3.sets import SETS, ParameterSet
from tests import clib

STACK = 262144
#: What base/wipe.c overwrites, and the frames of the function itself above it.
DEPTHS = {"kam3_pi": 12288, "kam3_vk": 12288, "kam3_b": 12288, "kam3_respond_many": 73728, "kam3_z_client_many": 73728}
GROUP_DEPTH, ABOVE = 49152, 4096
PATHS = ("portable", "shani", "adx", "ifma")
REFERENCE = ReferenceBackend()
#: Stand for the length of a table, and for a table of J that is made where it is to be read.
TABLE, PREPARED_J = -1, b"table"


def secrets(ps: ParameterSet, which: int) -> dict[str, bytes]:
    """One of two sets of secrets."""
    s = bytes(1) + bytes((37 * i + 101 * which + 1) % 251 for i in range(ps.scalar_octets - 1))
    pi = bytes((91 * i + 57 * which + 3) % 253 for i in range(ps.hash_octets))
    j = bytearray(ps.element_octets)
    REFERENCE.j(ps, bytes(ps.hash_octets - 1) + bytes([7 + which]), memoryview(j))
    return {"s": s, "pi": pi, "j": bytes(j), "z": bytes(j), "password": bytes([65 + which]) * 9}


def inputs(ps: ParameterSet, which: int) -> dict[str, tuple[list[int], list[bytes]]]:
    """The lengths of the outputs and the inputs of every function, by its name; a leading label stands for itself."""
    e, h, n = ps.element_octets, ps.hash_octets, ps.scalar_octets
    x = secrets(ps, which)
    small = (4099).to_bytes(n, "big")
    kc1 = ks1 = REFERENCE.kc1(ps, small)
    return {
        "kam3_pi": ([h], [x["password"], b"scope", b"realm", b"user"]),
        "kam3_secret_from_random": ([n], [x["s"]]),
        "kam3_j": ([e], [x["pi"]]),
        "kam3_kc1": ([e], [x["s"]]),
        "kam3_check_denominator": ([], [x["pi"], x["s"], kc1]),
        "kam3_ks1": ([e], [x["j"], kc1, x["s"]]),
        "kam3_z_server": ([e], [kc1, ks1, x["s"]]),
        "kam3_respond": ([e, e], [x["j"], kc1, x["s"]]),
        "kam3_prepare_j": ([TABLE], [x["j"]]),
        "kam3_respond_prepared": ([e, e], [PREPARED_J, kc1, x["s"]]),
        "kam3_z_client": ([e], [x["pi"], x["s"], kc1, ks1]),
        "kam3_respond_many": ([e, e], [x["j"], kc1, x["s"]]),
        "kam3_z_client_many": ([e], [x["pi"], x["s"], kc1, ks1]),
        "kam3_vk": ([h], [kc1, ks1, x["z"], b"\x01", b"vh"]),
        "kam3_b": ([h], [kc1, ks1, x["z"], b"\x01", b"vh", b"t"]),
        "kam3_check_element": ([], [x["j"]]),
    }


LABELS = {"kam3_secret_from_random": 1, "kam3_vk": 4, "kam3_b": 7}


@pytest.fixture(scope="module", params=PATHS)
def lib(request: pytest.FixtureRequest) -> ctypes.CDLL:
    if platform.system() != "Linux":
        pytest.skip("makecontext is for Linux here")
    if clib.EXTRA_FLAGS:
        pytest.skip("a sanitizer's stack is not the library's")
    library = clib.build(f"residue-{request.param}", ("residue.c",))
    clib.use_path(library, request.param)
    return library


def left_by(lib: ctypes.CDLL, ps: ParameterSet, name: str, which: int) -> bytes:
    """Return the stack after a call; every buffer is where it was in the call before."""
    lengths, octets = inputs(ps, which)[name]
    words: list[int] = [LABELS[name]] if name in LABELS else []
    sizes = (ctypes.c_size_t * 4)()
    lib.kam3_sizes(sizes, ps.number)
    for buffer, length in zip(ROOM, lengths, strict=False):
        words += [ctypes.addressof(TABLE_ROOM), sizes[3]] if length == TABLE else [ctypes.addressof(buffer), length]
    for buffer, value in zip(ROOM[len(lengths) :], octets, strict=False):
        if value is PREPARED_J:
            j = secrets(ps, which)["j"]
            assert lib.kam3_prepare_j(ps.number, TABLE_ROOM, ctypes.c_size_t(sizes[3]), j, ctypes.c_size_t(len(j))) == 0
            words += [ctypes.addressof(TABLE_ROOM), sizes[3]]
            continue
        ctypes.memmove(buffer, value, len(value))
        words += [ctypes.addressof(buffer), len(value)]
    if name.endswith("_many"):  # eight jobs that differ in their outputs alone
        for i in range(8):
            job = [*words, 0]
            for k in range(len(lengths)):
                job[2 * k] = ctypes.addressof(MANY_ROOM) + 512 * (2 * i + k)
            JOB_ROOM[len(job) * i : len(job) * (i + 1)] = job
        words = [ctypes.addressof(JOB_ROOM), 8]
    left = ctypes.create_string_buffer(STACK)
    arguments = (ctypes.c_size_t * 15)(*words)
    assert lib.test_residue(left, ctypes.cast(getattr(lib, name), ctypes.c_void_p), ps.number, arguments) == 0
    return left.raw


ROOM = [ctypes.create_string_buffer(512) for _ in range(8)]
TABLE_ROOM = ctypes.create_string_buffer(400000)
MANY_ROOM = ctypes.create_string_buffer(512 * 16)
JOB_ROOM = (ctypes.c_size_t * 100)()


@pytest.mark.parametrize("name", list(inputs(SETS[2], 0)))
@pytest.mark.parametrize("ps", SETS, ids=lambda ps: ps.token)
def test_nothing_that_depends_on_a_secret_is_left(lib: ctypes.CDLL, ps: ParameterSet, name: str) -> None:
    lib.kam3_prepare_tables(ps.number)
    first, second = (left_by(lib, ps, name, which) for which in (0, 1))
    different = [i for i in range(0, STACK, 8) if first[i : i + 8] != second[i : i + 8]]
    assert not different, f"{len(different)} words, from {STACK - different[0]} octets down"
    deepest = STACK - next(i for i in range(STACK) if first[i] != 0xA5)
    assert deepest <= DEPTHS.get(name, GROUP_DEPTH) + ABOVE


def test_a_residue_would_be_seen(lib: ctypes.CDLL) -> None:
    """kam3_equal wipes nothing, having no secret of its own; its arguments are on the stack of the test's frame."""
    words = [(ctypes.c_size_t * 15)(*((n << 32) | i for i in range(4, 15))) for n in (1, 2)]
    stacks = []
    for arguments in words:
        left = ctypes.create_string_buffer(STACK)
        lib.test_residue(left, ctypes.cast(lib.kam3_prepare_tables, ctypes.c_void_p), 0, arguments)
        stacks.append(left.raw)
    assert stacks[0] != stacks[1]
