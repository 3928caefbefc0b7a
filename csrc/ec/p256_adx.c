/* P-256 on the adx path. The elements of the field are those of the portable form; points are Jacobian inside.
 *
 * Odd signed windows of five bits. For an odd k below 2^256
 *     k = 32^51 + sum over i < 51 of d_i 32^i,   d_i = ((k >> 5i) mod 64 | 1) - 32, odd, |d_i| <= 31,
 * and an even k is replaced by r - k, whose multiple is negated (k = 0 by r).
 *
 * No addition meets an exception. From m = 1, m <- 32 m + d_i for i = 50 .. 0: here [32 m]A and [d_i]A are added, for
 * the fixed base [32 m 32^i]A and [d_i 32^i]A, which is the same modulo r, as 32 has an inverse.
 *  - The identity: d_i is no multiple of r, nor is 32 m, even and positive and below 2r. If A is the identity, all Z
 *    are 0, and the result is right.
 *  - Equal points: 32 m = d_i is not, for |d_i| < 32 <= 32 m. 32 m = r + d_i is not before i = 0, for 32 m < 2^252
 *    then. So i = 0 and k = r + 2 d_0, where d_0 < 0, as k <= r. As r = 17 mod 64, 32 | r + d_0 leaves d_0 = -17 alone,
 *    but the last digit of r - 34 = 47 mod 64 is 15.
 *  - Opposite points: 32 m = r - d_i means i = 0 and k = r, and the identity is the right result.
 */
#include "ec/p256_adx.h"

#include "base/once.h"
#include "base/wipe.h"
#include "ec/p256_fe_adx.h"
#include "gen/curves.h"
#include "gen/moduli.h"

#if KAM3_X86_64_ASM

#include <immintrin.h>

#include "ec/p256_point_adx.h"

typedef kam3_p256_fe fe;
typedef kam3_p256_ge ge;
typedef kam3_p256_sc sc;

enum { WINDOWS = 51, ENTRIES = 16 }; /* below the top digit, which is 1; an entry for each of 1, 3 .. 31 */

/* odd = k, or r - k and all ones if k is even */
static kam3_mask make_odd(uint64_t odd[4], const sc *k) {
    const kam3_mask m_even = kam3_mask_from_bit(~k->limb[0] & 1);
    (void)kam3_bn_sub(odd, kam3_p256_r.m, k->limb, 4);
    kam3_cmov(odd, k->limb, ~m_even, 4);
    return m_even;
}

/* (|d_i| - 1) / 2, and all ones if d_i < 0. Public: i */
static uint64_t window_digit(kam3_mask *m_negative, const uint64_t odd[4], size_t i) {
    const size_t word = 5 * i / 64, bit = 5 * i % 64;
    uint64_t x = odd[word] >> bit;
    if (bit > 58 && word < 3) x |= odd[word + 1] << (64 - bit);
    x = (x & 63) | 1;
    *m_negative = kam3_mask_from_bit((x >> 5) ^ 1);
    return kam3_select(*m_negative, 32 - x, x - 32) >> 1;
}

/* out = entries[index], n <= 5 elements each; every entry is read */
__attribute__((target("avx2"), always_inline)) static inline void lookup(fe *out, const fe *entries, size_t n,
                                                                         uint64_t index) {
    __m256i sum[5];
    const __m256i wanted = _mm256_set1_epi64x((long long)kam3_value_barrier(index));
    for (size_t j = 0; j < n; j++) sum[j] = _mm256_setzero_si256();
    for (size_t e = 0; e < ENTRIES; e++) {
        const __m256i m = _mm256_cmpeq_epi64(wanted, _mm256_set1_epi64x((long long)e));
        for (size_t j = 0; j < n; j++) {
            const __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)&entries[e * n + j]);
            sum[j] = _mm256_or_si256(sum[j], _mm256_and_si256(x, m));
        }
    }
    for (size_t j = 0; j < n; j++) _mm256_storeu_si256((__m256i *)(void *)&out[j], sum[j]);
}

__attribute__((target("avx2"))) static void lookup_entry(entry *out, const entry *entries, uint64_t index) {
    lookup(&out->x, &entries->x, 5, index);
}

__attribute__((target("avx2"))) static void lookup_affine(affine *out, const affine *entries, uint64_t index) {
    lookup(&out->x, &entries->x, 2, index);
}

/* Out of line: the formulas alone are worth the code. */
static KAM3_NOINLINE void mul(fe *r, const fe *a, const fe *b) { kam3_p256_adx_fe_mul(r, a, b); }
static KAM3_NOINLINE void sqr(fe *r, const fe *a) { kam3_p256_adx_fe_sqr(r, a); }

/* y = m ? -y : y */
static void negate_if(fe *y, kam3_mask m) {
    fe negated;
    kam3_p256_adx_fe_neg(&negated, y, 1);
    kam3_p256_fe_cmov(y, &negated, m);
    kam3_wipe(&negated, sizeof negated);
}

static void make_entry(entry *r, const jacobian *a) {
    r->x = a->x;
    r->y = a->y;
    r->z = a->z;
    sqr(&r->zz, &a->z);
    mul(&r->zzz, &r->zz, &a->z);
}

/* entries[i] = [2i+1]A. 2A has the Z' = 2 Y Z that A takes as (X (2Y)^2, Y (2Y)^3). The sums of A's odd multiples and
 * 2A are no exceptions, as r > 64. */
static void fill(entry entries[ENTRIES], const jacobian *a, temporaries *w) {
    struct {
        jacobian twice, odd;
        affine step;
    } s;
    point_dbl(&s.twice, a, w);
    s.step.x = s.twice.x;
    s.step.y = s.twice.y;
    ADD(&w->t, &a->y, &a->y);
    sqr(&w->s, &w->t);
    mul(&s.odd.x, &a->x, &w->s);
    mul(&w->s, &w->s, &w->t);
    mul(&s.odd.y, &a->y, &w->s);
    s.odd.z = s.twice.z;
    make_entry(&entries[0], &s.odd);
    for (size_t i = 1; i < ENTRIES; i++) {
        point_add_same_z(&s.step, &s.odd, w);
        make_entry(&entries[i], &s.odd);
    }
    kam3_wipe(&s, sizeof s);
}

/* (XZ : Y : Z^3), with some y if that is the identity */
static void leave(ge *r, const jacobian *a, temporaries *w) {
    const kam3_mask m_identity = kam3_p256_fe_is_zero(&a->z);
    fe one;
    kam3_p256_fe_set_one(&one);
    mul(&r->x, &a->x, &a->z);
    r->y = a->y;
    kam3_p256_fe_cmov(&r->y, &one, m_identity);
    sqr(&w->t, &a->z);
    mul(&r->z, &w->t, &a->z);
}

/* p = A, from homogeneous (X : Y : Z) to Jacobian coordinates */
static void enter(jacobian *p, const ge *a, temporaries *w) {
    p->z = a->z; /* (XZ, YZ^2, Z) */
    mul(&p->x, &a->x, &a->z);
    sqr(&w->t, &a->z);
    mul(&p->y, &a->y, &w->t);
}

static void multiply(ge *r, const ge *a, const sc *k) {
    struct {
        entry entries[ENTRIES], term;
        jacobian sum;
        temporaries w;
        uint64_t odd[4];
    } s;
    const kam3_mask m_even = make_odd(s.odd, k);
    enter(&s.sum, a, &s.w);
    fill(s.entries, &s.sum, &s.w);
    for (size_t i = WINDOWS; i-- > 0;) {
        kam3_mask m_negative;
        for (int j = 0; j < 5; j++) point_dbl(&s.sum, &s.sum, &s.w);
        lookup_entry(&s.term, s.entries, window_digit(&m_negative, s.odd, i));
        negate_if(&s.term.y, m_negative);
        point_add(&s.sum, &s.sum, &s.term, &s.w);
    }
    negate_if(&s.sum.y, m_even);
    leave(r, &s.sum, &s.w);
    kam3_wipe(&s, sizeof s);
}

/* window[i][j] = [(2j+1) 32^i]A, top = [32^51]A */
typedef struct {
    affine window[WINDOWS][ENTRIES], top;
} fixed_base;

/* All n in affine coordinates by one inversion, as window_to_affine of base.inc.h. None is the identity. */
static void to_affine(affine *out, const entry *in, size_t n) {
    struct {
        fe product[ENTRIES], inverse, z, zz;
    } s;
    s.product[0] = in[0].z;
    for (size_t i = 1; i < n; i++) mul(&s.product[i], &s.product[i - 1], &in[i].z);
    kam3_p256_fe_inv(&s.inverse, &s.product[n - 1]);
    for (size_t i = n; i-- > 0;) {
        s.z = s.inverse;
        if (i > 0) mul(&s.z, &s.inverse, &s.product[i - 1]);
        mul(&s.inverse, &s.inverse, &in[i].z);
        sqr(&s.zz, &s.z);
        mul(&out[i].x, &in[i].x, &s.zz);
        mul(&s.zz, &s.zz, &s.z);
        mul(&out[i].y, &in[i].y, &s.zz);
    }
    kam3_wipe(&s, sizeof s);
}

/* CT: A may be secret. */
static void table_fill(fixed_base *table, const ge *a) {
    struct {
        entry entries[ENTRIES];
        jacobian power;
        temporaries w;
    } s;
    enter(&s.power, a, &s.w);
    for (size_t i = 0; i < WINDOWS; i++) {
        fill(s.entries, &s.power, &s.w);
        to_affine(table->window[i], s.entries, ENTRIES);
        for (int j = 0; j < 5; j++) point_dbl(&s.power, &s.power, &s.w);
    }
    make_entry(&s.entries[0], &s.power);
    to_affine(&table->top, s.entries, 1);
    kam3_wipe(&s, sizeof s);
}

/* r = [k]A, A being what the table was made of */
static void table_mul(ge *r, const fixed_base *table, const sc *k) {
    struct {
        jacobian sum;
        affine term;
        temporaries w;
        uint64_t odd[4];
    } s;
    const kam3_mask m_even = make_odd(s.odd, k);
    s.sum.x = table->top.x;
    s.sum.y = table->top.y;
    kam3_p256_fe_set_one(&s.sum.z);
    for (size_t i = WINDOWS; i-- > 0;) {
        kam3_mask m_negative;
        lookup_affine(&s.term, table->window[i], window_digit(&m_negative, s.odd, i));
        negate_if(&s.term.y, m_negative);
        point_add_affine(&s.sum, &s.sum, &s.term, &s.w);
    }
    negate_if(&s.sum.y, m_even);
    leave(r, &s.sum, &s.w);
    kam3_wipe(&s, sizeof s);
}

static fixed_base base_table;
static kam3_once table_once = KAM3_ONCE_INIT;

static void prepare_tables(void) {
    ge g;
    if (!kam3_once_claim(&table_once)) return;
    kam3_p256_ge_base(&g);
    table_fill(&base_table, &g);
    kam3_once_publish(&table_once);
}

static void multiply_base(ge *r, const sc *k) {
    prepare_tables();
    if (!kam3_once_ready(&table_once)) { /* another thread is filling it */
        ge g;
        kam3_p256_ge_base(&g);
        multiply(r, &g, k);
        return;
    }
    table_mul(r, &base_table, k);
}

int kam3_p256_adx_mul(ge *r, const ge *a, const sc *k) {
    if (!kam3_cpu_has(KAM3_P256_ADX)) return 0;
    multiply(r, a, k);
    return 1;
}

int kam3_p256_adx_mul_base(ge *r, const sc *k) {
    if (!kam3_cpu_has(KAM3_P256_ADX)) return 0;
    multiply_base(r, k);
    return 1;
}

int kam3_p256_adx_prepare_tables(void) {
    if (!kam3_cpu_has(KAM3_P256_ADX)) return 0;
    prepare_tables();
    return 1;
}

int kam3_p256_adx_prepare(kam3_p256_prepared *r) {
    _Static_assert(sizeof base_table <= sizeof r->table, "the table fits");
    if (!kam3_cpu_has(KAM3_P256_ADX)) return 0;
    r->form = KAM3_FORM_ADX;
    table_fill((fixed_base *)r->table, &r->element);
    return 1;
}

int kam3_p256_adx_mul_prepared(ge *r, const kam3_p256_prepared *a, const sc *k) {
    if (!kam3_cpu_has(KAM3_P256_ADX) || a->form != KAM3_FORM_ADX) return 0;
    table_mul(r, (const fixed_base *)a->table, k);
    return 1;
}

int kam3_p256_adx_sqr_n(fe *r, const fe *a, int n) {
    if (!kam3_cpu_has(KAM3_P256_ADX)) return 0;
    *r = *a;
    for (int i = 0; i < n; i++) kam3_p256_adx_fe_sqr(r, r);
    return 1;
}

#else

int kam3_p256_adx_mul(kam3_p256_ge *r, const kam3_p256_ge *a, const kam3_p256_sc *k) {
    (void)r, (void)a, (void)k;
    return 0;
}

int kam3_p256_adx_mul_base(kam3_p256_ge *r, const kam3_p256_sc *k) {
    (void)r, (void)k;
    return 0;
}

int kam3_p256_adx_prepare_tables(void) { return 0; }

int kam3_p256_adx_prepare(kam3_p256_prepared *r) {
    (void)r;
    return 0;
}

int kam3_p256_adx_mul_prepared(kam3_p256_ge *r, const kam3_p256_prepared *a, const kam3_p256_sc *k) {
    (void)r, (void)a, (void)k;
    return 0;
}

int kam3_p256_adx_sqr_n(kam3_p256_fe *r, const kam3_p256_fe *a, int n) {
    (void)r, (void)a, (void)n;
    return 0;
}

#endif
