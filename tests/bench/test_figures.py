"""Figures: valid SVG with their data beside them, and a clear word where matplotlib is missing."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from types import ModuleType
from unittest.mock import MagicMock
from xml.etree import ElementTree

import pytest

from kam3.bench import figures

from .test_report import report, row

RUN = report(
    *(row(step, 10.0 * number) for number, step in enumerate(("j", "kc1", "respond", "z_client", "client", "server", "pi"), 1)),
    *(row("respond_many", 100.0 / threads, threads=threads) for threads in (1, 2)),
)


def test_svg_and_data(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra [bench])")
    folder = tmp_path / "new" / "figures"
    made = figures.draw(RUN, folder)
    assert [path.name for path in made] == ["steps.svg", "security.svg", "cores.svg"]
    for path in made:
        assert ElementTree.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"
    first = [path.read_bytes() for path in made]
    assert [path.read_bytes() for path in figures.draw(RUN, folder)] == first


def test_the_data_beside_a_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = MagicMock()
    monkeypatch.setitem(sys.modules, "matplotlib", drawn)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", drawn.figure)
    figures.draw(RUN, tmp_path)
    axes = drawn.figure.Figure.return_value.subplots.return_value
    assert axes.bar.call_args.args[1] == [10, 20, 30, 40, 50, 60, 70]
    data = {name: list(csv.DictReader((tmp_path / f"{name}.csv").open())) for name in ("steps", "security", "cores")}
    assert [(entry["place"], entry["median"]) for entry in data["steps"]][:2] == [("j", "10.0"), ("kc1", "20.0")]
    assert [(entry["series"], entry["place"]) for entry in data["security"]] == [("client", "128"), ("server", "128")]
    assert [(entry["place"], float(entry["median"])) for entry in data["cores"]] == [("1", 10_000), ("2", 20_000)]
    assert all(float(entry["q1"]) <= float(entry["median"]) <= float(entry["q3"]) for rows in data.values() for entry in rows)


def test_nothing_to_draw_makes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", MagicMock())
    monkeypatch.setitem(sys.modules, "matplotlib.figure", MagicMock())
    assert figures.draw(report(row("vkc", 1.0)), tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    missing: ModuleType | None = None
    monkeypatch.setitem(sys.modules, "matplotlib", missing)
    with pytest.raises(figures.MissingExtraError, match=r"pip install 'kam3\[bench\]'"):
        figures.check()
