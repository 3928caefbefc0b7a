"""The cases that are timed do what they are named for, and the choice of backend and path is left as it was."""

from __future__ import annotations

import re

import pytest

import kam3
from kam3.bench import machine, peers
from kam3.bench.run import Case
from kam3.bench.steps import MANY, STEP_NAMES, STEPS, Contender, Subject, many_cases, selection_kept, step_cases, thread_counts
from tests.clib import CSRC

CURVE = kam3.EC_P256


@pytest.fixture
def subject() -> Subject:
    return Subject.of(CURVE)


def test_every_step_runs_on_every_backend(backend: str, subject: Subject) -> None:
    contender = Contender(backend, kam3.backends.report().cpu_path)
    cases = list(step_cases(subject, [contender]))
    assert tuple(case.step for case in cases) == STEP_NAMES == tuple(step.name for step in STEPS)
    results = {case.step: case.call() for case in cases}
    assert (results["pi"], results["j"], results["kc1"]) == (subject.pi, subject.j, subject.kc1)
    assert (results["ks1"], results["respond"], results["z_client"]) == (subject.ks1, (subject.ks1, subject.z), subject.z)
    assert results["respond_prepared"] == results["respond"]


def test_many_at_once(subject: Subject) -> None:
    contender = Contender(kam3.backends.active(), kam3.backends.report().cpu_path)
    cases = list(many_cases(subject, [contender], (1, 2), 1))
    assert [(case.step, case.threads, case.items) for case in cases] == [(name, count, 16) for name in MANY for count in (1, 2)]
    cases[-1].call()


def test_a_failure_among_many_is_not_timed(subject: Subject) -> None:
    broken = Subject(CURVE, subject.pi, b"", subject.s_c1, subject.kc1, subject.s_s1, subject.ks1, subject.z)
    contender = Contender(kam3.backends.active(), kam3.backends.report().cpu_path)
    (case,) = [case for case in many_cases(broken, [contender], (1,), 1) if case.step == "respond_many"]
    with pytest.raises(kam3.errors.InvalidElementError):
        case.call()


def test_thread_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, expected in ((1, (1,)), (2, (1, 2)), (6, (1, 2, 4, 6)), (8, (1, 2, 4, 8))):
        monkeypatch.setattr("kam3.bench.steps.usable_cores", lambda cores=cores: cores)
        assert thread_counts() == expected


def test_the_selection_is_left_as_it_was() -> None:
    before = kam3.backends.active(), kam3.backends.report().cpu_path
    with pytest.raises(KeyError), selection_kept():
        for name in kam3.backends.available():
            for path in machine.cpu_paths() if name == "native" else [kam3.backends.report(name).cpu_path]:
                Contender(name, path).select()
                assert (kam3.backends.active(), kam3.backends.report().cpu_path) == (name, path)
        kam3.backends.use("reference")
        raise KeyError
    assert (kam3.backends.active(), kam3.backends.report().cpu_path) == before


def test_the_paths_named_are_those_of_the_library() -> None:
    table = re.search(r"\} paths\[\] = \{(.*?)\n\};", (CSRC / "base" / "cpu.c").read_text(encoding="utf-8"), re.DOTALL)
    assert table is not None
    assert tuple(re.findall(r'^    \{"(\w+)"', table[1], re.MULTILINE)) == machine.CPU_PATHS


def test_what_describes_a_figure() -> None:
    facts = machine.describe()
    assert set(facts) == {"date", "cpu", "system", "python", "kam3", "commit"}
    assert all(facts.values())
    assert set(machine.describe_backend("reference")) == {"build", "cpu_path", "cpu_features"}


def test_peers_agree_with_us_and_the_absent_are_named() -> None:
    subjects = [Subject.of(alg) for alg in kam3.ALGORITHMS]
    cases, skipped = peers.peer_cases(subjects)
    assert {case.contender.split()[0] for case in cases} | {peer.name for peer in skipped} == set(peers._PEERS)
    assert ("pi", "hashlib") in {(case.step, case.contender.split()[0]) for case in cases}
    for case in cases:
        assert case.contender != "kam3"
        assert (case.overhead_us > 0) == case.contender.startswith("OpenSSL ")
    for peer in skipped:
        assert "pip install" in peer.reason or "libcrypto" in peer.reason


def test_an_absent_peer_is_skipped_by_name(monkeypatch: pytest.MonkeyPatch, subject: Subject) -> None:
    def absent(name: str, *_: object) -> None:
        raise ImportError(name)

    monkeypatch.setattr(peers.importlib, "import_module", absent)
    with pytest.raises(peers._MissingError, match="pip install srp"):
        list(peers._srp([subject]))


def test_a_peer_that_disagrees_is_not_timed() -> None:
    case = Case(CURVE.token, "pi", "abacus 1.0", lambda: b"wrong")
    with pytest.raises(peers.MismatchError, match="abacus 1.0 gives other octets than kam3: pi of iso-kam3-ec-p256-sha256"):
        peers._same(case, b"right")
