#include "ec/p521_fe.h"

#include "base/wipe.h"
#include "bn/bn.h"
#include "gen/moduli.h"

typedef kam3_p521_fe fe;

#define M58 KAM3_P521_M58

/* The limb of the column c, its lowest 58 bits; the rest is what it hands on. */
KAM3_INLINE uint64_t take_limb(kam3_u128 *c) {
    const uint64_t limb = kam3_u128_lo(*c) & M58;
    *c = kam3_u128_shr(*c, 58);
    return limb;
}

/* r = t, with c above it, |r| = 1. Requires: t_i < 2^58, and c < 2^70: it is what a column below 2^128 hands on. 2 c +
 * t_0 < 2^71 + 2^58 hands at most 2^13 to limb 1, which stays below U = 2^58 + 2^13. */
KAM3_INLINE void wrap(fe *r, const uint64_t t[9], kam3_u128 c) {
    c = kam3_u128_add64(kam3_u128_shl(c, 1), t[0]);
    r->v[0] = take_limb(&c);
    r->v[1] = t[1] + kam3_u128_lo(c);
    for (int i = 2; i < 9; i++) r->v[i] = t[i];
    KAM3_P521_FE_SET_MAGNITUDE(r, 1);
}

#define PRODUCT(i) kam3_u128_mul(a->v[i], b->v[i])
#define SUM kam3_u128_add
#define TWICE(c) kam3_u128_shl(c, 1)

/* c + (a_i - a_j) (b_j - b_i) mod 2^128. The differences have signs, and fit: limbs are below 2^63. */
#define CROSS(c, i, j) kam3_u128_mac_signed(c, a->v[i] - a->v[j], b->v[j] - b->v[i])

/* c_k = sum a_i b_j over i + j = k, and twice that over i + j = k + 9. Of a_i b_j + a_j b_i = a_i b_i + a_j b_j +
 * (a_i - a_j) (b_j - b_i) only the last term belongs to one column: 45 products, not 81 (Granger and Scott, "Faster ECC
 * over F_(2^521-1)", PKC 2015). The others, with a_i b_i for i = j, sum up to p_k = sum a_i b_i over i <= k, and twice
 * that over i > k. */
void kam3_p521_fe_mul(fe *r, const fe *a, const fe *b) {
    const kam3_u128 zero = kam3_u128_from64(0);
    uint64_t t[9];
    kam3_u128 p, c;
    kam3_p521_fe_verify_product(a, b);
    const kam3_u128 p1 = PRODUCT(1), p2 = PRODUCT(2), p3 = PRODUCT(3), p4 = PRODUCT(4);
    const kam3_u128 p5 = PRODUCT(5), p6 = PRODUCT(6), p7 = PRODUCT(7), p8 = PRODUCT(8);
    p = SUM(SUM(SUM(p1, p2), SUM(p3, p4)), SUM(SUM(p5, p6), SUM(p7, p8)));
    p = SUM(TWICE(p), PRODUCT(0));
    c = SUM(p, TWICE(CROSS(CROSS(CROSS(CROSS(zero, 1, 8), 2, 7), 3, 6), 4, 5)));
    t[0] = take_limb(&c);
    p = kam3_u128_sub(p, p1);
    c = SUM(SUM(c, p), TWICE(CROSS(CROSS(CROSS(zero, 2, 8), 3, 7), 4, 6)));
    c = CROSS(c, 0, 1);
    t[1] = take_limb(&c);
    p = kam3_u128_sub(p, p2);
    c = SUM(SUM(c, p), TWICE(CROSS(CROSS(CROSS(zero, 3, 8), 4, 7), 5, 6)));
    c = CROSS(c, 0, 2);
    t[2] = take_limb(&c);
    p = kam3_u128_sub(p, p3);
    c = SUM(SUM(c, p), TWICE(CROSS(CROSS(zero, 4, 8), 5, 7)));
    c = CROSS(CROSS(c, 0, 3), 1, 2);
    t[3] = take_limb(&c);
    p = kam3_u128_sub(p, p4);
    c = SUM(SUM(c, p), TWICE(CROSS(CROSS(zero, 5, 8), 6, 7)));
    c = CROSS(CROSS(c, 0, 4), 1, 3);
    t[4] = take_limb(&c);
    p = kam3_u128_sub(p, p5);
    c = SUM(SUM(c, p), TWICE(CROSS(zero, 6, 8)));
    c = CROSS(CROSS(CROSS(c, 0, 5), 1, 4), 2, 3);
    t[5] = take_limb(&c);
    p = kam3_u128_sub(p, p6);
    c = SUM(SUM(c, p), TWICE(CROSS(zero, 7, 8)));
    c = CROSS(CROSS(CROSS(c, 0, 6), 1, 5), 2, 4);
    t[6] = take_limb(&c);
    p = kam3_u128_sub(p, p7);
    c = SUM(c, p);
    c = CROSS(CROSS(CROSS(CROSS(c, 0, 7), 1, 6), 2, 5), 3, 4);
    t[7] = take_limb(&c);
    p = kam3_u128_sub(p, p8);
    c = SUM(c, p);
    c = CROSS(CROSS(CROSS(CROSS(c, 0, 8), 1, 7), 2, 6), 3, 5);
    t[8] = take_limb(&c);
    wrap(r, t, c);
}

/* c + five products */
KAM3_INLINE kam3_u128 sum5(kam3_u128 s, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f,
                           uint64_t g, uint64_t h, uint64_t i, uint64_t j) {
    s = kam3_u128_mac(s, a, b);
    s = kam3_u128_mac(s, c, d);
    s = kam3_u128_mac(s, e, f);
    s = kam3_u128_mac(s, g, h);
    return kam3_u128_mac(s, i, j);
}

/* The columns of the product, equal terms taken once: a factor 2 for i != j, another where the column wrapped;
 * d_i = 2 a_i. */
void kam3_p521_fe_sqr(fe *r, const fe *a) {
    const uint64_t a0 = a->v[0], a1 = a->v[1], a2 = a->v[2], a3 = a->v[3], a4 = a->v[4];
    const uint64_t a5 = a->v[5], a6 = a->v[6], a7 = a->v[7], a8 = a->v[8];
    const uint64_t d0 = 2 * a0, d1 = 2 * a1, d2 = 2 * a2, d3 = 2 * a3, d4 = 2 * a4;
    const uint64_t d5 = 2 * a5, d6 = 2 * a6, d7 = 2 * a7, d8 = 2 * a8;
    uint64_t t[9];
    kam3_p521_fe_verify_product(a, a);
    kam3_u128 c = sum5(kam3_u128_from64(0), a0, a0, d1, d8, d2, d7, d3, d6, d4, d5);
    t[0] = take_limb(&c);
    c = sum5(c, d0, a1, d2, d8, d3, d7, d4, d6, d5, a5);
    t[1] = take_limb(&c);
    c = sum5(c, d0, a2, a1, a1, d3, d8, d4, d7, d5, d6);
    t[2] = take_limb(&c);
    c = sum5(c, d0, a3, d1, a2, d4, d8, d5, d7, d6, a6);
    t[3] = take_limb(&c);
    c = sum5(c, d0, a4, d1, a3, a2, a2, d5, d8, d6, d7);
    t[4] = take_limb(&c);
    c = sum5(c, d0, a5, d1, a4, d2, a3, d6, d8, d7, a7);
    t[5] = take_limb(&c);
    c = sum5(c, d0, a6, d1, a5, d2, a4, a3, a3, d7, d8);
    t[6] = take_limb(&c);
    c = sum5(c, d0, a7, d1, a6, d2, a5, d3, a4, d8, a8);
    t[7] = take_limb(&c);
    c = sum5(c, d0, a8, d1, a7, d2, a6, d3, a5, a4, a4);
    t[8] = take_limb(&c);
    wrap(r, t, c);
}

/* v = the limbs of the number below q: 58 bits each, the top one 57.
 * The first pass folds at 2^521 = 1: |a| <= 31 leaves a carry of at most 64, so the number is below 2^521 + 64 and the
 * second pass leaves it below 2^521 (if that carries, what stays is below 64). Only q itself still stands for 0. */
static void canonical(uint64_t v[9], const fe *a) {
    uint64_t carry = 0, not_q = 0;
    kam3_p521_fe_verify(a, 31);
    for (int i = 0; i < 9; i++) v[i] = a->v[i];
    for (int pass = 0; pass < 2; pass++) {
        v[0] += carry;
        for (int i = 0; i < 8; i++) {
            v[i + 1] += v[i] >> 58;
            v[i] &= M58;
        }
        carry = v[8] >> 57;
        v[8] &= M58 >> 1;
    }
    v[0] += carry;
    for (int i = 0; i < 8; i++) not_q |= v[i] ^ M58;
    not_q |= v[8] ^ (M58 >> 1);
    const kam3_mask m_q = kam3_mask_is_zero(not_q);
    for (int i = 0; i < 9; i++) v[i] &= ~m_q;
}

/* r = the number of nine 64-bit limbs below q; and back */
static void from_words(fe *r, const uint64_t w[9]) {
    for (unsigned i = 0; i < 9; i++) {
        const unsigned word = 58 * i / 64, bit = 58 * i % 64; /* public: where limb i begins */
        uint64_t x = w[word] >> bit;
        if (bit > 6 && word < 8) x |= w[word + 1] << (64 - bit);
        r->v[i] = x & M58;
    }
    KAM3_P521_FE_SET_MAGNITUDE(r, 1);
}

static void to_words(uint64_t w[9], const fe *a) {
    uint64_t v[10];
    canonical(v, a);
    v[9] = 0;
    /* Word i begins 6i bits into limb i, and takes the rest from the next one: 58 - 6i + 58 >= 64 as long as i < 9. */
    for (unsigned i = 0; i < 9; i++) w[i] = (v[i] >> (6 * i)) | (v[i + 1] << (58 - 6 * i));
    kam3_wipe(v, sizeof v);
}

kam3_mask kam3_p521_fe_from_octets(fe *r, const uint8_t octets[KAM3_P521_FE_OCTETS]) {
    uint64_t w[9];
    kam3_bn_from_octets(w, 9, octets, KAM3_P521_FE_OCTETS);
    const kam3_mask ok = kam3_bn_lt(w, kam3_p521_q.m, 9);
    for (int i = 0; i < 9; i++) w[i] &= ok;
    from_words(r, w);
    kam3_wipe(w, sizeof w);
    return ok;
}

void kam3_p521_fe_to_octets(uint8_t octets[KAM3_P521_FE_OCTETS], const fe *a) {
    uint64_t w[9];
    to_words(w, a);
    kam3_bn_to_octets(octets, KAM3_P521_FE_OCTETS, w, 9);
    kam3_wipe(w, sizeof w);
}

kam3_mask kam3_p521_fe_is_zero(const fe *a) {
    uint64_t v[9], any = 0;
    canonical(v, a);
    for (int i = 0; i < 9; i++) any |= v[i];
    kam3_wipe(v, sizeof v);
    return kam3_mask_is_zero(any);
}

kam3_mask kam3_p521_fe_is_odd(const fe *a) {
    uint64_t v[9];
    canonical(v, a);
    const kam3_mask odd = kam3_mask_from_bit(v[0] & 1);
    kam3_wipe(v, sizeof v);
    return odd;
}

kam3_mask kam3_p521_fe_eq(const fe *a, const fe *b) {
    uint64_t v[9], w[9], difference = 0;
    canonical(v, a);
    canonical(w, b);
    for (int i = 0; i < 9; i++) difference |= v[i] ^ w[i];
    kam3_wipe(v, sizeof v);
    kam3_wipe(w, sizeof w);
    return kam3_mask_is_zero(difference);
}

void kam3_p521_fe_set_one(fe *r) {
    static const fe one = KAM3_P521_FE_INIT(1);
    *r = one;
}

void kam3_p521_fe_inv(fe *r, const fe *a) {
    uint64_t w[9];
    to_words(w, a);
    (void)kam3_mod_inverse(w, w, &kam3_p521_q);
    from_words(r, w);
    kam3_wipe(w, sizeof w);
}

/* (q+1)/4 = 2^519: 519 S */
kam3_mask kam3_p521_fe_sqrt(fe *r, const fe *a) {
    struct {
        fe a, x, square;
    } w;
    w.a = *a;
    kam3_p521_fe_sqr(&w.x, &w.a);
    for (int i = 1; i < 519; i++) kam3_p521_fe_sqr(&w.x, &w.x);
    *r = w.x;
    kam3_p521_fe_sqr(&w.square, &w.x);
    const kam3_mask ok = kam3_p521_fe_eq(&w.square, &w.a);
    kam3_wipe(&w, sizeof w);
    return ok;
}
