/* The rules on buffers that hold for every function of kam3.h, whatever their contents are. Lengths of inputs are the steps' business. */
#ifndef KAM3_EXCHANGE_BUFFERS_H
#define KAM3_EXCHANGE_BUFFERS_H

#include "exchange/sets.h"

/* Which of the natural lengths an output has. */
enum kam3_natural { KAM3_HASH, KAM3_ELEMENT, KAM3_SCALAR, KAM3_TABLE };

typedef struct {
    uint8_t *octets;
    size_t len;
    enum kam3_natural natural;
} kam3_output;

#define KAM3_COUNT(array) (sizeof(array) / sizeof(array)[0])

/* *set = the parameter set, once the buffers are in order; the outputs are zeroed, so that whatever fails leaves zeros. */
kam3_status kam3_begin(const kam3_set **set, int algorithm, const kam3_output *out, size_t outs, const kam3_input *in, size_t ins);

/* The answer of a step, which may leave anything in an output when it fails, and on the stack in any case. */
kam3_status kam3_end(kam3_status status, const kam3_output *out, size_t outs);

/* Zero the outputs if the step failed. */
void kam3_clear(kam3_status status, const kam3_output *out, size_t outs);

/* 1 if the two stretches of memory have an octet in common. */
int kam3_overlap(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len);

#endif
