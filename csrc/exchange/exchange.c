/* kam3.h, but for its _many functions: the checks of exchange/buffers.h in front of the steps of each group. */
#include "base/ct.h"
#include "base/wipe.h"
#include "exchange/buffers.h"
#include "exchange/transcript.h"
#include "kam3.h"


static kam3_status check_length(const kam3_input *in, size_t natural) {
    return in->len == natural ? KAM3_OK : KAM3_STATUS(KAM3_ERR_ELEMENT_LENGTH, in->argument);
}

kam3_status kam3_sizes(struct kam3_sizes *sizes, int algorithm) {
    const kam3_set *set = kam3_set_find(algorithm);
    if (sizes == NULL) return KAM3_STATUS(KAM3_ERR_NULL, KAM3_ARG_OUTPUT);
    memset(sizes, 0, sizeof *sizes);
    if (set == NULL) return KAM3_STATUS(KAM3_ERR_ALGORITHM, KAM3_ARG_ALGORITHM);
    *sizes = set->sizes;
    return KAM3_OK;
}

kam3_status kam3_pi(int algorithm, uint8_t *pi, size_t pi_len, const uint8_t *password, size_t password_len,
                    const uint8_t *auth_scope, size_t auth_scope_len, const uint8_t *realm, size_t realm_len,
                    const uint8_t *user, size_t user_len) {
    const kam3_input in[] = {{KAM3_ARG_PASSWORD, password, password_len},
                             {KAM3_ARG_AUTH_SCOPE, auth_scope, auth_scope_len},
                             {KAM3_ARG_REALM, realm, realm_len},
                             {KAM3_ARG_USER, user, user_len}};
    const kam3_output out[] = {{pi, pi_len, KAM3_HASH}};
    const kam3_set *set;
    const kam3_status status = kam3_begin(&set, algorithm, out, KAM3_COUNT(out), in, KAM3_COUNT(in));
    if (status == KAM3_OK) kam3_stretch(&pi, set, &in, 1);
    kam3_wipe_stack(KAM3_DEPTH_HASH);
    return status;
}

kam3_status kam3_secret_from_random(int algorithm, int role, uint8_t *s, size_t s_len, const uint8_t *random,
                                    size_t random_len) {
    const kam3_input in[] = {{role == KAM3_CLIENT ? KAM3_ARG_S_C1 : KAM3_ARG_S_S1, random, random_len}};
    const kam3_input candidate = {in[0].argument, s, s_len};
    const kam3_output out[] = {{s, s_len, KAM3_SCALAR}};
    const kam3_set *set;
    kam3_status status = kam3_begin(&set, algorithm, out, KAM3_COUNT(out), in, KAM3_COUNT(in));
    if (status != KAM3_OK) return status;
    if (role != KAM3_CLIENT && role != KAM3_SERVER) return KAM3_STATUS(KAM3_ERR_ALGORITHM, KAM3_ARG_ALGORITHM);
    if (random_len != set->sizes.scalar) return KAM3_STATUS(KAM3_ERR_SECRET_LENGTH, in[0].argument);
    memcpy(s, random, s_len);
    s[0] &= set->scalar_top;
    status = set->steps->check_secret(role, &candidate);
    if (KAM3_STATUS_ERROR(status) == KAM3_ERR_SECRET_RANGE) status = KAM3_ERR_RETRY;
    return kam3_end(status, out, KAM3_COUNT(out));
}

kam3_status kam3_j(int algorithm, uint8_t *j, size_t j_len, const uint8_t *pi, size_t pi_len) {
    const kam3_input in[] = {{KAM3_ARG_PI, pi, pi_len}};
    const kam3_output out[] = {{j, j_len, KAM3_ELEMENT}};
    const kam3_set *set;
    const kam3_status status = kam3_begin(&set, algorithm, out, KAM3_COUNT(out), in, KAM3_COUNT(in));
    if (status != KAM3_OK) return status;
    return kam3_end(set->steps->j(j, &in[0]), out, KAM3_COUNT(out));
}

kam3_status kam3_kc1(int algorithm, uint8_t *kc1, size_t kc1_len, const uint8_t *s_c1, size_t s_c1_len) {
    const kam3_input in[] = {{KAM3_ARG_S_C1, s_c1, s_c1_len}};
    const kam3_output out[] = {{kc1, kc1_len, KAM3_ELEMENT}};
    const kam3_set *set;
    const kam3_status status = kam3_begin(&set, algorithm, out, KAM3_COUNT(out), in, KAM3_COUNT(in));
    if (status != KAM3_OK) return status;
    return kam3_end(set->steps->kc1(kc1, &in[0]), out, KAM3_COUNT(out));
}

kam3_status kam3_check_denominator(int algorithm, const uint8_t *pi, size_t pi_len, const uint8_t *s_c1, size_t s_c1_len,
                                   const uint8_t *kc1, size_t kc1_len) {
    const kam3_input in[] = {{KAM3_ARG_PI, pi, pi_len}, {KAM3_ARG_S_C1, s_c1, s_c1_len}, {KAM3_ARG_KC1, kc1, kc1_len}};
    const kam3_set *set;
    const kam3_status status = kam3_begin(&set, algorithm, NULL, 0, in, KAM3_COUNT(in));
    if (status != KAM3_OK) return status;
    return kam3_end(set->steps->check_denominator(&in[0], &in[1], &in[2]), NULL, 0);
}

kam3_status kam3_ks1(int algorithm, uint8_t *ks1, size_t ks1_len, const uint8_t *j, size_t j_len, const uint8_t *kc1,
                     size_t kc1_len, const uint8_t *s_s1, size_t s_s1_len) {
    const kam3_input in[] = {{KAM3_ARG_J, j, j_len}, {KAM3_ARG_KC1, kc1, kc1_len}, {KAM3_ARG_S_S1, s_s1, s_s1_len}};
    const kam3_output out[] = {{ks1, ks1_len, KAM3_ELEMENT}};
    const kam3_set *set;
    const kam3_status status = kam3_begin(&set, algorithm, out, KAM3_COUNT(out), in, KAM3_COUNT(in));
    if (status != KAM3_OK) return status;
    return kam3_end(set->steps->ks1(ks1, &in[0], &in[1], &in[2]), out, KAM3_COUNT(out));
}

kam3_status kam3_z_server(int algorithm, uint8_t *z, size_t z_len, const uint8_t *kc1, size_t kc1_len, const uint8_t *ks1,
                          size_t ks1_len, const uint8_t *s_s1, size_t s_s1_len) {
    const kam3_input in[] = {{KAM3_ARG_KC1, kc1, kc1_len}, {KAM3_ARG_KS1, ks1, ks1_len}, {KAM3_ARG_S_S1, s_s1, s_s1_len}};
    const kam3_output out[] = {{z, z_len, KAM3_ELEMENT}};
    const kam3_set *set;
    const kam3_status status = kam3_begin(&set, algorithm, out, KAM3_COUNT(out), in, KAM3_COUNT(in));
    if (status != KAM3_OK) return status;
    return kam3_end(set->steps->z_server(z, &in[0], &in[1], &in[2]), out, KAM3_COUNT(out));
}

kam3_status kam3_respond(int algorithm, uint8_t *ks1, size_t ks1_len, uint8_t *z, size_t z_len, const uint8_t *j,
                         size_t j_len, const uint8_t *kc1, size_t kc1_len, const uint8_t *s_s1, size_t s_s1_len) {
    const kam3_input in[] = {{KAM3_ARG_J, j, j_len}, {KAM3_ARG_KC1, kc1, kc1_len}, {KAM3_ARG_S_S1, s_s1, s_s1_len}};
    const kam3_output out[] = {{ks1, ks1_len, KAM3_ELEMENT}, {z, z_len, KAM3_ELEMENT}};
    const kam3_set *set;
    const kam3_status status = kam3_begin(&set, algorithm, out, KAM3_COUNT(out), in, KAM3_COUNT(in));
    if (status != KAM3_OK) return status;
    return kam3_end(set->steps->respond(ks1, z, &in[0], &in[1], &in[2]), out, KAM3_COUNT(out));
}

kam3_status kam3_prepare_j(int algorithm, void *table, size_t table_len, const uint8_t *j, size_t j_len) {
    const kam3_input in[] = {{KAM3_ARG_J, j, j_len}};
    const kam3_output out[] = {{table, table_len, KAM3_TABLE}};
    const kam3_set *set;
    const kam3_status status = kam3_begin(&set, algorithm, out, KAM3_COUNT(out), in, KAM3_COUNT(in));
    if (status != KAM3_OK) return status;
    return kam3_end(set->steps->prepare_j(table, &in[0]), out, KAM3_COUNT(out));
}

kam3_status kam3_respond_prepared(int algorithm, uint8_t *ks1, size_t ks1_len, uint8_t *z, size_t z_len, const void *table,
                                  size_t table_len, const uint8_t *kc1, size_t kc1_len, const uint8_t *s_s1,
                                  size_t s_s1_len) {
    const kam3_input in[] = {{KAM3_ARG_TABLE, table, table_len}, {KAM3_ARG_KC1, kc1, kc1_len}, {KAM3_ARG_S_S1, s_s1, s_s1_len}};
    const kam3_output out[] = {{ks1, ks1_len, KAM3_ELEMENT}, {z, z_len, KAM3_ELEMENT}};
    const kam3_set *set;
    const kam3_status status = kam3_begin(&set, algorithm, out, KAM3_COUNT(out), in, KAM3_COUNT(in));
    if (status != KAM3_OK) return status;
    return kam3_end(set->steps->respond_prepared(ks1, z, &in[0], &in[1], &in[2]), out, KAM3_COUNT(out));
}

kam3_status kam3_z_client(int algorithm, uint8_t *z, size_t z_len, const uint8_t *pi, size_t pi_len, const uint8_t *s_c1,
                          size_t s_c1_len, const uint8_t *kc1, size_t kc1_len, const uint8_t *ks1, size_t ks1_len) {
    const kam3_input in[] = {{KAM3_ARG_PI, pi, pi_len},
                             {KAM3_ARG_S_C1, s_c1, s_c1_len},
                             {KAM3_ARG_KC1, kc1, kc1_len},
                             {KAM3_ARG_KS1, ks1, ks1_len}};
    const kam3_output out[] = {{z, z_len, KAM3_ELEMENT}};
    const kam3_set *set;
    const kam3_status status = kam3_begin(&set, algorithm, out, KAM3_COUNT(out), in, KAM3_COUNT(in));
    if (status != KAM3_OK) return status;
    return kam3_end(set->steps->z_client(z, &in[0], &in[1], &in[2], &in[3]), out, KAM3_COUNT(out));
}

/* What kam3_vk and kam3_b have in common: the label is one of two, and K_c1, K_s1, z have their natural length. */
static kam3_status proof(uint8_t *digest, const kam3_set *set, int first, int second, const kam3_input *in, int label) {
    kam3_status status = KAM3_OK;
    if (label != first && label != second) return KAM3_STATUS(KAM3_ERR_ALGORITHM, KAM3_ARG_ALGORITHM);
    for (size_t i = 0; i < 3 && status == KAM3_OK; i++) status = check_length(&in[i], set->sizes.element);
    if (status == KAM3_OK) kam3_proof(digest, set, label, &in[0], &in[1], &in[2], &in[3], &in[4]);
    return status;
}

kam3_status kam3_vk(int algorithm, int label, uint8_t *vk, size_t vk_len, const uint8_t *kc1, size_t kc1_len,
                    const uint8_t *ks1, size_t ks1_len, const uint8_t *z, size_t z_len, const uint8_t *nc, size_t nc_len,
                    const uint8_t *vh, size_t vh_len) {
    const kam3_input in[] = {{KAM3_ARG_KC1, kc1, kc1_len},
                             {KAM3_ARG_KS1, ks1, ks1_len},
                             {KAM3_ARG_Z, z, z_len},
                             {KAM3_ARG_NC, nc, nc_len},
                             {KAM3_ARG_VH, vh, vh_len}};
    const kam3_output out[] = {{vk, vk_len, KAM3_HASH}};
    const kam3_set *set;
    kam3_status status = kam3_begin(&set, algorithm, out, KAM3_COUNT(out), in, KAM3_COUNT(in));
    if (status == KAM3_OK) status = proof(vk, set, 3, 4, in, label);
    kam3_wipe_stack(KAM3_DEPTH_HASH);
    return status;
}

kam3_status kam3_b(int algorithm, int label, uint8_t *b, size_t b_len, const uint8_t *kc1, size_t kc1_len,
                   const uint8_t *ks1, size_t ks1_len, const uint8_t *z, size_t z_len, const uint8_t *nc, size_t nc_len,
                   const uint8_t *vh, size_t vh_len, const uint8_t *t, size_t t_len) {
    const kam3_input in[] = {{KAM3_ARG_KC1, kc1, kc1_len}, {KAM3_ARG_KS1, ks1, ks1_len}, {KAM3_ARG_Z, z, z_len},
                             {KAM3_ARG_NC, nc, nc_len},    {KAM3_ARG_VH, vh, vh_len},    {KAM3_ARG_T, t, t_len}};
    const kam3_output out[] = {{b, b_len, KAM3_HASH}};
    uint8_t prefix[KAM3_MAX_HASH];
    const kam3_set *set;
    kam3_status status = kam3_begin(&set, algorithm, out, KAM3_COUNT(out), in, KAM3_COUNT(in));
    if (status != KAM3_OK) return status;
    status = proof(prefix, set, 6, 7, in, label);
    if (status == KAM3_OK) kam3_bind(b, set, prefix, &in[5]);
    kam3_wipe(prefix, sizeof prefix);
    kam3_wipe_stack(KAM3_DEPTH_HASH);
    return status;
}

kam3_status kam3_check_element(int algorithm, const uint8_t *element, size_t element_len) {
    const kam3_input in[] = {{KAM3_ARG_ELEMENT, element, element_len}};
    const kam3_set *set;
    const kam3_status status = kam3_begin(&set, algorithm, NULL, 0, in, KAM3_COUNT(in));
    return status != KAM3_OK ? status : kam3_end(set->steps->check_element(&in[0]), NULL, 0);
}

kam3_status kam3_check_square_vartime(int algorithm, const uint8_t *element, size_t element_len) {
    uint64_t x[KAM3_BN_MAX_LIMBS];
    const kam3_status status = kam3_check_element(algorithm, element, element_len);
    const kam3_modulus *field;
    if (status != KAM3_OK) return status;
    field = kam3_set_find(algorithm)->field;
    if (field == NULL) return KAM3_OK;
    kam3_bn_from_octets(x, field->n, element, element_len);
    if (kam3_mod_jacobi_vartime(x, field) == 1) return KAM3_OK;
    return KAM3_STATUS(KAM3_ERR_ELEMENT_SQUARE, KAM3_ARG_ELEMENT);
}

kam3_status kam3_equal(const uint8_t *left, size_t left_len, const uint8_t *right, size_t right_len) {
    uint64_t difference = 0;
    if ((left == NULL && left_len != 0) || (right == NULL && right_len != 0)) return KAM3_ERR_NULL;
    if (left_len != right_len) return KAM3_ERR_MISMATCH;
    for (size_t i = 0; i < left_len; i++) difference |= (uint64_t)(left[i] ^ right[i]);
    return kam3_declassify_mask(kam3_mask_is_zero(difference), "the verdict of a comparison is its answer") ? KAM3_OK
                                                                                                            : KAM3_ERR_MISMATCH;
}

kam3_status kam3_prepare_tables(int algorithm) {
    const kam3_set *set = kam3_set_find(algorithm);
    if (set == NULL) return KAM3_STATUS(KAM3_ERR_ALGORITHM, KAM3_ARG_ALGORITHM);
    set->steps->prepare_tables();
    return KAM3_OK;
}
