/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow, version 1: two levels of tables, clusters plain or packed (raw
 * deflate), backing files. All big endian. What replaced it is qcow2.
 */
#include <string.h>
#include <time.h>
#include "qcow.h"

#define QCOW_MAGIC	0x514649fbU
#define COMPRESSED	(1ULL << 63)
#define SLICE		512U

struct qcow_header {
	__be32 magic, version;
	__be64 backing_off;
	__be32 backing_size, mtime;
	__be64 size;
	u8 cluster_bits, l2_bits;
	__be16 padding;
	__be32 crypt;
	__be64 l1_off;
} __packed;
_Static_assert(sizeof(struct qcow_header) == 48, "qcow header");

/* ---- tables ---- */

static int access_entry(struct blk_mcache *c, u64 at, u64 *val, bool set)
{
	u64 start = ALIGN_DOWN(at, SLICE);
	void *p;
	int ret = blk_mcache_get(c, start, true, &p);

	if (ret)
		return ret;
	if (set) {
		put_be64((u8 *)p + (at - start), *val);
		blk_mcache_dirty(c, p);
	} else {
		*val = get_be64((u8 *)p + (at - start));
	}
	blk_mcache_put(c, p);
	return 0;
}

static u64 l1_at(const struct qcow *q, u64 cluster)
{
	return q->l1_off + (cluster >> q->l2_bits) * 8;
}

static u64 l2_at(const struct qcow *q, u64 l2, u64 cluster)
{
	return l2 + (cluster & ((1ULL << q->l2_bits) - 1)) * 8;
}

/* A table may not stand in the header, nor where an entry would not be at a multiple of 8. */
static bool table_ok(struct blk_node *n, u64 off)
{
	return off >= sizeof(struct qcow_header) && !(off % 8) && off < blk_length(n->file);
}

static int entry_of(struct blk_node *n, struct qcow *q, u64 cluster, u64 *val)
{
	u64 l2;
	int ret = access_entry(q->l1, l1_at(q, cluster), &l2, false);

	*val = 0;
	if (ret || !l2)
		return ret;
	return table_ok(n, l2) ? access_entry(q->l2, l2_at(q, l2, cluster), val, false) : -EIO;
}

/* ---- where is it ---- */

static int map_compressed(const struct qcow *q, u64 val, struct blk_extent *x)
{
	u32 csize = (u32)(val >> (63 - q->cluster_bits)) & (q->cluster - 1);

	x->kind = BLK_COMPRESSED;
	x->len = q->cluster;
	x->host = val & ((1ULL << (63 - q->cluster_bits)) - 1);
	x->clen = csize;
	x->codec = BLK_CODEC_DEFLATE;
	x->unit_off = x->off;
	x->unit_len = q->cluster;
	return csize ? 0 : -EIO;
}

static int map_locked(struct blk_node *n, struct qcow *q, u64 off, u64 len, struct blk_extent *x)
{
	u64 i = off >> q->cluster_bits, first = i, last = (blk_length(n) - 1) >> q->cluster_bits, val, v;
	int ret = entry_of(n, q, i, &val);

	*x = (struct blk_extent){ .off = first << q->cluster_bits, .node = n->file, .host = val };
	if (ret || val & COMPRESSED)
		return ret ?: map_compressed(q, val, x);
	if (val && (val % 512 || val >= blk_length(n->file)))
		return -EIO;
	for (i++; i <= last && (i << q->cluster_bits) - off < len && i - first < 4096; i++)
		if (entry_of(n, q, i, &v) || v != (val ? val + ((i - first) << q->cluster_bits) : 0))
			break;
	x->kind = val ? BLK_DATA : BLK_HOLE;
	x->flags = val ? BLK_X_IN_PLACE | (q->crypt ? BLK_X_ENCRYPTED : 0) : 0;
	x->len = (i - first) << q->cluster_bits;
	return 0;
}

static int qcow_map(struct blk_node *n, u64 off, u64 len, struct blk_extent *x)
{
	struct qcow *q = n->priv;
	int ret;

	pthread_mutex_lock(&q->lock);
	ret = map_locked(n, q, off, len, x);
	pthread_mutex_unlock(&q->lock);
	return ret;
}

/* ---- allocating ---- */

static int take_space(struct blk_node *n, struct qcow *q, u64 align, u64 bytes, u64 *host)
{
	u64 at = ALIGN_UP(q->end, align);
	int ret;

	/* The field for the place of a packed cluster has so many bits. */
	if (at + bytes >= 1ULL << (63 - q->cluster_bits))
		return -EFBIG;
	ret = blk_node_truncate(n->file, at + bytes, false, 0, NULL);
	if (ret)
		return ret;
	*host = at;
	q->end = at + bytes;
	return 0;
}

/* The L2 table of @cluster, made when there is none: before the cluster, so that clusters are in a row. */
static int need_l2(struct blk_node *n, struct qcow *q, u64 cluster, u64 *l2)
{
	u64 bytes = 8ULL << q->l2_bits;
	int ret = access_entry(q->l1, l1_at(q, cluster), l2, false);

	if (ret || *l2)
		return ret ?: table_ok(n, *l2) ? 0 : -EIO;
	ret = take_space(n, q, q->cluster, ALIGN_UP(bytes, q->cluster), l2);
	if (ret)
		return ret;
	blk_mcache_forget(q->l2, *l2, bytes);
	blk_mcache_flush_first(q->l1);	/* the file's new length */
	return access_entry(q->l1, l1_at(q, cluster), l2, true);
}

static int qcow_alloc(struct blk_node *n, u64 off, u64 len, struct blk_alloc *a)
{
	struct qcow *q = n->priv;
	u64 l2;
	int ret;

	pthread_mutex_lock(&q->lock);
	ret = need_l2(n, q, off >> q->cluster_bits, &l2);
	ret = ret ?: take_space(n, q, q->cluster, q->cluster, &a->host);
	pthread_mutex_unlock(&q->lock);
	a->priv[0] = off >> q->cluster_bits;
	a->off = a->priv[0] << q->cluster_bits;
	a->len = q->cluster;
	a->node = n->file;
	a->flags = q->crypt ? BLK_X_ENCRYPTED : 0;
	a->fresh = a->zeroed = true;
	return ret;
}

/* The caches are in order: data, then L2 tables, then the L1 entries that name them. */
static int set_entry(struct blk_node *n, struct qcow *q, u64 cluster, u64 val)
{
	u64 l2;
	int ret = need_l2(n, q, cluster, &l2);

	blk_mcache_flush_first(q->l2);
	return ret ?: access_entry(q->l2, l2_at(q, l2, cluster), &val, true);
}

static int qcow_commit(struct blk_node *n, struct blk_alloc *a)
{
	struct qcow *q = n->priv;
	int ret;

	pthread_mutex_lock(&q->lock);
	ret = set_entry(n, q, a->priv[0], a->host);
	pthread_mutex_unlock(&q->lock);
	return ret;
}

static void qcow_abort(struct blk_node *n, struct blk_alloc *a)
{
	struct qcow *q = n->priv;

	pthread_mutex_lock(&q->lock);
	if (a->host + q->cluster == q->end && !blk_node_truncate(n->file, a->host, false, 0, NULL))
		q->end = a->host;
	pthread_mutex_unlock(&q->lock);
}

static int qcow_compress(struct blk_node *n, const void *in, u32 len, void *out, u32 *clen)
{
	int ret = blk_pack_in(n->graph, BLK_CODEC_DEFLATE, -1, 12, in, len, out, clen);

	return ret ?: *clen >= len ? -E2BIG : 0;
}

static int qcow_compressed(struct blk_node *n, u64 off, u32 len, const void *cbuf, u32 clen)
{
	struct qcow *q = n->priv;
	u64 host = 0;
	int ret;

	if (!clen || clen >= q->cluster)
		return -EINVAL;
	pthread_mutex_lock(&q->lock);
	ret = take_space(n, q, 1, clen, &host);
	pthread_mutex_unlock(&q->lock);
	ret = ret ?: blk_node_pwrite(n->file, host, cbuf, clen);
	if (ret)
		return ret;
	pthread_mutex_lock(&q->lock);
	ret = set_entry(n, q, off >> q->cluster_bits, COMPRESSED | (u64)clen << (63 - q->cluster_bits) | host);
	pthread_mutex_unlock(&q->lock);
	return ret;
}

/* There are no zero clusters: only what has plain space, or none and nothing below. */
static int qcow_zero(struct blk_node *n, u64 off, u64 len, u32 flags)
{
	struct qcow *q = n->priv;

	while (len) {
		struct blk_extent x;
		int ret = qcow_map(n, off, len, &x);
		u64 m;

		if (ret)
			return ret;
		m = MIN(len, x.off + x.len - off);
		if (x.kind == BLK_COMPRESSED || (x.kind == BLK_HOLE && n->backing) || (x.kind == BLK_DATA && q->crypt))
			return -ENOTSUP;
		if (x.kind == BLK_DATA)
			ret = blk_node_zero(n->file, x.host + (off - x.off), m, flags);
		if (ret)
			return ret;
		off += m;
		len -= m;
	}
	return 0;
}

static int qcow_flush(struct blk_node *n)
{
	struct qcow *q = n->priv;
	int ret;

	pthread_mutex_lock(&q->lock);
	ret = blk_mcache_write(q->l2);
	ret = ret ?: blk_mcache_write(q->l1);
	pthread_mutex_unlock(&q->lock);
	return ret;
}

/* ---- opening ---- */

static int check_header(struct blk_node *n, struct qcow *q, const struct qcow_header *h, struct err *e)
{
	u64 size = be64_to_cpu(h->size), shift;

	if (be32_to_cpu(h->magic) != QCOW_MAGIC)
		return err_set(e, EINVAL, "Image not in qcow format");
	if (be32_to_cpu(h->version) != 1)
		return err_set(e, ENOTSUP, "qcow (v1) does not support qcow version %u", be32_to_cpu(h->version));
	if (size <= 1)
		return err_set(e, EINVAL, "Image size is too small (must be at least 2 bytes)");
	if (h->cluster_bits < 9 || h->cluster_bits > 16)
		return err_set(e, EINVAL, "Cluster size must be between 512 and 64k");
	if (h->l2_bits < 6 || h->l2_bits > 13)
		return err_set(e, EINVAL, "L2 table size must be between 512 and 64k");
	if (be32_to_cpu(h->crypt) > 1)
		return err_set(e, EINVAL, "invalid encryption method in qcow header");
	shift = h->cluster_bits + h->l2_bits;
	q->l1_off = be64_to_cpu(h->l1_off);
	if (size > (u64)INT64_MAX || size >> shift >= (u64)INT32_MAX / 8)
		return err_set(e, EINVAL, "Image too large");
	if (q->l1_off < sizeof(*h) || q->l1_off % 8 || q->l1_off > (u64)INT64_MAX / 2)
		return err_set(e, EINVAL, "Invalid L1 table offset");
	q->cluster_bits = h->cluster_bits;
	q->cluster = 1U << h->cluster_bits;
	q->l2_bits = h->l2_bits;
	q->l1_entries = DIV_ROUND_UP(size, 1ULL << shift);
	n->size = ALIGN_DOWN(size, 512);
	n->encrypted = h->crypt;
	return 0;
}

static int read_backing(struct blk_node *n, const struct qcow_header *h, struct err *e)
{
	u64 off = be64_to_cpu(h->backing_off);
	u32 len = be32_to_cpu(h->backing_size);
	int ret;

	if (!off)
		return 0;
	if (len > 1023)
		return err_set(e, EINVAL, "Backing file name too long");
	if (off > (u64)INT64_MAX / 2)
		return err_set(e, EINVAL, "Invalid offset of the backing file name");
	n->backing_name = calloc(1, len + 1);
	if (!n->backing_name)
		return -ENOMEM;
	ret = blk_node_pread(n->file, off, n->backing_name, len);
	return ret ? err_errno(e, -ret, "Could not read the backing file name") : 0;
}

static int qcow_open(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	struct qcow *q = n->priv;
	struct qcow_header h;
	int ret = blk_node_pread(n->file, 0, &h, sizeof(h));

	if (ret)
		return err_errno(e, -ret, "Could not read the qcow header");
	ret = check_header(n, q, &h, e);
	ret = ret ?: qcow_crypt_open(n, q, o, e);
	ret = ret ?: read_backing(n, &h, e);
	if (ret) {
		qcow_crypt_close(q);
		return ret;
	}
	q->end = blk_length(n->file);
	q->end = MAX(q->end, q->l1_off + q->l1_entries * 8);
	n->lim.cluster = q->cluster;
	n->lim.max_compressed = n->encrypted ? 0 : q->cluster;
	q->l1 = blk_mcache_new(n->file, SLICE, 256);
	q->l2 = blk_mcache_new(n->file, SLICE, 1024);
	if (!q->l1 || !q->l2) {
		blk_mcache_free(q->l1);
		blk_mcache_free(q->l2);
		qcow_crypt_close(q);
		return -ENOMEM;
	}
	blk_mcache_order(q->l1, q->l2);
	pthread_mutex_init(&q->lock, NULL);
	return 0;
}

static void qcow_close(struct blk_node *n)
{
	struct qcow *q = n->priv;

	blk_mcache_free(q->l1);
	blk_mcache_free(q->l2);
	qcow_crypt_close(q);
	pthread_mutex_destroy(&q->lock);
}

static int qcow_probe(const u8 *buf, size_t len, const char *filename)
{
	return len >= sizeof(struct qcow_header) && get_be32(buf) == QCOW_MAGIC && get_be32(buf + 4) == 1 ? 100 : 0;
}

/* Everything is the backing file's again (after a commit). */
static int qcow_make_empty(struct blk_node *n, struct err *e)
{
	struct qcow *q = n->priv;
	u64 end = q->l1_off + q->l1_entries * 8;
	int ret = blk_mcache_empty(q->l2);

	ret = ret ?: blk_mcache_empty(q->l1);
	ret = ret ?: blk_node_zero(n->file, q->l1_off, q->l1_entries * 8, 0);
	ret = ret ?: blk_node_flush(n->file);
	ret = ret ?: blk_node_truncate(n->file, end, false, 0, e);
	if (ret)
		return err_errno(e, -ret, "Could not empty the image");
	blk_mcache_forget(q->l2, 0, (u64)INT64_MAX);
	blk_mcache_forget(q->l1, 0, (u64)INT64_MAX);
	q->end = end;
	return 0;
}

/* ---- creating ---- */

static int write_image(struct blk_node *file, struct qcow_header *h, u64 size, const char *backing, struct err *e)
{
	u64 at = sizeof(*h) + (backing ? strlen(backing) : 0), shift, l1;
	int ret;

	/* With a backing file: no more of it is copied than is written. */
	h->cluster_bits = backing ? 9 : 12;
	h->l2_bits = backing ? 12 : 9;
	shift = h->cluster_bits + h->l2_bits;
	at = ALIGN_UP(at, 8);
	l1 = DIV_ROUND_UP(size, 1ULL << shift) * 8;
	if (l1 > (u64)INT32_MAX)
		return err_set(e, EINVAL, "Image too large");
	h->magic = cpu_to_be32(QCOW_MAGIC);
	h->version = cpu_to_be32(1);
	h->size = cpu_to_be64(size);
	h->l1_off = cpu_to_be64(at);
	if (backing) {
		h->backing_off = cpu_to_be64(sizeof(*h));
		h->backing_size = cpu_to_be32((u32)strlen(backing));
	}
	ret = blk_node_truncate(file, at + ALIGN_UP(l1, 512), false, 0, e);
	if (!ret && backing)
		ret = blk_node_pwrite(file, sizeof(*h), backing, strlen(backing));
	return ret ?: blk_node_pwrite(file, 0, h, sizeof(*h));
}

static int qcow_create(struct blk_graph *g, struct blk_node *file, u64 size, struct blk_opts *o, struct err *e)
{
	struct qcow_header h = { 0 };
	char *backing = blk_opts_take(o, "backing_file");
	bool aes = false;
	int ret;

	blk_opts_del(o, "backing_fmt");		/* the format has no place for it */
	size = ALIGN_UP(size, 512);
	ret = qcow_crypt_create(g, o, &aes, e);
	h.crypt = cpu_to_be32(aes);
	if (!ret && !size)
		ret = err_set(e, EINVAL, "Image size is too small, cannot be zero length");
	if (!ret && backing && strlen(backing) > 1023)
		ret = err_set(e, EINVAL, "Backing file name too long");
	ret = ret ?: write_image(file, &h, size, backing, e);
	free(backing);
	return ret;
}

static const struct blk_optdesc qcow_opts[] = {
	{ "size", BLK_OPT_SIZE, "Virtual disk size", NULL },
	{ "backing_file", BLK_OPT_STRING, "File name of a base image", NULL },
	{ "backing_fmt", BLK_OPT_STRING, "Format of the backing image", NULL },
	{ "encryption", BLK_OPT_BOOL, "Encrypt the image with format 'aes'. (Deprecated in favor of encrypt.format=aes)", NULL },
	{ "encrypt.format", BLK_OPT_STRING, "Encrypt the image, format choices: 'aes'", NULL },
	{ "encrypt.key-secret", BLK_OPT_STRING, "ID of the secret that provides the AES encryption key", NULL },
	{ NULL, 0, NULL, NULL }
};

static const struct blk_driver qcow_driver = {
	.name = "qcow", .flags = BLK_DRV_GROWS | BLK_DRV_BACKING, .priv_size = sizeof(struct qcow),
	.create_opts = qcow_opts, .probe = qcow_probe, .open = qcow_open, .close = qcow_close, .create = qcow_create,
	.map = qcow_map, .alloc = qcow_alloc, .commit = qcow_commit, .abort = qcow_abort,
	.compressed = qcow_compressed, .compress = qcow_compress, .crypt = qcow_crypt, .zero = qcow_zero,
	.flush = qcow_flush, .make_empty = qcow_make_empty,
};
BLOCK_FORMAT(qcow_driver);
