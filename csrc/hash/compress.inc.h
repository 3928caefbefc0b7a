/* The compression function of a SHA-2 hash [FIPS 180-4, 6.2.2 and 6.4.2] and PBKDF2's loop over it, a template over the
 * width of the words.
 *
 * Before inclusion, define
 *   WORD_BITS                      32 for SHA-256, 64 for SHA-512
 *   WORD                           the word, or a vector (GCC's kind, with operators) of words, one a stream
 *   WORD_OF(x)                     the number x as a WORD
 *   TARGET                         what stands before a function: nothing, or the attribute of a CPU path
 *   COMPRESS, ITERATE              the names of the functions; if they are not defined, only sha2_digest is there
 */

#if WORD_BITS == 32
#define WORDS w32
#define WORD_LOAD kam3_load32_be
#define ROUNDS 64
#define ROUND_CONSTANTS kam3_sha256_k
typedef uint32_t scalar_word;
#define S0 2, 13, 22 /* the rotations of Sigma_0 and Sigma_1 */
#define S1 6, 11, 25
#define E0 7, 18, 3 /* the rotations of sigma_0 and sigma_1, and their shift */
#define E1 17, 19, 10
#else
#define WORDS w64
#define WORD_LOAD kam3_load64_be
#define ROUNDS 80
#define ROUND_CONSTANTS kam3_sha512_k
typedef uint64_t scalar_word;
#define S0 28, 34, 39
#define S1 14, 18, 41
#define E0 1, 8, 7
#define E1 19, 61, 6
#endif

#define ROTR(x, k) (((x) >> (k)) | ((x) << (WORD_BITS - (k))))
#define BIG_SIGMA_(x, r, s, t) (ROTR(x, r) ^ ROTR(x, s) ^ ROTR(x, t))
#define BIG_SIGMA(x, rotations) BIG_SIGMA_(x, rotations)
#define SMALL_SIGMA_(x, r, s, t) (ROTR(x, r) ^ ROTR(x, s) ^ ((x) >> (t)))
#define SMALL_SIGMA(x, rotations) SMALL_SIGMA_(x, rotations)

/* One round without the moves: the caller renames the variables instead. kw = K_t + W_t. With Maj in this form its b ^
   c is the a ^ b of the round before. */
KAM3_INLINE TARGET void sha2_round(WORD a, WORD b, WORD c, WORD *d, WORD e, WORD f, WORD g, WORD *h, WORD kw) {
    const WORD ch = g ^ (e & (f ^ g));
    const WORD maj = b ^ ((a ^ b) & (b ^ c));
    const WORD t1 = *h + BIG_SIGMA(e, S1) + ch + kw;
    *d += t1;
    *h = t1 + BIG_SIGMA(a, S0) + maj;
}

/* W_t = sigma_1(W_{t-2}) + W_{t-7} + sigma_0(W_{t-15}) + W_{t-16}, in a window of 16 words:
   w[i] holds W_{t-16} for t = i mod 16 */
KAM3_INLINE TARGET WORD sha2_extend(WORD w[16], unsigned i) {
    const WORD w15 = w[(i + 1) & 15], w2 = w[(i + 14) & 15];
    w[i] += SMALL_SIGMA(w2, E1) + w[(i + 9) & 15] + SMALL_SIGMA(w15, E0);
    return w[i];
}

/* Eight rounds bring the variables back to their places. w_of is called with 0..15 = the round mod 16. */
#define EIGHT_ROUNDS(i, w_of)                                             \
    do {                                                                  \
        sha2_round(a, b, c, &d, e, f, g, &h, k[(i) + 0] + w_of((i) + 0)); \
        sha2_round(h, a, b, &c, d, e, f, &g, k[(i) + 1] + w_of((i) + 1)); \
        sha2_round(g, h, a, &b, c, d, e, &f, k[(i) + 2] + w_of((i) + 2)); \
        sha2_round(f, g, h, &a, b, c, d, &e, k[(i) + 3] + w_of((i) + 3)); \
        sha2_round(e, f, g, &h, a, b, c, &d, k[(i) + 4] + w_of((i) + 4)); \
        sha2_round(d, e, f, &g, h, a, b, &c, k[(i) + 5] + w_of((i) + 5)); \
        sha2_round(c, d, e, &f, g, h, a, &b, k[(i) + 6] + w_of((i) + 6)); \
        sha2_round(b, c, d, &e, f, g, h, &a, k[(i) + 7] + w_of((i) + 7)); \
    } while (0)

#define W_GIVEN(i) w[i]
#define W_EXTENDED(i) sha2_extend(w, i)

/* state = the chaining value after the block w, which is used up */
KAM3_INLINE TARGET void sha2_block(WORD state[8], WORD w[16]) {
    WORD a = state[0], b = state[1], c = state[2], d = state[3];
    WORD e = state[4], f = state[5], g = state[6], h = state[7];
    const scalar_word *k = ROUND_CONSTANTS;
    EIGHT_ROUNDS(0, W_GIVEN);
    EIGHT_ROUNDS(8, W_GIVEN);
    for (int t = 16; t < ROUNDS; t += 16) {
        k += 16;
        EIGHT_ROUNDS(0, W_EXTENDED);
        EIGHT_ROUNDS(8, W_EXTENDED);
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

/* dst = H(midstate, src | padding): the hash of a block and 8 words, of which the midstate has taken in the block */
KAM3_INLINE TARGET void sha2_digest(WORD dst[8], const WORD midstate[8], const WORD src[8], WORD w[16]) {
    for (size_t i = 0; i < 8; i++) w[i] = src[i];
    w[8] = WORD_OF((scalar_word)1 << (WORD_BITS - 1));
    for (size_t i = 9; i < 15; i++) w[i] = WORD_OF(0);
    w[15] = WORD_OF((16 + 8) * WORD_BITS);
    for (size_t i = 0; i < 8; i++) dst[i] = midstate[i];
    sha2_block(dst, w);
}

#ifdef COMPRESS

TARGET void COMPRESS(WORD state[8], const uint8_t *blocks, size_t count) {
    WORD w[16];
    for (; count != 0; count--, blocks += sizeof w) {
        for (size_t i = 0; i < 16; i++) w[i] = WORD_LOAD(blocks + i * sizeof(WORD));
        sha2_block(state, w);
    }
    kam3_wipe(w, sizeof w);
}

TARGET void ITERATE(kam3_pbkdf2_chain *chain, uint32_t count) {
    WORD w[16], digest[8];
    for (; count != 0; count--) {
        sha2_digest(digest, chain->inner.WORDS, chain->u.WORDS, w);
        sha2_digest(chain->u.WORDS, chain->outer.WORDS, digest, w);
        for (size_t i = 0; i < 8; i++) chain->t.WORDS[i] ^= chain->u.WORDS[i];
    }
    kam3_wipe(w, sizeof w);
    kam3_wipe(digest, sizeof digest);
}

#endif
