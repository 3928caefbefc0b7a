/* Template: [k]A for one point or two, each with its scalar. Expects p256_ifma_point.inc.h before it.
 *
 * No addition is exceptional, for 0 < k < r and A of the prime order r. Of the table: [2]A + [j]A, j = 1, 3 .. 29; +-2 = j mod r
 * never. Of the loop: after digit i the sum is [s_i]A with s_i = 32 s_(i+1) + d_i, s_51 = 1, so s_i = floor(k / 32^i) with its
 * lowest bit set, 1 <= s_i <= k < r: no sum is the identity. [32 s_(i+1)]A = [-d_i]A would mean s_i = 0 mod r. And [32
 * s_(i+1)]A = [d_i]A means s_i = 2 d_i mod r. s_i is odd, so s_i = 2 d_i + r, with d_i < 0 as s_i < r. If i > 0, s_i is less than
 * r / 32 + 1. If i = 0, s_0 = k = r - 2e with e = -d_0, 1 <= e <= 31; but d_0 = (k mod 64) - 32 means k = 32 - e mod 64, and
 * r = 17 mod 64, so e = -15 mod 64: there is no such e.
 *
 * Nor has doubling an exception: the order is odd. If k = 0 or A is the identity, numbers without meaning are computed, in the
 * same time, and the identity is returned.
 */
#include "ec/p256_ifma_codec.inc.h"

/* r = entry `index` of each group, or its negative: 2 - Y (1.001) in the place of Y. Every entry is read. */
TARGET KAM3_NOINLINE static void look_up(addend *r, const addend table[ENTRIES], const uint64_t index[GROUPS],
                                         const kam3_mask m_negative[GROUPS]) {
    const vec wanted = vec_groups(index);
    lanes xyzz = table[0].xyzz, z = table[0].z;
    UNROLL for (int e = 1; e < ENTRIES; e++) {
        const __mmask8 here = vec_equal(wanted, vec_all(e));
        FOR_LIMBS(i) {
            xyzz.v[i] = vec_select(xyzz.v[i], here, table[e].xyzz.v[i]);
            z.v[i] = vec_select(z.v[i], here, table[e].z.v[i]);
        }
    }
    const __mmask8 there = vec_equal(vec_groups(m_negative), vec_all(~0ULL)) & LANE_SET(2);
    FOR_LIMBS(i) xyzz.v[i] = vec_select(xyzz.v[i], there, vec_sub(Q_LIMB(i, 2), xyzz.v[i]));
    r->xyzz = carry(xyzz);
    r->z = z;
}

/* table[j] = [2j+1]A, and p = A: from homogeneous (X : Y : Z) to Jacobian coordinates, (XZ, YZ^2, Z). */
TARGET KAM3_NOINLINE static void fill(addend table[ENTRIES], point *p, lanes xyz) {
    lanes z;
    pair_of_points s;
    LANES_OF(z, xyz, 2, 2, 2, 2);
    const lanes x_zz = carry(mul(xyz, z));   /* [XZ YZ ZZ .] */
    const lanes y_zzz = carry(mul(x_zz, z)); /* [. YZZ ZZZ .] */
    LANES_OF(p->x, x_zz, 0, 0, 0, 0);
    LANES_OF(p->y, y_zzz, 1, 1, 1, 1);
    LANES_OF(p->zz, x_zz, 2, 2, 2, 2);
    p->z = z;
    table[0].z = z;
    LANES_OF(table[0].xyzz, y_zzz, 0, 1, 2, 2);
    table[0].xyzz = merge(merge(table[0].xyzz, 1, x_zz), 4, x_zz);
    start_pair(&s, p);
    for (size_t j = 1; j < ENTRIES; j++) step_pair(&s, &table[j]);
}

/* [X Y Z .] */
INLINE lanes points_in(const kam3_p256_ge *const a[GROUPS]) {
    uint64_t words[5][LANES], number[5];
    lanes r;
    memset(words, 0, sizeof words);
    for (int g = 0; g < GROUPS; g++) {
        const kam3_p256_fe *const from[3] = {&a[g]->x, &a[g]->y, &a[g]->z};
        for (int j = 0; j < 3; j++) {
            kam3_bn_to_radix(number, 5, 52, from[j]->v, 4);
            for (int i = 0; i < 5; i++) words[i][4 * g + j] = number[i];
        }
    }
    FOR_LIMBS(i) r.v[i] = vec_load(words[i]);
    kam3_wipe(words, sizeof words);
    kam3_wipe(number, sizeof number);
    return r;
}

/* [XZ Y Z^3 .]: from Jacobian to homogeneous coordinates. */
INLINE lanes homogeneous(const point *p) {
    lanes one;
    FOR_LIMBS(i) one.v[i] = vec_all(((const uint64_t[5]){KAM3_P256_IFMA_ONE})[i]);
    return carry(mul(merge(p->z, 2, one), merge(merge(p->x, 2, p->y), 4, carry(p->zz))));
}

/* gcc 12 spills so much that its time for an inlined step depends on where the code lies, by a fifth. Parts of a step that are
 * functions cost a call, and are as fast everywhere. */
#if defined(__clang__) || GROUPS == 2
#define STEP_PART INLINE
#else
#define STEP_PART TARGET KAM3_NOINLINE static
#endif

STEP_PART void dbl_first(doubling *s) { dbl(s, NULL, 1, 0); }
STEP_PART void dbl_next(doubling *s) { dbl(s, NULL, 0, 0); }
STEP_PART void dbl_last(doubling *s, augend *r) { dbl(s, r, 0, 1); }
STEP_PART void add_term(point *r, const augend *a, const addend *b) { add(r, a, b); }

/* sum = 32 sum + term */
TARGET KAM3_NOINLINE static void step(point *sum, const addend *term) {
    doubling state;
    augend doubled;
    start_doublings(&state, sum);
    dbl_first(&state);
    KEEP_LOOP for (int j = 0; j < 3; j++) dbl_next(&state);
    dbl_last(&state, &doubled);
    add_term(sum, &doubled, term);
}

/* r[g] = [k[g]]a[g] */
TARGET static void mul_groups(kam3_p256_ge *const r[GROUPS], const kam3_p256_ge *const a[GROUPS],
                              const kam3_p256_sc *const k[GROUPS]) {
    struct {
        addend table[ENTRIES], term;
        point sum;
        lanes out;
        uint64_t odd[GROUPS][6], index[GROUPS];
        kam3_mask m_negative[GROUPS];
    } s;
    kam3_mask m_identity[GROUPS], m_negate[GROUPS];
    for (int g = 0; g < GROUPS; g++) {
        m_identity[g] = kam3_bn_is_zero(k[g]->limb, 4) | kam3_p256_fe_is_zero(&a[g]->z);
        m_negate[g] = make_odd(s.odd[g], k[g]);
    }

    fill(s.table, &s.sum, points_in(a));
    for (size_t i = DIGITS; i-- > 0;) {
        for (int g = 0; g < GROUPS; g++) s.index[g] = kam3_value_barrier(digit_index(&s.m_negative[g], s.odd[g], i));
        look_up(&s.term, s.table, s.index, s.m_negative);
        step(&s.sum, &s.term);
    }
    s.out = homogeneous(&s.sum);
    for (int g = 0; g < GROUPS; g++) {
        ge_out(r[g], s.out, g);
        finish(r[g], m_negate[g], m_identity[g]);
    }
    kam3_wipe(&s, sizeof s);
}
