/* Faults that the checkers must find. */
#ifndef KAM3_TESTS_CT_PLANTED_H
#define KAM3_TESTS_CT_PLANTED_H

#include "base/config.h"

typedef uint64_t planted_function(const uint64_t *secret, const uint64_t *table);

/* planted_<name>, of those that a taint checker is asked about; NULL if there is none. */
planted_function *planted_find(const char *name);

/* What the function answers, on words that depend on the password. */
uint64_t planted_call(planted_function *const *fault, const uint8_t *password, size_t len);

#endif
