/* Template: doubling and addition on P-521, the products of a formula side by side in the lanes. Expects
 * p521_ifma_fe.inc.h before it.
 *
 * Modified Jacobian coordinates: (x, y) = (X/Z^2, Y/Z^3), and T = -3Z^4 while doublings follow each other. Each
 * formula is a sequence of levels, four products at once, with only sums between them. In comments [..] are the lanes
 * of a group, a dot is a lane that nobody reads. All numbers kept are tight. Between levels, in units of 2^52 and for
 * the limbs below the top one, products are below 43, and what is subtracted never exceeds 3 * 43, which the bias of
 * 511 covers; sums stay below 2^10 + 2^8.
 */

/* What a doubling takes: a = [X Y Y Y], b = [X Y Y Z], t = [T . . .], x = [. . X .]; the first of several takes
 * a = [X+ZZ Y Y Y], b = [X-ZZ Y Y Z], t = [0 . . ZZ]. */
typedef struct {
    lanes a, b, t, x;
} doubling;

/* What an addition takes: zzxy = [ZZ ZZZ X Y], z = [. . . Z]. */
typedef struct {
    lanes zzxy, z;
} augend;

/* And its second operand: xyzz = [X Y ZZ ZZZ], z = [. . . Z]. */
typedef struct {
    lanes xyzz, z;
} addend;

/* [alpha 2Y^2 4Y^2 Z'], of [X^2 Y^2 Y^2 YZ] and t */
INLINE vec alpha_sum(vec p, vec t) {
    const vec twice = vec_add(p, p);
    const vec scaled = vec_merge_add(twice, 4, twice, twice);
    return vec_merge_add(scaled, 1, twice, vec_add(p, t));
}

/* [4D S-X' X' Z'^2 or .], of p = [alpha^2 D S Z'^2 or .]; and less = [0 -2D 0 0] */
INLINE vec slope_sum(vec *less, vec p, const int i) {
    const vec dsss = vec_lanes(p, 1, 2, 2, 2), squares = vec_lanes(p, 0, 0, 0, 0);
    const vec twice = vec_add(dsss, dsss);
    const vec minus_x = vec_sub(twice, squares);
    vec r = vec_add(minus_x, vec_add(dsss, BIAS(i)));
    r = vec_merge_sub(r, 4, BIAS(i), minus_x);
    r = vec_merge_add(r, 1, twice, twice);
    *less = vec_keep(2, vec_sub(BIAS(i), vec_add(p, p)));
    return vec_merge(r, 8, p);
}

/* 2 of s: the next state of it or, after the `last` doubling, in r what an addition takes. Public: first, last
 *
 *   1  [X^2 Y^2 Y^2 YZ]      alpha = 3X^2 + T, or 3(X+ZZ)(X-ZZ) if first; 2Y^2, 4Y^2, Z' = 2YZ
 *   2  [alpha^2 D=4Y^4 S=4XY^2 .]     in the free lane ZZ^2 if first, Z'^2 if last; X' = alpha^2 - 2S
 *   3  [4D T alpha(S-X') . .]         and Z'^3 if last; T' = 4D T, Y' = alpha (S - X') - 2D
 *
 * It is a function, not inlined, so that the loop over a scalar stays in the caches of decoded instructions. */
TARGET KAM3_NOINLINE static void dbl(doubling *s, augend *r, const int first, const int last) {
    lanes u, v, w, n, t = s->t, z4;
    vec less[LIMBS];

#define SUM(p, i) alpha_sum(p, s->t.v[i])
    PRODUCT(u, s->a, s->b, SUM); /* [alpha 2Y^2 4Y^2 Z'] */
#undef SUM
    v = u;
    w = merge(u, 4, s->x);
    if (first && !last) {
        v = merge(v, 8, s->t);
        w = merge(w, 8, s->t);
    }
#define SUM(p, i) slope_sum(&less[i], z4.v[i] = (p), i)
    PRODUCT(n, w, v, SUM); /* [4D S-X' X' Z'^2] */
#undef SUM
    if (first && !last) {
        FOR_LIMBS(i) {
            const vec z = vec_spread(z4.v[i], 3);
            t.v[i] = vec_sub(BIAS(i), vec_add(z, vec_add(z, z)));
        }
        t = carry(t);
    }
    v = merge(n, 1, t); /* [T S-X' . Z'^2] */
    w = n;
    MERGE_LANES(w, 10, u, 0, 0, 0, 3); /* [4D alpha . Z'] */
#define SUM(p, i) vec_add(p, less[i])
    PRODUCT(v, v, w, SUM); /* [T' Y' . Z'^3] */
#undef SUM
    if (!last) {
        LANES_OF(w, v, 1, 1, 1, 1);
        MERGE_LANES(w, 1, n, 2, 2, 2, 2);
        s->a = w;
        s->b = merge(w, 8, u);
        s->t = v;
        s->x = n;
    } else {
        LANES_OF(w, v, 1, 3, 1, 1);
        MERGE_LANES(w, 5, n, 3, 3, 2, 2);
        r->zzxy = w;
        r->z = u;
    }
}

/* [H G U1 S1] of p = [U2 S2 U1 S1] */
INLINE vec difference_sum(vec p, const int i) {
    const vec us = vec_lanes(p, 2, 3, 2, 3);
    return vec_merge_sub(p, 3, vec_add(p, BIAS(i)), us);
}

/* [V-X3 H^3 X3 Z3] of p = [H^3 V . Z3] and squares = [. G^2 . .]; X3 = G^2 - H^3 - 2V */
INLINE vec x3_sum(vec p, vec squares, const int i) {
    const vec v = vec_lanes(p, 1, 0, 1, 1), h3 = vec_lanes(p, 0, 0, 0, 0), gg = vec_lanes(squares, 1, 1, 1, 1);
    const vec minus_x = vec_sub(vec_add(vec_add(v, v), h3), gg);
    vec r = vec_merge_add(v, 1, minus_x, vec_add(v, BIAS(i)));
    r = vec_merge_sub(r, 4, BIAS(i), minus_x);
    return vec_merge(r, 8, p);
}

/* [X3+ZZ3 Y3 Y3 Y3] and minus = [X3-ZZ3 . . ZZ3], of p = [G(V-X3) S1H^3 . ZZ3] and x = [. . X3 .] */
INLINE vec y3_sum(vec *minus, vec p, vec x, const int i) {
    const vec zyyy = vec_lanes(p, 3, 0, 0, 0), less = vec_lanes(p, 1, 1, 1, 1), x3 = vec_lanes(x, 2, 2, 2, 2);
    const vec y3 = vec_add(vec_sub(zyyy, less), BIAS(i));
    *minus = vec_merge(vec_add(vec_sub(x3, zyyy), BIAS(i)), 8, p);
    return vec_merge_add(y3, 1, zyyy, x3);
}

/* s = a + b, for doublings. Requires: a /= +-b, and neither is the identity (or the result is of no use).
 *
 *   1  [U2 S2 U1 S1] = [X2 ZZ1, Y2 ZZZ1, X1 ZZ2, Y1 ZZZ2]     H = U2 - U1, G = S2 - S1
 *   2  [H^2 G^2 . Z1Z2]
 *   3  [H^3 V=U1H^2 . Z3=Z1Z2 H]     X3 = G^2 - H^3 - 2V
 *   4  [G(V-X3) S1H^3 . Z3^2]        Y3 = G (V - X3) - S1 H^3 */
TARGET KAM3_NOINLINE static void add(doubling *s, const augend *a, const addend *b) {
    lanes hg, n, w, squares, minus;

#define SUM(p, i) difference_sum(p, i)
    PRODUCT(hg, a->zzxy, b->xyzz, SUM); /* [H G U1 S1] */
#undef SUM
#define SUM(p, i) vec_lanes(squares.v[i] = (p), 0, 0, 0, 3)
    PRODUCT(n, merge(hg, 8, a->z), merge(hg, 8, b->z), SUM); /* [H^2 H^2 . Z1Z2] */
#undef SUM
    LANES_OF(w, hg, 0, 2, 0, 0); /* [H U1 . H] */
#define SUM(p, i) x3_sum(p, squares.v[i], i)
    PRODUCT(n, n, w, SUM); /* [V-X3 H^3 X3 Z3] */
#undef SUM
    LANES_OF(w, hg, 1, 3, 1, 1);
    w = merge(w, 8, n); /* [G S1 . Z3] */
#define SUM(p, i) y3_sum(&minus.v[i], p, n.v[i], i)
    PRODUCT(w, w, n, SUM); /* [X3+ZZ3 Y3 Y3 Y3] */
#undef SUM
    minus = carry(minus);
    s->a = w;
    s->b = merge(merge(w, 1, minus), 8, n);
    FOR_LIMBS(i) s->t.v[i] = vec_keep(8, minus.v[i]);
    s->x = n;
}
