/* Template: the digits and the tables of base.inc.h. Expects point.inc.h before it.
 *
 * Signed windows of five bits (Booth). With k_j the bits of k, k_(-1) = 0,
 *     k = sum_i d_i 32^i,  d_i = k_(5i-1) + k_5i + 2 k_(5i+1) + 4 k_(5i+2) + 8 k_(5i+3) - 16 k_(5i+4)  in [-16, 16],
 * since what a window takes off with its top bit the next one adds as its k_(5i-1). Windows are enough when the last of
 * them sees a zero for its top bit.
 */
#include "base/wipe.h"

#define WINDOW_COUNT ((KAM3_EC_SCALAR_BITS + 1 + 4) / 5)
#define WINDOW_ENTRIES 16

/* The six bits of k that make d_i, k_(5i-1) lowest. Public: i. */
static uint64_t window_bits(const sc *k, size_t i) {
    if (i == 0) return (k->limb[0] << 1) & 63;
    const size_t word = (5 * i - 1) / 64, bit = (5 * i - 1) % 64;
    uint64_t x = k->limb[word] >> bit;
    if (bit > 58 && word + 1 < KAM3_EC_SCALAR_LIMBS) x |= k->limb[word + 1] << (64 - bit);
    return x & 63;
}

/* |d_i|, and all ones if the top bit of the window is set: then d_i <= 0. */
static uint64_t window_digit(kam3_mask *m_negative, const sc *k, size_t i) {
    const uint64_t bits = window_bits(k, i);
    const uint64_t up = (bits >> 1) + (bits & 1); /* d_i, or d_i + 32 */
    *m_negative = kam3_mask_from_bit(bits >> 5);
    return kam3_select(*m_negative, 32 - up, up);
}

/* out = entry `index` of 1 .. 16, n words each; all zero for index 0. Every entry is read. Alias: none */
KAM3_INLINE void window_lookup(uint64_t *restrict out, const uint64_t *restrict entries, size_t n, uint64_t index) {
    for (size_t i = 0; i < n; i++) out[i] = 0;
    for (size_t e = 0; e < WINDOW_ENTRIES; e++) {
        const kam3_mask m = kam3_mask_eq(e + 1, index);
        for (size_t i = 0; i < n; i++) out[i] |= entries[e * n + i] & m;
    }
}

/* entries[i] = [i+1]A, i = 0 .. 15. Magnitudes at most 3, 2, 4 */
static void window_fill(ge entries[WINDOW_ENTRIES], const ge *a, point_work *w) {
    entries[0] = *a;
    CARRY(&entries[0].x);
    CARRY(&entries[0].y);
    CARRY(&entries[0].z);
    for (size_t i = 1; i < WINDOW_ENTRIES; i += 2) {
        point_dbl(&entries[i], &entries[i / 2], w);
        if (i + 1 < WINDOW_ENTRIES) point_add(&entries[i + 1], &entries[i], a, w);
    }
}
