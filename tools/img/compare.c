/* SPDX-License-Identifier: GPL-2.0-or-later */
/* img compare: do two images hold the same? */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "img.h"
#include "mem.h"

struct compare_args {
	struct img_args a;
	const char *fmt2, *file1, *file2;
	bool strict;
};
#define A struct compare_args

static int say(const struct compare_args *c, const char *fmt, u64 off)
{
	if (!c->a.quiet) {
		char buf[128];

		snprintf(buf, sizeof(buf), fmt, off);
		printf("%s\n", buf);
	}
	return 1;
}

/* What one image has beyond the other's end must be zeros. The warning follows an error, as qemu-img's does. */
static int check_rest(const struct compare_args *c, struct blk_node *n, const char *name, u64 off)
{
	u64 end = blk_length(n);
	u8 *buf = malloc(2 * MiB);
	size_t at = 0;
	int code = buf ? 0 : 4;

	while (!code && off < end && !img_interrupted()) {
		struct blk_status st;
		int ret = blk_status_chain(n, NULL, off, end - off, &st);
		u64 m;

		if (ret) {
			img_error("Sector allocation test failed for %s", name);
			code = 3;
			break;
		}
		m = st.len < 2 * MiB ? st.len : 2 * MiB;
		if (st.flags & BLK_ST_ZERO || !(st.flags & BLK_ST_ALLOCATED)) {
			off += st.len;
			continue;
		}
		ret = blk_pread(n, off, buf, m);
		if (ret) {
			img_error("Error while reading offset %llu of %s: %s", off, name, strerror(-ret));
			code = 4;
			break;
		}
		at = buf_find_nonzero(buf, m);
		if (at < m)
			break;
		off += m;
	}
	if (!code && img_interrupted()) {
		img_error("interrupted");
		code = 4;
	}
	say(c, "Warning: Image size mismatch!", 0);
	if (!code && off < end)
		code = say(c, "Content mismatch at offset %llu!", off + at / 512 * 512);
	free(buf);
	return code;
}

static int compare(const struct compare_args *c, struct blk_node *a, struct blk_node *b)
{
	struct blk_compare r = { .a = a, .b = b, .strict = c->strict };
	u64 la = blk_length(a), lb = blk_length(b);
	int ret;

	if (c->strict && la != lb)
		return say(c, "Strict mode: Image size mismatch!", 0);
	img_progress_start(&c->a, &r.progress);
	ret = blk_compare_run(&r);
	if (ret == 1)
		return say(c, r.diff_alloc ? "Strict mode: Offset %llu block status mismatch!" :
			   "Content mismatch at offset %llu!", r.diff_off);
	if (ret && img_interrupted()) {
		img_error("interrupted");
		return 4;
	}
	if (ret) {
		const char *name = r.err_side ? c->file2 : c->file1;

		if (r.err_status)
			img_error("Sector allocation test failed for %s", name);
		else
			img_error("Error while reading offset %llu of %s: %s", r.err_off, name, strerror(-ret));
		return r.err_status ? 3 : 4;
	}
	img_progress_end();
	if (la != lb) {
		ret = check_rest(c, la > lb ? a : b, la > lb ? c->file1 : c->file2, la < lb ? la : lb);
		if (ret)
			return ret;
	}
	if (!c->a.quiet)
		printf("Images are identical.\n");
	return 0;
}

static int run(void *args, const struct opt_call *call)
{
	struct compare_args *c = args;
	struct blk_node *a = NULL, *b = NULL;
	struct blk_graph *g;
	u32 flags = 0;
	int ret = 2;

	if (img_cache_flags(c->a.src_cache, &flags)) {
		img_error("Invalid source cache option: %s", c->a.src_cache);
		return 2;
	}
	g = img_graph(&c->a, call);
	if (!g)
		return 2;
	if (img_sandbox(g, &c->a, (const char *const []){ c->file1, c->file2, NULL })) {
		blk_graph_free(g);
		return 2;
	}
	a = img_open(g, &c->a, c->file1, c->a.fmt, flags);
	if (a)
		b = img_open(g, &c->a, c->file2, c->fmt2, flags);
	if (b)
		ret = compare(c, a, b);
	blk_unref(b);
	blk_unref(a);
	blk_graph_free(g);
	return ret;
}

static const struct opt opts[] = {
	IMG_COMMON(A), IMG_SANDBOX(A), IMG_SHARE(A), IMG_QUIET(A), IMG_SRC_CACHE(A), IMG_PROGRESS(A),
	OPT_STR('F', "second-format", "FMT", A, fmt2, "format of the second image"),
	OPT_FLAG('s', "strict", A, strict, "sizes and allocation must be the same too"),
	OPERAND("FILE1", A, file1, "the first image"),
	OPERAND("FILE2", A, file2, "the second image"),
	OPT_END
};
static const struct opt_section sections[] = {
	{ "EXIT STATUS", "0\t-- the same\n1\t-- different\n2\t-- an image could not be opened\n"
	  "3\t-- the allocation could not be looked up\n4\t-- an image could not be read" },
	{ NULL, NULL }
};

const struct opt_cmd img_cmd_compare = {
	.name = "compare", .summary = "compare two images", .opts = opts, .sections = sections,
	.args_size = sizeof(A), .run = run, .usage_status = 2,
};
