/* The field of P-256: numbers mod q = 2^256 - 2^224 + 2^192 + 2^96 - 1, as ec/field.h describes them.
 *
 * Four 64-bit limbs, least significant first, in Montgomery form with R = 2^256: the limbs of x R mod q, always below
 * q. So the representation is unique, and magnitudes mean nothing here.
 */
#ifndef KAM3_EC_P256_FE_H
#define KAM3_EC_P256_FE_H

#include "base/int128.h"
#include "ec/field.h"

#define KAM3_P256_FE_OCTETS 32

typedef struct {
    uint64_t v[4];
} kam3_p256_fe;

/* The limbs of q above the lowest three, which are 2^64 - 1, 2^32 - 1 and 0; and 2^256 - q, to subtract q by adding. */
#define KAM3_P256_Q3 0xffffffff00000001
#define KAM3_P256_MINUS_Q0 1
#define KAM3_P256_MINUS_Q1 0xffffffff00000000
#define KAM3_P256_MINUS_Q2 0xffffffffffffffff
#define KAM3_P256_MINUS_Q3 0xfffffffe

kam3_mask kam3_p256_fe_from_octets(kam3_p256_fe *r, const uint8_t octets[KAM3_P256_FE_OCTETS]);
void kam3_p256_fe_to_octets(uint8_t octets[KAM3_P256_FE_OCTETS], const kam3_p256_fe *a);
void kam3_p256_fe_add(kam3_p256_fe *r, const kam3_p256_fe *a, const kam3_p256_fe *b);
void kam3_p256_fe_sub(kam3_p256_fe *r, const kam3_p256_fe *a, const kam3_p256_fe *b, unsigned m);
void kam3_p256_fe_neg(kam3_p256_fe *r, const kam3_p256_fe *a, unsigned m);
void kam3_p256_fe_mul(kam3_p256_fe *r, const kam3_p256_fe *a, const kam3_p256_fe *b);
void kam3_p256_fe_sqr(kam3_p256_fe *r, const kam3_p256_fe *a);
void kam3_p256_fe_inv(kam3_p256_fe *r, const kam3_p256_fe *a);
kam3_mask kam3_p256_fe_sqrt(kam3_p256_fe *r, const kam3_p256_fe *a);
kam3_mask kam3_p256_fe_is_odd(const kam3_p256_fe *a);
void kam3_p256_fe_set_one(kam3_p256_fe *r);

KAM3_INLINE void kam3_p256_fe_verify(const kam3_p256_fe *a) {
#if defined(KAM3_VERIFY)
    uint64_t c = 0;
    (void)kam3_addc(a->v[0], KAM3_P256_MINUS_Q0, &c);
    (void)kam3_addc(a->v[1], KAM3_P256_MINUS_Q1, &c);
    (void)kam3_addc(a->v[2], KAM3_P256_MINUS_Q2, &c);
    (void)kam3_addc(a->v[3], KAM3_P256_MINUS_Q3, &c);
    KAM3_EC_REQUIRE(c == 0); /* a + 2^256 - q < 2^256 */
#else
    (void)a;
#endif
}

KAM3_INLINE void kam3_p256_fe_carry(kam3_p256_fe *r) { kam3_p256_fe_verify(r); }

KAM3_INLINE kam3_mask kam3_p256_fe_is_zero(const kam3_p256_fe *a) {
    return kam3_mask_is_zero(a->v[0] | a->v[1] | a->v[2] | a->v[3]);
}

KAM3_INLINE kam3_mask kam3_p256_fe_eq(const kam3_p256_fe *a, const kam3_p256_fe *b) {
    uint64_t difference = 0;
    for (int i = 0; i < 4; i++) difference |= a->v[i] ^ b->v[i];
    return kam3_mask_is_zero(difference);
}

KAM3_INLINE void kam3_p256_fe_cmov(kam3_p256_fe *r, const kam3_p256_fe *a, kam3_mask m) { kam3_cmov(r->v, a->v, m, 4); }

#endif
