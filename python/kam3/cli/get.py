"""``kam3 get``: fetch a URL as a user, and say whether the server has proved that it knows the user."""

from __future__ import annotations

import argparse
import base64
import getpass
import http.client
import json
import logging
import ssl
import sys
import time
from typing import TYPE_CHECKING

from kam3.adapters.client_driving import Ask
from kam3.adapters.stdlib import Client, Reply
from kam3.errors import ProtocolError
from kam3.mutual.client_actions import AskCredentials, Credentials, Status
from kam3.mutual.realms import Origin

if TYPE_CHECKING:
    from kam3.cli.options import Subparsers

#: The exit statuses; 2 is wrong usage.
EXIT = {Status.AUTH_SUCCEED: 0, Status.AUTH_REQUIRED: 3, Status.UNAUTHENTICATED: 4}
FATAL, NO_CONNECTION = 5, 6

_MAX_REDIRECTS = 20

_DESCRIPTION = """\
Fetch a URL by Mutual authentication (RFC 8120), and print its content. The
password comes from a prompt or from standard input, never from an argument."""

_EPILOG = """\
exit status:
  0  AUTH-SUCCEED: the server has proved that it knows the user, and the content
     is its own, whatever the HTTP status
  3  AUTH-REQUIRED: the credentials were not accepted, or there is no way to
     answer the challenge
  4  UNAUTHENTICATED: the server did not ask for a login and proved nothing; the
     content is printed with a warning, that of an unproved 5xx is not
  5  the server did not prove itself or broke the protocol; nothing is printed
  6  no connection
  2  wrong usage

example:
  kam3 get http://127.0.0.1:8120/ --user alice
"""


def add(commands: Subparsers) -> argparse.ArgumentParser:
    """Define the command's arguments."""
    parser = commands.add_parser(
        "get",
        help="fetch a URL as a user, and check that the server knows the user",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("url", metavar="URL", help="http or https")
    parser.add_argument("--user", metavar="NAME", required=True, help="the user's name")
    parser.add_argument("--password-stdin", action="store_true", help="read the password from the first line of standard input")
    parser.add_argument("-v", "--verbose", action="store_true", help="tell on standard error what is sent and received")
    parser.add_argument("--json", action="store_true", help="print one JSON object for each request instead of the content")
    parser.add_argument("--repeat", metavar="N", type=_count, default=1, help="make the request N times")
    parser.add_argument("--cacert", metavar="FILE", help="trust the certificates in this PEM file, and no others")
    parser.add_argument("--proxy", metavar="URL", help="not supported yet")
    parser.add_argument("--location", action="store_true", help=f"follow redirects, {_MAX_REDIRECTS} at most")
    return parser


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError("must be a number greater than 0")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Make the requests, and return the exit status of the first that did not succeed, which is the last that is made."""
    command: argparse.ArgumentParser = arguments.parser
    if arguments.proxy is not None:
        command.error("--proxy is not supported yet: authentication to proxies is not part of this release")
    try:
        origin = Origin.parse(arguments.url)
        context = ssl.create_default_context(cafile=arguments.cacert) if origin.scheme == "https" else None
    except (ValueError, ssl.SSLError) as error:
        command.error(str(error))
    except OSError as error:
        command.error(f"--cacert {arguments.cacert}: {error.strerror}")
    if arguments.verbose:
        _talk()
    ask = None if arguments.password_stdin else _prompter(arguments.user)
    with Client(require=False, ask=ask, context=context) as client:
        try:
            if arguments.password_stdin:
                password = sys.stdin.buffer.readline().removesuffix(b"\n").removesuffix(b"\r").decode("utf-8")
                client.mutual.add(arguments.url, arguments.user, password)
            status = 0
            for _ in range(arguments.repeat):
                status = _one(client, arguments)
                if status != 0:
                    break
            return status
        except UnicodeDecodeError:
            command.error("the password must be UTF-8")
        except ValueError as error:  # of the user's name, the password, or a redirect
            command.error(str(error))
        finally:
            client.mutual.close()


def _prompter(user: str) -> Ask:
    def ask(action: AskCredentials) -> Credentials | None:
        try:
            return Credentials(user, getpass.getpass(f"password of {user} for {action.realm.realm!r} at {action.origin}: "))
        except EOFError:
            return None

    return ask


def _talk() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("kam3")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)


def _one(client: Client, arguments: argparse.Namespace) -> int:
    """Make one request, print what came of it, and return the exit status."""
    begin = time.perf_counter()
    try:
        reply = client.get(arguments.url, follow=_MAX_REDIRECTS if arguments.location else 0)
    except ProtocolError as error:
        _complain(arguments, "FATAL", error.code, str(error), begin)
        return FATAL
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, ImportError):  # an extra is missing
            raise
        _complain(arguments, "NO-CONNECTION", "connection", str(error) or type(error).__name__, begin)
        return NO_CONNECTION
    if arguments.json:
        _print_json(reply, begin)
    else:
        _print(reply)
    return EXIT[reply.outcome.status]


def _print(reply: Reply) -> None:
    """Print the content on standard output, and what it is worth on standard error."""
    outcome = reply.outcome
    word = "" if outcome.proved else "warning: "
    print(f"kam3: {word}{outcome.status.value}: {outcome.reason.text} (HTTP {reply.status})", file=sys.stderr)
    if outcome.withheld and "Retry-After" in reply.headers:
        print(f"kam3: Retry-After: {reply.headers['Retry-After']!r}", file=sys.stderr)
    if outcome.status is not Status.AUTH_REQUIRED:
        sys.stdout.flush()
        sys.stdout.buffer.write(reply.body)
        sys.stdout.buffer.flush()


def _print_json(reply: Reply, begin: float) -> None:
    outcome = reply.outcome
    row: dict[str, object] = {
        "status": outcome.status.value,
        "http_status": reply.status,
        "reason": outcome.reason.code,
        "message": outcome.reason.text,
        "algorithm": None if outcome.realm is None else outcome.realm.algorithm,
        "realm": None if outcome.realm is None else outcome.realm.realm,
        "nc": outcome.nc,
        "round_trips": outcome.requests + sum(hop.outcome.requests for hop in reply.hops),
        "milliseconds": _since(begin),
    }
    if reply.hops:
        row["hops"] = [{"url": hop.url, "http_status": hop.status, "status": hop.outcome.status.value} for hop in reply.hops]
    if outcome.proved:
        try:
            row["body"] = reply.body.decode("utf-8")
        except UnicodeDecodeError:
            row["body"] = None
            row["body_base64"] = base64.b64encode(reply.body).decode("ascii")
    print(json.dumps(row), flush=True)


def _complain(arguments: argparse.Namespace, status: str, code: str, message: str, begin: float) -> None:
    if arguments.json:
        row = {"status": status, "http_status": None, "reason": code, "message": message, "algorithm": None, "realm": None, "nc": None}
        print(json.dumps({**row, "round_trips": None, "milliseconds": _since(begin)}), flush=True)
    else:
        print(f"kam3: {status}: {message}", file=sys.stderr)


def _since(begin: float) -> float:
    return round((time.perf_counter() - begin) * 1000, 3)
