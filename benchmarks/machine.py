"""What a figure is worth nothing without: the machine, the compiler, the commit, the code path."""

from __future__ import annotations

import platform
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import kam3

_ROOT = Path(__file__).resolve().parent.parent


def describe(backend: str) -> dict[str, str]:
    """Describe where and what is measured, in words for a report."""
    report = kam3.backends.report(backend)
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": cpu_name(),
        "system": platform.platform(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "kam3": report.version,
        "commit": commit(),
        "backend": report.backend,
        "build": report.build,
        "cpu_path": report.cpu_path,
        "cpu_features": " ".join(report.cpu_features) or "-",
    }


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
    """Name the commit of this checkout, with ``+changes`` when tracked files differ from it; ``unknown`` outside a checkout."""
    try:
        name = _git("rev-parse", "--short=12", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return name + ("+changes" if changed else "")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", "-C", str(_ROOT), *arguments], check=True, capture_output=True, text=True).stdout.strip()
