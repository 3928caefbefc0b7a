/* P-256 [FIPS 186-4, D.1.2.3]: the templates over the field of p256_fe.h and the scalars mod r. */
#include "ec/ec.h"
#include "ec/p256_ifma.h"
#include "gen/curves.h"
#include "gen/moduli.h"

typedef kam3_p256_fe fe;
typedef kam3_p256_ge ge;
typedef kam3_p256_sc sc;

#define KAM3_EC_PREFIX kam3_p256_
#define KAM3_EC_FAST
#define KAM3_EC_SCALAR_BITS 256
#define KAM3_EC_SCALAR_LIMBS 4
#define KAM3_EC_FE_OCTETS KAM3_P256_FE_OCTETS
#define KAM3_EC_ELEMENT_OCTETS KAM3_P256_ELEMENT_OCTETS

static const fe curve_b = {{KAM3_P256_B}};
static const fe base_x = {{KAM3_P256_GX}}, base_y = {{KAM3_P256_GY}};

#include "ec/point.inc.h"

#include "ec/mul.inc.h"

#include "ec/base.inc.h"

#include "ec/codec.inc.h"

#define KAM3_SC_PREFIX kam3_p256_
#define KAM3_SC_LIMBS 4
#define KAM3_SC_OCTETS KAM3_P256_SCALAR_OCTETS
#define KAM3_SC_MODULUS kam3_p256_r
#include "bn/scalar.inc.h"
