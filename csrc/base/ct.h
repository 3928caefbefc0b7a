/* Secrets: truth values as masks, selection without branches, and the marks that the taint checkers read.
 *
 * A secret truth value is a kam3_mask, all ones or all zero. It is never the operand of if, ?:, && or an index; it becomes an
 * int only through kam3_declassify_mask, at a place that says why the verdict is public.
 */
#ifndef KAM3_BASE_CT_H
#define KAM3_BASE_CT_H

#include "base/config.h"
#include "base/wipe.h"

/* KAM3_SECRET marks octets as secret (the test drivers use it), KAM3_DECLASSIFY as public; `why` is for the reader and must be
 * a sentence. Without a checker both do nothing. */
#if defined(KAM3_CT_MEMCHECK)
#include <valgrind/memcheck.h>
#define KAM3_SECRET(pointer, len) ((void)VALGRIND_MAKE_MEM_UNDEFINED((pointer), (len)))
#define KAM3_DECLASSIFY(pointer, len, why) ((void)VALGRIND_MAKE_MEM_DEFINED((pointer), (len)))
#elif defined(KAM3_CT_MSAN)
#include <sanitizer/msan_interface.h>
#define KAM3_SECRET(pointer, len) __msan_allocated_memory((pointer), (len))
#define KAM3_DECLASSIFY(pointer, len, why) __msan_unpoison((pointer), (len))
#else
#define KAM3_SECRET(pointer, len) ((void)(pointer), (void)(len))
#define KAM3_DECLASSIFY(pointer, len, why) ((void)(pointer), (void)(len))
#endif

typedef uint64_t kam3_mask;

/* x, in a form whose origin the compiler cannot see: without this gcc turns masks back into branches. */
KAM3_INLINE uint64_t kam3_value_barrier(uint64_t x) {
#if defined(__GNUC__) || defined(__clang__)
    __asm__("" : "+r"(x));
    return x;
#else
    volatile uint64_t y = x;
    return y;
#endif
}

/* all ones if bit = 1, zero if bit = 0. Requires: bit is 0 or 1 */
KAM3_INLINE kam3_mask kam3_mask_from_bit(uint64_t bit) { return kam3_value_barrier(0 - bit); }

/* all ones if x = 0 */
KAM3_INLINE kam3_mask kam3_mask_is_zero(uint64_t x) { return kam3_mask_from_bit((~x & (x - 1)) >> 63); }

KAM3_INLINE kam3_mask kam3_mask_eq(uint64_t a, uint64_t b) { return kam3_mask_is_zero(a ^ b); }

/* all ones if a < b, as unsigned numbers */
KAM3_INLINE kam3_mask kam3_mask_lt(uint64_t a, uint64_t b) {
    return kam3_mask_from_bit((a ^ ((a ^ b) | ((a - b) ^ b))) >> 63);
}

/* m ? a : b */
KAM3_INLINE uint64_t kam3_select(kam3_mask m, uint64_t a, uint64_t b) { return b ^ (kam3_value_barrier(m) & (a ^ b)); }

/* r = m ? a : r, over n words */
KAM3_INLINE void kam3_cmov(uint64_t *r, const uint64_t *a, kam3_mask m, size_t n) {
    for (size_t i = 0; i < n; i++) r[i] = kam3_select(m, a[i], r[i]);
}

/* out = table[index], over n words; every entry is read. Requires: index < entries <= 16 */
KAM3_INLINE void kam3_lookup(uint64_t *out, const uint64_t *table, size_t entries, size_t n, uint64_t index) {
    kam3_mask m[16];
    for (size_t e = 0; e < entries; e++) m[e] = kam3_mask_eq(e, index);
    for (size_t i = 0; i < n; i++) {
        uint64_t sum = 0;
        for (size_t e = 0; e < entries; e++) sum |= table[e * n + i] & m[e];
        out[i] = sum;
    }
    kam3_wipe(m, sizeof m);
}

/* 1 or 0, public from here on; `why` is the reason. */
#define kam3_declassify_mask(m, why) kam3_declassify_mask_(m)
KAM3_INLINE int kam3_declassify_mask_(kam3_mask m) {
    uint64_t bit = m & 1;
    KAM3_DECLASSIFY(&bit, sizeof bit, "see the caller");
    return (int)bit;
}

#endif
