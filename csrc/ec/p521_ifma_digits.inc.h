/* Template: the signed odd digits of a scalar. Expects p521_ifma_vec.inc.h before it.
 *
 * k is made odd: if it is even, [r-k]A is computed and negated. Then with signed odd digits
 *     k = 32^104 + sum_{i<104} d_i 32^i,  d_i = 2 u_i - 31 in {+-1, +-3 .. +-31},  u_i = floor(k / 2^(5i+1)) mod 32,
 * for 2 sum u_i 32^i = k - 1, as k < 2^521, and 31 sum_{i<104} 32^i = 2^520 - 1. No digit is 0, none needs a point
 * but one of 16, [1]A, [3]A .. [31]A, or its negative.
 */
#include "base/wipe.h"
#include "bn/bn.h"
#include "gen/moduli.h"

#define ENTRIES 16
#define DIGITS 104

/* k or r - k, whichever is odd, and whether it is the second; the tenth word is zero. */
INLINE kam3_mask make_odd(uint64_t odd[10], const kam3_p521_sc *k) {
    const kam3_mask m_even = kam3_mask_from_bit(1 ^ (k->limb[0] & 1));
    uint64_t c = 1;
    for (int i = 0; i < 9; i++) odd[i] = kam3_select(m_even, kam3_addc(kam3_p521_r.m[i], ~k->limb[i], &c), k->limb[i]);
    odd[9] = 0;
    return m_even;
}

/* (|d_i| - 1) / 2, and all ones if d_i < 0. Public: i */
INLINE uint64_t digit_index(kam3_mask *m_negative, const uint64_t odd[10], size_t i) {
    const size_t word = (5 * i + 1) / 64, bit = (5 * i + 1) % 64;
    const uint64_t u = ((odd[word] >> bit) | (odd[word + 1] << 1 << (63 - bit))) & 31;
    *m_negative = kam3_mask_from_bit(1 ^ (u >> 4));
    return (u ^ *m_negative) & 15;
}

/* r = m_negate ? -r : r, and the identity if m_identity */
INLINE void finish(kam3_p521_ge *r, kam3_mask m_negate, kam3_mask m_identity) {
    kam3_p521_fe t;
    kam3_p521_fe_neg(&t, &r->y, 1);
    kam3_p521_fe_cmov(&r->y, &t, m_negate);
    kam3_p521_fe_set_one(&t);
    kam3_p521_fe_cmov(&r->y, &t, m_identity);
    memset(&t, 0, sizeof t);
    kam3_p521_fe_cmov(&r->x, &t, m_identity);
    kam3_p521_fe_cmov(&r->z, &t, m_identity);
}
