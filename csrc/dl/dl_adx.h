/* The MODP groups with mulx, adcx and adox. Each function is what its namesake in exchange/group.h is and returns 1,
 * or returns 0 and has done nothing: the CPU, or the path in use, lacks KAM3_DL_ADX. */
#ifndef KAM3_DL_DL_ADX_H
#define KAM3_DL_DL_ADX_H

#include "base/cpu.h"
#include "dl/dl.h"

/* AVX2 reads the tables. */
#define KAM3_DL_ADX (KAM3_CPU_BMI2 | KAM3_CPU_ADX | KAM3_CPU_AVX2)

int kam3_dl2048_adx_mul(kam3_dl2048_ge *r, const kam3_dl2048_ge *a, const kam3_dl2048_sc *k);
int kam3_dl2048_adx_mul_vartime(kam3_dl2048_ge *r, const kam3_dl2048_ge *a, const kam3_dl2048_sc *k);
int kam3_dl2048_adx_mul_base(kam3_dl2048_ge *r, const kam3_dl2048_sc *k);
int kam3_dl2048_adx_prepare_tables(void);
int kam3_dl2048_adx_prepare(kam3_dl2048_prepared *r); /* of r->element */
int kam3_dl2048_adx_mul_prepared(kam3_dl2048_ge *r, const kam3_dl2048_prepared *a, const kam3_dl2048_sc *k);

int kam3_dl4096_adx_mul(kam3_dl4096_ge *r, const kam3_dl4096_ge *a, const kam3_dl4096_sc *k);
int kam3_dl4096_adx_mul_vartime(kam3_dl4096_ge *r, const kam3_dl4096_ge *a, const kam3_dl4096_sc *k);
int kam3_dl4096_adx_mul_base(kam3_dl4096_ge *r, const kam3_dl4096_sc *k);
int kam3_dl4096_adx_prepare_tables(void);
int kam3_dl4096_adx_prepare(kam3_dl4096_prepared *r);
int kam3_dl4096_adx_mul_prepared(kam3_dl4096_ge *r, const kam3_dl4096_prepared *a, const kam3_dl4096_sc *k);

#endif
