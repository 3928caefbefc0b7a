"""The scripts of benchmarks/: their statistics, and one small run of each."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest

import kam3
from tests.clib import ROOT

if not (ROOT / "benchmarks").is_dir():
    pytest.skip("benchmarks/ is not part of this tree", allow_module_level=True)

from benchmarks import building, components, footprint, instructions

BACKEND = kam3.backends.available()[0]


def test_timings_are_grouped_and_compared_with_the_first_contender() -> None:
    lines = [
        "clock ns",
        *(f"time p256 ge_mul portable {value}" for value in (10, 20, 30)),
        *(f"time p256 ge_mul OpenSSL {v}" for v in (5, 10, 15)),
    ]
    ours, theirs = components.timings(lines)
    assert (ours.contender, ours.rounds, ours.value.median, ours.times) == ("portable", 3, 20, None)
    assert theirs.times is not None
    assert (theirs.contender, theirs.times.median) == ("OpenSSL", 0.5)


def test_rank_correlation() -> None:
    assert components.rank_correlation([(1, 10), (2, 20), (3, 1000)]) == pytest.approx(1)
    assert components.rank_correlation([(1, 3), (2, 2), (3, 1)]) == pytest.approx(-1)
    assert components.rank_correlation([(1, 5), (2, 5), (3, 5)]) == 0
    assert components.rank_correlation([(1, 1), (1, 1), (2, 3), (3, 2)]) == pytest.approx(7 / 9)  # ranks 0.5 0.5 2 3 and 0.5 0.5 3 2


def test_weight_is_looked_at_among_long_scalars_alone() -> None:
    lines = [f"secret p256 ge_mul portable {length} {weight} {weight}" for length, weight in ((256, 1), (250, 2), (249, 3), (100, 9))]
    by_length, by_weight = components.correlations(lines)
    assert (by_length.property, by_length.samples) == ("bit length", 4)
    assert (by_weight.property, by_weight.samples, by_weight.coefficient) == ("Hamming weight", 3, pytest.approx(1))


def test_components_build_and_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        building.compiler()
    except building.BuildError as error:
        pytest.skip(str(error))
    assert components.main(["--rounds", "1", "--path", "portable", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    rows = {(row["group"], row["operation"]) for row in found["results"] if row["contender"] == "portable"}
    assert {("p256", "ge_mul"), ("dl4096", "ge_mul_base"), ("p521", "sc_inv"), ("sha512", "pbkdf2_x8")} <= rows
    assert components.main(["--path", "abacus", "--rounds", "1"]) == 1


def test_instructions_compare_within_the_tolerance() -> None:
    then = {"portable": {kam3.EC_P256.token: {"kc1": 1000, "j": 1000, "pi": 1000}}}
    now = {"portable": {kam3.EC_P256.token: {"kc1": 1009, "j": 989, "vkc": 5}}}
    rows, good = instructions.compare(now, then, 0.01)
    assert [row[-1] for row in rows] == ["+0.90%", "-1.10%  beyond", "new"]
    assert not good
    assert instructions.compare(then, then, 0.0)[1]


@pytest.mark.nightly
def test_instructions_are_the_same_each_time() -> None:
    if shutil.which("valgrind") is None:
        pytest.skip("no valgrind")
    try:
        first, second = (instructions.count_all([kam3.EC_P256], ["portable"], ["kc1", "vkc"]) for _ in range(2))
    except building.BuildError as error:
        pytest.skip(str(error))
    assert first == second
    assert all(found > 1000 for found in first["portable"][kam3.EC_P256.token].values())


def test_another_compiler_is_not_compared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = tmp_path / "instructions.json"
    record.write_text(json.dumps({"compiler": "abacus 1.0", "flags": "-O9", "counts": {}}))
    monkeypatch.setattr(instructions, "RECORD", record)
    monkeypatch.setattr(instructions, "compiler_version", lambda: "gcc 99")
    assert instructions.main(["--check"]) == 0
    assert "skipped" in capsys.readouterr().out


def test_footprint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wheel = tmp_path / "kam3.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("kam3/_native.abi3.so", b"x" * 100)
        archive.writestr("kam3/__init__.py", b"y" * 10)
    assert footprint.main(["--rounds", "1", "--backend", BACKEND, "--wheel", str(wheel), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["wheel_octets"] == {"wheel": wheel.stat().st_size, "unpacked": 110, "compiled core": 100}
    assert set(found["milliseconds"]) == set(footprint.PROGRAMS)
    assert 0 < found["peak_kib"]["empty"] < found["peak_kib"]["all four"]
