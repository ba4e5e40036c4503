// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet umount: unmounts file systems.
 */
#include <sys/mount.h>
#include "util.h"

struct umount_args {
	bool lazy, force;
	struct opt_list dirs;
};

static int umount_run(void *p, const struct opt_call *call)
{
	struct umount_args *args = p;
	int rc = 0;

	(void)call;
	for (size_t i = 0; i < args->dirs.n; i++)
		if (umount2(args->dirs.v[i].val, (args->lazy ? MNT_DETACH : 0) |
			    (args->force ? MNT_FORCE : 0)))
			rc = util_fail(args->dirs.v[i].val);
	return rc;
}

#define A struct umount_args
static const struct opt umount_opts[] = {
	OPT_FLAG('l', "lazy", A, lazy, "take it out of the tree now, let go of it when nobody uses it"),
	OPT_FLAG('f', "force", A, force, "also when its server is gone"),
	OPERAND_REST1("DIR", A, dirs, "where it is mounted"),
	OPT_END
};
#undef A

static const struct opt_cmd umount_cmd = {
	.name = "umount", .summary = "unmount file systems", .opts = umount_opts,
	.args_size = sizeof(struct umount_args), .run = umount_run,
};
static const struct applet umount_applet = { .cmd = &umount_cmd };
APPLET(umount_applet);
