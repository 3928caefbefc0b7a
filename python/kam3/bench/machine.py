"""What a figure is worth nothing without: the machine, the compiler, the commit, the code path."""

from __future__ import annotations

import platform
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import kam3
from kam3.errors import BackendUnavailableError

#: The code paths of libkam3 (csrc/base/cpu.c), from the least to the most demanding.
CPU_PATHS = ("portable", "armsha", "shani", "adx", "ifma")

_ROOT = Path(kam3.__path__[0]).parent.parent


def describe() -> dict[str, str]:
    """Describe where is measured, in words for a report."""
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": cpu_name(),
        "system": platform.platform(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "kam3": kam3.__version__,
        "commit": commit(),
    }


def describe_backend(name: str) -> dict[str, str]:
    """Describe what is measured: a backend, its build, and the code path it is on now.

    Raises:
        BackendUnavailableError: it cannot run here.
    """
    report = kam3.backends.report(name)
    return {"build": report.build, "cpu_path": report.cpu_path, "cpu_features": " ".join(report.cpu_features) or "-"}


def cpu_paths() -> tuple[str, ...]:
    """Return the code paths of the native backend that this CPU can run; the one in use stays in use.

    Raises:
        BackendUnavailableError: there is no native backend here.
    """
    before = kam3.backends.report("native").cpu_path
    found = [path for path in CPU_PATHS if _can_use(path)]
    use_cpu_path(before)
    return tuple(found)


def use_cpu_path(path: str) -> None:
    """Set the native backend's code path for the whole process.

    Raises:
        BackendUnavailableError: there is no such path, or this CPU cannot run it.
    """
    kam3.backends.get("native")  # an absent extension is told in the words of the policy
    from kam3.backends.native import NativeBackend

    NativeBackend(path)


def _can_use(path: str) -> bool:
    try:
        use_cpu_path(path)
    except BackendUnavailableError:
        return False
    return True


def cpu_name() -> str:
    """Name the CPU as the system does; ``unknown`` where it does not."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("model name", "Model"):
                return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or "unknown"


def commit() -> str:
    """Name the commit of the checkout this package is in, with ``+changes`` when tracked files differ from it; else ``unknown``."""
    if not (_ROOT / "csrc" / "kam3.h").is_file():  # an installed package, perhaps inside someone else's checkout
        return "unknown"
    try:
        name = _git("rev-parse", "--short=12", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return name + ("+changes" if changed else "")


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(_ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 - our own arguments
