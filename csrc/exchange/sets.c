#include "exchange/sets.h"

#include "base/ct.h"
#include "base/wipe.h"
#include "dl/dl.h"
#include "ec/ec.h"
#include "exchange/transcript.h"
#include "gen/moduli.h"

/* Defined by the templates below, which read their sizes in the records that point to them. */
static const kam3_steps steps_dl2048, steps_dl4096, steps_p256, steps_p521;

#define TOKEN(text) text, sizeof(text) - 1

static const kam3_set sets[] = {
    {TOKEN("iso-kam3-dl-2048-sha256"), KAM3_SHA256, {32, 256, 256, KAM3_TABLE_OCTETS(kam3_dl2048_prepared)}, 0x7f, &kam3_dl2048_q, &steps_dl2048},
    {TOKEN("iso-kam3-dl-4096-sha512"), KAM3_SHA512, {64, 512, 512, KAM3_TABLE_OCTETS(kam3_dl4096_prepared)}, 0x7f, &kam3_dl4096_q, &steps_dl4096},
    {TOKEN("iso-kam3-ec-p256-sha256"), KAM3_SHA256, {32, 33, 32, KAM3_TABLE_OCTETS(kam3_p256_prepared)}, 0xff, NULL, &steps_p256},
    {TOKEN("iso-kam3-ec-p521-sha512"), KAM3_SHA512, {64, 66, 66, KAM3_TABLE_OCTETS(kam3_p521_prepared)}, 0x01, NULL, &steps_p521},
};

const kam3_set *kam3_set_find(int algorithm) {
    return algorithm >= KAM3_DL_2048 && algorithm <= KAM3_EC_P521 ? &sets[algorithm - KAM3_DL_2048] : NULL;
}

#define KAM3_STEPS steps_dl2048
#define KAM3_GROUP(name) kam3_dl2048_##name
#define KAM3_SET (&sets[0])
#define KAM3_LEAST_S_C1 2048
#define KAM3_ELEMENT_ERROR KAM3_ERR_ELEMENT_RANGE
#include "exchange/steps.inc.h"

#define KAM3_STEPS steps_dl4096
#define KAM3_GROUP(name) kam3_dl4096_##name
#define KAM3_SET (&sets[1])
#define KAM3_LEAST_S_C1 4096
#define KAM3_ELEMENT_ERROR KAM3_ERR_ELEMENT_RANGE
#include "exchange/steps.inc.h"

#define KAM3_STEPS steps_p256
#define KAM3_SIDE_BY_SIDE
#define KAM3_GROUP(name) kam3_p256_##name
#define KAM3_SET (&sets[2])
#define KAM3_LEAST_S_C1 1
#define KAM3_ELEMENT_ERROR KAM3_ERR_ELEMENT_POINT
#include "exchange/steps.inc.h"

#define KAM3_STEPS steps_p521
#define KAM3_SIDE_BY_SIDE
#define KAM3_GROUP(name) kam3_p521_##name
#define KAM3_SET (&sets[3])
#define KAM3_LEAST_S_C1 1
#define KAM3_ELEMENT_ERROR KAM3_ERR_ELEMENT_POINT
#include "exchange/steps.inc.h"
