// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet rmmod: unloads kernel modules.
 */
#include "kmod.h"
#include "util.h"

struct rmmod_args {
	struct opt_list names;
};

static int rmmod_run(void *p, const struct opt_call *call)
{
	struct rmmod_args *args = p;
	int rc = 0;

	(void)call;
	for (size_t i = 0; i < args->names.n; i++) {
		struct err err = ERR_INIT;

		if (!kmod_remove(args->names.v[i].val, &err))
			continue;
		err_report(&err);
		rc = 1;
	}
	return rc;
}

#define A struct rmmod_args
static const struct opt rmmod_opts[] = {
	OPERAND_REST1("NAME", A, names, "modules to unload"),
	OPT_END
};
#undef A

static const struct opt_cmd rmmod_cmd = {
	.name = "rmmod", .summary = "unload kernel modules", .opts = rmmod_opts,
	.args_size = sizeof(struct rmmod_args), .run = rmmod_run,
};
static const struct applet rmmod = { .cmd = &rmmod_cmd, .flags = APPLET_SBIN };
APPLET(rmmod);
