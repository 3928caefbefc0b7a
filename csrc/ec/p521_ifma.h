/* P-521 on AVX-512 IFMA. Each function is what its namesake in exchange/group.h is, or returns 0, having done
 * nothing: then this CPU or its path is not the one, and the portable form has to do it. */
#ifndef KAM3_EC_P521_IFMA_H
#define KAM3_EC_P521_IFMA_H

#include "base/cpu.h"
#include "ec/ec.h"

#define KAM3_P521_IFMA (KAM3_CPU_BMI2 | KAM3_CPU_AVX2 | KAM3_CPU_AVX512F | KAM3_CPU_AVX512VL | KAM3_CPU_AVX512IFMA)

int kam3_p521_ifma_mul(kam3_p521_ge *r, const kam3_p521_ge *a, const kam3_p521_sc *k);

/* r1 = [k1]A1, r2 = [k2]A2 */
int kam3_p521_ifma_mul_pair(kam3_p521_ge *r1, kam3_p521_ge *r2, const kam3_p521_ge *a1, const kam3_p521_ge *a2,
                            const kam3_p521_sc *k1, const kam3_p521_sc *k2);

/* r[l] = [k[l]]a[l]; no r is an a of another lane */
int kam3_p521_ifma_mul_lanes(kam3_p521_ge *const r[8], const kam3_p521_ge *const a[8], const kam3_p521_sc *const k[8]);

/* r[l] = a[l]^((q+1)/4); nothing may alias */
int kam3_p521_ifma_sqrt_lanes(kam3_p521_fe *const r[8], const kam3_p521_fe *const a[8]);

/* ge_prepare, of r->element */
int kam3_p521_ifma_prepare(kam3_p521_prepared *r);
int kam3_p521_ifma_mul_prepared(kam3_p521_ge *r, const kam3_p521_prepared *a, const kam3_p521_sc *k);
int kam3_p521_ifma_mul_vartime(kam3_p521_ge *r, const kam3_p521_ge *a, const kam3_p521_sc *k);
int kam3_p521_ifma_mul_base(kam3_p521_ge *r, const kam3_p521_sc *k);
int kam3_p521_ifma_prepare_tables(void);

#endif
