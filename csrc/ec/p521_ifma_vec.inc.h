/* Template: names for the vector instructions of the P-521 path, in ymm (GROUPS = 1) or zmm registers (GROUPS = 2).
 *
 * A vector is GROUPS groups of four lanes of 64 bits. Everything that moves lanes does so inside each group, so that
 * the same source serves one chain of operations or two side by side. A lane set is a constant of four bits, lane 0
 * lowest, and names those lanes in every group.
 */
#include <immintrin.h>

#include "base/config.h"

/* Tuned so that compilers copy vectors by the ymm: a zmm load cannot be fed from two ymm stores that are still under
 * way. */
#define TARGET __attribute__((target("bmi2,avx2,avx512f,avx512vl,avx512ifma,tune=icelake-server")))
#define INLINE KAM3_INLINE TARGET

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 24")
#endif

#define LANES (4 * GROUPS)

#if GROUPS == 1
typedef __m256i vec;
#define VEC(name) _mm256_##name
#define VEC_LOGIC(name) _mm256_##name##_si256
#define LANE_SET(set) ((__mmask8)(set))
#define vec_all(x) _mm256_set1_epi64x((long long)(x))
#define vec_groups(x) vec_all((x)[0])
#else
typedef __m512i vec;
#define VEC(name) _mm512_##name
#define VEC_LOGIC(name) _mm512_##name##_si512
#define LANE_SET(set) ((__mmask8)((set) | (set) << 4))
#define vec_all(x) _mm512_set1_epi64((long long)(x))
#define vec_groups(x) _mm512_mask_mov_epi64(vec_all((x)[0]), 0xf0, vec_all((x)[1])) /* x[g] in all lanes of group g */
#endif

#define vec_zero() VEC_LOGIC(setzero)()
#define vec_and(a, b) VEC_LOGIC(and)(a, b)
#define vec_add(a, b) VEC(add_epi64)(a, b)
#define vec_sub(a, b) VEC(sub_epi64)(a, b)
#define vec_shl(a, n) VEC(slli_epi64)(a, n)
#define vec_shr(a, n) VEC(srli_epi64)(a, n)

/* c + the low, or the high 52 bits of the product of the low 52 bits of a and of b */
#define vec_mul_lo(c, a, b) VEC(madd52lo_epu64)(c, a, b)
#define vec_mul_hi(c, a, b) VEC(madd52hi_epu64)(c, a, b)

/* lanes [i j k l] of a */
#define vec_lanes(a, i, j, k, l) VEC(permutex_epi64)(a, (i) | (j) << 2 | (k) << 4 | (l) << 6)
#define vec_spread(a, i) vec_lanes(a, i, i, i, i)

/* In the lanes of a set, the second operand, or the sum or difference of the last two; elsewhere the first. */
#define vec_merge(a, set, b) VEC(mask_mov_epi64)(a, LANE_SET(set), b)
#define vec_merge_add(a, set, b, c) VEC(mask_add_epi64)(a, LANE_SET(set), b, c)
#define vec_merge_sub(a, set, b, c) VEC(mask_sub_epi64)(a, LANE_SET(set), b, c)
#define vec_merge_lanes(a, set, b, i, j, k, l)                                                                         \
    VEC(mask_permutex_epi64)(a, LANE_SET(set), b, (i) | (j) << 2 | (k) << 4 | (l) << 6)
#define vec_keep(set, a) VEC(maskz_mov_epi64)(LANE_SET(set), a)

/* The same by a mask of all lanes, which may be secret. */
#define vec_select(a, mask, b) VEC(mask_mov_epi64)(a, mask, b)
#define vec_select_add(a, mask, b, c) VEC(mask_add_epi64)(a, mask, b, c)
#define vec_select_sub(a, mask, b, c) VEC(mask_sub_epi64)(a, mask, b, c)
#define vec_select_keep(mask, a) VEC(maskz_mov_epi64)(mask, a)
#define vec_equal(a, b) VEC(cmpeq_epi64_mask)(a, b)
#define vec_test(a, b) VEC(test_epi64_mask)(a, b) /* where a AND b is not zero */

INLINE vec vec_load(const uint64_t words[LANES]) { return VEC_LOGIC(loadu)((const void *)words); }
INLINE void vec_store(uint64_t words[LANES], vec a) { VEC_LOGIC(storeu)((void *)words, a); }
