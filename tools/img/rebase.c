/* SPDX-License-Identifier: GPL-2.0-or-later */
/* img rebase: another backing file, with the same content. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "block/driver.h"
#include "img.h"
#include "mem.h"

struct rebase_args {
	struct img_args a;
	const char *backing, *backing_fmt, *file;
	bool unsafe, compress;
};
#define A struct rebase_args
#define BUF (2 * MiB)

struct rebase {
	struct blk_node *n, *old, *new;
	struct blk_node *prefix;	/* @new when it is part of the old chain */
	u8 *a, *b;
	u64 unit;
	u32 wflags;
};

static int read_or_zero(struct blk_node *n, u64 off, u8 *buf, u64 len)
{
	u64 size = n ? blk_length(n) : 0, m = off < size ? MIN(len, size - off) : 0;

	memset(buf + m, 0, len - m);
	return m ? blk_pread(n, off, buf, m) : 0;
}

/* Copies what differs, in whole clusters of the overlay. Behind the old backing file's end are zeros. */
static int one_piece(struct rebase *r, u64 off, u64 len)
{
	u64 eof = r->old ? blk_length(r->old) : 0;
	int ret = read_or_zero(r->old, off, r->a, len);

	ret = ret ?: read_or_zero(r->new, off, r->b, len);
	for (u64 o = 0; !ret && o < len;) {
		u64 m = MIN(r->unit - (off + o) % r->unit, len - o);

		if (memcmp(r->a + o, r->b + o, m)) {
			if (off + o >= eof)
				ret = blk_zero(r->n, off + o, m, 0);
			else
				ret = blk_pwrite(r->n, off + o, r->a + o, m, r->wflags);
		}
		o += m;
	}
	return ret;
}

/* Is [off, off + *len) the same in the old and the new place in the chain? */
static int unchanged(struct rebase *r, u64 off, u64 *len)
{
	struct blk_status st;
	int ret;

	if (!r->prefix)
		return 0;
	if (r->old == r->prefix)
		return 1;
	ret = blk_status_chain(r->old, r->prefix, off, *len, &st);
	if (ret || !st.len)
		return ret;
	*len = MIN(*len, st.len);
	return !(st.flags & BLK_ST_ALLOCATED);
}

static int copy_differences(struct rebase *r, struct blk_progress *p)
{
	u64 size = blk_length(r->n), off = 0;

	while (off < size) {
		u64 run, end;
		int ret = blk_allocated(r->n, off, MIN(size - off, BUF), &run);

		ret = ret ? ret : unchanged(r, off, &run);
		if (ret < 0)
			return ret;
		if (!ret) {	/* clusters of the overlay, which below may be several or parts */
			end = MIN(ALIGN_UP(off + run, r->unit), size);
			off = ALIGN_DOWN(off, r->unit);
			run = MIN(end - off, BUF);
			ret = one_piece(r, off, run);
			if (ret)
				return ret;
		}
		off += run;
		if (p->update)
			p->update(p->opaque, off, size);
	}
	return 0;
}

static struct blk_node *in_chain(struct blk_node *n, const char *path)
{
	for (n = blk_backing(n); n; n = blk_backing(n))
		if (!strcmp(blk_filename(n), path))
			return blk_ref(n);
	return NULL;
}

static int open_new(struct rebase_args *ra, struct blk_graph *g, struct rebase *r, u32 flags)
{
	struct blk_opts o = { 0 };
	struct err e = ERR_INIT;
	char *path;
	int ret;

	if (!ra->backing[0])
		return 0;
	if (!strncmp(ra->backing, "json:", 5))
		ret = (path = strdup(ra->backing)) ? 0 : -ENOMEM;
	else
		ret = blk_combine_path(blk_filename(r->n), ra->backing, &path);
	if (ret)
		return ret;
	r->new = r->prefix = in_chain(r->n, path);
	if (!r->new) {
		if (ra->backing_fmt)
			ret = blk_opts_set(&o, "driver", ra->backing_fmt);
		ret = ret ?: blk_open(g, path, &o, flags | (ra->a.force_share ? BLK_O_FORCE_SHARE : 0),
				      &r->new, &e);
		if (ret)
			img_error("Could not open new backing file '%s': %s", ra->backing, e.msg);
	}
	free(path);
	return ret;
}

static int safe_part(struct rebase_args *ra, struct blk_graph *g, struct rebase *r, u32 flags)
{
	struct blk_progress p = { 0 };
	int ret;

	r->old = blk_backing(r->n);
	ret = open_new(ra, g, r, flags);
	if (ret)
		return ret;
	r->unit = MAX(r->n->lim.cluster, 512U);
	r->a = malloc(BUF);
	r->b = malloc(BUF);
	if (!r->a || !r->b)
		return -ENOMEM;
	img_progress_start(&ra->a, &p);
	ret = copy_differences(r, &p);
	if (ret)
		img_error("Error while copying what differs: %s", strerror(-ret));
	if (ret)
		return ret;
	/* Before the overlay points elsewhere, what it needs must be in it. */
	ret = blk_flush(r->n);
	if (ret)
		img_error("Error while writing '%s': %s", ra->file, strerror(-ret));
	return ret;
}

static int switch_backing(struct rebase_args *ra, struct rebase *r)
{
	struct err e = ERR_INIT;
	const char *b = ra->backing && *ra->backing ? ra->backing : NULL;
	int ret;

	if (!r->n->drv->change_backing) {
		img_error("Could not change the backing file to '%s': Operation not supported", ra->backing);
		return -ENOTSUP;
	}
	if (b && !ra->backing_fmt) {
		img_error("Could not change the backing file to '%s': backing format must be specified", b);
		return -EINVAL;
	}
	ret = r->n->drv->change_backing(r->n, b, ra->backing_fmt, &e);
	if (ret == -ENOSPC)
		img_error("Could not change the backing file to '%s': No space left in the file header", b);
	else if (ret)
		img_error("Could not change the backing file to '%s': %s", b, e.msg[0] ? e.msg : strerror(-ret));
	return ret;
}

/* The new backing file is looked at unless only its name is changed. */
static int close_sandbox(struct rebase_args *ra, struct blk_graph *g)
{
	struct img_place p[2] = { { ra->file, -1, true } };
	char *path = NULL;
	int n = 1, ret = 0;

	if (!ra->unsafe && ra->backing[0]) {
		ret = blk_combine_path(ra->file, ra->backing, &path);
		p[n++] = (struct img_place){ path, -1, false };
	}
	if (ret)
		img_error("out of memory");
	ret = ret ?: img_sandbox_places(g, &ra->a, p, n);
	free(path);
	return ret;
}

static int run(void *args, const struct opt_call *call)
{
	struct rebase_args *ra = args;
	u32 flags = BLK_O_RDWR | (ra->unsafe ? BLK_O_NO_BACKING : 0), src = 0;
	struct rebase r = { 0 };
	struct blk_graph *g;
	int ret = -EIO;

	if (!ra->unsafe && !ra->backing) {
		img_error("Must specify backing file (-b) or use unsafe mode (-u)");
		return 1;
	}
	if (ra->backing_fmt && !blk_driver_find(ra->backing_fmt)) {
		img_error("Invalid format name: '%s'", ra->backing_fmt);
		return 1;
	}
	if (img_cache_flags(ra->a.cache, &flags) || img_cache_flags(ra->a.src_cache, &src)) {
		img_error("Invalid cache option");
		return 1;
	}
	g = img_graph(&ra->a, call);
	if (!g)
		return 1;
	r.wflags = ra->compress ? BLK_COMPRESS : 0;
	r.n = close_sandbox(ra, g) ? NULL : img_open(g, &ra->a, ra->file, ra->a.fmt, flags);
	if (r.n && ra->compress && !r.n->drv->compress)
		img_error("Compression not supported for this file format");
	else if (r.n)
		ret = ra->unsafe ? 0 : safe_part(ra, g, &r, src);
	if (!ret)
		ret = switch_backing(ra, &r);
	if (!ret)
		img_progress_end();
	free(r.a);
	free(r.b);
	blk_unref(r.new);
	blk_unref(r.n);
	return img_done(g, ret ? 1 : 0);
}

static const struct opt opts[] = {
	IMG_COMMON(A), IMG_SANDBOX(A), IMG_SHARE(A), IMG_QUIET(A), IMG_CACHE(A, "writeback"), IMG_SRC_CACHE(A), IMG_PROGRESS(A),
	OPT_STR('b', "backing-file", "FILE", A, backing, "the new backing file; empty: none"),
	OPT_STR('F', "backing-format", "FMT", A, backing_fmt, "its format"),
	OPT_FLAG('u', "unsafe", A, unsafe, "only change the name that the image holds"),
	OPT_FLAG('c', "compress", A, compress, "compress what is copied"),
	OPERAND("FILE", A, file, "the image"),
	OPT_END
};

const struct opt_cmd img_cmd_rebase = {
	.name = "rebase", .summary = "put an image on another backing file", .opts = opts,
	.args_size = sizeof(A), .run = run, .usage_status = 1,
};
