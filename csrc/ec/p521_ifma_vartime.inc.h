/* Template: [k]A for a public k and one point, which may be secret. Expects p521_ifma_mul.inc.h before it.
 *
 * k is at most (r-1)/2: if it is not, [r-k]A is computed and negated. Digits are 0 or odd and at most 15 in
 * magnitude, with four zeros at least after each that is not 0. No addition is exceptional: the sum before digit d is
 * [2^n s]A with n >= 5 and s >= 1, as the highest digit is positive, and 2^n s + d <= k + 16; so 15 < 2^n s < r - 15,
 * and it is not [+-d]A.
 */

#define NAF_DIGITS 522

/* Odd signed digits: k = sum_j naf[j] 2^j. */
static void naf_digits_vartime(int8_t naf[NAF_DIGITS], const uint64_t k[9]) {
    int carry = 0;
    memset(naf, 0, NAF_DIGITS);
    for (size_t j = 0; j < NAF_DIGITS;) {
        const size_t word = j / 64, bit = j % 64;
        uint64_t bits = k[word] >> bit;
        if (bit > 59 && word < 8) bits |= k[word + 1] << (64 - bit);
        const int window = (int)(bits & 31) + carry;
        if (window % 2 == 0) { /* with the carry the bit is 0 */
            j++;
            continue;
        }
        carry = window > 16;
        naf[j] = (int8_t)(window - 32 * carry);
        j += 5;
    }
}

/* s = 2^n s, before an addition if there is one, to which r goes. */
INLINE void dbl_n_vartime(doubling *s, augend *r, size_t n, const int addition) {
    for (size_t i = 0; i < n; i++) dbl(s, r, i == 0, addition && i + 1 == n);
}

/* CT: k alone is public, and alone steers. */
TARGET static void mul_vartime(kam3_p521_ge *r, const kam3_p521_ge *a, const kam3_p521_sc *k) {
    struct {
        entry table[8];
        addend term;
        doubling state;
        augend doubled;
    } s;
    int8_t naf[NAF_DIGITS];
    uint64_t number[9];
    size_t top = NAF_DIGITS - 1, doublings = 0;
    const kam3_mask m_identity = kam3_bn_is_zero(k->limb, 9) | kam3_p521_fe_is_zero(&a->z);

    (void)kam3_bn_sub(number, kam3_p521_r.m, k->limb, 9);
    const kam3_mask m_negate = kam3_bn_lt(number, k->limb, 9);
    kam3_cmov(number, k->limb, ~m_negate, 9);
    naf_digits_vartime(naf, number);
    while (top > 0 && naf[top] == 0) top--;

    start(&s.state, points_in(&a));
    fill(s.table, 8, &s.state);
    addend_of(&s.term, &s.table[naf[top] / 2], &(const kam3_mask){0});
    start_from(&s.state, &s.term);
    for (size_t j = top; j-- > 0;) {
        doublings++;
        if (naf[j] == 0 && j > 0) continue;
        dbl_n_vartime(&s.state, &s.doubled, doublings, naf[j] != 0);
        doublings = 0;
        if (naf[j] == 0) continue;
        const kam3_mask m_negative = naf[j] < 0 ? ~(kam3_mask)0 : 0;
        addend_of(&s.term, &s.table[(naf[j] < 0 ? -naf[j] : naf[j]) / 2], &m_negative);
        add(&s.state, &s.doubled, &s.term);
    }
    points_out(&r, &s.state);
    finish(r, m_negate, m_identity);
    kam3_wipe(&s, sizeof s);
}
