"""kam3's own cases: every step of an exchange, both whole sides, and many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import kam3
from kam3.bench.machine import use_cpu_path
from kam3.bench.run import Case
from kam3.many import usable_cores

PASSWORD, AUTH_SCOPE, REALM, USER = b"correct horse battery staple", b"http://localhost", b"benchmark", b"alice"
NC, VH = 1, b"http://localhost:80"

#: The contender that is this project.
OURS = "kam3"


@dataclass(frozen=True)
class Contender:
    """A backend on one of its code paths."""

    backend: str
    cpu_path: str

    def select(self) -> None:
        """Make it the one in use, for the whole process."""
        if self.backend == "native":
            use_cpu_path(self.cpu_path)
        kam3.backends.use(self.backend)

    @property
    def label(self) -> str:
        """Its name in a table."""
        return f"{self.backend}, {self.cpu_path}"


@contextmanager
def selection_kept() -> Iterator[None]:
    """Leave the backend and the code path in use as they were.

    Raises:
        BackendUnavailableError: no backend can run here.
    """
    before = kam3.backends.active()
    contenders = [Contender(name, kam3.backends.report(name).cpu_path) for name in kam3.backends.available()]
    try:
        yield
    finally:
        for contender in contenders:
            contender.select()
        kam3.backends.use(before)


@dataclass(frozen=True)
class Subject:
    """An algorithm, and the values of one exchange, each in its natural length."""

    alg: kam3.Algorithm
    pi: bytes
    j: bytes
    s_c1: bytes
    kc1: bytes
    s_s1: bytes
    ks1: bytes
    z: bytes

    @classmethod
    def of(cls, alg: kam3.Algorithm) -> Subject:
        """Run one exchange on the algorithm's backend."""
        pi = alg.pi(PASSWORD, auth_scope=AUTH_SCOPE, realm=REALM, user=USER)
        s_c1, s_s1, j = alg.generate_secret(), alg.generate_secret(), alg.j(pi)
        kc1 = alg.kc1(s_c1)
        ks1, z = alg.respond(j, kc1, s_s1)
        return cls(alg, pi, j, s_c1, kc1, s_s1, ks1, z)

    def octets(self) -> dict[str, int]:
        """Return the length of each value on the wire, as header text without quotes."""
        element = len(self.alg.to_wire(self.kc1, kind="element"))
        digest = len(self.alg.to_wire(bytes(self.alg.hash_octets), kind="hash"))
        return {"kc1": element, "ks1": element, "vkc": digest, "vks": digest}


def client_side(subject: Subject) -> Callable[[], object]:
    """From pi to VK_c: S_c1, K_c1, z, VK_c, owned and wiped; K_s1 is that of another exchange, which costs the same."""

    def run() -> bytes:
        with kam3.ClientExchange(subject.alg, subject.pi) as client, client.finish(subject.ks1) as session:
            return session.vkc(NC, VH)

    return run


def server_side(subject: Subject) -> Callable[[], object]:
    """From J and K_c1 to the verdict: S_s1, K_s1, z, VK_c compared (a wrong one: a right one costs one hash more)."""
    wrong = bytes(subject.alg.hash_octets)

    def run() -> bool:
        with kam3.ServerExchange(subject.alg, subject.j).respond(subject.kc1) as session:
            try:
                session.verify_vkc(wrong, NC, VH)
            except kam3.VerificationError:
                return True
        raise AssertionError("a wrong VK_c was accepted")

    return run


def exchange(subject: Subject, pi: kam3.Pi | None = None) -> Callable[[], object]:
    """Both sides, from pi and J to the proof of each, without the derivation of pi."""

    def run() -> None:
        with (
            kam3.ClientExchange(subject.alg, subject.pi if pi is None else pi) as client,
            kam3.ServerExchange(subject.alg, subject.j).respond(client.kc1) as server,
            client.finish(server.ks1) as session,
        ):
            session.verify_vks(server.verify_vkc(session.vkc(NC, VH), NC, VH), NC, VH)

    return run


def login(subject: Subject) -> Callable[[], object]:
    """Both sides, from the password and J to the proof of each."""

    def run() -> None:
        with kam3.Pi.from_password(subject.alg, PASSWORD, auth_scope=AUTH_SCOPE, realm=REALM, user=USER) as pi:
            exchange(subject, pi)()

    return run


def respond_prepared(subject: Subject) -> Callable[[], object]:
    """The server's step with J prepared, once for each backend and CPU path, outside all but the first call."""
    prepared: dict[tuple[str, str], kam3.PreparedJ] = {}

    def run() -> tuple[bytes, bytes]:
        backend = kam3.backends.get()
        key = backend.name, backend.cpu_path()
        if key not in prepared:
            prepared[key] = subject.alg.prepare_j(subject.j)
        return subject.alg.respond(prepared[key], subject.kc1, subject.s_s1)

    return run


@dataclass(frozen=True)
class Step:
    """One row of the tables: who does it, and how to make the call from the values of an exchange."""

    name: str
    side: str
    prepare: Callable[[Subject], Callable[[], object]]


STEPS = (
    Step("pi", "client", lambda s: lambda: s.alg.pi(PASSWORD, auth_scope=AUTH_SCOPE, realm=REALM, user=USER)),
    Step("j", "enrolment", lambda s: lambda: s.alg.j(s.pi)),
    Step("kc1", "client", lambda s: lambda: s.alg.kc1(s.s_c1)),
    Step("check_element", "both", lambda s: lambda: s.alg.check_element(s.kc1)),
    Step("ks1", "server", lambda s: lambda: s.alg.ks1(s.j, s.kc1, s.s_s1)),
    Step("z_server", "server", lambda s: lambda: s.alg.z_server(s.kc1, s.ks1, s.s_s1)),
    Step("respond", "server", lambda s: lambda: s.alg.respond(s.j, s.kc1, s.s_s1)),
    Step("respond_prepared", "server", respond_prepared),
    Step("z_client", "client", lambda s: lambda: s.alg.z_client(s.pi, s.s_c1, s.kc1, s.ks1)),
    Step("vkc", "both", lambda s: lambda: s.alg.vkc(s.kc1, s.ks1, s.z, NC, VH)),
    Step("vks", "both", lambda s: lambda: s.alg.vks(s.kc1, s.ks1, s.z, NC, VH)),
    Step("client", "client", client_side),
    Step("server", "server", server_side),
    Step("exchange", "both", exchange),
    Step("login", "both", login),
)

STEP_NAMES = tuple(step.name for step in STEPS)

#: What only other libraries have as a call of its own: a bare power x^e or multiple [k]A.
PEER_STEPS = ("power",)

#: The functions for many at once that are timed on one core and on all.
MANY = ("pi_many", "respond_many", "z_client_many")


def step_cases(subject: Subject, contenders: Sequence[Contender]) -> Iterator[Case]:
    """Make the cases of every step of one algorithm, the contenders of a step side by side."""
    for step in STEPS:
        call = step.prepare(subject)
        for one in contenders:
            yield Case(subject.alg.token, step.name, OURS, call, one.select, one.backend, one.cpu_path, note=step.side)


def many_cases(subject: Subject, contenders: Sequence[Contender], threads: Sequence[int], runs: int) -> Iterator[Case]:
    """Make the cases of the functions for many at once.

    Args:
        subject: the algorithm and its values.
        contenders: who computes.
        threads: how many workers, each a case.
        runs: how many runs of eight items each of the most workers gets.
    """
    items = 8 * runs * max(threads)
    arguments = {
        "pi_many": (PASSWORD, AUTH_SCOPE, REALM, USER),
        "respond_many": (subject.j, subject.kc1, subject.s_s1),
        "z_client_many": (subject.pi, subject.s_c1, subject.kc1, subject.ks1),
    }
    for name in MANY:
        batch, function = [arguments[name]] * items, getattr(subject.alg, name)
        for one in contenders:
            for count in threads:
                call = _all_of(function, batch, count)
                yield Case(subject.alg.token, name, OURS, call, one.select, one.backend, one.cpu_path, threads=count, items=items)


def _all_of(function: Callable[..., Iterator[object]], batch: Sequence[object], threads: int) -> Callable[[], object]:
    """Return a call that takes every result, and raises what stands in the place of one."""

    def run() -> None:
        for result in function(batch, threads=threads):
            if isinstance(result, Exception):
                raise result

    return run


def thread_counts() -> tuple[int, ...]:
    """Return 1, 2, 4, ... and the number of cores this process may run on."""
    cores = usable_cores()
    doubling = [1 << power for power in range(cores.bit_length()) if 1 << power < cores]
    return (*doubling, cores)
