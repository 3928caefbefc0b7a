/* Eight scalar multiplications on P-256 at once, each in a lane of its own (see ifma_lanes.inc.h), and eight square roots. */
#include "ec/p256_ifma.h"

#if KAM3_X86_64

#define GROUPS 2
#include "ec/p256_ifma_vec.inc.h"

#include "ec/p256_ifma_fe.inc.h"

#include "ec/p256_ifma_codec.inc.h"

/* All tight: x (1.001), y (2.01), z (3). */
typedef struct {
    lanes x, y, z;
} point;

typedef int work; /* the temporaries are vectors in registers and their spill slots */

/* alpha = 3 (X - ZZ) (X + ZZ), beta = X Y^2, X' = alpha^2 - 8 beta, Y' = alpha (4 beta - X') - 8 Y^4, Z' = 2 Y Z
 *
 * Bounds: ZZ (1.6), Y^2 (1.5), beta (1.1), X - ZZ (3.01), X + ZZ (2.6), alpha (4.5), alpha^2 (2.3), 4 beta - X' (6.4),
 * 8 Y^4 (9.2), Y' (2.001), Z' = 2 (2.01 3 / 16 + 1) (2.76). */
TARGET KAM3_NOINLINE static void point_dbl(point *r, const point *a, work *w) {
    lanes plus, minus, alpha, x3, n, c;
    (void)w;
    const lanes zz = sqr(a->z), yz = mul(a->y, a->z);
    FOR_LIMBS(i) {
        plus.v[i] = vec_add(a->x.v[i], zz.v[i]);
        minus.v[i] = vec_add(vec_sub(a->x.v[i], zz.v[i]), Q_LIMB(i, 2));
    }
    const lanes yy = carry(sqr(a->y));
    alpha = mul(carry(plus), carry(minus));
    FOR_LIMBS(i) alpha.v[i] = vec_add(alpha.v[i], vec_add(alpha.v[i], alpha.v[i]));
    alpha = carry(alpha);
    const lanes beta = mul(a->x, yy), y4 = sqr(yy), square = sqr(alpha);
    FOR_LIMBS(i) {
        x3.v[i] = vec_add(vec_sub(square.v[i], vec_shl(beta.v[i], 3)), Q_LIMB(i, 9));
        c.v[i] = vec_sub(Q_LIMB(i, 10), vec_shl(y4.v[i], 3));
        r->z.v[i] = vec_add(yz.v[i], yz.v[i]);
    }
    x3 = fold(x3);
    FOR_LIMBS(i) n.v[i] = vec_add(vec_sub(vec_shl(beta.v[i], 2), x3.v[i]), Q_LIMB(i, 2));
    r->z = carry(r->z);
    r->y = carry(mul_add_folded(alpha, carry(n), c));
    r->x = x3;
}

/* U = X1 ZZ2, H = X2 ZZ1 - U, S = Y1 Z2 ZZ2, G = Y2 Z1 ZZ1 - S, V = U H^2:
 * X' = G^2 - H^3 - 2V, Y' = G (V - X') - S H^3, Z' = Z1 Z2 H
 *
 * Bounds: ZZ (1.6), Y Z (1.5), S (1.2), U (1.2), H, G (3.2), H^2, G^2 (1.7), H^3 (1.4), V (1.2), X' before it is folded (5.6),
 * V - X' (3.2), 2 - S (2), Y' = G (V - X') + (2 - S) H^3 (1.9), Z1 Z2 (1.6), Z' (1.4). */
TARGET KAM3_NOINLINE static void point_add(point *r, const point *a, const point *b, work *w) {
    lanes h, g, n, x3, minus_s;
    (void)w;
    const lanes zz1 = carry(sqr(a->z)), zz2 = carry(sqr(b->z));
    const lanes zz = carry(mul(a->z, b->z));
    const lanes yz1 = carry(mul(a->y, b->z)), yz2 = carry(mul(b->y, a->z));
    const lanes u = carry(mul(a->x, zz2)), u2 = mul(b->x, zz1);
    const lanes s = mul(yz1, zz2), s2 = mul(yz2, zz1);
    FOR_LIMBS(i) {
        h.v[i] = vec_add(vec_sub(u2.v[i], u.v[i]), Q_LIMB(i, 2));
        g.v[i] = vec_add(vec_sub(s2.v[i], s.v[i]), Q_LIMB(i, 2));
        minus_s.v[i] = vec_sub(Q_LIMB(i, 2), s.v[i]);
    }
    h = carry(h);
    g = carry(g);
    const lanes hh = carry(sqr(h)), gg = sqr(g);
    const lanes hhh = carry(mul(h, hh)), v = mul(u, hh);
    r->z = carry(mul(zz, h));
    FOR_LIMBS(i) {
        const vec less = vec_add(vec_add(v.v[i], v.v[i]), hhh.v[i]);
        x3.v[i] = vec_add(vec_sub(gg.v[i], less), Q_LIMB(i, 4));
    }
    x3 = fold(x3);
    FOR_LIMBS(i) n.v[i] = vec_add(vec_sub(v.v[i], x3.v[i]), Q_LIMB(i, 2));
    r->y = carry(mul_two(g, carry(n), carry(minus_s), hhh));
    r->x = x3;
}

/* 3 - y, folded */
INLINE void point_negate_y(lanes *y, __mmask8 m) {
    FOR_LIMBS(i) y->v[i] = vec_select(y->v[i], m, vec_sub(Q_LIMB(i, 3), y->v[i]));
    *y = fold(*y);
}

INLINE lanes numbers_in(const kam3_p256_fe *const a[LANES]) {
    uint64_t words[5][LANES], number[5];
    lanes r;
    for (int l = 0; l < LANES; l++) {
        kam3_bn_to_radix(number, 5, 52, a[l]->v, 4);
        for (int i = 0; i < 5; i++) words[i][l] = number[i];
    }
    FOR_LIMBS(i) r.v[i] = vec_load(words[i]);
    kam3_wipe(words, sizeof words);
    kam3_wipe(number, sizeof number);
    return r;
}

/* Requires: below 2q, tight */
INLINE void numbers_out(kam3_p256_fe *const r[LANES], lanes a) {
    uint64_t words[5][LANES], number[5];
    FOR_LIMBS(i) vec_store(words[i], a.v[i]);
    for (int l = 0; l < LANES; l++) {
        for (int i = 0; i < 5; i++) number[i] = words[i][l];
        fe_out(r[l], number);
    }
    kam3_wipe(words, sizeof words);
    kam3_wipe(number, sizeof number);
}

/* From homogeneous (X : Y : Z) to Jacobian coordinates, (XZ, YZ^2, Z). */
INLINE void points_in(point *p, const kam3_p256_ge *const a[LANES], work *w) {
    const kam3_p256_fe *x[LANES], *y[LANES], *z[LANES];
    (void)w;
    for (int l = 0; l < LANES; l++) {
        x[l] = &a[l]->x;
        y[l] = &a[l]->y;
        z[l] = &a[l]->z;
    }
    p->z = numbers_in(z);
    p->x = fold(mul(numbers_in(x), p->z));
    p->y = carry(mul(numbers_in(y), carry(sqr(p->z))));
}

/* And back: (XZ : Y : Z^3), all below 2. */
INLINE void points_out(kam3_p256_ge *const r[LANES], const point *p, work *w) {
    kam3_p256_fe *x[LANES], *y[LANES], *z[LANES];
    (void)w;
    for (int l = 0; l < LANES; l++) {
        x[l] = &r[l]->x;
        y[l] = &r[l]->y;
        z[l] = &r[l]->z;
    }
    numbers_out(x, carry(mul(p->x, p->z)));
    numbers_out(y, fold(p->y));
    numbers_out(z, carry(mul(p->z, carry(sqr(p->z)))));
}

TARGET KAM3_NOINLINE static void sqr_n(lanes *r, int n) {
    KEEP_LOOP for (int i = 0; i < n; i++) *r = carry(sqr(*r));
}

TARGET KAM3_NOINLINE static void multiply(lanes *r, const lanes *a) { *r = carry(mul(*r, *a)); }

/* r = a^(2^254 - 2^222 + 2^190 + 2^94), the exponent of kam3_p256_fe_sqrt, by the same chain: 253 S + 7 M.
 *
 * What stands for a there stands for a / 16 here, and what is to stand for the root there must be root / 16 here: that is the
 * root of a / 256, for 1 / 16 is a square, as the roots are that this power gives. */
TARGET static void sqrt_lanes(kam3_p256_fe *const r[LANES], const kam3_p256_fe *const a[LANES]) {
    struct {
        lanes a, t, x;
    } s;
    s.a = numbers_in(a);
    FOR_LIMBS(i) s.t.v[i] = vec_all(i == 4 ? 1ULL << 48 : 0); /* 2^256: a product with it is a sixteenth */
    multiply(&s.a, &s.t);
    s.x = s.a;
    for (int bits = 1; bits < 32; bits *= 2) { /* x = a^(2^bits - 1) */
        s.t = s.x;
        sqr_n(&s.t, bits);
        multiply(&s.x, &s.t);
    }
    sqr_n(&s.x, 32);
    multiply(&s.x, &s.a);
    sqr_n(&s.x, 96);
    multiply(&s.x, &s.a);
    sqr_n(&s.x, 94);
    numbers_out(r, s.x);
    kam3_wipe(&s, sizeof s);
}

#define KAM3_EC_PREFIX kam3_p256_
#define SCALAR_LIMBS 4
#define ODD_WORDS 6
#include "ec/ifma_lanes.inc.h"

int kam3_p256_ifma_mul_lanes(kam3_p256_ge *const r[8], const kam3_p256_ge *const a[8], const kam3_p256_sc *const k[8]) {
    if (!kam3_cpu_has(KAM3_P256_IFMA)) return 0;
    mul_lanes(r, a, k);
    return 1;
}

int kam3_p256_ifma_sqrt_lanes(kam3_p256_fe *const r[8], const kam3_p256_fe *const a[8]) {
    if (!kam3_cpu_has(KAM3_P256_IFMA)) return 0;
    sqrt_lanes(r, a);
    return 1;
}

#else

int kam3_p256_ifma_sqrt_lanes(kam3_p256_fe *const r[8], const kam3_p256_fe *const a[8]) {
    (void)r, (void)a;
    return 0;
}

int kam3_p256_ifma_mul_lanes(kam3_p256_ge *const r[8], const kam3_p256_ge *const a[8], const kam3_p256_sc *const k[8]) {
    (void)r, (void)a, (void)k;
    return 0;
}

#endif
