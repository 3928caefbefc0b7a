"""Fuzz the reading of fields: any octets give a message or a RemoteProtocolError, and what is read is stable when written and read again.

Run by ``python tests/mutual/fuzz.py SECONDS`` with kam3 and atheris on the path; where the rule is broken it exits
with an error and writes the input.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from types import FunctionType

from kam3 import ALGORITHMS
from kam3.errors import LocalProtocolError, RemoteProtocolError
from kam3.mutual import grammar, messages, values
from kam3.mutual.messages import KexC1, Message, Parameters, VfyC, VfyS

FIELDS = ("credentials", "challenges", "info", "credentials, quoted", "challenges, quoted", "the grammar alone")

_SID, _HASH, _HASH64 = "0123456789abcdef" * 2, "00" * 32, "A" * 43 + "="
_HEAD = 'version=1, algorithm=iso-kam3-{}, validation=host, auth-scope="http://example.com", realm="A \\"b\\""'
_EC, _DL = _HEAD.format("ec-p256-sha256"), _HEAD.format("dl-2048-sha256")

#: One of each message, and what is hard about the grammar: the first octet chooses the field, a line feed parts its lines.
SEEDS = [
    f'0Mutual {_EC}, user="alice", kc1={"02" * 33}',
    f"0Mutual {_DL}, user*=UTF-8''Ren%C3%A9e, kc1=\"{'A' * 342}==\"",
    f"0Mutual {_EC}, sid={_SID}, nc=1, vkc={_HASH}",
    f'0Mutual {_DL}, sid={_SID}, nc=0, vkc="{_HASH64}"',
    f"1Mutual {_EC}, reason=initial",
    f'1Basic realm="x, Mutual y"\nMutual {_EC}, reason=stale-session\nNegotiate YII=',
    f'1Mutual {_EC}, sid={_SID}, ks1={"02" * 33}, nc-max=2147483647, nc-window=1024, time=3600, path="/ /a"',
    f"2version=1, sid={_SID}, vks={_HASH}",
    f'2Mutual version=1, sid={_SID}\nvks="{_HASH64}"',
    '5A ,, b = "\\c" ,d\t=\te, F g==, H\nI \t,j=k',
]


def check(data: bytes) -> None:
    """Hold one input against the rule; whatever is raised here breaks it."""
    if not data:
        return
    field, lines = data[0] % len(FIELDS), data[1:].decode("latin-1").split("\n")
    if field == 5:
        _check_grammar(lines)
        return
    if field >= 3:  # a raw text would hardly ever be a message: let the input be the value of one of its parameters
        field -= 3
        lines = [_mutated(field, lines)]
    try:
        message = _read(field, lines)
    except RemoteProtocolError as error:
        if error.reason != "invalid-parameters" or len(str(error)) > 300:
            raise AssertionError("an error without its reason, or with a value in it") from error
        return
    if message is not None:
        _check_stable(message)


def _mutated(field: int, lines: list[str]) -> str:
    golden = [seed[1:] for seed in SEEDS if seed[0] == str(field) and "\n" not in seed]
    first, value = (lines[0] or "0")[0], "\n".join(lines)[1:]
    text = golden[ord(first) % len(golden)]
    parts = text.split(", ")
    index = (ord(first) >> 2) % len(parts)
    parts[index] = parts[index].partition("=")[0] + "=" + value
    return ", ".join(parts)


def _read(field: int, lines: list[str]) -> Message | None:
    if field == 2:
        return _read_info(lines)
    parameters: Parameters | None
    parameters = messages.read_credentials(lines) if field == 0 else messages.read_challenges(lines).mutual
    if parameters is None:
        return None
    return messages.parse_request(parameters) if field == 0 else messages.parse_challenge(parameters)


def _read_info(lines: list[str]) -> Message | None:
    parameters = messages.read_info(lines)
    if parameters is None:
        return None
    length = len(parameters["vks"])
    alg = next((alg for alg in ALGORITHMS if length == len(alg.to_wire(bytes(alg.hash_octets), "hash"))), ALGORITHMS[0])
    return messages.parse_info(parameters, alg.token)


def _check_stable(message: Message) -> None:
    try:
        text = messages.serialize(message)
    except LocalProtocolError as error:
        if error.code != "length":  # the canonical form of what just fitted may be longer
            raise
        return
    repr(message)
    if isinstance(message, VfyS):
        again: Message = messages.parse_info(messages.read_info([text]) or {}, message.algorithm)
    elif isinstance(message, (KexC1, VfyC)):
        again = messages.parse_request(messages.read_credentials([text]) or {})
    else:
        again = messages.parse_challenge(messages.read_challenges([text]).mutual or {})
    if again != message or messages.serialize(again) != text or not text.isascii():
        raise AssertionError("a message is another one after it was written and read")


def _check_grammar(lines: list[str]) -> None:
    try:
        found = grammar.parse_challenges(lines)
    except RemoteProtocolError:
        return
    text = ", ".join(map(grammar.serialize_challenge, found))
    if len(text) <= grammar.MAX_FIELD and grammar.parse_challenges([text]) != found:
        raise AssertionError("challenges are others after they were written and read")


def main(arguments: list[str]) -> None:
    """Run the fuzzer for so many seconds."""
    import atheris

    for module in (grammar, values, messages):  # all there is to all imported modules would take a minute
        for name, function in list(vars(module).items()):
            if isinstance(function, FunctionType):
                setattr(module, name, atheris.instrument_func(function))
    with tempfile.TemporaryDirectory() as directory:
        for number, seed in enumerate(SEEDS):
            Path(directory, f"seed-{number}").write_bytes(seed.encode("latin-1"))
        seconds = int(arguments[0]) if arguments else 10
        atheris.Setup([sys.argv[0], directory, f"-max_total_time={seconds}", "-max_len=9000", "-artifact_prefix=./fuzz-messages-"], check)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
