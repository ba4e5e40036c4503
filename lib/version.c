// SPDX-License-Identifier: GPL-2.0-or-later
/* Version and date, as given by the build (they must not come from the clock: builds are reproducible). */
#include "generated/version.h"
#include "version.h"

#ifndef VMBOX_DATE
#define VMBOX_DATE "November 22, 2026"
#endif

const char vmbox_version[] = VMBOX_VERSION;
const char vmbox_date[] = VMBOX_DATE;
