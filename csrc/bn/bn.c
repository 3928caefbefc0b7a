#include "bn/bn.h"

#include "base/int128.h"

void kam3_bn_from_octets(uint64_t *r, size_t n, const uint8_t *octets, size_t len) {
    for (size_t i = 0; i < n; i++) r[i] = 0;
    for (size_t i = 0; i < len; i++) r[i >> 3] |= (uint64_t)octets[len - 1 - i] << (8 * (i & 7));
}

void kam3_bn_to_octets(uint8_t *octets, size_t len, const uint64_t *a, size_t n) {
    (void)n;
    for (size_t i = 0; i < len; i++) octets[len - 1 - i] = (uint8_t)(a[i >> 3] >> (8 * (i & 7)));
}

void kam3_bn_to_radix(uint64_t *r, size_t n, unsigned bits, const uint64_t *a, size_t words) {
    for (size_t i = 0; i < n; i++) {
        const size_t word = (bits * i) >> 6, shift = (bits * i) & 63;
        uint64_t x = (word < words) ? a[word] >> shift : 0;
        if (shift != 0 && word + 1 < words) x |= a[word + 1] << (64 - shift);
        r[i] = x & (((uint64_t)1 << bits) - 1);
    }
}

void kam3_bn_from_radix(uint64_t *r, size_t words, const uint64_t *a, size_t n, unsigned bits) {
    for (size_t i = 0; i < words; i++) r[i] = 0;
    for (size_t i = 0; i < n; i++) {
        const size_t word = (bits * i) >> 6, shift = (bits * i) & 63;
        if (word < words) r[word] |= a[i] << shift;
        if (shift != 0 && word + 1 < words) r[word + 1] |= a[i] >> (64 - shift);
    }
}

uint64_t kam3_bn_add(uint64_t *r, const uint64_t *a, const uint64_t *b, size_t n) {
    uint64_t carry = 0;
    for (size_t i = 0; i < n; i++) r[i] = kam3_addc(a[i], b[i], &carry);
    return carry;
}

uint64_t kam3_bn_sub(uint64_t *r, const uint64_t *a, const uint64_t *b, size_t n) {
    uint64_t borrow = 0;
    for (size_t i = 0; i < n; i++) r[i] = kam3_subb(a[i], b[i], &borrow);
    return borrow;
}

kam3_mask kam3_bn_is_zero(const uint64_t *a, size_t n) {
    uint64_t any = 0;
    for (size_t i = 0; i < n; i++) any |= a[i];
    return kam3_mask_is_zero(any);
}

kam3_mask kam3_bn_eq(const uint64_t *a, const uint64_t *b, size_t n) {
    uint64_t any = 0;
    for (size_t i = 0; i < n; i++) any |= a[i] ^ b[i];
    return kam3_mask_is_zero(any);
}

kam3_mask kam3_bn_lt(const uint64_t *a, const uint64_t *b, size_t n) {
    uint64_t borrow = 0;
    for (size_t i = 0; i < n; i++) (void)kam3_subb(a[i], b[i], &borrow);
    return kam3_mask_from_bit(borrow);
}
