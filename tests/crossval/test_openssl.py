"""OpenSSL's half of the speed comparison computes what kam3 computes, and counts its calls right."""

from __future__ import annotations

import functools
import os
from typing import Any

import pytest

import kam3
from benchmarks import compare_openssl
from benchmarks.openssl import Library, OpenSSLError, responder

from .callers import BACKENDS

try:
    library = Library()
except OpenSSLError as error:
    pytest.skip(f"no OpenSSL to compare with: {error}", allow_module_level=True)


@functools.cache
def element(alg: kam3.Algorithm) -> bytes:
    return alg.on("reference").kc1(alg.scalar_octets * b"\x01")


@pytest.mark.parametrize("alg", kam3.ALGORITHMS, ids=lambda alg: alg.token)
def test_agrees_with_the_reference(alg: kam3.Algorithm) -> None:
    reference = alg.on("reference")
    for s_s1 in (reference.generate_secret(), b"\x01".rjust(alg.scalar_octets, b"\x00")):
        j, kc1 = reference.j(os.urandom(alg.hash_octets)), element(alg)
        expected = reference.respond(j, kc1, s_s1)
        for vartime_public in (False, True):
            assert responder(library, alg.parameters, vartime_public=vartime_public).respond(j, kc1, s_s1) == expected


@pytest.mark.parametrize("alg", kam3.ALGORITHMS, ids=lambda alg: alg.token)
def test_refuses_what_is_no_element(alg: kam3.Algorithm) -> None:
    composed = responder(library, alg.parameters)
    good = element(alg)
    for j, kc1 in ((good, b"\xff" * alg.element_octets), (b"\xff" * alg.element_octets, good)):
        with pytest.raises(OpenSSLError):
            composed.respond(j, kc1, alg.scalar_octets * b"\x01")


@pytest.mark.parametrize("alg", kam3.ALGORITHMS, ids=lambda alg: alg.token)
def test_the_count_of_calls_is_right(alg: kam3.Algorithm) -> None:
    class Counting:
        calls = 0

        def __getattr__(self, name: str) -> Any:
            function = getattr(library, name)

            def counted(*arguments: Any) -> Any:
                self.calls += 1
                return function(*arguments)

            return counted

    counting = Counting()
    composed = responder(counting, alg.parameters)  # type: ignore[arg-type]
    before = counting.calls
    composed.respond(element(alg), element(alg), alg.scalar_octets * b"\x02")
    assert counting.calls - before == composed.calls


def test_a_library_that_does_not_serve() -> None:
    with pytest.raises(OpenSSLError, match="does not serve"):
        Library("/nonexistent/libcrypto.so")


def test_different_octets_are_not_timed() -> None:
    alg = kam3.EC_P256.on("reference")
    pool = compare_openssl.exchanges(alg, 1)
    compare_openssl.check_equal(alg.respond, responder(library, alg.parameters).respond, pool)
    with pytest.raises(compare_openssl.MismatchError):
        compare_openssl.check_equal(alg.respond, lambda j, kc1, s: (kc1, j), pool)


def test_the_script_prints_machine_and_table(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--backend", BACKENDS[0], "--algorithm", "iso-kam3-ec-p256-sha256", "--rounds", "4"]
    assert compare_openssl.main(arguments) == 0
    out = capsys.readouterr().out
    for label in ("cpu:", "build:", "commit:", "cpu_path:", "openssl:", "iso-kam3-ec-p256-sha256"):
        assert label in out
    with pytest.raises(SystemExit) as stopped:
        compare_openssl.main(["--backend", "abacus"])
    assert stopped.value.code == 2
