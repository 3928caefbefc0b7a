/* Template, for a group's header: the type sc of numbers modulo the group's order r, and what exchange/group.h promises
 * of it.
 *
 * Expects
 *   KAM3_SC_PREFIX   the group's prefix, kam3_p256_ for instance
 *   KAM3_SC_LIMBS    n, the limbs of r
 *   KAM3_SC_OCTETS   SCALAR_OCTETS, at most 8n
 * and undefines all three. bn/scalar.inc.h makes the functions, in one source file of the group.
 */
#include "bn/bn.h"

#define KAM3_SC(name) KAM3_CAT(KAM3_SC_PREFIX, name)

typedef struct {
    uint64_t limb[KAM3_SC_LIMBS]; /* least significant first; below r at all times */
} KAM3_SC(sc);

kam3_mask KAM3_SC(sc_decode)(KAM3_SC(sc) *r, const uint8_t octets[KAM3_SC_OCTETS]);
void KAM3_SC(sc_reduce)(KAM3_SC(sc) *r, const uint8_t *octets, size_t len);
void KAM3_SC(sc_add)(KAM3_SC(sc) *r, const KAM3_SC(sc) *a, const KAM3_SC(sc) *b);
void KAM3_SC(sc_mul)(KAM3_SC(sc) *r, const KAM3_SC(sc) *a, const KAM3_SC(sc) *b);
kam3_mask KAM3_SC(sc_inv)(KAM3_SC(sc) *r, const KAM3_SC(sc) *a);
kam3_mask KAM3_SC(sc_is_zero)(const KAM3_SC(sc) *a);
kam3_mask KAM3_SC(sc_lt_word)(const KAM3_SC(sc) *a, uint64_t word);

#undef KAM3_SC
#undef KAM3_SC_PREFIX
#undef KAM3_SC_LIMBS
#undef KAM3_SC_OCTETS
