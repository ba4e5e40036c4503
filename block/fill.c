// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Copy on read: what an image leaves to its backing file is written into the
 * image. Under the range lock of the clusters, so that no write of somebody
 * else is overwritten with older data.
 */
#include <string.h>
#include "block/int.h"
#include "mem.h"

#define PIECE (1U << 20)

struct blk_node *blk_fill_target(struct blk_node *n)
{
	while (n && !blk_is_mapping(n) && n->drv->flags & BLK_DRV_FILTER)
		n = n->file;
	return n && blk_is_mapping(n) && n->drv->alloc ? n : NULL;
}

/* Is any of it stored above @base? *run: for how many bytes that is so. 1, 0, -errno. */
static int worth_copying(struct blk_node *n, struct blk_node *base, u64 off, u64 len, u64 *run)
{
	struct blk_status st;
	int ret;

	*run = len;
	if (!base || !n->backing)
		return 1;
	if (off >= blk_length(n->backing))
		return 0;
	ret = blk_status_chain(n->backing, base, off, len, &st);
	if (ret)
		return ret;
	*run = MIN(len, st.len ? st.len : len);
	return st.flags & BLK_ST_ALLOCATED ? 1 : 0;
}

static bool whole_clusters(const struct blk_node *n, u64 off, u64 len)
{
	u32 cl = n->lim.cluster;

	return !(off % cl) && (!(len % cl) || off + len == blk_length(n));
}

/* One unallocated run, its range locked. */
static int fill_run(struct blk_node *n, u64 off, u64 len, u8 *buf)
{
	int ret = blk_node_read_locked(n, off, buf, len);

	if (ret)
		return ret;
	if (n->drv->zero && whole_clusters(n, off, len) && buf_is_zero(buf, len)) {
		ret = n->drv->zero(n, off, len, 0);
		if (ret != -ENOTSUP)
			return ret;
	}
	return blk_node_write_locked(n, off, buf, len);
}

static int fill_piece(struct blk_node *n, struct blk_node *base, u64 off, u64 len, u8 *buf)
{
	while (len) {
		struct blk_extent x;
		u64 m, run;
		int ret = blk_node_map(n, off, len, &x);

		if (ret)
			return ret;
		m = MIN(len, x.off + x.len - off);
		if (x.kind == BLK_HOLE) {
			ret = worth_copying(n, base, off, m, &run);
			m = MIN(m, run);
			if (ret > 0)
				ret = fill_run(n, off, m, buf);
			if (ret)
				return ret;
		}
		off += m;
		len -= m;
	}
	return 0;
}

static bool nothing_missing(struct blk_node *n, u64 off, u64 len)
{
	while (len) {
		struct blk_extent x;
		u64 m;

		if (blk_node_map(n, off, len, &x) || x.kind == BLK_HOLE)
			return false;
		m = MIN(len, x.off + x.len - off);
		off += m;
		len -= m;
	}
	return true;
}

int blk_node_fill(struct blk_node *n, struct blk_node *base, u64 off, u64 len)
{
	u64 cl = n->lim.cluster, unit = n->lim.cow_unit ? n->lim.cow_unit : cl, size = blk_length(n), end;
	u8 *buf;
	int ret;

	if (off >= size || nothing_missing(n, off, MIN(len, size - off)))
		return 0;
	end = MIN(DIV_ROUND_UP(MIN(off + len, size), unit) * unit, size);
	off = off / unit * unit;
	ret = blk_will_write(n, off, len);
	buf = blk_buf_alloc(MAX((u64)PIECE, cl));
	if (!buf)
		return -ENOMEM;
	while (!ret && off < end) {
		u64 m = MIN(end - off, MAX(PIECE / cl * cl, cl)), start = off / cl * cl;
		struct blk_range r;

		blk_range_lock(n, &r, start, DIV_ROUND_UP(off + m, cl) * cl - start, true);
		ret = fill_piece(n, base, off, m, buf);
		blk_range_unlock(n, &r);
		off += m;
	}
	free(buf);
	return ret;
}
