/* SHA-512 with AVX2 and BMI2, for one stream: the rounds in the integer registers, the message schedule in vectors. */
#include "base/wipe.h"
#include "hash/compress.h"

#if KAM3_X86_64

#include <immintrin.h>

#define TARGET __attribute__((target("avx2,bmi,bmi2")))
#define INLINE KAM3_INLINE TARGET
#define COMPRESS kam3_sha512_compress_avx2
#define ITERATE kam3_sha512_iterate_avx2

#define ROTR(x, k) (((x) >> (k)) | ((x) << (64 - (k))))

typedef struct {
    uint64_t a, b, c, d, e, f, g, h;
} variables;

/* The bits of a rotation that its two shifts make do not overlap, so xor joins them too. */
INLINE __m256i sigma_0(__m256i w) {
    const __m256i low = _mm256_xor_si256(_mm256_srli_epi64(w, 1), _mm256_srli_epi64(w, 8));
    const __m256i high = _mm256_xor_si256(_mm256_slli_epi64(w, 63), _mm256_slli_epi64(w, 56));
    return _mm256_xor_si256(_mm256_xor_si256(low, high), _mm256_srli_epi64(w, 7));
}

INLINE __m128i sigma_1(__m128i w) {
    const __m128i low = _mm_xor_si128(_mm_srli_epi64(w, 19), _mm_srli_epi64(w, 61));
    const __m128i high = _mm_xor_si128(_mm_slli_epi64(w, 45), _mm_slli_epi64(w, 3));
    return _mm_xor_si128(_mm_xor_si128(low, high), _mm_srli_epi64(w, 6));
}

INLINE __m256i next_words(__m256i hi, __m256i lo) {
    return _mm256_alignr_epi8(_mm256_permute2x128_si256(lo, hi, 0x21), lo, 8);
}

INLINE void variables_load(variables *v, volatile uint64_t a_of[16], const uint64_t state[8]) {
    (void)a_of;
    v->a = state[0], v->b = state[1], v->c = state[2], v->d = state[3];
    v->e = state[4], v->f = state[5], v->g = state[6], v->h = state[7];
}

INLINE void variables_words(__m256i *abcd, __m256i *efgh, const variables *v) {
    *abcd = _mm256_set_epi64x((int64_t)v->d, (int64_t)v->c, (int64_t)v->b, (int64_t)v->a);
    *efgh = _mm256_set_epi64x((int64_t)v->h, (int64_t)v->g, (int64_t)v->f, (int64_t)v->e);
}

/* b ^ c of Maj is a ^ b of the round before. */
INLINE void one_round(uint64_t a, uint64_t b, uint64_t c, uint64_t *d, uint64_t e, uint64_t f, uint64_t g, uint64_t *h,
                      uint64_t kw, volatile uint64_t a_of[16], size_t i) {
    const uint64_t t1 = *h + kw + ((e & f) + (~e & g)) + (ROTR(e, 14) ^ ROTR(e, 18) ^ ROTR(e, 41));
    (void)a_of, (void)i;
    *h = *d + t1; /* e: here the eight names move in two circles of four */
    *d = t1 + (ROTR(a, 28) ^ ROTR(a, 34) ^ ROTR(a, 39)) + (b ^ ((a ^ b) & (b ^ c)));
}

#include "hash/sha512_stream.inc.h"

#endif
