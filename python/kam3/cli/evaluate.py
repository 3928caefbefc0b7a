"""``kam3 eval``: the cross-validation harness on standard input and output."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from kam3.cli.options import add_backend
from kam3.crossval import strictjson
from kam3.crossval.harness import OP_NAMES, Harness

if TYPE_CHECKING:
    from kam3.cli.options import Subparsers

_DESCRIPTION = """\
Answer requests of other programs: one JSON object a line on standard input, one
answer a line on standard output, in order, flushed, until end of file. Octets
are lower-case hexadecimal. The exit status is 0 whatever the answers were."""

_EPILOG = f"""\
ops:
  {" ".join(OP_NAMES)}

example:
  echo '{{"id": 1, "op": "kc1", "algorithm": "iso-kam3-ec-p256-sha256", "s_c1": "{5:064x}"}}' | kam3 eval
prints
  {{"id": 1, "result": {{"kc1": "00a2b216f4a2a281a5af0990ac10cd1fbfdf1905fa3eb7ca4842aa941b87a067da"}}}}
"""


def add(commands: Subparsers) -> argparse.ArgumentParser:
    """Define the command's arguments."""
    parser = commands.add_parser(
        "eval",
        help="answer requests of other programs, to check implementations against each other",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_backend(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Answer until end of file, and return 0."""
    harness = Harness(arguments.backend)
    for line in strictjson.lines(sys.stdin.buffer):
        sys.stdout.buffer.write(harness.answer(line))
        sys.stdout.buffer.flush()
    return 0
