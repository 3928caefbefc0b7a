/* One scalar multiplication on P-521 in ymm registers: see p521_ifma_mul.inc.h. */
#include "ec/p521_ifma.h"

#if KAM3_X86_64

#define GROUPS 1
#include "ec/p521_ifma_vec.inc.h"

#include "ec/p521_ifma_fe.inc.h"

#include "ec/p521_ifma_point.inc.h"

#include "ec/p521_ifma_mul.inc.h"

#include "ec/p521_ifma_vartime.inc.h"

int kam3_p521_ifma_mul(kam3_p521_ge *r, const kam3_p521_ge *a, const kam3_p521_sc *k) {
    if (!kam3_cpu_has(KAM3_P521_IFMA)) return 0;
    mul_groups(&r, &a, &k);
    return 1;
}

int kam3_p521_ifma_mul_vartime(kam3_p521_ge *r, const kam3_p521_ge *a, const kam3_p521_sc *k) {
    if (!kam3_cpu_has(KAM3_P521_IFMA)) return 0;
    mul_vartime(r, a, k);
    return 1;
}

#else

int kam3_p521_ifma_mul(kam3_p521_ge *r, const kam3_p521_ge *a, const kam3_p521_sc *k) {
    (void)r, (void)a, (void)k;
    return 0;
}

int kam3_p521_ifma_mul_vartime(kam3_p521_ge *r, const kam3_p521_ge *a, const kam3_p521_sc *k) {
    (void)r, (void)a, (void)k;
    return 0;
}

#endif
