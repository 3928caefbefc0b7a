/* Scalars as odd signed digits, for all multiplications by a secret on the curves.
 *
 * An even k is replaced by r - k, whose multiple is negated; so 0 becomes r. For an odd k <= r, below 2 * 2^(w W), let
 * m_i = floor(k / 2^(w i)) | 1. Then m_W = 1, and
 *     m_i = 2^w m_(i+1) + d_i,   d_i = 2 (floor(k / 2^(w i + 1)) mod 2^w) - (2^w - 1), odd, |d_i| < 2^w,
 * lead down to m_0 = k. All that is ever added are odd multiples, [1]A, [3]A .. [2^w - 1]A, and their negatives.
 *
 * No such addition meets an exception, though no mask looks for one, if A is a point of the prime order r, r > 2^(w+1)
 * + 2 and r mod 2^(w+1) < 2^w (the tests see to it: with w = 5 on every curve, with w = 7 on P-256). [2^w m_(i+1)]A and
 * [d_i]A are added:
 *  - The identity: d_i is no multiple of r, nor is 2^w m_(i+1) < r + 2^w < 2r, which is even and positive.
 *  - Equal points: 2^w m_(i+1) - d_i = m_i - 2 d_i is positive and below m_i + 2^(w+1) < 2r, so it would have to be r.
 *    For i > 0 it is not, as m_i <= r / 2^w + 1. For i = 0, k - 2 d_0 = r means d_0 < 0, as k <= r; and with k mod
 *    2^(w+1) = d_0 + 2^w it means r mod 2^(w+1) = 2^w - d_0 > 2^w.
 *  - Opposite points: m_i is a multiple of r for k = r and i = 0 alone, and the identity is the right result.
 * A table of a fixed base has [2^(w i)]A in the place of A, window by window: what is added then is the same times
 * 2^(w i), which has an inverse modulo r.
 */
#ifndef KAM3_EC_ODD_H
#define KAM3_EC_ODD_H

#include "bn/bn.h"

/* What a scalar of so many limbs takes. */
#define KAM3_ODD_WORDS(limbs) ((limbs) + 2)

/* odd = k, or r - k and all ones if k is even; the two words above are zero. */
KAM3_INLINE kam3_mask kam3_odd_scalar(uint64_t *odd, const uint64_t *k, const kam3_modulus *r) {
    const kam3_mask m_even = kam3_mask_from_bit(~k[0] & 1);
    (void)kam3_bn_sub(odd, r->m, k, r->n);
    kam3_cmov(odd, k, ~m_even, r->n);
    odd[r->n] = odd[r->n + 1] = 0;
    return m_even;
}

/* (|d_i| - 1) / 2, and all ones if d_i < 0. Public: w, i */
KAM3_INLINE uint64_t kam3_odd_digit(kam3_mask *m_negative, const uint64_t *odd, unsigned w, size_t i) {
    const size_t word = (w * i + 1) / 64, bit = (w * i + 1) % 64;
    const uint64_t u = (odd[word] >> bit) | (odd[word + 1] << 1 << (63 - bit));
    *m_negative = kam3_mask_from_bit(~(u >> (w - 1)) & 1);
    return (u ^ *m_negative) & (((uint64_t)1 << (w - 1)) - 1);
}

#endif
