/* What the curve templates ask of a prime field, and the means to check it.
 *
 * point.inc.h and the templates that it names are written over these names; p256_fe.h and p521_fe.h provide them
 * for the two primes, tests/c/tiny_ec.h for one of eight bits. With prefix kam3_<group>_, q = 3 mod 4 the prime:
 *
 *   KAM3_<GROUP>_FE_OCTETS   octets of q
 *   fe                       a number mod q: a struct of 64-bit words alone, so that tables can be scanned by words
 *
 * Magnitudes. A field may carry lazily: a sum is then not reduced but only larger, and of every element a public bound
 * is known from the formula that made it, its magnitude (p521_fe.h says in which unit). A field that reduces at once
 * (p256_fe.h) ignores magnitudes. The rules below are for all; |a| is the magnitude of a. The representation of a
 * number need not be unique.
 *
 *   kam3_mask fe_from_octets(fe *r, const uint8_t octets[FE_OCTETS])     |r| = 1
 *       r = the number, all ones; or r = 0 and zero if it is not below q
 *   void fe_to_octets(uint8_t octets[FE_OCTETS], const fe *a)              the number below q, big-endian
 *   void fe_add(fe *r, const fe *a, const fe *b)                           a + b, |r| = |a| + |b|
 *   void fe_sub(fe *r, const fe *a, const fe *b, unsigned m)               a - b, |r| = |a| + m + 1. Requires: |b| <= m
 *   void fe_neg(fe *r, const fe *a, unsigned m)                            -a, |r| = m + 1. Requires: |a| <= m
 *   void fe_carry(fe *r)                                                   r in a smaller form, |r| = 1
 *   void fe_mul(fe *r, const fe *a, const fe *b)                           a b, |r| = 1. Requires: |a| |b| <= 240
 *   void fe_sqr(fe *r, const fe *a)                                        a^2, |r| = 1. Requires: |a|^2 <= 240
 *   void fe_inv(fe *r, const fe *a)                                        a^-1, and 0 for 0, |r| = 1
 *   kam3_mask fe_sqrt(fe *r, const fe *a)                                  |r| = 1. Requires: |a| <= 15
 *       r = a^((q+1)/4); all ones if r^2 = a, else zero
 *   kam3_mask fe_is_zero(const fe *a), fe_is_odd(const fe *a)              of the number below q
 *   kam3_mask fe_eq(const fe *a, const fe *b)
 *   void fe_cmov(fe *r, const fe *a, kam3_mask m)                          m ? a : r, |r| = max(|a|, |r|)
 *   void fe_set_one(fe *r)                                                 1, |r| = 1
 *
 * No magnitude exceeds 31. Alias: r may be any of the other arguments. CT: every value is secret, m and the magnitudes
 * public. The kernels keep their words in registers and spill slots, which C cannot wipe; what they were given and what
 * they return belongs to the caller, who wipes it.
 *
 * With KAM3_VERIFY defined (tests build so) the rules are checked as the program runs: an element of a lazy field then
 * carries its magnitude in one word more, and an operation traps when its operands break a rule or lie about
 * themselves.
 */
#ifndef KAM3_EC_FIELD_H
#define KAM3_EC_FIELD_H

#include "base/config.h"
#include "base/ct.h"

#if defined(KAM3_VERIFY)
#define KAM3_EC_REQUIRE(condition) ((condition) ? (void)0 : __builtin_trap())
#else
#define KAM3_EC_REQUIRE(condition) ((void)0)
#endif

#endif
