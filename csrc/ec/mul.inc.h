/* Template: [k]A for any point A. Expects jacobian.inc.h before it.
 *
 * Odd signed windows of five bits. For an odd k <= r, below 2 * 32^W, let m_i = floor(k / 32^i) | 1. Then m_W = 1, and
 *     m_i = 32 m_(i+1) + d_i,   d_i = (floor(k / 32^i) mod 64 | 1) - 32, odd, |d_i| <= 31,
 * lead down to m_0 = k. An even k is replaced by r - k, whose multiple is negated; so 0 becomes r.
 *
 * No addition meets an exception, though no mask looks for one, if r is a prime above 66 and r mod 64 < 32 (the tests
 * see to it; 17 for P-256, 9 for P-521). [32 m_(i+1)]A and [d_i]A are added; let A be a point of order r.
 *  - The identity: d_i is no multiple of r, nor is 32 m_(i+1) <= r + 31 < 2r, which is even and positive.
 *  - Equal points: 32 m_(i+1) - d_i = m_i - 2 d_i is positive and at most m_i + 62 < 2r, so it would have to be r. For
 *    i > 0 it is below r, as m_i <= r/32 + 1. For i = 0, k - 2 d_0 = r means d_0 < 0, as k <= r, and with k mod 64 =
 *    d_0 + 32 it means r mod 64 = 32 - d_0 > 32.
 *  - Opposite points: m_i is a multiple of r for k = r and i = 0 alone, and the identity is the right result.
 * The identity itself, as A, makes nonsense of all coordinates; it has a mask.
 */
#include "base/wipe.h"

enum { ODD_WINDOWS = (KAM3_EC_SCALAR_BITS - 1 + 4) / 5, ODD_ENTRIES = 16 }; /* W; an entry for each of 1, 3 .. 31 */

/* odd = k, or r - k and all ones if k is even */
static kam3_mask make_odd(uint64_t odd[KAM3_EC_SCALAR_LIMBS], const sc *k) {
    const kam3_mask m_even = kam3_mask_from_bit(~k->limb[0] & 1);
    (void)kam3_bn_sub(odd, KAM3_EC_ORDER.m, k->limb, KAM3_EC_SCALAR_LIMBS);
    kam3_cmov(odd, k->limb, ~m_even, KAM3_EC_SCALAR_LIMBS);
    return m_even;
}

/* (|d_i| - 1) / 2, and all ones if d_i < 0. Public: i */
static uint64_t odd_digit(kam3_mask *m_negative, const uint64_t odd[KAM3_EC_SCALAR_LIMBS], size_t i) {
    const size_t word = 5 * i / 64, bit = 5 * i % 64;
    uint64_t x = odd[word] >> bit;
    if (bit > 58 && word + 1 < KAM3_EC_SCALAR_LIMBS) x |= odd[word + 1] << (64 - bit);
    x = (x & 63) | 1;
    *m_negative = kam3_mask_from_bit((x >> 5) ^ 1);
    return kam3_select(*m_negative, 32 - x, x - 32) >> 1;
}

/* y = m ? -y : y, of magnitude at most 3, which becomes one more */
static void negate_if(fe *y, kam3_mask m, fe *negated) {
    NEG(negated, y, 3);
    KAM3_EC(fe_cmov)(y, negated, m);
}

typedef struct {
    affine entries[ODD_ENTRIES], term;
    fe factor[ODD_ENTRIES]; /* factor[i]: the Z of entry i by that of entry i - 1 */
    jacobian sum, multiple;
    affine twice;
    fe z_inverse, t;
    uint64_t odd[KAM3_EC_SCALAR_LIMBS];
    point_work w;
} mul_work;

/* entries[i] = [2i+1]A, affine; A is `sum`, and not the identity. 2A has the Z' = 2 Y Z that A takes as (X (2Y)^2,
 * Y (2Y)^3), and from there on a sum has the Z of both. The sums of A's odd multiples and 2A are no exceptions, as
 * r > 64. */
static void odd_fill(mul_work *s) {
    s->multiple = s->sum;
    jacobian_dbl(&s->multiple, &s->w);
    s->twice.x = s->multiple.x;
    s->twice.y = s->multiple.y;
    ADD(&s->z_inverse, &s->sum.y, &s->sum.y); /* 2 */
    SQR(&s->t, &s->z_inverse);
    MUL(&s->multiple.x, &s->sum.x, &s->t);
    MUL(&s->t, &s->t, &s->z_inverse);
    MUL(&s->multiple.y, &s->sum.y, &s->t);
    for (size_t i = 0; i < ODD_ENTRIES; i++) {
        if (i > 0) jacobian_add_same_z(&s->twice, &s->multiple, &s->factor[i], &s->w);
        s->entries[i].x = s->multiple.x;
        s->entries[i].y = s->multiple.y;
    }
    KAM3_EC(fe_inv)(&s->z_inverse, &s->multiple.z);
    for (size_t i = ODD_ENTRIES; i-- > 0;) {
        SQR(&s->t, &s->z_inverse);
        MUL(&s->entries[i].x, &s->entries[i].x, &s->t);
        MUL(&s->t, &s->t, &s->z_inverse);
        MUL(&s->entries[i].y, &s->entries[i].y, &s->t);
        if (i > 0) MUL(&s->z_inverse, &s->z_inverse, &s->factor[i]);
    }
}

/* From (x/z, y/z) to (x/z^2, y/z^3): magnitudes 1, 1, 4 */
static void mul_enter(jacobian *r, const ge *a, fe *t) {
    MUL(&r->x, &a->x, &a->z);
    SQR(t, &a->z);
    MUL(&r->y, &a->y, t);
    r->z = a->z;
}

/* And back; the identity gets a y. */
static void mul_leave(ge *r, const jacobian *a, fe *t) {
    const kam3_mask m_identity = KAM3_EC(fe_is_zero)(&a->z);
    MUL(&r->x, &a->x, &a->z);
    r->y = a->y;
    KAM3_EC(fe_set_one)(t);
    KAM3_EC(fe_cmov)(&r->y, t, m_identity);
    SQR(t, &a->z);
    MUL(&r->z, t, &a->z);
}

void KAM3_EC(ge_mul)(ge *r, const ge *a, const sc *k) {
#if defined(KAM3_EC_FAST)
    if (KAM3_EC(fast_mul)(r, a, k)) return;
#endif
    mul_work s;
    const kam3_mask m_even = make_odd(s.odd, k), m_identity = KAM3_EC(fe_is_zero)(&a->z);
    mul_enter(&s.sum, a, &s.t);
    odd_fill(&s);
    for (size_t i = ODD_WINDOWS; i-- > 0;) {
        kam3_mask m_negative;
        const uint64_t index = odd_digit(&m_negative, s.odd, i);
        for (int j = 0; j < 5; j++) jacobian_dbl(&s.sum, &s.w);
        kam3_lookup((uint64_t *)&s.term, (const uint64_t *)s.entries, ODD_ENTRIES, sizeof(affine) / 8, index);
        negate_if(&s.term.y, m_negative, &s.t);
        jacobian_add_affine(&s.sum, &s.term, &s.w);
    }
    negate_if(&s.sum.y, m_even, &s.t);
    memset(&s.t, 0, sizeof s.t);
    KAM3_EC(fe_cmov)(&s.sum.z, &s.t, m_identity);
    mul_leave(r, &s.sum, &s.t);
    kam3_wipe(&s, sizeof s);
}

void KAM3_EC(ge_mul_pair)(ge *r1, ge *r2, const ge *a1, const ge *a2, const sc *k) {
#if defined(KAM3_EC_FAST)
    if (KAM3_EC(fast_mul_pair)(r1, r2, a1, a2, k, k)) return;
#endif
    ge second = *a2; /* r1 may be a2 */
    KAM3_EC(ge_mul)(r1, a1, k);
    KAM3_EC(ge_mul)(r2, &second, k);
    kam3_wipe(&second, sizeof second);
}

/* A path that takes pairs computes [k]A and [k t mod r]A side by side, in less time than one after the other. */
void KAM3_EC(ge_mul_twice)(ge *r1, ge *r2, const ge *a, const sc *k, const sc *t) {
#if defined(KAM3_EC_FAST)
    sc product;
    KAM3_EC(sc_mul)(&product, k, t);
    const int done = KAM3_EC(fast_mul_pair)(r1, r2, a, a, k, &product);
    kam3_wipe(&product, sizeof product);
    if (done) return;
#endif
    KAM3_EC(ge_mul)(r1, a, k);
    KAM3_EC(ge_mul_vartime)(r2, r1, t);
}

/* That k is public saves nothing here: what it could save is a sixth of the additions, and they would need masks. */
void KAM3_EC(ge_mul_vartime)(ge *r, const ge *a, const sc *k) {
#if defined(KAM3_EC_FAST)
    if (KAM3_EC(fast_mul_vartime)(r, a, k)) return;
#endif
    KAM3_EC(ge_mul)(r, a, k);
}
