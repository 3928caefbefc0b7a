/* One scalar multiplication on P-256 in ymm registers: see p256_ifma_mul.inc.h. */
#include "ec/p256_ifma.h"

#if KAM3_X86_64

#define GROUPS 1
#include "ec/p256_ifma_vec.inc.h"

#include "ec/p256_ifma_fe.inc.h"

#include "ec/p256_ifma_point.inc.h"

#include "ec/p256_ifma_mul.inc.h"

int kam3_p256_ifma_mul(kam3_p256_ge *r, const kam3_p256_ge *a, const kam3_p256_sc *k) {
    if (!kam3_cpu_has(KAM3_P256_IFMA)) return 0;
    mul_groups(&r, &a, &k);
    return 1;
}

#else

int kam3_p256_ifma_mul(kam3_p256_ge *r, const kam3_p256_ge *a, const kam3_p256_sc *k) {
    (void)r, (void)a, (void)k;
    return 0;
}

#endif
