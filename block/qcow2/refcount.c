/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Refcounts and cluster allocation. A region is the run of clusters that one
 * refcount block describes; a region without block has refcount 0 throughout.
 */
#include <string.h>
#include "qcow2.h"

static u64 max_refcount(const struct qcow2 *q)
{
	return q->refcount_bits == 64 ? ~0ULL : (1ULL << q->refcount_bits) - 1;
}

static u64 field_get(const struct qcow2 *q, const u8 *p, u64 i)
{
	u32 b = q->refcount_bits;

	switch (b) {
	case 64:
		return get_be64(p + i * 8);
	case 32:
		return get_be32(p + i * 4);
	case 16:
		return get_be16(p + i * 2);
	case 8:
		return p[i];
	default:
		return (p[i * b / 8] >> (i * b % 8)) & ((1U << b) - 1);
	}
}

static void field_set(const struct qcow2 *q, u8 *p, u64 i, u64 v)
{
	u32 b = q->refcount_bits, sh;

	switch (b) {
	case 64:
		put_be64(p + i * 8, v);
		break;
	case 32:
		put_be32(p + i * 4, (u32)v);
		break;
	case 16:
		put_be16(p + i * 2, (u16)v);
		break;
	case 8:
		p[i] = (u8)v;
		break;
	default:
		sh = (u32)(i * b % 8);
		p[i * b / 8] = (u8)((p[i * b / 8] & ~(((1U << b) - 1) << sh)) | (v << sh));
	}
}

static u64 table_entries(const struct qcow2 *q)
{
	return (u64)q->reftable_clusters << (q->cluster_bits - 3);
}

/* File offset of the block of region @r, 0 without one. */
static int block_of(struct qcow2 *q, u64 r, u64 *off)
{
	int ret;

	*off = 0;
	if (r >= table_entries(q))
		return 0;
	ret = qcow2_get_u64(q, q->rt, q->reftable_off + r * 8, off);
	if (ret)
		return ret;
	*off &= ~511ULL;
	if (q_in_cluster(q, *off))
		return qcow2_corrupt(q, true, *off, "Refblock offset %#llx unaligned (reftable index: %#llx)",
				     *off, r);
	return 0;
}

/* Slice of the block at @block that holds cluster @c; *first and *count: the clusters in it. */
static int block_slice(struct qcow2 *q, u64 block, u64 c, void **p, u64 *first, u64 *count)
{
	u64 per = (u64)q->slice * 8 / q->refcount_bits, in = c & ((1ULL << q->rb_bits) - 1);
	u64 k = in / per;

	*first = c - in + k * per;
	*count = per;
	return blk_mcache_get(q->ref, block + k * q->slice, true, p);
}

int qcow2_get_refcount(struct qcow2 *q, u64 c, u64 *ref)
{
	u64 block, first, count;
	void *p;
	int ret = block_of(q, c >> q->rb_bits, &block);

	*ref = 0;
	if (ret || !block)
		return ret;
	ret = block_slice(q, block, c, &p, &first, &count);
	if (ret)
		return ret;
	*ref = field_get(q, p, c - first);
	blk_mcache_put(q->ref, p);
	return 0;
}

static int zero_block(struct qcow2 *q, u64 block)
{
	for (u32 o = 0; o < q->cluster_size; o += q->slice) {
		void *p;
		int ret = blk_mcache_get(q->ref, block + o, false, &p);

		if (ret)
			return ret;
		blk_mcache_dirty(q->ref, p);
		blk_mcache_put(q->ref, p);
	}
	return 0;
}

static int set_one(struct qcow2 *q, u64 block, u64 c, u64 v)
{
	u64 first, count;
	void *p;
	int ret = block_slice(q, block, c, &p, &first, &count);

	if (ret)
		return ret;
	field_set(q, p, c - first, v);
	blk_mcache_dirty(q->ref, p);
	blk_mcache_put(q->ref, p);
	return 0;
}

/*
 * A larger refcount table: the new one stands, with the blocks that describe
 * it, in clusters beyond what the old one covers, and the header switches.
 */
static int grow_table(struct qcow2 *q, u64 want)
{
	u64 old_n = table_entries(q), old_off = q->reftable_off;
	u64 end = DIV_ROUND_UP(blk_length(q->n->file), q->cluster_size);
	u64 start = MAX(old_n << q->rb_bits, end), n, blocks = 1, clusters, first;
	u32 old_clusters = q->reftable_clusters;
	u8 *t;
	int ret;

	n = MAX(want + 1, (start >> q->rb_bits) + 2);
	n += n / 2;
	clusters = DIV_ROUND_UP(n * 8, q->cluster_size);
	if (clusters * q->cluster_size > MAX_REFTABLE_BYTES)
		return -EFBIG;
	first = start >> q->rb_bits;
	while (((start + blocks + clusters - 1) >> q->rb_bits) - first + 1 > blocks)
		blocks++;
	if (first + blocks > clusters << (q->cluster_bits - 3))
		return -EFBIG;
	t = calloc(1, clusters * q->cluster_size);
	if (!t)
		return -ENOMEM;
	ret = qcow2_sync(q);
	if (!ret)
		ret = blk_node_pread(q->n->file, old_off, t, (size_t)old_clusters << q->cluster_bits);
	for (u64 i = 0; !ret && i < blocks; i++) {
		put_be64(t + (first + i) * 8, (start + i) << q->cluster_bits);
		ret = zero_block(q, (start + i) << q->cluster_bits);
	}
	for (u64 c = start; !ret && c < start + blocks + clusters; c++)
		ret = set_one(q, (start + ((c >> q->rb_bits) - first)) << q->cluster_bits, c, 1);
	ret = ret ?: blk_mcache_write(q->ref);
	ret = ret ?: blk_node_pwrite(q->n->file, (start + blocks) << q->cluster_bits, t,
				     clusters * q->cluster_size);
	ret = ret ?: blk_node_flush(q->n->file);
	free(t);
	if (ret)
		return ret;
	ret = blk_mcache_empty(q->rt);
	if (ret)
		return ret;
	q->reftable_off = (start + blocks) << q->cluster_bits;
	q->reftable_clusters = (u32)clusters;
	{
		u8 h[12];

		put_be64(h, q->reftable_off);
		put_be32(h + 8, q->reftable_clusters);
		ret = blk_node_pwrite(q->n->file, offsetof(struct qcow2_header, reftable_off), h, 12);
		ret = ret ?: blk_node_flush(q->n->file);
	}
	if (ret) {
		q->reftable_off = old_off;
		q->reftable_clusters = old_clusters;
		return ret;
	}
	return qcow2_free_now(q, old_off, (u64)old_clusters << q->cluster_bits);
}

static bool reserved(const struct qcow2 *q, u64 c)
{
	u64 off = c << q->cluster_bits, l1 = ALIGN_UP((u64)q->l1_size * 8, q->cluster_size);

	return off < q->cluster_size ||
	       (off >= q->l1_off && off < q->l1_off + l1) ||
	       (off >= q->reftable_off &&
		off < q->reftable_off + ((u64)q->reftable_clusters << q->cluster_bits));
}

/*
 * First run of up to @n free clusters at or after @c. Whole missing blocks
 * count as free. Bounded by the number of blocks, as beyond the table all is free.
 */
static int find_run(struct qcow2 *q, u64 *c, u64 n, u64 *len)
{
	*len = 0;
	while (*len < n) {
		u64 at = *c + *len, block, first, count, i;
		void *p;
		int ret = block_of(q, at >> q->rb_bits, &block);

		if (ret)
			return ret;
		if (!block) {
			u64 end = ((at >> q->rb_bits) + 1) << q->rb_bits;

			*len += MIN(n - *len, end - at);
			continue;
		}
		ret = block_slice(q, block, at, &p, &first, &count);
		if (ret)
			return ret;
		for (i = at; i < first + count && *len < n; i++) {
			if (!field_get(q, p, i - first)) {
				++*len;
				continue;
			}
			if (*len)
				break;
			*c = i + 1;
		}
		blk_mcache_put(q->ref, p);
		if (*len && i < first + count)
			return 0;
	}
	return 0;
}

/* Makes sure that region @r has a block. The block may stand in the region itself. */
static int need_block(struct qcow2 *q, u64 r, u64 *block)
{
	int ret;

	for (int tries = 0; tries < 64; tries++) {
		u64 c = q->free_hint, len, rc, off, cb;

		if (r >= table_entries(q)) {
			ret = grow_table(q, r);
			if (ret)
				return ret;
		}
		ret = block_of(q, r, block);
		if (ret || *block)
			return ret;
		ret = find_run(q, &c, 1, &len);
		if (ret)
			return ret;
		rc = c >> q->rb_bits;
		if (rc >= table_entries(q)) {
			ret = grow_table(q, rc);
			if (ret)
				return ret;
			continue;
		}
		off = c << q->cluster_bits;
		if (reserved(q, c))
			return qcow2_corrupt(q, true, off, "Preventing invalid allocation of refcount block at offset %#llx", off);
		ret = block_of(q, rc, &cb);
		if (ret)
			return ret;
		ret = zero_block(q, off);
		if (ret)
			return ret;
		if (cb) {	/* an existing block describes the new one, of region r */
			ret = set_one(q, cb, c, 1);
			ret = ret ?: qcow2_put_u64(q, q->rt, q->reftable_off + r * 8, off);
		} else {	/* the new one describes itself: it is the block of region rc */
			ret = set_one(q, off, c, 1);
			ret = ret ?: qcow2_put_u64(q, q->rt, q->reftable_off + rc * 8, off);
		}
		if (ret)
			return ret;
	}
	return -EIO;
}

static int add_one_slice(struct qcow2 *q, u64 *c, u64 end, int delta)
{
	u64 block, first, count;
	void *p;
	int ret;

	if (delta > 0)
		ret = need_block(q, *c >> q->rb_bits, &block);
	else
		ret = block_of(q, *c >> q->rb_bits, &block);
	if (ret)
		return ret;
	if (!block)
		return -EINVAL;
	ret = block_slice(q, block, *c, &p, &first, &count);
	if (ret)
		return ret;
	for (; *c < end && *c < first + count; ++*c) {
		u64 v = field_get(q, p, *c - first);

		if ((delta < 0 && v < (u64)-delta) || (delta > 0 && max_refcount(q) - v < (u64)delta)) {
			ret = -EINVAL;
			break;
		}
		v += (u64)(s64)delta;
		field_set(q, p, *c - first, v);
		if (!v && *c < q->free_hint)
			q->free_hint = *c;
		if (!v) {
			u64 off = *c << q->cluster_bits;

			blk_mcache_forget(q->l2, off, q->cluster_size);
			blk_mcache_forget(q->ref, off, q->cluster_size);
			if (q->comp_next && q_index(q, q->comp_next) == *c)
				q->comp_next = 0;
			if (q->n->flags & BLK_O_UNMAP)
				blk_node_discard(q->n->file, off, q->cluster_size);
		}
	}
	blk_mcache_dirty(q->ref, p);
	blk_mcache_put(q->ref, p);
	return ret;
}

int qcow2_add_refcount(struct qcow2 *q, u64 off, u64 len, int delta)
{
	u64 c = q_index(q, off), end, start = c;
	int ret = 0;

	if (!len)
		return 0;
	end = q_index(q, off + len - 1) + 1;
	while (!ret && c < end)
		ret = add_one_slice(q, &c, end, delta);
	if (ret && c > start) {		/* take back what was done */
		u64 k = start;

		while (k < c && !add_one_slice(q, &k, c, -delta))
			;
	}
	return ret;
}

int qcow2_free_now(struct qcow2 *q, u64 off, u64 len)
{
	int ret;

	blk_event(q->n->file, "cluster_free");
	ret = qcow2_add_refcount(q, off, len, -1);
	if (ret == -EINVAL)
		return qcow2_corrupt(q, false, off, "Cannot free cluster at %#llx: its refcount is 0 already", off);
	return ret;
}

int qcow2_free_later(struct qcow2 *q, u64 off, u64 len)
{
	struct pending_free *last = q->n_pending ? &q->pending[q->n_pending - 1] : NULL;

	if (last && last->off + last->len == off && !q_in_cluster(q, off)) {
		last->len += len;
		return 0;
	}
	if (q->n_pending == q->cap_pending) {
		u32 cap = q->cap_pending ? q->cap_pending * 2 : 64;
		struct pending_free *v = realloc(q->pending, cap * sizeof(*v));

		if (!v)
			return -ENOMEM;
		q->pending = v;
		q->cap_pending = cap;
	}
	q->pending[q->n_pending++] = (struct pending_free){ off, len };
	return 0;
}

int qcow2_apply_pending(struct qcow2 *q)
{
	struct pending_free *v = q->pending;
	u32 n = q->n_pending;
	int ret = 0;

	q->pending = NULL;
	q->n_pending = q->cap_pending = 0;
	for (u32 i = 0; i < n; i++) {
		int r = qcow2_free_now(q, v[i].off, v[i].len);

		if (r && r != -EIO)
			ret = r;
	}
	free(v);
	return ret;
}

static int claim(struct qcow2 *q, u64 c, u64 n)
{
	for (u64 i = 0; i < n; i++)
		if (reserved(q, c + i))
			return qcow2_corrupt(q, true, (c + i) << q->cluster_bits,
					     "Preventing invalid write on metadata (overlaps with %s)",
					     c + i == 0 ? "qcow2_header" : q->l1_off >> q->cluster_bits <= c + i &&
					     (c + i) << q->cluster_bits < q->l1_off + q->l1_size * 8ULL ?
					     "active L1 table" : "refcount table");
	return qcow2_add_refcount(q, c << q->cluster_bits, n << q->cluster_bits, 1);
}

int qcow2_alloc_clusters(struct qcow2 *q, u64 n, u64 *off, u64 *got)
{
	for (int tries = 0; tries < 16; tries++) {
		u64 c = q->free_hint, c2, len, len2;
		int ret;

		if (q->n_pending >= 4096) {
			ret = qcow2_sync(q);
			if (ret)
				return ret;
		}
		ret = find_run(q, &c, n, &len);
		if (ret)
			return ret;
		if (c + len > (1ULL << (63 - q->cluster_bits)))
			return -EFBIG;
		/* Blocks for the run may have to be allocated, and may take its place. */
		for (u64 r = c >> q->rb_bits; r <= (c + len - 1) >> q->rb_bits; r++) {
			u64 block;

			ret = need_block(q, r, &block);
			if (ret)
				return ret;
		}
		c2 = c;
		ret = find_run(q, &c2, len, &len2);
		if (ret)
			return ret;
		if (c2 != c || !len2)
			continue;
		ret = claim(q, c, len2);
		if (ret)
			return ret;
		q->free_hint = c + len2;
		*off = c << q->cluster_bits;
		*got = len2;
		return 0;
	}
	return -EIO;
}

int qcow2_alloc_exact(struct qcow2 *q, u64 n, u64 *off)
{
	u64 hint = q->free_hint, c = hint;

	for (int tries = 0; tries < 1 << 20; tries++) {
		u64 len, c2, len2;
		int ret = find_run(q, &c, n, &len);

		if (ret)
			return ret;
		if (len < n) {
			c += len;
			continue;
		}
		for (u64 r = c >> q->rb_bits; r <= (c + n - 1) >> q->rb_bits; r++) {
			u64 block;

			ret = need_block(q, r, &block);
			if (ret)
				return ret;
		}
		c2 = c;
		ret = find_run(q, &c2, n, &len2);
		if (ret)
			return ret;
		if (c2 != c || len2 < n)
			continue;
		ret = claim(q, c, n);
		*off = c << q->cluster_bits;
		return ret;
	}
	return -EFBIG;
}

int qcow2_alloc_at(struct qcow2 *q, u64 off, u64 n, u64 *got)
{
	u64 c = q_index(q, off), k = 0, ref;
	int ret = 0;

	*got = 0;
	if (q_in_cluster(q, off))
		return 0;
	for (; k < n; k++) {
		ret = qcow2_get_refcount(q, c + k, &ref);
		if (ret || ref)
			break;
	}
	if (ret || !k)
		return ret;
	ret = claim(q, c, k);
	if (!ret)
		*got = k;
	return ret;
}

int qcow2_alloc_bytes(struct qcow2 *q, u32 bytes, u64 *off)
{
	u32 left = q->comp_next ? q->cluster_size - (u32)q_in_cluster(q, q->comp_next) : 0;
	u64 got, ref, base = q->comp_next & ~(u64)(q->cluster_size - 1);
	int ret;

	if (q->comp_next && !q_in_cluster(q, q->comp_next))
		left = 0;
	if (left) {
		ret = qcow2_get_refcount(q, q_index(q, base), &ref);
		if (ret || ref >= max_refcount(q) || !ref)
			left = 0;
	}
	if (left >= bytes) {
		ret = qcow2_add_refcount(q, base, 1, 1);
		if (ret)
			return ret;
		*off = q->comp_next;
	} else {
		if (left) {	/* over the end of the cluster, if the next one is free */
			ret = qcow2_alloc_at(q, base + q->cluster_size, 1, &got);
			if (ret)
				return ret;
			if (got) {
				ret = qcow2_add_refcount(q, base, 1, 1);
				if (ret)
					return ret;
				*off = q->comp_next;
				goto done;
			}
		}
		ret = qcow2_alloc_clusters(q, 1, off, &got);
		if (ret)
			return ret;
	}
done:
	q->comp_next = *off + bytes;
	/* Cut-off bytes at the end of a cluster cannot start another unit's sector run. */
	return 0;
}
