/* Template: [k]A from a table of A, for G and for what ge_prepare is given. Expects mul.inc.h before it.
 *
 * table[16 i + j] = [(2j+1) 32^i]A, affine, for every window i and j = 0 .. 15. So [k]A is a sum of one entry, or its
 * negative, a window, without a doubling; it begins with [32^W]A, the first entry of one window more.
 */
#include "base/once.h"

void KAM3_EC(ge_base)(ge *r) {
    r->x = base_x;
    r->y = base_y;
    KAM3_EC(fe_set_one)(&r->z);
}

/* Requires: A is not the identity. CT: it may be secret. */
static void table_fill(affine *table, const ge *a) {
    struct {
        jacobian power;
        odd_work w;
    } s;
    mul_enter(&s.power, a, &s.w.t);
    for (size_t i = 0; i <= ODD_WINDOWS; i++) {
        odd_fill(table + ODD_ENTRIES * i, &s.power, &s.w);
        for (int j = 0; j < 5; j++) jacobian_dbl(&s.power, &s.w.w);
    }
    kam3_wipe(&s, sizeof s);
}

/* r = [k]A, A being what the table was made of. CT: k and the table are secret. */
static void table_mul(ge *r, const affine *table, const sc *k) {
    struct {
        affine term;
        jacobian sum;
        fe t;
        point_work w;
        uint64_t odd[KAM3_ODD_WORDS(KAM3_EC_SCALAR_LIMBS)];
    } s;
    const kam3_mask m_even = kam3_odd_scalar(s.odd, k->limb, &KAM3_EC_ORDER);
    s.sum.x = table[ODD_ENTRIES * ODD_WINDOWS].x;
    s.sum.y = table[ODD_ENTRIES * ODD_WINDOWS].y;
    KAM3_EC(fe_set_one)(&s.sum.z);
    for (size_t i = ODD_WINDOWS; i-- > 0;) {
        kam3_mask m_negative;
        const uint64_t index = kam3_odd_digit(&m_negative, s.odd, 5, i);
        odd_lookup(&s.term, table + ODD_ENTRIES * i, index, m_negative, &s.t);
        jacobian_add_affine(&s.sum, &s.term, &s.w);
    }
    negate_if(&s.sum.y, m_even, &s.t);
    mul_leave(r, &s.sum, &s.t);
    kam3_wipe(&s, sizeof s);
}

static affine base_table[(ODD_WINDOWS + 1) * ODD_ENTRIES];
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
