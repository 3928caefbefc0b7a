/* kam3.h on standard input, for machines that Python is not on: a line "<operation> <algorithm> <octets in hex, or ->..." is
 * answered by "<status> <octets in hex>". The first line of output is the CPU path in use, which binding/os_cpu.c makes the best
 * one unless an argument names another. Exit status: 0, or 2 for a line that is none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "binding/binding.h"
#include "kam3.h"

#define MOST 8
#define MAX_OCTETS 16384 /* the longest text of the frozen vectors */

static uint8_t in[MOST][MAX_OCTETS];
static size_t len[MOST];

#define IN(i) in[i], len[i]
#define OUT out, out_len

/* The operations by name, each with its arguments in the order of kam3.h. */
static kam3_status answer(const char *name, int algorithm, const struct kam3_sizes *n, uint8_t *out, size_t *length) {
    const size_t e = n->element, h = n->hash;
    size_t out_len = strcmp(name, "pi") == 0 || strncmp(name, "vk", 2) == 0 || name[0] == 'b' ? h : e;
    *length = out_len;
    if (strcmp(name, "pi") == 0) return kam3_pi(algorithm, OUT, IN(0), IN(1), IN(2), IN(3));
    if (strcmp(name, "j") == 0) return kam3_j(algorithm, OUT, IN(0));
    if (strcmp(name, "kc1") == 0) return kam3_kc1(algorithm, OUT, IN(0));
    if (strcmp(name, "z_client") == 0) return kam3_z_client(algorithm, OUT, IN(0), IN(1), IN(2), IN(3));
    if (strcmp(name, "vkc") == 0) return kam3_vk(algorithm, 4, OUT, IN(0), IN(1), IN(2), IN(3), IN(4));
    if (strcmp(name, "vks") == 0) return kam3_vk(algorithm, 3, OUT, IN(0), IN(1), IN(2), IN(3), IN(4));
    if (strcmp(name, "b1") == 0) return kam3_b(algorithm, 6, OUT, IN(0), IN(1), IN(2), NULL, 0, IN(4), IN(5));
    if (strcmp(name, "b2") == 0) return kam3_b(algorithm, 7, OUT, IN(0), IN(1), IN(2), IN(3), IN(4), IN(5));
    if (strcmp(name, "respond") == 0) { /* ks1 and z, one after the other */
        *length = 2 * e;
        return kam3_respond(algorithm, out, e, out + e, e, IN(0), IN(1), IN(2));
    }
    exit(2);
}

/* Octets of a word of the line; 0, or -1 if there is none. */
static int octets(size_t i) {
    const char *word = strtok(NULL, " \n");
    if (word == NULL) return -1;
    len[i] = strcmp(word, "-") == 0 ? 0 : strlen(word) / 2;
    if (len[i] > MAX_OCTETS) exit(2);
    for (size_t k = 0; k < len[i]; k++) {
        const char digits[3] = {word[2 * k], word[2 * k + 1], 0};
        in[i][k] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return 0;
}

int main(int argc, char **argv) {
    static char line[MOST * (2 * MAX_OCTETS + 1) + 64];
    kam3_binding_tell_cpu();
    if (argc > 1 && kam3_cpu_use(argv[1], strlen(argv[1])) != KAM3_OK) {
        printf("no path %s\n", argv[1]);
        return 0;
    }
    printf("%s\n", kam3_cpu_path());
    while (fgets(line, sizeof line, stdin) != NULL) {
        uint8_t out[2 * KAM3_MAX_ELEMENT];
        struct kam3_sizes n;
        size_t out_len, given = 0;
        kam3_status status;
        const char *name = strtok(line, " \n"), *algorithm = strtok(NULL, " \n");
        if (name == NULL || algorithm == NULL || kam3_sizes(&n, atoi(algorithm)) != KAM3_OK) return 2;
        while (given < MOST && octets(given) == 0) given++;
        status = answer(name, atoi(algorithm), &n, out, &out_len);
        printf("%d ", status);
        for (size_t i = 0; i < out_len; i++) printf("%02x", out[i]);
        printf("\n");
    }
    return 0;
}
