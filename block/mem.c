/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The protocol "mem" (block/mem.h): 64 KiB pages in a hash table, so that a
 * terabyte of hole costs nothing.
 */
#include <stdio.h>
#include <string.h>
#include "block/int.h"
#include "block/mem.h"

#define PAGE (64U << 10)

struct page {
	u64 index;
	struct page *next;
	u8 data[];
};

struct blk_mem_store {
	char *name;
	struct blk_mem_store *next;
	pthread_mutex_t lock;
	struct page **hash;
	u32 bits, count;
	u64 size, limit;
	int (*hook)(void *opaque, enum blk_mem_op op, u64 off, const void *data, u64 len);
	void *opaque;
};

struct mem_priv {
	struct blk_mem_store *s;
};

static struct page **bucket(struct blk_mem_store *s, u64 index)
{
	return &s->hash[(index * 0x9e3779b97f4a7c15ULL) >> (64 - s->bits)];
}

static struct page *find(struct blk_mem_store *s, u64 index)
{
	struct page *p = s->hash ? *bucket(s, index) : NULL;

	while (p && p->index != index)
		p = p->next;
	return p;
}

static int rehash(struct blk_mem_store *s)
{
	u32 bits = s->hash ? s->bits + 2 : 4;
	struct page **old = s->hash;
	u32 n = old ? 1U << s->bits : 0;

	s->hash = calloc(1ULL << bits, sizeof(*s->hash));
	if (!s->hash) {
		s->hash = old;
		return -ENOMEM;
	}
	s->bits = bits;
	for (u32 i = 0; i < n; i++) {
		while (old[i]) {
			struct page *p = old[i], **b = bucket(s, p->index);

			old[i] = p->next;
			p->next = *b;
			*b = p;
		}
	}
	free(old);
	return 0;
}

static struct page *get(struct blk_mem_store *s, u64 index, int *ret)
{
	struct page *p = find(s, index), **b;

	if (p)
		return p;
	if (s->limit && (u64)(s->count + 1) * PAGE > s->limit) {
		*ret = -ENOSPC;
		return NULL;
	}
	*ret = -ENOMEM;
	if ((!s->hash || s->count >= 1U << s->bits) && rehash(s))
		return NULL;
	p = calloc(1, sizeof(*p) + PAGE);
	if (!p)
		return NULL;
	p->index = index;
	b = bucket(s, index);
	p->next = *b;
	*b = p;
	s->count++;
	return p;
}

/* Drops whole pages in [off, end) and clears the bytes at the edges. */
static void clear(struct blk_mem_store *s, u64 off, u64 end)
{
	for (u32 i = 0; s->hash && i < 1U << s->bits; i++) {
		struct page **pp = &s->hash[i];

		while (*pp) {
			struct page *p = *pp;
			u64 a = p->index * PAGE, b = a + PAGE;

			if (b <= off || a >= end) {
				pp = &p->next;
			} else if (a >= off && b <= end) {
				*pp = p->next;
				s->count--;
				free(p);
			} else {
				u64 from = MAX(a, off), to = MIN(b, end);

				memset(p->data + (from - a), 0, to - from);
				pp = &p->next;
			}
		}
	}
}

static int hook(struct blk_mem_store *s, enum blk_mem_op op, u64 off, const void *data, u64 len)
{
	return s->hook ? s->hook(s->opaque, op, off, data, len) : 0;
}

static void read_locked(struct blk_mem_store *s, u64 off, u8 *data, u64 len)
{
	while (len) {
		u64 at = off % PAGE, m = MIN(len, PAGE - at);
		struct page *p = find(s, off / PAGE);

		if (p)
			memcpy(data, p->data + at, m);
		else
			memset(data, 0, m);
		data += m;
		off += m;
		len -= m;
	}
}

static int write_locked(struct blk_mem_store *s, u64 off, const u8 *data, u64 len)
{
	u64 end = off + len;
	int ret = 0;

	while (len) {
		u64 at = off % PAGE, m = MIN(len, PAGE - at);
		struct page *p = get(s, off / PAGE, &ret);

		if (!p)
			return ret;
		memcpy(p->data + at, data, m);
		data += m;
		off += m;
		len -= m;
	}
	s->size = MAX(s->size, end);
	return 0;
}

struct blk_mem_store *blk_mem_store(struct blk_graph *g, const char *name)
{
	struct blk_mem_store *s;

	for (s = g->mem; s; s = s->next)
		if (!strcmp(s->name, name))
			return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->name = strdup(name);
	if (!s->name) {
		free(s);
		return NULL;
	}
	pthread_mutex_init(&s->lock, NULL);
	s->next = g->mem;
	g->mem = s;
	return s;
}

void blk_mem_stores_free(struct blk_graph *g)
{
	while (g->mem) {
		struct blk_mem_store *s = g->mem;

		g->mem = s->next;
		clear(s, 0, ~0ULL);
		free(s->hash);
		free(s->name);
		pthread_mutex_destroy(&s->lock);
		free(s);
	}
}

int blk_mem_set_size(struct blk_mem_store *s, u64 size)
{
	pthread_mutex_lock(&s->lock);
	if (size < s->size)
		clear(s, size, ~0ULL);
	s->size = size;
	pthread_mutex_unlock(&s->lock);
	return 0;
}

int blk_mem_load(struct blk_mem_store *s, const void *data, u64 len)
{
	blk_mem_set_size(s, 0);
	return blk_mem_write(s, 0, data, len);
}

int blk_mem_write(struct blk_mem_store *s, u64 off, const void *data, u64 len)
{
	int ret;

	pthread_mutex_lock(&s->lock);
	ret = write_locked(s, off, data, len);
	pthread_mutex_unlock(&s->lock);
	return ret;
}

void blk_mem_read(struct blk_mem_store *s, u64 off, void *data, u64 len)
{
	pthread_mutex_lock(&s->lock);
	read_locked(s, off, data, len);
	pthread_mutex_unlock(&s->lock);
}

u64 blk_mem_size(const struct blk_mem_store *s)
{
	return s->size;
}

void blk_mem_set_limit(struct blk_mem_store *s, u64 max)
{
	s->limit = max;
}

void blk_mem_set_hook(struct blk_mem_store *s,
		      int (*fn)(void *opaque, enum blk_mem_op op, u64 off, const void *data, u64 len),
		      void *opaque)
{
	s->hook = fn;
	s->opaque = opaque;
}

/* ---- the driver ---- */

static int mem_parse(const char *filename, struct blk_opts *o, struct err *e)
{
	return blk_opts_set(o, "filename", filename);
}

static const char *plain_name(const char *filename)
{
	return strncmp(filename, "mem:", 4) ? filename : filename + 4;
}

static int mem_open(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	struct mem_priv *m = n->priv;
	char *name = blk_opts_take(o, "filename");

	if (!name)
		return err_set(e, EINVAL, "The 'mem' block driver requires a file name");
	for (m->s = n->graph->mem; m->s; m->s = m->s->next)
		if (!strcmp(m->s->name, plain_name(name)))
			break;
	if (!m->s) {
		int ret = err_set(e, ENOENT, "Could not open '%s': No such file or directory", name);

		free(name);
		return ret;
	}
	if (!n->filename[0]) {
		free(n->filename);
		n->filename = name;
	} else {
		free(name);
	}
	n->size = m->s->size;
	return 0;
}

static int mem_preadv(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len)
{
	struct mem_priv *m = n->priv;

	pthread_mutex_lock(&m->s->lock);
	for (int i = 0; i < niov && len; i++) {
		u64 k = MIN(len, iov[i].iov_len);

		read_locked(m->s, off, iov[i].iov_base, k);
		off += k;
		len -= k;
	}
	pthread_mutex_unlock(&m->s->lock);
	return 0;
}

static int mem_pwritev(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len,
		       u32 flags)
{
	struct mem_priv *m = n->priv;
	int ret = 0;

	if (off + len < off || off + len > (u64)INT64_MAX)
		return -EFBIG;
	pthread_mutex_lock(&m->s->lock);
	for (int i = 0; !ret && i < niov && len; i++) {
		u64 k = MIN(len, iov[i].iov_len);

		ret = hook(m->s, BLK_MEM_WRITE, off, iov[i].iov_base, k);
		if (!ret)
			ret = write_locked(m->s, off, iov[i].iov_base, k);
		if (ret == BLK_MEM_TAKEN) {
			m->s->size = MAX(m->s->size, off + k);
			ret = 0;
		}
		off += k;
		len -= k;
	}
	if (!ret && flags & BLK_FUA)
		ret = hook(m->s, BLK_MEM_FLUSH, 0, NULL, 0);
	__atomic_store_n(&n->size, m->s->size, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&m->s->lock);
	return ret;
}

static int mem_zero(struct blk_node *n, u64 off, u64 len, u32 flags)
{
	struct mem_priv *m = n->priv;
	int ret;

	pthread_mutex_lock(&m->s->lock);
	ret = hook(m->s, BLK_MEM_ZERO, off, NULL, len);
	if (!ret) {
		clear(m->s, off, off + len);
		m->s->size = MAX(m->s->size, off + len);
	}
	__atomic_store_n(&n->size, m->s->size, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&m->s->lock);
	return ret;
}

static int mem_discard(struct blk_node *n, u64 off, u64 len)
{
	struct mem_priv *m = n->priv;
	u64 end = MIN(off + len, m->s->size);

	return off < end ? mem_zero(n, off, end - off, 0) : 0;
}

static int mem_status(struct blk_node *n, u64 off, u64 len, struct blk_extent *x)
{
	struct mem_priv *m = n->priv;
	u64 first = off / PAGE, i = first, end = off + len;
	bool data;

	pthread_mutex_lock(&m->s->lock);
	data = find(m->s, first);
	for (i++; i * PAGE < end && i - first < 1024 && !!find(m->s, i) == data; i++)
		;
	pthread_mutex_unlock(&m->s->lock);
	x->kind = data ? BLK_DATA : BLK_ZERO;
	x->flags = data ? BLK_X_IN_PLACE : BLK_X_OFFSET;
	x->off = x->host = off;
	x->len = MIN(len, i * PAGE - off);
	x->node = n;
	return 0;
}

static int mem_flush(struct blk_node *n)
{
	struct mem_priv *m = n->priv;
	int ret;

	pthread_mutex_lock(&m->s->lock);
	ret = hook(m->s, BLK_MEM_FLUSH, 0, NULL, 0);
	pthread_mutex_unlock(&m->s->lock);
	return ret;
}

static int mem_truncate(struct blk_node *n, u64 size, bool exact, int prealloc, struct err *e)
{
	struct mem_priv *m = n->priv;
	int ret;

	pthread_mutex_lock(&m->s->lock);
	ret = hook(m->s, BLK_MEM_TRUNCATE, size, NULL, 0);
	if (!ret) {
		if (size < m->s->size)
			clear(m->s, size, ~0ULL);
		m->s->size = size;
	}
	pthread_mutex_unlock(&m->s->lock);
	if (ret)
		return err_errno(e, -ret, "Failed to resize file");
	blk_set_length(n, size);
	return 0;
}

static int mem_create(struct blk_graph *g, const char *filename, struct blk_opts *o, struct err *e)
{
	struct blk_mem_store *s = blk_mem_store(g, plain_name(filename));

	return s ? blk_mem_set_size(s, 0) : -ENOMEM;
}

static const struct blk_driver mem_driver = {
	.name = "mem", .prefix = "mem", .flags = BLK_DRV_PROTOCOL,
	.priv_size = sizeof(struct mem_priv),
	.parse_filename = mem_parse, .open = mem_open, .create_file = mem_create,
	.preadv = mem_preadv, .pwritev = mem_pwritev, .flush = mem_flush,
	.status = mem_status, .zero = mem_zero, .discard = mem_discard,
	.truncate = mem_truncate,
};
BLOCK_FORMAT(mem_driver);
