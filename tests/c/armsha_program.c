/* The SHA-256 kernels of ARMv8 against their portable twins, over extreme and pseudo-random chaining values, no to five blocks
 * at an odd address, and loops of none to fifty iterations. Prints how many comparisons were made and how many differed.
 * With the argument "planted" one bit of each result is turned first: then all must differ. */
#include <stdio.h>
#include <string.h>

#include "hash/compress.h"

static uint64_t seed = 0x6b616d33;

static uint32_t draw(void) { /* splitmix64 */
    uint64_t z = seed += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (uint32_t)((z ^ (z >> 31)) >> 32);
}

/* Words that are all 0, all ones, some of both, or random. */
static void fill(uint32_t *words, size_t count, unsigned kind) {
    static const uint32_t extreme[4] = {0, 1, 0x7fffffff, 0xffffffff};
    for (size_t i = 0; i < count; i++) {
        const uint32_t drawn = draw();
        words[i] = kind == 0 ? 0 : kind == 1 ? 0xffffffff : kind == 2 ? extreme[drawn & 3] : drawn;
    }
}

static unsigned compared, differed;

static void compare(const void *ours, const void *twin, size_t len) {
    compared++;
    if (memcmp(ours, twin, len) != 0) differed++;
}

int main(int argc, char **argv) {
    const uint32_t fault = argc > 1 && strcmp(argv[1], "planted") == 0 ? 4 : 0;
    for (unsigned round = 0; round < 200; round++) {
        static const uint32_t counts[] = {0, 1, 2, 3, 50};
        uint8_t text[1 + 5 * 64];
        uint32_t ours[8], twin[8], words[1 + 5 * 16];
        fill(words, sizeof words / 4, (round / 4) & 3);
        memcpy(text, words, sizeof text);
        for (size_t count = 0; count <= 5; count++) {
            fill(ours, 8, round & 3);
            memcpy(twin, ours, sizeof twin);
            kam3_sha256_compress_armsha(ours, text + 1, count);
            kam3_sha256_compress_portable(twin, text + 1, count);
            ours[count] ^= fault;
            compare(ours, twin, sizeof ours);
        }
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            kam3_pbkdf2_chain a, b;
            fill((uint32_t *)&a, sizeof a / 4, round & 3);
            b = a;
            kam3_sha256_iterate_armsha(&a, counts[i]);
            kam3_sha256_iterate_portable(&b, counts[i]);
            a.t.w32[i] ^= fault;
            compare(&a, &b, sizeof a);
        }
    }
    printf("%u compared, %u differ\n", compared, differed);
    return 0;
}
