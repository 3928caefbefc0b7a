"""The clocks: processor time of this thread, wall time for work in several threads, and core cycles where the system counts them.

The time-stamp counter is no clock here: it runs at a constant rate of its own, whatever the core does, and its ticks are not cycles.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Something that says how late it is."""

    name: str

    def read(self) -> float:
        """Return seconds since some fixed moment."""
        ...


class SystemClock:
    """A clock of the `time` module.

    Args:
        name: ``thread_time`` or ``perf_counter``.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._read: Callable[[], float] = getattr(time, name)

    def read(self) -> float:
        """Return seconds since some fixed moment."""
        return self._read()


def processor_time() -> SystemClock:
    """Return the processor time of this thread, which other programs do not lengthen; wall time where that clock is coarse (Windows)."""
    return SystemClock("thread_time" if time.get_clock_info("thread_time").resolution <= 1e-6 else "perf_counter")


def wall_time() -> SystemClock:
    """Return the clock on the wall, for work that several threads share."""
    return SystemClock("perf_counter")


#: perf_event_open(2) by machine.
_SYSCALL = {"x86_64": 298, "AMD64": 298, "aarch64": 241}
_TYPE_HARDWARE, _CPU_CYCLES = 0, 0
_EXCLUDE_KERNEL_AND_HYPERVISOR = 0b11 << 5
_ATTR_SIZE = 64  # PERF_ATTR_SIZE_VER0


class CycleCounter:
    """The user cycles of this thread's core, counted by its performance monitor through perf_event_open(2).

    Args:
        kind: the type of event; the default is the hardware's.
        event: the event; the default is core cycles.

    Raises:
        OSError: there is no such counter here (other systems, most virtual machines, perf_event_paranoid above 2).
    """

    name = "perf_event_open: core cycles in user mode"

    def __init__(self, kind: int = _TYPE_HARDWARE, event: int = _CPU_CYCLES) -> None:
        number = _SYSCALL.get(platform.machine())
        if sys.platform != "linux" or number is None or sys.maxsize < 2**32:
            raise OSError("no perf_event_open here")
        # struct perf_event_attr: type, size, config, sample_period, sample_type, read_format, flags; the rest zero
        attributes = struct.pack("=IIQQQQQ", kind, _ATTR_SIZE, event, 0, 0, 0, _EXCLUDE_KERNEL_AND_HYPERVISOR).ljust(_ATTR_SIZE, b"\0")
        syscall = ctypes.CDLL(None, use_errno=True).syscall
        syscall.restype = ctypes.c_long
        this_thread, any_cpu, no_group, no_flags = (ctypes.c_long(value) for value in (0, -1, -1, 0))
        descriptor = syscall(ctypes.c_long(number), ctypes.c_char_p(attributes), this_thread, any_cpu, no_group, no_flags)
        if descriptor < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        self._descriptor = int(descriptor)

    def read(self) -> int:
        """Return the count since some fixed moment."""
        return int.from_bytes(os.read(self._descriptor, 8), sys.byteorder)

    def close(self) -> None:
        """Give the counter back."""
        os.close(self._descriptor)


def cycle_counter() -> CycleCounter | None:
    """Return a counter of core cycles, or None where there is none."""
    try:
        return CycleCounter()
    except (OSError, AttributeError):  # the latter: a libc without syscall
        return None
