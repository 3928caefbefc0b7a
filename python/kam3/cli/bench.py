"""``kam3 bench``: time every step on both sides, and compare with other paths, a saved run and other libraries."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import kam3
from kam3.bench import baseline, figures
from kam3.bench.clock import cycle_counter, processor_time, wall_time
from kam3.bench.machine import cpu_paths, describe, describe_backend
from kam3.bench.peers import MismatchError, Skipped, peer_cases
from kam3.bench.report import Report, ReportError, short, time_text
from kam3.bench.run import Case, Clocks, Row, measure
from kam3.bench.steps import PEER_STEPS, STEP_NAMES, Contender, Subject, many_cases, selection_kept, step_cases, thread_counts
from kam3.cli.options import add_json
from kam3.cli.terminal import Step, print_table, progress

if TYPE_CHECKING:
    from kam3.cli.options import Subparsers


@dataclass(frozen=True)
class _Effort:
    """How long to measure: rounds of the steps, rounds of many at once, the least length of a sample, runs a worker gets."""

    rounds: int
    many_rounds: int
    sample_seconds: float
    runs: int


_FULL, _QUICK = _Effort(21, 5, 0.004, 2), _Effort(3, 1, 0.0005, 1)

_DESCRIPTION = """\
Time every step of the exchange in each of the four algorithms, both sides and the
functions for many at once, in interleaved rounds; show median and quartiles with
what they depend on: CPU, compiler, commit, code path, clock. The pages
docs/benchmarks.md and benchmarks/README.md tell how to read the tables."""

_EPILOG = """\
examples:
  kam3 bench --quick
  kam3 bench --json > before.json        and later: kam3 bench --baseline before.json
  kam3 bench --paths --peers --json > run.json
  kam3 bench --from run.json --markdown
  kam3 bench --from run.json --svg figures"""


def add(commands: Subparsers) -> argparse.ArgumentParser:
    """Define the command's arguments."""
    parser = commands.add_parser(
        "bench",
        help="time every step on both sides; compare paths, a saved run, other libraries",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_argument_group("what is timed")
    what.add_argument("--backend", action="append", metavar="NAME", help="this backend, not the one in use; may be given again")
    what.add_argument("--paths", action="store_true", help="every code path of the native backend that this CPU can run")
    tokens = [alg.token for alg in kam3.ALGORITHMS]
    what.add_argument("--algorithm", action="append", type=str.lower, choices=tokens, metavar="TOKEN", help="only this; may be given again")
    what.add_argument("--peers", action="store_true", help="other libraries too, in the same rounds; those not installed are named")
    what.add_argument("--no-many", action="store_true", help="leave out the functions for many at once")
    what.add_argument("--from", dest="saved", type=Path, metavar="FILE", help="time nothing: show what --json saved")
    how = parser.add_argument_group("how long")
    how.add_argument("--quick", action="store_true", help=f"{_QUICK.rounds} rounds of short samples: to see that it works")
    how.add_argument("--rounds", type=_positive, metavar="N", help=f"samples of each row (default: {_FULL.rounds})")
    out = parser.add_argument_group("what comes out")
    form = out.add_mutually_exclusive_group()
    add_json(form)  # type: ignore[arg-type]
    form.add_argument("--csv", action="store_true", help="print the rows as CSV instead")
    form.add_argument("--markdown", action="store_true", help="print the tables as Markdown instead")
    out.add_argument("--svg", type=Path, metavar="DIR", help="draw figures, and write each one's data beside it (extra [bench])")
    out.add_argument("--baseline", type=Path, metavar="FILE", help="compare with what --json saved")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def run(arguments: argparse.Namespace) -> int:
    """Measure, or read a saved run, and print it; the status is 1 where the extra, or a peer's agreement, is missing."""
    parser: argparse.ArgumentParser = arguments.parser
    if arguments.paths and arguments.backend and set(arguments.backend) != {"native"}:
        parser.error("--paths is for the native backend")
    try:
        before = _load(arguments.baseline) if arguments.baseline else None
        report = _load(arguments.saved) if arguments.saved else _measure(arguments)
        drawn = figures.draw(report, arguments.svg) if arguments.svg else []
    except ReportError as error:
        parser.error(str(error))
    except (figures.MissingExtraError, MismatchError) as error:
        print(f"kam3: {error}", file=sys.stderr)
        return 1
    changes = None if before is None else baseline.compare(report, before)
    _print(arguments, report, changes)
    for path in drawn:
        print(path, file=sys.stderr)
    return 0


def _load(path: Path) -> Report:
    try:
        return Report.from_json(path.read_text(encoding="utf-8"))
    except ReportError as error:
        raise ReportError(f"{path}: {error}") from error
    except UnicodeDecodeError as error:
        raise ReportError(f"{path}: not UTF-8") from error


def _measure(arguments: argparse.Namespace) -> Report:
    algorithms = [kam3.algorithm(token) for token in dict.fromkeys(arguments.algorithm or [alg.token for alg in kam3.ALGORITHMS])]
    effort = _QUICK if arguments.quick else _FULL
    rounds = arguments.rounds or effort.rounds
    many_rounds = 0 if arguments.no_many else min(rounds, effort.many_rounds)
    clocks = Clocks(processor_time(), wall_time(), cycle_counter())
    rows: list[Row] = []
    skipped: list[Skipped] = []
    if arguments.svg:
        figures.check()
    try:
        with selection_kept(), progress(len(algorithms) * (rounds + many_rounds)) as step:
            contenders = _contenders(arguments.backend, arguments.paths)
            contenders[0].select()
            subjects = [Subject.of(alg) for alg in algorithms]
            cases: list[Case] = []
            if arguments.peers:
                cases, skipped = peer_cases(subjects)
            for subject in subjects:
                own = [*step_cases(subject, contenders), *(case for case in cases if case.algorithm == subject.alg.token)]
                own.sort(key=lambda case: (*STEP_NAMES, *PEER_STEPS).index(case.step))  # stable: those compared stand side by side
                rows += _rows(own, clocks, rounds, effort, step, subject)
                if many_rounds:
                    many = list(many_cases(subject, contenders, thread_counts(), effort.runs))
                    rows += _rows(many, clocks, many_rounds, effort, step, subject)
            machine, backends = describe(), {}
            for name in dict.fromkeys(contender.backend for contender in contenders):
                backends[name] = describe_backend(name)
                backends[name]["cpu_path"] = " ".join(one.cpu_path for one in contenders if one.backend == name)
    finally:
        if clocks.cycles is not None:
            clocks.cycles.close()
    clock = {
        "one thread": clocks.processor.name,
        "many at once": clocks.wall.name,
        "cycles": None if clocks.cycles is None else clocks.cycles.name,
    }
    return Report(machine, backends, clock, {subject.alg.token: subject.octets() for subject in subjects}, rows, skipped)


def _rows(cases: Sequence[Case], clocks: Clocks, rounds: int, effort: _Effort, step: Step, subject: Subject) -> list[Row]:
    what = "many at once" if cases[0].threads else "steps"

    def on_round(number: int) -> None:
        step(f"{short(subject.alg.token)}: {what}, round {number + 1} of {rounds}")

    return measure(cases, clocks, rounds=rounds, sample_seconds=effort.sample_seconds, on_round=on_round)


def _contenders(names: Sequence[str] | None, paths: bool) -> list[Contender]:
    if paths:
        return [Contender("native", path) for path in reversed(cpu_paths())]  # the one in use by default comes first
    chosen = dict.fromkeys(names or [kam3.backends.active()])
    return [Contender(name, kam3.backends.report(name).cpu_path) for name in chosen]


def _print(arguments: argparse.Namespace, report: Report, changes: list[baseline.Change] | None) -> None:
    if arguments.json and changes is not None:
        extended = json.loads(report.to_json())
        extended["changes"] = [asdict(change) for change in changes]
        print(json.dumps(extended, indent=2))
    elif arguments.json:
        print(report.to_json())
    elif arguments.csv:
        print(report.to_csv(), end="")
    elif arguments.markdown:
        print(report.to_markdown(), end="")
    else:
        _show(report)
        if changes is not None:
            _show_changes(changes)


def _show(report: Report) -> None:
    for name, value in report.facts():
        print(f"{name + ':':22}{value}")
    for table in report.tables():
        print(f"\n{table.title}\n")
        print_table(table.columns, table.rows)
    for peer in report.skipped:
        print(f"not compared: {peer.name} ({peer.reason})")


def _show_changes(changes: Sequence[baseline.Change]) -> None:
    print("\nAgainst the saved run: microseconds; above 1, it takes less time now; ~ where the quartiles meet\n")
    rows = []
    for change in changes:
        row, then = change.now, change.then
        label = f"{row.step}, {row.contender}" + (f", {row.threads} threads" if row.threads else "")
        factor = "-" if change.factor is None else f"{change.factor:.2f}" + ("" if change.clear else " ~")
        rows.append((label, short(row.algorithm), f"{row.cpu_path or ''}", time_text(then.us), time_text(row.us), factor))
    print_table(("", "algorithm", "path", "then", "now", "then / now"), rows)
