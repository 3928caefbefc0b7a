/* The CPU's features, read once, and the code path chosen from them. */
#ifndef KAM3_BASE_CPU_H
#define KAM3_BASE_CPU_H

#include "base/config.h"

/* kam3_cpu_path, kam3_cpu_features, kam3_cpu_use: as kam3.h says. */

#endif
