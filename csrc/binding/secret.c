/* Secrets straight from the operating system into the caller's memory, and what compiled us. */
#include "binding/binding.h"
#include "binding/os_random.h"

/* A sound generator is refused with chance below 2^-31 each time: this often in a row, below 2^-496. */
#define TRIES 16

int kam3_binding_generate_secret(int algorithm, int role, uint8_t *s, size_t s_len) {
    uint8_t candidate[KAM3_MAX_SCALAR];
    struct kam3_sizes sizes;
    int answer = kam3_sizes(&sizes, algorithm);
    if (answer != KAM3_OK) return answer;
    for (int i = 0; i < TRIES; i++) {
        if (kam3_os_random(candidate, sizes.scalar) != 0) {
            answer = KAM3_BINDING_OS_FAILED;
            break;
        }
        answer = kam3_secret_from_random(algorithm, role, s, s_len, candidate, sizes.scalar);
        if (KAM3_STATUS_ERROR(answer) != KAM3_ERR_RETRY) break;
        answer = KAM3_BINDING_OS_STUCK;
    }
    kam3_wipe(candidate, sizeof candidate);
    if (answer < 0 && s != NULL) kam3_wipe(s, s_len);
    return answer;
}

const char *kam3_binding_compiler(void) {
#if defined(__clang__)
    return "clang " __clang_version__;
#elif defined(__GNUC__)
    return "gcc " __VERSION__;
#elif defined(_MSC_VER)
    return "msvc";
#else
    return "unknown compiler";
#endif
}
