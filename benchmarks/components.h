/* Template: the operations of one group, as rows of components.c. Expects GROUP (p256 ...), UPPER (P256 ...) and
 * TOP, the bits of a scalar's first octet that may be set, and undefines the three. */
#define KG(name) KAM3_CAT(KAM3_CAT(kam3_, GROUP), KAM3_CAT(_, name))
#define RUN(name) KAM3_CAT(KAM3_CAT(run_, GROUP), KAM3_CAT(_, name))
#define VALUES KAM3_CAT(values_, GROUP)

static struct {
    KG(ge) element, result, result2;
    KG(sc) secret, hashed, inverse;
    uint8_t octets[KAM3_CAT(KAM3_, KAM3_CAT(UPPER, _ELEMENT_OCTETS))];
} VALUES;

enum { RUN(SCALAR_OCTETS) = KAM3_CAT(KAM3_, KAM3_CAT(UPPER, _SCALAR_OCTETS)) };

static void RUN(ge_mul)(void) { KG(ge_mul)(&VALUES.result, &VALUES.element, &VALUES.secret); }
static void RUN(ge_mul_pair)(void) {
    KG(ge_mul_pair)(&VALUES.result, &VALUES.result2, &VALUES.element, &VALUES.element, &VALUES.secret);
}
static void RUN(ge_mul_base)(void) { KG(ge_mul_base)(&VALUES.result, &VALUES.secret); }
static void RUN(ge_mul_vartime)(void) { KG(ge_mul_vartime)(&VALUES.result, &VALUES.element, &VALUES.hashed); }
static void RUN(ge_decode)(void) { (void)KG(ge_decode)(&VALUES.result, VALUES.octets); }
static void RUN(ge_encode)(void) { (void)KG(ge_encode)(VALUES.octets, &VALUES.element); }
static void RUN(ge_add)(void) { KG(ge_add)(&VALUES.result, &VALUES.element, &VALUES.element); }
static void RUN(sc_inv)(void) { (void)KG(sc_inv)(&VALUES.inverse, &VALUES.secret); }

/* The secret scalar that these octets spell; 0 if they spell none, and then the scalar is 1. */
static int RUN(set_secret)(const uint8_t *octets) { return kam3_declassify_mask(KG(sc_decode)(&VALUES.secret, octets), "a benchmark has no secrets"); }

static void RUN(prepare)(void) {
    uint8_t octets[RUN(SCALAR_OCTETS)];
    do {
        fill(octets, sizeof octets);
        octets[0] &= TOP;
    } while (!RUN(set_secret)(octets));
    KG(ge_mul_base)(&VALUES.element, &VALUES.secret);
    (void)KG(ge_encode)(VALUES.octets, &VALUES.element);
    fill(octets, 32);
    KG(sc_reduce)(&VALUES.hashed, octets, 32);
}

#define ROW(op) {KAM3_NAME(GROUP), #op, RUN(op)}
static const operation RUN(operations)[] = {
    ROW(ge_mul),    ROW(ge_mul_pair), ROW(ge_mul_base), ROW(ge_mul_vartime),
    ROW(ge_decode), ROW(ge_encode),   ROW(ge_add),      ROW(sc_inv),
};

static const group RUN(group) = {KAM3_NAME(GROUP), RUN(SCALAR_OCTETS), TOP, RUN(prepare), RUN(set_secret), RUN(operations),
                                 sizeof RUN(operations) / sizeof RUN(operations)[0]};

#undef KG
#undef RUN
#undef VALUES
#undef ROW
#undef GROUP
#undef UPPER
#undef TOP
