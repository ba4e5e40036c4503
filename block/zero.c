/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing zeros and discarding. Drivers take ranges aligned to their unit;
 * the edges are written as data, in pieces, unless they read as zeros already.
 */
#include <string.h>
#include "block/int.h"
#include "mem.h"

#define ZERO_BUF (64U << 10)
#define ZERO_PIECE (1ULL << 30)		/* held exclusively at a time */

static int write_zero_bytes(struct blk_node *n, u64 off, u64 len, u32 flags)
{
	static const u8 zeros[ZERO_BUF] __aligned(4096);
	struct iovec v[16];
	int ret = 0;

	while (!ret && len) {
		u64 m = 0;
		int k;

		for (k = 0; k < 16 && m < len; k++) {
			v[k].iov_base = (void *)zeros;
			v[k].iov_len = MIN(len - m, (u64)ZERO_BUF);
			m += v[k].iov_len;
		}
		ret = blk_node_pwritev(n, off, v, k, m, (flags & BLK_FUA) | BLK_AS_DATA);
		off += m;
		len -= m;
	}
	return ret;
}

/* Has the node no data of its own there? What is below may have. */
static bool holds_nothing(struct blk_node *n, u64 off, u64 len)
{
	u64 end = off + len;

	while (off < end) {
		struct blk_extent x;

		if (blk_node_map(n, off, end - off, &x) || x.kind == BLK_DATA || x.kind == BLK_COMPRESSED)
			return false;
		off = x.off + x.len;
	}
	return true;
}

/* What a driver's zero() takes: a cluster, or the part of it that can be allocated alone. */
static u64 zero_unit(const struct blk_node *n)
{
	u64 unit = !blk_is_mapping(n) ? n->lim.request_align : n->lim.cow_unit ? n->lim.cow_unit : n->lim.cluster;

	return unit ? unit : 1;
}

static void lock_clusters(struct blk_node *n, struct blk_range *r, u64 off, u64 len)
{
	u64 cl = blk_is_mapping(n) && n->lim.cluster ? n->lim.cluster : 1, s = off / cl * cl;

	blk_range_lock(n, r, s, DIV_ROUND_UP(off + len, cl) * cl - s, true);
}

/*
 * A part of a unit without data, whose other bytes read as zeros: the whole unit says so
 * without data. It is judged and done while nobody else writes to the cluster.
 */
static int zero_whole(struct blk_node *n, u64 off, u64 len, u32 flags)
{
	u64 cl = zero_unit(n), s = off / cl * cl, up = DIV_ROUND_UP(off + len, cl) * cl;
	u64 end = MIN(up, blk_length(n)), behind = MIN(off + len, end);
	int ret = -ENOTSUP;
	struct blk_range r;

	lock_clusters(n, &r, s, up - s);
	if (holds_nothing(n, s, end - s) && blk_node_zero_locked(n, s, off - s) &&
	    blk_node_zero_locked(n, behind, end - behind))
		ret = n->drv->zero(n, s, end - s, flags);
	blk_range_unlock(n, &r);
	return ret;
}

/* Less than a unit at a time. */
static int zero_edge(struct blk_node *n, u64 off, u64 len, u32 flags)
{
	bool mapped = blk_is_mapping(n) && n->drv->zero && off < blk_length(n);
	u64 cl = zero_unit(n);
	int ret = 0;

	while (!ret && len) {
		u64 m = mapped ? MIN(len, cl - off % cl) : len;

		ret = mapped ? zero_whole(n, off, m, flags) : -ENOTSUP;
		if (ret == -ENOTSUP)
			ret = flags & BLK_NO_FALLBACK ? -ENOTSUP : write_zero_bytes(n, off, m, flags);
		off += m;
		len -= m;
	}
	return ret;
}

static int zero_middle(struct blk_node *n, u64 off, u64 len, u32 flags)
{
	while (len) {
		u64 m = MIN(len, ZERO_PIECE);
		struct blk_range r;
		int ret = -ENOTSUP;

		if (n->drv->zero) {
			lock_clusters(n, &r, off, m);
			ret = n->drv->zero(n, off, m, flags);
			blk_range_unlock(n, &r);
			blk_units_forget(n, off, m);	/* of a failure too: a part may have changed */
		}
		if (ret == -ENOTSUP && !(flags & BLK_NO_FALLBACK))
			ret = write_zero_bytes(n, off, m, flags);
		if (ret)
			return ret;
		off += m;
		len -= m;
	}
	return 0;
}

int blk_node_zero(struct blk_node *n, u64 off, u64 len, u32 flags)
{
	u64 unit = zero_unit(n), size = blk_length(n), start, end;
	int ret;

	if (!len)
		return 0;
	if (!(n->flags & BLK_O_RDWR))
		return -EBADF;
	ret = blk_will_write(n, off, len);
	if (ret)
		return ret;
	start = DIV_ROUND_UP(off, unit) * unit;
	end = (off + len) / unit * unit;
	if (off + len == size)		/* the last cluster may be a part of one */
		end = off + len;
	if (start >= end || (off + len == size && start > size))
		return zero_edge(n, off, len, flags);
	ret = zero_edge(n, off, start - off, flags);
	if (!ret)
		ret = zero_middle(n, start, end - start, flags);
	if (!ret)
		ret = zero_edge(n, end, off + len - end, flags);
	if (!ret && flags & BLK_FUA)
		ret = blk_node_flush(n);
	return ret;
}

int blk_node_discard(struct blk_node *n, u64 off, u64 len)
{
	u64 unit = blk_is_mapping(n) ? n->lim.cluster : n->lim.request_align;
	u64 size = blk_length(n), end;
	struct blk_range r;
	int ret = 0;

	if (!(n->flags & BLK_O_RDWR))
		return -EBADF;
	if (!n->drv->discard || !(n->flags & BLK_O_UNMAP))
		return 0;
	ret = blk_will_write(n, off, len);
	unit = unit ? unit : 1;
	end = off + len == size ? size : (off + len) / unit * unit;
	off = DIV_ROUND_UP(off, unit) * unit;
	while (!ret && off < end) {
		u64 m = MIN(end - off, ZERO_PIECE);

		blk_range_lock(n, &r, off, m, true);
		ret = n->drv->discard(n, off, m);
		blk_range_unlock(n, &r);
		if (!ret)
			blk_units_forget(n, off, m);
		off += m;
	}
	return ret == -ENOTSUP ? 0 : ret;
}

/* ---- scanning ---- */

size_t blk_zero_run(const void *buf, size_t len, size_t align, bool *zero)
{
	const u8 *p = buf;
	size_t m = MIN(len, align), done;

	*zero = buf_is_zero(p, m);
	for (done = m; done < len; done += m) {
		m = MIN(len - done, align);
		if (buf_is_zero(p + done, m) != *zero)
			break;
	}
	return done;
}
