/* Template: P and P' of RFC 8121 section 3.3. Expects base.inc.h before it.
 *
 *     P((x, y)) = 2x + (y mod 2), big-endian in ELEMENT_OCTETS octets
 * The identity has no encoding. No point has y = 0, for the order of the group is odd; so every point has a twin of the
 * other parity, and a string decodes exactly if x = v / 2 < q and x^3 - 3x + b is a square.
 */

/* An element on its way: x and y, y^2 = t if there is such a point, the parity that y is to have, and the verdict so far. */
typedef struct {
    fe x, y, t;
    kam3_mask m_odd, ok;
} decoding;

static void decode_x(decoding *s, const uint8_t octets[KAM3_EC_ELEMENT_OCTETS]) {
    uint8_t x_octets[KAM3_EC_ELEMENT_OCTETS];
    uint8_t above = 0; /* what does not belong to x, and what is shifted from octet to octet */

    for (size_t i = 0; i < KAM3_EC_ELEMENT_OCTETS; i++) {
        x_octets[i] = (uint8_t)((octets[i] >> 1) | above);
        above = (uint8_t)(octets[i] << 7);
    }
    s->m_odd = kam3_mask_from_bit(octets[KAM3_EC_ELEMENT_OCTETS - 1] & 1);
    above = 0;
    for (size_t i = 0; i + KAM3_EC_FE_OCTETS < KAM3_EC_ELEMENT_OCTETS; i++) above |= x_octets[i];
    s->ok = kam3_mask_is_zero(above);
    s->ok &= KAM3_EC(fe_from_octets)(&s->x, x_octets + (KAM3_EC_ELEMENT_OCTETS - KAM3_EC_FE_OCTETS));

    SQR(&s->t, &s->x);
    MUL(&s->t, &s->t, &s->x);
    ADD(&s->t, &s->t, &curve_b); /* 2 */
    for (int i = 0; i < 3; i++) SUB(&s->t, &s->t, &s->x, 1); /* x^3 - 3x + b: 8 */
    kam3_wipe(x_octets, sizeof x_octets);
}

static kam3_mask decode_end(ge *r, decoding *s) {
    ge base;
    KAM3_EC(fe_neg)(&s->t, &s->y, 1);
    KAM3_EC(fe_cmov)(&s->y, &s->t, KAM3_EC(fe_is_odd)(&s->y) ^ s->m_odd);
    KAM3_EC(ge_base)(&base);
    r->x = s->x;
    r->y = s->y;
    KAM3_EC(fe_cmov)(&r->x, &base.x, ~s->ok);
    KAM3_EC(fe_cmov)(&r->y, &base.y, ~s->ok);
    KAM3_EC(fe_set_one)(&r->z);
    return s->ok;
}

kam3_mask KAM3_EC(ge_decode)(ge *r, const uint8_t octets[KAM3_EC_ELEMENT_OCTETS]) {
    decoding s;
    decode_x(&s, octets);
    s.ok &= KAM3_EC(fe_sqrt)(&s.y, &s.t);
    const kam3_mask ok = decode_end(r, &s);
    kam3_wipe(&s, sizeof s);
    return ok;
}

/* Eight roots in lanes take no longer than two, on P-521 three, one by one. */
void KAM3_EC(ge_decode_many)(ge *const r[], kam3_mask ok[], const uint8_t *const octets[], size_t n) {
    size_t done = 0;
#if defined(KAM3_EC_FAST)
    for (; n - done >= 4; done += n - done < 8 ? n - done : 8) {
        const size_t count = n - done < 8 ? n - done : 8;
        decoding s[8];
        fe *roots[8];
        const fe *squares[8];
        if (!KAM3_EC(fast_lanes)()) break;
        for (size_t l = 0; l < 8; l++) {
            decode_x(&s[l], octets[done + (l < count ? l : 0)]);
            roots[l] = &s[l].y;
            squares[l] = &s[l].t;
        }
        (void)KAM3_EC(fast_sqrt_lanes)(roots, squares);
        for (size_t l = 0; l < count; l++) {
            fe square;
            SQR(&square, &s[l].y);
            s[l].ok &= KAM3_EC(fe_eq)(&square, &s[l].t);
            ok[done + l] = decode_end(r[done + l], &s[l]);
        }
        kam3_wipe(s, sizeof s);
    }
#endif
    for (; done < n; done++) ok[done] = KAM3_EC(ge_decode)(r[done], octets[done]);
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
