/* P-521 [FIPS 186-4, D.1.2.5]: the templates over the field of p521_fe.h and the scalars mod r. */
#include "ec/ec.h"
#include "ec/p521_ifma.h"
#include "gen/curves.h"
#include "gen/moduli.h"

typedef kam3_p521_fe fe;
typedef kam3_p521_ge ge;
typedef kam3_p521_sc sc;

/* The CPU path that has this curve. */
static int kam3_p521_fast_mul(ge *r, const ge *a, const sc *k) { return kam3_p521_ifma_mul(r, a, k); }

static int kam3_p521_fast_mul_pair(ge *r1, ge *r2, const ge *a1, const ge *a2, const sc *k1, const sc *k2) {
    return kam3_p521_ifma_mul_pair(r1, r2, a1, a2, k1, k2);
}

static int kam3_p521_fast_mul_lanes(ge *const r[8], const ge *const a[8], const sc *const k[8]) {
    return kam3_p521_ifma_mul_lanes(r, a, k);
}

static int kam3_p521_fast_sqrt_lanes(fe *const r[8], const fe *const a[8]) { return kam3_p521_ifma_sqrt_lanes(r, a); }

static int kam3_p521_fast_lanes(void) { return kam3_cpu_has(KAM3_P521_IFMA); }

static int kam3_p521_fast_mul_vartime(ge *r, const ge *a, const sc *k) { return kam3_p521_ifma_mul_vartime(r, a, k); }
static int kam3_p521_fast_mul_base(ge *r, const sc *k) { return kam3_p521_ifma_mul_base(r, k); }
static int kam3_p521_fast_prepare_tables(void) { return kam3_p521_ifma_prepare_tables(); }

static int kam3_p521_fast_prepare(kam3_p521_prepared *r) { return kam3_p521_ifma_prepare(r); }

static int kam3_p521_fast_mul_prepared(ge *r, const kam3_p521_prepared *a, const sc *k) {
    return kam3_p521_ifma_mul_prepared(r, a, k);
}

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
