/* The equations of exchange/steps.inc.h over the tiny groups, so that every exceptional case of an exchange can be reached: t_1
 * and t_2 are SHA-256 values far above the order, and are reduced. */
#include "exchange/group.h"
#include "exchange/sets.h"
#include "exchange/transcript.h"
#include "base/wipe.h"
#include "tiny_dl.h"
#include "tiny_ec.h"

static const kam3_steps steps_tinydl, steps_tinyec;

static const kam3_set tiny_sets[] = {
    {"tiny-dl", 7, KAM3_SHA256, {32, KAM3_TINYDL_ELEMENT_OCTETS, KAM3_TINYDL_SCALAR_OCTETS, KAM3_TABLE_OCTETS(kam3_tinydl_prepared)}, 0xff, NULL, &steps_tinydl},
    {"tiny-ec", 7, KAM3_SHA256, {32, KAM3_TINYEC_ELEMENT_OCTETS, KAM3_TINYEC_SCALAR_OCTETS, KAM3_TABLE_OCTETS(kam3_tinyec_prepared)}, 0xff, NULL, &steps_tinyec},
};

#define KAM3_STEPS steps_tinydl
#define KAM3_GROUP(name) kam3_tinydl_##name
#define KAM3_SET (&tiny_sets[0])
#define KAM3_LEAST_S_C1 1
#define KAM3_ELEMENT_ERROR KAM3_ERR_ELEMENT_RANGE
#include "exchange/steps.inc.h"

#define KAM3_STEPS steps_tinyec
#define KAM3_SIDE_BY_SIDE
#define KAM3_GROUP(name) kam3_tinyec_##name
#define KAM3_SET (&tiny_sets[1])
#define KAM3_LEAST_S_C1 1
#define KAM3_ELEMENT_ERROR KAM3_ERR_ELEMENT_POINT
#include "exchange/steps.inc.h"

/* Every length is the natural one here. */
static kam3_input element(int set, enum kam3_argument argument, const uint8_t *octets) {
    const kam3_input in = {argument, octets, tiny_sets[set].sizes.element};
    return in;
}

static kam3_input scalar(int set, enum kam3_argument argument, const uint8_t *octets) {
    const kam3_input in = {argument, octets, tiny_sets[set].sizes.scalar};
    return in;
}

static kam3_input hash(int set, enum kam3_argument argument, const uint8_t *octets) {
    const kam3_input in = {argument, octets, tiny_sets[set].sizes.hash};
    return in;
}

extern kam3_status tiny_j(int set, uint8_t *j, const uint8_t *pi);
extern kam3_status tiny_kc1(int set, uint8_t *kc1, const uint8_t *s_c1);
extern kam3_status tiny_respond(int set, uint8_t *ks1, uint8_t *z, const uint8_t *j, const uint8_t *kc1, const uint8_t *s_s1);
extern kam3_status tiny_respond_prepared(int set, uint8_t *ks1, uint8_t *z, const uint8_t *j, const uint8_t *kc1,
                                         const uint8_t *s_s1);
extern kam3_status tiny_respond_many(int set, uint8_t *ks1, uint8_t *z, const uint8_t *j, const uint8_t *kc1,
                                     const uint8_t *s_s1);
extern kam3_status tiny_z_client_many(int set, uint8_t *z, const uint8_t *pi, const uint8_t *s_c1, const uint8_t *kc1,
                                      const uint8_t *ks1);
extern kam3_status tiny_z_server(int set, uint8_t *z, const uint8_t *kc1, const uint8_t *ks1, const uint8_t *s_s1);
extern kam3_status tiny_z_client(int set, uint8_t *z, const uint8_t *pi, const uint8_t *s_c1, const uint8_t *kc1,
                                 const uint8_t *ks1);
extern kam3_status tiny_check_denominator(int set, const uint8_t *pi, const uint8_t *s_c1, const uint8_t *kc1);

kam3_status tiny_j(int set, uint8_t *j, const uint8_t *pi) {
    const kam3_input in = hash(set, KAM3_ARG_PI, pi);
    return tiny_sets[set].steps->j(j, &in);
}

kam3_status tiny_kc1(int set, uint8_t *kc1, const uint8_t *s_c1) {
    const kam3_input in = scalar(set, KAM3_ARG_S_C1, s_c1);
    return tiny_sets[set].steps->kc1(kc1, &in);
}

kam3_status tiny_respond(int set, uint8_t *ks1, uint8_t *z, const uint8_t *j, const uint8_t *kc1, const uint8_t *s_s1) {
    const kam3_input in[] = {element(set, KAM3_ARG_J, j), element(set, KAM3_ARG_KC1, kc1), scalar(set, KAM3_ARG_S_S1, s_s1)};
    return tiny_sets[set].steps->respond(ks1, z, &in[0], &in[1], &in[2]);
}

/* J is prepared and used at once. */
kam3_status tiny_respond_prepared(int set, uint8_t *ks1, uint8_t *z, const uint8_t *j, const uint8_t *kc1,
                                  const uint8_t *s_s1) {
    uint64_t table[256];
    const kam3_input in[] = {element(set, KAM3_ARG_J, j),
                             element(set, KAM3_ARG_KC1, kc1),
                             scalar(set, KAM3_ARG_S_S1, s_s1),
                             {KAM3_ARG_TABLE, (uint8_t *)table, tiny_sets[set].sizes.table}};
    const kam3_status status = tiny_sets[set].steps->prepare_j((uint8_t *)table, &in[0]);
    if (status != KAM3_OK) return status;
    return tiny_sets[set].steps->respond_prepared(ks1, z, &in[3], &in[1], &in[2]);
}

/* The exchange among seven that are refused or not, in a place that moves. */
kam3_status tiny_respond_many(int set, uint8_t *ks1, uint8_t *z, const uint8_t *j, const uint8_t *kc1, const uint8_t *s_s1) {
    static size_t place;
    static const uint8_t nothing[KAM3_TINYEC_SCALAR_OCTETS];
    uint8_t others[KAM3_MANY][2][KAM3_TINYEC_ELEMENT_OCTETS];
    const size_t e = tiny_sets[set].sizes.element, s = tiny_sets[set].sizes.scalar;
    struct kam3_respond_job job[KAM3_MANY], *jobs[KAM3_MANY];
    place = (place + 1) % KAM3_MANY;
    for (size_t i = 0; i < KAM3_MANY; i++) {
        job[i] = (struct kam3_respond_job){others[i][0], e, others[i][1], e, j, e, kc1, e, i % 3 == 0 ? nothing : s_s1, s, -1};
        jobs[i] = &job[i];
    }
    job[place].ks1 = ks1;
    job[place].z = z;
    job[place].s_s1 = s_s1;
    tiny_sets[set].steps->respond_many(jobs, KAM3_MANY);
    return job[place].status;
}

kam3_status tiny_z_client_many(int set, uint8_t *z, const uint8_t *pi, const uint8_t *s_c1, const uint8_t *kc1,
                               const uint8_t *ks1) {
    static size_t place;
    static const uint8_t nothing[KAM3_TINYEC_SCALAR_OCTETS];
    uint8_t others[KAM3_MANY][KAM3_TINYEC_ELEMENT_OCTETS];
    const size_t e = tiny_sets[set].sizes.element, s = tiny_sets[set].sizes.scalar;
    struct kam3_z_client_job job[KAM3_MANY], *jobs[KAM3_MANY];
    place = (place + 1) % KAM3_MANY;
    for (size_t i = 0; i < KAM3_MANY; i++) {
        job[i] = (struct kam3_z_client_job){others[i], e, pi, 32, i % 3 == 0 ? nothing : s_c1, s, kc1, e, ks1, e, -1};
        jobs[i] = &job[i];
    }
    job[place].z = z;
    job[place].s_c1 = s_c1;
    tiny_sets[set].steps->z_client_many(jobs, KAM3_MANY);
    return job[place].status;
}

kam3_status tiny_z_server(int set, uint8_t *z, const uint8_t *kc1, const uint8_t *ks1, const uint8_t *s_s1) {
    const kam3_input in[] = {element(set, KAM3_ARG_KC1, kc1), element(set, KAM3_ARG_KS1, ks1),
                             scalar(set, KAM3_ARG_S_S1, s_s1)};
    return tiny_sets[set].steps->z_server(z, &in[0], &in[1], &in[2]);
}

kam3_status tiny_z_client(int set, uint8_t *z, const uint8_t *pi, const uint8_t *s_c1, const uint8_t *kc1,
                          const uint8_t *ks1) {
    const kam3_input in[] = {hash(set, KAM3_ARG_PI, pi), scalar(set, KAM3_ARG_S_C1, s_c1), element(set, KAM3_ARG_KC1, kc1),
                             element(set, KAM3_ARG_KS1, ks1)};
    return tiny_sets[set].steps->z_client(z, &in[0], &in[1], &in[2], &in[3]);
}

kam3_status tiny_check_denominator(int set, const uint8_t *pi, const uint8_t *s_c1, const uint8_t *kc1) {
    const kam3_input in[] = {hash(set, KAM3_ARG_PI, pi), scalar(set, KAM3_ARG_S_C1, s_c1), element(set, KAM3_ARG_KC1, kc1)};
    return tiny_sets[set].steps->check_denominator(&in[0], &in[1], &in[2]);
}
