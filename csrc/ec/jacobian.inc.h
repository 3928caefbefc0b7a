/* Template: points in Jacobian coordinates, for mul.inc.h. Expects point.inc.h before it.
 *
 * x = X / Z^2, y = Y / Z^3; Z = 0 for the identity alone, whatever X and Y are then. These formulas cost a good third
 * less than the complete ones, and have exceptions: the additions are exact unless both points are equal, when they give
 * (0, 0, 0), and give the identity for opposite points; if one operand is the identity they do not give the other one.
 * Whoever adds says why that does not happen. The doubling has no exception, for no point has y = 0.
 *
 * Each line bears the magnitude of its result where it is not 1; inputs have magnitudes up to 5, 4, 4.
 */
#define NEG KAM3_EC(fe_neg)

typedef struct {
    fe x, y, z;
} jacobian;

/* a = 2a: 3 M + 5 S (Bernstein and Lange, dbl-2001-b). M = 3 (X - Z^2) (X + Z^2), S = 4 X Y^2,
 * X' = M^2 - 2 S, Y' = M (S - X') - 8 Y^4, Z' = (Y + Z)^2 - Y^2 - Z^2. Result: magnitudes 4, 4, 4 */
static void jacobian_dbl(jacobian *a, point_work *w) {
    fe *const zz = &w->t0, *const yy = &w->t1, *const s = &w->t2, *const m = &w->t3, *const t = &w->t4;

    SQR(zz, &a->z);
    SQR(yy, &a->y);
    ADD(t, &a->y, &a->z); /* 8 */
    SQR(t, t);
    ADD(s, yy, zz);       /* 2 */
    SUB(&a->z, t, s, 2);  /* Z': 4 */
    SUB(t, &a->x, zz, 1); /* 7 */
    ADD(m, &a->x, zz);    /* 6 */
    MUL(m, m, t);         /* 42 */
    ADD(t, m, m);         /* 2 */
    ADD(m, m, t);         /* M: 3 */
    ADD(yy, yy, yy);      /* 2 Y^2: 2 */
    ADD(t, yy, yy);       /* 4 Y^2: 4 */
    MUL(s, &a->x, t);     /* S */
    SQR(yy, yy);          /* 4 Y^4 */
    ADD(yy, yy, yy);      /* 2 */
    ADD(t, s, s);         /* 2 */
    SQR(&a->x, m);
    SUB(&a->x, &a->x, t, 2); /* X': 4 */
    SUB(s, s, &a->x, 4);     /* 6 */
    MUL(m, m, s);            /* 18 */
    SUB(&a->y, m, yy, 2);    /* Y': 4 */
}

/* a = a + b: 8 M + 3 S, b of magnitudes 1, 2. H = x_2 Z^2 - X, R = y_2 Z^3 - Y, V = X H^2,
 * X' = R^2 - H^3 - 2 V, Y' = R (V - X') - Y H^3, Z' = Z H. Result: magnitudes 5, 3, 1 */
static void jacobian_add_affine(jacobian *a, const affine *b, point_work *w) {
    fe *const h = &w->t0, *const r = &w->t1, *const v = &w->t2, *const hh = &w->t3, *const t = &w->t4;

    SQR(t, &a->z);
    MUL(h, &b->x, t);
    SUB(h, h, &a->x, 5); /* H: 7 */
    MUL(t, t, &a->z);
    MUL(r, &b->y, t);
    SUB(r, r, &a->y, 4); /* R: 6 */
    MUL(&a->z, &a->z, h);
    SQR(hh, h); /* 49 */
    MUL(v, &a->x, hh);
    MUL(hh, hh, h); /* H^3 */
    SQR(t, r);
    MUL(&a->y, &a->y, hh);
    ADD(h, v, v);            /* 2 */
    ADD(h, h, hh);           /* 3 */
    SUB(&a->x, t, h, 3);     /* X': 5 */
    SUB(v, v, &a->x, 5);     /* 7 */
    MUL(v, v, r);            /* 42 */
    SUB(&a->y, v, &a->y, 1); /* Y': 3 */
}

/* For a and b of the same Z, magnitudes up to 4: b = a + b, a = a, both with the new Z' = Z h: 5 M + 2 S (Meloni, "New
 * point addition formulae for ECC applications", WAIFI 2007). h = X_1 - X_2, W_i = X_i h^2, A = Y_1 (W_1 - W_2),
 * X' = (Y_1 - Y_2)^2 - W_1 - W_2, Y' = (Y_1 - Y_2) (W_1 - X') - A; a becomes (W_1, A). Result: magnitudes 1, 1 of a,
 * 4, 3, 1 of b, 9 of h */
static void jacobian_add_same_z(affine *a, jacobian *b, fe *h, point_work *w) {
    fe *const r = &w->t0, *const hh = &w->t1, *const v = &w->t2, *const s = &w->t3, *const t = &w->t4;

    SUB(h, &a->x, &b->x, 4); /* 9 */
    SUB(r, &a->y, &b->y, 4); /* 9 */
    MUL(&b->z, &b->z, h);
    SQR(hh, h);            /* 81 */
    MUL(&a->x, &a->x, hh); /* W_1 */
    MUL(v, &b->x, hh);     /* W_2 */
    SUB(s, &a->x, v, 1);   /* 3 */
    MUL(&a->y, &a->y, s);  /* A */
    SQR(t, r);
    ADD(v, v, &a->x);        /* 2 */
    SUB(&b->x, t, v, 2);     /* X': 4 */
    SUB(s, &a->x, &b->x, 4); /* 6 */
    MUL(s, s, r);            /* 54 */
    SUB(&b->y, s, &a->y, 1); /* Y': 3 */
}
