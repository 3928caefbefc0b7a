/* The field of P-256 with mulx, adcx and adox: what p256_fe.h declares, prefix kam3_p256_adx_, on the same numbers in
 * the same form, inline. Requires: KAM3_CPU_BMI2 and KAM3_CPU_ADX. Each block of assembler computes on registers
 * alone, and reads its operands before it has a result, so that r may be any of them.
 */
#ifndef KAM3_EC_P256_FE_ADX_H
#define KAM3_EC_P256_FE_ADX_H

#include "base/cpu.h"
#include "ec/p256_fe.h"

/* AVX2 reads the tables. */
#define KAM3_P256_ADX (KAM3_CPU_BMI2 | KAM3_CPU_ADX | KAM3_CPU_AVX2)

#if KAM3_X86_64_ASM

/* (k, t3 .. t0) mod q. Requires: a number below 2q; rdx = q_3; s0 .. s3 are free. CF decides, by conditional moves. */
#define KAM3_P256_ADX_REDUCE_ONCE(t0, t1, t2, t3, k, s0, s1, s2, s3, q1)                                               \
    "movq %[" t0 "], %[" s0 "]\n\t"                                                                                    \
    "movq %[" t1 "], %[" s1 "]\n\t"                                                                                    \
    "movq %[" t2 "], %[" s2 "]\n\t"                                                                                    \
    "movq %[" t3 "], %[" s3 "]\n\t"                                                                                    \
    "movl $0xffffffff, %k[" q1 "]\n\t"                                                                                 \
    "subq $-1, %[" t0 "]\n\t"                                                                                          \
    "sbbq %[" q1 "], %[" t1 "]\n\t"                                                                                    \
    "sbbq $0, %[" t2 "]\n\t"                                                                                           \
    "sbbq %%rdx, %[" t3 "]\n\t"                                                                                        \
    "sbbq $0, %[" k "]\n\t"                                                                                            \
    "cmovcq %[" s0 "], %[" t0 "]\n\t"                                                                                  \
    "cmovcq %[" s1 "], %[" t1 "]\n\t"                                                                                  \
    "cmovcq %[" s2 "], %[" t2 "]\n\t"                                                                                  \
    "cmovcq %[" s3 "], %[" t3 "]\n\t"

/* One digit d = x0 of the reduction, as in p256_fe.c: `top` is what the row carries above x3, and x0 is free. rdx =
 * q_3 */
#define KAM3_P256_ADX_DIGIT(x0, x1, x2, x3, top, l, s)                                                                 \
    "mulxq %[" x0 "], %[" l "], %[" top "]\n\t"                                                                        \
    "movq %[" x0 "], %[" s "]\n\t"                                                                                     \
    "shlq $32, %[" x0 "]\n\t"                                                                                          \
    "shrq $32, %[" s "]\n\t"                                                                                           \
    "addq %[" x0 "], %[" x1 "]\n\t"                                                                                    \
    "adcq %[" s "], %[" x2 "]\n\t"                                                                                     \
    "adcq %[" l "], %[" x3 "]\n\t"                                                                                     \
    "adcq $0, %[" top "]\n\t"

/* t4 .. t7 = t0 .. t7 / 2^256 mod q; the bounds are those of p256_fe.c. */
#define KAM3_P256_ADX_REDUCE(l, h, s, k)                                                                               \
    "movq %[q3], %%rdx\n\t"                                                                                            \
    KAM3_P256_ADX_DIGIT("t0", "t1", "t2", "t3", h, l, s)                                                               \
    KAM3_P256_ADX_DIGIT("t1", "t2", "t3", h, "t0", l, s)                                                               \
    KAM3_P256_ADX_DIGIT("t2", "t3", h, "t0", "t1", l, s)                                                               \
    KAM3_P256_ADX_DIGIT("t3", h, "t0", "t1", "t2", l, s)                                                               \
    "xorl %k[" k "], %k[" k "]\n\t"                                                                                    \
    "addq %[" h "], %[t4]\n\t"                                                                                         \
    "adcq %[t0], %[t5]\n\t"                                                                                            \
    "adcq %[t1], %[t6]\n\t"                                                                                            \
    "adcq %[t2], %[t7]\n\t"                                                                                            \
    "adcq $0, %[" k "]\n\t"                                                                                            \
    KAM3_P256_ADX_REDUCE_ONCE("t4", "t5", "t6", "t7", k, "t0", "t1", "t2", "t3", l)

/* low and high of rdx y_i, each into its chain */
#define KAM3_P256_ADX_PRODUCT(at, low, high)                                                                           \
    "mulxq " at "(%[y]), %[l], %[h]\n\t"                                                                               \
    "adcxq %[l], %[" low "]\n\t"                                                                                       \
    "adoxq %[h], %[" high "]\n\t"

/* rdx y, added from t0 on; `top` is new, `zero` is 0 */
#define KAM3_P256_ADX_ROW(t0, t1, t2, t3, top, zero)                                                                   \
    "xorl %k[" zero "], %k[" zero "]\n\t"                                                                              \
    KAM3_P256_ADX_PRODUCT("", t0, t1)                                                                                  \
    KAM3_P256_ADX_PRODUCT("8", t1, t2)                                                                                 \
    KAM3_P256_ADX_PRODUCT("16", t2, t3)                                                                                \
    "mulxq 24(%[y]), %[l], %[" top "]\n\t"                                                                             \
    "adcxq %[l], %[" t3 "]\n\t"                                                                                        \
    "adoxq %[" zero "], %[" top "]\n\t"                                                                                \
    "adcxq %[" zero "], %[" top "]\n\t"

KAM3_INLINE void kam3_p256_adx_fe_mul(kam3_p256_fe *r, const kam3_p256_fe *a, const kam3_p256_fe *b) {
    static const uint64_t q3 = KAM3_P256_Q3;
    const uint64_t *x = a->v, *y = b->v;
    uint64_t t0, t1, t2, t3, t4, t5, t6, t7, l, h;
    kam3_p256_fe_verify(a);
    kam3_p256_fe_verify(b);
    __asm__(
        "movq (%[x]), %%rdx\n\t"
        "mulxq (%[y]), %[t0], %[t1]\n\t"
        "mulxq 8(%[y]), %[l], %[t2]\n\t"
        "mulxq 16(%[y]), %[h], %[t3]\n\t"
        "addq %[l], %[t1]\n\t"
        "mulxq 24(%[y]), %[l], %[t4]\n\t"
        "adcq %[h], %[t2]\n\t"
        "adcq %[l], %[t3]\n\t"
        "adcq $0, %[t4]\n\t"
        "movq 8(%[x]), %%rdx\n\t"
        KAM3_P256_ADX_ROW("t1", "t2", "t3", "t4", "t5", "t7")
        "movq 16(%[x]), %%rdx\n\t"
        KAM3_P256_ADX_ROW("t2", "t3", "t4", "t5", "t6", "t7")
        "movq 24(%[x]), %%rdx\n\t"
        KAM3_P256_ADX_ROW("t3", "t4", "t5", "t6", "t7", "x")
        KAM3_P256_ADX_REDUCE("l", "h", "x", "y")
        : [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3), [t4] "=&r"(t4), [t5] "=&r"(t5),
          [t6] "=&r"(t6), [t7] "=&r"(t7), [l] "=&r"(l), [h] "=&r"(h), [x] "+&r"(x), [y] "+&r"(y)
        : [q3] "m"(q3)
        : "rdx", "cc", "memory"); /* operands "m" would want registers for their addresses, and there are none */
    r->v[0] = t4;
    r->v[1] = t5;
    r->v[2] = t6;
    r->v[3] = t7;
}

/* t += the square of `a`, doubled before, at its place: CF doubles, OF adds */
#define KAM3_P256_ADX_SQUARE(at, low, high)                                                                            \
    "movq " at "(%[x]), %%rdx\n\t"                                                                                     \
    "mulxq %%rdx, %[l], %[h]\n\t"                                                                                      \
    "adcxq %[" low "], %[" low "]\n\t"                                                                                 \
    "adoxq %[l], %[" low "]\n\t"                                                                                       \
    "adcxq %[" high "], %[" high "]\n\t"                                                                               \
    "adoxq %[h], %[" high "]\n\t"

KAM3_INLINE void kam3_p256_adx_fe_sqr(kam3_p256_fe *r, const kam3_p256_fe *a) {
    static const uint64_t q3 = KAM3_P256_Q3;
    const uint64_t *x = a->v;
    uint64_t t0, t1, t2, t3, t4, t5, t6, t7, l, h, s;
    kam3_p256_fe_verify(a);
    __asm__(
        "movq (%[x]), %%rdx\n\t"
        "mulxq 8(%[x]), %[t1], %[t2]\n\t"
        "mulxq 16(%[x]), %[l], %[t3]\n\t"
        "mulxq 24(%[x]), %[h], %[t4]\n\t"
        "addq %[l], %[t2]\n\t"
        "adcq %[h], %[t3]\n\t"
        "adcq $0, %[t4]\n\t"
        "movq 8(%[x]), %%rdx\n\t"
        "mulxq 16(%[x]), %[l], %[h]\n\t"
        "mulxq 24(%[x]), %[s], %[t5]\n\t"
        "addq %[l], %[t3]\n\t"
        "adcq %[h], %[t4]\n\t"
        "adcq $0, %[t5]\n\t"
        "movq 16(%[x]), %%rdx\n\t"
        "mulxq 24(%[x]), %[l], %[t6]\n\t"
        "addq %[s], %[t4]\n\t"
        "adcq %[l], %[t5]\n\t"
        "adcq $0, %[t6]\n\t"
        "movq (%[x]), %%rdx\n\t"
        "mulxq %%rdx, %[t0], %[h]\n\t"
        "xorl %k[t7], %k[t7]\n\t"
        "adcxq %[t1], %[t1]\n\t"
        "adoxq %[h], %[t1]\n\t"
        KAM3_P256_ADX_SQUARE("8", "t2", "t3")
        KAM3_P256_ADX_SQUARE("16", "t4", "t5")
        KAM3_P256_ADX_SQUARE("24", "t6", "t7")
        KAM3_P256_ADX_REDUCE("l", "h", "s", "x")
        : [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3), [t4] "=&r"(t4), [t5] "=&r"(t5),
          [t6] "=&r"(t6), [t7] "=&r"(t7), [l] "=&r"(l), [h] "=&r"(h), [s] "=&r"(s), [x] "+&r"(x)
        : [q3] "m"(q3)
        : "rdx", "cc", "memory");
    r->v[0] = t4;
    r->v[1] = t5;
    r->v[2] = t6;
    r->v[3] = t7;
}

KAM3_INLINE void kam3_p256_adx_fe_add(kam3_p256_fe *r, const kam3_p256_fe *a, const kam3_p256_fe *b) {
    static const uint64_t q3 = KAM3_P256_Q3;
    uint64_t t0 = a->v[0], t1 = a->v[1], t2 = a->v[2], t3 = a->v[3], s0, s1, s2, s3, k;
    kam3_p256_fe_verify(a);
    kam3_p256_fe_verify(b);
    __asm__(
        "xorl %k[k], %k[k]\n\t"
        "addq %[b0], %[t0]\n\t"
        "adcq %[b1], %[t1]\n\t"
        "adcq %[b2], %[t2]\n\t"
        "adcq %[b3], %[t3]\n\t"
        "adcq $0, %[k]\n\t"
        "movq %[t0], %[s0]\n\t"
        "movl $0xffffffff, %k[s1]\n\t"
        "subq $-1, %[t0]\n\t"
        "movq %[t2], %[s2]\n\t"
        "movq %[t3], %[s3]\n\t"
        "movq %[t1], %%rdx\n\t"
        "sbbq %[s1], %[t1]\n\t"
        "sbbq $0, %[t2]\n\t"
        "sbbq %[q3], %[t3]\n\t"
        "sbbq $0, %[k]\n\t"
        "cmovcq %[s0], %[t0]\n\t"
        "cmovcq %%rdx, %[t1]\n\t"
        "cmovcq %[s2], %[t2]\n\t"
        "cmovcq %[s3], %[t3]\n\t"
        : [t0] "+&r"(t0), [t1] "+&r"(t1), [t2] "+&r"(t2), [t3] "+&r"(t3), [s0] "=&r"(s0), [s1] "=&r"(s1),
          [s2] "=&r"(s2), [s3] "=&r"(s3), [k] "=&r"(k)
        : [b0] "m"(b->v[0]), [b1] "m"(b->v[1]), [b2] "m"(b->v[2]), [b3] "m"(b->v[3]), [q3] "m"(q3)
        : "rdx", "cc");
    r->v[0] = t0;
    r->v[1] = t1;
    r->v[2] = t2;
    r->v[3] = t3;
}

/* a - b, and q more where that borrows */
KAM3_INLINE void kam3_p256_adx_fe_sub(kam3_p256_fe *r, const kam3_p256_fe *a, const kam3_p256_fe *b, unsigned m) {
    static const uint64_t q3 = KAM3_P256_Q3;
    uint64_t t0 = a->v[0], t1 = a->v[1], t2 = a->v[2], t3 = a->v[3], m0, m1, m3;
    (void)m;
    kam3_p256_fe_verify(a);
    kam3_p256_fe_verify(b);
    __asm__(
        "subq %[b0], %[t0]\n\t"
        "sbbq %[b1], %[t1]\n\t"
        "sbbq %[b2], %[t2]\n\t"
        "sbbq %[b3], %[t3]\n\t"
        "sbbq %[m0], %[m0]\n\t"
        "movl %k[m0], %k[m1]\n\t"
        "movq %[q3], %[m3]\n\t"
        "andq %[m0], %[m3]\n\t"
        "addq %[m0], %[t0]\n\t"
        "adcq %[m1], %[t1]\n\t"
        "adcq $0, %[t2]\n\t"
        "adcq %[m3], %[t3]\n\t"
        : [t0] "+&r"(t0), [t1] "+&r"(t1), [t2] "+&r"(t2), [t3] "+&r"(t3), [m0] "=&r"(m0), [m1] "=&r"(m1), [m3] "=&r"(m3)
        : [b0] "m"(b->v[0]), [b1] "m"(b->v[1]), [b2] "m"(b->v[2]), [b3] "m"(b->v[3]), [q3] "m"(q3)
        : "cc");
    r->v[0] = t0;
    r->v[1] = t1;
    r->v[2] = t2;
    r->v[3] = t3;
}

/* a / 2: (a + q) / 2 if a is odd */
KAM3_INLINE void kam3_p256_adx_fe_half(kam3_p256_fe *r, const kam3_p256_fe *a) {
    static const uint64_t q3 = KAM3_P256_Q3;
    uint64_t t0 = a->v[0], t1 = a->v[1], t2 = a->v[2], t3 = a->v[3], m0, m1, m3;
    kam3_p256_fe_verify(a);
    __asm__(
        "movq %[t0], %[m0]\n\t"
        "andl $1, %k[m0]\n\t"
        "negq %[m0]\n\t"
        "movl %k[m0], %k[m1]\n\t"
        "movq %[q3], %[m3]\n\t"
        "andq %[m0], %[m3]\n\t"
        "addq %[m0], %[t0]\n\t"
        "adcq %[m1], %[t1]\n\t"
        "adcq $0, %[t2]\n\t"
        "adcq %[m3], %[t3]\n\t"
        "sbbq %[m0], %[m0]\n\t"
        "shrdq $1, %[t1], %[t0]\n\t"
        "shrdq $1, %[t2], %[t1]\n\t"
        "shrdq $1, %[t3], %[t2]\n\t"
        "shrdq $1, %[m0], %[t3]\n\t"
        : [t0] "+&r"(t0), [t1] "+&r"(t1), [t2] "+&r"(t2), [t3] "+&r"(t3), [m0] "=&r"(m0), [m1] "=&r"(m1), [m3] "=&r"(m3)
        : [q3] "m"(q3)
        : "cc");
    r->v[0] = t0;
    r->v[1] = t1;
    r->v[2] = t2;
    r->v[3] = t3;
}

KAM3_INLINE void kam3_p256_adx_fe_neg(kam3_p256_fe *r, const kam3_p256_fe *a, unsigned m) {
    static const kam3_p256_fe zero = {{0}};
    kam3_p256_adx_fe_sub(r, &zero, a, m);
}

#endif
#endif
