// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet nproc: tells how many processors there are for this process.
 */
#include <sched.h>
#include <stdio.h>
#include <unistd.h>
#include "util.h"

struct nproc_args {
	bool all;
	u64 ignore;
};

static int nproc_run(void *p, const struct opt_call *call)
{
	struct nproc_args *args = p;
	cpu_set_t set;
	u64 n;

	(void)call;
	if (args->all)
		n = (u64)sysconf(_SC_NPROCESSORS_CONF);
	else if (sched_getaffinity(0, sizeof(set), &set))
		return util_fail("sched_getaffinity");
	else
		n = (u64)CPU_COUNT(&set);
	printf("%llu\n", n > args->ignore ? n - args->ignore : 1);
	return 0;
}

#define A struct nproc_args
static const struct opt nproc_opts[] = {
	OPT_FLAG(0, "all", A, all, "all that the machine has"),
	OPT_UINT(0, "ignore", "N", A, ignore, "so many fewer, but at least one"),
	OPT_END
};
#undef A

static const struct opt_cmd nproc_cmd = {
	.name = "nproc", .summary = "tell how many processors there are", .opts = nproc_opts,
	.args_size = sizeof(struct nproc_args), .run = nproc_run,
};
static const struct applet nproc_applet = { .cmd = &nproc_cmd };
APPLET(nproc_applet);
