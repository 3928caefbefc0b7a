/* SHA-256 on the SHA instructions of ARMv8, one stream.
 *
 * The instructions keep the eight variables in two registers, abcd = [a b c d] and efgh = [e f g h], and make four
 * rounds each: sha256h returns the next abcd, sha256h2 the next efgh, both from the old pair and kw = K_t + W_t of four
 * rounds. sha256su0 and sha256su1 extend the message schedule, four words at a time.
 */
#include "base/wipe.h"
#include "hash/compress.h"

#if KAM3_AARCH64

#include <arm_neon.h>

#if defined(__clang__)
#define TARGET __attribute__((target("sha2")))
#else
#define TARGET __attribute__((target("+crypto"))) /* gcc 12 has the intrinsics under this name alone */
#endif
#define INLINE KAM3_INLINE TARGET

/* Loops of which nothing is left at run time: they index what is to stay in registers. */
#define UNROLL _Pragma("GCC unroll 16")

typedef struct {
    uint32x4_t abcd, efgh;
} rounds_state;

INLINE rounds_state state_load(const uint32_t words[8]) {
    rounds_state s;
    s.abcd = vld1q_u32(words);
    s.efgh = vld1q_u32(words + 4);
    return s;
}

INLINE void state_store(uint32_t words[8], rounds_state s) {
    vst1q_u32(words, s.abcd);
    vst1q_u32(words + 4, s.efgh);
}

INLINE rounds_state state_add(rounds_state s, rounds_state t) {
    s.abcd = vaddq_u32(s.abcd, t.abcd);
    s.efgh = vaddq_u32(s.efgh, t.efgh);
    return s;
}

/* Four rounds: kw = K + W of rounds t..t+3. */
INLINE void rounds_of(rounds_state *s, uint32x4_t kw) {
    const uint32x4_t abcd = s->abcd;
    s->abcd = vsha256hq_u32(abcd, s->efgh, kw);
    s->efgh = vsha256h2q_u32(s->efgh, abcd, kw);
}

/* W_{t+16}..W_{t+19} from the window m of W_t..W_{t+15}, m[i] being the oldest. */
INLINE void extend(uint32x4_t m[4], int i) {
    m[i] = vsha256su1q_u32(vsha256su0q_u32(m[i], m[(i + 1) & 3]), m[(i + 2) & 3], m[(i + 3) & 3]);
}

/* s = the chaining value after the block m, which is used up */
INLINE void block(rounds_state *s, uint32x4_t m[4]) {
    const rounds_state before = *s;
    UNROLL for (int t = 0; t < 64; t += 4) {
        rounds_of(s, vaddq_u32(m[(t / 4) & 3], vld1q_u32(kam3_sha256_k + t)));
        if (t < 48) extend(m, (t / 4) & 3);
    }
    *s = state_add(*s, before);
}

TARGET void kam3_sha256_compress_armsha(uint32_t state[8], const uint8_t *blocks, size_t count) {
    rounds_state s = state_load(state);
    for (; count != 0; count--, blocks += 64) {
        uint32x4_t m[4];
        UNROLL for (int i = 0; i < 4; i++) {
            m[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(blocks + 16 * i))); /* words are big-endian in a block */
        }
        block(&s, m);
    }
    state_store(state, s);
}

/* The hash of a block and a digest, of which the midstate has taken in the block. */
INLINE rounds_state digest_of(rounds_state midstate, rounds_state digest) {
    uint32x4_t m[4];
    m[0] = digest.abcd;
    m[1] = digest.efgh;
    m[2] = vsetq_lane_u32(0x80000000, vdupq_n_u32(0), 0);
    m[3] = vsetq_lane_u32(8 * (64 + 32), vdupq_n_u32(0), 3);
    block(&midstate, m);
    return midstate;
}

TARGET void kam3_sha256_iterate_armsha(kam3_pbkdf2_chain *chain, uint32_t count) {
    const rounds_state inner = state_load(chain->inner.w32), outer = state_load(chain->outer.w32);
    rounds_state u = state_load(chain->u.w32), t = state_load(chain->t.w32);
    for (; count != 0; count--) {
        u = digest_of(outer, digest_of(inner, u));
        t.abcd = veorq_u32(t.abcd, u.abcd);
        t.efgh = veorq_u32(t.efgh, u.efgh);
    }
    state_store(chain->u.w32, u);
    state_store(chain->t.w32, t);
}

#endif
