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
import urllib.parse
from typing import NamedTuple

from kam3.adapters.client_driving import Ask
from kam3.adapters.stdlib import Client, Reply
from kam3.errors import ProtocolError, UnprovedResponseError
from kam3.mutual.client import MutualClient
from kam3.mutual.client_actions import AskCredentials, Credentials, Status
from kam3.mutual.realms import Origin

#: The exit statuses; 2 is wrong usage.
EXIT = {Status.AUTH_SUCCEED: 0, Status.AUTH_REQUIRED: 3, Status.UNAUTHENTICATED: 4}
FATAL, NO_CONNECTION = 5, 6

_MAX_REDIRECTS = 20


def run(arguments: argparse.Namespace) -> int:
    """Make the requests, and return the exit status of the first that did not succeed, which is the last that is made."""
    command: argparse.ArgumentParser = arguments.parser
    try:
        proxy = None if arguments.proxy is None else _Proxy.parse(arguments.proxy)
        origin = Origin.parse(arguments.url)
        tls = origin.scheme == "https" or (proxy is not None and proxy.url.startswith("https:"))
        context = ssl.create_default_context(cafile=arguments.cacert) if tls else None
    except (ValueError, ssl.SSLError) as error:
        command.error(str(error))
    except OSError as error:
        command.error(f"--cacert {arguments.cacert}: {error.strerror}")
    if arguments.verbose:
        _talk()
    ask = None if arguments.password_stdin else _prompter(arguments.user, None if proxy is None else proxy.user)
    mutual = None if proxy is None else MutualClient(proxy=proxy.url)
    strict = proxy is not None and proxy.user is not None
    with Client(require=False, ask=ask, context=context, proxy=mutual, require_proxy=strict) as client:
        try:
            if arguments.password_stdin:
                client.mutual.add(arguments.url, arguments.user, _line())
                if mutual is not None and proxy is not None and proxy.user is not None:
                    mutual.add(proxy.url, proxy.user, _line())
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
            if mutual is not None:
                mutual.close()


class _Proxy(NamedTuple):
    """What --proxy says."""

    url: str
    user: str | None

    @classmethod
    def parse(cls, text: str) -> _Proxy:
        scheme, separator, rest = text.partition("://")
        user, at, server = rest.rpartition("@")
        if ":" in user:
            raise ValueError("--proxy must not hold a password: it is asked for, or read from standard input")
        if at and not user:
            raise ValueError("--proxy: the user's name before @ must not be empty")
        url = f"{scheme}{separator}{server}"
        try:
            Origin.parse(url)
        except ValueError as error:
            raise ValueError(f"--proxy: {error}") from None
        if server.rstrip("/") != server.partition("/")[0] or "?" in server or "#" in server:
            raise ValueError("--proxy must be http://NAME@HOST:PORT, with nothing behind it")
        return cls(url, urllib.parse.unquote(user, errors="strict") if at else None)


def _line() -> str:
    return sys.stdin.buffer.readline().removesuffix(b"\n").removesuffix(b"\r").decode("utf-8")


def _prompter(user: str, proxy_user: str | None) -> Ask:
    def ask(action: AskCredentials) -> Credentials | None:
        name, where = (proxy_user, f"proxy {action.origin}") if action.proxy else (user, str(action.origin))
        if name is None:
            return None
        try:
            return Credentials(name, getpass.getpass(f"password of {name} for {action.realm.realm!r} at {where}: "))
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
    except (ProtocolError, UnprovedResponseError) as error:  # the second one of a proxy alone: the server's proofs are not required
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
    if reply.proxy is not None:
        row["proxy"] = reply.proxy.status.value
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
