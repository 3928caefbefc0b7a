/* Template: the field of P-521 in vectors, for a number or a partial sum a lane. Expects p521_ifma_vec.inc.h before it.
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

/* Limb j of a product before it is carried, t_j = low_j + 2^4 high_(j-1) + 2^7 (low_(j+11) + 2^4 high_(j+10)), made with column
 * j + 11 beside column j, so that no more than four columns are ever held; the carries follow as limbs come. What limb 0 lacks,
 * 2^11 high_10, comes last.
 *
 * Of products of magnitudes a b <= 30 low halves are below 2^52 and high ones at most 30 U^2 / 2^52 < 30.1 2^44. In
 * units of 2^48 a column k < 11 gets 16 (k+1) + 30.1 k, column j + 11 gets 16 (10-j) + 30.1 (11-j): limb j at most
 * 2^7 (491.1 - 46.1 j) + 46.1 j + 16, largest for j = 0, 62877 < 2^16. For the top limb, j = 10, it is below 2^13. */
#define BEGIN_PRODUCT                                                                                                  \
    const vec mask = vec_all(LIMB_MASK);                                                                               \
    vec low, high = vec_zero(), low_above, high_above = vec_zero(), first = vec_zero(), t = vec_zero();                \
    lanes p
#define END_COLUMNS(j, high_before, high_above_before)                                                                 \
    do {                                                                                                               \
        const vec before = t, above = vec_add(low_above, vec_shl(high_above_before, 4));                               \
        t = vec_add(vec_add(low, vec_shl(high_before, 4)), vec_shl(above, 7));                                         \
        if ((j) == 0) first = t;                                                                                       \
        if ((j) > 0) p.v[j] = vec_and(t, mask);                                                                        \
        if ((j) > 1) p.v[j] = vec_add(p.v[j], vec_shr(before, 48));                                                    \
    } while (0)
#define END_PRODUCT(r)                                                                                                 \
    do {                                                                                                               \
        first = vec_add(first, vec_shl(high, 11));                                                                     \
        p.v[0] = vec_add(vec_and(first, mask), vec_shl(vec_shr(t, 48), 7));                                            \
        p.v[1] = vec_add(p.v[1], vec_shr(first, 48));                                                                  \
        *(r) = p;                                                                                                      \
    } while (0)

/* a b, |r| = 1. Requires: |a| |b| <= 30; |a|, |b| <= 15. Alias: r may be a or b. A function, for the caches' sake. */
TARGET KAM3_NOINLINE static void mul(lanes *r, const lanes *a, const lanes *b) {
    BEGIN_PRODUCT;
    UNROLL for (int j = 0; j < LIMBS; j++) {
        const vec high_before = high, high_above_before = high_above;
        low = high = low_above = high_above = vec_zero();
        UNROLL for (int i = 0; i < LIMBS; i++) {
            if (i <= j) {
                low = vec_mul_lo(low, a->v[i], b->v[j - i]);
                high = vec_mul_hi(high, a->v[i], b->v[j - i]);
            } else {
                low_above = vec_mul_lo(low_above, a->v[i], b->v[j + 11 - i]);
                high_above = vec_mul_hi(high_above, a->v[i], b->v[j + 11 - i]);
            }
        }
        END_COLUMNS(j, high_before, high_above_before);
    }
    END_PRODUCT(r);
}

/* low and high += column k of a^2 */
#define SQUARE_COLUMN(low, high, k)                                                                                    \
    do {                                                                                                               \
        UNROLL for (int i = 0; i < LIMBS; i++) {                                                                       \
            if ((k) - i <= i || (k) - i > 10) continue;                                                                \
            low = vec_mul_lo(low, a->v[i], a->v[(k) - i]);                                                             \
            high = vec_mul_hi(high, a->v[i], a->v[(k) - i]);                                                           \
        }                                                                                                              \
        low = vec_add(low, low);                                                                                       \
        high = vec_add(high, high);                                                                                    \
        if ((k) % 2 == 0 && (k) < 21) {                                                                                \
            low = vec_mul_lo(low, a->v[(k) / 2], a->v[(k) / 2]);                                                       \
            high = vec_mul_hi(high, a->v[(k) / 2], a->v[(k) / 2]);                                                     \
        }                                                                                                              \
    } while (0)

/* a^2, |r| = 1. Requires: |a|^2 <= 30 */
TARGET KAM3_NOINLINE static void sqr(lanes *r, const lanes *a) {
    BEGIN_PRODUCT;
    UNROLL for (int j = 0; j < LIMBS; j++) {
        const vec high_before = high, high_above_before = high_above;
        low = high = low_above = high_above = vec_zero();
        SQUARE_COLUMN(low, high, j);
        SQUARE_COLUMN(low_above, high_above, j + 11);
        END_COLUMNS(j, high_before, high_above_before);
    }
    END_PRODUCT(r);
}

#undef BEGIN_PRODUCT
#undef END_COLUMNS
#undef END_PRODUCT
#undef SQUARE_COLUMN

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
