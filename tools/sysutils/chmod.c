// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet chmod: changes permissions.
 */
#include <errno.h>
#include "util.h"

struct chmod_args {
	bool recursive;
	const char *mode;
	struct opt_list files;
};

static int change(void *ctx, const char *path)
{
	const struct chmod_args *args = ctx;
	struct stat st;
	int mode, rc;

	if (lstat(path, &st))
		return util_fail(path);
	if (S_ISLNK(st.st_mode) && args->recursive)
		return 0;
	mode = util_mode(args->mode, st.st_mode);
	if (mode < 0) {
		errno = EINVAL;
		return util_fail(args->mode);
	}
	rc = chmod(path, mode) ? util_fail(path) : 0;
	if (args->recursive && S_ISDIR(st.st_mode))
		rc |= util_each(path, change, ctx);
	return rc;
}

static int chmod_run(void *p, const struct opt_call *call)
{
	struct chmod_args *args = p;
	int rc = 0;

	(void)call;
	for (size_t i = 0; i < args->files.n; i++)
		rc |= change(args, args->files.v[i].val);
	return rc;
}

#define A struct chmod_args
static const struct opt chmod_opts[] = {
	OPT_FLAG('R', "recursive", A, recursive, "folders with all in them"),
	OPERAND("MODE", A, mode, "octal, or like u+x,go-w"),
	OPERAND_REST1("FILE", A, files, "what to change"),
	OPT_END
};
#undef A

static const struct opt_cmd chmod_cmd = {
	.name = "chmod", .summary = "change permissions", .opts = chmod_opts,
	.args_size = sizeof(struct chmod_args), .run = chmod_run,
};
static const struct applet chmod_applet = { .cmd = &chmod_cmd };
APPLET(chmod_applet);
