/* Template: the field of P-521 in vectors, one number a lane. Expects p521_ifma_vec.inc.h before it.
 *
 * Eleven unsigned limbs, radix 2^52; vector i holds limb i of every lane. Numbers are kept in Montgomery form with R = 2^520,
 * which costs nothing: q = 2^521 - 1, so 2^520 = 1/2, and a product N = low + 2^520 high is N/R = high + 2 low. A number is
 *   tight   if its limbs 0 .. 9 are in [0, 2^52) and the top limb is 0, 1 or 2: what a multiplication takes;
 *   loose   if its limbs 0 .. 9 are in [0, 2^63 - 2^52) and the top limb is in [0, 2^11): what a multiplication gives, and sums
 *           of such numbers. A difference needs a multiple of q with it, lest a limb fall below zero.
 * Lanes never influence each other but through vec_lanes, so a lane that nobody reads may hold anything.
 */

#define LIMBS 11
#define LIMB_MASK 0xfffffffffffff

typedef struct {
    vec v[LIMBS];
} lanes;

#define FOR_LIMBS(i) UNROLL for (int i = 0; i < LIMBS; i++)

/* Limb i of 2^9 q: 2^61 - 2^9, the top one 2^9. It covers limbs of up to 511 2^52 and top limbs of up to 2^9. */
#define BIAS(i) vec_all((i) < 10 ? ((uint64_t)1 << 61) - 512 : (uint64_t)512)

/* r = lanes [i j k l] of a */
#define LANES_OF(r, a, i, j, k, l)                                                                                     \
    do {                                                                                                               \
        FOR_LIMBS(limb) (r).v[limb] = vec_lanes((a).v[limb], i, j, k, l);                                              \
    } while (0)

/* a, with the lanes of a set taken from b; or taken from lanes [i j k l] of b */
INLINE lanes merge(lanes a, const int set, lanes b) {
    FOR_LIMBS(i) a.v[i] = vec_merge(a.v[i], set, b.v[i]);
    return a;
}
#define MERGE_LANES(r, set, b, i, j, k, l)                                                                             \
    do {                                                                                                               \
        FOR_LIMBS(limb) (r).v[limb] = vec_merge_lanes((r).v[limb], set, (b).v[limb], i, j, k, l);                      \
    } while (0)

/* The carries, in three parts, because products come out limb by limb, the ninth first. What is above bit 521 by limbs 9 and 10
 * alone, t < 2^12, is folded to the bottom; limb 9 and the top limb keep less than 2^521. Then every limb hands on what is above
 * its 52 bits: less than 2^11 + 1. Limb 9 gets that on top of less than 2^52, so the top limb of 0 or 1 grows by at most 1. */
INLINE vec carry_top(lanes *r, vec limb9, vec limb10) {
    const vec t = vec_add(limb10, vec_shr(limb9, 52));
    r->v[9] = vec_and(limb9, vec_all(LIMB_MASK));
    r->v[10] = vec_and(t, vec_all(1));
    return vec_shr(t, 1);
}

INLINE vec carry_limb(lanes *r, const int i, vec limb, vec carried) {
    const vec t = vec_add(limb, carried);
    r->v[i] = vec_and(t, vec_all(LIMB_MASK));
    return vec_shr(t, 52);
}

INLINE void carry_end(lanes *r, vec carried) {
    const vec t = vec_add(r->v[9], carried);
    r->v[9] = vec_and(t, vec_all(LIMB_MASK));
    r->v[10] = vec_add(r->v[10], vec_shr(t, 52));
}

/* a, tight. Requires: a is loose */
INLINE lanes carry(lanes a) {
    lanes r;
    vec carried = carry_top(&r, a.v[9], a.v[10]);
    UNROLL for (int i = 0; i < 9; i++) carried = carry_limb(&r, i, a.v[i], carried);
    carry_end(&r, carried);
    return r;
}

/* Where the top limbs of two factors are odd, and where they are 2. */
typedef struct {
    __mmask8 a_odd, a_two, b_odd, b_two;
} tops;

INLINE tops tops_of(const lanes *a, const lanes *b) {
    const vec one = vec_all(1), two = vec_all(2);
    const tops t = {vec_test(a->v[10], one), vec_test(a->v[10], two), vec_test(b->v[10], one), vec_test(b->v[10], two)};
    return t;
}

/* Limb j = 0 .. 9 of a b / R, loose, below 43 2^52. The top limb is the product of the top limbs, at most 4.
 *
 * With a = a' + R a'', b alike, a b / R = a' b' / R + a'' b' + b'' a' + R a'' b'': the top limbs cost additions under masks, not
 * products. Of a' b', columns j and 10 + j meet here, always 20 halves of products: of column j, i + k = j, the low halves, and
 * the high ones of i + k = j - 1; those of column 10 + j alike. Limb j = upper + 2 lower; a third sum keeps the chains of
 * additions, of latency 4 each, to ten. Bound: 1 + 2 * 19 halves at most, and the top limbs' 4 2^52. */
INLINE vec product_limb(const lanes *a, const lanes *b, tops t, const int j) {
    vec upper = vec_select_keep(t.a_odd, b->v[j]), lower = vec_select_keep(t.a_two, b->v[j]), half = vec_zero();
    upper = vec_select_add(upper, t.b_odd, upper, a->v[j]);
    lower = vec_select_add(lower, t.b_two, lower, a->v[j]);
    UNROLL for (int i = 0; i < 10; i++) {
        const int low = j - i, high = j - i - 1;
        if (low >= 0) lower = vec_mul_lo(lower, a->v[i], b->v[low]);
        if (low < 0) upper = vec_mul_lo(upper, a->v[i], b->v[low + 10]);
        if (high >= 0 && j < 5) lower = vec_mul_hi(lower, a->v[i], b->v[high]);
        if (high >= 0 && j >= 5) half = vec_mul_hi(half, a->v[i], b->v[high]);
        if (high < 0 && j < 5) half = vec_mul_hi(half, a->v[i], b->v[high + 10]);
        if (high < 0 && j >= 5) upper = vec_mul_hi(upper, a->v[i], b->v[high + 10]);
    }
    if (j < 5) return vec_add(vec_add(upper, half), vec_add(lower, lower));
    lower = vec_add(lower, half);
    return vec_add(upper, vec_add(lower, lower));
}

/* r = SUM(a b / R), tight, where the macro SUM(p, i) makes limb i of a loose number from limb i of the product, p. Limbs come in
 * the order 10, 9, 0 .. 8, in which the carries can follow them while the next limb is being multiplied. r may be a or b. */
#define PRODUCT(r, a, b, SUM)                                                                                          \
    do {                                                                                                               \
        const lanes a_ = (a), b_ = (b);                                                                                \
        const tops tops_ = tops_of(&a_, &b_);                                                                          \
        const vec top_ = vec_mul_lo(vec_zero(), a_.v[10], b_.v[10]);                                                   \
        const vec ten_ = SUM(top_, 10);                                                                                \
        const vec nine_ = product_limb(&a_, &b_, tops_, 9);                                                            \
        vec carried_ = carry_top(&(r), SUM(nine_, 9), ten_);                                                           \
        UNROLL for (int i_ = 0; i_ < 9; i_++) {                                                                        \
            const vec limb_ = product_limb(&a_, &b_, tops_, i_);                                                       \
            carried_ = carry_limb(&(r), i_, SUM(limb_, i_), carried_);                                                 \
        }                                                                                                              \
        carry_end(&(r), carried_);                                                                                     \
    } while (0)

#define ALONE(p, i) (p)

INLINE lanes mul(lanes a, lanes b) {
    lanes r;
    PRODUCT(r, a, b, ALONE);
    return r;
}
