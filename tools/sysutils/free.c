// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet free: tells how memory is used, from /proc/meminfo.
 */
#include <stdio.h>
#include <string.h>
#include "util.h"

struct free_args {
	bool mebi;
};

enum { TOTAL, FREE, AVAILABLE, BUFFERS, CACHED, SHARED, SWAP_TOTAL, SWAP_FREE, FIELDS };

static int free_run(void *p, const struct opt_call *call)
{
	static const char *const names[FIELDS] = {
		"MemTotal:", "MemFree:", "MemAvailable:", "Buffers:", "Cached:", "Shmem:",
		"SwapTotal:", "SwapFree:",
	};
	struct free_args *args = p;
	unsigned long v[FIELDS] = { 0 }, value;
	FILE *f = fopen("/proc/meminfo", "re");
	char line[128], name[64];

	(void)call;
	if (!f)
		return util_fail("/proc/meminfo");
	while (fgets(line, sizeof(line), f))
		for (int i = 0; i < FIELDS; i++)
			if (sscanf(line, "%63s %lu", name, &value) == 2 && !strcmp(name, names[i]))
				v[i] = args->mebi ? value / 1024 : value;
	fclose(f);
	printf("%6s %11s %11s %11s %11s %11s %11s\n", "", "total", "used", "free", "shared",
	       "buff/cache", "available");
	printf("%6s %11lu %11lu %11lu %11lu %11lu %11lu\n", "Mem:", v[TOTAL],
	       v[TOTAL] - v[FREE] - v[BUFFERS] - v[CACHED], v[FREE], v[SHARED],
	       v[BUFFERS] + v[CACHED], v[AVAILABLE]);
	printf("%6s %11lu %11lu %11lu\n", "Swap:", v[SWAP_TOTAL], v[SWAP_TOTAL] - v[SWAP_FREE],
	       v[SWAP_FREE]);
	return 0;
}

#define A struct free_args
static const struct opt free_opts[] = {
	OPT_FLAG('m', "mebi", A, mebi, "in MiB; default: KiB"),
	OPT_END
};
#undef A

static const struct opt_cmd free_cmd = {
	.name = "free", .summary = "tell how memory is used", .opts = free_opts,
	.args_size = sizeof(struct free_args), .run = free_run,
};
static const struct applet free_applet = { .cmd = &free_cmd };
APPLET(free_applet);
