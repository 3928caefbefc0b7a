"""``kam3 bench`` as scripts see it."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import pytest

import kam3
from kam3 import cli
from kam3.bench import figures, peers
from kam3.bench.report import CSV_COLUMNS, Report
from kam3.bench.steps import STEP_NAMES

P256 = "iso-kam3-ec-p256-sha256"
QUICK = ["bench", "--quick", "--rounds", "1", "--algorithm", P256]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save one quick run."""
    path = tmp_path_factory.mktemp("bench") / "run.json"
    output = io.StringIO()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "stdout", output)
        assert cli.main([*QUICK, "--json"]) == 0
    path.write_text(output.getvalue(), encoding="utf-8")
    return path


def test_json(saved: Path) -> None:
    report = Report.from_json(saved.read_text(encoding="utf-8"))
    assert report.octets == {P256: {"kc1": 66, "ks1": 66, "vkc": 64, "vks": 64}}
    assert [row.step for row in report.rows if row.threads is None] == list(STEP_NAMES)
    assert {row.step for row in report.rows if row.threads is not None} == {"pi_many", "respond_many", "z_client_many"}
    assert all(row.us.median > 0 and row.contender == "kam3" for row in report.rows)
    assert set(report.backends) == {kam3.backends.active()}
    assert report.clock["one thread"] in ("thread_time", "perf_counter")


@pytest.mark.parametrize("form", [[], ["--markdown"], ["--csv"]])
def test_forms(form: list[str], saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "--from", str(saved), *form]) == 0
    out = capsys.readouterr().out
    if form == ["--csv"]:
        assert tuple(next(csv.reader(io.StringIO(out)))) == CSV_COLUMNS
        return
    for expected in ("cpu", "commit", "backend", "clock, one thread", "Octets on the wire", "respond_many", "ec-p256"):
        assert expected in out


def test_baseline(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "--from", str(saved), "--baseline", str(saved)]) == 0
    assert capsys.readouterr().out.count(" 1.00 ~\n") == len(json.loads(saved.read_text())["rows"])
    assert cli.main(["bench", "--from", str(saved), "--baseline", str(saved), "--json"]) == 0
    changes = json.loads(capsys.readouterr().out)["changes"]
    assert {change["factor"] for change in changes} == {1.0}


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--rounds", "0"], "at least 1"),
        (["--rounds", "few"], "invalid"),
        (["--algorithm", "rot13"], "invalid choice"),
        (["--json", "--csv"], "not allowed"),
        (["--paths", "--backend", "reference"], "native"),
        (["--backend", "abacus"], "abacus"),
        (["--from", __file__], "no report"),
    ],
)
def test_wrong_usage_is_2(arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["bench", *arguments])
    assert stopped.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert word in captured.err


def test_a_baseline_that_is_not_there_is_told_before_anything_is_timed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "--baseline", "/nonexistent/run.json"]) == 1
    assert "run.json" in capsys.readouterr().err


def test_figures_without_matplotlib_are_refused_before_anything_is_timed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert cli.main(["bench", "--svg", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert (captured.out, "pip install 'kam3[bench]'" in captured.err) == ("", True)


def test_figures_are_named(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(figures, "draw", lambda report, folder: [folder / f"{len(report.rows)}.svg"])
    assert cli.main(["bench", "--from", str(saved), "--svg", str(tmp_path), "--csv"]) == 0
    assert capsys.readouterr().err.strip().endswith(".svg")


def test_a_peer_that_disagrees_is_status_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def disagree(_: object) -> None:
        raise peers.MismatchError("abacus gives other octets")

    monkeypatch.setattr(cli.bench, "peer_cases", disagree)
    assert cli.main([*QUICK, "--peers"]) == 1
    assert capsys.readouterr().err == "kam3: abacus gives other octets\n"


def test_backends_side_by_side_and_peers(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    names = kam3.backends.available()[-2:]
    monkeypatch.setattr(peers, "_PEERS", {"hashlib": peers._hashlib, "cpython": _missing})
    options = [part for name in names for part in ("--backend", name)]
    assert cli.main([*QUICK, "--no-many", "--peers", "--json", *options]) == 0
    report = Report.from_json(capsys.readouterr().out)
    pi = [row for row in report.rows if row.step == "pi"]
    assert [row.backend for row in pi] == [*names, None]
    assert pi[0].ratio is None
    assert all(row.ratio is not None for row in pi[1:])
    assert [(peer.name, peer.reason) for peer in report.skipped] == [("cpython", "not here")]
    assert all(row.threads is None for row in report.rows)


def _missing(_: object) -> None:
    raise peers._MissingError("not here")


def test_paths(capsys: pytest.CaptureFixture[str]) -> None:
    if "native" not in kam3.backends.available():
        pytest.skip("the extension is not built")
    before = kam3.backends.report("native").cpu_path
    assert cli.main([*QUICK, "--no-many", "--paths", "--json"]) == 0
    report = Report.from_json(capsys.readouterr().out)
    paths = [row.cpu_path for row in report.rows if row.step == "respond"]
    assert paths[-1] == "portable"
    assert report.backends["native"]["cpu_path"].split() == paths
    assert kam3.backends.report("native").cpu_path == before
