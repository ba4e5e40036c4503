/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Consistency check and repair. Pass 1 walks everything that names clusters
 * and counts references; pass 2 compares them with the stored refcounts;
 * pass 3 looks at the COPIED flags.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "counts.h"
#include "qcow2.h"

#define ZEROS_BITS 16

struct walk {
	struct qcow2 *q;
	struct blk_check *c;
	struct qcow2_counts counts;
	u64 highest;		/* cluster in use */
	u64 next_contiguous;
	u64 limit;		/* references that a refcount field can hold */
	u32 fix;		/* what this pass repairs */
	bool rebuild;
	u64 *zeros;		/* 1 << ZEROS_BITS: numbers, from 1, of pieces of L1 tables that were seen to be all zero */
	bool changed;		/* an entry was repaired: what is zero is to be read again */
};

static void say(struct walk *w, const char *fmt, ...) __printf(2, 3);
static void say(struct walk *w, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	if (!w->c->log)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	w->c->log(w->c->opaque, text);
}

static int add(struct walk *w, u64 off, u64 len)
{
	u64 file = blk_length(w->q->n->file), end;

	if (!len)
		return 0;
	if (add_overflows(off, len, &end) || end > (u64)INT64_MAX)
		end = ~0ULL;
	if (end > ALIGN_UP(file, (u64)w->q->cluster_size)) {
		say(w, "ERROR: counting reference for region exceeding the end of the file by one cluster or more: offset 0x%llx size 0x%llx",
		    off, len);
		w->c->corruptions++;
		return 0;
	}
	for (u64 c = q_index(w->q, off); c <= q_index(w->q, end - 1); c++) {
		u32 *p = qcow2_count_at(&w->counts, c, true);

		if (!p)
			return -ENOMEM;
		if (*p >= w->limit) {
			say(w, "ERROR: overflow cluster offset=0x%llx", c << w->q->cluster_bits);
			say(w, "Use qemu-img amend to increase the refcount entry width or qemu-img convert to create a clean copy if the image cannot be opened for writing");
			w->c->corruptions++;
			continue;
		}
		++*p;
		w->highest = MAX(w->highest, c);
	}
	return 0;
}

/* ---- pass 1 ---- */

static int fix_entry(struct walk *w, u64 l2, u32 i)
{
	w->changed = true;
	int ret = qcow2_set_entry(w->q, l2, i, q_extl2(w->q) ? 0 : OFLAG_ZERO,
				  q_extl2(w->q) ? 0xffffffffULL << 32 : 0);

	if (!ret)
		w->c->corruptions_fixed++;
	return ret;
}

static void fragments(struct walk *w, u64 off)
{
	w->c->allocated_clusters++;
	if (w->next_contiguous && off != w->next_contiguous)
		w->c->fragmented_clusters++;
	w->next_contiguous = off + w->q->cluster_size;
}

static int walk_entry(struct walk *w, u64 l2, u32 i, bool active)
{
	struct qcow2 *q = w->q;
	u64 e, bm, off, len;
	int ret = qcow2_entry(q, l2, i, &e, &bm);

	if (ret)
		return ret;
	qcow2_entry_space(q, e, &off, &len);
	if (e & OFLAG_COMPRESSED) {
		if (e & OFLAG_COPIED) {
			say(w, "ERROR: coffset=0x%llx: copied flag must never be set for compressed clusters",
			    e & L2_OFFSET_MASK & ((1ULL << (62 - (q->cluster_bits - 8))) - 1));
			w->c->corruptions++;
		}
		if (q->has_data_file) {
			say(w, "ERROR compressed cluster %d with data file, entry=0x%llx", i, e);
			w->c->corruptions++;
			return 0;
		}
		if (active) {
			w->c->allocated_clusters++;
			w->c->compressed_clusters++;
			w->c->fragmented_clusters++;
		}
		return add(w, off, len);
	}
	if (q_extl2(q) && (bm & bm >> 32 & 0xffffffffULL)) {
		w->c->corruptions++;
		say(w, "ERROR offset=%llx: Allocated cluster has corrupted subcluster allocation bitmap", off);
		return w->fix & BLK_FIX_ERRORS ? fix_entry(w, l2, i) : 0;
	}
	if (!len)
		return 0;
	if (q_in_cluster(q, off)) {
		bool zero = !q_extl2(q) && e & OFLAG_ZERO && q->version >= 3;

		w->c->corruptions++;
		say(w, "%s offset=%llx: %s cluster is not properly aligned; L2 entry corrupted.",
		    w->fix & BLK_FIX_ERRORS && zero ? "Repairing" : "ERROR", off,
		    zero ? "Preallocated" : "Data");
		return w->fix & BLK_FIX_ERRORS && zero ? fix_entry(w, l2, i) : 0;
	}
	if (active)
		fragments(w, off);
	return q->has_data_file ? 0 : add(w, off, len);
}

static u64 *zeros_at(struct walk *w, u64 off)
{
	return &w->zeros[(off / w->q->slice * 0x9e3779b97f4a7c15ULL) >> (64 - ZEROS_BITS)];
}

/*
 * How many of @left entries from @off on need not be read: a hole of the file, or a piece that another table has, too.
 * Thousands of snapshots may name tables of megabytes in a file of nothing.
 */
static u32 zeros_ahead(struct walk *w, u64 off, u32 left, u64 *known)
{
	u64 n;

	if (w->changed)
		return 0;
	n = blk_hole_ahead(w->q->n->file, off, left * 8ULL, known) / 8;
	if (!n && !(off % w->q->slice) && *zeros_at(w, off) == off / w->q->slice + 1)
		n = w->q->slice / 8;
	return (u32)MIN(n, (u64)left);
}

static int walk_l1(struct walk *w, u64 off, u32 size, bool active)
{
	struct qcow2 *q = w->q;
	int ret = add(w, off, size * 8ULL);
	u64 known = 0, piece = 0;
	bool zeros = false;

	for (u32 i = 0; !ret && i < size; i++) {
		u64 e, l2, at = off + i * 8ULL;

		if (!i || !(at % q->slice)) {
			u32 n = zeros_ahead(w, at, size - i, &known);

			if (zeros)
				*zeros_at(w, piece) = piece / q->slice + 1;
			zeros = !n && !(at % q->slice);
			piece = at;
			if (n) {
				i += n - 1;
				continue;
			}
		}
		ret = qcow2_get_u64(q, active ? q->l1 : q->l2, at, &e);
		l2 = e & L1_OFFSET_MASK;
		zeros &= !l2;
		if (ret || !l2)
			continue;
		ret = add(w, l2, q->cluster_size);
		if (q_in_cluster(q, l2)) {
			say(w, "ERROR l2_offset=%llx: Table is not cluster aligned; L1 entry corrupted", l2);
			w->c->corruptions++;
			continue;
		}
		if (qcow2_count(&w->counts, q_index(q, l2)) > 65535)
			continue;	/* the same table over and over: counted often enough */
		for (u32 k = 0; !ret && k < 1U << q->l2_bits; k++)
			ret = walk_entry(w, l2, k, active);
	}
	if (zeros && !((off + size * 8ULL) % q->slice))
		*zeros_at(w, piece) = piece / q->slice + 1;
	return ret;
}

static int walk_snapshots(struct walk *w)
{
	struct qcow2 *q = w->q;
	struct qcow2_snap *v = NULL;
	struct err ign = ERR_INIT;
	int ret = qcow2_snaps_read(q, &v, &ign);
	u64 bytes = 0;

	if (ret == -ENOMEM)
		return ret;
	if (ret) {
		say(w, "ERROR failed to read the snapshot table: %s", ign.msg);
		w->c->corruptions++;
		return 0;
	}
	for (u32 i = 0; !ret && i < q->nb_snapshots; i++) {
		bytes += v[i].disk_len;
		if (q_in_cluster(q, v[i].l1_off)) {
			say(w, "ERROR snapshot %s (%s) l1_offset=%#llx: L1 table is not cluster aligned; snapshot table entry corrupted",
			    v[i].s.id, v[i].s.name, v[i].l1_off);
			w->c->corruptions++;
			continue;
		}
		if (v[i].l1_size > MAX_L1_BYTES / 8) {
			say(w, "ERROR snapshot %s (%s) l1_size=%#x: L1 table is too large; snapshot table entry corrupted",
			    v[i].s.id, v[i].s.name, v[i].l1_size);
			w->c->corruptions++;
			continue;
		}
		ret = walk_l1(w, v[i].l1_off, v[i].l1_size, false);
	}
	qcow2_snaps_free(v, q->nb_snapshots);
	return ret ?: add(w, q->snapshots_off, bytes);
}

static int add_cb(void *opaque, u64 off, u64 len)
{
	return add(opaque, off, len);
}

static u64 table_entries(const struct qcow2 *q)
{
	return (u64)q->reftable_clusters << (q->cluster_bits - 3);
}

static int walk_blocks(struct walk *w)
{
	struct qcow2 *q = w->q;
	u64 file = DIV_ROUND_UP(blk_length(q->n->file), q->cluster_size);
	int ret = 0;

	for (u64 i = 0; !ret && i < table_entries(q); i++) {
		u64 off;

		ret = qcow2_get_u64(q, q->rt, q->reftable_off + i * 8, &off);
		off &= ~511ULL;
		if (ret || !off)
			continue;
		if (q_in_cluster(q, off)) {
			say(w, "ERROR refcount block %llu is not cluster aligned; refcount table entry corrupted", i);
			w->c->corruptions++;
			w->rebuild = true;
			continue;
		}
		if (q_index(q, off) >= file) {
			say(w, "%s refcount block %llu is outside image",
			    w->fix & BLK_FIX_ERRORS ? "Repairing" : "ERROR", i);
			w->c->corruptions++;
			w->rebuild = true;
			continue;
		}
		ret = add(w, off, q->cluster_size);
		if (!ret && qcow2_count(&w->counts, q_index(q, off)) != 1) {
			say(w, "ERROR refcount block %llu refcount=%u", i, qcow2_count(&w->counts, q_index(q, off)));
			w->c->corruptions++;
			w->rebuild = true;
		}
	}
	return ret;
}

static int pass1(struct walk *w)
{
	struct qcow2 *q = w->q;
	int ret = w->c->fix ? qcow2_sync(q) : 0;	/* holes are looked for below the caches */

	ret = ret ?: add(w, 0, q->cluster_size);
	ret = ret ?: walk_l1(w, q->l1_off, q->l1_size, true);
	w->next_contiguous = 0;
	ret = ret ?: walk_snapshots(w);
	ret = ret ?: add(w, q->reftable_off, (u64)q->reftable_clusters << q->cluster_bits);
	if (!ret && q->crypto_len)
		ret = add(w, q->crypto_off, q->crypto_len);
	ret = ret ?: qcow2_bitmaps_walk(q, add_cb, w);
	return ret ?: walk_blocks(w);
}

/* ---- pass 2 ---- */

static int compare_one(struct walk *w, u64 c, u64 stored)
{
	u64 want = qcow2_count(&w->counts, c), off = c << w->q->cluster_bits;
	bool leak = stored > want, fix;
	int ret = 0;

	if (stored == want)
		return 0;
	w->rebuild |= !stored;
	fix = w->fix & (leak ? BLK_FIX_LEAKS : BLK_FIX_ERRORS) && stored;
	say(w, "%s cluster %llu refcount=%llu reference=%llu",
	    fix ? "Repairing" : leak ? "Leaked" : "ERROR", c, stored, want);
	if (!fix && leak)
		w->c->leaks++;
	else if (!fix)
		w->c->corruptions++;
	if (!fix)
		return 0;
	ret = qcow2_add_refcount(w->q, off, 1, (int)((s64)want - (s64)stored));
	if (ret)
		return ret;
	if (leak)
		w->c->leaks_fixed++;
	else
		w->c->corruptions_fixed++;
	return 0;
}

/* Does region @r have a block that can be trusted? */
static int region_block(struct walk *w, u64 r, u64 *off)
{
	struct qcow2 *q = w->q;
	int ret;

	*off = 0;
	if (r >= table_entries(q))
		return 0;
	ret = qcow2_get_u64(q, q->rt, q->reftable_off + r * 8, off);
	*off &= ~511ULL;
	if (!ret && (q_in_cluster(q, *off) || *off >= blk_length(q->n->file)))
		*off = 0;
	return ret;
}

/* The first region at or after @r that has references to clusters up to @last; ~0: none. */
static u64 next_used_region(struct walk *w, u64 r, u64 last)
{
	u64 end = last + 1;

	for (u64 c = qcow2_counts_next(&w->counts, r << w->q->rb_bits, end); c < end; c = qcow2_counts_next(&w->counts, c + 1, end))
		if (qcow2_count(&w->counts, c))
			return c >> w->q->rb_bits;
	return ~0ULL;
}

static bool region_used(struct walk *w, u64 r, u64 last)
{
	return next_used_region(w, r, MIN(((r + 1) << w->q->rb_bits) - 1, last)) == r;
}

/* The region after @r that can have something to say: each in the table, beyond it those in use. */
static u64 next_region(struct walk *w, u64 r)
{
	return ++r < table_entries(w->q) ? r : next_used_region(w, r, w->highest);
}

static int pass2(struct walk *w)
{
	struct qcow2 *q = w->q;
	u64 regions = MAX(table_entries(q), (w->highest >> q->rb_bits) + 1);
	int ret = qcow2_counts_sort(&w->counts);

	/* First the ones that are referenced but have no block: they decide on a rebuild. */
	for (u64 r = 0; !ret && r < regions; r = next_region(w, r)) {
		u64 off;

		ret = region_block(w, r, &off);
		if (ret || off || r > w->highest >> q->rb_bits)
			continue;
		w->rebuild |= region_used(w, r, w->highest);
	}
	for (u64 r = 0; !ret && r < regions; r = next_region(w, r)) {
		u64 off, first = r << q->rb_bits;

		ret = region_block(w, r, &off);
		if (ret || (!off && r > w->highest >> q->rb_bits))
			continue;
		/* A block that is used twice was told already, and says nothing. */
		if (off && qcow2_count(&w->counts, q_index(q, off)) != 1)
			continue;
		for (u64 c = first; !ret && c < first + (1ULL << q->rb_bits); c++) {
			u64 stored = 0;

			if (!off)
				c = qcow2_counts_next(&w->counts, c, first + (1ULL << q->rb_bits));
			if (c == first + (1ULL << q->rb_bits))
				break;

			if (off)
				ret = qcow2_get_refcount(q, c, &stored);
			else if (c > w->highest)
				break;
			if (stored)
				w->highest = MAX(w->highest, c);
			ret = ret ?: compare_one(w, c, stored);
		}
	}
	return ret;
}

/* ---- a new refcount structure at the end of the file ---- */

static void put_count(const struct qcow2 *q, u8 *p, u64 i, u64 v)
{
	u32 b = q->refcount_bits;

	if (b >= 8)
		for (u32 k = 0; k < b / 8; k++)
			p[i * b / 8 + k] = (u8)(v >> (b - 8 - 8 * k));
	else
		p[i * b / 8] |= (u8)((v & ((1U << b) - 1)) << (i * b % 8));
}

/* @keep: what the old structure took stays counted, until a pass finds that nothing refers to it. */
static int rebuild(struct walk *w, bool keep)
{
	struct qcow2 *q = w->q;
	u64 start = DIV_ROUND_UP(blk_length(q->n->file), q->cluster_size), blocks = 0, tclusters, end;
	u64 used = 0, last_r = w->highest >> q->rb_bits, old_off = q->reftable_off;
	u32 old_cl = q->reftable_clusters;
	u64 k = 0;
	u8 *t, *b;
	int ret = qcow2_counts_sort(&w->counts);

	if (ret)
		return ret;
	/* The old structure is no longer referenced. */
	for (u64 c = 0; !keep && c < old_cl; c++) {
		u32 *p = qcow2_count_at(&w->counts, q_index(q, old_off) + c, false);

		if (p && *p)
			--*p;
	}
	for (u64 i = 0; !keep && i < table_entries(q); i++) {
		u64 off;
		u32 *p;

		if (region_block(w, i, &off) || !off)
			continue;
		p = qcow2_count_at(&w->counts, q_index(q, off), false);
		if (p && *p)
			--*p;
	}
	for (u64 r = next_used_region(w, 0, w->highest); r <= last_r; r = next_used_region(w, r + 1, w->highest))
		used++;
	/* Blocks for the area itself included; a fixed point is reached quickly. */
	for (blocks = used, tclusters = 1;;) {
		u64 nb, nt;

		end = start + blocks + tclusters;
		nb = used;
		for (u64 r = start >> q->rb_bits; r <= (end - 1) >> q->rb_bits; r++)
			nb += r > last_r || !region_used(w, r, w->highest);
		nt = DIV_ROUND_UP((((end - 1) >> q->rb_bits) + 1) * 8, q->cluster_size);
		if (nb <= blocks && nt <= tclusters)
			break;		/* it fits; both only ever grow, so this ends */
		blocks = MAX(blocks, nb);
		tclusters = MAX(tclusters, nt);
	}
	if (tclusters * q->cluster_size > MAX_REFTABLE_BYTES)
		return -EFBIG;
	ret = blk_node_truncate(q->n->file, end << q->cluster_bits, false, 0, NULL);
	for (u64 c = start; !ret && c < end; c++)
		ret = add(w, c << q->cluster_bits, 1);
	ret = ret ?: qcow2_counts_sort(&w->counts);
	if (ret)
		return ret;
	t = calloc(tclusters, q->cluster_size);
	b = malloc(q->cluster_size);
	ret = t && b ? 0 : -ENOMEM;
	for (u64 r = next_used_region(w, 0, end - 1); !ret && r != ~0ULL; r = next_used_region(w, r + 1, end - 1)) {
		memset(b, 0, q->cluster_size);
		for (u64 i = 0; i < 1ULL << q->rb_bits; i++)
			put_count(q, b, i, qcow2_count(&w->counts, (r << q->rb_bits) + i));
		put_be64(t + r * 8, (start + k) << q->cluster_bits);
		ret = blk_node_pwrite(q->n->file, (start + k) << q->cluster_bits, b, q->cluster_size);
		k++;
	}
	ret = ret ?: blk_node_pwrite(q->n->file, (start + blocks) << q->cluster_bits, t,
				     tclusters * q->cluster_size);
	ret = ret ?: blk_node_flush(q->n->file);
	free(t);
	free(b);
	if (ret)
		return ret;
	blk_mcache_forget(q->rt, 0, ~0ULL >> 1);
	blk_mcache_forget(q->ref, 0, ~0ULL >> 1);
	q->reftable_off = (start + blocks) << q->cluster_bits;
	q->reftable_clusters = (u32)tclusters;
	ret = qcow2_write_header(q, NULL);
	ret = ret ?: blk_node_flush(q->n->file);
	if (ret)
		return ret;
	q->free_hint = 0;
	return 0;
}

/* ---- pass 3 ---- */

static int copied_l2(struct walk *w, u64 l2)
{
	struct qcow2 *q = w->q;
	bool fix = w->c->fix & BLK_FIX_ERRORS;
	int ret = 0;

	for (u32 i = 0; !ret && i < 1U << q->l2_bits; i++) {
		u64 e, bm, ref;

		ret = qcow2_entry(q, l2, i, &e, &bm);
		if (ret || e & OFLAG_COMPRESSED || !(e & L2_OFFSET_MASK) || q->has_data_file ||
		    q_in_cluster(q, e & L2_OFFSET_MASK))
			continue;
		if (qcow2_get_refcount(q, q_index(q, e & L2_OFFSET_MASK), &ref))
			continue;
		if ((ref == 1) == !!(e & OFLAG_COPIED))
			continue;
		w->c->corruptions++;
		say(w, "%s OFLAG_COPIED data cluster: l2_entry=%llx refcount=%llu",
		    fix ? "Repairing" : "ERROR", e, ref);
		if (!fix)
			continue;
		ret = qcow2_set_entry(q, l2, i, ref == 1 ? e | OFLAG_COPIED : e & ~OFLAG_COPIED, bm);
		if (!ret)
			w->c->corruptions_fixed++;
	}
	return ret;
}

static int pass3(struct walk *w)
{
	struct qcow2 *q = w->q;
	bool fix = w->c->fix & BLK_FIX_ERRORS;
	int ret = 0;

	for (u32 i = 0; !ret && i < q->l1_size; i++) {
		u64 e, l2, ref;

		ret = qcow2_get_u64(q, q->l1, q->l1_off + i * 8ULL, &e);
		l2 = e & L1_OFFSET_MASK;
		if (ret || !l2 || q_in_cluster(q, l2) || qcow2_get_refcount(q, q_index(q, l2), &ref))
			continue;
		if ((ref == 1) != !!(e & OFLAG_COPIED)) {
			w->c->corruptions++;
			say(w, "%s OFLAG_COPIED L2 cluster: l1_index=%u l1_entry=%llx refcount=%llu",
			    fix ? "Repairing" : "ERROR", i, e, ref);
			if (fix) {
				ret = qcow2_put_u64(q, q->l1, q->l1_off + i * 8ULL,
						    ref == 1 ? e | OFLAG_COPIED : e & ~OFLAG_COPIED);
				w->c->corruptions_fixed += !ret;
			}
		}
		ret = ret ?: copied_l2(w, l2);
	}
	return ret;
}

static int init_walk(struct walk *w)
{
	int ret = qcow2_counts_init(&w->counts, blk_max_meta(w->q->n) * 16);

	if (ret)
		return ret;
	w->zeros = calloc(1U << ZEROS_BITS, sizeof(*w->zeros));
	return w->zeros ? 0 : -ENOMEM;
}

static void free_walk(struct walk *w)
{
	qcow2_counts_free(&w->counts);
	free(w->zeros);
}

static void forget_counts(struct walk *w)
{
	qcow2_counts_clear(&w->counts);
	memset(w->zeros, 0, sizeof(*w->zeros) << ZEROS_BITS);
	w->highest = w->next_contiguous = 0;
	w->rebuild = false;
}

/* A new structure, then what is wrong still. The old one has leaked; that is no finding. */
static int rebuild_and_recount(struct walk *w)
{
	struct blk_check *c = w->c, found = *c;
	u32 want = c->fix;
	int ret;

	say(w, "Rebuilding refcount structure");
	ret = qcow2_sync(w->q);
	ret = ret ?: rebuild(w, true);
	if (ret)
		return ret;
	forget_counts(w);
	c->corruptions = c->leaks = 0;
	c->allocated_clusters = c->fragmented_clusters = c->compressed_clusters = 0;
	w->fix = 0;
	ret = pass1(w);
	if (!ret && want & BLK_FIX_LEAKS) {
		struct blk_check now = *c;

		w->fix = BLK_FIX_LEAKS;
		ret = pass2(w);
		if (w->rebuild)
			say(w, "ERROR rebuilt refcount structure is still broken");
		*c = now;
	}
	if (c->corruptions < found.corruptions)
		c->corruptions_fixed += found.corruptions - c->corruptions;
	if (c->leaks < found.leaks)
		c->leaks_fixed += found.leaks - c->leaks;
	c->corruptions += found.corruptions;
	c->leaks += found.leaks;
	return ret;
}

/* All is told first; what can be repaired is repaired in a second comparison. */
static int run(struct walk *w)
{
	struct blk_check *c = w->c;
	int ret;

	w->fix = c->fix;
	w->limit = w->q->refcount_bits >= 32 ? 0xffffffffULL : (1ULL << w->q->refcount_bits) - 1;
	ret = pass1(w);
	w->fix = 0;
	ret = ret ?: pass2(w);
	if (!ret && w->rebuild && c->fix & BLK_FIX_ERRORS) {
		ret = rebuild_and_recount(w);
	} else if (!ret && c->fix && w->rebuild) {
		say(w, "ERROR need to rebuild refcount structures");
		ret = -EIO;
	} else if (!ret && c->fix && (c->leaks || c->corruptions)) {
		w->fix = c->fix;
		ret = pass2(w);
	}
	ret = ret ?: pass3(w);
	return ret ?: c->fix ? qcow2_sync(w->q) : 0;
}

/* The refcounts, and then, when there is room to be had, a snapshot table that is complete. */
static int check_locked(struct walk *w)
{
	struct blk_check *c = w->c;
	u64 incomplete = qcow2_snaps_check(w->q, c);
	int ret = run(w);

	c->corruptions += incomplete;
	if (ret || !incomplete || !(c->fix & BLK_FIX_ERRORS))
		return ret;
	ret = qcow2_snaps_complete(w->q, NULL);
	c->corruptions_fixed += ret ? 0 : incomplete;
	return ret;
}

int qcow2_check(struct blk_node *n, struct blk_check *c, struct err *e)
{
	struct qcow2 *q = n->priv;
	struct walk w = { .q = q, .c = c };
	int ret;

	ret = init_walk(&w);
	if (ret) {
		free_walk(&w);
		return ret;
	}
	pthread_mutex_lock(&q->lock);
	ret = check_locked(&w);
	if (!ret && c->fix && !c->check_errors && c->corruptions == c->corruptions_fixed) {
		ret = blk_node_flush(n->file);
		ret = ret ?: qcow2_set_incompat(q, 0, INCOMPAT_DIRTY | INCOMPAT_CORRUPT);
		q->dirty_set = false;
	}
	pthread_mutex_unlock(&q->lock);
	c->image_end_offset = (w.highest + 1) << q->cluster_bits;
	c->total_clusters = DIV_ROUND_UP(q->size, q->cluster_size);
	c->bfi_valid = true;
	free_walk(&w);
	return ret ? err_errno(e, -ret, "Check failed") : 0;
}

/* The header's one write switches table and width together. */
static int switch_width(struct walk *w, u32 order)
{
	struct qcow2 *q = w->q;
	u64 old_off = q->reftable_off;
	u32 old_order = q->refcount_order;
	int ret;

	q->refcount_order = order;
	q->refcount_bits = 1U << order;
	q->rb_bits = q->cluster_bits + 3 - order;
	ret = rebuild(w, false);
	if (ret) {
		q->refcount_order = old_order;
		q->refcount_bits = 1U << old_order;
		q->rb_bits = q->cluster_bits + 3 - old_order;
		q->reftable_off = old_off;
	}
	return ret;
}

/* Another width: the counts are the references, so the structure is rebuilt from them. */
int qcow2_change_width(struct qcow2 *q, u64 bits, struct err *e)
{
	struct blk_check c = { 0 };
	struct walk w = { .q = q, .c = &c };
	u32 order = bits ? (u32)__builtin_ctzll(bits) : 0;
	u64 max = 0;
	int ret;

	if (q->version < 3)
		return err_set(e, EINVAL, "Refcount widths other than 16 bits require compatibility level 1.1 or above (use compat=1.1 or greater)");
	if (!bits || bits > 64 || bits & (bits - 1))
		return err_set(e, EINVAL, "Refcount width must be a power of two and may not exceed 64 bits");
	ret = init_walk(&w);
	if (ret) {
		free_walk(&w);
		return ret;
	}
	w.limit = 0xffffffff;
	ret = qcow2_sync(q);
	ret = ret ?: pass1(&w);
	if (!ret && (c.corruptions || w.rebuild))
		ret = err_set(e, EIO, "The image is damaged; check and repair it first");
	max = qcow2_counts_max(&w.counts);
	if (!ret && bits < 32 && max >= 1ULL << bits)
		ret = err_set(e, EINVAL, "Cannot decrease refcount entry width to %llu bits: Cluster at offset %#llx has a refcount of %llu",
			      bits, 0ULL, max);
	if (!ret)
		ret = switch_width(&w, order);
	free_walk(&w);
	return ret ? err_errno(e, -ret, "Changing the refcount width failed") : 0;
}
