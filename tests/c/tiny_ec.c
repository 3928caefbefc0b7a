#include "tiny_ec.h"

#define Q KAM3_TINYEC_Q

typedef kam3_tinyec_fe fe;
typedef kam3_tinyec_ge ge;
typedef kam3_tinyec_sc sc;

static kam3_mask kam3_tinyec_fe_from_octets(fe *r, const uint8_t octets[1]) {
    const kam3_mask ok = kam3_mask_lt(octets[0], Q);
    r->v = octets[0] & ok;
    return ok;
}
static void kam3_tinyec_fe_to_octets(uint8_t octets[1], const fe *a) { octets[0] = (uint8_t)a->v; }
static void kam3_tinyec_fe_add(fe *r, const fe *a, const fe *b) { r->v = (a->v + b->v) % Q; }
static void kam3_tinyec_fe_sub(fe *r, const fe *a, const fe *b, unsigned m) {
    (void)m;
    r->v = (a->v + Q - b->v) % Q;
}
static void kam3_tinyec_fe_neg(fe *r, const fe *a, unsigned m) {
    (void)m;
    r->v = (Q - a->v) % Q;
}
static void kam3_tinyec_fe_carry(fe *r) {
    (void)r;
    KAM3_EC_REQUIRE(r->v < Q);
}
static void kam3_tinyec_fe_mul(fe *r, const fe *a, const fe *b) { r->v = a->v * b->v % Q; }
static void kam3_tinyec_fe_sqr(fe *r, const fe *a) { r->v = a->v * a->v % Q; }
static void power(fe *r, const fe *a, unsigned exponent) {
    const fe base = *a;
    r->v = 1;
    for (unsigned i = 0; i < exponent; i++) kam3_tinyec_fe_mul(r, r, &base);
}
static void kam3_tinyec_fe_inv(fe *r, const fe *a) { power(r, a, Q - 2); }
static kam3_mask kam3_tinyec_fe_sqrt(fe *r, const fe *a) {
    const fe x = *a;
    power(r, &x, (Q + 1) / 4);
    return kam3_mask_eq(r->v * r->v % Q, x.v);
}
static kam3_mask kam3_tinyec_fe_is_zero(const fe *a) { return kam3_mask_is_zero(a->v); }
static kam3_mask kam3_tinyec_fe_is_odd(const fe *a) { return kam3_mask_from_bit(a->v & 1); }
static void kam3_tinyec_fe_cmov(fe *r, const fe *a, kam3_mask m) { kam3_cmov(&r->v, &a->v, m, 1); }
static void kam3_tinyec_fe_set_one(fe *r) { r->v = 1; }

#define KAM3_EC_PREFIX kam3_tinyec_
#define KAM3_EC_SCALAR_BITS 8
#define KAM3_EC_SCALAR_LIMBS 1
#define KAM3_EC_FE_OCTETS KAM3_TINYEC_FE_OCTETS
#define KAM3_EC_ELEMENT_OCTETS KAM3_TINYEC_ELEMENT_OCTETS

static const fe curve_b = {26};
static const fe base_x = {2}, base_y = {84};

#include "ec/point.inc.h"

#include "ec/mul.inc.h"

#include "ec/base.inc.h"

#include "ec/codec.inc.h"

static const uint64_t r_m[1] = {223};
static const uint64_t r_rr[1] = {171}; /* 2^128 mod 223 */
static const int64_t r_m62[2] = {223, 0};
static const kam3_modulus tinyec_r = {
    .n = 1,
    .n0 = 10919148958428972257u, /* -223^-1 mod 2^64 */
    .m = r_m,
    .rr = r_rr,
    .n62 = 2,
    .jumps = 1, /* 19 divsteps */
    .m_inv62 = 2915909096853191455, /* 223^-1 mod 2^62 */
    .m62 = r_m62,
};

#define KAM3_SC_PREFIX kam3_tinyec_
#define KAM3_SC_LIMBS 1
#define KAM3_SC_OCTETS KAM3_TINYEC_SCALAR_OCTETS
#define KAM3_SC_MODULUS tinyec_r
#include "bn/scalar.inc.h"

void test_tinyec_dbl_n(ge *r, const ge *a, size_t n) {
    point_work w;
    point_dbl_n(r, a, n, &w);
}

void test_tinyec_add_affine(ge *r, const ge *a, const uint64_t b[2]) {
    const affine term = {{b[0]}, {b[1]}};
    point_work w;
    point_add_affine(r, a, &term, &w);
}

void test_tinyec_table_entry(uint64_t r[2], size_t window, size_t entry) {
    r[0] = base_table[WINDOW_ENTRIES * window + entry].x.v;
    r[1] = base_table[WINDOW_ENTRIES * window + entry].y.v;
}

void test_tinyec_set_table_state(int state) { atomic_store(&table_once.state, state); }
