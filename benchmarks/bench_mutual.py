"""The sans-I/O work on messages: a field read into its record, and written. Run by ``pytest benchmarks``; MB/s is in ``extra_info``.

`scan` is the floor under all reading: the one call of `re` that finds the parameters of the same field.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from kam3.errors import RemoteProtocolError
from kam3.mutual import grammar, messages
from kam3.mutual.messages import VfyC, VfyS
from kam3.mutual.realms import Realm
from tests.mutual.test_grammar import HARD

EC = Realm("iso-kam3-ec-p256-sha256", "https://accounts.example.com", "Members of the example")
DL = EC._replace(algorithm="iso-kam3-dl-4096-sha512")
SID = "0123456789abcdef0123456789abcdef"
REQUEST = VfyC(EC, "tls-server-end-point", SID, 123456, bytes(range(32)))
PROOF = VfyS(SID, bytes(range(32)), EC.algorithm)
FIELD, INFO = messages.serialize(REQUEST), messages.serialize(PROOF)
CHALLENGE = messages.serialize(messages.Init(EC, "tls-server-end-point", "initial"))
KEX = messages.serialize(messages.KexC1(DL, "tls-server-end-point", "Ren\u00e9e of France", bytes(range(256)) * 2))


def read_request(text: str) -> object:
    return messages.parse_request(messages.read_credentials([text]) or {})


def read_challenge(text: str) -> object:
    return messages.parse_challenge(messages.read_challenges([text]).mutual or {})


def read_info(text: str) -> object:
    return messages.parse_info(messages.read_info([text]) or {}, EC.algorithm)


def scan(text: str) -> object:
    return grammar._PARAMETERS.findall(text, 7)


@pytest.mark.parametrize(
    ("name", "work", "argument", "octets"),
    [
        ("scan a req-VFY-C", scan, FIELD, len(FIELD)),
        ("read a req-VFY-C", read_request, FIELD, len(FIELD)),
        ("write a req-VFY-C", messages.serialize, REQUEST, len(FIELD)),
        ("read a req-KEX-C1 of DL 4096", read_request, KEX, len(KEX)),
        ("read a 401-INIT", read_challenge, CHALLENGE, len(CHALLENGE)),
        ("read a 200-VFY-S", read_info, INFO, len(INFO)),
        ("write a 200-VFY-S", messages.serialize, PROOF, len(INFO)),
    ],
    ids=lambda value: value.replace(" ", "_") if isinstance(value, str) and len(value) < 40 else "",
)
def test_message(benchmark: Any, name: str, work: Callable[[Any], object], argument: object, octets: int) -> None:
    benchmark.group, benchmark.name = "messages", name
    benchmark(work, argument)
    benchmark.extra_info.update(octets=octets, megabytes_a_second=octets / benchmark.stats.stats.median / 1e6)


@pytest.mark.parametrize("length", [2048, 4096, 8192])
@pytest.mark.parametrize("kind", HARD)
def test_hard_field(benchmark: Any, kind: str, length: int) -> None:
    """How the time grows with the length, for what is hardest to read; all of it is refused or read in the same one pass."""
    benchmark.group, benchmark.name = f"hard: {kind}", f"{length} octets"
    text = HARD[kind](length - 8)

    def work() -> None:
        for read in (grammar.parse_challenges, grammar.parse_credentials):
            with contextlib.suppress(RemoteProtocolError):
                read([text])

    benchmark(work)
    benchmark.extra_info.update(octets=length, megabytes_a_second=length / benchmark.stats.stats.median / 1e6)
