/* Rows of eight.
 *
 * Everything is made of one step: eight multipliers m_0 .. m_7 against eight words a_0 .. a_7, on eight accumulators
 * p_0 .. p_7 that never leave the registers. mulx does not touch the flags, so a row keeps two carry chains: the low
 * halves of its products are added along CF (adcx), the high halves one place higher along OF (adox). After row j the
 * word p_j is final and goes to memory, and its register takes p_(j+8), the top of the row. What is left is the carry
 * of eight words into the next step to the right:
 *     p <- p + t,   t + p 2^512 <- p + a m
 * never overflows its sixteen words, for (2^512-1)^2 + 2 (2^512-1) = 2^1024 - 1; the one bit that p + t itself may
 * carry has the weight of the lowest word of the next step, and waits in memory until then.
 *
 * p_k is in register r(8 + k mod 8), in all of the file.
 *
 * The reduction follows the product, again eight rows at once. u = t_0 is the digit, since q = -1 mod 2^64, and
 * t_0 + u q_0 = 2^64 u: a row adds u and the products with q_1 .. q_(n-1), one place higher. In the first seven words
 * of eight rows each row makes the next digit; the columns from q_8 on are steps like those of a product, with the
 * digits as multipliers.
 */
#include "dl/montgomery_adx.h"

#if KAM3_X86_64_ASM

#include "base/ct.h"
#include "base/wipe.h"

#define MAX_WORDS 64

typedef struct {
    uint64_t m[8];             /* the multipliers, or digits, of these rows; the offsets are known to the code below */
    uint64_t carry;            /* at 64: the bit between two steps, as 0 or -1 */
    uint64_t top;              /* at 72: the carry of the reduction above the words it has reached, as 0 or -1 */
    const uint64_t *end;       /* at 80: where a ends */
    uint64_t t[2 * MAX_WORDS]; /* the product */
} work;

/* low and high of m a_at, each into its chain */
#define PRODUCT(at, low, high)                                                                                         \
    "mulxq " at "(%[a]), %%rax, %%rcx\n\t"                                                                             \
    "adcxq %%rax, %%" low "\n\t"                                                                                       \
    "adoxq %%rcx, %%" high "\n\t"

/* The last product of a row, which ends both chains in its own high half. */
#define PRODUCT_TOP(at, low, high)                                                                                     \
    "mulxq " at "(%[a]), %%rax, %%" high "\n\t"                                                                        \
    "adcxq %%rax, %%" low "\n\t"                                                                                       \
    "movl $0, %%eax\n\t"                                                                                               \
    "adoxq %%rax, %%" high "\n\t"                                                                                      \
    "adcxq %%rax, %%" high "\n\t"

#define NO_CARRIES "xorl %%eax, %%eax\n\t"

/* Row j of a step. */
#define ROW(j, p0, p1, p2, p3, p4, p5, p6, p7)                                                                         \
    "movq 8*" #j "(%[w]), %%rdx\n\t" NO_CARRIES                                                                        \
    PRODUCT("", p0, p1)                                                                                                \
    PRODUCT("8", p1, p2)                                                                                               \
    PRODUCT("16", p2, p3)                                                                                              \
    PRODUCT("24", p3, p4)                                                                                              \
    PRODUCT("32", p4, p5)                                                                                              \
    PRODUCT("40", p5, p6)                                                                                              \
    PRODUCT("48", p6, p7)                                                                                              \
    "movq %%" p0 ", 8*" #j "(%[t])\n\t"                                                                                \
    PRODUCT_TOP("56", p7, p0)

#define EIGHT(operation)                                                                                               \
    operation("", "r8") operation("8", "r9") operation("16", "r10") operation("24", "r11")                             \
    operation("32", "r12") operation("40", "r13") operation("48", "r14") operation("56", "r15")
#define ADD_WITH_CARRY(at, p) "adcq " at "(%[t]), %%" p "\n\t"
#define ADD_CARRY(at, p) "adcq $0, %%" p "\n\t"
#define STORE(at, p) "movq %%" p ", " at "(%[t])\n\t"
#define LOAD(at, p) "movq " at "(%[t]), %%" p "\n\t"
#define ZERO(at, p) "xorl %%" p "d, %%" p "d\n\t"
#define CARRY_FROM(at) "movq " at "(%[w]), %%rax\n\tnegq %%rax\n\t"
#define CARRY_TO(at) "sbbq %%rax, %%rax\n\tmovq %%rax, " at "(%[w])\n\t"
#define NEXT_EIGHT "addq $64, %[a]\n\taddq $64, %[t]\n\t"

/* All steps from a on to w->end. Then the bit that waits goes into p, whose words cannot overflow. */
#define STEPS                                                                                                          \
    "movq $0, 64(%[w])\n"                                                                                              \
    "1:\n\t"                                                                                                           \
    "cmpq 80(%[w]), %[a]\n\t"                                                                                          \
    "je 2f\n\t"                                                                                                        \
    CARRY_FROM("64")                                                                                                   \
    EIGHT(ADD_WITH_CARRY)                                                                                              \
    CARRY_TO("64")                                                                                                     \
    ROW(0, "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15")                                                       \
    ROW(1, "r9", "r10", "r11", "r12", "r13", "r14", "r15", "r8")                                                       \
    ROW(2, "r10", "r11", "r12", "r13", "r14", "r15", "r8", "r9")                                                       \
    ROW(3, "r11", "r12", "r13", "r14", "r15", "r8", "r9", "r10")                                                       \
    ROW(4, "r12", "r13", "r14", "r15", "r8", "r9", "r10", "r11")                                                       \
    ROW(5, "r13", "r14", "r15", "r8", "r9", "r10", "r11", "r12")                                                       \
    ROW(6, "r14", "r15", "r8", "r9", "r10", "r11", "r12", "r13")                                                       \
    ROW(7, "r15", "r8", "r9", "r10", "r11", "r12", "r13", "r14")                                                       \
    NEXT_EIGHT                                                                                                         \
    "jmp 1b\n"                                                                                                         \
    "2:\n\t"                                                                                                           \
    CARRY_FROM("64")                                                                                                   \
    EIGHT(ADD_CARRY)

#define CLOBBERS "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cc", "memory"

/* t_0 .. t_(n+7) = t_0 .. t_(n-1) + a m, a from `a` to w->end */
static KAM3_NOINLINE void rows_of_product(uint64_t *t, const uint64_t *a, work *w) {
    __asm__ volatile(EIGHT(ZERO) STEPS EIGHT(STORE) : [t] "+&r"(t), [a] "+&r"(a) : [w] "r"(w) : CLOBBERS);
}

/* m_i a_j for the i < j of the diagonal, m = a. The words p_0 .. p_(2i+2) are final after row i. */
#define FIRST_OF_ROW(i) "movq 8*" #i "(%[a]), %%rdx\n\t" NO_CARRIES

/* The words above the diagonal of a^2 in the rows of a_0 .. a_7: t_0 .. t_(n+7) = t_0 .. t_(n-1) + sum over i < 8, i <
 * j of a_i a_j 2^(64 (i + j)), n the words from a to w->end. Requires: w->m = a_0 .. a_7 */
static KAM3_NOINLINE void rows_of_square(uint64_t *t, const uint64_t *a, work *w) {
    __asm__ volatile(
        EIGHT(LOAD) /* r8 = p_0 is final at once */
        FIRST_OF_ROW(0)
        PRODUCT("8", "r9", "r10") PRODUCT("16", "r10", "r11") PRODUCT("24", "r11", "r12") PRODUCT("32", "r12", "r13")
        PRODUCT("40", "r13", "r14") PRODUCT("48", "r14", "r15") PRODUCT_TOP("56", "r15", "r8")
        STORE("8", "r9") STORE("16", "r10")
        FIRST_OF_ROW(1)
        PRODUCT("16", "r11", "r12") PRODUCT("24", "r12", "r13") PRODUCT("32", "r13", "r14") PRODUCT("40", "r14", "r15")
        PRODUCT("48", "r15", "r8") PRODUCT_TOP("56", "r8", "r9")
        STORE("24", "r11") STORE("32", "r12")
        FIRST_OF_ROW(2)
        PRODUCT("24", "r13", "r14") PRODUCT("32", "r14", "r15") PRODUCT("40", "r15", "r8") PRODUCT("48", "r8", "r9")
        PRODUCT_TOP("56", "r9", "r10")
        STORE("40", "r13") STORE("48", "r14")
        FIRST_OF_ROW(3)
        PRODUCT("32", "r15", "r8") PRODUCT("40", "r8", "r9") PRODUCT("48", "r9", "r10") PRODUCT_TOP("56", "r10", "r11")
        STORE("56", "r15")
        FIRST_OF_ROW(4)
        PRODUCT("40", "r9", "r10") PRODUCT("48", "r10", "r11") PRODUCT_TOP("56", "r11", "r12")
        FIRST_OF_ROW(5)
        PRODUCT("48", "r11", "r12") PRODUCT_TOP("56", "r12", "r13")
        FIRST_OF_ROW(6)
        PRODUCT_TOP("56", "r13", "r14")
        ZERO("", "r15")
        NEXT_EIGHT
        STEPS
        EIGHT(STORE)
        : [t] "+&r"(t), [a] "+&r"(a)
        : [w] "r"(w)
        : CLOBBERS);
}

/* Row i of the reduction: u = p_i is in rdx; p_(i+1) is final afterwards, and the next u. */
#define DIGIT_ROW(i, p1, p2, p3, p4, p5, p6, p7, p8)                                                                   \
    "movq %%rdx, 8*" #i "(%[w])\n\t" NO_CARRIES                                                                        \
    "mulxq 8(%[a]), %%rax, %%rcx\n\t"                                                                                  \
    "adcxq %%rax, %%" p1 "\n\t"                                                                                        \
    "adoxq %%rdx, %%" p1 "\n\t"                                                                                        \
    "adoxq %%rcx, %%" p2 "\n\t"                                                                                        \
    PRODUCT("16", p2, p3)                                                                                              \
    PRODUCT("24", p3, p4)                                                                                              \
    PRODUCT("32", p4, p5)                                                                                              \
    PRODUCT("40", p5, p6)                                                                                              \
    PRODUCT("48", p6, p7)                                                                                              \
    PRODUCT_TOP("56", p7, p8)
#define DIGIT_FROM(p) "movq %%" p ", %%rdx\n\t"

/* Eight words of t vanish: t_8 .. t_(n+7) and w->top = (t_0 .. t_(n+7), w->top + u q) / 2^512, q from `a` to w->end. */
static KAM3_NOINLINE void rows_of_reduction(uint64_t *t, const uint64_t *a, work *w) {
    __asm__ volatile(
        EIGHT(LOAD)
        DIGIT_FROM("r8")
        DIGIT_ROW(0, "r9", "r10", "r11", "r12", "r13", "r14", "r15", "r8")
        DIGIT_FROM("r9")
        DIGIT_ROW(1, "r10", "r11", "r12", "r13", "r14", "r15", "r8", "r9")
        DIGIT_FROM("r10")
        DIGIT_ROW(2, "r11", "r12", "r13", "r14", "r15", "r8", "r9", "r10")
        DIGIT_FROM("r11")
        DIGIT_ROW(3, "r12", "r13", "r14", "r15", "r8", "r9", "r10", "r11")
        DIGIT_FROM("r12")
        DIGIT_ROW(4, "r13", "r14", "r15", "r8", "r9", "r10", "r11", "r12")
        DIGIT_FROM("r13")
        DIGIT_ROW(5, "r14", "r15", "r8", "r9", "r10", "r11", "r12", "r13")
        DIGIT_FROM("r14")
        DIGIT_ROW(6, "r15", "r8", "r9", "r10", "r11", "r12", "r13", "r14")
        DIGIT_FROM("r15")
        DIGIT_ROW(7, "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15")
        NEXT_EIGHT
        STEPS
        CARRY_FROM("72")
        EIGHT(ADD_WITH_CARRY)
        EIGHT(STORE)
        CARRY_TO("72")
        : [t] "+&r"(t), [a] "+&r"(a)
        : [w] "r"(w)
        : CLOBBERS);
}

/* t = 2 t + sum a_i^2 2^128i, t of 2n words: doubled along CF, the squares along OF. lea and jrcxz leave the flags
 * alone. */
static KAM3_NOINLINE void double_and_add_squares(uint64_t *t, const uint64_t *a, size_t n) {
#define SQUARE(at, low, high)                                                                                          \
    "movq " at "(%[a]), %%rdx\n\t"                                                                                     \
    "mulxq %%rdx, %%rax, %%rdx\n\t"                                                                                    \
    "movq " low "(%[t]), %%r8\n\t"                                                                                     \
    "movq " high "(%[t]), %%r9\n\t"                                                                                    \
    "adcxq %%r8, %%r8\n\t"                                                                                             \
    "adoxq %%rax, %%r8\n\t"                                                                                            \
    "adcxq %%r9, %%r9\n\t"                                                                                             \
    "adoxq %%rdx, %%r9\n\t"                                                                                            \
    "movq %%r8, " low "(%[t])\n\t"                                                                                     \
    "movq %%r9, " high "(%[t])\n\t"
    size_t fours = n / 4;
    __asm__ volatile(
        NO_CARRIES
        "1:\n\t"
        SQUARE("", "", "8") SQUARE("8", "16", "24") SQUARE("16", "32", "40") SQUARE("24", "48", "56")
        "leaq 32(%[a]), %[a]\n\t"
        "leaq 64(%[t]), %[t]\n\t"
        "leaq -1(%%rcx), %%rcx\n\t"
        "jrcxz 2f\n\t"
        "jmp 1b\n"
        "2:\n\t"
        : [t] "+&r"(t), [a] "+&r"(a), "+&c"(fours)
        :
        : "rax", "rdx", "r8", "r9", "cc", "memory");
}

/* r = a - b in 8 n/8 words; a borrow is lost */
static void subtract(uint64_t *r, const uint64_t *a, const uint64_t *b, size_t n) {
#define SUBTRACT(at) "movq " at "(%[a]), %%rax\n\tsbbq " at "(%[b]), %%rax\n\tmovq %%rax, " at "(%[r])\n\t"
    size_t eights = n / 8;
    __asm__ volatile(
        NO_CARRIES
        "1:\n\t"
        SUBTRACT("") SUBTRACT("8") SUBTRACT("16") SUBTRACT("24")
        SUBTRACT("32") SUBTRACT("40") SUBTRACT("48") SUBTRACT("56")
        "leaq 64(%[a]), %[a]\n\t"
        "leaq 64(%[b]), %[b]\n\t"
        "leaq 64(%[r]), %[r]\n\t"
        "leaq -1(%%rcx), %%rcx\n\t"
        "jrcxz 2f\n\t"
        "jmp 1b\n"
        "2:\n\t"
        : [r] "+&r"(r), [a] "+&r"(a), [b] "+&r"(b), "+&c"(eights)
        :
        : "rax", "cc", "memory");
}

/* r = a - (m ? q : 0). `masked` has room for n words, and may hold anything afterwards. */
static void subtract_masked(uint64_t *r, const uint64_t *a, const uint64_t *q, kam3_mask m, uint64_t *restrict masked,
                            size_t n) {
    for (size_t i = 0; i < n; i++) masked[i] = q[i] & m;
    subtract(r, a, masked, n);
}

void kam3_dl_fold_adx(uint64_t *r, const uint64_t *a, uint64_t top, const uint64_t *q, size_t n) {
    uint64_t masked[MAX_WORDS];
    subtract_masked(r, a, q, kam3_mask_from_bit(top), masked, n);
    kam3_wipe(masked, n * sizeof masked[0]);
}

/* r = w->t / R mod q, and w is wiped. With t < R^2 and U < R, (t + U q) / R < R + q: one q is to be taken off if it is
 * not below R, and then r < q; if t < R, (t + U q) / R < q + 1. */
static void reduce(uint64_t *r, work *w, const uint64_t *q, size_t n) {
    w->end = q + n;
    w->top = 0;
    for (size_t row = 0; row < n; row += 8) rows_of_reduction(w->t + row, q, w);
    subtract_masked(r, w->t + n, q, kam3_value_barrier(w->top), w->t, n);
    kam3_wipe(w, offsetof(work, t) + 2 * n * sizeof w->t[0]);
}

void kam3_dl_mul_adx(uint64_t *r, const uint64_t *a, const uint64_t *b, const uint64_t *q, size_t n) {
    work w;
    memset(w.t, 0, n * sizeof w.t[0]);
    w.end = a + n;
    for (size_t row = 0; row < n; row += 8) {
        memcpy(w.m, b + row, sizeof w.m);
        rows_of_product(w.t + row, a, &w);
    }
    reduce(r, &w, q, n);
}

void kam3_dl_sqr_adx(uint64_t *r, const uint64_t *a, const uint64_t *q, size_t n) {
    work w;
    memset(w.t, 0, n * sizeof w.t[0]);
    w.end = a + n;
    for (size_t row = 0; row < n; row += 8) {
        memcpy(w.m, a + row, sizeof w.m);
        rows_of_square(w.t + 2 * row, a + row, &w);
    }
    double_and_add_squares(w.t, a, n);
    reduce(r, &w, q, n);
}

#endif
