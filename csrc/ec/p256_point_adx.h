/* Points of P-256 for the adx path: Jacobian coordinates, x = X / Z^2, y = Y / Z^3, and Z = 0 for the identity alone,
 * whatever X and Y are then. Magnitudes do not matter in this field.
 *
 * The additions are exact unless both points are equal, when they give (0, 0, 0), and give the identity for opposite
 * points. If one operand is the identity they do not give the other one. Whoever adds says why that does not happen.
 * The doubling has no exception, for no point has y = 0.
 *
 * Alias: r may be any operand. The temporaries belong to the caller, who wipes them.
 */
#ifndef KAM3_EC_P256_POINT_ADX_H
#define KAM3_EC_P256_POINT_ADX_H

#include "ec/p256_fe_adx.h"

typedef struct {
    kam3_p256_fe x, y, z;
} jacobian;

typedef struct {
    kam3_p256_fe x, y;
} affine;

typedef struct {
    kam3_p256_fe s, h, r, hh, v, t;
} temporaries;

#define ADD kam3_p256_adx_fe_add
#define SUB(r, a, b) kam3_p256_adx_fe_sub(r, a, b, 1)

#define MUL kam3_p256_adx_fe_mul

#define SQR kam3_p256_adx_fe_sqr

/* r = 2a: 4 M + 4 S. M = 3 (X - Z^2) (X + Z^2), S = 4 X Y^2,
 * X' = M^2 - 2 S, Y' = M (S - X') - 8 Y^4, Z' = 2 Y Z */
static KAM3_NOINLINE void point_dbl(jacobian *r, const jacobian *a, temporaries *w) {
    kam3_p256_fe *const s = &w->s, *const m = &w->r, *const zz = &w->h, *const y4 = &w->v, *const t = &w->t;
    SQR(zz, &a->z);
    ADD(s, &a->y, &a->y);
    MUL(&r->z, s, &a->z);
    SQR(s, s); /* 4 Y^2 */
    ADD(m, &a->x, zz);
    SUB(zz, &a->x, zz);
    MUL(m, m, zz);
    SQR(y4, s);
    kam3_p256_adx_fe_half(y4, y4); /* 8 Y^4 */
    MUL(s, s, &a->x);
    ADD(t, m, m);
    ADD(m, m, t);
    SQR(&r->x, m);
    SUB(&r->x, &r->x, s);
    SUB(&r->x, &r->x, s);
    SUB(s, s, &r->x);
    MUL(s, s, m);
    SUB(&r->y, s, y4);
}

/* r = a + b: 8 M + 3 S. H = x_2 Z^2 - X, R = y_2 Z^3 - Y, V = X H^2, X' = R^2 - H^3 - 2 V, Y' = R (V - X') - Y H^3,
 * Z' = Z H */
static KAM3_NOINLINE void point_add_affine(jacobian *r, const jacobian *a, const affine *b, temporaries *w) {
    SQR(&w->t, &a->z);
    MUL(&w->h, &b->x, &w->t);
    MUL(&w->t, &w->t, &a->z);
    SUB(&w->h, &w->h, &a->x);
    MUL(&w->r, &b->y, &w->t);
    MUL(&r->z, &a->z, &w->h);
    SUB(&w->r, &w->r, &a->y);
    SQR(&w->hh, &w->h);
    MUL(&w->v, &a->x, &w->hh);
    MUL(&w->hh, &w->hh, &w->h); /* H^3 */
    SQR(&w->t, &w->r);
    SUB(&w->t, &w->t, &w->hh);
    SUB(&w->t, &w->t, &w->v);
    MUL(&w->s, &a->y, &w->hh);
    SUB(&r->x, &w->t, &w->v);
    SUB(&w->v, &w->v, &r->x);
    MUL(&w->v, &w->v, &w->r);
    SUB(&r->y, &w->v, &w->s);
}

/* For a and b of the same Z: b = a + b, a = a, both with the new Z' = Z h: 5 M + 2 S (Meloni, "New point addition
 * formulae for ECC applications", WAIFI 2007). h = X_1 - X_2, W_i = X_i h^2, A = Y_1 (W_1 - W_2), X' = (Y_1 - Y_2)^2 -
 * W_1 - W_2, Y' = (Y_1 - Y_2) (W_1 - X') - A; a becomes (W_1, A) */
static KAM3_NOINLINE void point_add_same_z(affine *a, jacobian *b, kam3_p256_fe *h, temporaries *w) {
    SUB(h, &a->x, &b->x);
    SUB(&w->r, &a->y, &b->y);
    MUL(&b->z, &b->z, h);
    SQR(&w->hh, h);
    MUL(&a->x, &a->x, &w->hh);
    MUL(&w->v, &b->x, &w->hh);
    SQR(&w->t, &w->r);
    SUB(&w->s, &a->x, &w->v);
    SUB(&w->t, &w->t, &a->x);
    SUB(&b->x, &w->t, &w->v);
    MUL(&a->y, &a->y, &w->s);
    SUB(&w->s, &a->x, &b->x);
    MUL(&w->s, &w->s, &w->r);
    SUB(&b->y, &w->s, &a->y);
}

#endif
