/* The operations of exchange/group.h in the MODP groups with AVX-512 IFMA. Each returns 0, and has changed nothing,
 * where this CPU or the chosen path lacks it, and 1 when it is done. CT and Alias as there. */
#ifndef KAM3_DL_DL_IFMA_H
#define KAM3_DL_DL_IFMA_H

#include "base/cpu.h"
#include "dl/dl.h"

#if KAM3_X86_64
int kam3_dl2048_ifma_mul(kam3_dl2048_ge *r, const kam3_dl2048_ge *a, const kam3_dl2048_sc *k);
int kam3_dl2048_ifma_mul_pair(kam3_dl2048_ge *r1, kam3_dl2048_ge *r2, const kam3_dl2048_ge *a1,
                              const kam3_dl2048_ge *a2, const kam3_dl2048_sc *k);
int kam3_dl2048_ifma_mul_vartime(kam3_dl2048_ge *r, const kam3_dl2048_ge *a, const kam3_dl2048_sc *k);
int kam3_dl2048_ifma_mul_base(kam3_dl2048_ge *r, const kam3_dl2048_sc *k);
int kam3_dl2048_ifma_prepare_tables(void);
int kam3_dl2048_ifma_prepare(kam3_dl2048_prepared *r); /* of r->element */
int kam3_dl2048_ifma_mul_prepared(kam3_dl2048_ge *r, const kam3_dl2048_prepared *a, const kam3_dl2048_sc *k);

int kam3_dl4096_ifma_mul(kam3_dl4096_ge *r, const kam3_dl4096_ge *a, const kam3_dl4096_sc *k);
int kam3_dl4096_ifma_mul_pair(kam3_dl4096_ge *r1, kam3_dl4096_ge *r2, const kam3_dl4096_ge *a1,
                              const kam3_dl4096_ge *a2, const kam3_dl4096_sc *k);
int kam3_dl4096_ifma_mul_vartime(kam3_dl4096_ge *r, const kam3_dl4096_ge *a, const kam3_dl4096_sc *k);
int kam3_dl4096_ifma_mul_base(kam3_dl4096_ge *r, const kam3_dl4096_sc *k);
int kam3_dl4096_ifma_prepare_tables(void);
int kam3_dl4096_ifma_prepare(kam3_dl4096_prepared *r);
int kam3_dl4096_ifma_mul_prepared(kam3_dl4096_ge *r, const kam3_dl4096_prepared *a, const kam3_dl4096_sc *k);
#endif

#endif
