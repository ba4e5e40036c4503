/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The qcow2 header and its extensions: reading with all checks, and writing. */
#include <stdio.h>
#include <string.h>
#include "qcow2.h"
#include "str.h"

/* ---- damage ---- */

int qcow2_corrupt(struct qcow2 *q, bool fatal, u64 off, const char *fmt, ...)
{
	bool write = q->n->flags & BLK_O_RDWR && fatal;
	char text[256];
	va_list ap;

	if (q->corrupt_told || q->n->flags & BLK_O_CHECK)
		return -EIO;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (write)
		fprintf(stderr, "qcow2: Marking image as corrupt: %s; further corruption events will be suppressed\n", text);
	else
		fprintf(stderr, "qcow2: Image is corrupt: %s; further non-fatal corruption events will be suppressed\n", text);
	q->corrupt_told = true;
	if (write && q->version >= 3)
		qcow2_set_incompat(q, INCOMPAT_CORRUPT, 0);
	return -EIO;
}

int qcow2_set_incompat(struct qcow2 *q, u64 set, u64 clear)
{
	u64 v = (q->incompat | set) & ~clear;
	u8 b[8];
	int ret;

	if (v == q->incompat)
		return 0;
	put_be64(b, v);
	ret = blk_node_flush(q->n->file);
	ret = ret ?: blk_node_pwrite(q->n->file, offsetof(struct qcow2_header, incompat), b, 8);
	ret = ret ?: blk_node_flush(q->n->file);
	if (!ret)
		q->incompat = v;
	return ret;
}

/* ---- extensions ---- */

static int bad(struct err *e, const char *text)
{
	return err_set(e, EINVAL, "%s", text);
}

static int keep_unknown(struct qcow2 *q, u32 type, const u8 *p, u32 len)
{
	struct qcow2_ext *x = malloc(sizeof(*x)), **at = &q->unknown;

	if (!x)
		return -ENOMEM;
	*x = (struct qcow2_ext){ type, len, malloc(len ? len : 1), NULL };
	if (!x->data) {
		free(x);
		return -ENOMEM;
	}
	memcpy(x->data, p, len);
	while (*at)
		at = &(*at)->next;
	*at = x;
	return 0;
}

static int ext_string(const u8 *p, u32 len, u32 max, char **out, const char *what, struct err *e)
{
	if (len > max)
		return err_set(e, EINVAL, "%s name too long (%u bytes)", what, len);
	free(*out);
	*out = strndup((const char *)p, len);
	return *out ? 0 : -ENOMEM;
}

static int ext_bitmaps(struct qcow2 *q, const u8 *p, u32 len, struct err *e)
{
	if (len != 24)
		return bad(e, "bitmaps_ext: Invalid extension length");
	if (!(q->autoclear & AUTOCLEAR_BITMAPS)) {
		if (q->version >= 3)
			fprintf(stderr, "a program lacking bitmap support modified this file, so all "
				"bitmaps are now considered inconsistent\n");
		return 0;
	}
	q->nb_bitmaps = get_be32(p);
	q->bitmaps_size = get_be64(p + 8);
	q->bitmaps_off = get_be64(p + 16);
	if (get_be32(p + 4))
		return bad(e, "bitmaps_ext: Reserved field is not zero");
	if (!q->nb_bitmaps)
		return bad(e, "found bitmaps extension with zero bitmaps");
	if (q->nb_bitmaps > 65535 || q->bitmaps_size > 65535ULL * 1024)
		return bad(e, "bitmaps_ext: too many dirty bitmaps");
	if (!q->bitmaps_off || q_in_cluster(q, q->bitmaps_off) ||
	    q->bitmaps_off > (u64)INT64_MAX - q->bitmaps_size)
		return bad(e, "bitmaps_ext: invalid bitmap directory offset");
	return 0;
}

static int one_ext(struct qcow2 *q, u32 type, const u8 *p, u32 len, struct err *e)
{
	switch (type) {
	case EXT_BACKING_FMT:
		return ext_string(p, len, 255, &q->n->backing_fmt, "ERROR: ext_backing_format: len=%u too large", e);
	case EXT_FEATURES:
		return 0;
	case EXT_DATA_FILE:
		return ext_string(p, len, 4095, &q->data_file_name, "data file", e);
	case EXT_CRYPTO:
		if (len != 16)
			return err_set(e, EINVAL, "CRYPTO header extension size %u, but expected size 16", len);
		if (q->crypt_method != 2)
			return bad(e, "CRYPTO header extension only expected with LUKS encryption method");
		q->crypto_off = get_be64(p);
		q->crypto_len = get_be64(p + 8);
		if (q_in_cluster(q, q->crypto_off))
			return bad(e, "Encryption header offset is not a multiple of cluster size");
		return 0;
	case EXT_BITMAPS:
		return ext_bitmaps(q, p, len, e);
	default:
		return keep_unknown(q, type, p, len);
	}
}

static int read_exts(struct qcow2 *q, u64 start, u64 end, struct err *e)
{
	u64 len = end > start ? end - start : 0, at = 0;
	u8 *buf;
	int ret;

	if (!len)
		return 0;
	buf = malloc(len);
	if (!buf)
		return -ENOMEM;
	ret = blk_node_pread(q->n->file, start, buf, len);
	while (!ret && at + 8 <= len) {
		u32 type = get_be32(buf + at), xl = get_be32(buf + at + 4);

		at += 8;
		if (type == EXT_END)
			break;
		if (xl > len - at) {
			ret = bad(e, "Header extension too large");
			break;
		}
		ret = one_ext(q, type, buf + at, xl, e);
		at = ALIGN_UP(at + xl, 8);
	}
	free(buf);
	return ret;
}

void qcow2_free_header(struct qcow2 *q)
{
	while (q->unknown) {
		struct qcow2_ext *x = q->unknown;

		q->unknown = x->next;
		free(x->data);
		free(x);
	}
	free(q->data_file_name);
	q->data_file_name = NULL;
}

/* ---- checks of the fixed part ---- */

static int check_table(struct qcow2 *q, u64 off, u64 entries, u64 size, u64 max, const char *name,
		       struct err *e)
{
	u64 bytes;

	if (mul_overflows(entries, size, &bytes) || bytes > max)
		return err_set(e, EFBIG, "%s too large", name);
	if (off > (u64)INT64_MAX - bytes || q_in_cluster(q, off))
		return err_set(e, EINVAL, "%s offset invalid", name);
	return 0;
}

/* Names of @unknown incompatible bits from the table @p of 48-byte entries (the last may be shorter). */
static void name_features(const u8 *p, u32 len, u64 *unknown, struct strbuf *b)
{
	u32 m;

	for (; len > 2; len -= m, p += m) {
		m = MIN(len, 48U);
		if (p[0] || p[1] > 63 || !(*unknown & (1ULL << p[1])))
			continue;
		strbuf_printf(b, "%s%.*s", b->len ? ", " : "", (int)m - 2, (const char *)p + 2);
		*unknown &= ~(1ULL << p[1]);
	}
}

static int unsupported(struct qcow2 *q, u64 unknown, struct err *e)
{
	u64 start = q->header_length, at = 0, len = q->cluster_size - start;
	struct strbuf b = STRBUF_INIT;
	u8 *buf = calloc(1, len ? len : 1);

	if (buf && !blk_node_pread(q->n->file, start, buf, len))
		while (at + 8 <= len) {
			u32 type = get_be32(buf + at), xl = get_be32(buf + at + 4);

			at += 8;
			if (type == EXT_END || xl > len - at)
				break;
			if (type == EXT_FEATURES)
				name_features(buf + at, xl, &unknown, &b);
			at = ALIGN_UP(at + xl, 8);
		}
	if (unknown)
		strbuf_printf(&b, "%sUnknown incompatible feature: %llx", b.len ? ", " : "", unknown);
	err_set(e, ENOTSUP, "Unsupported qcow2 feature(s): %s", strbuf_failed(&b) ? "" : b.s);
	strbuf_free(&b);
	free(buf);
	return -ENOTSUP;
}

static int check_features(struct qcow2 *q, struct err *e)
{
	u64 unknown = q->incompat & ~INCOMPAT_KNOWN;

	if (unknown)
		return unsupported(q, unknown, e);
	if (q->incompat & INCOMPAT_CORRUPT && q->n->flags & BLK_O_RDWR && !(q->n->flags & BLK_O_CHECK))
		return err_set(e, EACCES, "qcow2: Image is corrupt; cannot be opened read/write");
	if (q->refcount_order > 6)
		return bad(e, "Reference count entry width too large; may not exceed 64 bits");
	if (q->compression_type > 1)
		return bad(e, "qcow2: unknown compression type");
	if (!(q->incompat & INCOMPAT_COMPRESSION) != !q->compression_type)
		return bad(e, q->compression_type ?
			   "qcow2: Compression type incompatible feature bit must be set" :
			   "qcow2: Compression type incompatible feature bit must not be set");
	if (q->incompat & INCOMPAT_EXTL2 && q->cluster_bits < 14)
		return err_set(e, EINVAL, "qcow2: Cluster size too small for extended L2 entries");
	if (q->compression_type && !blk_codec_present(BLK_CODEC_ZSTD))
		return err_set(e, ENOTSUP, "zstd compression is not part of this build");
	return 0;
}

static int parse_fixed(struct qcow2 *q, const struct qcow2_header *h, struct err *e)
{
	q->version = be32_to_cpu(h->version);
	if (be32_to_cpu(h->magic) != QCOW2_MAGIC)
		return bad(e, "Image is not in qcow2 format");
	if (q->version < 2 || q->version > 3)
		return err_set(e, ENOTSUP, "Unsupported qcow2 version %u", q->version);
	q->cluster_bits = be32_to_cpu(h->cluster_bits);
	if (q->cluster_bits < 9 || q->cluster_bits > 21)
		return err_set(e, EINVAL, "Unsupported cluster size: 2^%u", q->cluster_bits);
	q->cluster_size = 1U << q->cluster_bits;
	q->size = be64_to_cpu(h->size);
	q->crypt_method = be32_to_cpu(h->crypt_method);
	q->l1_size = be32_to_cpu(h->l1_size);
	q->l1_off = be64_to_cpu(h->l1_off);
	q->reftable_off = be64_to_cpu(h->reftable_off);
	q->reftable_clusters = be32_to_cpu(h->reftable_clusters);
	q->nb_snapshots = be32_to_cpu(h->nb_snapshots);
	q->snapshots_off = be64_to_cpu(h->snapshots_off);
	q->refcount_order = 4;
	q->header_length = 72;
	if (q->version >= 3) {
		q->incompat = be64_to_cpu(h->incompat);
		q->compat = be64_to_cpu(h->compat);
		q->autoclear = be64_to_cpu(h->autoclear);
		q->refcount_order = be32_to_cpu(h->refcount_order);
		q->header_length = be32_to_cpu(h->header_length);
		if (q->header_length < 104)
			return bad(e, "qcow2 header too short");
		if (q->header_length > q->cluster_size)
			return bad(e, "qcow2 header exceeds cluster size");
		q->compression_type = q->header_length > 104 ? h->compression_type : 0;
	}
	return 0;
}

static int check_fixed(struct qcow2 *q, const struct qcow2_header *h, struct err *e)
{
	u64 boff = be64_to_cpu(h->backing_off), need;
	int ret;

	if (boff > q->cluster_size)
		return bad(e, "Invalid backing file offset");
	q->refcount_bits = q->refcount_order <= 6 ? 1U << q->refcount_order : 0;
	q->entry_size = q->incompat & INCOMPAT_EXTL2 ? 16 : 8;
	q->l2_bits = q->cluster_bits - (q->entry_size == 16 ? 4 : 3);
	q->sub_bits = q->entry_size == 16 ? 5 : 0;
	q->sub_size = q->cluster_size >> q->sub_bits;
	ret = check_features(q, e);
	if (ret)
		return ret;
	q->rb_bits = q->cluster_bits + 3 - q->refcount_order;
	if (q->crypt_method > 2)
		return err_set(e, EINVAL, "Unsupported encryption method %u", q->crypt_method);
	if (q->size > (u64)INT64_MAX)
		return bad(e, "Image size too big");
	if (!q->reftable_clusters && !(q->n->flags & BLK_O_CHECK))
		return bad(e, "Image does not contain a reference count table");
	ret = check_table(q, q->reftable_off, q->reftable_clusters, q->cluster_size,
			  MAX_REFTABLE_BYTES, "Reference count table", e);
	ret = ret ?: check_table(q, q->l1_off, q->l1_size, 8, MAX_L1_BYTES, "Active L1 table", e);
	ret = ret ?: check_table(q, q->snapshots_off, q->nb_snapshots, 40, 40ULL * MAX_SNAPSHOTS,
				 "Snapshot table", e);
	if (ret)
		return ret;
	/* Writing tables far beyond the end would make the file as long as a hostile header likes. */
	if (q->n->flags & BLK_O_RDWR && (q->l1_size ? q->l1_off : 0) > blk_length(q->n->file))
		return bad(e, "Active L1 table offset invalid");
	if (q->n->flags & BLK_O_RDWR && q->reftable_off > blk_length(q->n->file))
		return bad(e, "Reference count table offset invalid");
	need = DIV_ROUND_UP(q->size, 1ULL << (q->l2_bits + q->cluster_bits));
	if (need > MAX_L1_BYTES / 8)
		return err_set(e, EFBIG, "Image is too big");
	if (q->l1_size < need)
		return bad(e, "L1 table is too small");
	return 0;
}

int qcow2_read_header(struct qcow2 *q, struct err *e)
{
	struct qcow2_header h = { 0 };
	u64 boff, ext_end;
	u32 blen;
	int ret = blk_node_pread(q->n->file, 0, &h, sizeof(h));

	if (ret)
		return err_errno(e, -ret, "Could not read qcow2 header");
	ret = parse_fixed(q, &h, e);
	ret = ret ?: check_fixed(q, &h, e);
	if (ret)
		return ret;
	boff = be64_to_cpu(h.backing_off);
	blen = be32_to_cpu(h.backing_len);
	ext_end = boff ? boff : q->cluster_size;
	ret = read_exts(q, q->header_length, ext_end, e);
	if (ret || !boff)
		return ret;
	if (blen > MIN(1023ULL, q->cluster_size - boff))
		return bad(e, "Backing file name too long");
	q->n->backing_name = calloc(1, blen + 1);
	if (!q->n->backing_name)
		return -ENOMEM;
	ret = blk_node_pread(q->n->file, boff, q->n->backing_name, blen);
	if (!q->n->backing_name[0]) {
		free(q->n->backing_name);
		q->n->backing_name = NULL;
	}
	return ret ? err_errno(e, -ret, "Could not read backing file name") : 0;
}

/* ---- writing ---- */

static int put_ext(u8 *buf, u32 size, u32 *at, u32 type, const void *data, u32 len)
{
	if (*at + 8 + ALIGN_UP(len, 8U) > size)
		return -ENOSPC;
	put_be32(buf + *at, type);
	put_be32(buf + *at + 4, len);
	if (len)
		memcpy(buf + *at + 8, data, len);
	*at += 8 + ALIGN_UP(len, 8U);
	return 0;
}

static int put_features(u8 *buf, u32 size, u32 *at)
{
	static const struct { u8 type, bit; char name[46]; } f[] = {
		{ 0, 0, "dirty bit" }, { 0, 1, "corrupt bit" }, { 0, 2, "external data file" },
		{ 0, 3, "compression type" }, { 0, 4, "extended L2 entries" },
		{ 1, 0, "lazy refcounts" }, { 2, 0, "bitmaps" }, { 2, 1, "raw external data" },
	};

	_Static_assert(sizeof(f[0]) == 48, "feature name");
	return put_ext(buf, size, at, EXT_FEATURES, f, sizeof(f));
}

static int put_exts(struct qcow2 *q, u8 *buf, u32 *at, bool names)
{
	u32 size = q->cluster_size;
	u8 t[24] = { 0 };
	int ret = 0;

	if (q->n->backing_fmt)
		ret = put_ext(buf, size, at, EXT_BACKING_FMT, q->n->backing_fmt,
			      (u32)strlen(q->n->backing_fmt));
	if (!ret && q->has_data_file && q->data_file_name)
		ret = put_ext(buf, size, at, EXT_DATA_FILE, q->data_file_name,
			      (u32)strlen(q->data_file_name));
	if (!ret && q->crypto_off) {
		put_be64(t, q->crypto_off);
		put_be64(t + 8, q->crypto_len);
		ret = put_ext(buf, size, at, EXT_CRYPTO, t, 16);
	}
	if (!ret && names)
		ret = put_features(buf, size, at);
	if (!ret && q->nb_bitmaps) {
		put_be32(t, q->nb_bitmaps);
		put_be32(t + 4, 0);
		put_be64(t + 8, q->bitmaps_size);
		put_be64(t + 16, q->bitmaps_off);
		ret = put_ext(buf, size, at, EXT_BITMAPS, t, 24);
	}
	for (struct qcow2_ext *x = q->unknown; !ret && x; x = x->next)
		ret = put_ext(buf, size, at, x->type, x->data, x->len);
	return ret ?: put_ext(buf, size, at, EXT_END, NULL, 0);
}

static void fill_fixed(const struct qcow2 *q, struct qcow2_header *h)
{
	*h = (struct qcow2_header){
		.magic = cpu_to_be32(QCOW2_MAGIC), .version = cpu_to_be32(q->version),
		.cluster_bits = cpu_to_be32(q->cluster_bits), .size = cpu_to_be64(q->size),
		.crypt_method = cpu_to_be32(q->crypt_method), .l1_size = cpu_to_be32(q->l1_size),
		.l1_off = cpu_to_be64(q->l1_off), .reftable_off = cpu_to_be64(q->reftable_off),
		.reftable_clusters = cpu_to_be32(q->reftable_clusters),
		.nb_snapshots = cpu_to_be32(q->nb_snapshots),
		.snapshots_off = cpu_to_be64(q->snapshots_off),
		.incompat = cpu_to_be64(q->incompat), .compat = cpu_to_be64(q->compat),
		.autoclear = cpu_to_be64(q->autoclear),
		.refcount_order = cpu_to_be32(q->refcount_order),
		.header_length = cpu_to_be32(sizeof(*h)),
		.compression_type = q->compression_type,
	};
}

/* The first cluster; *@buf is cleared. -ENOSPC: it is too small for all of this. */
static int fill_header(struct qcow2 *q, u8 *buf, bool names)
{
	u32 at = q->version >= 3 ? sizeof(struct qcow2_header) : 72, len;
	struct qcow2_header h;
	int ret;

	memset(buf, 0, q->cluster_size);
	fill_fixed(q, &h);
	ret = put_exts(q, buf, &at, names);
	if (!ret && q->n->backing_name) {
		len = (u32)strlen(q->n->backing_name);
		if (len > MIN(1023U, q->cluster_size - at))
			return -ENOSPC;
		h.backing_off = cpu_to_be64(at);
		h.backing_len = cpu_to_be32(len);
		memcpy(buf + at, q->n->backing_name, len);
	}
	memcpy(buf, &h, q->version >= 3 ? sizeof(h) : 72);
	return ret;
}

int qcow2_write_header(struct qcow2 *q, struct err *e)
{
	u8 *buf = malloc(q->cluster_size);
	int ret;

	if (!buf)
		return -ENOMEM;
	/* The names of features are a courtesy: small clusters may have no room for them. */
	ret = fill_header(q, buf, q->version >= 3);
	if (ret == -ENOSPC)
		ret = fill_header(q, buf, false);
	if (!ret)
		ret = blk_node_pwrite(q->n->file, 0, buf, q->cluster_size);
	free(buf);
	return ret ? err_errno(e, -ret, "Could not update qcow2 header") : 0;
}
