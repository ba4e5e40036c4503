/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Creating a qcow2 image, and how large one would be. */
#include <string.h>
#include "qcow2.h"

const struct blk_optdesc qcow2_create_opts[] = {
	{ "encryption", BLK_OPT_BOOL, "Encrypt the image with format 'aes'. (Deprecated in favor of encrypt.format=aes)", NULL },
	{ "encrypt.format", BLK_OPT_STRING, "Encrypt the image, format choices: 'aes', 'luks'", NULL },
	{ "encrypt.key-secret", BLK_OPT_STRING, "ID of secret providing qcow AES key or LUKS passphrase", NULL },
	{ "encrypt.cipher-alg", BLK_OPT_STRING, "Name of encryption cipher algorithm", NULL },
	{ "encrypt.cipher-mode", BLK_OPT_STRING, "Name of encryption cipher mode", NULL },
	{ "encrypt.ivgen-alg", BLK_OPT_STRING, "Name of IV generator algorithm", NULL },
	{ "encrypt.ivgen-hash-alg", BLK_OPT_STRING, "Name of IV generator hash algorithm", NULL },
	{ "encrypt.hash-alg", BLK_OPT_STRING, "Name of encryption hash algorithm", NULL },
	{ "encrypt.iter-time", BLK_OPT_NUMBER, "Time to spend in PBKDF in milliseconds", NULL },
	{ "cluster_size", BLK_OPT_SIZE, "qcow2 cluster size", "65536" },
	{ "extended_l2", BLK_OPT_BOOL, "Extended L2 tables", "off" },
	{ "preallocation", BLK_OPT_STRING, "Preallocation mode (allowed values: off, metadata, falloc, full)", NULL },
	{ "compression_type", BLK_OPT_STRING, "Compression method used for image cluster compression", "zlib" },
	{ "size", BLK_OPT_SIZE, "Virtual disk size", NULL },
	{ "compat", BLK_OPT_STRING, "Compatibility level (v2 [0.10] or v3 [1.1])", NULL },
	{ "backing_file", BLK_OPT_STRING, "File name of a base image", NULL },
	{ "backing_fmt", BLK_OPT_STRING, "Image format of the base image", NULL },
	{ "data_file", BLK_OPT_STRING, "File name of an external data file", NULL },
	{ "data_file_raw", BLK_OPT_BOOL, "The external data file must stay valid as a raw image", NULL },
	{ "lazy_refcounts", BLK_OPT_BOOL, "Postpone refcount updates", "off" },
	{ "refcount_bits", BLK_OPT_NUMBER, "Width of a reference count entry in bits", "16" },
	{ NULL, 0, NULL, NULL }
};

struct create {
	u64 size, cluster_size, refcount_bits;
	int version, prealloc, ctype;
	bool lazy, extl2, data_raw;
	char *data_file, *backing, *backing_fmt;
};

static int take_compat(struct blk_opts *o, struct create *c, struct err *e)
{
	char *v = blk_opts_take(o, "compat");
	int ret = 0;

	c->version = 3;
	if (!v)
		return 0;
	if (!strcmp(v, "0.10") || !strcmp(v, "v2"))
		c->version = 2;
	else if (strcmp(v, "1.1") && strcmp(v, "v3"))
		ret = err_set(e, EINVAL, "Parameter 'version' does not accept value '%s'", v);
	free(v);
	return ret;
}

static int take_all(struct blk_opts *o, struct create *c, struct err *e)
{
	static const char *const types[] = { "zlib", "zstd", NULL };
	int ret = take_compat(o, c, e);

	c->cluster_size = 65536;
	c->refcount_bits = 16;
	c->backing = blk_opts_take(o, "backing_file");
	c->backing_fmt = blk_opts_take(o, "backing_fmt");
	c->data_file = blk_opts_take(o, "data_file");
	ret = ret ?: blk_opts_take_size(o, "cluster_size", &c->cluster_size, e);
	ret = ret ?: blk_opts_take_u64(o, "refcount_bits", &c->refcount_bits, e);
	ret = ret ?: blk_opts_take_bool(o, "lazy_refcounts", &c->lazy, e);
	ret = ret ?: blk_opts_take_bool(o, "extended_l2", &c->extl2, e);
	ret = ret ?: blk_opts_take_bool(o, "data_file_raw", &c->data_raw, e);
	ret = ret ?: blk_opts_take_enum(o, "preallocation", blk_prealloc_names, &c->prealloc, e);
	return ret ?: blk_opts_take_enum(o, "compression_type", types, &c->ctype, e);
}

static int check_features(struct create *c, struct err *e)
{
	if (c->version < 3 && c->lazy)
		return err_set(e, EINVAL, "Lazy refcounts only supported with compatibility level 1.1 and above (use version=v3 or greater)");
	if (c->version < 3 && c->refcount_bits != 16)
		return err_set(e, EINVAL, "Different refcount widths than 16 bits require compatibility level 1.1 or above (use version=v3 or greater)");
	if (c->version < 3 && c->ctype)
		return err_set(e, EINVAL, "Non-zlib compression type is only supported with compatibility level 1.1 and above (use version=v3 or greater)");
	if (c->version < 3 && c->extl2)
		return err_set(e, EINVAL, "Extended L2 entries are only supported with compatibility level 1.1 and above (use version=v3 or greater)");
	if (c->version < 3 && c->data_file)
		return err_set(e, EINVAL, "External data files are only supported with compatibility level 1.1 and above (use version=v3 or greater)");
	if (c->data_raw && c->backing)
		return err_set(e, EINVAL, "Backing file and data-file-raw cannot be used at the same time");
	if (c->data_raw && !c->data_file)
		return err_set(e, EINVAL, "data-file-raw requires data-file");
	if (c->ctype && !blk_codec_present(BLK_CODEC_ZSTD))
		return err_set(e, ENOTSUP, "zstd compression is not part of this build");
	if (c->backing && c->prealloc && !c->extl2)
		return err_set(e, EINVAL, "Backing file and preallocation can only be used at the same time if extended_l2 is enabled");
	return 0;
}

static int check_options(struct create *c, struct err *e)
{
	u64 rb = c->refcount_bits;

	if (c->size % 512)
		return err_set(e, EINVAL, "Image size must be a multiple of 512 bytes");
	if (c->cluster_size < 512 || c->cluster_size > 2 * MiB || c->cluster_size & (c->cluster_size - 1))
		return err_set(e, EINVAL, "Cluster size must be a power of two between 512 and 2048k");
	if (c->extl2 && c->cluster_size < 16384)
		return err_set(e, EINVAL, "Extended L2 entries are only supported with cluster sizes of at least 16384 bytes");
	if (!rb || rb > 64 || rb & (rb - 1))
		return err_set(e, EINVAL, "Refcount width must be a power of two and may not exceed 64 bits");
	return check_features(c, e);
}

/* Header, refcount table and one block: the least that can be opened. */
static int write_base(struct blk_node *file, const struct create *c, struct err *e)
{
	u32 cs = (u32)c->cluster_size, order = (u32)__builtin_ctzll(c->refcount_bits);
	u32 bits = (u32)__builtin_ctz(cs);
	u8 *buf = calloc(3, cs);
	struct qcow2_header *h = (void *)buf;
	int ret;

	if (!buf)
		return -ENOMEM;
	*h = (struct qcow2_header){
		.magic = cpu_to_be32(QCOW2_MAGIC), .version = cpu_to_be32((u32)c->version),
		.cluster_bits = cpu_to_be32(bits), .l1_off = cpu_to_be64(0),
		.reftable_off = cpu_to_be64(cs), .reftable_clusters = cpu_to_be32(1),
		.refcount_order = cpu_to_be32(order), .header_length = cpu_to_be32(sizeof(*h)),
		.compat = cpu_to_be64(c->lazy ? COMPAT_LAZY : 0),
		.incompat = cpu_to_be64((c->extl2 ? INCOMPAT_EXTL2 : 0) |
					(c->ctype ? INCOMPAT_COMPRESSION : 0) |
					(c->data_file ? INCOMPAT_DATA_FILE : 0)),
		.autoclear = cpu_to_be64(c->data_raw ? AUTOCLEAR_RAW_DATA : 0),
		.compression_type = (u8)c->ctype,
	};
	if (c->version < 3)
		memset(buf + 72, 0, sizeof(*h) - 72);
	put_be64(buf + cs, 2ULL * cs);
	for (u32 i = 0; i < 3; i++) {	/* refcount 1 for the three clusters */
		u8 *rb = buf + 2ULL * cs;
		u64 w = c->refcount_bits;

		if (w < 8)
			rb[i * w / 8] |= (u8)(1 << (i * w % 8));
		else
			rb[(i + 1) * w / 8 - 1] = 1;
	}
	ret = blk_node_truncate(file, 0, false, 0, e);
	ret = ret ?: blk_node_pwrite(file, 0, buf, 3 * (size_t)cs);
	free(buf);
	return ret ? err_errno(e, -ret, "Could not write qcow2 header") : 0;
}

static int make_data_file(struct blk_graph *g, const struct create *c, struct blk_node *file,
			  struct blk_opts *open_opts, struct err *e)
{
	struct blk_opts none = { 0 };
	char *path;
	int ret;

	if (!c->data_file)
		return 0;
	ret = blk_combine_path(file->filename, c->data_file, &path);
	if (ret)
		return ret;
	ret = blk_create(g, "raw", path, &none, e);
	ret = ret ?: blk_opts_set(open_opts, "data-file.filename", path);
	ret = ret ?: blk_opts_set(open_opts, "data-file.driver", "file");
	if (!ret && !strncmp(path, "mem:", 4))
		ret = blk_opts_set(open_opts, "data-file.driver", "mem");
	free(path);
	return ret;
}

static int fill_names(struct qcow2 *q, const struct create *c)
{
	struct blk_node *n = q->n;

	if (c->data_file) {
		free(q->data_file_name);
		q->data_file_name = strdup(c->data_file);
		if (!q->data_file_name)
			return -ENOMEM;
	}
	if (c->backing && !(n->backing_name = strdup(c->backing)))
		return -ENOMEM;
	if (c->backing_fmt && !(n->backing_fmt = strdup(c->backing_fmt)))
		return -ENOMEM;
	return 0;
}

static int finish(struct blk_node *n, const struct create *c, struct blk_opts *o, struct err *e)
{
	struct qcow2 *q = n->priv;
	int ret = fill_names(q, c);

	pthread_mutex_lock(&q->lock);
	ret = ret ?: qcow2_crypto_create(q, o, e);
	ret = ret ?: qcow2_write_header(q, e);
	pthread_mutex_unlock(&q->lock);
	if (!ret && !c->size)
		return 0;
	return ret ?: blk_node_truncate(n, c->size, false, c->prealloc, e);
}

int qcow2_create(struct blk_graph *g, struct blk_node *file, u64 size, struct blk_opts *o,
		 struct err *e)
{
	struct create c = { .size = ALIGN_UP(size, 512) };
	struct blk_opts oo = { 0 };
	struct blk_node *n = NULL;
	int ret = take_all(o, &c, e);

	ret = ret ?: check_options(&c, e);
	ret = ret ?: write_base(file, &c, e);
	ret = ret ?: make_data_file(g, &c, file, &oo, e);
	ret = ret ?: blk_opts_set(&oo, "driver", "qcow2");
	ret = ret ?: blk_opts_set(&oo, "file", blk_node_name(file));
	if (ret)
		goto out;
	ret = blk_open(g, NULL, &oo, BLK_O_RDWR | BLK_O_NO_BACKING | BLK_O_NO_FLUSH, &n, e);
	ret = ret ?: finish(n, &c, o, e);
	if (n && ret)
		blk_unref(n);
	else if (n)
		ret = blk_unref(n);
out:
	blk_opts_free(&oo);
	free(c.data_file);
	free(c.backing);
	free(c.backing_fmt);
	return ret;
}

/* ---- measure ---- */

/* Metadata of an image with @size bytes of data, all refcounts 1. */
static u64 total_size(u64 data_clusters, u64 virt, const struct create *c)
{
	u64 cs = c->cluster_size, es = c->extl2 ? 16 : 8;
	u64 l2n = DIV_ROUND_UP(virt, cs), l2 = DIV_ROUND_UP(l2n * es, cs), l1 = DIV_ROUND_UP(l2 * 8, cs);
	u64 meta = 1 + l2 + l1, all = data_clusters + meta, blocks = 0, table = 0;

	for (int i = 0; i < 64; i++) {
		u64 b = DIV_ROUND_UP((all + blocks + table) * c->refcount_bits, cs * 8);
		u64 t = DIV_ROUND_UP(b * 8, cs);

		if (b == blocks && t == table)
			break;
		blocks = b;
		table = t;
	}
	return (all + blocks + table) * cs;
}

static int count_data(struct blk_node *src, u64 cs, u64 *clusters)
{
	u64 size = blk_length(src), off = 0, data = 0;

	while (off < size) {
		struct blk_status st;
		u64 last;
		int ret = blk_status_chain(src, NULL, off, size - off, &st);

		if (ret)
			return ret;
		if (st.flags & BLK_ST_ZERO) {
			off += st.len;
		} else if (st.flags & BLK_ST_DATA || st.flags & BLK_ST_ALLOCATED) {
			last = ALIGN_UP(off + st.len, cs);
			data += last - ALIGN_DOWN(off, cs);
			off = MAX(last, off + st.len);
		} else {
			off += st.len;
		}
	}
	*clusters = data / cs;
	return 0;
}

/* Room for the persistent bitmaps of @src, all of their bits stored. */
static int measure_bitmaps(struct blk_node *src, u64 cs, struct blk_measure *m)
{
	struct blk_bitmap *v = NULL;
	u64 dir = 0;
	int n;

	while (src && !src->drv->bitmaps && src->drv->flags & BLK_DRV_FILTER && strcmp(src->drv->name, "raw"))
		src = src->file;
	if (!src || !src->drv->bitmaps || ((struct qcow2 *)src->priv)->version < 3)
		return 0;
	n = src->drv->bitmaps->list(src, &v);
	if (n < 0)
		return n;
	for (int i = 0; i < n; i++) {
		u64 bits = DIV_ROUND_UP(blk_length(src), v[i].granularity);
		u64 clusters = DIV_ROUND_UP(DIV_ROUND_UP(bits, 8), cs);

		m->bitmaps += clusters * cs + ALIGN_UP(clusters * 8, cs);
		dir += ALIGN_UP(24 + strlen(v[i].name), 8);
	}
	m->bitmaps += ALIGN_UP(dir, cs);
	m->has_bitmaps = true;
	free(v);
	return 0;
}

int qcow2_measure(struct blk_opts *o, struct blk_node *src, struct blk_measure *m, struct err *e)
{
	struct create c = { 0 };
	u64 clusters = 0, all, bytes, luks = 0;
	int ret = take_all(o, &c, e);

	ret = ret ?: qcow2_crypto_measure(o, &luks, e);
	ret = ret ?: blk_opts_take_size(o, "size", &c.size, e);
	if (!ret && src)
		c.size = blk_length(src);
	c.size = ALIGN_UP(c.size, 512);
	ret = ret ?: check_options(&c, e);
	if (!ret && c.size / c.cluster_size * (c.extl2 ? 16 : 8) / c.cluster_size > MAX_L1_BYTES / 8)
		ret = err_set(e, EINVAL, "The image size is too large (try using a larger cluster size)");
	if (!ret && src)
		ret = count_data(src, c.cluster_size, &clusters);
	if (ret)
		goto out;
	luks = ALIGN_UP(luks, c.cluster_size);
	all = DIV_ROUND_UP(c.size, c.cluster_size);
	bytes = total_size(all, c.size, &c);
	m->fully_allocated = bytes + luks;
	if (c.prealloc == BLK_PREALLOC_FALLOC || c.prealloc == BLK_PREALLOC_FULL)
		clusters = all;
	if (c.backing && src)	/* how much of its chain the new image shares is not known: nothing */
		clusters = all;
	m->required = m->fully_allocated - (all - clusters) * c.cluster_size;
	if (c.version >= 3)
		ret = measure_bitmaps(src, c.cluster_size, m);
out:
	free(c.data_file);
	free(c.backing);
	free(c.backing_fmt);
	return ret;
}
