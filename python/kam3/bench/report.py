"""What a run found, as an object, and as JSON, CSV and Markdown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from kam3.bench.peers import Skipped
from kam3.bench.run import Row
from kam3.bench.spread import Spread
from kam3.bench.steps import OURS, PEER_STEPS, STEP_NAMES

#: The name of the JSON's form; another number means that a reader of this one would misread it.
SCHEMA = "kam3.bench/1"

_SPREADS = ("us", "cycles", "ratio")

#: The columns of the CSV.
CSV_COLUMNS = (
    *("algorithm", "step", "contender", "backend", "cpu_path", "threads", "rounds", "calls"),
    *(f"{spread}_{part.name}" for spread in _SPREADS for part in fields(Spread)),
    *("overhead_us", "note"),
)


class ReportError(ValueError):
    """A file that is no report of this schema."""


@dataclass
class Report:
    """One run.

    `machine` describes the machine, and `backends` each backend that was timed; `clock` names what was read; `octets` are the lengths on
    the wire for each algorithm.
    """

    machine: dict[str, str]
    backends: dict[str, dict[str, str]]
    clock: dict[str, str | None]
    octets: dict[str, dict[str, int]]
    rows: list[Row]
    skipped: list[Skipped] = field(default_factory=list)
    schema: str = SCHEMA

    def to_json(self) -> str:
        """Write the whole report as one JSON object."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Read what `to_json` wrote.

        Raises:
            ReportError: it is something else.
        """
        try:
            found = json.loads(text)
            if found["schema"] != SCHEMA:
                raise ReportError(f"schema is {found['schema']!a}, not {SCHEMA!a}")
            rows = [_row(entry) for entry in found["rows"]]
            skipped = [Skipped(**entry) for entry in found["skipped"]]
            return cls(found["machine"], found["backends"], found["clock"], found["octets"], rows, skipped)
        except ReportError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ReportError(f"no report of kam3 bench --json: {type(error).__name__} {error}") from error

    def to_csv(self) -> str:
        """Write the rows as CSV with a header; what is not known is empty."""
        text = io.StringIO()
        writer = csv.DictWriter(text, CSV_COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in self.rows:
            entry = {name: value for name, value in vars(row).items() if name not in _SPREADS}
            for name in _SPREADS:
                spread = getattr(row, name)
                entry |= {f"{name}_{part.name}": None if spread is None else getattr(spread, part.name) for part in fields(Spread)}
            writer.writerow(entry)
        return text.getvalue()

    def facts(self) -> Iterator[tuple[str, str]]:
        """Yield what belongs above every table: machine, backends, clocks."""
        yield from self.machine.items()
        for name, facts in self.backends.items():
            yield f"backend {name}", "; ".join(f"{key} {value}" for key, value in facts.items())
        yield from ((f"clock, {name}", value or "not counted here") for name, value in self.clock.items())

    def tables(self) -> Iterator[Table]:
        """Yield the tables that people read: octets, steps of each contender, throughput, peers."""
        yield Table(
            "Octets on the wire (header text)",
            ["", *map(short, self.octets)],
            [[name, *(str(lengths[name]) for lengths in self.octets.values())] for name in ("kc1", "ks1", "vkc", "vks")],
        )
        single = [row for row in self.rows if row.threads is None]
        contenders = dict.fromkeys((row.backend, row.cpu_path) for row in single if row.contender == OURS)
        for backend, path in contenders:
            rows = [row for row in single if (row.contender, row.backend, row.cpu_path) == (OURS, backend, path)]
            yield self._steps(f"kam3, {backend} backend, {path}: microseconds, median [quartiles]", rows, "us", time_text)
            if any(row.cycles for row in rows):
                yield self._steps(f"kam3, {backend} backend, {path}: cycles, median [quartiles]", rows, "cycles", cycles_text)
            if any(row.ratio for row in rows):
                title = f"kam3, {backend} backend, {path}: times as long as the first contender, median [quartiles]"
                yield self._steps(title, rows, "ratio", ratio_text)
        if many := [row for row in self.rows if row.threads is not None]:
            yield Table(
                "Many at once: items a second",
                ["", "algorithm", "threads", "items a second", "times one thread"],
                [_throughput(row) for row in many],
            )
        if theirs := [row for row in single if row.contender != OURS]:
            yield Table(
                "Other libraries: microseconds, median [quartiles]; of it calling through ctypes; times as long as kam3 without it",
                ["", "algorithm", "step", "microseconds", "of it ctypes", "times kam3", "note"],
                [_peer(row) for row in theirs],
            )

    def _steps(self, title: str, rows: Sequence[Row], part: str, write: Any) -> Table:
        by_place = {(row.step, row.algorithm): getattr(row, part) for row in rows}
        steps = [name for name in (*STEP_NAMES, *PEER_STEPS) if any(row.step == name for row in rows)]
        cells = [[step, *(write(by_place.get((step, token))) for token in self.octets)] for step in steps]
        return Table(title, ["", *map(short, self.octets)], cells)

    def to_markdown(self) -> str:
        """Write the facts and the tables as Markdown."""
        lines = ["| | |", "|---|---|", *(f"| {_cell(name)} | {_cell(value)} |" for name, value in self.facts())]
        for table in self.tables():
            lines += ["", f"**{table.title}**", "", "| " + " | ".join(map(_cell, table.columns)) + " |"]
            lines.append("|---|" + "---:|" * (len(table.columns) - 1))
            lines += ["| " + " | ".join(map(_cell, row)) + " |" for row in table.rows]
        if self.skipped:
            lines += ["", *(f"Not compared: {peer.name} ({peer.reason})." for peer in self.skipped)]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Table:
    """Text in rows and columns, the first column the label."""

    title: str
    columns: list[str]
    rows: list[list[str]]


def short(token: str) -> str:
    """Return ``dl-2048`` of ``iso-kam3-dl-2048-sha256``, and so on."""
    return "-".join(token.split("-")[2:4])


def time_text(spread: Spread | None) -> str:
    """Write microseconds: three significant digits at least, none after the point from 1000 on."""
    return _with_quartiles(spread, _microseconds)


def cycles_text(spread: Spread | None) -> str:
    """Write cycles as whole numbers."""
    return _with_quartiles(spread, lambda value: f"{value:.0f}")


def ratio_text(spread: Spread | None) -> str:
    """Write a ratio with two digits after the point."""
    return _with_quartiles(spread, lambda value: f"{value:.2f}")


def _with_quartiles(spread: Spread | None, write: Any) -> str:
    return "-" if spread is None else f"{write(spread.median)} [{write(spread.q1)}, {write(spread.q3)}]"


def _microseconds(value: float) -> str:
    return f"{value:.0f}" if value >= 1000 else f"{value:.1f}" if value >= 100 else f"{value:.2f}"


def _throughput(row: Row) -> list[str]:
    rate = f"{1e6 / row.us.median:.0f}" if row.us.median > 0 else "-"
    speedup = f"{1 / row.ratio.median:.2f}" if row.ratio is not None and row.ratio.median > 0 else "-"
    return [f"{row.step}, {row.backend}, {row.cpu_path}", short(row.algorithm), str(row.threads), rate, speedup]


def _peer(row: Row) -> list[str]:
    overhead = f"{row.overhead_us:.1f}" if row.overhead_us else "-"
    return [row.contender, short(row.algorithm), row.step, time_text(row.us), overhead, ratio_text(row.ratio), row.note]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _row(entry: dict[str, Any]) -> Row:
    spreads = {name: None if entry[name] is None else Spread(**entry[name]) for name in _SPREADS}
    return Row(**{**entry, **spreads})
