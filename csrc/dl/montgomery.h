/* Montgomery multiplication and squaring in radix 2^60, modulo a q whose lowest 60 bits are all ones, as in both groups
 * of RFC 3526.
 *
 * -q^-1 mod 2^60 = 1 for such a q: the digit u that clears the lowest limb t_0 is t_0 itself, and as
 * t_0 q_0 + t_0 = 2^60 t_0, one multiplication in each column of the reduction falls away.
 *
 * Numbers are n limbs below 2^60, and R = 2^60n. Both groups have R > 2^44 q, and with a, b < 2q the reduced product
 * (a b + U q) / R, U < R, is below 4 q^2 / R + q < 2q again: there is no subtraction and no comparison with q.
 *
 * Columns: the limbs of the product come one after the other, each the sum of its products a_j b_(i-j) and u_j q_(i-j)
 * in one 128-bit accumulator. A column sums at most 2n <= 138 products below 2^120 and what the column before left,
 * below 2^68: less than 2^128. That is why limbs have 60 bits: with 64 every product needs a third word for the carry,
 * which costs more than the sixth of all products that it saves.
 *
 * From column n on, limb i - n of the result is written and only limbs above it are read, so that r may be a or b.
 *
 * The core is made inline for a constant n by its caller.
 */
#ifndef KAM3_DL_MONTGOMERY_H
#define KAM3_DL_MONTGOMERY_H

#include "base/int128.h"
#include "base/wipe.h"

#define KAM3_DL_MAX_LIMBS 69
#define KAM3_DL_MASK (UINT64_MAX >> 4)

#if defined(__clang__)
#define KAM3_DL_UNROLL _Pragma("clang loop unroll_count(4)")
#elif defined(__GNUC__)
#define KAM3_DL_UNROLL _Pragma("GCC unroll 4")
#else
#define KAM3_DL_UNROLL
#endif

/* c + a[0] b[0] + a[1] b[-1] + ... + a[k-1] b[-(k-1)] */
KAM3_INLINE kam3_u128 kam3_dl_dot(kam3_u128 c, const uint64_t *a, const uint64_t *b, size_t k) {
    KAM3_DL_UNROLL
    for (size_t j = 0; j < k; j++) c = kam3_u128_mac(c, a[j], b[-(ptrdiff_t)j]);
    return c;
}

/* r = a b / R mod q, below 2q. Requires: a, b < 2q */
KAM3_INLINE void kam3_dl_montmul(uint64_t *r, const uint64_t *a, const uint64_t *b, const uint64_t *q, const size_t n) {
    uint64_t u[KAM3_DL_MAX_LIMBS];
    kam3_u128 c = kam3_u128_from64(0);
    for (size_t i = 0; i < n; i++) {
        c = kam3_dl_dot(c, a, b + i, i + 1);
        c = kam3_dl_dot(c, u, q + i, i);
        u[i] = kam3_u128_lo(c) & KAM3_DL_MASK;
        c = kam3_u128_add64(kam3_u128_shr(c, 60), u[i]); /* (c + u_i q_0) / 2^60 */
    }
    for (size_t i = n; i < 2 * n - 1; i++) {
        c = kam3_dl_dot(c, a + (i - n + 1), b + n - 1, 2 * n - 1 - i);
        c = kam3_dl_dot(c, u + (i - n + 1), q + n - 1, 2 * n - 1 - i);
        r[i - n] = kam3_u128_lo(c) & KAM3_DL_MASK;
        c = kam3_u128_shr(c, 60);
    }
    r[n - 1] = kam3_u128_lo(c);
    kam3_wipe(u, n * sizeof u[0]);
}

/* c + the column i of a^2: each a_j a_(i-j) with j < i - j once and doubled. `first` is the least j. */
KAM3_INLINE kam3_u128 kam3_dl_square_column(kam3_u128 c, const uint64_t *a, size_t i, size_t first) {
    const size_t half = (i + 1) >> 1;
    const kam3_u128 pairs = kam3_dl_dot(kam3_u128_from64(0), a + first, a + (i - first), half - first);
    c = kam3_u128_add(c, kam3_u128_shl(pairs, 1));
    return (i & 1) ? c : kam3_u128_mac(c, a[half], a[half]);
}

/* r = a^2 / R mod q, below 2q. Requires: a < 2q */
KAM3_INLINE void kam3_dl_montsqr(uint64_t *r, const uint64_t *a, const uint64_t *q, const size_t n) {
    uint64_t u[KAM3_DL_MAX_LIMBS];
    kam3_u128 c = kam3_u128_from64(0);
    for (size_t i = 0; i < n; i++) {
        c = kam3_dl_square_column(c, a, i, 0);
        c = kam3_dl_dot(c, u, q + i, i);
        u[i] = kam3_u128_lo(c) & KAM3_DL_MASK;
        c = kam3_u128_add64(kam3_u128_shr(c, 60), u[i]);
    }
    for (size_t i = n; i < 2 * n - 1; i++) {
        c = kam3_dl_square_column(c, a, i, i - n + 1);
        c = kam3_dl_dot(c, u + (i - n + 1), q + n - 1, 2 * n - 1 - i);
        r[i - n] = kam3_u128_lo(c) & KAM3_DL_MASK;
        c = kam3_u128_shr(c, 60);
    }
    r[n - 1] = kam3_u128_lo(c);
    kam3_wipe(u, n * sizeof u[0]);
}

#endif
