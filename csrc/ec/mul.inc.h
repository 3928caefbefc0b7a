/* Template: [k]A for any point A, by the digits of ec/odd.h in windows of five bits. Expects jacobian.inc.h before it.
 *
 * The sums are Jacobian, the odd multiples of A affine. The identity, as A, makes nonsense of all coordinates: it has a
 * mask.
 */
#include "base/wipe.h"
#include "ec/odd.h"

/* W; an entry for each of 1, 3 .. 31 */
enum { ODD_WINDOWS = (KAM3_EC_SCALAR_BITS - 1 + 4) / 5, ODD_ENTRIES = 16 };

/* y = m ? -y : y, of magnitude at most 3, which becomes one more */
static void negate_if(fe *y, kam3_mask m, fe *negated) {
    NEG(negated, y, 3);
    KAM3_EC(fe_cmov)(y, negated, m);
}

typedef struct {
    jacobian multiple;
    affine twice;
    fe factor[ODD_ENTRIES]; /* factor[i]: the Z of entry i by that of entry i - 1 */
    fe z_inverse, t;
    point_work w;
} odd_work;

/* entries[i] = [2i+1]A, affine. Requires: A, of order r, is not the identity; magnitudes 4, 4, 4. 2A has the Z' = 2 Y Z
 * that A takes as (X (2Y)^2, Y (2Y)^3), and from there on a sum has the Z of both. The sums of A's odd multiples and 2A
 * are no exceptions: r > 66. */
static void odd_fill(affine entries[ODD_ENTRIES], const jacobian *a, odd_work *s) {
    fe *const two_y = &s->z_inverse;
    s->multiple = *a;
    jacobian_dbl(&s->multiple, &s->w);
    s->twice.x = s->multiple.x;
    s->twice.y = s->multiple.y;
    ADD(two_y, &a->y, &a->y); /* 8 */
    SQR(&s->t, two_y);
    MUL(&s->multiple.x, &a->x, &s->t);
    MUL(&s->t, &s->t, two_y);
    MUL(&s->multiple.y, &a->y, &s->t);
    for (size_t i = 0; i < ODD_ENTRIES; i++) {
        if (i > 0) jacobian_add_same_z(&s->twice, &s->multiple, &s->factor[i], &s->w);
        entries[i].x = s->multiple.x;
        entries[i].y = s->multiple.y;
    }
    KAM3_EC(fe_inv)(&s->z_inverse, &s->multiple.z);
    for (size_t i = ODD_ENTRIES; i-- > 0;) {
        SQR(&s->t, &s->z_inverse);
        MUL(&entries[i].x, &entries[i].x, &s->t);
        MUL(&s->t, &s->t, &s->z_inverse);
        MUL(&entries[i].y, &entries[i].y, &s->t);
        if (i > 0) MUL(&s->z_inverse, &s->z_inverse, &s->factor[i]);
    }
}

/* term = entry `index`, negated if m_negative. Every entry is read. Magnitudes 1, 2 */
static void odd_lookup(affine *term, const affine entries[ODD_ENTRIES], uint64_t index, kam3_mask m_negative, fe *t) {
    kam3_lookup((uint64_t *)term, (const uint64_t *)entries, ODD_ENTRIES, sizeof(affine) / 8, index);
    negate_if(&term->y, m_negative, t);
}

/* From (x/z, y/z) to (x/z^2, y/z^3): magnitudes 1, 1, 4 */
static void mul_enter(jacobian *r, const ge *a, fe *t) {
    MUL(&r->x, &a->x, &a->z);
    SQR(t, &a->z);
    MUL(&r->y, &a->y, t);
    r->z = a->z;
}

/* And back; the identity gets a y. */
static void mul_leave(ge *r, const jacobian *a, fe *t) {
    const kam3_mask m_identity = KAM3_EC(fe_is_zero)(&a->z);
    MUL(&r->x, &a->x, &a->z);
    r->y = a->y;
    KAM3_EC(fe_set_one)(t);
    KAM3_EC(fe_cmov)(&r->y, t, m_identity);
    SQR(t, &a->z);
    MUL(&r->z, t, &a->z);
}

void KAM3_EC(ge_mul)(ge *r, const ge *a, const sc *k) {
#if defined(KAM3_EC_FAST)
    if (KAM3_EC(fast_mul)(r, a, k)) return;
#endif
    struct {
        affine entries[ODD_ENTRIES], term;
        jacobian sum;
        odd_work w;
        uint64_t odd[KAM3_ODD_WORDS(KAM3_EC_SCALAR_LIMBS)];
    } s;
    const kam3_mask m_even = kam3_odd_scalar(s.odd, k->limb, &KAM3_EC_ORDER);
    const kam3_mask m_identity = KAM3_EC(fe_is_zero)(&a->z);
    mul_enter(&s.sum, a, &s.w.t);
    odd_fill(s.entries, &s.sum, &s.w);
    for (size_t i = ODD_WINDOWS; i-- > 0;) {
        kam3_mask m_negative;
        const uint64_t index = kam3_odd_digit(&m_negative, s.odd, 5, i);
        odd_lookup(&s.term, s.entries, index, m_negative, &s.w.t);
        for (int j = 0; j < 5; j++) jacobian_dbl(&s.sum, &s.w.w);
        jacobian_add_affine(&s.sum, &s.term, &s.w.w);
    }
    negate_if(&s.sum.y, m_even, &s.w.t);
    memset(&s.w.t, 0, sizeof s.w.t);
    KAM3_EC(fe_cmov)(&s.sum.z, &s.w.t, m_identity);
    mul_leave(r, &s.sum, &s.w.t);
    kam3_wipe(&s, sizeof s);
}

void KAM3_EC(ge_mul_pair)(ge *r1, ge *r2, const ge *a1, const ge *a2, const sc *k) {
#if defined(KAM3_EC_FAST)
    if (KAM3_EC(fast_mul_pair)(r1, r2, a1, a2, k, k)) return;
#endif
    ge second = *a2; /* r1 may be a2 */
    KAM3_EC(ge_mul)(r1, a1, k);
    KAM3_EC(ge_mul)(r2, &second, k);
    kam3_wipe(&second, sizeof second);
}

/* A path that takes pairs computes [k]A and [k t mod r]A side by side, in less time than one after the other. */
void KAM3_EC(ge_mul_twice)(ge *r1, ge *r2, const ge *a, const sc *k, const sc *t) {
#if defined(KAM3_EC_FAST)
    sc product;
    KAM3_EC(sc_mul)(&product, k, t);
    const int done = KAM3_EC(fast_mul_pair)(r1, r2, a, a, k, &product);
    kam3_wipe(&product, sizeof product);
    if (done) return;
#endif
    KAM3_EC(ge_mul)(r1, a, k);
    KAM3_EC(ge_mul_vartime)(r2, r1, t);
}

size_t KAM3_EC(ge_lanes)(void) {
#if defined(KAM3_EC_FAST)
    if (KAM3_EC(fast_lanes)()) return 8;
#endif
    return 1;
}

/* Eight at a time, the last of them beginning with 4, which take no longer as eight than as two pairs; the rest in pairs. */
void KAM3_EC(ge_mul_many)(ge *const r[], const ge *const a[], const sc *const k[], size_t n) {
    size_t done = 0;
#if defined(KAM3_EC_FAST)
    while (n - done >= 4) {
        ge unused[4], *out[8];
        const ge *in[8];
        const sc *by[8];
        for (size_t l = 0; l < 8; l++) {
            const size_t i = done + l < n ? done + l : done;
            out[l] = done + l < n ? r[i] : &unused[l - 4];
            in[l] = a[i];
            by[l] = k[i];
        }
        const int lanes = KAM3_EC(fast_mul_lanes)(out, in, by);
        kam3_wipe(unused, sizeof unused);
        if (!lanes) break;
        done += n - done < 8 ? n - done : 8;
    }
    while (n - done >= 2 && KAM3_EC(fast_mul_pair)(r[done], r[done + 1], a[done], a[done + 1], k[done], k[done + 1])) done += 2;
#endif
    for (; done < n; done++) KAM3_EC(ge_mul)(r[done], a[done], k[done]);
}

/* That k is public saves nothing here: what it could save is a sixth of the additions, and they would need masks. */
void KAM3_EC(ge_mul_vartime)(ge *r, const ge *a, const sc *k) {
#if defined(KAM3_EC_FAST)
    if (KAM3_EC(fast_mul_vartime)(r, a, k)) return;
#endif
    KAM3_EC(ge_mul)(r, a, k);
}
