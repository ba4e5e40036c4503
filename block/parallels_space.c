// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Parallels: which clusters of the file are taken. The format keeps no list, so
 * whoever opens an image for writing walks the table once; clusters that were
 * discarded are given out again before the file grows.
 */
#include <string.h>
#include "parallels.h"

static u64 slot_of(const struct parallels *p, u64 host)
{
	return (host - p->data_off) / p->bat.block;
}

/* False: it is taken already, or no cluster of the file. */
static bool take(struct parallels *p, u64 host)
{
	u64 s = slot_of(p, host);
	u8 bit = (u8)(1 << (s % 8));

	if (host < p->data_off || s >= p->slots || p->used[s / 8] & bit)
		return false;
	p->used[s / 8] |= bit;
	return true;
}

static void take_ext(void *opaque, u64 host)
{
	take(opaque, host);
}

static void give(struct parallels *p, u64 host)
{
	u64 s = slot_of(p, host);

	if (!p->used || s >= p->slots)
		return;
	p->used[s / 8] &= (u8)~(1 << (s % 8));
	p->free_from = MIN(p->free_from, s);
	p->freed = true;
}

void par_space_forget(struct parallels *p)
{
	free(p->used);
	p->used = NULL;
	p->slots = 0;
}

int par_space_walk(struct blk_node *n, struct parallels *p, bool *odd)
{
	struct blk_bat *b = &p->bat;
	u64 known = 0, size = blk_length(n->file);
	int ret = 0;

	*odd = false;
	p->slots = (b->end - p->data_off) / b->block;
	p->free_from = 0;
	p->used = blk_table_alloc(p->slots / 8 + 1, 1, blk_max_meta(n), &ret);
	if (!p->used) {		/* too many: the file only grows then */
		p->slots = 0;
		return 0;
	}
	par_ext_each(p, take_ext, p);
	for (u64 i = 0; i < b->entries && b->table_off + i * 4 < size; i++) {
		u64 hole = blk_bat_hole(b, i, size, &known), host = 0;
		u32 raw;

		if (hole) {
			i += hole - 1;
			continue;
		}
		ret = blk_bat_entry(b, i, &raw);
		if (ret) {
			par_space_forget(p);
			return ret;
		}
		if (raw && (b->decode(b, raw, &host) || host + b->block > ALIGN_UP(size, 512) || !take(p, host)))
			*odd = true;
	}
	return 0;
}

/* A cluster that was given back, as zeros; 0: there is none. */
static int reuse(struct parallels *p, u64 *host)
{
	struct blk_bat *b = &p->bat;
	u64 s = p->free_from;
	int ret = 0;

	*host = 0;
	while (s < p->slots && p->used[s / 8] >> (s % 8) & 1)
		s = s % 8 == 0 && p->used[s / 8] == 0xff ? s + 8 : s + 1;
	p->free_from = MIN(s, p->slots);
	if (s >= p->slots || (p->data_off + s * b->block) % p->unit)
		return 0;
	if (p->freed) {		/* nothing on the disk may name it any more */
		ret = blk_mcache_write(b->cache);
		ret = ret ?: blk_node_flush(b->n->file);
		p->freed = ret;
	}
	ret = ret ?: blk_node_zero(b->n->file, p->data_off + s * b->block, b->block, BLK_MAY_UNMAP);
	if (ret)
		return ret;
	*host = p->data_off + s * b->block;
	take(p, *host);
	return 0;
}

int par_space_reserve(struct blk_bat *b, u64 index, u32 *raw, u64 *host)
{
	struct parallels *p = b->n->priv;
	u64 at = 0;
	int ret = par_mark(p);

	ret = ret ?: reuse(p, &at);
	if (ret)
		return ret;
	if (!at) {
		at = b->end;
		if (at / p->unit > 0xffffffffULL)
			return -EFBIG;
		if (at + b->block > blk_length(b->n->file))
			ret = blk_node_truncate(b->n->file, at + b->block + p->ahead, false,
						p->ahead ? p->ahead_mode : 0, NULL);
		if (ret)
			return ret;
		b->end = at + b->block;
	}
	*raw = (u32)(at / p->unit);
	*host = at;
	return 0;
}

int par_discard(struct blk_node *n, u64 off, u64 len)
{
	struct parallels *p = n->priv;
	struct blk_bat *b = &p->bat;
	u64 end = MIN(DIV_ROUND_UP(off + len, b->block), b->entries);
	int ret = 0;

	if (n->backing)		/* what is below would be seen */
		return -ENOTSUP;
	pthread_mutex_lock(&b->lock);
	for (u64 i = off / b->block; !ret && i < end; i++) {
		u64 host;
		u32 raw;

		ret = blk_bat_entry(b, i, &raw);
		if (ret || !raw)
			continue;
		ret = b->decode(b, raw, &host);
		ret = ret ?: blk_bat_set(b, i, 0);
		if (ret)
			break;
		give(p, host);
		blk_node_discard(n->file, host, b->block);	/* only saves room */
	}
	pthread_mutex_unlock(&b->lock);
	return ret;
}

int par_zero(struct blk_node *n, u64 off, u64 len, u32 flags)
{
	return par_discard(n, off, len);
}
