/* What the Python package needs beside kam3.h. */
#ifndef KAM3_BINDING_BINDING_H
#define KAM3_BINDING_BINDING_H

#include "kam3.h"

/* kam3 declarations begin: csrc/build_ffi.py hands the lines from here to cffi */

/* Answers of kam3_binding_generate_secret that no kam3_status has. */
enum kam3_binding_error {
    KAM3_BINDING_OS_FAILED = -1, /* the operating system gave no random octets; errno tells why where there is one */
    KAM3_BINDING_OS_STUCK = -2   /* its octets were refused time after time: they are not random */
};

/* s = a fresh secret of this role, uniform in [least value of the role, r-1], from the operating system's generator. A status,
   or one of the two above; s is all zero unless the answer is 0. CT: as kam3_secret_from_random. */
int kam3_binding_generate_secret(int algorithm, int role, uint8_t *s, size_t s_len);

/* VK_c and VK_s of one request, one behind the other: kam3_vk twice, in one call, for Python spends more on a call than a hash takes.
   proofs_len is twice the algorithm's hash. Answers and CT: as kam3_vk; proofs is all zero unless the answer is KAM3_OK. */
int kam3_binding_proofs(int algorithm, uint8_t *proofs, size_t proofs_len, const uint8_t *kc1, size_t kc1_len,
                        const uint8_t *ks1, size_t ks1_len, const uint8_t *z, size_t z_len, const uint8_t *nc, size_t nc_len,
                        const uint8_t *vh, size_t vh_len);

/* Ask the operating system what kam3_cpu_tell wants to know, and tell it. */
void kam3_binding_tell_cpu(void);

/* The C compiler and its version, a static string. */
const char *kam3_binding_compiler(void);

/* kam3 declarations end */

#endif
