// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Block status of the NBD server: what base:allocation, qemu:allocation-depth
 * and dirty bitmaps say about a range. An answer may cover less than was
 * asked; the client asks again. So extents and work per request are bounded.
 */
#include <string.h>
#include "block/nbd/server.h"

#define MAX_EXTENTS	4096
#define MAX_LOOKUPS	16384

/* Descriptors in wire form, neighbours of the same flags merged. */
struct extents {
	bool wide;
	u32 n, max;
	u64 len;		/* of the last */
	u64 flags;
	u8 *p;			/* 8 or 16 bytes each */
};

static void store_last(struct extents *x)
{
	u8 *p = x->p + (size_t)(x->n - 1) * (x->wide ? 16 : 8);

	if (x->wide) {
		put_be64(p, x->len);
		put_be64(p + 8, x->flags);
	} else {
		put_be32(p, (u32)x->len);
		put_be32(p + 4, (u32)x->flags);
	}
}

/* False when there is no room for it. */
static bool add_extent(struct extents *x, u64 len, u64 flags)
{
	if (x->n && x->flags == flags) {
		x->len += len;
	} else {
		if (x->n == x->max)
			return false;
		x->n++;
		x->len = len;
		x->flags = flags;
	}
	store_last(x);
	return true;
}

static int allocation_flags(struct blk_node *n, u64 off, u64 len, struct blk_status *st, u64 *flags)
{
	int ret = blk_status_chain(n, NULL, off, len, st);

	*flags = (st->flags & BLK_ST_DATA ? 0 : NBD_STATE_HOLE) | (st->flags & BLK_ST_ZERO ? NBD_STATE_ZERO : 0);
	return ret;
}

/* 0: nobody has it; 1: the image itself; 2: its backing file; ... */
static int depth_flags(struct blk_node *n, u64 off, u64 len, struct blk_status *st, u64 *flags)
{
	u64 depth = 1;

	for (struct blk_node *p = n; p; p = blk_backing(p), depth++) {
		int ret = blk_allocated(p, off, len, &st->len);

		if (ret < 0)
			return ret;
		if (!st->len)		/* beyond the end of a short backing file */
			break;
		if (ret) {
			*flags = depth;
			return 0;
		}
		len = MIN(len, st->len);
	}
	st->len = len;
	*flags = 0;
	return 0;
}

static int walk(struct nbd_client *c, u32 id, u64 off, u64 len, struct extents *x)
{
	struct blk_node *n = c->exp->node;

	for (int i = 0; len && i < MAX_LOOKUPS; i++) {
		struct blk_status st = { 0 };
		u64 flags;
		int ret = id == NBD_CTX_DEPTH ? depth_flags(n, off, len, &st, &flags) :
			  allocation_flags(n, off, len, &st, &flags);

		if (ret)
			return ret;
		if (!st.len)
			return -EIO;
		if (!add_extent(x, MIN(st.len, len), flags))
			break;
		off += MIN(st.len, len);
		len -= MIN(st.len, len);
	}
	return 0;
}

static bool bit_at(const struct nbd_bits *b, u64 i)
{
	return i < b->nbits && b->bits[i / 8] >> (i % 8) & 1;
}

static u64 run_end(const struct nbd_bits *b, u64 i, u64 end)
{
	bool v = bit_at(b, i);

	while (++i < end && bit_at(b, i) == v) {
		/* Whole bytes of the same. */
		while (!(i % 8) && i + 8 <= end && i + 8 <= b->nbits && b->bits[i / 8] == (v ? 0xff : 0))
			i += 8;
		if (i >= end || bit_at(b, i) != v)
			break;
	}
	return MIN(i, end);
}

static void walk_bits(const struct nbd_bits *b, u64 off, u64 len, struct extents *x)
{
	u64 end = off + len, last = (end - 1) / b->gran + 1;

	while (off < end) {
		u64 i = off / b->gran, to = run_end(b, i, last) * b->gran;

		to = MIN(to, end);
		if (!add_extent(x, to - off, bit_at(b, i)))
			break;
		off = to;
	}
}

int nbd_serve_status(struct nbd_client *c, const struct nbd_req *r)
{
	u64 left = c->contexts;
	struct extents x = { .wide = c->extended, .max = r->flags & NBD_CMD_FLAG_REQ_ONE ? 1 : MAX_EXTENTS };
	int ret = 0;

	x.p = malloc((size_t)x.max * 16);
	if (!x.p)
		return nbd_reply_error(c, r, -ENOMEM);
	while (left) {
		u32 id = (u32)__builtin_ctzll(left);

		left &= left - 1;
		x.n = 0;
		if (id >= NBD_CTX_BITMAP)
			walk_bits(&c->exp->bitmaps[id - NBD_CTX_BITMAP], r->off, r->len, &x);
		else
			ret = walk(c, id, r->off, r->len, &x);
		if (ret && !x.n) {
			free(x.p);
			return nbd_reply_error(c, r, ret);
		}
		ret = nbd_reply_status(c, r, !left, id, x.p, (size_t)x.n * (x.wide ? 16 : 8), x.n);
		if (ret)
			break;
	}
	free(x.p);
	return ret;
}
