/* Template: [k]A for one point or two, each with its scalar. Expects p521_ifma_point.inc.h before it.
 *
 * With the digits of p521_ifma_digits.inc.h, from the highest, d_104 = 1, down: five doublings and an addition a digit.
 *
 * No addition is exceptional, for 0 < k < r and A of the prime order r. Of the table: [2]A + [j]A, j = 1, 3 .. 29;
 * +-2 = j mod r never. Of the loop: after digit i the sum is [s_i]A with s_i = 32 s_(i+1) + d_i, s_104 = 1, so s_i =
 * floor(k / 32^i) with its lowest bit set, 1 <= s_i <= k < r: no sum is the identity. [32 s_(i+1)]A = [-d_i]A would
 * mean s_i = 0 mod r. And [32 s_(i+1)]A = [d_i]A means s_i = 2 d_i mod r. s_i is odd, so s_i = 2 d_i + r, with d_i <
 * 0 as s_i < r. If i > 0, s_i is less than r / 32 + 1. If i = 0, s_0 = k = r - 2e with e = -d_0, 1 <= e <= 31; but
 * d_0 = (k mod 64) - 32 means k = 32 - e mod 64, and r = 9 mod 64, so e = -23 mod 64: there is no such e.
 *
 * Nor has doubling an exception: the order is odd. If k = 0 or A is the identity, numbers without meaning are
 * computed, in the same time, and the identity is returned.
 */
#include "ec/p521_ifma_digits.inc.h"

#include "ec/p521_ifma_codec.inc.h"

/* A point of the table: an addend whose z is packed, limb j in lane j mod 4 of vector j / 4. */
typedef struct {
    vec xyzz[LIMBS], z[3];
} entry;

INLINE void entry_of(entry *r, const addend *a) {
    UNROLL for (int i = 0; i < 3; i++) r->z[i] = vec_zero();
    FOR_LIMBS(i) {
        r->xyzz[i] = a->xyzz.v[i];
        r->z[i / 4] = vec_merge(r->z[i / 4], 1 << i % 4, vec_spread(a->z.v[i], 3));
    }
}

/* r = the entry, negated in the groups where m_negative says so */
INLINE void addend_of(addend *r, const entry *a, const kam3_mask m_negative[GROUPS]) {
    const __mmask8 negated = vec_equal(vec_groups(m_negative), vec_all(~0ULL)) & LANE_SET(2);
    FOR_LIMBS(i) r->xyzz.v[i] = vec_select_sub(a->xyzz[i], negated, BIAS(i), a->xyzz[i]);
    r->xyzz = carry(r->xyzz);
    UNROLL for (int i = 0; i < 3; i++) {
        r->z.v[4 * i] = vec_spread(a->z[i], 0);
        r->z.v[4 * i + 1] = vec_spread(a->z[i], 1);
        r->z.v[4 * i + 2] = vec_spread(a->z[i], 2);
        if (4 * i + 3 < LIMBS) r->z.v[4 * i + 3] = vec_spread(a->z[i], 3);
    }
}

/* r = entry `index` of each group. Every entry is read. */
INLINE void lookup(entry *r, const entry table[ENTRIES], const uint64_t index[GROUPS]) {
    const vec wanted = vec_groups(index);
    entry t = table[0];
    for (size_t e = 1; e < ENTRIES; e++) {
        const __mmask8 here = vec_equal(wanted, vec_all(e));
        FOR_LIMBS(i) t.xyzz[i] = vec_select(t.xyzz[i], here, table[e].xyzz[i]);
        UNROLL for (int i = 0; i < 3; i++) t.z[i] = vec_select(t.z[i], here, table[e].z[i]);
    }
    *r = t;
}

/* What an addition takes, of what it gave. */
INLINE void addend_of_sum(addend *r, const doubling *s) {
    const lanes zzz = mul(s->b, s->t); /* [. . . ZZZ] */
    LANES_OF(r->xyzz, s->t, 3, 3, 3, 3);
    r->xyzz = merge(merge(r->xyzz, 2, s->a), 8, zzz);
    MERGE_LANES(r->xyzz, 1, s->x, 2, 2, 2, 2);
    r->z = s->b;
}

INLINE void augend_of(augend *r, const addend *a) {
    LANES_OF(r->zzxy, a->xyzz, 2, 3, 0, 1);
    r->z = a->z;
}

/* s = (X : Y : Z), for doublings. All lanes alike; zz = Z^2 */
INLINE void start_jacobian(doubling *s, lanes x, lanes y, lanes z, lanes zz) {
    lanes plus, minus;
    FOR_LIMBS(i) {
        plus.v[i] = vec_add(x.v[i], zz.v[i]);
        minus.v[i] = vec_add(vec_sub(x.v[i], zz.v[i]), BIAS(i));
        s->t.v[i] = vec_keep(8, zz.v[i]);
    }
    s->a = merge(y, 1, carry(plus));
    s->b = merge(merge(y, 1, carry(minus)), 8, z);
    s->x = x;
}

/* s = A, from homogeneous (X : Y : Z) to Jacobian coordinates: (XZ : YZ^2 : Z). */
INLINE void start(doubling *s, lanes xyz) {
    lanes x, y, z, zz;
    LANES_OF(z, xyz, 2, 2, 2, 2);
    xyz = mul(xyz, z); /* [XZ YZ ZZ .] */
    LANES_OF(x, xyz, 0, 0, 0, 0);
    LANES_OF(zz, xyz, 2, 2, 2, 2);
    y = mul(xyz, z);
    LANES_OF(y, y, 1, 1, 1, 1);
    start_jacobian(s, x, y, z, zz);
}

INLINE void start_from(doubling *s, const addend *a) {
    lanes x, y, z, zz;
    LANES_OF(x, a->xyzz, 0, 0, 0, 0);
    LANES_OF(y, a->xyzz, 1, 1, 1, 1);
    LANES_OF(zz, a->xyzz, 2, 2, 2, 2);
    LANES_OF(z, a->z, 3, 3, 3, 3);
    start_jacobian(s, x, y, z, zz);
}

/* table[j] = [2j+1]A, j < entries */
INLINE void fill(entry *table, size_t entries, doubling *s) {
    augend sum;
    addend one, two;
    addend_of_sum(&one, s);
    entry_of(&table[0], &one);
    dbl(s, &sum, 1, 1);
    LANES_OF(two.xyzz, sum.zzxy, 2, 3, 0, 1);
    two.z = sum.z;
    for (size_t j = 1; j < entries; j++) {
        augend_of(&sum, &one);
        add(s, &sum, &two);
        addend_of_sum(&one, s);
        entry_of(&table[j], &one);
    }
    kam3_wipe(&one, sizeof one);
    kam3_wipe(&two, sizeof two);
    kam3_wipe(&sum, sizeof sum);
}

/* s = 32 s */
INLINE void dbl_5(doubling *s, augend *r) {
    dbl(s, r, 1, 0);
    for (int j = 0; j < 3; j++) dbl(s, r, 0, 0);
    dbl(s, r, 0, 1);
}

/* r[g] = [k[g]]a[g] */
TARGET static void mul_groups(kam3_p521_ge *const r[GROUPS], const kam3_p521_ge *const a[GROUPS],
                              const kam3_p521_sc *const k[GROUPS]) {
    struct {
        entry table[ENTRIES], found;
        addend term;
        doubling state, first;
        augend doubled;
        uint64_t odd[GROUPS][10], index[GROUPS];
        kam3_mask m_negative[GROUPS];
    } s;
    kam3_mask m_identity[GROUPS], m_negate[GROUPS];
    for (int g = 0; g < GROUPS; g++) {
        m_identity[g] = kam3_bn_is_zero(k[g]->limb, 9) | kam3_p521_fe_is_zero(&a[g]->z);
        m_negate[g] = make_odd(s.odd[g], k[g]);
    }

    start(&s.state, points_in(a));
    s.first = s.state;
    fill(s.table, ENTRIES, &s.state);
    s.state = s.first;
    for (size_t i = DIGITS; i-- > 0;) {
        for (int g = 0; g < GROUPS; g++) s.index[g] = kam3_value_barrier(digit_index(&s.m_negative[g], s.odd[g], i));
        lookup(&s.found, s.table, s.index);
        addend_of(&s.term, &s.found, s.m_negative);
        dbl_5(&s.state, &s.doubled);
        add(&s.state, &s.doubled, &s.term);
    }
    points_out(r, &s.state);
    for (int g = 0; g < GROUPS; g++) finish(r[g], m_negate[g], m_identity[g]);
    kam3_wipe(&s, sizeof s);
}
