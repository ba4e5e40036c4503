// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet mv: renames files, on one file system.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "util.h"

struct mv_args {
	bool force, no_clobber;
	struct opt_list files;
};

static int move(void *p, const char *from, const char *to)
{
	const struct mv_args *args = p;

	if (args->no_clobber && !access(to, F_OK))
		return 0;
	return rename(from, to) ? util_fail(errno == EXDEV ? to : from) : 0;
}

static int mv_run(void *p, const struct opt_call *call)
{
	(void)call;
	return util_to_target(&((struct mv_args *)p)->files, move, p);
}

#define A struct mv_args
static const struct opt mv_opts[] = {
	OPT_FLAG('f', "force", A, force, "do not ask; so it is in any case"),
	OPT_FLAG('n', "no-clobber", A, no_clobber, "leave a target that is there alone"),
	OPERAND_REST1("FILE", A, files, "what to rename; the last one is the target"),
	OPT_END
};
#undef A

static const struct opt_cmd mv_cmd = {
	.name = "mv", .summary = "rename files", .opts = mv_opts,
	.args_size = sizeof(struct mv_args), .run = mv_run,
};
static const struct applet mv_applet = { .cmd = &mv_cmd };
APPLET(mv_applet);
