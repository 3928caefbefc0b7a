#include "ec/p521_fe.h"

#include "base/wipe.h"
#include "bn/bn.h"
#include "gen/moduli.h"

typedef kam3_p521_fe fe;

#define M58 KAM3_P521_M58

/* The parts of a column c = low + middle 2^58 + high 2^116: low, middle < 2^58, high < 2^12. */
#define LOW(c) (kam3_u128_lo(c) & M58)
#define MIDDLE(c) (kam3_u128_lo(kam3_u128_shr(c, 58)) & M58)
#define HIGH(c) (kam3_u128_hi(c) >> 52)

/* r = sum c_k 2^58k mod q, |r| = 1. Requires: c_k < 2^128
 *
 * The first round puts the parts where they belong: t_k = low_k + middle_(k-1) + high_(k-2), doubled where the index
 * wraps, so t_0 < 3 * 2^58 + 2^13 and the others < 2 * 2^58 + 2^13. The second hands on at most 3, or 2 * 2 at the
 * bottom: no limb exceeds 2^58 - 1 + 4 < U. */
KAM3_INLINE void reduce(fe *r, kam3_u128 c0, kam3_u128 c1, kam3_u128 c2, kam3_u128 c3, kam3_u128 c4, kam3_u128 c5,
                        kam3_u128 c6, kam3_u128 c7, kam3_u128 c8) {
    const uint64_t t0 = LOW(c0) + 2 * MIDDLE(c8) + 2 * HIGH(c7);
    const uint64_t t1 = LOW(c1) + MIDDLE(c0) + 2 * HIGH(c8);
    const uint64_t t2 = LOW(c2) + MIDDLE(c1) + HIGH(c0);
    const uint64_t t3 = LOW(c3) + MIDDLE(c2) + HIGH(c1);
    const uint64_t t4 = LOW(c4) + MIDDLE(c3) + HIGH(c2);
    const uint64_t t5 = LOW(c5) + MIDDLE(c4) + HIGH(c3);
    const uint64_t t6 = LOW(c6) + MIDDLE(c5) + HIGH(c4);
    const uint64_t t7 = LOW(c7) + MIDDLE(c6) + HIGH(c5);
    const uint64_t t8 = LOW(c8) + MIDDLE(c7) + HIGH(c6);
    r->v[0] = (t0 & M58) + 2 * (t8 >> 58);
    r->v[1] = (t1 & M58) + (t0 >> 58);
    r->v[2] = (t2 & M58) + (t1 >> 58);
    r->v[3] = (t3 & M58) + (t2 >> 58);
    r->v[4] = (t4 & M58) + (t3 >> 58);
    r->v[5] = (t5 & M58) + (t4 >> 58);
    r->v[6] = (t6 & M58) + (t5 >> 58);
    r->v[7] = (t7 & M58) + (t6 >> 58);
    r->v[8] = (t8 & M58) + (t7 >> 58);
    KAM3_P521_FE_SET_MAGNITUDE(r, 1);
}

#define ABOVE(c) kam3_u128_lo(kam3_u128_shr(c, 58))

/* The same for c_k < 2^121: then c_k / 2^58 < 2^63 needs no parting. Requires: c_7, c_8 < 2^120, so that at most 2^5 is
 * handed to the bottom. |r| = 1 */
KAM3_INLINE void reduce_small(fe *r, kam3_u128 c0, kam3_u128 c1, kam3_u128 c2, kam3_u128 c3, kam3_u128 c4, kam3_u128 c5,
                              kam3_u128 c6, kam3_u128 c7, kam3_u128 c8) {
    const uint64_t t0 = LOW(c0) + 2 * ABOVE(c8);
    const uint64_t t1 = LOW(c1) + ABOVE(c0);
    const uint64_t t2 = LOW(c2) + ABOVE(c1);
    const uint64_t t3 = LOW(c3) + ABOVE(c2);
    const uint64_t t4 = LOW(c4) + ABOVE(c3);
    const uint64_t t5 = LOW(c5) + ABOVE(c4);
    const uint64_t t6 = LOW(c6) + ABOVE(c5);
    const uint64_t t7 = LOW(c7) + ABOVE(c6);
    const uint64_t t8 = LOW(c8) + ABOVE(c7);
    r->v[0] = (t0 & M58) + 2 * (t8 >> 58);
    r->v[1] = (t1 & M58) + (t0 >> 58);
    r->v[2] = (t2 & M58) + (t1 >> 58);
    r->v[3] = (t3 & M58) + (t2 >> 58);
    r->v[4] = (t4 & M58) + (t3 >> 58);
    r->v[5] = (t5 & M58) + (t4 >> 58);
    r->v[6] = (t6 & M58) + (t5 >> 58);
    r->v[7] = (t7 & M58) + (t6 >> 58);
    r->v[8] = (t8 & M58) + (t7 >> 58);
    KAM3_P521_FE_SET_MAGNITUDE(r, 1);
}

/* sum_(j=0..8) e_(-j) b_j */
KAM3_INLINE kam3_u128 column(const uint64_t *e, const uint64_t *b) {
    kam3_u128 s = kam3_u128_mul(e[0], b[0]);
    s = kam3_u128_mac(s, *(e - 1), b[1]);
    s = kam3_u128_mac(s, *(e - 2), b[2]);
    s = kam3_u128_mac(s, *(e - 3), b[3]);
    s = kam3_u128_mac(s, *(e - 4), b[4]);
    s = kam3_u128_mac(s, *(e - 5), b[5]);
    s = kam3_u128_mac(s, *(e - 6), b[6]);
    s = kam3_u128_mac(s, *(e - 7), b[7]);
    return kam3_u128_mac(s, *(e - 8), b[8]);
}

/* c_k = sum_(i+j=k) a_i b_j + 2 sum_(i+j=k+9) a_i b_j, which is one sum over e = (2 a_0 .. 2 a_8, a_0 .. a_8) */
void kam3_p521_fe_mul(fe *r, const fe *a, const fe *b) {
    const uint64_t a0 = a->v[0], a1 = a->v[1], a2 = a->v[2], a3 = a->v[3], a4 = a->v[4];
    const uint64_t a5 = a->v[5], a6 = a->v[6], a7 = a->v[7], a8 = a->v[8];
    const uint64_t e[18] = {2 * a0, 2 * a1, 2 * a2, 2 * a3, 2 * a4, 2 * a5, 2 * a6, 2 * a7, 2 * a8,
                            a0,     a1,     a2,     a3,     a4,     a5,     a6,     a7,     a8};
    kam3_p521_fe_verify_product(a, b);
    const kam3_u128 c0 = column(e + 9, b->v);
    const kam3_u128 c1 = column(e + 10, b->v);
    const kam3_u128 c2 = column(e + 11, b->v);
    const kam3_u128 c3 = column(e + 12, b->v);
    const kam3_u128 c4 = column(e + 13, b->v);
    const kam3_u128 c5 = column(e + 14, b->v);
    const kam3_u128 c6 = column(e + 15, b->v);
    const kam3_u128 c7 = column(e + 16, b->v);
    const kam3_u128 c8 = column(e + 17, b->v);
    reduce(r, c0, c1, c2, c3, c4, c5, c6, c7, c8);
}

KAM3_INLINE kam3_u128 sum5(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f, uint64_t g,
                           uint64_t h, uint64_t i, uint64_t j) {
    kam3_u128 s = kam3_u128_mul(a, b);
    s = kam3_u128_mac(s, c, d);
    s = kam3_u128_mac(s, e, f);
    s = kam3_u128_mac(s, g, h);
    return kam3_u128_mac(s, i, j);
}

/* The columns of the product, equal terms taken once: a factor 2 for i != j, another where the column wrapped;
 * d_i = 2 a_i. */
KAM3_INLINE void square(fe *r, const fe *a, const int small) {
    const uint64_t a0 = a->v[0], a1 = a->v[1], a2 = a->v[2], a3 = a->v[3], a4 = a->v[4];
    const uint64_t a5 = a->v[5], a6 = a->v[6], a7 = a->v[7], a8 = a->v[8];
    const uint64_t d0 = 2 * a0, d1 = 2 * a1, d2 = 2 * a2, d3 = 2 * a3, d4 = 2 * a4;
    const uint64_t d5 = 2 * a5, d6 = 2 * a6, d7 = 2 * a7, d8 = 2 * a8;
    kam3_p521_fe_verify_product(a, a);
    const kam3_u128 c0 = sum5(a0, a0, d1, d8, d2, d7, d3, d6, d4, d5);
    const kam3_u128 c1 = sum5(d0, a1, d2, d8, d3, d7, d4, d6, d5, a5);
    const kam3_u128 c2 = sum5(d0, a2, a1, a1, d3, d8, d4, d7, d5, d6);
    const kam3_u128 c3 = sum5(d0, a3, d1, a2, d4, d8, d5, d7, d6, a6);
    const kam3_u128 c4 = sum5(d0, a4, d1, a3, a2, a2, d5, d8, d6, d7);
    const kam3_u128 c5 = sum5(d0, a5, d1, a4, d2, a3, d6, d8, d7, a7);
    const kam3_u128 c6 = sum5(d0, a6, d1, a5, d2, a4, a3, a3, d7, d8);
    const kam3_u128 c7 = sum5(d0, a7, d1, a6, d2, a5, d3, a4, d8, a8);
    const kam3_u128 c8 = sum5(d0, a8, d1, a7, d2, a6, d3, a5, a4, a4);
    if (small) {
        reduce_small(r, c0, c1, c2, c3, c4, c5, c6, c7, c8);
    } else {
        reduce(r, c0, c1, c2, c3, c4, c5, c6, c7, c8);
    }
}

void kam3_p521_fe_sqr(fe *r, const fe *a) { square(r, a, 0); }

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
    for (int i = 1; i < 519; i++) square(&w.x, &w.x, 1); /* |x| = 1: columns at most 17 U^2, c_7 10 U^2 */
    *r = w.x;
    kam3_p521_fe_sqr(&w.square, &w.x);
    const kam3_mask ok = kam3_p521_fe_eq(&w.square, &w.a);
    kam3_wipe(&w, sizeof w);
    return ok;
}
