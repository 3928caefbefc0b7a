/* getrandom, getentropy or BCryptGenRandom: whichever this system has. */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* sys/random.h and O_CLOEXEC under -std=c11 */
#endif

#include "binding/os_random.h"

#include "base/wipe.h"

#if defined(_WIN32)

#include <windows.h>

#include <bcrypt.h>

static int fill(uint8_t *random, size_t len) {
    while (len > 0) {
        const ULONG part = len < 65536 ? (ULONG)len : 65536;
        if (BCryptGenRandom(NULL, random, part, BCRYPT_USE_SYSTEM_PREFERRED_RNG) != 0) return -1;
        random += part;
        len -= part;
    }
    return 0;
}

#elif defined(__linux__)

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/random.h>
#include <unistd.h>

/* Kernels before 3.17 have no getrandom. /dev/urandom does not wait for its seed, but /dev/random turns readable when the one
 * pool behind both has it. */
static int wait_for_seed(void) {
    struct pollfd device;
    int answer;
    device.fd = open("/dev/random", O_RDONLY | O_CLOEXEC);
    device.events = POLLIN;
    device.revents = 0;
    if (device.fd < 0) return -1;
    do {
        answer = poll(&device, 1, -1);
    } while (answer < 0 && (errno == EINTR || errno == EAGAIN));
    (void)close(device.fd);
    return answer == 1 && (device.revents & POLLIN) != 0 ? 0 : -1;
}

static int fill_from_device(uint8_t *random, size_t len) {
    int device;
    if (wait_for_seed() != 0) return -1;
    device = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    if (device < 0) return -1;
    while (len > 0) {
        const ssize_t got = read(device, random, len);
        if (got > 0) {
            random += got;
            len -= (size_t)got;
        } else if (got == 0 || errno != EINTR) {
            if (got == 0) errno = EIO;
            break;
        }
    }
    const int cause = errno;
    (void)close(device);
    errno = cause;
    return len == 0 ? 0 : -1;
}

static int fill(uint8_t *random, size_t len) {
    while (len > 0) {
        const ssize_t got = getrandom(random, len, 0);
        if (got > 0) {
            random += got;
            len -= (size_t)got;
        } else if (got == 0) {
            errno = EIO;
            return -1;
        } else if (errno == ENOSYS) {
            return fill_from_device(random, len);
        } else if (errno != EINTR) {
            return -1;
        }
    }
    return 0;
}

#else /* macOS and the BSDs */

#if defined(__APPLE__)
#include <sys/random.h>
#endif
#include <unistd.h>

static int fill(uint8_t *random, size_t len) {
    while (len > 0) {
        const size_t part = len < 256 ? len : 256; /* the most getentropy gives at once */
        if (getentropy(random, part) != 0) return -1;
        random += part;
        len -= part;
    }
    return 0;
}

#endif

int kam3_os_random(uint8_t *random, size_t len) {
    if (fill(random, len) == 0) return 0;
    kam3_wipe(random, len);
    return -1;
}
