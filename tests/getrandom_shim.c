/* Preloaded in front of libc: a getrandom that counts its calls and fails as KAM3_SHIM tells. tests/test_native.py drives it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

int shim_calls;

static int mode_is(const char *mode) {
    const char *now = getenv("KAM3_SHIM");
    return now != NULL && strcmp(now, mode) == 0;
}

ssize_t getrandom(void *buffer, size_t len, unsigned flags) {
    shim_calls++;
    if (mode_is("error") || mode_is("nosys") || mode_is("nothing")) {
        errno = mode_is("error") ? EIO : ENOSYS;
        return -1;
    }
    if (mode_is("interrupted") && shim_calls % 3 != 0) {
        errno = EINTR;
        return -1;
    }
    if (mode_is("zero") || mode_is("constant")) {
        memset(buffer, mode_is("zero") ? 0 : 0x5a, len);
        return (ssize_t)len;
    }
    if (mode_is("short") && len > 7) len = 7;
    if (mode_is("fails-late") && shim_calls > 1) {
        errno = EIO;
        return -1;
    }
    if (mode_is("fails-late")) len /= 2;
    return (ssize_t)syscall(SYS_getrandom, buffer, len, flags);
}

int open(const char *path, int flags, ...) {
    int (*next)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
    va_list arguments;
    mode_t mode;
    va_start(arguments, flags);
    mode = (flags & O_CREAT) != 0 ? (mode_t)va_arg(arguments, unsigned) : 0;
    va_end(arguments);
    if (mode_is("nothing") && strncmp(path, "/dev/", 5) == 0) {
        errno = ENOENT;
        return -1;
    }
    return next(path, flags, mode);
}
