"""Time every operation of the groups, the hashes and PBKDF2 in C, on each code path, with OpenSSL's beside them in the same rounds.

    python -m benchmarks.components [--rounds N] [--path NAME]... [--json]
    python -m benchmarks.components --secrets [--samples N] [--path NAME]... [--json]

The second form times the operations that take a secret scalar on scalars of many lengths and weights, and prints how far the time
follows either: Spearman's rank correlation, the number of samples, and the size that 95 of 100 unrelated series stay below.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.building import FLAGS, BuildError, build, compiler_version, openssl_flags
from kam3.bench.machine import describe
from kam3.bench.spread import Spread
from kam3.cli.terminal import print_table


@dataclass(frozen=True)
class Timing:
    """One operation of one group by one contender, in the clock's units; `times` is against the first contender, round by round."""

    group: str
    operation: str
    contender: str
    rounds: int
    value: Spread
    times: Spread | None


@dataclass(frozen=True)
class Correlation:
    """How far the time of an operation follows a property of its secret scalar."""

    group: str
    operation: str
    path: str
    property: str
    samples: int
    coefficient: float
    threshold: float


def timings(lines: Sequence[str]) -> list[Timing]:
    """Read the lines ``time group operation contender value``."""
    series: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        kind, *fields = line.split()
        if kind == "time":
            group, operation, contender, value = fields
            series[group, operation][contender].append(float(value))
    found = []
    for (group, operation), contenders in series.items():
        standard = next(iter(contenders.values()))
        for contender, values in contenders.items():
            ratios = [theirs / first for theirs, first in zip(values, standard, strict=True) if first > 0]
            times = Spread.of(ratios) if values is not standard and ratios else None
            found.append(Timing(group, operation, contender, len(values), Spread.of(values), times))
    return found


def correlations(lines: Sequence[str]) -> list[Correlation]:
    """Read the lines ``secret group operation path length weight value``.

    The weight is looked at among the scalars of full length alone (of the group's longest, up to seven bits less): short ones weigh less.
    """
    series: dict[tuple[str, str, str], list[tuple[int, int, float]]] = defaultdict(list)
    for line in lines:
        kind, *fields = line.split()
        if kind == "secret":
            group, operation, path, length, weight, value = fields
            series[group, operation, path].append((int(length), int(weight), float(value)))
    found = []
    for (group, operation, path), samples in series.items():
        longest = max(length for length, _, _ in samples)
        full = [(weight, value) for length, weight, value in samples if length > longest - 8]
        for name, pairs in (("bit length", [(length, value) for length, _, value in samples]), ("Hamming weight", full)):
            coefficient = rank_correlation(pairs)
            found.append(Correlation(group, operation, path, name, len(pairs), coefficient, 1.96 / math.sqrt(max(len(pairs) - 1, 1))))
    return found


def rank_correlation(pairs: Sequence[tuple[float, float]]) -> float:
    """Return Spearman's coefficient; 0 when one side does not vary. Ranks, so that an interrupted sample weighs no more than any other."""
    xs, ys = (_ranks([pair[side] for pair in pairs]) for side in (0, 1))
    mean = (len(pairs) - 1) / 2
    product, square_x, square_y = (
        math.fsum((a - mean) * (b - mean) for a, b in zip(left, right, strict=True)) for left, right in ((xs, ys), (xs, xs), (ys, ys))
    )
    return product / math.sqrt(square_x * square_y) if square_x and square_y else 0.0


def _ranks(values: Sequence[float]) -> list[float]:
    """Return the rank of each value, from 0; equal values share the mean of theirs."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and values[order[end + 1]] == values[order[start]]:
            end += 1
        for place in order[start : end + 1]:
            ranks[place] = (start + end) / 2
        start = end + 1
    return ranks


def main(argv: Sequence[str] | None = None) -> int:
    """Build, run, and print; status 1 when it cannot be built or a path cannot run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.components", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=21, metavar="N", help="samples of each row (default: 21)")
    parser.add_argument("--secrets", action="store_true", help="print how far times follow the secret scalar, not the times")
    parser.add_argument("--samples", type=int, default=400, metavar="N", help="scalars for each operation with --secrets (default: 400)")
    parser.add_argument("--path", action="append", default=[], metavar="NAME", help="only this code path; may be given again")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    arguments = parser.parse_args(argv)
    form = ["secrets", str(arguments.samples)] if arguments.secrets else ["times", str(arguments.rounds)]
    with tempfile.TemporaryDirectory(prefix="kam3-") as folder:
        try:
            flags, libraries = openssl_flags()
            program = build("components.c", Path(folder) / "components", flags, libraries)
        except BuildError as error:
            print(f"components: {error}", file=sys.stderr)
            return 1
        done = subprocess.run([program, *form, *arguments.path], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        return 1
    lines = done.stdout.splitlines()
    facts = describe() | {
        "compiler": f"{compiler_version()}, {' '.join(FLAGS)}",
        "clock": {"cycles": "perf_event_open: core cycles in user mode", "ns": "CLOCK_THREAD_CPUTIME_ID, nanoseconds"}[lines[0].split()[1]],
        "OpenSSL": "in the same rounds" if flags else "no headers or library here",
    }
    results = correlations(lines) if arguments.secrets else timings(lines)
    if arguments.json:
        print(json.dumps({"machine": facts, "results": [asdict(result) for result in results]}, indent=2))
        return 0
    for name, value in facts.items():
        print(f"{name + ':':10}{value}")
    print()
    if arguments.secrets:
        show_correlations([result for result in results if isinstance(result, Correlation)])
    else:
        show_timings([result for result in results if isinstance(result, Timing)])
    return 0


def show_timings(results: Sequence[Timing]) -> None:
    """Print the table of times."""

    def text(value: Spread | None, digits: int) -> str:
        return "-" if value is None else f"{value.median:.{digits}f} [{value.q1:.{digits}f}, {value.q3:.{digits}f}]"

    rows = [(f"{row.group} {row.operation}", row.contender, text(row.value, 0), text(row.times, 2)) for row in results]
    print_table(("", "by", "median [quartiles]", "times the first"), rows)


def show_correlations(results: Sequence[Correlation]) -> None:
    """Print the table of coefficients."""
    rows = []
    for row in results:
        mark = "" if abs(row.coefficient) <= row.threshold else "  beyond"
        label = f"{row.group} {row.operation}"
        rows.append((label, row.path, row.property, str(row.samples), f"{row.coefficient:+.3f}", f"{row.threshold:.3f}{mark}"))
    print_table(("", "path", "of time with", "samples", "rank correlation", "95 % of chance"), rows)
    print("\nOne row in twenty lies beyond by chance. A coefficient that stays there, with the same sign, in run after run is a finding.")


if __name__ == "__main__":
    sys.exit(main())
