#include "base/wipe.h"

void kam3_wipe(void *buffer, size_t len) {
#if defined(__GNUC__) || defined(__clang__)
    if (len != 0) memset(buffer, 0, len);
    __asm__ volatile("" : : "r"(buffer) : "memory"); /* the memory is taken to be read here, so the stores stay */
#else
    volatile uint8_t *p = (volatile uint8_t *)buffer;
    for (size_t i = 0; i < len; i++) p[i] = 0;
#endif
}
