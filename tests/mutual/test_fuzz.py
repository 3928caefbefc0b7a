"""The fuzzer of fields: its seeds and a random start always, itself for a while where atheris is installed."""

from __future__ import annotations

import importlib.util
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kam3
from kam3.errors import RemoteProtocolError
from kam3.mutual import messages
from tests.mutual import fuzz

SECONDS = int(os.environ.get("KAM3_FUZZ_SECONDS", "5"))


@pytest.mark.parametrize("seed", fuzz.SEEDS, ids=lambda seed: seed[:12])
def test_every_seed_is_read_and_its_neighbours_break_nothing(seed: str) -> None:
    field, lines = int(seed[0]), seed[1:].split("\n")
    if field < 3:
        assert fuzz._read(field, lines) is not None
    data, chance = seed.encode("latin-1"), random.Random(8120)
    fuzz.check(data)
    for _ in range(200):
        changed = bytearray(data)
        changed[chance.randrange(len(changed))] = chance.randrange(256)
        at = chance.randrange(len(changed))
        fuzz.check(bytes(changed[:at] + changed[chance.randrange(at, len(changed)) :]))


@given(st.binary(max_size=80))
def test_any_octets(data: bytes) -> None:
    fuzz.check(data)


def test_the_rule_can_be_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "serialize", lambda _: fuzz.SEEDS[2][1:].replace("nc=1", "nc=2"))
    with pytest.raises(AssertionError, match="another one"):
        fuzz.check(fuzz.SEEDS[2].encode())
    monkeypatch.setattr(messages, "read_credentials", lambda _: int("x"))
    with pytest.raises(ValueError, match="invalid literal"):
        fuzz.check(fuzz.SEEDS[2].encode())


def test_errors_stay_errors_of_the_protocol() -> None:
    with pytest.raises(RemoteProtocolError):
        fuzz._read(0, ["Mutual version=1"])


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
def test_fuzzing_for_a_while(tmp_path: Path) -> None:
    environment = dict(os.environ, PYTHONPATH=str(Path(kam3.__file__).parents[1]))
    done = subprocess.run(
        [sys.executable, fuzz.__file__, str(SECONDS)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS + 240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Done " in done.stderr, done.stderr[-3000:]  # libFuzzer's last line, with the number of runs
