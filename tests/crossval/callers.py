"""A caller of the harness on any backend that runs here, and a whole exchange to take values from."""

from __future__ import annotations

import functools
import json
from typing import Any

import kam3
from kam3.crossval.harness import Harness

BACKENDS = kam3.backends.available()
TOKENS = [alg.token for alg in kam3.ALGORITHMS]

#: By token: octets of an element, of S and of a hash value (RFC 8121 appendix B).
LENGTHS = {
    "iso-kam3-dl-2048-sha256": (256, 256, 32),
    "iso-kam3-dl-4096-sha512": (512, 512, 64),
    "iso-kam3-ec-p256-sha256": (33, 32, 32),
    "iso-kam3-ec-p521-sha512": (66, 66, 64),
}


class Caller:
    """Sends requests to a harness as an outside program would: JSON text in, JSON text out."""

    def __init__(self, backend: str) -> None:
        self.backend = backend
        self._harness = Harness(backend)

    def line(self, line: bytes | None) -> dict[str, Any]:
        answer = self._harness.answer(line)
        assert answer.endswith(b"\n")
        assert answer.count(b"\n") == 1
        assert answer.isascii()
        decoded: dict[str, Any] = json.loads(answer)
        assert list(decoded) in (["id", "result"], ["id", "error"])
        if "error" in decoded:
            assert list(decoded["error"]) == ["code", "message"]
        return decoded

    def request(self, **fields: Any) -> dict[str, Any]:
        return self.line(json.dumps(fields).encode())

    def result(self, **fields: Any) -> dict[str, Any]:
        result: dict[str, Any] = self.request(**fields)["result"]
        return result

    def error(self, **fields: Any) -> tuple[str, str]:
        error = self.request(**fields)["error"]
        return error["code"], error["message"]


@functools.cache
def caller_on(backend: str) -> Caller:
    return Caller(backend)


@functools.cache
def exchange_on(backend: str, token: str) -> dict[str, Any]:
    """A whole exchange through the harness, every field of the table with a good value."""
    caller = caller_on(backend)
    _, scalar, _ = LENGTHS[token]
    values: dict[str, Any] = {
        "password": "pässword",
        "auth_scope": "http://example.com:80",
        "realm": "a realm",
        "user": "renée",
        "s_c1": "00" * (scalar - 3) + "c10001",
        "s_s1": "00" * (scalar - 3) + "510002",
        "nc": 129,
        "vh": b"http://example.com:80".hex(),
        "t": b"exporter".hex(),
        "kind": "element",
    }

    def call(op: str, **fields: Any) -> None:
        values.update(caller.result(op=op, algorithm=token, **{**values, **fields}))

    for op in ("pi", "j", "kc1", "respond", "vkc", "vks", "b1", "b2"):
        call(op)
    call("to_wire", value=values["ks1"])
    values["value"] = values["ks1"]
    return values
