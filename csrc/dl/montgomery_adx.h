/* Montgomery multiplication and squaring with mulx, adcx and adox, modulo a q of n = 32 or 64 words (8 | n, 8 < n <=
 * 64) whose lowest word is all ones. R = 2^64n, numbers are below R, and need not be below q; q > R/2.
 *
 * Requires: the CPU has KAM3_CPU_BMI2 and KAM3_CPU_ADX. Alias: r may be a or b. CT: n and the pointers are public.
 */
#ifndef KAM3_DL_MONTGOMERY_ADX_H
#define KAM3_DL_MONTGOMERY_ADX_H

#include "base/cpu.h"

#if KAM3_X86_64_ASM

/* r = a b / R mod q, r < R, and r <= q if a or b is at most 1. Requires: a, b < R */
void kam3_dl_mul_adx(uint64_t *r, const uint64_t *a, const uint64_t *b, const uint64_t *q, size_t n);

/* r = a^2 / R mod q, r < R. Requires: a < R */
void kam3_dl_sqr_adx(uint64_t *r, const uint64_t *a, const uint64_t *q, size_t n);

/* r = (a + top R) mod q in the same sense: a, or a - q if top is 1. Requires: top R + a < R + q, top is 0 or 1 */
void kam3_dl_fold_adx(uint64_t *r, const uint64_t *a, uint64_t top, const uint64_t *q, size_t n);

#endif
#endif
