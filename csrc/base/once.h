/* A cell for a table that is made at first use and never freed.
 *
 * The thread that finds the cell empty claims it, fills the table and publishes it (release); later callers see it whole
 * (acquire). A thread that comes while another is filling does not wait: it is told so, and computes without the table. A child
 * forked in that moment computes without it for ever, and correctly.
 */
#ifndef KAM3_BASE_ONCE_H
#define KAM3_BASE_ONCE_H

#include <stdatomic.h>

#include "base/config.h"

typedef struct {
    atomic_int state; /* 0 empty, 1 being filled, 2 ready */
} kam3_once;

#define KAM3_ONCE_INIT {0}

KAM3_INLINE int kam3_once_ready(kam3_once *once) { return atomic_load_explicit(&once->state, memory_order_acquire) == 2; }

/* 1 for exactly one caller in the life of the process: it must fill the table and then call kam3_once_publish. */
KAM3_INLINE int kam3_once_claim(kam3_once *once) {
    int empty = 0;
    if (atomic_load_explicit(&once->state, memory_order_relaxed) != 0) return 0; /* no locked access once it is claimed */
    return atomic_compare_exchange_strong_explicit(&once->state, &empty, 1, memory_order_acquire, memory_order_acquire);
}

KAM3_INLINE void kam3_once_publish(kam3_once *once) { atomic_store_explicit(&once->state, 2, memory_order_release); }

#endif
