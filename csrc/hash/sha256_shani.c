/* SHA-256 on the SHA instructions of x86: one stream, and four streams of PBKDF2 side by side.
 *
 * The instructions keep the eight variables in two registers, least significant word first: abef = [f e b a] and
 * cdgh = [h g d c]. sha256rnds2(cdgh, abef, [kw_t, kw_{t+1}, -, -]) makes two rounds: it returns the next abef, and the
 * old abef is the next cdgh. sha256msg1 and sha256msg2 extend the message schedule, four words at a time.
 *
 * The loop of PBKDF2 is one chain of 64 such steps an iteration, each waiting for the one before, so what counts is
 * what stands between the last step of a block and the first of the next: here a shuffle and an addition.
 */
#include "base/wipe.h"
#include "hash/compress.h"

#if KAM3_X86_64

#include <immintrin.h>

#define TARGET __attribute__((target("sha,ssse3")))
#define INLINE KAM3_INLINE TARGET

/* Loops of which nothing is left at run time: they index what is to stay in registers. */
#define UNROLL _Pragma("GCC unroll 16")
#define EACH UNROLL for (int i = 0; i < n; i++)

typedef struct {
    __m128i abef, cdgh;
} rounds_state;

/* words = [w0 w1 w2 w3], [w4 w5 w6 w7] */
INLINE rounds_state state_load(const uint32_t words[8]) {
    const __m128i badc = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)words), 0xb1);
    const __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(words + 4)), 0x1b);
    rounds_state s;
    s.abef = _mm_alignr_epi8(badc, hgfe, 8);
    s.cdgh = _mm_castpd_si128(_mm_shuffle_pd(_mm_castsi128_pd(hgfe), _mm_castsi128_pd(badc), 2));
    return s;
}

INLINE rounds_state state_add(rounds_state s, rounds_state t) {
    s.abef = _mm_add_epi32(s.abef, t.abef);
    s.cdgh = _mm_add_epi32(s.cdgh, t.cdgh);
    return s;
}

/* [a b c d] and [e f g h], as words of a message or in memory */
INLINE __m128i state_abcd(rounds_state s) { return _mm_shuffle_epi32(_mm_unpackhi_epi64(s.cdgh, s.abef), 0x1b); }
INLINE __m128i state_efgh(rounds_state s) { return _mm_shuffle_epi32(_mm_unpacklo_epi64(s.cdgh, s.abef), 0x1b); }

INLINE void state_store(uint32_t words[8], rounds_state s) {
    _mm_storeu_si128((__m128i *)words, state_abcd(s));
    _mm_storeu_si128((__m128i *)(words + 4), state_efgh(s));
}

INLINE __m128i k(int t) { return _mm_load_si128((const __m128i *)(kam3_sha256_k + t)); }

/* Four rounds: kw = K + W of rounds t..t+3. The state comes back in its registers. */
INLINE void four_rounds(rounds_state *s, __m128i kw01, __m128i kw23) {
    s->cdgh = _mm_sha256rnds2_epu32(s->cdgh, s->abef, kw01);
    s->abef = _mm_sha256rnds2_epu32(s->abef, s->cdgh, kw23);
}

INLINE void rounds_of(rounds_state *s, __m128i kw) { four_rounds(s, kw, _mm_shuffle_epi32(kw, 0x0e)); }

/* W_{t+16}..W_{t+19} from the window m of W_t..W_{t+15}, m[i] being the oldest. */
INLINE void extend(__m128i m[4], int i) {
    const __m128i m3 = m[(i + 3) & 3];
    const __m128i w7 = _mm_alignr_epi8(m3, m[(i + 2) & 3], 4);
    m[i] = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(m[i], m[(i + 1) & 3]), w7), m3);
}

/* Rounds t..t+3, and W_{t+16}..W_{t+19} in the place of their words. */
INLINE void rounds_and_extend(rounds_state *s, __m128i m[4], int t) {
    rounds_of(s, _mm_add_epi32(m[(t / 4) & 3], k(t)));
    extend(m, (t / 4) & 3);
}

TARGET void kam3_sha256_compress_shani(uint32_t state[8], const uint8_t *blocks, size_t count) {
    const __m128i big_endian = _mm_set_epi32(0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203);
    rounds_state s = state_load(state);
    for (; count != 0; count--, blocks += 64) {
        const rounds_state before = s;
        __m128i m[4];
        for (int i = 0; i < 4; i++) {
            m[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(blocks + 16 * i)), big_endian);
        }
        UNROLL for (int t = 0; t < 48; t += 4) rounds_and_extend(&s, m, t);
        UNROLL for (int i = 0; i < 4; i++) rounds_of(&s, _mm_add_epi32(m[i], k(48 + 4 * i)));
        s = state_add(s, before);
    }
    state_store(state, s);
}

/* One HMAC key's half: its midstate, and the midstate in the places where the words of a finished block are wanted with
   K_0..K_7 added: [a+K_0 b+K_1 e+K_4 f+K_5] and [c+K_2 d+K_3 g+K_6 h+K_7]. */
typedef struct {
    rounds_state mid;
    __m128i k_abef, k_cdgh;
} half;

INLINE half half_load(const uint32_t midstate[8]) {
    half r;
    r.mid = state_load(midstate);
    r.k_abef = _mm_add_epi32(_mm_shuffle_epi32(r.mid.abef, 0x1b), _mm_unpacklo_epi64(k(0), k(4)));
    r.k_cdgh = _mm_add_epi32(_mm_shuffle_epi32(r.mid.cdgh, 0x1b), _mm_unpackhi_epi64(k(0), k(4)));
    return r;
}

/* The hashes of n digests under `now`: the rounds of the block that the words W_0..W_7 and the padding make. A digest
   is prev.mid + s, in which s came out of the block before, so the first rounds take K_t + W_t from s by a shuffle and
   an addition alone. On return s lacks the addition of now.mid. Streams stand side by side in every step, for a step
   waits four cycles for the one before in its stream, and another can begin in each. */
INLINE void half_rounds(rounds_state *s, __m128i (*m)[4], const half *now, const half *prev, int n) {
    EACH {
        const __m128i kw_abef = _mm_add_epi32(_mm_shuffle_epi32(s[i].abef, 0x1b), prev[i].k_abef);
        const __m128i kw_cdgh = _mm_add_epi32(_mm_shuffle_epi32(s[i].cdgh, 0x1b), prev[i].k_cdgh);
        const rounds_state digest = state_add(s[i], prev[i].mid);
        m[i][0] = state_abcd(digest);
        m[i][1] = state_efgh(digest);
        m[i][2] = _mm_set_epi32(0, 0, 0, INT32_MIN);
        m[i][3] = _mm_set_epi32(8 * (64 + 32), 0, 0, 0);
        s[i] = now[i].mid;
        four_rounds(&s[i], kw_abef, kw_cdgh);
        four_rounds(&s[i], _mm_shuffle_epi32(kw_abef, 0x0e), _mm_shuffle_epi32(kw_cdgh, 0x0e));
    }
    EACH extend(m[i], 0);
    EACH extend(m[i], 1);
    UNROLL for (int t = 8; t < 48; t += 4) {
        EACH rounds_and_extend(&s[i], m[i], t);
    }
    UNROLL for (int t = 48; t < 64; t += 4) {
        EACH rounds_of(&s[i], _mm_add_epi32(m[i][(t / 4) & 3], k(t)));
    }
}

INLINE rounds_state state_sub(rounds_state s, rounds_state t) {
    s.abef = _mm_sub_epi32(s.abef, t.abef);
    s.cdgh = _mm_sub_epi32(s.cdgh, t.cdgh);
    return s;
}

INLINE rounds_state state_xor(rounds_state s, rounds_state t) {
    s.abef = _mm_xor_si128(s.abef, t.abef);
    s.cdgh = _mm_xor_si128(s.cdgh, t.cdgh);
    return s;
}

INLINE void iterate(kam3_pbkdf2_chain *chains, uint32_t count, int n) {
    struct {
        half inner[4], outer[4];
        rounds_state t[4];
        __m128i m[4][4];
    } x;
    rounds_state s[4];
    EACH {
        x.inner[i] = half_load(chains[i].inner.w32);
        x.outer[i] = half_load(chains[i].outer.w32);
        x.t[i] = state_load(chains[i].t.w32);
        s[i] = state_sub(state_load(chains[i].u.w32), x.outer[i].mid);
    }
    for (; count != 0; count--) {
        half_rounds(s, x.m, x.inner, x.outer, n);
        half_rounds(s, x.m, x.outer, x.inner, n);
        EACH x.t[i] = state_xor(x.t[i], state_add(s[i], x.outer[i].mid));
    }
    EACH {
        state_store(chains[i].u.w32, state_add(s[i], x.outer[i].mid));
        state_store(chains[i].t.w32, x.t[i]);
    }
    kam3_wipe(&x, sizeof x);
}

TARGET void kam3_sha256_iterate_shani(kam3_pbkdf2_chain *chain, uint32_t count) { iterate(chain, count, 1); }

/* With AVX for its forms of three operands alone: the four streams do not fit the registers, and copies would take
   their place. */
__attribute__((target("sha,avx2"))) void kam3_sha256_iterate_x4_shani(kam3_pbkdf2_chain *chains, uint32_t count) {
    iterate(chains, count, 4);
}

/* And with the sixteen registers more of AVX-512: the SHA instructions cannot name them, but what waits can stay there. */
__attribute__((target("sha,avx512f,avx512vl"))) void kam3_sha256_iterate_x4_avx512(kam3_pbkdf2_chain *chains, uint32_t count) {
    iterate(chains, count, 4);
}

#endif
