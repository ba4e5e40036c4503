/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VHD, called vpc by QEMU (Microsoft's specification 1.0): fixed images (data
 * and a footer) and dynamic ones (footer copy, header, table, blocks that each
 * start with a sector bitmap, footer at the end). Differencing images, where
 * a clear bit means the parent's sector, are read.
 */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include "bat.h"
#include "foreign.h"

#define VHD_EPOCH	946684800	/* 2000-01-01 */
#define MAX_CHS		(65535ULL * 16 * 255)
#define MAX_SECTORS	0xff000000ULL

struct vhd_footer {
	char creator[8];
	__be32 features, version;
	__be64 data_offset;
	__be32 timestamp;
	char creator_app[4];
	__be16 major, minor;
	char creator_os[4];
	__be64 orig_size, current_size;
	__be16 cyls;
	u8 heads, secs;
	__be32 type, checksum;
	u8 uuid[16];
	u8 in_saved_state, pad[427];
} __packed;
_Static_assert(sizeof(struct vhd_footer) == 512, "VHD footer");

struct vhd_dyn {
	char magic[8];
	__be64 data_offset, table_offset;
	__be32 version, max_entries, block_size, checksum;
	u8 parent_uuid[16];
	__be32 parent_timestamp, reserved;
	u8 parent_name[512], locators[192], pad[256];
} __packed;
_Static_assert(sizeof(struct vhd_dyn) == 1024, "VHD header");

struct vpc {
	struct blk_bat bat;
	struct vhd_footer footer;
	bool fixed, diff;
	u32 bitmap;			/* bytes before a block's data */
	u8 parent[16];			/* its UUID */
};

static u32 checksum(const void *p, size_t n)
{
	u32 sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += ((const u8 *)p)[i];
	return ~sum;
}

/* The sum is taken with the field itself as zero. */
static bool sum_ok(const void *p, size_t n, size_t at)
{
	u8 copy[1024];

	memcpy(copy, p, n);
	memset(copy + at, 0, 4);
	return checksum(copy, n) == get_be32((const u8 *)p + at);
}

static int vpc_decode(struct blk_bat *b, u32 raw, u64 *host)
{
	struct vpc *v = b->n->priv;

	*host = raw == 0xffffffff ? 0 : (u64)raw * 512 + v->bitmap;
	return 0;
}

static int vpc_reserve(struct blk_bat *b, u64 index, u32 *raw, u64 *host)
{
	struct vpc *v = b->n->priv;
	u64 at = b->end, next = at + v->bitmap + b->block;
	u8 *map;
	int ret;

	if (at / 512 > 0xfffffffeULL)
		return -EFBIG;
	/* The footer goes to the new end before the old one is overwritten. */
	ret = blk_node_pwrite(b->n->file, next, &v->footer, 512);
	ret = ret ?: blk_node_flush(b->n->file);
	map = malloc(v->bitmap);
	if (!map)
		return -ENOMEM;
	memset(map, 0xff, v->bitmap);
	ret = ret ?: blk_node_pwrite(b->n->file, at, map, v->bitmap);
	free(map);
	/* Where the old footer stood, the block must read as zeros. */
	ret = ret ?: blk_node_zero(b->n->file, at + v->bitmap, MIN(512U, b->block), 0);
	if (ret)
		return ret;
	*raw = (u32)(at / 512);
	*host = at + v->bitmap;
	b->end = next;
	return 0;
}

/* Where the parent is: a relative path for Windows, else the name alone. */
static int read_parent(struct blk_node *n, struct vpc *v, const struct vhd_dyn *d, struct err *e)
{
	char path[1024];
	u8 raw[1024];
	int ret = 0;

	memcpy(v->parent, d->parent_uuid, 16);
	blk_utf16_to_utf8(d->parent_name, sizeof(d->parent_name), true, path, sizeof(path));
	if (*path)
		ret = blk_set_foreign_backing(n, path, false, "vpc");
	for (int i = 0; !ret && i < 8; i++) {
		const u8 *l = d->locators + i * 24;
		u32 len = get_be32(l + 8);
		u64 at = get_be64(l + 16);

		if (memcmp(l, "W2ru", 4) || !len || len > sizeof(raw) || at > (u64)INT64_MAX / 2)
			continue;
		ret = blk_node_pread(n->file, at, raw, len);
		if (ret)
			break;
		blk_utf16_to_utf8(raw, len, false, path, sizeof(path));
		if (*path)
			ret = blk_set_foreign_backing(n, path, true, "vpc");
	}
	return ret ? err_errno(e, -ret, "Could not read the parent's name") : 0;
}

static int read_dynamic(struct blk_node *n, struct vpc *v, struct err *e)
{
	struct vhd_dyn d;
	u64 at = be64_to_cpu(v->footer.data_offset), table, entries, bs;
	int ret = at > (u64)INT64_MAX - 1024 ? -EINVAL : blk_node_pread(n->file, at, &d, sizeof(d));

	if (ret)
		return err_set(e, -ret, "Could not read the VHD header");
	if (memcmp(d.magic, "cxsparse", 8))
		return err_set(e, EINVAL, "Invalid header magic");
	bs = be32_to_cpu(d.block_size);
	if (bs < 512 || bs & (bs - 1) || bs > GiB)
		return err_set(e, EINVAL, "Invalid block size %llu", bs);
	entries = be32_to_cpu(d.max_entries);
	table = be64_to_cpu(d.table_offset);
	if (entries > (u64)INT32_MAX / 4)
		return err_set(e, EINVAL, "Max Table Entries too large (%llu)", entries);
	if (!sum_ok(&d, sizeof(d), offsetof(struct vhd_dyn, checksum)))
		return err_set(e, EINVAL, "Incorrect header checksum");
	if (table > (u64)INT64_MAX - entries * 4 || table % 512)
		return err_set(e, EINVAL, "Invalid block table offset");
	if (entries < DIV_ROUND_UP(n->size, bs))
		return err_set(e, EINVAL, "Page Allocation Table too small");
	v->bitmap = (u32)ALIGN_UP(bs / 512 / 8, 512);
	v->bat = (struct blk_bat){ .table_off = table, .entries = entries, .block = (u32)bs, .big_endian = true,
				   .decode = vpc_decode, .reserve = vpc_reserve };
	v->bat.end = blk_length(n->file) < 512 ? 0 : ALIGN_DOWN(blk_length(n->file) - 512, 512);
	v->bat.end = MAX(v->bat.end, ALIGN_UP(table + entries * 4, 512));
	n->lim.cluster = (u32)bs;
	return v->diff ? read_parent(n, v, &d, e) : 0;
}

static int read_footer(struct blk_node *n, struct vpc *v, struct err *e)
{
	u64 len = blk_length(n->file);
	int ret = blk_node_pread(n->file, 0, &v->footer, 512);

	if (ret)
		return err_errno(e, -ret, "Unable to read VHD header");
	if (memcmp(v->footer.creator, "conectix", 8)) {
		if (len < 512)
			return err_set(e, EINVAL, "File too small for a VHD header");
		ret = blk_node_pread(n->file, len - 512, &v->footer, 512);
		if (ret || memcmp(v->footer.creator, "conectix", 8))
			return err_set(e, EINVAL, "invalid VPC image");
		v->fixed = true;
	}
	if (!sum_ok(&v->footer, 512, offsetof(struct vhd_footer, checksum)))
		return err_set(e, EINVAL, "Incorrect header checksum");
	return 0;
}

/* Virtual PC and QEMU trust the geometry, everybody else the size. */
static u64 disk_size(const struct vhd_footer *f)
{
	u64 chs = (u64)be16_to_cpu(f->cyls) * f->heads * f->secs;
	static const char *const by_size[] = { "win ", "d2v ", "tap\0", "CTXS", "qem2", "vmbx" };

	if (chs == MAX_CHS)
		return be64_to_cpu(f->current_size);
	for (size_t i = 0; i < ARRAY_SIZE(by_size); i++)
		if (!memcmp(f->creator_app, by_size[i], 4))
			return be64_to_cpu(f->current_size);
	return chs * 512;
}

static int vpc_open(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	static const char *const modes[] = { "chs", "current_size", NULL };
	struct vpc *v = n->priv;
	int mode = -1, ret = blk_opts_take_enum(o, "force_size_calc", modes, &mode, e);

	ret = ret ?: read_footer(n, v, e);
	if (ret)
		return ret;
	n->size = ALIGN_DOWN(disk_size(&v->footer), 512);
	if (mode >= 0)
		n->size = mode ? be64_to_cpu(v->footer.current_size) :
			  (u64)be16_to_cpu(v->footer.cyls) * v->footer.heads * v->footer.secs * 512;
	if (n->size > (u64)INT64_MAX)
		return err_set(e, EFBIG, "Image size too large");
	v->diff = be32_to_cpu(v->footer.type) == 4;
	if (v->diff && n->flags & BLK_O_RDWR)
		return err_set(e, ENOTSUP, "Differencing VHD images can only be read");
	if (v->fixed || be32_to_cpu(v->footer.type) == 2) {
		v->fixed = true;
		if (n->size > blk_length(n->file) - 512)
			n->size = ALIGN_DOWN(blk_length(n->file) - 512, 512);
		n->lim.cluster = 1;
		return 0;
	}
	ret = read_dynamic(n, v, e);
	return ret ?: blk_bat_init(&v->bat, n);
}

static void vpc_close(struct blk_node *n)
{
	struct vpc *v = n->priv;

	if (!v->fixed)
		blk_bat_free(&v->bat);
}

/* Runs of equal bits in a block's bitmap, first sector first, most significant bit first. */
static int map_bits(struct blk_node *n, struct vpc *v, u64 off, u64 len, struct blk_extent *x)
{
	u64 start = off / v->bat.block * v->bat.block, map = x->host + (start - x->off) - v->bitmap;
	u64 first = (off - start) / 512, s = first, end = MIN(v->bat.block / 512ULL, DIV_ROUND_UP(off - start + len, 512));
	bool here = false;

	for (; s < end; s++) {
		void *p;
		int ret = blk_mcache_get(v->bat.cache, ALIGN_DOWN(map + s / 8, 512), true, &p);
		bool bit;

		if (ret)
			return ret;
		bit = ((u8 *)p)[(map + s / 8) % 512] >> (7 - s % 8) & 1;
		blk_mcache_put(v->bat.cache, p);
		if (s == first)
			here = bit;
		else if (bit != here)
			break;
	}
	x->kind = here ? BLK_DATA : BLK_HOLE;
	x->host = map + v->bitmap + first * 512;
	x->off = start + first * 512;
	x->len = (s - first) * 512;
	return 0;
}

static int map_diff(struct blk_node *n, struct vpc *v, u64 off, u64 len, struct blk_extent *x)
{
	int ret = blk_bat_map(&v->bat, off, len, x);

	if (ret || x->kind != BLK_DATA)
		return ret;
	if (x->host + (off - x->off) >= blk_length(n->file))
		return -EIO;
	pthread_mutex_lock(&v->bat.lock);
	ret = map_bits(n, v, off, len, x);
	pthread_mutex_unlock(&v->bat.lock);
	return ret;
}

static int vpc_opened(struct blk_node *n, struct err *e)
{
	const struct vpc *v = n->priv, *p;

	if (!v->diff || n->flags & BLK_O_NO_BACKING)
		return 0;
	if (!n->backing)
		return err_set(e, EINVAL, "The VHD image has a parent, but does not say where");
	p = n->backing->drv == n->drv ? n->backing->priv : NULL;
	if (p && memcmp(p->footer.uuid, v->parent, 16))
		return err_set(e, EINVAL, "'%s' is not the parent of this VHD image", n->backing->filename);
	return 0;
}

static int vpc_map(struct blk_node *n, u64 off, u64 len, struct blk_extent *x)
{
	struct vpc *v = n->priv;

	if (!v->fixed)
		return v->diff ? map_diff(n, v, off, len, x) : blk_bat_map(&v->bat, off, len, x);
	*x = (struct blk_extent){ .kind = BLK_DATA, .flags = BLK_X_IN_PLACE | BLK_X_RECURSE, .off = off, .len = len,
				  .node = n->file, .host = off };
	return 0;
}

static int vpc_alloc(struct blk_node *n, u64 off, u64 len, struct blk_alloc *a)
{
	struct vpc *v = n->priv;

	return v->fixed ? -EIO : blk_bat_alloc(&v->bat, off, len, a);
}

static int vpc_commit(struct blk_node *n, struct blk_alloc *a)
{
	return blk_bat_commit(&((struct vpc *)n->priv)->bat, a);
}

static int vpc_zero(struct blk_node *n, u64 off, u64 len, u32 flags)
{
	struct vpc *v = n->priv;

	return v->fixed ? blk_node_zero(n->file, off, len, flags) : blk_bat_zero(&v->bat, off, len, flags);
}

static int vpc_flush(struct blk_node *n)
{
	struct vpc *v = n->priv;

	return v->fixed ? 0 : blk_bat_flush(&v->bat);
}

static int vpc_probe(const u8 *buf, size_t len, const char *filename)
{
	return len >= 512 && !memcmp(buf, "conectix", 8) ? 100 : 0;
}

/* ---- creating ---- */

/* The specification's appendix: the geometry nearest above @sectors. */
static void geometry(u64 sectors, u16 *cyls, u8 *heads, u8 *secs)
{
	u64 cth;

	if (sectors > MAX_CHS)
		sectors = MAX_CHS;
	if (sectors >= 65535ULL * 16 * 63) {
		*secs = 255;
		*heads = 16;
		cth = sectors / 255;
	} else {
		*secs = 17;
		cth = sectors / 17;
		*heads = (u8)MAX((cth + 1023) / 1024, 4ULL);
		if (cth >= *heads * 1024ULL || *heads > 16) {
			*secs = 31;
			*heads = 16;
			cth = sectors / 31;
		}
		if (cth >= *heads * 1024ULL) {
			*secs = 63;
			*heads = 16;
			cth = sectors / 63;
		}
	}
	*cyls = (u16)(cth / *heads);
}

static u64 rounded(u64 sectors, u16 *c, u8 *h, u8 *s)
{
	u64 i = 0;

	do
		geometry(sectors + i++, c, h, s);
	while ((u64)*c * *h * *s < sectors && sectors + i < MAX_CHS);
	return (u64)*c * *h * *s;
}

static void make_footer(struct vhd_footer *f, u64 size, bool fixed, bool force)
{
	u16 c;
	u8 h, s;
	u64 sectors = size / 512;

	memset(f, 0, sizeof(*f));
	if (force)
		geometry(sectors, &c, &h, &s);
	else
		size = rounded(sectors, &c, &h, &s) >= MAX_CHS ? size : (u64)c * h * s * 512;
	memcpy(f->creator, "conectix", 8);
	memcpy(f->creator_app, force ? "qem2" : "qemu", 4);
	memcpy(f->creator_os, "Wi2k", 4);
	f->features = cpu_to_be32(2);
	f->version = cpu_to_be32(0x00010000);
	f->data_offset = cpu_to_be64(fixed ? ~0ULL : 512);
	f->timestamp = cpu_to_be32((u32)(time(NULL) - VHD_EPOCH));
	f->major = cpu_to_be16(5);
	f->minor = cpu_to_be16(3);
	f->orig_size = f->current_size = cpu_to_be64(size);
	f->cyls = cpu_to_be16(c);
	f->heads = h;
	f->secs = s;
	f->type = cpu_to_be32(fixed ? 2 : 3);
	if (getrandom(f->uuid, 16, 0) != 16)
		memcpy(f->uuid, &size, sizeof(size));
	f->checksum = cpu_to_be32(checksum(f, 512));
}

static int write_dynamic(struct blk_node *file, const struct vhd_footer *f, u64 size, struct err *e)
{
	u64 bs = 2 * MiB, entries = DIV_ROUND_UP(size, bs), table = ALIGN_UP(entries * 4, 512);
	struct vhd_dyn d = { .magic = { 'c', 'x', 's', 'p', 'a', 'r', 's', 'e' } };
	int ret;
	u8 *t = blk_table_alloc(table ? table : 1, 1, GiB, &ret);

	if (!t)
		return ret;
	memset(t, 0xff, table);
	d.data_offset = cpu_to_be64(~0ULL);
	d.table_offset = cpu_to_be64(1536);
	d.version = cpu_to_be32(0x00010000);
	d.max_entries = cpu_to_be32((u32)entries);
	d.block_size = cpu_to_be32((u32)bs);
	d.checksum = cpu_to_be32(checksum(&d, sizeof(d)));
	ret = blk_node_pwrite(file, 0, f, 512);
	ret = ret ?: blk_node_pwrite(file, 512, &d, sizeof(d));
	ret = ret ?: blk_node_pwrite(file, 1536, t, table);
	ret = ret ?: blk_node_pwrite(file, 1536 + table, f, 512);
	free(t);
	return ret;
}

static int vpc_create(struct blk_graph *g, struct blk_node *file, u64 size, struct blk_opts *o, struct err *e)
{
	static const char *const subs[] = { "dynamic", "fixed", NULL };
	int sub = 0, ret = blk_opts_take_enum(o, "subformat", subs, &sub, e);
	bool force = false;
	struct vhd_footer f;

	ret = ret ?: blk_opts_take_bool(o, "force_size", &force, e);
	size = ALIGN_UP(size, 512);
	if (!ret && size / 512 > MAX_SECTORS)
		ret = err_set(e, EFBIG, "The requested image size is too large for this format");
	if (ret)
		return ret;
	make_footer(&f, size, sub, force);
	size = be64_to_cpu(f.current_size);
	if (!sub)
		return write_dynamic(file, &f, size, e);
	ret = blk_node_truncate(file, size, false, 0, e);
	return ret ?: blk_node_pwrite(file, size, &f, 512);
}

static const struct blk_optdesc vpc_opts[] = {
	{ "size", BLK_OPT_SIZE, "Virtual disk size", NULL },
	{ "subformat", BLK_OPT_STRING, "Type of virtual hard disk format. Supported formats are {dynamic (default) | fixed} ", NULL },
	{ "force_size", BLK_OPT_BOOL, "Force disk size calculation to use the actual size specified, rather than using the nearest CHS-based calculation", NULL },
	{ NULL, 0, NULL, NULL }
};

static const struct blk_driver vpc_driver = {
	.name = "vpc", .flags = BLK_DRV_GROWS | BLK_DRV_BACKING, .priv_size = sizeof(struct vpc), .create_opts = vpc_opts,
	.probe = vpc_probe,
	.open = vpc_open, .opened = vpc_opened, .close = vpc_close, .create = vpc_create, .map = vpc_map,
	.alloc = vpc_alloc, .commit = vpc_commit, .zero = vpc_zero, .flush = vpc_flush,
};
BLOCK_FORMAT(vpc_driver);
