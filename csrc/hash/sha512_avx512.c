/* SHA-512 with AVX-512VL, BMI1 and BMI2, for one stream: e, f, g, h in the integer registers, a, b, c, d in vector
 * registers.
 *
 * A round is T_1 = h + K + W + Ch(e, f, g) + Sigma_1(e), e' = d + T_1, a' = T_1 + Sigma_0(a) + Maj(a, b, c). Either
 * half of it fills one side of the machine: both sides have two units that rotate, and all in one side would wait for
 * them. T_1 crosses every round, and a comes back when it has become d, four rounds later, so neither crossing delays
 * the chain through e.
 */
#include "base/wipe.h"
#include "hash/compress.h"

#if KAM3_X86_64

#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512vl,bmi,bmi2")))
#define INLINE KAM3_INLINE TARGET
#define COMPRESS kam3_sha512_compress_avx512
#define ITERATE kam3_sha512_iterate_avx512

#define ROTR(x, k) (((x) >> (k)) | ((x) << (64 - (k))))

typedef struct {
    __m128i a, b, c, d; /* the low lanes */
    uint64_t e, f, g, h;
} variables;

/* x ^ y ^ z and Maj(x, y, z). MemorySanitizer does not know vpternlog and takes any secret operand of it for a leak. */
#if defined(KAM3_CT_MSAN)
INLINE __m256i xor3_4(__m256i x, __m256i y, __m256i z) { return x ^ y ^ z; }
INLINE __m128i xor3(__m128i x, __m128i y, __m128i z) { return x ^ y ^ z; }
INLINE __m128i maj3(__m128i x, __m128i y, __m128i z) { return (x & y) ^ (z & (x ^ y)); }
#else
INLINE __m256i xor3_4(__m256i x, __m256i y, __m256i z) { return _mm256_ternarylogic_epi64(x, y, z, 0x96); }
INLINE __m128i xor3(__m128i x, __m128i y, __m128i z) { return _mm_ternarylogic_epi64(x, y, z, 0x96); }
INLINE __m128i maj3(__m128i x, __m128i y, __m128i z) { return _mm_ternarylogic_epi64(x, y, z, 0xe8); }
#endif

INLINE __m256i sigma_0(__m256i w) {
    return xor3_4(_mm256_ror_epi64(w, 1), _mm256_ror_epi64(w, 8), _mm256_srli_epi64(w, 7));
}

INLINE __m128i sigma_1(__m128i w) { return xor3(_mm_ror_epi64(w, 19), _mm_ror_epi64(w, 61), _mm_srli_epi64(w, 6)); }

INLINE __m256i next_words(__m256i hi, __m256i lo) { return _mm256_alignr_epi64(hi, lo, 1); }

INLINE __m128i big_sigma_0(__m128i a) { return xor3(_mm_ror_epi64(a, 28), _mm_ror_epi64(a, 34), _mm_ror_epi64(a, 39)); }

/* x, but a sum that goes through here keeps its order: what comes late must be added late. (Secrecy does not hang on
   these, and MemorySanitizer takes assembly that reads a secret for a leak.) */
INLINE uint64_t in_order(uint64_t x) {
#if !defined(KAM3_CT_MSAN)
    __asm__("" : "+r"(x));
#endif
    return x;
}

INLINE __m128i vector_in_order(__m128i x) {
#if !defined(KAM3_CT_MSAN)
    __asm__("" : "+v"(x));
#endif
    return x;
}

INLINE void variables_load(variables *v, volatile uint64_t a_of[16], const uint64_t state[8]) {
    v->a = _mm_loadl_epi64((const __m128i *)state);
    v->b = _mm_loadl_epi64((const __m128i *)(state + 1));
    v->c = _mm_loadl_epi64((const __m128i *)(state + 2));
    v->d = _mm_loadl_epi64((const __m128i *)(state + 3));
    v->e = state[4], v->f = state[5], v->g = state[6], v->h = state[7];
    for (size_t i = 0; i < 4; i++) a_of[15 - i] = state[i]; /* a of the rounds -1..-4 */
}

INLINE void variables_words(__m256i *abcd, __m256i *efgh, const variables *v) {
    const __m128i ab = _mm_unpacklo_epi64(v->a, v->b), cd = _mm_unpacklo_epi64(v->c, v->d);
    *abcd = _mm256_inserti128_si256(_mm256_castsi128_si256(ab), cd, 1);
    *efgh = _mm256_set_epi64x((int64_t)v->h, (int64_t)v->g, (int64_t)v->f, (int64_t)v->e);
}

/* d of round t is a of round t-4. The sums stand in the order in which their terms become known, Sigma last. */
INLINE void one_round(__m128i a, __m128i b, __m128i c, __m128i *d, uint64_t e, uint64_t f, uint64_t g, uint64_t *h,
                      uint64_t kw, volatile uint64_t a_of[16], size_t i) {
    const uint64_t early = in_order(*h + kw + ((e & f) + (~e & g)));
    const uint64_t with_d = in_order(early + a_of[(i + 12) & 15]);
    const uint64_t sigma = ROTR(e, 14) ^ ROTR(e, 18) ^ ROTR(e, 41);
    const __m128i t1 = _mm_cvtsi64_si128((int64_t)in_order(early + sigma));
    const __m128i maj = maj3(a, b, c);
    *h = with_d + sigma;
    *d = _mm_add_epi64(big_sigma_0(a), vector_in_order(_mm_add_epi64(maj, t1)));
    a_of[i] = (uint64_t)_mm_cvtsi128_si64(*d);
}

#include "hash/sha512_stream.inc.h"

#endif
