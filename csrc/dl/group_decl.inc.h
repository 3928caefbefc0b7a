/* Template, for a group's header: the types sc and ge of a group mod q, and what exchange/group.h promises of them.
 *
 * Expects
 *   KAM3_DL_PREFIX           the group's prefix, kam3_dl2048_ for instance
 *   KAM3_DL_WORDS            the 64-bit words of q, and of r
 *   KAM3_DL_LIMBS            n, the limbs of an element, in whatever radix the field kernel has
 *   KAM3_DL_COMB_WORDS       the words of a comb on the path whose combs are the largest
 *   KAM3_DL_ELEMENT_OCTETS   the octets of q
 *   KAM3_DL_SCALAR_OCTETS    the octets of r
 * and undefines them. One source file makes the functions from bn/scalar.inc.h and dl/group.inc.h.
 */
#include "exchange/group.h"

#define KAM3_SC_PREFIX KAM3_DL_PREFIX
#define KAM3_SC_LIMBS KAM3_DL_WORDS
#define KAM3_SC_OCTETS KAM3_DL_SCALAR_OCTETS
#include "bn/scalar_decl.inc.h"

#define KAM3_DL(name) KAM3_CAT(KAM3_DL_PREFIX, name)

/* x R mod q for an element x that is not 0, as the field kernel has it: not necessarily below q */
typedef struct {
    uint64_t limb[KAM3_DL_LIMBS];
} KAM3_DL(ge);

/* A and its comb */
typedef struct {
    uint64_t form; /* kam3_form */
    KAM3_DL(ge) element;
    _Alignas(64) uint64_t comb[KAM3_DL_COMB_WORDS];
} KAM3_DL(prepared);

kam3_mask KAM3_DL(ge_decode)(KAM3_DL(ge) *r, const uint8_t octets[KAM3_DL_ELEMENT_OCTETS]);
kam3_mask KAM3_DL(ge_encode)(uint8_t octets[KAM3_DL_ELEMENT_OCTETS], const KAM3_DL(ge) *a);
void KAM3_DL(ge_add)(KAM3_DL(ge) *r, const KAM3_DL(ge) *a, const KAM3_DL(ge) *b);
void KAM3_DL(ge_mul)(KAM3_DL(ge) *r, const KAM3_DL(ge) *a, const KAM3_DL(sc) *k);
void KAM3_DL(ge_mul_pair)(KAM3_DL(ge) *r1, KAM3_DL(ge) *r2, const KAM3_DL(ge) *a1, const KAM3_DL(ge) *a2,
                          const KAM3_DL(sc) *k);
void KAM3_DL(ge_mul_twice)(KAM3_DL(ge) *r1, KAM3_DL(ge) *r2, const KAM3_DL(ge) *a, const KAM3_DL(sc) *k,
                           const KAM3_DL(sc) *t);
void KAM3_DL(ge_prepare)(KAM3_DL(prepared) *r, const KAM3_DL(ge) *a);
void KAM3_DL(ge_mul_prepared)(KAM3_DL(ge) *r, const KAM3_DL(prepared) *a, const KAM3_DL(sc) *k);
void KAM3_DL(ge_mul_base)(KAM3_DL(ge) *r, const KAM3_DL(sc) *k);
void KAM3_DL(ge_mul_vartime)(KAM3_DL(ge) *r, const KAM3_DL(ge) *a, const KAM3_DL(sc) *k);
void KAM3_DL(ge_base)(KAM3_DL(ge) *r);
void KAM3_DL(ge_prepare_tables)(void);

#undef KAM3_DL
#undef KAM3_DL_PREFIX
#undef KAM3_DL_WORDS
#undef KAM3_DL_LIMBS
#undef KAM3_DL_COMB_WORDS
#undef KAM3_DL_ELEMENT_OCTETS
#undef KAM3_DL_SCALAR_OCTETS
