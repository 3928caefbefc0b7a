/* The inverse modulo an odd m by half-delta divsteps, 62 at a time.
 *
 * A divstep takes (h, f, g), f odd, h = delta - 1/2 an integer, to
 *
 *     h >= 0 and g odd:   (   -h,  g,  (g - f) / 2)
 *     otherwise:          (h + 1,  f,  (g + (g mod 2) f) / 2)
 *
 * and starts at (0, m, x). Bernstein and Yang, "Fast constant-time gcd computation and modular inversion" (2019), show
 * that g reaches 0, with f = +-gcd(m, x), after a number of steps that depends on the bits b of m alone. For delta that
 * starts at 1/2 Wuille's convex-hull argument bounds the number by (45907 b + 26313) / 19929 ("Bounds on divsteps
 * iterations in safegcd", 2021); csrc/gen/moduli.py rounds it up to jumps. Steps after the last needed one leave f
 * alone and keep g at 0.
 *
 * 62 steps depend on the low 62 bits of f and g only. A jump finds their transition matrix T from these, with which
 * 2^62 (f', g') = T (f, g), and applies it once to the whole numbers; and to d and e, which keep d x = f and e x = g
 * mod m, modulo m. At the end d = +-x^-1.
 *
 * Numbers are n62 signed limbs of radix 2^62: all but the top limb in [0, 2^62), the sign in the top limb. Right shifts
 * of negative numbers are taken to be arithmetic, as every compiler we know does them.
 */
#include "base/int128.h"
#include "base/wipe.h"
#include "bn/bn.h"

#define M62 (UINT64_MAX >> 2)
#define MAX_LIMBS62 ((64 * KAM3_BN_MAX_LIMBS + 1 + 61) / 62)

/* T = ((u, v), (q, r)); |u| + |v| <= 2^62 and |q| + |r| <= 2^62 */
typedef struct {
    int64_t u, v, q, r;
} matrix;

/* all ones if x < 0. The barrier keeps clang from making two copies of a loop, for x < 0 and x >= 0, and a branch
 * between. */
KAM3_INLINE int64_t sign_mask(int64_t x) { return (int64_t)kam3_value_barrier((uint64_t)(x >> 63)); }

/* k divsteps, k <= 16, on the low words of f and g; T of them with entries of at most 2^k; returns the new h,
 * complemented.
 *
 * The word F = (f mod 2^20) + 2^(21+k) goes through the steps of f, G = (g mod 2^20) + 2^(42+k) through those of g.
 * As the steps are linear, F ends as f' + 2^21 u + 2^42 v: the matrix is built by the same additions as the numbers.
 * The fields do not touch: |f'| <= 2^20 (halves of sums of such), |u|, |v| <= 2^16; no word exceeds 2^60. The low k
 * bits of f and g, which choose the steps, stay exact because the weights are multiples of 2^k when a step begins.
 *
 * `z` = ~h: its sign bit is set where h >= 0, and the new value is ~z - 1 = ~-h in a swap, z - 1 = ~(h + 1) else. */
KAM3_INLINE int64_t divsteps_packed(int64_t *row_f, int64_t *row_g, int64_t z, uint64_t f, uint64_t g, unsigned k) {
    const uint64_t low = ((uint64_t)1 << 20) - 1;
    int64_t pf = (int64_t)((f & low) + ((uint64_t)1 << (21 + k)));
    int64_t pg = (int64_t)((g & low) + ((uint64_t)1 << (42 + k)));
    for (unsigned i = 0; i < k; i++) {
        const int64_t m_odd = (int64_t)kam3_value_barrier((uint64_t)-(pg & 1));
        const int64_t m_minus = sign_mask(z), m_swap = m_minus & m_odd;
        /* g + f or g - f, the latter where h >= 0; then f += g - f is the swap */
        pg += ((pf ^ m_minus) - m_minus) & m_odd;
        z = (z ^ m_swap) - 1;
        pf += pg & m_swap;
        pg >>= 1;
    }
    /* take the fields apart, each rounded to the nearest so that the sign of the lower ones does not matter */
    const int64_t half = (int64_t)1 << 20;
    const int64_t of = pf + half, og = pg + half;
    row_f[1] = (of + ((int64_t)1 << 41)) >> 42;
    row_f[0] = (of - row_f[1] * ((int64_t)1 << 42)) >> 21;
    row_g[1] = (og + ((int64_t)1 << 41)) >> 42;
    row_g[0] = (og - row_g[1] * ((int64_t)1 << 42)) >> 21;
    return z;
}

/* T of the 62 divsteps that the low 64 bits f and g choose; returns the new z. */
KAM3_INLINE int64_t jump(matrix *t, int64_t z, uint64_t f, uint64_t g) {
    /* 62 in all; of 64 good bits, 17 are left when the last 15 steps begin */
    static const unsigned steps[4] = {16, 16, 15, 15};
    int64_t u = 1, v = 0, q = 0, r = 1;
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC unroll 4
#endif
    for (int i = 0; i < 4; i++) {
        int64_t a[2], b[2];
        z = divsteps_packed(a, b, z, f, g, steps[i]);
        const uint64_t f2 = (uint64_t)a[0] * f + (uint64_t)a[1] * g;
        const uint64_t g2 = (uint64_t)b[0] * f + (uint64_t)b[1] * g;
        f = f2 >> steps[i];
        g = g2 >> steps[i];
        const int64_t u2 = a[0] * u + a[1] * q, v2 = a[0] * v + a[1] * r;
        const int64_t q2 = b[0] * u + b[1] * q, r2 = b[0] * v + b[1] * r;
        u = u2;
        v = v2;
        q = q2;
        r = r2;
    }
    t->u = u;
    t->v = v;
    t->q = q;
    t->r = r;
    return z;
}

/* (f, g) = T (f, g) / 2^62, exactly.
 *
 * |f|, |g| <= m always: a divstep halves a sum of two such. A column sum u f[i] + v g[i] is below 2^62 * 2^62 in
 * absolute value and the carry below 2^63, so the accumulators stay within 2^125. */
static void update_fg(int64_t *f, int64_t *g, const matrix *t, size_t n) {
    kam3_i128 cf = kam3_i128_mac(kam3_i128_mul(t->u, f[0]), t->v, g[0]);
    kam3_i128 cg = kam3_i128_mac(kam3_i128_mul(t->q, f[0]), t->r, g[0]);
    cf = kam3_i128_shr(cf, 62);
    cg = kam3_i128_shr(cg, 62);
    for (size_t i = 1; i < n; i++) {
        const int64_t fi = f[i], gi = g[i];
        cf = kam3_i128_mac(kam3_i128_mac(cf, t->u, fi), t->v, gi);
        cg = kam3_i128_mac(kam3_i128_mac(cg, t->q, fi), t->r, gi);
        f[i - 1] = (int64_t)(kam3_i128_lo(cf) & M62);
        g[i - 1] = (int64_t)(kam3_i128_lo(cg) & M62);
        cf = kam3_i128_shr(cf, 62);
        cg = kam3_i128_shr(cg, 62);
    }
    f[n - 1] = (int64_t)kam3_i128_lo(cf);
    g[n - 1] = (int64_t)kam3_i128_lo(cg);
}

/* (d, e) = T (d, e) / 2^62 mod m, kept in (-2m, m).
 *
 * The multiple of m that is added makes the sum divisible by 2^62: it begins as u [d < 0] + v [e < 0], which lifts a
 * negative d or e by m, into (-m, m), and is then lowered by less than 2^62 to the right residue. So the new d lies
 * in (-2^62 m - 2^62 m, 2^62 m) / 2^62 = (-2m, m). Column sums: |u d[i] + v e[i]| < 2^124, |md m[i]| < 2^63 * 2^62,
 * carry below 2^64; together below 2^127. */
static void update_de(int64_t *d, int64_t *e, const matrix *t, const kam3_modulus *mod) {
    const size_t n = mod->n62;
    const int64_t *m = mod->m62;
    const int64_t m_d = sign_mask(d[n - 1]), m_e = sign_mask(e[n - 1]);
    int64_t md = (t->u & m_d) + (t->v & m_e);
    int64_t me = (t->q & m_d) + (t->r & m_e);
    kam3_i128 cd = kam3_i128_mac(kam3_i128_mul(t->u, d[0]), t->v, e[0]);
    kam3_i128 ce = kam3_i128_mac(kam3_i128_mul(t->q, d[0]), t->r, e[0]);
    md -= (int64_t)((mod->m_inv62 * kam3_i128_lo(cd) + (uint64_t)md) & M62);
    me -= (int64_t)((mod->m_inv62 * kam3_i128_lo(ce) + (uint64_t)me) & M62);
    cd = kam3_i128_shr(kam3_i128_mac(cd, md, m[0]), 62);
    ce = kam3_i128_shr(kam3_i128_mac(ce, me, m[0]), 62);
    for (size_t i = 1; i < n; i++) {
        const int64_t di = d[i], ei = e[i];
        cd = kam3_i128_mac(kam3_i128_mac(kam3_i128_mac(cd, t->u, di), t->v, ei), md, m[i]);
        ce = kam3_i128_mac(kam3_i128_mac(kam3_i128_mac(ce, t->q, di), t->r, ei), me, m[i]);
        d[i - 1] = (int64_t)(kam3_i128_lo(cd) & M62);
        e[i - 1] = (int64_t)(kam3_i128_lo(ce) & M62);
        cd = kam3_i128_shr(cd, 62);
        ce = kam3_i128_shr(ce, 62);
    }
    d[n - 1] = (int64_t)kam3_i128_lo(cd);
    e[n - 1] = (int64_t)kam3_i128_lo(ce);
}

/* d = +-d + (m if m_add), the minus where m_negate; limbs brought back to [0, 2^62), sign in the top. Limbs stay
 * below 2^63. */
static void negate_add(int64_t *d, int64_t m_negate, int64_t m_add, const kam3_modulus *mod) {
    int64_t carry = 0;
    for (size_t i = 0; i < mod->n62; i++) {
        carry += ((d[i] ^ m_negate) - m_negate) + (mod->m62[i] & m_add);
        d[i] = (i + 1 < mod->n62) ? (int64_t)((uint64_t)carry & M62) : carry;
        carry >>= 62;
    }
}

/* all ones if f = 1 or f = -1, that is (1, 0, .., 0) or (2^62 - 1, .., 2^62 - 1, -1) */
static kam3_mask is_unit(const int64_t *f, size_t n) {
    uint64_t off_plus = (uint64_t)f[0] ^ 1, off_minus = ~(uint64_t)f[n - 1];
    for (size_t i = 1; i < n; i++) off_plus |= (uint64_t)f[i];
    for (size_t i = 0; i + 1 < n; i++) off_minus |= (uint64_t)f[i] ^ M62;
    return kam3_mask_is_zero(off_plus) | kam3_mask_is_zero(off_minus);
}

kam3_mask kam3_mod_inverse(uint64_t *r, const uint64_t *x, const kam3_modulus *mod) {
    const size_t n = mod->n62;
    struct {
        int64_t f[MAX_LIMBS62], g[MAX_LIMBS62], d[MAX_LIMBS62], e[MAX_LIMBS62];
        matrix t;
        int64_t z;
    } s;

    memcpy(s.f, mod->m62, n * sizeof s.f[0]);
    kam3_bn_to_radix((uint64_t *)s.g, n, 62, x, mod->n);
    memset(s.d, 0, sizeof s.d);
    memset(s.e, 0, sizeof s.e);
    s.e[0] = 1;
    s.z = -1; /* h = 0 */
    for (size_t i = 0; i < mod->jumps; i++) {
        const uint64_t f0 = (uint64_t)s.f[0] | (uint64_t)s.f[1] << 62;
        const uint64_t g0 = (uint64_t)s.g[0] | (uint64_t)s.g[1] << 62;
        s.z = jump(&s.t, s.z, f0, g0);
        update_de(s.d, s.e, &s.t, mod);
        update_fg(s.f, s.g, &s.t, n);
    }
    /* d in (-2m, m) is lifted to (-m, m), takes the sign of f, and is lifted to [0, m) */
    negate_add(s.d, 0, sign_mask(s.d[n - 1]), mod);
    negate_add(s.d, sign_mask(s.f[n - 1]), 0, mod);
    negate_add(s.d, 0, sign_mask(s.d[n - 1]), mod);
    const kam3_mask ok = is_unit(s.f, n);
    kam3_bn_from_radix(r, mod->n, (const uint64_t *)s.d, n, 62);
    for (size_t i = 0; i < mod->n; i++) r[i] &= ok;
    kam3_wipe(&s, sizeof s);
    return ok;
}
