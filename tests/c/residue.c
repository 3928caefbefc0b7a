/* Calls a function of kam3.h on a stack of its own that is all 0xa5 before, so that a test can look at what is left there. */
#define _GNU_SOURCE
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#include "kam3.h"

#define STACK 262144

typedef kam3_status function12(int, size_t, size_t, size_t, size_t, size_t, size_t, size_t, size_t, size_t, size_t, size_t, size_t,
                               size_t, size_t, size_t);

static struct {
    function12 *function;
    int algorithm;
    const size_t *a;
    kam3_status status;
} call;

static uint8_t stack[STACK] __attribute__((aligned(4096)));
static ucontext_t here, there;

static void run(void) {
    const size_t *const a = call.a;
    call.status = call.function(call.algorithm, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11], a[12],
                                a[13], a[14]);
}

/* Calls function(algorithm, a[0] .. a[14]), words all (more than it takes do no harm), and copies the stack to `left`. */
extern kam3_status test_residue(uint8_t *left, void *function, int algorithm, const size_t *a);
kam3_status test_residue(uint8_t *left, void *function, int algorithm, const size_t *a) {
    memset(stack, 0xa5, sizeof stack);
    memcpy(&call.function, &function, sizeof function);
    call.algorithm = algorithm;
    call.a = a;
    if (getcontext(&there) != 0) return -1;
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = sizeof stack;
    there.uc_link = &here;
    makecontext(&there, run, 0);
    if (swapcontext(&here, &there) != 0) return -1;
    memcpy(left, stack, sizeof stack);
    return call.status;
}
