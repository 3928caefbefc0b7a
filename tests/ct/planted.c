/* Planted faults: in every run of a checker each of those it can see must be found, in the function that commits it.
 *
 * They are reached through a pointer, below a call, on a value that depends on the secret only through SHA-512 and a
 * selection: a checker that loses track of either would miss them all. planted_nothing does the same work without a
 * fault.
 */
#include "planted.h"

#include "base/ct.h"
#include "hash/hash.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define WORDS 8

planted_function planted_branch, planted_load, planted_dividend, planted_divisor, planted_wide_division;
planted_function planted_comparison, planted_scan, planted_gather, planted_extract, planted_root, planted_nothing;

KAM3_NOINLINE uint64_t planted_branch(const uint64_t *secret, const uint64_t *table) {
    uint64_t sum = 0;
    for (int i = 0; i < WORDS; i++) {
        if (secret[i] & 1) {
            __asm__ volatile(""); /* stays a branch, whatever the compiler thinks of selections */
            sum += table[i];
        }
    }
    return sum;
}

KAM3_NOINLINE uint64_t planted_load(const uint64_t *secret, const uint64_t *table) {
    uint64_t sum = 0;
    for (int i = 0; i < WORDS; i++) sum ^= table[secret[i] % WORDS];
    return sum;
}

KAM3_NOINLINE uint64_t planted_dividend(const uint64_t *secret, const uint64_t *table) { return secret[0] / table[0]; }

KAM3_NOINLINE uint64_t planted_divisor(const uint64_t *secret, const uint64_t *table) {
    return table[0] / (secret[0] | 1);
}

#if defined(__SIZEOF_INT128__)
KAM3_NOINLINE uint64_t planted_wide_division(const uint64_t *secret, const uint64_t *table) {
    return (uint64_t)((((unsigned __int128)secret[0] << 64) | secret[1]) / table[0]);
}
#endif

KAM3_NOINLINE uint64_t planted_comparison(const uint64_t *secret, const uint64_t *table) {
    return (uint64_t)memcmp(secret, table, (size_t)table[0]); /* a length that is no constant: a call */
}

#if defined(__x86_64__)
KAM3_NOINLINE uint64_t planted_scan(const uint64_t *secret, const uint64_t *table) {
    uint64_t left = WORDS * sizeof *secret;
    __asm__ volatile("repe cmpsb" : "+c"(left), "+S"(secret), "+D"(table) : : "memory", "cc");
    return left;
}

__attribute__((target("avx2"))) KAM3_NOINLINE uint64_t planted_gather(const uint64_t *secret, const uint64_t *table) {
    const __m256i words = _mm256_loadu_si256((const __m256i *)(const void *)secret);
    const __m256i index = _mm256_and_si256(words, _mm256_set1_epi64x(7));
    const __m256i found = _mm256_i64gather_epi64((const long long *)(const void *)table, index, 8);
    return (uint64_t)_mm256_extract_epi64(found, 0);
}

__attribute__((target("bmi2"))) KAM3_NOINLINE uint64_t planted_extract(const uint64_t *secret, const uint64_t *table) {
    return _pext_u64(table[0], secret[0]);
}
#endif

#if defined(__aarch64__) /* read by the lint, never executed */
KAM3_NOINLINE uint64_t planted_gather(const uint64_t *secret, const uint64_t *table) {
    uint64_t sum;
    __asm__(".arch_extension sve\n\tptrue p0.d\n\tld1d {z0.d}, p0/z, [%1]\n\tld1d {z0.d}, p0/z, [%2, z0.d, lsl #3]\n\t"
            "uaddv d0, p0, z0.d\n\tfmov %0, d0"
            : "=r"(sum)
            : "r"(secret), "r"(table)
            : "memory", "v0");
    return sum;
}

KAM3_NOINLINE uint64_t planted_root(const uint64_t *secret, const uint64_t *table) {
    double root;
    __asm__("fsqrt %d0, %d1" : "=w"(root) : "w"((double)secret[0]));
    return (uint64_t)root ^ table[0];
}
#endif

KAM3_NOINLINE uint64_t planted_nothing(const uint64_t *secret, const uint64_t *table) {
    uint64_t found, sum = 0;
    for (int i = 0; i < WORDS; i++) {
        kam3_lookup(&found, table, WORDS, 1, secret[i] & 7);
        sum += kam3_select(kam3_mask_from_bit(secret[i] & 1), found, secret[i]);
    }
    return sum;
}

KAM3_NOINLINE uint64_t planted_call(planted_function *const *fault, const uint8_t *password, size_t len) {
    static const uint64_t table[WORDS] = {2, 3, 5, 7, 11, 13, 17, 19};
    uint8_t digest[WORDS * 8];
    uint64_t secret[WORDS];
    kam3_hash hash;
    kam3_hash_init(&hash, KAM3_SHA512);
    kam3_hash_update(&hash, password, len);
    kam3_hash_final(&hash, digest);
    memcpy(secret, digest, sizeof secret);
    for (int i = 0; i < WORDS; i++) secret[i] = kam3_select(kam3_mask_eq(secret[i], 0), table[i], secret[i]);
    return (*fault)(secret, table);
}

planted_function *planted_find(const char *name) {
    static const struct {
        const char *name;
        planted_function *function;
    } faults[] = {
        {"branch", planted_branch},
        {"load", planted_load},
        {"divisor", planted_divisor},
        {"nothing", planted_nothing},
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        if (strcmp(faults[i].name, name) == 0) return faults[i].function;
    return NULL;
}
