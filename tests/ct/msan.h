/* Included before all else in the MSan build: what MSan must be told of the library's arithmetic.
 *
 * MSan keeps a mark for each bit, but it works marks out without carries: the high half of a product of two secrets,
 * the carry of a sum, and the top bit of ~x & (x - 1) for a secret octet x count as public. It would lose every secret
 * at the first multiplication or table look-up. So the results of base/int128.h, and the operands of the masks of
 * base/ct.h, are marked here in all their bits as soon as one is marked. Nothing else changes: the functions are those
 * of the library, and the driver sees to it that the marks reach the results.
 */
#ifndef KAM3_TESTS_CT_MSAN_H
#define KAM3_TESTS_CT_MSAN_H

#include <sanitizer/msan_interface.h>

#include "base/config.h"

/* MSan takes a value that enters an asm statement for used, and what leaves one for public. So base/ct.h is read as by
   a compiler without asm, for which the value barrier is a volatile variable. */
#pragma push_macro("__GNUC__")
#pragma push_macro("__clang__")
#undef __GNUC__
#undef __clang__
#include "base/ct.h"
#pragma pop_macro("__clang__")
#pragma pop_macro("__GNUC__")
#include "base/int128.h"

#if !KAM3_HAVE_INT128
#error "the MSan build needs __int128"
#endif

/* 0, marked in all its bits if any bit of x is: a comparison has one mark for both operands. */
KAM3_INLINE uint64_t msan_taint(uint64_t x) {
    static volatile uint64_t zero; /* no compiler knows that x < 0 is false */
    const uint64_t bound = zero;
    return 0 - (uint64_t)(x < bound);
}

KAM3_INLINE uint64_t msan_spread(uint64_t x) { return x ^ msan_taint(x); }

KAM3_INLINE kam3_u128 msan_spread_u128(kam3_u128 x) {
    const uint64_t taint = msan_taint((uint64_t)x ^ (uint64_t)(x >> 64));
    return x ^ (((kam3_u128)taint << 64) | taint);
}

KAM3_INLINE uint64_t msan_addc(uint64_t a, uint64_t b, uint64_t *carry) {
    const uint64_t r = kam3_addc(a, b, carry);
    *carry ^= msan_taint(r);
    return msan_spread(r);
}

KAM3_INLINE uint64_t msan_subb(uint64_t a, uint64_t b, uint64_t *borrow) {
    const uint64_t r = kam3_subb(a, b, borrow);
    *borrow ^= msan_taint(r);
    return msan_spread(r);
}

KAM3_INLINE uint64_t msan_mac(uint64_t t, uint64_t a, uint64_t b, uint64_t *carry) {
    const uint64_t r = kam3_mac(t, a, b, carry);
    *carry ^= msan_taint(r);
    return msan_spread(r);
}

#define kam3_addc msan_addc
#define kam3_subb msan_subb
#define kam3_mac msan_mac

/* A macro does not expand again inside itself: these call the functions of the same names. */
#define kam3_u128_mul(a, b) msan_spread_u128(kam3_u128_mul(a, b))
#define kam3_u128_mac(acc, a, b) msan_spread_u128(kam3_u128_mac(acc, a, b))
#define kam3_u128_add(a, b) msan_spread_u128(kam3_u128_add(a, b))
#define kam3_u128_mac_signed(acc, a, b) msan_spread_u128(kam3_u128_mac_signed(acc, a, b))
#define kam3_u128_sub(a, b) msan_spread_u128(kam3_u128_sub(a, b))
#define kam3_u128_add64(a, b) msan_spread_u128(kam3_u128_add64(a, b))
#define kam3_i128_mul(a, b) ((kam3_i128)msan_spread_u128((kam3_u128)kam3_i128_mul(a, b)))
#define kam3_i128_mac(acc, a, b) ((kam3_i128)msan_spread_u128((kam3_u128)kam3_i128_mac(acc, a, b)))

#define kam3_mask_from_bit(bit) kam3_mask_from_bit(msan_spread(bit))
#define kam3_mask_is_zero(x) kam3_mask_is_zero(msan_spread(x))
#define kam3_mask_eq(a, b) kam3_mask_eq(msan_spread(a), msan_spread(b))
#define kam3_mask_lt(a, b) kam3_mask_lt(msan_spread(a), msan_spread(b))
#define kam3_lookup(out, table, entries, n, index) kam3_lookup(out, table, entries, n, msan_spread(index))

#endif
