/* The compression functions of SHA-2, and one face for both. Internal to csrc/hash.
 *
 * CT: states and blocks are secret; count and kind are public.
 * Alias: state and blocks must not overlap.
 */
#ifndef KAM3_HASH_COMPRESS_H
#define KAM3_HASH_COMPRESS_H

#include "hash/hash.h"

/* state = the chaining value after `count` more blocks of 64 octets [FIPS 180-4, 6.2.2], on the best path of this CPU. */
void kam3_sha256_compress(uint32_t state[8], const uint8_t *blocks, size_t count);
void kam3_sha256_compress_portable(uint32_t state[8], const uint8_t *blocks, size_t count);

/* The same for blocks of 128 octets [FIPS 180-4, 6.4.2]. */
void kam3_sha512_compress(uint64_t state[8], const uint8_t *blocks, size_t count);
void kam3_sha512_compress_portable(uint64_t state[8], const uint8_t *blocks, size_t count);

void kam3_hash_compress(kam3_hash_state *state, kam3_hash_kind kind, const uint8_t *blocks, size_t count);

/* digest = the chaining value as big-endian octets, kam3_hash_octets of them */
void kam3_hash_state_store(uint8_t *digest, const kam3_hash_state *state, kam3_hash_kind kind);

#endif
