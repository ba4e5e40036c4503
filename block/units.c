/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unpacked compressed units. A small cache serves readers that take a unit
 * in pieces; whole-unit reads unpack straight into the caller's buffer.
 */
#include <string.h>
#include "block/int.h"

#define N_UNITS 4
#define UNIT_MAX (64U << 20)

struct unit {
	u64 off;
	u32 len;		/* 0: empty */
	u64 used;
	u8 *data;
};

struct blk_units {
	pthread_mutex_t lock;
	u64 tick, gen;
	struct unit u[N_UNITS];
};

struct blk_units *blk_units_new(void)
{
	struct blk_units *u = calloc(1, sizeof(*u));

	if (u)
		pthread_mutex_init(&u->lock, NULL);
	return u;
}

void blk_units_free(struct blk_units *u)
{
	if (!u)
		return;
	for (int i = 0; i < N_UNITS; i++)
		free(u->u[i].data);
	pthread_mutex_destroy(&u->lock);
	free(u);
}

static int unpack(struct blk_node *n, const struct blk_extent *x, void *out)
{
	u8 *in;
	int ret;

	if (x->clen > UNIT_MAX)
		return -EIO;
	in = blk_buf_alloc(x->clen);
	if (!in)
		return -ENOMEM;
	ret = blk_node_pread(x->node, x->host, in, x->clen);
	if (!ret)
		ret = blk_unpack_in(n->graph, x->codec, in, x->clen, out, x->unit_len);
	free(in);
	return ret;
}

static bool from_cache(struct blk_units *us, const struct blk_extent *x, u64 off,
		       struct iov_cur *c, u64 len)
{
	bool hit = false;

	pthread_mutex_lock(&us->lock);
	for (int i = 0; i < N_UNITS && !hit; i++) {
		struct unit *u = &us->u[i];

		if (!u->len || u->off != x->unit_off || u->len != x->unit_len)
			continue;
		iov_cur_from_buf(c, u->data + (off - u->off), len);
		u->used = ++us->tick;
		hit = true;
	}
	pthread_mutex_unlock(&us->lock);
	return hit;
}

static void into_cache(struct blk_units *us, const struct blk_extent *x, u8 *data, u64 gen)
{
	struct unit *u = &us->u[0];

	pthread_mutex_lock(&us->lock);
	for (int i = 1; i < N_UNITS; i++)
		if (us->u[i].used < u->used)
			u = &us->u[i];
	if (gen == us->gen) {
		free(u->data);
		*u = (struct unit){ x->unit_off, x->unit_len, ++us->tick, data };
		data = NULL;
	}
	pthread_mutex_unlock(&us->lock);
	free(data);
}

int blk_units_read(struct blk_node *n, const struct blk_extent *x, u64 off, struct iov_cur *c,
		   u64 len)
{
	struct blk_units *us = n->units;
	u64 at = off - x->unit_off, gen;
	u8 *data;
	int ret;

	if (x->unit_len > UNIT_MAX || at >= x->unit_len || len > x->unit_len - at)
		return -EIO;
	if (len == x->unit_len && c->n && c->v->iov_len - c->skip >= len) {
		struct iovec v;
		u64 got;

		iov_cur_take(c, len, &v, 1, &got);
		return unpack(n, x, v.iov_base);
	}
	if (from_cache(us, x, off, c, len))
		return 0;
	pthread_mutex_lock(&us->lock);
	gen = us->gen;
	pthread_mutex_unlock(&us->lock);
	data = blk_buf_alloc(x->unit_len);
	if (!data)
		return -ENOMEM;
	ret = unpack(n, x, data);
	if (ret) {
		free(data);
		return ret;
	}
	iov_cur_from_buf(c, data + at, len);
	into_cache(us, x, data, gen);
	return 0;
}

void blk_units_forget(struct blk_node *n, u64 off, u64 len)
{
	struct blk_units *us = n->units;

	if (!us)
		return;
	pthread_mutex_lock(&us->lock);
	us->gen++;
	for (int i = 0; i < N_UNITS; i++)
		if (us->u[i].off < off + len && us->u[i].off + us->u[i].len > off)
			us->u[i].len = 0;
	pthread_mutex_unlock(&us->lock);
}
