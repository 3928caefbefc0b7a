/* [k]A on P-521 from a table of A, for G and for what ge_prepare is given, in ymm registers: each lane is a partial sum
 * of its own over every fourth digit.
 *
 * With the digits of p521_ifma_digits.inc.h and d_104 = 1, lane l adds the points d_i [32^i]A of i = l, 4+l .. up to
 * 104, in this order, by mixed additions, all lanes at once. No such addition is exceptional: before digit i the lane
 * holds [s]A with |s| <= sum_{j <= i-4} 31 32^j < 32^(i-3) < |d_i 32^i|, s odd times a power of 32, so not 0; and
 * |d_i| 32^i + |s| < r, as 31 32^103 + 32^100 < 2^520 and d_104 = 1. So s +- d_i 32^i is neither 0 nor a multiple of
 * r. How the lanes' sums relate to each other is not known: they are joined by complete additions.
 */
#include "base/once.h"
#include "ec/p521_ifma.h"
#include "gen/curves.h"

#if KAM3_X86_64

#define GROUPS 1
#include "ec/p521_ifma_vec.inc.h"

#include "ec/p521_ifma_slots.inc.h"

#include "ec/p521_ifma_slots_codec.inc.h"

#include "ec/p521_ifma_digits.inc.h"

#define ROUNDS 27

/* Entry [ENTRIES t + e] of a table: the limbs of x and of y of [(2e+1) 32^(4t+l)]A in lane l, below q. */
typedef struct {
    _Alignas(64) uint64_t limbs[2][LIMBS][LANES];
} table_entry;

/* One partial sum a lane, magnitudes at most 2. */
typedef struct {
    lanes x, y, z;
} sums;

/* out[e] = [2e+1]a, affine, and a = [32]a. CT: a may be secret. */
static void odd_multiples(kam3_p521_fe out[ENTRIES][2], kam3_p521_ge *a) {
    struct {
        kam3_p521_ge odd[ENTRIES], two;
        kam3_p521_fe product[ENTRIES], inverse, z_inverse;
    } s;
    kam3_p521_ge_dbl(&s.two, a);
    s.odd[0] = *a;
    s.product[0] = a->z;
    for (size_t e = 1; e < ENTRIES; e++) {
        kam3_p521_ge_add(&s.odd[e], &s.odd[e - 1], &s.two);
        kam3_p521_fe_mul(&s.product[e], &s.product[e - 1], &s.odd[e].z);
    }
    kam3_p521_ge_add(a, &s.odd[ENTRIES - 1], a);
    kam3_p521_fe_inv(&s.inverse, &s.product[ENTRIES - 1]);
    for (size_t e = ENTRIES; e-- > 0;) {
        s.z_inverse = s.inverse;
        if (e > 0) kam3_p521_fe_mul(&s.z_inverse, &s.inverse, &s.product[e - 1]);
        kam3_p521_fe_mul(&s.inverse, &s.inverse, &s.odd[e].z);
        kam3_p521_fe_mul(&out[e][0], &s.odd[e].x, &s.z_inverse);
        kam3_p521_fe_mul(&out[e][1], &s.odd[e].y, &s.z_inverse);
    }
    kam3_wipe(&s, sizeof s);
}

/* CT: A may be secret. */
static void table_fill(table_entry *table, const kam3_p521_ge *a) {
    struct {
        kam3_p521_ge power;
        kam3_p521_fe points[ENTRIES][2];
        uint64_t limbs[LIMBS];
    } s;
    s.power = *a;
    for (size_t w = 0; w < ROUNDS * LANES; w++) {
        odd_multiples(s.points, &s.power);
        for (size_t e = 0; e < ENTRIES; e++) {
            for (size_t j = 0; j < 2; j++) {
                limbs_in(s.limbs, &s.points[e][j]);
                for (size_t i = 0; i < LIMBS; i++) table[ENTRIES * (w / LANES) + e].limbs[j][i][w % LANES] = s.limbs[i];
            }
        }
    }
    kam3_wipe(&s, sizeof s);
}

/* Entry `index` of each lane, of the ENTRIES of a round, negated where m_negative, all ones, says so: |x| = 1, |y| = 2. Every
 * entry is read. */
INLINE void look_up(lanes *x, lanes *y, const table_entry round[ENTRIES], const uint64_t index[LANES],
                    const uint64_t m_negative[LANES]) {
    const vec wanted = vec_load(index);
    lanes u, v;
    FOR_LIMBS(i) u.v[i] = v.v[i] = vec_zero();
    for (size_t e = 0; e < ENTRIES; e++) {
        const __mmask8 here = vec_equal(wanted, vec_all(e));
        FOR_LIMBS(i) {
            u.v[i] = vec_select(u.v[i], here, vec_load(round[e].limbs[0][i]));
            v.v[i] = vec_select(v.v[i], here, vec_load(round[e].limbs[1][i]));
        }
    }
    const __mmask8 negative = vec_equal(vec_load(m_negative), vec_all(~0ULL));
    FOR_LIMBS(i) v.v[i] = vec_select_sub(v.v[i], negative, BIAS(i, 2), v.v[i]);
    *x = u;
    *y = v;
}

/* The temporaries of an addition; whoever owns them wipes them, once for many additions. */
typedef struct {
    lanes h, g, hh, h3, v, x3, z3, t;
} affine_work;

typedef struct {
    lanes k, t0, t1, t2, xy, yz, xz, u, v, w, plus, minus;
} complete_work;

/* s += (x, y) in the lanes `these`. Requires and Ensures: |s->x|, |s->y|, |s->z| = 1
 *
 * U = x ZZ, S = y Z ZZ, H = U - X, G = S - Y, X' = G^2 - H^3 - 2V with V = X H^2, Y' = G (V - X') - Y H^3, Z' = Z H */
TARGET KAM3_NOINLINE static void add_affine(sums *s, const lanes *x, const lanes *y, const int these, affine_work *w) {
    sqr(&w->t, &s->z);
    mul(&w->g, y, &s->z);
    mul(&w->h, x, &w->t);
    mul(&w->g, &w->g, &w->t);
    w->h = difference(&w->h, &s->x, 1); /* 3 */
    w->g = difference(&w->g, &s->y, 1); /* 3 */
    sqr(&w->hh, &w->h);
    sqr(&w->x3, &w->g);
    mul(&w->z3, &s->z, &w->h);
    mul(&w->h3, &w->h, &w->hh);
    mul(&w->v, &s->x, &w->hh);
    FOR_LIMBS(i) {
        const vec less = vec_add(vec_add(w->v.v[i], w->v.v[i]), w->h3.v[i]);    /* 3 */
        w->t.v[i] = vec_add(vec_add(w->v.v[i], BIAS(i, 2)), vec_sub(less, w->x3.v[i])); /* V - X': 6 */
        w->x3.v[i] = vec_add(vec_sub(w->x3.v[i], less), BIAS(i, 4));               /* 5 */
    }
    w->x3 = carry(w->x3);
    mul(&w->t, &w->g, &w->t); /* 3 * 6 */
    mul(&w->v, &s->y, &w->h3);
    w->t = carry(difference(&w->t, &w->v, 1));
    const __mmask8 m = (__mmask8)these;
    FOR_LIMBS(i) {
        s->x.v[i] = vec_select(s->x.v[i], m, w->x3.v[i]);
        s->y.v[i] = vec_select(s->y.v[i], m, w->t.v[i]);
        s->z.v[i] = vec_select(s->z.v[i], m, w->z3.v[i]);
    }
}

/* r = (a1 + a2) (b1 + b2) - c - d, all of magnitude 1 or 2: 4 */
INLINE void cross(lanes *r, const lanes *a1, const lanes *a2, const lanes *b1, const lanes *b2, const lanes *c,
                  const lanes *d, complete_work *s) {
    s->u = sum(a1, a2);
    s->v = sum(b1, b2);
    mul(r, &s->u, &s->v);
    s->u = sum(c, d);
    *r = difference(r, &s->u, 2);
}

/* 3 a, |r| = 1 */
INLINE lanes thrice(lanes a) {
    FOR_LIMBS(i) a.v[i] = vec_add(a.v[i], vec_add(a.v[i], a.v[i]));
    return carry(a);
}

/* a += b, lane by lane, homogeneous coordinates, any points: Renes, Costello and Batina's Algorithm 4, as in
 * point.inc.h. With t0 = X1 X2, t1 = Y1 Y2, t2 = Z1 Z2, xy = X1 Y2 + X2 Y1, and yz, xz likewise,
 *     u = 3 (xz - b t2), v = 3 (b xz - 3 t2 - t0), w = 3 (t0 - t2):
 *     X3 = xy (t1 + u) - yz v,  Y3 = (t1 - u)(t1 + u) + w v,  Z3 = yz (t1 - u) + xy w.
 * Requires: |X|, |Y|, |Z| <= 1, 2, 2, and Ensures it. */
TARGET KAM3_NOINLINE static void add_complete(sums *a, const sums *b, complete_work *s) {
    FOR_LIMBS(i) s->k.v[i] = vec_all(((const uint64_t[LIMBS]){KAM3_P521_IFMA_B})[i]);
    mul(&s->t0, &a->x, &b->x);
    mul(&s->t1, &a->y, &b->y);
    mul(&s->t2, &a->z, &b->z);
    cross(&s->xy, &a->x, &a->y, &b->x, &b->y, &s->t0, &s->t1, s); /* 3 * 3; 4 */
    cross(&s->yz, &a->y, &a->z, &b->y, &b->z, &s->t1, &s->t2, s); /* 4 * 4; 4 */
    cross(&s->xz, &a->x, &a->z, &b->x, &b->z, &s->t0, &s->t2, s); /* 3 * 3; 4 */
    mul(&s->u, &s->k, &s->t2);
    s->u = thrice(difference(&s->xz, &s->u, 1));
    mul(&s->v, &s->k, &s->xz);
    s->w = difference(&s->v, &s->t2, 1);  /* 3 */
    s->w = difference(&s->w, &s->t2, 1);  /* 5 */
    s->w = difference(&s->w, &s->t2, 1);  /* 7 */
    s->v = thrice(difference(&s->w, &s->t0, 1));
    s->w = thrice(difference(&s->t0, &s->t2, 1));
    s->plus = sum(&s->t1, &s->u);            /* 2 */
    s->minus = difference(&s->t1, &s->u, 1); /* 3 */
    mul(&s->t0, &s->xy, &s->plus);
    mul(&s->t1, &s->yz, &s->v);
    a->x = carry(difference(&s->t0, &s->t1, 1));
    mul(&s->t0, &s->minus, &s->plus);
    mul(&s->t1, &s->w, &s->v);
    a->y = sum(&s->t0, &s->t1); /* 2 */
    mul(&s->t0, &s->yz, &s->minus); /* 4 * 3 */
    mul(&s->t1, &s->xy, &s->w);
    a->z = sum(&s->t0, &s->t1); /* 2 */
}

/* The sum of the four lanes, in lane 0: lanes 0 + 1 and 2 + 3, then both. */
INLINE void join(sums *s) {
    sums other;
    complete_work w;
    UNROLL for (int shift = 1; shift < 3; shift++) {
        FOR_LIMBS(i) {
            other.x.v[i] = shift == 1 ? vec_lanes(s->x.v[i], 1, 1, 3, 3) : vec_lanes(s->x.v[i], 2, 2, 2, 2);
            other.y.v[i] = shift == 1 ? vec_lanes(s->y.v[i], 1, 1, 3, 3) : vec_lanes(s->y.v[i], 2, 2, 2, 2);
            other.z.v[i] = shift == 1 ? vec_lanes(s->z.v[i], 1, 1, 3, 3) : vec_lanes(s->z.v[i], 2, 2, 2, 2);
        }
        add_complete(s, &other, &w);
    }
    kam3_wipe(&other, sizeof other);
    kam3_wipe(&w, sizeof w);
}

/* r = lane 0 of a, |r| = 1. Requires: |a| <= 2 */
INLINE void lane_0_out(kam3_p521_fe *r, lanes a) {
    uint64_t lane[LANES], v[LIMBS];
    FOR_LIMBS(i) {
        vec_store(lane, a.v[i]);
        v[i] = lane[0];
    }
    limbs_out(r, v);
    kam3_wipe(lane, sizeof lane);
    kam3_wipe(v, sizeof v);
}

/* r = [k]A, A being what the table was made of */
TARGET static void sum_of_entries(kam3_p521_ge *r, const table_entry *table, const kam3_p521_sc *k) {
    struct {
        sums sum;
        lanes x, y;
        affine_work w;
        uint64_t odd[10], index[LANES], m_negative[LANES];
    } s;
    const kam3_mask m_negate = make_odd(s.odd, k);
    s.odd[8] |= (uint64_t)16 << 9; /* bits 521 to 525, u_104: it makes d_104 = 1 */
    for (size_t t = 0; t < ROUNDS; t++) {
        for (size_t l = 0; l < LANES; l++) s.index[l] = kam3_value_barrier(digit_index(&s.m_negative[l], s.odd, LANES * t + l));
        look_up(&s.x, &s.y, table + ENTRIES * t, s.index, s.m_negative);
        if (t > 0) {
            add_affine(&s.sum, &s.x, &s.y, t < ROUNDS - 1 ? 15 : 1, &s.w); /* d_104 is the last */
            continue;
        }
        s.sum.x = s.x;
        s.sum.y = carry(s.y);
        FOR_LIMBS(i) s.sum.z.v[i] = vec_all(i == 0);
    }
    /* from Jacobian to homogeneous coordinates: (XZ : Y : Z^3) */
    mul(&s.sum.x, &s.sum.x, &s.sum.z);
    sqr(&s.x, &s.sum.z);
    mul(&s.sum.z, &s.sum.z, &s.x);
    join(&s.sum);
    lane_0_out(&r->x, s.sum.x);
    lane_0_out(&r->y, s.sum.y);
    lane_0_out(&r->z, s.sum.z);
    finish(r, m_negate, kam3_bn_is_zero(k->limb, 9));
    kam3_wipe(&s, sizeof s);
}

static table_entry base_table[ROUNDS * ENTRIES];
static kam3_once table_once = KAM3_ONCE_INIT;

int kam3_p521_ifma_prepare_tables(void) {
    kam3_p521_ge g;
    if (!kam3_cpu_has(KAM3_P521_IFMA)) return 0;
    if (!kam3_once_claim(&table_once)) return 1;
    kam3_p521_ge_base(&g);
    table_fill(base_table, &g);
    kam3_once_publish(&table_once);
    return 1;
}

int kam3_p521_ifma_mul_base(kam3_p521_ge *r, const kam3_p521_sc *k) {
    if (!kam3_p521_ifma_prepare_tables()) return 0;
    if (kam3_once_ready(&table_once)) {
        sum_of_entries(r, base_table, k);
        return 1;
    }
    kam3_p521_ge g; /* another thread is filling the table */
    kam3_p521_ge_base(&g);
    return kam3_p521_ifma_mul(r, &g, k);
}

int kam3_p521_ifma_prepare(kam3_p521_prepared *r) {
    _Static_assert(sizeof base_table <= sizeof r->table, "the table fits");
    if (!kam3_cpu_has(KAM3_P521_IFMA)) return 0;
    r->form = KAM3_FORM_IFMA;
    table_fill((table_entry *)r->table, &r->element);
    return 1;
}

int kam3_p521_ifma_mul_prepared(kam3_p521_ge *r, const kam3_p521_prepared *a, const kam3_p521_sc *k) {
    if (!kam3_cpu_has(KAM3_P521_IFMA) || a->form != KAM3_FORM_IFMA) return 0;
    sum_of_entries(r, (const table_entry *)a->table, k);
    return 1;
}

#else

int kam3_p521_ifma_prepare_tables(void) { return 0; }

int kam3_p521_ifma_mul_base(kam3_p521_ge *r, const kam3_p521_sc *k) {
    (void)r, (void)k;
    return 0;
}

int kam3_p521_ifma_prepare(kam3_p521_prepared *r) {
    (void)r;
    return 0;
}

int kam3_p521_ifma_mul_prepared(kam3_p521_ge *r, const kam3_p521_prepared *a, const kam3_p521_sc *k) {
    (void)r, (void)a, (void)k;
    return 0;
}

#endif
