/* SPDX-License-Identifier: GPL-2.0-or-later */
/* img bitmap: persistent dirty bitmaps. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "block/driver.h"
#include "img.h"

struct bitmap_args {
	struct img_args a;
	struct opt_list acts;
	const char *src_file, *src_fmt, *gran, *file, *name;
	bool add, remove, clear, enable, disable;
};
#define A struct bitmap_args

static int merge(struct bitmap_args *b, struct blk_graph *g, struct blk_node *n, const char *from,
		 struct err *e)
{
	struct blk_node *src = n, *opened = NULL;
	struct blk_bitmap *v = NULL;
	u64 nbits, gran = 0;
	u8 *bits = NULL;
	int cnt, ret;

	if (b->src_file) {
		src = opened = img_open_file(g, b->src_file, b->src_fmt, NULL, BLK_O_NO_BACKING, false);
		if (!src)
			return -ECANCELED;
	}
	if (!src->drv->bitmaps) {
		ret = err_set(e, ENOTSUP, "The format of the source has no bitmaps");
		goto out;
	}
	cnt = src->drv->bitmaps->list(src, &v);
	for (int i = 0; i < cnt; i++)
		if (!strcmp(v[i].name, from))
			gran = v[i].granularity;
	free(v);
	ret = src->drv->bitmaps->read(src, from, &bits, &nbits, e);
	ret = ret ?: n->drv->bitmaps->merge(n, b->name, bits, nbits, gran, e);
	free(bits);
out:
	blk_unref(opened);
	return ret;
}

static int one(struct bitmap_args *b, struct blk_graph *g, struct blk_node *n,
	       const struct opt_item *it, u64 gran, struct err *e)
{
	const struct blk_bitmap_ops *ops = n->drv->bitmaps;
	int ret;

	switch (it->opt->long_name[0]) {
	case 'a':
		/* --disable right with --add makes it disabled from the start. */
		ret = ops->add(n, b->name, gran, true, e);
		break;
	case 'r':
		ret = ops->remove(n, b->name, e);
		break;
	case 'c':
		ret = ops->clear(n, b->name, e);
		break;
	case 'e':
	case 'd':
		ret = ops->enable(n, b->name, it->opt->long_name[0] == 'e', e);
		break;
	default:
		ret = merge(b, g, n, it->val, e);
		break;
	}
	if (ret && ret != -ECANCELED)
		img_error("Operation %s on bitmap %s failed: %s", it->opt->long_name, b->name, e->msg);
	return ret;
}

static int run_all(struct bitmap_args *b, struct blk_graph *g, struct blk_node *n, u64 gran)
{
	struct err e = ERR_INIT;

	if (!n->drv->bitmaps) {
		img_error("Image format '%s' has no persistent bitmaps", n->drv->name);
		return 1;
	}
	for (size_t i = 0; i < b->acts.n; i++)
		if (one(b, g, n, &b->acts.v[i], gran, &e))
			return 1;
	return 0;
}

static struct blk_node *open_caged(struct bitmap_args *b, struct blk_graph *g)
{
	const struct img_place p[] = { { b->file, -1, true }, { b->src_file, -1, false } };

	if (img_sandbox_places(g, &b->a, p, b->src_file ? 2 : 1))
		return NULL;
	return img_open(g, &b->a, b->file, b->a.fmt, BLK_O_RDWR);
}

static int run(void *args, const struct opt_call *call)
{
	struct bitmap_args *b = args;
	bool add = false, merge_given = false;
	struct blk_graph *g;
	struct blk_node *n;
	u64 gran = 0;
	int ret = 1, lost;

	for (size_t i = 0; i < b->acts.n; i++) {
		add |= b->acts.v[i].opt->long_name[0] == 'a';
		merge_given |= b->acts.v[i].opt->long_name[0] == 'm';
	}
	if (!b->acts.n) {
		img_error("Need at least one of --add, --remove, --clear, --enable, --disable, or --merge");
		return 1;
	}
	if (b->gran && !add) {
		img_error("granularity only supported with --add");
		return 1;
	}
	if (b->gran && img_size(b->gran, "granularity", &gran))
		return 1;
	if (b->src_fmt && !b->src_file) {
		img_error("-F only supported with -b");
		return 1;
	}
	if (b->src_file && !merge_given) {
		img_error("Merge bitmap source file only supported with --merge");
		return 1;
	}
	g = img_graph(&b->a, call);
	n = g ? open_caged(b, g) : NULL;
	if (n) {
		ret = run_all(b, g, n, gran);
		lost = blk_settle(n);
		if (lost) {
			img_error("Error while closing the image: %s", strerror(-lost));
			ret = 1;
		}
		blk_unref(n);	/* tries again, which may say more */
	}
	return img_done(g, ret);
}

static const struct opt opts[] = {
	IMG_COMMON(A), IMG_SANDBOX(A),
	OPT_ENTRY(0, "add", NULL, OPT_T_LIST, A, acts, struct opt_list, "create BITMAP and start recording"),
	OPT_ENTRY(0, "remove", NULL, OPT_T_LIST, A, acts, struct opt_list, "delete BITMAP"),
	OPT_ENTRY(0, "clear", NULL, OPT_T_LIST, A, acts, struct opt_list, "forget what BITMAP recorded"),
	OPT_ENTRY(0, "enable", NULL, OPT_T_LIST, A, acts, struct opt_list, "start recording"),
	OPT_ENTRY(0, "disable", NULL, OPT_T_LIST, A, acts, struct opt_list, "stop recording"),
	OPT_LIST(0, "merge", "SOURCE", A, acts, "add what bitmap SOURCE recorded"),
	OPT_STR('b', "source-file", "FILE", A, src_file, "SOURCE is in FILE"),
	OPT_STR('F', "source-format", "FMT", A, src_fmt, "format of the source file"),
	OPT_STR('g', "granularity", "SIZE", A, gran, "bytes that a bit stands for"),
	OPERAND("FILE", A, file, "the image"),
	OPERAND("BITMAP", A, name, "name of the bitmap"),
	OPT_END
};

const struct opt_cmd img_cmd_bitmap = {
	.name = "bitmap", .summary = "create, delete, merge and switch persistent bitmaps", .opts = opts,
	.args_size = sizeof(A), .run = run, .usage_status = 1,
};
