#include "dl/dl.h"
#include "dl/dl_adx.h"
#include "dl/dl_ifma.h"
#include "dl/montgomery.h"
#include "gen/moduli.h"

#define KAM3_SC_PREFIX kam3_dl2048_
#define KAM3_SC_LIMBS 32
#define KAM3_SC_OCTETS KAM3_DL2048_SCALAR_OCTETS
#define KAM3_SC_MODULUS kam3_dl2048_r
#include "bn/scalar.inc.h"

static KAM3_NOINLINE void montmul(uint64_t *r, const uint64_t *a, const uint64_t *b) {
    kam3_dl_montmul(r, a, b, kam3_dl2048_q_m60, 35);
}

static KAM3_NOINLINE void montsqr(uint64_t *r, const uint64_t *a) { kam3_dl_montsqr(r, a, kam3_dl2048_q_m60, 35); }

#define KAM3_DL_PREFIX kam3_dl2048_
#define KAM3_DL_WORDS 32
#define KAM3_DL_LIMBS 35
#define KAM3_DL_ELEMENT_OCTETS KAM3_DL2048_ELEMENT_OCTETS
#define KAM3_DL_MODULUS kam3_dl2048_q
#define KAM3_DL_ORDER_BITS 2047
#define KAM3_DL_RR kam3_dl2048_q_rr60
#define KAM3_DL_MUL montmul
#define KAM3_DL_SQR montsqr
#define KAM3_DL_TO_LIMBS(limbs, words) kam3_bn_to_radix(limbs, 35, 60, words, 32)
#define KAM3_DL_TO_WORDS(words, limbs) kam3_bn_from_radix(words, 32, limbs, 35, 60)
#define KAM3_DL_WINDOW 5
#define KAM3_DL_TEETH 6
#define KAM3_DL_TABLES 8
#if KAM3_X86_64
#define KAM3_DL_PATHS
#endif
#include "dl/group.inc.h"
