/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest offset to host offset: L1 and L2 tables, subclusters, and all that
 * changes an entry. A unit is a subcluster, or the cluster without them.
 */
#include <string.h>
#include "qcow2.h"

static u32 l2_entries(const struct qcow2 *q)
{
	return 1U << q->l2_bits;
}

static u32 l2_index(const struct qcow2 *q, u64 off)
{
	return (u32)(off >> q->cluster_bits) & (l2_entries(q) - 1);
}

static u32 subs(const struct qcow2 *q)
{
	return q_extl2(q) ? 32 : 1;
}

/* ---- entries ---- */

int qcow2_entry(struct qcow2 *q, u64 l2_off, u32 idx, u64 *e, u64 *bitmap)
{
	u64 at = l2_off + (u64)idx * q->entry_size;
	int ret = qcow2_get_u64(q, q->l2, at, e);

	if (!ret && bitmap) {
		*bitmap = 0;
		if (q_extl2(q))
			ret = qcow2_get_u64(q, q->l2, at + 8, bitmap);
	}
	return ret;
}

int qcow2_set_entry(struct qcow2 *q, u64 l2_off, u32 idx, u64 e, u64 bitmap)
{
	u64 at = l2_off + (u64)idx * q->entry_size;
	int ret = qcow2_put_u64(q, q->l2, at, e);

	if (!ret && q_extl2(q))
		ret = qcow2_put_u64(q, q->l2, at + 8, bitmap);
	return ret;
}

static u32 csize_shift(const struct qcow2 *q)
{
	return 62 - (q->cluster_bits - 8);
}

void qcow2_entry_space(const struct qcow2 *q, u64 e, u64 *off, u64 *len)
{
	*len = 0;
	if (e & OFLAG_COMPRESSED) {
		*off = e & ((1ULL << csize_shift(q)) - 1) & ~511ULL;
		*len = (((e >> csize_shift(q)) & ((1ULL << (q->cluster_bits - 8)) - 1)) + 1) * 512;
	} else if (e & L2_OFFSET_MASK) {
		*off = e & L2_OFFSET_MASK;
		*len = q->cluster_size;
	}
}

int qcow2_free_entry(struct qcow2 *q, u64 e)
{
	u64 off = 0, len;

	qcow2_entry_space(q, e, &off, &len);
	if (q->has_data_file) {
		if (len && !q->data_raw && q->n->flags & BLK_O_UNMAP)
			blk_node_discard(q->data, off, len);
		return 0;
	}
	return len ? qcow2_free_later(q, off, len) : 0;
}

/* What unit @sub of an entry is. */
static int classify(struct qcow2 *q, u64 e, u64 bm, u32 sub, enum blk_kind *kind, u32 *flags,
		    u64 *host)
{
	u64 base = e & L2_OFFSET_MASK;
	bool present = base || (q->has_data_file && e & OFLAG_COPIED);

	*flags = 0;
	*host = base + (u64)sub * q->sub_size;
	if (e & OFLAG_COMPRESSED) {
		*kind = BLK_COMPRESSED;
		return 0;
	}
	if (q_in_cluster(q, base))
		return qcow2_corrupt(q, true, base, "Cluster allocation offset %#llx unaligned", base);
	if (q_extl2(q)) {
		bool al = bm >> sub & 1, zero = bm >> (32 + sub) & 1;

		if (al && zero)
			return qcow2_corrupt(q, true, base, "Invalid cluster entry found (L2 bitmap %#llx)", bm);
		*kind = zero ? BLK_ZERO : al ? BLK_DATA : BLK_HOLE;
		if (al && !present)
			return qcow2_corrupt(q, true, base, "Invalid cluster entry found (no host cluster)");
	} else {
		*kind = q->version >= 3 && e & OFLAG_ZERO ? BLK_ZERO : present ? BLK_DATA : BLK_HOLE;
	}
	if (present && *kind == BLK_ZERO)
		*flags |= BLK_X_OFFSET;
	if (*kind == BLK_DATA) {
		*flags |= e & OFLAG_COPIED ? BLK_X_IN_PLACE | BLK_X_RECURSE : BLK_X_RECURSE;
		if (q->crypto)
			*flags = (*flags & ~(u32)BLK_X_RECURSE) | BLK_X_ENCRYPTED;
	}
	return 0;
}

/* ---- map ---- */

static int l1_entry(struct qcow2 *q, u64 idx, u64 *e)
{
	int ret;

	*e = 0;
	if (idx >= q->l1_size)
		return 0;
	ret = qcow2_get_u64(q, q->l1, q->l1_off + idx * 8, e);
	if (!ret && q_in_cluster(q, *e & L1_OFFSET_MASK))
		return qcow2_corrupt(q, true, *e & L1_OFFSET_MASK, "L2 table offset %#llx unaligned (L1 index: %#llx)",
				     *e & L1_OFFSET_MASK, idx);
	return ret;
}

static int map_no_l2(struct qcow2 *q, u64 off, u64 len, struct blk_extent *x)
{
	u32 bits = q->l2_bits + q->cluster_bits;
	u64 idx = off >> bits, e = 0;
	int ret = 0;

	x->kind = BLK_HOLE;
	x->off = off;
	/* Neighbours without tables, as far as one slice of the L1 table goes. */
	for (u32 i = 0; i < q->slice / 8; i++) {
		idx++;
		if ((idx << bits) - off >= len)
			break;
		ret = l1_entry(q, idx, &e);
		if (ret || e & L1_OFFSET_MASK)
			break;
	}
	x->len = (idx << bits) - off;
	return 0;
}

static int map_entries(struct qcow2 *q, u64 l2_off, u64 off, u64 len, struct blk_extent *x)
{
	u32 idx = l2_index(q, off), per = q->slice / q->entry_size, ns = subs(q);
	u64 at = l2_off + (u64)(idx & ~(per - 1)) * q->entry_size;
	u64 start = off & ~(u64)(q->sub_size - 1), end;
	u32 unit = (idx & (per - 1)) * ns + (u32)(q_in_cluster(q, off) / q->sub_size), u;
	enum blk_kind kind;
	u32 flags;
	u64 host, e = 0;
	void *p;
	int ret = blk_mcache_get(q->l2, at, true, &p);

	if (ret)
		return ret;
	for (u = unit, end = start; u < per * ns; u++, end += q->sub_size) {
		const u8 *ep = (u8 *)p + (u64)(u / ns) * q->entry_size;

		if (u > unit && end >= off + len)
			break;
		e = get_be64(ep);
		ret = classify(q, e, ns > 1 ? get_be64(ep + 8) : 0, u % ns, &kind, &flags, &host);
		if (ret)
			break;
		if (u == unit) {
			x->kind = kind;
			x->flags = flags;
			x->host = host;
			if (kind == BLK_COMPRESSED)
				break;
			continue;
		}
		if (kind != x->kind || flags != x->flags)
			break;
		if ((kind == BLK_DATA || flags & BLK_X_OFFSET) && host != x->host + (end - start))
			break;
	}
	blk_mcache_put(q->l2, p);
	if (ret && u > unit)
		ret = 0;	/* damage further on is told when it is reached */
	if (ret)
		return ret;
	x->off = start;
	x->len = end - start;
	x->node = q->data;
	if (x->kind == BLK_COMPRESSED) {
		u64 so, sl, co = e & ((1ULL << csize_shift(q)) - 1);

		qcow2_entry_space(q, e, &so, &sl);
		x->off = x->unit_off = off & ~(u64)(q->cluster_size - 1);
		x->len = x->unit_len = q->cluster_size;
		x->node = q->n->file;
		x->host = co;
		x->clen = (u32)(sl - (co & 511));
		x->codec = q->compression_type ? BLK_CODEC_ZSTD : BLK_CODEC_DEFLATE;
	}
	return 0;
}

int qcow2_map(struct blk_node *n, u64 off, u64 len, struct blk_extent *x)
{
	struct qcow2 *q = n->priv;
	u64 e;
	int ret;

	pthread_mutex_lock(&q->lock);
	ret = l1_entry(q, off >> (q->l2_bits + q->cluster_bits), &e);
	if (!ret && !(e & L1_OFFSET_MASK))
		ret = map_no_l2(q, off, len, x);
	else if (!ret)
		ret = map_entries(q, e & L1_OFFSET_MASK, off, len, x);
	pthread_mutex_unlock(&q->lock);
	return ret;
}

/* ---- tables for writing ---- */

static int copy_table(struct qcow2 *q, u64 from, u64 to)
{
	for (u32 o = 0; o < q->cluster_size; o += q->slice) {
		void *d, *s;
		int ret = blk_mcache_get(q->l2, to + o, false, &d);

		if (ret)
			return ret;
		if (from) {
			ret = blk_mcache_get(q->l2, from + o, true, &s);
			if (!ret) {
				memcpy(d, s, q->slice);
				blk_mcache_put(q->l2, s);
			}
		}
		blk_mcache_dirty(q->l2, d);
		blk_mcache_put(q->l2, d);
		if (ret)
			return ret;
	}
	return 0;
}

int qcow2_l2_for_write(struct qcow2 *q, u64 off, u64 *l2_off)
{
	u64 idx = off >> (q->l2_bits + q->cluster_bits), e, at, got;
	int ret;

	if (idx >= q->l1_size)
		return -EIO;
	ret = l1_entry(q, idx, &e);
	if (ret)
		return ret;
	*l2_off = e & L1_OFFSET_MASK;
	if (*l2_off && e & OFLAG_COPIED)
		return 0;
	ret = qcow2_alloc_clusters(q, 1, &at, &got);
	/* Lazy are the refcounts of data; a table without one would be harder to repair. */
	if (!ret && q->lazy)
		ret = blk_mcache_write(q->ref) ?: blk_mcache_write(q->rt);
	if (ret)
		return ret;
	ret = copy_table(q, *l2_off, at);
	ret = ret ?: qcow2_put_u64(q, q->l1, q->l1_off + idx * 8, at | OFLAG_COPIED);
	if (ret) {
		qcow2_free_now(q, at, q->cluster_size);
		return ret;
	}
	if (*l2_off)
		ret = qcow2_free_later(q, *l2_off, q->cluster_size);
	*l2_off = at;
	return ret;
}

/* Marks the image dirty before the first change of a lazily refcounted one. */
static int before_change(struct qcow2 *q)
{
	if (q->lazy && !q->dirty_set) {
		int ret = qcow2_set_incompat(q, INCOMPAT_DIRTY, 0);

		if (ret)
			return ret;
		q->dirty_set = true;
	}
	if (q->autoclear & AUTOCLEAR_BITMAPS && q->nb_bitmaps && q->n->flags & BLK_O_RDWR)
		return 0;
	return 0;
}

/* ---- writing: alloc, commit, abort ---- */

/* priv[]: table, first index, clusters that are new, bitmap to set (extended L2 only) */
enum { P_L2, P_IDX, P_NEW, P_COUNT };

static bool entry_in_place(const struct qcow2 *q, u64 e)
{
	return !(e & OFLAG_COMPRESSED) && e & OFLAG_COPIED &&
	       (e & L2_OFFSET_MASK || q->has_data_file);
}

/* Host space that an entry has and may keep; a run of @max such entries. */
static int reuse(struct qcow2 *q, u64 l2, u32 idx, u32 max, u64 first, struct blk_alloc *a)
{
	u32 k;

	for (k = 1; k < max; k++) {
		u64 e, bm;
		int ret = qcow2_entry(q, l2, idx + k, &e, &bm);
		enum blk_kind kind;
		u32 flags;
		u64 host;

		if (ret)
			return ret;
		if (!entry_in_place(q, e) || (e & L2_OFFSET_MASK) != first + (u64)k * q->cluster_size)
			break;
		if (classify(q, e, bm, 0, &kind, &flags, &host) || kind == BLK_DATA)
			break;
	}
	a->host = first;
	a->len = (u64)k << q->cluster_bits;
	a->priv[P_COUNT] = k;
	return 0;
}

static u32 count_wanted(struct qcow2 *q, u64 l2, u32 idx, u32 max, int *ret)
{
	u32 k;

	*ret = 0;
	for (k = 1; k < max; k++) {
		u64 e;

		*ret = qcow2_entry(q, l2, idx + k, &e, NULL);
		if (*ret || entry_in_place(q, e))
			break;
	}
	return k;
}

static int new_space(struct qcow2 *q, u64 l2, u32 idx, u32 max, u64 start, struct blk_alloc *a)
{
	u64 got, flen = blk_length(q->data);
	int ret;
	u32 want = count_wanted(q, l2, idx, max, &ret);

	if (ret)
		return ret;
	if (q->has_data_file) {		/* guest offset is host offset */
		a->host = start;
		got = want;
	} else {
		ret = qcow2_alloc_clusters(q, want, &a->host, &got);
		if (ret)
			return ret;
	}
	a->zeroed = a->host >= flen;
	a->len = got << q->cluster_bits;
	a->priv[P_NEW] = 1;
	a->priv[P_COUNT] = got;
	return 0;
}

/* With subclusters only those that the request touches are written. */
static void narrow(struct qcow2 *q, struct blk_alloc *a, u64 off, u64 len)
{
	u64 end = MIN(a->off + a->len, off + len), from = off & ~(u64)(q->sub_size - 1);
	u64 to = ALIGN_UP(end, q->sub_size);

	a->host += from - a->off;
	a->len = to - from;
	a->off = from;
}

static int alloc_locked(struct qcow2 *q, u64 off, u64 len, struct blk_alloc *a)
{
	u64 start = off & ~(u64)(q->cluster_size - 1), l2, e, bm;
	u32 idx = l2_index(q, off), max;
	int ret = before_change(q);

	ret = ret ?: qcow2_l2_for_write(q, off, &l2);
	if (ret)
		return ret;
	max = (u32)MIN(DIV_ROUND_UP(off + len - start, q->cluster_size), (u64)(l2_entries(q) - idx));
	ret = qcow2_entry(q, l2, idx, &e, &bm);
	if (ret)
		return ret;
	a->off = start;
	a->node = q->data;
	a->fresh = true;
	a->flags = q->crypto ? BLK_X_ENCRYPTED : 0;
	a->priv[P_L2] = l2;
	a->priv[P_IDX] = idx;
	a->priv[P_NEW] = 0;
	if (entry_in_place(q, e))
		ret = reuse(q, l2, idx, q_extl2(q) ? 1 : max, e & L2_OFFSET_MASK, a);
	else
		ret = new_space(q, l2, idx, q_extl2(q) ? 1 : max, start, a);
	if (!ret && q_extl2(q) && !(e & OFLAG_COMPRESSED) &&
	    (!a->priv[P_NEW] || !(e & L2_OFFSET_MASK)))
		narrow(q, a, off, len);
	return ret;
}

int qcow2_alloc(struct blk_node *n, u64 off, u64 len, struct blk_alloc *a)
{
	struct qcow2 *q = n->priv;
	int ret;

	pthread_mutex_lock(&q->lock);
	ret = alloc_locked(q, off, len, a);
	pthread_mutex_unlock(&q->lock);
	return ret;
}

static u64 sub_mask(const struct qcow2 *q, const struct blk_alloc *a)
{
	u32 first = (u32)(q_in_cluster(q, a->off) / q->sub_size);
	u32 n = (u32)(a->len / q->sub_size);

	return n >= 32 ? 0xffffffffULL : ((1ULL << n) - 1) << first;
}

static int commit_one(struct qcow2 *q, const struct blk_alloc *a, u32 k)
{
	u64 old, bm, host, m;
	u32 idx = (u32)a->priv[P_IDX] + k;
	int ret = qcow2_entry(q, a->priv[P_L2], idx, &old, &bm);

	if (ret)
		return ret;
	host = (a->host & ~(u64)(q->cluster_size - 1)) + ((u64)k << q->cluster_bits);
	if (q_extl2(q)) {
		m = sub_mask(q, a);
		if (old & OFLAG_COMPRESSED)
			bm = 0;
		bm = (bm | m) & ~(m << 32);
	}
	ret = qcow2_set_entry(q, a->priv[P_L2], idx, host | OFLAG_COPIED, bm);
	if (!ret && a->priv[P_NEW])
		ret = qcow2_free_entry(q, old);
	return ret;
}

int qcow2_commit(struct blk_node *n, struct blk_alloc *a)
{
	struct qcow2 *q = n->priv;
	int ret = 0;

	pthread_mutex_lock(&q->lock);
	if (a->cow)
		blk_mcache_flush_first(q->l2);
	for (u32 k = 0; !ret && k < a->priv[P_COUNT]; k++)
		ret = commit_one(q, a, k);
	pthread_mutex_unlock(&q->lock);
	return ret;
}

void qcow2_abort(struct blk_node *n, struct blk_alloc *a)
{
	struct qcow2 *q = n->priv;

	if (!a->priv[P_NEW] || q->has_data_file)
		return;
	pthread_mutex_lock(&q->lock);
	qcow2_free_now(q, a->host & ~(u64)(q->cluster_size - 1), a->priv[P_COUNT] << q->cluster_bits);
	pthread_mutex_unlock(&q->lock);
}

/* ---- compressed ---- */

int qcow2_compressed(struct blk_node *n, u64 off, u32 len, const void *cbuf, u32 clen)
{
	struct qcow2 *q = n->priv;
	u64 at = 0, l2, old, e;
	int ret;

	if (q->has_data_file || q->crypto)
		return -ENOTSUP;
	pthread_mutex_lock(&q->lock);
	ret = before_change(q);
	ret = ret ?: qcow2_l2_for_write(q, off, &l2);
	ret = ret ?: qcow2_alloc_bytes(q, clen, &at);
	pthread_mutex_unlock(&q->lock);
	if (ret)
		return ret;
	ret = blk_node_pwrite(n->file, at, cbuf, clen);
	pthread_mutex_lock(&q->lock);
	if (ret) {
		qcow2_free_now(q, at & ~511ULL, ALIGN_UP(at + clen, 512) - (at & ~511ULL));
		goto out;
	}
	ret = qcow2_l2_for_write(q, off, &l2);
	ret = ret ?: qcow2_entry(q, l2, l2_index(q, off), &old, NULL);
	if (ret)
		goto out;
	e = at | OFLAG_COMPRESSED |
	    (((at + clen - 1) / 512 - at / 512) << csize_shift(q));
	ret = qcow2_set_entry(q, l2, l2_index(q, off), e, 0);
	ret = ret ?: qcow2_free_entry(q, old);
out:
	pthread_mutex_unlock(&q->lock);
	return ret;
}

/* ---- zeros and discards ---- */

/* The entry that makes cluster @e read as zeros; *drop: its space goes. */
static void zero_entry(const struct qcow2 *q, u64 e, bool unmap, u64 *ne, u64 *nbm, bool *drop)
{
	*drop = e & OFLAG_COMPRESSED || (unmap && e & L2_OFFSET_MASK);
	*ne = *drop ? 0 : e & ~OFLAG_ZERO;
	*nbm = 0;
	if (q_extl2(q))
		*nbm = 0xffffffffULL << 32;
	else
		*ne |= OFLAG_ZERO;
	if (q->has_data_file && !(e & OFLAG_COMPRESSED) && !*drop)
		*ne |= e & OFLAG_COPIED;
}

/* Some subclusters of an entry; one that is compressed cannot have such. */
static int zero_subs(const struct qcow2 *q, u64 e, u64 bm, u32 from, u32 to, u64 *nbm)
{
	u64 range = ((1ULL << to) - 1) & ~((1ULL << from) - 1);

	if (e & OFLAG_COMPRESSED)
		return -ENOTSUP;
	*nbm = (bm | range << 32) & ~range;
	return 0;
}

static int zero_one_table(struct qcow2 *q, u64 *off, u64 end, bool unmap)
{
	u64 l2;
	int ret = qcow2_l2_for_write(q, *off, &l2);

	for (u32 idx = l2_index(q, *off); !ret && idx < l2_entries(q) && *off < end; idx++) {
		u64 e, bm, ne, nbm, at = q_in_cluster(q, *off), m = MIN(q->cluster_size - at, end - *off);
		bool drop = false;

		ret = qcow2_entry(q, l2, idx, &e, &bm);
		if (ret)
			break;
		ne = e;
		if (m == q->cluster_size)
			zero_entry(q, e, unmap, &ne, &nbm, &drop);
		else
			ret = zero_subs(q, e, bm, (u32)(at / q->sub_size), (u32)((at + m) / q->sub_size), &nbm);
		if (!ret && (ne != e || nbm != bm))
			ret = qcow2_set_entry(q, l2, idx, ne, nbm);
		if (!ret && drop)
			ret = qcow2_free_entry(q, e);
		*off += m;
	}
	return ret;
}

int qcow2_zero(struct blk_node *n, u64 off, u64 len, u32 flags)
{
	struct qcow2 *q = n->priv;
	u64 end = off + len;
	int ret = 0;

	if (q->version < 3)
		return n->backing ? -ENOTSUP : qcow2_discard(n, off, len);
	if (q->data_raw) {
		ret = blk_node_zero(q->data, off, len, flags);
		if (ret)
			return ret;
	}
	pthread_mutex_lock(&q->lock);
	ret = before_change(q);
	if (end >= q->size)	/* behind the disk's end there is nothing to keep */
		end = ALIGN_UP(end, q->sub_size);
	while (!ret && off < end)
		ret = zero_one_table(q, &off, end, flags & BLK_MAY_UNMAP && !q->data_raw);
	pthread_mutex_unlock(&q->lock);
	return ret;
}

static void discard_entry(struct qcow2 *q, u64 e, u64 bm, u64 *ne, u64 *nbm)
{
	bool held = e & (L2_OFFSET_MASK | OFLAG_COMPRESSED) || (q->has_data_file && e & OFLAG_COPIED);

	*ne = e;
	*nbm = bm;
	if (!held && !q->n->backing)
		return;
	*nbm = q_extl2(q) ? 0xffffffffULL << 32 : 0;
	*ne = q->version >= 3 && !q_extl2(q) ? OFLAG_ZERO : 0;
}

static int discard_one_table(struct qcow2 *q, u64 *off, u64 end)
{
	u32 bits = q->l2_bits + q->cluster_bits;
	u64 e, l2;
	int ret = l1_entry(q, *off >> bits, &e);

	if (ret)
		return ret;
	if (!(e & L1_OFFSET_MASK) && !q->n->backing) {
		*off = MIN(end, ((*off >> bits) + 1) << bits);
		return 0;
	}
	ret = qcow2_l2_for_write(q, *off, &l2);
	for (u32 idx = l2_index(q, *off); !ret && idx < l2_entries(q) && *off < end; idx++) {
		u64 bm, ne, nbm;

		ret = qcow2_entry(q, l2, idx, &e, &bm);
		if (ret)
			break;
		discard_entry(q, e, bm, &ne, &nbm);
		if (ne != e || nbm != bm) {
			ret = qcow2_set_entry(q, l2, idx, ne, nbm);
			ret = ret ?: qcow2_free_entry(q, e);
		}
		*off += q->cluster_size;
	}
	return ret;
}

int qcow2_discard(struct blk_node *n, u64 off, u64 len)
{
	struct qcow2 *q = n->priv;
	u64 end = off + len;
	int ret;

	if (q->version < 3 && n->backing)
		return -ENOTSUP;	/* the backing file would show through */
	pthread_mutex_lock(&q->lock);
	ret = before_change(q);
	while (!ret && off < end)
		ret = discard_one_table(q, &off, end);
	pthread_mutex_unlock(&q->lock);
	if (!ret && q->data_raw)
		ret = blk_node_discard(q->data, end - len, len);
	return ret;
}
