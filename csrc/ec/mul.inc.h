/* Template: [k]A for any point A. Expects point.inc.h before it.
 *
 * Signed windows of five bits (Booth). With k_j the bits of k, k_(-1) = 0,
 *     k = sum_i d_i 32^i,  d_i = k_(5i-1) + k_5i + 2 k_(5i+1) + 4 k_(5i+2) + 8 k_(5i+3) - 16 k_(5i+4)  in [-16, 16],
 * since what a window takes off with its top bit the next one adds as its k_(5i-1). Windows are enough when the last of
 * them sees a zero for its top bit.
 */
#include "base/wipe.h"

#define WINDOW_COUNT ((KAM3_EC_SCALAR_BITS + 1 + 4) / 5)
#define WINDOW_ENTRIES 16

/* The six bits of k that make d_i, k_(5i-1) lowest. Public: i. */
static uint64_t window_bits(const sc *k, size_t i) {
    if (i == 0) return (k->limb[0] << 1) & 63;
    const size_t word = (5 * i - 1) / 64, bit = (5 * i - 1) % 64;
    uint64_t x = k->limb[word] >> bit;
    if (bit > 58 && word + 1 < KAM3_EC_SCALAR_LIMBS) x |= k->limb[word + 1] << (64 - bit);
    return x & 63;
}

/* |d_i|, and all ones if the top bit of the window is set: then d_i <= 0. */
static uint64_t window_digit(kam3_mask *m_negative, const sc *k, size_t i) {
    const uint64_t bits = window_bits(k, i);
    const uint64_t up = (bits >> 1) + (bits & 1); /* d_i, or d_i + 32 */
    *m_negative = kam3_mask_from_bit(bits >> 5);
    return kam3_select(*m_negative, 32 - up, up);
}

/* out = entry `index` of 1 .. 16, n words each; all zero for index 0. Every entry is read. Alias: none */
KAM3_INLINE void window_lookup(uint64_t *restrict out, const uint64_t *restrict entries, size_t n, uint64_t index) {
    for (size_t i = 0; i < n; i++) out[i] = 0;
    for (size_t e = 0; e < WINDOW_ENTRIES; e++) {
        const kam3_mask m = kam3_mask_eq(e + 1, index);
        for (size_t i = 0; i < n; i++) out[i] |= entries[e * n + i] & m;
    }
}

/* entries[i] = [i+1]A, i = 0 .. 15. Magnitudes at most 3, 2, 4 */
static void window_fill(ge entries[WINDOW_ENTRIES], const ge *a, point_work *w) {
    entries[0] = *a;
    CARRY(&entries[0].x);
    CARRY(&entries[0].y);
    CARRY(&entries[0].z);
    for (size_t i = 1; i < WINDOW_ENTRIES; i += 2) {
        point_dbl(&entries[i], &entries[i / 2], w);
        if (i + 1 < WINDOW_ENTRIES) point_add(&entries[i + 1], &entries[i], a, w);
    }
}

void KAM3_EC(ge_mul)(ge *r, const ge *a, const sc *k) {
#if defined(KAM3_EC_FAST)
    if (KAM3_EC(fast_mul)(r, a, k)) return;
#endif
    struct {
        ge entries[WINDOW_ENTRIES], sum, term;
        fe y;
        point_work w;
    } s;
    window_fill(s.entries, a, &s.w);
    point_set_identity(&s.sum);
    for (size_t i = WINDOW_COUNT; i-- > 0;) {
        kam3_mask m_negative;
        const uint64_t digit = window_digit(&m_negative, k, i);
        window_lookup((uint64_t *)&s.term, (const uint64_t *)s.entries, sizeof(ge) / 8, digit);
        KAM3_EC(fe_set_one)(&s.y);
        KAM3_EC(fe_cmov)(&s.term.y, &s.y, kam3_mask_is_zero(digit));
        KAM3_EC(fe_neg)(&s.y, &s.term.y, 2);
        KAM3_EC(fe_cmov)(&s.term.y, &s.y, m_negative);
        if (i + 1 < WINDOW_COUNT) point_dbl_n(&s.sum, &s.sum, 5, &s.w);
        point_add(&s.sum, &s.sum, &s.term, &s.w);
    }
    *r = s.sum;
    kam3_wipe(&s, sizeof s);
}

void KAM3_EC(ge_mul_pair)(ge *r1, ge *r2, const ge *a1, const ge *a2, const sc *k) {
#if defined(KAM3_EC_FAST)
    if (KAM3_EC(fast_mul_pair)(r1, r2, a1, a2, k, k)) return;
#endif
    ge second = *a2; /* r1 may be a2 */
    KAM3_EC(ge_mul)(r1, a1, k);
    KAM3_EC(ge_mul)(r2, &second, k);
    kam3_wipe(&second, sizeof second);
}

/* A path that takes pairs computes [k]A and [k t mod r]A side by side, in less time than one after the other. */
void KAM3_EC(ge_mul_twice)(ge *r1, ge *r2, const ge *a, const sc *k, const sc *t) {
#if defined(KAM3_EC_FAST)
    sc product;
    KAM3_EC(sc_mul)(&product, k, t);
    const int done = KAM3_EC(fast_mul_pair)(r1, r2, a, a, k, &product);
    kam3_wipe(&product, sizeof product);
    if (done) return;
#endif
    KAM3_EC(ge_mul)(r1, a, k);
    KAM3_EC(ge_mul_vartime)(r2, r1, t);
}

size_t KAM3_EC(ge_lanes)(void) {
#if defined(KAM3_EC_FAST)
    if (KAM3_EC(fast_lanes)()) return 8;
#endif
    return 1;
}

/* Eight at a time, the last of them beginning with 4, which take no longer as eight than as two pairs; the rest in pairs. */
void KAM3_EC(ge_mul_many)(ge *const r[], const ge *const a[], const sc *const k[], size_t n) {
    size_t done = 0;
#if defined(KAM3_EC_FAST)
    while (n - done >= 4) {
        ge unused[4], *out[8];
        const ge *in[8];
        const sc *by[8];
        for (size_t l = 0; l < 8; l++) {
            const size_t i = done + l < n ? done + l : done;
            out[l] = done + l < n ? r[i] : &unused[l - 4];
            in[l] = a[i];
            by[l] = k[i];
        }
        const int lanes = KAM3_EC(fast_mul_lanes)(out, in, by);
        kam3_wipe(unused, sizeof unused);
        if (!lanes) break;
        done += n - done < 8 ? n - done : 8;
    }
    while (n - done >= 2 && KAM3_EC(fast_mul_pair)(r[done], r[done + 1], a[done], a[done + 1], k[done], k[done + 1])) done += 2;
#endif
    for (; done < n; done++) KAM3_EC(ge_mul)(r[done], a[done], k[done]);
}

/* Odd signed digits: k = sum_j naf[j] 2^j, naf[j] in {0, +-1, +-3 .. +-15}, at least four zeros after each other digit. */
static void naf_digits_vartime(int8_t naf[KAM3_EC_SCALAR_BITS + 1], const sc *k) {
    const size_t bits = KAM3_EC_SCALAR_BITS + 1;
    unsigned carry = 0;
    memset(naf, 0, bits);
    for (size_t j = 0; j < bits;) {
        unsigned window = 0;
        for (size_t i = 0; i < 5 && (j + i) / 64 < KAM3_EC_SCALAR_LIMBS; i++)
            window |= (unsigned)((k->limb[(j + i) / 64] >> ((j + i) % 64)) & 1) << i;
        if ((window & 1) == carry) { /* with the carry the bit is 0 */
            j++;
            continue;
        }
        window += carry; /* odd, 1 .. 31 */
        carry = window > 16;
        naf[j] = (int8_t)((int)window - (carry ? 32 : 0));
        j += 5;
    }
}

/* CT: k alone is public, and alone steers. */
void KAM3_EC(ge_mul_vartime)(ge *r, const ge *a, const sc *k) {
#if defined(KAM3_EC_FAST)
    if (KAM3_EC(fast_mul_vartime)(r, a, k)) return;
#endif
    int8_t naf[KAM3_EC_SCALAR_BITS + 1];
    struct {
        ge odd[8], sum, term; /* odd[i] = [2i+1]A */
        point_work w;
    } s;
    size_t doublings = 0;

    naf_digits_vartime(naf, k);
    point_dbl(&s.sum, a, &s.w);
    s.odd[0] = *a;
    CARRY(&s.odd[0].y);
    for (size_t i = 1; i < 8; i++) point_add(&s.odd[i], &s.odd[i - 1], &s.sum, &s.w);

    point_set_identity(&s.sum);
    for (size_t j = KAM3_EC_SCALAR_BITS + 1; j-- > 0;) {
        doublings++;
        if (naf[j] == 0 && j != 0) continue;
        point_dbl_n(&s.sum, &s.sum, doublings, &s.w);
        doublings = 0;
        if (naf[j] == 0) continue;
        s.term = s.odd[(naf[j] < 0 ? -naf[j] : naf[j]) / 2];
        if (naf[j] < 0) KAM3_EC(fe_neg)(&s.term.y, &s.term.y, 2);
        point_add(&s.sum, &s.sum, &s.term, &s.w);
    }
    *r = s.sum;
    kam3_wipe(&s, sizeof s);
}
