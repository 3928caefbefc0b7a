#include "dl/dl_ifma.h"

#if KAM3_X86_64

#include "dl/montgomery_ifma.h"
#include "gen/moduli.h"

#define KAM3_DL_PREFIX kam3_dl4096_
#define KAM3_DL_WORDS 64
#define KAM3_DL_LIMBS 69
#define KAM3_DL_ORDER_BITS 4095
#define IFMA_VECTORS 10
#define IFMA_Q1 kam3_dl4096_q1_52
#define IFMA_ENTER kam3_dl4096_enter52
#define IFMA_LEAVE kam3_dl4096_leave52
#define IFMA_INTERLEAVE 0
#define IFMA_TEETH 6
#define IFMA_TABLES 8
#include "dl/group_ifma.inc.h"

#else
typedef int kam3_dl4096_ifma_is_empty;
#endif
