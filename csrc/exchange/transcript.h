/* What is hashed: the encodings of RFC 8120 section 12.1 and the hash inputs of RFC 8120 sections 12.2 and 13, RFC 8121 section 3. */
#ifndef KAM3_EXCHANGE_TRANSCRIPT_H
#define KAM3_EXCHANGE_TRANSCRIPT_H

#include "exchange/sets.h"

/* t = H(octet(1) | K_c1), or H(octet(2) | K_c1 | K_s1) when ks1 is not NULL: the octets of t_1 and t_2. CT: all public. */
void kam3_challenge(uint8_t *t, const kam3_set *set, const uint8_t *kc1, const uint8_t *ks1);

/* digest = H(octet(label) | K_c1 | K_s1 | z | VI(nc) | VS(vh)). CT: z is secret; nc, vh and the labels are public. */
void kam3_proof(uint8_t *digest, const kam3_set *set, int label, const kam3_input *kc1, const kam3_input *ks1,
                const kam3_input *z, const kam3_input *nc, const kam3_input *vh);

/* digest = H(prefix | VS(t)), prefix one hash long. */
void kam3_bind(uint8_t *digest, const kam3_set *set, const uint8_t *prefix, const kam3_input *t);

/* What pi is made from, in this order; the salt's first part is the algorithm's token. */
enum { KAM3_PI_PASSWORD, KAM3_PI_AUTH_SCOPE, KAM3_PI_REALM, KAM3_PI_USER, KAM3_PI_INPUTS };

#define KAM3_STRETCH_MAX 8

/* pi[i] from inputs in[i], i < count. Requires: count <= KAM3_STRETCH_MAX. CT: all but the lengths is secret. */
void kam3_stretch(uint8_t *const pi[], const kam3_set *set, const kam3_input (*in)[KAM3_PI_INPUTS], size_t count);

#endif
