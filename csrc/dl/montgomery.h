/* Montgomery multiplication and squaring modulo a q whose lowest limb is 2^64 - 1, as in both groups of RFC 3526.
 *
 * -q^-1 mod 2^64 = 1 for such a q: the digit that clears the lowest limb t_0 is t_0 itself, and t_0 q_0 + t_0 = 2^64 t_0, so one
 * multiplication in each column of the reduction falls away.
 *
 * Numbers are any n limbs, below R = 2^64n and not necessarily below q. For a, b < R the reduced product
 * (a b + U q) / R with U < R is below R + q; q is taken off it if it has a bit beyond the n limbs, which leaves it below R. A
 * comparison with q is never needed: see ge_encode in dl/group.inc.h.
 *
 * Columns: the limbs of the product come one after the other, each the sum of its products a_j b_(i-j) and u_j q_(i-j). The low
 * and high words of the products are summed apart, so that no carry runs from one to the other.
 *
 * The core is made inline for a constant n by its caller.
 */
#ifndef KAM3_DL_MONTGOMERY_H
#define KAM3_DL_MONTGOMERY_H

#include "base/ct.h"
#include "base/int128.h"
#include "base/wipe.h"

#define KAM3_DL_MAX_LIMBS 64

#if defined(__clang__)
#define KAM3_DL_UNROLL _Pragma("clang loop unroll_count(4)")
#elif defined(__GNUC__)
#define KAM3_DL_UNROLL _Pragma("GCC unroll 4")
#else
#define KAM3_DL_UNROLL
#endif

/* low + 2^64 high. A column of n <= 64 limbs sums at most 2n products and what the column before left: both stay below 2^73. */
typedef struct {
    kam3_u128 low, high;
} kam3_dl_column;

KAM3_INLINE kam3_dl_column kam3_dl_column_zero(void) {
    const kam3_dl_column zero = {kam3_u128_from64(0), kam3_u128_from64(0)};
    return zero;
}

KAM3_INLINE void kam3_dl_column_mac(kam3_dl_column *c, uint64_t a, uint64_t b) {
    const kam3_u128 p = kam3_u128_mul(a, b);
    c->low = kam3_u128_add64(c->low, kam3_u128_lo(p));
    c->high = kam3_u128_add64(c->high, kam3_u128_hi(p));
}

/* c += a[0] b[0] + a[1] b[-1] + ... + a[k-1] b[-(k-1)] */
KAM3_INLINE void kam3_dl_column_dot(kam3_dl_column *c, const uint64_t *a, const uint64_t *b, size_t k) {
    kam3_dl_column s = *c;
    KAM3_DL_UNROLL
    for (size_t j = 0; j < k; j++) kam3_dl_column_mac(&s, a[j], b[-(ptrdiff_t)j]);
    *c = s;
}

/* c += 2s */
KAM3_INLINE void kam3_dl_column_add_twice(kam3_dl_column *c, kam3_dl_column s) {
    c->low = kam3_u128_add(c->low, kam3_u128_shl(s.low, 1));
    c->high = kam3_u128_add(c->high, kam3_u128_shl(s.high, 1));
}

/* c = floor(c / 2^64); returns the limb that leaves. */
KAM3_INLINE uint64_t kam3_dl_column_shift(kam3_dl_column *c) {
    const uint64_t limb = kam3_u128_lo(c->low);
    c->low = kam3_u128_add64(c->high, kam3_u128_hi(c->low));
    c->high = kam3_u128_from64(0);
    return limb;
}

/* The digit u of this column: c = floor((c + u q_0) / 2^64), with q_0 = 2^64 - 1. */
KAM3_INLINE uint64_t kam3_dl_column_reduce(kam3_dl_column *c) {
    const uint64_t u = kam3_dl_column_shift(c);
    c->low = kam3_u128_add64(c->low, u);
    return u;
}

/* r = t + top R, less q if top = 1. Requires: the result is below R */
KAM3_INLINE void kam3_dl_settle(uint64_t *r, const uint64_t *t, uint64_t top, const uint64_t *q, size_t n) {
    const kam3_mask m_top = kam3_mask_from_bit(top);
    uint64_t borrow = 0;
    for (size_t i = 0; i < n; i++) r[i] = kam3_subb(t[i], q[i] & m_top, &borrow);
}

/* r = a b / R mod q, below R. */
KAM3_INLINE void kam3_dl_montmul(uint64_t *r, const uint64_t *a, const uint64_t *b, const uint64_t *q, const size_t n) {
    struct {
        uint64_t u[KAM3_DL_MAX_LIMBS], t[KAM3_DL_MAX_LIMBS];
    } s;
    kam3_dl_column c = kam3_dl_column_zero();
    for (size_t i = 0; i < n; i++) {
        kam3_dl_column_dot(&c, a, b + i, i + 1);
        kam3_dl_column_dot(&c, s.u, q + i, i);
        s.u[i] = kam3_dl_column_reduce(&c);
    }
    for (size_t i = 0; i < n - 1; i++) { /* column n + i */
        kam3_dl_column_dot(&c, a + i + 1, b + n - 1, n - 1 - i);
        kam3_dl_column_dot(&c, s.u + i + 1, q + n - 1, n - 1 - i);
        s.t[i] = kam3_dl_column_shift(&c);
    }
    s.t[n - 1] = kam3_dl_column_shift(&c);
    kam3_dl_settle(r, s.t, kam3_u128_lo(c.low), q, n);
    kam3_wipe(s.u, n * sizeof s.u[0]);
    kam3_wipe(s.t, n * sizeof s.t[0]);
}

/* r = a^2 / R mod q, below R: each a_j a_(i-j) with j < i - j once, and twice in the sum. */
KAM3_INLINE void kam3_dl_montsqr(uint64_t *r, const uint64_t *a, const uint64_t *q, const size_t n) {
    struct {
        uint64_t u[KAM3_DL_MAX_LIMBS], t[KAM3_DL_MAX_LIMBS];
    } s;
    kam3_dl_column c = kam3_dl_column_zero();
    for (size_t i = 0; i < n; i++) {
        kam3_dl_column pairs = kam3_dl_column_zero();
        kam3_dl_column_dot(&pairs, a, a + i, (i + 1) >> 1);
        kam3_dl_column_add_twice(&c, pairs);
        if ((i & 1) == 0) kam3_dl_column_mac(&c, a[i >> 1], a[i >> 1]);
        kam3_dl_column_dot(&c, s.u, q + i, i);
        s.u[i] = kam3_dl_column_reduce(&c);
    }
    for (size_t i = n; i < 2 * n - 1; i++) {
        kam3_dl_column pairs = kam3_dl_column_zero();
        kam3_dl_column_dot(&pairs, a + (i - n + 1), a + n - 1, (2 * n - 1 - i) >> 1);
        kam3_dl_column_add_twice(&c, pairs);
        if ((i & 1) == 0) kam3_dl_column_mac(&c, a[i >> 1], a[i >> 1]);
        kam3_dl_column_dot(&c, s.u + (i - n + 1), q + n - 1, 2 * n - 1 - i);
        s.t[i - n] = kam3_dl_column_shift(&c);
    }
    s.t[n - 1] = kam3_dl_column_shift(&c);
    kam3_dl_settle(r, s.t, kam3_u128_lo(c.low), q, n);
    kam3_wipe(s.u, n * sizeof s.u[0]);
    kam3_wipe(s.t, n * sizeof s.t[0]);
}

#endif
