/* Made by csrc/gen/curves.py: change that and run it again.
 *
 * Limbs as the fields keep them: P-256 in Montgomery form with R = 2^256, P-521 in radix 2^58. */
#ifndef KAM3_GEN_CURVES_H
#define KAM3_GEN_CURVES_H

/* P256: b of y^2 = x^3 - 3x + b */
#define KAM3_P256_B \
    0xd89cdf6229c4bddf, 0xacf005cd78843090, 0xe5a220abf7212ed6, 0xdc30061d04874834

/* P256: x of the base point */
#define KAM3_P256_GX \
    0x79e730d418a9143c, 0x75ba95fc5fedb601, 0x79fb732b77622510, 0x18905f76a53755c6

/* P256: y of the base point */
#define KAM3_P256_GY \
    0xddf25357ce95560a, 0x8b4ab8e4ba19e45c, 0xd2e88688dd21f325, 0x8571ff1825885d85

/* P521: b of y^2 = x^3 - 3x + b */
#define KAM3_P521_B \
    0x03451fd46b503f00, 0x00f7e20f4b0d3c7b, 0x000bd3bb1bf07357, 0x0147b1fa4dec594b, 0x018ef109e1561939, \
    0x026cc57cee2d2264, 0x00540eea2da725b9, 0x02687e4a688682da, 0x0051953eb9618e1c

/* P521: x of the base point */
#define KAM3_P521_GX \
    0x017e7e31c2e5bd66, 0x022cf0615a90a6fe, 0x00127a2ffa8de334, 0x01dfbf9d64a3f877, 0x006b4d3dbaa14b5e, \
    0x014fed487e0a2bd8, 0x015b4429c6481390, 0x03a73678fb2d988e, 0x00c6858e06b70404

/* P521: y of the base point */
#define KAM3_P521_GY \
    0x00be94769fd16650, 0x031c21a89cb09022, 0x039013fad0761353, 0x02657bd099031542, 0x03273e662c97ee72, \
    0x01e6d11a05ebef45, 0x03d1bd998f544495, 0x03001172297ed0b1, 0x011839296a789a3b

/* R mod q: 1 in Montgomery form */
#define KAM3_P256_ONE \
    0x0000000000000001, 0xffffffff00000000, 0xffffffffffffffff, 0x00000000fffffffe

/* R^2 mod q */
#define KAM3_P256_R2 \
    0x0000000000000003, 0xfffffffbffffffff, 0xfffffffffffffffe, 0x00000004fffffffd

/* R^3 mod q */
#define KAM3_P256_R3 \
    0xfffffffd0000000a, 0xffffffedfffffff7, 0x00000005fffffffc, 0x0000001800000001

/* 2^260 mod q in radix 2^52: 1 as the IFMA path keeps it */
#define KAM3_P256_IFMA_ONE \
    0x0000000000000010, 0x000f000000000000, 0x000fffffffffffff, 0x000ffeffffffffff, 0x00000000000fffff

/* b in the same form */
#define KAM3_P256_IFMA_B \
    0x000df6229c4bddfd, 0x000ca8843090d89c, 0x000212ed6acf005c, 0x00083415a220abf7, 0x0000c30061dd4874

/* 16 in Montgomery form: brings x 2^256 to x 2^260 */
#define KAM3_P256_SIXTEEN \
    0x0000000000000010, 0xfffffff000000000, 0xffffffffffffffff, 0x0000000fffffffef

/* P521: b in radix 2^48, as the IFMA path keeps it for the base point */
#define KAM3_P521_IFMA_B \
    0x00001fd46b503f00, 0x00003d2c34f1ef45, 0x0000bf073573df88, 0x00001652c0bd3bb1, 0x00003951ec7e937b, \
    0x00008ef109e15619, 0x000015f3b8b48991, 0x0000a2da725b99b3, 0x000021a0b68540ee, 0x00008e1c9a1f929a, \
    0x00000051953eb961

#endif
