/* Natural numbers of n limbs, least significant first, and arithmetic modulo an odd number.
 *
 * n and every pointer are public; the limbs are secret unless a name ends in _vartime. Alias: r may be a or b unless
 * said otherwise.
 */
#ifndef KAM3_BN_BN_H
#define KAM3_BN_BN_H

#include "base/config.h"
#include "base/ct.h"

#define KAM3_BN_MAX_LIMBS 64

/* r = the number that the big-endian octets spell. Requires: len <= 8n */
void kam3_bn_from_octets(uint64_t *r, size_t n, const uint8_t *octets, size_t len);

/* octets = a, big-endian. Requires: a < 2^(8 len), len <= 8n */
void kam3_bn_to_octets(uint8_t *octets, size_t len, const uint64_t *a, size_t n);

/* r = a in n digits of radix 2^bits, least significant first; what does not fit is lost.
   Requires: 32 < bits < 64. Alias: r is not a */
void kam3_bn_to_radix(uint64_t *r, size_t n, unsigned bits, const uint64_t *a, size_t words);

/* r = the number whose n digits of radix 2^bits are a, mod 2^(64 words). Requires and Alias: as above */
void kam3_bn_from_radix(uint64_t *r, size_t words, const uint64_t *a, size_t n, unsigned bits);

/* r = a + b mod 2^64n; returns the carry */
uint64_t kam3_bn_add(uint64_t *r, const uint64_t *a, const uint64_t *b, size_t n);

/* r = a - b mod 2^64n; returns the borrow */
uint64_t kam3_bn_sub(uint64_t *r, const uint64_t *a, const uint64_t *b, size_t n);

kam3_mask kam3_bn_is_zero(const uint64_t *a, size_t n);
kam3_mask kam3_bn_eq(const uint64_t *a, const uint64_t *b, size_t n);
kam3_mask kam3_bn_lt(const uint64_t *a, const uint64_t *b, size_t n);

/* An odd modulus m of n limbs, 1 < m, with what Montgomery multiplication (R = 2^64n) and the inverse need to know
 * of it. csrc/gen makes these. */
typedef struct {
    size_t n;           /* limbs */
    uint64_t n0;        /* -m^-1 mod 2^64 */
    const uint64_t *m;  /* the modulus */
    const uint64_t *rr; /* R^2 mod m */
    size_t n62;         /* signed 62-bit limbs of the inverse: the least that hold m and a sign, at least 2 */
    size_t jumps;       /* jumps of 62 divsteps that bring any x < m to its inverse */
    uint64_t m_inv62;   /* m^-1 mod 2^62 */
    const int64_t *m62; /* m in n62 limbs of 62 bits */
} kam3_modulus;

/* r = a + b mod m. Requires: a, b < m */
void kam3_mod_add(uint64_t *r, const uint64_t *a, const uint64_t *b, const kam3_modulus *mod);

/* r = a b / R mod m, r < m. Requires: a b < m R (one factor below m is enough) */
void kam3_mod_montmul(uint64_t *r, const uint64_t *a, const uint64_t *b, const kam3_modulus *mod);

/* r = a b mod m, r < m. Requires: b < m; a is any n-limb number */
void kam3_mod_mul(uint64_t *r, const uint64_t *a, const uint64_t *b, const kam3_modulus *mod);

/* r = x^-1 mod m and all ones; or r = 0 and zero if x has no inverse. Requires: x < m.
   Half-delta divsteps in jumps of 62 (Bernstein and Yang 2019; the bound is Wuille's). */
kam3_mask kam3_mod_inverse(uint64_t *r, const uint64_t *x, const kam3_modulus *mod);

/* The Jacobi symbol (x | m): 1, -1, or 0. Public x only. Requires: x < m */
int kam3_mod_jacobi_vartime(const uint64_t *x, const kam3_modulus *mod);

#endif
