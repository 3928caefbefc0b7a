#include "exchange/buffers.h"

#include "base/wipe.h"

static size_t natural_length(const kam3_set *set, enum kam3_natural which) {
    const size_t lengths[] = {set->sizes.hash, set->sizes.element, set->sizes.scalar, set->sizes.table};
    return lengths[which];
}

int kam3_overlap(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len) {
    const uintptr_t a_first = (uintptr_t)a, b_first = (uintptr_t)b;
    if (a_len == 0 || b_len == 0) return 0;
    return a_first < b_first ? b_first - a_first < a_len : a_first - b_first < b_len;
}

static kam3_status check_buffers(const kam3_output *out, size_t outs, const kam3_input *in, size_t ins) {
    for (size_t i = 0; i < outs; i++)
        if (out[i].octets == NULL) return KAM3_STATUS(KAM3_ERR_NULL, KAM3_ARG_OUTPUT);
    for (size_t i = 0; i < ins; i++)
        if (in[i].octets == NULL && in[i].len != 0) return KAM3_STATUS(KAM3_ERR_NULL, in[i].argument);
    for (size_t i = 0; i < outs; i++) {
        for (size_t k = i + 1; k < outs; k++)
            if (kam3_overlap(out[i].octets, out[i].len, out[k].octets, out[k].len))
                return KAM3_STATUS(KAM3_ERR_ALIAS, KAM3_ARG_OUTPUT);
        for (size_t k = 0; k < ins; k++)
            if (kam3_overlap(out[i].octets, out[i].len, in[k].octets, in[k].len))
                return KAM3_STATUS(KAM3_ERR_ALIAS, in[k].argument);
    }
    return KAM3_OK;
}

kam3_status kam3_begin(const kam3_set **set, int algorithm, const kam3_output *out, size_t outs, const kam3_input *in,
                       size_t ins) {
    const kam3_status status = check_buffers(out, outs, in, ins);
    if (status != KAM3_OK) return status;
    for (size_t i = 0; i < outs; i++) kam3_wipe(out[i].octets, out[i].len);
    *set = kam3_set_find(algorithm);
    if (*set == NULL) return KAM3_STATUS(KAM3_ERR_ALGORITHM, KAM3_ARG_ALGORITHM);
    for (size_t i = 0; i < outs; i++)
        if (out[i].len != natural_length(*set, out[i].natural))
            return KAM3_STATUS(KAM3_ERR_OUTPUT_LENGTH, KAM3_ARG_OUTPUT);
    return KAM3_OK;
}

void kam3_clear(kam3_status status, const kam3_output *out, size_t outs) {
    for (size_t i = 0; status != KAM3_OK && i < outs; i++) kam3_wipe(out[i].octets, out[i].len);
}

kam3_status kam3_end(kam3_status status, const kam3_output *out, size_t outs) {
    kam3_wipe_stack(KAM3_DEPTH_GROUP);
    kam3_clear(status, out, outs);
    return status;
}
