// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet ln: makes links.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "util.h"

struct ln_args {
	bool symbolic, force, no_dereference;
	struct opt_list files;
};

static int make(const struct ln_args *args, const char *target, const char *name)
{
	int rc;

	for (int again = 0; again < 2; again++) {
		rc = args->symbolic ? symlink(target, name) : link(target, name);
		if (!rc || errno != EEXIST || !args->force || unlink(name))
			break;
	}
	return rc ? util_fail(name) : 0;
}

static int ln_run(void *p, const struct opt_call *call)
{
	struct ln_args *args = p;
	struct opt_item *v = args->files.v;
	size_t n = args->files.n;
	const char *last = n > 1 ? v[n - 1].val : ".";
	char name[4096];
	struct stat st;
	int rc = 0;
	bool dir;

	(void)call;
	dir = !(args->no_dereference ? lstat(last, &st) : stat(last, &st)) && S_ISDIR(st.st_mode);
	if (n > 2 && !dir) {
		errno = ENOTDIR;
		return util_fail(last);
	}
	for (size_t i = 0; i < MAX(n - 1, (size_t)1); i++) {
		if (!dir)
			rc |= make(args, v[i].val, last);
		else
			rc |= util_join(name, last, v[i].val) || make(args, v[i].val, name);
	}
	return rc;
}

#define A struct ln_args
static const struct opt ln_opts[] = {
	OPT_FLAG('s', "symbolic", A, symbolic, "symbolic links"),
	OPT_FLAG('f', "force", A, force, "replace what has the name"),
	OPT_FLAG('n', "no-dereference", A, no_dereference, "a link to a folder is replaced, not gone into"),
	OPERAND_REST1("FILE", A, files, "targets; the last one is the name, or a folder"),
	OPT_END
};
#undef A

static const struct opt_cmd ln_cmd = {
	.name = "ln", .summary = "make links", .opts = ln_opts,
	.args_size = sizeof(struct ln_args), .run = ln_run,
};
static const struct applet ln_applet = { .cmd = &ln_cmd };
APPLET(ln_applet);
