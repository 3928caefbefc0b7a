/* Made by csrc/gen/moduli.py: change that and run it again. */
#ifndef KAM3_GEN_MODULI_H
#define KAM3_GEN_MODULI_H

#include "bn/bn.h"

extern const kam3_modulus kam3_dl2048_q; /* 2^2048 - 2^1984 - 1 + 2^64 (floor(2^1918 pi) + 124476) */
extern const kam3_modulus kam3_dl2048_r; /* (dl2048_q - 1) / 2 */
extern const kam3_modulus kam3_dl4096_q; /* 2^4096 - 2^4032 - 1 + 2^64 (floor(2^3966 pi) + 240904) */
extern const kam3_modulus kam3_dl4096_r; /* (dl4096_q - 1) / 2 */
extern const kam3_modulus kam3_p256_q; /* 2^256 - 2^224 + 2^192 + 2^96 - 1 */
extern const kam3_modulus kam3_p256_r; /* the order of P-256, 2^256 - 2^224 + 2^192 - 0x4319055258e8617b0c46353d039cdaaf */
extern const kam3_modulus kam3_p521_q; /* 2^521 - 1 */
extern const kam3_modulus kam3_p521_r; /* the order of P-521, 2^521 - 0x5ae79787c40d069948033feb708f65a2fc44a36477663b851449048e16ec79bf7 */

#endif
