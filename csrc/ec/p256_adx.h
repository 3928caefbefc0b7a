/* P-256 with mulx, adcx and adox. Each function is what its namesake in exchange/group.h is and returns 1, or returns
 * 0 and has done nothing: the CPU, or the path in use, lacks KAM3_P256_ADX. */
#ifndef KAM3_EC_P256_ADX_H
#define KAM3_EC_P256_ADX_H

#include "base/cpu.h"
#include "ec/ec.h"

int kam3_p256_adx_mul(kam3_p256_ge *r, const kam3_p256_ge *a, const kam3_p256_sc *k);
int kam3_p256_adx_mul_base(kam3_p256_ge *r, const kam3_p256_sc *k);
int kam3_p256_adx_prepare_tables(void);

/* ge_prepare, of r->element */
int kam3_p256_adx_prepare(kam3_p256_prepared *r);
int kam3_p256_adx_mul_prepared(kam3_p256_ge *r, const kam3_p256_prepared *a, const kam3_p256_sc *k);

/* r = a^(2^n); n is public. */
int kam3_p256_adx_sqr_n(kam3_p256_fe *r, const kam3_p256_fe *a, int n);

#endif
