/* Template: [k]A from a table of A, for G and for what ge_prepare is given. Expects mul.inc.h before it.
 *
 * table[16 i + d-1] = [d 32^i]A, affine, for every window i and d = 1 .. 16, so that [k]A is a sum of one entry, or its
 * negative, a window, without a doubling. No entry is the identity: A is not, and d 32^i is no multiple of the prime
 * r > 16. A digit of 0 has no entry; the sum is then made with whatever the scan left, and dropped by a mask.
 */
#include "base/once.h"

void KAM3_EC(ge_base)(ge *r) {
    r->x = base_x;
    r->y = base_y;
    KAM3_EC(fe_set_one)(&r->z);
}

/* out[i] = in[i], affine, with one inversion: if p_i is the product of the z up to z_i, then 1/z_i = p_(i-1) / p_i and
 * 1/p_(i-1) = z_i / p_i. Requires: no entry is the identity */
static void window_to_affine(affine out[WINDOW_ENTRIES], const ge in[WINDOW_ENTRIES]) {
    fe product[WINDOW_ENTRIES], inverse, z_inverse;
    product[0] = in[0].z;
    for (size_t i = 1; i < WINDOW_ENTRIES; i++) MUL(&product[i], &product[i - 1], &in[i].z);
    KAM3_EC(fe_inv)(&inverse, &product[WINDOW_ENTRIES - 1]);
    for (size_t i = WINDOW_ENTRIES; i-- > 0;) {
        z_inverse = inverse;
        if (i > 0) MUL(&z_inverse, &inverse, &product[i - 1]);
        MUL(&inverse, &inverse, &in[i].z);
        MUL(&out[i].x, &in[i].x, &z_inverse);
        MUL(&out[i].y, &in[i].y, &z_inverse);
    }
    kam3_wipe(product, sizeof product);
    kam3_wipe(&inverse, sizeof inverse);
    kam3_wipe(&z_inverse, sizeof z_inverse);
}

/* CT: A may be secret. */
static void table_fill(affine *table, const ge *a) {
    struct {
        ge entries[WINDOW_ENTRIES], first;
        point_work w;
    } s;
    s.first = *a;
    for (size_t i = 0; i < WINDOW_COUNT; i++) {
        window_fill(s.entries, &s.first, &s.w);
        point_dbl(&s.first, &s.entries[WINDOW_ENTRIES - 1], &s.w);
        window_to_affine(table + WINDOW_ENTRIES * i, s.entries);
    }
    kam3_wipe(&s, sizeof s);
}

/* r = [k]A, A being what the table was made of. CT: k and the table are secret. */
static void table_mul(ge *r, const affine *table, const sc *k) {
    struct {
        ge sum, with_term;
        affine term;
        fe y;
        point_work w;
    } s;
    point_set_identity(&s.sum);
    for (size_t i = 0; i < WINDOW_COUNT; i++) {
        kam3_mask m_negative;
        const uint64_t digit = window_digit(&m_negative, k, i);
        const kam3_mask m_digit = ~kam3_mask_is_zero(digit);
        window_lookup((uint64_t *)&s.term, (const uint64_t *)(table + WINDOW_ENTRIES * i), sizeof(affine) / 8, digit);
        KAM3_EC(fe_neg)(&s.y, &s.term.y, 1);
        KAM3_EC(fe_cmov)(&s.term.y, &s.y, m_negative);
        point_add_affine(&s.with_term, &s.sum, &s.term, &s.w);
        KAM3_EC(fe_cmov)(&s.sum.x, &s.with_term.x, m_digit);
        KAM3_EC(fe_cmov)(&s.sum.y, &s.with_term.y, m_digit);
        KAM3_EC(fe_cmov)(&s.sum.z, &s.with_term.z, m_digit);
    }
    *r = s.sum;
    kam3_wipe(&s, sizeof s);
}

static affine base_table[WINDOW_COUNT * WINDOW_ENTRIES];
static kam3_once table_once = KAM3_ONCE_INIT;

void KAM3_EC(ge_prepare_tables)(void) {
    ge g;
#if defined(KAM3_EC_FAST)
    if (KAM3_EC(fast_prepare_tables)()) return;
#endif
    if (!kam3_once_claim(&table_once)) return;
    KAM3_EC(ge_base)(&g);
    table_fill(base_table, &g);
    kam3_once_publish(&table_once);
}

void KAM3_EC(ge_mul_base)(ge *r, const sc *k) {
#if defined(KAM3_EC_FAST)
    if (KAM3_EC(fast_mul_base)(r, k)) return;
#endif
    KAM3_EC(ge_prepare_tables)();
    if (!kam3_once_ready(&table_once)) { /* another thread is filling it */
        ge g;
        KAM3_EC(ge_base)(&g);
        KAM3_EC(ge_mul)(r, &g, k);
        return;
    }
    table_mul(r, base_table, k);
}

void KAM3_EC(ge_prepare)(KAM3_EC(prepared) *r, const ge *a) {
    _Static_assert(sizeof base_table <= sizeof r->table, "the table fits");
    r->element = *a;
#if defined(KAM3_EC_FAST)
    if (KAM3_EC(fast_prepare)(r)) return;
#endif
    r->form = KAM3_FORM_PORTABLE;
    table_fill((affine *)r->table, a);
}

void KAM3_EC(ge_mul_prepared)(ge *r, const KAM3_EC(prepared) *a, const sc *k) {
#if defined(KAM3_EC_FAST)
    if (KAM3_EC(fast_mul_prepared)(r, a, k)) return;
#endif
    if (a->form == KAM3_FORM_PORTABLE) {
        table_mul(r, (const affine *)a->table, k);
    } else {
        KAM3_EC(ge_mul)(r, &a->element, k);
    }
}
