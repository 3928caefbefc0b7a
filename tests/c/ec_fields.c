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
