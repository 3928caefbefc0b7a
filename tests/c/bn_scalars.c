/* The scalar template over four orders: two of curves, and two tiny ones whose chunks hash-sized numbers exceed many
 * times. */
#include "gen/moduli.h"

#define KAM3_SC_PREFIX kam3_test256_
#define KAM3_SC_LIMBS 4
#define KAM3_SC_OCTETS 32
#include "bn/scalar_decl.inc.h"

#define KAM3_SC_PREFIX kam3_test256_
#define KAM3_SC_LIMBS 4
#define KAM3_SC_OCTETS 32
#define KAM3_SC_MODULUS kam3_p256_r
#include "bn/scalar.inc.h"

#define KAM3_SC_PREFIX kam3_test521_
#define KAM3_SC_LIMBS 9
#define KAM3_SC_OCTETS 66
#include "bn/scalar_decl.inc.h"

#define KAM3_SC_PREFIX kam3_test521_
#define KAM3_SC_LIMBS 9
#define KAM3_SC_OCTETS 66
#define KAM3_SC_MODULUS kam3_p521_r
#include "bn/scalar.inc.h"

/* A modulus of one limb that the test fills. */
extern kam3_modulus kam3_test_tiny_modulus;
kam3_modulus kam3_test_tiny_modulus;

#define KAM3_SC_PREFIX kam3_testtiny_
#define KAM3_SC_LIMBS 1
#define KAM3_SC_OCTETS 2
#include "bn/scalar_decl.inc.h"

#define KAM3_SC_PREFIX kam3_testtiny_
#define KAM3_SC_LIMBS 1
#define KAM3_SC_OCTETS 2
#define KAM3_SC_MODULUS kam3_test_tiny_modulus
#include "bn/scalar.inc.h"
