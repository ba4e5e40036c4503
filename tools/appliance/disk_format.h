/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Formats of a disk image other than raw, by the block layer where it is part
 * of the build; the raw image is made first, it is sparse.
 */
#ifndef VMBOX_TOOLS_DISK_FORMAT_H
#define VMBOX_TOOLS_DISK_FORMAT_H

#include "config.h"
#include "err.h"

extern const char *const disk_formats[];	/* "raw", ... NULL */

/* Makes raw (a file) into output in disk_formats[format]; raw is gone then. */
int disk_format_finish(const char *raw, const char *output, int format, struct err *err);

#endif
