/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VHDX, Hyper-V's format, after [MS-VHDX]: dynamic, fixed and differencing
 * images. The block allocation table is read through a bounded cache; its
 * changes pass the log (vhdx_log.c).
 */
#include <stdio.h>
#include <string.h>
#include "mem.h"
#include "vhdx.h"

#define BITMAP_SLICE 4096U

/* ---- the table ---- */

static int access_bat(struct vhdx *v, u64 index, u64 *raw, bool set)
{
	u64 at = v->bat_off + index * 8, start = ALIGN_DOWN(at, VHDX_PAGE);
	void *p;
	int ret;

	if (index >= v->bat_len / 8)
		return -EIO;
	ret = blk_mcache_get(v->bat, start, true, &p);
	if (ret)
		return ret;
	if (set) {
		put_le64((u8 *)p + (at - start), *raw);
		blk_mcache_dirty(v->bat, p);
	} else {
		*raw = get_le64((u8 *)p + (at - start));
	}
	blk_mcache_put(v->bat, p);
	return 0;
}

/* Entry of payload block @b; after each chunk of them stands one of a sector bitmap. */
static u64 payload_index(const struct vhdx *v, u64 b)
{
	return b + b / v->ratio;
}

static bool inside(u64 off, u64 len, u64 start, u64 size)
{
	return off < start + size && start < off + len;
}

/* May block data stand there? Our own tables may not be written over. */
static bool place_ok(struct blk_node *n, const struct vhdx *v, u64 off, u64 len)
{
	return off >= MiB && off < blk_length(n->file) && !inside(off, len, v->log_off, v->log_len) &&
	       !inside(off, len, v->bat_off, v->bat_len) && !inside(off, len, v->meta_off, v->meta_len);
}

struct place {
	enum blk_kind kind;
	bool partial;
	u64 host;
};

static int locate(struct blk_node *n, struct vhdx *v, u64 b, struct place *p)
{
	u64 raw;
	int ret = b >= v->blocks ? -EIO : access_bat(v, payload_index(v, b), &raw, false);

	if (ret)
		return ret;
	*p = (struct place){ .kind = BLK_HOLE };
	switch (raw & VHDX_STATE_MASK) {
	case VHDX_NOT_PRESENT:
		return 0;
	case VHDX_UNDEFINED:
	case VHDX_ZERO:
	case VHDX_UNMAPPED:
	case VHDX_UNMAPPED_OLD:
		p->kind = BLK_ZERO;
		return 0;
	case VHDX_PARTIAL:
		if (!v->has_parent)
			return -EIO;
		p->partial = true;
		__fallthrough;
	case VHDX_FULL:
		p->kind = BLK_DATA;
		p->host = raw & VHDX_OFFSET_MASK;
		return place_ok(n, v, p->host, v->block) ? 0 : -EIO;
	}
	return -EIO;
}

/* ---- partially present blocks: a bit a sector, 1 MiB of bits a chunk ---- */

static int bitmap_bit(struct blk_node *n, struct vhdx *v, u64 sector, bool *set)
{
	u64 chunk = sector >> 23, bit = sector & ((1 << 23) - 1), raw, at;
	void *p;
	int ret = access_bat(v, (chunk + 1) * (v->ratio + 1ULL) - 1, &raw, false);

	if (ret)
		return ret;
	at = (raw & VHDX_OFFSET_MASK) + bit / 8;
	if ((raw & VHDX_STATE_MASK) != VHDX_BITMAP_PRESENT || !place_ok(n, v, at - bit / 8, MiB))
		return -EIO;
	ret = blk_mcache_get(v->bitmaps, ALIGN_DOWN(at, BITMAP_SLICE), true, &p);
	if (ret)
		return ret;
	*set = ((u8 *)p)[at % BITMAP_SLICE] >> (bit % 8) & 1;
	blk_mcache_put(v->bitmaps, p);
	return 0;
}

static int map_partial(struct blk_node *n, struct vhdx *v, u64 off, u64 len, u64 b, const struct place *p,
		       struct blk_extent *x)
{
	u64 first = off / v->sector, s = first, end = (b + 1) * (v->block / v->sector);
	bool here, bit;
	int ret = bitmap_bit(n, v, s, &here);

	if (ret)
		return ret;
	end = MIN(end, DIV_ROUND_UP(off + len, v->sector));
	for (s++; s < end; s++) {
		ret = bitmap_bit(n, v, s, &bit);
		if (ret || bit != here)
			break;
	}
	x->kind = here ? BLK_DATA : BLK_HOLE;
	x->off = first * v->sector;
	x->len = (s - first) * v->sector;
	x->host = p->host + (x->off - b * v->block);
	return 0;
}

/* ---- where is it ---- */

static int map_locked(struct blk_node *n, struct vhdx *v, u64 off, u64 len, struct blk_extent *x)
{
	u64 first = off / v->block, b = first;
	struct place p, q;
	int ret = locate(n, v, b, &p);

	if (ret)
		return ret;
	x->node = n->file;
	if (p.partial) {
		ret = map_partial(n, v, off, len, b, &p, x);
	} else {
		for (b++; b < v->blocks && b * v->block - off < len && b - first < 1024; b++)
			if (locate(n, v, b, &q) || q.partial || q.kind != p.kind ||
			    (p.kind == BLK_DATA && q.host != p.host + (b - first) * v->block))
				break;
		x->kind = p.kind;
		x->off = first * v->block;
		x->len = (b - first) * v->block;
		x->host = p.host;
	}
	x->flags = x->kind == BLK_DATA ? BLK_X_IN_PLACE | (v->fixed ? BLK_X_RECURSE : 0) : 0;
	return ret;
}

static int vhdx_map(struct blk_node *n, u64 off, u64 len, struct blk_extent *x)
{
	struct vhdx *v = n->priv;
	int ret;

	pthread_mutex_lock(&v->lock);
	ret = map_locked(n, v, off, len, x);
	pthread_mutex_unlock(&v->lock);
	return ret;
}

/* ---- allocating ---- */

static int reserve(struct blk_node *n, struct vhdx *v, u64 *host)
{
	int ret;

	if (v->end + v->block > VHDX_MAX_FILE)
		return -EFBIG;
	ret = blk_node_truncate(n->file, v->end + v->block, false, 0, NULL);
	if (ret)
		return ret;
	*host = v->end;
	v->end += v->block;
	return 0;
}

static int vhdx_alloc(struct blk_node *n, u64 off, u64 len, struct blk_alloc *a)
{
	struct vhdx *v = n->priv;
	struct place p;
	int ret;

	pthread_mutex_lock(&v->lock);
	ret = locate(n, v, off / v->block, &p);
	if (!ret && p.partial) {
		/* The missing sectors are filled from the parent where they belong. */
		a->host = p.host;
	} else if (!ret) {
		ret = reserve(n, v, &a->host);
		a->zeroed = true;
	}
	pthread_mutex_unlock(&v->lock);
	a->priv[0] = off / v->block;
	a->off = a->priv[0] * v->block;
	a->len = v->block;
	a->node = n->file;
	a->fresh = true;
	return ret;
}

static int set_state(struct vhdx *v, u64 block, u64 raw)
{
	int ret = access_bat(v, payload_index(v, block), &raw, true);

	blk_mcache_flush_first(v->bat);
	return ret;
}

static int vhdx_commit(struct blk_node *n, struct blk_alloc *a)
{
	struct vhdx *v = n->priv;
	int ret;

	pthread_mutex_lock(&v->lock);
	ret = set_state(v, a->priv[0], a->host | VHDX_FULL);
	pthread_mutex_unlock(&v->lock);
	return ret;
}

/* The last block's space is given back, its bytes too: new space must read as zeros. */
static void vhdx_abort(struct blk_node *n, struct blk_alloc *a)
{
	struct vhdx *v = n->priv;

	pthread_mutex_lock(&v->lock);
	if (a->zeroed && a->host + v->block == v->end && !blk_node_truncate(n->file, a->host, false, 0, NULL))
		v->end = a->host;
	pthread_mutex_unlock(&v->lock);
}

static int zero_block(struct blk_node *n, struct vhdx *v, u64 b, u64 off, u64 len, u32 flags)
{
	struct place p;
	int ret;

	pthread_mutex_lock(&v->lock);
	ret = locate(n, v, b, &p);
	if (!ret && p.kind == BLK_HOLE)
		ret = set_state(v, b, VHDX_ZERO);
	pthread_mutex_unlock(&v->lock);
	if (ret || p.kind != BLK_DATA)
		return ret;
	ret = blk_node_zero(n->file, p.host + (off - b * v->block), len, flags);
	if (ret || !p.partial)
		return ret;
	pthread_mutex_lock(&v->lock);
	ret = set_state(v, b, p.host | VHDX_FULL);
	pthread_mutex_unlock(&v->lock);
	return ret;
}

/* Whole blocks; space that they have stays theirs. */
static int vhdx_zero(struct blk_node *n, u64 off, u64 len, u32 flags)
{
	struct vhdx *v = n->priv;
	int ret = 0;

	while (!ret && len) {
		u64 b = off / v->block, m = MIN(len, (b + 1) * v->block - off);

		ret = zero_block(n, v, b, off, m, flags);
		off += m;
		len -= m;
	}
	return ret;
}

static int vhdx_flush(struct blk_node *n)
{
	struct vhdx *v = n->priv;
	int ret;

	pthread_mutex_lock(&v->lock);
	ret = blk_mcache_write(v->bat);
	pthread_mutex_unlock(&v->lock);
	return ret;
}

/* Images that stand on this one notice by the GUIDs that it was changed. */
static int vhdx_will_write(struct blk_node *n)
{
	struct vhdx *v = n->priv;
	int ret = 0;

	pthread_mutex_lock(&v->lock);
	if (!n->written) {
		vhdx_new_guid(v->file_guid);
		vhdx_new_guid(v->data_guid);
		ret = vhdx_write_headers(n->file, v);
	}
	pthread_mutex_unlock(&v->lock);
	return ret;
}

/* ---- opening ---- */

static int start_cache(struct blk_node *n, struct vhdx *v)
{
	v->bat = blk_mcache_new(n->file, VHDX_PAGE, 512);
	if (v->has_parent)
		v->bitmaps = blk_mcache_new(n->file, BITMAP_SLICE, 64);
	if (!v->bat || (v->has_parent && !v->bitmaps)) {
		blk_mcache_free(v->bat);
		blk_mcache_free(v->bitmaps);
		return -ENOMEM;
	}
	blk_mcache_set_log(v->bat, VHDX_LOG_PAGES, vhdx_log_append, n);
	return 0;
}

static int vhdx_open(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	struct vhdx *v = n->priv;
	u8 id[8];
	int ret = blk_node_pread(n->file, 0, id, sizeof(id));

	if (!ret && memcmp(id, "vhdxfile", 8))
		ret = err_set(e, EINVAL, "Image not in VHDX format");
	ret = ret ?: vhdx_read_headers(n, v, e);
	ret = ret ?: vhdx_replay(n, v, e);
	ret = ret ?: vhdx_read_regions(n, v, e);
	ret = ret ?: vhdx_read_metadata(n, v, e);
	if (!ret && n->flags & BLK_O_RDWR && !v->log_len)
		ret = err_set(e, EINVAL, "The VHDX image has no log; it can only be read");
	if (ret)
		return ret;
	v->end = ALIGN_UP(blk_length(n->file), MiB);
	v->end = MAX(MAX(v->end, v->log_off + v->log_len), MAX(v->bat_off + v->bat_len, v->meta_off + v->meta_len));
	n->lim.cluster = (u32)v->block;
	n->lim.max_size = VHDX_MAX_SIZE;
	ret = start_cache(n, v);
	if (!ret)
		pthread_mutex_init(&v->lock, NULL);
	return ret;
}

static int vhdx_opened(struct blk_node *n, struct err *e)
{
	const struct vhdx *v = n->priv, *p;

	if (!v->has_parent || n->flags & BLK_O_NO_BACKING)
		return 0;
	if (!n->backing)
		return err_set(e, EINVAL, "The VHDX image has a parent, but does not say where");
	if (n->backing->drv != n->drv)
		return 0;
	p = n->backing->priv;
	if (memcmp(p->data_guid, v->parent[0], 16) &&
	    (vhdx_no_guid(v->parent[1]) || memcmp(p->data_guid, v->parent[1], 16)))
		return err_set(e, EINVAL, "The parent '%s' was changed since this VHDX image was made on it",
			       n->backing->filename);
	return 0;
}

static int vhdx_settle(struct blk_node *n)
{
	struct vhdx *v = n->priv;

	/* With pages that could not be written the log must stay; flush() has said so. */
	return blk_mcache_is_dirty(v->bat) ? 0 : vhdx_log_close(n, v);
}

static void vhdx_close(struct blk_node *n)
{
	struct vhdx *v = n->priv;

	blk_mcache_free(v->bat);
	blk_mcache_free(v->bitmaps);
	pthread_mutex_destroy(&v->lock);
}

static int vhdx_probe(const u8 *buf, size_t len, const char *filename)
{
	return len >= 8 && !memcmp(buf, "vhdxfile", 8) ? 100 : 0;
}

/* ---- checking ---- */

struct check {
	struct blk_check *c;
	u8 *used;		/* a bit a MiB of the file */
	u64 slots, last;
};

static void bad(struct check *k, u64 b, const char *what)
{
	char line[96];

	snprintf(line, sizeof(line), "ERROR: VHDX BAT entry %llu %s", b, what);
	if (k->c->log)
		k->c->log(k->c->opaque, line);
	k->c->corruptions++;
}

static bool take_space(struct check *k, u64 host, u64 len)
{
	u64 first = host / MiB, end = MIN((host + len) / MiB, k->slots);
	bool clash = false;

	for (u64 i = first; i < end; i++) {
		clash |= k->used[i / 8] >> (i % 8) & 1;
		k->used[i / 8] |= (u8)(1 << (i % 8));
	}
	return !clash;
}

static int check_block(struct blk_node *n, struct vhdx *v, struct check *k, u64 b)
{
	u64 raw, host, len = MIN(v->block, blk_length(n) - b * v->block);
	struct place p;
	int ret = access_bat(v, payload_index(v, b), &raw, false);

	if (ret)
		return ret;
	host = raw & VHDX_OFFSET_MASK;
	ret = locate(n, v, b, &p);
	if (ret && ret != -EIO)
		return ret;
	/* QEMU once made images whose last block is cut where the disk ends. */
	if (ret)
		bad(k, b, (raw & VHDX_STATE_MASK) < VHDX_FULL ? "has an invalid state" :
		    host >= blk_length(n->file) ? "points after the end of the file" : "points into other structures");
	else if (p.kind == BLK_DATA && host + len > blk_length(n->file))
		bad(k, b, "ends after the end of the file");
	else if (p.kind == BLK_DATA && !take_space(k, host, v->block))
		bad(k, b, "names space that another one has");
	if (ret || p.kind != BLK_DATA)
		return 0;
	k->c->allocated_clusters++;
	k->c->fragmented_clusters += k->last && host != k->last + v->block;
	k->last = host;
	return 0;
}

static int vhdx_check(struct blk_node *n, struct blk_check *c, struct err *e)
{
	struct vhdx *v = n->priv;
	struct check k = { .c = c, .slots = DIV_ROUND_UP(blk_length(n->file), MiB) + 1 };
	int ret = 0;

	k.used = blk_table_alloc(DIV_ROUND_UP(k.slots, 8), 1, blk_max_meta(n), &ret);
	if (!k.used)
		return ret;
	if (v->replayed)
		c->corruptions_fixed++;
	for (u64 b = 0; !ret && b < v->blocks; b++)
		ret = check_block(n, v, &k, b);
	free(k.used);
	return ret;
}

static const struct blk_driver vhdx_driver = {
	.name = "vhdx", .flags = BLK_DRV_GROWS | BLK_DRV_BACKING, .priv_size = sizeof(struct vhdx),
	.create_opts = vhdx_opts, .probe = vhdx_probe, .open = vhdx_open, .opened = vhdx_opened,
	.will_write = vhdx_will_write, .settle = vhdx_settle, .close = vhdx_close, .create = vhdx_create,
	.map = vhdx_map, .alloc = vhdx_alloc, .commit = vhdx_commit, .abort = vhdx_abort, .zero = vhdx_zero,
	.flush = vhdx_flush, .check = vhdx_check,
};
BLOCK_FORMAT(vhdx_driver);
