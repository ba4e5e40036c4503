/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VDI, VirtualBox's format, version 1.1: a 512-byte header, a table of block
 * numbers, blocks of 1 MiB.
 */
#include <string.h>
#include <sys/random.h>
#include "bat.h"

#define VDI_SIGNATURE	0xbeda107fU
#define VDI_VERSION	0x00010001U
#define VDI_HOLE	0xffffffffU
#define VDI_ZERO	0xfffffffeU
#define VDI_BLOCK	(1U << 20)
#define VDI_MAX_BLOCKS	0x1fffff80U	/* header and table in 2 GiB */

struct vdi_header {
	char text[64];
	__le32 signature, version, header_size, image_type, image_flags;
	char description[256];
	__le32 offset_bmap, offset_data, cylinders, heads, sectors, sector_size, unused1;
	__le64 disk_size;
	__le32 block_size, block_extra, blocks_in_image, blocks_allocated;
	u8 uuid_image[16], uuid_last_snap[16], uuid_link[16], uuid_parent[16];
	u8 unused2[56];
} __packed;
_Static_assert(sizeof(struct vdi_header) == 512, "VDI header");

struct vdi {
	struct blk_bat bat;
	u64 data_off;
	u32 allocated;
	bool dirty;
};

static int vdi_decode(struct blk_bat *b, u32 raw, u64 *host)
{
	struct vdi *v = b->n->priv;

	if (raw == VDI_HOLE || raw == VDI_ZERO) {
		*host = raw == VDI_ZERO ? ~0ULL : 0;
		return 0;
	}
	*host = v->data_off + (u64)raw * b->block;
	return raw >= b->entries ? -EIO : 0;
}

static int vdi_reserve(struct blk_bat *b, u64 index, u32 *raw, u64 *host)
{
	struct vdi *v = b->n->priv;
	int ret;

	if (v->allocated >= b->entries)
		return -ENOSPC;
	*raw = v->allocated;
	*host = v->data_off + (u64)v->allocated * b->block;
	ret = blk_node_truncate(b->n->file, *host + b->block, false, 0, NULL);
	if (!ret) {
		v->allocated++;
		v->dirty = true;
	}
	return ret;
}

static int check_header(const struct vdi_header *h, u64 *size, struct err *e)
{
	u64 blocks = le32_to_cpu(h->blocks_in_image);

	*size = ALIGN_UP(le64_to_cpu(h->disk_size), 512);
	if (le32_to_cpu(h->signature) != VDI_SIGNATURE)
		return err_set(e, EINVAL, "Image not in VDI format (bad signature %08x)", le32_to_cpu(h->signature));
	if (le32_to_cpu(h->version) != VDI_VERSION)
		return err_set(e, ENOTSUP, "unsupported VDI image (version %u.%u)", le32_to_cpu(h->version) >> 16,
			       le32_to_cpu(h->version) & 0xffff);
	if (le32_to_cpu(h->offset_bmap) % 512 || le32_to_cpu(h->offset_data) % 512)
		return err_set(e, ENOTSUP, "unsupported VDI image (unaligned %s offset 0x%x)",
			       le32_to_cpu(h->offset_bmap) % 512 ? "block map" : "data",
			       le32_to_cpu(h->offset_bmap) % 512 ? le32_to_cpu(h->offset_bmap) : le32_to_cpu(h->offset_data));
	if (le32_to_cpu(h->sector_size) != 512)
		return err_set(e, ENOTSUP, "unsupported VDI image (sector size %u is not 512)", le32_to_cpu(h->sector_size));
	if (le32_to_cpu(h->block_size) != VDI_BLOCK)
		return err_set(e, ENOTSUP, "unsupported VDI image (block size %u is not %u)", le32_to_cpu(h->block_size), VDI_BLOCK);
	if (le64_to_cpu(h->disk_size) > (u64)VDI_BLOCK * VDI_MAX_BLOCKS)
		return err_set(e, ENOTSUP, "Unsupported VDI image size (size is 0x%llx, max supported is 0x%llx)",
			       le64_to_cpu(h->disk_size), (u64)VDI_BLOCK * VDI_MAX_BLOCKS);
	if (blocks > VDI_MAX_BLOCKS)
		return err_set(e, ENOTSUP, "unsupported VDI image (too many blocks %llu, max is %u)", blocks, VDI_MAX_BLOCKS);
	if (*size > blocks * VDI_BLOCK)
		return err_set(e, ENOTSUP, "unsupported VDI image (disk size %llu, image bitmap has room for %llu)",
			       le64_to_cpu(h->disk_size), blocks * VDI_BLOCK);
	for (int i = 0; i < 16; i++)
		if (h->uuid_link[i] || h->uuid_parent[i])
			return err_set(e, ENOTSUP, "unsupported VDI image (non-NULL %s UUID)", h->uuid_link[i] ? "link" : "parent");
	return 0;
}

static int vdi_open(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	struct vdi *v = n->priv;
	struct vdi_header h;
	int ret = blk_node_pread(n->file, 0, &h, sizeof(h));

	if (ret)
		return err_errno(e, -ret, "Could not read VDI header");
	ret = check_header(&h, &n->size, e);
	if (ret)
		return ret;
	v->data_off = le32_to_cpu(h.offset_data);
	v->allocated = le32_to_cpu(h.blocks_allocated);
	v->bat = (struct blk_bat){ .table_off = le32_to_cpu(h.offset_bmap), .block = VDI_BLOCK,
				   .entries = le32_to_cpu(h.blocks_in_image), .decode = vdi_decode,
				   .reserve = vdi_reserve };
	n->lim.cluster = VDI_BLOCK;
	ret = blk_bat_init(&v->bat, n);
	return ret;
}

static int vdi_flush(struct blk_node *n)
{
	struct vdi *v = n->priv;
	u8 b[4];
	int ret = 0;

	/* The count first: blocks beyond it would be given out twice. */
	if (v->dirty) {
		put_le32(b, v->allocated);
		pthread_mutex_lock(&v->bat.lock);
		ret = blk_bat_poke(&v->bat, offsetof(struct vdi_header, blocks_allocated), b, 4);
		pthread_mutex_unlock(&v->bat.lock);
		v->dirty = ret;
	}
	return ret ?: blk_bat_flush(&v->bat);
}

static void vdi_close(struct blk_node *n)
{
	blk_bat_free(&((struct vdi *)n->priv)->bat);
}

static int vdi_map(struct blk_node *n, u64 off, u64 len, struct blk_extent *x)
{
	return blk_bat_map(&((struct vdi *)n->priv)->bat, off, len, x);
}

static int vdi_alloc(struct blk_node *n, u64 off, u64 len, struct blk_alloc *a)
{
	return blk_bat_alloc(&((struct vdi *)n->priv)->bat, off, len, a);
}

static int vdi_commit(struct blk_node *n, struct blk_alloc *a)
{
	return blk_bat_commit(&((struct vdi *)n->priv)->bat, a);
}

static int vdi_zero(struct blk_node *n, u64 off, u64 len, u32 flags)
{
	return blk_bat_zero(&((struct vdi *)n->priv)->bat, off, len, flags);
}

static int vdi_check(struct blk_node *n, struct blk_check *c, struct err *e)
{
	struct vdi *v = n->priv;

	return blk_bat_check(&v->bat, c, v->data_off);
}

static int vdi_probe(const u8 *buf, size_t len, const char *filename)
{
	return len >= 512 && get_le32(buf + 64) == VDI_SIGNATURE ? 100 : 0;
}

static void fill_header(struct vdi_header *h, u64 size, u64 blocks, bool fixed)
{
	u64 table = ALIGN_UP(blocks * 4, 512);

	memset(h, 0, sizeof(*h));
	strcpy(h->text, "<<< vmbox VM Virtual Disk Image >>>\n");
	h->signature = cpu_to_le32(VDI_SIGNATURE);
	h->version = cpu_to_le32(VDI_VERSION);
	h->header_size = cpu_to_le32(0x180);
	h->image_type = cpu_to_le32(fixed ? 2 : 1);
	h->offset_bmap = cpu_to_le32(512);
	h->offset_data = cpu_to_le32((u32)(512 + table));
	h->sector_size = cpu_to_le32(512);
	h->disk_size = cpu_to_le64(size);
	h->block_size = cpu_to_le32(VDI_BLOCK);
	h->blocks_in_image = cpu_to_le32((u32)blocks);
	h->blocks_allocated = cpu_to_le32(fixed ? (u32)blocks : 0);
	if (getrandom(h->uuid_image, 16, 0) != 16 || getrandom(h->uuid_last_snap, 16, 0) != 16)
		memcpy(h->uuid_image, &size, sizeof(size));
}

static int vdi_create(struct blk_graph *g, struct blk_node *file, u64 size, struct blk_opts *o, struct err *e)
{
	static const char *const pre[] = { "off", "metadata", NULL };
	bool fixed = false;
	int prealloc = 0, ret = blk_opts_take_bool(o, "static", &fixed, e);
	u64 blocks = DIV_ROUND_UP(size, VDI_BLOCK), table = ALIGN_UP(blocks * 4, 512);
	struct vdi_header h;
	u8 *t;

	ret = ret ?: blk_opts_take_enum(o, "preallocation", pre, &prealloc, e);
	fixed |= prealloc == 1;
	if (!ret && blocks > VDI_MAX_BLOCKS)
		ret = err_set(e, ENOTSUP, "Unsupported VDI image size (size is 0x%llx, max supported is 0x%llx)", size,
			      (u64)VDI_BLOCK * VDI_MAX_BLOCKS);
	if (ret)
		return ret;
	fill_header(&h, size, blocks, fixed);
	t = blk_table_alloc(table ? table : 1, 1, 4 * GiB, &ret);
	if (!t)
		return ret;
	for (u64 i = 0; i < blocks; i++)
		put_le32(t + i * 4, fixed ? (u32)i : VDI_HOLE);
	ret = blk_node_pwrite(file, 0, &h, sizeof(h));
	ret = ret ?: blk_node_pwrite(file, 512, t, table);
	free(t);
	if (!ret && fixed)
		ret = blk_node_truncate(file, 512 + table + blocks * VDI_BLOCK, false, 0, e);
	return ret;
}

static const struct blk_optdesc vdi_opts[] = {
	{ "size", BLK_OPT_SIZE, "Virtual disk size", NULL },
	{ "preallocation", BLK_OPT_STRING, "Preallocation mode (allowed values: off, metadata)", NULL },
	{ "static", BLK_OPT_BOOL, "VDI static (pre-allocated) image", "off" },
	{ NULL, 0, NULL, NULL }
};

static const struct blk_driver vdi_driver = {
	.name = "vdi", .flags = BLK_DRV_GROWS, .priv_size = sizeof(struct vdi), .create_opts = vdi_opts,
	.probe = vdi_probe, .open = vdi_open, .close = vdi_close, .create = vdi_create, .map = vdi_map,
	.alloc = vdi_alloc, .commit = vdi_commit, .zero = vdi_zero, .flush = vdi_flush, .check = vdi_check,
};
BLOCK_FORMAT(vdi_driver);
