#ifndef KAM3_BINDING_OS_RANDOM_H
#define KAM3_BINDING_OS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* kam3_os_random: random = octets from the operating system's generator, asked afresh in every call; waits until it is seeded.
 * 0, or -1 with errno set (POSIX), and then random is all zero. Nothing is kept between calls, so a forked child or a resumed
 * snapshot never repeats what its parent was given. */
int kam3_os_random(uint8_t *random, size_t len);

#endif
