// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet mknod: makes device nodes and pipes.
 */
#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>
#include "str.h"
#include "util.h"

struct mknod_args {
	const char *path, *type, *major, *minor;
	const char *mode;
};

static int mknod_run(void *p, const struct opt_call *call)
{
	struct mknod_args *args = p;
	int mode = args->mode ? util_mode(args->mode, 0666) : 0666;
	mode_t type = !strcmp(args->type, "b") ? S_IFBLK : !strcmp(args->type, "p") ? S_IFIFO :
		      !strcmp(args->type, "c") || !strcmp(args->type, "u") ? S_IFCHR : 0;
	u64 major = 0, minor = 0;

	(void)call;
	if (mode < 0 || !type || (type == S_IFIFO) != !args->major || !args->major != !args->minor ||
	    (args->major && (str_to_u64_range(args->major, 0, 0xfff, &major) ||
			     str_to_u64_range(args->minor, 0, 0xfffff, &minor)))) {
		errno = EINVAL;
		return util_fail("PATH b|c|p [MAJOR MINOR]");
	}
	if (mknod(args->path, type | mode, makedev(major, minor)))
		return util_fail(args->path);
	return args->mode && chmod(args->path, mode) ? util_fail(args->path) : 0;
}

#define A struct mknod_args
static const struct opt mknod_opts[] = {
	OPT_STR('m', "mode", "MODE", A, mode, "permissions, as for chmod"),
	OPERAND("PATH", A, path, "the node"),
	OPERAND("TYPE", A, type, "b for block, c for character device, p for a pipe"),
	OPERAND_OPT("MAJOR", A, major, "major number"),
	OPERAND_OPT("MINOR", A, minor, "minor number"),
	OPT_END
};
#undef A

static const struct opt_cmd mknod_cmd = {
	.name = "mknod", .summary = "make device nodes", .opts = mknod_opts,
	.args_size = sizeof(struct mknod_args), .run = mknod_run,
};
static const struct applet mknod_applet = { .cmd = &mknod_cmd };
APPLET(mknod_applet);
