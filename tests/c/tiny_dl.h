/* Two groups so small that every element and every exponent can be tried, made from the templates of the real ones.
 *
 *   kam3_tinydl_    q = 47, r = 23: one octet each
 *   kam3_smalldl_   q = 2039, r = 1019: two octets each, exponents of more than one window
 *
 * Both are safe primes = 7 mod 8, so g = 2 generates the squares; -q^-1 mod 2^64 is not 1, and the field kernel is the
 * one for any modulus.
 */
#ifndef KAM3_TESTS_TINY_DL_H
#define KAM3_TESTS_TINY_DL_H

#define KAM3_TINYDL_ELEMENT_OCTETS 1
#define KAM3_TINYDL_SCALAR_OCTETS 1
#define KAM3_SMALLDL_ELEMENT_OCTETS 2
#define KAM3_SMALLDL_SCALAR_OCTETS 2

#define KAM3_DL_PREFIX kam3_tinydl_
#define KAM3_DL_WORDS 1
#define KAM3_DL_LIMBS 1
#define KAM3_DL_COMB_WORDS 8
#define KAM3_DL_ELEMENT_OCTETS KAM3_TINYDL_ELEMENT_OCTETS
#define KAM3_DL_SCALAR_OCTETS KAM3_TINYDL_SCALAR_OCTETS
#include "dl/group_decl.inc.h"

#define KAM3_DL_PREFIX kam3_smalldl_
#define KAM3_DL_WORDS 1
#define KAM3_DL_LIMBS 1
#define KAM3_DL_COMB_WORDS 16
#define KAM3_DL_ELEMENT_OCTETS KAM3_SMALLDL_ELEMENT_OCTETS
#define KAM3_DL_SCALAR_OCTETS KAM3_SMALLDL_SCALAR_OCTETS
#include "dl/group_decl.inc.h"

#endif
