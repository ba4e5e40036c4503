/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this build calls itself, from generated/version.h. */
#ifndef VMBOX_VERSION_H
#define VMBOX_VERSION_H

extern const char vmbox_version[];	/* "0.1" or "0.1 (abcdef0)" */
extern const char vmbox_date[];		/* of the manual pages, "November 22, 2026" */

#endif
