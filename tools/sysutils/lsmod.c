// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet lsmod: lists the loaded kernel modules, from /proc/modules.
 */
#include <stdio.h>
#include <string.h>
#include "util.h"

static int lsmod_run(void *args, const struct opt_call *call)
{
	FILE *f = fopen("/proc/modules", "re");
	char line[4096], name[128], users[3072];
	unsigned size, refs;

	(void)args;
	(void)call;
	if (!f)
		return util_fail("/proc/modules");
	printf("%-24s %8s  %s\n", "Module", "Size", "Used by");
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%127s %u %u %3071s", name, &size, &refs, users) != 4)
			continue;
		/* "a,b," or "-" */
		if (users[strlen(users) - 1] == ',' || !strcmp(users, "-"))
			users[strlen(users) - 1] = '\0';
		printf("%-24s %8u  %u %s\n", name, size, refs, users);
	}
	fclose(f);
	return 0;
}

static const struct opt_cmd lsmod_cmd = {
	.name = "lsmod", .summary = "list the loaded kernel modules", .run = lsmod_run,
};
static const struct applet lsmod = { .cmd = &lsmod_cmd, .flags = APPLET_SBIN };
APPLET(lsmod);
