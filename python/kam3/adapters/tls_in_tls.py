"""TLS on a connection that may be TLS already: that of a tunnel through a proxy which is itself reached by https.

The standard library's `SSLContext.wrap_socket` takes the descriptor of what it wraps, and would go past the outer TLS.
"""

from __future__ import annotations

import contextlib
import functools
import io
import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeVar

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_CHUNK = 65536

T = TypeVar("T")


def wrap(context: ssl.SSLContext, sock: socket.socket, host: str) -> ssl.SSLSocket | TlsInTls:
    """Begin TLS with a server.

    Args:
        context: its settings.
        sock: the connection; it belongs to the result.
        host: the name of the server.

    Raises:
        OSError: the handshake failed, or the certificate is not to be trusted.
    """
    if isinstance(sock, ssl.SSLSocket):
        return TlsInTls(context, sock, host)
    return context.wrap_socket(sock, server_hostname=host)


class TlsInTls:
    """As much of a socket as `http.client` needs."""

    def __init__(self, context: ssl.SSLContext, sock: ssl.SSLSocket, host: str) -> None:
        self._sock = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._readers, self._closed = 0, False
        try:
            self._do(self._tls.do_handshake)
        except BaseException:
            with contextlib.suppress(OSError):
                self._flush()  # the alert that tells the server why
            raise

    def _do(self, call: Callable[[], T]) -> T:
        """Call what wants octets until it has them."""
        while True:
            try:
                result = call()
            except ssl.SSLWantReadError:
                self._flush()
                octets = self._sock.recv(_CHUNK)
                if octets:
                    self._incoming.write(octets)
                else:
                    self._incoming.write_eof()
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        octets = self._outgoing.read()
        if octets:
            self._sock.sendall(octets)

    def sendall(self, octets: bytes) -> None:
        """Send octets."""
        view = memoryview(octets)
        while view:
            part = view[:_CHUNK]
            view = view[self._do(functools.partial(self._tls.write, part)) :]

    def recv_into(self, buffer: WriteableBuffer) -> int:
        """Receive into a buffer; 0 where the server has ended TLS. An end without that is an error."""
        view = memoryview(buffer).cast("B")
        try:
            octets = self._do(lambda: self._tls.read(len(view)))
        except ssl.SSLZeroReturnError:
            return 0
        view[: len(octets)] = octets
        return len(octets)

    def makefile(self, mode: Literal["rb"]) -> io.BufferedReader:
        """Return a reader, which keeps the connection open until it is closed itself."""
        del mode
        self._readers += 1
        return io.BufferedReader(_Reader(self))

    def getpeercert(self, binary_form: Literal[True]) -> bytes | None:
        """Return the server's certificate in DER."""
        return self._tls.getpeercert(binary_form)

    def fileno(self) -> int:
        """Return the descriptor of the connection."""
        return self._sock.fileno()

    def close(self) -> None:
        """Close it, once no reader is open."""
        self._closed = True
        if not self._readers:
            self._sock.close()

    def _release(self) -> None:
        self._readers -= 1
        if self._closed:
            self.close()


class _Reader(io.RawIOBase):
    def __init__(self, tls: TlsInTls) -> None:
        self._tls = tls

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        return self._tls.recv_into(buffer)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._tls._release()
