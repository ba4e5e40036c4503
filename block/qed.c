/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QED, QEMU's enhanced disk format: two levels of tables, zero clusters,
 * backing files, no reference counts. An image that is being written to is
 * marked (QED_F_NEED_CHECK): a crash may leak clusters, which a check finds.
 * New tables and clusters are stable before what names them.
 */
#include <string.h>
#include "qed.h"

#define SLICE 4096U

/* ---- tables ---- */

static int access_entry(struct blk_mcache *c, u64 table, u64 i, u64 *val, bool set)
{
	u64 at = table + i * 8, start = ALIGN_DOWN(at, SLICE);
	void *p;
	int ret = blk_mcache_get(c, start, true, &p);

	if (ret)
		return ret;
	if (set) {
		put_le64((u8 *)p + (at - start), *val);
		blk_mcache_dirty(c, p);
	} else {
		*val = get_le64((u8 *)p + (at - start));
	}
	blk_mcache_put(c, p);
	return 0;
}

int qed_get(struct blk_mcache *c, u64 table, u64 i, u64 *val)
{
	return access_entry(c, table, i, val, false);
}

int qed_set(struct blk_mcache *c, u64 table, u64 i, u64 val)
{
	return access_entry(c, table, i, &val, true);
}

bool qed_table_ok(struct blk_node *n, const struct qed *q, u64 off)
{
	u64 size = blk_length(n->file);

	return off && !(off % q->cluster) && off < size && ALIGN_UP(size, q->cluster) - off >= q->table &&
	       off >= (u64)le32_to_cpu(q->h.header_size) * q->cluster;
}

bool qed_cluster_ok(struct blk_node *n, const struct qed *q, u64 off)
{
	return !(off % q->cluster) && off < blk_length(n->file) &&
	       off >= (u64)le32_to_cpu(q->h.header_size) * q->cluster;
}

/* ---- where is it ---- */

static int locate(struct blk_node *n, struct qed *q, u64 cluster, enum blk_kind *kind, u64 *host)
{
	u64 l2;
	int ret = qed_get(q->l1, q->l1_off, cluster / q->entries, &l2);

	*kind = BLK_HOLE;
	*host = 0;
	if (ret || !l2)
		return ret;
	if (!qed_table_ok(n, q, l2))
		return -EIO;
	ret = qed_get(q->l2, l2, cluster % q->entries, host);
	if (ret || !*host)
		return ret;
	*kind = *host == QED_ZERO ? BLK_ZERO : BLK_DATA;
	return *kind == BLK_ZERO || qed_cluster_ok(n, q, *host) ? 0 : -EIO;
}

static int map_locked(struct blk_node *n, struct qed *q, u64 off, u64 len, struct blk_extent *x)
{
	u64 i = off / q->cluster, first = i, last = (blk_length(n) - 1) / q->cluster, host, h;
	enum blk_kind kind, k;
	int ret = locate(n, q, i, &kind, &host);

	if (ret)
		return ret;
	for (i++; i <= last && i * q->cluster - off < len && i - first < 4096; i++) {
		if (locate(n, q, i, &k, &h) || k != kind)
			break;
		if (kind == BLK_DATA && h != host + (i - first) * q->cluster)
			break;
	}
	*x = (struct blk_extent){ .kind = kind, .off = first * q->cluster, .len = (i - first) * q->cluster,
				  .node = n->file, .host = host,
				  .flags = kind == BLK_DATA ? BLK_X_IN_PLACE : 0 };
	return 0;
}

static int qed_map(struct blk_node *n, u64 off, u64 len, struct blk_extent *x)
{
	struct qed *q = n->priv;
	int ret;

	pthread_mutex_lock(&q->lock);
	ret = map_locked(n, q, off, len, x);
	pthread_mutex_unlock(&q->lock);
	return ret;
}

/* ---- allocating ---- */

int qed_write_header(struct blk_node *n)
{
	struct qed *q = n->priv;
	int ret;

	q->h.features = cpu_to_le64(q->features);
	ret = blk_node_pwrite(n->file, 0, &q->h, sizeof(q->h));
	return ret ?: blk_node_flush(n->file);
}

static int mark(struct blk_node *n, struct qed *q)
{
	int ret;

	if (q->features & QED_F_NEED_CHECK)
		return 0;
	q->features |= QED_F_NEED_CHECK;
	ret = qed_write_header(n);
	if (ret)
		q->features &= ~QED_F_NEED_CHECK;
	return ret;
}

static int take_space(struct blk_node *n, struct qed *q, u64 bytes, u64 *host)
{
	int ret = mark(n, q);

	if (!ret && q->end + bytes > (u64)INT64_MAX)
		ret = -EFBIG;
	ret = ret ?: blk_node_truncate(n->file, q->end + bytes, false, 0, NULL);
	if (ret)
		return ret;
	*host = q->end;
	q->end += bytes;
	return 0;
}

/* The L2 table of @cluster, made when there is none: before the cluster, so that clusters are in a row. */
static int need_l2(struct blk_node *n, struct qed *q, u64 cluster, u64 *l2)
{
	int ret = qed_get(q->l1, q->l1_off, cluster / q->entries, l2);

	if (ret || *l2)
		return ret ?: qed_table_ok(n, q, *l2) ? 0 : -EIO;
	ret = take_space(n, q, q->table, l2);
	if (ret)
		return ret;
	blk_mcache_forget(q->l2, *l2, q->table);
	blk_mcache_flush_first(q->l1);	/* the file's new length */
	return qed_set(q->l1, q->l1_off, cluster / q->entries, *l2);
}

static int qed_alloc(struct blk_node *n, u64 off, u64 len, struct blk_alloc *a)
{
	struct qed *q = n->priv;
	u64 l2;
	int ret;

	pthread_mutex_lock(&q->lock);
	ret = need_l2(n, q, off / q->cluster, &l2);
	ret = ret ?: take_space(n, q, q->cluster, &a->host);
	pthread_mutex_unlock(&q->lock);
	a->priv[0] = off / q->cluster;
	a->off = a->priv[0] * q->cluster;
	a->len = q->cluster;
	a->node = n->file;
	a->fresh = a->zeroed = true;
	return ret;
}

/* The caches are in order: L2 tables reach the disk before the L1 entries that name them. */
static int set_entry(struct blk_node *n, struct qed *q, u64 cluster, u64 val)
{
	u64 l2;
	int ret = need_l2(n, q, cluster, &l2);

	blk_mcache_flush_first(q->l2);
	return ret ?: qed_set(q->l2, l2, cluster % q->entries, val);
}

static int qed_commit(struct blk_node *n, struct blk_alloc *a)
{
	struct qed *q = n->priv;
	int ret;

	pthread_mutex_lock(&q->lock);
	ret = set_entry(n, q, a->priv[0], a->host);
	pthread_mutex_unlock(&q->lock);
	return ret;
}

static void qed_abort(struct blk_node *n, struct blk_alloc *a)
{
	struct qed *q = n->priv;

	pthread_mutex_lock(&q->lock);
	if (a->host + q->cluster == q->end && !blk_node_truncate(n->file, a->host, false, 0, NULL))
		q->end = a->host;
	pthread_mutex_unlock(&q->lock);
}

/* Clusters that have space keep it; others become zero clusters. */
static int qed_zero(struct blk_node *n, u64 off, u64 len, u32 flags)
{
	struct qed *q = n->priv;
	int ret = 0;

	while (!ret && len) {
		struct blk_extent x;
		u64 m;

		ret = qed_map(n, off, len, &x);
		if (ret)
			return ret;
		m = MIN(len, x.off + x.len - off);
		if (x.kind == BLK_DATA)
			ret = blk_node_zero(n->file, x.host + (off - x.off), m, flags);
		pthread_mutex_lock(&q->lock);
		if (x.kind == BLK_HOLE)
			ret = mark(n, q);
		for (u64 at = off; !ret && x.kind == BLK_HOLE && at < off + m; at += q->cluster)
			ret = set_entry(n, q, at / q->cluster, QED_ZERO);
		pthread_mutex_unlock(&q->lock);
		off += m;
		len -= m;
	}
	return ret;
}

static int qed_flush(struct blk_node *n)
{
	struct qed *q = n->priv;
	int ret;

	pthread_mutex_lock(&q->lock);
	ret = blk_mcache_write(q->l2);
	ret = ret ?: blk_mcache_write(q->l1);
	pthread_mutex_unlock(&q->lock);
	return ret;
}

/* ---- opening ---- */

static int check_header(struct blk_node *n, struct qed *q, struct err *e)
{
	u64 cl = le32_to_cpu(q->h.cluster_size), ts = le32_to_cpu(q->h.table_size), max;

	if (le32_to_cpu(q->h.magic) != QED_MAGIC)
		return err_set(e, EINVAL, "Image not in QED format");
	q->features = le64_to_cpu(q->h.features);
	if (q->features & ~QED_FEATURES)
		return err_set(e, ENOTSUP, "Unsupported QED features: %llx", q->features & ~QED_FEATURES);
	if (cl < 4096 || cl > 64 * MiB || cl & (cl - 1))
		return err_set(e, EINVAL, "QED cluster size is invalid");
	if (!ts || ts > 16 || ts & (ts - 1))
		return err_set(e, EINVAL, "QED table size is invalid");
	q->cluster = (u32)cl;
	q->table = (u32)(cl * ts);
	q->entries = cl * ts / 8;
	n->size = le64_to_cpu(q->h.image_size);
	if (mul_overflows(q->entries * q->entries, cl, &max))
		max = ~0ULL;
	if (n->size % 512 || n->size > max || n->size > (u64)INT64_MAX)
		return err_set(e, EINVAL, "QED image size is invalid");
	q->l1_off = le64_to_cpu(q->h.l1_off);
	if (!q->h.header_size || !qed_table_ok(n, q, q->l1_off))
		return err_set(e, EINVAL, "QED table offset is invalid");
	if (le32_to_cpu(q->h.header_size) > 0xffffffffU / cl)
		return err_set(e, EINVAL, "QED header size is too large");
	return 0;
}

static int read_backing(struct blk_node *n, struct qed *q, struct err *e)
{
	u64 off = le32_to_cpu(q->h.backing_off), len = le32_to_cpu(q->h.backing_size);
	int ret;

	if (!(q->features & QED_F_BACKING))
		return 0;
	if (off + len > (u64)le32_to_cpu(q->h.header_size) * q->cluster || len >= 1024)
		return err_set(e, EINVAL, "QED backing filename offset is invalid");
	n->backing_name = calloc(1, len + 1);
	if (!n->backing_name)
		return -ENOMEM;
	ret = blk_node_pread(n->file, off, n->backing_name, len);
	if (ret)
		return err_errno(e, -ret, "Failed to read backing filename");
	if (q->features & QED_F_RAW_BACKING)
		n->backing_fmt = strdup("raw");
	return 0;
}

static int clean(struct blk_node *n, struct qed *q, struct err *e)
{
	struct blk_check c = { .fix = BLK_FIX_ERRORS };
	int ret = 0;

	if (!(n->flags & BLK_O_RDWR) || n->flags & (BLK_O_CHECK | BLK_O_INACTIVE))
		return 0;
	if (q->h.autoclear_features) {
		q->h.autoclear_features = 0;
		ret = qed_write_header(n);
	}
	if (!ret && q->features & QED_F_NEED_CHECK)
		ret = qed_check(n, &c, e);
	return ret || c.corruptions || c.check_errors ? err_set(e, ret ? -ret : EINVAL, "Image corrupted") : 0;
}

static int qed_open(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	struct qed *q = n->priv;
	int ret = blk_node_pread(n->file, 0, &q->h, sizeof(q->h));

	if (ret)
		return err_errno(e, -ret, "Failed to read QED header");
	ret = check_header(n, q, e);
	ret = ret ?: read_backing(n, q, e);
	if (ret)
		return ret;
	/* Clusters are whole but for the last, which what follows may cut. */
	q->end = ALIGN_UP(blk_length(n->file), q->cluster);
	n->lim.cluster = q->cluster;
	q->l1 = blk_mcache_new(n->file, SLICE, 64);
	q->l2 = blk_mcache_new(n->file, SLICE, 256);
	if (q->l1 && q->l2) {
		blk_mcache_order(q->l1, q->l2);
		pthread_mutex_init(&q->lock, NULL);
		ret = clean(n, q, e);
		if (!ret)
			return 0;
		pthread_mutex_destroy(&q->lock);
	}
	blk_mcache_free(q->l1);
	blk_mcache_free(q->l2);
	return ret ?: -ENOMEM;
}

static int qed_settle(struct blk_node *n)
{
	struct qed *q = n->priv;
	int ret;

	if (!(q->features & QED_F_NEED_CHECK) || n->flags & (BLK_O_CHECK | BLK_O_INACTIVE) ||
	    blk_mcache_is_dirty(q->l1) || blk_mcache_is_dirty(q->l2))
		return 0;
	ret = blk_node_flush(n->file);
	if (ret)
		return ret;
	q->features &= ~QED_F_NEED_CHECK;
	ret = qed_write_header(n);
	if (ret)
		q->features |= QED_F_NEED_CHECK;
	return ret;
}

static void qed_close(struct blk_node *n)
{
	struct qed *q = n->priv;

	blk_mcache_free(q->l1);
	blk_mcache_free(q->l2);
	pthread_mutex_destroy(&q->lock);
}

static int qed_probe(const u8 *buf, size_t len, const char *filename)
{
	return len >= sizeof(struct qed_header) && get_le32(buf) == QED_MAGIC ? 100 : 0;
}

/* ---- changing ---- */

static u64 max_size(u64 cluster, u64 table)
{
	u64 entries = cluster * table / 8, max;

	return mul_overflows(entries * entries, cluster, &max) ? (u64)INT64_MAX : MIN(max, (u64)INT64_MAX);
}

static int qed_truncate(struct blk_node *n, u64 size, bool exact, int prealloc, struct err *e)
{
	struct qed *q = n->priv;
	__le64 old = q->h.image_size;
	int ret;

	if (prealloc)
		return err_set(e, ENOTSUP, "Unsupported preallocation mode '%s'", blk_prealloc_names[prealloc]);
	size = ALIGN_UP(size, 512);
	if (size > max_size(q->cluster, q->table / q->cluster))
		return err_set(e, EINVAL, "Invalid image size specified");
	if (size < n->size)
		return err_set(e, ENOTSUP, "Shrinking images is currently not supported");
	q->h.image_size = cpu_to_le64(size);
	ret = qed_write_header(n);
	if (ret) {
		q->h.image_size = old;
		return err_errno(e, -ret, "Failed to update the image size");
	}
	blk_set_length(n, size);
	return 0;
}

static void put_backing(struct qed_header *h, u64 *features, const char *file, const char *fmt)
{
	*features &= ~(QED_F_BACKING | QED_F_RAW_BACKING);
	h->backing_off = cpu_to_le32(file ? sizeof(*h) : 0);
	h->backing_size = cpu_to_le32(file ? (u32)strlen(file) : 0);
	if (file)
		*features |= QED_F_BACKING | (fmt && !strcmp(fmt, "raw") ? QED_F_RAW_BACKING : 0);
}

static int qed_change_backing(struct blk_node *n, const char *file, const char *fmt, struct err *e)
{
	struct qed *q = n->priv;
	struct qed_header old = q->h;
	u64 features = q->features, len = file ? strlen(file) : 0;
	int ret = 0;

	if (file && q->h.compat_features)
		return err_set(e, ENOTSUP, "The image has features that are not known here");
	if (len >= 1024 || sizeof(q->h) + len > (u64)le32_to_cpu(q->h.header_size) * q->cluster)
		return err_set(e, ENOSPC, "The name of the backing file is too long");
	/* The name first: until the header names it, it is nothing. */
	if (len)
		ret = blk_node_pwrite(n->file, sizeof(q->h), file, len);
	put_backing(&q->h, &q->features, file, fmt);
	ret = ret ?: qed_write_header(n);
	if (!ret)
		return 0;
	q->h = old;
	q->features = features;
	return err_errno(e, -ret, "Could not write the header");
}

struct plan {
	u64 cluster, table;
	char *backing, *fmt;
};

static int create_options(struct plan *p, u64 size, struct blk_opts *o, struct err *e)
{
	int ret = blk_opts_take_size(o, "cluster_size", &p->cluster, e);

	ret = ret ?: blk_opts_take_size(o, "table_size", &p->table, e);
	if (ret)
		return ret;
	p->table = p->table ? p->table : QED_TABLE;
	if (p->cluster < 4096 || p->cluster > 64 * MiB || p->cluster & (p->cluster - 1))
		return err_set(e, EINVAL, "QED cluster size must be within range [4096, 67108864] and power of 2");
	if (p->table > 16 || p->table & (p->table - 1))
		return err_set(e, EINVAL, "QED table size must be within range [1, 16] and power of 2");
	if (size > max_size(p->cluster, p->table))
		return err_set(e, EINVAL, "QED image size must be a non-zero multiple of cluster size and less than "
			       "%llu bytes", max_size(p->cluster, p->table));
	if (p->backing && strlen(p->backing) >= 1024)
		return err_set(e, EINVAL, "The name of the backing file is too long");
	return 0;
}

static int qed_create(struct blk_graph *g, struct blk_node *file, u64 size, struct blk_opts *o, struct err *e)
{
	struct plan p = { .cluster = QED_CLUSTER, .backing = blk_opts_take(o, "backing_file"),
			  .fmt = blk_opts_take(o, "backing_fmt") };
	struct qed_header h = { .magic = cpu_to_le32(QED_MAGIC), .header_size = cpu_to_le32(1) };
	u64 features = 0;
	int ret;

	size = ALIGN_UP(size, 512);
	ret = create_options(&p, size, o, e);
	if (!ret) {
		h.cluster_size = cpu_to_le32((u32)p.cluster);
		h.table_size = cpu_to_le32((u32)p.table);
		h.l1_off = cpu_to_le64(p.cluster);
		h.image_size = cpu_to_le64(size);
		put_backing(&h, &features, p.backing, p.fmt);
		h.features = cpu_to_le64(features);
		ret = blk_node_truncate(file, p.cluster * (1 + p.table), false, 0, e);
	}
	if (!ret && p.backing)
		ret = blk_node_pwrite(file, sizeof(h), p.backing, strlen(p.backing));
	ret = ret ?: blk_node_pwrite(file, 0, &h, sizeof(h));
	free(p.backing);
	free(p.fmt);
	return ret;
}

static const struct blk_optdesc qed_opts[] = {
	{ "size", BLK_OPT_SIZE, "Virtual disk size", NULL },
	{ "backing_file", BLK_OPT_STRING, "File name of a base image", NULL },
	{ "backing_fmt", BLK_OPT_STRING, "Image format of the base image", NULL },
	{ "cluster_size", BLK_OPT_SIZE, "Cluster size (in bytes)", "65536" },
	{ "table_size", BLK_OPT_SIZE, "L1/L2 table size (in clusters)", NULL },
	{ NULL, 0, NULL, NULL }
};

static const struct blk_driver qed_driver = {
	.name = "qed", .flags = BLK_DRV_GROWS | BLK_DRV_BACKING, .priv_size = sizeof(struct qed),
	.create_opts = qed_opts, .probe = qed_probe, .open = qed_open, .settle = qed_settle, .close = qed_close,
	.create = qed_create, .map = qed_map, .alloc = qed_alloc, .commit = qed_commit, .abort = qed_abort,
	.zero = qed_zero, .flush = qed_flush, .truncate = qed_truncate, .change_backing = qed_change_backing,
	.check = qed_check,
};
BLOCK_FORMAT(qed_driver);
