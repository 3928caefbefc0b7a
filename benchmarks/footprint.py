"""What a fresh process pays: the time to import kam3 and to run its first exchange, the memory, and what the wheel weighs.

    python -m benchmarks.footprint [--rounds N] [--backend NAME] [--wheel FILE] [--json]

Times are of whole processes, wall clock, started in turn; what an empty Python takes in the same round is taken off.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import kam3
from kam3.bench.machine import describe, describe_backend
from kam3.bench.spread import Spread
from kam3.cli.terminal import print_table, progress

_EXCHANGE = """
import kam3
def exchange(alg):
    pi = alg.pi("p", auth_scope="s", realm="r", user="u")
    with (kam3.ClientExchange(alg, pi) as client, kam3.ServerExchange(alg, alg.j(pi)).respond(client.kc1) as server,
          client.finish(server.ks1) as session):
        session.verify_vks(server.verify_vkc(session.vkc(1, b"vh"), 1, b"vh"), 1, b"vh")
"""
_PEAK = """
import sys
def peak():  # VmHWM is of this program alone; ru_maxrss may be that of the one that started it
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        import resource
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
print(peak())
"""

#: Name: the program that a fresh interpreter runs.
PROGRAMS = {
    "empty": "pass",
    "import": "import kam3",
    "pi": _EXCHANGE + 'kam3.EC_P256.pi("p", auth_scope="s", realm="r", user="u")',
    "first exchange": _EXCHANGE + "exchange(kam3.EC_P256)",
}
MEMORY = {
    "empty": _PEAK,
    "import": "import kam3" + _PEAK,
    "EC_P256": _EXCHANGE + "exchange(kam3.EC_P256)" + _PEAK,
    "all four": _EXCHANGE + "for alg in kam3.ALGORITHMS: exchange(alg)" + _PEAK,
}


def start(program: str, backend: str) -> str:
    """Run a program in a fresh interpreter and return what it prints."""
    environment = os.environ | {"KAM3_BACKEND": backend, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout


def cold_starts(backend: str, rounds: int) -> dict[str, Spread]:
    """Return the milliseconds of each program beyond an empty one in the same round; of the empty one, all of them."""
    times: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for program in PROGRAMS.values():
        start(program, backend)  # compiles modules and fills the system's caches
    with progress(rounds) as step:
        for number in range(rounds):
            step(f"round {number + 1} of {rounds}")
            for name, program in PROGRAMS.items():
                begin = time.perf_counter()
                start(program, backend)
                times[name].append((time.perf_counter() - begin) * 1e3)
    empty = times["empty"]
    return {
        name: Spread.of(values if values is empty else [value - base for value, base in zip(values, empty, strict=True)])
        for name, values in times.items()
    }


def peaks(backend: str) -> dict[str, int]:
    """Return the greatest resident set of each program in KiB."""
    return {name: int(start(program, backend)) for name, program in MEMORY.items()}


def wheel_sizes(path: Path) -> dict[str, int]:
    """Return the octets of a wheel, of what it unpacks to, and of the compiled core in it."""
    with zipfile.ZipFile(path) as wheel:
        entries = wheel.infolist()
    core = sum(entry.file_size for entry in entries if "_native" in Path(entry.filename).name)
    return {"wheel": path.stat().st_size, "unpacked": sum(entry.file_size for entry in entries), "compiled core": core}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.footprint", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=31, metavar="N", help="fresh processes of each kind (default: 31)")
    parser.add_argument("--backend", default="native", metavar="NAME", help="default: native")
    parser.add_argument("--wheel", type=Path, metavar="FILE", help="tell the sizes of this wheel, too")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    arguments = parser.parse_args(argv)
    try:
        facts = describe() | describe_backend(arguments.backend)
        wheel = wheel_sizes(arguments.wheel) if arguments.wheel else {}
    except (kam3.BackendUnavailableError, OSError, zipfile.BadZipFile) as error:
        parser.error(str(error))
    starts, memory = cold_starts(arguments.backend, arguments.rounds), peaks(arguments.backend)
    if arguments.json:
        milliseconds = {name: asdict(spread) for name, spread in starts.items()}
        print(json.dumps({"machine": facts, "milliseconds": milliseconds, "peak_kib": memory, "wheel_octets": wheel}, indent=2))
        return 0
    for name, value in facts.items():
        print(f"{name + ':':14}{value}")
    print(f"\nmilliseconds of a fresh process, median [quartiles] of {arguments.rounds}; all but the first beyond an empty Python\n")
    print_table(("", "ms"), [(name, f"{s.median:.1f} [{s.q1:.1f}, {s.q3:.1f}]") for name, s in starts.items()])
    print("\npeak resident set\n")
    print_table(("", "KiB", "beyond empty"), [(name, str(size), str(size - memory["empty"])) for name, size in memory.items()])
    if wheel:
        print("\nsizes\n")
        print_table(("", "octets"), [(name, str(size)) for name, size in wheel.items()])
    return 0


if __name__ == "__main__":
    sys.exit(main())
