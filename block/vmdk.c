/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMDK of hosted products (VMware's Virtual Disk Format 5.0): one file with
 * embedded descriptor, a grain directory, grain tables, grains. Reads
 * monolithicSparse and streamOptimized, writes monolithicSparse. Descriptors
 * that name other files are told apart and refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "block/int.h"
#include "json.h"

#define VMDK_MAGIC	0x564d444bU	/* "KDMV" read as little endian */
#define F_NEWLINE	1U
#define F_ZERO_GRAIN	4U
#define F_COMPRESSED	0x10000U
#define F_MARKERS	0x20000U
#define GD_AT_END	~0ULL
#define NO_ENTRY	0xffffffffU

struct vmdk_header {
	__le32 magic, version, flags;
	__le64 capacity, grain, desc_off, desc_size;
	__le32 gtes_per_gt;
	__le64 rgd_off, gd_off, overhead;
	u8 unclean, nl[4];
	__le16 compress;
	u8 pad[433];
} __packed;
_Static_assert(sizeof(struct vmdk_header) == 512, "VMDK header");

struct vmdk {
	pthread_mutex_t lock;
	struct blk_mcache *tables;
	u64 gd_off, rgd_off;		/* bytes */
	u64 gts;			/* grain tables */
	u32 gtes, grain;		/* entries of a table, bytes of a grain */
	u32 flags;
	u64 end;			/* where the next grain goes */
	char type[32];
	u32 cid, parent_cid;
};

static int get32(struct vmdk *v, u64 at, u32 *out)
{
	void *p;
	int ret = blk_mcache_get(v->tables, ALIGN_DOWN(at, 512), true, &p);

	if (ret)
		return ret;
	*out = get_le32((u8 *)p + at % 512);
	blk_mcache_put(v->tables, p);
	return 0;
}

static int set32(struct vmdk *v, u64 at, u32 val)
{
	void *p;
	int ret = blk_mcache_get(v->tables, ALIGN_DOWN(at, 512), true, &p);

	if (ret)
		return ret;
	put_le32((u8 *)p + at % 512, val);
	blk_mcache_dirty(v->tables, p);
	blk_mcache_put(v->tables, p);
	return 0;
}

/* File offset of grain @i's entry in the table below @gd; 0: no table. */
static int entry_at(struct vmdk *v, u64 gd, u64 i, u64 *at)
{
	u32 gt;
	int ret = get32(v, gd + i / v->gtes * 4, &gt);

	*at = !ret && gt && gt != NO_ENTRY ? (u64)gt * 512 + i % v->gtes * 4 : 0;
	return ret;
}

static int grain_of(struct vmdk *v, u64 i, u32 *gte)
{
	u64 at;
	int ret;

	*gte = 0;
	if (i / v->gtes >= v->gts)
		return 0;
	ret = entry_at(v, v->gd_off, i, &at);
	return ret ?: at ? get32(v, at, gte) : 0;
}

static enum blk_kind kind_of(const struct vmdk *v, u32 gte)
{
	if (!gte)
		return BLK_HOLE;
	if (gte == 1 && v->flags & F_ZERO_GRAIN)
		return BLK_ZERO;
	return v->flags & F_COMPRESSED ? BLK_COMPRESSED : BLK_DATA;
}

/* A compressed grain: 12 bytes of marker (sector number, length) before the stream. */
static int map_compressed(struct blk_node *n, struct vmdk *v, u32 gte, struct blk_extent *x)
{
	u64 at = (u64)gte * 512;
	u8 m[12];
	int ret = blk_node_pread(n->file, at, m, 12);
	u32 len = get_le32(m + 8);

	if (ret)
		return ret;
	if (!(v->flags & F_MARKERS)) {
		x->host = at;
		x->clen = v->grain * 2;
	} else {
		if (!len || len > 2 * v->grain)
			return -EIO;
		x->host = at + 12;
		x->clen = len;
	}
	x->codec = BLK_CODEC_ZLIB;
	x->unit_off = x->off;
	x->unit_len = v->grain;
	return 0;
}

static int map_locked(struct blk_node *n, struct vmdk *v, u64 off, u64 len, struct blk_extent *x)
{
	u64 i = off / v->grain, first = i;
	u32 gte, g;
	int ret = grain_of(v, i, &gte);

	if (ret)
		return ret;
	x->kind = kind_of(v, gte);
	x->off = first * v->grain;
	x->node = n->file;
	x->host = (u64)gte * 512;
	if (x->kind == BLK_COMPRESSED) {
		x->len = v->grain;
		return map_compressed(n, v, gte, x);
	}
	x->flags = x->kind == BLK_DATA ? BLK_X_IN_PLACE : 0;
	for (i++; i * v->grain - off < len && i - first < 4096; i++) {
		if (grain_of(v, i, &g) || kind_of(v, g) != x->kind)
			break;
		if (x->kind == BLK_DATA && (u64)g * 512 != x->host + (i - first) * v->grain)
			break;
	}
	x->len = (i - first) * v->grain;
	return 0;
}

static int vmdk_map(struct blk_node *n, u64 off, u64 len, struct blk_extent *x)
{
	struct vmdk *v = n->priv;
	int ret;

	pthread_mutex_lock(&v->lock);
	ret = map_locked(n, v, off, len, x);
	pthread_mutex_unlock(&v->lock);
	return ret;
}

static int vmdk_alloc(struct blk_node *n, u64 off, u64 len, struct blk_alloc *a)
{
	struct vmdk *v = n->priv;
	int ret;

	pthread_mutex_lock(&v->lock);
	ret = v->end / 512 >= NO_ENTRY ? -EFBIG : blk_node_truncate(n->file, v->end + v->grain, false, 0, NULL);
	a->host = v->end;
	if (!ret)
		v->end += v->grain;
	pthread_mutex_unlock(&v->lock);
	a->priv[0] = off / v->grain;
	a->off = a->priv[0] * v->grain;
	a->len = v->grain;
	a->node = n->file;
	a->fresh = a->zeroed = true;
	return ret;
}

static int vmdk_commit(struct blk_node *n, struct blk_alloc *a)
{
	struct vmdk *v = n->priv;
	u64 gds[2] = { v->gd_off, v->rgd_off };
	int ret = 0;

	pthread_mutex_lock(&v->lock);
	blk_mcache_flush_first(v->tables);
	for (int k = 0; !ret && k < 2; k++) {
		u64 at;

		if (!gds[k])
			continue;
		ret = entry_at(v, gds[k], a->priv[0], &at);
		if (!ret && at)
			ret = set32(v, at, (u32)(a->host / 512));
		else if (!ret && !k)
			ret = -EIO;	/* a sparse directory, which we never make */
	}
	pthread_mutex_unlock(&v->lock);
	return ret;
}

static int vmdk_flush(struct blk_node *n)
{
	struct vmdk *v = n->priv;
	int ret;

	pthread_mutex_lock(&v->lock);
	ret = blk_mcache_write(v->tables);
	pthread_mutex_unlock(&v->lock);
	return ret;
}

/* ---- opening ---- */

static const char *line_value(const char *desc, const char *key)
{
	size_t k = strlen(key);

	for (const char *p = desc; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL)
		if (!strncmp(p, key, k) && (p[k] == '=' || p[k] == ' '))
			return p + k + strspn(p + k, "= \"");
	return NULL;
}

static int read_descriptor(struct blk_node *n, struct vmdk *v, u64 off, u64 len, struct err *e)
{
	char *d;
	const char *t;
	int ret;

	if (!off || !len)
		return 0;
	len = MIN(len, 64 * KiB);
	d = calloc(1, len + 1);
	if (!d)
		return -ENOMEM;
	ret = blk_node_pread(n->file, off, d, len);
	t = line_value(d, "createType");
	if (t)
		snprintf(v->type, sizeof(v->type), "%.*s", (int)strcspn(t, "\"\r\n"), t);
	t = line_value(d, "CID");
	v->cid = t ? (u32)strtoul(t, NULL, 16) : 0;
	t = line_value(d, "parentCID");
	v->parent_cid = t ? (u32)strtoul(t, NULL, 16) : NO_ENTRY;
	t = line_value(d, "parentFileNameHint");
	if (t && v->parent_cid != NO_ENTRY)
		n->backing_name = strndup(t, strcspn(t, "\"\r\n"));
	free(d);
	return ret ? err_errno(e, -ret, "Could not read the descriptor") : 0;
}

static int read_header(struct blk_node *n, struct vmdk *v, struct vmdk_header *h, struct err *e)
{
	u64 len = blk_length(n->file), cap, grain, per;
	int ret = blk_node_pread(n->file, 0, h, sizeof(*h));

	if (ret)
		return err_errno(e, -ret, "Could not read the VMDK header");
	if (le32_to_cpu(h->magic) != VMDK_MAGIC)
		return err_set(e, ENOTSUP, "Only VMDK images of one sparse file are supported");
	if (le64_to_cpu(h->gd_off) == GD_AT_END && len > 1536) {
		/* Stream-optimised: the real header is the footer, before the end-of-stream marker. */
		ret = blk_node_pread(n->file, ALIGN_DOWN(len, 512) - 1024, h, sizeof(*h));
		if (ret || le32_to_cpu(h->magic) != VMDK_MAGIC)
			return err_set(e, EINVAL, "The footer of the VMDK image is missing");
	}
	v->flags = le32_to_cpu(h->flags);
	if (le32_to_cpu(h->version) > 3)
		return err_set(e, ENOTSUP, "Unsupported VMDK version %u", le32_to_cpu(h->version));
	if (v->flags & F_COMPRESSED && le16_to_cpu(h->compress) > 1)
		return err_set(e, ENOTSUP, "Unsupported VMDK compression %u", le16_to_cpu(h->compress));
	cap = le64_to_cpu(h->capacity);
	grain = le64_to_cpu(h->grain);
	v->gtes = le32_to_cpu(h->gtes_per_gt);
	if (!grain || grain & (grain - 1) || grain > 0x200000)
		return err_set(e, EFBIG, "Invalid granularity, image may be corrupt");
	if (!v->gtes || v->gtes > 512)
		return err_set(e, EINVAL, "L2 table size too big");
	if (cap > (u64)INT64_MAX / 512)
		return err_set(e, EFBIG, "Image size too large");
	v->grain = (u32)grain * 512;
	n->size = cap * 512;
	per = grain * v->gtes;
	v->gts = DIV_ROUND_UP(cap, per);
	if (v->gts > 512 * MiB / 4)
		return err_set(e, EFBIG, "L1 size too big");
	if (le64_to_cpu(h->gd_off) > (u64)INT64_MAX / 1024 || le64_to_cpu(h->rgd_off) > (u64)INT64_MAX / 1024)
		return err_set(e, EINVAL, "Invalid grain directory offset");
	v->gd_off = le64_to_cpu(h->gd_off) * 512;
	v->rgd_off = v->flags & 2 ? le64_to_cpu(h->rgd_off) * 512 : 0;
	return 0;
}

static int vmdk_open(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	struct vmdk *v = n->priv;
	struct vmdk_header h;
	int ret = read_header(n, v, &h, e);
	u64 doff = le64_to_cpu(h.desc_off), dlen = le64_to_cpu(h.desc_size);

	if (!ret && doff < (u64)INT64_MAX / 512 && dlen < (u64)INT64_MAX / 512)
		ret = read_descriptor(n, v, doff * 512, dlen * 512, e);
	if (!ret && n->flags & BLK_O_RDWR && v->flags & F_COMPRESSED)
		ret = err_set(e, ENOTSUP, "Compressed VMDK images are read-only");
	if (ret)
		return ret;
	v->end = ALIGN_UP(blk_length(n->file), v->grain);
	v->tables = blk_mcache_new(n->file, 512, 2048);
	if (!v->tables)
		return -ENOMEM;
	pthread_mutex_init(&v->lock, NULL);
	n->lim.cluster = v->grain;
	return 0;
}

static void vmdk_close(struct blk_node *n)
{
	struct vmdk *v = n->priv;

	blk_mcache_free(v->tables);
	pthread_mutex_destroy(&v->lock);
}

static int vmdk_probe(const u8 *buf, size_t len, const char *filename)
{
	return len >= 512 && get_le32(buf) == VMDK_MAGIC ? 100 : 0;
}

static int vmdk_info(struct blk_node *n, struct json *j)
{
	struct vmdk *v = n->priv;
	int ret = json_set(j, "create-type", json_new_str(v->type));

	ret = ret ?: json_set(j, "cid", json_new_uint(v->cid));
	return ret ?: json_set(j, "parent-cid", json_new_uint(v->parent_cid));
}

/* ---- creating ---- */

static u64 write_gd(u8 *p, u64 gts, u64 first_gt)
{
	for (u64 i = 0; i < gts; i++)
		put_le32(p + i * 4, (u32)(first_gt + i * 4));
	return first_gt + gts * 4;
}

static int vmdk_create(struct blk_graph *g, struct blk_node *file, u64 size, struct blk_opts *o, struct err *e)
{
	static const char *const subs[] = { "monolithicSparse", NULL };
	static const char *const adapters[] = { "ide", "buslogic", "lsilogic", "legacyESX", NULL };
	int sub = 0, adapter = 0, ret = blk_opts_take_enum(o, "subformat", subs, &sub, e);
	u64 cap = ALIGN_UP(size, 512) / 512, gts = DIV_ROUND_UP(cap, 128 * 512), gd = DIV_ROUND_UP(gts * 4, 512);
	u64 rgd_off = 21, gd_off = rgd_off + gd + gts * 4, over = ALIGN_UP(gd_off + gd + gts * 4, 128);
	const char *base = strrchr(file->filename, '/');
	struct vmdk_header h = { .magic = cpu_to_le32(VMDK_MAGIC), .version = cpu_to_le32(1),
				 .flags = cpu_to_le32(F_NEWLINE | 2), .nl = { '\n', ' ', '\r', '\n' } };
	char desc[1024];
	u8 *t;

	ret = ret ?: blk_opts_take_enum(o, "adapter_type", adapters, &adapter, e);
	if (!ret && gts > 512 * MiB / 4)
		ret = err_set(e, EFBIG, "The image is too large for this format");
	if (ret)
		return ret;
	h.capacity = cpu_to_le64(cap);
	h.grain = cpu_to_le64(128);
	h.desc_off = cpu_to_le64(1);
	h.desc_size = cpu_to_le64(20);
	h.gtes_per_gt = cpu_to_le32(512);
	h.rgd_off = cpu_to_le64(rgd_off);
	h.gd_off = cpu_to_le64(gd_off);
	h.overhead = cpu_to_le64(over);
	snprintf(desc, sizeof(desc), "# Disk DescriptorFile\nversion=1\nCID=%08x\nparentCID=ffffffff\n"
		 "createType=\"monolithicSparse\"\n\n# Extent description\nRW %llu SPARSE \"%s\"\n\n"
		 "# The Disk Data Base\n#DDB\n\nddb.virtualHWVersion = \"4\"\nddb.geometry.cylinders = \"%llu\"\n"
		 "ddb.geometry.heads = \"16\"\nddb.geometry.sectors = \"63\"\nddb.adapterType = \"%s\"\n",
		 (u32)(cap * 2654435761u), cap, base ? base + 1 : file->filename, cap / (63 * 16), adapters[adapter]);
	t = blk_table_alloc(gd * 512 + 1, 1, GiB, &ret);
	if (!t)
		return ret;
	ret = blk_node_truncate(file, over * 512, false, 0, e);
	ret = ret ?: blk_node_pwrite(file, 0, &h, sizeof(h));
	ret = ret ?: blk_node_pwrite(file, 512, desc, strlen(desc));
	write_gd(t, gts, rgd_off + gd);
	ret = ret ?: blk_node_pwrite(file, rgd_off * 512, t, gd * 512);
	write_gd(t, gts, gd_off + gd);
	ret = ret ?: blk_node_pwrite(file, gd_off * 512, t, gd * 512);
	free(t);
	return ret;
}

static const struct blk_optdesc vmdk_opts[] = {
	{ "size", BLK_OPT_SIZE, "Virtual disk size", NULL },
	{ "adapter_type", BLK_OPT_STRING, "Virtual adapter type, can be one of ide (default), lsilogic, buslogic or legacyESX", NULL },
	{ "subformat", BLK_OPT_STRING, "VMDK flat extent format, monolithicSparse", NULL },
	{ NULL, 0, NULL, NULL }
};

static const struct blk_driver vmdk_driver = {
	.name = "vmdk", .flags = BLK_DRV_GROWS | BLK_DRV_BACKING, .priv_size = sizeof(struct vmdk),
	.create_opts = vmdk_opts, .probe = vmdk_probe, .open = vmdk_open, .close = vmdk_close, .create = vmdk_create,
	.map = vmdk_map, .alloc = vmdk_alloc, .commit = vmdk_commit, .flush = vmdk_flush, .info = vmdk_info,
};
BLOCK_FORMAT(vmdk_driver);
