/* Template: the equations of RFC 8121 sections 3.2 and 3.3 over one group of exchange/group.h.
 *
 * Defines  static const kam3_steps KAM3_STEPS  from
 *   KAM3_STEPS          the name of the result
 *   KAM3_GROUP(name)    kam3_<group>_<name>
 *   KAM3_SET            const kam3_set *: hash and sizes
 *   KAM3_LEAST_S_C1     the least S_c1 [RFC 8121, appendix B]
 *   KAM3_ELEMENT_ERROR  what an element that ge_decode refuses is called
 *   KAM3_SIDE_BY_SIDE   defined if the group has ge_mul_many
 * and undefines them. The notation is additive, as in section 3.3: K_c1' is the element, K_c1 its octets.
 *
 * Order of checks: each argument in turn, its length and then its value; then computed values. A verdict on an argument is
 * public (it is the answer); it is taken before anything is computed with the argument.
 */

#define STEP(name) KAM3_CAT(KAM3_STEPS, _##name)
#define GE KAM3_GROUP(ge)
#define SC KAM3_GROUP(sc)

static kam3_status STEP(take_element)(GE *r, const kam3_input *in) {
    kam3_mask ok;
    if (in->len != KAM3_SET->sizes.element) return KAM3_STATUS(KAM3_ERR_ELEMENT_LENGTH, in->argument);
    ok = KAM3_GROUP(ge_decode)(r, in->octets);
    if (kam3_declassify_mask(ok, "whether K_c1 or K_s1 is valid anyone can see; of J it tells that the record is corrupt"))
        return KAM3_OK;
    return KAM3_STATUS(KAM3_ELEMENT_ERROR, in->argument);
}

/* r = S, if least <= S <= r-1. */
static kam3_status STEP(take_secret)(SC *r, const kam3_input *in, uint64_t least) {
    kam3_mask ok;
    if (in->len != KAM3_SET->sizes.scalar) return KAM3_STATUS(KAM3_ERR_SECRET_LENGTH, in->argument);
    ok = KAM3_GROUP(sc_decode)(r, in->octets);
    ok &= ~KAM3_GROUP(sc_lt_word)(r, least);
    if (kam3_declassify_mask(ok, "a secret out of range is refused, and that is all there is to see")) return KAM3_OK;
    return KAM3_STATUS(KAM3_ERR_SECRET_RANGE, in->argument);
}

/* r = pi mod r: pi is hash-sized, so it may exceed r on P-256. */
static kam3_status STEP(take_pi)(SC *r, const kam3_input *in) {
    if (in->len != KAM3_SET->sizes.hash) return KAM3_STATUS(KAM3_ERR_SECRET_LENGTH, in->argument);
    KAM3_GROUP(sc_reduce)(r, in->octets, in->len);
    return KAM3_OK;
}

/* octets = the computed element, or `error` if it is trivial. */
static kam3_status STEP(give_element)(uint8_t *octets, const GE *a, enum kam3_error error) {
    const kam3_mask ok = KAM3_GROUP(ge_encode)(octets, a);
    return kam3_declassify_mask(ok, "a trivial result ends the exchange, and that it did is public") ? KAM3_OK : (int)error;
}

/* t = t_1 mod r, or t_2 mod r when ks1 is not NULL. Public. */
static void STEP(challenge)(SC *t, const uint8_t *kc1, const uint8_t *ks1) {
    uint8_t digest[KAM3_HASH_MAX_OCTETS];
    kam3_challenge(digest, KAM3_SET, kc1, ks1);
    KAM3_GROUP(sc_reduce)(t, digest, KAM3_SET->sizes.hash);
}

/* J = [pi]G */
static kam3_status STEP(j)(uint8_t *j, const kam3_input *in_pi) {
    struct {
        SC pi;
        GE j;
    } w;
    kam3_status status = STEP(take_pi)(&w.pi, in_pi);
    if (status == KAM3_OK) {
        KAM3_GROUP(ge_mul_base)(&w.j, &w.pi);
        status = STEP(give_element)(j, &w.j, KAM3_ERR_DEGENERATE_J);
    }
    kam3_wipe(&w, sizeof w);
    return status;
}

/* K_c1 = [S_c1]G, which is never trivial: least <= S_c1 < r, and in the DL groups q-1 is no power of g */
static kam3_status STEP(kc1)(uint8_t *kc1, const kam3_input *in_s_c1) {
    struct {
        SC s;
        GE k;
    } w;
    kam3_status status = STEP(take_secret)(&w.s, in_s_c1, KAM3_LEAST_S_C1);
    if (status == KAM3_OK) {
        KAM3_GROUP(ge_mul_base)(&w.k, &w.s);
        (void)KAM3_GROUP(ge_encode)(kc1, &w.k);
        KAM3_DECLASSIFY(kc1, KAM3_SET->sizes.element, "K_c1 is sent in the clear");
    }
    kam3_wipe(&w, sizeof w);
    return status;
}

/* d = S_c1 * t_1 + pi mod r; all ones if it is 0 */
static kam3_mask STEP(denominator)(SC *d, const SC *s_c1, const SC *pi, const uint8_t *kc1) {
    SC t_1;
    STEP(challenge)(&t_1, kc1, NULL);
    KAM3_GROUP(sc_mul)(d, s_c1, &t_1);
    KAM3_GROUP(sc_add)(d, d, pi);
    return KAM3_GROUP(sc_is_zero)(d);
}

static kam3_status STEP(check_denominator)(const kam3_input *in_pi, const kam3_input *in_s_c1, const kam3_input *in_kc1) {
    struct {
        SC pi, s, d;
        GE k;
    } w;
    kam3_status status = STEP(take_pi)(&w.pi, in_pi);
    if (status == KAM3_OK) status = STEP(take_secret)(&w.s, in_s_c1, KAM3_LEAST_S_C1);
    if (status == KAM3_OK) status = STEP(take_element)(&w.k, in_kc1);
    if (status == KAM3_OK) {
        const kam3_mask zero = STEP(denominator)(&w.d, &w.s, &w.pi, in_kc1->octets);
        if (kam3_declassify_mask(zero, "S_c1 is thrown away in this case")) status = KAM3_ERR_DEGENERATE_DENOMINATOR;
    }
    kam3_wipe(&w, sizeof w);
    return status;
}

/* The server's values: what it was given, and where it computes. */
typedef struct {
    GE j, k, x; /* J, K_c1'; in compute_both Y and X after their multiplication */
    SC s, t;    /* S_s1; t_1 or t_2, which are public */
} STEP(server);

/* K_s1 = P([S_s1](J + [t_1]K_c1')). The sum can be anything that a peer arranges: ge_add is complete. */
static kam3_status STEP(compute_ks1)(uint8_t *ks1, STEP(server) * w, const uint8_t *kc1) {
    kam3_status status;
    STEP(challenge)(&w->t, kc1, NULL);
    KAM3_GROUP(ge_mul_vartime)(&w->x, &w->k, &w->t);
    KAM3_GROUP(ge_add)(&w->x, &w->j, &w->x);
    KAM3_GROUP(ge_mul)(&w->x, &w->x, &w->s);
    status = STEP(give_element)(ks1, &w->x, KAM3_ERR_DEGENERATE_KS1);
    KAM3_DECLASSIFY(ks1, KAM3_SET->sizes.element, "K_s1 is sent in the clear");
    return status;
}

/* z = P([S_s1](K_c1' + [t_2]G)) */
static kam3_status STEP(compute_z)(uint8_t *z, STEP(server) * w, const uint8_t *kc1, const uint8_t *ks1) {
    STEP(challenge)(&w->t, kc1, ks1);
    KAM3_GROUP(ge_mul_base)(&w->x, &w->t);
    KAM3_GROUP(ge_add)(&w->x, &w->k, &w->x);
    KAM3_GROUP(ge_mul)(&w->x, &w->x, &w->s);
    return STEP(give_element)(z, &w->x, KAM3_ERR_DEGENERATE_Z);
}

static kam3_status STEP(ks1)(uint8_t *ks1, const kam3_input *in_j, const kam3_input *in_kc1, const kam3_input *in_s_s1) {
    STEP(server) w;
    kam3_status status = STEP(take_element)(&w.j, in_j);
    if (status == KAM3_OK) status = STEP(take_element)(&w.k, in_kc1);
    if (status == KAM3_OK) status = STEP(take_secret)(&w.s, in_s_s1, 1);
    if (status == KAM3_OK) status = STEP(compute_ks1)(ks1, &w, in_kc1->octets);
    kam3_wipe(&w, sizeof w);
    return status;
}

static kam3_status STEP(z_server)(uint8_t *z, const kam3_input *in_kc1, const kam3_input *in_ks1,
                                  const kam3_input *in_s_s1) {
    STEP(server) w;
    kam3_status status = STEP(take_element)(&w.k, in_kc1);
    if (status == KAM3_OK) status = STEP(take_element)(&w.x, in_ks1);
    if (status == KAM3_OK) status = STEP(take_secret)(&w.s, in_s_s1, 1);
    if (status == KAM3_OK) status = STEP(compute_z)(z, &w, in_kc1->octets, in_ks1->octets);
    kam3_wipe(&w, sizeof w);
    return status;
}

/* Both at once. With X = [S_s1]K_c1' and Y = [S_s1]J,
 *
 *     K_s1 = P(Y + [t_1]X),   z = P(X + [S_s1 t_2]G):
 *
 * the same four multiplications as one by one, but the two long ones are independent, and the fixed base takes the last. It
 * holds for K_c1' outside the subgroup too: t_1, below r in the DL groups, is not reduced, and only the exponent of G is.
 *
 * Here k = X, j = Y and x = [t_1]X are there. */
static kam3_status STEP(answer)(uint8_t *ks1, uint8_t *z, STEP(server) * w, const uint8_t *kc1) {
    kam3_status status;
    KAM3_GROUP(ge_add)(&w->x, &w->j, &w->x);
    status = STEP(give_element)(ks1, &w->x, KAM3_ERR_DEGENERATE_KS1);
    KAM3_DECLASSIFY(ks1, KAM3_SET->sizes.element, "K_s1 is sent in the clear");
    if (status != KAM3_OK) return status;

    STEP(challenge)(&w->t, kc1, ks1);
    KAM3_GROUP(sc_mul)(&w->s, &w->s, &w->t);
    KAM3_GROUP(ge_mul_base)(&w->x, &w->s);
    KAM3_GROUP(ge_add)(&w->x, &w->k, &w->x);
    return STEP(give_element)(z, &w->x, KAM3_ERR_DEGENERATE_Z);
}

/* The arguments that all ways to answer have; J is taken or not. */
static kam3_status STEP(take_server)(STEP(server) * w, const kam3_input *in_j, const kam3_input *in_kc1,
                                     const kam3_input *in_s_s1) {
    kam3_status status = in_j == NULL ? KAM3_OK : STEP(take_element)(&w->j, in_j);
    if (status == KAM3_OK) status = STEP(take_element)(&w->k, in_kc1);
    if (status == KAM3_OK) status = STEP(take_secret)(&w->s, in_s_s1, 1);
    if (status == KAM3_OK) STEP(challenge)(&w->t, in_kc1->octets, NULL);
    return status;
}

static kam3_status STEP(respond)(uint8_t *ks1, uint8_t *z, const kam3_input *in_j, const kam3_input *in_kc1,
                                 const kam3_input *in_s_s1) {
    STEP(server) w;
    kam3_status status = STEP(take_server)(&w, in_j, in_kc1, in_s_s1);
    if (status == KAM3_OK) {
        KAM3_GROUP(ge_mul_pair)(&w.k, &w.j, &w.k, &w.j, &w.s);
        KAM3_GROUP(ge_mul_vartime)(&w.x, &w.k, &w.t);
        status = STEP(answer)(ks1, z, &w, in_kc1->octets);
    }
    kam3_wipe(&w, sizeof w);
    return status;
}

/* What kam3_prepare_j makes, from the first multiple of 64 octets in its memory on. `set` tells it from what another set, another
 * process or nobody made. */
typedef struct {
    const kam3_set *set;
    KAM3_GROUP(prepared) j;
} STEP(table);

static STEP(table) * STEP(table_in)(const uint8_t *octets) {
    _Static_assert(sizeof(STEP(table)) + 63 == KAM3_TABLE_OCTETS(KAM3_GROUP(prepared)), "it fits, wherever the memory begins");
    return (STEP(table) *)(((uintptr_t)octets + 63) & ~(uintptr_t)63);
}

static kam3_status STEP(prepare_j)(uint8_t *octets, const kam3_input *in_j) {
    STEP(table) *const table = STEP(table_in)(octets);
    GE j;
    const kam3_status status = STEP(take_element)(&j, in_j);
    if (status == KAM3_OK) {
        table->set = KAM3_SET;
        KAM3_GROUP(ge_prepare)(&table->j, &j);
    }
    kam3_wipe(&j, sizeof j);
    return status;
}

static kam3_status STEP(respond_prepared)(uint8_t *ks1, uint8_t *z, const kam3_input *in_table, const kam3_input *in_kc1,
                                          const kam3_input *in_s_s1) {
    STEP(server) w;
    kam3_status status = KAM3_OK;
    if (in_table->len != KAM3_SET->sizes.table || STEP(table_in)(in_table->octets)->set != KAM3_SET)
        status = KAM3_STATUS(KAM3_ERR_TABLE, in_table->argument);
    if (status == KAM3_OK) status = STEP(take_server)(&w, NULL, in_kc1, in_s_s1);
    if (status == KAM3_OK) {
        KAM3_GROUP(ge_mul_twice)(&w.k, &w.x, &w.k, &w.s, &w.t);
        KAM3_GROUP(ge_mul_prepared)(&w.j, &STEP(table_in)(in_table->octets)->j, &w.s);
        status = STEP(answer)(ks1, z, &w, in_kc1->octets);
    }
    kam3_wipe(&w, sizeof w);
    return status;
}

/* z = P([e]P'(K_s1)), e = (S_c1 + t_2) / (S_c1 * t_1 + pi) mod r */
typedef struct {
    SC pi, s, t_2, d, e;
    GE k; /* K_s1' */
} STEP(client);

static kam3_status STEP(take_client_secrets)(STEP(client) * w, const kam3_input *in_pi, const kam3_input *in_s_c1) {
    const kam3_status status = STEP(take_pi)(&w->pi, in_pi);
    return status != KAM3_OK ? status : STEP(take_secret)(&w->s, in_s_c1, KAM3_LEAST_S_C1);
}

/* e, from checked elements */
static kam3_status STEP(exponent)(STEP(client) * w, const uint8_t *kc1, const uint8_t *ks1) {
    const kam3_mask zero = STEP(denominator)(&w->d, &w->s, &w->pi, kc1);
    if (kam3_declassify_mask(zero, "the exchange is rejected in this case")) return KAM3_ERR_DEGENERATE_DENOMINATOR;
    STEP(challenge)(&w->t_2, kc1, ks1);
    KAM3_GROUP(sc_add)(&w->e, &w->s, &w->t_2);
    (void)KAM3_GROUP(sc_inv)(&w->d, &w->d); /* r is prime and d is not 0 */
    KAM3_GROUP(sc_mul)(&w->e, &w->e, &w->d);
    return KAM3_OK;
}

static kam3_status STEP(z_client)(uint8_t *z, const kam3_input *in_pi, const kam3_input *in_s_c1, const kam3_input *in_kc1,
                                  const kam3_input *in_ks1) {
    STEP(client) w;
    kam3_status status = STEP(take_client_secrets)(&w, in_pi, in_s_c1);
    if (status == KAM3_OK) status = STEP(take_element)(&w.k, in_kc1); /* checked, as every element is; its octets are hashed */
    if (status == KAM3_OK) status = STEP(take_element)(&w.k, in_ks1);
    if (status == KAM3_OK) status = STEP(exponent)(&w, in_kc1->octets, in_ks1->octets);
    if (status == KAM3_OK) {
        KAM3_GROUP(ge_mul)(&w.k, &w.k, &w.e);
        status = STEP(give_element)(z, &w.k, KAM3_ERR_DEGENERATE_Z);
    }
    kam3_wipe(&w, sizeof w);
    return status;
}

#if defined(KAM3_SIDE_BY_SIDE)
/* r_i and status_i as take_element gives them. Requires: n <= 2 KAM3_MANY */
static void STEP(take_elements)(GE *const r[], kam3_status status[], const kam3_input in[], size_t n) {
    GE *to[2 * KAM3_MANY] = {NULL};
    const uint8_t *octets[2 * KAM3_MANY] = {NULL};
    kam3_mask ok[2 * KAM3_MANY];
    size_t of[2 * KAM3_MANY], m = 0;
    for (size_t i = 0; i < n; i++) {
        status[i] = KAM3_OK;
        if (in[i].len != KAM3_SET->sizes.element) {
            status[i] = KAM3_STATUS(KAM3_ERR_ELEMENT_LENGTH, in[i].argument);
            continue;
        }
        to[m] = r[i];
        octets[m] = in[i].octets;
        of[m++] = i;
    }
    KAM3_GROUP(ge_decode_many)(to, ok, octets, m);
    for (size_t k = 0; k < m; k++)
        if (!kam3_declassify_mask(ok[k], "see take_element"))
            status[of[k]] = KAM3_STATUS(KAM3_ELEMENT_ERROR, in[of[k]].argument);
}

/* Jobs whose buffers are in order. The three multiplications of each are independent, with [S_s1 t_1 mod r]K_c1' for [t_1]X: on a
 * curve every element has the order r. */
static void STEP(respond_many)(struct kam3_respond_job *const jobs[], size_t n) {
    struct {
        STEP(server) w[KAM3_MANY];
        SC product[KAM3_MANY];
    } s;
    kam3_input in[2 * KAM3_MANY] = {{KAM3_ARG_NONE, NULL, 0}};
    kam3_status status[2 * KAM3_MANY];
    GE *r[3 * KAM3_MANY] = {NULL};
    const GE *a[3 * KAM3_MANY] = {NULL};
    const SC *k[3 * KAM3_MANY] = {NULL};
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        in[2 * i] = (kam3_input){KAM3_ARG_J, jobs[i]->j, jobs[i]->j_len};
        in[2 * i + 1] = (kam3_input){KAM3_ARG_KC1, jobs[i]->kc1, jobs[i]->kc1_len};
        r[2 * i] = &s.w[i].j;
        r[2 * i + 1] = &s.w[i].k;
    }
    STEP(take_elements)(r, status, in, 2 * n);
    for (size_t i = 0; i < n; i++) {
        const kam3_input in_s_s1 = {KAM3_ARG_S_S1, jobs[i]->s_s1, jobs[i]->s_s1_len};
        STEP(server) *const w = &s.w[i];
        jobs[i]->status = status[2 * i] != KAM3_OK ? status[2 * i] : status[2 * i + 1];
        if (jobs[i]->status == KAM3_OK) jobs[i]->status = STEP(take_secret)(&w->s, &in_s_s1, 1);
        if (jobs[i]->status != KAM3_OK) continue;
        STEP(challenge)(&w->t, jobs[i]->kc1, NULL);
        KAM3_GROUP(sc_mul)(&s.product[i], &w->s, &w->t);
        w->x = w->k;
        a[m] = r[m] = &w->j;
        k[m++] = &w->s;
        a[m] = r[m] = &w->k;
        k[m++] = &w->s;
        a[m] = r[m] = &w->x;
        k[m++] = &s.product[i];
    }
    KAM3_GROUP(ge_mul_many)(r, a, k, m);
    for (size_t i = 0; i < n; i++)
        if (jobs[i]->status == KAM3_OK) jobs[i]->status = STEP(answer)(jobs[i]->ks1, jobs[i]->z, &s.w[i], jobs[i]->kc1);
    kam3_wipe(&s, sizeof s);
}

static void STEP(z_client_many)(struct kam3_z_client_job *const jobs[], size_t n) {
    struct {
        STEP(client) w[KAM3_MANY];
        GE kc1[KAM3_MANY]; /* checked, as every element is */
    } s;
    kam3_input in[2 * KAM3_MANY] = {{KAM3_ARG_NONE, NULL, 0}};
    kam3_status status[2 * KAM3_MANY];
    GE *r[2 * KAM3_MANY] = {NULL};
    const GE *a[KAM3_MANY] = {NULL};
    const SC *k[KAM3_MANY] = {NULL};
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        in[2 * i] = (kam3_input){KAM3_ARG_KC1, jobs[i]->kc1, jobs[i]->kc1_len};
        in[2 * i + 1] = (kam3_input){KAM3_ARG_KS1, jobs[i]->ks1, jobs[i]->ks1_len};
        r[2 * i] = &s.kc1[i];
        r[2 * i + 1] = &s.w[i].k;
    }
    STEP(take_elements)(r, status, in, 2 * n);
    for (size_t i = 0; i < n; i++) {
        const kam3_input in_pi = {KAM3_ARG_PI, jobs[i]->pi, jobs[i]->pi_len};
        const kam3_input in_s_c1 = {KAM3_ARG_S_C1, jobs[i]->s_c1, jobs[i]->s_c1_len};
        STEP(client) *const w = &s.w[i];
        jobs[i]->status = STEP(take_client_secrets)(w, &in_pi, &in_s_c1);
        if (jobs[i]->status == KAM3_OK) jobs[i]->status = status[2 * i] != KAM3_OK ? status[2 * i] : status[2 * i + 1];
        if (jobs[i]->status == KAM3_OK) jobs[i]->status = STEP(exponent)(w, jobs[i]->kc1, jobs[i]->ks1);
        if (jobs[i]->status != KAM3_OK) continue;
        a[m] = r[m] = &w->k;
        k[m++] = &w->e;
    }
    KAM3_GROUP(ge_mul_many)(r, a, k, m);
    for (size_t i = 0; i < n; i++)
        if (jobs[i]->status == KAM3_OK) jobs[i]->status = STEP(give_element)(jobs[i]->z, &s.w[i].k, KAM3_ERR_DEGENERATE_Z);
    kam3_wipe(&s, sizeof s);
}
#endif

static kam3_status STEP(check_secret)(int role, const kam3_input *in_s) {
    SC s;
    const kam3_status status = STEP(take_secret)(&s, in_s, role == KAM3_CLIENT ? KAM3_LEAST_S_C1 : 1);
    kam3_wipe(&s, sizeof s);
    return status;
}

static kam3_status STEP(check_element)(const kam3_input *in) {
    GE a;
    const kam3_status status = STEP(take_element)(&a, in);
    kam3_wipe(&a, sizeof a);
    return status;
}

static const kam3_steps KAM3_STEPS = {
    .j = STEP(j),
    .kc1 = STEP(kc1),
    .check_denominator = STEP(check_denominator),
    .ks1 = STEP(ks1),
    .z_server = STEP(z_server),
    .respond = STEP(respond),
    .prepare_j = STEP(prepare_j),
    .respond_prepared = STEP(respond_prepared),
    .z_client = STEP(z_client),
    .check_secret = STEP(check_secret),
    .check_element = STEP(check_element),
    .prepare_tables = KAM3_GROUP(ge_prepare_tables),
#if defined(KAM3_SIDE_BY_SIDE)
    .lanes = KAM3_GROUP(ge_lanes),
    .respond_many = STEP(respond_many),
    .z_client_many = STEP(z_client_many),
#endif
};

#undef STEP
#undef GE
#undef SC
#undef KAM3_STEPS
#undef KAM3_GROUP
#undef KAM3_SET
#undef KAM3_LEAST_S_C1
#undef KAM3_ELEMENT_ERROR
#undef KAM3_SIDE_BY_SIDE
