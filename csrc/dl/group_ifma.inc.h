/* Template, for one source file of a group: the functions of dl/dl_ifma.h.
 *
 * Expects the group's header, dl/montgomery_ifma.h, and
 *   KAM3_DL_PREFIX, KAM3_DL_WORDS, KAM3_DL_LIMBS   as in dl/group_decl.inc.h; limbs of 60 bits
 *   KAM3_DL_ORDER_BITS        the bits of r
 *   IFMA_VECTORS              the vectors of a number, NV
 *   IFMA_Q1                   q + 1, in the order of dl/montgomery_ifma.h, as are
 *   IFMA_ENTER, IFMA_LEAVE    R^2 / R_60 mod q and R_60 mod q, where R_60 is the R of the portable form
 *   IFMA_INTERLEAVE           1 if a pair is faster together than apart: while both its tables fit the first cache
 *   IFMA_TEETH, IFMA_TABLES   of the comb: TABLES * 2^TEETH numbers
 */
#include "base/once.h"
#include "base/wipe.h"

#define KAM3_DL(name) KAM3_CAT(KAM3_DL_PREFIX, name)
#define DL_GE KAM3_DL(ge)
#define DL_SC KAM3_DL(sc)

enum {
    NV = IFMA_VECTORS,
    LIMBS = 8 * NV,
    WINDOW = 5,
    POWERS = 1 << WINDOW,
    TEETH = IFMA_TEETH,
    ENTRIES = 1 << TEETH,
    TABLES = IFMA_TABLES,
    STEPS = (KAM3_DL_ORDER_BITS + TEETH * TABLES - 1) / (TEETH * TABLES)
};

/* x R mod q, below 2q, in the order of dl/montgomery_ifma.h */
typedef struct {
    _Alignas(64) uint64_t limb[LIMBS];
} number;

static KAM3_NOINLINE KAM3_IFMA_TARGET void mul(number *r, const number *a, const uint64_t *b) {
    kam3_ifma_mul(r->limb, a->limb, b, IFMA_Q1, NV, NULL, NULL, 0, 0);
}

/* r = a b, and next = table[index], of which every entry is read. next is not b. */
static KAM3_NOINLINE KAM3_IFMA_TARGET void mul_and_scan(number *r, const number *a, const number *b, number *next,
                                                        const number *table, uint64_t index) {
    kam3_ifma_mul(r->limb, a->limb, b->limb, IFMA_Q1, NV, next->limb, table->limb, ENTRIES, index);
}

static KAM3_NOINLINE KAM3_IFMA_TARGET void sqr(number *r, const number *a) {
    kam3_ifma_sqr(r->limb, a->limb, IFMA_Q1, NV);
}

static int available(void) {
    return kam3_cpu_has(KAM3_CPU_BMI2 | KAM3_CPU_AVX2 | KAM3_CPU_AVX512F | KAM3_CPU_AVX512VL | KAM3_CPU_AVX512IFMA);
}

/* r = a: other limbs, another order, and a product with R^2 / R_60 */
static void enter(number *r, const DL_GE *a) {
    const uint64_t m52 = UINT64_MAX >> 12;
    uint64_t *limb = r->limb;
    uint64_t x = 0;   /* the bits of a's limbs before i that are not in r yet, */
    unsigned have = 0; /* so many, below 52 */
    size_t out = 0;
    for (size_t i = 0; i < KAM3_DL_LIMBS && out < LIMBS; i++) {
        x |= a->limb[i] << have;
        limb[8 * (out % NV) + out / NV] = x & m52;
        out++;
        x = a->limb[i] >> (52 - have);
        have += 8;
        if (have >= 52 && out < LIMBS) {
            limb[8 * (out % NV) + out / NV] = x & m52;
            out++;
            x >>= 52;
            have -= 52;
        }
    }
    for (; out < LIMBS; out++, x = 0) limb[8 * (out % NV) + out / NV] = x;
    mul(r, r, IFMA_ENTER);
}

static void leave(DL_GE *r, const number *a) {
    const uint64_t m60 = UINT64_MAX >> 4;
    number t;
    uint64_t x = 0;
    unsigned have = 0; /* below 60 */
    size_t out = 0;
    mul(&t, a, IFMA_LEAVE);
    for (size_t i = 0; i < LIMBS && out < KAM3_DL_LIMBS; i++) {
        const uint64_t limb = t.limb[8 * (i % NV) + i / NV];
        x |= limb << have;
        if (have >= 8) {
            r->limb[out++] = x & m60;
            x = limb >> (60 - have);
            have -= 8;
        } else {
            have += 52;
        }
    }
    for (; out < KAM3_DL_LIMBS; out++, x = 0) r->limb[out] = x;
    kam3_wipe(&t, sizeof t);
}

/* r = 1, which is R_60 in the portable form */
static void one(number *r) {
    number t;
    memcpy(&t, IFMA_LEAVE, sizeof t);
    mul(r, &t, IFMA_ENTER);
}

/* Bits from .. from + count - 1 of k; bits beyond its limbs are 0. Requires: count < 64. `from` is public. */
static uint64_t bits(const DL_SC *k, size_t from, unsigned count) {
    const size_t word = from >> 6, shift = from & 63;
    uint64_t x = (word < KAM3_DL_WORDS) ? k->limb[word] >> shift : 0;
    if (shift + count > 64 && word + 1 < KAM3_DL_WORDS) x |= k->limb[word + 1] << (64 - shift);
    return x & (((uint64_t)1 << count) - 1);
}

/* r = table[index] if first <= index < first + count, r as it was otherwise; all these entries are read. */
KAM3_INLINE KAM3_IFMA_TARGET void scan(number *r, const number *table, size_t first, size_t count, uint64_t index) {
    const kam3_vec wanted = _mm512_set1_epi64((long long)kam3_value_barrier(index));
    kam3_vec found[NV];
    KAM3_IFMA_UNROLL
    for (int k = 0; k < NV; k++) found[k] = _mm512_load_si512(r->limb + 8 * k);
    for (size_t e = first; e < first + count; e++) {
        const __mmask8 m = _mm512_cmpeq_epu64_mask(wanted, _mm512_set1_epi64((long long)e));
        KAM3_IFMA_UNROLL
        for (int k = 0; k < NV; k++) {
            found[k] = _mm512_mask_mov_epi64(found[k], m, _mm512_load_si512(table[e].limb + 8 * k));
        }
    }
    KAM3_IFMA_UNROLL
    for (int k = 0; k < NV; k++) _mm512_store_si512(r->limb + 8 * k, found[k]);
}

/* One exponentiation: x is A at first and A^k at last. */
typedef struct {
    number power[POWERS], x, y;
} stream;

/* n exponentiations by one k, step by step in turn, so that one has work while the carries of another run. Fixed
 * windows from the top; all powers A^0 .. A^31 are in the table, so that the digit 0 is nothing special. A quarter of
 * the table is read after each of the first four squarings: its loads, too, fill the time in which carries run. */
KAM3_INLINE KAM3_IFMA_TARGET void raise(stream *s, const int n, const DL_SC *k) {
    enum { DIGITS = (KAM3_DL_ORDER_BITS + WINDOW - 1) / WINDOW, PART = POWERS / 4 };
    for (int j = 0; j < n; j++) {
        one(&s[j].power[0]);
        s[j].power[1] = s[j].x;
        for (size_t i = 2; i < POWERS; i += 2) {
            sqr(&s[j].power[i], &s[j].power[i / 2]);
            mul(&s[j].power[i + 1], &s[j].power[i], s[j].x.limb);
        }
        s[j].y = s[j].x;
        scan(&s[j].x, s[j].power, 0, POWERS, bits(k, (DIGITS - 1) * WINDOW, WINDOW));
    }
    for (size_t digit = DIGITS - 1; digit-- > 0;) {
        const uint64_t index = bits(k, digit * WINDOW, WINDOW);
        for (size_t i = 0; i < WINDOW; i++) {
            for (int j = 0; j < n; j++) {
                sqr(&s[j].x, &s[j].x);
                if (i < 4) scan(&s[j].y, s[j].power, PART * i, PART, index);
            }
        }
        for (int j = 0; j < n; j++) mul(&s[j].x, &s[j].x, s[j].y.limb);
    }
}

/* The functions that others call are not compiled for the path's instructions: nothing of them runs before the check. */
static KAM3_NOINLINE KAM3_IFMA_TARGET void mul_one(DL_GE *r, const DL_GE *a, const DL_SC *k) {
    stream s;
    enter(&s.x, a);
    raise(&s, 1, k);
    leave(r, &s.x);
    kam3_wipe(&s, sizeof s);
}

int KAM3_DL(ifma_mul)(DL_GE *r, const DL_GE *a, const DL_SC *k) {
    if (!available()) return 0;
    mul_one(r, a, k);
    return 1;
}

#if IFMA_INTERLEAVE
static KAM3_NOINLINE KAM3_IFMA_TARGET void mul_two(DL_GE *r1, DL_GE *r2, const DL_GE *a1, const DL_GE *a2,
                                                   const DL_SC *k) {
    stream s[2];
    enter(&s[0].x, a1);
    enter(&s[1].x, a2);
    raise(s, 2, k);
    leave(r1, &s[0].x);
    leave(r2, &s[1].x);
    kam3_wipe(s, sizeof s);
}
#endif

int KAM3_DL(ifma_mul_pair)(DL_GE *r1, DL_GE *r2, const DL_GE *a1, const DL_GE *a2, const DL_SC *k) {
#if IFMA_INTERLEAVE
    if (!available()) return 0;
    mul_two(r1, r2, a1, a2, k);
    return 1;
#else
    (void)r1, (void)r2, (void)a1, (void)a2, (void)k;
    return 0;
#endif
}

/* Sliding windows of up to five bits, each ending in a 1, over the odd powers of A; leading zeros cost nothing. CT: k
 * alone is public, and alone steers. */
int KAM3_DL(ifma_mul_vartime)(DL_GE *r, const DL_GE *a, const DL_SC *k) {
    struct {
        number odd[POWERS / 2], x;
    } s;
    size_t left = 64 * KAM3_DL_WORDS; /* bits of k not yet dealt with */
    if (!available()) return 0;
    while (left > 0 && bits(k, left - 1, 1) == 0) left--;
    if (left == 0) {
        one(&s.x);
        leave(r, &s.x);
        return 1;
    }

    enter(&s.odd[0], a);
    sqr(&s.x, &s.odd[0]);
    for (size_t i = 1; i < POWERS / 2; i++) mul(&s.odd[i], &s.odd[i - 1], s.x.limb);

    for (int first = 1; left > 0; first = 0) {
        if (bits(k, left - 1, 1) == 0) {
            sqr(&s.x, &s.x);
            left--;
            continue;
        }
        unsigned width = left < WINDOW ? (unsigned)left : WINDOW;
        while (bits(k, left - width, 1) == 0) width--;
        const number *const power = &s.odd[bits(k, left - width, width) >> 1];
        if (first) {
            s.x = *power;
        } else {
            for (unsigned i = 0; i < width; i++) sqr(&s.x, &s.x);
            mul(&s.x, &s.x, power->limb);
        }
        left -= width;
    }
    leave(r, &s.x);
    kam3_wipe(&s, sizeof s);
    return 1;
}

/* The comb of dl/group.inc.h in this form: C_v[d] is comb[v ENTRIES + d]. CT: A may be secret. */
static void comb_fill(number *comb, const DL_GE *a) {
    number x;
    enter(&x, a);
    for (size_t tooth = 0; tooth < TEETH; tooth++) {
        for (size_t v = 0; v < TABLES; v++) {
            comb[v * ENTRIES + ((size_t)1 << tooth)] = x;
            for (int i = 0; i < STEPS; i++) sqr(&x, &x);
        }
    }
    one(&x);
    for (size_t v = 0; v < TABLES; v++) {
        number *const table = comb + v * ENTRIES;
        table[0] = x;
        for (size_t d = 3; d < ENTRIES; d++) {
            const size_t rest = d & (d - 1); /* d without its lowest bit */
            if (rest != 0) mul(&table[d], &table[rest], table[d ^ rest].limb);
        }
    }
}

/* The index into table v at a step */
KAM3_INLINE uint64_t comb_digit(const DL_SC *k, size_t v, size_t step) {
    uint64_t digit = 0;
    for (size_t tooth = 0; tooth < TEETH; tooth++) digit |= bits(k, (tooth * TABLES + v) * STEPS + step, 1) << tooth;
    return digit;
}

/* r = [k]A, A being what the comb was made of. Each multiplication looks up the factor of the next. */
static void comb_power(DL_GE *r, const number *comb, const DL_SC *k) {
    struct {
        number x, y[2];
    } s;
    one(&s.y[1]);
    mul_and_scan(&s.x, &s.y[1], &s.y[1], &s.y[0], comb, comb_digit(k, 0, STEPS - 1));
    for (size_t step = STEPS, i = 0; step-- > 0;) {
        if (step + 1 < STEPS) sqr(&s.x, &s.x);
        for (size_t v = 0; v < TABLES; v++, i ^= 1) {
            /* after the last table of the last step nothing comes, and any look-up will do */
            const size_t next_v = v + 1 < TABLES ? v + 1 : 0, next_step = v + 1 < TABLES || step == 0 ? step : step - 1;
            mul_and_scan(&s.x, &s.x, &s.y[i], &s.y[i ^ 1], comb + next_v * ENTRIES, comb_digit(k, next_v, next_step));
        }
    }
    leave(r, &s.x);
    kam3_wipe(&s, sizeof s);
}

static number comb_of_g[TABLES * ENTRIES];
static kam3_once comb_once = KAM3_ONCE_INIT;

int KAM3_DL(ifma_prepare_tables)(void) {
    if (!available()) return 0;
    if (!kam3_once_ready(&comb_once) && kam3_once_claim(&comb_once)) {
        DL_GE g;
        KAM3_DL(ge_base)(&g);
        comb_fill(comb_of_g, &g);
        kam3_once_publish(&comb_once);
    }
    return 1;
}

int KAM3_DL(ifma_mul_base)(DL_GE *r, const DL_SC *k) {
    if (!KAM3_DL(ifma_prepare_tables)()) return 0;
    if (!kam3_once_ready(&comb_once)) { /* another thread is filling it */
        DL_GE g;
        KAM3_DL(ge_base)(&g);
        return KAM3_DL(ifma_mul)(r, &g, k);
    }
    comb_power(r, comb_of_g, k);
    return 1;
}

int KAM3_DL(ifma_prepare)(KAM3_DL(prepared) *r) {
    _Static_assert(sizeof comb_of_g <= sizeof r->comb, "the comb fits");
    if (!available()) return 0;
    r->form = KAM3_FORM_IFMA;
    comb_fill((number *)r->comb, &r->element);
    return 1;
}

int KAM3_DL(ifma_mul_prepared)(DL_GE *r, const KAM3_DL(prepared) *a, const DL_SC *k) {
    if (!available() || a->form != KAM3_FORM_IFMA) return 0;
    comb_power(r, (const number *)a->comb, k);
    return 1;
}

#undef KAM3_DL
#undef DL_GE
#undef DL_SC
