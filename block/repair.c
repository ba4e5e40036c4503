/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What drivers that repair an image while they open it say of that. */
#include <stdio.h>
#include "block/int.h"

void blk_repair_log(void *opaque, const char *text)
{
	fprintf(stderr, "%s\n", text);
}
