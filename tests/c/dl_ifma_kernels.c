/* The kernels of dl/montgomery_ifma.h by themselves, for numbers of nv = 5 or 10 vectors. */
#include "base/cpu.h"

extern int kam3_test_ifma_mul(uint64_t *r, const uint64_t *a, const uint64_t *b, const uint64_t *q_plus_1, int nv);
extern int kam3_test_ifma_sqr(uint64_t *r, const uint64_t *a, const uint64_t *q_plus_1, int nv);
extern int kam3_test_ifma_mul_and_scan(uint64_t *r, const uint64_t *a, const uint64_t *q_plus_1, int nv, uint64_t *found,
                                       const uint64_t *table, uint64_t index);

#if KAM3_X86_64

#include "dl/montgomery_ifma.h"

KAM3_IFMA_TARGET int kam3_test_ifma_mul(uint64_t *r, const uint64_t *a, const uint64_t *b, const uint64_t *q_plus_1, int nv) {
    if (nv == 5) {
        kam3_ifma_mul(r, a, b, q_plus_1, 5, NULL, NULL, 0, 0);
    } else {
        kam3_ifma_mul(r, a, b, q_plus_1, 10, NULL, NULL, 0, 0);
    }
    return 1;
}

KAM3_IFMA_TARGET int kam3_test_ifma_sqr(uint64_t *r, const uint64_t *a, const uint64_t *q_plus_1, int nv) {
    if (nv == 5) {
        kam3_ifma_sqr(r, a, q_plus_1, 5);
    } else {
        kam3_ifma_sqr(r, a, q_plus_1, 10);
    }
    return 1;
}

/* r = a a / R, found = table[index], of 16 entries */
KAM3_IFMA_TARGET int kam3_test_ifma_mul_and_scan(uint64_t *r, const uint64_t *a, const uint64_t *q_plus_1, int nv,
                                                 uint64_t *found, const uint64_t *table, uint64_t index) {
    if (nv == 5) {
        kam3_ifma_mul(r, a, a, q_plus_1, 5, found, table, 16, index);
    } else {
        kam3_ifma_mul(r, a, a, q_plus_1, 10, found, table, 16, index);
    }
    return 1;
}

#else

int kam3_test_ifma_mul(uint64_t *r, const uint64_t *a, const uint64_t *b, const uint64_t *q_plus_1, int nv) {
    (void)r, (void)a, (void)b, (void)q_plus_1, (void)nv;
    return 0;
}

int kam3_test_ifma_sqr(uint64_t *r, const uint64_t *a, const uint64_t *q_plus_1, int nv) {
    (void)r, (void)a, (void)q_plus_1, (void)nv;
    return 0;
}

int kam3_test_ifma_mul_and_scan(uint64_t *r, const uint64_t *a, const uint64_t *q_plus_1, int nv, uint64_t *found,
                                const uint64_t *table, uint64_t index) {
    (void)r, (void)a, (void)q_plus_1, (void)nv, (void)found, (void)table, (void)index;
    return 0;
}

#endif
