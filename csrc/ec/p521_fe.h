/* The field of P-521: numbers mod q = 2^521 - 1, as ec/field.h describes them.
 *
 * Nine unsigned limbs, radix 2^58, least significant first, not reduced: 2^522 = 2 mod q, so what leaves the top comes
 * back doubled at the bottom. Magnitude m means that every limb is at most m U, U = 2^58 + 2^13. A product of
 * magnitudes a and b sums to at most 17 a b U^2 in a column (nine terms, the eight that wrapped doubled), and 17 * 240
 * U^2 < 2^128 - 2^119. Limbs are doubled before they are multiplied, and subtracted from each other, so they must stay
 * below 2^63: 31 U < 2^63.
 */
#ifndef KAM3_EC_P521_FE_H
#define KAM3_EC_P521_FE_H

#include "base/int128.h"
#include "ec/field.h"

#define KAM3_P521_FE_OCTETS 66

typedef struct {
    uint64_t v[9];
#if defined(KAM3_VERIFY)
    uint64_t magnitude;
#endif
} kam3_p521_fe;

/* The initialiser of a constant, from its nine limbs. */
#if defined(KAM3_VERIFY)
#define KAM3_P521_FE_INIT(...) {{__VA_ARGS__}, 1}
#else
#define KAM3_P521_FE_INIT(...) {{__VA_ARGS__}}
#endif

#define KAM3_P521_M58 (((uint64_t)1 << 58) - 1)
#define KAM3_P521_MAGNITUDE_UNIT (((uint64_t)1 << 58) + ((uint64_t)1 << 13))

kam3_mask kam3_p521_fe_from_octets(kam3_p521_fe *r, const uint8_t octets[KAM3_P521_FE_OCTETS]);
void kam3_p521_fe_to_octets(uint8_t octets[KAM3_P521_FE_OCTETS], const kam3_p521_fe *a);
void kam3_p521_fe_mul(kam3_p521_fe *r, const kam3_p521_fe *a, const kam3_p521_fe *b);
void kam3_p521_fe_sqr(kam3_p521_fe *r, const kam3_p521_fe *a);
void kam3_p521_fe_inv(kam3_p521_fe *r, const kam3_p521_fe *a);
kam3_mask kam3_p521_fe_sqrt(kam3_p521_fe *r, const kam3_p521_fe *a);
kam3_mask kam3_p521_fe_is_zero(const kam3_p521_fe *a);
kam3_mask kam3_p521_fe_is_odd(const kam3_p521_fe *a);
kam3_mask kam3_p521_fe_eq(const kam3_p521_fe *a, const kam3_p521_fe *b);
void kam3_p521_fe_set_one(kam3_p521_fe *r);

#if defined(KAM3_VERIFY)
/* |a| <= most, and the limbs are what |a| says */
KAM3_INLINE void kam3_p521_fe_verify(const kam3_p521_fe *a, uint64_t most) {
    KAM3_EC_REQUIRE(a->magnitude <= most);
    for (int i = 0; i < 9; i++) KAM3_EC_REQUIRE(a->v[i] <= a->magnitude * KAM3_P521_MAGNITUDE_UNIT);
}
KAM3_INLINE void kam3_p521_fe_verify_product(const kam3_p521_fe *a, const kam3_p521_fe *b) {
    kam3_p521_fe_verify(a, 31);
    kam3_p521_fe_verify(b, 31);
    KAM3_EC_REQUIRE(a->magnitude * b->magnitude <= 240);
}
#define KAM3_P521_FE_SET_MAGNITUDE(r, m) ((r)->magnitude = (m))
#else
#define kam3_p521_fe_verify(a, most) ((void)0)
#define kam3_p521_fe_verify_product(a, b) ((void)0)
#define KAM3_P521_FE_SET_MAGNITUDE(r, m) ((void)0)
#endif

KAM3_INLINE void kam3_p521_fe_add(kam3_p521_fe *r, const kam3_p521_fe *a, const kam3_p521_fe *b) {
    kam3_p521_fe_verify(a, 31);
    kam3_p521_fe_verify(b, 31);
    for (int i = 0; i < 9; i++) r->v[i] = a->v[i] + b->v[i];
    KAM3_P521_FE_SET_MAGNITUDE(r, a->magnitude + b->magnitude);
    kam3_p521_fe_verify(r, 31);
}

/* a + 2(m+1)q - b. The limbs of 2q = 2^522 - 2 are 2^58 - 1, the lowest 2^58 - 2; no limb of the difference is negative
 * as (m+1)(2^58 - 2) >= m U = m 2^58 + 2^13 m for m <= 30, and it is at most |a| U + (m+1) 2^58. */
KAM3_INLINE void kam3_p521_fe_sub(kam3_p521_fe *r, const kam3_p521_fe *a, const kam3_p521_fe *b, unsigned m) {
    const uint64_t bias = (m + 1) * KAM3_P521_M58;
    kam3_p521_fe_verify(a, 31);
    kam3_p521_fe_verify(b, m);
    r->v[0] = a->v[0] + (bias - (m + 1)) - b->v[0];
    for (int i = 1; i < 9; i++) r->v[i] = a->v[i] + bias - b->v[i];
    KAM3_P521_FE_SET_MAGNITUDE(r, a->magnitude + m + 1);
    kam3_p521_fe_verify(r, 31);
}

KAM3_INLINE void kam3_p521_fe_neg(kam3_p521_fe *r, const kam3_p521_fe *a, unsigned m) {
    kam3_p521_fe zero;
    memset(&zero, 0, sizeof zero); /* magnitude 0 */
    kam3_p521_fe_sub(r, &zero, a, m);
}

/* Each limb hands what is above 2^58 to the next, all at once. |r| <= 31 hands on at most 31, doubled at the bottom, so
 * that no limb exceeds 2^58 - 1 + 62 < U. */
KAM3_INLINE void kam3_p521_fe_carry(kam3_p521_fe *r) {
    const uint64_t top = r->v[8] >> 58;
    kam3_p521_fe_verify(r, 31);
    for (int i = 8; i > 0; i--) r->v[i] = (r->v[i] & KAM3_P521_M58) + (r->v[i - 1] >> 58);
    r->v[0] = (r->v[0] & KAM3_P521_M58) + 2 * top;
    KAM3_P521_FE_SET_MAGNITUDE(r, 1);
}

KAM3_INLINE void kam3_p521_fe_cmov(kam3_p521_fe *r, const kam3_p521_fe *a, kam3_mask m) {
    kam3_cmov(r->v, a->v, m, 9);
    KAM3_P521_FE_SET_MAGNITUDE(r, a->magnitude > r->magnitude ? a->magnitude : r->magnitude);
}

#endif
