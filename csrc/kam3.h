/* libkam3: the KAM3 password key exchange of RFC 8121, with the default functions of RFC 8120 section 12.2.
 *
 * Every function is stateless and may be called from any number of threads. It checks every length and every value, in the
 * order of its arguments, and answers with a status: 0, or the first rule that was broken and the argument that broke it.
 *
 * Lengths   Every buffer is a pointer and a length in octets; lengths must be the natural ones of the parameter set (kam3_sizes),
 *           nothing is padded or trimmed. A pointer may be NULL only where its length is 0.
 * Secrecy   Secret: the password, pi, J, S_c1, S_s1, z. Their values never choose a branch, an address or an instruction of
 *           variable latency; what a function kept of them is wiped before it returns. Public: all lengths, K_c1, K_s1, nc, vh,
 *           the verdict.
 * Outputs   are all zero after an error. An output must not overlap any other buffer of the same call; this is checked, and after
 *           KAM3_ERR_ALIAS and KAM3_ERR_NULL no buffer has been touched.
 * Stack     A call needs up to 56 KiB of stack, one of the _many functions 80 KiB, and wipes what it used.
 * Stability The C interface may change before version 1.0.
 */
#ifndef KAM3_H
#define KAM3_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* kam3 declarations begin: csrc/build_ffi.py hands the lines from here to cffi */

/* RFC 8121 section 3. */
enum kam3_algorithm {
    KAM3_DL_2048 = 1, /* iso-kam3-dl-2048-sha256 */
    KAM3_DL_4096 = 2, /* iso-kam3-dl-4096-sha512 */
    KAM3_EC_P256 = 3, /* iso-kam3-ec-p256-sha256 */
    KAM3_EC_P521 = 4  /* iso-kam3-ec-p521-sha512 */
};

enum kam3_role { KAM3_CLIENT = 1, KAM3_SERVER = 2 };

/* One member for each rule. The members from 16 on are kam3.errors.Rule in Python; those below are mistakes of the program. */
enum kam3_error {
    KAM3_OK = 0,
    KAM3_ERR_ALGORITHM = 1,     /* no such algorithm, role, label or CPU path */
    KAM3_ERR_NULL = 2,          /* a NULL pointer with a length that is not 0 */
    KAM3_ERR_OUTPUT_LENGTH = 3, /* an output buffer is not exactly as long as the result */
    KAM3_ERR_ALIAS = 4,         /* an output overlaps another buffer */
    KAM3_ERR_RETRY = 5,         /* kam3_secret_from_random: the candidate is out of range, try fresh octets */
    KAM3_ERR_MISMATCH = 6,      /* kam3_equal: the strings differ */
    KAM3_ERR_TABLE = 7,         /* a table that kam3_prepare_j did not make for this algorithm in this process */
    KAM3_ERR_ELEMENT_LENGTH = 16,
    KAM3_ERR_ELEMENT_RANGE = 17, /* not 1 < x < q-1 */
    KAM3_ERR_ELEMENT_POINT = 18, /* no point of the curve */
    KAM3_ERR_ELEMENT_SQUARE = 19, /* DL: not a square mod q, so outside the subgroup that g generates */
    KAM3_ERR_SECRET_LENGTH = 32,
    KAM3_ERR_SECRET_RANGE = 33,
    KAM3_ERR_DEGENERATE_J = 48, /* pi = 0 mod r */
    KAM3_ERR_DEGENERATE_KS1 = 49, /* the computed K_s1 is 1, q-1 or the identity */
    KAM3_ERR_DEGENERATE_Z = 50, /* the same of z */
    KAM3_ERR_DEGENERATE_DENOMINATOR = 51 /* S_c1 * t_1 + pi = 0 mod r */
};

/* The argument that broke the rule; KAM3_ARG_NONE where a computed value did. */
enum kam3_argument {
    KAM3_ARG_NONE = 0,
    KAM3_ARG_ALGORITHM = 1,
    KAM3_ARG_PASSWORD = 2,
    KAM3_ARG_AUTH_SCOPE = 3,
    KAM3_ARG_REALM = 4,
    KAM3_ARG_USER = 5,
    KAM3_ARG_PI = 6,
    KAM3_ARG_J = 7,
    KAM3_ARG_S_C1 = 8,
    KAM3_ARG_S_S1 = 9,
    KAM3_ARG_KC1 = 10,
    KAM3_ARG_KS1 = 11,
    KAM3_ARG_Z = 12,
    KAM3_ARG_NC = 13,
    KAM3_ARG_VH = 14,
    KAM3_ARG_T = 15,
    KAM3_ARG_ELEMENT = 16,
    KAM3_ARG_OUTPUT = 17,
    KAM3_ARG_TABLE = 18
};

/* error + 256 * argument; 0 is success */
typedef int kam3_status;

struct kam3_sizes {
    size_t hash;    /* pi, VK, b */
    size_t element; /* J, K_c1, K_s1, z */
    size_t scalar;  /* S_c1, S_s1 */
    size_t table;   /* what kam3_prepare_j writes, whatever the CPU path */
};

/* sizes = the natural lengths of an algorithm. */
kam3_status kam3_sizes(struct kam3_sizes *sizes, int algorithm);

/* pi = PBKDF2(HMAC_H, password, VS(algorithm token) | VS(auth_scope) | VS(realm) | VS(user), 16384, hash length)
   [RFC 8120, 12.2]. CT: all but the lengths is secret. */
kam3_status kam3_pi(int algorithm, uint8_t *pi, size_t pi_len, const uint8_t *password, size_t password_len,
                    const uint8_t *auth_scope, size_t auth_scope_len, const uint8_t *realm, size_t realm_len,
                    const uint8_t *user, size_t user_len);

/* One password of kam3_pi_many: the arguments of kam3_pi, and its answer. */
struct kam3_pi_job {
    uint8_t *pi;
    size_t pi_len;
    const uint8_t *password;
    size_t password_len;
    const uint8_t *auth_scope;
    size_t auth_scope_len;
    const uint8_t *realm;
    size_t realm_len;
    const uint8_t *user;
    size_t user_len;
    kam3_status status;
};

/* For every job what kam3_pi does, several at a time where this CPU gains by it; each job's status is its own, and a bad one
   stops no other. No output may overlap a buffer of another job (checked among each eight in a row). */
kam3_status kam3_pi_many(int algorithm, struct kam3_pi_job *jobs, size_t count);

/* s = the candidate that `random` spells, if it is a secret of this role: uniform when `random` is, and random_len = s_len.
   KAM3_ERR_RETRY otherwise (chance below 2^-31, about 1/2^32 on P-256, none to speak of elsewhere): call again with fresh octets.
   CT: the candidate is secret; that one was rejected is not, for it is thrown away. */
kam3_status kam3_secret_from_random(int algorithm, int role, uint8_t *s, size_t s_len, const uint8_t *random,
                                    size_t random_len);

/* J = J(pi) = g^pi [RFC 8121, 3.2, 3.3]. */
kam3_status kam3_j(int algorithm, uint8_t *j, size_t j_len, const uint8_t *pi, size_t pi_len);

/* K_c1 = g^S_c1. */
kam3_status kam3_kc1(int algorithm, uint8_t *kc1, size_t kc1_len, const uint8_t *s_c1, size_t s_c1_len);

/* KAM3_ERR_DEGENERATE_DENOMINATOR if S_c1 * t_1 + pi = 0 mod r: asked before K_c1 is sent, so that the client draws again. */
kam3_status kam3_check_denominator(int algorithm, const uint8_t *pi, size_t pi_len, const uint8_t *s_c1, size_t s_c1_len,
                                   const uint8_t *kc1, size_t kc1_len);

/* K_s1 = (J * K_c1^t_1)^S_s1. */
kam3_status kam3_ks1(int algorithm, uint8_t *ks1, size_t ks1_len, const uint8_t *j, size_t j_len, const uint8_t *kc1,
                     size_t kc1_len, const uint8_t *s_s1, size_t s_s1_len);

/* z = (K_c1 * g^t_2)^S_s1. */
kam3_status kam3_z_server(int algorithm, uint8_t *z, size_t z_len, const uint8_t *kc1, size_t kc1_len, const uint8_t *ks1,
                          size_t ks1_len, const uint8_t *s_s1, size_t s_s1_len);

/* The server's whole step: kam3_ks1 and kam3_z_server in one. */
kam3_status kam3_respond(int algorithm, uint8_t *ks1, size_t ks1_len, uint8_t *z, size_t z_len, const uint8_t *j,
                         size_t j_len, const uint8_t *kc1, size_t kc1_len, const uint8_t *s_s1, size_t s_s1_len);

/* table = J with a table of its powers, for kam3_respond_prepared. The table is as secret as J, and the caller's to wipe. It may
   begin anywhere, but must not be moved. It is in the form of the CPU path in use; on another path it gives the same answers, in
   the time of kam3_respond if need be. CT: as kam3_check_element. */
kam3_status kam3_prepare_j(int algorithm, void *table, size_t table_len, const uint8_t *j, size_t j_len);

/* kam3_respond in less time. Any number of threads may read one table. The time shows that J was prepared, and so may tell who
   the user is, or that there is one; it shows nothing else. KAM3_ERR_TABLE if the table is none. */
kam3_status kam3_respond_prepared(int algorithm, uint8_t *ks1, size_t ks1_len, uint8_t *z, size_t z_len, const void *table,
                                  size_t table_len, const uint8_t *kc1, size_t kc1_len, const uint8_t *s_s1,
                                  size_t s_s1_len);

/* z = K_s1^((S_c1 + t_2) / (S_c1 * t_1 + pi) mod r). kc1 is not compared with s_c1. */
kam3_status kam3_z_client(int algorithm, uint8_t *z, size_t z_len, const uint8_t *pi, size_t pi_len, const uint8_t *s_c1,
                          size_t s_c1_len, const uint8_t *kc1, size_t kc1_len, const uint8_t *ks1, size_t ks1_len);

/* One exchange of kam3_respond_many: the arguments of kam3_respond, and its answer. */
struct kam3_respond_job {
    uint8_t *ks1;
    size_t ks1_len;
    uint8_t *z;
    size_t z_len;
    const uint8_t *j;
    size_t j_len;
    const uint8_t *kc1;
    size_t kc1_len;
    const uint8_t *s_s1;
    size_t s_s1_len;
    kam3_status status;
};

/* For every job what kam3_respond does, as kam3_pi_many: on curves, where this CPU gains by it, eight at a time. */
kam3_status kam3_respond_many(int algorithm, struct kam3_respond_job *jobs, size_t count);

/* One exchange of kam3_z_client_many: the arguments of kam3_z_client, and its answer. */
struct kam3_z_client_job {
    uint8_t *z;
    size_t z_len;
    const uint8_t *pi;
    size_t pi_len;
    const uint8_t *s_c1;
    size_t s_c1_len;
    const uint8_t *kc1;
    size_t kc1_len;
    const uint8_t *ks1;
    size_t ks1_len;
    kam3_status status;
};

/* For every job what kam3_z_client does, as kam3_respond_many. */
kam3_status kam3_z_client_many(int algorithm, struct kam3_z_client_job *jobs, size_t count);

/* vk = H(octet(label) | K_c1 | K_s1 | z | VI(nc) | VS(vh)); label 4 makes VK_c, 3 makes VK_s [RFC 8120, 12.2].
   nc is a natural number in big-endian octets of any length, leading zeros allowed, empty for 0. kc1, ks1 and z are checked
   for their lengths alone. */
kam3_status kam3_vk(int algorithm, int label, uint8_t *vk, size_t vk_len, const uint8_t *kc1, size_t kc1_len,
                    const uint8_t *ks1, size_t ks1_len, const uint8_t *z, size_t z_len, const uint8_t *nc, size_t nc_len,
                    const uint8_t *vh, size_t vh_len);

/* b = H(H(octet(label) | K_c1 | K_s1 | z | VI(nc) | VS(vh)) | VS(t)); label 6 with nc = 0 makes b_1, 7 makes b_2
   [RFC 8120, 13]. */
kam3_status kam3_b(int algorithm, int label, uint8_t *b, size_t b_len, const uint8_t *kc1, size_t kc1_len,
                   const uint8_t *ks1, size_t ks1_len, const uint8_t *z, size_t z_len, const uint8_t *nc, size_t nc_len,
                   const uint8_t *vh, size_t vh_len, const uint8_t *t, size_t t_len);

/* KAM3_OK if the octets encode an element a peer may send: DL 1 < x < q-1; curves a point. CT: the element is treated as
   secret (it may be J); the verdict is public. */
kam3_status kam3_check_element(int algorithm, const uint8_t *element, size_t element_len);

/* KAM3_OK if the octets are such an element and a square mod q (on curves every element is), else KAM3_ERR_ELEMENT_SQUARE.
   CT: none. For public elements only. */
kam3_status kam3_check_square_vartime(int algorithm, const uint8_t *element, size_t element_len);

/* KAM3_OK if both strings are equal, KAM3_ERR_MISMATCH if not. CT: the contents are secret, lengths and verdict are not. */
kam3_status kam3_equal(const uint8_t *left, size_t left_len, const uint8_t *right, size_t right_len);

/* Overwrite a buffer with zeros; the compiler cannot leave it out. */
void kam3_wipe(void *buffer, size_t len);

/* Make the fixed-base table of an algorithm now, not at the first use. Threads that come while it is being made go on without. */
kam3_status kam3_prepare_tables(int algorithm);

/* The code path in use ("portable", ...), a static string. */
const char *kam3_cpu_path(void);

/* The features of this CPU that a path could use: bit i stands for kam3_cpu_feature_name(i). */
uint32_t kam3_cpu_features(void);

/* The name of feature i ("adx", ...), NULL past the last. */
const char *kam3_cpu_feature_name(unsigned i);

/* Use this path from now on; KAM3_ERR_ALGORITHM if there is none of that name or this CPU cannot run it. */
kam3_status kam3_cpu_use(const char *path, size_t path_len);

/* kam3 declarations end */

#define KAM3_STATUS_ERROR(status) ((status) & 0xff)
#define KAM3_STATUS_ARGUMENT(status) (((status) >> 8) & 0xff)

#define KAM3_MAX_HASH 64
#define KAM3_MAX_ELEMENT 512
#define KAM3_MAX_SCALAR 512

#ifdef __cplusplus
}
#endif

#endif
