// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet touch: makes empty files, or sets the times of files to now.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "util.h"

struct touch_args {
	bool no_create;
	struct opt_list files;
};

static int touch_one(const struct touch_args *args, const char *path)
{
	int fd;

	if (!utimensat(AT_FDCWD, path, NULL, 0))
		return 0;
	if (errno != ENOENT)
		return util_fail(path);
	if (args->no_create)
		return 0;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	return fd < 0 ? util_fail(path) : close(fd) ? util_fail(path) : 0;
}

static int touch_run(void *p, const struct opt_call *call)
{
	struct touch_args *args = p;
	int rc = 0;

	(void)call;
	for (size_t i = 0; i < args->files.n; i++)
		rc |= touch_one(args, args->files.v[i].val);
	return rc;
}

#define A struct touch_args
static const struct opt touch_opts[] = {
	OPT_FLAG('c', "no-create", A, no_create, "do not make a file that is not there"),
	OPERAND_REST1("FILE", A, files, "what to touch"),
	OPT_END
};
#undef A

static const struct opt_cmd touch_cmd = {
	.name = "touch", .summary = "make empty files, or set their times to now", .opts = touch_opts,
	.args_size = sizeof(struct touch_args), .run = touch_run,
};
static const struct applet touch_applet = { .cmd = &touch_cmd };
APPLET(touch_applet);
