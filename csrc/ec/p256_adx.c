/* P-256 on the adx path, by the digits of ec/odd.h. The elements of the field are those of the portable form; points
 * are Jacobian inside, the odd multiples of A affine. The identity, as A, makes nonsense of all coordinates: it has a
 * mask.
 *
 * A fixed base that a caller prepares has windows of five bits, in 52 KiB of the caller's memory; the base point has
 * windows of seven, in 152 KiB of ours.
 */
#include "ec/p256_adx.h"

#include "base/once.h"
#include "base/wipe.h"
#include "ec/odd.h"
#include "ec/p256_fe_adx.h"
#include "gen/curves.h"
#include "gen/moduli.h"

#if KAM3_X86_64_ASM

#include <immintrin.h>

#include "ec/p256_point_adx.h"

typedef kam3_p256_fe fe;
typedef kam3_p256_ge ge;
typedef kam3_p256_sc sc;

/* Windows of w bits: how many there are below the top digit, which is 1, as 2^256 <= 2 * 2^(w W); and the entries of one,
 * for 1, 3 .. 2^w - 1. */
enum { WIDTH = 5, WINDOWS = 51, ENTRIES = 16, BASE_WIDTH = 7, BASE_WINDOWS = 37, BASE_ENTRIES = 64 };

typedef struct {
    unsigned width;
    size_t windows, entries;
} layout;

static const layout prepared_layout = {WIDTH, WINDOWS, ENTRIES};
static const layout base_layout = {BASE_WIDTH, BASE_WINDOWS, BASE_ENTRIES};

/* out = entries[index], of n, an even number; every entry is read */
__attribute__((target("avx2"))) static void lookup(affine *out, const affine *entries, size_t n, uint64_t index) {
    const __m256i wanted = _mm256_set1_epi64x((long long)kam3_value_barrier(index)), two = _mm256_set1_epi64x(2);
    const __m256i *p = (const __m256i *)(const void *)entries;
    __m256i even = _mm256_setzero_si256(), odd = _mm256_set1_epi64x(1);
    __m256i x0 = _mm256_setzero_si256(), y0 = x0, x1 = x0, y1 = x0;
    for (size_t e = 0; e < n; e += 2, p += 4) {
        const __m256i m0 = _mm256_cmpeq_epi64(wanted, even), m1 = _mm256_cmpeq_epi64(wanted, odd);
        x0 = _mm256_or_si256(x0, _mm256_and_si256(m0, _mm256_loadu_si256(p)));
        y0 = _mm256_or_si256(y0, _mm256_and_si256(m0, _mm256_loadu_si256(p + 1)));
        x1 = _mm256_or_si256(x1, _mm256_and_si256(m1, _mm256_loadu_si256(p + 2)));
        y1 = _mm256_or_si256(y1, _mm256_and_si256(m1, _mm256_loadu_si256(p + 3)));
        even = _mm256_add_epi64(even, two);
        odd = _mm256_add_epi64(odd, two);
    }
    _mm256_storeu_si256((__m256i *)(void *)&out->x, _mm256_or_si256(x0, x1));
    _mm256_storeu_si256((__m256i *)(void *)&out->y, _mm256_or_si256(y0, y1));
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

typedef struct {
    jacobian multiple;
    affine twice;
    fe factor[BASE_ENTRIES], z_inverse; /* factor[i]: the Z of entry i by that of entry i - 1 */
    temporaries w;
} fill_work;

/* entries[i] = [2i+1]A, affine, i < n, as in mul.inc.h. Requires: A is not the identity */
static void fill(affine *entries, size_t n, const jacobian *a, fill_work *s) {
    fe *const two_y = &s->w.t, *const power = &s->w.s;
    point_dbl(&s->multiple, a, &s->w);
    s->twice.x = s->multiple.x;
    s->twice.y = s->multiple.y;
    ADD(two_y, &a->y, &a->y);
    sqr(power, two_y);
    mul(&s->multiple.x, &a->x, power);
    mul(power, power, two_y);
    mul(&s->multiple.y, &a->y, power);
    for (size_t i = 0; i < n; i++) {
        if (i > 0) point_add_same_z(&s->twice, &s->multiple, &s->factor[i], &s->w);
        entries[i].x = s->multiple.x;
        entries[i].y = s->multiple.y;
    }
    kam3_p256_fe_inv(&s->z_inverse, &s->multiple.z);
    for (size_t i = n; i-- > 0;) {
        sqr(power, &s->z_inverse);
        mul(&entries[i].x, &entries[i].x, power);
        mul(power, power, &s->z_inverse);
        mul(&entries[i].y, &entries[i].y, power);
        if (i > 0) mul(&s->z_inverse, &s->z_inverse, &s->factor[i]);
    }
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
    static const fe zero = {{0}};
    struct {
        affine entries[ENTRIES], term;
        jacobian sum;
        fill_work w;
        uint64_t odd[KAM3_ODD_WORDS(4)];
    } s;
    const kam3_mask m_even = kam3_odd_scalar(s.odd, k->limb, &kam3_p256_r);
    const kam3_mask m_identity = kam3_p256_fe_is_zero(&a->z);
    enter(&s.sum, a, &s.w.w);
    fill(s.entries, ENTRIES, &s.sum, &s.w);
    for (size_t i = WINDOWS; i-- > 0;) {
        kam3_mask m_negative;
        for (int j = 0; j < WIDTH; j++) point_dbl(&s.sum, &s.sum, &s.w.w);
        lookup(&s.term, s.entries, ENTRIES, kam3_odd_digit(&m_negative, s.odd, WIDTH, i));
        negate_if(&s.term.y, m_negative);
        point_add_affine(&s.sum, &s.sum, &s.term, &s.w.w);
    }
    negate_if(&s.sum.y, m_even);
    kam3_p256_fe_cmov(&s.sum.z, &zero, m_identity);
    leave(r, &s.sum, &s.w.w);
    kam3_wipe(&s, sizeof s);
}

/* A table as in base.inc.h. Requires: A is not the identity. CT: it may be secret. */
static void table_fill(affine *table, const layout *of, const ge *a) {
    struct {
        jacobian power;
        fill_work w;
    } s;
    enter(&s.power, a, &s.w.w);
    for (size_t i = 0; i <= of->windows; i++) {
        fill(table + of->entries * i, of->entries, &s.power, &s.w);
        for (unsigned j = 0; j < of->width; j++) point_dbl(&s.power, &s.power, &s.w.w);
    }
    kam3_wipe(&s, sizeof s);
}

/* r = [k]A, A being what the table was made of. CT: k and the table are secret. */
static void table_mul(ge *r, const affine *table, const layout *of, const sc *k) {
    struct {
        jacobian sum;
        affine term;
        temporaries w;
        uint64_t odd[KAM3_ODD_WORDS(4)];
    } s;
    const kam3_mask m_even = kam3_odd_scalar(s.odd, k->limb, &kam3_p256_r);
    s.sum.x = table[of->entries * of->windows].x;
    s.sum.y = table[of->entries * of->windows].y;
    kam3_p256_fe_set_one(&s.sum.z);
    for (size_t i = of->windows; i-- > 0;) {
        kam3_mask m_negative;
        const uint64_t index = kam3_odd_digit(&m_negative, s.odd, of->width, i);
        lookup(&s.term, table + of->entries * i, of->entries, index);
        negate_if(&s.term.y, m_negative);
        point_add_affine(&s.sum, &s.sum, &s.term, &s.w);
    }
    negate_if(&s.sum.y, m_even);
    leave(r, &s.sum, &s.w);
    kam3_wipe(&s, sizeof s);
}

static affine base_table[(BASE_WINDOWS + 1) * BASE_ENTRIES];
static kam3_once table_once = KAM3_ONCE_INIT;

static void prepare_tables(void) {
    ge g;
    if (!kam3_once_claim(&table_once)) return;
    kam3_p256_ge_base(&g);
    table_fill(base_table, &base_layout, &g);
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
    table_mul(r, base_table, &base_layout, k);
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
    _Static_assert((WINDOWS + 1) * ENTRIES * sizeof(affine) <= sizeof r->table, "the table fits");
    if (!kam3_cpu_has(KAM3_P256_ADX)) return 0;
    r->form = KAM3_FORM_ADX;
    table_fill((affine *)r->table, &prepared_layout, &r->element);
    return 1;
}

int kam3_p256_adx_mul_prepared(ge *r, const kam3_p256_prepared *a, const sc *k) {
    if (!kam3_cpu_has(KAM3_P256_ADX) || a->form != KAM3_FORM_ADX) return 0;
    table_mul(r, (const affine *)a->table, &prepared_layout, k);
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
