/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The data engine: turns requests on a node into requests on the nodes below
 * it. Mapping drivers say where data is; plain bytes are read and written
 * straight from and to the caller's memory, everything else (compressed,
 * encrypted, copy on write, misaligned) passes a bounce buffer.
 */
#include <string.h>
#include "block/int.h"

#define MAX_IOV		64
#define BOUNCE_MAX	(1U << 20)

bool blk_is_mapping(const struct blk_node *n)
{
	return n->drv->map;
}

/* ---- byte drivers ---- */

static bool misaligned(const struct blk_node *n, u64 off, const struct iovec *iov, int niov,
		       u64 len)
{
	u64 m = n->lim.request_align - 1;

	if (likely(!m))
		return false;
	if ((off | len) & m)
		return true;
	for (int i = 0; i < niov; i++)
		if (((uintptr_t)iov[i].iov_base | iov[i].iov_len) & m)
			return true;
	return false;
}

static int read_bounced(struct blk_node *n, u64 off, struct iov_cur *c, u64 len)
{
	u32 al = n->lim.request_align, max = MAX(BOUNCE_MAX, al);
	u8 *buf = blk_buf_alloc(max);
	int ret = 0;

	if (!buf)
		return -ENOMEM;
	while (!ret && len) {
		u64 start = ALIGN_DOWN(off, al), head = off - start;
		u64 m = MIN(len, max - head);
		struct iovec v = { buf, ALIGN_UP(head + m, al) };

		ret = n->drv->preadv(n, start, &v, 1, v.iov_len);
		if (!ret)
			iov_cur_from_buf(c, buf + head, m);
		off += m;
		len -= m;
	}
	free(buf);
	return ret;
}

static int read_bytes(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len)
{
	u64 size = blk_length(n), inside = off < size ? MIN(len, size - off) : 0;
	struct iov_cur c = { iov, niov, 0 };
	struct iovec part[MAX_IOV];
	int ret;

	if (misaligned(n, off, iov, niov, len))
		return read_bounced(n, off, &c, len);
	if (likely(inside == len))
		return n->drv->preadv(n, off, iov, niov, len);
	while (inside) {
		u64 got;
		int k = iov_cur_take(&c, inside, part, MAX_IOV, &got);

		ret = n->drv->preadv(n, off, part, k, got);
		if (ret)
			return ret;
		off += got;
		inside -= got;
		len -= got;
	}
	iov_cur_zero(&c, len);
	return 0;
}

static int write_bounced(struct blk_node *n, u64 off, struct iov_cur *c, u64 len, u32 flags)
{
	u32 al = n->lim.request_align, max = MAX(BOUNCE_MAX, al);
	u8 *buf = blk_buf_alloc(max);
	struct blk_range r;
	int ret = 0;

	if (!buf)
		return -ENOMEM;
	blk_range_lock(n, &r, ALIGN_DOWN(off, al), ALIGN_UP(off + len, al) - ALIGN_DOWN(off, al),
		       true);
	while (!ret && len) {
		u64 start = ALIGN_DOWN(off, al), head = off - start;
		u64 m = MIN(len, max - head);
		struct iovec v = { buf, ALIGN_UP(head + m, al) };

		if (head || v.iov_len != m) {
			/* Only the outer blocks are needed, but they are cheap next to O_DIRECT. */
			u64 size = blk_length(n);

			memset(buf, 0, v.iov_len);
			if (start < size)
				ret = n->drv->preadv(n, start, &v, 1, v.iov_len);
		}
		iov_cur_to_buf(c, buf + head, m);
		if (!ret)
			ret = n->drv->pwritev(n, start, &v, 1, v.iov_len, flags);
		off += m;
		len -= m;
	}
	blk_range_unlock(n, &r);
	free(buf);
	return ret;
}

static int write_bytes(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len,
		       u32 flags)
{
	if (misaligned(n, off, iov, niov, len)) {
		struct iov_cur c = { iov, niov, 0 };

		return write_bounced(n, off, &c, len, flags);
	}
	return n->drv->pwritev(n, off, iov, niov, len, flags);
}

/* ---- mapping drivers: reading ---- */

/* The machine's state stands beyond the disk's end, where no request of a user reaches. */
static bool in_vmstate(struct blk_node *n, u64 off)
{
	return off >= blk_length(n) && n->drv->vmstate_base && off >= n->drv->vmstate_base(n);
}

static u64 end_for(struct blk_node *n, u64 off)
{
	return unlikely(in_vmstate(n, off)) ? (u64)INT64_MAX : blk_length(n);
}

static int map_checked(struct blk_node *n, u64 off, u64 len, struct blk_extent *x)
{
	int ret;

	memset(x, 0, sizeof(*x));
	ret = n->drv->map(n, off, len, x);
	if (ret)
		return ret;
	return x->off > off || x->off + x->len <= off ? -EIO : 0;
}

static int crypt_part(struct blk_node *n, bool enc, u64 guest, u64 host, void *buf, size_t len)
{
	return n->drv->crypt(n, enc, guest, host, buf, len);
}

/* Whole sectors into one piece of memory: decrypted where they arrive. */
static int read_encrypted_direct(struct blk_node *n, const struct blk_extent *x, u64 off,
				 struct iov_cur *c, u64 len)
{
	u64 host = x->host + (off - x->off), got;
	struct iovec v;
	int ret;

	iov_cur_take(c, len, &v, 1, &got);
	ret = blk_node_pread(x->node, host, v.iov_base, len);
	return ret ? ret : crypt_part(n, false, off, host, v.iov_base, len);
}

/* Encrypted data: whole 512-byte sectors through a buffer. */
static int read_encrypted(struct blk_node *n, const struct blk_extent *x, u64 off,
			  struct iov_cur *c, u64 len)
{
	u8 *buf;
	int ret = 0;

	if (!((off | len) & 511) && c->n && c->v->iov_len - c->skip >= len)
		return read_encrypted_direct(n, x, off, c, len);
	buf = blk_buf_alloc(MIN(ALIGN_UP(len + 512, 512), (u64)BOUNCE_MAX));
	if (!buf)
		return -ENOMEM;
	while (!ret && len) {
		u64 start = ALIGN_DOWN(off, 512), head = off - start;
		u64 m = MIN(len, BOUNCE_MAX - head), all = ALIGN_UP(head + m, 512);
		u64 host = x->host + (start - x->off);

		ret = blk_node_pread(x->node, host, buf, all);
		if (!ret)
			ret = crypt_part(n, false, start, host, buf, all);
		if (!ret)
			iov_cur_from_buf(c, buf + head, m);
		off += m;
		len -= m;
	}
	free(buf);
	return ret;
}

static int read_plain(struct blk_node *node, u64 host, struct iov_cur *c, u64 len)
{
	struct iovec part[MAX_IOV];

	while (len) {
		u64 got;
		int k = iov_cur_take(c, len, part, MAX_IOV, &got);
		int ret = blk_node_preadv(node, host, part, k, got);

		if (ret)
			return ret;
		host += got;
		len -= got;
	}
	return 0;
}

static int read_extent(struct blk_node *n, const struct blk_extent *x, u64 off,
		       struct iov_cur *c, u64 len)
{
	switch (x->kind) {
	case BLK_HOLE:
		if (n->backing && !in_vmstate(n, off))
			return read_plain(n->backing, off, c, len);
		__fallthrough;
	case BLK_ZERO:
		iov_cur_zero(c, len);
		return 0;
	case BLK_DATA:
		blk_event(x->node, "read_aio");
		if (x->flags & BLK_X_ENCRYPTED)
			return read_encrypted(n, x, off, c, len);
		return read_plain(x->node, x->host + (off - x->off), c, len);
	case BLK_COMPRESSED:
		return blk_units_read(n, x, off, c, len);
	}
	return -EIO;
}

/* The caller holds the range. Beyond the end: zeros. */
static int read_mapped_locked(struct blk_node *n, u64 off, struct iov_cur *c, u64 len)
{
	u64 size = end_for(n, off), inside = off < size ? MIN(len, size - off) : 0;
	u64 beyond = len - inside;

	while (inside) {
		struct blk_extent x;
		int ret = map_checked(n, off, inside, &x);
		u64 m;

		if (ret)
			return ret;
		m = MIN(inside, x.off + x.len - off);
		ret = read_extent(n, &x, off, c, m);
		if (ret)
			return ret;
		off += m;
		inside -= m;
	}
	iov_cur_zero(c, beyond);
	return 0;
}

int blk_node_preadv(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len)
{
	struct iov_cur c = { iov, niov, 0 };
	struct blk_range r;
	int ret;

	if (!len)
		return 0;
	if (!blk_is_mapping(n))
		return read_bytes(n, off, iov, niov, len);
	if (!(n->flags & BLK_O_RDWR))	/* nobody moves clusters of a read-only node */
		return read_mapped_locked(n, off, &c, len);
	blk_range_lock(n, &r, off, len, false);
	ret = read_mapped_locked(n, off, &c, len);
	blk_range_unlock(n, &r);
	return ret;
}

int blk_node_pread(struct blk_node *n, u64 off, void *buf, size_t len)
{
	struct iovec v = { buf, len };

	return blk_node_preadv(n, off, &v, 1, len);
}

/* ---- mapping drivers: writing ---- */

static int write_plain(struct blk_node *node, u64 host, struct iov_cur *c, u64 len)
{
	struct iovec part[MAX_IOV];

	while (len) {
		u64 got;
		int k = iov_cur_take(c, len, part, MAX_IOV, &got);
		int ret = blk_node_pwritev(node, host, part, k, got, 0);

		if (ret)
			return ret;
		host += got;
		len -= got;
	}
	return 0;
}

static int read_old(struct blk_node *n, u64 off, void *buf, size_t len)
{
	struct iovec v = { buf, len };
	struct iov_cur c = { &v, 1, 0 };

	return len ? read_mapped_locked(n, off, &c, len) : 0;
}

/* In-place or fresh, encrypted: sectors at the edges keep their other bytes. */
static int write_encrypted(struct blk_node *n, struct blk_node *node, u64 host0, u64 guest0,
			   u64 off, struct iov_cur *c, u64 len)
{
	u8 *buf = blk_buf_alloc(BOUNCE_MAX);
	int ret = 0;

	if (!buf)
		return -ENOMEM;
	while (!ret && len) {
		u64 start = ALIGN_DOWN(off, 512), head = off - start;
		u64 m = MIN(len, BOUNCE_MAX - head), all = ALIGN_UP(head + m, 512);
		u64 host = host0 + (start - guest0);

		if (head)
			ret = read_old(n, start, buf, 512);
		if (!ret && all != head + m && (all > 512 || !head))
			ret = read_old(n, start + all - 512, buf + all - 512, 512);
		iov_cur_to_buf(c, buf + head, m);
		if (!ret)
			ret = crypt_part(n, true, start, host, buf, all);
		if (!ret)
			ret = blk_node_pwrite(node, host, buf, all);
		off += m;
		len -= m;
	}
	free(buf);
	return ret;
}

static int write_in_place(struct blk_node *n, const struct blk_extent *x, u64 off,
			  struct iov_cur *c, u64 len)
{
	blk_event(x->node, "write_aio");
	if (x->flags & BLK_X_ENCRYPTED)
		return write_encrypted(n, x->node, x->host, x->off, off, c, len);
	return write_plain(x->node, x->host + (off - x->off), c, len);
}

bool blk_node_zero_locked(struct blk_node *n, u64 off, u64 len)
{
	u64 size = end_for(n, off);

	len = off < size ? MIN(len, size - off) : 0;
	while (len) {
		struct blk_extent x;
		u64 m;

		if (map_checked(n, off, len, &x))
			return false;
		m = MIN(len, x.off + x.len - off);
		if (x.kind == BLK_HOLE && n->backing) {
			struct blk_status st;

			if (off < blk_length(n->backing)) {
				if (blk_status_chain(n->backing, NULL, off, m, &st) ||
				    !(st.flags & BLK_ST_ZERO))
					return false;
				m = MIN(m, st.len);
			}
		} else if (x.kind != BLK_ZERO && x.kind != BLK_HOLE) {
			return false;
		}
		off += m;
		len -= m;
	}
	return true;
}

/* New space whose other bytes must be filled: one write of head + data + tail. */
static int write_filled(struct blk_node *n, struct blk_alloc *a, u64 off, struct iov_cur *c,
			u64 len)
{
	u64 head = off - a->off, tail = a->off + a->len - off - len;
	struct iovec v[3];
	u8 *buf = blk_buf_alloc(head + tail + (a->flags & BLK_X_ENCRYPTED ? len : 0));
	u8 *tbuf = buf + head + (a->flags & BLK_X_ENCRYPTED ? len : 0);
	struct iov_cur all;
	int ret;

	if (!buf)
		return -ENOMEM;
	ret = read_old(n, a->off, buf, head);
	if (!ret)
		ret = read_old(n, off + len, tbuf, tail);
	if (ret)
		goto out;
	a->cow = true;
	blk_event(a->node, "cow_write");
	blk_event(a->node, "write_aio");
	if (a->flags & BLK_X_ENCRYPTED) {
		iov_cur_to_buf(c, buf + head, len);
		ret = crypt_part(n, true, a->off, a->host, buf, a->len);
		if (!ret)
			ret = blk_node_pwrite(a->node, a->host, buf, a->len);
		goto out;
	}
	if (head) {
		v[0] = (struct iovec){ buf, head };
		all = (struct iov_cur){ v, 1, 0 };
		ret = write_plain(a->node, a->host, &all, head);
	}
	if (!ret)
		ret = write_plain(a->node, a->host + head, c, len);
	if (!ret && tail) {
		v[2] = (struct iovec){ tbuf, tail };
		all = (struct iov_cur){ v + 2, 1, 0 };
		ret = write_plain(a->node, a->host + head + len, &all, tail);
	}
out:
	free(buf);
	return ret;
}

/* All that is left of a write has its place: others may now allocate. */
static void tell_placed(struct blk_placed *p)
{
	if (!p || p->done)
		return;
	p->done = true;
	p->placed(p);
}

static int write_allocating(struct blk_node *n, u64 off, struct iov_cur *c, u64 len, u64 *done,
			    struct blk_placed *p)
{
	struct blk_alloc a = { 0 };
	int ret = n->drv->alloc(n, off, len, &a);
	u64 m, tail;

	if (ret)
		return ret;
	if (a.off > off || a.off + a.len <= off)
		return -EIO;
	m = MIN(len, a.off + a.len - off);
	tail = a.off + a.len - off - m;
	if (a.fresh && a.zeroed && !(a.flags & BLK_X_ENCRYPTED) &&
	    blk_node_zero_locked(n, a.off, off - a.off) && blk_node_zero_locked(n, off + m, tail))
		a.fresh = false;
	if (m == len)
		tell_placed(p);
	if (a.fresh && (off > a.off || tail)) {
		ret = write_filled(n, &a, off, c, m);
	} else {
		struct blk_extent x = { .node = a.node, .host = a.host, .off = a.off,
					.flags = a.flags };

		ret = write_in_place(n, &x, off, c, m);
	}
	if (!ret)
		ret = n->drv->commit(n, &a);
	else if (n->drv->abort)
		n->drv->abort(n, &a);
	*done = m;
	return ret;
}

/* Writes what can be overwritten where it is; stops (0) at the first byte that needs space. */
static int write_some_in_place(struct blk_node *n, u64 *off, struct iov_cur *c, u64 *len,
			       struct blk_placed *p)
{
	while (*len) {
		struct blk_extent x;
		int ret = map_checked(n, *off, *len, &x);
		u64 m;

		if (ret)
			return ret;
		if (x.kind != BLK_DATA || !(x.flags & BLK_X_IN_PLACE))
			return 0;
		m = MIN(*len, x.off + x.len - *off);
		if (m == *len)
			tell_placed(p);
		ret = write_in_place(n, &x, *off, c, m);
		if (ret)
			return ret;
		*off += m;
		*len -= m;
	}
	return 0;
}

static int write_mapped(struct blk_node *n, u64 off, struct iov_cur *c, u64 len, struct blk_placed *p)
{
	u64 cl = n->lim.cluster ? n->lim.cluster : 1, start, end;
	struct blk_range r;
	int ret;

	/* Sub-sector writes of encrypted data read and write back their neighbours. */
	if (!n->encrypted) {
		blk_range_lock(n, &r, off, len, false);
		ret = write_some_in_place(n, &off, c, &len, p);
		blk_range_unlock(n, &r);
		if (ret || !len)
			return ret;
	} else {
		cl = MAX(cl, 512ULL);
	}
	start = off / cl * cl;
	end = DIV_ROUND_UP(off + len, cl) * cl;
	blk_range_lock(n, &r, start, end - start, true);
	ret = 0;
	while (!ret && len) {
		u64 done = 0;

		ret = write_some_in_place(n, &off, c, &len, p);
		if (ret || !len)
			break;
		ret = write_allocating(n, off, c, len, &done, p);
		off += done;
		len -= done;
	}
	blk_range_unlock(n, &r);
	return ret;
}

int blk_node_read_locked(struct blk_node *n, u64 off, void *buf, size_t len)
{
	return read_old(n, off, buf, len);
}

int blk_node_write_locked(struct blk_node *n, u64 off, void *buf, size_t len)
{
	struct iovec v = { buf, len };
	struct iov_cur c = { &v, 1, 0 };
	u64 left = len;
	int ret = 0;

	while (!ret && left) {
		u64 done = 0;

		ret = write_allocating(n, off, &c, left, &done, NULL);
		off += done;
		left -= done;
	}
	return ret;
}

/* ---- compressed writes ---- */

int blk_node_put_compressed(struct blk_node *n, u64 off, u32 len, const void *cbuf, u32 clen)
{
	struct blk_range r;
	int ret;

	if (!n->drv->compressed)
		return -ENOTSUP;
	ret = blk_will_write(n, off, len);
	if (ret)
		return ret;
	blk_range_lock(n, &r, off, len, true);
	ret = n->drv->compressed(n, off, len, cbuf, clen);
	blk_units_forget(n, off, len);
	blk_range_unlock(n, &r);
	return ret;
}

static int write_unit(struct blk_node *n, u64 off, struct iov_cur *c, u32 len, u8 *in, u8 *out)
{
	u32 clen = n->lim.max_packed ? n->lim.max_packed : n->lim.max_compressed, unit = len;
	int ret;

	iov_cur_to_buf(c, in, len);
	if (len < n->lim.max_compressed) {	/* the end of the disk */
		if (off + len != blk_length(n))
			return -EINVAL;
		memset(in + len, 0, n->lim.max_compressed - len);
		unit = n->lim.max_compressed;
	}
	ret = n->drv->compress(n, in, unit, out, &clen);
	if (!ret)
		return blk_node_put_compressed(n, off, unit, out, clen);
	if (ret == -E2BIG) {
		struct iovec v = { in, len };
		struct iov_cur cc = { &v, 1, 0 };

		return write_mapped(n, off, &cc, len, NULL);
	}
	return ret;
}

static int write_compressed(struct blk_node *n, u64 off, struct iov_cur *c, u64 len)
{
	u32 unit = n->lim.max_compressed;
	u8 *in, *out;
	int ret = 0;

	if (!unit || !n->drv->compress)
		return -ENOTSUP;
	if (off % unit)
		return -EINVAL;
	in = blk_buf_alloc(unit);
	out = blk_buf_alloc((size_t)unit * 2);
	if (!in || !out)
		ret = -ENOMEM;
	while (!ret && len) {
		u32 m = (u32)MIN(len, (u64)unit);

		ret = write_unit(n, off, c, m, in, out);
		off += m;
		len -= m;
	}
	free(in);
	free(out);
	return ret;
}

int blk_node_pwritev_placed(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len,
			    u32 flags, struct blk_placed *p)
{
	struct iov_cur c = { iov, niov, 0 };
	int ret;

	if (!len)
		return 0;
	if (!(n->flags & BLK_O_RDWR))
		return -EBADF;
	if (unlikely(n->detect_zeroes) && !(flags & (BLK_AS_DATA | BLK_COMPRESS)) && iov_is_zero(iov, niov))
		return blk_node_zero(n, off, len, (flags & BLK_FUA) |
				     (n->detect_zeroes == BLK_ZEROES_UNMAP ? BLK_MAY_UNMAP : 0));
	if (!blk_is_mapping(n))
		return n->drv->pwritev ? write_bytes(n, off, iov, niov, len, flags) : -ENOTSUP;
	ret = blk_will_write(n, off, len);
	if (ret)
		return ret;
	if (flags & BLK_COMPRESS || n->lim.compressed_only)
		ret = write_compressed(n, off, &c, len);
	else
		ret = n->drv->alloc ? write_mapped(n, off, &c, len, p) : -ENOTSUP;
	if (!ret && flags & BLK_FUA)
		ret = blk_node_flush(n);
	return ret;
}

int blk_node_pwritev(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len,
		     u32 flags)
{
	return blk_node_pwritev_placed(n, off, iov, niov, len, flags, NULL);
}

int blk_node_pwrite(struct blk_node *n, u64 off, const void *buf, size_t len)
{
	struct iovec v = { (void *)buf, len };

	return blk_node_pwritev(n, off, &v, 1, len, 0);
}

/* ---- flush ---- */

int blk_node_flush(struct blk_node *n)
{
	int ret = 0;

	if (!(n->flags & BLK_O_RDWR))
		return 0;
	if (n->drv->flush)
		ret = n->drv->flush(n);
	if (n->drv->flags & (BLK_DRV_PROTOCOL | BLK_DRV_FLUSHES) || n->flags & BLK_O_NO_FLUSH)
		return ret;
	for (int i = 0; !ret && i < n->n_children; i++)
		if (n->child[i].node != n->backing)
			ret = blk_node_flush(n->child[i].node);
	return ret;
}
