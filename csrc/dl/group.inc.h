/* Template, for one source file of a group: the functions that dl/group_decl.inc.h declares.
 *
 * Expects the group's header, and
 *   KAM3_DL_PREFIX, KAM3_DL_WORDS, KAM3_DL_LIMBS, KAM3_DL_ELEMENT_OCTETS   as there
 *   KAM3_DL_MODULUS            the kam3_modulus of q, a prime = 7 mod 8 for which r = (q - 1) / 2 is a prime
 *   KAM3_DL_ORDER_BITS         the bits of r
 *   KAM3_DL_MUL(r, a, b)       the field kernel: r = a b / R mod q. It has a bound B, q <= B <= R, such that
 *   KAM3_DL_SQR(r, a)          a, b < B give r < B; r may be a or b
 *   KAM3_DL_RR                 R^2 mod q, in limbs
 *   KAM3_DL_TO_LIMBS(l, w)     limbs of the number in words, and
 *   KAM3_DL_TO_WORDS(w, l)     words of the number in limbs: changes of radix
 *   KAM3_DL_WINDOW             the bits of a window of ge_mul, at least 2
 *   KAM3_DL_TEETH, _TABLES     the combs of ge_mul_base and ge_mul_prepared: TABLES * 2^TEETH elements, at least 2 teeth
 * and undefines them. Of two more, one may be defined, and is undefined:
 *   KAM3_DL_PATHS              CPU paths exist: for mul, mul_vartime, mul_base, prepare_tables, prepare and mul_prepared (of ifma,
 *                              mul_pair too), functions with this prefix, ifma_mul and adx_mul and so on, do what their
 *                              namesakes do and return 1, or return 0 and leave their operands alone
 *   KAM3_DL_IS_PATH            this is a path's own instance, in its own element type: no codec, no ge_add, no ge_base
 *
 * The group is written with + in the names and with powers in the comments: [k]A is A^k.
 */
#include "base/once.h"
#include "base/wipe.h"
#include "bn/bn.h"

#define KAM3_DL(name) KAM3_CAT(KAM3_DL_PREFIX, name)
#define DL_GE KAM3_DL(ge)
#define DL_SC KAM3_DL(sc)
#if defined(KAM3_DL_PATHS)
#define DL_TRY(operation, ...) \
    if (KAM3_DL(ifma_##operation)(__VA_ARGS__) || KAM3_DL(adx_##operation)(__VA_ARGS__)) return
#else
#define DL_TRY(operation, ...) (void)0
#endif

/* r = x R mod q, for a small public x */
static void KAM3_DL(ge_small)(DL_GE *r, uint64_t x) {
    const uint64_t number[KAM3_DL_LIMBS] = {x};
    KAM3_DL_MUL(r->limb, number, KAM3_DL_RR);
}

/* limb i of the one of four entries whose mask is set, or 0 */
KAM3_INLINE uint64_t KAM3_DL(pick)(const DL_GE t[4], const kam3_mask m[4], size_t i) {
    return (t[0].limb[i] & m[0]) | (t[1].limb[i] & m[1]) | (t[2].limb[i] & m[2]) | (t[3].limb[i] & m[3]);
}

/* r = table[index], every entry is read. Requires: index < entries, 4 | entries, r is not in the table. Four entries
 * in one pass over r halve the time, and so does a loop over an even number of limbs, of which gcc makes vectors. */
static void KAM3_DL(ge_scan)(DL_GE *restrict r, const DL_GE *restrict table, size_t entries, uint64_t index) {
    memset(r, 0, sizeof *r);
    for (size_t e = 0; e < entries; e += 4) {
        kam3_mask m[4];
        for (size_t i = 0; i < 4; i++) m[i] = kam3_mask_eq(e + i, index);
        size_t i = KAM3_DL_LIMBS & 1;
        if (i != 0) r->limb[0] |= KAM3_DL(pick)(table + e, m, 0);
        for (; i < KAM3_DL_LIMBS; i++) r->limb[i] |= KAM3_DL(pick)(table + e, m, i);
    }
}

#if !defined(KAM3_DL_IS_PATH)
kam3_mask KAM3_DL(ge_decode)(DL_GE *r, const uint8_t octets[KAM3_DL_ELEMENT_OCTETS]) {
    static const uint64_t one[KAM3_DL_WORDS] = {1}, two[KAM3_DL_WORDS] = {2};
    uint64_t x[KAM3_DL_WORDS], q_minus_1[KAM3_DL_WORDS];
    memcpy(q_minus_1, KAM3_DL_MODULUS.m, sizeof q_minus_1);
    q_minus_1[0] -= 1; /* q is odd */
    kam3_bn_from_octets(x, KAM3_DL_WORDS, octets, KAM3_DL_ELEMENT_OCTETS);
    const kam3_mask ok = kam3_bn_lt(one, x, KAM3_DL_WORDS) & kam3_bn_lt(x, q_minus_1, KAM3_DL_WORDS);
    kam3_cmov(x, two, ~ok, KAM3_DL_WORDS);
    KAM3_DL_TO_LIMBS(r->limb, x);
    KAM3_DL_MUL(r->limb, r->limb, KAM3_DL_RR);
    kam3_wipe(x, sizeof x);
    return ok;
}

/* A product with 1 leaves the Montgomery form and is canonical: (a + U q) / R with a < R and U <= R - 1 is below
 * q + 1, and it is not q, because an element is not 0 mod q. */
kam3_mask KAM3_DL(ge_encode)(uint8_t octets[KAM3_DL_ELEMENT_OCTETS], const DL_GE *a) {
    static const uint64_t one_limbs[KAM3_DL_LIMBS] = {1}, one[KAM3_DL_WORDS] = {1};
    DL_GE t;
    uint64_t x[KAM3_DL_WORDS], q_minus_1[KAM3_DL_WORDS];
    memcpy(q_minus_1, KAM3_DL_MODULUS.m, sizeof q_minus_1);
    q_minus_1[0] -= 1;
    KAM3_DL_MUL(t.limb, a->limb, one_limbs);
    KAM3_DL_TO_WORDS(x, t.limb);
    const kam3_mask ok = ~(kam3_bn_eq(x, one, KAM3_DL_WORDS) | kam3_bn_eq(x, q_minus_1, KAM3_DL_WORDS));
    for (size_t i = 0; i < KAM3_DL_WORDS; i++) x[i] &= ok;
    kam3_bn_to_octets(octets, KAM3_DL_ELEMENT_OCTETS, x, KAM3_DL_WORDS);
    kam3_wipe(&t, sizeof t);
    kam3_wipe(x, sizeof x);
    return ok;
}

void KAM3_DL(ge_add)(DL_GE *r, const DL_GE *a, const DL_GE *b) { KAM3_DL_MUL(r->limb, a->limb, b->limb); }

void KAM3_DL(ge_base)(DL_GE *r) { KAM3_DL(ge_small)(r, 2); }
#endif

/* Bits from .. from + count - 1 of k; bits beyond its limbs are 0. Requires: count < 64. `from` is public. */
static uint64_t KAM3_DL(bits)(const DL_SC *k, size_t from, unsigned count) {
    const size_t word = from >> 6, shift = from & 63;
    uint64_t x = (word < KAM3_DL_WORDS) ? k->limb[word] >> shift : 0;
    if (shift + count > 64 && word + 1 < KAM3_DL_WORDS) x |= k->limb[word + 1] << (64 - shift);
    return x & (((uint64_t)1 << count) - 1);
}

/* Fixed windows from the top. All powers A^0 .. A^(2^w - 1) are in the table, so that the digit 0 is nothing
 * special. */
void KAM3_DL(ge_mul)(DL_GE *r, const DL_GE *a, const DL_SC *k) {
    enum { W = KAM3_DL_WINDOW, DIGITS = (KAM3_DL_ORDER_BITS + W - 1) / W, POWERS = 1 << W };
    struct {
        DL_GE power[POWERS], x, y;
    } s;
    DL_TRY(mul, r, a, k);
    KAM3_DL(ge_small)(&s.power[0], 1);
    s.power[1] = *a;
    for (size_t i = 2; i < POWERS; i += 2) {
        KAM3_DL_SQR(s.power[i].limb, s.power[i / 2].limb);
        KAM3_DL_MUL(s.power[i + 1].limb, s.power[i].limb, a->limb);
    }
    KAM3_DL(ge_scan)(&s.x, s.power, POWERS, KAM3_DL(bits)(k, (DIGITS - 1) * W, W));
    for (size_t digit = DIGITS - 1; digit-- > 0;) {
        for (int i = 0; i < W; i++) KAM3_DL_SQR(s.x.limb, s.x.limb);
        KAM3_DL(ge_scan)(&s.y, s.power, POWERS, KAM3_DL(bits)(k, digit * W, W));
        KAM3_DL_MUL(s.x.limb, s.x.limb, s.y.limb);
    }
    *r = s.x;
    kam3_wipe(&s, sizeof s);
}

void KAM3_DL(ge_mul_pair)(DL_GE *r1, DL_GE *r2, const DL_GE *a1, const DL_GE *a2, const DL_SC *k) {
    DL_GE second;
#if defined(KAM3_DL_PATHS)
    if (KAM3_DL(ifma_mul_pair)(r1, r2, a1, a2, k)) return;
#endif
    second = *a2; /* r1 may be a2 */
    KAM3_DL(ge_mul)(r1, a1, k);
    KAM3_DL(ge_mul)(r2, &second, k);
    kam3_wipe(&second, sizeof second);
}

/* Sliding windows of up to five bits, each ending in a 1, over the odd powers of A; leading zeros cost nothing. CT: k alone is
 * public, and alone steers. */
void KAM3_DL(ge_mul_vartime)(DL_GE *r, const DL_GE *a, const DL_SC *k) {
    struct {
        DL_GE odd[16], x;
    } s;
    size_t left = 64 * KAM3_DL_WORDS; /* bits of k not yet dealt with */
    DL_TRY(mul_vartime, r, a, k);
    while (left > 0 && KAM3_DL(bits)(k, left - 1, 1) == 0) left--;
    if (left == 0) {
        KAM3_DL(ge_small)(r, 1);
        return;
    }

    s.odd[0] = *a;
    KAM3_DL_SQR(s.x.limb, a->limb);
    for (size_t i = 1; i < 16; i++) KAM3_DL_MUL(s.odd[i].limb, s.odd[i - 1].limb, s.x.limb);

    for (int first = 1; left > 0; first = 0) {
        if (KAM3_DL(bits)(k, left - 1, 1) == 0) {
            KAM3_DL_SQR(s.x.limb, s.x.limb);
            left--;
            continue;
        }
        unsigned width = left < 5 ? (unsigned)left : 5;
        while (KAM3_DL(bits)(k, left - width, 1) == 0) width--;
        const DL_GE *const power = &s.odd[KAM3_DL(bits)(k, left - width, width) >> 1];
        if (first) {
            s.x = *power;
        } else {
            for (unsigned i = 0; i < width; i++) KAM3_DL_SQR(s.x.limb, s.x.limb);
            KAM3_DL_MUL(s.x.limb, s.x.limb, power->limb);
        }
        left -= width;
    }
    *r = s.x;
    kam3_wipe(&s, sizeof s);
}

#if !defined(KAM3_DL_IS_PATH)
/* One after the other: t is short, and k t cannot be reduced mod r, for A may have the order 2r. */
void KAM3_DL(ge_mul_twice)(DL_GE *r1, DL_GE *r2, const DL_GE *a, const DL_SC *k, const DL_SC *t) {
    KAM3_DL(ge_mul)(r1, a, k);
    KAM3_DL(ge_mul_vartime)(r2, r1, t);
}
#endif

/* The comb. With T teeth, V tables and S steps, T V S >= the bits of k, write k as the sum over t < T, v < V, s < S of
 * k_(t,v,s) 2^((t V + v) S + s). Then
 *
 *     A^k = product over s of (product over v of C_v[sum over t of k_(t,v,s) 2^t])^(2^s),
 *     C_v[d] = product over the bits d_t of A^(d_t 2^((t V + v) S)),
 *
 * which costs S - 1 squarings and V S multiplications. The exponents are whole numbers: A may have any order. */
#define DL_STEPS ((KAM3_DL_ORDER_BITS + KAM3_DL_TEETH * KAM3_DL_TABLES - 1) / (KAM3_DL_TEETH * KAM3_DL_TABLES))
#define DL_ENTRIES ((size_t)1 << KAM3_DL_TEETH)

/* comb[v DL_ENTRIES + d] = C_v[d]. CT: A may be secret. */
static void KAM3_DL(comb_fill)(DL_GE *comb, const DL_GE *a) {
    DL_GE x = *a;
    for (size_t tooth = 0; tooth < KAM3_DL_TEETH; tooth++) {
        for (size_t v = 0; v < KAM3_DL_TABLES; v++) {
            comb[v * DL_ENTRIES + ((size_t)1 << tooth)] = x;
            for (int i = 0; i < DL_STEPS; i++) KAM3_DL_SQR(x.limb, x.limb);
        }
    }
    KAM3_DL(ge_small)(&x, 1);
    for (size_t v = 0; v < KAM3_DL_TABLES; v++) {
        DL_GE *const table = comb + v * DL_ENTRIES;
        table[0] = x;
        for (size_t d = 3; d < DL_ENTRIES; d++) {
            const size_t rest = d & (d - 1); /* d without its lowest bit */
            if (rest != 0) KAM3_DL_MUL(table[d].limb, table[rest].limb, table[d ^ rest].limb);
        }
    }
}

/* r = [k]A, A being what the comb was made of. CT: k and the comb are secret. */
static void KAM3_DL(comb_power)(DL_GE *r, const DL_GE *comb, const DL_SC *k) {
    struct {
        DL_GE x, y;
    } s;
    for (size_t step = DL_STEPS; step-- > 0;) {
        if (step + 1 < DL_STEPS) KAM3_DL_SQR(s.x.limb, s.x.limb);
        for (size_t v = 0; v < KAM3_DL_TABLES; v++) {
            uint64_t digit = 0;
            for (size_t tooth = 0; tooth < KAM3_DL_TEETH; tooth++) {
                digit |= KAM3_DL(bits)(k, (tooth * KAM3_DL_TABLES + v) * DL_STEPS + step, 1) << tooth;
            }
            KAM3_DL(ge_scan)(&s.y, comb + v * DL_ENTRIES, DL_ENTRIES, digit);
            if (step + 1 == DL_STEPS && v == 0) {
                s.x = s.y;
            } else {
                KAM3_DL_MUL(s.x.limb, s.x.limb, s.y.limb);
            }
        }
    }
    *r = s.x;
    kam3_wipe(&s, sizeof s);
}

static DL_GE KAM3_DL(comb)[KAM3_DL_TABLES * DL_ENTRIES];
static kam3_once KAM3_DL(comb_once) = KAM3_ONCE_INIT;

void KAM3_DL(ge_prepare_tables)(void) {
    DL_TRY(prepare_tables, );
    if (!kam3_once_ready(&KAM3_DL(comb_once)) && kam3_once_claim(&KAM3_DL(comb_once))) {
        DL_GE g;
        KAM3_DL(ge_small)(&g, 2);
        KAM3_DL(comb_fill)(KAM3_DL(comb), &g);
        kam3_once_publish(&KAM3_DL(comb_once));
    }
}

void KAM3_DL(ge_mul_base)(DL_GE *r, const DL_SC *k) {
    DL_TRY(mul_base, r, k);
    KAM3_DL(ge_prepare_tables)();
    if (!kam3_once_ready(&KAM3_DL(comb_once))) { /* another thread is filling it */
        DL_GE g;
        KAM3_DL(ge_small)(&g, 2);
        KAM3_DL(ge_mul)(r, &g, k);
        return;
    }
    KAM3_DL(comb_power)(r, KAM3_DL(comb), k);
}

#if !defined(KAM3_DL_IS_PATH)
void KAM3_DL(ge_prepare)(KAM3_DL(prepared) *r, const DL_GE *a) {
    _Static_assert(sizeof(DL_GE) * KAM3_DL_TABLES * DL_ENTRIES <= sizeof r->comb, "the comb fits");
    r->element = *a;
    DL_TRY(prepare, r);
    r->form = KAM3_FORM_PORTABLE;
    KAM3_DL(comb_fill)((DL_GE *)r->comb, a);
}

void KAM3_DL(ge_mul_prepared)(DL_GE *r, const KAM3_DL(prepared) *a, const DL_SC *k) {
    DL_TRY(mul_prepared, r, a, k);
    if (a->form == KAM3_FORM_PORTABLE) {
        KAM3_DL(comb_power)(r, (const DL_GE *)a->comb, k);
    } else {
        KAM3_DL(ge_mul)(r, &a->element, k);
    }
}
#endif

#undef KAM3_DL
#undef DL_GE
#undef DL_SC
#undef DL_STEPS
#undef DL_ENTRIES
#undef DL_TRY
#undef KAM3_DL_PREFIX
#undef KAM3_DL_WORDS
#undef KAM3_DL_LIMBS
#undef KAM3_DL_ELEMENT_OCTETS
#undef KAM3_DL_MODULUS
#undef KAM3_DL_ORDER_BITS
#undef KAM3_DL_RR
#undef KAM3_DL_MUL
#undef KAM3_DL_SQR
#undef KAM3_DL_TO_LIMBS
#undef KAM3_DL_TO_WORDS
#undef KAM3_DL_WINDOW
#undef KAM3_DL_TEETH
#undef KAM3_DL_TABLES
#undef KAM3_DL_PATHS
#undef KAM3_DL_IS_PATH
