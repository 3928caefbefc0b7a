"""OpenSSL's half of the speed comparison computes what kam3 computes."""

from __future__ import annotations

import functools
import os

import pytest

import kam3
from kam3.bench.openssl import Library, OpenSSLError, steps

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
        pi = os.urandom(alg.hash_octets)
        s_c1, j = reference.generate_secret(), reference.j(pi)
        kc1 = reference.kc1(s_c1)
        expected = reference.respond(j, kc1, s_s1)
        for vartime_public in (False, True):
            composed = steps(library, alg.parameters, vartime_public=vartime_public)
            assert composed.kc1(s_c1) == kc1
            assert composed.respond(j, kc1, s_s1) == expected
            assert composed.z_client(pi, s_c1, kc1, expected[0]) == expected[1]


@pytest.mark.parametrize("alg", kam3.ALGORITHMS, ids=lambda alg: alg.token)
def test_refuses_what_is_no_element(alg: kam3.Algorithm) -> None:
    composed = steps(library, alg.parameters)
    good = element(alg)
    for j, kc1 in ((good, b"\xff" * alg.element_octets), (b"\xff" * alg.element_octets, good)):
        with pytest.raises(OpenSSLError):
            composed.respond(j, kc1, alg.scalar_octets * b"\x01")
    with pytest.raises(OpenSSLError):
        composed.z_client(bytes(alg.hash_octets), alg.scalar_octets * b"\x01", good, b"\xff" * alg.element_octets)


def test_a_library_that_does_not_serve() -> None:
    with pytest.raises(OpenSSLError, match="does not serve"):
        Library("/nonexistent/libcrypto.so")
