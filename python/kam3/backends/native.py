"""The backend over libkam3, compiled into ``kam3._native``; the only module that imports it.

Secrets pass through here as addresses: inputs by the buffer protocol, outputs straight into the caller's memory, never as `bytes` or `int`
of our making. The GIL is released in every call.
"""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import Callable, Sequence
from typing import Any, cast

from kam3 import errors
from kam3._native import ffi, lib
from kam3.backends.base import Buffer
from kam3.memory import SecretMemory
from kam3.sets import ParameterSet, Role


def _names(enumeration: str, prefix: str) -> dict[int, str]:
    """Return the members of a C enum by number, without their prefix, in lower case."""
    elements: dict[int, str] = ffi.typeof(f"enum {enumeration}").elements
    return {number: name.removeprefix(prefix).lower() for number, name in elements.items()}


_ARGUMENTS = _names("kam3_argument", "KAM3_ARG_")
_ERRORS = _names("kam3_error", "KAM3_ERR_")
_RULES = frozenset(errors.Rule)

lib.kam3_binding_tell_cpu()  # before the first call chooses a CPU path


@functools.cache  # one for each of the few lengths, not for each secret: a server keeps 100 000 sessions
def _wiper(octets: int) -> Callable[[object], None]:
    """Return what wipes so many octets, whatever is left of this module when the interpreter ends."""
    wipe = lib.kam3_wipe
    return lambda pointer: wipe(pointer, octets)


class NativeMemory:
    """A fixed number of octets, wiped by `wipe` or, at the latest, when it and the last view of it are gone."""

    __slots__ = ("_octets", "_pointer")

    def __init__(self, octets: int) -> None:
        self._octets = ffi.new("uint8_t[]", octets)
        # Views hold this one. Where a cycle is collected it ends before the finalizers of those who own us have run, and they wipe us:
        # that the octets themselves are held here, too, keeps them in place until then.
        self._pointer = ffi.gc(self._octets, _wiper(octets))

    def view(self) -> memoryview:
        """Return a writable view; it shows zeros after `wipe`."""
        return memoryview(ffi.buffer(self._pointer, len(self._octets)))

    def wipe(self) -> None:
        """Overwrite the octets with zeros; may be called again."""
        lib.kam3_wipe(self._octets, len(self._octets))

    def __len__(self) -> int:
        return len(self._octets)

    def __repr__(self) -> str:
        return f"<NativeMemory of {len(self)} octets>"

    def __reduce_ex__(self, protocol: object) -> tuple[object, ...]:
        raise TypeError("memory that holds a secret cannot be pickled or copied")


def _run(
    function: Any, ps: ParameterSet, outputs: Sequence[memoryview | bytearray], inputs: dict[str, Buffer], *, label: int | None = None
) -> None:
    """Call a function of kam3.h: algorithm, label, then a pointer and a length for each output and input; raise what it answers."""
    arguments: list[Any] = [ps.number] if label is None else [ps.number, label]
    for output in outputs:
        arguments += (ffi.from_buffer(output, require_writable=True), len(output))
    for octets in inputs.values():
        arguments += (octets if type(octets) is bytes else ffi.from_buffer(octets), len(octets))  # cffi takes the address of bytes as it is
    status = function(*arguments)
    if status != lib.KAM3_OK:
        raise _error(status, ps, {name: len(octets) for name, octets in inputs.items()})


def _run_many(
    function: Any,
    job_type: str,
    ps: ParameterSet,
    output_names: tuple[str, ...],
    outputs: Sequence[tuple[memoryview | bytearray, ...]],
    input_names: tuple[str, ...],
    items: Sequence[tuple[Buffer, ...]],
) -> list[Exception | None]:
    """Call a function of kam3.h that takes jobs, and return what was wrong with each; raise what was wrong with all."""
    jobs = ffi.new(job_type, len(items))
    keep = []  # the pointers hold the buffers they point to
    for job, out, item in zip(jobs, outputs, items, strict=True):
        pointers = [ffi.from_buffer("uint8_t[]", octets, require_writable=True) for octets in out]
        pointers += [ffi.from_buffer("uint8_t[]", octets) for octets in item]
        for name, pointer in zip((*output_names, *input_names), pointers, strict=True):
            setattr(job, name, pointer)
            setattr(job, f"{name}_len", len(pointer))
        keep.append(pointers)
    status = function(ps.number, jobs, len(items))
    if status != lib.KAM3_OK:
        raise _error(status, ps, {})
    return [
        None if job.status == lib.KAM3_OK else _error(job.status, ps, dict(zip(input_names, map(len, item), strict=True)))
        for job, item in zip(jobs, items, strict=True)
    ]


def _error(status: int, ps: ParameterSet, lengths: dict[str, int]) -> Exception:
    """Return the exception for a status: of `kam3.errors` for a broken rule, RuntimeError for a mistake of this package."""
    code, argument = status & 0xFF, _ARGUMENTS[status >> 8 & 0xFF]
    if argument == "element":
        (argument,) = lengths  # the functions that take a nameless element take nothing else: its name is the caller's
    if code not in _RULES:
        return RuntimeError(f"libkam3 was called wrongly: {_ERRORS.get(code, code)}, argument {argument}")
    rule = errors.Rule(code)
    if rule is errors.Rule.SECRET_LENGTH:
        expected = ps.hash_octets if argument == "pi" else ps.scalar_octets
    else:
        expected = ps.element_octets
    return errors.fault(rule, None if argument == "none" else argument, expected=expected, actual=lengths.get(argument, 0))


def _taken(out: bytearray) -> bytes:
    """Return a result that is secret until it is sent, and wipe where it was."""
    result = bytes(out)
    lib.kam3_wipe(ffi.from_buffer(out, require_writable=True), len(out))
    return result


def _text(pointer: Any) -> str:
    """Return a static C string."""
    return cast(bytes, ffi.string(pointer)).decode("utf-8", "replace")


def _octets_of(nc: int) -> bytes:
    """Return a natural number in big-endian octets, none for 0."""
    return nc.to_bytes((nc.bit_length() + 7) // 8, "big")


class NativeBackend:
    """libkam3: constant time, on the code path that fits this CPU or on the one that is named.

    Args:
        cpu_path: the code path for the whole process from now on (``portable``, ...), or None to leave the choice as it is.

    Raises:
        BackendUnavailableError: there is no such path, or this CPU cannot run it.
    """

    name = "native"
    constant_time = True

    def __init__(self, cpu_path: str | None = None) -> None:
        if cpu_path is None:
            return
        octets = cpu_path.encode("utf-8")
        if lib.kam3_cpu_use(octets, len(octets)) != lib.KAM3_OK:
            raise errors.BackendUnavailableError(f"the native backend has no CPU path {cpu_path!r} here", argument="cpu_path")

    def cpu_path(self) -> str:
        """Name the code path in use (``portable``, ...)."""
        return _text(lib.kam3_cpu_path())

    def cpu_features(self) -> tuple[str, ...]:
        """Name the features found on this CPU that a path could use."""
        found = lib.kam3_cpu_features()
        return tuple(_text(lib.kam3_cpu_feature_name(i)) for i in range(found.bit_length()) if found >> i & 1)

    def build(self) -> str:
        """Say in one line how this backend was built."""
        return "libkam3 compiled by " + _text(lib.kam3_binding_compiler())

    def allocate(self, octets: int) -> SecretMemory:
        """Return zeroed memory for a secret."""
        return NativeMemory(octets)

    def pi(self, ps: ParameterSet, password: Buffer, auth_scope: Buffer, realm: Buffer, user: Buffer, out: memoryview) -> None:
        """Write pi."""
        _run(lib.kam3_pi, ps, (out,), {"password": password, "auth_scope": auth_scope, "realm": realm, "user": user})

    def pi_many(self, ps: ParameterSet, items: Sequence[tuple[Buffer, Buffer, Buffer, Buffer]], outs: Sequence[memoryview]) -> None:
        """Write each pi, several at a time in the lanes of a vector where this CPU gains by it."""
        inputs = ("password", "auth_scope", "realm", "user")
        for fault in _run_many(lib.kam3_pi_many, "struct kam3_pi_job[]", ps, ("pi",), [(out,) for out in outs], inputs, items):
            if fault is not None:
                raise fault

    def generate_secret(self, ps: ParameterSet, role: Role, out: memoryview) -> None:
        """Write a fresh secret exponent of this role; OSError if the operating system gives no random octets."""
        pointer = ffi.from_buffer("uint8_t[]", out, require_writable=True)
        answer = lib.kam3_binding_generate_secret(ps.number, int(role), pointer, len(pointer))
        if answer == lib.KAM3_BINDING_OS_FAILED:
            number = ffi.errno or errno.EIO
            raise OSError(number, f"the operating system gave no random octets: {os.strerror(number)}")
        if answer == lib.KAM3_BINDING_OS_STUCK:
            raise OSError(errno.EIO, "the operating system's random octets are not random")
        if answer != lib.KAM3_OK:
            raise _error(answer, ps, {})

    def j(self, ps: ParameterSet, pi: Buffer, out: memoryview) -> None:
        """Write J(pi)."""
        _run(lib.kam3_j, ps, (out,), {"pi": pi})

    def kc1(self, ps: ParameterSet, s_c1: Buffer) -> bytes:
        """Return K_c1."""
        out = bytearray(ps.element_octets)
        _run(lib.kam3_kc1, ps, (out,), {"s_c1": s_c1})
        return bytes(out)

    def check_denominator(self, ps: ParameterSet, pi: Buffer, s_c1: Buffer, kc1: Buffer) -> None:
        """Raise DEGENERATE_DENOMINATOR when S_c1 * t_1 + pi = 0 mod r."""
        _run(lib.kam3_check_denominator, ps, (), {"pi": pi, "s_c1": s_c1, "kc1": kc1})

    def ks1(self, ps: ParameterSet, j: Buffer, kc1: Buffer, s_s1: Buffer) -> bytes:
        """Return K_s1."""
        out = bytearray(ps.element_octets)
        _run(lib.kam3_ks1, ps, (out,), {"j": j, "kc1": kc1, "s_s1": s_s1})
        return bytes(out)

    def z_server(self, ps: ParameterSet, kc1: Buffer, ks1: Buffer, s_s1: Buffer, out: memoryview) -> None:
        """Write z as the server computes it."""
        _run(lib.kam3_z_server, ps, (out,), {"kc1": kc1, "ks1": ks1, "s_s1": s_s1})

    def respond(self, ps: ParameterSet, j: Buffer, kc1: Buffer, s_s1: Buffer, z_out: memoryview) -> bytes:
        """Return K_s1 and write z."""
        out = bytearray(ps.element_octets)
        _run(lib.kam3_respond, ps, (out, z_out), {"j": j, "kc1": kc1, "s_s1": s_s1})
        return bytes(out)

    def table_octets(self, ps: ParameterSet) -> int:
        """Return how long a table is: 65 to 330 thousand octets."""
        sizes = ffi.new("struct kam3_sizes *")
        lib.kam3_sizes(sizes, ps.number)
        return int(sizes.table)

    def prepare_j(self, ps: ParameterSet, j: Buffer, out: memoryview) -> None:
        """Write J's table, in the form of the CPU path in use; on another path it gives the same results, as slowly as `respond`."""
        _run(lib.kam3_prepare_j, ps, (out,), {"j": j})

    def respond_prepared(self, ps: ParameterSet, table: Buffer, kc1: Buffer, s_s1: Buffer, z_out: memoryview) -> bytes:
        """Return K_s1 and write z."""
        out = bytearray(ps.element_octets)
        _run(lib.kam3_respond_prepared, ps, (out, z_out), {"table": table, "kc1": kc1, "s_s1": s_s1})
        return bytes(out)

    def respond_many(
        self, ps: ParameterSet, items: Sequence[tuple[Buffer, Buffer, Buffer]], z_outs: Sequence[memoryview]
    ) -> list[bytes | Exception]:
        """Return each K_s1 and write each z, on curves in the lanes of a vector where this CPU gains by it."""
        ks1s = [bytearray(ps.element_octets) for _ in items]
        outputs, inputs = list(zip(ks1s, z_outs, strict=True)), ("j", "kc1", "s_s1")
        faults = _run_many(lib.kam3_respond_many, "struct kam3_respond_job[]", ps, ("ks1", "z"), outputs, inputs, items)
        return [bytes(ks1) if fault is None else fault for ks1, fault in zip(ks1s, faults, strict=True)]

    def z_client(self, ps: ParameterSet, pi: Buffer, s_c1: Buffer, kc1: Buffer, ks1: Buffer, out: memoryview) -> None:
        """Write z as the client computes it."""
        _run(lib.kam3_z_client, ps, (out,), {"pi": pi, "s_c1": s_c1, "kc1": kc1, "ks1": ks1})

    def z_client_many(
        self, ps: ParameterSet, items: Sequence[tuple[Buffer, Buffer, Buffer, Buffer]], outs: Sequence[memoryview]
    ) -> list[Exception | None]:
        """Write each z, as `respond_many`."""
        inputs = ("pi", "s_c1", "kc1", "ks1")
        return _run_many(lib.kam3_z_client_many, "struct kam3_z_client_job[]", ps, ("z",), [(out,) for out in outs], inputs, items)

    def vk(self, ps: ParameterSet, label: int, kc1: Buffer, ks1: Buffer, z: Buffer, nc: int, vh: Buffer) -> bytes:
        """Return VK_c (label 4) or VK_s (label 3)."""
        out = bytearray(ps.hash_octets)
        _run(lib.kam3_vk, ps, (out,), {"kc1": kc1, "ks1": ks1, "z": z, "nc": _octets_of(nc), "vh": vh}, label=label)
        return _taken(out)

    def proofs(self, ps: ParameterSet, kc1: bytes, ks1: bytes, z: SecretMemory, nc: int, vh: bytes) -> tuple[bytes, bytes]:
        """Return VK_c and VK_s."""
        # What `_run` does, written out, which takes half the time: every request over HTTP passes here.
        half = ps.hash_octets
        out = bytearray(2 * half)
        pointer, number = ffi.from_buffer(out), _octets_of(nc)
        octets_of_z = z._octets if type(z) is NativeMemory else ffi.from_buffer(z.view())
        status = lib.kam3_binding_proofs(
            ps.number, pointer, 2 * half, kc1, len(kc1), ks1, len(ks1), octets_of_z, len(z), number, len(number), vh, len(vh)
        )
        if status != lib.KAM3_OK:
            raise _error(status, ps, {"kc1": len(kc1), "ks1": len(ks1), "z": len(z), "nc": len(number), "vh": len(vh)})
        proofs = bytes(out)
        lib.kam3_wipe(pointer, 2 * half)
        return proofs[:half], proofs[half:]

    def b(self, ps: ParameterSet, label: int, kc1: Buffer, ks1: Buffer, z: Buffer, nc: int, vh: Buffer, t: Buffer) -> bytes:
        """Return b_1 (label 6, nc = 0) or b_2 (label 7)."""
        out = bytearray(ps.hash_octets)
        _run(lib.kam3_b, ps, (out,), {"kc1": kc1, "ks1": ks1, "z": z, "nc": _octets_of(nc), "vh": vh, "t": t}, label=label)
        return _taken(out)

    def check_element(self, ps: ParameterSet, argument: str, octets: Buffer) -> None:
        """Raise unless `octets` encode an element that a peer may send."""
        _run(lib.kam3_check_element, ps, (), {argument: octets})

    def is_square(self, ps: ParameterSet, argument: str, octets: Buffer) -> bool:
        """Check the element, then tell whether it is a square mod q."""
        try:
            _run(lib.kam3_check_square_vartime, ps, (), {argument: octets})
        except errors.InvalidElementError:
            _run(lib.kam3_check_element, ps, (), {argument: octets})  # raises unless the square rule alone was broken
            return False
        return True
