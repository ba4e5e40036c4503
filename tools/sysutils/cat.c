// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet cat: copies files to standard output.
 */
#include <unistd.h>
#include "util.h"

struct cat_args {
	bool unbuffered;
	struct opt_list files;
};

static int cat_run(void *p, const struct opt_call *call)
{
	struct cat_args *args = p;
	int rc = 0;

	(void)call;
	if (!args->files.n)
		return util_copy_fd(STDIN_FILENO, STDOUT_FILENO, "-");
	for (size_t i = 0; i < args->files.n; i++) {
		int fd = util_open(args->files.v[i].val);

		rc |= fd < 0 || util_copy_fd(fd, STDOUT_FILENO, args->files.v[i].val);
		if (fd >= 0)
			close(fd);
	}
	return rc;
}

#define A struct cat_args
static const struct opt cat_opts[] = {
	OPT_FLAG('u', NULL, A, unbuffered, "without buffer; so it is in any case"),
	OPERAND_REST("FILE", A, files, "- or none is standard input"),
	OPT_END
};
#undef A

static const struct opt_cmd cat_cmd = {
	.name = "cat", .summary = "print files", .opts = cat_opts,
	.args_size = sizeof(struct cat_args), .run = cat_run,
};
static const struct applet cat_applet = { .cmd = &cat_cmd };
APPLET(cat_applet);
