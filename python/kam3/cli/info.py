"""``kam3 info``: what runs here, how it was built, and why something else does not run."""

from __future__ import annotations

import argparse
import json
import platform
from typing import TYPE_CHECKING, Any

import kam3
from kam3.cli.options import add_json
from kam3.cli.terminal import print_table
from kam3.errors import BackendUnavailableError

if TYPE_CHECKING:
    from kam3.cli.options import Subparsers

#: Distributions that change what the core can do or how fast it does it.
_LIBRARIES = ("cffi", "gmpy2", "cryptography", "precis-i18n", "rich")


def add(commands: Subparsers) -> argparse.ArgumentParser:
    """Define the command's arguments."""
    parser = commands.add_parser(
        "info",
        help="show the backend in use, how it was built, and which others can run here",
        description="Show the backend in use, its CPU path and build, and which other backends can run here, or why they cannot.",
        epilog="example: kam3 info --json",
    )
    add_json(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Print the report; the status is 1 when no backend is in use."""
    facts = gather()
    if arguments.json:
        print(json.dumps(facts, indent=2))
    else:
        _show(facts)
    return 0 if facts["active"] else 1


def gather() -> dict[str, Any]:
    """Collect what the command prints, ready for JSON."""
    active, reason = None, None
    try:
        active = kam3.backends.report()._asdict()
    except BackendUnavailableError as error:
        reason = str(error)
    return {
        "version": kam3.__version__,
        "active": active,
        "reason": reason,
        "backends": [_availability(name) for name in kam3.backends.NAMES],
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
        "libraries": {name: _version(name) for name in _LIBRARIES},
    }


def _availability(name: str) -> dict[str, Any]:
    try:
        report = kam3.backends.report(name)
    except BackendUnavailableError as error:
        return {"name": name, "available": False, "constant_time": None, "reason": str(error)}
    return {"name": name, "available": True, "constant_time": report.constant_time, "reason": None}


def _version(distribution: str) -> str | None:
    from importlib import metadata  # it brings the e-mail and zip packages: too much for every start of the command

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _show(facts: dict[str, Any]) -> None:
    print(f"kam3 {facts['version']} on {facts['python']}, {facts['platform']}")
    print("libraries: " + ", ".join(f"{name} {version or 'not installed'}" for name, version in facts["libraries"].items()))
    print()
    if active := facts["active"]:
        print(f"in use:    {active['backend']}")
        print(f"CPU path:  {active['cpu_path']}")
        print(f"features:  {' '.join(active['cpu_features']) or '-'}")
        print(f"build:     {active['build']}")
    else:
        print(f"in use:    none, and so every operation fails: {facts['reason']}")
    print()
    rows = [
        (entry["name"], "yes" if entry["available"] else "no", {True: "yes", False: "no", None: "-"}[entry["constant_time"]])
        for entry in facts["backends"]
    ]
    print_table(("backend", "can run here", "constant time"), rows)
    for entry in facts["backends"]:
        if entry["reason"]:
            print(f"{entry['name']}: {entry['reason']}")
