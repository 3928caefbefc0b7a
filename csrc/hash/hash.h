/* SHA-256 and SHA-512 behind one interface, HMAC and PBKDF2 on top of it.
 *
 * CT: all octets and states are secret, all lengths and the choice of the hash are public.
 */
#ifndef KAM3_HASH_HASH_H
#define KAM3_HASH_HASH_H

#include "base/config.h"

typedef enum { KAM3_SHA256 = 1, KAM3_SHA512 = 2 } kam3_hash_kind;

#define KAM3_HASH_MAX_OCTETS 64
#define KAM3_HASH_MAX_BLOCK 128

/* The chaining value: w32 for SHA-256, w64 for SHA-512. */
typedef union {
    uint32_t w32[8];
    uint64_t w64[8];
} kam3_hash_state;

typedef struct {
    kam3_hash_state state;
    uint8_t block[KAM3_HASH_MAX_BLOCK];
    uint64_t octets; /* taken in so far; below 2^61 */
    kam3_hash_kind kind;
} kam3_hash;

size_t kam3_hash_octets(kam3_hash_kind kind);       /* 32 or 64 */
size_t kam3_hash_block_octets(kam3_hash_kind kind); /* 64 or 128 */

void kam3_hash_init(kam3_hash *hash, kam3_hash_kind kind);
void kam3_hash_update(kam3_hash *hash, const uint8_t *octets, size_t len);

/* digest = the hash of all that was taken in (kam3_hash_octets long); *hash is wiped */
void kam3_hash_final(kam3_hash *hash, uint8_t *digest);

typedef struct {
    kam3_hash inner, outer; /* the states after the key's block */
} kam3_hmac;

void kam3_hmac_init(kam3_hmac *hmac, kam3_hash_kind kind, const uint8_t *key, size_t key_len);
void kam3_hmac_update(kam3_hmac *hmac, const uint8_t *octets, size_t len);
void kam3_hmac_final(kam3_hmac *hmac, uint8_t *mac); /* *hmac is wiped */

/* PBKDF2 [RFC 8018, 5.2] of one block: the output has the length of the hash, which is all that RFC 8120 asks for. The
   salt is taken in by the caller, in as many pieces as it has: init, salt..., final. The result's first octets serve
   shorter wishes. */
typedef struct {
    kam3_hmac keyed, first; /* after the password; and after the password and the salt so far */
} kam3_pbkdf2;

void kam3_pbkdf2_init(kam3_pbkdf2 *pbkdf2, kam3_hash_kind kind, const uint8_t *password, size_t password_len);
void kam3_pbkdf2_salt(kam3_pbkdf2 *pbkdf2, const uint8_t *octets, size_t len);

/* out = T_1 after this many iterations (at least 1, public); *pbkdf2 is wiped */
void kam3_pbkdf2_final(kam3_pbkdf2 *pbkdf2, uint32_t iterations, uint8_t *out);

#endif
