/* Template: what the multiplications of the P-521 path have in common. Expects ifma_vec.inc.h before it. Scalars
 * become the digits of ec/odd.h, in windows of five bits: sixteen points are all that they take, [1]A, [3]A .. [31]A,
 * and their negatives.
 */
#include "base/wipe.h"
#include "ec/odd.h"
#include "gen/moduli.h"

#define ENTRIES 16
#define DIGITS 104

/* r = m_negate ? -r : r, and the identity if m_identity */
INLINE void finish(kam3_p521_ge *r, kam3_mask m_negate, kam3_mask m_identity) {
    kam3_p521_fe t;
    kam3_p521_fe_neg(&t, &r->y, 1);
    kam3_p521_fe_cmov(&r->y, &t, m_negate);
    kam3_p521_fe_set_one(&t);
    kam3_p521_fe_cmov(&r->y, &t, m_identity);
    memset(&t, 0, sizeof t);
    kam3_p521_fe_cmov(&r->x, &t, m_identity);
    kam3_p521_fe_cmov(&r->z, &t, m_identity);
}
