/* Eight scalar multiplications on P-521 at once, each in a lane of its own (see ifma_lanes.inc.h), and eight square roots. */
#include "ec/p521_ifma.h"

#if KAM3_X86_64

#define GROUPS 2
#include "ec/p521_ifma_vec.inc.h"

#include "ec/p521_ifma_slots.inc.h"

#include "ec/p521_ifma_slots_codec.inc.h"

#include "ec/p521_ifma_digits.inc.h"

/* Magnitudes: of a sum 1, 1, 4, of an entry of the table 1, 1, 1, or 1, 2, 1 if it is negated. */
typedef struct {
    lanes x, y, z;
} point;

typedef struct {
    lanes t, u, v, s, h, g, hh, zz;
} work;

/* alpha = 3 (X - ZZ) (X + ZZ), beta = X Y^2, X' = alpha^2 - 8 beta, Y' = alpha (4 beta - X') - 8 Y^4,
 * Z' = (Y + Z)^2 - Y^2 - ZZ */
TARGET KAM3_NOINLINE static void point_dbl(point *r, const point *a, work *w) {
    lanes *const beta = &w->u, *const alpha = &w->g, *const yy = &w->h;
    sqr(&w->zz, &a->z);
    sqr(yy, &a->y);
    mul(beta, &a->x, yy);
    w->t = sum(&a->y, &a->z);
    sqr(&w->v, &w->t); /* 5 * 5 */
    w->t = sum(yy, &w->zz);
    w->v = difference(&w->v, &w->t, 2); /* 4 */
    w->s = difference(&a->x, &w->zz, 1); /* 3 */
    w->t = sum(&a->x, &w->zz);           /* 2 */
    mul(alpha, &w->s, &w->t);
    FOR_LIMBS(i) alpha->v[i] = vec_add(alpha->v[i], vec_add(alpha->v[i], alpha->v[i])); /* 3 */
    sqr(&w->t, alpha);
    sqr(yy, yy);
    FOR_LIMBS(i) w->t.v[i] = vec_add(vec_sub(w->t.v[i], vec_shl(beta->v[i], 3)), BIAS(i, 9)); /* 10 */
    r->x = carry(w->t);
    r->z = w->v;
    FOR_LIMBS(i) w->s.v[i] = vec_add(vec_sub(vec_shl(beta->v[i], 2), r->x.v[i]), BIAS(i, 2)); /* 6 */
    mul(&w->t, alpha, &w->s);
    FOR_LIMBS(i) w->t.v[i] = vec_add(vec_sub(w->t.v[i], vec_shl(yy->v[i], 3)), BIAS(i, 9)); /* 10 */
    r->y = carry(w->t);
}

/* U = X1 ZZ2, H = X2 ZZ1 - U, S = Y1 Z2 ZZ2, G = Y2 Z1 ZZ1 - S, V = U H^2:
 * X' = G^2 - H^3 - 2V, Y' = G (V - X') - S H^3, Z' = Z1 Z2 H */
TARGET KAM3_NOINLINE static void point_add(point *r, const point *a, const point *b, work *w) {
    sqr(&w->zz, &b->z);
    mul(&w->u, &a->x, &w->zz);
    mul(&w->s, &a->y, &b->z);
    mul(&w->s, &w->s, &w->zz);
    sqr(&w->zz, &a->z);
    mul(&w->h, &b->x, &w->zz);
    mul(&w->g, &b->y, &a->z); /* 2 * 4 */
    mul(&w->g, &w->g, &w->zz);
    mul(&w->zz, &a->z, &b->z);
    w->h = difference(&w->h, &w->u, 1); /* 3 */
    w->g = difference(&w->g, &w->s, 1); /* 3 */
    sqr(&w->hh, &w->h);
    mul(&r->z, &w->zz, &w->h);
    mul(&w->v, &w->u, &w->hh);
    mul(&w->hh, &w->hh, &w->h);
    sqr(&w->t, &w->g);
    FOR_LIMBS(i) {
        const vec less = vec_add(vec_add(w->v.v[i], w->v.v[i]), w->hh.v[i]);
        w->t.v[i] = vec_add(vec_sub(w->t.v[i], less), BIAS(i, 4)); /* 5 */
    }
    r->x = carry(w->t);
    w->v = difference(&w->v, &r->x, 1); /* 3 */
    mul(&w->t, &w->g, &w->v);
    mul(&w->v, &w->s, &w->hh);
    r->y = carry(difference(&w->t, &w->v, 1));
}

INLINE void point_negate_y(lanes *y, __mmask8 m) {
    FOR_LIMBS(i) y->v[i] = vec_select_sub(y->v[i], m, BIAS(i, 2), y->v[i]);
}

/* |r| = 1 */
INLINE lanes numbers_in(const kam3_p521_fe *const a[LANES]) {
    uint64_t words[LIMBS][LANES], limbs[LIMBS];
    lanes r;
    for (int l = 0; l < LANES; l++) {
        limbs_in(limbs, a[l]);
        for (int i = 0; i < LIMBS; i++) words[i][l] = limbs[i];
    }
    FOR_LIMBS(i) r.v[i] = vec_load(words[i]);
    kam3_wipe(words, sizeof words);
    kam3_wipe(limbs, sizeof limbs);
    return r;
}

/* Requires: |a| <= 2 */
INLINE void numbers_out(kam3_p521_fe *const r[LANES], const lanes *a) {
    uint64_t words[LIMBS][LANES], limbs[LIMBS];
    FOR_LIMBS(i) vec_store(words[i], a->v[i]);
    for (int l = 0; l < LANES; l++) {
        for (int i = 0; i < LIMBS; i++) limbs[i] = kam3_value_barrier(words[i][l]);
        limbs_out(r[l], limbs);
    }
    kam3_wipe(words, sizeof words);
    kam3_wipe(limbs, sizeof limbs);
}

/* From homogeneous (X : Y : Z) to Jacobian coordinates, (XZ, YZ^2, Z). */
INLINE void points_in(point *p, const kam3_p521_ge *const a[LANES], work *w) {
    const kam3_p521_fe *x[LANES], *y[LANES], *z[LANES];
    for (int l = 0; l < LANES; l++) {
        x[l] = &a[l]->x;
        y[l] = &a[l]->y;
        z[l] = &a[l]->z;
    }
    p->x = numbers_in(x);
    p->y = numbers_in(y);
    p->z = numbers_in(z);
    mul(&p->x, &p->x, &p->z);
    sqr(&w->t, &p->z);
    mul(&p->y, &p->y, &w->t);
}

/* And back: (XZ : Y : Z^3). */
INLINE void points_out(kam3_p521_ge *const r[LANES], const point *p, work *w) {
    kam3_p521_fe *x[LANES], *y[LANES], *z[LANES];
    for (int l = 0; l < LANES; l++) {
        x[l] = &r[l]->x;
        y[l] = &r[l]->y;
        z[l] = &r[l]->z;
    }
    mul(&w->u, &p->x, &p->z);
    sqr(&w->t, &p->z);
    mul(&w->v, &w->t, &p->z);
    numbers_out(x, &w->u);
    numbers_out(y, &p->y);
    numbers_out(z, &w->v);
}

/* r = a^(2^519), the power of kam3_p521_fe_sqrt */
TARGET static void sqrt_lanes(kam3_p521_fe *const r[LANES], const kam3_p521_fe *const a[LANES]) {
    lanes x = numbers_in(a);
    for (int i = 0; i < 519; i++) sqr(&x, &x);
    numbers_out(r, &x);
    kam3_wipe(&x, sizeof x);
}

#define KAM3_EC_PREFIX kam3_p521_
#define SCALAR_LIMBS 9
#define ODD_WORDS 10
#include "ec/ifma_lanes.inc.h"

int kam3_p521_ifma_mul_lanes(kam3_p521_ge *const r[8], const kam3_p521_ge *const a[8], const kam3_p521_sc *const k[8]) {
    if (!kam3_cpu_has(KAM3_P521_IFMA)) return 0;
    mul_lanes(r, a, k);
    return 1;
}

int kam3_p521_ifma_sqrt_lanes(kam3_p521_fe *const r[8], const kam3_p521_fe *const a[8]) {
    if (!kam3_cpu_has(KAM3_P521_IFMA)) return 0;
    sqrt_lanes(r, a);
    return 1;
}

#else

int kam3_p521_ifma_sqrt_lanes(kam3_p521_fe *const r[8], const kam3_p521_fe *const a[8]) {
    (void)r, (void)a;
    return 0;
}

int kam3_p521_ifma_mul_lanes(kam3_p521_ge *const r[8], const kam3_p521_ge *const a[8], const kam3_p521_sc *const k[8]) {
    (void)r, (void)a, (void)k;
    return 0;
}

#endif
