#include "tiny_dl.h"

/* The constants of a modulus of one limb, as csrc/gen/moduli.py defines them; tests/c/test_tiny_dl.py checks each. */
static const uint64_t tinydl_q_m[1] = {47}, tinydl_q_rr[1] = {14};
static const int64_t tinydl_q_m62[2] = {47, 0};
extern const kam3_modulus kam3_tinydl_q;
const kam3_modulus kam3_tinydl_q = {
    .n = 1,
    .n0 = 0xae4c415c9882b931,
    .m = tinydl_q_m,
    .rr = tinydl_q_rr,
    .n62 = 2,
    .jumps = 1,
    .m_inv62 = 0x11b3bea3677d46cf,
    .m62 = tinydl_q_m62,
};

static const uint64_t tinydl_r_m[1] = {23}, tinydl_r_rr[1] = {13};
static const int64_t tinydl_r_m62[2] = {23, 0};
extern const kam3_modulus kam3_tinydl_r;
const kam3_modulus kam3_tinydl_r = {
    .n = 1,
    .n0 = 0x2c8590b21642c859,
    .m = tinydl_r_m,
    .rr = tinydl_r_rr,
    .n62 = 2,
    .jumps = 1,
    .m_inv62 = 0x137a6f4de9bd37a7,
    .m62 = tinydl_r_m62,
};

static const uint64_t smalldl_q_m[1] = {2039}, smalldl_q_rr[1] = {1926};
static const int64_t smalldl_q_m62[2] = {2039, 0};
extern const kam3_modulus kam3_smalldl_q;
const kam3_modulus kam3_smalldl_q = {
    .n = 1,
    .n0 = 0x796895a85d691639,
    .m = smalldl_q_m,
    .rr = smalldl_q_rr,
    .n62 = 2,
    .jumps = 1,
    .m_inv62 = 0x06976a57a296e9c7,
    .m62 = smalldl_q_m62,
};

static const uint64_t smalldl_r_m[1] = {1019}, smalldl_r_rr[1] = {821};
static const int64_t smalldl_r_m62[2] = {1019, 0};
extern const kam3_modulus kam3_smalldl_r;
const kam3_modulus kam3_smalldl_r = {
    .n = 1,
    .n0 = 0x700c0f12d78d70cd,
    .m = smalldl_r_m,
    .rr = smalldl_r_rr,
    .n62 = 2,
    .jumps = 1,
    .m_inv62 = 0x0ff3f0ed28728f33,
    .m62 = smalldl_r_m62,
};

#define KAM3_SC_PREFIX kam3_tinydl_
#define KAM3_SC_LIMBS 1
#define KAM3_SC_OCTETS KAM3_TINYDL_SCALAR_OCTETS
#define KAM3_SC_MODULUS kam3_tinydl_r
#include "bn/scalar.inc.h"

#define KAM3_DL_PREFIX kam3_tinydl_
#define KAM3_DL_WORDS 1
#define KAM3_DL_LIMBS 1
#define KAM3_DL_ELEMENT_OCTETS KAM3_TINYDL_ELEMENT_OCTETS
#define KAM3_DL_MODULUS kam3_tinydl_q
#define KAM3_DL_ORDER_BITS 5
#define KAM3_DL_RR tinydl_q_rr
#define KAM3_DL_MUL(r, a, b) kam3_mod_montmul(r, a, b, &kam3_tinydl_q)
#define KAM3_DL_TO_LIMBS(limbs, words) ((limbs)[0] = (words)[0])
#define KAM3_DL_TO_WORDS(words, limbs) ((words)[0] = (limbs)[0])
#define KAM3_DL_SQR(r, a) kam3_mod_montmul(r, a, a, &kam3_tinydl_q)
#define KAM3_DL_WINDOW 2
#define KAM3_DL_TEETH 2
#define KAM3_DL_TABLES 2
#include "dl/group.inc.h"

#define KAM3_SC_PREFIX kam3_smalldl_
#define KAM3_SC_LIMBS 1
#define KAM3_SC_OCTETS KAM3_SMALLDL_SCALAR_OCTETS
#define KAM3_SC_MODULUS kam3_smalldl_r
#include "bn/scalar.inc.h"

#define KAM3_DL_PREFIX kam3_smalldl_
#define KAM3_DL_WORDS 1
#define KAM3_DL_LIMBS 1
#define KAM3_DL_ELEMENT_OCTETS KAM3_SMALLDL_ELEMENT_OCTETS
#define KAM3_DL_MODULUS kam3_smalldl_q
#define KAM3_DL_ORDER_BITS 10
#define KAM3_DL_RR smalldl_q_rr
#define KAM3_DL_MUL(r, a, b) kam3_mod_montmul(r, a, b, &kam3_smalldl_q)
#define KAM3_DL_TO_LIMBS(limbs, words) ((limbs)[0] = (words)[0])
#define KAM3_DL_TO_WORDS(words, limbs) ((words)[0] = (limbs)[0])
#define KAM3_DL_SQR(r, a) kam3_mod_montmul(r, a, a, &kam3_smalldl_q)
#define KAM3_DL_WINDOW 3
#define KAM3_DL_TEETH 3
#define KAM3_DL_TABLES 2
#include "dl/group.inc.h"

/* The comb's cell is the template's own; a test empties it to see what happens while another thread fills the table. */
extern void kam3_tinydl_test_comb_state(int state);
void kam3_tinydl_test_comb_state(int state) { atomic_store(&kam3_tinydl_comb_once.state, state); }
