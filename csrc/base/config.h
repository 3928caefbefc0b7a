/* What the compiler is asked for, in one place. */
#ifndef KAM3_BASE_CONFIG_H
#define KAM3_BASE_CONFIG_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__) || defined(__clang__)
#define KAM3_INLINE static inline __attribute__((always_inline, unused))
#define KAM3_NOINLINE __attribute__((noinline))
#elif defined(_MSC_VER)
#define KAM3_INLINE static __forceinline
#define KAM3_NOINLINE __declspec(noinline)
#else
#define KAM3_INLINE static inline
#define KAM3_NOINLINE
#endif

/* KAM3_NO_INT128 forces the plain 64x64 -> 128 multiplication, so that machines which have the other can test it. */
#if defined(__SIZEOF_INT128__) && !defined(KAM3_NO_INT128)
#define KAM3_HAVE_INT128 1
#else
#define KAM3_HAVE_INT128 0
#endif

/* A template names its functions KAM3_CAT(prefix, name), with the prefix expanded first. */
#define KAM3_CAT_(a, b) a##b
#define KAM3_CAT(a, b) KAM3_CAT_(a, b)

#endif
