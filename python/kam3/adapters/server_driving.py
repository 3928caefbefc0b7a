"""What adapters of servers have in common: who the peer is, the actions carried out, the answers made, the audit log.

The audit log is the logger ``kam3.audit``: one record an event, with members `event`, `peer`, `realm` and `user` for programs that read
it. Names that a client chose are written so that they cannot pretend to be a line of their own.
"""

from __future__ import annotations

import http
import ipaddress
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Literal

from kam3.errors import OverloadedError
from kam3.mutual.actions import Admit, Begin, Commit, Create, End, Find, Pause, Respond, respond
from kam3.mutual.credentials import CredentialStore
from kam3.mutual.outcomes import Answered, Event, Headers
from kam3.mutual.sessions import SessionTable

_audit = logging.getLogger("kam3.audit")
_audit.addHandler(logging.NullHandler())  # a program that configures no logging gets none on its standard error

#: Names longer than this are cut in the log.
_LOGGED = 200


def log_events(events: Iterable[Event]) -> None:
    """Write events to the audit log."""
    for event in events:
        if not _audit.isEnabledFor(event.level):
            continue
        user = None if event.user is None else event.user[:_LOGGED]
        realm = None if event.realm is None else event.realm.realm
        _audit.log(
            event.level,
            "%s peer=%a realm=%a user=%a%s",  # %a: quoted and in ASCII
            event.name,
            event.peer,
            realm,
            user,
            f" ({ascii(event.detail)[1:-1]})" if event.detail else "",
            extra={"event": event.name, "peer": event.peer, "realm": realm, "user": user},
        )


class Peers:
    """Tell the address of a client, behind proxies that are trusted.

    Args:
        trusted_proxies: addresses or networks (``10.0.0.0/8``) of our own proxies, and of nobody else: they can write any address.
        field: the field in which they add the address of their client, ``X-Forwarded-For`` or ``Forwarded`` (RFC 7239).

    Raises:
        ValueError: no network, or another field.
    """

    def __init__(self, trusted_proxies: Iterable[str] = (), field: Literal["X-Forwarded-For", "Forwarded"] = "X-Forwarded-For") -> None:
        if isinstance(trusted_proxies, str):
            raise ValueError("trusted_proxies must be a sequence of addresses or networks")
        if field not in ("X-Forwarded-For", "Forwarded"):
            raise ValueError("field must be X-Forwarded-For or Forwarded")
        self._networks = [ipaddress.ip_network(network) for network in trusted_proxies]
        self.field = field

    def peer_of(self, address: str, values: Iterable[str]) -> str:
        """Return the address that a request comes from.

        Args:
            address: that of the socket.
            values: the values of `field`, in order; believed only as far as proxies of ours have written them.

        Returns:
            The address of the socket or, while that is a trusted proxy, the rightmost entry that is none; a proxy's own where an entry
            cannot be read.
        """
        if not self._networks or not self._trusted(address):
            return address
        entries = [entry.strip() for value in values for entry in value.split(",")]
        for entry in reversed(entries[-64:]):
            named = _address(entry if self.field == "X-Forwarded-For" else _forwarded_for(entry))
            if named is None:
                break
            address = named
            if not self._trusted(address):
                break
        return address

    def _trusted(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(parsed, "ipv4_mapped", None)
        return any((mapped or parsed) in network for network in self._networks)


def _forwarded_for(entry: str) -> str:
    for part in entry.split(";"):
        name, _, value = part.strip().partition("=")
        if name.lower() == "for":
            return value.strip('"')
    return ""


def _address(text: str) -> str | None:
    """Read an address, with or without brackets and port."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


class Gate:
    """So many at once, so many more in a queue, and the rest refused.

    Args:
        running: how many threads may be inside.
        waiting: how many may wait for it.
        retry_after: what those who are refused are told, in seconds.
    """

    def __init__(self, running: int, waiting: int, retry_after: int) -> None:
        self._free = threading.Semaphore(running)
        self._lock = threading.Lock()
        self._places = running + waiting
        self._retry_after = retry_after

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Wait for a place, hold it for the block.

        Raises:
            OverloadedError: the queue is full.
        """
        with self._lock:
            if not self._places:
                raise OverloadedError("too many key exchanges wait; please try again", retry_after=self._retry_after)
            self._places -= 1
        try:
            with self._free:
                yield
        finally:
            with self._lock:
                self._places += 1


class Handler:
    """Carry out the actions of flows in the thread of the request.

    Args:
        table: the session table.
        credentials: the credential store.
        exchanges: how many key exchanges are computed at once, of which each fills a core; None for one a core. A queue of eight times as
            many waits for them, a tenth of a second of DL_4096.
        pauses: how many requests may sleep at once because too many ask for their user; each holds a thread of the server meanwhile.
        sleep: what waits.
    """

    def __init__(
        self,
        table: SessionTable,
        credentials: CredentialStore,
        *,
        exchanges: int | None = None,
        pauses: int = 8,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._table, self._credentials, self._sleep = table, credentials, sleep
        running = exchanges or os.cpu_count() or 1
        self._exchanges = Gate(running, 8 * running, retry_after=1)
        self._pauses = Gate(pauses, 0, retry_after=5)

    def handle(self, action: object) -> object:
        """Carry out one action and return its value.

        Raises:
            StoreUnavailableError: the store does not answer.
            OverloadedError: too many wait.
            TypeError: it is no action of a server.
        """
        if isinstance(action, Begin):
            return self._table.begin(action.key, action.nc)
        if isinstance(action, Commit):
            return self._table.commit(action.key, action.nc, action.right, action.peer)
        if isinstance(action, Admit):
            return self._table.admit(action.peer, action.realm, action.user)
        if isinstance(action, Pause):
            with self._pauses.entered():
                self._sleep(action.seconds)
            return None
        if isinstance(action, Find):
            return self._credentials.find(action.realm, action.user)
        if isinstance(action, Respond):
            with self._exchanges.entered():
                return respond(action)
        if isinstance(action, Create):
            self._table.create(action.new)
            return None
        if isinstance(action, End):
            self._table.end(action.key)
            return None
        raise TypeError(f"{type(action).__name__} is no action of a server")


def phrase_of(status: int) -> str:
    """Return the reason phrase of a status, for HTTP/1.1."""
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def page(answered: Answered) -> tuple[Headers, bytes]:
    """Return the header fields and the body of an answer that is sent without the application; HEAD gets the fields alone."""
    body = f"{answered.reason}\n".encode()
    fields = (("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body))), ("X-Content-Type-Options", "nosniff"))
    return answered.headers + fields, body
