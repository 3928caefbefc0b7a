"""Other libraries' cases: the same work where they can do it, the nearest they have where they cannot, and other key exchanges.

A library that is not here is skipped by name. What computes a step of kam3 must give kam3's octets, or it is not timed.
"""

from __future__ import annotations

import hashlib
import importlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kam3.backends import groups
from kam3.bench.openssl import Counting, CurveSteps, Library, ModpSteps, OpenSSLError, steps
from kam3.bench.run import Case
from kam3.bench.steps import AUTH_SCOPE, PASSWORD, REALM, USER, Subject
from kam3.octets import vs

#: By the octets of an element.
_MODULI = {256: groups.DL_2048.q, 512: groups.DL_4096.q}


class MismatchError(Exception):
    """Another library's octets are not kam3's: there is nothing to time."""


@dataclass(frozen=True)
class Skipped:
    """A peer that is not compared, and why."""

    name: str
    reason: str


class _MissingError(Exception):
    """The peer is not here."""


def peer_cases(subjects: Sequence[Subject]) -> tuple[list[Case], list[Skipped]]:
    """Make the cases of every peer that is here.

    Args:
        subjects: the algorithms, and exchanges whose octets the peers must give.

    Returns:
        The cases, and the peers that are not here.

    Raises:
        MismatchError: a peer computes other octets than kam3.
    """
    cases, skipped = [], []
    for name, make in _PEERS.items():
        try:
            cases += list(make(subjects))
        except _MissingError as error:
            skipped.append(Skipped(name, str(error)))
    return cases, skipped


def _module(name: str, distribution: str) -> tuple[Any, str]:
    """Return a module and its distribution's name with the version."""
    from importlib import metadata  # it brings the e-mail and zip packages: too much for every start of the command

    try:
        return importlib.import_module(name), f"{distribution} {metadata.version(distribution)}"
    except (ImportError, metadata.PackageNotFoundError) as error:
        raise _MissingError(f"not installed: pip install {distribution}") from error


def _same(case: Case, expected: object) -> Case:
    found = case.call()
    if found != expected:
        raise MismatchError(f"{case.contender} gives other octets than kam3: {case.step} of {case.algorithm}")
    return case


def _salt(subject: Subject) -> bytes:
    """Return the salt of pi (RFC 8120 section 12.2)."""
    return b"".join(map(vs, (subject.alg.token.encode(), AUTH_SCOPE, REALM, USER)))


def _openssl(subjects: Sequence[Subject]) -> Iterator[Case]:
    try:
        library = Library()
    except OpenSSLError as error:
        raise _MissingError(str(error)) from error
    name, call_us = " ".join(library.version().split()[:2]), library.call_seconds() * 1e6
    for subject in subjects:
        for case in _openssl_steps(library, name, subject):
            yield replace(case, overhead_us=call_us * _calls(library, case, subject))


def _openssl_steps(library: Library | Counting, name: str, subject: Subject) -> Iterator[Case]:
    ps, token = subject.alg.parameters, subject.alg.token
    composed = steps(library, ps)
    yield _same(Case(token, "kc1", name, _bind(composed.kc1, subject.s_c1)), subject.kc1)
    yield from _openssl_respond(name, subject, composed)
    if not ps.is_curve:
        kinder = steps(library, ps, vartime_public=True)
        yield from _openssl_respond(f"{name}, t_1 and t_2 in variable time", subject, kinder)
    arguments = (subject.pi, subject.s_c1, subject.kc1, subject.ks1)
    yield _same(Case(token, "z_client", name, _bind(composed.z_client, *arguments)), subject.z)
    yield Case(token, "power", name, composed.prepare_power(subject.ks1, subject.s_s1))
    if isinstance(composed, CurveSteps):
        points = steps(library, ps)  # the power's operands stay in `composed`
        if isinstance(points, CurveSteps):
            yield Case(token, "check_element", name, _bind(points.check_element, subject.kc1))


def _openssl_respond(name: str, subject: Subject, composed: ModpSteps | CurveSteps) -> Iterator[Case]:
    call = _bind(composed.respond, subject.j, subject.kc1, subject.s_s1)
    yield _same(Case(subject.alg.token, "respond", name, call), (subject.ks1, subject.z))


def _calls(library: Library, case: Case, subject: Subject) -> int:
    """Count the calls into libcrypto of one call of a case."""
    counting = Counting(library)
    for twin in _openssl_steps(counting, case.contender.partition(",")[0], subject):
        if (twin.step, twin.contender) == (case.step, case.contender):
            before = counting.calls
            twin.call()
            return counting.calls - before
    return 0


def _hashlib(subjects: Sequence[Subject]) -> Iterator[Case]:
    name = f"hashlib ({getattr(importlib.import_module('ssl'), 'OPENSSL_VERSION', 'unknown')})"
    for subject in subjects:
        arguments = (subject.alg.hash_name, PASSWORD, _salt(subject), subject.alg.iterations)
        yield _same(Case(subject.alg.token, "pi", name, _bind(hashlib.pbkdf2_hmac, *arguments)), subject.pi)


def _cryptography(subjects: Sequence[Subject]) -> Iterator[Case]:
    _, name = _module("cryptography", "cryptography")
    hashes, pbkdf2, ec = (
        importlib.import_module(f"cryptography.hazmat.primitives.{part}") for part in ("hashes", "kdf.pbkdf2", "asymmetric.ec")
    )
    for subject in subjects:
        token, alg = subject.alg.token, subject.alg
        kind = {"sha256": hashes.SHA256, "sha512": hashes.SHA512}[alg.hash_name]()

        def pi(kind: object = kind, subject: Subject = subject, salt: bytes = _salt(subject)) -> bytes:
            kdf = pbkdf2.PBKDF2HMAC(kind, subject.alg.hash_octets, salt, subject.alg.iterations)
            return bytes(kdf.derive(PASSWORD))

        yield _same(Case(token, "pi", name, pi), subject.pi)
        if alg.parameters.is_curve:
            curve = {33: ec.SECP256R1, 66: ec.SECP521R1}[alg.element_octets]()
            ours, theirs = ec.generate_private_key(curve), ec.generate_private_key(curve).public_key()
            yield Case(token, "power", name, _bind(ours.exchange, ec.ECDH(), theirs), note="ECDH")
        else:
            yield _diffie_hellman(name, subject)


def _diffie_hellman(name: str, subject: Subject) -> Case:
    """Make K_s1^S_s1 as Diffie-Hellman with a private key of full length; one that OpenSSL draws for these groups is short."""
    dh = importlib.import_module("cryptography.hazmat.primitives.asymmetric.dh")
    q = _MODULI[subject.alg.element_octets]
    base, exponent = (int.from_bytes(octets, "big") for octets in (subject.ks1, subject.s_s1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what a later version will drop
        peer = dh.DHPublicNumbers(base, dh.DHParameterNumbers(q, 2))
        own = dh.DHPrivateNumbers(exponent, peer).private_key()  # the public half in it is not used
        call = _bind(own.exchange, peer.public_key())
    right = pow(base, exponent, q).to_bytes(subject.alg.element_octets, "big")
    return _same(Case(subject.alg.token, "power", name, call, note="DH"), right)


def _gmpy2(subjects: Sequence[Subject]) -> Iterator[Case]:
    gmpy2, name = _module("gmpy2", "gmpy2")
    for subject in subjects:
        if not subject.alg.parameters.is_curve:
            base, exponent = (gmpy2.mpz(int.from_bytes(octets, "big")) for octets in (subject.ks1, subject.s_s1))
            modulus = gmpy2.mpz(_MODULI[subject.alg.element_octets])
            yield Case(subject.alg.token, "power", name, _bind(gmpy2.powmod_sec, base, exponent, modulus), note="powmod_sec")


def _srp(subjects: Sequence[Subject]) -> Iterator[Case]:
    srp, name = _module("srp", "srp")
    for subject in subjects:
        if subject.alg.parameters.is_curve:
            continue
        options = {
            "hash_alg": {"sha256": srp.SHA256, "sha512": srp.SHA512}[subject.alg.hash_name],
            "ng_type": {256: srp.NG_2048, 512: srp.NG_4096}[subject.alg.element_octets],
        }
        salt, verifier = srp.create_salted_verification_key(USER.decode(), PASSWORD.decode(), **options)

        def log_in(options: dict[str, Any] = options, salt: bytes = salt, verifier: bytes = verifier) -> bool:
            user = srp.User(USER.decode(), PASSWORD.decode(), **options)
            _, public = user.start_authentication()
            server = srp.Verifier(USER.decode(), salt, verifier, public, **options)
            user.verify_session(server.verify_session(user.process_challenge(*server.get_challenge())))
            return bool(user.authenticated() and server.authenticated())

        yield _same(Case(subject.alg.token, "login", name, log_in, note="both sides; 256-bit exponents, no stretching"), True)


def _srptools(subjects: Sequence[Subject]) -> Iterator[Case]:
    srptools, name = _module("srptools", "srptools")
    constants = importlib.import_module("srptools.constants")
    user, password = USER.decode(), PASSWORD.decode()
    for subject in subjects:
        if subject.alg.parameters.is_curve:
            continue
        bits = 8 * subject.alg.element_octets
        group = {
            "prime": getattr(constants, f"PRIME_{bits}"),
            "generator": getattr(constants, f"PRIME_{bits}_GEN"),
            "hash_func": getattr(hashlib, subject.alg.hash_name),
        }
        _, verifier, salt = srptools.SRPContext(user, password, **group).get_user_data_triplet()

        def log_in(group: dict[str, Any] = group, verifier: str = verifier, salt: str = salt) -> bool:
            client = srptools.SRPClientSession(srptools.SRPContext(user, password, **group))
            server = srptools.SRPServerSession(srptools.SRPContext(user, **group), password_verifier=verifier)
            client.process(server.public, salt)
            server.process(client.public, salt)
            return bool(server.verify_proof(client.key_proof) and client.verify_proof(server.key_proof_hash))

        yield _same(Case(subject.alg.token, "login", name, log_in, note="both sides; Python integers, no stretching"), True)


def _cpace(subjects: Sequence[Subject]) -> Iterator[Case]:
    cpace, name = _module("cpace", "cpace")

    def agree() -> bool:
        one, other = (cpace.CPace.start(role=role, prs=PASSWORD, sid=b"one session") for role in cpace.CPaceRole)
        one.derive(other.public_share)
        other.derive(one.public_share)
        return bool(one.verify(other.tag()) and other.verify(one.tag()))

    for subject in _on_p256(subjects):
        yield _same(Case(subject.alg.token, "login", name, agree, note="both sides; X25519, both know the password"), True)


def _spake2(subjects: Sequence[Subject]) -> Iterator[Case]:
    spake2, name = _module("spake2", "spake2")

    def agree() -> bool:
        one, other = spake2.SPAKE2_A(PASSWORD), spake2.SPAKE2_B(PASSWORD)
        from_one, from_other = one.start(), other.start()
        return bool(one.finish(from_other) == other.finish(from_one))

    for subject in _on_p256(subjects):
        yield _same(Case(subject.alg.token, "login", name, agree, note="both sides; Ed25519, no stretching, no proof"), True)


def _opaque(subjects: Sequence[Subject]) -> Iterator[Case]:
    _, name = _module("opaquepy", "opaquepy")
    lib = importlib.import_module("opaquepy.lib")
    password, user, setup = PASSWORD.decode(), USER.decode(), lib.create_setup()
    request, state = lib.register_client(password)
    stored = lib.register_finish(lib.register_client_finish(state, password, lib.register(setup, request, user)))

    def log_in() -> bool:
        request, at_client = lib.login_client(password)
        response, at_server = lib.login(setup, stored, request, user)
        proof, key = lib.login_client_finish(at_client, password, response)
        return bool(lib.login_finish(proof, at_server) == key)

    for subject in _on_p256(subjects):
        yield _same(Case(subject.alg.token, "login", name, log_in, note="both sides; opaque-ke, Argon2"), True)


def _opaque_ke_py(subjects: Sequence[Subject]) -> Iterator[Case]:
    lib, name = _module("opaque_ke_py", "opaque-ke-py")
    setup = lib.server_setup()
    start = lib.client_registration_start(PASSWORD)
    answer = lib.server_registration_start(setup, start.get_message(), USER)
    finish = lib.client_registration_finish(PASSWORD, start.get_state(), answer.get_message())
    stored = lib.server_registration_finish(finish.get_message()).get_password_file()

    def log_in() -> bool:
        request = lib.client_login_start(PASSWORD)
        response = lib.server_login_start(setup, stored, request.get_message(), USER)
        done = lib.client_login_finish(PASSWORD, request.get_state(), response.get_message())
        served = lib.server_login_finish(response.get_state(), done.get_message())
        return bool(served.get_session_key() == done.get_session_key())

    for subject in _on_p256(subjects):
        yield _same(Case(subject.alg.token, "login", name, log_in, note="both sides; opaque-ke, Argon2"), True)


def _on_p256(subjects: Iterable[Subject]) -> Iterator[Subject]:
    """Pick the algorithm beside which key exchanges on curves of 256 bits are shown."""
    return (subject for subject in subjects if subject.alg.element_octets == 33)


def _bind(function: Callable[..., object], *arguments: object) -> Callable[[], object]:
    return lambda: function(*arguments)


_PEERS: dict[str, Callable[[Sequence[Subject]], Iterator[Case]]] = {
    "OpenSSL": _openssl,
    "hashlib": _hashlib,
    "cryptography": _cryptography,
    "gmpy2": _gmpy2,
    "srp": _srp,
    "srptools": _srptools,
    "spake2": _spake2,
    "cpace": _cpace,
    "opaquepy": _opaque,
    "opaque-ke-py": _opaque_ke_py,
}
