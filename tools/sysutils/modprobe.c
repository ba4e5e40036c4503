// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Applet modprobe: loads a kernel module by its name or an alias, with what
 * it depends on; -r unloads. The kernel itself calls it as /sbin/modprobe -q.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "kmod.h"
#include "str.h"
#include "util.h"

struct modprobe_args {
	bool quiet, remove, dry_run, show_depends, all;
	const char *dir;
	struct opt_list words;
};

static void print_plan(void *ctx, const char *path)
{
	(void)ctx;
	printf("insmod %s\n", path);
}

static int load(struct kmod *k, const struct modprobe_args *args, const char *name,
		const char *params)
{
	struct err err = ERR_INIT;
	int rc;

	if (args->dry_run || args->show_depends)
		rc = kmod_plan(k, name, print_plan, NULL, &err);
	else
		rc = kmod_load(k, name, params, &err);
	if (rc >= 0)
		return 0;
	if (!args->quiet || rc != -ENOENT)
		err_report(&err);
	return 1;
}

static int remove_all(const struct modprobe_args *args)
{
	int rc = 0;

	for (size_t i = 0; i < args->words.n; i++) {
		struct err err = ERR_INIT;

		if (kmod_remove(args->words.v[i].val, &err) < 0) {
			err_report(&err);
			rc = 1;
		}
	}
	return rc;
}

static int load_all(struct kmod *k, const struct modprobe_args *args)
{
	struct strbuf params = STRBUF_INIT;
	int rc = 0;

	if (!args->all) {
		for (size_t i = 1; i < args->words.n; i++)
			strbuf_printf(&params, "%s%s", i > 1 ? " " : "", args->words.v[i].val);
		rc = load(k, args, args->words.v[0].val, params.s);
		strbuf_free(&params);
		return rc;
	}
	for (size_t i = 0; i < args->words.n; i++)
		rc |= load(k, args, args->words.v[i].val, NULL);
	return rc;
}

static int modprobe_run(void *p, const struct opt_call *call)
{
	struct modprobe_args *args = p;
	struct err err = ERR_INIT;
	struct kmod *k;
	int rc;

	(void)call;
	if (args->remove)
		return remove_all(args);
	k = kmod_open(args->dir, &err);
	if (!k) {
		if (!args->quiet)
			err_report(&err);
		return 1;
	}
	rc = load_all(k, args);
	kmod_close(k);
	return rc;
}

#define A struct modprobe_args
static const struct opt modprobe_opts[] = {
	OPT_FLAG('a', "all", A, all, "all operands are modules"),
	OPT_FLAG('r', "remove", A, remove, "unload"),
	OPT_FLAG('n', "dry-run", A, dry_run, "only print what would be loaded"),
	OPT_FLAG('D', "show-depends", A, show_depends, "as -n"),
	OPT_FLAG('q', "quiet", A, quiet, "do not complain of a module that is not there"),
	OPT_STR(0, "index", "DIR", A, dir, "folder with modules.dep; default: the running kernel's"),
	OPERAND_REST1("NAME", A, words, "module or alias; then its parameters, as NAME=VALUE"),
	OPT_END
};
#undef A

static const struct opt_cmd modprobe_cmd = {
	.name = "modprobe", .summary = "load a kernel module and what it needs",
	.opts = modprobe_opts, .args_size = sizeof(struct modprobe_args), .run = modprobe_run,
};
static const struct applet modprobe = { .cmd = &modprobe_cmd, .flags = APPLET_SBIN };
APPLET(modprobe);
