"""A backend that tells what was asked of it, keeps hold of the memory it gave out, and fails on command."""

from __future__ import annotations

import os
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import kam3
from kam3 import backends
from kam3.backends.base import Buffer
from kam3.backends.reference import ReferenceBackend
from kam3.sets import ParameterSet

PASSWORD = "correct horse battery staple"
REALM = {"auth_scope": "http://example.com:80", "realm": "secrets", "user": "alice"}


class Spy:
    """Everything of another backend, observed.

    `trace` holds the names of the calls, `memories` all memory given out. `fail_at` is the number of the call that raises `error`, which
    it does after the real work is done: the worst moment. `during` has what to call amid the next call of a name.
    """

    def __init__(self, real: Any) -> None:
        self.real = real
        self.name = real.name
        self.constant_time = real.constant_time
        self.trace: list[str] = []
        self.memories: list[Any] = []
        self.fail_at: int | None = None
        self.error: BaseException = KeyboardInterrupt()
        self.during: dict[str, Callable[[], object]] = {}

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.real, name)
        if not callable(method):
            return method

        def observed(*args: Any) -> Any:
            self.trace.append(name)
            number = len(self.trace)
            result = method(*args)
            if name == "allocate":
                self.memories.append(result)
            if name in self.during:
                self.during.pop(name)()
            if number == self.fail_at:
                raise self.error
            return result

        return observed

    def forget(self) -> None:
        self.trace.clear()
        self.memories.clear()
        self.fail_at = None

    def holds_secrets(self) -> bool:
        """Tell whether any memory is not all zero."""
        return any(any(memory.view()) for memory in self.memories)


class Hollow(ReferenceBackend):
    """A backend without arithmetic, for tests that repeat an exchange hundreds of times and do not look at its values."""

    def j(self, ps: ParameterSet, pi: Buffer, out: memoryview) -> None:
        out[:] = b"\x01" * ps.element_octets

    def kc1(self, ps: ParameterSet, s_c1: Buffer) -> bytes:
        return b"\x02" * ps.element_octets

    def check_denominator(self, ps: ParameterSet, pi: Buffer, s_c1: Buffer, kc1: Buffer) -> None:
        pass

    def respond(self, ps: ParameterSet, j: Buffer, kc1: Buffer, s_s1: Buffer, z_out: memoryview) -> bytes:
        z_out[:] = b"\x03" * ps.element_octets
        return b"\x04" * ps.element_octets

    def z_client(self, ps: ParameterSet, pi: Buffer, s_c1: Buffer, kc1: Buffer, ks1: Buffer, out: memoryview) -> None:
        out[:] = b"\x03" * ps.element_octets

    def check_element(self, ps: ParameterSet, argument: str, octets: Buffer) -> None:
        pass

    def is_square(self, ps: ParameterSet, argument: str, octets: Buffer) -> bool:
        return True


def spy_on(alg: kam3.Algorithm, real: str | Hollow) -> tuple[kam3.Algorithm, Spy]:
    """Put a spy in the place of the reference backend (until the test ends), and return the algorithm on it."""
    backend: Any = backends.get(real) if isinstance(real, str) else real
    spy = Spy(getattr(backend, "real", backend))
    backends._instances["reference"] = spy  # type: ignore[assignment]
    return alg.on("reference"), spy


def in_child(work: Callable[[], Any]) -> Any:
    """Run a function in a forked child and return what it returned, or re-raise its error by name."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            try:
                answer = True, work()
            except BaseException:
                answer = False, traceback.format_exc()
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(answer, pipe)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        octets = pipe.read()
    os.waitpid(child, 0)
    good, value = pickle.loads(octets)
    if not good:
        raise AssertionError(f"in the child:\n{value}")
    return value
