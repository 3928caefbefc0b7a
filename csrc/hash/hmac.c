/* HMAC [RFC 2104]: H(key ^ opad | H(key ^ ipad | text)), the key padded with zeros to a block, or hashed first if
 * longer. */
#include "base/wipe.h"
#include "hash/hash.h"

void kam3_hmac_init(kam3_hmac *hmac, kam3_hash_kind kind, const uint8_t *key, size_t key_len) {
    const size_t size = kam3_hash_block_octets(kind);
    uint8_t padded[KAM3_HASH_MAX_BLOCK] = {0};

    if (key_len > size) {
        kam3_hash_init(&hmac->inner, kind);
        kam3_hash_update(&hmac->inner, key, key_len);
        kam3_hash_final(&hmac->inner, padded);
    } else if (key_len != 0) {
        memcpy(padded, key, key_len);
    }

    for (size_t i = 0; i < size; i++) padded[i] ^= 0x36;
    kam3_hash_init(&hmac->inner, kind);
    kam3_hash_update(&hmac->inner, padded, size);

    for (size_t i = 0; i < size; i++) padded[i] ^= 0x36 ^ 0x5c;
    kam3_hash_init(&hmac->outer, kind);
    kam3_hash_update(&hmac->outer, padded, size);

    kam3_wipe(padded, sizeof padded);
}

void kam3_hmac_update(kam3_hmac *hmac, const uint8_t *octets, size_t len) {
    kam3_hash_update(&hmac->inner, octets, len);
}

void kam3_hmac_final(kam3_hmac *hmac, uint8_t *mac) {
    const size_t len = kam3_hash_octets(hmac->inner.kind);
    uint8_t digest[KAM3_HASH_MAX_OCTETS];
    kam3_hash_final(&hmac->inner, digest);
    kam3_hash_update(&hmac->outer, digest, len);
    kam3_hash_final(&hmac->outer, mac);
    kam3_wipe(digest, sizeof digest);
}
