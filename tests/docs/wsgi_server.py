"""Serve ``MODULE:app`` on a port with the standard library, as a server of WSGI applications that is always there: MODULE PORT."""

from __future__ import annotations

import importlib
import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


if __name__ == "__main__":
    module, port = sys.argv[1:]
    with make_server("127.0.0.1", int(port), importlib.import_module(module).app, server_class=Server) as server:
        server.serve_forever(poll_interval=0.05)
