/* A whole KAM3 exchange by a C program that knows nothing but kam3.h: registration, key exchange and both proofs, in all four
 * algorithms. Prints one line each and returns 0 if client and server agree and a wrong password is found out. */
#include <stdio.h>
#include <string.h>

#include "kam3.h"

#define TEXT(s) (const uint8_t *)(s), sizeof(s) - 1

struct values {
    uint8_t pi[KAM3_MAX_HASH], j[KAM3_MAX_ELEMENT];
    uint8_t s_c1[KAM3_MAX_SCALAR], kc1[KAM3_MAX_ELEMENT], z_client[KAM3_MAX_ELEMENT], vkc_client[KAM3_MAX_HASH];
    uint8_t s_s1[KAM3_MAX_SCALAR], ks1[KAM3_MAX_ELEMENT], z_server[KAM3_MAX_ELEMENT], vkc_server[KAM3_MAX_HASH];
};

/* A test draws its secrets from a file; a real program asks the operating system each time. */
static kam3_status draw(int algorithm, int role, uint8_t *s, size_t len, FILE *source) {
    uint8_t candidate[KAM3_MAX_SCALAR];
    kam3_status status;
    do {
        if (fread(candidate, 1, len, source) != len) return -1;
        status = kam3_secret_from_random(algorithm, role, s, len, candidate, len);
    } while (status == KAM3_ERR_RETRY);
    kam3_wipe(candidate, sizeof candidate);
    return status;
}

static kam3_status stretch(int algorithm, uint8_t *pi, size_t len, const char *password) {
    return kam3_pi(algorithm, pi, len, (const uint8_t *)password, strlen(password), TEXT("http://localhost"), TEXT("demo"),
                   TEXT("alice"));
}

/* 0: the proofs agree; KAM3_ERR_MISMATCH: they do not; anything else: a step failed. */
static kam3_status exchange(int algorithm, const char *password, const struct kam3_sizes *n, struct values *v, FILE *source) {
    const uint8_t nc[] = {1};
    const size_t e = n->element, s = n->scalar, h = n->hash;
    kam3_status status = stretch(algorithm, v->pi, h, password);
    if (!status) status = draw(algorithm, KAM3_CLIENT, v->s_c1, s, source);
    if (!status) status = kam3_kc1(algorithm, v->kc1, e, v->s_c1, s);
    if (!status) status = kam3_check_denominator(algorithm, v->pi, h, v->s_c1, s, v->kc1, e);

    if (!status) status = draw(algorithm, KAM3_SERVER, v->s_s1, s, source);
    if (!status) status = kam3_respond(algorithm, v->ks1, e, v->z_server, e, v->j, e, v->kc1, e, v->s_s1, s);

    if (!status) status = kam3_z_client(algorithm, v->z_client, e, v->pi, h, v->s_c1, s, v->kc1, e, v->ks1, e);
    if (!status) status = kam3_vk(algorithm, 4, v->vkc_client, h, v->kc1, e, v->ks1, e, v->z_client, e, nc, 1, TEXT("vh"));
    if (!status) status = kam3_vk(algorithm, 4, v->vkc_server, h, v->kc1, e, v->ks1, e, v->z_server, e, nc, 1, TEXT("vh"));
    if (!status) status = kam3_equal(v->vkc_client, h, v->vkc_server, h);
    return status;
}

int main(int argc, char **argv) {
    int failures = 0;
    FILE *source = fopen(argc > 1 ? argv[1] : "/dev/urandom", "rb");
    if (source == NULL) return 2;
    for (int algorithm = KAM3_DL_2048; algorithm <= KAM3_EC_P521; algorithm++) {
        struct kam3_sizes n;
        struct values v;
        kam3_status registered, right, wrong;
        memset(&v, 0, sizeof v);
        (void)kam3_sizes(&n, algorithm);
        registered = stretch(algorithm, v.pi, n.hash, "correct horse");
        if (!registered) registered = kam3_j(algorithm, v.j, n.element, v.pi, n.hash);
        right = exchange(algorithm, "correct horse", &n, &v, source);
        wrong = exchange(algorithm, "battery staple", &n, &v, source);
        printf("algorithm %d: registration %d, right password %d, wrong password %d\n", algorithm, registered, right, wrong);
        if (registered != KAM3_OK || right != KAM3_OK || wrong != KAM3_ERR_MISMATCH) failures++;
        kam3_wipe(&v, sizeof v);
    }
    (void)fclose(source);
    return failures != 0;
}
