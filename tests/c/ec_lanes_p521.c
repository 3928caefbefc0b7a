/* The fields of P-521 in lanes, for ctypes: a number is uint64_t[11][LANES]. GROUPS comes from the command line; SLOTS chooses the
 * field of the base point. */
#include "base/cpu.h"

#if KAM3_X86_64

#define VEC_TUNE ",tune=icelake-server"
#include "ec/ifma_vec.inc.h"

#if defined(SLOTS)
#include "ec/p521_ifma_slots.inc.h"
#else
#include "ec/p521_ifma_fe.inc.h"
#endif

typedef uint64_t words[LIMBS][LANES];

INLINE lanes load(const words a) {
    lanes r;
    FOR_LIMBS(i) r.v[i] = vec_load(a[i]);
    return r;
}

INLINE void store(words r, lanes a) { FOR_LIMBS(i) vec_store(r[i], a.v[i]); }

void test_mul(words r, const words a, const words b);
TARGET void test_mul(words r, const words a, const words b) {
#if defined(SLOTS)
    lanes out;
    const lanes x = load(a), y = load(b);
    mul(&out, &x, &y);
#else
    const lanes out = mul(load(a), load(b));
#endif
    store(r, out);
}

void test_carry(words r, const words a);
TARGET void test_carry(words r, const words a) { store(r, carry(load(a))); }

#if defined(SLOTS)
void test_sqr(words r, const words a);
TARGET void test_sqr(words r, const words a) {
    lanes out;
    const lanes x = load(a);
    sqr(&out, &x);
    store(r, out);
}

void test_difference(words r, const words a, const words b, unsigned m);
TARGET void test_difference(words r, const words a, const words b, unsigned m) {
    const lanes x = load(a), y = load(b);
    store(r, difference(&x, &y, m));
}
#else
void test_bias(words r);
TARGET void test_bias(words r) {
    lanes out;
    FOR_LIMBS(i) out.v[i] = BIAS(i);
    store(r, out);
}
#endif

#endif
