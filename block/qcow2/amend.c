/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changing an image's header in place: backing file, version, features. */
#include <string.h>
#include "qcow2.h"

const struct blk_optdesc qcow2_amend_opts[] = {
	{ "backing_file", BLK_OPT_STRING, "File name of a base image", NULL },
	{ "backing_fmt", BLK_OPT_STRING, "Image format of the base image", NULL },
	{ "compat", BLK_OPT_STRING, "Compatibility level (v2 [0.10] or v3 [1.1])", NULL },
	{ "data_file", BLK_OPT_STRING, "File name of an external data file", NULL },
	{ "data_file_raw", BLK_OPT_BOOL, "The external data file must stay valid as a raw image", NULL },
	{ "encrypt.state", BLK_OPT_STRING, "Select new state of affected keyslots (active/inactive)", NULL },
	{ "encrypt.keyslot", BLK_OPT_NUMBER, "Select a single keyslot to modify explicitly", NULL },
	{ "encrypt.old-secret", BLK_OPT_STRING, "Select all keyslots that match this password", NULL },
	{ "encrypt.new-secret", BLK_OPT_STRING, "New secret to set in the matching keyslots. Empty string to erase", NULL },
	{ "encrypt.iter-time", BLK_OPT_NUMBER, "Time to spend in PBKDF in milliseconds", NULL },
	{ "lazy_refcounts", BLK_OPT_BOOL, "Postpone refcount updates", NULL },
	{ "refcount_bits", BLK_OPT_NUMBER, "Width of a reference count entry in bits", NULL },
	{ "size", BLK_OPT_SIZE, "Virtual disk size", NULL },
	{ NULL, 0, NULL, NULL }
};

static int set_string(char **at, const char *val)
{
	char *c = val && *val ? strdup(val) : NULL;

	if (val && *val && !c)
		return -ENOMEM;
	free(*at);
	*at = c;
	return 0;
}

int qcow2_change_backing(struct blk_node *n, const char *file, const char *fmt, struct err *e)
{
	struct qcow2 *q = n->priv;
	int ret;

	if (q->data_raw && file)
		return err_set(e, EINVAL, "A backing file cannot be used with data-file-raw");
	if (file && strlen(file) > 1023)
		return err_set(e, EINVAL, "Backing file name too long");
	ret = set_string(&n->backing_name, file);
	ret = ret ?: set_string(&n->backing_fmt, file ? fmt : NULL);
	pthread_mutex_lock(&q->lock);
	ret = ret ?: qcow2_sync(q);
	ret = ret ?: qcow2_write_header(q, e);
	ret = ret ?: blk_node_flush(n->file);
	pthread_mutex_unlock(&q->lock);
	return ret;
}

/* v2 has no zero flag: such clusters get real zeros, or nothing where that reads the same. */
static int expand_zero(struct qcow2 *q, u64 off)
{
	struct blk_node *n = q->n;
	u64 len = MIN((u64)q->cluster_size, q->size - off);
	u8 *z = calloc(1, q->cluster_size);
	int ret;

	if (!z)
		return -ENOMEM;
	pthread_mutex_unlock(&q->lock);
	ret = blk_node_pwrite(n, off, z, len);
	pthread_mutex_lock(&q->lock);
	free(z);
	return ret;
}

static int expand_zeros(struct qcow2 *q, void (*progress)(void *, u64, u64), void *opaque)
{
	int ret = 0;

	for (u64 off = 0; !ret && off < q->size;) {
		struct blk_extent x;
		u64 step;

		pthread_mutex_unlock(&q->lock);
		ret = qcow2_map(q->n, off, q->size - off, &x);
		pthread_mutex_lock(&q->lock);
		if (ret)
			break;
		step = MIN(q->size - off, x.off + x.len - off);
		if (x.kind == BLK_ZERO) {
			u64 l2, idx;

			step = MIN(step, (u64)q->cluster_size);
			if (!q->n->backing && !q->n->backing_name && !(x.flags & BLK_X_OFFSET)) {
				ret = qcow2_l2_for_write(q, off, &l2);
				idx = (off >> q->cluster_bits) & ((1U << q->l2_bits) - 1);
				ret = ret ?: qcow2_set_entry(q, l2, (u32)idx, 0, 0);
			} else {
				ret = expand_zero(q, off);
			}
		}
		off += step;
		if (progress)
			progress(opaque, off, q->size);
	}
	return ret;
}

static int downgrade(struct qcow2 *q, void (*progress)(void *, u64, u64), void *opaque, struct err *e)
{
	u64 incompat = q->incompat & ~INCOMPAT_DIRTY;
	int ret;

	if (q->refcount_bits != 16)
		return err_set(e, ENOTSUP, "compat=0.10 requires refcount_bits=16");
	if (q->has_data_file)
		return err_set(e, ENOTSUP, "Cannot downgrade an image with a data file");
	if (incompat)
		return err_set(e, ENOTSUP, "Cannot downgrade an image with incompatible features set");
	if (q->nb_snapshots) {
		struct qcow2_snap *v;

		ret = qcow2_snaps_read(q, &v, e);
		if (ret)
			return ret;
		for (u32 i = 0; i < q->nb_snapshots; i++)
			if (v[i].s.disk_size != q->size)
				ret = err_set(e, ENOTSUP, "Internal snapshots prevent downgrade of image");
		qcow2_snaps_free(v, q->nb_snapshots);
		if (ret)
			return ret;
		return err_set(e, ENOTSUP, "Internal snapshots prevent downgrade of image");
	}
	ret = expand_zeros(q, progress, opaque);
	ret = ret ?: qcow2_sync(q);
	if (ret)
		return err_errno(e, -ret, "Failed to turn zero into data clusters");
	q->incompat = 0;
	q->compat = q->autoclear = 0;
	q->lazy = false;
	q->version = 2;
	return qcow2_write_header(q, e);
}

static int amend_version(struct qcow2 *q, const char *v, void (*progress)(void *, u64, u64),
			 void *opaque, struct err *e)
{
	bool two = !strcmp(v, "0.10") || !strcmp(v, "v2");

	if (!two && strcmp(v, "1.1") && strcmp(v, "v3"))
		return err_set(e, EINVAL, "Unknown compatibility level %s", v);
	if (two && q->version >= 3)
		return downgrade(q, progress, opaque, e);
	if (!two && q->version < 3) {
		int ret = qcow2_snaps_complete(q, e);

		if (ret)
			return ret;
		q->version = 3;
		return qcow2_write_header(q, e);
	}
	return 0;
}

static int amend_lazy(struct qcow2 *q, bool lazy, struct err *e)
{
	if (lazy == !!(q->compat & COMPAT_LAZY))
		return 0;
	if (lazy && q->version < 3)
		return err_set(e, EINVAL, "Lazy refcounts only supported with compatibility level 1.1 and above (use compat=1.1 or greater)");
	q->compat = lazy ? q->compat | COMPAT_LAZY : q->compat & ~COMPAT_LAZY;
	return qcow2_write_header(q, e);
}

static int amend_strings(struct qcow2 *q, struct blk_opts *o, struct err *e)
{
	char *bf = blk_opts_take(o, "backing_file"), *bm = blk_opts_take(o, "backing_fmt");
	char *df = blk_opts_take(o, "data_file");
	int ret = 0;

	if (df && !q->has_data_file)
		ret = err_set(e, EINVAL, "data-file can only be set for images that use an external data file");
	else if (df)
		ret = set_string(&q->data_file_name, df) ?: qcow2_write_header(q, e);
	if (!ret && (bf || bm)) {
		ret = bf ? set_string(&q->n->backing_name, bf) : 0;
		ret = ret ?: bm ? set_string(&q->n->backing_fmt, bm) : 0;
		ret = ret ?: qcow2_write_header(q, e);
	}
	free(bf);
	free(bm);
	free(df);
	return ret;
}

int qcow2_amend(struct blk_node *n, struct blk_opts *o, bool force,
		void (*progress)(void *opaque, u64 done, u64 total), void *opaque, struct err *e)
{
	struct qcow2 *q = n->priv;
	char *compat = blk_opts_take(o, "compat");
	bool lazy = q->compat & COMPAT_LAZY, raw = q->data_raw;
	u64 bits = q->refcount_bits, size = q->size;
	int ret = blk_opts_take_bool(o, "lazy_refcounts", &lazy, e);

	ret = ret ?: blk_opts_take_bool(o, "data_file_raw", &raw, e);
	ret = ret ?: blk_opts_take_u64(o, "refcount_bits", &bits, e);
	ret = ret ?: blk_opts_take_size(o, "size", &size, e);
	ret = ret ?: qcow2_crypto_amend(q, o, force, e);
	pthread_mutex_lock(&q->lock);
	if (!ret && raw && !q->data_raw)
		ret = err_set(e, EINVAL, "data-file-raw cannot be set on existing images");
	if (!ret && compat && (!strcmp(compat, "1.1") || !strcmp(compat, "v3")))
		ret = amend_version(q, compat, progress, opaque, e);
	if (!ret && bits != q->refcount_bits)
		ret = qcow2_change_width(q, bits, e);
	if (!ret && q->data_raw && !raw) {
		q->autoclear &= ~AUTOCLEAR_RAW_DATA;
		q->data_raw = false;
		ret = qcow2_write_header(q, e);
	}
	ret = ret ?: amend_strings(q, o, e);
	ret = ret ?: amend_lazy(q, lazy, e);
	pthread_mutex_unlock(&q->lock);
	if (!ret && size != q->size)
		ret = blk_node_truncate(n, size, false, 0, e);
	pthread_mutex_lock(&q->lock);
	if (!ret && compat)
		ret = amend_version(q, compat, progress, opaque, e);
	pthread_mutex_unlock(&q->lock);
	free(compat);
	if (!ret && progress)
		progress(opaque, 1, 1);
	return ret;
}
