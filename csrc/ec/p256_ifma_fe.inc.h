/* Template: the field of P-256 in vectors, one number a lane. Expects ifma_vec.inc.h before it.
 *
 * Radix 2^52, five limbs, Montgomery form with R = 2^260; vector i holds limb i of every lane. Values are not reduced; comments
 * give their bounds in units of q, of which 2^260 holds a little more than 16. A number is
 *   tight   if its limbs are in [0, 2^52): what a multiplication takes, which ignores the bits above;
 *   loose   if its limbs are signed and below 2^59 in magnitude, and its value is in [0, 2^260): what a multiplication gives,
 *           and a sum of a few such numbers. A difference needs a multiple of q with it, lest its value fall below zero.
 * Lanes never influence each other but through vec_lanes, so a lane that nobody reads may hold anything.
 */

#define FE_MASK 0xfffffffffffff

typedef struct {
    vec v[5];
} lanes;

#define FOR_LIMBS(i) UNROLL for (int i = 0; i < 5; i++)

/* q = 2^256 - 2^224 + 2^192 + 2^96 - 1; limb i of n q */
#define Q_LIMB(i, n) vec_all((n) * ((const uint64_t[5]){FE_MASK, 0xfffffffffff, 0, 0x1000000000, 0xffffffff0000})[i])

/* r = lanes [i j k l] of a */
#define LANES_OF(r, a, i, j, k, l)                                                                                     \
    do {                                                                                                               \
        FOR_LIMBS(limb) (r).v[limb] = vec_lanes((a).v[limb], i, j, k, l);                                              \
    } while (0)

/* a, with the lanes of a set taken from b */
INLINE lanes merge(lanes a, const int set, lanes b) {
    FOR_LIMBS(i) a.v[i] = vec_merge(a.v[i], set, b.v[i]);
    return a;
}

/* a, tight. Requires: a is loose */
INLINE lanes carry(lanes a) {
    const vec mask = vec_all(FE_MASK);
    UNROLL for (int i = 0; i < 4; i++) {
        a.v[i + 1] = vec_add(a.v[i + 1], vec_sar(a.v[i], 52));
        a.v[i] = vec_and(a.v[i], mask);
    }
    return a;
}

/* floor((top - 2^12) / 2^48): how many q to subtract from a number V in [0, 2^261), to be subtracted limb by limb. Requires: top,
 * in units of 2^208, is within 2^10 of V.
 *
 * With n = the result, V - n 2^256 is in (2^12 - 2^10, 2^48 + 2^12 + 2^10) units. If n >= 0, V - n q is n (2^256 - q) < 2^229
 * larger, so in (0, 1.001 q). If not, V < 2^13 units and n = -1; V + q is in (0, 1.001 q), too. */
INLINE vec quotient(vec top) { return vec_sar(vec_sub(top, vec_all(1 << 12)), 48); }

/* a - n q, limb by limb. Requires: n is in [-1, 32) */
INLINE lanes subtract_q(lanes a, vec n) {
    a.v[0] = vec_add(a.v[0], n);
    a.v[1] = vec_sub(a.v[1], vec_shl(n, 44));
    a.v[3] = vec_sub(a.v[3], vec_shl(n, 36));
    a.v[4] = vec_add(a.v[4], vec_sub(vec_shl(n, 16), vec_shl(n, 48)));
    return a;
}

/* a mod q, tight, in (0, 1.001). Requires: a is loose, but its value may reach 2^261 */
INLINE lanes fold(lanes a) { return carry(subtract_q(a, quotient(a.v[4]))); }

/* The columns of the product and of its reduction.
 *
 * COLUMN adds the products a_i b_j of i + j = k: their low halves belong to column k, the high ones to k + 1. DIGIT makes the
 * lowest column vanish: -q^-1 = 1 mod 2^52, so its low 52 bits d are the quotient's digit, and what is to be added is
 *     d q = -d + d 2^96 + d 2^192 + d (2^256 - 2^224),
 * that is d 2^44 one column up (d 2^44 mod 2^52 by shift and mask, the rest two columns up), d 2^36 three and d (2^48 - 2^16)
 * four columns up. The bits above 52 are a carry. low, high and digits are accumulators of their own, so that no chain of
 * additions of latency 4 becomes the longest; the columns are made just ahead of the digits that wait for them, and those above
 * the fourth are left for the time when the multipliers have nothing else to do.
 *
 * Bounds: a column gets at most 9 products' halves (18 of two products) and 5 of the digits', each below 2^52, and a carry: below
 * 2^57. */
#define COLUMN(k, a, b)                                                                                                \
    UNROLL for (int i = 0; i < 5; i++) {                                                                               \
        if ((k) - i < 0 || (k) - i > 4) continue;                                                                      \
        low[k] = vec_mul_lo(low[k], a.v[i], b.v[(k) - i]);                                                             \
        if ((k) < 8) high[(k) + 1] = vec_mul_hi(high[(k) + 1], a.v[i], b.v[(k) - i]);                                  \
    }
#define DIGIT(k)                                                                                                       \
    do {                                                                                                               \
        sum[k] = vec_add(low[k], high[k]);                                                                             \
        if ((k) > 1) sum[k] = vec_add(sum[k], digits[k]);                                                              \
        if ((k) > 0) sum[k] = CARRIED(k);                                                                              \
        digits[(k) + 2] = vec_mul_hi(digits[(k) + 2], sum[k], times_2_44);                                             \
        digits[(k) + 3] = vec_mul_lo(digits[(k) + 3], sum[k], times_2_36);                                             \
        digits[(k) + 4] = vec_mul_hi(digits[(k) + 4], sum[k], times_2_36);                                             \
        digits[(k) + 4] = vec_mul_lo(digits[(k) + 4], sum[k], times_top);                                              \
        digits[(k) + 5] = vec_mul_hi(digits[(k) + 5], sum[k], times_top);                                              \
    } while (0)
#define CARRIED(k)                                                                                                     \
    vec_add(vec_add(sum[k], vec_shr(sum[(k) - 1], 52)), vec_and(vec_shl(sum[(k) - 1], 44), mask))

#define BEGIN_COLUMNS                                                                                                  \
    const vec mask = vec_all(FE_MASK);                                                                                 \
    const vec times_2_44 = vec_all(1ULL << 44), times_2_36 = vec_all(1ULL << 36), times_top = vec_all(0xffffffff0000); \
    vec low[9], high[10], digits[10], sum[9];                                                                          \
    lanes r;                                                                                                           \
    UNROLL for (int k = 0; k < 9; k++) low[k] = high[k] = vec_zero();                                                  \
    UNROLL for (int k = 0; k < 10; k++) digits[k] = vec_zero()
#define END_COLUMNS                                                                                                    \
    do {                                                                                                               \
        UNROLL for (int k = 5; k < 9; k++) sum[k] = vec_add(vec_add(low[k], high[k]), digits[k]);                      \
        r.v[0] = CARRIED(5);                                                                                           \
        UNROLL for (int k = 1; k < 4; k++) r.v[k] = sum[5 + k];                                                        \
        r.v[4] = digits[9];                                                                                            \
    } while (0)

/* a b / R + c, loose, below a b / 16.00 + 1 + c; and if `folded`, less a multiple of q, in (0, 2.001).
 *
 * Requires: a, b tight; c loose. What is folded is V = a b / R + c, before the reduction adds less than q: the multiple of q
 * depends on the topmost product and c alone, and is known long before the result. The columns below the topmost are worth less
 * than 9 2^52 + 2^57 of the next, so less than 2^6 units of 2^208, and the limbs of c less than 2^8. */
INLINE lanes mul_columns(lanes a, lanes b, lanes c, const int folded) {
    BEGIN_COLUMNS;
    c.v[4] = vec_mul_hi(c.v[4], a.v[4], b.v[4]);
    if (folded) c = subtract_q(c, quotient(c.v[4]));
    UNROLL for (int k = 0; k < 5; k++) digits[k + 5] = c.v[k];
    COLUMN(0, a, b)
    COLUMN(1, a, b)
    COLUMN(2, a, b)
    COLUMN(3, a, b)
    DIGIT(0);
    COLUMN(4, a, b)
    DIGIT(1);
    COLUMN(5, a, b)
    DIGIT(2);
    COLUMN(6, a, b)
    DIGIT(3);
    COLUMN(7, a, b)
    DIGIT(4);
    COLUMN(8, a, b)
    END_COLUMNS;
    return r;
}

INLINE lanes mul(lanes a, lanes b) {
    lanes zero;
    FOR_LIMBS(i) zero.v[i] = vec_zero();
    return mul_columns(a, b, zero, 0);
}

INLINE lanes mul_add_folded(lanes a, lanes b, lanes c) { return mul_columns(a, b, c, 1); }

/* The products a_i a_j, i < j, of column k once, to be doubled; the squares apart. */
#define SQUARE_COLUMN(k)                                                                                               \
    UNROLL for (int i = 0; i < 5; i++) {                                                                               \
        if ((k) - i <= i || (k) - i > 4) continue;                                                                     \
        low[k] = vec_mul_lo(low[k], a.v[i], a.v[(k) - i]);                                                             \
        high[(k) + 1] = vec_mul_hi(high[(k) + 1], a.v[i], a.v[(k) - i]);                                               \
    }                                                                                                                  \
    low[k] = vec_add(low[k], high[k]);                                                                                 \
    low[k] = vec_add(low[k], low[k]);                                                                                  \
    high[k] = (k) % 2 == 0 ? vec_mul_lo(vec_zero(), a.v[(k) / 2], a.v[(k) / 2])                                        \
                           : vec_mul_hi(vec_zero(), a.v[(k) / 2], a.v[(k) / 2]);

/* a^2 / R, loose, below a^2 / 16.00 + 1. Requires: a tight */
INLINE lanes sqr(lanes a) {
    BEGIN_COLUMNS;
    digits[9] = vec_mul_hi(digits[9], a.v[4], a.v[4]);
    SQUARE_COLUMN(0)
    SQUARE_COLUMN(1)
    SQUARE_COLUMN(2)
    SQUARE_COLUMN(3)
    DIGIT(0);
    SQUARE_COLUMN(4)
    DIGIT(1);
    SQUARE_COLUMN(5)
    DIGIT(2);
    SQUARE_COLUMN(6)
    DIGIT(3);
    SQUARE_COLUMN(7)
    DIGIT(4);
    SQUARE_COLUMN(8)
    END_COLUMNS;
    return r;
}

/* (a b + c d) / R, loose, below (a b + c d) / 16.00 + 1. Requires: all tight */
INLINE lanes mul_two(lanes a, lanes b, lanes c, lanes d) {
    BEGIN_COLUMNS;
    digits[9] = vec_mul_hi(vec_mul_hi(digits[9], a.v[4], b.v[4]), c.v[4], d.v[4]);
    COLUMN(0, a, b)
    COLUMN(0, c, d)
    COLUMN(1, a, b)
    COLUMN(1, c, d)
    COLUMN(2, a, b)
    COLUMN(2, c, d)
    DIGIT(0);
    COLUMN(3, a, b)
    COLUMN(3, c, d)
    DIGIT(1);
    COLUMN(4, a, b)
    COLUMN(4, c, d)
    DIGIT(2);
    COLUMN(5, a, b)
    COLUMN(5, c, d)
    DIGIT(3);
    COLUMN(6, a, b)
    COLUMN(6, c, d)
    DIGIT(4);
    COLUMN(7, a, b)
    COLUMN(7, c, d)
    COLUMN(8, a, b)
    COLUMN(8, c, d)
    END_COLUMNS;
    return r;
}

#undef BEGIN_COLUMNS
#undef END_COLUMNS
#undef SQUARE_COLUMN
#undef COLUMN
#undef DIGIT
#undef CARRIED
