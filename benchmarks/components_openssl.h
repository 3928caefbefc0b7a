/* OpenSSL's rows of components.c: its constant-time call for the same operation, where it has one. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>

typedef struct {
    int nid; /* 0: a group mod q */
    EC_GROUP *curve;
    EC_POINT *element, *result;
    BN_MONT_CTX *mont;
    BIGNUM *q, *r, *g, *base, *power, *secret, *inverse, *x;
} peer;

static peer peer_p256 = {.nid = NID_X9_62_prime256v1}, peer_p521 = {.nid = NID_secp521r1}, peer_dl2048, peer_dl4096;
static BN_CTX *context;

static void must(int good) {
    if (!good) {
        fprintf(stderr, "OpenSSL failed\n");
        exit(1);
    }
}

static void prepare_peer(peer *p, BIGNUM *(*prime)(BIGNUM *)) {
    p->r = BN_new();
    p->secret = BN_new();
    p->inverse = BN_new();
    p->x = BN_new();
    if (p->nid != 0) {
        p->curve = EC_GROUP_new_by_curve_name(p->nid);
        must(p->curve != NULL && EC_GROUP_get_order(p->curve, p->r, context));
        p->element = EC_POINT_new(p->curve);
        p->result = EC_POINT_new(p->curve);
    } else {
        p->q = prime(NULL);
        p->g = BN_new();
        p->base = BN_new();
        p->power = BN_new();
        p->mont = BN_MONT_CTX_new();
        must(p->q != NULL && BN_set_word(p->g, 2) && BN_rshift1(p->r, p->q) && BN_rand_range(p->base, p->q) &&
             BN_MONT_CTX_set(p->mont, p->q, context));
    }
    must(BN_rand_range(p->secret, p->r));
    BN_set_flags(p->secret, BN_FLG_CONSTTIME);
    if (p->nid != 0) {
        must(EC_POINT_mul(p->curve, p->element, p->secret, NULL, NULL, context) &&
             EC_POINT_get_affine_coordinates(p->curve, p->element, p->x, NULL, context));
    }
}

static void openssl_prepare(void) {
    context = BN_CTX_new();
    prepare_peer(&peer_p256, NULL);
    prepare_peer(&peer_p521, NULL);
    prepare_peer(&peer_dl2048, BN_get_rfc3526_prime_2048);
    prepare_peer(&peer_dl4096, BN_get_rfc3526_prime_4096);
}

static void peer_mul(peer *p) { must(EC_POINT_mul(p->curve, p->result, NULL, p->element, p->secret, context)); }
static void peer_mul_base(peer *p) { must(EC_POINT_mul(p->curve, p->result, p->secret, NULL, NULL, context)); }
static void peer_decode(peer *p) {
    must(EC_POINT_set_compressed_coordinates(p->curve, p->result, p->x, 1, context));
}
static void peer_add(peer *p) { must(EC_POINT_add(p->curve, p->result, p->element, p->element, context)); }
static void peer_power(peer *p) {
    must(BN_mod_exp_mont_consttime(p->power, p->base, p->secret, p->q, context, p->mont));
}
static void peer_power_base(peer *p) {
    must(BN_mod_exp_mont_consttime(p->power, p->g, p->secret, p->q, context, p->mont));
}
static void peer_product(peer *p) { must(BN_mod_mul_montgomery(p->power, p->base, p->base, p->mont, context)); }
static void peer_inverse(peer *p) { must(BN_mod_inverse(p->inverse, p->secret, p->r, context) != NULL); }

#define PEER(group, name, function) \
    static void openssl_##group##_##name(void) { function(&peer_##group); }
PEER(p256, ge_mul, peer_mul)
PEER(p256, ge_mul_base, peer_mul_base)
PEER(p256, ge_decode, peer_decode)
PEER(p256, ge_add, peer_add)
PEER(p256, sc_inv, peer_inverse)
PEER(p521, ge_mul, peer_mul)
PEER(p521, ge_mul_base, peer_mul_base)
PEER(p521, ge_decode, peer_decode)
PEER(p521, ge_add, peer_add)
PEER(p521, sc_inv, peer_inverse)
PEER(dl2048, ge_mul, peer_power)
PEER(dl2048, ge_mul_base, peer_power_base)
PEER(dl2048, ge_add, peer_product)
PEER(dl2048, sc_inv, peer_inverse)
PEER(dl4096, ge_mul, peer_power)
PEER(dl4096, ge_mul_base, peer_power_base)
PEER(dl4096, ge_add, peer_product)
PEER(dl4096, sc_inv, peer_inverse)
#undef PEER

static void openssl_hash(const EVP_MD *md) { must(EVP_Digest(message, sizeof message, digest, NULL, md, NULL)); }
static void openssl_pbkdf2(const EVP_MD *md) {
    must(PKCS5_PBKDF2_HMAC((const char *)message, 16, message, sizeof message, ITERATIONS, md, EVP_MD_size(md), digest));
}
static void openssl_hash_sha256(void) { openssl_hash(EVP_sha256()); }
static void openssl_hash_sha512(void) { openssl_hash(EVP_sha512()); }
static void openssl_pbkdf2_sha256(void) { openssl_pbkdf2(EVP_sha256()); }
static void openssl_pbkdf2_sha512(void) { openssl_pbkdf2(EVP_sha512()); }

#define PEER(group, name) {#group, #name, openssl_##group##_##name}
static const operation openssl[] = {
    PEER(p256, ge_mul),        PEER(p256, ge_mul_base),   PEER(p256, ge_decode),     PEER(p256, ge_add),
    PEER(p256, sc_inv),        PEER(p521, ge_mul),        PEER(p521, ge_mul_base),   PEER(p521, ge_decode),
    PEER(p521, ge_add),        PEER(p521, sc_inv),        PEER(dl2048, ge_mul),      PEER(dl2048, ge_mul_base),
    PEER(dl2048, ge_add),      PEER(dl2048, sc_inv),      PEER(dl4096, ge_mul),      PEER(dl4096, ge_mul_base),
    PEER(dl4096, ge_add),      PEER(dl4096, sc_inv),      {"sha256", "hash_64", openssl_hash_sha256},
    {"sha512", "hash_64", openssl_hash_sha512},           {"sha256", "pbkdf2", openssl_pbkdf2_sha256},
    {"sha512", "pbkdf2", openssl_pbkdf2_sha512},
};
#undef PEER
