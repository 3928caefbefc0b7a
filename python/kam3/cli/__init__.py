"""The ``kam3`` command.

Each subcommand is a module with `add`, which defines its arguments, and `run`, which does its work and returns the exit status.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence

import kam3
from kam3.cli import bench, demo, evaluate, get, info, serve
from kam3.errors import BackendUnavailableError, Kam3Error

_COMMANDS = (demo, serve, get, info, evaluate, bench)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the arguments after the program's name; None takes those of the process.

    Returns:
        The exit status: 0 done, 1 failed, 130 interrupted; a reader that closed our output early is no failure.

    Raises:
        SystemExit: with status 2 on wrong usage, a backend that cannot run here included; with 0 after ``--help`` and ``--version``.
    """
    arguments = _parser().parse_args(argv)
    command: argparse.ArgumentParser = arguments.parser
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            status: int = arguments.run(arguments)
        sys.stdout.flush()
        return status
    except BackendUnavailableError as error:
        command.error(f"{error} ('kam3 info' tells what runs here)")
    except Kam3Error as error:
        print(f"kam3: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        _drop_output()
        return 0
    except OSError as error:
        print(f"kam3: {error}", file=sys.stderr)
        _drop_output()
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kam3",
        description="The KAM3 password key exchange (RFC 8121): a login in which neither side learns enough to impersonate the other.",
        epilog="example: kam3 demo",
    )
    parser.add_argument("--version", action="version", version=f"kam3 {kam3.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in _COMMANDS:
        command = module.add(commands)
        command.set_defaults(run=module.run, parser=command)
    return parser


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    print(f"kam3: warning: {message}", file=sys.stderr)


def _drop_output() -> None:
    """Send what is still buffered nowhere, so that the interpreter does not complain when it flushes at exit."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
