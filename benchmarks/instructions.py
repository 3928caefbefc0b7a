"""Count the instructions of each step under callgrind: figures that do not depend on how busy the machine is.

    python -m benchmarks.instructions --record           # count, and write benchmarks/instructions.json
    python -m benchmarks.instructions --check            # count, and compare with that file: a report, not a gate

The portable and the adx path run under valgrind (3.15 or later); SHA-NI and AVX-512 do not. Counts belong to a compiler: another
one than the file names is not compared.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import kam3
from benchmarks.building import FLAGS, HERE, BuildError, build, compiler_version
from kam3.bench.machine import commit
from kam3.bench.report import short
from kam3.cli.terminal import print_table, progress

RECORD = HERE / "instructions.json"
STEPS = ("pi", "j", "kc1", "ks1", "z_server", "respond", "z_client", "vkc")
PATHS = ("portable", "adx")
NO_SUCH_PATH = 77

#: ``{path: {token: {step: instructions}}}``
Counts = dict[str, dict[str, dict[str, int]]]


class CountError(Exception):
    """Valgrind is not here, or a run failed."""


def count(program: Path, number: int, step: str, path: str) -> int | None:
    """Return the instructions of one step, or None where this path does not run under valgrind here.

    Raises:
        CountError: no valgrind, or the run failed.
    """
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no", "--toggle-collect=measured"]
    try:
        done = subprocess.run([*command, str(program), str(number), step, path], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise CountError("valgrind is not installed") from error
    if done.returncode == NO_SUCH_PATH:
        return None
    collected = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or collected is None:
        raise CountError(f"{step} on {path} ended with status {done.returncode}:\n{done.stderr}")
    return int(collected[1])


def count_all(algorithms: Sequence[kam3.Algorithm], paths: Sequence[str], steps: Sequence[str] = STEPS) -> Counts:
    """Build the driver and count; a path that does not run is left out.

    Raises:
        BuildError: it cannot be built.
        CountError: no valgrind, or a run failed.
    """
    counts: Counts = {}
    with tempfile.TemporaryDirectory(prefix="kam3-") as folder, progress(len(algorithms) * len(paths) * len(steps)) as announce:
        program = build("instructions.c", Path(folder) / "instructions", ["-include", str(HERE / "instructions_adx.h")])
        for path in paths:
            for alg in algorithms:
                for step in steps:
                    announce(f"{path}: {short(alg.token)} {step}")
                    found = count(program, alg.parameters.number, step, path)
                    if found is not None:
                        counts.setdefault(path, {}).setdefault(alg.token, {})[step] = found
    return counts


def compare(counts: Counts, recorded: Counts, tolerance: float) -> tuple[list[list[str]], bool]:
    """Return the rows of a table, and whether every count is within `tolerance` of the recorded one (0.01: one per cent)."""
    rows, good = [], True
    for path, algorithms in counts.items():
        for token, steps in algorithms.items():
            for step, now in steps.items():
                then = recorded.get(path, {}).get(token, {}).get(step)
                if then is None:
                    rows.append([f"{path} {short(token)} {step}", "-", f"{now:,}", "new"])
                    continue
                change = now / then - 1
                verdict = "" if abs(change) <= tolerance else "  beyond"
                good = good and not verdict
                rows.append([f"{path} {short(token)} {step}", f"{then:,}", f"{now:,}", f"{change:+.2%}{verdict}"])
    return rows, good


def main(argv: Sequence[str] | None = None) -> int:
    """Count; status 1 when that fails or, with --check, when a count is beyond the tolerance."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=(__doc__ or "").partition("\n")[0])
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--record", action="store_true", help=f"write {RECORD.name}")
    what.add_argument("--check", action="store_true", help=f"compare with {RECORD.name}")
    parser.add_argument("--tolerance", type=float, default=1.0, metavar="PERCENT", help="what --check lets pass (default: 1)")
    parser.add_argument("--path", action="append", choices=PATHS, help="only this code path; may be given again")
    tokens = [alg.token for alg in kam3.ALGORITHMS]
    parser.add_argument("--algorithm", action="append", choices=tokens, metavar="TOKEN", help="only this one; may be given again")
    arguments = parser.parse_args(argv)
    if arguments.record and (arguments.path or arguments.algorithm):
        parser.error("--record counts everything")
    algorithms = [kam3.algorithm(token) for token in arguments.algorithm or tokens]
    try:
        facts = {"compiler": compiler_version(), "flags": " ".join(FLAGS)}
        recorded: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8")) if arguments.check else {}
        if arguments.check and {name: recorded[name] for name in facts} != facts:
            print(f"skipped: {RECORD.name} was counted with {recorded['compiler']}, {recorded['flags']}; here it is {facts['compiler']}")
            return 0
        counts = count_all(algorithms, arguments.path or PATHS)
    except (BuildError, CountError, OSError) as error:
        print(f"instructions: {error}", file=sys.stderr)
        return 1
    if arguments.record:
        RECORD.write_text(json.dumps({**facts, "commit": commit(), "counts": counts}, indent=2) + "\n", encoding="utf-8")
    rows, good = compare(counts, recorded.get("counts", {}), arguments.tolerance / 100)
    for path in set(arguments.path or PATHS) - set(counts):
        print(f"{path}: does not run under valgrind here")
    print_table(("", "recorded", "now", "change"), rows)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
