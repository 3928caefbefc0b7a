/* The four parameter sets of RFC 8121 section 3: their numbers, and their steps. */
#ifndef KAM3_EXCHANGE_SETS_H
#define KAM3_EXCHANGE_SETS_H

#include "bn/bn.h"
#include "hash/hash.h"
#include "kam3.h"

/* An argument as the caller gave it. Its length is not checked yet, its pointer is. */
typedef struct {
    enum kam3_argument argument;
    const uint8_t *octets;
    size_t len;
} kam3_input;

#define KAM3_STATUS(error, argument) ((kam3_status)((int)(error) + 256 * (int)(argument)))

/* How many jobs of the _many functions are taken at once: as many as any lanes. */
#define KAM3_MANY 8

/* The equations on one group (exchange/steps.inc.h). They check the lengths and values of their inputs in order, and write
   outputs of the natural length; after an error an output may hold anything. */
typedef struct {
    kam3_status (*j)(uint8_t *j, const kam3_input *pi);
    kam3_status (*kc1)(uint8_t *kc1, const kam3_input *s_c1);
    kam3_status (*check_denominator)(const kam3_input *pi, const kam3_input *s_c1, const kam3_input *kc1);
    kam3_status (*ks1)(uint8_t *ks1, const kam3_input *j, const kam3_input *kc1, const kam3_input *s_s1);
    kam3_status (*z_server)(uint8_t *z, const kam3_input *kc1, const kam3_input *ks1, const kam3_input *s_s1);
    kam3_status (*respond)(uint8_t *ks1, uint8_t *z, const kam3_input *j, const kam3_input *kc1, const kam3_input *s_s1);
    kam3_status (*prepare_j)(uint8_t *table, const kam3_input *j);
    kam3_status (*respond_prepared)(uint8_t *ks1, uint8_t *z, const kam3_input *table, const kam3_input *kc1,
                                    const kam3_input *s_s1);
    kam3_status (*z_client)(uint8_t *z, const kam3_input *pi, const kam3_input *s_c1, const kam3_input *kc1,
                            const kam3_input *ks1);
    kam3_status (*check_secret)(int role, const kam3_input *s);
    kam3_status (*check_element)(const kam3_input *element);
    void (*prepare_tables)(void);
    /* NULL where no path does several multiplications side by side; else how many that in use does, and what makes use of it: at
       most KAM3_MANY jobs whose pointers are checked. */
    size_t (*lanes)(void);
    void (*respond_many)(struct kam3_respond_job *const jobs[], size_t n);
    void (*z_client_many)(struct kam3_z_client_job *const jobs[], size_t n);
} kam3_steps;

/* The octets of a table wherever it begins; `prepared` is the type of its group. */
#define KAM3_TABLE_OCTETS(prepared)      \
    (63 + sizeof(struct {                \
         const void *set;                \
         prepared j;                     \
     }))

typedef struct {
    const char *token;
    size_t token_len;
    kam3_hash_kind hash;
    struct kam3_sizes sizes;
    uint8_t scalar_top;        /* mask for the first octet of a scalar: the bits that r-1 can have there */
    const kam3_modulus *field; /* DL: q, for the Jacobi symbol; NULL on curves, where every element is in the subgroup */
    const kam3_steps *steps;
} kam3_set;

/* The set of this number, NULL if there is none. */
const kam3_set *kam3_set_find(int algorithm);

#endif
