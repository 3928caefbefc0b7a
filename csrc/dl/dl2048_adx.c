#include "dl/dl_adx.h"
#include "gen/moduli.h"

#define KAM3_ADX_PREFIX kam3_dl2048_adx_
#define KAM3_ADX_GROUP kam3_dl2048_
#define KAM3_ADX_WORDS 32
#define KAM3_ADX_ORDER_BITS 2047
#define KAM3_ADX_MODULUS kam3_dl2048_q
#include "dl/group_adx.inc.h"
