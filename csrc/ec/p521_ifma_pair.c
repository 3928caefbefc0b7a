/* Two scalar multiplications on P-521 side by side in zmm registers: see p521_ifma_mul.inc.h. */
#include "ec/p521_ifma.h"

#if KAM3_X86_64

#define GROUPS 2
#include "ec/p521_ifma_vec.inc.h"

#include "ec/p521_ifma_fe.inc.h"

#include "ec/p521_ifma_point.inc.h"

#include "ec/p521_ifma_mul.inc.h"

int kam3_p521_ifma_mul_pair(kam3_p521_ge *r1, kam3_p521_ge *r2, const kam3_p521_ge *a1, const kam3_p521_ge *a2,
                            const kam3_p521_sc *k1, const kam3_p521_sc *k2) {
    if (!kam3_cpu_has(KAM3_P521_IFMA)) return 0;
    mul_groups((kam3_p521_ge *const[2]){r1, r2}, (const kam3_p521_ge *const[2]){a1, a2},
               (const kam3_p521_sc *const[2]){k1, k2});
    return 1;
}

#else

int kam3_p521_ifma_mul_pair(kam3_p521_ge *r1, kam3_p521_ge *r2, const kam3_p521_ge *a1, const kam3_p521_ge *a2,
                            const kam3_p521_sc *k1, const kam3_p521_sc *k2) {
    (void)r1, (void)r2, (void)a1, (void)a2, (void)k1, (void)k2;
    return 0;
}

#endif
