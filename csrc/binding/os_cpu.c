/* Linux tells a program about an ARM CPU in its auxiliary vector. Elsewhere nobody is asked. */
#include "base/cpu.h"
#include "binding/binding.h"

#if KAM3_AARCH64 && defined(__linux__)

#include <asm/hwcap.h>
#include <sys/auxv.h>

void kam3_binding_tell_cpu(void) {
    if (getauxval(AT_HWCAP) & HWCAP_SHA2) kam3_cpu_tell(KAM3_CPU_SHA2);
}

#else

void kam3_binding_tell_cpu(void) {}

#endif
