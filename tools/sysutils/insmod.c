// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet insmod: loads one kernel module file.
 */
#include "kmod.h"
#include "str.h"
#include "util.h"

struct insmod_args {
	const char *file;
	struct opt_list params;
};

static int insmod_run(void *p, const struct opt_call *call)
{
	struct insmod_args *args = p;
	struct strbuf params = STRBUF_INIT;
	struct err err = ERR_INIT;
	int rc;

	(void)call;
	for (size_t i = 0; i < args->params.n; i++)
		strbuf_printf(&params, "%s%s", i ? " " : "", args->params.v[i].val);
	rc = kmod_insert(args->file, params.s, &err);
	if (rc)
		err_report(&err);
	strbuf_free(&params);
	return rc ? 1 : 0;
}

#define A struct insmod_args
static const struct opt insmod_opts[] = {
	OPERAND("FILE", A, file, "the module"),
	OPERAND_REST("NAME=VALUE", A, params, "its parameters"),
	OPT_END
};
#undef A

static const struct opt_cmd insmod_cmd = {
	.name = "insmod", .summary = "load a kernel module file", .opts = insmod_opts,
	.args_size = sizeof(struct insmod_args), .run = insmod_run,
};
static const struct applet insmod = { .cmd = &insmod_cmd, .flags = APPLET_SBIN };
APPLET(insmod);
