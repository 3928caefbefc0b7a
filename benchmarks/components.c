/* Times every operation of the four groups, the hashes and PBKDF2 on each code path, OpenSSL's beside them in the same rounds.
 *
 *   components times <rounds> [path...]       lines "time <group> <operation> <contender> <value>"
 *   components secrets <samples> [path...]    lines "secret <group> <operation> <path> <bit length> <Hamming weight> <value>"
 *
 * Without paths, all that this CPU can run. The first line is "clock <name>"; a value is what that clock counts for one call,
 * the mean over a sample. components.py builds this, runs it and does the statistics. With -DKAM3_BENCH_OPENSSL and -lcrypto
 * the first form has OpenSSL's rows.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__linux__)
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "base/ct.h"
#include "dl/dl.h"
#include "ec/ec.h"
#include "hash/hash.h"
#include "hash/pbkdf2_many.h"
#include "kam3.h"

#define KAM3_NAME_(x) #x
#define KAM3_NAME(x) KAM3_NAME_(x)
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

typedef struct {
    const char *group, *name;
    void (*run)(void);
} operation;

typedef struct {
    const char *name;
    size_t scalar_octets;
    uint8_t top;
    void (*prepare)(void);
    int (*set_secret)(const uint8_t *octets);
    const operation *operations;
    size_t count;
} group;

/* xorshift64*: the same values in every run. Nothing here is a secret of anybody. */
static uint64_t seed = 0x9e3779b97f4a7c15u;

static uint64_t next(void) {
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return seed * 0x2545f4914f6cdd1du;
}

static void fill(uint8_t *octets, size_t len) {
    for (size_t i = 0; i < len; i++) octets[i] = (uint8_t)(next() >> 56);
}

#define GROUP p256
#define UPPER P256
#define TOP 0xff
#include "components.h"
#define GROUP p521
#define UPPER P521
#define TOP 0x01
#include "components.h"
#define GROUP dl2048
#define UPPER DL2048
#define TOP 0x7f
#include "components.h"
#define GROUP dl4096
#define UPPER DL4096
#define TOP 0x7f
#include "components.h"

static const group *const groups[] = {&run_p256_group, &run_p521_group, &run_dl2048_group, &run_dl4096_group};

#define ITERATIONS 16384
#define JOBS 8

static uint8_t message[64], digest[64], outputs[JOBS][64];

static void hash(kam3_hash_kind kind) {
    kam3_hash state;
    kam3_hash_init(&state, kind);
    kam3_hash_update(&state, message, sizeof message);
    kam3_hash_final(&state, digest);
}

static void pbkdf2(kam3_hash_kind kind) {
    kam3_pbkdf2 state;
    kam3_pbkdf2_init(&state, kind, message, 16);
    kam3_pbkdf2_salt(&state, message, sizeof message);
    kam3_pbkdf2_final(&state, ITERATIONS, digest);
}

static void pbkdf2_jobs(kam3_hash_kind kind) {
    static kam3_pbkdf2 states[JOBS];
    kam3_pbkdf2_job jobs[JOBS];
    for (size_t i = 0; i < JOBS; i++) {
        kam3_pbkdf2_init(&states[i], kind, message + i, 16);
        kam3_pbkdf2_salt(&states[i], message, sizeof message);
        jobs[i].pbkdf2 = &states[i];
        jobs[i].out = outputs[i];
    }
    kam3_pbkdf2_many(jobs, JOBS, ITERATIONS);
}

static void hash_sha256(void) { hash(KAM3_SHA256); }
static void hash_sha512(void) { hash(KAM3_SHA512); }
static void pbkdf2_sha256(void) { pbkdf2(KAM3_SHA256); }
static void pbkdf2_sha512(void) { pbkdf2(KAM3_SHA512); }
static void pbkdf2_jobs_sha256(void) { pbkdf2_jobs(KAM3_SHA256); }
static void pbkdf2_jobs_sha512(void) { pbkdf2_jobs(KAM3_SHA512); }

static const operation hashes[] = {
    {"sha256", "hash_64", hash_sha256},          {"sha512", "hash_64", hash_sha512},
    {"sha256", "pbkdf2", pbkdf2_sha256},         {"sha512", "pbkdf2", pbkdf2_sha512},
    {"sha256", "pbkdf2_x8", pbkdf2_jobs_sha256}, {"sha512", "pbkdf2_x8", pbkdf2_jobs_sha512},
};

#if defined(KAM3_BENCH_OPENSSL)
#include "components_openssl.h"
#else
static const operation openssl[] = {{NULL, NULL, NULL}};
static void openssl_prepare(void) {}
#endif

/* Core cycles in user mode where the kernel counts them, else nanoseconds of this thread. */
static int counter = -1;

static const char *open_clock(void) {
#if defined(__linux__)
    struct perf_event_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.type = PERF_TYPE_HARDWARE;
    attributes.size = sizeof attributes;
    attributes.config = PERF_COUNT_HW_CPU_CYCLES;
    attributes.exclude_kernel = 1;
    attributes.exclude_hv = 1;
    counter = (int)syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0);
#endif
    return counter >= 0 ? "cycles" : "ns";
}

static double now(void) {
    struct timespec time;
#if defined(__linux__)
    uint64_t cycles;
    if (counter >= 0) {
        if (read(counter, &cycles, sizeof cycles) != (ssize_t)sizeof cycles) exit(1);
        return (double)cycles;
    }
#endif
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double sample(void (*run)(void), unsigned calls) {
    const double start = now();
    for (unsigned i = 0; i < calls; i++) run();
    return (now() - start) / calls;
}

/* The second call of each tells: the first one makes tables. */
#define SAMPLE 200000.0

static unsigned calls_for(void (*run)(void)) {
    double once;
    (void)sample(run, 1);
    once = sample(run, 4);
    return once >= SAMPLE ? 1 : once < 1 ? (unsigned)SAMPLE : (unsigned)(SAMPLE / once);
}

static void use(const char *path) {
    if (kam3_cpu_use(path, strlen(path)) != KAM3_OK) {
        fprintf(stderr, "this CPU cannot run the path %s\n", path);
        exit(2);
    }
}

static void time_operation(const operation *op, const char *path) {
    use(path);
    printf("time %s %s %s %.3f\n", op->group, op->name, path, sample(op->run, calls_for(op->run)));
}

/* In each round an operation's contenders follow each other. */
static void time_all(const operation *ops, size_t count, char *const *paths, int path_count) {
    for (size_t i = 0; i < count; i++) {
        for (int p = 0; p < path_count; p++) time_operation(&ops[i], paths[p]);
        for (size_t o = 0; o < COUNT(openssl) && openssl[o].run != NULL; o++)
            if (strcmp(openssl[o].group, ops[i].group) == 0 && strcmp(openssl[o].name, ops[i].name) == 0)
                printf("time %s %s OpenSSL %.3f\n", ops[i].group, ops[i].name, sample(openssl[o].run, calls_for(openssl[o].run)));
    }
}

static int weight(const uint8_t *octets, size_t len) {
    int bits = 0;
    for (size_t i = 0; i < len; i++)
        for (int bit = 0; bit < 8; bit++) bits += octets[i] >> bit & 1;
    return bits;
}

static int length(const uint8_t *octets, size_t len) {
    for (size_t i = 0; i < len; i++)
        for (int bit = 7; bit >= 0; bit--)
            if (octets[i] >> bit & 1) return (int)(8 * (len - i)) - (7 - bit);
    return 0;
}

/* A number of any length with about half its bits set, or one of full length with a quarter, a half or three quarters. */
static void draw(uint8_t *octets, size_t len) {
    uint8_t more[KAM3_MAX_SCALAR];
    fill(octets, len);
    fill(more, len);
    if (next() >> 63) {
        const size_t zeros = (size_t)(next() >> 32) % (8 * len);
        memset(octets, 0, zeros / 8);
        octets[zeros / 8] &= (uint8_t)(0xff >> zeros % 8);
        return;
    }
    switch (next() >> 62) {
    case 0:
        for (size_t i = 0; i < len; i++) octets[i] &= more[i];
        break;
    case 1:
        for (size_t i = 0; i < len; i++) octets[i] |= more[i];
        break;
    default:
        break;
    }
}

static void time_secrets(const group *g, const operation *op, const char *path, unsigned samples) {
    uint8_t octets[KAM3_MAX_SCALAR];
    const unsigned calls = (calls_for(op->run) + 3) / 4;
    for (unsigned i = 0; i < samples; i++) {
        do {
            draw(octets, g->scalar_octets);
            octets[0] &= g->top;
        } while (!g->set_secret(octets));
        (void)sample(op->run, 1);
        printf("secret %s %s %s %d %d %.3f\n", g->name, op->name, path, length(octets, g->scalar_octets),
               weight(octets, g->scalar_octets), sample(op->run, calls));
    }
}

/* sc_inv and the multiplications by a secret; of the others the scalar is no operand, and ge_mul_vartime's is public */
static int takes_a_secret(const char *name) {
    return strcmp(name, "sc_inv") == 0 || (strncmp(name, "ge_mul", 6) == 0 && strcmp(name, "ge_mul_vartime") != 0);
}

int main(int argc, char **argv) {
    static char *const all[] = {"portable", "shani", "adx", "ifma"};
    char *runnable[COUNT(all)];
    char *const *paths = argv + 3;
    int path_count = argc - 3;
    const unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    const int secrets = argc > 2 && strcmp(argv[1], "secrets") == 0;
    if (rounds == 0 || (!secrets && strcmp(argv[1], "times") != 0)) return 2;
    if (path_count == 0) {
        for (size_t i = 0; i < COUNT(all); i++)
            if (kam3_cpu_use(all[i], strlen(all[i])) == KAM3_OK) runnable[path_count++] = all[i];
        paths = runnable;
    }
    printf("clock %s\n", open_clock());
    fill(message, sizeof message);
    for (size_t i = 0; i < COUNT(groups); i++) groups[i]->prepare();
    openssl_prepare();
    for (unsigned round = 0; !secrets && round < rounds; round++) {
        for (size_t i = 0; i < COUNT(groups); i++) time_all(groups[i]->operations, groups[i]->count, paths, path_count);
        time_all(hashes, COUNT(hashes), paths, path_count);
        fflush(stdout);
    }
    for (size_t i = 0; secrets && i < COUNT(groups); i++)
        for (size_t o = 0; o < groups[i]->count; o++)
            for (int p = 0; p < path_count && takes_a_secret(groups[i]->operations[o].name); p++) {
                use(paths[p]);
                time_secrets(groups[i], &groups[i]->operations[o], paths[p], rounds);
                fflush(stdout);
            }
    return 0;
}
