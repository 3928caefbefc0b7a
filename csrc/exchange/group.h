/* What a group must offer, so that the equations of RFC 8121 are written once for all of them.
 *
 * exchange/steps.inc.h is a template over these names; dl/ and ec/ provide them for the four groups, tests/c for two tiny ones.
 * With prefix kam3_<group>_ (dl2048, dl4096, p256, p521):
 *
 *   KAM3_<GROUP>_ELEMENT_OCTETS, KAM3_<GROUP>_SCALAR_OCTETS   the natural lengths (macros, constants)
 *
 *   sc                        a number mod r (struct, canonical: below r at all times)
 *   ge                        a group element (struct)
 *   prepared                  an element with a table of its multiples (struct of words alone, aligned to 64 octets)
 *
 * The group is written additively, as RFC 8121 section 3.3 does: in the DL groups "+" is multiplication mod q and [k]A is A^k.
 * Pointers to ge and sc may alias: r may be any of the other arguments. All of it is constant time unless named _vartime.
 *
 *   kam3_mask sc_decode(sc *r, const uint8_t octets[SCALAR_OCTETS])
 *       r = the number; all ones if 1 <= number <= r-1, else zero and r = 1
 *   void sc_reduce(sc *r, const uint8_t *octets, size_t len)
 *       r = the number mod r. Requires: len <= 64 (hash-sized: pi, t_1, t_2). On the tiny groups too: numbers far above r
 *   void sc_add(sc *r, const sc *a, const sc *b), void sc_mul(sc *r, const sc *a, const sc *b)
 *   kam3_mask sc_inv(sc *r, const sc *a)              zero, and r = 0, if a = 0
 *   kam3_mask sc_is_zero(const sc *a)
 *   kam3_mask sc_lt_word(const sc *a, uint64_t word)  all ones if a < word
 *
 *   kam3_mask ge_decode(ge *r, const uint8_t octets[ELEMENT_OCTETS])
 *       r = the element; all ones if a peer may send it (DL: 1 < x < q-1, squares or not; curves: a point; never the identity),
 *       else zero and r = some valid element, so that a caller may go on and let the verdict come out last
 *   kam3_mask ge_encode(uint8_t octets[ELEMENT_OCTETS], const ge *a)
 *       octets = the element and all ones; zero, and octets all zero, if it is trivial (DL: 1 or q-1; curves: the identity)
 *   void ge_add(ge *r, const ge *a, const ge *b)      complete: any two elements
 *   void ge_mul(ge *r, const ge *a, const sc *k)      [k]A for any element, any 0 <= k < r, both secret
 *   void ge_mul_base(ge *r, const sc *k)              [k]G, 0 <= k < r secret; [0]G is the identity
 *   void ge_mul_pair(ge *r1, ge *r2, const ge *a1, const ge *a2, const sc *k)
 *       r1 = [k]A1 and r2 = [k]A2: two of the above, for a path to interleave. r1 and r2 differ
 *   void ge_mul_twice(ge *r1, ge *r2, const ge *a, const sc *k, const sc *t)
 *       r1 = [k]A and r2 = [t][k]A for any element, any 0 <= k, t < r; t is public and may steer. r1 and r2 differ
 *   void ge_mul_vartime(ge *r, const ge *a, const sc *k)
 *       [k]A for a public k (t_1); A may be secret, only k steers
 *   size_t ge_lanes(void)                             how many multiplications the path in use does side by side: 8, or 1
 *   void ge_decode_many(ge *const r[], kam3_mask ok[], const uint8_t *const octets[], size_t n)
 *       ok_i = ge_decode(r_i, octets_i)
 *   void ge_mul_many(ge *const r[], const ge *const a[], const sc *const k[], size_t n)
 *       r_i = [k_i]A_i. r_i may be a_i, and nothing else's. Groups of which no path does several at once have none of these three
 *   void ge_prepare(prepared *r, const ge *a)         A with its table, in the form of the CPU path in use. Both are secret
 *   void ge_mul_prepared(ge *r, const prepared *a, const sc *k)
 *       ge_mul, faster, on the path that made the table (and, if that was the portable one, on every path); ge_mul elsewhere
 *   void ge_base(ge *r)                               G
 *   void ge_prepare_tables(void)                      the fixed-base table is there afterwards, or another thread is making it
 */
#ifndef KAM3_EXCHANGE_GROUP_H
#define KAM3_EXCHANGE_GROUP_H

#include "base/ct.h"

/* Whose form a table has. */
enum kam3_form { KAM3_FORM_PORTABLE = 1, KAM3_FORM_ADX, KAM3_FORM_IFMA };

#endif
