"""Options that several commands share."""

from __future__ import annotations

import argparse
from typing import TypeAlias

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_backend(parser: argparse.ArgumentParser) -> None:
    """Add ``--backend NAME``."""
    parser.add_argument(
        "--backend",
        metavar="NAME",
        help="native, gmpy2 or reference; without it the one that KAM3_BACKEND names, else the best that runs here ('kam3 info')",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
