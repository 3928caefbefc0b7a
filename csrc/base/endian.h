/* Big-endian octets to words and back. */
#ifndef KAM3_BASE_ENDIAN_H
#define KAM3_BASE_ENDIAN_H

#include "base/config.h"

KAM3_INLINE uint32_t kam3_load32_be(const uint8_t *p) {
    return ((uint32_t)p[0] << 24) | ((uint32_t)p[1] << 16) | ((uint32_t)p[2] << 8) | p[3];
}

KAM3_INLINE uint64_t kam3_load64_be(const uint8_t *p) {
    return ((uint64_t)kam3_load32_be(p) << 32) | kam3_load32_be(p + 4);
}

KAM3_INLINE void kam3_store32_be(uint8_t *p, uint32_t x) {
    for (int i = 3; i >= 0; i--, x >>= 8) p[i] = (uint8_t)x;
}

KAM3_INLINE void kam3_store64_be(uint8_t *p, uint64_t x) {
    for (int i = 7; i >= 0; i--, x >>= 8) p[i] = (uint8_t)x;
}

#endif
