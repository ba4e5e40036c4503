/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changing the virtual size, preallocation, and emptying an image after commit. */
#include <string.h>
#include "qcow2.h"

static int write_l1_place(struct qcow2 *q, u64 off, u32 size)
{
	u8 h[12];
	int ret;

	put_be32(h, size);
	put_be64(h + 4, off);
	_Static_assert(offsetof(struct qcow2_header, l1_off) ==
		       offsetof(struct qcow2_header, l1_size) + 4, "adjacent");
	ret = blk_node_flush(q->n->file);
	ret = ret ?: blk_node_pwrite(q->n->file, offsetof(struct qcow2_header, l1_size), h, 12);
	return ret ?: blk_node_flush(q->n->file);
}

int qcow2_grow_l1(struct qcow2 *q, u64 entries, struct err *e)
{
	u64 off, old_off = q->l1_off, bytes, clusters;
	u32 old = q->l1_size;
	u8 *t;
	int ret;

	if (entries <= old)
		return 0;
	if (entries > MAX_L1_BYTES / 8)
		return err_set(e, EFBIG, "The new L1 table would be too large");
	/* The old table's clusters may have room for more entries. */
	bytes = ALIGN_UP(entries * 8, q->cluster_size);
	clusters = bytes >> q->cluster_bits;
	t = calloc(1, bytes);
	if (!t)
		return -ENOMEM;
	ret = qcow2_sync(q);
	ret = ret ?: blk_node_pread(q->n->file, old_off, t, old * 8ULL);
	ret = ret ?: qcow2_alloc_exact(q, clusters, &off);
	if (ret)
		goto out;
	ret = qcow2_sync(q);
	ret = ret ?: blk_node_pwrite(q->n->file, off, t, entries * 8);
	ret = ret ?: blk_mcache_empty(q->l1);
	ret = ret ?: write_l1_place(q, off, (u32)entries);
	if (ret) {
		qcow2_free_now(q, off, bytes);
		goto out;
	}
	q->l1_off = off;
	q->l1_size = (u32)entries;
	if (old)
		ret = qcow2_free_now(q, old_off, ALIGN_UP(old * 8ULL, q->cluster_size));
out:
	free(t);
	return ret ? err_errno(e, -ret, "Failed to grow the L1 table") : 0;
}

static int write_size(struct qcow2 *q, u64 size)
{
	u8 b[8];
	int ret;

	put_be64(b, size);
	ret = blk_node_flush(q->n->file);
	return ret ?: blk_node_pwrite(q->n->file, offsetof(struct qcow2_header, size), b, 8);
}

int qcow2_preallocate(struct qcow2 *q, u64 from, u64 to, int mode, struct err *e)
{
	struct blk_node *n = q->n;
	u64 end = 0;
	int ret = 0;

	/* The cluster of the old end may show the backing file, or hold subclusters: not to be hidden. */
	from = n->backing || n->backing_name || q_extl2(q) ? ALIGN_UP(from, q->cluster_size) :
	       ALIGN_DOWN(from, q->cluster_size);
	while (!ret && from < to) {
		struct blk_alloc a = { 0 };
		struct blk_extent x;
		u64 left = to - from;

		ret = qcow2_map(n, from, left, &x);
		if (ret)
			break;
		if (x.kind == BLK_DATA) {
			from = x.off + x.len;
			continue;
		}
		ret = qcow2_alloc(n, from, left, &a);
		if (ret)
			break;
		if (q_extl2(q)) {	/* space, but no subcluster in use */
			u64 l2;

			pthread_mutex_lock(&q->lock);
			ret = qcow2_l2_for_write(q, from, &l2);
			ret = ret ?: qcow2_set_entry(q, l2, (u32)a.priv[1], (a.host & ~(u64)(q->cluster_size - 1)) |
						     OFLAG_COPIED, 0);
			pthread_mutex_unlock(&q->lock);
			a.len = q->cluster_size;
			a.host &= ~(u64)(q->cluster_size - 1);
		} else {
			ret = qcow2_commit(n, &a);
		}
		end = MAX(end, a.host + a.len);
		from = (from & ~(u64)(q->cluster_size - 1)) + a.len;
	}
	if (!ret && end > blk_length(q->data))
		ret = blk_node_truncate(q->data, end, false, mode == BLK_PREALLOC_METADATA ? 0 : mode, e);
	return ret ? err_errno(e, -ret, "Could not preallocate metadata") : 0;
}

/* Entries beyond the new end go; their clusters are freed. */
static int drop_tail(struct qcow2 *q, u64 from, u64 old)
{
	u32 bits = q->l2_bits + q->cluster_bits;
	int ret = 0;

	for (u64 off = ALIGN_UP(from, q->cluster_size); !ret && off < old;) {
		u64 e, l2, bm;

		ret = qcow2_get_u64(q, q->l1, q->l1_off + (off >> bits) * 8, &e);
		if (ret)
			break;
		if (!(e & L1_OFFSET_MASK)) {
			off = ((off >> bits) + 1) << bits;
			continue;
		}
		ret = qcow2_l2_for_write(q, off, &l2);
		for (u32 i = (u32)(off >> q->cluster_bits) & ((1U << q->l2_bits) - 1);
		     !ret && i < 1U << q->l2_bits; i++, off += q->cluster_size) {
			ret = qcow2_entry(q, l2, i, &e, &bm);
			if (!ret && (e || bm)) {
				ret = qcow2_set_entry(q, l2, i, 0, 0);
				ret = ret ?: qcow2_free_entry(q, e);
			}
		}
	}
	return ret;
}

static int drop_tables(struct qcow2 *q, u64 keep)
{
	int ret = 0;

	for (u64 i = keep; !ret && i < q->l1_size; i++) {
		u64 e;

		ret = qcow2_get_u64(q, q->l1, q->l1_off + i * 8, &e);
		if (ret || !(e & L1_OFFSET_MASK))
			continue;
		ret = qcow2_put_u64(q, q->l1, q->l1_off + i * 8, 0);
		ret = ret ?: qcow2_free_later(q, e & L1_OFFSET_MASK, q->cluster_size);
	}
	return ret;
}

/* After shrinking: the last cluster in use decides the length of the file. */
static int cut_file(struct qcow2 *q)
{
	u64 c = DIV_ROUND_UP(blk_length(q->n->file), q->cluster_size), ref = 0;
	int ret = 0;

	while (c > 0 && !ret) {
		ret = qcow2_get_refcount(q, c - 1, &ref);
		if (ret || ref)
			break;
		c--;
	}
	if (!ret && c << q->cluster_bits < blk_length(q->n->file))
		ret = blk_node_truncate(q->n->file, c << q->cluster_bits, false, 0, NULL);
	return ret;
}

static int shrink(struct qcow2 *q, u64 size, struct err *e)
{
	u32 bits = q->l2_bits + q->cluster_bits;
	int ret;

	/* The smaller size first: a crash after it leaves only unused entries. */
	ret = drop_tail(q, size, q->size);
	ret = ret ?: drop_tables(q, DIV_ROUND_UP(size, 1ULL << bits));
	ret = ret ?: qcow2_sync(q);
	ret = ret ?: write_size(q, size);
	ret = ret ?: cut_file(q);
	return ret ? err_errno(e, -ret, "Failed to shrink the image") : 0;
}

static int grow(struct qcow2 *q, u64 size, int prealloc, struct err *e)
{
	u32 bits = q->l2_bits + q->cluster_bits;
	u64 old = q->size;
	int ret = qcow2_grow_l1(q, DIV_ROUND_UP(size, 1ULL << bits), e);

	if (!ret && q->has_data_file && size > blk_length(q->data))
		ret = blk_node_truncate(q->data, size, false, prealloc == BLK_PREALLOC_METADATA ? 0 : prealloc, e);
	if (!ret && prealloc) {
		pthread_mutex_unlock(&q->lock);
		ret = qcow2_preallocate(q, old, size, prealloc, e);
		pthread_mutex_lock(&q->lock);
	}
	ret = ret ?: qcow2_sync(q);
	return ret ?: write_size(q, size);
}

/* The part of the last cluster behind the old end may hold old bytes. */
static int zero_old_tail(struct blk_node *n, u64 old, u64 size)
{
	struct qcow2 *q = n->priv;
	u64 end = MIN(ALIGN_UP(old, (u64)q->cluster_size), size);

	if (end <= old)
		return 0;
	return blk_node_zero(n, old, end - old, 0);
}

/* Behind the L2 tables of the disk, as QEMU has it. */
u64 qcow2_vmstate_base(struct blk_node *n)
{
	struct qcow2 *q = n->priv;
	u32 bits = q->l2_bits + q->cluster_bits;

	return DIV_ROUND_UP(q->size, 1ULL << bits) << bits;
}

int qcow2_vmstate_reserve(struct blk_node *n, u64 end, struct err *e)
{
	struct qcow2 *q = n->priv;
	int ret;

	if (q->has_data_file)
		return -ENOTSUP;
	pthread_mutex_lock(&q->lock);
	ret = qcow2_grow_l1(q, DIV_ROUND_UP(end, 1ULL << (q->l2_bits + q->cluster_bits)), e);
	pthread_mutex_unlock(&q->lock);
	return ret;
}

/* Of the active image: where it stands may become disk. Snapshots keep theirs. */
static int drop_vmstate(struct qcow2 *q)
{
	u32 bits = q->l2_bits + q->cluster_bits;
	u64 first = DIV_ROUND_UP(q->size, 1ULL << bits);
	int ret;

	if (q->l1_size <= first)
		return 0;
	ret = drop_tail(q, first << bits, (u64)q->l1_size << bits);
	return ret ?: drop_tables(q, first);
}

int qcow2_truncate(struct blk_node *n, u64 size, bool exact, int prealloc, struct err *e)
{
	struct qcow2 *q = n->priv;
	u64 old = q->size;
	int ret;

	if (size % 512)
		return err_set(e, EINVAL, "The new size must be a multiple of 512");
	if (size == old)
		return 0;
	if (q->nb_snapshots && q->version < 3)
		return err_set(e, ENOTSUP, "Can't resize a v2 image which has snapshots");
	if (q->nb_bitmaps)
		return err_set(e, ENOTSUP, "Cannot resize an image that has persistent bitmaps");
	if (size < old && prealloc)
		return err_set(e, ENOTSUP, "Preallocation can't be used for shrinking an image");
	pthread_mutex_lock(&q->lock);
	ret = drop_vmstate(q);
	ret = ret ?: size < old ? shrink(q, size, e) : grow(q, size, prealloc, e);
	if (!ret)
		q->size = size;
	pthread_mutex_unlock(&q->lock);
	if (ret)
		return ret;
	if (size < old && q->data_raw)
		blk_node_truncate(q->data, size, false, 0, NULL);
	blk_set_length(n, size);
	if (size > old)
		ret = zero_old_tail(n, old, size);
	return ret;
}

int qcow2_make_empty(struct blk_node *n, struct err *e)
{
	struct qcow2 *q = n->priv;
	u64 off = 0;
	int ret;

	pthread_mutex_lock(&q->lock);
	ret = drop_vmstate(q);
	ret = ret ?: drop_tail(q, off, q->size);
	if (!ret && !q->nb_snapshots)
		ret = drop_tables(q, 0);
	ret = ret ?: qcow2_sync(q);
	if (!ret && !q->nb_snapshots)
		ret = cut_file(q);
	pthread_mutex_unlock(&q->lock);
	blk_units_forget(n, 0, q->size);
	return ret ? err_errno(e, -ret, "Could not empty the image") : 0;
}
