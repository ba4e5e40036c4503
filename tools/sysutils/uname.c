// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet uname: tells the kernel's name, release and the like.
 */
#include <stdio.h>
#include <sys/utsname.h>
#include "util.h"

struct uname_args {
	bool all, sysname, node, release, version, machine;
};

static int uname_run(void *p, const struct opt_call *call)
{
	struct uname_args *args = p;
	struct utsname u;
	const char *sep = "";

	(void)call;
	uname(&u);
	if (!args->node && !args->release && !args->version && !args->machine)
		args->sysname = true;
	const struct { bool on; const char *text; } parts[] = {
		{ args->sysname, u.sysname }, { args->node, u.nodename },
		{ args->release, u.release }, { args->version, u.version },
		{ args->machine, u.machine },
	};
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (parts[i].on || args->all) {
			printf("%s%s", sep, parts[i].text);
			sep = " ";
		}
	putchar('\n');
	return 0;
}

#define A struct uname_args
static const struct opt uname_opts[] = {
	OPT_FLAG('a', "all", A, all, "all of it"),
	OPT_FLAG('s', "kernel-name", A, sysname, "name of the kernel"),
	OPT_FLAG('n', "nodename", A, node, "name of the machine"),
	OPT_FLAG('r', "kernel-release", A, release, "release of the kernel"),
	OPT_FLAG('v', "kernel-version", A, version, "version of its build"),
	OPT_FLAG('m', "machine", A, machine, "kind of processor"),
	OPT_END
};
#undef A

static const struct opt_cmd uname_cmd = {
	.name = "uname", .summary = "tell the kernel's name and release", .opts = uname_opts,
	.args_size = sizeof(struct uname_args), .run = uname_run,
};
static const struct applet uname_applet = { .cmd = &uname_cmd };
APPLET(uname_applet);
