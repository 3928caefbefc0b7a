/* Template: points of exchange/group.h as lanes, and back. Expects p256_ifma_fe.inc.h before it. Scalars become the
 * digits of ec/odd.h, in windows of five bits: sixteen points are all that they take, [1]A, [3]A .. [31]A, and their
 * negatives.
 *
 * A number x is x 2^256 mod q there and x 2^260 mod q here. Neither way needs a multiplication: what stands for x there stands
 * for x / 16 here, and of homogeneous coordinates all three may be divided by 16, or multiplied.
 */
#include "base/wipe.h"
#include "bn/bn.h"
#include "ec/odd.h"
#include "gen/curves.h"
#include "gen/moduli.h"

#define ENTRIES 16
#define DIGITS 51

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

/* r = [X Y Z .] of group g. Requires: below 2q, tight */
INLINE void ge_out(kam3_p256_ge *r, lanes a, const int g) {
    kam3_p256_fe *const to[3] = {&r->x, &r->y, &r->z};
    uint64_t words[5][LANES], number[5];
    FOR_LIMBS(i) vec_store(words[i], a.v[i]);
    for (int j = 0; j < 3; j++) {
        for (int i = 0; i < 5; i++) number[i] = words[i][4 * g + j];
        fe_out(to[j], number);
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
