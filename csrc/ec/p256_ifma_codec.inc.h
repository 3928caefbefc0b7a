/* Template: points of exchange/group.h in lanes, and back. Expects p256_ifma_point.inc.h before it.
 *
 * A number x is x 2^256 mod q there and x 2^260 mod q here. Neither way needs a multiplication: what stands for x there stands
 * for x / 16 here, and of homogeneous coordinates all three may be divided by 16, or multiplied.
 */
#include "bn/bn.h"

/* [X Y Z .] */
INLINE lanes points_in(const kam3_p256_ge *const a[GROUPS]) {
    uint64_t words[5][LANES], number[5];
    lanes r;
    memset(words, 0, sizeof words);
    for (int g = 0; g < GROUPS; g++) {
        const kam3_p256_fe *const from[3] = {&a[g]->x, &a[g]->y, &a[g]->z};
        for (int j = 0; j < 3; j++) {
            kam3_bn_to_radix(number, 5, 52, from[j]->v, 4);
            for (int i = 0; i < 5; i++) words[i][4 * g + j] = number[i];
        }
    }
    FOR_LIMBS(i) r.v[i] = vec_load(words[i]);
    kam3_wipe(words, sizeof words);
    kam3_wipe(number, sizeof number);
    return r;
}

/* r = a mod q. Requires: a < 2q in tight limbs */
static void fe_out(kam3_p256_fe *r, const uint64_t a[5]) {
    static const uint64_t minus_q[4] = {KAM3_P256_MINUS_Q0, KAM3_P256_MINUS_Q1, KAM3_P256_MINUS_Q2, KAM3_P256_MINUS_Q3};
    kam3_p256_fe t;
    uint64_t c = 0;
    kam3_bn_from_radix(t.v, 4, a, 5, 52); /* a mod 2^256 */
    for (int i = 0; i < 4; i++) r->v[i] = kam3_addc(t.v[i], minus_q[i], &c);
    kam3_p256_fe_cmov(r, &t, kam3_mask_is_zero(c | a[4] >> 48)); /* unless a >= q */
    kam3_wipe(&t, sizeof t);
}

/* From Jacobian to homogeneous coordinates: (XZ : Y : Z^3). */
INLINE void points_out(kam3_p256_ge *const r[GROUPS], const point *p) {
    uint64_t words[5][LANES], number[5];
    lanes one;
    FOR_LIMBS(i) one.v[i] = vec_all(((const uint64_t[5]){KAM3_P256_IFMA_ONE})[i]);
    const lanes zz = carry(p->zz);
    const lanes out = carry(mul(merge(p->z, 2, one), merge(merge(p->x, 2, p->y), 4, zz)));
    FOR_LIMBS(i) vec_store(words[i], out.v[i]);
    for (int g = 0; g < GROUPS; g++) {
        kam3_p256_fe *const to[3] = {&r[g]->x, &r[g]->y, &r[g]->z};
        for (int j = 0; j < 3; j++) {
            for (int i = 0; i < 5; i++) number[i] = words[i][4 * g + j];
            fe_out(to[j], number);
        }
    }
    kam3_wipe(words, sizeof words);
    kam3_wipe(number, sizeof number);
}

/* r = m_negate ? -r : r, and the identity if m_identity */
INLINE void finish(kam3_p256_ge *r, kam3_mask m_negate, kam3_mask m_identity) {
    kam3_p256_fe t;
    kam3_p256_fe_neg(&t, &r->y, 1);
    kam3_p256_fe_cmov(&r->y, &t, m_negate);
    kam3_p256_fe_set_one(&t);
    kam3_p256_fe_cmov(&r->y, &t, m_identity);
    memset(&t, 0, sizeof t);
    kam3_p256_fe_cmov(&r->x, &t, m_identity);
    kam3_p256_fe_cmov(&r->z, &t, m_identity);
}
