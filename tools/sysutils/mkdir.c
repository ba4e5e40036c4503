// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet mkdir: makes folders.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "util.h"

struct mkdir_args {
	bool parents;
	const char *mode;
	struct opt_list dirs;
};

static int make_parents(const char *path)
{
	char dir[4096];

	if (snprintf(dir, sizeof(dir), "%s", path) >= (int)sizeof(dir)) {
		errno = ENAMETOOLONG;
		return util_fail(path);
	}
	for (char *p = strchr(dir + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(dir, 0777) && errno != EEXIST)
			return util_fail(dir);
		*p = '/';
	}
	return 0;
}

static int make_one(const struct mkdir_args *args, const char *path, mode_t mode)
{
	struct stat st;

	if (args->parents && make_parents(path))
		return 1;
	if (mkdir(path, mode)) {
		if (args->parents && errno == EEXIST && !stat(path, &st) && S_ISDIR(st.st_mode))
			return 0;
		return util_fail(path);
	}
	/* The mask of new files is not for a mode that was asked for. */
	return args->mode && chmod(path, mode) ? util_fail(path) : 0;
}

static int mkdir_run(void *p, const struct opt_call *call)
{
	struct mkdir_args *args = p;
	int mode = args->mode ? util_mode(args->mode, 0777) : 0777, rc = 0;

	(void)call;
	if (mode < 0) {
		errno = EINVAL;
		return util_fail(args->mode);
	}
	for (size_t i = 0; i < args->dirs.n; i++)
		rc |= make_one(args, args->dirs.v[i].val, mode);
	return rc;
}

#define A struct mkdir_args
static const struct opt mkdir_opts[] = {
	OPT_FLAG('p', "parents", A, parents, "the folders above too; one that is there is fine"),
	OPT_STR('m', "mode", "MODE", A, mode, "permissions, as for chmod"),
	OPERAND_REST1("DIR", A, dirs, "folders to make"),
	OPT_END
};
#undef A

static const struct opt_cmd mkdir_cmd = {
	.name = "mkdir", .summary = "make folders", .opts = mkdir_opts,
	.args_size = sizeof(struct mkdir_args), .run = mkdir_run,
};
static const struct applet mkdir_applet = { .cmd = &mkdir_cmd };
APPLET(mkdir_applet);
