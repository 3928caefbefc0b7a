"""Whole sides of an exchange, with the objects that own its secrets. Run by ``pytest benchmarks``."""

from __future__ import annotations

from typing import Any

import pytest

import kam3
from benchmarks.conftest import Subject

_NC, _VH = 1, b"http://localhost:80"


@pytest.fixture(autouse=True)
def active(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exchanges take the active backend: make it the subject's, and leave no choice behind."""
    monkeypatch.setattr(kam3.backends, "_active", None)
    kam3.backends.use(backend)


def _name(benchmark: Any, subject: Subject, step: str) -> kam3.Algorithm:
    benchmark.group = f"{subject.alg.token} {step}"
    benchmark.name = subject.backend
    benchmark.extra_info.update(algorithm=subject.alg.token, backend=subject.backend, step=step)
    return kam3.algorithm(subject.alg.token)


def test_client_side(benchmark: Any, subject: Subject) -> None:
    """From pi to VK_c: S_c1, K_c1, z, VK_c; the server's K_s1 is that of another exchange, which costs the same."""
    alg = _name(benchmark, subject, "client side")

    def client_side() -> bytes:
        with kam3.ClientExchange(alg, subject.pi) as client, client.finish(subject.ks1) as session:
            return session.vkc(_NC, _VH)

    benchmark(client_side)


def test_server_side(benchmark: Any, subject: Subject) -> None:
    """From J and K_c1 to the verdict: S_s1, K_s1, z, VK_c compared (a wrong one: a right one costs one hash more)."""
    alg = _name(benchmark, subject, "server side")
    wrong = bytes(alg.hash_octets)

    def server_side() -> None:
        with kam3.ServerExchange(alg, subject.j).respond(subject.kc1) as session:
            try:
                session.verify_vkc(wrong, _NC, _VH)
            except kam3.VerificationError:
                return
        raise AssertionError("a wrong VK_c was accepted")

    benchmark(server_side)
