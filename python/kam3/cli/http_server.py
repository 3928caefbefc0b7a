"""The standard library's HTTP server with a thread for each connection: enough to try things on one machine, without any extra."""

from __future__ import annotations

import logging
import socket
import time
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

#: Seconds that a connection may be silent; without it an idle client would keep a thread for ever.
_SILENCE = 30.0
#: What of an unread request is thrown away before the connection is closed, in seconds and octets: closed at once, the operating system
#: would answer its rest by a reset, which can overtake our response.
_LINGER, _LINGER_OCTETS = 1.0, 1 << 20


class HttpServer(ThreadingMixIn, WSGIServer):
    """The standard library's WSGI server with a thread for each connection.

    Args:
        host: the address to listen on.
        port: the port, 0 for a free one.

    Raises:
        OSError: it cannot listen there.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Quiet)

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self.server_address[:2]
        text = host.decode() if isinstance(host, bytes) else str(host)
        return f"http://[{text}]:{port}" if ":" in text else f"http://{text}:{port}"

    def server_bind(self) -> None:
        """Bind, and do not ask the name service for our name, as the standard library does: it may take seconds."""
        host = self.server_address[0]
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(host), self.server_address[1]
        self.setup_environ()

    def shutdown_request(self, request: Any) -> None:
        """Close a connection once the client has seen the response."""
        try:
            request.shutdown(socket.SHUT_WR)
            end, left = time.monotonic() + _LINGER, _LINGER_OCTETS
            while left > 0 and (rest := end - time.monotonic()) > 0:
                request.settimeout(rest)
                octets = request.recv(min(left, 65536))
                if not octets:
                    break
                left -= len(octets)
        except OSError:
            pass  # the client is gone, or silent
        self.close_request(request)


class _Quiet(WSGIRequestHandler):
    """Handle a request without a line of its own in the log, which is the audit log's."""

    timeout = _SILENCE

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the standard library gave it
        logging.getLogger("kam3.serve").debug(format, *args)
