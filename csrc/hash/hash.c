/* Buffering and padding, the same for both hashes [FIPS 180-4, 5.1 and 5.2]. */
#include "base/endian.h"
#include "base/wipe.h"
#include "hash/compress.h"

/* floor(2^32 * (p_i^(1/2) mod 1)) for the first eight primes p_i */
static const uint32_t initial32[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

/* floor(2^64 * (p_i^(1/2) mod 1)) for the first eight primes p_i */
static const uint64_t initial64[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
                                      0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

size_t kam3_hash_octets(kam3_hash_kind kind) { return kind == KAM3_SHA256 ? 32 : 64; }

size_t kam3_hash_block_octets(kam3_hash_kind kind) { return kind == KAM3_SHA256 ? 64 : 128; }

void kam3_hash_compress(kam3_hash_state *state, kam3_hash_kind kind, const uint8_t *blocks, size_t count) {
    if (kind == KAM3_SHA256) {
        kam3_sha256_compress(state->w32, blocks, count);
    } else {
        kam3_sha512_compress(state->w64, blocks, count);
    }
}

void kam3_hash_state_store(uint8_t *digest, const kam3_hash_state *state, kam3_hash_kind kind) {
    if (kind == KAM3_SHA256) {
        for (size_t i = 0; i < 8; i++) kam3_store32_be(digest + 4 * i, state->w32[i]);
    } else {
        for (size_t i = 0; i < 8; i++) kam3_store64_be(digest + 8 * i, state->w64[i]);
    }
}

void kam3_hash_state_load(kam3_hash_state *state, const uint8_t *digest, kam3_hash_kind kind) {
    if (kind == KAM3_SHA256) {
        for (size_t i = 0; i < 8; i++) state->w32[i] = kam3_load32_be(digest + 4 * i);
    } else {
        for (size_t i = 0; i < 8; i++) state->w64[i] = kam3_load64_be(digest + 8 * i);
    }
}

void kam3_hash_init(kam3_hash *hash, kam3_hash_kind kind) {
    memset(hash, 0, sizeof *hash);
    hash->kind = kind;
    if (kind == KAM3_SHA256) {
        memcpy(hash->state.w32, initial32, sizeof initial32);
    } else {
        memcpy(hash->state.w64, initial64, sizeof initial64);
    }
}

void kam3_hash_update(kam3_hash *hash, const uint8_t *octets, size_t len) {
    const size_t size = kam3_hash_block_octets(hash->kind);
    const size_t used = (size_t)hash->octets & (size - 1);
    if (len == 0) return; /* octets may be NULL, which memcpy does not take */
    hash->octets += len;

    if (used != 0) {
        const size_t take = len < size - used ? len : size - used;
        memcpy(hash->block + used, octets, take);
        if (used + take < size) return;
        kam3_hash_compress(&hash->state, hash->kind, hash->block, 1);
        octets += take;
        len -= take;
    }

    const size_t rest = len & (size - 1), whole = len - rest;
    kam3_hash_compress(&hash->state, hash->kind, octets,
                       size == 64 ? whole / 64 : whole / 128); /* no division instruction */
    if (rest != 0) memcpy(hash->block, octets + whole, rest);
}

/* One bit 1, zeros, and the length in bits as the last 8 octets of a block. SHA-512 gives the length 16 octets, of
   which the first 8 are zero below 2^61 octets. */
void kam3_hash_final(kam3_hash *hash, uint8_t *digest) {
    const size_t size = kam3_hash_block_octets(hash->kind);
    const size_t length_field = size / 8;
    size_t used = (size_t)hash->octets & (size - 1);

    hash->block[used++] = 0x80;
    if (used > size - length_field) {
        memset(hash->block + used, 0, size - used);
        kam3_hash_compress(&hash->state, hash->kind, hash->block, 1);
        used = 0;
    }
    memset(hash->block + used, 0, size - 8 - used);
    kam3_store64_be(hash->block + size - 8, 8 * hash->octets);
    kam3_hash_compress(&hash->state, hash->kind, hash->block, 1);

    kam3_hash_state_store(digest, &hash->state, hash->kind);
    kam3_wipe(hash, sizeof *hash);
}
