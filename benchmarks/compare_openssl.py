"""Compare the server's answer, kam3's ``respond``, with the same work composed from OpenSSL's constant-time calls in the same process.

    python -m benchmarks.compare_openssl [--backend NAME] [--algorithm TOKEN]... [--rounds N] [--vartime-public] [--json]

Both sides answer the same exchanges; their octets are checked to be equal before anything is timed. Rounds alternate between the two,
so that a machine that slows down slows both. See benchmarks/README.md for how to read the table.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import kam3
from benchmarks.machine import describe
from benchmarks.openssl import Library, OpenSSLError, responder
from kam3.cli.terminal import print_table, progress

#: Exchanges that the two sides take in turn.
POOL = 8

#: Seconds that one sample should last at least: long against the clock's resolution.
SAMPLE_SECONDS = 0.004

#: Processor time of this thread, which other programs on the machine do not lengthen; wall time where that clock is too coarse (Windows).
CLOCK = "thread_time" if time.get_clock_info("thread_time").resolution <= 1e-6 else "perf_counter"
_now: Callable[[], float] = getattr(time, CLOCK)

Exchange = tuple[bytes, bytes, bytes]
Respond = Callable[[bytes, bytes, bytes], tuple[bytes, bytes]]


@dataclass
class Spread:
    """Quartiles of one figure over the rounds."""

    q1: float
    median: float
    q3: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Take the quartiles."""
        return cls(*statistics.quantiles(values, n=4, method="inclusive"))


@dataclass
class Comparison:
    """One algorithm: microseconds for one answer on each side, and how many of ours fit into one of OpenSSL's, round by round."""

    algorithm: str
    kam3_us: Spread
    openssl_us: Spread
    ctypes_us: float
    ratio: Spread


class MismatchError(Exception):
    """The two sides do not agree: there is nothing to time."""


def exchanges(alg: kam3.Algorithm, count: int) -> list[Exchange]:
    """Draw J, K_c1 and S_s1 of some exchanges."""
    drawn = []
    for number in range(count):
        pi = alg.pi(f"password {number}", auth_scope="http://localhost", realm="benchmark", user="alice")
        drawn.append((alg.j(pi), alg.kc1(alg.generate_secret()), alg.generate_secret()))
    return drawn


def check_equal(ours: Respond, theirs: Respond, pool: Sequence[Exchange]) -> None:
    """Raise `MismatchError` unless both give the same octets on every exchange."""
    for exchange in pool:
        if tuple(ours(*exchange)) != theirs(*exchange):
            raise MismatchError("kam3 and OpenSSL give different octets")


def sample(respond: Respond, turn: Iterator[Exchange], calls: int) -> float:
    """Return the microseconds of one call, the mean over a few."""
    taken = list(itertools.islice(turn, calls))
    start = _now()
    for exchange in taken:
        respond(*exchange)
    return (_now() - start) / calls * 1e6


def calls_for(respond: Respond, pool: Sequence[Exchange]) -> int:
    """Choose how many calls make a sample long enough."""
    turn = itertools.cycle(pool)
    sample(respond, turn, 2)
    return max(1, round(SAMPLE_SECONDS * 1e6 / sample(respond, turn, 3)))


def compare(alg: kam3.Algorithm, library: Library, *, rounds: int, vartime_public: bool, ctypes_call_us: float) -> Comparison:
    """Check, then time one algorithm on both sides in alternating rounds."""
    composed = responder(library, alg.parameters, vartime_public=vartime_public)
    ours: Respond = alg.respond
    theirs: Respond = composed.respond
    pool = exchanges(alg, POOL)
    check_equal(ours, theirs, pool)
    sides = [(respond, calls_for(respond, pool), itertools.cycle(pool)) for respond in (ours, theirs)]
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        for side in (0, 1) if number % 2 == 0 else (1, 0):
            respond, calls, turn = sides[side]
            times[side].append(sample(respond, turn, calls))
    overhead = composed.calls * ctypes_call_us
    ratios = [(openssl - overhead) / kam3_ for kam3_, openssl in zip(*times, strict=True)]
    return Comparison(alg.token, Spread.of(times[0]), Spread.of(times[1]), overhead, Spread.of(ratios))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparison; status 1 when the two sides disagree or OpenSSL does not serve."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare_openssl", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--backend", default="native", metavar="NAME", help="kam3's side (default: native)")
    tokens = [alg.token for alg in kam3.ALGORITHMS]
    parser.add_argument("--algorithm", action="append", choices=tokens, metavar="TOKEN", help="only this one; may be given again")
    parser.add_argument("--rounds", type=int, default=101, metavar="N", help="samples of each side, at least 4 (default: 101)")
    parser.add_argument("--vartime-public", action="store_true", help="OpenSSL's variable-time power for public exponents (DL sets)")
    parser.add_argument("--libcrypto", metavar="PATH", help="another library than the system's")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    arguments = parser.parse_args(argv)
    if arguments.rounds < 4:
        parser.error("--rounds must be at least 4: fewer have no quartiles")
    try:
        library = Library(arguments.libcrypto)
        call_us = library.call_seconds() * 1e6
        facts = describe(arguments.backend)
        facts |= {"openssl": library.version(), "vartime_public": str(arguments.vartime_public).lower(), "clock": CLOCK}
        algorithms = [kam3.algorithm(token).on(arguments.backend) for token in arguments.algorithm or tokens]
        results = []
        with progress(len(algorithms)) as step:
            for alg in algorithms:
                step(alg.token)
                options = {"rounds": arguments.rounds, "vartime_public": arguments.vartime_public}
                results.append(compare(alg, library, ctypes_call_us=call_us, **options))
    except kam3.BackendUnavailableError as error:
        parser.error(str(error))
    except (OpenSSLError, MismatchError) as error:
        print(f"compare_openssl: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps({"machine": facts, "rounds": arguments.rounds, "results": [asdict(result) for result in results]}, indent=2))
    else:
        show(facts, results, arguments.rounds)
    return 0


def show(facts: dict[str, str], results: Sequence[Comparison], rounds: int) -> None:
    """Print the machine and the table."""
    for name, value in facts.items():
        print(f"{name + ':':16}{value}")
    print(f"\nrespond (K_s1 and z), microseconds: median [quartiles] of {rounds} interleaved rounds\n")

    def spread(value: Spread, digits: int) -> str:
        return f"{value.median:.{digits}f} [{value.q1:.{digits}f} {value.q3:.{digits}f}]"

    rows = [
        (result.algorithm, spread(result.kam3_us, 1), spread(result.openssl_us, 1), f"{result.ctypes_us:.1f}", spread(result.ratio, 2))
        for result in results
    ]
    print_table(("algorithm", "kam3", "OpenSSL", "of it ctypes", "ratio without ctypes"), rows)


if __name__ == "__main__":
    sys.exit(main())
