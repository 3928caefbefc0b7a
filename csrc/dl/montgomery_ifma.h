/* Montgomery multiplication and squaring with AVX-512 IFMA, in radix 2^52, modulo a q whose lowest 52 bits are all
 * ones, as in both groups of RFC 3526.
 *
 * A number is 8 NV limbs below 2^52 in NV vectors of 8 lanes: limb NV l + k is lane l of vector k. In this order the
 * number divided by 2^52 is the same vectors under other names, vector k + 1 as vector k, but for one: vector 0, moved
 * down by a lane, is vector NV - 1.
 *
 * The window of digit n is NV vectors of columns, sums of halves of products; lane l of vector k weighs 2^(52 (n + NV
 * l + k)). -q^-1 mod 2^52 = 1: the digit u_n is the low 52 bits of the lowest column t, and what is added to clear it,
 * u_n q, is u_n (q + 1) - u_n. The lowest limb of q + 1 is 0, and t - u_n leaves floor(t / 2^52) for the next column.
 * So the constant is q + 1, and a digit costs 2 NV multiplications, a broadcast, an addition and the move by a lane.
 *
 * R = 2^(416 NV) > 2^32 q, and with a, b < 2q the reduced product (a b + U q) / R, U < R, is below 4 q^2 / R + q < 2q
 * again: there is no subtraction and no comparison with q.
 *
 * A column sums at most 2 * 8 NV halves of products a_i b_j, as many of products u_i (q + 1)_j, each below 2^52, and
 * what the column before left, below 2^10: less than 2^61 for NV = 10.
 *
 * The cores are made inline for a constant NV by their caller. Order matters to compilers and CPU: what the next digit
 * waits for is written first.
 */
#ifndef KAM3_DL_MONTGOMERY_IFMA_H
#define KAM3_DL_MONTGOMERY_IFMA_H

#include <immintrin.h>

#include "base/ct.h"

#if defined(__clang__)
#define KAM3_IFMA_UNROLL _Pragma("clang loop unroll(full)")
#define KAM3_IFMA_ROLLED _Pragma("clang loop unroll(disable)")
#else
#define KAM3_IFMA_UNROLL _Pragma("GCC unroll 32")
#define KAM3_IFMA_ROLLED _Pragma("GCC unroll 1")
#endif

#define KAM3_IFMA_TARGET __attribute__((target("avx2,bmi2,avx512f,avx512vl,avx512ifma")))
#define KAM3_IFMA_INLINE KAM3_INLINE KAM3_IFMA_TARGET

typedef __m512i kam3_vec;

/* Vector 0 of the window: the lowest column in lane 0 of `low`, the other columns in the lanes above 0 of `high`; and
 * the digit in all lanes, with anything above its 52 bits, which the multiplications do not read. */
typedef struct {
    kam3_vec digit, high;
    __m128i low;
} kam3_ifma_column;

KAM3_IFMA_INLINE kam3_vec kam3_ifma_lo(kam3_vec c, kam3_vec a, kam3_vec b) { return _mm512_madd52lo_epu64(c, a, b); }
KAM3_IFMA_INLINE kam3_vec kam3_ifma_hi(kam3_vec c, kam3_vec a, kam3_vec b) { return _mm512_madd52hi_epu64(c, a, b); }

KAM3_IFMA_INLINE kam3_ifma_column kam3_ifma_first(kam3_vec w0) {
    const kam3_ifma_column c = {_mm512_broadcastq_epi64(_mm512_castsi512_si128(w0)), w0, _mm512_castsi512_si128(w0)};
    return c;
}

/* Rename: w[k] = w[k + 1]. A loop would become a memmove, and the window would live in memory. */
KAM3_IFMA_INLINE void kam3_ifma_shift(kam3_vec *w, const int nv) {
#define KAM3_IFMA_RENAME(k) \
    if ((k) < nv) w[k] = w[(k) + 1]
    KAM3_IFMA_RENAME(1);
    KAM3_IFMA_RENAME(2);
    KAM3_IFMA_RENAME(3);
    KAM3_IFMA_RENAME(4);
    KAM3_IFMA_RENAME(5);
    KAM3_IFMA_RENAME(6);
    KAM3_IFMA_RENAME(7);
    KAM3_IFMA_RENAME(8);
    KAM3_IFMA_RENAME(9);
#undef KAM3_IFMA_RENAME
}

/* The window of the next digit. w[1] .. w[nv - 1] are vectors of the window, c is its vector 0, `top` is added to the
 * new upmost one, `q1` is q + 1.
 *
 * The next digit waits for one multiplication, an addition and the broadcast; everything else comes after them. */
KAM3_IFMA_INLINE void kam3_ifma_digit(kam3_vec *w, kam3_ifma_column *c, const kam3_vec *q1, kam3_vec top,
                                      const int nv) {
    const kam3_vec u = c->digit, next = kam3_ifma_lo(w[1], q1[1], u), high = kam3_ifma_lo(c->high, q1[0], u);
    c->low = _mm_add_epi64(_mm512_castsi512_si128(next), _mm_srli_epi64(c->low, 52));
    c->digit = _mm512_broadcastq_epi64(c->low);
    w[2] = kam3_ifma_lo(w[2], q1[2], u);
    w[2] = kam3_ifma_hi(w[2], q1[1], u);
    c->high = kam3_ifma_hi(next, q1[0], u);
    w[nv] = _mm512_add_epi64(top, _mm512_alignr_epi64(_mm512_setzero_si512(), high, 1));
    KAM3_IFMA_UNROLL
    for (int k = 3; k < nv; k++) w[k] = kam3_ifma_lo(w[k], q1[k], u);
    KAM3_IFMA_UNROLL
    for (int k = 2; k < nv; k++) w[k + 1] = kam3_ifma_hi(w[k + 1], q1[k], u);
    kam3_ifma_shift(w, nv);
}

/* Limbs below 2^52 from columns below 2^62; nothing may be carried out of the highest.
 *
 * After one pass of carries every limb is below 2^52 + 2^10, so a limb generates a carry of 1, or passes on one that
 * comes, if it is 2^52 - 1. Those are bits: they run up the limbs of each lane, then from lane to lane by one
 * addition. */
KAM3_IFMA_INLINE void kam3_ifma_normalize(kam3_vec *w, const int nv) {
    const kam3_vec m = _mm512_set1_epi64((1LL << 52) - 1), minus_one = _mm512_set1_epi64(-1);
    kam3_vec carry = _mm512_alignr_epi64(_mm512_srli_epi64(w[nv - 1], 52), _mm512_setzero_si512(), 7);
    __mmask8 generate[16], pass[16];
    KAM3_IFMA_UNROLL
    for (int k = 0; k < nv; k++) {
        const kam3_vec above = _mm512_srli_epi64(w[k], 52);
        w[k] = _mm512_add_epi64(_mm512_and_si512(w[k], m), carry);
        carry = above;
        generate[k] = _mm512_cmpgt_epu64_mask(w[k], m);
        pass[k] = _mm512_cmpeq_epu64_mask(w[k], m);
    }
    KAM3_IFMA_UNROLL
    for (int k = 1; k < nv; k++) {
        generate[k] = (__mmask8)(generate[k] | (pass[k] & generate[k - 1]));
        pass[k] = (__mmask8)(pass[k] & pass[k - 1]);
    }
    const unsigned g = generate[nv - 1], p = pass[nv - 1];
    const __mmask8 in = (__mmask8)(((g << 1) + p) ^ p);
    KAM3_IFMA_UNROLL
    for (int k = nv - 1; k > 0; k--) {
        const __mmask8 c = (__mmask8)(generate[k - 1] | (pass[k - 1] & in));
        w[k] = _mm512_and_si512(_mm512_mask_sub_epi64(w[k], c, w[k], minus_one), m);
    }
    w[0] = _mm512_and_si512(_mm512_mask_sub_epi64(w[0], in, w[0], minus_one), m);
}

/* r = a b / R mod q, below 2q. Requires: a, b < 2q. Alias: r may be a or b
 *
 * And in passing, found = table[index], of `entries` numbers of which all are read; 8 | entries, and 0 is none. The
 * loads and selections fit between the multiplications. Alias: found is none of the others. */
KAM3_IFMA_INLINE void kam3_ifma_mul(uint64_t *r, const uint64_t *a, const uint64_t *b, const uint64_t *q_plus_1,
                                    const int nv, uint64_t *found, const uint64_t *table, const size_t entries,
                                    uint64_t index) {
    const kam3_vec wanted = _mm512_set1_epi64((long long)kam3_value_barrier(index));
    const kam3_vec zero = _mm512_setzero_si512();
    kam3_vec w[16], va[16], q1[16];
    KAM3_IFMA_UNROLL
    for (int k = 0; k < nv; k++) {
        va[k] = _mm512_load_si512(a + 8 * k);
        q1[k] = _mm512_load_si512(q_plus_1 + 8 * k);
    }
    kam3_vec now = _mm512_set1_epi64((long long)b[0]);
    KAM3_IFMA_UNROLL
    for (int k = 0; k < nv; k++) w[k] = kam3_ifma_lo(zero, va[k], now);
    kam3_ifma_column c = kam3_ifma_first(w[0]);
    for (size_t l = 0; l < 8; l++) {
        const size_t first = l * (entries / 8);
        __mmask8 here[8];
        KAM3_IFMA_UNROLL
        for (size_t e = 0; e < entries / 8; e++) {
            here[e] = _mm512_cmpeq_epu64_mask(wanted, _mm512_set1_epi64((long long)(first + e)));
        }
        KAM3_IFMA_UNROLL
        for (int d = 0; d < nv; d++) {
            if (entries > 0) {
                kam3_vec x = l == 0 ? zero : _mm512_load_si512(found + 8 * d);
                KAM3_IFMA_UNROLL
                for (size_t e = 0; e < entries / 8; e++) {
                    const uint64_t *const entry = table + (first + e) * 8 * (size_t)nv;
                    x = _mm512_mask_mov_epi64(x, here[e], _mm512_load_si512(entry + 8 * d));
                }
                _mm512_store_si512(found + 8 * d, x);
            }
            /* the high halves with this digit of b, the low halves with the next: both before u is there */
            const uint64_t next_digit = d + 1 < nv ? b[8 * ((size_t)d + 1) + l] : l < 7 ? b[l + 1] : 0;
            const kam3_vec next = _mm512_set1_epi64((long long)next_digit);
            KAM3_IFMA_UNROLL
            for (int k = 0; k < nv - 1; k++) w[k + 1] = kam3_ifma_hi(w[k + 1], va[k], now);
            KAM3_IFMA_UNROLL
            for (int k = 0; k < nv - 1; k++) w[k + 1] = kam3_ifma_lo(w[k + 1], va[k], next);
            const kam3_vec top = kam3_ifma_lo(kam3_ifma_hi(zero, va[nv - 1], now), va[nv - 1], next);
            kam3_ifma_digit(w, &c, q1, top, nv);
            now = next;
        }
    }
    w[0] = _mm512_mask_mov_epi64(c.high, 1, _mm512_castsi128_si512(c.low));
    kam3_ifma_normalize(w, nv);
    KAM3_IFMA_UNROLL
    for (int k = 0; k < nv; k++) _mm512_store_si512(r + 8 * k, w[k]);
}

/* A square needs the products of lane i and lane j, i <= j, that is of NV limbs by NV limbs, whose columns begin at
 * limb NV (i + j). Pack p, 0 <= p < 4, has a pair with i + j = 2p + l in each lane l, so that its column c fits the
 * window of digit 2p NV + c as it is:
 *
 *     lane    0      1      2      3      4      5      6      7
 *     p = 0   0 0    0 1    0 2    0 3    0 4    0 5    0 6    0 7
 *     p = 1   1 1    1 2    1 3    1 4    1 5    1 6    1 7    5 4
 *     p = 2   2 2    2 3    2 4    2 5    2 6    2 7    6 4    6 5
 *     p = 3   3 3    3 4    3 5    3 6    3 7    7 4    7 5    7 6
 *
 * The pair (p, p) counts once, the others twice. The pairs (4, 4) .. (7, 7) are left over for the last window. */

/* The factors of pack p, from the lanes in that table */
KAM3_IFMA_INLINE void kam3_ifma_pack(kam3_vec *x, kam3_vec *y, const uint64_t *a, const size_t p, const int nv) {
    static const _Alignas(64) uint64_t first[4][8] = {
        {0, 0, 0, 0, 0, 0, 0, 0}, {1, 1, 1, 1, 1, 1, 1, 5}, {2, 2, 2, 2, 2, 2, 6, 6}, {3, 3, 3, 3, 3, 7, 7, 7}};
    static const _Alignas(64) uint64_t second[4][8] = {
        {0, 1, 2, 3, 4, 5, 6, 7}, {1, 2, 3, 4, 5, 6, 7, 4}, {2, 3, 4, 5, 6, 7, 4, 5}, {3, 4, 5, 6, 7, 4, 5, 6}};
    const kam3_vec i = _mm512_load_si512(first[p]), j = _mm512_load_si512(second[p]);
    KAM3_IFMA_UNROLL
    for (int k = 0; k < nv; k++) {
        const kam3_vec ak = _mm512_load_si512(a + 8 * k);
        x[k] = _mm512_permutexvar_epi64(i, ak);
        y[k] = _mm512_permutexvar_epi64(j, ak);
    }
}

/* Column c of the products of two vectors of NV limbs, each lane by itself: the low halves of x_k y_(c-k) and the high
 * halves of x_k y_(c-1-k); doubled in all lanes but 0 */
KAM3_IFMA_INLINE kam3_vec kam3_ifma_pack_column(const kam3_vec *x, const kam3_vec *y, const int c, const int nv) {
    kam3_vec lo = _mm512_setzero_si512(), hi = _mm512_setzero_si512();
    KAM3_IFMA_UNROLL
    for (int k = 0; k < nv; k++) {
        if (c - k >= 0 && c - k < nv) lo = kam3_ifma_lo(lo, x[k], y[c - k]);
    }
    KAM3_IFMA_UNROLL
    for (int k = 0; k < nv; k++) {
        if (c - 1 - k >= 0 && c - 1 - k < nv) hi = kam3_ifma_hi(hi, x[k], y[c - 1 - k]);
    }
    lo = _mm512_add_epi64(lo, hi);
    return _mm512_mask_add_epi64(lo, 0xfe, lo, lo);
}

/* Column c of the squares of the upper four lanes */
KAM3_IFMA_INLINE __m256i kam3_ifma_upper_column(const __m256i *a, const int c, const int nv) {
    __m256i lo = _mm256_setzero_si256(), hi = _mm256_setzero_si256();
    KAM3_IFMA_UNROLL
    for (int k = 0; k < nv; k++) {
        if (c - k > k && c - k < nv) lo = _mm256_madd52lo_epu64(lo, a[k], a[c - k]);
        if (c - 1 - k > k && c - 1 - k < nv) hi = _mm256_madd52hi_epu64(hi, a[k], a[c - 1 - k]);
    }
    lo = _mm256_add_epi64(lo, hi);
    lo = _mm256_add_epi64(lo, lo);
    return (c & 1) ? _mm256_madd52hi_epu64(lo, a[c >> 1], a[c >> 1]) : _mm256_madd52lo_epu64(lo, a[c >> 1], a[c >> 1]);
}

/* r = a^2 / R mod q, below 2q. Requires: a < 2q. Alias: r may be a */
KAM3_IFMA_INLINE void kam3_ifma_sqr(uint64_t *r, const uint64_t *a, const uint64_t *q_plus_1, const int nv) {
    enum { AHEAD = 4 }; /* so many digits before its own, a column is ready */
    const kam3_vec zero = _mm512_setzero_si512();
    kam3_vec w[16], x[16], y[16], q1[16];
    __m256i upper[16];
    KAM3_IFMA_UNROLL
    for (int k = 0; k < nv; k++) {
        q1[k] = _mm512_load_si512(q_plus_1 + 8 * k);
        x[k] = _mm512_set1_epi64((long long)a[8 * k]);
        y[k] = _mm512_load_si512(a + 8 * k);
        w[k] = k < AHEAD ? kam3_ifma_pack_column(x, y, k, nv) : zero;
    }
    kam3_ifma_column c = kam3_ifma_first(w[0]);
    KAM3_IFMA_ROLLED
    for (size_t p = 0; p < 4; p++) {
        KAM3_IFMA_UNROLL
        for (int t = AHEAD; t < 2 * nv; t++) {
            w[AHEAD] = _mm512_add_epi64(w[AHEAD], kam3_ifma_pack_column(x, y, t, nv));
            kam3_ifma_digit(w, &c, q1, zero, nv);
        }
        if (p == 3) break;
        kam3_ifma_pack(x, y, a, p + 1, nv);
        KAM3_IFMA_UNROLL
        for (int t = 0; t < AHEAD; t++) {
            w[AHEAD] = _mm512_add_epi64(w[AHEAD], kam3_ifma_pack_column(x, y, t, nv));
            kam3_ifma_digit(w, &c, q1, zero, nv);
        }
    }
    /* in the last window lane l of the upper half begins at lane 2 (l - 4) */
    const kam3_vec zip = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
    kam3_vec top[16];
    KAM3_IFMA_UNROLL
    for (int k = 0; k < nv; k++) upper[k] = _mm256_load_si256((const __m256i *)(const void *)(a + 8 * k + 4));
    KAM3_IFMA_UNROLL
    for (int k = 0; k < nv; k++) {
        top[k] = _mm512_permutex2var_epi64(_mm512_castsi256_si512(kam3_ifma_upper_column(upper, k, nv)), zip,
                                           _mm512_castsi256_si512(kam3_ifma_upper_column(upper, k + nv, nv)));
    }
    KAM3_IFMA_UNROLL
    for (int t = 0; t < AHEAD; t++) kam3_ifma_digit(w, &c, q1, zero, nv);
    w[0] = _mm512_mask_mov_epi64(c.high, 1, _mm512_castsi128_si512(c.low));
    KAM3_IFMA_UNROLL
    for (int k = 0; k < nv; k++) w[k] = _mm512_add_epi64(w[k], top[k]);
    kam3_ifma_normalize(w, nv);
    KAM3_IFMA_UNROLL
    for (int k = 0; k < nv; k++) _mm512_store_si512(r + 8 * k, w[k]);
}

#endif
