/* The inline functions of both fields, and the layout of their elements, for ctypes. */
#include "ec/ec.h"

#define EXPORT(group)                                                                                                  \
    size_t test_##group##_fe_words(void);                                                                              \
    size_t test_##group##_fe_words(void) { return sizeof(kam3_##group##_fe) / 8; }                                     \
    void test_##group##_fe_add(kam3_##group##_fe *r, const kam3_##group##_fe *a, const kam3_##group##_fe *b);          \
    void test_##group##_fe_add(kam3_##group##_fe *r, const kam3_##group##_fe *a, const kam3_##group##_fe *b) {         \
        kam3_##group##_fe_add(r, a, b);                                                                                \
    }                                                                                                                  \
    void test_##group##_fe_sub(kam3_##group##_fe *r, const kam3_##group##_fe *a, const kam3_##group##_fe *b,           \
                               unsigned m);                                                                            \
    void test_##group##_fe_sub(kam3_##group##_fe *r, const kam3_##group##_fe *a, const kam3_##group##_fe *b,           \
                               unsigned m) {                                                                           \
        kam3_##group##_fe_sub(r, a, b, m);                                                                             \
    }                                                                                                                  \
    void test_##group##_fe_neg(kam3_##group##_fe *r, const kam3_##group##_fe *a, unsigned m);                          \
    void test_##group##_fe_neg(kam3_##group##_fe *r, const kam3_##group##_fe *a, unsigned m) {                         \
        kam3_##group##_fe_neg(r, a, m);                                                                                \
    }                                                                                                                  \
    void test_##group##_fe_carry(kam3_##group##_fe *r);                                                                \
    void test_##group##_fe_carry(kam3_##group##_fe *r) { kam3_##group##_fe_carry(r); }                                 \
    void test_##group##_fe_cmov(kam3_##group##_fe *r, const kam3_##group##_fe *a, kam3_mask m);                        \
    void test_##group##_fe_cmov(kam3_##group##_fe *r, const kam3_##group##_fe *a, kam3_mask m) {                       \
        kam3_##group##_fe_cmov(r, a, m);                                                                               \
    }                                                                                                                  \
    kam3_mask test_##group##_fe_is_zero(const kam3_##group##_fe *a);                                                   \
    kam3_mask test_##group##_fe_is_zero(const kam3_##group##_fe *a) { return kam3_##group##_fe_is_zero(a); }           \
    kam3_mask test_##group##_fe_eq(const kam3_##group##_fe *a, const kam3_##group##_fe *b);                            \
    kam3_mask test_##group##_fe_eq(const kam3_##group##_fe *a, const kam3_##group##_fe *b) {                           \
        return kam3_##group##_fe_eq(a, b);                                                                             \
    }

EXPORT(p256)
EXPORT(p521)

/* The field of P-256 on the adx path: the operation that `which` names. */
#include "ec/p256_fe_adx.h"

int test_p256_adx_fe(int which, kam3_p256_fe *r, const kam3_p256_fe *a, const kam3_p256_fe *b);
int test_p256_adx_fe(int which, kam3_p256_fe *r, const kam3_p256_fe *a, const kam3_p256_fe *b) {
#if KAM3_X86_64_ASM
    if (!kam3_cpu_has(KAM3_P256_ADX)) return 0;
    switch (which) {
    case 0: kam3_p256_adx_fe_mul(r, a, b); return 1;
    case 1: kam3_p256_adx_fe_sqr(r, a); return 1;
    case 2: kam3_p256_adx_fe_add(r, a, b); return 1;
    case 3: kam3_p256_adx_fe_sub(r, a, b, 1); return 1;
    case 4: kam3_p256_adx_fe_neg(r, a, 1); return 1;
    case 5: kam3_p256_adx_fe_half(r, a); return 1;
    default: return 0;
    }
#else
    (void)which, (void)r, (void)a, (void)b;
    return 0;
#endif
}
