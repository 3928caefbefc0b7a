/* P-521 [FIPS 186-4, D.1.2.5]: the templates over the field of p521_fe.h and the scalars mod r. */
#include "ec/ec.h"
#include "ec/p521_ifma.h"
#include "gen/curves.h"
#include "gen/moduli.h"

typedef kam3_p521_fe fe;
typedef kam3_p521_ge ge;
typedef kam3_p521_sc sc;

#define KAM3_EC_PREFIX kam3_p521_
#define KAM3_EC_FAST
#define KAM3_EC_SCALAR_BITS 521
#define KAM3_EC_SCALAR_LIMBS 9
#define KAM3_EC_FE_OCTETS KAM3_P521_FE_OCTETS
#define KAM3_EC_ELEMENT_OCTETS KAM3_P521_ELEMENT_OCTETS

static const fe curve_b = KAM3_P521_FE_INIT(KAM3_P521_B);
static const fe base_x = KAM3_P521_FE_INIT(KAM3_P521_GX), base_y = KAM3_P521_FE_INIT(KAM3_P521_GY);

#include "ec/point.inc.h"

#include "ec/mul.inc.h"

#include "ec/base.inc.h"

#include "ec/codec.inc.h"

#define KAM3_SC_PREFIX kam3_p521_
#define KAM3_SC_LIMBS 9
#define KAM3_SC_OCTETS KAM3_P521_SCALAR_OCTETS
#define KAM3_SC_MODULUS kam3_p521_r
#include "bn/scalar.inc.h"
