// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet sync: writes all that is cached to the disks.
 */
#include <unistd.h>
#include "util.h"

static int sync_run(void *args, const struct opt_call *call)
{
	(void)args;
	(void)call;
	sync();
	return 0;
}

static const struct opt_cmd sync_cmd = {
	.name = "sync", .summary = "write all that is cached to the disks", .run = sync_run,
};
static const struct applet sync_applet = { .cmd = &sync_cmd };
APPLET(sync_applet);
