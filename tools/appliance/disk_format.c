// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Disk image formats: raw only, where the block layer is not built in.
 */
#include "disk_format.h"

#include <errno.h>
#include <stdio.h>
#include <stddef.h>

const char *const disk_formats[] = { "raw", NULL };

int disk_format_finish(const char *raw, const char *output, int format, struct err *err)
{
	(void)format;
	return rename(raw, output) ? err_errno(err, errno, "%s", output) : 0;
}
