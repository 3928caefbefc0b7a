"""``kam3 get``: fetch a URL as a user, and say whether the server has proved that it knows the user."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kam3.cli.options import Subparsers

_DESCRIPTION = """\
Fetch a URL by Mutual authentication (RFC 8120), and print its content. The
password comes from a prompt or from standard input, never from an argument.

A proxy whose URL has a user name must prove, too, that it knows the user: for
https before TLS with the server begins. Its password is asked for when it wants
it or, with --password-stdin, is the second line of standard input. A proxy whose
URL has none is used as it is."""

_EPILOG = """\
exit status:
  0  AUTH-SUCCEED: the server has proved that it knows the user, and the content
     is its own, whatever the HTTP status
  3  AUTH-REQUIRED: the credentials were not accepted, or there is no way to
     answer the challenge, of the server or of the proxy
  4  UNAUTHENTICATED: the server did not ask for a login and proved nothing; the
     content is printed with a warning, that of an unproved 5xx is not
  5  the server, or the proxy, did not prove itself or broke the protocol; nothing
     is printed
  6  no connection
  2  wrong usage

example:
  kam3 get http://127.0.0.1:8120/ --user alice

example, through a proxy:
  kam3 get https://example.com/ --user alice --proxy http://peter@proxy.example:3128
"""


def add(commands: Subparsers) -> argparse.ArgumentParser:
    """Define the command's arguments."""
    parser = commands.add_parser(
        "get",
        help="fetch a URL as a user, and check that the server knows the user",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,  # --password is no --password-stdin
    )
    parser.add_argument("url", metavar="URL", help="http or https")
    parser.add_argument("--user", metavar="NAME", required=True, help="the user's name")
    parser.add_argument("--password-stdin", action="store_true", help="read the password from the first line of standard input")
    parser.add_argument("-v", "--verbose", action="store_true", help="tell on standard error what is sent and received")
    parser.add_argument("--json", action="store_true", help="print one JSON object for each request instead of the content")
    parser.add_argument("--repeat", metavar="N", type=_count, default=1, help="make the request N times")
    parser.add_argument("--cacert", metavar="FILE", help="trust the certificates in this PEM file, and no others")
    parser.add_argument("--proxy", metavar="URL", help="go through this proxy: http://NAME@HOST:PORT, where NAME is the user's name there")
    parser.add_argument("--location", action="store_true", help="follow redirects, 20 at most")
    return parser


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError("must be a number greater than 0")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Make the requests, and return the exit status of the first that did not succeed, which is the last that is made."""
    from kam3.cli import getting  # not needed, and slow to load, for the other commands

    return getting.run(arguments)
