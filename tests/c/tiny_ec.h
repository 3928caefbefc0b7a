/* A curve so small that everything about it can be tried: y^2 = x^3 - 3x + 26 mod 251, 223 points, G = (2, 84).
 *
 * It has the interface of exchange/group.h, prefix kam3_tinyec_, and is made by the templates that make P-256 and
 * P-521. Like P-256's, its encoding is an octet longer than its field elements. The field is one word, always reduced;
 * it divides, and so is for tests alone.
 */
#ifndef KAM3_TESTS_TINY_EC_H
#define KAM3_TESTS_TINY_EC_H

#include "ec/field.h"

#define KAM3_TINYEC_Q 251
#define KAM3_TINYEC_FE_OCTETS 1
#define KAM3_TINYEC_ELEMENT_OCTETS 2
#define KAM3_TINYEC_SCALAR_OCTETS 1

typedef struct {
    uint64_t v;
} kam3_tinyec_fe;

#define KAM3_SC_PREFIX kam3_tinyec_
#define KAM3_SC_LIMBS 1
#define KAM3_SC_OCTETS KAM3_TINYEC_SCALAR_OCTETS
#include "bn/scalar_decl.inc.h"

#define KAM3_EC_PREFIX kam3_tinyec_
#define KAM3_EC_ELEMENT_OCTETS KAM3_TINYEC_ELEMENT_OCTETS
#define KAM3_EC_TABLE_WORDS 64
#include "ec/group_decl.inc.h"

/* What the templates keep to themselves. */
void test_tinyec_dbl_n(kam3_tinyec_ge *r, const kam3_tinyec_ge *a, size_t n);
void test_tinyec_add_affine(kam3_tinyec_ge *r, const kam3_tinyec_ge *a, const uint64_t b[2]);
void test_tinyec_table_entry(uint64_t r[2], size_t window, size_t entry);
void test_tinyec_set_table_state(int state); /* as kam3_once counts: 0 empty, 1 being filled, 2 ready */

#endif
