"""What ``kam3 get`` does."""

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

from kam3.adapters.client_driving import Ask
from kam3.adapters.stdlib import Client, Reply
from kam3.errors import ProtocolError
from kam3.mutual.client_actions import AskCredentials, Credentials, Status
from kam3.mutual.realms import Origin

#: The exit statuses; 2 is wrong usage.
EXIT = {Status.AUTH_SUCCEED: 0, Status.AUTH_REQUIRED: 3, Status.UNAUTHENTICATED: 4}
FATAL, NO_CONNECTION = 5, 6

_MAX_REDIRECTS = 20


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
