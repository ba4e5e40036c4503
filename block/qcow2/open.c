/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening, closing, flushing and describing a qcow2 node; the driver's table. */
#include <stdio.h>
#include <string.h>
#include "json.h"
#include "log.h"
#include "qcow2.h"

/* ---- options ---- */

struct open_opts {
	bool lazy, lazy_given;
	u64 l2_cache, ref_cache;
};

static const char *const ignored[] = {
	"pass-discard-request", "pass-discard-snapshot", "pass-discard-other", "overlap-check",
	"overlap-check.template", "overlap-check.main-header", "overlap-check.active-l1",
	"overlap-check.active-l2", "overlap-check.refcount-table", "overlap-check.refcount-block",
	"overlap-check.snapshot-table", "overlap-check.inactive-l1", "overlap-check.inactive-l2",
	"overlap-check.bitmap-directory", "cache-clean-interval",
	"discard-no-unref", NULL
};

static int take_cache_sizes(struct qcow2 *q, struct blk_opts *o, struct open_opts *oo, struct err *e)
{
	u64 total = 0, cap = blk_max_meta(q->n), entry = q->cluster_size;
	bool all = blk_opts_get(o, "cache-size") && blk_opts_get(o, "l2-cache-size") &&
		   blk_opts_get(o, "refcount-cache-size");
	bool l2 = blk_opts_get(o, "l2-cache-size"), ref = blk_opts_get(o, "refcount-cache-size");
	int ret;

	oo->l2_cache = MIN(MiB, cap / 2);
	oo->ref_cache = 256 * KiB;
	ret = blk_opts_take_size(o, "cache-size", &total, e);
	ret = ret ?: blk_opts_take_size(o, "l2-cache-size", &oo->l2_cache, e);
	ret = ret ?: blk_opts_take_size(o, "refcount-cache-size", &oo->ref_cache, e);
	ret = ret ?: blk_opts_take_size(o, "l2-cache-entry-size", &entry, e);
	if (ret)
		return ret;
	if (all)
		return err_set(e, EINVAL, "cache-size, l2-cache-size and refcount-cache-size may not be set at the same time");
	if (total && l2 && oo->l2_cache > total)
		return err_set(e, EINVAL, "l2-cache-size may not exceed cache-size");
	if (total && ref && oo->ref_cache > total)
		return err_set(e, EINVAL, "refcount-cache-size may not exceed cache-size");
	if (entry < 512 || entry > q->cluster_size || entry & (entry - 1))
		return err_set(e, EINVAL, "L2 cache entry size must be a power of two between 512 and the cluster size (%u)", q->cluster_size);
	if (total && !l2)
		oo->l2_cache = total - MIN(oo->ref_cache, total / 4);
	oo->l2_cache = MIN(MAX(oo->l2_cache, 64 * KiB), cap);
	oo->ref_cache = MIN(MAX(oo->ref_cache, 64 * KiB), cap);
	return 0;
}

static int take_options(struct qcow2 *q, struct blk_opts *o, struct open_opts *oo, struct err *e)
{
	int ret;

	oo->lazy_given = blk_opts_get(o, "lazy-refcounts");
	oo->lazy = q->compat & COMPAT_LAZY;
	ret = blk_opts_take_bool(o, "lazy-refcounts", &oo->lazy, e);
	ret = ret ?: take_cache_sizes(q, o, oo, e);
	for (int i = 0; ignored[i]; i++)
		blk_opts_del(o, ignored[i]);
	if (!ret && oo->lazy && q->version < 3)
		ret = err_set(e, EINVAL, "Lazy refcounts require a qcow2 image with at least qemu 1.1 compatibility level");
	return ret;
}

/* ---- data file ---- */

static int open_data_file(struct qcow2 *q, struct blk_opts *o, struct err *e)
{
	struct blk_node *n = q->n;
	u32 flags = (n->flags & ~(u32)(BLK_O_NO_BACKING | BLK_O_CHECK)) | BLK_O_PROTOCOL | BLK_O_UNMAP;
	struct blk_opts sub = { 0 };
	char *ref = blk_opts_take(o, "data-file"), *path = NULL;
	int ret = blk_opts_take_sub(o, "data-file", &sub);

	if (!(q->incompat & INCOMPAT_DATA_FILE)) {
		if (!ret && (ref || sub.n))
			ret = err_set(e, EINVAL, "'data-file' can only be set for images with an external data file");
		goto out;
	}
	if (ret)
		goto out;
	if (ref) {
		struct blk_node *d = blk_graph_find(n->graph, ref);

		ret = d ? blk_attach(n, "data-file", blk_ref(d)) :
			  err_set(e, ENODEV, "Cannot find device='' nor node-name='%s'", ref);
	} else if (sub.n) {
		ret = blk_open_child(n, "data-file", NULL, &sub, flags, e);
	} else if (q->data_file_name) {
		ret = blk_combine_path(n->file->filename, q->data_file_name, &path);
		ret = ret ?: blk_open_reference(n, "data-file", path, &sub, flags, e);
	} else {
		ret = err_set(e, EINVAL, "'data-file' is required for this image");
	}
	if (!ret) {
		q->data = blk_child_find(n, "data-file");
		q->has_data_file = true;
		q->data_raw = q->autoclear & AUTOCLEAR_RAW_DATA;
	}
out:
	free(ref);
	free(path);
	blk_opts_free(&sub);
	return ret;
}

/* ---- open ---- */

static int repair_dirty(struct qcow2 *q, struct err *e)
{
	struct blk_check c = { .fix = BLK_FIX_LEAKS | BLK_FIX_ERRORS, .log = blk_repair_log };
	int ret;

	if (!(q->incompat & INCOMPAT_DIRTY) || !(q->n->flags & BLK_O_RDWR) ||
	    q->n->flags & (BLK_O_CHECK | BLK_O_INACTIVE))
		return 0;
	ret = qcow2_check(q->n, &c, e);
	if (ret || c.check_errors || c.corruptions > c.corruptions_fixed)
		return err_set(e, ret ? -ret : EIO, "Could not repair dirty image");
	return qcow2_set_incompat(q, 0, INCOMPAT_DIRTY);
}

static void fill_node(struct qcow2 *q)
{
	struct blk_node *n = q->n;

	n->size = q->size;
	n->lim.cluster = q->cluster_size;
	n->lim.cow_unit = q->sub_size;
	n->lim.request_align = 1;
	n->lim.max_compressed = q->has_data_file || q->crypt_method ? 0 : q->cluster_size;
	n->encrypted = q->crypt_method;
}

/* Features that a writer who does not know them would leave stale are switched off. */
static int clear_autoclear(struct qcow2 *q, struct err *e)
{
	u64 known = AUTOCLEAR_BITMAPS | AUTOCLEAR_RAW_DATA;

	if (q->version < 3 || !(q->n->flags & BLK_O_RDWR) || q->n->flags & BLK_O_INACTIVE)
		return 0;
	if (!(q->autoclear & ~known))
		return 0;
	q->autoclear &= known;
	return qcow2_write_header(q, e);
}

static void release(struct qcow2 *q)
{
	qcow2_record_drop(q);
	qcow2_caches_free(q);
	qcow2_free_header(q);
	free(q->pending);
	free(q->wanted_snapshot);
	qcow2_crypto_close(q);
	pthread_mutex_destroy(&q->lock);
}

static int qcow2_open(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	struct qcow2 *q = n->priv;
	struct open_opts oo = { 0 };
	int ret;

	q->n = n;
	q->data = n->file;
	pthread_mutex_init(&q->lock, NULL);
	ret = qcow2_read_header(q, e);
	ret = ret ?: take_options(q, o, &oo, e);
	if (ret)
		goto fail;
	q->lazy = oo.lazy;
	ret = qcow2_caches_new(q, oo.l2_cache, oo.ref_cache);
	ret = ret ?: open_data_file(q, o, e);
	if (!ret && blk_opts_get(o, "encrypt.key-secret"))	/* not to be told by a plain name */
		ret = blk_opts_set(&n->opts, "encrypt.key-secret", blk_opts_get(o, "encrypt.key-secret"));
	ret = ret ?: qcow2_crypto_open(q, o, e);
	if (ret)
		goto fail;
	fill_node(q);
	ret = repair_dirty(q, e);
	ret = ret ?: clear_autoclear(q, e);
	if (!ret)
		return 0;
fail:
	release(q);
	free(n->backing_name);
	free(n->backing_fmt);
	n->backing_name = n->backing_fmt = NULL;
	return ret;
}

static int told(int ret, const char *what)
{
	if (ret)
		log_error("Failed to flush the %s block cache: %s", what, strerror(-ret));
	return ret;
}

/* What fails here has nobody else to tell of it: most who close an image have no place for an error. */
static int store_rest(struct qcow2 *q)
{
	struct err e = ERR_INIT;
	int ret = qcow2_record_stop(q, &e), r;

	if (ret) {
		log_error("Lost persistent bitmaps during inactivation of node '%s': %s", q->n->name,
			  e.msg[0] ? e.msg : strerror(-ret));
		ret = -EINVAL;
	}
	r = told(blk_mcache_write(q->l1) ?: blk_mcache_write(q->l2), "L2");
	ret = ret ?: r;
	r = told(blk_mcache_write(q->rt) ?: blk_mcache_write(q->ref), "refcount");
	ret = ret ?: r;
	ret = ret ?: told(qcow2_sync(q), "L2");
	if (!ret && q->dirty_set) {
		ret = blk_node_flush(q->n->file);
		ret = ret ?: qcow2_set_incompat(q, 0, INCOMPAT_DIRTY);
		q->dirty_set = ret;
		if (ret)
			log_error("Failed to mark '%s' as clean: %s", q->n->name, strerror(-ret));
	}
	return ret;
}

static int qcow2_settle(struct blk_node *n)
{
	struct qcow2 *q = n->priv;
	int ret;

	q->closing = true;
	ret = store_rest(q);
	q->closing = false;
	return ret;
}

static void qcow2_close(struct blk_node *n)
{
	release(n->priv);
}

static int qcow2_flush(struct blk_node *n)
{
	struct qcow2 *q = n->priv;
	int ret;

	pthread_mutex_lock(&q->lock);
	ret = qcow2_sync(q);
	pthread_mutex_unlock(&q->lock);
	return ret;
}

/* The caches change their order while nothing in them is dirty. */
static int set_lazy(struct qcow2 *q, bool lazy)
{
	int ret = qcow2_sync(q);

	if (ret)
		return ret;
	q->lazy = lazy;
	qcow2_caches_order(q);
	return 0;
}

static int qcow2_reopen(struct blk_node *n, struct blk_opts *o, u32 flags, struct err *e)
{
	struct qcow2 *q = n->priv;
	struct open_opts oo = { 0 };
	int ret = take_options(q, o, &oo, e);

	if (ret)
		return ret;
	if (flags & BLK_O_RDWR && q->incompat & INCOMPAT_CORRUPT)
		return err_set(e, EACCES, "Can't use a read-only device");
	if (q->dirty_set && !oo.lazy) {	/* read-only images were settled before */
		ret = qcow2_settle(n);
		if (ret)
			return ret;
	}
	if (!ret && oo.lazy_given && oo.lazy != q->lazy)
		ret = set_lazy(q, oo.lazy);
	return ret;
}

static int qcow2_probe(const u8 *buf, size_t len, const char *filename)
{
	return len >= 8 && get_be32(buf) == QCOW2_MAGIC && get_be32(buf + 4) >= 2 ? 100 : 0;
}

static int qcow2_compress(struct blk_node *n, const void *in, u32 len, void *out, u32 *clen)
{
	struct qcow2 *q = n->priv;

	/* Units must be smaller than a cluster; readers have a 4 KiB deflate window. */
	*clen = len - 1;
	if (q->compression_type)
		return blk_pack_in(n->graph, BLK_CODEC_ZSTD, 0, 0, in, len, out, clen);
	return blk_pack_in(n->graph, BLK_CODEC_DEFLATE, -1, 12, in, len, out, clen);
}

/* ---- info ---- */

int qcow2_info(struct blk_node *n, struct json *j)
{
	struct qcow2 *q = n->priv;
	int ret = json_set(j, "compat", json_new_str(q->version >= 3 ? "1.1" : "0.10"));

	if (!ret && q->version >= 3) {
		if (q->has_data_file && q->data_file_name)
			ret = json_set(j, "data-file", json_new_str(q->data_file_name));
		if (!ret && q->has_data_file)
			ret = json_set(j, "data-file-raw", json_new_bool(q->data_raw));
	}
	ret = ret ?: json_set(j, "compression-type", json_new_str(q->compression_type ? "zstd" : "zlib"));
	if (q->version >= 3) {
		ret = ret ?: json_set(j, "lazy-refcounts", json_new_bool(q->compat & COMPAT_LAZY));
		if (!ret && q->nb_bitmaps)
			ret = qcow2_bitmaps_info(q, j);
		ret = ret ?: json_set(j, "refcount-bits", json_new_uint(q->refcount_bits));
		if (!ret && q->crypt_method)
			ret = qcow2_crypto_info(q, j);
		ret = ret ?: json_set(j, "corrupt", json_new_bool(q->incompat & INCOMPAT_CORRUPT));
		ret = ret ?: json_set(j, "extended-l2", json_new_bool(q_extl2(q)));
	} else {
		ret = ret ?: json_set(j, "refcount-bits", json_new_uint(q->refcount_bits));
		if (!ret && q->crypt_method)
			ret = qcow2_crypto_info(q, j);
	}
	return ret;
}

static const struct blk_driver qcow2_driver = {
	.name = "qcow2", .flags = BLK_DRV_BACKING | BLK_DRV_SNAPSHOTS | BLK_DRV_GROWS | BLK_DRV_TELLS,
	.priv_size = sizeof(struct qcow2),
	.create_opts = qcow2_create_opts, .amend_opts = qcow2_amend_opts,
	.probe = qcow2_probe, .open = qcow2_open, .settle = qcow2_settle, .close = qcow2_close, .reopen = qcow2_reopen,
	.will_write = qcow2_record_start, .changes = qcow2_record,
	.create = qcow2_create, .map = qcow2_map, .alloc = qcow2_alloc, .commit = qcow2_commit,
	.abort = qcow2_abort, .compressed = qcow2_compressed, .compress = qcow2_compress,
	.crypt = qcow2_crypt, .zero = qcow2_zero, .discard = qcow2_discard, .flush = qcow2_flush,
	.truncate = qcow2_truncate, .info = qcow2_info, .check = qcow2_check,
	.amend = qcow2_amend, .measure = qcow2_measure, .change_backing = qcow2_change_backing,
	.make_empty = qcow2_make_empty, .snapshots = &qcow2_snapshot_ops,
	.bitmaps = &qcow2_bitmap_ops, .vmstate_base = qcow2_vmstate_base,
	.vmstate_reserve = qcow2_vmstate_reserve,
};
BLOCK_FORMAT(qcow2_driver);
