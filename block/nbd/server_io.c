// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Requests of the NBD server. A request is judged before memory is taken for
 * its payload; what is wrong but can be skipped gets an error reply, the rest
 * ends the connection.
 */
#include <string.h>
#include "block/nbd/server.h"
#include "mem.h"

/* ---- the client's memory budget ---- */

static void memory_take(struct nbd_client *c, struct nbd_req *r, u64 len)
{
	u64 max = c->server->conf.client_memory;

	pthread_mutex_lock(&c->lock);
	while (c->memory && c->memory + len > max)
		pthread_cond_wait(&c->room, &c->lock);
	c->memory += len;
	pthread_mutex_unlock(&c->lock);
	r->memory = len;
}

static void memory_give(struct nbd_client *c, struct nbd_req *r)
{
	if (!r->memory)
		return;
	pthread_mutex_lock(&c->lock);
	c->memory -= r->memory;
	pthread_cond_broadcast(&c->room);
	pthread_mutex_unlock(&c->lock);
	r->memory = 0;
}

static u8 *work_buffer(struct nbd_work *w, size_t len)
{
	if (w->size >= len)
		return w->buf;
	free(w->buf);
	w->size = 0;
	w->buf = blk_buf_alloc(ALIGN_UP(len, 65536));
	if (w->buf)
		w->size = ALIGN_UP(len, 65536);
	return w->buf;
}

/* Large buffers are not kept: a client would pin them by one request a thread. */
static void work_trim(struct nbd_work *w)
{
	if (w->size <= 2 * MiB)
		return;
	free(w->buf);
	w->buf = NULL;
	w->size = 0;
}

/* ---- receiving ---- */

static u32 allowed_flags(const struct nbd_client *c, u32 cmd)
{
	u32 fua = c->exp->writable ? NBD_CMD_FLAG_FUA : 0;

	switch (cmd) {
	case NBD_CMD_READ:
		return NBD_CMD_FLAG_FUA | (c->structured ? NBD_CMD_FLAG_DF : 0);
	case NBD_CMD_WRITE:
		return fua | (c->extended ? NBD_CMD_FLAG_PAYLOAD : 0);
	case NBD_CMD_WRITE_ZEROES:
		return fua | NBD_CMD_FLAG_NO_HOLE | NBD_CMD_FLAG_FAST_ZERO;
	case NBD_CMD_BLOCK_STATUS:
		return NBD_CMD_FLAG_REQ_ONE;
	}
	return NBD_CMD_FLAG_FUA;
}

static int judge(const struct nbd_client *c, const struct nbd_req *r)
{
	bool writes = r->cmd == NBD_CMD_WRITE || r->cmd == NBD_CMD_WRITE_ZEROES || r->cmd == NBD_CMD_TRIM;
	u64 end, size = blk_length(c->exp->node);

	if (r->cmd > NBD_CMD_BLOCK_STATUS || r->flags & ~allowed_flags(c, r->cmd))
		return -EINVAL;
	if (writes && !c->exp->writable)
		return -EPERM;
	if (r->cmd == NBD_CMD_FLUSH)
		return 0;
	if (r->cmd == NBD_CMD_BLOCK_STATUS && (!c->contexts || !r->len))
		return -EINVAL;
	if ((r->cmd == NBD_CMD_READ || r->cmd == NBD_CMD_WRITE || r->cmd == NBD_CMD_CACHE) && r->len > NBD_MAX_DATA)
		return -EINVAL;
	if (add_overflows(r->off, r->len, &end) || end > size)
		return r->cmd == NBD_CMD_WRITE || r->cmd == NBD_CMD_WRITE_ZEROES ? -ENOSPC : -EINVAL;
	return 0;
}

static int recv_header(struct nbd_client *c, struct nbd_req *r, u64 *payload)
{
	u8 h[NBD_EXT_REQUEST_SIZE];
	int ret = nbd_recv(&c->conn, h, c->extended ? NBD_EXT_REQUEST_SIZE : NBD_REQUEST_SIZE);

	if (ret)
		return ret;
	if (get_be32(h) != (c->extended ? NBD_EXT_REQUEST_MAGIC : NBD_REQUEST_MAGIC))
		return -EPROTO;
	*r = (struct nbd_req){ .flags = get_be16(h + 4), .cmd = get_be16(h + 6), .cookie = get_be64(h + 8),
			       .off = get_be64(h + 16), .len = c->extended ? get_be64(h + 24) : get_be32(h + 24) };
	if (c->extended)
		*payload = r->flags & NBD_CMD_FLAG_PAYLOAD ? r->len : 0;
	else
		*payload = r->cmd == NBD_CMD_WRITE ? r->len : 0;
	return 0;
}

int nbd_serve_recv(struct nbd_client *c, struct nbd_req *r, struct nbd_work *w)
{
	u64 payload;
	int ret = recv_header(c, r, &payload);

	if (ret)
		return ret;
	if (r->cmd == NBD_CMD_DISC)
		return -ENOTCONN;
	if (payload > NBD_MAX_DATA)
		return -EPROTO;		/* too much even to skip */
	r->err = judge(c, r);
	if (!r->err && c->extended && r->cmd == NBD_CMD_WRITE && !(r->flags & NBD_CMD_FLAG_PAYLOAD))
		r->err = -EINVAL;
	if (!payload)
		return 0;
	if (!r->err) {
		memory_take(c, r, payload);
		r->data = work_buffer(w, payload);
		if (r->data)
			return nbd_recv(&c->conn, r->data, payload);
		r->err = -ENOMEM;
	}
	return nbd_recv_skip(&c->conn, payload);
}

/* ---- commands ---- */

/* All in one piece: for clients without structured replies, or who asked not to fragment. */
static int read_whole(struct nbd_client *c, struct nbd_req *r, struct nbd_work *w)
{
	u8 *buf;
	int ret;

	memory_take(c, r, r->len);
	buf = work_buffer(w, r->len);
	ret = buf ? blk_pread(c->exp->node, r->off, buf, r->len) : -ENOMEM;
	if (ret)
		return nbd_reply_error(c, r, ret);
	if (c->structured)
		return nbd_reply_data(c, r, r->off, buf, r->len, true);
	return nbd_reply_simple(c, r, buf, r->len);
}

/* Piece by piece; zeros are sent as holes. */
static int read_chunks(struct nbd_client *c, struct nbd_req *r, struct nbd_work *w)
{
	struct blk_node *n = c->exp->node;
	u64 off = r->off, end = off + r->len;
	u8 *buf = work_buffer(w, NBD_PIECE);
	int ret = buf ? 0 : -ENOMEM;

	while (!ret && off < end) {
		struct blk_status st;
		u64 run;

		ret = blk_status_chain(n, NULL, off, end - off, &st);
		if (!ret && !st.len)
			ret = -EIO;
		run = off + st.len;
		while (!ret && off < run) {
			u64 m = MIN(run - off, (u64)NBD_PIECE);
			int sent;

			if (st.flags & BLK_ST_ZERO) {
				sent = nbd_reply_hole(c, r, off, run - off, run == end);
				m = run - off;
			} else {
				ret = blk_pread(n, off, buf, m);
				if (ret)
					break;
				sent = nbd_reply_data(c, r, off, buf, m, off + m == end);
			}
			if (sent)
				return sent;
			off += m;
		}
	}
	return ret ? nbd_reply_error(c, r, ret) : 0;
}

static int do_read(struct nbd_client *c, struct nbd_req *r, struct nbd_work *w)
{
	if (r->flags & NBD_CMD_FLAG_FUA && c->exp->writable) {
		int ret = blk_flush(c->exp->node);

		if (ret)
			return nbd_reply_error(c, r, ret);
	}
	if (!r->len)
		return nbd_reply_error(c, r, 0);
	if (!c->structured || r->flags & NBD_CMD_FLAG_DF)
		return read_whole(c, r, w);
	return read_chunks(c, r, w);
}

static int do_write(struct nbd_client *c, struct nbd_req *r)
{
	u32 fua = r->flags & NBD_CMD_FLAG_FUA ? BLK_FUA : 0;

	if (c->exp->detect_zeroes && r->len && buf_is_zero(r->data, r->len))
		return blk_zero(c->exp->node, r->off, r->len, fua |
				(c->exp->detect_zeroes == NBD_ZEROES_UNMAP ? BLK_MAY_UNMAP : 0));
	return blk_pwrite(c->exp->node, r->off, r->data, r->len, fua);
}

static int do_zero(struct nbd_client *c, const struct nbd_req *r)
{
	u32 f = (r->flags & NBD_CMD_FLAG_FUA ? BLK_FUA : 0) |
		(r->flags & NBD_CMD_FLAG_NO_HOLE ? 0 : BLK_MAY_UNMAP) |
		(r->flags & NBD_CMD_FLAG_FAST_ZERO ? BLK_NO_FALLBACK : 0);

	return blk_zero(c->exp->node, r->off, r->len, f);
}

static int do_trim(struct nbd_client *c, const struct nbd_req *r)
{
	int ret = blk_discard(c->exp->node, r->off, r->len);

	if (!ret && r->flags & NBD_CMD_FLAG_FUA)
		ret = blk_flush(c->exp->node);
	return ret;
}

/* Reading brings it into the page cache of whoever has the data. */
static int do_cache(struct nbd_client *c, const struct nbd_req *r, struct nbd_work *w)
{
	u8 *buf = work_buffer(w, NBD_PIECE);
	int ret = buf ? 0 : -ENOMEM;

	for (u64 done = 0; !ret && done < r->len; done += NBD_PIECE)
		ret = blk_pread(c->exp->node, r->off + done, buf, MIN(r->len - done, (u64)NBD_PIECE));
	return ret;
}

static int run(struct nbd_client *c, struct nbd_req *r, struct nbd_work *w)
{
	if (r->err)
		return nbd_reply_error(c, r, r->err);
	switch (r->cmd) {
	case NBD_CMD_READ:
		return do_read(c, r, w);
	case NBD_CMD_WRITE:
		return nbd_reply_error(c, r, do_write(c, r));
	case NBD_CMD_FLUSH:
		return nbd_reply_error(c, r, blk_flush(c->exp->node));
	case NBD_CMD_TRIM:
		return nbd_reply_error(c, r, do_trim(c, r));
	case NBD_CMD_CACHE:
		return nbd_reply_error(c, r, do_cache(c, r, w));
	case NBD_CMD_WRITE_ZEROES:
		return nbd_reply_error(c, r, do_zero(c, r));
	default:
		return nbd_serve_status(c, r);
	}
}

int nbd_serve_request(struct nbd_client *c, struct nbd_req *r, struct nbd_work *w)
{
	int ret = run(c, r, w);

	work_trim(w);
	memory_give(c, r);
	return ret;
}
