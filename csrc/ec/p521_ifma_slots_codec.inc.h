/* Template: numbers of ec/p521_fe.h in limbs of 48 bits, and back. Expects p521_ifma_slots.inc.h before it. */
#include "base/wipe.h"
#include "bn/bn.h"

/* r = a in limbs of 48 bits, below q */
KAM3_INLINE void limbs_in(uint64_t r[LIMBS], const kam3_p521_fe *a) {
    uint8_t octets[KAM3_P521_FE_OCTETS];
    uint64_t words[9];
    kam3_p521_fe_to_octets(octets, a);
    kam3_bn_from_octets(words, 9, octets, sizeof octets);
    kam3_bn_to_radix(r, LIMBS, 48, words, 9);
    kam3_wipe(octets, sizeof octets);
    kam3_wipe(words, sizeof words);
}

/* r = the number, |r| = 1; v is used up. Requires: limbs of magnitude 2 */
KAM3_INLINE void limbs_out(kam3_p521_fe *r, uint64_t v[LIMBS]) {
    uint64_t words[9], carried = 0;
    for (int pass = 0; pass < 2; pass++) { /* the first folds less than 2^10: the number ends below 2^521 + 2^10 */
        for (int i = 0; i < 10; i++) {
            v[i] += carried;
            carried = v[i] >> 48;
            v[i] &= LIMB_MASK;
        }
        v[10] += carried;
        carried = pass == 0 ? v[10] >> 41 : 0;
        if (pass == 0) v[10] &= ((uint64_t)1 << 41) - 1;
    }
    kam3_bn_from_radix(words, 9, v, LIMBS, 48);
    kam3_bn_to_radix(r->v, 9, 58, words, 9);
    KAM3_P521_FE_SET_MAGNITUDE(r, 1);
    kam3_wipe(words, sizeof words);
}
