/* The CPU: what it can do, and what of it is in use.
 *
 * A path is a name for a set of features. Kernels ask kam3_cpu_has for the features they need and run their portable
 * form otherwise, so choosing a path chooses the kernels everywhere. kam3_cpu_path, kam3_cpu_features,
 * kam3_cpu_feature_name, kam3_cpu_use and kam3_cpu_tell are as kam3.h says.
 */
#ifndef KAM3_BASE_CPU_H
#define KAM3_BASE_CPU_H

#include "base/config.h"

/* 1 where kernels with function target attributes and x86 intrinsics are compiled; elsewhere their files are empty. */
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define KAM3_X86_64 1
#else
#define KAM3_X86_64 0
#endif

/* 1 where kernels with arm_neon.h's intrinsics are compiled. Big-endian machines have another order of lanes. */
#if defined(__aarch64__) && !defined(__AARCH64EB__) && (defined(__GNUC__) || defined(__clang__))
#define KAM3_AARCH64 1
#else
#define KAM3_AARCH64 0
#endif

/* 1 where assembler computes on secrets. MSan takes what enters it for used, and what leaves it for public, so the
 * build for MSan goes without; memcheck sees it. */
#if KAM3_X86_64 && !defined(KAM3_CT_MSAN)
#define KAM3_X86_64_ASM 1
#else
#define KAM3_X86_64_ASM 0
#endif

/* In the order of feature_names in cpu.c. */
enum {
    KAM3_CPU_BMI2 = 1 << 0,
    KAM3_CPU_ADX = 1 << 1,
    KAM3_CPU_SHA = 1 << 2,
    KAM3_CPU_AVX2 = 1 << 3,
    KAM3_CPU_AVX512F = 1 << 4,
    KAM3_CPU_AVX512VL = 1 << 5,
    KAM3_CPU_AVX512IFMA = 1 << 6,
    KAM3_CPU_SSSE3 = 1 << 7,
    KAM3_CPU_BMI1 = 1 << 8,
    KAM3_CPU_SHA2 = 1 << 9 /* the SHA-256 instructions of ARMv8; SHA are those of x86 */
};

/* 1 if all these features are in use: this CPU has them, and the chosen path allows them. */
int kam3_cpu_has(uint32_t features);

#endif
