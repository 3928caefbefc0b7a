"""A TCP relay whose target can change: the address that a failover moves, or a network that is slow."""

from __future__ import annotations

import contextlib
import socket
import threading
import time


class Relay:
    """Forward connections to a port on this machine.

    Attributes:
        port: where it listens.
        target: where new connections go; those that exist stay, until `cut`.
        delay: seconds that each piece from the target is held back.
    """

    def __init__(self, target: int) -> None:
        self.target, self.delay = target, 0.0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break all connections."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listening.close()
        self.cut()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self.target), 5)
                except OSError:
                    client.close()
                    continue
                server.settimeout(None)
                self._open |= {client, server}
                for source, sink, slow in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self._pump, args=(source, sink, slow), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, slow: bool) -> None:
        with contextlib.suppress(OSError):
            while octets := source.recv(65536):
                if slow:
                    time.sleep(self.delay)
                sink.sendall(octets)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._open -= {source}
        source.close()
