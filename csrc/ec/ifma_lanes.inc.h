/* Template: eight scalar multiplications at once, each in a lane of its own, on a curve's IFMA path.
 *
 * Expects, of the curve, with GROUPS = 2: lanes, FOR_LIMBS, vec_*, ENTRIES, DIGITS, make_odd, digit_index, finish as in its other
 * templates, and
 *   KAM3_EC_PREFIX                             the prefix of its types
 *   SCALAR_LIMBS, ODD_WORDS                    the words of a scalar, and of what make_odd writes
 *   point                                      lanes x, y, z: Jacobian coordinates of eight points
 *   point_dbl(r, a, w), point_add(r, a, b, w)  r = 2a; r = a + b, a /= +-b and neither the identity; r may be a. `work` is w's type
 *   point_negate_y(y, m)                       y = -y in the lanes of m, a secret mask, as point_add takes it
 *   points_in(p, a), points_out(r, p)          from eight points of exchange/group.h, and back
 *
 * The digits are those of a single multiplication, and so are the sums: the argument why none is exceptional (p256_ifma_mul.inc.h,
 * p521_ifma_mul.inc.h) is about a scalar and a point, whatever lane they are in.
 */
#define KAM3_EC(name) KAM3_CAT(KAM3_EC_PREFIX, name)

/* r = entry index[l] of the table in lane l, negated where m_negative, all ones, says so. Every entry is read. */
INLINE void look_up(point *r, const point table[ENTRIES], const uint64_t index[LANES], const kam3_mask m_negative[LANES]) {
    const vec wanted = vec_load(index);
    point found = table[0];
    for (int e = 1; e < ENTRIES; e++) {
        const __mmask8 here = vec_equal(wanted, vec_all(e));
        FOR_LIMBS(i) {
            found.x.v[i] = vec_select(found.x.v[i], here, table[e].x.v[i]);
            found.y.v[i] = vec_select(found.y.v[i], here, table[e].y.v[i]);
            found.z.v[i] = vec_select(found.z.v[i], here, table[e].z.v[i]);
        }
    }
    point_negate_y(&found.y, vec_equal(vec_load(m_negative), vec_all(~0ULL)));
    *r = found;
}

/* r[l] = [k[l]]a[l] */
TARGET static void mul_lanes(KAM3_EC(ge) *const r[LANES], const KAM3_EC(ge) *const a[LANES],
                             const KAM3_EC(sc) *const k[LANES]) {
    struct {
        point table[ENTRIES], sum, term;
        work w;
        uint64_t odd[LANES][ODD_WORDS], index[LANES];
        kam3_mask m_negative[LANES], m_identity[LANES], m_negate[LANES];
    } s;
    for (int l = 0; l < LANES; l++) {
        s.m_identity[l] = kam3_bn_is_zero(k[l]->limb, SCALAR_LIMBS) | KAM3_EC(fe_is_zero)(&a[l]->z);
        s.m_negate[l] = make_odd(s.odd[l], k[l]);
    }
    points_in(&s.table[0], a, &s.w);
    s.sum = s.table[0];
    point_dbl(&s.term, &s.sum, &s.w);
    for (int e = 1; e < ENTRIES; e++) point_add(&s.table[e], &s.table[e - 1], &s.term, &s.w);
    for (size_t i = DIGITS; i-- > 0;) {
        for (int j = 0; j < 5; j++) point_dbl(&s.sum, &s.sum, &s.w);
        for (int l = 0; l < LANES; l++) s.index[l] = kam3_value_barrier(digit_index(&s.m_negative[l], s.odd[l], i));
        look_up(&s.term, s.table, s.index, s.m_negative);
        point_add(&s.sum, &s.sum, &s.term, &s.w);
    }
    points_out(r, &s.sum, &s.w);
    for (int l = 0; l < LANES; l++) finish(r[l], s.m_negate[l], s.m_identity[l]);
    kam3_wipe(&s, sizeof s);
}

#undef KAM3_EC
