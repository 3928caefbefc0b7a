/* Every function of kam3.h on secrets that are marked as secret, for a taint checker to watch.
 *
 *   driver <values> <path>     all runs for one algorithm on one CPU path; <values> is what tests/ct/answers.py writes
 *   driver planted <fault>     one fault of planted.c
 *
 * Each run is announced on standard error as "run <function> <case>", so that a finding, which the checker prints after
 * it, names the call. A status, K_c1 and K_s1 are branched upon here as they come: the library must have declassified
 * them. Secret results must still be marked as secret, or the checker would have been blind to what came after; they
 * are then compared with the answers on a declassified copy.
 *
 * Exit status: 0 if every run gave its answer, 77 if this machine, as the checker shows it, cannot run the path.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ct.h"
#include "kam3.h"
#include "planted.h"

#define STATUS(error, argument) ((error) + 256 * (argument))
#define MAX_VALUES 64
#define MAX_OCTETS 512
#define NO_SUCH_PATH 77

#if defined(KAM3_CT_MEMCHECK) || defined(KAM3_CT_MSAN)
#define CHECKED 1
#else
#define CHECKED 0
#endif

/* A line "<secret|public> <name> <hex>" of the values. */
typedef struct {
    char name[32];
    int secret;
    size_t len;
    uint8_t octets[MAX_OCTETS];
} value;

static value values[MAX_VALUES];
static size_t value_count;
static int algorithm;
static struct kam3_sizes size;
static uint8_t out[MAX_OCTETS], out2[MAX_OCTETS];

static void fail(const char *what, const char *detail) {
    fprintf(stderr, "failed: %s %s\n", what, detail);
    exit(1);
}

static const value *find(const char *name) {
    for (size_t i = 0; i < value_count; i++)
        if (strcmp(values[i].name, name) == 0) return &values[i];
    return NULL;
}

static const value *get(const char *name) {
    const value *v = find(name);
    if (v == NULL) fail("no value", name);
    return v;
}

/* pointer and length of a named value, as every function of kam3.h takes them */
#define IN(name) get(name)->octets, get(name)->len

static void load(const char *path) {
    char line[2 * MAX_OCTETS + 64], kind[8], hex[2 * MAX_OCTETS + 2];
    FILE *file = fopen(path, "r");
    if (file == NULL) fail("cannot open", path);
    while (fgets(line, sizeof line, file) != NULL) {
        value *v = &values[value_count++];
        hex[0] = 0;
        if (value_count > MAX_VALUES || sscanf(line, "%7s %31s %1025s", kind, v->name, hex) < 2) fail("bad line", line);
        v->len = strlen(hex) / 2;
        for (size_t i = 0; i < v->len; i++) {
            const char digits[3] = {hex[2 * i], hex[2 * i + 1], 0};
            v->octets[i] = (uint8_t)strtoul(digits, NULL, 16);
        }
        v->secret = strcmp(kind, "secret") == 0;
    }
    fclose(file);
    algorithm = get("algorithm")->octets[0];
    for (size_t i = 0; i < value_count; i++)
        if (values[i].secret) KAM3_SECRET(values[i].octets, values[i].len);
}

/* 1 if some bit of the octet is marked as secret */
static int is_secret(const uint8_t *octet) {
#if defined(KAM3_CT_MEMCHECK)
    uint8_t bits = 0;
    if (VALGRIND_GET_VBITS(octet, &bits, 1) != 1) fail("not run under", "memcheck");
    return bits != 0;
#elif defined(KAM3_CT_MSAN)
    return __msan_test_shadow(octet, 1) == 0;
#else
    (void)octet;
    return 0;
#endif
}

static void announce(const char *function, const char *label) {
    fprintf(stderr, "run %s %s\n", function, label);
    memset(out, 0xa5, sizeof out);
    memset(out2, 0xa5, sizeof out2);
}

#define CALL(label, function, ...) (announce(#function, label), function(__VA_ARGS__))

static void expect(kam3_status status, kam3_status expected) {
    char detail[64];
    if (status == expected) return;
    snprintf(detail, sizeof detail, "%d, not %d", status, expected);
    fail("status", detail);
}

static void expect_octets(const uint8_t *found, const value *answer) {
    uint8_t copy[2][MAX_OCTETS];
    memcpy(copy[0], found, answer->len);
    memcpy(copy[1], answer->octets, answer->len);
    KAM3_DECLASSIFY(copy, sizeof copy, "the test knows the answers");
    if (memcmp(copy[0], copy[1], answer->len) != 0) fail("wrong result, not", answer->name);
}

static void expect_secret(const uint8_t *found, const char *name) {
    const value *answer = get(name);
    for (size_t i = 0; CHECKED && i < answer->len; i++)
        if (!is_secret(&found[i])) fail("lost the mark of", name);
    expect_octets(found, answer);
}

static void expect_public(const uint8_t *found, const char *name) {
    const value *answer = get(name);
    for (size_t i = 0; i < answer->len; i++)
        if (is_secret(&found[i])) fail("still marked as secret:", name);
    expect_octets(found, answer);
}

/* An output after an error: zeros, and nothing left of a secret. */
static void expect_zeros(const uint8_t *found, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (is_secret(&found[i]) || found[i] != 0) fail("output is not zero", "after an error");
}

static void expect_error(kam3_status status, kam3_status expected, size_t out_len) {
    expect(status, expected);
    expect_zeros(out, out_len);
}

static void run_machine(const char *path) {
    struct kam3_sizes none;
    if (CALL("", kam3_cpu_use, path, strlen(path)) != KAM3_OK) {
        fprintf(stderr, "no path %s here\n", path);
        exit(NO_SUCH_PATH);
    }
    expect(CALL("unknown path", kam3_cpu_use, "abacus", 6), KAM3_ERR_ALGORITHM);
    if (strcmp(CALL("", kam3_cpu_path), path) != 0) fail("not on the path", path);
    (void)CALL("", kam3_cpu_features);
    (void)CALL("", kam3_cpu_feature_name, 0);
    expect(CALL("", kam3_sizes, &size, algorithm), KAM3_OK);
    expect(CALL("no such algorithm", kam3_sizes, &none, 99), STATUS(KAM3_ERR_ALGORITHM, KAM3_ARG_ALGORITHM));
}

/* More passwords than any lanes hold, the same one each time, and a job in their midst that is refused. */
static void run_pi_many(void) {
    enum { JOBS = 9, BAD = 5 };
    static uint8_t pi[JOBS][KAM3_MAX_HASH];
    struct kam3_pi_job jobs[JOBS];
    const value *const password = get("password"), *const auth_scope = get("auth_scope");
    const value *const realm = get("realm"), *const user = get("user");
    for (size_t i = 0; i < JOBS; i++) {
        const struct kam3_pi_job job = {
            pi[i],         size.hash,  password->octets, password->len, auth_scope->octets, auth_scope->len,
            realm->octets, realm->len, user->octets,     user->len,     KAM3_OK};
        jobs[i] = job;
    }
    jobs[BAD].pi_len = size.hash - 1;
    expect(CALL("", kam3_pi_many, algorithm, jobs, JOBS), KAM3_OK);
    for (size_t i = 0; i < JOBS; i++) {
        expect(jobs[i].status, i == BAD ? STATUS(KAM3_ERR_OUTPUT_LENGTH, KAM3_ARG_OUTPUT) : KAM3_OK);
        if (i != BAD) expect_secret(pi[i], "pi");
    }
}

static void run_secrets(void) {
    const size_t s = size.scalar;
    expect(CALL("client", kam3_secret_from_random, algorithm, KAM3_CLIENT, out, s, IN("s_c1")), KAM3_OK);
    expect_secret(out, "s_c1");
    expect(CALL("server", kam3_secret_from_random, algorithm, KAM3_SERVER, out, s, IN("s_s1")), KAM3_OK);
    expect_secret(out, "s_s1");
    expect_error(CALL("too large", kam3_secret_from_random, algorithm, KAM3_CLIENT, out, s, IN("random_high")),
                 KAM3_ERR_RETRY, s);
    expect_error(CALL("too small", kam3_secret_from_random, algorithm, KAM3_CLIENT, out, s, IN("s_c1_low")),
                 KAM3_ERR_RETRY, s);
    expect_error(CALL("length", kam3_secret_from_random, algorithm, KAM3_SERVER, out, s, IN("pi_long")),
                 STATUS(KAM3_ERR_SECRET_LENGTH, KAM3_ARG_S_S1), s);
}

/* kam3_kc1 comes first: its first call on an algorithm builds the fixed-base table while it holds a secret. */
static void run_registration_and_kc1(void) {
    const size_t h = size.hash, e = size.element;
    expect(CALL("first use", kam3_kc1, algorithm, out, e, IN("s_c1")), KAM3_OK);
    expect_public(out, "kc1");
    expect(CALL("", kam3_prepare_tables, algorithm), KAM3_OK);
    expect(CALL("with table", kam3_kc1, algorithm, out, e, IN("s_c1")), KAM3_OK);
    expect_public(out, "kc1");
    expect_error(CALL("S_c1 too small", kam3_kc1, algorithm, out, e, IN("s_c1_low")),
                 STATUS(KAM3_ERR_SECRET_RANGE, KAM3_ARG_S_C1), e);
    expect_error(CALL("S_c1 = r", kam3_kc1, algorithm, out, e, IN("s_r")),
                 STATUS(KAM3_ERR_SECRET_RANGE, KAM3_ARG_S_C1), e);

    expect(CALL("", kam3_pi, algorithm, out, h, IN("password"), IN("auth_scope"), IN("realm"), IN("user")), KAM3_OK);
    expect_secret(out, "pi");
    run_pi_many();
    expect(CALL("", kam3_j, algorithm, out, e, IN("pi")), KAM3_OK);
    expect_secret(out, "j");
    expect_error(CALL("pi = 0 mod r", kam3_j, algorithm, out, e, IN("pi_trivial")), KAM3_ERR_DEGENERATE_J, e);
    expect_error(CALL("length", kam3_j, algorithm, out, e, IN("pi_long")),
                 STATUS(KAM3_ERR_SECRET_LENGTH, KAM3_ARG_PI), e);
}

static void run_server(void) {
    const size_t e = size.element;
    expect(CALL("", kam3_ks1, algorithm, out, e, IN("j"), IN("kc1"), IN("s_s1")), KAM3_OK);
    expect_public(out, "ks1");
    expect_error(CALL("J invalid", kam3_ks1, algorithm, out, e, IN("j_invalid"), IN("kc1"), IN("s_s1")),
                 STATUS(get("element_error")->octets[0], KAM3_ARG_J), e);
    expect_error(CALL("S_s1 = r", kam3_ks1, algorithm, out, e, IN("j"), IN("kc1"), IN("s_r")),
                 STATUS(KAM3_ERR_SECRET_RANGE, KAM3_ARG_S_S1), e);
    expect_error(CALL("J cancels K_c1^t_1", kam3_ks1, algorithm, out, e, IN("j_cancel"), IN("kc1"), IN("s_s1")),
                 KAM3_ERR_DEGENERATE_KS1, e);

    expect(CALL("", kam3_z_server, algorithm, out, e, IN("kc1"), IN("ks1"), IN("s_s1")), KAM3_OK);
    expect_secret(out, "z");
    expect_error(CALL("S_s1 = r", kam3_z_server, algorithm, out, e, IN("kc1"), IN("ks1"), IN("s_r")),
                 STATUS(KAM3_ERR_SECRET_RANGE, KAM3_ARG_S_S1), e);

    expect(CALL("", kam3_respond, algorithm, out, e, out2, e, IN("j"), IN("kc1"), IN("s_s1")), KAM3_OK);
    expect_public(out, "ks1");
    expect_secret(out2, "z");
    expect_error(CALL("J invalid", kam3_respond, algorithm, out, e, out2, e, IN("j_invalid"), IN("kc1"), IN("s_s1")),
                 STATUS(get("element_error")->octets[0], KAM3_ARG_J), e);
    expect_zeros(out2, e);
    expect_error(CALL("J cancels K_c1^t_1", kam3_respond, algorithm, out, e, out2, e, IN("j_cancel"), IN("kc1"),
                      IN("s_s1")),
                 KAM3_ERR_DEGENERATE_KS1, e);
    expect_zeros(out2, e);
}

/* As many as there are lanes and one more, the same exchange each time, and among them one that is refused. */
static void run_many(void) {
    enum { JOBS = 9, BAD = 5 };
    static uint8_t ks1[JOBS][MAX_OCTETS], z[JOBS][MAX_OCTETS];
    const size_t e = size.element;
    struct kam3_respond_job server[JOBS];
    struct kam3_z_client_job client[JOBS];
    for (size_t i = 0; i < JOBS; i++) {
        const struct kam3_respond_job job = {ks1[i],    e, z[i], e, IN("j"), IN("kc1"), IN(i == BAD ? "s_r" : "s_s1"), KAM3_OK};
        server[i] = job;
    }
    expect(CALL("", kam3_respond_many, algorithm, server, JOBS), KAM3_OK);
    for (size_t i = 0; i < JOBS; i++) {
        expect(server[i].status, i == BAD ? STATUS(KAM3_ERR_SECRET_RANGE, KAM3_ARG_S_S1) : KAM3_OK);
        if (i == BAD) {
            expect_zeros(ks1[i], e);
            expect_zeros(z[i], e);
            continue;
        }
        expect_public(ks1[i], "ks1");
        expect_secret(z[i], "z");
    }
    for (size_t i = 0; i < JOBS; i++) {
        const struct kam3_z_client_job job = {
            z[i], e, IN("pi"), IN(i == BAD ? "s_c1_cancel" : "s_c1"), IN("kc1"), IN("ks1"), KAM3_OK};
        client[i] = job;
    }
    expect(CALL("", kam3_z_client_many, algorithm, client, JOBS), KAM3_OK);
    for (size_t i = 0; i < JOBS; i++) {
        expect(client[i].status, i == BAD ? KAM3_ERR_DEGENERATE_DENOMINATOR : KAM3_OK);
        if (i != BAD) expect_secret(z[i], "z");
    }
}

/* The library reads and writes the table of a secret J, and must not lose sight of that. */
static void run_prepared(void) {
    enum { MAX_TABLE = 400000 };
    static _Alignas(64) uint8_t table[MAX_TABLE];
    const size_t e = size.element;
    size_t words = 0, marked = 0;
    if (size.table > MAX_TABLE) fail("no room for", "a table");
    expect(CALL("J invalid", kam3_prepare_j, algorithm, table, size.table, IN("j_invalid")),
           STATUS(get("element_error")->octets[0], KAM3_ARG_J));
    expect_zeros(table, size.table);
    expect_error(CALL("no table", kam3_respond_prepared, algorithm, out, e, out2, e, table, size.table, IN("kc1"),
                      IN("s_s1")),
                 STATUS(KAM3_ERR_TABLE, KAM3_ARG_TABLE), e);

    expect(CALL("J cancels K_c1^t_1", kam3_prepare_j, algorithm, table, size.table, IN("j_cancel")), KAM3_OK);
    expect_error(CALL("J cancels K_c1^t_1", kam3_respond_prepared, algorithm, out, e, out2, e, table, size.table,
                      IN("kc1"), IN("s_s1")),
                 KAM3_ERR_DEGENERATE_KS1, e);
    expect_zeros(out2, e);

    expect(CALL("", kam3_prepare_j, algorithm, table, size.table, IN("j")), KAM3_OK);
    for (size_t i = size.table / 4 & ~(size_t)7; CHECKED && i < size.table / 2; i += 8) {
        words++;
        marked += (size_t)is_secret(&table[i]); /* the lowest octet of a limb; the power J^0 = 1 in a comb is no secret */
    }
    if (marked < words - words / 16) fail("lost the mark of", "the table");
    expect(CALL("", kam3_respond_prepared, algorithm, out, e, out2, e, table, size.table, IN("kc1"), IN("s_s1")),
           KAM3_OK);
    expect_public(out, "ks1");
    expect_secret(out2, "z");
    expect_error(CALL("S_s1 = r", kam3_respond_prepared, algorithm, out, e, out2, e, table, size.table, IN("kc1"),
                      IN("s_r")),
                 STATUS(KAM3_ERR_SECRET_RANGE, KAM3_ARG_S_S1), e);
    CALL("the table", kam3_wipe, table, sizeof table);
    expect_zeros(table, sizeof table);
}

static void run_client(void) {
    const size_t e = size.element;
    const kam3_status no_quotient = KAM3_ERR_DEGENERATE_DENOMINATOR;
    expect(CALL("", kam3_check_denominator, algorithm, IN("pi"), IN("s_c1"), IN("kc1")), KAM3_OK);
    expect(CALL("denominator 0", kam3_check_denominator, algorithm, IN("pi"), IN("s_c1_cancel"), IN("kc1")),
           no_quotient);
    expect(CALL("S_c1 = r", kam3_check_denominator, algorithm, IN("pi"), IN("s_r"), IN("kc1")),
           STATUS(KAM3_ERR_SECRET_RANGE, KAM3_ARG_S_C1));

    expect(CALL("", kam3_z_client, algorithm, out, e, IN("pi"), IN("s_c1"), IN("kc1"), IN("ks1")), KAM3_OK);
    expect_secret(out, "z");
    expect_error(CALL("denominator 0", kam3_z_client, algorithm, out, e, IN("pi"), IN("s_c1_cancel"), IN("kc1"),
                      IN("ks1")),
                 no_quotient, e);
    expect_error(CALL("numerator 0", kam3_z_client, algorithm, out, e, IN("pi"), IN("s_c1_trivial_z"), IN("kc1"),
                      IN("ks1")),
                 KAM3_ERR_DEGENERATE_Z, e);
    expect_error(CALL("S_c1 = r", kam3_z_client, algorithm, out, e, IN("pi"), IN("s_r"), IN("kc1"), IN("ks1")),
                 STATUS(KAM3_ERR_SECRET_RANGE, KAM3_ARG_S_C1), e);
    expect_error(CALL("K_s1 invalid", kam3_z_client, algorithm, out, e, IN("pi"), IN("s_c1"), IN("kc1"),
                      IN("element_invalid")),
                 STATUS(get("element_error")->octets[0], KAM3_ARG_KS1), e);
}

static void run_proofs(void) {
    const size_t h = size.hash;
    expect(CALL("VK_c", kam3_vk, algorithm, 4, out, h, IN("kc1"), IN("ks1"), IN("z"), IN("nc"), IN("vh")), KAM3_OK);
    expect_secret(out, "vkc");
    expect(CALL("VK_s", kam3_vk, algorithm, 3, out2, h, IN("kc1"), IN("ks1"), IN("z"), IN("nc"), IN("vh")), KAM3_OK);
    expect_secret(out2, "vks");
    expect_error(CALL("length", kam3_vk, algorithm, 3, out, h, IN("kc1"), IN("ks1"), IN("pi"), IN("nc"), IN("vh")),
                 STATUS(KAM3_ERR_ELEMENT_LENGTH, KAM3_ARG_Z), h);
    expect(CALL("b_1", kam3_b, algorithm, 6, out, h, IN("kc1"), IN("ks1"), IN("z"), IN("nothing"), IN("vh"), IN("t")),
           KAM3_OK);
    expect_secret(out, "b1");
    expect(CALL("b_2", kam3_b, algorithm, 7, out, h, IN("kc1"), IN("ks1"), IN("z"), IN("nc"), IN("vh"), IN("t")),
           KAM3_OK);
    expect_secret(out, "b2");
    expect(CALL("equal", kam3_equal, IN("vkc"), IN("vkc_too")), KAM3_OK);
    expect(CALL("different", kam3_equal, IN("vkc"), IN("vks")), KAM3_ERR_MISMATCH);
    expect(CALL("lengths", kam3_equal, IN("vkc"), IN("z")), KAM3_ERR_MISMATCH);
}

static void run_checks(void) {
    uint8_t kept[MAX_OCTETS];
    const kam3_status invalid = STATUS(get("element_error")->octets[0], KAM3_ARG_ELEMENT);
    expect(CALL("J", kam3_check_element, algorithm, IN("j")), KAM3_OK);
    expect(CALL("J invalid", kam3_check_element, algorithm, IN("j_invalid")), invalid);
    expect(CALL("J all ones", kam3_check_element, algorithm, IN("j_ones")), invalid);
    expect(CALL("square", kam3_check_square_vartime, algorithm, IN("kc1")), KAM3_OK);
    if (find("kc1_nonsquare") != NULL)
        expect(CALL("no square", kam3_check_square_vartime, algorithm, IN("kc1_nonsquare")),
               STATUS(KAM3_ERR_ELEMENT_SQUARE, KAM3_ARG_ELEMENT));
    memcpy(kept, IN("z"));
    CALL("", kam3_wipe, kept, size.element);
    expect_zeros(kept, size.element);
}

static int run_planted(const char *fault) {
    uint8_t password[] = "a secret that matters";
    planted_function *volatile function = planted_find(fault); /* volatile: no compiler knows what is called */
    planted_function *const chosen = function;
    uint64_t result;
    if (chosen == NULL) fail("no planted fault", fault);
    fprintf(stderr, "run planted_%s \n", fault);
    KAM3_SECRET(password, sizeof password);
    result = planted_call(&chosen, password, sizeof password);
    KAM3_DECLASSIFY(&result, sizeof result, "it is printed, so that no compiler leaves the work out");
    fprintf(stderr, "result %llu\ndone\n", (unsigned long long)result);
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 3) fail("usage:", "driver <values> <path> | driver planted <fault>");
    if (strcmp(argv[1], "planted") == 0) return run_planted(argv[2]);
    load(argv[1]);
    run_machine(argv[2]);
    run_secrets();
    run_registration_and_kc1();
    run_server();
    run_prepared();
    run_client();
    run_many();
    run_proofs();
    run_checks();
    fprintf(stderr, "done\n");
    return 0;
}
