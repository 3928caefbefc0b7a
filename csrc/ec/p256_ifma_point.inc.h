/* Template: doubling and addition on P-256, the products of a formula side by side in the lanes. Expects p256_ifma_fe.inc.h
 * before it.
 *
 * Modified Jacobian coordinates: (x, y) = (X/Z^2, Y/Z^3), and T = -3Z^4 while doublings follow each other. Each formula is a
 * sequence of levels, four products at once, with only sums between them. In comments [..] are the lanes of a group, a dot is a
 * lane that nobody reads; a number in parentheses bounds the value before it, in units of q.
 */

/* All lanes alike: X (1.01), Y (4.5), Z (2.8), all tight, and ZZ = Z^2, loose (1.5). */
typedef struct {
    lanes x, y, z, zz;
} point;

/* What a doubling takes: a = [X Y Y Y], b = [X Y Y Z], t = [T . . .], x = [. . X .]; the first of several takes
 * a = [X+ZZ Y Y Y], b = [X-ZZ Y Y Z], t = [. . . ZZ]. */
typedef struct {
    lanes a, b, t, x;
} doubling;

/* What an addition takes: zzxy = [ZZ ZZZ X Y], z = [. . Z .]. */
typedef struct {
    lanes zzxy, z;
} augend;

/* And its second operand: xyzz = [X Y ZZ ZZZ], z = [. . Z .]. */
typedef struct {
    lanes xyzz, z;
} addend;

INLINE void start_doublings(doubling *s, const point *p) {
    lanes plus, minus;
    FOR_LIMBS(i) {
        plus.v[i] = vec_add(p->x.v[i], p->zz.v[i]);
        minus.v[i] = vec_add(vec_sub(p->x.v[i], p->zz.v[i]), Q_LIMB(i, 2));
    }
    s->a = merge(p->y, 1, carry(plus));                     /* (2.6) */
    s->b = merge(merge(p->y, 1, carry(minus)), 8, p->z);    /* (3.01) */
    s->t = carry(p->zz);
    s->x = p->x;
}

/* 2 of s: the next state of it or, after the `last` doubling, in r what an addition takes. `first` and `last` are constants.
 *
 *   1  [X^2 Y^2 Y^2 YZ]      alpha = 3X^2 + T or 3(X+ZZ)(X-ZZ), 2Y^2, 4Y^2, Z' = 2YZ
 *   2  [alpha^2 4Y^4 4XY^2 .]     with D = 4Y^4, S = 4XY^2; in the free lane ZZ^2 if first, Z'^2 if last
 *   3  [4D T | alpha (S - X') three times, or twice and Z'^3]
 *      X' = alpha^2 - 2S, so S - X' = 3S - alpha^2; Y' = alpha (S - X') - 2D; T' = 4D T
 *
 * Bounds, first: X^2 becomes (X+ZZ)(X-ZZ) (1.49), Y^2 (2.3), YZ (1.8), alpha (4.5), 2Y^2 (4.6), 4Y^2 (9.2), Z' (3.6), D (2.4),
 * S (1.6), alpha^2 (2.3), T = 4 - 3ZZ^2 (4). Then X (1.01), Y (2.01): X^2 (1.07), Y^2 (1.3), alpha (7.0 with T' = 4D T (3.4) of the
 * first doubling, else less), 4Y^2 (5.1), D (1.5), S (1.4), Z' = 2YZ (2.9; z -> 2 (2.01 z / 16 + 1) falls from 3.6 to 2.7), T' (2.3). */
INLINE void dbl(doubling *s, augend *r, const int first, const int last) {
    lanes p, u, w, c, x3, n, t = s->t;

    p = mul(s->a, s->b);
    FOR_LIMBS(i) {
        const vec twice = vec_add(p.v[i], p.v[i]);
        const vec shifted = vec_merge_add(twice, 4, twice, twice);
        const vec once = first ? p.v[i] : vec_add(p.v[i], s->t.v[i]);
        u.v[i] = vec_merge_add(shifted, 1, twice, once);
    }
    u = carry(u); /* [alpha 2Y^2 4Y^2 Z'] */
    w = merge(u, 4, s->x);
    if (first && !last) {
        w = merge(w, 8, s->t);
        p = mul(w, merge(u, 8, s->t));
    } else {
        p = mul(w, u);
    }
    /* [alpha^2 D S .] */
    FOR_LIMBS(i) {
        const vec square = vec_spread(p.v[i], 0), d = vec_spread(p.v[i], 1), ss = vec_spread(p.v[i], 2);
        const vec d2 = vec_add(d, d), s2 = vec_add(ss, ss);
        const vec m = vec_add(vec_sub(s2, square), vec_add(ss, Q_LIMB(i, 5)));
        n.v[i] = vec_merge_add(m, 1, d2, d2);
        if (last) n.v[i] = vec_merge(n.v[i], 8, p.v[i]);
        x3.v[i] = vec_add(vec_sub(square, s2), Q_LIMB(i, 4));
        c.v[i] = vec_keep(last ? 6 : 14, vec_sub(Q_LIMB(i, 5), d2));
    }
    n = carry(n); /* [4D S-X' S-X' S-X' or Z'^2] */
    if (first && !last) {
        FOR_LIMBS(i) {
            const vec z4 = vec_spread(p.v[i], 3);
            t.v[i] = vec_sub(Q_LIMB(i, 4), vec_add(z4, vec_add(z4, z4)));
        }
        t = carry(t);
    }
    LANES_OF(w, u, 0, 0, 0, 0);
    w = merge(w, 1, n);
    if (last) w = merge(w, 8, u);
    p = carry(mul_add_folded(w, merge(n, 1, t), c)); /* [T' Y' Y' Y' or Z'^3] */
    x3 = fold(x3);
    if (!last) {
        s->a = merge(p, 1, x3);
        s->b = merge(s->a, 8, u);
        FOR_LIMBS(i) s->t.v[i] = vec_keep(1, p.v[i]);
        s->x = x3;
    } else {
        LANES_OF(w, p, 0, 3, 1, 1);
        LANES_OF(n, n, 3, 3, 3, 3);
        LANES_OF(r->z, u, 3, 3, 3, 3);
        r->zzxy = merge(merge(w, 1, n), 4, x3);
    }
}

/* r = a + b. Requires: a /= +-b, and neither is the identity (or the result is of no use).
 *
 *   1  [U2 S2 U1 S1] = [X2 ZZ1, Y2 ZZZ1, X1 ZZ2, Y1 ZZZ2]     H = U2 - U1, G = S2 - S1
 *   2  [H^2 G^2 Z1Z2 .]
 *   3  [H^3 V=U1 H^2 Z3=Z1Z2 H .]     X3 = G^2 - H^3 - 2V
 *   4  [G (V - X3) S1 H^3 Z3^2 .]     Y3 = G (V - X3) - S1 H^3
 *
 * Bounds: ZZ (1.9), ZZZ (1.5), Y (5), Z (3.7) of the operands make U (1.2), S (1.5), H (3.2), G (3.5), H^2 (1.7), G^2 (1.8),
 * Z1Z2 (1.9), H^3 (1.4), V (1.2), Z3 (1.4), X3 (5.8, then folded), V - X3 (6.9), Y3 (4.6), Z3^2 (1.2). */
INLINE void add(point *r, const augend *a, const addend *b) {
    lanes p, u, w, hg, us, x3;

    p = mul(a->zzxy, b->xyzz);
    FOR_LIMBS(i) {
        us.v[i] = vec_lanes(p.v[i], 2, 3, 0, 1);
        hg.v[i] = vec_add(vec_sub(p.v[i], us.v[i]), Q_LIMB(i, 2));
    }
    hg = carry(hg); /* [H G . .] */
    us = carry(us); /* [U1 S1 . .] */
    p = mul(merge(hg, 4, a->z), merge(hg, 4, b->z));
    FOR_LIMBS(i) u.v[i] = vec_lanes(p.v[i], 0, 0, 2, 2); /* [H^2 H^2 Z1Z2 .] */
    u = carry(u);
    LANES_OF(w, hg, 0, 0, 0, 0);
    LANES_OF(us, us, 1, 0, 1, 1); /* [S1 U1 . .] */
    lanes gg;
    LANES_OF(gg, p, 1, 1, 1, 1);
    p = mul(u, merge(w, 2, us)); /* [H^3 V Z3 .] */
    FOR_LIMBS(i) {
        const vec h3 = vec_spread(p.v[i], 0), v = vec_spread(p.v[i], 1);
        const vec less = vec_add(vec_add(v, v), h3);
        const vec difference = vec_add(vec_sub(less, gg.v[i]), vec_add(v, Q_LIMB(i, 2)));
        x3.v[i] = vec_add(vec_sub(gg.v[i], less), Q_LIMB(i, 4));
        u.v[i] = vec_merge(vec_merge(p.v[i], 1, difference), 2, h3);
    }
    u = carry(u); /* [V-X3 H^3 Z3 .] */
    LANES_OF(w, hg, 1, 1, 1, 1);
    LANES_OF(us, us, 0, 0, 0, 0);
    p = mul(merge(merge(w, 2, us), 4, u), u);
    FOR_LIMBS(i) {
        r->y.v[i] = vec_add(vec_sub(vec_spread(p.v[i], 0), vec_spread(p.v[i], 1)), Q_LIMB(i, 2));
        r->zz.v[i] = vec_spread(p.v[i], 2);
    }
    r->y = carry(r->y);
    r->x = fold(x3);
    LANES_OF(r->z, u, 2, 2, 2, 2);
}

/* A = (X1, Y1) and B = (X2, Y2), of one Z. Tight: x = [X1 X2 . .] (1.2), y = [Y1 Y2 . .] (1.2), z = [. . Z .]. */
typedef struct {
    lanes x, y, z;
} pair_of_points;

/* r = A + B as an addend; A stays, B becomes the sum, both with a new Z. Requires: A /= +-B, neither is the identity
 *
 *   1  [(X2-X1)^2 (Y2-Y1)^2 Z'=Z(X2-X1) .]
 *   2  [X1' V=X2(X2-X1)^2 Z'^2 .]                 X1' = X1 (X2-X1)^2, X2' = (Y2-Y1)^2 - X1' - V
 *   3  [(Y2-Y1)(X1'-X2') Y1'=Y1(V-X1') Z'^3 .]    Y2' = (Y2-Y1)(X1'-X2') - Y1'
 *
 * Bounds: X2-X1, Y2-Y1 (3.3), their squares (1.7), X1', V (1.2), X1'-X2' (5.6), V-X1' (3.2), Y1' (1.3), Z' (1.8). */
INLINE void step_pair(pair_of_points *s, addend *r) {
    lanes p, d, u, w, x, y, n, dd;
    FOR_LIMBS(i) {
        const vec x_less = vec_sub(vec_lanes(s->x.v[i], 1, 1, 1, 1), vec_lanes(s->x.v[i], 0, 0, 0, 0));
        const vec y_less = vec_sub(vec_lanes(s->y.v[i], 1, 1, 1, 1), vec_lanes(s->y.v[i], 0, 0, 0, 0));
        d.v[i] = vec_add(vec_merge(x_less, 2, y_less), Q_LIMB(i, 2));
    }
    d = carry(d); /* [X2-X1 Y2-Y1 X2-X1 X2-X1] */
    p = mul(d, merge(d, 4, s->z));
    FOR_LIMBS(i) {
        dd.v[i] = vec_spread(p.v[i], 1);
        u.v[i] = vec_lanes(p.v[i], 0, 0, 2, 2);
    }
    u = carry(u); /* [(X2-X1)^2 (X2-X1)^2 Z' .] */
    s->z = u;
    p = mul(u, merge(s->x, 4, u)); /* [X1' V Z'^2 .] */
    FOR_LIMBS(i) {
        const vec x1 = vec_spread(p.v[i], 0), v = vec_spread(p.v[i], 1);
        const vec x2 = vec_sub(dd.v[i], vec_add(x1, v));
        x.v[i] = vec_add(x2, Q_LIMB(i, 3));
        w.v[i] = vec_add(vec_sub(x1, vec_merge(x2, 2, vec_sub(vec_add(x1, x1), v))), Q_LIMB(i, 2));
        w.v[i] = vec_merge(w.v[i], 4, p.v[i]);
    }
    w = carry(w); /* [X1'-X2' V-X1' Z'^2 .] */
    n = carry(p);
    x = fold(x);
    LANES_OF(y, s->y, 0, 0, 0, 0);
    LANES_OF(d, d, 1, 1, 1, 1);
    p = mul(merge(merge(d, 2, y), 4, u), w);
    FOR_LIMBS(i) y.v[i] = vec_add(vec_sub(vec_spread(p.v[i], 0), vec_spread(p.v[i], 1)), Q_LIMB(i, 2));
    y = fold(y);
    p = carry(p); /* [. Y1' Z'^3 .] */
    s->x = merge(n, 2, x);
    LANES_OF(s->y, p, 1, 1, 1, 1);
    s->y = merge(s->y, 2, y);
    LANES_OF(p, p, 2, 2, 2, 2);
    r->xyzz = merge(merge(merge(p, 1, x), 2, y), 4, w);
    r->z = u;
}

/* s = 2p and p, with the Z' = 2YZ of 2p: p = (X (2Y)^2, Y (2Y)^3) = (4XY^2, 8Y^4). Bounds as in dbl. */
INLINE void start_pair(pair_of_points *s, const point *p) {
    doubling d;
    lanes u, w, n, c, x;
    start_doublings(&d, p);
    const lanes t = mul(d.a, d.b); /* [(X+ZZ)(X-ZZ) Y^2 Y^2 YZ] */
    FOR_LIMBS(i) {
        const vec twice = vec_add(t.v[i], t.v[i]);
        u.v[i] = vec_merge_add(vec_merge_add(twice, 4, twice, twice), 1, twice, t.v[i]);
    }
    u = carry(u); /* [alpha 2Y^2 4Y^2 Z'] */
    w = mul(merge(u, 4, d.x), u); /* [alpha^2 D S .] */
    FOR_LIMBS(i) {
        const vec square = vec_spread(w.v[i], 0), dd = vec_spread(w.v[i], 1), ss = vec_spread(w.v[i], 2);
        const vec s2 = vec_add(ss, ss);
        n.v[i] = vec_add(vec_add(vec_sub(s2, square), ss), Q_LIMB(i, 5)); /* S - X' */
        x.v[i] = vec_merge(vec_add(vec_sub(square, s2), Q_LIMB(i, 4)), 2, ss);
        c.v[i] = vec_sub(Q_LIMB(i, 5), vec_add(dd, dd));
        d.b.v[i] = vec_add(dd, dd);
    }
    LANES_OF(w, u, 0, 0, 0, 0);
    s->x = fold(x); /* [X' S . .] */
    s->y = merge(carry(mul_add_folded(w, carry(n), c)), 2, fold(d.b));
    LANES_OF(s->z, u, 3, 3, 3, 3);
}
