/* The _many functions of kam3.h: jobs in groups of KAM3_MANY, those whose buffers are in order side by side. */
#include "base/wipe.h"
#include "exchange/buffers.h"
#include "exchange/transcript.h"

_Static_assert(KAM3_MANY <= KAM3_STRETCH_MAX, "a group can be stretched together");

/* The buffers of a job of any kind. */
typedef struct {
    kam3_output out[2];
    kam3_input in[4];
    size_t outs, ins;
} job_buffers;

/* Whether what a job writes is something that another has or writes. */
static int overlaps(const job_buffers *job, const job_buffers *other) {
    for (size_t i = 0; i < job->outs; i++) {
        const kam3_output *const out = &job->out[i];
        for (size_t k = 0; k < other->outs; k++)
            if (kam3_overlap(out->octets, out->len, other->out[k].octets, other->out[k].len)) return 1;
        for (size_t k = 0; k < other->ins; k++)
            if (kam3_overlap(out->octets, out->len, other->in[k].octets, other->in[k].len)) return 1;
    }
    return 0;
}

/* kam3_begin for job i of a group */
static kam3_status begin_job(const job_buffers *group, size_t count, size_t i, int algorithm) {
    const kam3_set *set;
    for (size_t k = 0; k < count; k++)
        if (k != i && overlaps(&group[i], &group[k])) return KAM3_STATUS(KAM3_ERR_ALIAS, KAM3_ARG_OUTPUT);
    return kam3_begin(&set, algorithm, group[i].out, group[i].outs, group[i].in, group[i].ins);
}

static void pi_group(const kam3_set *set, int algorithm, struct kam3_pi_job *jobs, size_t count) {
    job_buffers b[KAM3_MANY];
    kam3_input in[KAM3_MANY][KAM3_PI_INPUTS];
    uint8_t *pi[KAM3_MANY];
    size_t good = 0;
    for (size_t i = 0; i < count; i++) {
        const struct kam3_pi_job *const job = &jobs[i];
        b[i] = (job_buffers){{{job->pi, job->pi_len, KAM3_HASH}},
                             {{KAM3_ARG_PASSWORD, job->password, job->password_len},
                              {KAM3_ARG_AUTH_SCOPE, job->auth_scope, job->auth_scope_len},
                              {KAM3_ARG_REALM, job->realm, job->realm_len},
                              {KAM3_ARG_USER, job->user, job->user_len}},
                             1,
                             4};
    }
    for (size_t i = 0; i < count; i++) {
        jobs[i].status = begin_job(b, count, i, algorithm);
        if (jobs[i].status != KAM3_OK) continue;
        memcpy(in[good], b[i].in, sizeof in[good]);
        pi[good++] = jobs[i].pi;
    }
    if (good != 0) kam3_stretch(pi, set, (const kam3_input(*)[KAM3_PI_INPUTS])in, good);
}

static int side_by_side(const kam3_set *set) { return set->steps->lanes != NULL && set->steps->lanes() > 1; }

static void respond_group(const kam3_set *set, int algorithm, struct kam3_respond_job *jobs, size_t count) {
    job_buffers b[KAM3_MANY];
    struct kam3_respond_job *good[KAM3_MANY];
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        const struct kam3_respond_job *const job = &jobs[i];
        b[i] = (job_buffers){{{job->ks1, job->ks1_len, KAM3_ELEMENT}, {job->z, job->z_len, KAM3_ELEMENT}},
                             {{KAM3_ARG_J, job->j, job->j_len},
                              {KAM3_ARG_KC1, job->kc1, job->kc1_len},
                              {KAM3_ARG_S_S1, job->s_s1, job->s_s1_len}},
                             2,
                             3};
    }
    for (size_t i = 0; i < count; i++) {
        jobs[i].status = begin_job(b, count, i, algorithm);
        if (jobs[i].status == KAM3_OK) good[n++] = &jobs[i];
    }
    if (side_by_side(set)) {
        set->steps->respond_many(good, n);
    } else {
        for (size_t i = 0; i < n; i++) {
            const kam3_input *const in = b[good[i] - jobs].in;
            good[i]->status = set->steps->respond(good[i]->ks1, good[i]->z, &in[0], &in[1], &in[2]);
        }
    }
    for (size_t i = 0; i < n; i++) kam3_clear(good[i]->status, b[good[i] - jobs].out, 2);
}

static void z_client_group(const kam3_set *set, int algorithm, struct kam3_z_client_job *jobs, size_t count) {
    job_buffers b[KAM3_MANY];
    struct kam3_z_client_job *good[KAM3_MANY];
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        const struct kam3_z_client_job *const job = &jobs[i];
        b[i] = (job_buffers){{{job->z, job->z_len, KAM3_ELEMENT}},
                             {{KAM3_ARG_PI, job->pi, job->pi_len},
                              {KAM3_ARG_S_C1, job->s_c1, job->s_c1_len},
                              {KAM3_ARG_KC1, job->kc1, job->kc1_len},
                              {KAM3_ARG_KS1, job->ks1, job->ks1_len}},
                             1,
                             4};
    }
    for (size_t i = 0; i < count; i++) {
        jobs[i].status = begin_job(b, count, i, algorithm);
        if (jobs[i].status == KAM3_OK) good[n++] = &jobs[i];
    }
    if (side_by_side(set)) {
        set->steps->z_client_many(good, n);
    } else {
        for (size_t i = 0; i < n; i++) {
            const kam3_input *const in = b[good[i] - jobs].in;
            good[i]->status = set->steps->z_client(good[i]->z, &in[0], &in[1], &in[2], &in[3]);
        }
    }
    for (size_t i = 0; i < n; i++) kam3_clear(good[i]->status, b[good[i] - jobs].out, 1);
}

/* The body of a _many function. */
#define IN_GROUPS(group)                                                                                               \
    do {                                                                                                               \
        const kam3_set *const set = kam3_set_find(algorithm);                                                          \
        if (jobs == NULL && count != 0) return KAM3_STATUS(KAM3_ERR_NULL, KAM3_ARG_NONE);                              \
        if (set == NULL) return KAM3_STATUS(KAM3_ERR_ALGORITHM, KAM3_ARG_ALGORITHM);                                   \
        for (size_t done = 0; done < count; done += KAM3_MANY)                                                         \
            group(set, algorithm, jobs + done, count - done < KAM3_MANY ? count - done : KAM3_MANY);                   \
        kam3_wipe_stack(KAM3_DEPTH_MANY);                                                                              \
        return KAM3_OK;                                                                                                \
    } while (0)

kam3_status kam3_pi_many(int algorithm, struct kam3_pi_job *jobs, size_t count) { IN_GROUPS(pi_group); }

kam3_status kam3_respond_many(int algorithm, struct kam3_respond_job *jobs, size_t count) { IN_GROUPS(respond_group); }

kam3_status kam3_z_client_many(int algorithm, struct kam3_z_client_job *jobs, size_t count) { IN_GROUPS(z_client_group); }
