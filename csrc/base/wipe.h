#ifndef KAM3_BASE_WIPE_H
#define KAM3_BASE_WIPE_H

#include "base/config.h"

/* kam3_wipe: as kam3.h says. Everything that held a secret goes through it before its function returns. */
void kam3_wipe(void *buffer, size_t len);

/* How deep the calls under a function of kam3.h go, in octets of stack; tests/c/test_residue.py measures it. */
typedef enum { KAM3_DEPTH_HASH, KAM3_DEPTH_GROUP, KAM3_DEPTH_MANY } kam3_depth;

/* Overwrite the stack below the caller's frame, where the functions it called have been. Compilers keep copies of secrets in
   spill slots, which the wipe of a variable does not reach; so every function of kam3.h that computed on secrets ends with this. */
void kam3_wipe_stack(kam3_depth depth);

#endif
