"""The native backend as a binding: names and lengths of errors, memory that is wiped, secrets asked of the operating system afresh."""

from __future__ import annotations

import copy
import gc
import hashlib
import inspect
import os
import pickle
import platform
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kam3 import errors, sets
from kam3.backends.base import Backend
from kam3.backends.reference import PLAIN_GROUPS
from kam3.octets import vi, vs
from kam3.sets import ParameterSet, Role
from tests import clib

native = pytest.importorskip("kam3.backends.native", reason="the extension is not built", exc_type=ImportError)

SHIM = Path(__file__).with_name("getrandom_shim.c")
each_set = pytest.mark.parametrize("ps", sets.SETS, ids=lambda ps: ps.token)


@pytest.fixture
def backend() -> Backend:
    made: Backend = native.NativeBackend()
    return made


def secret(backend: Backend, ps: ParameterSet, role: Role = Role.CLIENT) -> bytearray:
    out = bytearray(ps.scalar_octets)
    backend.generate_secret(ps, role, memoryview(out))
    return out


def test_every_operation_has_the_signature_that_the_protocol_gives_it() -> None:
    operations = [name for name in vars(Backend) if not name.startswith("_")]
    assert len(operations) >= 17
    for name in operations:
        expected = inspect.signature(getattr(Backend, name))
        assert inspect.signature(getattr(native.NativeBackend, name)) == expected, name


def test_an_unknown_cpu_path_is_refused_by_name() -> None:
    with pytest.raises(errors.BackendUnavailableError, match="no-such-path"):
        native.NativeBackend("no-such-path")


def test_the_cpu_path_that_is_asked_for_is_the_one_in_use() -> None:
    before = native.NativeBackend().cpu_path()
    try:
        assert native.NativeBackend("portable").cpu_path() == "portable"
    finally:
        native.NativeBackend(before)


def test_features_are_names_and_the_build_names_a_compiler(backend: Backend) -> None:
    features = backend.cpu_features()
    assert len(set(features)) == len(features)
    assert all(feature.isidentifier() for feature in features)
    assert any(word in backend.build() for word in ("gcc", "clang", "msvc"))


# Errors


@each_set
def test_a_wrong_length_names_the_argument_and_both_lengths(backend: Backend, ps: ParameterSet) -> None:
    h, e, s = ps.hash_octets, ps.element_octets, ps.scalar_octets
    out_e, out_h = memoryview(bytearray(e)), memoryview(bytearray(h))
    pi, s_c1 = bytes(range(h)), bytes(secret(backend, ps))
    kc1 = backend.kc1(ps, s_c1)
    backend.j(ps, pi, out_e)
    j = bytes(out_e)
    calls: list[tuple[str, int, Callable[[], object]]] = [
        ("pi", h, lambda: backend.j(ps, bytes(h + 1), out_e)),
        ("s_c1", s, lambda: backend.kc1(ps, bytes(s - 1))),
        ("pi", h, lambda: backend.check_denominator(ps, bytes(h - 1), s_c1, kc1)),
        ("s_c1", s, lambda: backend.check_denominator(ps, pi, bytes(s - 1), kc1)),
        ("kc1", e, lambda: backend.check_denominator(ps, pi, s_c1, b"")),
        ("j", e, lambda: backend.ks1(ps, bytes(e + 1), kc1, s_c1)),
        ("kc1", e, lambda: backend.ks1(ps, j, bytes(e + 1), s_c1)),
        ("s_s1", s, lambda: backend.ks1(ps, j, kc1, bytes(s + 1))),
        ("ks1", e, lambda: backend.z_server(ps, kc1, bytes(e - 1), s_c1, out_e)),
        ("s_s1", s, lambda: backend.respond(ps, j, kc1, b"", out_e)),
        ("s_c1", s, lambda: backend.z_client(ps, pi, b"", kc1, kc1, out_e)),
        ("ks1", e, lambda: backend.z_client(ps, pi, s_c1, kc1, bytes(e - 1), out_e)),
        ("z", e, lambda: backend.vk(ps, 4, kc1, kc1, b"", 1, b"vh")),
        ("ks1", e, lambda: backend.b(ps, 7, kc1, bytes(e + 1), kc1, 1, b"vh", b"")),
        ("anything", e, lambda: backend.check_element(ps, "anything", bytes(e + 1))),
        ("anything", e, lambda: backend.is_square(ps, "anything", bytes(e + 1))),
    ]
    for argument, expected, call in calls:
        with pytest.raises(errors.Kam3Error, match=f"^{argument} must be exactly {expected} octets") as caught:
            call()
        assert caught.value.argument == argument
        kind = errors.InvalidSecretError if argument in ("pi", "s_c1", "s_s1") else errors.InvalidElementError
        assert type(caught.value) is kind
    assert bytes(out_e) == bytes(e)
    assert bytes(out_h) == bytes(h)


@each_set
def test_a_broken_range_names_the_argument_of_the_caller(backend: Backend, ps: ParameterSet) -> None:
    with pytest.raises(errors.InvalidSecretError) as caught:
        backend.kc1(ps, bytes(ps.scalar_octets))
    assert caught.value.argument == "s_c1"
    for check in (backend.check_element, backend.is_square):
        with pytest.raises(errors.InvalidElementError, match="ks1") as refused:
            check(ps, "ks1", b"\xff" * ps.element_octets)
        assert refused.value.argument == "ks1"


@each_set
def test_a_degenerate_result_blames_no_argument_and_leaves_zeros(backend: Backend, ps: ParameterSet) -> None:
    out = bytearray(b"x" * ps.element_octets)
    with pytest.raises(errors.DegenerateError) as caught:
        backend.j(ps, bytes(ps.hash_octets), memoryview(out))
    assert caught.value.argument is None
    assert out == bytes(ps.element_octets)


def test_squares_are_told_from_other_elements(backend: Backend) -> None:
    ps = sets.DL_2048
    kc1 = backend.kc1(ps, secret(backend, ps))
    assert backend.is_square(ps, "kc1", kc1)
    q_minus_kc1 = (PLAIN_GROUPS[ps.token].q - int.from_bytes(kc1, "big")).to_bytes(256, "big")
    backend.check_element(ps, "kc1", q_minus_kc1)
    assert not backend.is_square(ps, "kc1", q_minus_kc1)  # -1 is no square: q = 3 mod 4


def test_mistakes_of_the_package_are_no_kam3_errors(backend: Backend) -> None:
    ps = sets.EC_P256
    shared = bytearray(ps.element_octets)
    with pytest.raises(RuntimeError, match="output_length"):
        backend.j(ps, bytes(range(32)), memoryview(bytearray(5)))
    with pytest.raises(RuntimeError, match="alias"):
        backend.j(ps, memoryview(shared)[:32], memoryview(shared))
    with pytest.raises(BufferError):
        backend.j(ps, bytes(range(32)), memoryview(bytes(33)))
    with pytest.raises(RuntimeError, match="output_length"):
        backend.generate_secret(ps, Role.CLIENT, memoryview(bytearray(31)))


# Octets in, octets out


@each_set
@pytest.mark.parametrize("nc", [0, 1, 127, 128, 255, 256, 16383, 16384, 2**31, 2**64, 2**80, 10**1000], ids=int.bit_length)
def test_nc_of_any_size_is_hashed_as_vi(backend: Backend, ps: ParameterSet, nc: int) -> None:
    kc1, ks1, z = (bytes([fill]) * ps.element_octets for fill in b"abc")
    text = b"\x04" + kc1 + ks1 + z + vi(nc) + vs(b"vh")
    assert backend.vk(ps, 4, kc1, ks1, z, nc, b"vh") == hashlib.new(ps.hash_name, text).digest()
    inner = hashlib.new(ps.hash_name, b"\x07" + text[1:]).digest()
    assert backend.b(ps, 7, kc1, ks1, z, nc, b"vh", b"") == hashlib.new(ps.hash_name, inner + vs(b"")).digest()


def test_both_proofs_leave_zeros_where_they_fail(backend: Backend) -> None:
    lib, e, h = native.lib, 33, 32
    good = (bytes(e), e, bytes(e), e, bytes(e), e, b"\1", 1, b"vh", 2)
    for length in (2 * h, 2 * h - 1, 2 * h + 1, 0, 2):
        out = native.ffi.new("uint8_t[]", b"x" * (2 * h + 1))
        status = lib.kam3_binding_proofs(sets.EC_P256.number, out, length, *good)
        written = bytes(native.ffi.buffer(out, length))
        assert (status == lib.KAM3_OK) == (length == 2 * h) == any(written)
        assert bytes(native.ffi.buffer(out))[length:] == (b"x" * (2 * h + 1) + b"\0")[length:]
        assert lib.kam3_binding_proofs(sets.EC_P256.number, out, length, bytes(e), e - 1, *good[2:]) != lib.KAM3_OK
        assert not any(bytes(native.ffi.buffer(out, length)))


def test_any_contiguous_buffer_is_an_argument(backend: Backend) -> None:
    ps = sets.EC_P256
    s_c1 = secret(backend, ps)
    memory = backend.allocate(len(s_c1))
    memory.view()[:] = s_c1
    forms = (bytes(s_c1), s_c1, memory.view(), memoryview(b"x" + s_c1)[1:])
    assert len({backend.kc1(ps, form) for form in forms}) == 1


# Memory for secrets


def test_memory_is_zero_at_first_and_after_wiping() -> None:
    memory = native.NativeMemory(40)
    view = memory.view()
    assert bytes(view) == bytes(40)
    view[:] = b"s" * 40
    assert bytes(memory.view()) == b"s" * 40
    memory.wipe()
    assert bytes(view) == bytes(40)
    memory.wipe()
    assert len(memory) == 40


def test_memory_is_wiped_when_its_last_view_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    wiped: list[int] = []
    wipe = native.lib.kam3_wipe

    def record(pointer: object, octets: int) -> None:
        wipe(pointer, octets)
        if octets == 23:  # no other memory has this size; that which other tests left goes now, too
            wiped.append(octets)

    monkeypatch.setattr(native, "lib", SimpleNamespace(kam3_wipe=record))
    memory = native.NativeMemory(23)
    view = memory.view()
    del memory
    gc.collect()
    assert wiped == []
    assert bytes(view) == bytes(23)
    del view
    gc.collect()
    assert wiped == [23]


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_memory_refuses_to_be_copied_and_shows_nothing(duplicate: Callable[[object], object]) -> None:
    memory = native.NativeMemory(3)
    memory.view()[:] = b"key"
    with pytest.raises(TypeError):
        duplicate(memory)
    assert "key" not in repr(memory)


# Secrets from the operating system


@each_set
@pytest.mark.parametrize("role", Role)
def test_secrets_are_in_range_and_differ(backend: Backend, ps: ParameterSet, role: Role) -> None:
    drawn = {bytes(secret(backend, ps, role)) for _ in range(8)}
    assert len(drawn) == 8
    for s in drawn:
        if role is Role.CLIENT:
            backend.kc1(ps, s)  # raises where S_c1 is out of range
        else:
            assert any(s)


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if platform.system() != "Linux":
        pytest.skip("getrandom is interposed on Linux alone")
    library = tmp_path_factory.mktemp("shim") / "shim.so"
    subprocess.run([clib.compiler(), "-O1", "-fPIC", "-shared", "-o", str(library), str(SHIM), "-ldl"], check=True)
    return library


def run_with_shim(shim: Path, program: str) -> str:
    """Run `program` where `draw(mode)` gives a secret's octets in hex, or the error, and the number of calls of getrandom."""
    prologue = """
        import ctypes, os, sys
        from kam3 import sets
        from kam3.backends.native import NativeBackend
        backend, shim = NativeBackend(), ctypes.CDLL(None)
        calls = ctypes.c_int.in_dll(shim, "shim_calls")
        def draw(mode, ps=sets.EC_P256):
            os.environ["KAM3_SHIM"] = mode
            out = bytearray(b"\\xee" * ps.scalar_octets)
            calls.value = 0
            try:
                backend.generate_secret(ps, sets.Role.SERVER, memoryview(out))
                return out.hex(), calls.value
            except OSError as error:
                return f"{type(error).__name__} {error.errno} {bytes(out).strip(bytes(1))!r}", calls.value
            finally:
                del os.environ["KAM3_SHIM"]
    """
    preload = ":".join(filter(None, [os.environ.get("LD_PRELOAD"), str(shim)]))
    environment = {**os.environ, "LD_PRELOAD": preload, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", textwrap.dedent(prologue) + textwrap.dedent(program)]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=120).stdout


def test_every_secret_asks_the_operating_system_and_keeps_nothing(shim: Path) -> None:
    output = run_with_shim(
        shim,
        """
        assert draw("constant") == draw("constant") == ("5a" * 32, 1)  # what the system gives is what is used, each time
        first, second = draw("real"), draw("real")
        assert first[1] == second[1] == 1 and first[0] != second[0]
        print("done")
        """,
    )
    assert output == "done\n"


def test_a_forked_child_asks_for_itself(shim: Path) -> None:
    output = run_with_shim(
        shim,
        """
        draw("real")
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writer, repr(draw("real")).encode())
            os._exit(0)
        os.waitpid(child, 0)
        theirs, ours = eval(os.read(reader, 4096)), draw("real")
        assert theirs[1] == ours[1] == 1 and theirs[0] != ours[0]
        print("done")
        """,
    )
    assert output == "done\n"


@pytest.mark.parametrize("mode", ["interrupted", "short", "nosys"])
def test_interruptions_short_reads_and_old_kernels_are_survived(shim: Path, mode: str) -> None:
    output = run_with_shim(shim, f"for ps in sets.SETS: print(*draw({mode!r}, ps))")
    lines = [line.split() for line in output.splitlines()]
    assert [len(octets) // 2 for octets, _ in lines] == [ps.scalar_octets for ps in sets.SETS]
    for octets, _ in lines:
        assert len(set(bytes.fromhex(octets))) > 8
        assert set(bytes.fromhex(octets)[-7:]) != {0xEE}
    assert len({octets for octets, _ in lines}) == 4


@pytest.mark.parametrize("mode, calls", [("error", 1), ("nothing", 1), ("fails-late", 2), ("zero", 16)])
def test_a_generator_that_fails_gives_an_oserror_and_no_octet(shim: Path, mode: str, calls: int) -> None:
    output = run_with_shim(shim, f"print(*draw({mode!r}))")
    number = {"error": 5, "nothing": 2, "fails-late": 5, "zero": 5}[mode]
    assert output == f"{'FileNotFoundError' if number == 2 else 'OSError'} {number} b'' {calls}\n"


def test_memory_that_is_collected_in_a_cycle_stays_in_place_for_the_finalizers_of_its_owners(backend: Backend) -> None:
    """Under AddressSanitizer, which the gate runs this file with, a finalizer that writes into freed memory ends the process."""
    seen: list[bytes] = []

    class Owner:
        def __init__(self, memory: Any) -> None:
            self.memory, self.itself = memory, self
            memory.view()[:] = bytes(range(33))

        def __del__(self) -> None:
            self.memory.wipe()
            seen.append(bytes(self.memory.view()))

    for _ in range(100):
        Owner(backend.allocate(33))  # made before its owner, the memory is the first to be finalized
    gc.collect()
    assert seen == [bytes(33)] * 100
