#include "base/cpu.h"

#include <stdatomic.h>

#include "kam3.h"

#if KAM3_X86_64
#include <cpuid.h>
#endif

/* In the order of the bits in base/cpu.h. */
static const char *const feature_names[] = {"bmi2",     "adx",        "sha",   "avx2", "avx512f",
                                            "avx512vl", "avx512ifma", "ssse3", "bmi1", "sha2"};

const char *kam3_cpu_feature_name(unsigned i) {
    return i < sizeof feature_names / sizeof feature_names[0] ? feature_names[i] : NULL;
}

/* What a program may tell, because the CPU tells it to the operating system alone. */
#define TELLABLE (KAM3_AARCH64 ? (uint32_t)KAM3_CPU_SHA2 : 0)

static atomic_uint cpu_told;

void kam3_cpu_tell(uint32_t features) {
    (void)atomic_fetch_or_explicit(&cpu_told, features & TELLABLE, memory_order_relaxed);
}

#if KAM3_X86_64

/* XCR0: the register files that the operating system saves. */
static uint64_t saved_state(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return ((uint64_t)high << 32) | low;
}

uint32_t kam3_cpu_features(void) {
    const uint64_t ymm = 0x06, zmm = 0xe6; /* XCR0: xmm and ymm; these and the opmasks, both halves of the zmm file */
    uint32_t a, b, c, d, found = 0;
    uint64_t saved = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
    if (c & (1u << 9)) found |= KAM3_CPU_SSSE3;
    if (c & (1u << 27)) saved = saved_state(); /* OSXSAVE: xgetbv exists */
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return found;
    if (b & (1u << 3)) found |= KAM3_CPU_BMI1;
    if (b & (1u << 8)) found |= KAM3_CPU_BMI2;
    if (b & (1u << 19)) found |= KAM3_CPU_ADX;
    if (b & (1u << 29)) found |= KAM3_CPU_SHA;
    if ((saved & ymm) == ymm && (b & (1u << 5))) found |= KAM3_CPU_AVX2;
#if defined(KAM3_CT_MEMCHECK)
    if (found & KAM3_CPU_BMI2) found |= KAM3_CPU_ADX; /* valgrind executes adcx and adox, but its cpuid is silent about them */
#endif
    if ((saved & zmm) == zmm) {
        if (b & (1u << 16)) found |= KAM3_CPU_AVX512F;
        if (b & (1u << 31)) found |= KAM3_CPU_AVX512VL;
        if (b & (1u << 21)) found |= KAM3_CPU_AVX512IFMA;
    }
    return found;
}

#else

uint32_t kam3_cpu_features(void) {
    uint32_t found = atomic_load_explicit(&cpu_told, memory_order_relaxed);
#if KAM3_AARCH64 && (defined(__ARM_FEATURE_SHA2) || defined(__ARM_FEATURE_CRYPTO))
    found |= KAM3_CPU_SHA2; /* the compiler was told: it may use them everywhere */
#endif
    return found;
}

#endif

#define SHANI (KAM3_CPU_SHA | KAM3_CPU_SSSE3)
#define ADX (KAM3_CPU_BMI2 | KAM3_CPU_ADX | KAM3_CPU_AVX2)
#define IFMA (ADX | KAM3_CPU_AVX512F | KAM3_CPU_AVX512VL | KAM3_CPU_AVX512IFMA)

/* The CPU word holds the features in use, with the path's number above them; it is 0 until first asked. */
#define CHOSEN 0x80000000u
#define PATH_SHIFT 24

/* From the least to the most demanding: the default is the last one this CPU can run. A path allows what the CPUs
   that stop at it may have beside what it needs, and no more, so that forcing one on a bigger machine runs the code of
   a smaller. */
static const struct {
    const char *name;
    size_t len;
    uint32_t needed, allowed;
} paths[] = {
    {"portable", 8, 0, 0},
    {"armsha", 6, KAM3_CPU_SHA2, KAM3_CPU_SHA2},
    {"shani", 5, SHANI, SHANI},
    {"adx", 3, ADX, ADX | SHANI | KAM3_CPU_BMI1},
    {"ifma", 4, IFMA, ~0u >> (32 - PATH_SHIFT)},
};

/* Set idempotently, or by choice. */
static atomic_uint cpu_word;

static uint32_t word_for(unsigned path, uint32_t found) {
    return CHOSEN | path << PATH_SHIFT | (found & paths[path].allowed);
}

static int runs(unsigned path, uint32_t found) { return (found & paths[path].needed) == paths[path].needed; }

static uint32_t current_word(void) {
    unsigned word = atomic_load_explicit(&cpu_word, memory_order_relaxed);
    if (word == 0) {
        const uint32_t found = kam3_cpu_features();
        unsigned best = sizeof paths / sizeof paths[0] - 1;
        while (!runs(best, found)) best--; /* the first needs nothing */
        const uint32_t first = word_for(best, found);
        /* a kam3_cpu_use that came meanwhile stays: then `word` is what it chose */
        if (atomic_compare_exchange_strong_explicit(&cpu_word, &word, first, memory_order_relaxed, memory_order_relaxed)) {
            word = first;
        }
    }
    return word;
}

int kam3_cpu_has(uint32_t features) { return (current_word() & features) == features; }

const char *kam3_cpu_path(void) { return paths[(current_word() & ~CHOSEN) >> PATH_SHIFT].name; }

kam3_status kam3_cpu_use(const char *path, size_t path_len) {
    const uint32_t found = kam3_cpu_features();
    if (path == NULL) return KAM3_ERR_NULL;
    for (unsigned i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (paths[i].len != path_len || memcmp(paths[i].name, path, path_len) != 0 || !runs(i, found)) continue;
        atomic_store_explicit(&cpu_word, word_for(i, found), memory_order_relaxed);
        return KAM3_OK;
    }
    return KAM3_ERR_ALGORITHM;
}
