/* The CPU: what it can do, and which code path is in use. kam3_cpu_features and kin are as kam3.h says. */
#ifndef KAM3_BASE_CPU_H
#define KAM3_BASE_CPU_H

#include "base/config.h"

enum {
    KAM3_CPU_BMI2 = 1 << 0,
    KAM3_CPU_ADX = 1 << 1,
    KAM3_CPU_SHA = 1 << 2,
    KAM3_CPU_AVX2 = 1 << 3,
    KAM3_CPU_AVX512F = 1 << 4,
    KAM3_CPU_AVX512VL = 1 << 5,
    KAM3_CPU_AVX512IFMA = 1 << 6
};

#endif
