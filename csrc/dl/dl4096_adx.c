#include "dl/dl_adx.h"
#include "gen/moduli.h"

#define KAM3_ADX_PREFIX kam3_dl4096_adx_
#define KAM3_ADX_GROUP kam3_dl4096_
#define KAM3_ADX_WORDS 64
#define KAM3_ADX_ORDER_BITS 4095
#define KAM3_ADX_MODULUS kam3_dl4096_q
#include "dl/group_adx.inc.h"
