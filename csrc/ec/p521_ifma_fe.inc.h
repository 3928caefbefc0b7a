/* Template: the field of P-521 in vectors, one number a lane. Expects ifma_vec.inc.h before it.
 *
 * Eleven unsigned limbs, radix 2^52; vector i holds limb i of every lane. Numbers are kept in Montgomery form with R
 * = 2^520, which costs nothing: q = 2^521 - 1, so 2^520 = 1/2, and a product N = low + 2^520 high is N/R = high + 2
 * low. A number is
 *   tight   if its limbs 0 .. 9 are in [0, 2^52) and the top limb is 0, 1 or 2: what a multiplication takes;
 *   loose   if its limbs 0 .. 9 are in [0, 2^63 - 2^52) and the top limb is in [0, 2^11): what a multiplication gives, and
 *           sums of such numbers. A difference needs a multiple of q with it, lest a limb fall below zero.
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

/* The carries, in three parts, because products come out limb by limb, the ninth first. What is above bit 521 by
 * limbs 9 and 10 alone, t < 2^12, is folded to the bottom; limb 9 and the top limb keep less than 2^521. Then every
 * limb hands on what is above its 52 bits: less than 2^11 + 1. Limb 9 gets that on top of less than 2^52, so the top
 * limb of 0 or 1 grows by at most 1. */
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

/* low + 2^520 up = a' b', where a = a' + R a'' with the top limb a'', b alike: 200 halves of products.
 *
 * Shell m has the products of limbs m with limbs 0 .. m: it can begin as soon as the carry of a and b has reached
 * limb m. Twenty sums that do not wait for each other hide the latency of 4. A column gets at most 10 low halves and
 * 9 high ones, each below 2^52. */
INLINE void columns(vec low[10], vec up[10], const lanes *a, const lanes *b) {
    UNROLL for (int i = 0; i < 10; i++) low[i] = up[i] = vec_zero();
    UNROLL for (int m = 0; m < 10; m++) {
        UNROLL for (int i = 0; i < 10; i++) {
            if (i > m) continue;
            vec *const sum = i + m < 10 ? &low[i + m] : &up[i + m - 10];
            *sum = vec_mul_lo(*sum, a->v[i], b->v[m]);
            if (i < m) *sum = vec_mul_lo(*sum, a->v[m], b->v[i]);
        }
        UNROLL for (int i = 0; i < 10; i++) {
            if (i > m) continue;
            vec *const sum = i + m < 9 ? &low[i + m + 1] : &up[i + m - 9];
            *sum = vec_mul_hi(*sum, a->v[i], b->v[m]);
            if (i < m) *sum = vec_mul_hi(*sum, a->v[m], b->v[i]);
        }
    }
}

/* Limb i < 10 of a b / R = up + 2 low + a'' b' + b'' a' + R a'' b'': the top limbs cost additions under masks, not
 * products. It is below 43 2^52, as 20 halves meet in it, one at least not doubled, and the top limbs' 4 2^52. Limb
 * 10 is a'' b'', at most 4. */
INLINE vec product_limb(vec low, vec up, const lanes *a, const lanes *b, tops t, const int i) {
    up = vec_select_add(up, t.a_odd, up, b->v[i]);
    low = vec_select_add(low, t.a_two, low, b->v[i]);
    up = vec_select_add(up, t.b_odd, up, a->v[i]);
    low = vec_select_add(low, t.b_two, low, a->v[i]);
    return vec_add(up, vec_add(low, low));
}

/* r = SUM(a b / R), tight, where the macro SUM(p, i) makes limb i of a loose number from limb i of the product, p. r
 * may be a or b. */
#define PRODUCT(r, a, b, SUM)                                                                                          \
    do {                                                                                                               \
        const lanes a_ = (a), b_ = (b);                                                                                \
        const tops tops_ = tops_of(&a_, &b_);                                                                          \
        vec low_[10], up_[10], limb_ = vec_mul_lo(vec_zero(), a_.v[10], b_.v[10]);                                     \
        columns(low_, up_, &a_, &b_);                                                                                  \
        const vec ten_ = SUM(limb_, 10);                                                                               \
        limb_ = product_limb(low_[9], up_[9], &a_, &b_, tops_, 9);                                                     \
        vec carried_ = carry_top(&(r), SUM(limb_, 9), ten_);                                                           \
        UNROLL for (int i_ = 0; i_ < 9; i_++) {                                                                        \
            limb_ = product_limb(low_[i_], up_[i_], &a_, &b_, tops_, i_);                                              \
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
