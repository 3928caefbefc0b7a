/* The MODP groups of 2048 and 4096 bits [RFC 3526], with all that exchange/group.h promises: prefixes kam3_dl2048_ and
 * kam3_dl4096_. g = 2 generates the squares mod q, a subgroup of the prime order r = (q - 1) / 2. */
#ifndef KAM3_DL_DL_H
#define KAM3_DL_DL_H

#define KAM3_DL2048_ELEMENT_OCTETS 256
#define KAM3_DL2048_SCALAR_OCTETS 256
#define KAM3_DL4096_ELEMENT_OCTETS 512
#define KAM3_DL4096_SCALAR_OCTETS 512

#define KAM3_DL_PREFIX kam3_dl2048_
#define KAM3_DL_WORDS 32
#define KAM3_DL_LIMBS 35
#define KAM3_DL_COMB_WORDS 20480
#define KAM3_DL_ELEMENT_OCTETS KAM3_DL2048_ELEMENT_OCTETS
#define KAM3_DL_SCALAR_OCTETS KAM3_DL2048_SCALAR_OCTETS
#include "dl/group_decl.inc.h"

#define KAM3_DL_PREFIX kam3_dl4096_
#define KAM3_DL_WORDS 64
#define KAM3_DL_LIMBS 69
#define KAM3_DL_COMB_WORDS 40960
#define KAM3_DL_ELEMENT_OCTETS KAM3_DL4096_ELEMENT_OCTETS
#define KAM3_DL_SCALAR_OCTETS KAM3_DL4096_SCALAR_OCTETS
#include "dl/group_decl.inc.h"

#endif
