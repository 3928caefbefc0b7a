/* Template: P and P' of RFC 8121 section 3.3. Expects base.inc.h before it.
 *
 *     P((x, y)) = 2x + (y mod 2), big-endian in ELEMENT_OCTETS octets
 * The identity has no encoding. No point has y = 0, for the order of the group is odd; so every point has a twin of the
 * other parity, and a string decodes exactly if x = v / 2 < q and x^3 - 3x + b is a square.
 */

kam3_mask KAM3_EC(ge_decode)(ge *r, const uint8_t octets[KAM3_EC_ELEMENT_OCTETS]) {
    struct {
        uint8_t x_octets[KAM3_EC_ELEMENT_OCTETS];
        fe x, y, t;
        ge base;
    } s;
    uint8_t above = 0; /* what does not belong to x, and what is shifted from octet to octet */
    kam3_mask ok;

    for (size_t i = 0; i < KAM3_EC_ELEMENT_OCTETS; i++) {
        s.x_octets[i] = (uint8_t)((octets[i] >> 1) | above);
        above = (uint8_t)(octets[i] << 7);
    }
    const kam3_mask m_odd = kam3_mask_from_bit(octets[KAM3_EC_ELEMENT_OCTETS - 1] & 1);
    above = 0;
    for (size_t i = 0; i + KAM3_EC_FE_OCTETS < KAM3_EC_ELEMENT_OCTETS; i++) above |= s.x_octets[i];
    ok = kam3_mask_is_zero(above);
    ok &= KAM3_EC(fe_from_octets)(&s.x, s.x_octets + (KAM3_EC_ELEMENT_OCTETS - KAM3_EC_FE_OCTETS));

    SQR(&s.t, &s.x);
    MUL(&s.t, &s.t, &s.x);
    ADD(&s.t, &s.t, &curve_b); /* 2 */
    for (int i = 0; i < 3; i++) SUB(&s.t, &s.t, &s.x, 1); /* x^3 - 3x + b: 8 */
    ok &= KAM3_EC(fe_sqrt)(&s.y, &s.t);
    KAM3_EC(fe_neg)(&s.t, &s.y, 1);
    KAM3_EC(fe_cmov)(&s.y, &s.t, KAM3_EC(fe_is_odd)(&s.y) ^ m_odd);

    KAM3_EC(ge_base)(&s.base);
    r->x = s.x;
    r->y = s.y;
    KAM3_EC(fe_cmov)(&r->x, &s.base.x, ~ok);
    KAM3_EC(fe_cmov)(&r->y, &s.base.y, ~ok);
    KAM3_EC(fe_set_one)(&r->z);
    kam3_wipe(&s, sizeof s);
    return ok;
}

/* The identity has z = 0, 1/z = 0, x = y = 0: the octets are zero by themselves. */
kam3_mask KAM3_EC(ge_encode)(uint8_t octets[KAM3_EC_ELEMENT_OCTETS], const ge *a) {
    struct {
        fe x, y, z_inverse;
    } s;
    const kam3_mask ok = ~KAM3_EC(fe_is_zero)(&a->z);

    KAM3_EC(fe_inv)(&s.z_inverse, &a->z);
    MUL(&s.x, &a->x, &s.z_inverse);
    MUL(&s.y, &a->y, &s.z_inverse);
    uint8_t low = (uint8_t)(KAM3_EC(fe_is_odd)(&s.y) & 1); /* shifted in from the right */

    memset(octets, 0, KAM3_EC_ELEMENT_OCTETS);
    KAM3_EC(fe_to_octets)(octets + (KAM3_EC_ELEMENT_OCTETS - KAM3_EC_FE_OCTETS), &s.x);
    for (size_t i = KAM3_EC_ELEMENT_OCTETS; i-- > 0;) {
        const uint8_t x = octets[i];
        octets[i] = (uint8_t)((x << 1) | low);
        low = x >> 7;
    }
    kam3_wipe(&s, sizeof s);
    return ok;
}
