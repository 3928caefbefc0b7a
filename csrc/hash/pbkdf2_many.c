/* Whole vectors of passwords as long as they last, and the rest as one more vector if it is big enough, else one by
 * one. */
#include "hash/pbkdf2_many.h"

#include "base/wipe.h"
#include "hash/compress.h"

/* One run of a kernel: `count` jobs in the first of its lanes. An idle lane repeats the first, so that none computes on
   garbage. */
static void run(kam3_pbkdf2_chain *chains, kam3_pbkdf2_lanes lanes, const kam3_pbkdf2_job *jobs, size_t count,
                uint32_t iterations) {
    const kam3_hash_kind kind = jobs[0].pbkdf2->keyed.inner.kind;
    for (size_t i = 0; i < count; i++) kam3_pbkdf2_start(&chains[i], jobs[i].pbkdf2);
    for (size_t i = count; i < lanes.width; i++) chains[i] = chains[0];
    lanes.iterate(chains, iterations - 1);
    for (size_t i = 0; i < count; i++) kam3_hash_state_store(jobs[i].out, &chains[i].t, kind);
}

void kam3_pbkdf2_many(const kam3_pbkdf2_job *jobs, size_t count, uint32_t iterations) {
    kam3_pbkdf2_chain chains[KAM3_PBKDF2_MAX_WIDTH];
    kam3_pbkdf2_lanes lanes;
    if (count == 0) return;

    lanes = jobs[0].pbkdf2->keyed.inner.kind == KAM3_SHA256 ? kam3_sha256_lanes() : kam3_sha512_lanes();
    while (count >= lanes.least) {
        const size_t now = count < lanes.width ? count : lanes.width;
        run(chains, lanes, jobs, now, iterations);
        jobs += now;
        count -= now;
    }
    for (; count != 0; jobs++, count--) kam3_pbkdf2_final(jobs->pbkdf2, iterations, jobs->out);

    kam3_wipe(chains, sizeof chains);
}
