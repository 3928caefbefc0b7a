#include "base/int128.h"
#include "base/wipe.h"
#include "bn/bn.h"

/* r = (top R + r) mod m. Requires: top R + r < 2m, so one subtraction is enough */
static void reduce_once(uint64_t *r, uint64_t top, const kam3_modulus *mod) {
    uint64_t borrow = 0;
    for (size_t i = 0; i < mod->n; i++) (void)kam3_subb(r[i], mod->m[i], &borrow);
    /* top = 1 implies r < 2m - R < m, thus a borrow that the top limb pays */
    const kam3_mask m_subtract = kam3_mask_from_bit(top | (borrow ^ 1));
    borrow = 0;
    for (size_t i = 0; i < mod->n; i++) r[i] = kam3_subb(r[i], mod->m[i] & m_subtract, &borrow);
}

void kam3_mod_add(uint64_t *r, const uint64_t *a, const uint64_t *b, const kam3_modulus *mod) {
    const uint64_t carry = kam3_bn_add(r, a, b, mod->n);
    reduce_once(r, carry, mod);
}

/* Row by row: t = (t + a b[i] + u m) / 2^64 with the digit u that makes the lowest limb vanish.
 *
 * Bound: t < a + m before a row gives (a + m + a (2^64 - 1) + m (2^64 - 1)) / 2^64 = a + m after it, and a + m < 2R:
 * n limbs and one bit, kept in `top`. At the end t = (a b + U m) / R with U < R, and a b < m R, so t < 2m. */
void kam3_mod_montmul(uint64_t *r, const uint64_t *a, const uint64_t *b, const kam3_modulus *mod) {
    const size_t n = mod->n;
    uint64_t t[KAM3_BN_MAX_LIMBS] = {0};
    uint64_t top = 0;

    for (size_t i = 0; i < n; i++) {
        uint64_t carry = 0;
        for (size_t j = 0; j < n; j++) t[j] = kam3_mac(t[j], a[j], b[i], &carry);
        uint64_t over = 0;
        const uint64_t high = kam3_addc(top, carry, &over);

        const uint64_t u = t[0] * mod->n0;
        carry = 0;
        (void)kam3_mac(t[0], u, mod->m[0], &carry);
        for (size_t j = 1; j < n; j++) t[j - 1] = kam3_mac(t[j], u, mod->m[j], &carry);
        uint64_t out = 0;
        t[n - 1] = kam3_addc(high, carry, &out);
        top = over + out;
    }
    memcpy(r, t, n * sizeof r[0]);
    reduce_once(r, top, mod);
    kam3_wipe(t, sizeof t);
}

/* (a rr / R) b / R = a b: rr < m, and the first product is below m: one factor of each is */
void kam3_mod_mul(uint64_t *r, const uint64_t *a, const uint64_t *b, const kam3_modulus *mod) {
    uint64_t t[KAM3_BN_MAX_LIMBS];
    kam3_mod_montmul(t, a, mod->rr, mod);
    kam3_mod_montmul(r, t, b, mod);
    kam3_wipe(t, sizeof t);
}
