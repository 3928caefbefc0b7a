/* PBKDF2's loop of SHA-512 for four passwords in the lanes of AVX2. */
#include "base/wipe.h"
#include "hash/compress.h"

#if KAM3_X86_64

#define TARGET __attribute__((target("avx2")))
#define WIDTH 4
#define ITERATE kam3_sha512_iterate_x4_avx2
#include "hash/sha512_lanes.inc.h"

#endif
