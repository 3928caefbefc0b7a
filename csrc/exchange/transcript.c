#include "exchange/transcript.h"

#include "base/endian.h"
#include "hash/pbkdf2_many.h"

/* Seven bits of the number that the big-endian octets spell: bits 7i to 7i+6. */
static uint8_t base128_digit(const uint8_t *octets, size_t len, size_t i) {
    const size_t bit = 7 * i, low = bit >> 3; /* the octet, from the end, that holds the lowest of them */
    unsigned window = low < len ? octets[len - 1 - low] : 0;
    if (low + 1 < len) window |= (unsigned)octets[len - 2 - low] << 8;
    return (uint8_t)((window >> (bit & 7)) & 0x7f);
}

/* How many digits VI has for that number: at least one, and none that is a leading zero. Public. */
static size_t base128_digits(const uint8_t *octets, size_t len) {
    size_t digits = len + len / 7 + 1; /* 7 digits >= 8 len bits */
    while (digits > 1 && base128_digit(octets, len, digits - 1) == 0) digits--;
    return digits;
}

/* VI(number) [RFC 8120, 12.1]: digit i of the encoding, counted from its end; only the last octet has its top bit clear. */
static uint8_t vi_octet(const uint8_t *octets, size_t len, size_t i) {
    return (uint8_t)(base128_digit(octets, len, i) | (i == 0 ? 0 : 0x80));
}

static void update_vi(kam3_hash *hash, const uint8_t *octets, size_t len) {
    for (size_t i = base128_digits(octets, len); i-- > 0;) {
        const uint8_t octet = vi_octet(octets, len, i);
        kam3_hash_update(hash, &octet, 1);
    }
}

/* vi = VI(n); returns its length. 64 bits make 10 digits at most. */
static size_t vi_length(uint8_t vi[10], size_t n) {
    uint8_t octets[8];
    size_t digits;
    kam3_store64_be(octets, n);
    digits = base128_digits(octets, sizeof octets);
    for (size_t i = 0; i < digits; i++) vi[digits - 1 - i] = vi_octet(octets, sizeof octets, i);
    return digits;
}

static void update_vs(kam3_hash *hash, const kam3_input *string) {
    uint8_t vi[10];
    kam3_hash_update(hash, vi, vi_length(vi, string->len));
    kam3_hash_update(hash, string->octets, string->len);
}

void kam3_challenge(uint8_t *t, const kam3_set *set, const uint8_t *kc1, const uint8_t *ks1) {
    const uint8_t label = ks1 == NULL ? 1 : 2;
    kam3_hash hash;
    kam3_hash_init(&hash, set->hash);
    kam3_hash_update(&hash, &label, 1);
    kam3_hash_update(&hash, kc1, set->sizes.element);
    if (ks1 != NULL) kam3_hash_update(&hash, ks1, set->sizes.element);
    kam3_hash_final(&hash, t);
}

void kam3_proof(uint8_t *digest, const kam3_set *set, int label, const kam3_input *kc1, const kam3_input *ks1,
                const kam3_input *z, const kam3_input *nc, const kam3_input *vh) {
    const uint8_t octet = (uint8_t)label;
    kam3_hash hash;
    kam3_hash_init(&hash, set->hash);
    kam3_hash_update(&hash, &octet, 1);
    kam3_hash_update(&hash, kc1->octets, kc1->len);
    kam3_hash_update(&hash, ks1->octets, ks1->len);
    kam3_hash_update(&hash, z->octets, z->len);
    update_vi(&hash, nc->octets, nc->len);
    update_vs(&hash, vh);
    kam3_hash_final(&hash, digest);
}

void kam3_bind(uint8_t *digest, const kam3_set *set, const uint8_t *prefix, const kam3_input *t) {
    kam3_hash hash;
    kam3_hash_init(&hash, set->hash);
    kam3_hash_update(&hash, prefix, set->sizes.hash);
    update_vs(&hash, t);
    kam3_hash_final(&hash, digest);
}

static void salt_vs(kam3_pbkdf2 *pbkdf2, const kam3_input *string) {
    uint8_t vi[10];
    kam3_pbkdf2_salt(pbkdf2, vi, vi_length(vi, string->len));
    kam3_pbkdf2_salt(pbkdf2, string->octets, string->len);
}

void kam3_stretch(uint8_t *const pi[], const kam3_set *set, const kam3_input (*in)[KAM3_PI_INPUTS], size_t count) {
    const uint32_t iterations = 16384; /* nIterPi [RFC 8121, 3] */
    const kam3_input token = {KAM3_ARG_ALGORITHM, (const uint8_t *)set->token, set->token_len};
    kam3_pbkdf2 pbkdf2[KAM3_STRETCH_MAX];
    kam3_pbkdf2_job jobs[KAM3_STRETCH_MAX];
    for (size_t i = 0; i < count; i++) {
        kam3_pbkdf2_init(&pbkdf2[i], set->hash, in[i][KAM3_PI_PASSWORD].octets, in[i][KAM3_PI_PASSWORD].len);
        salt_vs(&pbkdf2[i], &token);
        for (size_t part = KAM3_PI_AUTH_SCOPE; part <= KAM3_PI_USER; part++) salt_vs(&pbkdf2[i], &in[i][part]);
        jobs[i].pbkdf2 = &pbkdf2[i];
        jobs[i].out = pi[i];
    }
    kam3_pbkdf2_many(jobs, count, iterations); /* wipes each */
}
