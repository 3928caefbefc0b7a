/* SHA-512 of one stream on x86: the message schedule in vectors of four words, woven into the rounds. A template over
 * the form of the variables and the vector instructions.
 *
 * Before inclusion, define
 *   TARGET, INLINE                 the CPU path's function attribute, alone and with KAM3_INLINE
 *   COMPRESS, ITERATE              the names of the functions
 *   variables                      struct {a..h} in the forms that suit the rounds, with
 *     variables_load(v, a_of, state)        v = the chaining value
 *     variables_words(abcd, efgh, v)        v as vectors of four
 *     one_round(a, b, c, d, e, f, g, h, kw, a_of, i)
 *                                  round i mod 16 of the names so moved; kw = K_t + W_t, a_of as below
 *   sigma_0(w), sigma_1(w)         of four words and of two [FIPS 180-4, 4.1.3]
 *   next_words(hi, lo)             [lo1 lo2 lo3 hi0]
 */

/* What crosses from vector to integer registers, and has time to go through memory, where no execution unit
   has to carry it. All of it is secret. */
typedef struct {
    _Alignas(64) uint64_t kw[16]; /* K_t + W_t of the sixteen rounds at hand */
    volatile uint64_t a_of[16]; /* a after round t; volatile, else the compiler makes register moves of it */
} scratch;

/* The window of the last sixteen words, w[i] being the oldest four when it is their turn, and the last two of them
   again. */
typedef struct {
    __m256i w[4];
    __m128i last;
} schedule;

INLINE void kw_store(scratch *s, size_t i, __m256i words, const uint64_t *k) {
    _mm256_store_si256((__m256i *)(s->kw + i), _mm256_add_epi64(words, _mm256_load_si256((const __m256i *)(k + i))));
}

/* Four rounds, and between them W_{t+16}..W_{t+19} if next_k is not NULL:
   W_t = sigma_1(W_{t-2}) + W_{t-7} + sigma_0(W_{t-15}) + W_{t-16}, of which the first term makes it two words at a
   time. */
INLINE void four_rounds(variables *v, scratch *s, schedule *m, size_t i, const uint64_t *next_k) {
    const size_t j = i / 4;
    __m256i sum = m->w[j];
    __m128i low = m->last;
    if (next_k != NULL) sum = _mm256_add_epi64(sum, sigma_0(next_words(m->w[(j + 1) & 3], m->w[j])));
    one_round(v->a, v->b, v->c, &v->d, v->e, v->f, v->g, &v->h, s->kw[i], s->a_of, i);
    if (next_k != NULL) sum = _mm256_add_epi64(sum, next_words(m->w[(j + 3) & 3], m->w[(j + 2) & 3]));
    one_round(v->d, v->a, v->b, &v->c, v->h, v->e, v->f, &v->g, s->kw[i + 1], s->a_of, i + 1);
    if (next_k != NULL) low = _mm_add_epi64(_mm256_castsi256_si128(sum), sigma_1(low));
    one_round(v->c, v->d, v->a, &v->b, v->g, v->h, v->e, &v->f, s->kw[i + 2], s->a_of, i + 2);
    one_round(v->b, v->c, v->d, &v->a, v->f, v->g, v->h, &v->e, s->kw[i + 3], s->a_of, i + 3);
    if (next_k != NULL) {
        m->last = _mm_add_epi64(_mm256_extracti128_si256(sum, 1), sigma_1(low));
        m->w[j] = _mm256_inserti128_si256(_mm256_castsi128_si256(low), m->last, 1);
        kw_store(s, i, m->w[j], next_k);
    }
}

INLINE void sixteen_rounds(variables *v, scratch *s, schedule *m, const uint64_t *next_k) {
    four_rounds(v, s, m, 0, next_k);
    four_rounds(v, s, m, 4, next_k);
    four_rounds(v, s, m, 8, next_k);
    four_rounds(v, s, m, 12, next_k);
}

typedef struct {
    __m256i abcd, efgh;
} words8;

INLINE words8 words_load(const uint64_t words[8]) {
    words8 r;
    r.abcd = _mm256_loadu_si256((const __m256i *)words);
    r.efgh = _mm256_loadu_si256((const __m256i *)(words + 4));
    return r;
}

INLINE void words_store(uint64_t words[8], words8 x) {
    _mm256_storeu_si256((__m256i *)words, x.abcd);
    _mm256_storeu_si256((__m256i *)(words + 4), x.efgh);
}

/* the chaining value after state and the block m->w */
INLINE words8 block_rounds(const uint64_t state[8], schedule *m, scratch *s) {
    const words8 before = words_load(state);
    variables v;
    words8 r;
    m->last = _mm256_extracti128_si256(m->w[3], 1);
    for (size_t i = 0; i < 4; i++) kw_store(s, 4 * i, m->w[i], kam3_sha512_k);
    variables_load(&v, s->a_of, state);
    for (size_t t = 16; t < 80; t += 16) sixteen_rounds(&v, s, m, kam3_sha512_k + t);
    sixteen_rounds(&v, s, m, NULL);
    variables_words(&r.abcd, &r.efgh, &v);
    r.abcd = _mm256_add_epi64(r.abcd, before.abcd);
    r.efgh = _mm256_add_epi64(r.efgh, before.efgh);
    return r;
}

TARGET void COMPRESS(uint64_t state[8], const uint8_t *blocks, size_t count) {
    const __m256i big_endian = _mm256_set_epi64x(0x08090a0b0c0d0e0f, 0x0001020304050607, /* in either half */
                                                 0x08090a0b0c0d0e0f, 0x0001020304050607);
    scratch s;
    for (; count != 0; count--, blocks += 128) {
        schedule m;
        for (size_t i = 0; i < 4; i++) {
            m.w[i] = _mm256_shuffle_epi8(_mm256_loadu_si256((const __m256i *)(blocks + 32 * i)), big_endian);
        }
        words_store(state, block_rounds(state, &m, &s));
    }
    kam3_wipe(&s, sizeof s);
}

/* H(midstate, digest): one block of the digest, a bit 1, zeros, and the bits of a block and a digest */
INLINE words8 hash_digest(const uint64_t midstate[8], words8 digest, scratch *s) {
    schedule m;
    m.w[0] = digest.abcd;
    m.w[1] = digest.efgh;
    m.w[2] = _mm256_set_epi64x(0, 0, 0, INT64_MIN);
    m.w[3] = _mm256_set_epi64x(8 * (128 + 64), 0, 0, 0);
    return block_rounds(midstate, &m, s);
}

TARGET void ITERATE(kam3_pbkdf2_chain *chain, uint32_t count) {
    const uint64_t *const midstates[2] = {chain->inner.w64, chain->outer.w64};
    words8 u = words_load(chain->u.w64), t = words_load(chain->t.w64);
    scratch s;
    for (; count != 0; count--) {
        for (int i = 0; i < 2; i++) u = hash_digest(midstates[i], u, &s);
        t.abcd = _mm256_xor_si256(t.abcd, u.abcd);
        t.efgh = _mm256_xor_si256(t.efgh, u.efgh);
    }
    words_store(chain->u.w64, u);
    words_store(chain->t.w64, t);
    kam3_wipe(&s, sizeof s);
}
