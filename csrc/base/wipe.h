#ifndef KAM3_BASE_WIPE_H
#define KAM3_BASE_WIPE_H

#include "base/config.h"

/* kam3_wipe: as kam3.h says. Everything that held a secret goes through it before its function returns. */
void kam3_wipe(void *buffer, size_t len);

#endif
