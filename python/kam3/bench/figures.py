"""SVG figures of a run, drawn by matplotlib (extra ``[bench]``), each with its data as CSV beside it."""

from __future__ import annotations

import csv
import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kam3.bench.report import Report, short
from kam3.bench.run import Row
from kam3.bench.steps import MANY, OURS

#: The most bits of security each group supports, by NIST SP 800-56A revision 3, appendix D.
SECURITY_BITS = {
    "iso-kam3-dl-2048-sha256": 112,
    "iso-kam3-dl-4096-sha512": 152,
    "iso-kam3-ec-p256-sha256": 128,
    "iso-kam3-ec-p521-sha512": 256,
}

_BAR_STEPS = ("j", "kc1", "respond", "z_client", "client", "server", "pi")
_SIDES = ("client", "server")


class MissingExtraError(Exception):
    """What draws is not installed."""


@dataclass(frozen=True)
class _Point:
    """A value of a series at a place, with its quartiles."""

    series: str
    place: str | int
    q1: float
    median: float
    q3: float


def check() -> tuple[Any, Any]:
    """Return the modules that draw.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        return importlib.import_module("matplotlib"), importlib.import_module("matplotlib.figure")
    except ImportError as error:
        raise MissingExtraError(f"figures need matplotlib ({error}): pip install 'kam3[bench]'") from error


def draw(report: Report, folder: Path) -> list[Path]:
    """Draw what the report has data for.

    Args:
        report: the run.
        folder: where the files go; made if it is missing.

    Returns:
        The SVG files: ``steps.svg``, ``security.svg``, and ``cores.svg`` if many at once were timed.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OSError: the files cannot be written.
    """
    matplotlib, figure = check()
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    # text as text, and the same file for the same data
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "kam3"}):
        for name, points, paint in (
            ("steps", list(_steps(report)), _paint_steps),
            ("security", list(_security(report)), _paint_security),
            ("cores", list(_cores(report)), _paint_cores),
        ):
            if points:
                drawing = figure.Figure(figsize=(9, 5), layout="constrained")
                paint(drawing.subplots(), points)
                path = folder / f"{name}.svg"
                drawing.savefig(path, format="svg", metadata={"Date": None, "Title": _title(report)})
                _write_data(path.with_suffix(".csv"), points)
                made.append(path)
    return made


def _title(report: Report) -> str:
    return f"kam3 {report.machine['kam3']}, commit {report.machine['commit']}, {report.machine['cpu']}, {report.machine['date']}"


def _ours(report: Report, steps: Sequence[str]) -> Iterator[tuple[Row, str]]:
    """Yield kam3's rows of some steps with the name of their contender, which is empty if there is but one."""
    rows = [row for row in report.rows if row.contender == OURS and row.step in steps]
    several = len({(row.backend, row.cpu_path) for row in rows}) > 1
    for row in rows:
        yield row, f", {row.backend} {row.cpu_path}" if several else ""


def _steps(report: Report) -> Iterator[_Point]:
    for row, contender in _ours(report, _BAR_STEPS):
        yield _Point(short(row.algorithm) + contender, row.step, row.us.q1, row.us.median, row.us.q3)


def _security(report: Report) -> Iterator[_Point]:
    for row, contender in sorted(_ours(report, _SIDES), key=lambda found: SECURITY_BITS[found[0].algorithm]):
        yield _Point(row.step + contender, SECURITY_BITS[row.algorithm], row.us.q1, row.us.median, row.us.q3)


def _cores(report: Report) -> Iterator[_Point]:
    for row, contender in _ours(report, MANY):
        if row.threads is not None and min(row.us.q1, row.us.median, row.us.q3) > 0:
            rates = sorted(1e6 / value for value in (row.us.q1, row.us.median, row.us.q3))
            yield _Point(f"{short(row.algorithm)} {row.step}{contender}", row.threads, *rates)


def _paint_steps(axes: Any, points: Sequence[_Point]) -> None:
    series, places = _names(points)
    width = 0.8 / len(series)
    for number, name in enumerate(series):
        own = [point for point in points if point.series == name]
        where = [places.index(point.place) + (number - (len(series) - 1) / 2) * width for point in own]
        axes.bar(where, [point.median for point in own], width, yerr=_errors(own), capsize=2, label=name)
    axes.set_xticks(range(len(places)), labels=[str(place) for place in places])
    axes.set(yscale="log", ylabel="microseconds (median, quartiles)")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))


def _paint_security(axes: Any, points: Sequence[_Point]) -> None:
    _paint_lines(axes, points, line="")
    axes.set(yscale="log", xlabel="security of the group, bits", ylabel="microseconds of a side without pi (median, quartiles)")
    names: dict[str | int, str] = {bits: f"{bits}\n{short(token)}" for token, bits in SECURITY_BITS.items()}
    places = sorted({point.place for point in points})
    axes.set_xticks(places, labels=[names[place] for place in places])


def _paint_cores(axes: Any, points: Sequence[_Point]) -> None:
    _paint_lines(axes, points, line="-")
    axes.set(yscale="log", xlabel="threads", ylabel="items a second (median, quartiles)")
    axes.set_xticks(sorted({point.place for point in points}))


def _paint_lines(axes: Any, points: Sequence[_Point], line: str) -> None:
    series, _ = _names(points)
    for name in series:
        own = [point for point in points if point.series == name]
        where, medians = [point.place for point in own], [point.median for point in own]
        axes.errorbar(where, medians, yerr=_errors(own), marker="o", linestyle=line, capsize=3, label=name)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))


def _names(points: Sequence[_Point]) -> tuple[list[str], list[str | int]]:
    return list(dict.fromkeys(point.series for point in points)), list(dict.fromkeys(point.place for point in points))


def _errors(points: Sequence[_Point]) -> list[list[float]]:
    return [[point.median - point.q1 for point in points], [point.q3 - point.median for point in points]]


def _write_data(path: Path, points: Sequence[_Point]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["series", "place", "q1", "median", "q3"])
        writer.writerows([point.series, point.place, point.q1, point.median, point.q3] for point in points)
