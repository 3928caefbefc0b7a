/* [k]A on P-256 from a table of A, for G and for what ge_prepare is given, in ymm registers: each lane is a partial sum of its
 * own over every fourth digit.
 *
 * With the digits of p256_ifma_codec.inc.h and d_51 = 1, lane l adds the points d_i [32^i]A of i = l, 4+l .. 48+l, in this order,
 * by mixed additions, all lanes at once. No such addition is exceptional: before digit i the lane holds [s]A with
 * |s| <= sum_{j <= i-4} 31 32^j < 32^(i-3) < |d_i 32^i|, s odd times a power of 32, so not 0; and |d_i| 32^i + |s| < r, as
 * 31 32^50 < 2^255 and d_51 = 1. So s +- d_i 32^i is neither 0 nor a multiple of r. How the lanes' sums relate to each other is not
 * known: they are joined by complete additions.
 */
#include "base/once.h"
#include "ec/p256_ifma.h"

#if KAM3_X86_64

#define GROUPS 1
#include "ec/p256_ifma_vec.inc.h"

#include "ec/p256_ifma_fe.inc.h"

#include "ec/p256_ifma_codec.inc.h"

#define ROUNDS 13

/* Entry [ENTRIES t + e] of a table: the limbs of x and of y of [(2e+1) 32^(4t+l)]A in lane l, below q. */
typedef struct {
    _Alignas(64) uint64_t limbs[2][5][LANES];
} table_entry;

/* One partial sum a lane, Jacobian, all tight: x (1.001), y (1.4), z (1.4). */
typedef struct {
    lanes x, y, z;
} sums;

/* out[e] = [2e+1]a, affine, and a = [32]a. CT: a may be secret. */
static void odd_multiples(kam3_p256_fe out[ENTRIES][2], kam3_p256_ge *a) {
    struct {
        kam3_p256_ge odd[ENTRIES], two;
        kam3_p256_fe product[ENTRIES], inverse, z_inverse;
    } s;
    kam3_p256_ge_dbl(&s.two, a);
    s.odd[0] = *a;
    s.product[0] = a->z;
    for (size_t e = 1; e < ENTRIES; e++) {
        kam3_p256_ge_add(&s.odd[e], &s.odd[e - 1], &s.two);
        kam3_p256_fe_mul(&s.product[e], &s.product[e - 1], &s.odd[e].z);
    }
    kam3_p256_ge_add(a, &s.odd[ENTRIES - 1], a);
    kam3_p256_fe_inv(&s.inverse, &s.product[ENTRIES - 1]);
    for (size_t e = ENTRIES; e-- > 0;) {
        s.z_inverse = s.inverse;
        if (e > 0) kam3_p256_fe_mul(&s.z_inverse, &s.inverse, &s.product[e - 1]);
        kam3_p256_fe_mul(&s.inverse, &s.inverse, &s.odd[e].z);
        kam3_p256_fe_mul(&out[e][0], &s.odd[e].x, &s.z_inverse);
        kam3_p256_fe_mul(&out[e][1], &s.odd[e].y, &s.z_inverse);
    }
    kam3_wipe(&s, sizeof s);
}

/* CT: A may be secret. */
static void table_fill(table_entry *table, const kam3_p256_ge *a) {
    static const kam3_p256_fe sixteen = {{KAM3_P256_SIXTEEN}}; /* x 2^256 to x 2^260 */
    struct {
        kam3_p256_ge power;
        kam3_p256_fe points[ENTRIES][2], x;
        uint64_t limbs[5];
    } s;
    s.power = *a;
    for (size_t w = 0; w < ROUNDS * LANES; w++) {
        odd_multiples(s.points, &s.power);
        for (size_t e = 0; e < ENTRIES; e++) {
            for (size_t j = 0; j < 2; j++) {
                kam3_p256_fe_mul(&s.x, &s.points[e][j], &sixteen);
                kam3_bn_to_radix(s.limbs, 5, 52, s.x.v, 4);
                for (size_t i = 0; i < 5; i++) table[ENTRIES * (w / LANES) + e].limbs[j][i][w % LANES] = s.limbs[i];
            }
        }
    }
    kam3_wipe(&s, sizeof s);
}

/* Entry `index` of each lane, of the ENTRIES of a round, negated where m_negative, all ones, says so. Every entry is read. */
INLINE void look_up(lanes *x, lanes *y, const table_entry round[ENTRIES], const uint64_t index[LANES],
                    const uint64_t m_negative[LANES]) {
    const vec wanted = vec_load(index);
    lanes u, v;
    FOR_LIMBS(i) u.v[i] = v.v[i] = vec_zero();
    UNROLL for (int e = 0; e < ENTRIES; e++) {
        const __mmask8 here = vec_equal(wanted, vec_all(e));
        FOR_LIMBS(i) {
            u.v[i] = vec_select(u.v[i], here, vec_load(round[e].limbs[0][i]));
            v.v[i] = vec_select(v.v[i], here, vec_load(round[e].limbs[1][i]));
        }
    }
    const __mmask8 negative = vec_equal(vec_load(m_negative), vec_all(~0ULL));
    FOR_LIMBS(i) v.v[i] = vec_select(v.v[i], negative, vec_sub(Q_LIMB(i, 1), v.v[i]));
    *x = u;
    *y = carry(v);
}

/* s += (x, y), lane by lane. Bounds: U = x ZZ (1.1), S = y Z ZZ (1.1), H, G (3.1), H^2, G^2 (1.7), Z' = Z H (1.3), H^3 (1.4),
 * V = X H^2 (1.2), X' = G^2 - H^3 - 2V (5.7, folded), V - X' (6.9), Y' = G (V - X') + (2 - Y) H^3 (2.6, folded). */
TARGET KAM3_NOINLINE static void add_affine(sums *s, const lanes *x, const lanes *y) {
    lanes u, v, h, g, hh, x3, n;
    const lanes zz = carry(sqr(s->z));
    u = carry(mul(*y, s->z));
    h = mul(*x, zz);
    g = mul(u, zz);
    FOR_LIMBS(i) {
        h.v[i] = vec_add(vec_sub(h.v[i], s->x.v[i]), Q_LIMB(i, 2));
        g.v[i] = vec_add(vec_sub(g.v[i], s->y.v[i]), Q_LIMB(i, 2));
        n.v[i] = vec_sub(Q_LIMB(i, 2), s->y.v[i]);
    }
    h = carry(h);
    g = carry(g);
    hh = carry(sqr(h));
    s->z = carry(mul(s->z, h));
    u = mul(h, hh);
    v = mul(s->x, hh);
    x3 = sqr(g);
    FOR_LIMBS(i) {
        const vec less = vec_add(vec_add(v.v[i], v.v[i]), u.v[i]);
        v.v[i] = vec_add(vec_add(v.v[i], Q_LIMB(i, 2)), vec_sub(less, x3.v[i]));
        x3.v[i] = vec_add(vec_sub(x3.v[i], less), Q_LIMB(i, 4));
    }
    s->x = fold(x3);
    s->y = fold(mul_two(g, carry(v), carry(n), carry(u)));
}

/* a + b for any two points, homogeneous, [X Y Z .] in the lanes (1.1): Algorithm 4 of point.inc.h's formulas.
 * With t0 = X1 X2, t1 = Y1 Y2, t2 = Z1 Z2, xy = X1 Y2 + X2 Y1, and yz, zx likewise,
 *     u = 3 (zx - b t2), v = 3 (b zx - 3 t2 - t0), w = 3 (t0 - t2):
 *     X3 = xy (t1 + u) - yz v,  Y3 = (t1 - u)(t1 + u) + w v,  Z3 = yz (t1 - u) + xy w. */
TARGET KAM3_NOINLINE static void add_complete(lanes *r, const lanes *a, const lanes *b) {
    lanes k, m, p, u, v, w, plus, minus, less, yzx_a, yzx_b;
    FOR_LIMBS(i) k.v[i] = vec_all(((const uint64_t[5]){KAM3_P256_IFMA_B})[i]);
    LANES_OF(yzx_a, *a, 1, 2, 0, 3);
    LANES_OF(yzx_b, *b, 1, 2, 0, 3);
    m = carry(mul_two(*a, yzx_b, yzx_a, *b)); /* [xy yz zx .] (1.2) */
    p = carry(mul(*a, *b));                   /* [t0 t1 t2 .] (1.1) */
    LANES_OF(u, p, 2, 2, 2, 2);
    LANES_OF(v, m, 2, 2, 2, 2);
    w = mul(k, merge(u, 1, v)); /* [b zx, b t2, ..] (1.1) */
    FOR_LIMBS(i) {
        const vec t0 = vec_spread(p.v[i], 0), t1 = vec_spread(p.v[i], 1), t2 = u.v[i];
        const vec d = vec_sub(v.v[i], vec_spread(w.v[i], 1));
        const vec e = vec_sub(vec_spread(w.v[i], 0), vec_add(t0, vec_add(t2, vec_add(t2, t2)))), f = vec_sub(t0, t2);
        const vec d3 = vec_add(d, vec_add(d, d)); /* u (-3.3, 3.6) */
        v.v[i] = vec_add(vec_add(e, vec_add(e, e)), Q_LIMB(i, 14)); /* (0.8, 17.3), for fold */
        w.v[i] = vec_add(vec_add(f, vec_add(f, f)), Q_LIMB(i, 4));
        plus.v[i] = vec_add(vec_add(t1, d3), Q_LIMB(i, 4));
        minus.v[i] = vec_add(vec_sub(t1, d3), Q_LIMB(i, 4));
        less.v[i] = vec_sub(Q_LIMB(i, 2), vec_spread(m.v[i], 1));
    }
    v = fold(v);
    w = carry(w);
    plus = carry(plus);
    minus = carry(minus);
    LANES_OF(p, m, 0, 0, 1, 1);
    LANES_OF(m, m, 0, 0, 0, 0);
    p = merge(p, 2, minus);                             /* [xy t1-u yz .] */
    m = merge(merge(m, 1, carry(less)), 2, w);          /* [-yz w xy .] */
    *r = fold(mul_two(p, merge(plus, 4, minus), m, merge(v, 4, w)));
}

/* Lane l of the sums, as [X Y Z .]. */
#define POINT_OF_LANE(r, s, l)                                                                                         \
    do {                                                                                                               \
        FOR_LIMBS(i) {                                                                                                 \
            const vec xy = vec_merge(vec_spread((s).x.v[i], l), 2, vec_spread((s).y.v[i], l));                         \
            (r).v[i] = vec_merge(xy, 12, vec_spread((s).z.v[i], l));                                                   \
        }                                                                                                              \
    } while (0)

/* r = [k]A, A being what the table was made of */
TARGET static void sum_of_entries(kam3_p256_ge *r, const table_entry *table, const kam3_p256_sc *k) {
    struct {
        sums sum;
        lanes x, y, point[LANES];
        uint64_t odd[6], index[LANES], m_negative[LANES];
    } s;
    const kam3_mask m_negate = make_odd(s.odd, k);
    s.odd[4] = 16; /* bits 256 to 260, u_51: it makes d_51 = 1 */
    for (size_t t = 0; t < ROUNDS; t++) {
        for (size_t l = 0; l < LANES; l++) s.index[l] = kam3_value_barrier(digit_index(&s.m_negative[l], s.odd, LANES * t + l));
        look_up(&s.x, &s.y, table + ENTRIES * t, s.index, s.m_negative);
        if (t > 0) {
            add_affine(&s.sum, &s.x, &s.y);
            continue;
        }
        s.sum.x = s.x;
        s.sum.y = s.y;
        FOR_LIMBS(i) s.sum.z.v[i] = vec_all(((const uint64_t[5]){KAM3_P256_IFMA_ONE})[i]);
    }
    /* from Jacobian to homogeneous coordinates: (XZ : Y : Z^3) */
    s.sum.x = carry(mul(s.sum.x, s.sum.z));
    s.sum.z = carry(mul(s.sum.z, carry(sqr(s.sum.z))));
    POINT_OF_LANE(s.point[0], s.sum, 0);
    POINT_OF_LANE(s.point[1], s.sum, 1);
    POINT_OF_LANE(s.point[2], s.sum, 2);
    POINT_OF_LANE(s.point[3], s.sum, 3);
    for (size_t l = 1; l < LANES; l++) add_complete(&s.point[0], &s.point[0], &s.point[l]);
    ge_out(r, s.point[0], 0);
    finish(r, m_negate, kam3_bn_is_zero(k->limb, 4));
    kam3_wipe(&s, sizeof s);
}

static table_entry base_table[ROUNDS * ENTRIES];
static kam3_once table_once = KAM3_ONCE_INIT;

int kam3_p256_ifma_prepare_tables(void) {
    kam3_p256_ge g;
    if (!kam3_cpu_has(KAM3_P256_IFMA)) return 0;
    if (!kam3_once_claim(&table_once)) return 1;
    kam3_p256_ge_base(&g);
    table_fill(base_table, &g);
    kam3_once_publish(&table_once);
    return 1;
}

int kam3_p256_ifma_mul_base(kam3_p256_ge *r, const kam3_p256_sc *k) {
    if (!kam3_p256_ifma_prepare_tables()) return 0;
    if (kam3_once_ready(&table_once)) {
        sum_of_entries(r, base_table, k);
        return 1;
    }
    kam3_p256_ge g; /* another thread is filling the table */
    kam3_p256_ge_base(&g);
    return kam3_p256_ifma_mul(r, &g, k);
}

int kam3_p256_ifma_prepare(kam3_p256_prepared *r) {
    _Static_assert(sizeof base_table <= sizeof r->table, "the table fits");
    if (!kam3_cpu_has(KAM3_P256_IFMA)) return 0;
    r->form = KAM3_FORM_IFMA;
    table_fill((table_entry *)r->table, &r->element);
    return 1;
}

int kam3_p256_ifma_mul_prepared(kam3_p256_ge *r, const kam3_p256_prepared *a, const kam3_p256_sc *k) {
    if (!kam3_cpu_has(KAM3_P256_IFMA) || a->form != KAM3_FORM_IFMA) return 0;
    sum_of_entries(r, (const table_entry *)a->table, k);
    return 1;
}

#else

int kam3_p256_ifma_prepare_tables(void) { return 0; }

int kam3_p256_ifma_mul_base(kam3_p256_ge *r, const kam3_p256_sc *k) {
    (void)r, (void)k;
    return 0;
}

int kam3_p256_ifma_prepare(kam3_p256_prepared *r) {
    (void)r;
    return 0;
}

int kam3_p256_ifma_mul_prepared(kam3_p256_ge *r, const kam3_p256_prepared *a, const kam3_p256_sc *k) {
    (void)r, (void)a, (void)k;
    return 0;
}

#endif
