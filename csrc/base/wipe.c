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

#define HASH_OCTETS 12288
#define GROUP_OCTETS 49152
#define MANY_OCTETS 73728

static KAM3_NOINLINE void wipe_hash_frame(void) {
    uint8_t frame[HASH_OCTETS];
    kam3_wipe(frame, sizeof frame);
}

static KAM3_NOINLINE void wipe_group_frame(void) {
    uint8_t frame[GROUP_OCTETS];
    kam3_wipe(frame, sizeof frame);
}

static KAM3_NOINLINE void wipe_many_frame(void) {
    uint8_t frame[MANY_OCTETS];
    kam3_wipe(frame, sizeof frame);
}

void kam3_wipe_stack(kam3_depth depth) {
    if (depth == KAM3_DEPTH_HASH) {
        wipe_hash_frame();
    } else if (depth == KAM3_DEPTH_GROUP) {
        wipe_group_frame();
    } else {
        wipe_many_frame();
    }
}
