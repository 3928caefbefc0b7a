/* Made by csrc/gen/moduli.py: change that and run it again. */
#ifndef KAM3_GEN_MODULI_H
#define KAM3_GEN_MODULI_H

#include "bn/bn.h"

/* 2^2048 - 2^1984 - 1 + 2^64 (floor(2^1918 pi) + 124476) */
extern const kam3_modulus kam3_dl2048_q;
/* (dl2048_q - 1) / 2 */
extern const kam3_modulus kam3_dl2048_r;
/* 2^4096 - 2^4032 - 1 + 2^64 (floor(2^3966 pi) + 240904) */
extern const kam3_modulus kam3_dl4096_q;
/* (dl4096_q - 1) / 2 */
extern const kam3_modulus kam3_dl4096_r;
/* 2^256 - 2^224 + 2^192 + 2^96 - 1 */
extern const kam3_modulus kam3_p256_q;
/* the order of P-256, 2^256 - 2^224 + 2^192 - 0x4319055258e8617b0c46353d039cdaaf */
extern const kam3_modulus kam3_p256_r;
/* 2^521 - 1 */
extern const kam3_modulus kam3_p521_q;
/* the order of P-521, 2^521 - 0x5ae79787c40d069948033feb708f65a2fc44a36477663b851449048e16ec79bf7 */
extern const kam3_modulus kam3_p521_r;

extern const uint64_t kam3_dl2048_q_m60[35];  /* dl2048_q, radix 2^60 */
extern const uint64_t kam3_dl2048_q_rr60[35]; /* R^2 mod dl2048_q, R = 2^2100, radix 2^60 */
extern const uint64_t kam3_dl4096_q_m60[69];  /* dl4096_q, radix 2^60 */
extern const uint64_t kam3_dl4096_q_rr60[69]; /* R^2 mod dl4096_q, R = 2^4140, radix 2^60 */

/* In the order of dl/montgomery_ifma.h */
extern const uint64_t kam3_dl2048_q1_52[40];   /* dl2048_q + 1 */
extern const uint64_t kam3_dl2048_enter52[40]; /* 2^4160 / 2^2100 mod dl2048_q */
extern const uint64_t kam3_dl2048_leave52[40]; /* 2^2100 mod dl2048_q */
extern const uint64_t kam3_dl4096_q1_52[80];   /* dl4096_q + 1 */
extern const uint64_t kam3_dl4096_enter52[80]; /* 2^8320 / 2^4140 mod dl4096_q */
extern const uint64_t kam3_dl4096_leave52[80]; /* 2^4140 mod dl4096_q */

#endif
