#include "base/cpu.h"

#include "kam3.h"

#if (defined(__x86_64__) || defined(_M_X64)) && (defined(__GNUC__) || defined(__clang__))
#include <cpuid.h>
#define KAM3_HAVE_CPUID 1
#else
#define KAM3_HAVE_CPUID 0
#endif

/* In the order of the bits in base/cpu.h. */
static const char *const feature_names[] = {"bmi2", "adx", "sha", "avx2", "avx512f", "avx512vl", "avx512ifma"};

const char *kam3_cpu_feature_name(unsigned i) {
    return i < sizeof feature_names / sizeof feature_names[0] ? feature_names[i] : NULL;
}

#if KAM3_HAVE_CPUID

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
    if (c & (1u << 27)) saved = saved_state(); /* OSXSAVE: xgetbv exists */
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    if (b & (1u << 8)) found |= KAM3_CPU_BMI2;
    if (b & (1u << 19)) found |= KAM3_CPU_ADX;
    if (b & (1u << 29)) found |= KAM3_CPU_SHA;
    if ((saved & ymm) == ymm && (b & (1u << 5))) found |= KAM3_CPU_AVX2;
    if ((saved & zmm) == zmm) {
        if (b & (1u << 16)) found |= KAM3_CPU_AVX512F;
        if (b & (1u << 31)) found |= KAM3_CPU_AVX512VL;
        if (b & (1u << 21)) found |= KAM3_CPU_AVX512IFMA;
    }
    return found;
}

#else

uint32_t kam3_cpu_features(void) { return 0; }

#endif

/* The portable path is the only one yet, so there is no choice to remember. */
const char *kam3_cpu_path(void) { return "portable"; }

kam3_status kam3_cpu_use(const char *path, size_t path_len) {
    static const char portable[] = "portable";
    if (path == NULL) return KAM3_ERR_NULL;
    return path_len == sizeof portable - 1 && memcmp(path, portable, path_len) == 0 ? KAM3_OK : KAM3_ERR_ALGORITHM;
}
