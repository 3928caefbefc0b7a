/* Template, for one source file of a curve: addition and doubling.
 *
 * This and the templates after it (mul.inc.h, base.inc.h, codec.inc.h, in this order) expect, once for all of them,
 *   fe, ge, sc                 types: the field element, the point and the scalar of the curve
 *   KAM3_EC_PREFIX             the prefix of its functions, kam3_p256_ for instance; the field as in ec/field.h
 *   KAM3_EC_SCALAR_BITS        bits of the order r, an odd prime above 16
 *   KAM3_EC_SCALAR_LIMBS       64-bit limbs of a scalar
 *   KAM3_EC_FE_OCTETS, KAM3_EC_ELEMENT_OCTETS
 *   static const fe curve_b, base_x, base_y
 *   KAM3_EC_FAST               defined if CPU paths exist: fast_mul, fast_mul_vartime, fast_mul_base, fast_prepare_tables,
 *                              fast_prepare and fast_mul_prepared with the prefix do what their namesakes do and return 1,
 *                              or return 0 and leave their operands alone; so does fast_mul_pair(r1, r2, a1, a2, k1, k2),
 *                              r1 = [k1]A1 and r2 = [k2]A2, and fast_mul_lanes(r, a, k) for eight of them, and
 *                              fast_sqrt_lanes(r, a) for eight of fe_sqrt, but for its verdict; fast_lanes() tells
 *                              whether the latter two do
 * of a curve y^2 = x^3 - 3x + b with r points (cofactor 1), over a prime q = 3 mod 4. A source file holds one curve.
 *
 * The formulas are those of Renes, Costello and Batina, "Complete addition formulas for prime order elliptic curves"
 * (EUROCRYPT 2016, eprint 2015/1060): on a group of odd order they hold for any two points, equal, opposite or the
 * identity, so no exception is left that an attacker could arrange. Each line bears the number of the paper's step, and
 * the magnitude of its result where it is not 1; inputs have magnitudes up to 4.
 */
#include "base/wipe.h"

#define KAM3_EC(name) KAM3_CAT(KAM3_EC_PREFIX, name)
#define ADD KAM3_EC(fe_add)
#define SUB KAM3_EC(fe_sub)
#define MUL KAM3_EC(fe_mul)
#define SQR KAM3_EC(fe_sqr)
#define CARRY KAM3_EC(fe_carry)

/* The temporaries of a formula; whoever owns them wipes them, once for many additions. */
typedef struct {
    fe t0, t1, t2, t3, t4, x3, y3, z3;
} point_work;

typedef struct {
    fe x, y;
} affine;

static void point_set_identity(ge *r) {
    memset(r, 0, sizeof *r);
    KAM3_EC(fe_set_one)(&r->y);
}

/* r = a + b, Algorithm 4: 12 M + 2 M by b. Result: magnitudes 3, 2, 2 */
static void point_add(ge *r, const ge *a, const ge *b, point_work *w) {
    const fe *const x1 = &a->x, *const y1 = &a->y, *const z1 = &a->z;
    const fe *const x2 = &b->x, *const y2 = &b->y, *const z2 = &b->z;
    fe *const t0 = &w->t0, *const t1 = &w->t1, *const t2 = &w->t2, *const t3 = &w->t3, *const t4 = &w->t4;
    fe *const x3 = &w->x3, *const y3 = &w->y3, *const z3 = &w->z3;

    MUL(t0, x1, x2);       /*  1 */
    MUL(t1, y1, y2);       /*  2 */
    MUL(t2, z1, z2);       /*  3 */
    ADD(t3, x1, y1);       /*  4: 8 */
    ADD(t4, x2, y2);       /*  5: 8 */
    MUL(t3, t3, t4);       /*  6 */
    ADD(t4, t0, t1);       /*  7: 2 */
    SUB(t3, t3, t4, 2);    /*  8: 4 */
    ADD(t4, y1, z1);       /*  9: 8 */
    ADD(x3, y2, z2);       /* 10: 8 */
    MUL(t4, t4, x3);       /* 11 */
    ADD(x3, t1, t2);       /* 12: 2 */
    SUB(t4, t4, x3, 2);    /* 13: 4 */
    ADD(x3, x1, z1);       /* 14: 8 */
    ADD(y3, x2, z2);       /* 15: 8 */
    MUL(x3, x3, y3);       /* 16 */
    ADD(y3, t0, t2);       /* 17: 2 */
    SUB(y3, x3, y3, 2);    /* 18: 4 */
    MUL(z3, &curve_b, t2); /* 19 */
    SUB(x3, y3, z3, 1);    /* 20: 6 */
    ADD(z3, x3, x3);       /* 21: 12 */
    ADD(x3, x3, z3);       /* 22: 18 */
    CARRY(x3);             /*     1 */
    SUB(z3, t1, x3, 1);    /* 23: 3 */
    ADD(x3, t1, x3);       /* 24: 2 */
    MUL(y3, &curve_b, y3); /* 25 */
    ADD(t1, t2, t2);       /* 26: 2 */
    ADD(t2, t1, t2);       /* 27: 3 */
    SUB(y3, y3, t2, 3);    /* 28: 5 */
    SUB(y3, y3, t0, 1);    /* 29: 7 */
    ADD(t1, y3, y3);       /* 30: 14 */
    ADD(y3, t1, y3);       /* 31: 21 */
    ADD(t1, t0, t0);       /* 32: 2 */
    ADD(t0, t1, t0);       /* 33: 3 */
    SUB(t0, t0, t2, 3);    /* 34: 7 */
    MUL(t1, t4, y3);       /* 35: 4 * 21 = 84 */
    MUL(t2, t0, y3);       /* 36: 7 * 21 = 147 */
    MUL(y3, x3, z3);       /* 37 */
    ADD(&r->y, y3, t2);    /* 38: 2 */
    MUL(x3, t3, x3);       /* 39 */
    SUB(&r->x, x3, t1, 1); /* 40: 3 */
    MUL(z3, t4, z3);       /* 41 */
    MUL(t1, t3, t0);       /* 42 */
    ADD(&r->z, z3, t1);    /* 43: 2 */
}

/* r = a + b, Algorithm 5: 11 M + 2 M by b, any a; b is affine and so never the identity. Result: magnitudes 3, 2, 2 */
static void point_add_affine(ge *r, const ge *a, const affine *b, point_work *w) {
    const fe *const x1 = &a->x, *const y1 = &a->y, *const z1 = &a->z;
    const fe *const x2 = &b->x, *const y2 = &b->y;
    fe *const t0 = &w->t0, *const t1 = &w->t1, *const t2 = &w->t2, *const t3 = &w->t3, *const t4 = &w->t4;
    fe *const x3 = &w->x3, *const y3 = &w->y3, *const z3 = &w->z3;

    MUL(t0, x1, x2);       /*  1 */
    MUL(t1, y1, y2);       /*  2 */
    ADD(t3, x2, y2);       /*  3: 8 */
    ADD(t4, x1, y1);       /*  4: 8 */
    MUL(t3, t3, t4);       /*  5 */
    ADD(t4, t0, t1);       /*  6: 2 */
    SUB(t3, t3, t4, 2);    /*  7: 4 */
    MUL(t4, y2, z1);       /*  8 */
    ADD(t4, t4, y1);       /*  9: 5 */
    MUL(y3, x2, z1);       /* 10 */
    ADD(y3, y3, x1);       /* 11: 5 */
    MUL(z3, &curve_b, z1); /* 12 */
    SUB(x3, y3, z3, 1);    /* 13: 7 */
    ADD(z3, x3, x3);       /* 14: 14 */
    ADD(x3, x3, z3);       /* 15: 21 */
    CARRY(x3);             /*     1 */
    SUB(z3, t1, x3, 1);    /* 16: 3 */
    ADD(x3, t1, x3);       /* 17: 2 */
    MUL(y3, &curve_b, y3); /* 18 */
    ADD(t2, z1, z1);       /* 19: 8 */
    ADD(t2, t2, z1);       /* 20: 12 */
    SUB(y3, y3, t2, 12);   /* 21: 14 */
    CARRY(y3);             /*     1 */
    SUB(y3, y3, t0, 1);    /* 22: 3 */
    ADD(t1, y3, y3);       /* 23: 6 */
    ADD(y3, t1, y3);       /* 24: 9 */
    ADD(t1, t0, t0);       /* 25: 2 */
    ADD(t0, t1, t0);       /* 26: 3 */
    SUB(t0, t0, t2, 12);   /* 27: 16 */
    MUL(t1, t4, y3);       /* 28: 5 * 9 = 45 */
    MUL(t2, t0, y3);       /* 29: 16 * 9 = 144 */
    MUL(y3, x3, z3);       /* 30 */
    ADD(&r->y, y3, t2);    /* 31: 2 */
    MUL(x3, t3, x3);       /* 32 */
    SUB(&r->x, x3, t1, 1); /* 33: 3 */
    MUL(z3, t4, z3);       /* 34: 5 * 3 */
    MUL(t1, t3, t0);       /* 35: 4 * 16 = 64 */
    ADD(&r->z, z3, t1);    /* 36: 2 */
}

/* r = 2a, Algorithm 6: 8 M + 3 S + 2 M by b. Result: magnitudes 3, 2, 4 */
static void point_dbl(ge *r, const ge *a, point_work *w) {
    const fe *const x = &a->x, *const y = &a->y, *const z = &a->z;
    fe *const t0 = &w->t0, *const t1 = &w->t1, *const t2 = &w->t2, *const t3 = &w->t3;
    fe *const x3 = &w->x3, *const y3 = &w->y3, *const z3 = &w->z3;

    SQR(t0, x);            /*  1 */
    SQR(t1, y);            /*  2 */
    SQR(t2, z);            /*  3 */
    MUL(t3, x, y);         /*  4 */
    ADD(t3, t3, t3);       /*  5: 2 */
    MUL(z3, x, z);         /*  6 */
    ADD(z3, z3, z3);       /*  7: 2 */
    MUL(y3, &curve_b, t2); /*  8 */
    SUB(y3, y3, z3, 2);    /*  9: 4 */
    ADD(x3, y3, y3);       /* 10: 8 */
    ADD(y3, x3, y3);       /* 11: 12 */
    CARRY(y3);             /*     1 */
    SUB(x3, t1, y3, 1);    /* 12: 3 */
    ADD(y3, t1, y3);       /* 13: 2 */
    MUL(y3, x3, y3);       /* 14 */
    MUL(x3, x3, t3);       /* 15 */
    ADD(t3, t2, t2);       /* 16: 2 */
    ADD(t2, t2, t3);       /* 17: 3 */
    MUL(z3, &curve_b, z3); /* 18 */
    SUB(z3, z3, t2, 3);    /* 19: 5 */
    SUB(z3, z3, t0, 1);    /* 20: 7 */
    ADD(t3, z3, z3);       /* 21: 14 */
    ADD(z3, z3, t3);       /* 22: 21 */
    ADD(t3, t0, t0);       /* 23: 2 */
    ADD(t0, t3, t0);       /* 24: 3 */
    SUB(t0, t0, t2, 3);    /* 25: 7 */
    MUL(t0, t0, z3);       /* 26: 7 * 21 = 147 */
    ADD(y3, y3, t0);       /* 27: 2 */
    MUL(t0, y, z);         /* 28 */
    ADD(t0, t0, t0);       /* 29: 2 */
    MUL(z3, t0, z3);       /* 30: 2 * 21 = 42 */
    SUB(&r->x, x3, z3, 1); /* 31: 3 */
    r->y = *y3;
    MUL(z3, t0, t1);       /* 32 */
    ADD(z3, z3, z3);       /* 33: 2 */
    ADD(&r->z, z3, z3);    /* 34: 4 */
}

/* r = 2^n a, n >= 1 public, in Jacobian coordinates (x/z^2, y/z^3): n (3 M + 5 S) + 4 M + 2 S, for n = 5 about half of
 * Algorithm 6. A doubling there (Bernstein and Lange's dbl-2001-b) has no exception in a group of odd order, where y =
 * 0 occurs at no point: z3 = 2 y z is zero only for z = 0, and (0 : y : 0) with y /= 0 goes to (0 : -8 y^4 : 0), the
 * identity again. It remains to give the identity a y on the way in, for y z^2 is none. */
static void point_dbl_n(ge *r, const ge *a, size_t n, point_work *w) {
    fe *const delta = &w->t0, *const gamma = &w->t1, *const beta = &w->t2, *const alpha = &w->t3, *const t = &w->t4;
    fe *const x = &w->x3, *const y = &w->y3, *const z = &w->z3;

    const kam3_mask m_identity = KAM3_EC(fe_is_zero)(&a->z);
    *z = a->z; /* 4 */
    SQR(delta, z);
    MUL(x, &a->x, z);
    MUL(y, &a->y, delta);
    KAM3_EC(fe_set_one)(t);
    KAM3_EC(fe_cmov)(y, t, m_identity);

    for (size_t i = 0; i < n; i++) { /* magnitudes of x, y, z: 1, 1, 4 */
        SQR(delta, z);
        SQR(gamma, y);
        MUL(beta, x, gamma);
        ADD(z, y, z); /* z = (y + z)^2 - gamma - delta */
        SQR(z, z);    /* 5 * 5 */
        ADD(t, gamma, delta);
        SUB(z, z, t, 2); /* 4 */
        SUB(t, x, delta, 1);
        ADD(alpha, t, t);
        ADD(t, alpha, t); /* 9 */
        ADD(alpha, x, delta);
        MUL(alpha, t, alpha); /* alpha = 3 (x - delta) (x + delta): 9 * 2 */
        ADD(beta, beta, beta);
        ADD(beta, beta, beta); /* 4 beta: 4 */
        ADD(t, beta, beta);
        SQR(x, alpha);
        SUB(x, x, t, 8); /* x = alpha^2 - 8 beta: 10 */
        CARRY(x);
        SUB(t, beta, x, 1); /* 6 */
        MUL(y, alpha, t);
        SQR(gamma, gamma);
        ADD(gamma, gamma, gamma);
        ADD(gamma, gamma, gamma);
        ADD(gamma, gamma, gamma);
        SUB(y, y, gamma, 8); /* y = alpha (4 beta - x) - 8 gamma^2: 10 */
        CARRY(y);
    }
    MUL(&r->x, x, z);
    r->y = *y;
    SQR(delta, z);
    MUL(&r->z, z, delta);
}

void KAM3_EC(ge_add)(ge *r, const ge *a, const ge *b) {
    point_work w;
    point_add(r, a, b, &w);
    kam3_wipe(&w, sizeof w);
}

void KAM3_EC(ge_dbl)(ge *r, const ge *a) {
    point_work w;
    point_dbl(r, a, &w);
    kam3_wipe(&w, sizeof w);
}
