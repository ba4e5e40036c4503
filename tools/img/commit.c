/* SPDX-License-Identifier: GPL-2.0-or-later */
/* img commit: write an overlay's content into its backing file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "block/driver.h"
#include "img.h"

struct commit_args {
	struct img_args a;
	const char *base, *rate, *file;
	bool drop;
};
#define A struct commit_args
#define BUF (2 * MiB)

static bool same_file(const char *a, const char *b)
{
	char *ra, *rb;
	bool same = !strcmp(a, b);

	if (same || blk_is_protocol_name(a) || blk_is_protocol_name(b))
		return same;
	ra = realpath(a, NULL);
	rb = realpath(b, NULL);
	same = ra && rb && !strcmp(ra, rb);
	free(ra);
	free(rb);
	return same;
}

/* @name is relative to the overlay's directory, as backing files are. */
static struct blk_node *find_base(struct blk_node *n, const char *name)
{
	struct blk_node *p = blk_backing(n);
	char *full = NULL;

	if (!name || blk_combine_path(blk_filename(n), name, &full))
		return p;
	while (p && !same_file(blk_filename(p), full))
		p = blk_backing(p);
	free(full);
	return p;
}

static int copy_up(struct commit_args *c, struct blk_node *n, struct blk_node *base)
{
	u64 size = blk_length(n), off = 0;
	struct blk_progress p = { 0 };
	u8 *buf = malloc(BUF);
	int ret = buf ? 0 : -ENOMEM;

	img_progress_start(&c->a, &p);
	while (!ret && off < size) {
		struct blk_status st;
		u64 m;

		ret = blk_status_chain(n, base, off, size - off, &st);
		if (ret)
			break;
		m = st.len;
		if (st.flags & BLK_ST_ALLOCATED && st.flags & BLK_ST_ZERO) {
			ret = blk_zero(base, off, m, BLK_MAY_UNMAP);
		} else if (st.flags & BLK_ST_ALLOCATED) {
			m = MIN(m, BUF);
			ret = blk_pread(n, off, buf, m);
			ret = ret ?: blk_pwrite(base, off, buf, m, 0);
		}
		off += m;
		if (p.update)
			p.update(p.opaque, off, size);
	}
	free(buf);
	return ret ?: blk_flush(base);
}

/* *lost: what storing the rest of both images came to. */
static int commit(struct commit_args *c, struct blk_node *n, int *lost)
{
	struct blk_node *base = find_base(n, c->base);
	bool direct = base && base == blk_backing(n);
	struct err e = ERR_INIT;
	int ret;

	if (!base) {
		img_error(c->base ? "Did not find '%s' in the backing chain of '%s'" : "Image does not have a backing file",
			  c->base, c->file);
		return -EINVAL;
	}
	ret = blk_reopen(base, NULL, blk_flags(base) | BLK_O_RDWR, &e);
	if (!ret && blk_length(base) < blk_length(n))
		ret = blk_truncate(base, blk_length(n), true, BLK_PREALLOC_OFF, &e);
	if (ret) {
		img_error_err(&e);
		return ret;
	}
	ret = copy_up(c, n, base);
	if (ret) {
		img_error("Block job failed: %s", strerror(-ret));
		return ret;
	}
	/* Only after the base is safely on the disk may the overlay forget; naming the base implies -d. */
	if (!c->drop && !c->base && direct && n->drv->make_empty)
		ret = n->drv->make_empty(n, &e);
	if (ret) {
		img_error("Could not empty %s: %s", c->file, e.msg);
		return ret;
	}
	img_progress_end();
	*lost = blk_settle(base);
	*lost = *lost ?: blk_settle(n);
	return 0;
}

static int run(void *args, const struct opt_call *call)
{
	struct commit_args *c = args;
	u32 flags = BLK_O_RDWR | BLK_O_UNMAP;
	struct blk_graph *g;
	struct blk_node *n;
	int ret = -EIO, lost = 0;

	if (img_cache_flags(c->a.cache, &flags)) {
		img_error("Invalid cache option: %s", c->a.cache);
		return 1;
	}
	g = img_graph(&c->a, call);
	if (!g)
		return 1;
	n = img_sandbox_places(g, &c->a, &(struct img_place){ c->file, -1, true }, 1) ? NULL :
	    img_open(g, &c->a, c->file, c->a.fmt, flags);
	if (n) {
		ret = commit(c, n, &lost);
		blk_unref(n);	/* tries again, which may say more */
	}
	if (lost) {
		img_error("Error while closing the image: %s", strerror(-lost));
		ret = lost;
	}
	ret = img_done(g, ret ? 1 : 0);
	if (!ret && !c->a.quiet)
		printf("Image committed.\n");
	return ret;
}

static const struct opt opts[] = {
	IMG_COMMON(A), IMG_SANDBOX(A), IMG_QUIET(A), IMG_CACHE(A, "writeback"), IMG_PROGRESS(A),
	OPT_STR('b', "base", "BASE", A, base, "commit into BASE, further down in the chain"),
	OPT_FLAG('d', "drop", A, drop, "do not empty FILE afterwards"),
	OPT_STR('r', "rate-limit", "RATE", A, rate, "bytes a second", .flags = OPT_HIDDEN),
	OPERAND("FILE", A, file, "the overlay"),
	OPT_END
};

const struct opt_cmd img_cmd_commit = {
	.name = "commit", .summary = "write an overlay's content into its backing file", .opts = opts,
	.args_size = sizeof(A), .run = run, .usage_status = 1,
};
