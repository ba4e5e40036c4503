/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A cursor over scatter lists, and the block layer's memory helpers. */
#include <string.h>
#include "block/int.h"
#include "mem.h"

u64 iov_bytes(const struct iovec *iov, int niov)
{
	u64 n = 0;

	for (int i = 0; i < niov; i++)
		n += iov[i].iov_len;
	return n;
}

int iov_cur_take(struct iov_cur *c, u64 len, struct iovec *out, int max, u64 *got)
{
	int k = 0;

	*got = 0;
	while (len && c->n && k < max) {
		size_t avail = c->v->iov_len - c->skip;
		size_t m = avail < len ? avail : (size_t)len;

		if (m)
			out[k++] = (struct iovec){ (char *)c->v->iov_base + c->skip, m };
		*got += m;
		len -= m;
		c->skip += m;
		if (c->skip == c->v->iov_len) {
			c->v++;
			c->n--;
			c->skip = 0;
		}
	}
	return k;
}

void iov_cur_to_buf(struct iov_cur *c, void *buf, size_t len)
{
	struct iovec v;
	u64 got;

	while (len && iov_cur_take(c, len, &v, 1, &got)) {
		memcpy(buf, v.iov_base, got);
		buf = (char *)buf + got;
		len -= got;
	}
}

void iov_cur_from_buf(struct iov_cur *c, const void *buf, size_t len)
{
	struct iovec v;
	u64 got;

	while (len && iov_cur_take(c, len, &v, 1, &got)) {
		memcpy(v.iov_base, buf, got);
		buf = (const char *)buf + got;
		len -= got;
	}
}

void iov_cur_zero(struct iov_cur *c, u64 len)
{
	struct iovec v;
	u64 got;

	while (len && iov_cur_take(c, len, &v, 1, &got)) {
		memset(v.iov_base, 0, got);
		len -= got;
	}
}

void *blk_table_alloc(u64 count, u32 elem, u64 cap, int *ret)
{
	u64 bytes;
	void *p;

	if (mul_overflows(count, (u64)elem, &bytes) || bytes > cap) {
		*ret = -EFBIG;
		return NULL;
	}
	p = calloc(1, bytes ? bytes : 1);
	*ret = p ? 0 : -ENOMEM;
	return p;
}

void *blk_buf_alloc(size_t len)
{
	return mem_aligned(4096, len);
}

u64 blk_max_meta(const struct blk_node *n)
{
	u64 m = n->graph->policy.max_meta;

	return m ? m : 64 * MiB;
}

bool iov_is_zero(const struct iovec *iov, int niov)
{
	for (int i = 0; i < niov; i++)
		if (!buf_is_zero(iov[i].iov_base, iov[i].iov_len))
			return false;
	return true;
}
