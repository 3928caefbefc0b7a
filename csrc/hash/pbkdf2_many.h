/* PBKDF2 for many passwords at once, for a server that enrols or checks them in batches. Internal: what the public API
 * offers of it is the business of kam3.h.
 */
#ifndef KAM3_HASH_PBKDF2_MANY_H
#define KAM3_HASH_PBKDF2_MANY_H

#include "hash/hash.h"

/* One password: a context after kam3_pbkdf2_init and all its kam3_pbkdf2_salt, and where its result goes
   (kam3_hash_octets long). */
typedef struct {
    kam3_pbkdf2 *pbkdf2;
    uint8_t *out;
} kam3_pbkdf2_job;

/* For every job what kam3_pbkdf2_final(pbkdf2, iterations, out) does, several at a time where this CPU gains by it.
   Requires: all contexts are of one hash; iterations >= 1; no context or output appears in two jobs.
   CT: as in hash.h; count is public. */
void kam3_pbkdf2_many(const kam3_pbkdf2_job *jobs, size_t count, uint32_t iterations);

#endif
