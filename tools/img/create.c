/* SPDX-License-Identifier: GPL-2.0-or-later */
/* img create, and what creating targets elsewhere shares with it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "block/driver.h"
#include "err_hint.h"
#include "img.h"
#include "str.h"

struct create_args {
	struct img_args a;
	const char *backing, *backing_fmt, *file, *size;
	bool unsafe;
	struct opt_list options;
};
#define A struct create_args

/* Value as QEMU prints it: quoted only where a comma or quote would confuse. */
static void print_value(const char *v)
{
	for (; *v; v++) {
		if (*v == ',')
			putchar(',');
		putchar(*v);
	}
}

static const char *size_value(const struct blk_optdesc *d, const char *v, char *buf, size_t n)
{
	u64 num;

	if (d->type != BLK_OPT_SIZE || blk_parse_size(v, &num))
		return v;
	snprintf(buf, n, "%llu", num);
	return buf;
}

static void print_table(const struct blk_optdesc *t, const struct blk_opts *o)
{
	char buf[32];

	for (; t && t->name; t++) {
		const char *v = blk_opts_get(o, t->name);

		if (!v)
			v = t->def;
		if (!v)
			continue;
		printf(" %s=", t->name);
		print_value(size_value(t, v, buf, sizeof(buf)));
	}
}

void img_print_creating(const char *fmt, const char *file, const struct blk_opts *o)
{
	const struct blk_driver *d = blk_driver_find(fmt);

	printf("Formatting '%s', fmt=%s", file, fmt);
	if (d)
		print_table(d->create_opts, o);
	putchar('\n');
}

int img_option_help(const char *fmt, bool amend)
{
	const struct blk_driver *d = blk_driver_find(fmt), *p = blk_driver_find("file");
	const struct blk_optdesc *t;

	if (!d) {
		img_error("Unknown file format '%s'", fmt);
		return 1;
	}
	t = amend ? d->amend_opts : d->create_opts;
	if (!t) {
		img_error(amend ? "Format driver '%s' does not support option amendment" :
			  "Format driver '%s' does not support image creation", fmt);
		return 1;
	}
	printf(amend ? "Amend options for '%s':\n" : "Supported options:\n", fmt);
	for (int pass = 0; pass < (amend ? 1 : 2); pass++, t = p->create_opts)
		for (; t->name; t++) {
			static const char *const types[] = { "str", "bool (on/off)", "num", "size" };
			int w = printf("  %s=<%s>", t->name, types[t->type]);

			printf("%*s - %s", w < 24 ? 24 - w : 0, "", t->help);
			if (t->def)
				printf(" (default: %s)", t->def);
			putchar('\n');
		}
	return 0;
}

static bool has_option(const struct blk_optdesc *t, const char *name)
{
	for (; t && t->name; t++)
		if (!strcmp(t->name, name))
			return true;
	return false;
}

bool img_takes_backing(const struct blk_driver *d)
{
	return has_option(d->create_opts, "backing_file");
}

/* Numbers, sizes and switches are judged before anything is said or done. */
static int check_values(const struct blk_optdesc *t, const struct blk_opts *o, struct err *e)
{
	int ret = 0;

	for (; !ret && t && t->name; t++) {
		struct blk_opts one = { 0 };
		const char *v = blk_opts_get(o, t->name);
		bool on;
		u64 num;

		if (!v)
			continue;
		ret = blk_opts_set(&one, t->name, v);
		if (!ret && t->type == BLK_OPT_SIZE)
			ret = blk_opts_take_size(&one, t->name, &num, e);
		else if (!ret && t->type == BLK_OPT_NUMBER)
			ret = blk_opts_take_u64(&one, t->name, &num, e);
		else if (!ret && t->type == BLK_OPT_BOOL)
			ret = blk_opts_take_bool(&one, t->name, &on, e);
		blk_opts_free(&one);
	}
	return ret;
}

static int check_names(const struct blk_driver *d, const struct blk_opts *o)
{
	const struct blk_driver *p = blk_driver_find("file");

	for (int i = 0; i < o->n; i++) {
		if (!has_option(d->create_opts, o->v[i].key) && !has_option(p->create_opts, o->v[i].key)) {
			img_error("%s: Invalid parameter '%s'", "", o->v[i].key);
			return -EINVAL;
		}
	}
	return 0;
}

/* The backing file must open (unless -u), and gives the size when none was said. */
static int look_at_backing(struct blk_graph *g, const struct create_args *c, struct blk_opts *o,
			   struct err *e)
{
	const char *bf = blk_opts_get(o, "backing_file"), *fmt = blk_opts_get(o, "backing_fmt");
	bool need = !blk_opts_get(o, "size");
	struct blk_opts bo = { 0 };
	struct blk_node *n = NULL;
	char *path;
	int ret;

	if (!bf || !*bf)
		return need ? err_set(e, EINVAL, "Image creation needs a size parameter") : 0;
	if (c->unsafe)
		return need ? err_set(e, EINVAL, "Image creation needs a size parameter") : 0;
	ret = strncmp(bf, "json:", 5) ? blk_combine_path(c->file, bf, &path) :
	      (path = strdup(bf)) ? 0 : -ENOMEM;
	if (ret)
		return ret;
	if (fmt)
		ret = blk_opts_set(&bo, "driver", fmt);
	ret = ret ?: blk_open(g, path, &bo, BLK_O_NO_IO, &n, e);
	if (ret) {
		err_hint(e, "Could not open backing image.");
	} else if (!fmt) {
		ret = err_set(e, EINVAL, "Backing file specified without backing format");
		err_hint(e, "Detected format of %s.", blk_driver_name(n));
	} else if (need) {
		ret = blk_opts_set_u64(o, "size", blk_length(n));
	}
	blk_unref(n);
	free(path);
	return ret;
}

static int fill_options(const struct create_args *c, struct blk_opts *o, struct err *e)
{
	char *text;
	u64 size;
	int ret = img_join_options(&c->options, &text);

	if (!ret && text)
		ret = blk_opts_parse(o, text, NULL, e);
	free(text);
	if (!ret && c->size && blk_opts_get(o, "size"))
		ret = err_set(e, EINVAL, "The image size must be specified only once");
	if (!ret && c->size) {
		ret = img_size(c->size, "image size", &size);
		if (ret)
			return -ECANCELED;	/* printed */
		ret = blk_opts_set_u64(o, "size", size);
	} else if (!ret && blk_opts_get(o, "size")) {	/* "1024.0" and the like in plain digits */
		if (!blk_parse_size(blk_opts_get(o, "size"), &size))
			ret = blk_opts_set_u64(o, "size", size);
	}
	if (!ret && c->backing)
		ret = blk_opts_set(o, "backing_file", c->backing);
	if (!ret && c->backing_fmt)
		ret = blk_opts_set(o, "backing_fmt", c->backing_fmt);
	return ret;
}

static int do_create(struct blk_graph *g, const struct create_args *c, const char *fmt, struct err *e)
{
	const struct blk_driver *d = blk_driver_find(fmt);
	struct blk_opts o = { 0 };
	const char *bf, *bfmt;
	int ret;

	if (!d)
		return err_set(e, EINVAL, "Unknown file format '%s'", fmt);
	if (!d->create)
		return err_set(e, ENOTSUP, "Format driver '%s' does not support image creation", fmt);
	ret = fill_options(c, &o, e);
	if (!ret && c->backing && !img_takes_backing(d))
		ret = err_set(e, EINVAL, "Backing file not supported for file format '%s'", fmt);
	bf = blk_opts_get(&o, "backing_file");
	if (!ret && bf && !*bf)
		ret = err_set(e, EINVAL, "Expected backing file name, got empty string");
	if (!ret && bf && !strcmp(bf, c->file))
		ret = err_set(e, EINVAL, "Error: Trying to create an image with the same filename as the backing file");
	if (!ret && check_names(d, &o))
		ret = -ECANCELED;
	ret = ret ?: check_values(d->create_opts, &o, e);
	ret = ret ?: look_at_backing(g, c, &o, e);
	if (!ret && !c->a.quiet)
		img_print_creating(fmt, c->file, &o);
	bfmt = blk_opts_get(&o, "backing_fmt");		/* -u, or without a file: nobody has tried it */
	if (!ret && bfmt && !blk_driver_find(bfmt))
		ret = err_set(e, EINVAL, "unrecognized backing format '%s'", bfmt);
	if (ret)
		blk_opts_free(&o);
	else
		ret = blk_create(g, fmt, c->file, &o, e);
	if (ret == -EFBIG) {
		err_clear(e);
		err_set(e, EFBIG, "The image size is too large for file format '%s'%s", fmt,
			has_option(d->create_opts, "cluster_size") ? " (try using a larger cluster size)" : "");
	}
	return ret;
}

/* The image's directory is written, its backing file looked at. */
static int close_sandbox(const struct create_args *c, struct blk_graph *g)
{
	struct img_place p[2] = { { c->file, -1, true } };
	char *path = NULL;
	int n = 1, ret = 0;

	if (img_names_files(&c->options))
		return 0;
	if (c->backing && !c->unsafe) {
		ret = blk_combine_path(c->file, c->backing, &path);
		p[n++] = (struct img_place){ path, -1, false };
	}
	if (ret)
		img_error("out of memory");
	ret = ret ?: img_sandbox_places(g, &c->a, p, n);
	free(path);
	return ret;
}

static int run(void *args, const struct opt_call *call)
{
	struct create_args *c = args;
	const char *fmt = c->a.fmt ? c->a.fmt : "raw";
	struct err e = ERR_INIT;
	struct blk_graph *g;
	char *text;
	int ret;

	if (img_join_options(&c->options, &text))
		return 1;
	if (img_is_help(text)) {
		free(text);
		return img_option_help(fmt, false);
	}
	free(text);
	if (!c->file) {
		img_error("Expecting image file name");
		return 1;
	}
	g = img_graph(&c->a, call);
	if (!g)
		return 1;
	ret = close_sandbox(c, g) ? -ECANCELED : do_create(g, c, fmt, &e);
	if (ret && ret != -ECANCELED) {
		fflush(stdout);
		img_error("%s: %s", c->file, e.msg);
	}
	return img_done(g, ret ? 1 : 0);
}

static const struct opt opts[] = {
	IMG_COMMON(A), IMG_SANDBOX(A), IMG_QUIET(A),
	OPT_STR('b', "backing-file", "FILE", A, backing, "the image stands on FILE and holds only what differs from it"),
	OPT_STR('F', "backing-format", "FMT", A, backing_fmt, "format of the backing file"),
	OPT_FLAG('u', "unsafe", A, unsafe, "do not look at the backing file"),
	OPT_LIST('o', "options", "OPTIONS", A, options, "options of the format, NAME=VALUE,...; \"help\" lists them"),
	OPERAND_OPT("FILE", A, file, "the image to create"),
	OPERAND_OPT("SIZE", A, size, "virtual size: bytes, or with a suffix k, M, G, T"),
	OPT_END
};

const struct opt_cmd img_cmd_create = {
	.name = "create", .summary = "create an image", .opts = opts, .args_size = sizeof(A), .run = run,
	.usage_status = 1,
};
