// SPDX-License-Identifier: GPL-2.0-or-later
/* Replies of the NBD server in the three forms that a client may have agreed on. */
#include <string.h>
#include "block/nbd/server.h"

static int send_parts(struct nbd_client *c, struct iovec *v, int n)
{
	int ret;

	pthread_mutex_lock(&c->send);
	ret = nbd_sendv(&c->conn, v, n);
	pthread_mutex_unlock(&c->send);
	return ret;
}

/* Fills the header of a structured or extended chunk; returns its size. */
static size_t chunk_header(const struct nbd_client *c, const struct nbd_req *r, u8 *h, u16 type, bool last,
			   u64 len)
{
	put_be32(h, c->extended ? NBD_EXT_REPLY_MAGIC : NBD_CHUNK_MAGIC);
	put_be16(h + 4, last ? NBD_CHUNK_DONE : 0);
	put_be16(h + 6, type);
	put_be64(h + 8, r->cookie);
	if (!c->extended) {
		put_be32(h + 16, (u32)len);
		return NBD_CHUNK_SIZE;
	}
	put_be64(h + 16, r->off);
	put_be64(h + 24, len);
	return NBD_EXT_REPLY_SIZE;
}

static int send_chunk(struct nbd_client *c, const struct nbd_req *r, u16 type, bool last, const void *head,
		      size_t head_len, const void *data, size_t len)
{
	u8 h[NBD_EXT_REPLY_SIZE + 16];
	struct iovec v[2];
	size_t n = chunk_header(c, r, h, type, last, head_len + len);

	memcpy(h + n, head, head_len);
	v[0] = (struct iovec){ h, n + head_len };
	v[1] = (struct iovec){ (void *)data, len };
	return send_parts(c, v, len ? 2 : 1);
}

int nbd_reply_simple(struct nbd_client *c, const struct nbd_req *r, const void *data, size_t len)
{
	u8 h[NBD_SIMPLE_SIZE];
	struct iovec v[2] = { { h, sizeof(h) }, { (void *)data, len } };

	put_be32(h, NBD_SIMPLE_MAGIC);
	put_be32(h + 4, 0);
	put_be64(h + 8, r->cookie);
	return send_parts(c, v, len ? 2 : 1);
}

int nbd_reply_error(struct nbd_client *c, const struct nbd_req *r, int err)
{
	u8 b[NBD_SIMPLE_SIZE] = { 0 };

	if (c->extended || (c->structured && (err || r->cmd == NBD_CMD_READ || r->cmd == NBD_CMD_BLOCK_STATUS))) {
		if (!err)
			return send_chunk(c, r, NBD_CHUNK_NONE, true, b, 0, NULL, 0);
		put_be32(b, nbd_errno_to_wire(err));
		put_be16(b + 4, 0);
		return send_chunk(c, r, NBD_CHUNK_ERROR, true, b, 6, NULL, 0);
	}
	put_be32(b, NBD_SIMPLE_MAGIC);
	put_be32(b + 4, nbd_errno_to_wire(err));
	put_be64(b + 8, r->cookie);
	return send_parts(c, &(struct iovec){ b, sizeof(b) }, 1);
}

int nbd_reply_data(struct nbd_client *c, const struct nbd_req *r, u64 off, const void *data, size_t len,
		   bool last)
{
	u8 b[8];

	put_be64(b, off);
	return send_chunk(c, r, NBD_CHUNK_DATA, last, b, 8, data, len);
}

int nbd_reply_hole(struct nbd_client *c, const struct nbd_req *r, u64 off, u64 len, bool last)
{
	u8 b[12];

	put_be64(b, off);
	put_be32(b + 8, (u32)len);
	return send_chunk(c, r, NBD_CHUNK_HOLE, last, b, 12, NULL, 0);
}

int nbd_reply_status(struct nbd_client *c, const struct nbd_req *r, bool last, u32 id, const void *data,
		     size_t len, u32 count)
{
	u8 b[8];

	put_be32(b, id);
	put_be32(b + 4, count);
	return send_chunk(c, r, c->extended ? NBD_CHUNK_STATUS_EXT : NBD_CHUNK_STATUS, last, b,
			  c->extended ? 8 : 4, data, len);
}
