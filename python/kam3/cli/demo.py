"""``kam3 demo``: register and log in with each algorithm on the backend in use, timed; then the same over HTTP, with impostors."""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import kam3
from kam3.cli.demo_http import HttpResult, demonstrate_http
from kam3.cli.options import add_backend, add_json
from kam3.cli.terminal import Step, print_table, progress
from kam3.errors import Kam3Error, VerificationError

if TYPE_CHECKING:
    from kam3.cli.options import Subparsers

_T = TypeVar("_T")

_ORIGIN = "http://localhost:8120"
_TRIPLE = {"auth_scope": _ORIGIN, "realm": "demo", "user": "alice"}
_RIGHT, _WRONG = "correct horse battery staple", "correct horse battery stable"
_NC, _VH = 1, _ORIGIN.encode()

_STEPS_PER_ALGORITHM = 3


@dataclass
class Result:
    """What happened with one algorithm.

    Octets are those of the values as header text, without quotes; times are milliseconds. `login` tells what became of the right password,
    `impostor` what became of a wrong one.
    """

    algorithm: str
    octets: dict[str, int] = field(default_factory=dict)
    client_ms: dict[str, float] = field(default_factory=dict)
    server_ms: dict[str, float] = field(default_factory=dict)
    login: str = "not tried"
    impostor: str = "not tried"

    @property
    def ok(self) -> bool:
        """Tell whether the right password was accepted on both sides and the wrong one refused."""
        return (self.login, self.impostor) == ("accepted", "refused")


def add(commands: Subparsers) -> argparse.ArgumentParser:
    """Define the command's arguments."""
    parser = commands.add_parser(
        "demo",
        help="register and log in with every algorithm, timed, and see a wrong password refused",
        description="Register a user and run a full exchange in each of the four algorithms, both sides in this process, "
        "with no server or file. Shows the octets on the wire, the milliseconds of each step on each side, and what becomes of a "
        "wrong password. Then a real server and a real client on the loopback interface: the client logs in, is refused with a wrong "
        "password, and detects a server that does not know the user. The exit status is 0 when all went as it must, else 1.",
        epilog="example: kam3 demo --backend reference --json",
    )
    add_backend(parser)
    add_json(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Run the demonstration and print it."""
    if arguments.backend:
        kam3.backends.use(arguments.backend)
    report = kam3.backends.report()
    with progress(_STEPS_PER_ALGORITHM * len(kam3.ALGORITHMS) + 1) as step:
        results = [demonstrate(alg, step) for alg in kam3.ALGORITHMS]
        step("over HTTP")
        over_http = demonstrate_http(_RIGHT, _WRONG)
    ok = all(result.ok for result in results) and over_http.ok
    if arguments.json:
        facts = {"version": report.version, "backend": report.backend, "cpu_path": report.cpu_path, "ok": ok}
        algorithms = [dataclasses.asdict(result) for result in results]
        print(json.dumps({**facts, "algorithms": algorithms, "http": dataclasses.asdict(over_http)}, indent=2))
    else:
        print(f"kam3 {report.version}, backend {report.backend}, CPU path {report.cpu_path}\n")
        show(results)
        show_http(over_http)
    return 0 if ok else 1


def demonstrate(alg: kam3.Algorithm, step: Step) -> Result:
    """Register, log in with the right password, try the wrong one; a failure is a result, not an exception."""
    result = Result(alg.token)
    try:
        step(f"{alg.token}: registration")
        with _timed(result.client_ms, "pi", lambda: kam3.Pi.from_password(alg, _RIGHT, **_TRIPLE)) as pi:
            j = _timed(result.server_ms, "j", lambda: alg.j(pi))
            step(f"{alg.token}: exchange")
            result.login = _log_in(alg, pi, j, result)
        step(f"{alg.token}: wrong password")
        with kam3.Pi.from_password(alg, _WRONG, **_TRIPLE) as pi:
            result.impostor = _log_in(alg, pi, j, Result(alg.token))
    except Kam3Error as error:
        if result.login == "not tried":
            result.login = f"failed: {error}"
        else:
            result.impostor = f"failed: {error}"
    return result


def _log_in(alg: kam3.Algorithm, pi: kam3.Pi, j: bytes, result: Result) -> str:
    """Play both sides of one exchange: the client knows pi, the server J; what crosses the wire is kc1, ks1, vkc, vks."""
    on_client, on_server = result.client_ms, result.server_ms
    with (
        _timed(on_client, "kc1", lambda: kam3.ClientExchange(alg, pi)) as client,
        _timed(on_server, "respond", lambda: kam3.ServerExchange(alg, j).respond(client.kc1)) as server,
        _timed(on_client, "z", lambda: client.finish(server.ks1)) as session,
    ):
        vkc = _timed(on_client, "vkc", lambda: session.vkc(_NC, _VH))
        try:
            vks = _timed(on_server, "verify_vkc", lambda: server.verify_vkc(vkc, _NC, _VH))
        except VerificationError:
            return "refused"
        _timed(on_client, "verify_vks", lambda: session.verify_vks(vks, _NC, _VH))
        for name, octets in (("kc1", client.kc1), ("ks1", server.ks1)):
            result.octets[name] = len(alg.to_wire(octets, kind="element"))
        for name, octets in (("vkc", vkc), ("vks", vks)):
            result.octets[name] = len(alg.to_wire(octets, kind="hash"))
    return "accepted"


def _timed(times: dict[str, float], name: str, work: Callable[[], _T]) -> _T:
    start = time.perf_counter()
    outcome = work()
    times[name] = (time.perf_counter() - start) * 1e3
    return outcome


def show(results: Sequence[Result]) -> None:
    """Print the results, one column an algorithm."""

    def row(label: str, values: Sequence[object]) -> list[str]:
        return [label, *(f"{value:.3f}" if isinstance(value, float) else str(value) for value in values)]

    def block(label: str, parts: Sequence[dict[str, int] | dict[str, float]], names: dict[str, str]) -> list[list[str]]:
        rows = [row(f"  {text}", [part.get(name, "-") for part in parts]) for name, text in names.items()]
        return [[label], *rows, row("  total", [sum(part.get(name, 0) for name in names) for part in parts])]

    on_server = [result.server_ms for result in results]
    rows = [
        *block("octets on the wire", [result.octets for result in results], {name: name for name in ("kc1", "ks1", "vkc", "vks")}),
        *block(
            "client, milliseconds",
            [result.client_ms for result in results],
            {"pi": "pi", "kc1": "kc1", "z": "z", "vkc": "vkc", "verify_vks": "check vks"},
        ),
        *block("server, milliseconds", on_server, {"respond": "respond", "verify_vkc": "check vkc, vks"}),
        row("  j, once per user", [times.get("j", "-") for times in on_server]),
        row("right password", [result.login.partition(":")[0] for result in results]),
        row("wrong password", [result.impostor.partition(":")[0] for result in results]),
    ]
    names = ["-".join(result.algorithm.split("-")[2:4]) for result in results]  # dl-2048 and so on: the table fits 80 columns
    print_table(["", *names], rows)
    for result in results:
        for password, verdict in (("right", result.login), ("wrong", result.impostor)):
            if verdict.startswith("failed: "):
                print(f"{result.algorithm}, {password} password: {verdict}")


def show_http(result: HttpResult) -> None:
    """Print what happened over HTTP."""
    print("\nHTTP Mutual authentication over a real connection, with EC_P256:")
    for what, happened in (
        ("log-in", result.login),
        ("second request", result.second_request),
        ("wrong password", result.wrong_password),
        ("server that does not know the user", result.rogue_server),
    ):
        print(f"  {what:34}  {happened}")
