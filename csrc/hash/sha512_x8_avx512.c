/* PBKDF2's loop of SHA-512 for eight passwords in the lanes of AVX-512. */
#include "base/wipe.h"
#include "hash/compress.h"

#if KAM3_X86_64

#define TARGET __attribute__((target("avx512f")))
#define WIDTH 8
#define ITERATE kam3_sha512_iterate_x8_avx512
#include "hash/sha512_lanes.inc.h"

#endif
