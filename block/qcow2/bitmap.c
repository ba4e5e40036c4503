/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Persistent dirty bitmaps: a directory of bitmaps, each with a table of
 * clusters of bits. Changes write a new directory (and new tables) beside the
 * old and switch the header extension.
 */
#include <string.h>
#include "err_hint.h"
#include "json.h"
#include "bitmap.h"

#define MAX_BITS (512 * MiB)	/* bytes of a bitmap, as in QEMU */

void qcow2_bms_free(struct bm *v, u32 n)
{
	for (u32 i = 0; v && i < n; i++)
		free(v[i].extra);
	free(v);
}

u64 qcow2_bm_entry_len(const struct bm *b)
{
	return ALIGN_UP(24 + b->extra_len + strlen(b->name), 8);
}

static int parse_entry(struct qcow2 *q, const u8 *p, u64 left, struct bm *b, u64 *used, struct err *e)
{
	u32 name_len;
	u64 need;

	if (left < 24)
		return err_set(e, EINVAL, "Broken bitmap directory");
	b->table_off = get_be64(p);
	b->table_size = get_be32(p + 8);
	b->flags = get_be32(p + BM_FLAGS);
	b->gran_bits = p[17];
	name_len = get_be16(p + 18);
	b->extra_len = get_be32(p + 20);
	need = ALIGN_UP(24 + (u64)b->extra_len + name_len, 8);
	if (need > left || !name_len || name_len > 1023 || p[16] != 1 || b->gran_bits < 9 ||
	    b->gran_bits > 31 || q_in_cluster(q, b->table_off) || !b->table_off ||
	    b->table_size > MAX_BITS / q->cluster_size || b->flags & ~F_KNOWN)
		return err_set(e, EINVAL, "Broken bitmap directory");
	if (b->extra_len) {
		b->extra = malloc(b->extra_len);
		if (!b->extra)
			return -ENOMEM;
		memcpy(b->extra, p + 24, b->extra_len);
	}
	memcpy(b->name, p + 24 + b->extra_len, name_len);
	*used = need;
	return 0;
}

int qcow2_bms_read(struct qcow2 *q, struct bm **out, struct err *e)
{
	u64 len = q->bitmaps_size, at = 0, tables = 0;
	struct bm *v;
	u8 *dir;
	int ret = 0;

	v = calloc(q->nb_bitmaps ? q->nb_bitmaps : 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	if (!q->nb_bitmaps) {
		*out = v;
		return 0;
	}
	dir = len <= 64 * MiB ? malloc(len ? len : 1) : NULL;
	if (!dir)
		ret = -ENOMEM;
	ret = ret ?: blk_node_pread(q->n->file, q->bitmaps_off, dir, len);
	for (u32 i = 0; !ret && i < q->nb_bitmaps; i++) {
		u64 used = 0;

		ret = parse_entry(q, dir + at, len - at, &v[i], &used, e);
		at += used;
		tables += v[i].table_size * 8ULL;
		/* Each has its own place in the file: else a few bytes would be work for hours. */
		if (!ret && tables > blk_length(q->n->file))
			ret = err_set(e, EINVAL, "Broken bitmap directory: the tables are larger than the file");
	}
	free(dir);
	if (ret) {
		qcow2_bms_free(v, q->nb_bitmaps);
		return ret;
	}
	*out = v;
	return 0;
}

/* A new directory, then the header, then the old directory is freed. */
int qcow2_bms_write(struct qcow2 *q, const struct bm *v, u32 n, struct err *e)
{
	u64 old = q->bitmaps_off, old_len = q->nb_bitmaps ? q->bitmaps_size : 0, len = 0, at = 0, off = 0;
	u8 *dir;
	int ret;

	for (u32 i = 0; i < n; i++)
		len += qcow2_bm_entry_len(&v[i]);
	dir = calloc(1, len ? len : 1);
	if (!dir)
		return -ENOMEM;
	for (u32 i = 0; i < n; i++) {
		u8 *p = dir + at;

		put_be64(p, v[i].table_off);
		put_be32(p + 8, v[i].table_size);
		put_be32(p + BM_FLAGS, v[i].flags);
		p[16] = 1;
		p[17] = v[i].gran_bits;
		put_be16(p + 18, (u16)strlen(v[i].name));
		put_be32(p + 20, v[i].extra_len);
		if (v[i].extra_len)
			memcpy(p + 24, v[i].extra, v[i].extra_len);
		memcpy(p + 24 + v[i].extra_len, v[i].name, strlen(v[i].name));
		at += qcow2_bm_entry_len(&v[i]);
	}
	ret = n ? qcow2_alloc_exact(q, DIV_ROUND_UP(len, q->cluster_size), &off) : 0;
	ret = ret ?: qcow2_sync(q);
	if (n)
		ret = ret ?: blk_node_pwrite(q->n->file, off, dir, len);
	free(dir);
	ret = ret ?: blk_node_flush(q->n->file);
	if (ret)
		return err_errno(e, -ret, "Could not write the bitmap directory");
	q->nb_bitmaps = n;
	q->bitmaps_off = off;
	q->bitmaps_size = len;
	q->autoclear = n ? q->autoclear | AUTOCLEAR_BITMAPS : q->autoclear & ~AUTOCLEAR_BITMAPS;
	ret = qcow2_write_header(q, e);
	ret = ret ?: blk_node_flush(q->n->file);
	if (!ret && old_len)
		ret = qcow2_free_now(q, old, old_len);
	return ret ?: qcow2_sync(q);
}

/* ---- tables of bits ---- */

static u64 table_want(const struct qcow2 *q, u32 gran_bits)
{
	u64 bits = DIV_ROUND_UP(q->size, 1ULL << gran_bits);

	return DIV_ROUND_UP(DIV_ROUND_UP(bits, 8), q->cluster_size);
}

/* The clusters that the table names, zeros and ones alone apart. */
static int each_cluster(struct qcow2 *q, const struct bm *b, int (*fn)(void *opaque, u64 off, u64 len), void *opaque)
{
	u8 t[4096];
	int ret = 0;

	for (u64 i = 0; !ret && i < b->table_size; i += sizeof(t) / 8) {
		u64 n = MIN(b->table_size - i, sizeof(t) / 8);

		ret = blk_node_pread(q->n->file, b->table_off + i * 8, t, n * 8);
		for (u64 k = 0; !ret && k < n; k++)
			if (get_be64(t + k * 8) & L1_OFFSET_MASK)
				ret = fn(opaque, get_be64(t + k * 8) & L1_OFFSET_MASK, q->cluster_size);
	}
	return ret;
}

static int free_cluster(void *opaque, u64 off, u64 len)
{
	return qcow2_free_now(opaque, off, len);
}

int qcow2_bm_free_table(struct qcow2 *q, const struct bm *b)
{
	int ret = each_cluster(q, b, free_cluster, q);

	return ret ?: qcow2_free_now(q, b->table_off, b->table_size * 8ULL);
}

static int write_cluster(struct qcow2 *q, const u8 *bits, u64 len, u64 *entry)
{
	u64 off;
	u8 *c;
	int ret;

	*entry = 0;
	for (u64 i = 0; i < len; i++)
		if (bits[i])
			goto write;
	return 0;
write:
	ret = qcow2_alloc_exact(q, 1, &off);
	if (ret)
		return ret;
	c = calloc(1, q->cluster_size);
	if (!c)
		return -ENOMEM;
	memcpy(c, bits, len);
	ret = blk_node_pwrite(q->n->file, off, c, q->cluster_size);
	free(c);
	if (ret)
		qcow2_free_now(q, off, q->cluster_size);
	else
		*entry = off;
	return ret;
}

/* What a table that came to nothing had got; a refcount that cannot be changed leaks. */
static void drop_table(struct qcow2 *q, const u8 *t, u64 n, u64 off)
{
	for (u64 i = 0; i < n; i++)
		if (get_be64(t + i * 8))
			qcow2_free_now(q, get_be64(t + i * 8), q->cluster_size);
	if (off)
		qcow2_free_now(q, off, n * 8);
}

int qcow2_bm_new_table(struct qcow2 *q, struct bm *b, const u8 *bits, u64 nbits)
{
	u64 n = table_want(q, b->gran_bits), bytes = DIV_ROUND_UP(nbits, 8), off = 0;
	int ret;
	u8 *t;

	n = n ? n : 1;
	t = blk_table_alloc(n, 8, 64 * MiB, &ret);
	if (!t)
		return ret;
	for (u64 i = 0; !ret && bits && i < n && i * q->cluster_size < bytes; i++) {
		u64 entry;

		ret = write_cluster(q, bits + i * q->cluster_size,
				    MIN((u64)q->cluster_size, bytes - i * q->cluster_size), &entry);
		put_be64(t + i * 8, entry);
	}
	ret = ret ?: qcow2_alloc_exact(q, DIV_ROUND_UP(n * 8, q->cluster_size), &off);
	ret = ret ?: blk_node_pwrite(q->n->file, off, t, n * 8);
	if (ret) {
		drop_table(q, t, n, off);
	} else {
		b->table_off = off;
		b->table_size = (u32)n;
	}
	free(t);
	return ret;
}

int qcow2_bm_read_bits(struct qcow2 *q, const struct bm *b, u8 **out, u64 *nbits)
{
	u64 n = DIV_ROUND_UP(q->size, 1ULL << b->gran_bits), bytes = DIV_ROUND_UP(n, 8);
	int ret;
	u8 *bits = blk_table_alloc(bytes, 1, GiB, &ret);

	if (!bits)
		return ret;
	for (u64 i = 0; !ret && i < b->table_size && i * q->cluster_size < bytes; i++) {
		u64 e, len = MIN((u64)q->cluster_size, bytes - i * q->cluster_size);
		u8 t[8];

		ret = blk_node_pread(q->n->file, b->table_off + i * 8, t, 8);
		e = get_be64(t);
		if (ret)
			break;
		if (e & L1_OFFSET_MASK)
			ret = q_in_cluster(q, e & L1_OFFSET_MASK) ? -EINVAL :
			      blk_node_pread(q->n->file, e & L1_OFFSET_MASK, bits + i * q->cluster_size, len);
		else if (e & 1)
			memset(bits + i * q->cluster_size, 0xff, len);
	}
	if (ret) {
		free(bits);
		return ret;
	}
	*out = bits;
	*nbits = n;
	return 0;
}

/* ---- operations ---- */

static int find(const struct bm *v, u32 n, const char *name)
{
	for (u32 i = 0; i < n; i++)
		if (!strcmp(v[i].name, name))
			return (int)i;
	return -1;
}

/* The directory and the bitmap's place in it, with all stored that was recorded so far. */
static int load(struct qcow2 *q, const char *name, struct bm **v, int *i, struct err *e)
{
	int ret = qcow2_record_stop(q, e);

	ret = ret ?: qcow2_bms_read(q, v, e);

	if (ret)
		return ret;
	*i = find(*v, q->nb_bitmaps, name);
	if (*i >= 0)
		return 0;
	qcow2_bms_free(*v, q->nb_bitmaps);
	*v = NULL;
	return err_set(e, ENOENT, "Dirty bitmap '%s' not found", name);
}

static int bm_list(struct blk_node *n, struct blk_bitmap **out)
{
	struct qcow2 *q = n->priv;
	struct blk_bitmap *r;
	struct bm *v;
	int ret = qcow2_bms_read(q, &v, NULL);

	if (ret)
		return ret;
	r = calloc(q->nb_bitmaps ? q->nb_bitmaps : 1, sizeof(*r));
	for (u32 i = 0; r && i < q->nb_bitmaps; i++) {
		strcpy(r[i].name, v[i].name);
		r[i].granularity = 1ULL << v[i].gran_bits;
		r[i].in_use = v[i].flags & F_IN_USE && !qcow2_recording(q, v[i].name);
		r[i].enabled = v[i].flags & F_AUTO;
		r[i].count = ~0ULL;
	}
	qcow2_bms_free(v, q->nb_bitmaps);
	*out = r;
	return r ? (int)q->nb_bitmaps : -ENOMEM;
}

static int check_new(struct qcow2 *q, const struct bm *v, const char *name, u64 gran, struct err *e)
{
	if (q->version < 3)
		return err_set(e, ENOTSUP, "Cannot store dirty bitmaps in qcow2 v2 files");
	if (strlen(name) > 1023)
		return err_set(e, EINVAL, "Bitmap name is too long");
	if (find(v, q->nb_bitmaps, name) >= 0)
		return err_set(e, EEXIST, "Bitmap already exists: %s", name);
	if (gran < 512 || gran > 2 * GiB || gran & (gran - 1))
		return err_set(e, EINVAL, gran & (gran - 1) ? "Granularity must be power of 2" :
			       "Granularity is out of range (512 bytes to 2 GiB)");
	if (q->nb_bitmaps >= 65535)
		return err_set(e, EINVAL, "Maximum number of persistent bitmaps is already reached");
	return 0;
}

static int bm_add(struct blk_node *n, const char *name, u64 gran, bool enabled, struct err *e)
{
	struct qcow2 *q = n->priv;
	struct bm *v, *nv;
	u32 cnt = q->nb_bitmaps;
	int ret = qcow2_record_stop(q, e);

	ret = ret ?: qcow2_bms_read(q, &v, e);
	if (ret)
		return ret;
	if (!gran)
		gran = MAX(65536U, q->cluster_size);
	ret = check_new(q, v, name, gran, e);
	if (ret)
		goto out;
	nv = realloc(v, (cnt + 1) * sizeof(*v));
	if (!nv) {
		ret = -ENOMEM;
		goto out;
	}
	v = nv;
	v[cnt] = (struct bm){ .flags = enabled ? F_AUTO : 0, .gran_bits = (u8)__builtin_ctzll(gran) };
	strcpy(v[cnt].name, name);
	ret = qcow2_bm_new_table(q, &v[cnt], NULL, 0);
	ret = ret ?: qcow2_bms_write(q, v, cnt + 1, e);
out:
	qcow2_bms_free(v, cnt);
	return ret;
}

static int bm_remove(struct blk_node *n, const char *name, struct err *e)
{
	struct qcow2 *q = n->priv;
	struct bm *v, gone;
	int i, ret = load(q, name, &v, &i, e);
	u32 cnt = q->nb_bitmaps;

	if (ret)
		return ret;
	gone = v[i];
	memmove(&v[i], &v[i + 1], (cnt - (u32)i - 1) * sizeof(*v));
	ret = qcow2_bms_write(q, v, cnt - 1, e);
	ret = ret ?: qcow2_bm_free_table(q, &gone);
	free(gone.extra);
	qcow2_bms_free(v, cnt - 1);
	return ret ?: qcow2_sync(q);
}

static int replace(struct qcow2 *q, struct bm *v, int i, const u8 *bits, u64 nbits, struct err *e)
{
	struct bm old = v[i];
	int ret = qcow2_bm_new_table(q, &v[i], bits, nbits);

	ret = ret ?: qcow2_bms_write(q, v, q->nb_bitmaps, e);
	ret = ret ?: qcow2_bm_free_table(q, &old);
	return ret ?: qcow2_sync(q);
}

static int usable(const struct bm *b, struct err *e)
{
	if (!(b->flags & F_IN_USE))
		return 0;
	err_set(e, EINVAL, "Bitmap '%s' is inconsistent and cannot be used", b->name);
	err_hint(e, "Try block-dirty-bitmap-remove to delete this bitmap from disk");
	return -EINVAL;
}

static int bm_clear(struct blk_node *n, const char *name, struct err *e)
{
	struct qcow2 *q = n->priv;
	struct bm *v;
	int i, ret = load(q, name, &v, &i, e);

	if (ret)
		return ret;
	ret = usable(&v[i], e);
	ret = ret ?: replace(q, v, i, NULL, 0, e);
	qcow2_bms_free(v, q->nb_bitmaps);
	return ret;
}

static int bm_enable(struct blk_node *n, const char *name, bool on, struct err *e)
{
	struct qcow2 *q = n->priv;
	struct bm *v;
	int i, ret = load(q, name, &v, &i, e);

	if (ret)
		return ret;
	ret = usable(&v[i], e);
	if (!ret) {
		v[i].flags = on ? v[i].flags | F_AUTO : v[i].flags & ~F_AUTO;
		ret = qcow2_bms_write(q, v, q->nb_bitmaps, e);
	}
	qcow2_bms_free(v, q->nb_bitmaps);
	return ret;
}

static int bm_read(struct blk_node *n, const char *name, u8 **out, u64 *nbits, struct err *e)
{
	struct qcow2 *q = n->priv;
	struct bm *v;
	int i, ret = load(q, name, &v, &i, e);

	if (ret)
		return ret;
	ret = usable(&v[i], e);
	ret = ret ?: qcow2_bm_read_bits(q, &v[i], out, nbits);
	qcow2_bms_free(v, q->nb_bitmaps);
	return ret;
}

void qcow2_bm_merge_bits(u8 *to, u64 nto, u32 to_bits, const u8 *from, u64 nfrom, u64 gran)
{
	for (u64 i = 0; i < nfrom; i++) {
		u64 first, last;

		if (!(from[i / 8] >> (i % 8) & 1))
			continue;
		first = i * gran >> to_bits;
		last = ((i + 1) * gran - 1) >> to_bits;
		for (u64 k = first; k <= last && k < nto; k++)
			to[k / 8] |= (u8)(1 << (k % 8));
	}
}

/* One that records has its bits in memory, closing stores them; another one is written at once. */
static int bm_merge(struct blk_node *n, const char *name, const u8 *bits, u64 nbits, u64 gran,
		    struct err *e)
{
	struct qcow2 *q = n->priv;
	struct bm *v;
	u8 *mine = NULL;
	u64 nmine;
	int i, ret;

	if (qcow2_record_merge(q, name, bits, nbits, gran))
		return 0;
	ret = load(q, name, &v, &i, e);
	if (ret)
		return ret;
	ret = usable(&v[i], e);
	if (!ret && v[i].flags & F_AUTO)
		ret = qcow2_record_start(n);
	if (ret || qcow2_record_merge(q, name, bits, nbits, gran))
		goto out;
	ret = qcow2_bm_read_bits(q, &v[i], &mine, &nmine);
	if (!ret) {
		qcow2_bm_merge_bits(mine, nmine, v[i].gran_bits, bits, nbits, gran);
		ret = replace(q, v, i, mine, nmine, e);
	}
	free(mine);
out:
	qcow2_bms_free(v, q->nb_bitmaps);
	return ret;
}

const struct blk_bitmap_ops qcow2_bitmap_ops = {
	.list = bm_list, .add = bm_add, .remove = bm_remove, .clear = bm_clear,
	.enable = bm_enable, .read = bm_read, .merge = bm_merge,
};

/* ---- for info and check ---- */

static int info_one(const struct bm *b, struct json *arr)
{
	struct json *o = json_new(JSON_OBJECT), *f = json_new(JSON_ARRAY);
	int ret = o && f ? 0 : -ENOMEM;

	if (!ret && b->flags & F_IN_USE)
		ret = json_append(f, json_new_str("in-use"));
	if (!ret && b->flags & F_AUTO)
		ret = json_append(f, json_new_str("auto"));
	if (ret) {
		json_free(f);
		json_free(o);
		return ret;
	}
	ret = json_set(o, "flags", f);
	ret = ret ?: json_set(o, "name", json_new_str(b->name));
	ret = ret ?: json_set(o, "granularity", json_new_uint(1ULL << b->gran_bits));
	if (ret) {
		json_free(o);
		return ret;
	}
	return json_append(arr, o);
}

int qcow2_bitmaps_info(struct qcow2 *q, struct json *j)
{
	struct bm *v;
	struct json *arr = json_new(JSON_ARRAY);
	int ret = arr ? qcow2_bms_read(q, &v, NULL) : -ENOMEM;

	if (ret) {
		json_free(arr);
		return ret;
	}
	for (u32 i = 0; !ret && i < q->nb_bitmaps; i++)
		ret = info_one(&v[i], arr);
	qcow2_bms_free(v, q->nb_bitmaps);
	if (ret) {
		json_free(arr);
		return ret;
	}
	return json_set(j, "bitmaps", arr);
}

int qcow2_bitmaps_walk(struct qcow2 *q, int (*cb)(void *opaque, u64 off, u64 len), void *opaque)
{
	struct bm *v;
	int ret;

	if (!q->nb_bitmaps)
		return 0;
	ret = cb(opaque, q->bitmaps_off, q->bitmaps_size);
	if (ret || qcow2_bms_read(q, &v, NULL))
		return ret;
	for (u32 i = 0; !ret && i < q->nb_bitmaps; i++) {
		ret = cb(opaque, v[i].table_off, v[i].table_size * 8ULL);
		ret = ret ?: each_cluster(q, &v[i], cb, opaque);
	}
	qcow2_bms_free(v, q->nb_bitmaps);
	return ret;
}
