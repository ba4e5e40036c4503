/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Block status: what map() and status() of the drivers mean for users. */
#include "block/int.h"

int blk_node_map(struct blk_node *n, u64 off, u64 len, struct blk_extent *x)
{
	int ret;

	*x = (struct blk_extent){ .off = off, .len = len, .kind = BLK_DATA, .node = n,
				  .host = off };
	if (n->drv->map)
		ret = n->drv->map(n, off, len, x);
	else if (n->drv->status)
		ret = n->drv->status(n, off, len, x);
	else
		return 0;
	if (!ret && (x->off > off || x->off + x->len <= off))
		return -EIO;
	return ret;
}

/* Where only whole sectors of @n can be read, a last one that it holds in part is one of data. */
static void whole_sector(const struct blk_node *n, struct blk_status *st, u64 off)
{
	u64 align = MAX(n->lim.request_align, 1U);

	if (st->flags & BLK_ST_EOF && !(st->flags & BLK_ST_ZERO))
		st->len = ALIGN_UP(off + st->len, align) - off;
}

static void below_is_zero(const struct blk_extent *x, struct blk_status *st)
{
	struct blk_status sub;

	if (!x->node || x->node->drv->map)
		return;
	if (blk_status(x->node, st->offset, st->len, &sub))
		return;
	if (!sub.len) {			/* behind the file's end: zeros */
		st->flags |= sub.flags & BLK_ST_EOF ? BLK_ST_ZERO : 0;
		return;
	}
	if (sub.flags & BLK_ST_ZERO)
		st->flags |= BLK_ST_ZERO;
	else
		whole_sector(x->node, &sub, st->offset);
	st->len = MIN(st->len, sub.len);
}

static void fill(struct blk_node *n, const struct blk_extent *x, u64 off, struct blk_status *st)
{
	switch (x->kind) {
	case BLK_HOLE:
		st->flags = n->backing ? 0 : BLK_ST_ZERO;
		break;
	case BLK_ZERO:
		st->flags = BLK_ST_ZERO | BLK_ST_ALLOCATED | (x->flags & BLK_X_STORED ? BLK_ST_DATA : 0);
		break;
	case BLK_DATA:
		st->flags = x->flags & BLK_X_NO_DATA ? BLK_ST_ALLOCATED : BLK_ST_DATA | BLK_ST_ALLOCATED;
		break;
	case BLK_COMPRESSED:
		st->flags = BLK_ST_DATA | BLK_ST_ALLOCATED | BLK_ST_COMPRESSED;
		break;
	}
	if ((x->kind == BLK_DATA && !(x->flags & BLK_X_ENCRYPTED)) || x->flags & BLK_X_OFFSET) {
		st->flags |= BLK_ST_OFFSET;
		st->file = x->node;
		st->offset = x->host + (off - x->off);
	}
}

/* A raw window or filter: where the file below says, as a byte of that file. */
static int status_through(struct blk_node *n, u64 off, u64 len, struct blk_status *st,
			  struct blk_extent *x)
{
	int ret = blk_node_map(n, off, len, x);

	/* The rest of the last sector, behind the file's end. */
	if (!ret && x->node != n && !n->drv->map && x->host + (off - x->off) >= blk_length(x->node)) {
		x->kind = BLK_ZERO;
		x->flags |= BLK_X_OFFSET;
		return 0;
	}
	if (!ret && x->kind == BLK_DATA && x->node != n && !n->drv->map && n->drv->status) {
		u64 host = x->host + (off - x->off), m = MIN(len, x->off + x->len - off);

		ret = blk_status(x->node, host, m, st);
		whole_sector(x->node, st, host);
		st->len = MIN(st->len, m);
		return ret ?: 1;
	}
	return ret;
}

static int status_of(struct blk_node *n, u64 off, u64 len, bool recurse, struct blk_status *st)
{
	u64 size = blk_length(n);
	struct blk_extent x;
	int ret;

	*st = (struct blk_status){ 0 };
	if (off >= size) {
		st->flags = BLK_ST_EOF;
		return 0;
	}
	len = MIN(len, size - off);
	if (!len)
		return 0;
	ret = status_through(n, off, len, st, &x);
	if (ret < 0)
		return ret;
	if (!ret) {
		st->len = MIN(len, x.off + x.len - off);
		fill(n, &x, off, st);
		if (recurse && x.kind == BLK_DATA && x.flags & BLK_X_RECURSE)
			below_is_zero(&x, st);
	}
	st->flags &= ~(u32)BLK_ST_EOF;
	if (off + st->len == size)
		st->flags |= BLK_ST_EOF;
	return 0;
}

int blk_status(struct blk_node *n, u64 off, u64 len, struct blk_status *st)
{
	return status_of(n, off, len, true, st);
}

int blk_allocated(struct blk_node *n, u64 off, u64 len, u64 *run)
{
	struct blk_status st;
	int ret = status_of(n, off, len, false, &st);

	*run = st.len;
	return ret ? ret : !!(st.flags & BLK_ST_ALLOCATED);
}

int blk_status_chain(struct blk_node *n, struct blk_node *base, u64 off, u64 len,
		     struct blk_status *st)
{
	bool eof = false, first = true;
	int depth = 0, ret;

	for (struct blk_node *p = n; p && p != base; p = p->backing, depth++) {
		ret = blk_status(p, off, len, st);
		st->depth = depth;
		if (ret)
			return ret;
		if (!st->len) {
			/*
			 * The top defers to this short node: the zeros beyond its
			 * end count as its own.
			 */
			if (first)
				return 0;
			st->len = len;
			st->flags = BLK_ST_ZERO | BLK_ST_ALLOCATED;
			st->file = p;
			break;
		}
		if (first)
			eof = st->flags & BLK_ST_EOF;
		first = false;
		if (st->flags & BLK_ST_ALLOCATED)
			break;
		len = MIN(len, st->len);
		if (!p->backing || p->backing == base)
			break;
	}
	if (eof && n && off + st->len < blk_length(n))
		eof = false;
	st->flags &= ~(u32)BLK_ST_EOF;
	if (off + st->len == blk_length(n))
		st->flags |= BLK_ST_EOF;
	return 0;
}

u64 blk_hole_ahead(struct blk_node *n, u64 off, u64 len, u64 *known)
{
	struct blk_status st;

	if (off < *known)
		return 0;
	if (off >= blk_length(n))
		return len;
	if (blk_status(n, off, len, &st) || !st.len)
		return 0;
	*known = off + st.len;
	return st.flags & BLK_ST_ZERO ? st.len : 0;
}
