#include "ec/p256_fe.h"

#include "base/wipe.h"
#include "bn/bn.h"
#include "ec/p256_adx.h"
#include "gen/curves.h"
#include "gen/moduli.h"

typedef kam3_p256_fe fe;

/* r = t mod q, t = sum t_i 2^64i + 2^256 carry. Requires: t < 2q, carry is 0 or 1 */
KAM3_INLINE void reduce_once(fe *r, uint64_t t0, uint64_t t1, uint64_t t2, uint64_t t3, uint64_t carry) {
    uint64_t c = 0;
    const uint64_t s0 = kam3_addc(t0, KAM3_P256_MINUS_Q0, &c);
    const uint64_t s1 = kam3_addc(t1, KAM3_P256_MINUS_Q1, &c);
    const uint64_t s2 = kam3_addc(t2, KAM3_P256_MINUS_Q2, &c);
    const uint64_t s3 = kam3_addc(t3, KAM3_P256_MINUS_Q3, &c); /* c = 1 iff t >= q */
    const kam3_mask m_small = kam3_mask_from_bit(1 ^ (c | carry));
    r->v[0] = s0 ^ (m_small & (s0 ^ t0));
    r->v[1] = s1 ^ (m_small & (s1 ^ t1));
    r->v[2] = s2 ^ (m_small & (s2 ^ t2));
    r->v[3] = s3 ^ (m_small & (s3 ^ t3));
}

/* Out of line: inlined by the score into a point formula, their carries fill the stack (gcc 12: a third slower). */
void kam3_p256_fe_add(fe *r, const fe *a, const fe *b) {
    uint64_t c = 0;
    kam3_p256_fe_verify(a);
    kam3_p256_fe_verify(b);
    const uint64_t t0 = kam3_addc(a->v[0], b->v[0], &c);
    const uint64_t t1 = kam3_addc(a->v[1], b->v[1], &c);
    const uint64_t t2 = kam3_addc(a->v[2], b->v[2], &c);
    const uint64_t t3 = kam3_addc(a->v[3], b->v[3], &c);
    reduce_once(r, t0, t1, t2, t3, c);
}

/* a - b + 2^256, and if that did not reach 2^256, the difference is negative and q is missing. */
void kam3_p256_fe_sub(fe *r, const fe *a, const fe *b, unsigned m) {
    uint64_t c = 1;
    (void)m;
    kam3_p256_fe_verify(a);
    kam3_p256_fe_verify(b);
    const uint64_t t0 = kam3_addc(a->v[0], ~b->v[0], &c);
    const uint64_t t1 = kam3_addc(a->v[1], ~b->v[1], &c);
    const uint64_t t2 = kam3_addc(a->v[2], ~b->v[2], &c);
    const uint64_t t3 = kam3_addc(a->v[3], ~b->v[3], &c);
    const kam3_mask m_negative = kam3_mask_from_bit(c ^ 1);
    c = 0;
    r->v[0] = kam3_addc(t0, m_negative, &c);
    r->v[1] = kam3_addc(t1, m_negative & 0xffffffff, &c);
    r->v[2] = kam3_addc(t2, 0, &c);
    r->v[3] = kam3_addc(t3, m_negative & KAM3_P256_Q3, &c);
}

void kam3_p256_fe_neg(fe *r, const fe *a, unsigned m) {
    static const fe zero = {{0}};
    kam3_p256_fe_sub(r, &zero, a, m);
}

/* r = t / 2^256 mod q, t = sum t_i 2^64i. Requires: t < q 2^256
 *
 * Four times the lowest limb d of the low half goes: -q^-1 = 1 mod 2^64, so d itself is the digit, and
 *     x + d q = x - d + d 2^96 + d (2^64 - 2^32 + 1) 2^192
 * needs one shift by 32 and one product; it is 2^64 times the x of the next round. Only the low half goes through the
 * rounds: x < 2^256 makes the next x < (2^256 + 2^64 q) / 2^64 = 2^192 + q < 2^256, four limbs again. After four
 * rounds, with some m < 2^256, x = (low half + m q) / 2^256 <= q; the high half is below q as t < q 2^256; the sum is
 * below 2q. */
#define REDUCE_ROUND(x0, x1, x2, x3)                                                                                   \
    do {                                                                                                               \
        const uint64_t d = x0;                                                                                         \
        uint64_t carry = 0;                                                                                            \
        x1 = kam3_addc(x1, d << 32, &carry);                                                                           \
        x2 = kam3_addc(x2, d >> 32, &carry);                                                                           \
        x3 = kam3_mac(x3, d, KAM3_P256_Q3, &carry);                                                                    \
        x0 = carry;                                                                                                    \
    } while (0)

KAM3_INLINE void reduce(fe *r, uint64_t t0, uint64_t t1, uint64_t t2, uint64_t t3, uint64_t t4, uint64_t t5,
                        uint64_t t6, uint64_t t7) {
    uint64_t c = 0;
    REDUCE_ROUND(t0, t1, t2, t3);
    REDUCE_ROUND(t1, t2, t3, t0);
    REDUCE_ROUND(t2, t3, t0, t1);
    REDUCE_ROUND(t3, t0, t1, t2);
    const uint64_t s0 = kam3_addc(t4, t0, &c);
    const uint64_t s1 = kam3_addc(t5, t1, &c);
    const uint64_t s2 = kam3_addc(t6, t2, &c);
    const uint64_t s3 = kam3_addc(t7, t3, &c);
    reduce_once(r, s0, s1, s2, s3, c);
}

/* Row by row; kam3_mac never overflows. a, b < q makes a b < q 2^256. */
void kam3_p256_fe_mul(fe *r, const fe *a, const fe *b) {
    const uint64_t a0 = a->v[0], a1 = a->v[1], a2 = a->v[2], a3 = a->v[3];
    const uint64_t b0 = b->v[0], b1 = b->v[1], b2 = b->v[2], b3 = b->v[3];
    uint64_t t0, t1, t2, t3, t4, t5, t6, t7;

    kam3_p256_fe_verify(a);
    kam3_p256_fe_verify(b);
    t4 = 0;
    t0 = kam3_mac(0, a0, b0, &t4);
    t1 = kam3_mac(0, a0, b1, &t4);
    t2 = kam3_mac(0, a0, b2, &t4);
    t3 = kam3_mac(0, a0, b3, &t4);
    t5 = 0;
    t1 = kam3_mac(t1, a1, b0, &t5);
    t2 = kam3_mac(t2, a1, b1, &t5);
    t3 = kam3_mac(t3, a1, b2, &t5);
    t4 = kam3_mac(t4, a1, b3, &t5);
    t6 = 0;
    t2 = kam3_mac(t2, a2, b0, &t6);
    t3 = kam3_mac(t3, a2, b1, &t6);
    t4 = kam3_mac(t4, a2, b2, &t6);
    t5 = kam3_mac(t5, a2, b3, &t6);
    t7 = 0;
    t3 = kam3_mac(t3, a3, b0, &t7);
    t4 = kam3_mac(t4, a3, b1, &t7);
    t5 = kam3_mac(t5, a3, b2, &t7);
    t6 = kam3_mac(t6, a3, b3, &t7);
    reduce(r, t0, t1, t2, t3, t4, t5, t6, t7);
}

/* a^2 = 2 sum_{i<j} a_i a_j 2^(64(i+j)) + sum a_i^2 2^128i; the first sum is below 2^511, so its double keeps to t7. */
void kam3_p256_fe_sqr(fe *r, const fe *a) {
    const uint64_t a0 = a->v[0], a1 = a->v[1], a2 = a->v[2], a3 = a->v[3];
    const kam3_u128 s0 = kam3_u128_mul(a0, a0), s1 = kam3_u128_mul(a1, a1);
    const kam3_u128 s2 = kam3_u128_mul(a2, a2), s3 = kam3_u128_mul(a3, a3);
    uint64_t t0, t1, t2, t3, t4, t5, t6, t7, c = 0;

    kam3_p256_fe_verify(a);
    t4 = 0;
    t1 = kam3_mac(0, a0, a1, &t4);
    t2 = kam3_mac(0, a0, a2, &t4);
    t3 = kam3_mac(0, a0, a3, &t4);
    t5 = 0;
    t3 = kam3_mac(t3, a1, a2, &t5);
    t4 = kam3_mac(t4, a1, a3, &t5);
    t6 = 0;
    t5 = kam3_mac(t5, a2, a3, &t6);

    t7 = t6 >> 63;
    t6 = (t6 << 1) | (t5 >> 63);
    t5 = (t5 << 1) | (t4 >> 63);
    t4 = (t4 << 1) | (t3 >> 63);
    t3 = (t3 << 1) | (t2 >> 63);
    t2 = (t2 << 1) | (t1 >> 63);
    t1 = t1 << 1;

    t0 = kam3_u128_lo(s0);
    t1 = kam3_addc(t1, kam3_u128_hi(s0), &c);
    t2 = kam3_addc(t2, kam3_u128_lo(s1), &c);
    t3 = kam3_addc(t3, kam3_u128_hi(s1), &c);
    t4 = kam3_addc(t4, kam3_u128_lo(s2), &c);
    t5 = kam3_addc(t5, kam3_u128_hi(s2), &c);
    t6 = kam3_addc(t6, kam3_u128_lo(s3), &c);
    t7 = kam3_addc(t7, kam3_u128_hi(s3), &c);
    reduce(r, t0, t1, t2, t3, t4, t5, t6, t7);
}

kam3_mask kam3_p256_fe_from_octets(fe *r, const uint8_t octets[KAM3_P256_FE_OCTETS]) {
    static const fe r2 = {{KAM3_P256_R2}}, zero = {{0}};
    fe x;
    kam3_bn_from_octets(x.v, 4, octets, KAM3_P256_FE_OCTETS);
    const kam3_mask ok = kam3_bn_lt(x.v, kam3_p256_q.m, 4);
    kam3_p256_fe_cmov(&x, &zero, ~ok);
    kam3_p256_fe_mul(r, &x, &r2);
    kam3_wipe(&x, sizeof x);
    return ok;
}

/* r = the plain limbs of a, not in Montgomery form */
static void leave(fe *r, const fe *a) {
    kam3_p256_fe_verify(a);
    reduce(r, a->v[0], a->v[1], a->v[2], a->v[3], 0, 0, 0, 0);
}

void kam3_p256_fe_to_octets(uint8_t octets[KAM3_P256_FE_OCTETS], const fe *a) {
    fe x;
    leave(&x, a);
    kam3_bn_to_octets(octets, KAM3_P256_FE_OCTETS, x.v, 4);
    kam3_wipe(&x, sizeof x);
}

kam3_mask kam3_p256_fe_is_odd(const fe *a) {
    fe x;
    leave(&x, a);
    const kam3_mask odd = kam3_mask_from_bit(x.v[0] & 1);
    kam3_wipe(&x, sizeof x);
    return odd;
}

void kam3_p256_fe_set_one(fe *r) {
    static const fe one = {{KAM3_P256_ONE}};
    *r = one;
}

/* The limbs are a R; (a R)^-1 R^3 / R = a^-1 R. */
void kam3_p256_fe_inv(fe *r, const fe *a) {
    static const fe r3 = {{KAM3_P256_R3}};
    fe x;
    kam3_p256_fe_verify(a);
    (void)kam3_mod_inverse(x.v, a->v, &kam3_p256_q);
    kam3_p256_fe_mul(r, &x, &r3);
    kam3_wipe(&x, sizeof x);
}

/* r = r^(2^n) */
static void sqr_n(fe *r, int n) {
    if (kam3_p256_adx_sqr_n(r, r, n)) return;
    for (int i = 0; i < n; i++) kam3_p256_fe_sqr(r, r);
}

/* r = r^(2^n) a */
static void shift_in(fe *r, int n, const fe *a) {
    sqr_n(r, n);
    kam3_p256_fe_mul(r, r, a);
}

/* (q+1)/4 = 2^254 - 2^222 + 2^190 + 2^94: 253 S + 7 M. Beside each line, the exponent that x has reached. */
kam3_mask kam3_p256_fe_sqrt(fe *r, const fe *a) {
    struct {
        fe a, x, y;
    } w;
    w.a = *a;
    w.x = *a;
    shift_in(&w.x, 1, &w.a); /* 2^2 - 1 */
    w.y = w.x;
    shift_in(&w.x, 2, &w.y); /* 2^4 - 1 */
    w.y = w.x;
    shift_in(&w.x, 4, &w.y); /* 2^8 - 1 */
    w.y = w.x;
    shift_in(&w.x, 8, &w.y); /* 2^16 - 1 */
    w.y = w.x;
    shift_in(&w.x, 16, &w.y); /* 2^32 - 1 */
    shift_in(&w.x, 32, &w.a); /* 2^64 - 2^32 + 1 */
    shift_in(&w.x, 96, &w.a); /* 2^160 - 2^128 + 2^96 + 1 */
    sqr_n(&w.x, 94);          /* 2^254 - 2^222 + 2^190 + 2^94 */
    *r = w.x;
    kam3_p256_fe_sqr(&w.y, &w.x);
    const kam3_mask ok = kam3_p256_fe_eq(&w.y, &w.a);
    kam3_wipe(&w, sizeof w);
    return ok;
}
