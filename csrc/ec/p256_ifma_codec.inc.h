/* Template: scalars as digits, points of exchange/group.h as lanes, and back. Expects p256_ifma_point.inc.h before it.
 *
 * k is made odd: if it is even, [r-k]A is computed and negated. Then, with signed odd digits,
 *     k = 32^51 + sum_{i<51} d_i 32^i,  d_i = 2 u_i - 31 in {+-1, +-3 .. +-31},  u_i = floor(k / 2^(5i+1)) mod 32,
 * for 2 sum u_i 32^i = k - 1 and 31 sum_{i<51} 32^i = 2^255 - 1. No digit is 0, and all it takes are 16 points, [1]A, [3]A ..
 * [31]A, and their negatives.
 *
 * A number x is x 2^256 mod q there and x 2^260 mod q here. Neither way needs a multiplication: what stands for x there stands
 * for x / 16 here, and of homogeneous coordinates all three may be divided by 16, or multiplied.
 */
#include "base/wipe.h"
#include "bn/bn.h"
#include "gen/curves.h"
#include "gen/moduli.h"

#define ENTRIES 16
#define DIGITS 51

/* k or r - k, whichever is odd, and whether it is the second; the two words above it are zero. */
INLINE kam3_mask make_odd(uint64_t odd[6], const kam3_p256_sc *k) {
    const kam3_mask m_even = kam3_mask_from_bit(1 ^ (k->limb[0] & 1));
    uint64_t c = 1;
    for (int i = 0; i < 4; i++) odd[i] = kam3_select(m_even, kam3_addc(kam3_p256_r.m[i], ~k->limb[i], &c), k->limb[i]);
    odd[4] = odd[5] = 0;
    return m_even;
}

/* (|d_i| - 1) / 2, and all ones if d_i < 0. Public: i */
INLINE uint64_t digit_index(kam3_mask *m_negative, const uint64_t odd[6], size_t i) {
    const size_t word = (5 * i + 1) / 64, bit = (5 * i + 1) % 64;
    const uint64_t u = ((odd[word] >> bit) | (odd[word + 1] << 1 << (63 - bit))) & 31;
    *m_negative = kam3_mask_from_bit(1 ^ (u >> 4));
    return (u ^ *m_negative) & 15;
}

/* r = a mod q. Requires: a < 2q in tight limbs */
static void fe_out(kam3_p256_fe *r, const uint64_t a[5]) {
    static const uint64_t minus_q[4] = {KAM3_P256_MINUS_Q0, KAM3_P256_MINUS_Q1, KAM3_P256_MINUS_Q2, KAM3_P256_MINUS_Q3};
    kam3_p256_fe t;
    uint64_t c = 0;
    kam3_bn_from_radix(t.v, 4, a, 5, 52); /* a mod 2^256 */
    for (int i = 0; i < 4; i++) r->v[i] = kam3_addc(t.v[i], minus_q[i], &c);
    kam3_p256_fe_cmov(r, &t, kam3_mask_is_zero(c | a[4] >> 48)); /* unless a >= q */
    kam3_wipe(&t, sizeof t);
}

/* r = [X Y Z .] of group g. Requires: below 2q, tight */
INLINE void ge_out(kam3_p256_ge *r, lanes a, const int g) {
    kam3_p256_fe *const to[3] = {&r->x, &r->y, &r->z};
    uint64_t words[5][LANES], number[5];
    FOR_LIMBS(i) vec_store(words[i], a.v[i]);
    for (int j = 0; j < 3; j++) {
        for (int i = 0; i < 5; i++) number[i] = words[i][4 * g + j];
        fe_out(to[j], number);
    }
    kam3_wipe(words, sizeof words);
    kam3_wipe(number, sizeof number);
}

/* r = m_negate ? -r : r, and the identity if m_identity */
INLINE void finish(kam3_p256_ge *r, kam3_mask m_negate, kam3_mask m_identity) {
    kam3_p256_fe t;
    kam3_p256_fe_neg(&t, &r->y, 1);
    kam3_p256_fe_cmov(&r->y, &t, m_negate);
    kam3_p256_fe_set_one(&t);
    kam3_p256_fe_cmov(&r->y, &t, m_identity);
    memset(&t, 0, sizeof t);
    kam3_p256_fe_cmov(&r->x, &t, m_identity);
    kam3_p256_fe_cmov(&r->z, &t, m_identity);
}
