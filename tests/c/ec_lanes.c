/* The field of P-256 in lanes, for ctypes: a number is uint64_t[5][LANES]. GROUPS comes from the command line. */
#include "base/cpu.h"

#if KAM3_X86_64

#define VEC_TUNE ""
#include "ec/ifma_vec.inc.h"

#include "ec/p256_ifma_fe.inc.h"

typedef uint64_t words[5][LANES];

INLINE lanes load(const words a) {
    lanes r;
    FOR_LIMBS(i) r.v[i] = vec_load(a[i]);
    return r;
}

INLINE void store(words r, lanes a) { FOR_LIMBS(i) vec_store(r[i], a.v[i]); }

#define EXPORT(name, expression)                                                                                       \
    void test_##name(words r, const words a, const words b, const words c, const words d);                             \
    TARGET void test_##name(words r, const words a, const words b, const words c, const words d) {                     \
        (void)b, (void)c, (void)d;                                                                                     \
        store(r, expression);                                                                                          \
    }

EXPORT(mul, mul(load(a), load(b)))
EXPORT(sqr, sqr(load(a)))
EXPORT(mul_two, mul_two(load(a), load(b), load(c), load(d)))
EXPORT(mul_add_folded, mul_add_folded(load(a), load(b), load(c)))
EXPORT(carry, carry(load(a)))
EXPORT(fold, fold(load(a)))

#endif
