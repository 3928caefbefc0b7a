/* Template, for a curve's header: the type ge of its points, and what exchange/group.h promises of them.
 *
 * Expects
 *   KAM3_EC_PREFIX           the group's prefix, kam3_p256_ for instance; the types fe and sc with this prefix
 *   KAM3_EC_ELEMENT_OCTETS   ELEMENT_OCTETS, the octets of 2q
 *   KAM3_EC_TABLE_WORDS      the words of a table for a fixed base on the path whose tables are the largest
 * and undefines them. Source files make the functions from point.inc.h, mul.inc.h, base.inc.h and codec.inc.h.
 */
#include "base/config.h"
#include "exchange/group.h"

#define KAM3_EC(name) KAM3_CAT(KAM3_EC_PREFIX, name)

/* The point (x/z, y/z) of y^2 z = x^3 - 3 x z^2 + b z^3, homogeneous; the identity is z = 0, and then x = 0 and y is
   not. Magnitudes at most 4. */
typedef struct {
    KAM3_EC(fe) x, y, z;
} KAM3_EC(ge);

/* A, not the identity, and its table */
typedef struct {
    uint64_t form; /* kam3_form */
    KAM3_EC(ge) element;
    _Alignas(64) uint64_t table[KAM3_EC_TABLE_WORDS];
} KAM3_EC(prepared);

kam3_mask KAM3_EC(ge_decode)(KAM3_EC(ge) *r, const uint8_t octets[KAM3_EC_ELEMENT_OCTETS]);
kam3_mask KAM3_EC(ge_encode)(uint8_t octets[KAM3_EC_ELEMENT_OCTETS], const KAM3_EC(ge) *a);
void KAM3_EC(ge_add)(KAM3_EC(ge) *r, const KAM3_EC(ge) *a, const KAM3_EC(ge) *b);
void KAM3_EC(ge_mul)(KAM3_EC(ge) *r, const KAM3_EC(ge) *a, const KAM3_EC(sc) *k);
void KAM3_EC(ge_mul_pair)(KAM3_EC(ge) *r1, KAM3_EC(ge) *r2, const KAM3_EC(ge) *a1, const KAM3_EC(ge) *a2,
                          const KAM3_EC(sc) *k);
void KAM3_EC(ge_mul_twice)(KAM3_EC(ge) *r1, KAM3_EC(ge) *r2, const KAM3_EC(ge) *a, const KAM3_EC(sc) *k,
                           const KAM3_EC(sc) *t);
size_t KAM3_EC(ge_lanes)(void);
void KAM3_EC(ge_decode_many)(KAM3_EC(ge) *const r[], kam3_mask ok[], const uint8_t *const octets[], size_t n);
void KAM3_EC(ge_mul_many)(KAM3_EC(ge) *const r[], const KAM3_EC(ge) *const a[], const KAM3_EC(sc) *const k[], size_t n);
void KAM3_EC(ge_prepare)(KAM3_EC(prepared) *r, const KAM3_EC(ge) *a);
void KAM3_EC(ge_mul_prepared)(KAM3_EC(ge) *r, const KAM3_EC(prepared) *a, const KAM3_EC(sc) *k);
void KAM3_EC(ge_mul_base)(KAM3_EC(ge) *r, const KAM3_EC(sc) *k);
void KAM3_EC(ge_mul_vartime)(KAM3_EC(ge) *r, const KAM3_EC(ge) *a, const KAM3_EC(sc) *k);
void KAM3_EC(ge_base)(KAM3_EC(ge) *r);
void KAM3_EC(ge_prepare_tables)(void);

/* Not in exchange/group.h: r = 2a, any point. */
void KAM3_EC(ge_dbl)(KAM3_EC(ge) *r, const KAM3_EC(ge) *a);

#undef KAM3_EC
#undef KAM3_EC_PREFIX
#undef KAM3_EC_ELEMENT_OCTETS
#undef KAM3_EC_TABLE_WORDS
