/* The compression functions of SHA-2, and one face for both. Internal to csrc/hash.
 *
 * CT: states and blocks are secret; count and kind are public.
 * Alias: state and blocks must not overlap.
 */
#ifndef KAM3_HASH_COMPRESS_H
#define KAM3_HASH_COMPRESS_H

#include "base/cpu.h"
#include "hash/hash.h"

/* state = the chaining value after `count` more blocks of 64 octets [FIPS 180-4, 6.2.2], on the path in use. */
void kam3_sha256_compress(uint32_t state[8], const uint8_t *blocks, size_t count);

/* The same for blocks of 128 octets [FIPS 180-4, 6.4.2]. */
void kam3_sha512_compress(uint64_t state[8], const uint8_t *blocks, size_t count);

/* One password in PBKDF2's loop: HMAC's midstates after the key's block, U_i, and T = U_1 ^ ... ^ U_i. */
typedef struct {
    kam3_hash_state inner, outer, u, t;
} kam3_pbkdf2_chain;

/* `count` times: u = H(outer, H(inner, u)), t = t ^ u, where H(midstate, words) is the hash of a block and one digest,
   of which the midstate has taken in the block: its last block is the digest, a bit 1, zeros and the length, and is
   never octets. */
void kam3_sha256_iterate(kam3_pbkdf2_chain *chain, uint32_t count);
void kam3_sha512_iterate(kam3_pbkdf2_chain *chain, uint32_t count);

/* A kernel that runs the loops of `width` chains side by side, and the fewest chains for which it beats one after the
   other. width = 1 where there is none. */
typedef struct {
    void (*iterate)(kam3_pbkdf2_chain *chains, uint32_t count);
    size_t width, least;
} kam3_pbkdf2_lanes;

#define KAM3_PBKDF2_MAX_WIDTH 8

kam3_pbkdf2_lanes kam3_sha256_lanes(void);
kam3_pbkdf2_lanes kam3_sha512_lanes(void);

/* The paths. What stands under KAM3_X86_64 needs the CPU features in its comment. */
extern const uint32_t kam3_sha256_k[64]; /* K_t, aligned to a cache line */
extern const uint64_t kam3_sha512_k[80];

void kam3_sha256_compress_portable(uint32_t state[8], const uint8_t *blocks, size_t count);
void kam3_sha256_iterate_portable(kam3_pbkdf2_chain *chain, uint32_t count);
void kam3_sha512_compress_portable(uint64_t state[8], const uint8_t *blocks, size_t count);
void kam3_sha512_iterate_portable(kam3_pbkdf2_chain *chain, uint32_t count);

#if KAM3_X86_64
/* SHA, SSSE3 */
void kam3_sha256_compress_shani(uint32_t state[8], const uint8_t *blocks, size_t count);
void kam3_sha256_iterate_shani(kam3_pbkdf2_chain *chain, uint32_t count);
/* SHA, AVX2 */
void kam3_sha256_iterate_x4_shani(kam3_pbkdf2_chain *chains, uint32_t count);
/* SHA, AVX512F, AVX512VL */
void kam3_sha256_iterate_x4_avx512(kam3_pbkdf2_chain *chains, uint32_t count);
/* BMI1, BMI2, AVX2 */
void kam3_sha512_compress_avx2(uint64_t state[8], const uint8_t *blocks, size_t count);
void kam3_sha512_iterate_avx2(kam3_pbkdf2_chain *chain, uint32_t count);
/* BMI1, BMI2, AVX512F, AVX512VL */
void kam3_sha512_compress_avx512(uint64_t state[8], const uint8_t *blocks, size_t count);
void kam3_sha512_iterate_avx512(kam3_pbkdf2_chain *chain, uint32_t count);
/* AVX2 */
void kam3_sha512_iterate_x4_avx2(kam3_pbkdf2_chain *chains, uint32_t count);
/* AVX512F */
void kam3_sha512_iterate_x8_avx512(kam3_pbkdf2_chain *chains, uint32_t count);
#endif

void kam3_hash_compress(kam3_hash_state *state, kam3_hash_kind kind, const uint8_t *blocks, size_t count);

/* digest = the chaining value as big-endian octets, kam3_hash_octets of them */
void kam3_hash_state_store(uint8_t *digest, const kam3_hash_state *state, kam3_hash_kind kind);

/* and back */
void kam3_hash_state_load(kam3_hash_state *state, const uint8_t *digest, kam3_hash_kind kind);

/* chain = the loop before its second iteration: U_1 = T; *pbkdf2 is wiped */
void kam3_pbkdf2_start(kam3_pbkdf2_chain *chain, kam3_pbkdf2 *pbkdf2);

#endif
