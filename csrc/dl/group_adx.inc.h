/* Template, for one source file of a group on the adx path: the functions that dl/dl_adx.h declares.
 *
 * Inside, an element is x R mod q in words, R = 2^64n for the n words of q, not necessarily below q but below R; the
 * powers are those of dl/group.inc.h. An element of the group itself, x R' mod q in l limbs of 60 bits, R' = 2^60l,
 * enters by a product with R / (R' / R) and leaves by one with R' mod q.
 *
 * Expects
 *   KAM3_ADX_PREFIX       the prefix of the functions, kam3_dl2048_adx_ for instance
 *   KAM3_ADX_GROUP        the prefix of the group, kam3_dl2048_
 *   KAM3_ADX_WORDS        n
 *   KAM3_ADX_ORDER_BITS   the bits of r
 *   KAM3_ADX_MODULUS      the kam3_modulus of q
 * and undefines them.
 */
#include "base/once.h"
#include "base/wipe.h"
#include "bn/bn.h"
#include "dl/montgomery_adx.h"

#define ADX(name) KAM3_CAT(KAM3_ADX_PREFIX, name)
#define GE KAM3_CAT(KAM3_ADX_GROUP, ge)
#define SC KAM3_CAT(KAM3_ADX_GROUP, sc)
#define PREPARED KAM3_CAT(KAM3_ADX_GROUP, prepared)

#if KAM3_X86_64_ASM

typedef struct {
    uint64_t limb[KAM3_ADX_WORDS];
} ADX(ge);
typedef SC ADX(sc);

/* The scans of the tables become twice as fast. */
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif

#define KAM3_DL_PREFIX KAM3_ADX_PREFIX
#define KAM3_DL_IS_PATH
#define KAM3_DL_WORDS KAM3_ADX_WORDS
#define KAM3_DL_LIMBS KAM3_ADX_WORDS
#define KAM3_DL_MODULUS KAM3_ADX_MODULUS
#define KAM3_DL_ORDER_BITS KAM3_ADX_ORDER_BITS
#define KAM3_DL_RR KAM3_ADX_MODULUS.rr
#define KAM3_DL_MUL(r, a, b) kam3_dl_mul_adx(r, a, b, KAM3_ADX_MODULUS.m, KAM3_ADX_WORDS)
#define KAM3_DL_SQR(r, a) kam3_dl_sqr_adx(r, a, KAM3_ADX_MODULUS.m, KAM3_ADX_WORDS)
#define KAM3_DL_WINDOW 5
#define KAM3_DL_TEETH 6
#define KAM3_DL_TABLES 8
#include "dl/group.inc.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

enum {
    LIMBS = sizeof(GE) / 8,
    BITS = 64 * KAM3_ADX_WORDS,
    MORE = 60 * LIMBS - BITS /* R' / R = 2^MORE, 0 < MORE < 60 */
};

/* a < 2q, so that its bits from 2^BITS on, all in the top limb, are 0 or 1. */
static void enter(ADX(ge) *r, const GE *a) {
    const uint64_t factor[KAM3_ADX_WORDS] = {[KAM3_ADX_WORDS - 1] = (uint64_t)1 << (64 - MORE)}; /* R / 2^MORE */
    ADX(ge) x;
    kam3_bn_from_radix(x.limb, KAM3_ADX_WORDS, a->limb, LIMBS, 60);
    kam3_dl_fold_adx(x.limb, x.limb, a->limb[LIMBS - 1] >> (60 - MORE), KAM3_ADX_MODULUS.m, KAM3_ADX_WORDS);
    kam3_dl_mul_adx(r->limb, x.limb, factor, KAM3_ADX_MODULUS.m, KAM3_ADX_WORDS);
    kam3_wipe(&x, sizeof x);
}

/* What is below R is below 2q. */
static void leave(GE *r, const ADX(ge) *a) {
    const uint64_t more[KAM3_ADX_WORDS] = {(uint64_t)1 << MORE};
    ADX(ge) x;
    kam3_dl_mul_adx(x.limb, KAM3_ADX_MODULUS.rr, more, KAM3_ADX_MODULUS.m, KAM3_ADX_WORDS); /* R' */
    kam3_dl_mul_adx(x.limb, x.limb, a->limb, KAM3_ADX_MODULUS.m, KAM3_ADX_WORDS);
    kam3_bn_to_radix(r->limb, LIMBS, 60, x.limb, KAM3_ADX_WORDS);
    kam3_wipe(&x, sizeof x);
}

int ADX(mul)(GE *r, const GE *a, const SC *k) {
    ADX(ge) x;
    if (!kam3_cpu_has(KAM3_DL_ADX)) return 0;
    enter(&x, a);
    ADX(ge_mul)(&x, &x, k);
    leave(r, &x);
    kam3_wipe(&x, sizeof x);
    return 1;
}

int ADX(mul_vartime)(GE *r, const GE *a, const SC *k) {
    ADX(ge) x;
    if (!kam3_cpu_has(KAM3_DL_ADX)) return 0;
    enter(&x, a);
    ADX(ge_mul_vartime)(&x, &x, k);
    leave(r, &x);
    kam3_wipe(&x, sizeof x);
    return 1;
}

int ADX(mul_base)(GE *r, const SC *k) {
    ADX(ge) x;
    if (!kam3_cpu_has(KAM3_DL_ADX)) return 0;
    ADX(ge_mul_base)(&x, k);
    leave(r, &x);
    kam3_wipe(&x, sizeof x);
    return 1;
}

int ADX(prepare_tables)(void) {
    if (!kam3_cpu_has(KAM3_DL_ADX)) return 0;
    ADX(ge_prepare_tables)();
    return 1;
}

int ADX(prepare)(PREPARED *r) {
    ADX(ge) x;
    if (!kam3_cpu_has(KAM3_DL_ADX)) return 0;
    r->form = KAM3_FORM_ADX;
    enter(&x, &r->element);
    ADX(comb_fill)((ADX(ge) *)r->comb, &x);
    kam3_wipe(&x, sizeof x);
    return 1;
}

int ADX(mul_prepared)(GE *r, const PREPARED *a, const SC *k) {
    ADX(ge) x;
    if (!kam3_cpu_has(KAM3_DL_ADX) || a->form != KAM3_FORM_ADX) return 0;
    ADX(comb_power)(&x, (const ADX(ge) *)a->comb, k);
    leave(r, &x);
    kam3_wipe(&x, sizeof x);
    return 1;
}

#else

int ADX(mul)(GE *r, const GE *a, const SC *k) {
    (void)r, (void)a, (void)k;
    return 0;
}

int ADX(mul_vartime)(GE *r, const GE *a, const SC *k) {
    (void)r, (void)a, (void)k;
    return 0;
}

int ADX(mul_base)(GE *r, const SC *k) {
    (void)r, (void)k;
    return 0;
}

int ADX(prepare_tables)(void) { return 0; }

int ADX(prepare)(PREPARED *r) {
    (void)r;
    return 0;
}

int ADX(mul_prepared)(GE *r, const PREPARED *a, const SC *k) {
    (void)r, (void)a, (void)k;
    return 0;
}

#endif

#undef ADX
#undef GE
#undef SC
#undef PREPARED
#undef KAM3_ADX_PREFIX
#undef KAM3_ADX_GROUP
#undef KAM3_ADX_WORDS
#undef KAM3_ADX_ORDER_BITS
#undef KAM3_ADX_MODULUS
