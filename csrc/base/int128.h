/* 128-bit integers: unsigned for products and carries, signed for divsteps.
 *
 * One set of functions over the compiler's __int128 or, where there is none (or KAM3_NO_INT128 is defined), over two 64-bit
 * words and a product built from 32-bit halves. CT: all of it is straight-line code; on the plain variant the machine's
 * 32x32 -> 64 multiplication must take a constant time.
 */
#ifndef KAM3_BASE_INT128_H
#define KAM3_BASE_INT128_H

#include "base/config.h"

#if KAM3_HAVE_INT128

__extension__ typedef unsigned __int128 kam3_u128;
__extension__ typedef __int128 kam3_i128;

KAM3_INLINE kam3_u128 kam3_u128_mul(uint64_t a, uint64_t b) { return (kam3_u128)a * b; }
KAM3_INLINE kam3_u128 kam3_u128_mac(kam3_u128 acc, uint64_t a, uint64_t b) { return acc + (kam3_u128)a * b; }
KAM3_INLINE kam3_u128 kam3_u128_add(kam3_u128 a, kam3_u128 b) { return a + b; }
KAM3_INLINE kam3_u128 kam3_u128_sub(kam3_u128 a, kam3_u128 b) { return a - b; }
KAM3_INLINE kam3_u128 kam3_u128_add64(kam3_u128 a, uint64_t b) { return a + b; }
KAM3_INLINE kam3_u128 kam3_u128_from64(uint64_t a) { return a; }
KAM3_INLINE kam3_u128 kam3_u128_shl(kam3_u128 a, unsigned k) { return a << k; }
KAM3_INLINE kam3_u128 kam3_u128_shr(kam3_u128 a, unsigned k) { return a >> k; }
KAM3_INLINE uint64_t kam3_u128_lo(kam3_u128 a) { return (uint64_t)a; }
KAM3_INLINE uint64_t kam3_u128_hi(kam3_u128 a) { return (uint64_t)(a >> 64); }

KAM3_INLINE kam3_i128 kam3_i128_mul(int64_t a, int64_t b) { return (kam3_i128)a * b; }
KAM3_INLINE kam3_i128 kam3_i128_mac(kam3_i128 acc, int64_t a, int64_t b) { return acc + (kam3_i128)a * b; }
KAM3_INLINE kam3_i128 kam3_i128_shr(kam3_i128 a, unsigned k) { return a >> k; }
KAM3_INLINE uint64_t kam3_i128_lo(kam3_i128 a) { return (uint64_t)a; }

/* acc + a b mod 2^128, a and b with signs */
KAM3_INLINE kam3_u128 kam3_u128_mac_signed(kam3_u128 acc, uint64_t a, uint64_t b) {
    return acc + (kam3_u128)((kam3_i128)(int64_t)a * (int64_t)b);
}

#else

typedef struct {
    uint64_t lo, hi;
} kam3_u128;

typedef struct {
    uint64_t lo, hi; /* two's complement */
} kam3_i128;

KAM3_INLINE kam3_u128 kam3_u128_from64(uint64_t a) {
    kam3_u128 r;
    r.lo = a;
    r.hi = 0;
    return r;
}

KAM3_INLINE kam3_u128 kam3_u128_add(kam3_u128 a, kam3_u128 b) {
    kam3_u128 r;
    r.lo = a.lo + b.lo;
    r.hi = a.hi + b.hi + (((a.lo & b.lo) | ((a.lo | b.lo) & ~r.lo)) >> 63);
    return r;
}

KAM3_INLINE kam3_u128 kam3_u128_sub(kam3_u128 a, kam3_u128 b) {
    kam3_u128 r;
    r.lo = a.lo - b.lo;
    r.hi = a.hi - b.hi - (((~a.lo & b.lo) | (~(a.lo ^ b.lo) & r.lo)) >> 63);
    return r;
}

KAM3_INLINE kam3_u128 kam3_u128_add64(kam3_u128 a, uint64_t b) { return kam3_u128_add(a, kam3_u128_from64(b)); }

/* middle <= (2^32-1)^2 + 2*(2^32-1) = 2^64 - 1 */
KAM3_INLINE kam3_u128 kam3_u128_mul(uint64_t a, uint64_t b) {
    const uint64_t m32 = 0xffffffff;
    const uint64_t al = a & m32, ah = a >> 32, bl = b & m32, bh = b >> 32;
    const uint64_t low = al * bl;
    const uint64_t cross = ah * bl + (low >> 32);
    const uint64_t middle = al * bh + (cross & m32);
    kam3_u128 r;
    r.lo = (middle << 32) | (low & m32);
    r.hi = ah * bh + (cross >> 32) + (middle >> 32);
    return r;
}

KAM3_INLINE kam3_u128 kam3_u128_mac(kam3_u128 acc, uint64_t a, uint64_t b) {
    return kam3_u128_add(acc, kam3_u128_mul(a, b));
}

/* Requires: 0 < k < 64, or k = 64 (a public constant everywhere). */
KAM3_INLINE kam3_u128 kam3_u128_shr(kam3_u128 a, unsigned k) {
    kam3_u128 r;
    if (k == 64) return kam3_u128_from64(a.hi);
    r.lo = (a.lo >> k) | (a.hi << (64 - k));
    r.hi = a.hi >> k;
    return r;
}

/* Requires: 0 < k < 64 */
KAM3_INLINE kam3_u128 kam3_u128_shl(kam3_u128 a, unsigned k) {
    kam3_u128 r;
    r.hi = (a.hi << k) | (a.lo >> (64 - k));
    r.lo = a.lo << k;
    return r;
}

KAM3_INLINE uint64_t kam3_u128_lo(kam3_u128 a) { return a.lo; }
KAM3_INLINE uint64_t kam3_u128_hi(kam3_u128 a) { return a.hi; }

/* The sign of a factor takes the other factor off the high word: (a - 2^64 [a < 0]) * b. */
KAM3_INLINE kam3_i128 kam3_i128_mul(int64_t a, int64_t b) {
    const kam3_u128 p = kam3_u128_mul((uint64_t)a, (uint64_t)b);
    kam3_i128 r;
    r.lo = p.lo;
    r.hi = p.hi - ((uint64_t)(a >> 63) & (uint64_t)b) - ((uint64_t)(b >> 63) & (uint64_t)a);
    return r;
}

KAM3_INLINE kam3_i128 kam3_i128_mac(kam3_i128 acc, int64_t a, int64_t b) {
    const kam3_i128 p = kam3_i128_mul(a, b);
    kam3_i128 r;
    r.lo = acc.lo + p.lo;
    r.hi = acc.hi + p.hi + (((acc.lo & p.lo) | ((acc.lo | p.lo) & ~r.lo)) >> 63);
    return r;
}

KAM3_INLINE kam3_u128 kam3_u128_mac_signed(kam3_u128 acc, uint64_t a, uint64_t b) {
    const kam3_i128 p = kam3_i128_mul((int64_t)a, (int64_t)b);
    kam3_u128 r;
    r.lo = p.lo;
    r.hi = p.hi;
    return kam3_u128_add(acc, r);
}

/* Requires: 0 < k < 64. Arithmetic shift. */
KAM3_INLINE kam3_i128 kam3_i128_shr(kam3_i128 a, unsigned k) {
    kam3_i128 r;
    r.lo = (a.lo >> k) | (a.hi << (64 - k));
    r.hi = (uint64_t)((int64_t)a.hi >> k);
    return r;
}

KAM3_INLINE uint64_t kam3_i128_lo(kam3_i128 a) { return a.lo; }

#endif

/* r + 2^64 * carry_out = a + b + carry_in; carries are 0 or 1 */
KAM3_INLINE uint64_t kam3_addc(uint64_t a, uint64_t b, uint64_t *carry) {
    const kam3_u128 t = kam3_u128_add64(kam3_u128_add64(kam3_u128_from64(a), b), *carry);
    *carry = kam3_u128_hi(t);
    return kam3_u128_lo(t);
}

/* r - 2^64 * borrow_out = a - b - borrow_in; borrows are 0 or 1 */
KAM3_INLINE uint64_t kam3_subb(uint64_t a, uint64_t b, uint64_t *borrow) {
    const uint64_t d = a - b;
    const uint64_t r = d - *borrow;
    *borrow = (((~a & b) | (~(a ^ b) & d)) >> 63) | ((~d & r) >> 63);
    return r;
}

/* r + 2^64 * carry_out = t + a * b + carry_in; never overflows: (2^64-1)^2 + 2*(2^64-1) = 2^128 - 1 */
KAM3_INLINE uint64_t kam3_mac(uint64_t t, uint64_t a, uint64_t b, uint64_t *carry) {
    const kam3_u128 s = kam3_u128_add64(kam3_u128_add64(kam3_u128_mul(a, b), t), *carry);
    *carry = kam3_u128_hi(s);
    return kam3_u128_lo(s);
}

#endif
