/* Template, for the source file of a group: the fast_ functions that dl/group.inc.h asks for first. They try the CPU
 * paths, the fastest first, until one takes the work. Expects KAM3_DL_PATH_PREFIX, the group's prefix, and undefines
 * it.
 */
#include "dl/dl_adx.h"

#define KAM3_DL_PATH(name) KAM3_CAT(KAM3_DL_PATH_PREFIX, name)
#define DL_GE KAM3_DL_PATH(ge)
#define DL_SC KAM3_DL_PATH(sc)

static int KAM3_DL_PATH(fast_mul)(DL_GE *r, const DL_GE *a, const DL_SC *k) { return KAM3_DL_PATH(adx_mul)(r, a, k); }

static int KAM3_DL_PATH(fast_mul_pair)(DL_GE *r1, DL_GE *r2, const DL_GE *a1, const DL_GE *a2, const DL_SC *k) {
    (void)r1, (void)r2, (void)a1, (void)a2, (void)k;
    return 0;
}

static int KAM3_DL_PATH(fast_mul_vartime)(DL_GE *r, const DL_GE *a, const DL_SC *k) {
    return KAM3_DL_PATH(adx_mul_vartime)(r, a, k);
}

static int KAM3_DL_PATH(fast_mul_base)(DL_GE *r, const DL_SC *k) { return KAM3_DL_PATH(adx_mul_base)(r, k); }

static int KAM3_DL_PATH(fast_prepare_tables)(void) { return KAM3_DL_PATH(adx_prepare_tables)(); }

#undef KAM3_DL_PATH
#undef DL_GE
#undef DL_SC
#undef KAM3_DL_PATH_PREFIX
