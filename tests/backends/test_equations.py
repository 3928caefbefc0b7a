"""The equations of the reference on their own terms: constants, encodings, completeness, tiny groups tried out whole."""

from __future__ import annotations

import hashlib
import itertools

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from kam3 import sets
from kam3.backends import groups
from kam3.backends.groups import Curve, ModpGroup
from kam3.backends.reference import (
    PLAIN_GROUPS,
    ReferenceBackend,
    compute_denominator,
    compute_j,
    compute_kc1,
    compute_ks1,
    compute_z_client,
    compute_z_server,
)
from kam3.errors import DegenerateError, Kam3Error, Rule, fault
from kam3.octets import vi, vs
from tests.backends import tiny

ALL_TINY = [*tiny.TINY_DL.values(), *tiny.TINY_EC.values()]
any_tiny = pytest.mark.parametrize("group", ALL_TINY, ids=lambda group: f"{type(group).__name__}-{group.q}")
any_set = pytest.mark.parametrize("ps", sets.SETS, ids=lambda ps: ps.token)


def rule_of(call, *arguments) -> Rule | None:
    """Return the rule that a computation breaks, told by its message; None if it answers."""
    try:
        call(*arguments)
    except DegenerateError as error:
        (broken,) = (r for r in Rule if r.name.startswith("DEGENERATE") and str(fault(r)) == str(error))
        return broken
    return None


# Constants -------------------------------------------------------------------------------------------------------------------------------


def floor_of_pi(bits: int) -> int:
    """floor(2^bits * PI) by Machin's formula, PI/4 = 4 arctan(1/5) - arctan(1/239)."""
    guard = 64

    def arctan_of_inverse(x: int) -> int:
        term, total, n = (1 << (bits + guard)) // x, 0, 0
        while term:
            total += (-1) ** n * (term // (2 * n + 1))
            term //= x * x
            n += 1
        return total

    return 4 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239)) >> guard


@pytest.mark.parametrize("bits, addend, group", [(2048, 124476, groups.DL_2048), (4096, 240904, groups.DL_4096)])
def test_the_modp_primes_follow_the_formula_of_rfc_3526(bits: int, addend: int, group: ModpGroup) -> None:
    assert group.q == 2**bits - 2 ** (bits - 64) - 1 + 2**64 * (floor_of_pi(bits - 130) + addend)
    assert group.q % 8 == 7  # so 2 is a square
    assert pow(group.g, group.r, group.q) == 1


@pytest.mark.parametrize("name, curve", [("P-256", groups.EC_P256), ("P-521", groups.EC_P521)])
def test_the_curve_constants_are_those_of_openssl(name: str, curve: Curve) -> None:
    openssl = {"P-256": ec.SECP256R1(), "P-521": ec.SECP521R1()}[name]
    for k in (1, 2, curve.r - 1):
        numbers = ec.derive_private_key(k, openssl).public_key().public_numbers()
        assert curve.mul(k, curve.g) == (numbers.x, numbers.y)
    with pytest.raises(ValueError):
        ec.derive_private_key(curve.r, openssl)
    assert curve.mul(curve.r, curve.g) is None
    assert curve.q % 4 == 3
    x, y = curve.g
    assert (y * y - x**3 + 3 * x - curve.b) % curve.q == 0


# Encodings and hashes --------------------------------------------------------------------------------------------------------------------


def test_the_examples_of_rfc_8120_section_12_1() -> None:
    assert vi(0) == b"\000"
    assert vi(100) == b"d"
    assert vi(10000) == b"\316\020"
    assert vi(1000000) == b"\275\204@"
    assert vs(b"") == b"\000"
    assert vs(b"Tea") == b"\003Tea"
    assert vs("Café".encode()) == b"\005Caf\303\251"
    assert vs(b"a" * 10000) == b"\316\020" + b"a" * 10000


@any_set
def test_hash_values_are_over_the_strings_of_the_rfc(ps: sets.ParameterSet) -> None:
    reference, h = ReferenceBackend(), getattr(hashlib, ps.hash_name)
    kc1, ks1, z = (bytes([i]) * ps.element_octets for i in (0xA1, 0xB2, 0xC3))
    string = kc1 + ks1 + z + b"\x81\x00" + b"\x02vh"  # nc = 128
    assert reference.vk(ps, 4, kc1, ks1, z, 128, b"vh") == h(b"\x04" + string).digest()
    assert reference.vk(ps, 3, kc1, ks1, z, 128, b"vh") == h(b"\x03" + string).digest()
    assert reference.b(ps, 7, kc1, ks1, z, 128, b"vh", b"abc") == h(h(b"\x07" + string).digest() + b"\x03abc").digest()
    session = kc1 + ks1 + z + b"\x00" + b"\x02vh"
    assert reference.b(ps, 6, kc1, ks1, z, 0, b"vh", b"") == h(h(b"\x06" + session).digest() + b"\x00").digest()


@any_set
def test_pi_is_pbkdf2_over_the_salt_of_the_rfc(ps: sets.ParameterSet) -> None:
    out = bytearray(ps.hash_octets)
    ReferenceBackend().pi(ps, b"pw", b"scope", b"realm", b"user", memoryview(out))
    token = ps.token.encode()
    salt = bytes([len(token)]) + token + b"\x05scope" + b"\x05realm" + b"\x04user"
    assert out == hashlib.pbkdf2_hmac(ps.hash_name, b"pw", salt, 16384)


def test_the_example_of_k_c1_for_s_c1_5_on_p_256() -> None:
    kc1 = ReferenceBackend().kc1(sets.EC_P256, (5).to_bytes(32, "big"))
    assert kc1.hex() == "00a2b216f4a2a281a5af0990ac10cd1fbfdf1905fa3eb7ca4842aa941b87a067da"


# The algebra -----------------------------------------------------------------------------------------------------------------------------


@any_set
@settings(max_examples=3, deadline=None)
@given(data=st.data())
def test_client_and_server_agree_and_z_is_g_to_s_s1_times_s_c1_plus_t2(ps: sets.ParameterSet, data: st.DataObject) -> None:
    group = PLAIN_GROUPS[ps.token]
    bits = 256 if ps is sets.DL_4096 else 4096  # full-size secrets in the largest group are the frozen vectors' part
    s_c1 = data.draw(st.integers(ps.least_s_c1, min(group.r - 1, 2**bits)))
    s_s1 = data.draw(st.integers(1, min(group.r - 1, 2**bits)))
    pi, t1, t2 = (data.draw(st.integers(1, 256**ps.hash_octets - 1)) for _ in range(3))
    ks1 = compute_ks1(group, compute_j(group, pi), compute_kc1(group, s_c1), t1, s_s1)
    z = compute_z_server(group, compute_kc1(group, s_c1), t2, s_s1)
    assert compute_z_client(group, pi, s_c1, t1, t2, ks1) == z
    assert z == group.mul(s_s1 * (s_c1 + t2) % group.r, group.g)
    assert ks1 == group.mul(s_s1 * (pi + s_c1 * t1) % group.r, group.g)


@pytest.mark.parametrize("hashes", [(2**256 - 1, 1), (1, 2**256 - 1), (groups.EC_P256.r, 1), (groups.EC_P256.r + 1, groups.EC_P256.r + 2)])
@pytest.mark.parametrize("pi", [groups.EC_P256.r + 1, 2**256 - 1, 7])
def test_hash_values_beyond_r_on_p_256_are_taken_mod_r(pi: int, hashes: tuple[int, int]) -> None:
    """A hash value is r or more once in 2^32, too rare to search for; so t_1 and t_2 go into the algebra directly, where they enter.

    [t_1] K and [t_2] G do not change when the hash value is reduced, and the client's side reduces by its formula.
    """
    group, (t1, t2), s_c1, s_s1 = groups.EC_P256, hashes, 0x1234567, 0x7654321
    ks1 = compute_ks1(group, compute_j(group, pi), compute_kc1(group, s_c1), t1, s_s1)
    assert ks1 == compute_ks1(group, compute_j(group, pi % group.r), compute_kc1(group, s_c1), t1 % group.r, s_s1)
    z = compute_z_server(group, compute_kc1(group, s_c1), t2, s_s1)
    assert z == compute_z_client(group, pi, s_c1, t1, t2, ks1)
    assert z == group.mul(s_s1 * (s_c1 + t2) % group.r, group.g)


def test_p_prime_inverts_p_and_refuses_what_is_no_point() -> None:
    for curve in (groups.EC_P256, groups.EC_P521):
        x, y = curve.g
        assert curve.decode(curve.encode((x, y))) == (x, y)
        assert curve.decode(curve.encode((x, y)) ^ 1) == (x, curve.q - y)
        for number in (2 * curve.q, 2 * curve.q + 1, 2 * (curve.q + x)):
            with pytest.raises(ValueError):
                curve.decode(number)


# Tiny groups, whole ----------------------------------------------------------------------------------------------------------------------


@any_tiny
def test_tiny_decode_accepts_each_element_once(group: ModpGroup | Curve) -> None:
    expected = {group.encode(element): element for element in tiny.elements(group)}
    accepted = {}
    for number in range(256):
        try:
            accepted[number] = group.decode(number)
        except ValueError:
            continue
    assert accepted == expected
    if isinstance(group, Curve):
        assert len(accepted) == group.r - 1


def test_tiny_decode_gives_y_0_no_odd_twin() -> None:
    curve = Curve(q=23, b=2, g=(1, 0), r=0)  # x = 1: 1 - 3 + 2 = 0
    assert curve.decode(2) == (1, 0)
    with pytest.raises(ValueError):
        curve.decode(3)


@any_tiny
def test_tiny_square_test_is_membership_in_the_subgroup(group: ModpGroup | Curve) -> None:
    subgroup = [group.mul(k, group.g) for k in range(1, group.r)]
    assert all(group.is_square(e) == (e in subgroup) for e in tiny.elements(group))


@any_tiny
def test_tiny_multiples_are_repeated_additions(group: ModpGroup | Curve) -> None:
    identity = 1 if isinstance(group, ModpGroup) else None
    for element in tiny.elements(group):
        total = identity
        for k in range(2 * group.r + 3):
            assert group.mul(k, element) == total
            total = group.add(total, element)


@any_tiny
def test_tiny_exchanges_agree_unless_a_rule_says_no(group: ModpGroup | Curve) -> None:
    """Every pi, S_c1 and S_s1, with t_1 and t_2 that reach each degenerate case: the right rule, or the same z on both sides."""
    r, g, reached = group.r, group.g, set()
    for pi, s_c1, t1 in itertools.product(range(r + 2), range(1, r), {0, 1, 2, r - 1, r, r + 1}):
        if pi % r == 0:
            assert rule_of(compute_j, group, pi) is Rule.DEGENERATE_J
            reached.add(Rule.DEGENERATE_J)
            continue
        j, kc1 = compute_j(group, pi), compute_kc1(group, s_c1)
        denominator_zero = (s_c1 * t1 + pi) % r == 0
        for s_s1 in {1, 2, r - 1}:
            if denominator_zero:
                assert rule_of(compute_denominator, group, pi, s_c1, t1) is Rule.DEGENERATE_DENOMINATOR
                assert rule_of(compute_z_client, group, pi, s_c1, t1, 1, g) is Rule.DEGENERATE_DENOMINATOR
                assert rule_of(compute_ks1, group, j, kc1, t1, s_s1) is Rule.DEGENERATE_KS1  # J + [t_1] K_c1 = 0_E
                reached |= {Rule.DEGENERATE_DENOMINATOR, Rule.DEGENERATE_KS1}
                continue
            ks1 = compute_ks1(group, j, kc1, t1, s_s1)
            for t2 in {0, 1, r - s_c1, 2 * r - s_c1, r + 1}:
                if (s_c1 + t2) % r == 0:  # the numerator, and K_c1 + [t_2] G
                    assert rule_of(compute_z_client, group, pi, s_c1, t1, t2, ks1) is Rule.DEGENERATE_Z
                    assert rule_of(compute_z_server, group, kc1, t2, s_s1) is Rule.DEGENERATE_Z
                    reached.add(Rule.DEGENERATE_Z)
                else:
                    z = compute_z_client(group, pi, s_c1, t1, t2, ks1)
                    assert z == compute_z_server(group, kc1, t2, s_s1) == group.mul(s_s1 * (s_c1 + t2) % r, g)
    assert reached == {Rule.DEGENERATE_J, Rule.DEGENERATE_KS1, Rule.DEGENERATE_Z, Rule.DEGENERATE_DENOMINATOR}


@any_tiny
def test_tiny_server_answers_every_peer_value_by_the_book(group: ModpGroup | Curve) -> None:
    """Every J and K_c1 that decode, elements of order 2r included: K_s1 and z are trivial exactly when the sum before [S_s1] is."""
    rules = set()
    trivial = (1, group.q - 1) if isinstance(group, ModpGroup) else (None,)
    for j, kc1, t in itertools.product(tiny.elements(group), tiny.elements(group), (1, 2, group.r, group.r + 1)):
        total = group.add(j, group.mul(t, kc1))
        expected = Rule.DEGENERATE_KS1 if total in trivial else None
        for s_s1 in (1, group.r - 1):
            assert rule_of(compute_ks1, group, j, kc1, t, s_s1) is expected
        rules.add((expected, total == group.q - 1))
    expected_rules = {(None, False), (Rule.DEGENERATE_KS1, False)}
    assert rules == (expected_rules | {(Rule.DEGENERATE_KS1, True)} if isinstance(group, ModpGroup) else expected_rules)
    for kc1, t2, s_s1 in itertools.product(tiny.elements(group), range(group.r), range(1, group.r)):
        expected = Rule.DEGENERATE_Z if group.add(kc1, group.mul(t2, group.g)) in trivial else None
        assert rule_of(compute_z_server, group, kc1, t2, s_s1) is expected


def test_a_tiny_exponent_is_not_reduced_where_the_rfc_does_not_reduce_it() -> None:
    """K_c1 = -g has order 2r, so K_c1^t_1 and K_c1^(t_1 mod r) differ when t_1 >= r; RFC 8121 section 3.2 writes the first."""
    group = tiny.TINY_DL[23]
    kc1, t1 = group.q - group.g, group.r + 2
    assert compute_ks1(group, 3, kc1, t1, 1) == 3 * pow(kc1, t1, 23) % 23
    assert compute_ks1(group, 3, kc1, t1, 1) != 3 * pow(kc1, t1 % group.r, 23) % 23


@any_tiny
def test_tiny_backend_meets_every_rule_with_hashes_of_its_own(group: ModpGroup | Curve) -> None:
    """Through octets, every K_c1, K_s1 and S: both sides agree or the same rule stops them; hash values here exceed r as a rule."""
    ps = tiny.parameter_set(group)
    reference = ReferenceBackend({ps.token: group})
    messages, z_s, z_c = set(), bytearray(1), bytearray(1)
    pi = (12345).to_bytes(32, "big")
    j = bytearray(1)
    reference.j(ps, pi, memoryview(j))
    for s_c1, s_s1 in itertools.product(range(1, group.r), repeat=2):
        a, b = bytes([s_c1]), bytes([s_s1])
        kc1 = reference.kc1(ps, a)
        try:
            ks1 = reference.respond(ps, j, kc1, b, memoryview(z_s))
            reference.z_client(ps, pi, a, kc1, ks1, memoryview(z_c))
            assert z_c == z_s
        except Kam3Error as error:
            messages.add(str(error))
            assert z_s == b"\0"
            if "K_s1" in str(error):
                with pytest.raises(DegenerateError, match="S_c1"):
                    reference.check_denominator(ps, pi, a, kc1)
            else:
                with pytest.raises(DegenerateError, match="computed z"):
                    reference.z_client(ps, pi, a, kc1, reference.ks1(ps, j, kc1, b), memoryview(z_c))
                assert z_c == b"\0"
    assert messages <= {str(fault(Rule.DEGENERATE_KS1)), str(fault(Rule.DEGENERATE_Z))}
