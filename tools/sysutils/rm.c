// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet rm: removes files, and with -r folders with all in them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "util.h"

struct rm_args {
	bool recursive, force, dirs;
	struct opt_list files;
};

static int remove_path(void *ctx, const char *path)
{
	const struct rm_args *args = ctx;
	struct stat st;

	if (lstat(path, &st))
		return args->force && errno == ENOENT ? 0 : util_fail(path);
	if (!S_ISDIR(st.st_mode))
		return unlink(path) ? util_fail(path) : 0;
	if (args->recursive && util_each(path, remove_path, ctx))
		return 1;
	if (!args->recursive && !args->dirs) {
		errno = EISDIR;
		return util_fail(path);
	}
	return rmdir(path) ? util_fail(path) : 0;
}

static bool is_dots(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;

	return !strcmp(base, ".") || !strcmp(base, "..") || !strcmp(path, "/");
}

static int rm_run(void *p, const struct opt_call *call)
{
	struct rm_args *args = p;
	int rc = 0;

	(void)call;
	for (size_t i = 0; i < args->files.n; i++) {
		if (is_dots(args->files.v[i].val)) {
			errno = EINVAL;
			rc |= util_fail(args->files.v[i].val);
			continue;
		}
		rc |= remove_path(args, args->files.v[i].val);
	}
	return rc;
}

#define A struct rm_args
static const struct opt rm_opts[] = {
	OPT_FLAG('r', "recursive", A, recursive, "folders with all in them"),
	OPT_FLAG('R', NULL, A, recursive, "as -r"),
	OPT_FLAG('f', "force", A, force, "what is not there is fine"),
	OPT_FLAG('d', "dir", A, dirs, "empty folders too"),
	OPERAND_REST("FILE", A, files, "what to remove"),
	OPT_END
};
#undef A

static const struct opt_cmd rm_cmd = {
	.name = "rm", .summary = "remove files", .opts = rm_opts,
	.args_size = sizeof(struct rm_args), .run = rm_run,
};
static const struct applet rm_applet = { .cmd = &rm_cmd };
APPLET(rm_applet);
