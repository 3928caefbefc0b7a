/* PBKDF2 with HMAC [RFC 8018, 5.2]: T_1 = U_1 ^ ... ^ U_c, where U_1 = HMAC(password, salt | INT(1)) and
 * U_i = HMAC(password, U_{i-1}). */
#include "base/wipe.h"
#include "hash/compress.h"

void kam3_pbkdf2_init(kam3_pbkdf2 *pbkdf2, kam3_hash_kind kind, const uint8_t *password, size_t password_len) {
    kam3_hmac_init(&pbkdf2->keyed, kind, password, password_len);
    pbkdf2->first = pbkdf2->keyed;
}

void kam3_pbkdf2_salt(kam3_pbkdf2 *pbkdf2, const uint8_t *octets, size_t len) {
    kam3_hmac_update(&pbkdf2->first, octets, len);
}

/* chain = the loop after U_1, where T = U_1 */
void kam3_pbkdf2_start(kam3_pbkdf2_chain *chain, kam3_pbkdf2 *pbkdf2) {
    static const uint8_t block_number[4] = {0, 0, 0, 1};
    const kam3_hash_kind kind = pbkdf2->keyed.inner.kind;
    uint8_t mac[KAM3_HASH_MAX_OCTETS];

    chain->inner = pbkdf2->keyed.inner.state;
    chain->outer = pbkdf2->keyed.outer.state;
    kam3_hmac_update(&pbkdf2->first, block_number, sizeof block_number);
    kam3_hmac_final(&pbkdf2->first, mac);
    kam3_hash_state_load(&chain->u, mac, kind);
    chain->t = chain->u;

    kam3_wipe(mac, sizeof mac);
    kam3_wipe(pbkdf2, sizeof *pbkdf2);
}

void kam3_pbkdf2_final(kam3_pbkdf2 *pbkdf2, uint32_t iterations, uint8_t *out) {
    const kam3_hash_kind kind = pbkdf2->keyed.inner.kind;
    kam3_pbkdf2_chain chain;

    kam3_pbkdf2_start(&chain, pbkdf2);
    if (kind == KAM3_SHA256) {
        kam3_sha256_iterate(&chain, iterations - 1);
    } else {
        kam3_sha512_iterate(&chain, iterations - 1);
    }
    kam3_hash_state_store(out, &chain.t, kind);
    kam3_wipe(&chain, sizeof chain);
}
