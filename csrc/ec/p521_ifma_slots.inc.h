/* Template: the field of P-521 in vectors, for the base point. Expects ifma_vec.inc.h before it.
 *
 * Eleven limbs, radix 2^48, in the multiplier's slots of 52 bits; vector i holds limb i of every lane. Four bits a
 * limb are left for sums, so that only products carry, each limb to the next and all at once. Numbers are plain;
 * 2^528 = 2^7 mod q. Magnitude m means that every limb is at most m U, U = 2^48 + 2^20, as in ec/field.h; in comments
 * it stands after the value.
 */

#define LIMBS 11
#define LIMB_MASK 0xffffffffffff

typedef struct {
    vec v[LIMBS];
} lanes;

#define FOR_LIMBS(i) UNROLL for (int i = 0; i < LIMBS; i++)

/* Limb i of m 2^7 q: 2^48 - 1 m times, the lowest 2^48 - 2^7; it covers magnitude m - 1, for m < 2^20. */
#define BIAS(i, m) vec_all((m) * (((uint64_t)1 << 48) - ((i) == 0 ? 128 : 1)))

/* a, |a| = 1. Requires: limbs below 2^64, the top one below 2^61
 *
 * A limb hands on less than 2^16, the top one 2^7 times less than 2^13. */
INLINE lanes carry(lanes a) {
    const vec mask = vec_all(LIMB_MASK);
    lanes r;
    r.v[0] = vec_add(vec_and(a.v[0], mask), vec_shl(vec_shr(a.v[10], 48), 7));
    UNROLL for (int i = 1; i < LIMBS; i++) r.v[i] = vec_add(vec_and(a.v[i], mask), vec_shr(a.v[i - 1], 48));
    return r;
}

/* r = low_j + 2^4 high_(j-1) + 2^7 (low_(j+11) + 2^4 high_(j+10)), carried.
 *
 * Of products of magnitudes a b <= 30 low halves are below 2^52 and high ones at most 30 U^2 / 2^52 < 30.1 2^44. In
 * units of 2^48 a column k < 11 gets 16 (k+1) + 30.1 k, column j + 11 gets 16 (10-j) + 30.1 (11-j): limb j at most
 * 2^7 (491.1 - 46.1 j) + 46.1 j + 16, largest for j = 0, 62877 < 2^16. For the top limb, j = 10, it is below 2^13. */
INLINE void reduce(lanes *r, const vec low[21], const vec high[21]) {
    lanes t;
    UNROLL for (int j = 0; j < LIMBS; j++) {
        vec above = vec_shl(high[j + 10], 4);
        if (j < 10) above = vec_add(above, low[j + 11]);
        vec here = low[j];
        if (j > 0) here = vec_add(here, vec_shl(high[j - 1], 4));
        t.v[j] = vec_add(here, vec_shl(above, 7));
    }
    *r = carry(t);
}

/* a b, |r| = 1. Requires: |a| |b| <= 30; |a|, |b| <= 15. Alias: r may be a or b. A function, for the caches' sake. */
TARGET KAM3_NOINLINE static void mul(lanes *r, const lanes *a, const lanes *b) {
    vec low[21], high[21];
    UNROLL for (int k = 0; k < 21; k++) {
        low[k] = high[k] = vec_zero();
        UNROLL for (int i = 0; i < LIMBS; i++) {
            if (k - i < 0 || k - i > 10) continue;
            low[k] = vec_mul_lo(low[k], a->v[i], b->v[k - i]);
            high[k] = vec_mul_hi(high[k], a->v[i], b->v[k - i]);
        }
    }
    reduce(r, low, high);
}

/* a^2, |r| = 1. Requires: |a|^2 <= 30 */
TARGET KAM3_NOINLINE static void sqr(lanes *r, const lanes *a) {
    vec low[21], high[21];
    UNROLL for (int k = 0; k < 21; k++) {
        low[k] = high[k] = vec_zero();
        UNROLL for (int i = 0; i < LIMBS; i++) {
            if (k - i <= i || k - i > 10) continue;
            low[k] = vec_mul_lo(low[k], a->v[i], a->v[k - i]);
            high[k] = vec_mul_hi(high[k], a->v[i], a->v[k - i]);
        }
        low[k] = vec_add(low[k], low[k]);
        high[k] = vec_add(high[k], high[k]);
        if (k % 2 == 0) {
            low[k] = vec_mul_lo(low[k], a->v[k / 2], a->v[k / 2]);
            high[k] = vec_mul_hi(high[k], a->v[k / 2], a->v[k / 2]);
        }
    }
    reduce(r, low, high);
}

/* a + b: |a| + |b| */
INLINE lanes sum(const lanes *a, const lanes *b) {
    lanes r;
    FOR_LIMBS(i) r.v[i] = vec_add(a->v[i], b->v[i]);
    return r;
}

/* a - b: |a| + m + 1. Requires: |b| <= m */
INLINE lanes difference(const lanes *a, const lanes *b, const unsigned m) {
    lanes r;
    FOR_LIMBS(i) r.v[i] = vec_add(vec_sub(a->v[i], b->v[i]), BIAS(i, m + 1));
    return r;
}
