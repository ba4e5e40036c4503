/* SPDX-License-Identifier: GPL-2.0-or-later */
/* img amend: change the options of an image in place. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "block/driver.h"
#include "err_hint.h"
#include "img.h"

struct amend_args {
	struct img_args a;
	bool force;
	struct opt_list options;
	const char *file;
};
#define A struct amend_args

static bool is_create_option(const struct blk_driver *d, const char *name)
{
	for (const struct blk_optdesc *t = d->create_opts; t && t->name; t++)
		if (!strcmp(t->name, name))
			return true;
	return false;
}

static int amend(struct amend_args *aa, struct blk_node *n, const char *text)
{
	const struct blk_driver *d = n->drv;
	struct blk_progress p = { 0 };
	struct blk_opts o = { 0 };
	struct err e = ERR_INIT;
	int ret = blk_opts_parse(&o, text, NULL, &e);

	if (!ret && !d->amend)
		ret = err_set(&e, ENOTSUP, "Format driver '%s' does not support option amendment", d->name);
	for (int i = 0; !ret && i < o.n; i++) {
		const struct blk_optdesc *t = d->amend_opts;

		while (t->name && strcmp(t->name, o.v[i].key))
			t++;
		if (!t->name) {
			ret = err_set(&e, EINVAL, "Invalid parameter '%s'", o.v[i].key);
			if (is_create_option(d, o.v[i].key))
				err_hint(&e, "This option is only supported for image creation");
		}
	}
	img_progress_start(&aa->a, &p);
	if (!ret)
		ret = d->amend(n, &o, aa->force, p.update, p.opaque, &e);
	blk_opts_free(&o);
	if (ret) {
		img_error("%s", e.msg[0] ? e.msg : strerror(-ret));
		return 1;
	}
	img_progress_end();
	return 0;
}

static struct blk_node *open_caged(struct amend_args *a, struct blk_graph *g, u32 flags)
{
	if (!img_names_files(&a->options) &&
	    img_sandbox_places(g, &a->a, &(struct img_place){ a->file, -1, true }, 1))
		return NULL;
	return img_open(g, &a->a, a->file, a->a.fmt, flags);
}

static int run(void *args, const struct opt_call *call)
{
	struct amend_args *a = args;
	u32 flags = BLK_O_RDWR;
	struct blk_graph *g;
	struct blk_node *n;
	char *text;
	int ret = 1;

	if (img_join_options(&a->options, &text))
		return 1;
	if (!text) {
		img_error("Must specify options (-o)");
		return 1;
	}
	if (img_is_help(text)) {
		free(text);
		return img_option_help(a->a.fmt ? a->a.fmt : "raw", true);
	}
	if (!a->file) {
		img_error("Expecting one image file name");
		free(text);
		return 1;
	}
	if (img_cache_flags(a->a.cache, &flags)) {
		img_error("Invalid cache option: %s", a->a.cache);
		free(text);
		return 1;
	}
	g = img_graph(&a->a, call);
	n = g ? open_caged(a, g, flags) : NULL;
	if (n) {
		ret = amend(a, n, text);
		blk_unref(n);
	}
	ret = img_done(g, ret);
	free(text);
	return ret;
}

static const struct opt opts[] = {
	IMG_COMMON(A), IMG_SANDBOX(A), IMG_QUIET(A), IMG_CACHE(A, "writeback"), IMG_PROGRESS(A),
	OPT_FLAG(0, "force", A, force, "also what may lose data"),
	OPT_LIST('o', "options", "OPTIONS", A, options, "the options to change, NAME=VALUE,..."),
	OPERAND_OPT("FILE", A, file, "the image"),
	OPT_END
};

const struct opt_cmd img_cmd_amend = {
	.name = "amend", .summary = "change options of an image in place", .opts = opts,
	.args_size = sizeof(A), .run = run, .usage_status = 1,
};
