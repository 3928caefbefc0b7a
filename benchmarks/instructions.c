/* One step of one algorithm, for callgrind to count: instructions <algorithm number> <step> <path>. The step runs inside
 * measured(), by which --toggle-collect selects it; values and tables are made outside. Exit status 77: no such path here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kam3.h"

static int alg;
static struct kam3_sizes size;
static uint8_t pi[KAM3_MAX_HASH], s_c1[KAM3_MAX_SCALAR], s_s1[KAM3_MAX_SCALAR], j[KAM3_MAX_ELEMENT], kc1[KAM3_MAX_ELEMENT],
    ks1[KAM3_MAX_ELEMENT], z[KAM3_MAX_ELEMENT], vk[KAM3_MAX_HASH];
static const uint8_t text[] = "http://localhost";

#define TEXT text, sizeof text - 1

static kam3_status step_pi(void) { return kam3_pi(alg, pi, size.hash, TEXT, TEXT, TEXT, TEXT); }
static kam3_status step_j(void) { return kam3_j(alg, j, size.element, pi, size.hash); }
static kam3_status step_kc1(void) { return kam3_kc1(alg, kc1, size.element, s_c1, size.scalar); }
static kam3_status step_ks1(void) {
    return kam3_ks1(alg, ks1, size.element, j, size.element, kc1, size.element, s_s1, size.scalar);
}
static kam3_status step_z_server(void) {
    return kam3_z_server(alg, z, size.element, kc1, size.element, ks1, size.element, s_s1, size.scalar);
}
static kam3_status step_respond(void) {
    return kam3_respond(alg, ks1, size.element, z, size.element, j, size.element, kc1, size.element, s_s1, size.scalar);
}
static kam3_status step_z_client(void) {
    return kam3_z_client(alg, z, size.element, pi, size.hash, s_c1, size.scalar, kc1, size.element, ks1, size.element);
}
static kam3_status step_vkc(void) {
    return kam3_vk(alg, 4, vk, size.hash, kc1, size.element, ks1, size.element, z, size.element, text, 1, TEXT);
}

static const struct {
    const char *name;
    kam3_status (*run)(void);
} steps[] = {
    {"pi", step_pi},
    {"j", step_j},
    {"kc1", step_kc1},
    {"ks1", step_ks1},
    {"z_server", step_z_server},
    {"respond", step_respond},
    {"z_client", step_z_client},
    {"vkc", step_vkc},
};

kam3_status measured(kam3_status (*run)(void));

#if defined(__GNUC__)
__attribute__((noinline))
#endif
kam3_status
measured(kam3_status (*run)(void)) {
    volatile kam3_status status = run(); /* volatile: a tail call would leave this function before the work begins */
    return status;
}

/* Any octets will do for pi and the secrets, as long as they are below r (the first is 0) and each run has the same. */
static void fill(uint8_t *octets, size_t len, unsigned number) {
    for (size_t i = 1; i < len; i++) {
        number = number * 1103515245u + 12345u;
        octets[i] = (uint8_t)(number >> 16);
    }
}

static void check(kam3_status status) {
    if (status == KAM3_OK) return;
    fprintf(stderr, "status %d\n", status);
    exit(1);
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    if (kam3_cpu_use(argv[3], strlen(argv[3])) != KAM3_OK) return 77;
    alg = atoi(argv[1]);
    check(kam3_sizes(&size, alg));
    check(kam3_prepare_tables(alg));
    fill(pi, size.hash, 1);
    fill(s_c1, size.scalar, 2);
    fill(s_s1, size.scalar, 3);
    check(step_j());
    check(step_kc1());
    if (strcmp(argv[2], "respond") != 0) check(step_respond());
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (strcmp(steps[i].name, argv[2]) == 0) {
            check(measured(steps[i].run));
            return 0;
        }
    return 2;
}
