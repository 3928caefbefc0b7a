/* Included before every file of the library that instructions.py builds: valgrind runs adcx and adox, but the CPU it shows does not
 * claim them. Where it claims BMI2, this adds ADX to leaf 7. Nothing else is changed. */
#if defined(__x86_64__)
#include <cpuid.h>

static inline int kam3_bench_cpuid_count(unsigned leaf, unsigned subleaf, unsigned *a, unsigned *b, unsigned *c, unsigned *d) {
    if (!__get_cpuid_count(leaf, subleaf, a, b, c, d)) return 0;
    if (leaf == 7 && subleaf == 0 && (*b & (1u << 8)) != 0) *b |= 1u << 19;
    return 1;
}

#define __get_cpuid_count kam3_bench_cpuid_count
#endif
