/* Template: points of exchange/group.h in lanes, and back. Expects p521_ifma_point.inc.h before it.
 *
 * Neither way needs a multiplication: what stands for x there stands for x R^-1 = 2x here, and of homogeneous
 * coordinates all three may be doubled, or halved.
 */

/* r = a in eleven limbs of 52 bits, tight. Requires: |a| <= 31 */
INLINE void limbs_in(uint64_t r[LIMBS], const kam3_p521_fe *a) {
    uint64_t v[9], carried = a->v[8] >> 57; /* bits 521 up: less than 2^7, folded */
    for (int i = 0; i < 9; i++) v[i] = a->v[i];
    v[8] &= KAM3_P521_M58 >> 1;
    for (int i = 0; i < 8; i++) {
        v[i] += carried;
        carried = v[i] >> 58;
        v[i] &= KAM3_P521_M58;
    }
    v[8] += carried; /* at most 2^57 + 31 */
    for (unsigned i = 0; i < LIMBS; i++) {
        const unsigned limb = 52 * i / 58, bit = 52 * i % 58;
        /* the barrier keeps clang from a gather over i: its addresses are public, but the lint allows none at all */
        r[i] = kam3_value_barrier(v[limb] >> bit);
        if (bit > 6 && limb < 8) r[i] |= v[limb + 1] << (58 - bit);
        r[i] &= LIMB_MASK;
    }
    kam3_wipe(v, sizeof v);
}

/* r = a, |r| = 1. Requires: a is tight */
INLINE void limbs_out(kam3_p521_fe *r, const uint64_t a[LIMBS]) {
    for (unsigned i = 0; i < 9; i++) {
        const unsigned limb = 58 * i / 52, bit = 58 * i % 52; /* public: where limb i begins */
        r->v[i] = ((a[limb] >> bit) | (a[limb + 1] << (52 - bit))) & KAM3_P521_M58;
        if (bit > 46) r->v[i] |= (a[limb + 2] << (104 - bit)) & KAM3_P521_M58;
    }
    KAM3_P521_FE_SET_MAGNITUDE(r, 1);
}

/* [X Y Z .] */
INLINE lanes points_in(const kam3_p521_ge *const a[GROUPS]) {
    uint64_t words[LIMBS][LANES], limbs[LIMBS];
    lanes r;
    memset(words, 0, sizeof words);
    for (int g = 0; g < GROUPS; g++) {
        const kam3_p521_fe *const from[3] = {&a[g]->x, &a[g]->y, &a[g]->z};
        for (int j = 0; j < 3; j++) {
            limbs_in(limbs, from[j]);
            for (int i = 0; i < LIMBS; i++) words[i][4 * g + j] = limbs[i];
        }
    }
    FOR_LIMBS(i) r.v[i] = vec_load(words[i]);
    kam3_wipe(words, sizeof words);
    kam3_wipe(limbs, sizeof limbs);
    return r;
}

/* From Jacobian to homogeneous coordinates: (XZ : Y : Z^3). */
INLINE void points_out(kam3_p521_ge *const r[GROUPS], const doubling *s) {
    static const int lane_of[3] = {2, 1, 3};
    uint64_t words[3][LIMBS][LANES], limbs[LIMBS];
    lanes z, out;
    LANES_OF(z, s->b, 3, 3, 3, 3);
    out = merge(s->x, 8, mul(z, z)); /* [. . X ZZ] */
    out = mul(out, z);
    FOR_LIMBS(i) {
        vec_store(words[0][i], out.v[i]);
        vec_store(words[1][i], s->a.v[i]);
        vec_store(words[2][i], out.v[i]);
    }
    for (int g = 0; g < GROUPS; g++) {
        kam3_p521_fe *const to[3] = {&r[g]->x, &r[g]->y, &r[g]->z};
        for (int j = 0; j < 3; j++) {
            for (int i = 0; i < LIMBS; i++) limbs[i] = kam3_value_barrier(words[j][i][4 * g + lane_of[j]]);
            limbs_out(to[j], limbs);
        }
    }
    kam3_wipe(words, sizeof words);
    kam3_wipe(limbs, sizeof limbs);
}
