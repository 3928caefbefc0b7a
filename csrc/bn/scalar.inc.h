/* Template, for one source file of a group: the functions that bn/scalar_decl.inc.h declares.
 *
 * Expects the group's header, and
 *   KAM3_SC_PREFIX    as in the header
 *   KAM3_SC_LIMBS     as in the header
 *   KAM3_SC_OCTETS    as in the header
 *   KAM3_SC_MODULUS   the kam3_modulus of r, whose n is KAM3_SC_LIMBS; r > 1 is odd and otherwise arbitrary
 * and undefines all four. CT: everything but len is secret.
 */
#include "base/wipe.h"
#include "bn/bn.h"

#define KAM3_SC(name) KAM3_CAT(KAM3_SC_PREFIX, name)

kam3_mask KAM3_SC(sc_decode)(KAM3_SC(sc) *r, const uint8_t octets[KAM3_SC_OCTETS]) {
    static const uint64_t one[KAM3_SC_LIMBS] = {1};
    kam3_bn_from_octets(r->limb, KAM3_SC_LIMBS, octets, KAM3_SC_OCTETS);
    const kam3_mask ok =
        ~kam3_bn_is_zero(r->limb, KAM3_SC_LIMBS) & kam3_bn_lt(r->limb, KAM3_SC_MODULUS.m, KAM3_SC_LIMBS);
    kam3_cmov(r->limb, one, ~ok, KAM3_SC_LIMBS);
    return ok;
}

/* Horner's rule over chunks of n limbs, in Montgomery form: x -> x R + chunk is montmul(x, R^2) + montmul(chunk,
 * R^2), and each product has the factor R^2 mod r below r, as montmul requires. The first chunk is the one that may
 * be short. */
void KAM3_SC(sc_reduce)(KAM3_SC(sc) *r, const uint8_t *octets, size_t len) {
    static const uint64_t one[KAM3_SC_LIMBS] = {1};
    uint64_t x[KAM3_SC_LIMBS] = {0}, chunk[KAM3_SC_LIMBS];

    size_t taken = len;
    while (taken > 8 * KAM3_SC_LIMBS) taken -= 8 * KAM3_SC_LIMBS;
    for (size_t at = 0; at < len; at += taken, taken = 8 * KAM3_SC_LIMBS) {
        kam3_bn_from_octets(chunk, KAM3_SC_LIMBS, octets + at, taken);
        kam3_mod_montmul(chunk, chunk, KAM3_SC_MODULUS.rr, &KAM3_SC_MODULUS);
        kam3_mod_montmul(x, x, KAM3_SC_MODULUS.rr, &KAM3_SC_MODULUS);
        kam3_mod_add(x, x, chunk, &KAM3_SC_MODULUS);
    }
    kam3_mod_montmul(r->limb, x, one, &KAM3_SC_MODULUS);
    kam3_wipe(x, sizeof x);
    kam3_wipe(chunk, sizeof chunk);
}

void KAM3_SC(sc_add)(KAM3_SC(sc) *r, const KAM3_SC(sc) *a, const KAM3_SC(sc) *b) {
    kam3_mod_add(r->limb, a->limb, b->limb, &KAM3_SC_MODULUS);
}

void KAM3_SC(sc_mul)(KAM3_SC(sc) *r, const KAM3_SC(sc) *a, const KAM3_SC(sc) *b) {
    kam3_mod_mul(r->limb, a->limb, b->limb, &KAM3_SC_MODULUS);
}

kam3_mask KAM3_SC(sc_inv)(KAM3_SC(sc) *r, const KAM3_SC(sc) *a) {
    return kam3_mod_inverse(r->limb, a->limb, &KAM3_SC_MODULUS);
}

kam3_mask KAM3_SC(sc_is_zero)(const KAM3_SC(sc) *a) { return kam3_bn_is_zero(a->limb, KAM3_SC_LIMBS); }

kam3_mask KAM3_SC(sc_lt_word)(const KAM3_SC(sc) *a, uint64_t word) {
    return kam3_bn_is_zero(a->limb + 1, KAM3_SC_LIMBS - 1) & kam3_mask_lt(a->limb[0], word);
}

#undef KAM3_SC
#undef KAM3_SC_PREFIX
#undef KAM3_SC_LIMBS
#undef KAM3_SC_OCTETS
#undef KAM3_SC_MODULUS
