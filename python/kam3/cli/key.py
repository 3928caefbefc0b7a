"""``kam3 key``: the file of server keys."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from kam3.cli.options import add_json
from kam3.stores import keys

if TYPE_CHECKING:
    from kam3.cli.options import Subparsers

_DESCRIPTION = """\
Make a server key, or look at the keys there are. A key file holds keys of 32
octets, the newest first, in hexadecimal; nobody but its owner may read it.
Sessions on Redis are sealed under the first key, and open under any."""

_EPILOG = """\
example:
  kam3 key new --file /etc/kam3/keys
replaces nothing: it puts a fresh key before those of the file. Let all workers
read it again, and delete the old line once no session lives that it sealed."""


def add(commands: Subparsers) -> argparse.ArgumentParser:
    """Define the command's arguments."""
    parser = commands.add_parser(
        "key",
        help="make a server key, or list the ids of those in a file",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "action", choices=("new", "list"), help="new: put a fresh key before the others; list: print the ids, the newest first"
    )
    parser.add_argument("--file", metavar="FILE", help="the key file; without it the one that KAM3_KEY_FILE names")
    add_json(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Do it, and return 0."""
    from kam3.sealing import key_id

    path: str = keys.configured(arguments.file) or ""
    if not path:
        arguments.parser.error("which file? give --file FILE, or set KAM3_KEY_FILE")
    if arguments.action == "new":
        keys.make(path)
    ids = [key_id(key).hex() for key in keys.read(path)]
    if arguments.json:
        print(json.dumps({"file": path, "ids": ids}))
    elif arguments.action == "list":
        print("\n".join(ids))
    else:
        print(f"made key {ids[0]} in {path}, which now holds {len(ids)}")
    return 0
