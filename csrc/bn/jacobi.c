#include "bn/bn.h"

static size_t trim(const uint64_t *a, size_t n) {
    while (n > 0 && a[n - 1] == 0) n--;
    return n;
}

/* a = a / 2^k. Requires: 0 < k < 64 */
static void shift_right(uint64_t *a, size_t n, unsigned k) {
    for (size_t i = 0; i + 1 < n; i++) a[i] = (a[i] >> k) | (a[i + 1] << (64 - k));
    a[n - 1] >>= k;
}

static unsigned trailing_zeros(uint64_t x) {
    unsigned k = 0;
    while ((x & 1) == 0) {
        x >>= 1;
        k++;
    }
    return k;
}

/* The binary algorithm on a pair of odd numbers, with the sign of the symbol in bit 1 of `sign`:
 *   (2 | b) = -1 iff b = 3 or 5 mod 8, which is bit 1 of b ^ (b >> 1),
 *   (a | b) = -(b | a) iff a = b = 3 mod 4, which is bit 1 of a & b,
 *   (a | b) = (a - b | b). */
int kam3_mod_jacobi_vartime(const uint64_t *x, const kam3_modulus *mod) {
    uint64_t buffer[2][KAM3_BN_MAX_LIMBS];
    uint64_t *a = buffer[0], *b = buffer[1];
    size_t n = mod->n;
    uint64_t sign = 0;
    memcpy(a, x, n * sizeof a[0]);
    memcpy(b, mod->m, n * sizeof b[0]);

    while (trim(a, n) != 0) {
        while (a[0] == 0) { /* 2^64 is a square: no change of sign */
            memmove(a, a + 1, (n - 1) * sizeof a[0]);
            a[n - 1] = 0;
        }
        if ((a[0] & 1) == 0) {
            const unsigned k = trailing_zeros(a[0]);
            shift_right(a, n, k);
            if (k & 1) sign ^= b[0] ^ (b[0] >> 1);
        }
        if (kam3_bn_lt(a, b, n)) {
            uint64_t *const t = a;
            a = b;
            b = t;
            sign ^= a[0] & b[0];
        }
        kam3_bn_sub(a, a, b, n);
        while (n > 1 && (a[n - 1] | b[n - 1]) == 0) n--;
    }
    /* a = 0, b = gcd(x, m) */
    if (b[0] != 1 || trim(b, n) != 1) return 0;
    return (sign & 2) ? -1 : 1;
}
