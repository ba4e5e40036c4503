// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet hostname: prints or sets the name of the machine.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "util.h"

struct hostname_args {
	const char *name;
};

static int hostname_run(void *p, const struct opt_call *call)
{
	struct hostname_args *args = p;
	char name[256];

	(void)call;
	if (args->name)
		return sethostname(args->name, strlen(args->name)) ? util_fail(args->name) : 0;
	if (gethostname(name, sizeof(name)))
		return util_fail("hostname");
	puts(name);
	return 0;
}

#define A struct hostname_args
static const struct opt hostname_opts[] = {
	OPERAND_OPT("NAME", A, name, "the new name"),
	OPT_END
};
#undef A

static const struct opt_cmd hostname_cmd = {
	.name = "hostname", .summary = "print or set the name of the machine", .opts = hostname_opts,
	.args_size = sizeof(struct hostname_args), .run = hostname_run,
};
static const struct applet hostname_applet = { .cmd = &hostname_cmd };
APPLET(hostname_applet);
