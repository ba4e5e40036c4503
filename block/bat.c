/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flat block tables (bat.h). */
#include <stdio.h>
#include <string.h>
#include "bat.h"

/* A sector: what stands beside the table (header, first block) must never be in the cache. */
#define SLICE 512U
#define RUN 1024	/* entries read at a time, the lock held */
#define MAX_SAID 1000	/* findings of a check that are told one by one */

int blk_bat_init(struct blk_bat *b, struct blk_node *n)
{
	b->n = n;
	pthread_mutex_init(&b->lock, NULL);
	b->cache = blk_mcache_new(n->file, SLICE, 1024);
	return b->cache ? 0 : -ENOMEM;
}

void blk_bat_free(struct blk_bat *b)
{
	blk_mcache_free(b->cache);
	b->cache = NULL;
	pthread_mutex_destroy(&b->lock);
}

/* The table need not start at a multiple of a slice: an entry may be anywhere that is 4-aligned. */
static int access_entry(struct blk_bat *b, u64 index, u32 *raw, bool set)
{
	u64 at = b->table_off + index * 4, start = ALIGN_DOWN(at, SLICE);
	void *p;
	int ret = blk_mcache_get(b->cache, start, true, &p);
	u8 *e;

	if (ret)
		return ret;
	e = (u8 *)p + (at - start);
	if (set) {
		if (b->big_endian)
			put_be32(e, *raw);
		else
			put_le32(e, *raw);
		blk_mcache_dirty(b->cache, p);
	} else {
		*raw = b->big_endian ? get_be32(e) : get_le32(e);
	}
	blk_mcache_put(b->cache, p);
	return 0;
}

int blk_bat_entry(struct blk_bat *b, u64 index, u32 *raw)
{
	return access_entry(b, index, raw, false);
}

int blk_bat_set(struct blk_bat *b, u64 index, u32 raw)
{
	return access_entry(b, index, &raw, true);
}

static int locate(struct blk_bat *b, u64 index, u64 *host)
{
	u32 raw;
	int ret;

	*host = 0;
	if (index >= b->entries)
		return 0;
	ret = access_entry(b, index, &raw, false);
	return ret ?: b->decode(b, raw, host);
}

/*
 * Where the table's file has a hole the entries are zeros, all alike: a table of gigabytes that takes no room is not
 * read. From @i on, as many entries as mean what @host means; 0 if only reading them tells.
 */
static u64 alike_in_hole(struct blk_bat *b, u64 i, u64 host)
{
	struct blk_status st;
	u64 h = 0;

	if ((host && host != ~0ULL) || i >= b->entries || b->decode(b, 0, &h) || h != host ||
	    blk_mcache_is_dirty(b->cache) ||
	    blk_status(b->n->file, b->table_off + i * 4, (b->entries - i) * 4, &st) || !(st.flags & BLK_ST_ZERO))
		return 0;
	return MIN(st.len / 4, b->entries - i);
}

static int map_locked(struct blk_bat *b, u64 off, u64 len, struct blk_extent *x)
{
	u64 i = off / b->block, first = i, host, h;
	int ret = locate(b, i, &host);

	if (ret)
		return ret;
	for (i++; i * b->block - off < len; i++) {
		if (i - first >= RUN) {
			i = MIN(i + alike_in_hole(b, i, host), DIV_ROUND_UP(off + len, b->block));
			break;
		}
		if (locate(b, i, &h))
			break;
		if (host && host != ~0ULL ? h != host + (i - first) * b->block : h != host)
			break;
	}
	x->off = first * b->block;
	x->len = (i - first) * b->block;
	x->kind = !host ? BLK_HOLE : host == ~0ULL ? BLK_ZERO : BLK_DATA;
	x->flags = x->kind == BLK_DATA ? BLK_X_IN_PLACE : 0;
	x->node = b->n->file;
	x->host = host;
	return 0;
}

int blk_bat_map(struct blk_bat *b, u64 off, u64 len, struct blk_extent *x)
{
	int ret;

	pthread_mutex_lock(&b->lock);
	ret = map_locked(b, off, len, x);
	pthread_mutex_unlock(&b->lock);
	return ret;
}

int blk_bat_alloc(struct blk_bat *b, u64 off, u64 len, struct blk_alloc *a)
{
	u64 index = off / b->block;
	u32 raw;
	int ret;

	if (index >= b->entries)
		return -EIO;
	pthread_mutex_lock(&b->lock);
	ret = b->reserve(b, index, &raw, &a->host);
	pthread_mutex_unlock(&b->lock);
	a->off = index * b->block;
	a->len = b->block;
	a->node = b->n->file;
	a->fresh = a->zeroed = true;
	a->priv[0] = index;
	a->priv[1] = raw;
	return ret;
}

int blk_bat_commit(struct blk_bat *b, struct blk_alloc *a)
{
	u32 raw = (u32)a->priv[1];
	int ret;

	pthread_mutex_lock(&b->lock);
	blk_mcache_flush_first(b->cache);	/* the block's bytes before its entry */
	ret = access_entry(b, a->priv[0], &raw, true);
	if (!ret && b->linked)
		ret = b->linked(b);
	pthread_mutex_unlock(&b->lock);
	return ret;
}

int blk_bat_zero(struct blk_bat *b, u64 off, u64 len, u32 flags)
{
	while (len) {
		struct blk_extent x = { 0 };
		int ret = blk_bat_map(b, off, len, &x);
		u64 m;

		if (ret)
			return ret;
		m = MIN(len, x.off + x.len - off);
		if (x.kind == BLK_HOLE && b->n->backing)
			return -ENOTSUP;
		if (x.kind == BLK_DATA)
			ret = blk_node_zero(x.node, x.host + (off - x.off), m, flags);
		if (ret)
			return ret;
		off += m;
		len -= m;
	}
	return 0;
}

int blk_bat_poke(struct blk_bat *b, u64 off, const void *bytes, u32 n)
{
	u64 start = ALIGN_DOWN(off, SLICE);
	void *p;
	int ret = blk_mcache_get(b->cache, start, true, &p);

	if (ret)
		return ret;
	memcpy((u8 *)p + (off - start), bytes, n);
	blk_mcache_dirty(b->cache, p);
	blk_mcache_put(b->cache, p);
	return blk_mcache_write(b->cache);
}

int blk_bat_flush(struct blk_bat *b)
{
	int ret;

	pthread_mutex_lock(&b->lock);
	ret = blk_mcache_write(b->cache);
	pthread_mutex_unlock(&b->lock);
	return ret;
}

u64 blk_bat_hole(struct blk_bat *b, u64 i, u64 size, u64 *known)
{
	u64 off = b->table_off + i * 4;

	return off < size ? MIN(blk_hole_ahead(b->n->file, off, size - off, known) / 4, b->entries - i) : 0;
}

struct bat_walk {
	struct blk_bat *b;
	struct blk_check *c;
	u8 *used;		/* a bit a block of the file */
	u64 file, first_data;	/* bytes */
	u64 last;		/* the block before */
	u64 found;
};

/* What is said of @n entries from @i on. All count; nobody reads millions of lines. */
static void say(struct bat_walk *w, const char *text, u64 i, u64 n)
{
	char line[96];

	for (u64 k = 0; w->c->log && k < n && w->found + k < MAX_SAID; k++) {
		snprintf(line, sizeof(line), "ERROR: block index %llu %s", i + k, text);
		w->c->log(w->c->opaque, line);
	}
	w->found += n;
	w->c->corruptions += n;
}

static void say_rest(struct bat_walk *w)
{
	char line[64];

	snprintf(line, sizeof(line), "... and %llu more", w->found - MAX_SAID);
	if (w->c->log)
		w->c->log(w->c->opaque, line);
}

/* @n entries from @i on that are all @raw. */
static void check_alike(struct bat_walk *w, u64 i, u64 n, u32 raw)
{
	struct blk_bat *b = w->b;
	u64 host = 0, s;

	if (b->decode(b, raw, &host) || (host && host != ~0ULL && host + b->block > ALIGN_UP(w->file, b->block))) {
		say(w, "is outside of the file", i, n);
		return;
	}
	if (!host || host == ~0ULL)
		return;
	w->c->allocated_clusters += n;
	if (host < w->first_data) {
		say(w, "is inside of the metadata", i, n);
		return;
	}
	s = (host - w->first_data) / b->block;
	if (!(w->used[s / 8] >> (s % 8) & 1)) {
		w->used[s / 8] |= (u8)(1 << (s % 8));
		w->c->fragmented_clusters += w->last && host != w->last + b->block;
		w->c->image_end_offset = MAX(w->c->image_end_offset, host + b->block);
		w->last = host;
		i++;
		n--;
	}
	say(w, "is used twice", i, n);
}

/* A piece of the table from entry @i on, as it is in the file; *n: how many entries. */
static int check_piece(struct bat_walk *w, u64 i, u64 *n)
{
	struct blk_bat *b = w->b;
	u64 off = b->table_off + i * 4, k, run;
	u8 piece[4096];
	int ret;

	*n = MIN(MIN(sizeof(piece) / 4, b->entries - i), MAX((w->file - off) / 4, 1ULL));
	ret = blk_node_pread(b->n->file, off, piece, *n * 4);
	for (k = 0; !ret && k < *n; k += run) {
		const u8 *e = piece + k * 4;

		for (run = 1; k + run < *n && !memcmp(e, e + run * 4, 4); run++)
			;
		check_alike(w, i + k, run, b->big_endian ? get_be32(e) : get_le32(e));
	}
	return ret;
}

static int check_entries(struct bat_walk *w)
{
	struct blk_bat *b = w->b;
	u64 known = 0, n;
	int ret = 0;

	for (u64 i = 0; !ret && i < b->entries; i += n) {
		if (b->table_off + i * 4 >= w->file) {
			say(w, "and those after it are not in the file", i, 1);
			break;
		}
		n = blk_bat_hole(b, i, w->file, &known);
		if (n)
			check_alike(w, i, n, 0);
		else
			ret = check_piece(w, i, &n);
	}
	return ret;
}

int blk_bat_check(struct blk_bat *b, struct blk_check *c, u64 first_data)
{
	struct bat_walk w = { .b = b, .c = c, .file = blk_length(b->n->file), .first_data = first_data };
	int ret = blk_mcache_write(b->cache);	/* holes are looked for in the file */

	if (ret)
		return ret;
	w.used = blk_table_alloc(DIV_ROUND_UP(w.file / b->block + 2, 8), 1, blk_max_meta(b->n), &ret);
	if (!w.used)
		return ret;
	ret = check_entries(&w);
	if (w.found > MAX_SAID)
		say_rest(&w);
	free(w.used);
	c->total_clusters = b->entries;
	c->bfi_valid = true;
	return ret;
}
