/* PBKDF2 with HMAC [RFC 8018, 5.2]: T_1 = U_1 ^ ... ^ U_c, where U_1 = HMAC(password, salt | INT(1)) and
 * U_i = HMAC(password, U_{i-1}). */
#include "base/endian.h"
#include "base/wipe.h"
#include "hash/compress.h"

void kam3_pbkdf2_init(kam3_pbkdf2 *pbkdf2, kam3_hash_kind kind, const uint8_t *password, size_t password_len) {
    kam3_hmac_init(&pbkdf2->keyed, kind, password, password_len);
    pbkdf2->first = pbkdf2->keyed;
}

void kam3_pbkdf2_salt(kam3_pbkdf2 *pbkdf2, const uint8_t *octets, size_t len) {
    kam3_hmac_update(&pbkdf2->first, octets, len);
}

/* From U_2 on, both hashes of an HMAC end with one block of the same shape after the key's: a digest, and the padding for a
   text of one block and one digest. So that block is laid out once, and an iteration is two compressions on it. */
void kam3_pbkdf2_final(kam3_pbkdf2 *pbkdf2, uint32_t iterations, uint8_t *out) {
    static const uint8_t block_number[4] = {0, 0, 0, 1};
    const kam3_hash_kind kind = pbkdf2->keyed.inner.kind;
    const size_t len = kam3_hash_octets(kind), size = kam3_hash_block_octets(kind);
    uint8_t block[KAM3_HASH_MAX_BLOCK] = {0};
    kam3_hash_state state;

    kam3_hmac_update(&pbkdf2->first, block_number, sizeof block_number);
    kam3_hmac_final(&pbkdf2->first, block);
    memcpy(out, block, len);

    block[len] = 0x80;
    kam3_store64_be(block + size - 8, 8 * (uint64_t)(size + len));
    for (uint32_t i = 1; i < iterations; i++) {
        state = pbkdf2->keyed.inner.state;
        kam3_hash_compress(&state, kind, block, 1);
        kam3_hash_state_store(block, &state, kind);
        state = pbkdf2->keyed.outer.state;
        kam3_hash_compress(&state, kind, block, 1);
        kam3_hash_state_store(block, &state, kind);
        for (size_t k = 0; k < len; k++) out[k] ^= block[k];
    }

    kam3_wipe(&state, sizeof state);
    kam3_wipe(block, sizeof block);
    kam3_wipe(pbkdf2, sizeof *pbkdf2);
}
