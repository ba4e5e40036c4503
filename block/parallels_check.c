/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parallels: consistency and repair. Clusters outside of the image are
 * dropped, one of two users of a cluster gets a copy, space behind the last
 * cluster is cut off.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "parallels.h"

#define COPY_PIECE 65536U

struct par_walk {
	struct blk_node *n;
	struct parallels *p;
	struct blk_check *c;
	u8 *used;		/* a bit a cluster of the data area */
	u64 slots, size, last;
	bool fix;
};

static void __printf(2, 3) say(struct par_walk *w, const char *fmt, ...)
{
	char line[128];
	int k = snprintf(line, sizeof(line), "%s ", w->fix ? "Repairing" : "ERROR");
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line + k, sizeof(line) - (size_t)k, fmt, ap);
	va_end(ap);
	if (w->c->log)
		w->c->log(w->c->opaque, line);
}

static void count(struct par_walk *w)
{
	if (w->fix)
		w->c->corruptions_fixed++;
	else
		w->c->corruptions++;
}

static bool take(struct par_walk *w, u64 host)
{
	u64 s = (host - w->p->data_off) / w->p->bat.block;
	bool free_slot;

	if (host < w->p->data_off || s >= w->slots)
		return true;
	free_slot = !(w->used[s / 8] >> (s % 8) & 1);
	w->used[s / 8] |= (u8)(1 << (s % 8));
	w->c->image_end_offset = MAX(w->c->image_end_offset, host + w->p->bat.block);
	return free_slot;
}

static void take_ext(void *opaque, u64 host)
{
	take(opaque, host);
}

/* The second user of a cluster gets one of its own. In pieces: the header says how big clusters are. */
static int give_copy(struct par_walk *w, u64 i, u64 host)
{
	struct blk_bat *b = &w->p->bat;
	u8 *buf = blk_buf_alloc(COPY_PIECE);
	u64 to;
	u32 raw;
	int ret = buf ? b->reserve(b, i, &raw, &to) : -ENOMEM;

	for (u64 at = 0; !ret && at < b->block; at += COPY_PIECE) {
		u64 n = MIN(b->block - at, (u64)COPY_PIECE);

		ret = blk_node_pread(w->n->file, host + at, buf, n);
		ret = ret ?: blk_node_pwrite(w->n->file, to + at, buf, n);
	}
	ret = ret ?: blk_node_flush(w->n->file);
	ret = ret ?: blk_bat_set(b, i, raw);
	w->c->image_end_offset = ret ? w->c->image_end_offset : MAX(w->c->image_end_offset, to + b->block);
	free(buf);
	return ret;
}

static int check_entry(struct par_walk *w, u64 i)
{
	struct blk_bat *b = &w->p->bat;
	u64 host;
	u32 raw;
	int ret = blk_bat_entry(b, i, &raw);

	if (ret || !raw)
		return ret;
	if (b->decode(b, raw, &host) || host + b->block > ALIGN_UP(w->size, 512)) {
		say(w, "cluster %llu is outside image", i);
		count(w);
		return w->fix ? blk_bat_set(b, i, 0) : 0;
	}
	w->c->allocated_clusters++;
	w->c->fragmented_clusters += w->last && host != w->last + b->block;
	w->last = host;
	if (take(w, host))
		return 0;
	say(w, "duplicate offset in BAT entry %llu", i);
	count(w);
	return w->fix ? give_copy(w, i, host) : 0;
}

static int check_end(struct par_walk *w)
{
	u64 end = w->c->image_end_offset, size = blk_length(w->n->file), leaked;

	if (size <= end)
		return 0;
	leaked = DIV_ROUND_UP(size - end, w->p->bat.block);
	say(w, "space leaked at the end of the image %llu", size - end);
	if (!(w->c->fix & BLK_FIX_LEAKS)) {
		w->c->leaks += leaked;
		return 0;
	}
	w->c->leaks_fixed += leaked;
	w->p->bat.end = end;
	return blk_node_truncate(w->n->file, end, true, 0, NULL);
}

static int check_entries(struct par_walk *w)
{
	struct blk_bat *b = &w->p->bat;
	u64 known = 0;
	int ret = 0;

	/* What the file does not hold of the table reads as zeros: no clusters. */
	for (u64 i = 0; !ret && i < b->entries && b->table_off + i * 4 < w->size; i++) {
		u64 hole = blk_bat_hole(b, i, w->size, &known);

		if (hole)
			i += hole - 1;
		else
			ret = check_entry(w, i);
	}
	return ret;
}

static int check_data_off(struct par_walk *w)
{
	u8 off[4];

	if (!w->p->bad_off)
		return 0;
	say(w, "data_off field has incorrect value");
	count(w);
	if (!w->fix)
		return 0;
	put_le32(off, (u32)(w->p->data_off / 512));
	w->p->bad_off = false;
	return par_mark(w->p) ?: blk_bat_poke(&w->p->bat, offsetof(struct parallels_header, data_off), off, 4);
}

int par_check(struct blk_node *n, struct blk_check *c, struct err *e)
{
	struct parallels *p = n->priv;
	struct par_walk w = { .n = n, .p = p, .c = c, .size = blk_length(n->file), .fix = c->fix & BLK_FIX_ERRORS };
	bool odd;
	int ret = 0;

	par_space_forget(p);		/* copies go to the end */
	w.slots = w.size / p->bat.block + 1;
	w.used = blk_table_alloc(w.slots / 8 + 1, 1, blk_max_meta(n), &ret);
	if (!w.used)
		return err_errno(e, -ret, "Cannot check an image of this size");
	if (p->unclean) {
		say(&w, "image was not closed correctly");
		count(&w);
		p->marked |= w.fix;	/* closing takes the mark away */
		p->unclean = !w.fix;
	}
	ret = check_data_off(&w);
	c->image_end_offset = p->data_off;
	par_ext_each(p, take_ext, &w);
	ret = ret ?: check_entries(&w);
	ret = ret ?: check_end(&w);
	if (!ret && c->fix)
		ret = blk_bat_flush(&p->bat);
	c->total_clusters = p->bat.entries;
	c->bfi_valid = true;
	free(w.used);
	if (!ret && n->flags & BLK_O_RDWR)
		ret = par_space_walk(n, p, &odd);
	return ret;
}
