/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bounded cache of metadata slices. Caches form a chain: what is dirty here
 * reaches the disk only after what is dirty in the cache before it has been
 * written and flushed. The caller's (driver's) mutex guards it all.
 *
 * Slices are found through a hash of their offset; free slices and those in
 * use stand in one array, the victim is the least recently used unpinned one.
 */
#include <string.h>
#include "block/int.h"

struct slice {
	u64 off;
	u64 used;		/* tick of the last use; 0: empty */
	u32 pins;
	bool dirty;
	int hash_next;		/* index + 1 */
	u8 *data;		/* in the pool, same index */
};

struct blk_mcache {
	struct blk_node *node;
	u32 size, max, n, bits;
	u64 tick;
	struct slice *s;
	u8 *pool;		/* max * size bytes, touched as slices come into use */
	int *hash;
	struct blk_mcache *before;	/* written and flushed first; NULL: nothing */
	bool unflushed;			/* slices were written since the last flush */
	bool flush_first;		/* data must be stable before the next write */
	u32 log_max;
	int (*log)(void *opaque, const u64 *off, void *const *data, u32 n);
	void *log_opaque;
	const char *load, *update;	/* names of events */
};

struct blk_mcache *blk_mcache_new(struct blk_node *n, u32 slice, u32 max)
{
	struct blk_mcache *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	max = MAX(max, 4U);
	c->node = n;
	c->size = slice;
	c->max = max;
	for (c->bits = 3; (1U << c->bits) < max; c->bits++)
		;
	c->s = calloc(max, sizeof(*c->s));
	c->hash = calloc(1U << c->bits, sizeof(*c->hash));
	c->pool = blk_buf_alloc((size_t)max * slice);
	if (!c->s || !c->hash || !c->pool) {
		blk_mcache_free(c);
		return NULL;
	}
	return c;
}

void blk_mcache_free(struct blk_mcache *c)
{
	if (!c)
		return;
	free(c->pool);
	free(c->s);
	free(c->hash);
	free(c);
}

void blk_mcache_set_events(struct blk_mcache *c, const char *load, const char *update)
{
	c->load = load;
	c->update = update;
}

void blk_mcache_set_node(struct blk_mcache *c, struct blk_node *n)
{
	c->node = n;
}

void blk_mcache_set_log(struct blk_mcache *c, u32 max,
			int (*log)(void *opaque, const u64 *off, void *const *data, u32 n),
			void *opaque)
{
	c->log_max = max;
	c->log = log;
	c->log_opaque = opaque;
}

static int *bucket(struct blk_mcache *c, u64 off)
{
	return &c->hash[(off / c->size * 0x9e3779b97f4a7c15ULL) >> (64 - c->bits)];
}

static struct slice *lookup(struct blk_mcache *c, u64 off)
{
	for (int i = *bucket(c, off); i; i = c->s[i - 1].hash_next)
		if (c->s[i - 1].off == off)
			return &c->s[i - 1];
	return NULL;
}

static void unhash(struct blk_mcache *c, struct slice *s)
{
	int me = (int)(s - c->s) + 1;
	int *p = bucket(c, s->off);

	while (*p && *p != me)
		p = &c->s[*p - 1].hash_next;
	if (*p)
		*p = s->hash_next;
	s->used = 0;
	s->dirty = false;
}

/* Everything that must be on the disk before a slice of @c may be. */
static int write_before(struct blk_mcache *c)
{
	bool flush = c->flush_first;
	int ret = 0;

	/* Also those further ahead, when the one right before is clean. */
	if (c->before)
		ret = write_before(c->before);
	if (!ret && c->before)
		ret = blk_mcache_write(c->before);
	for (struct blk_mcache *b = c->before; b; b = b->before)
		flush |= b->unflushed;
	if (ret || !flush)
		return ret;
	ret = blk_node_flush(c->node);
	if (ret)
		return ret;
	c->flush_first = false;
	for (struct blk_mcache *b = c->before; b; b = b->before)
		b->unflushed = false;
	return 0;
}

static int write_slice(struct blk_mcache *c, struct slice *s)
{
	int ret;

	if (!s->used || !s->dirty)
		return 0;
	ret = write_before(c);
	if (!ret && c->update)
		blk_event(c->node, c->update);
	if (!ret)
		ret = blk_node_pwrite(c->node, s->off, s->data, c->size);
	if (!ret) {
		s->dirty = false;
		c->unflushed = true;
	}
	return ret;
}

/* The next slices of @v into the log, if there is one: how many may be written then, or -errno. */
static int log_slices(struct blk_mcache *c, struct slice **v, u32 n)
{
	u64 off[64];
	void *data[ARRAY_SIZE(off)];
	int ret;

	if (!c->log)
		return (int)n;
	n = MIN(MIN(n, c->log_max), (u32)ARRAY_SIZE(off));
	for (u32 i = 0; i < n; i++) {
		off[i] = v[i]->off;
		data[i] = v[i]->data;
	}
	ret = c->log(c->log_opaque, off, data, n);
	if (ret)
		return ret;
	c->flush_first = false;
	return (int)n;
}

static int by_offset(const void *a, const void *b)
{
	const struct slice *x = *(struct slice *const *)a, *y = *(struct slice *const *)b;

	return (x->off > y->off) - (x->off < y->off);
}

int blk_mcache_write(struct blk_mcache *c)
{
	struct slice **v;
	u32 n = 0;
	int ret = 0, r;

	for (u32 i = 0; i < c->n; i++)
		n += c->s[i].used && c->s[i].dirty;
	if (!n)
		return 0;
	v = malloc(n * sizeof(*v));
	if (!v)
		return -ENOMEM;
	n = 0;
	for (u32 i = 0; i < c->n; i++)
		if (c->s[i].used && c->s[i].dirty)
			v[n++] = &c->s[i];
	qsort(v, n, sizeof(*v), by_offset);	/* the disk likes it, and so do replayed logs */
	for (u32 i = 0; i < n;) {
		int k = log_slices(c, v + i, n - i);

		if (k < 0)	/* not in the log: must not be written */
			ret = k;
		for (; k > 0; k--, i++) {
			r = write_slice(c, v[i]);
			if (r && (!ret || r == -ENOSPC))
				ret = r;
		}
		if (k < 0)
			break;
	}
	free(v);
	return ret;
}

static int victim(struct blk_mcache *c, struct slice **out)
{
	struct slice *best = NULL;
	int ret;

	for (u32 i = 0; i < c->n; i++)
		if (!c->s[i].pins && (!best || c->s[i].used < best->used))
			best = &c->s[i];
	if (c->n < c->max && (!best || best->used)) {
		best = &c->s[c->n];
		best->data = c->pool + (size_t)c->n * c->size;
		c->n++;
		best->used = 0;
	}
	if (!best)
		return -EBUSY;
	if (best->used && best->dirty) {
		/* One slice has to go: writing all dirty ones costs the same barrier. */
		ret = blk_mcache_write(c);
		if (ret)
			return ret;
	}
	if (best->used)
		unhash(c, best);
	*out = best;
	return 0;
}

int blk_mcache_get(struct blk_mcache *c, u64 off, bool read, void **p)
{
	struct slice *s = lookup(c, off);
	int ret, *b;

	if (!s) {
		ret = victim(c, &s);
		if (ret)
			return ret;
		if (read && c->load)
			blk_event(c->node, c->load);
		if (read)
			ret = blk_node_pread(c->node, off, s->data, c->size);
		else
			memset(s->data, 0, c->size);
		if (ret)
			return ret;
		s->off = off;
		b = bucket(c, off);
		s->hash_next = *b;
		*b = (int)(s - c->s) + 1;
	} else if (!read) {
		memset(s->data, 0, c->size);
	}
	s->used = ++c->tick;
	s->pins++;
	*p = s->data;
	return 0;
}

static struct slice *of_data(struct blk_mcache *c, const void *p)
{
	return &c->s[((const u8 *)p - c->pool) / c->size];
}

void blk_mcache_put(struct blk_mcache *c, void *p)
{
	of_data(c, p)->pins--;
}

void blk_mcache_dirty(struct blk_mcache *c, void *p)
{
	of_data(c, p)->dirty = true;
}

void blk_mcache_order(struct blk_mcache *c, struct blk_mcache *before)
{
	c->before = before;
}

void blk_mcache_flush_first(struct blk_mcache *c)
{
	c->flush_first = true;
}

bool blk_mcache_is_dirty(const struct blk_mcache *c)
{
	for (u32 i = 0; i < c->n; i++)
		if (c->s[i].used && c->s[i].dirty)
			return true;
	return false;
}

void blk_mcache_flushed(struct blk_mcache *c)
{
	for (; c; c = c->before)
		c->unflushed = false;
}

void blk_mcache_forget(struct blk_mcache *c, u64 off, u64 len)
{
	u64 end = off + len;

	if (len / c->size <= 16) {
		for (u64 o = ALIGN_DOWN(off, c->size); o < end; o += c->size) {
			struct slice *s = lookup(c, o);

			if (s && !s->pins)
				unhash(c, s);
		}
		return;
	}
	for (u32 i = 0; i < c->n; i++)
		if (c->s[i].used && !c->s[i].pins && c->s[i].off < end &&
		    c->s[i].off + c->size > off)
			unhash(c, &c->s[i]);
}

int blk_mcache_empty(struct blk_mcache *c)
{
	int ret = blk_mcache_write(c);

	if (ret)
		return ret;
	for (u32 i = 0; i < c->n; i++)
		if (c->s[i].used && !c->s[i].pins)
			unhash(c, &c->s[i]);
	return 0;
}
