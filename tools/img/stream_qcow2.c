// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * qcow2 front to back: header, refcount table and blocks, L1, L2 tables of
 * the parts that hold data, data. All refcounts are 1 and all offsets follow
 * from the count of used clusters, so nothing is ever gone back to. The
 * header is made by the format's own code; what cannot be laid out in this
 * order (16-bit refcounts and plain clusters can) is refused.
 */
#include <errno.h>
#include <string.h>
#include "block/mem.h"
#include "bytes.h"
#include "mem.h"
#include "stream.h"

#define COPIED (1ULL << 63)

/* Offsets of header fields (qcow2.txt). */
enum { H_VERSION = 4, H_BACKING = 8, H_BITS = 20, H_CRYPT = 32, H_L1_SIZE = 36, H_L1 = 40, H_REFTABLE = 48,
       H_REFTABLE_CLUSTERS = 56, H_SNAPSHOTS = 60, H_INCOMPATIBLE = 72, H_REFCOUNT_ORDER = 96 };

struct layout {
	u32 bits;
	u64 cluster;
	u8 *used;			/* a bit a cluster of the disk */
	u64 n_clusters, n_used;
	u64 l1_entries, n_l2;
	u64 reftable_clusters, refblocks, l1_clusters;
	u64 l1_off, l2_off, data_off, total;	/* total: clusters of the file */
};

static bool used(const struct layout *l, u64 i)
{
	return l->used[i / 8] >> (i % 8) & 1;
}

static u64 l2_entries(const struct layout *l)
{
	return l->cluster / 8;
}

static bool l2_needed(const struct layout *l, u64 i)
{
	u64 n = l2_entries(l), end = MIN((i + 1) * n, l->n_clusters);

	for (u64 k = i * n; k < end; k += k % 8 || end - k < 8 || l->used[k / 8] ? 1 : 8)
		if (used(l, k))
			return true;
	return false;
}

/* Refcount blocks describe themselves too: repeat until their number is enough. */
static void count_refblocks(struct layout *l)
{
	u64 per = l->cluster / 2;

	l->refblocks = l->reftable_clusters = 1;
	for (int i = 0; i < 64; i++) {
		u64 blocks, tables;

		l->total = 1 + l->reftable_clusters + l->refblocks + l->l1_clusters + l->n_l2 + l->n_used;
		blocks = DIV_ROUND_UP(l->total, per);
		tables = DIV_ROUND_UP(blocks * 8, l->cluster);
		if (blocks == l->refblocks && tables == l->reftable_clusters)
			return;
		l->refblocks = MAX(blocks, l->refblocks);
		l->reftable_clusters = MAX(tables, l->reftable_clusters);
	}
}

static int plan(struct img_stream *s, const u8 *h, struct layout *l, struct err *e)
{
	bool v3 = get_be32(h + H_VERSION) >= 3;

	l->bits = get_be32(h + H_BITS);
	l->cluster = 1ULL << l->bits;
	if (get_be64(h + H_BACKING) || get_be32(h + H_CRYPT) || get_be32(h + H_SNAPSHOTS) ||
	    (v3 && (get_be64(h + H_INCOMPATIBLE) || get_be32(h + H_REFCOUNT_ORDER) != 4)))
		return err_set(e, ENOTSUP, "a qcow2 stream has no backing file, encryption, data file, extended L2 "
			       "or compression type, and 16-bit refcounts");
	l->used = img_stream_used(s, l->cluster, &l->n_clusters, &l->n_used, e);
	if (!l->used)
		return -ENOMEM;
	l->l1_entries = get_be32(h + H_L1_SIZE);
	if (l->l1_entries < DIV_ROUND_UP(l->n_clusters, l2_entries(l)))
		return err_set(e, EIO, "unexpected size of the L1 table");
	for (u64 i = 0; i * l2_entries(l) < l->n_clusters; i++)
		l->n_l2 += l2_needed(l, i);
	l->l1_clusters = MAX(DIV_ROUND_UP(l->l1_entries * 8, l->cluster), 1ULL);
	count_refblocks(l);
	l->l1_off = (1 + l->reftable_clusters + l->refblocks) * l->cluster;
	l->l2_off = l->l1_off + l->l1_clusters * l->cluster;
	l->data_off = l->l2_off + l->n_l2 * l->cluster;
	return 0;
}

static int put_header(struct img_stream *s, u8 *h, const struct layout *l, struct err *e)
{
	put_be64(h + H_L1, l->l1_off);
	put_be64(h + H_REFTABLE, l->cluster);
	put_be32(h + H_REFTABLE_CLUSTERS, (u32)l->reftable_clusters);
	return img_stream_write(s, h, l->cluster, e);
}

static int put_refcounts(struct img_stream *s, u8 *b, const struct layout *l, struct err *e)
{
	u64 first = (1 + l->reftable_clusters) * l->cluster, per = l->cluster / 2;
	int ret = 0;

	for (u64 t = 0; !ret && t < l->reftable_clusters; t++) {
		memset(b, 0, l->cluster);
		for (u64 k = 0, i = t * l->cluster / 8; k < l->cluster / 8 && i < l->refblocks; k++, i++)
			put_be64(b + k * 8, first + i * l->cluster);
		ret = img_stream_write(s, b, l->cluster, e);
	}
	for (u64 t = 0; !ret && t < l->refblocks; t++) {
		memset(b, 0, l->cluster);
		for (u64 k = 0; k < per && t * per + k < l->total; k++)
			put_be16(b + k * 2, 1);
		ret = img_stream_write(s, b, l->cluster, e);
	}
	return ret;
}

static int put_l1(struct img_stream *s, u8 *b, const struct layout *l, struct err *e)
{
	u64 at = l->l2_off;
	int ret = 0;

	for (u64 t = 0; !ret && t < l->l1_clusters; t++) {
		memset(b, 0, l->cluster);
		for (u64 k = 0, i = t * l->cluster / 8; k < l->cluster / 8 && i * l2_entries(l) < l->n_clusters; k++, i++) {
			if (!l2_needed(l, i))
				continue;
			put_be64(b + k * 8, at | COPIED);
			at += l->cluster;
		}
		ret = img_stream_write(s, b, l->cluster, e);
	}
	return ret;
}

static int put_l2(struct img_stream *s, u8 *b, const struct layout *l, struct err *e)
{
	u64 at = l->data_off, n = l2_entries(l);
	int ret = 0;

	for (u64 i = 0; !ret && i * n < l->n_clusters; i++) {
		if (!l2_needed(l, i))
			continue;
		memset(b, 0, l->cluster);
		for (u64 k = 0; k < n && i * n + k < l->n_clusters; k++) {
			if (!used(l, i * n + k))
				continue;
			put_be64(b + k * 8, at | COPIED);
			at += l->cluster;
		}
		ret = img_stream_write(s, b, l->cluster, e);
	}
	return ret;
}

static int put_data(struct img_stream *s, const struct layout *l, struct err *e)
{
	int ret = 0;

	for (u64 i = 0; !ret && i < l->n_clusters; i++) {
		u64 end = i;

		while (end < l->n_clusters && used(l, end))
			end++;
		if (end > i)
			ret = img_stream_data(s, i * l->cluster, (end - i) * l->cluster, e);
		i = end;
	}
	return ret;
}

static int stream_qcow2(struct img_stream *s, struct err *e)
{
	struct layout l = { 0 };
	u8 head[104], *b = NULL;
	u64 disk;
	int ret = img_stream_model(s, "qcow2", &disk, e);

	if (ret)
		return ret;
	blk_mem_read(s->model, 0, head, sizeof(head));
	ret = plan(s, head, &l, e);
	if (!ret) {
		b = mem_alloc(l.cluster);
		ret = b ? 0 : err_set(e, ENOMEM, "Out of memory");
	}
	if (!ret) {
		blk_mem_read(s->model, 0, b, l.cluster);
		ret = put_header(s, b, &l, e);
	}
	ret = ret ?: put_refcounts(s, b, &l, e);
	ret = ret ?: put_l1(s, b, &l, e);
	ret = ret ?: put_l2(s, b, &l, e);
	ret = ret ?: put_data(s, &l, e);
	mem_free(b);
	mem_free(l.used);
	return ret;
}

const struct img_stream_format img_stream_qcow2 = { "qcow2", stream_qcow2 };
