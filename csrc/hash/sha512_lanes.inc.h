/* PBKDF2's loop of SHA-512 for several passwords, one in each lane of a vector. Before inclusion, define
 *   TARGET, WIDTH, ITERATE         the CPU path's function attribute, the lanes, and the name of the function
 */
#include "base/ct.h"

typedef uint64_t lanes __attribute__((vector_size(8 * WIDTH)));

#define WORD_BITS 64
#define WORD lanes
#define WORD_OF(x) ((x) + (lanes){0})
#include "hash/compress.inc.h"

/* lane i of out[j] = word j of state i, which are sizeof(kam3_pbkdf2_chain) apart. The barrier keeps clang from making one gather
   of eight loads: the addresses are public, but the lint of the machine code allows no gather at all. */
KAM3_INLINE TARGET void lanes_load(lanes out[8], const kam3_hash_state *states) {
    for (size_t j = 0; j < 8; j++) {
        for (size_t i = 0; i < WIDTH; i++) {
            out[j][i] = kam3_value_barrier(states[i * (sizeof(kam3_pbkdf2_chain) / sizeof *states)].w64[j]);
        }
    }
}

KAM3_INLINE TARGET void lanes_store(kam3_hash_state *states, const lanes in[8]) {
    for (size_t j = 0; j < 8; j++) {
        for (size_t i = 0; i < WIDTH; i++) states[i * (sizeof(kam3_pbkdf2_chain) / sizeof *states)].w64[j] = in[j][i];
    }
}

TARGET void ITERATE(kam3_pbkdf2_chain *chains, uint32_t count) {
    struct {
        lanes inner[8], outer[8], u[8], t[8], digest[8], w[16];
    } x;
    lanes_load(x.inner, &chains->inner);
    lanes_load(x.outer, &chains->outer);
    lanes_load(x.u, &chains->u);
    lanes_load(x.t, &chains->t);
    for (; count != 0; count--) {
        sha2_digest(x.digest, x.inner, x.u, x.w);
        sha2_digest(x.u, x.outer, x.digest, x.w);
        for (size_t i = 0; i < 8; i++) x.t[i] ^= x.u[i];
    }
    lanes_store(&chains->u, x.u);
    lanes_store(&chains->t, x.t);
    kam3_wipe(&x, sizeof x);
}
