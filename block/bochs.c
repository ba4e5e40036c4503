/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Growing images of Bochs ("Redolog", bximage.conf's documentation): a
 * catalogue of extents, each of a bitmap of its sectors and the sectors. Read.
 */
#include <string.h>
#include "block/int.h"

#define VERSION_1	0x00010000U
#define VERSION_2	0x00020000U
#define NO_EXTENT	0xffffffffU
#define SLICE		512U

struct bochs_header {
	char magic[32], type[16], subtype[16];
	__le32 version, header, catalog, bitmap, extent;
	union {
		__le64 disk_1;		/* version 1 */
		struct {
			__le32 reserved;
			__le64 disk;
		} __packed;
	} __packed;
	u8 pad[416];
} __packed;
_Static_assert(sizeof(struct bochs_header) == 512, "Bochs header");

struct bochs {
	pthread_mutex_t lock;
	struct blk_mcache *tables;
	u64 catalog_off, data_off;
	u32 extent, bitmap;		/* bytes: of an extent's data, of the bitmap before it */
};

static int read_bytes(struct blk_mcache *c, u64 at, void *to, u32 len)
{
	u8 *out = to;

	while (len) {
		u64 start = ALIGN_DOWN(at, SLICE);
		u32 m = (u32)MIN((u64)len, start + SLICE - at);
		void *p;
		int ret = blk_mcache_get(c, start, true, &p);

		if (ret)
			return ret;
		memcpy(out, (u8 *)p + (at - start), m);
		blk_mcache_put(c, p);
		out += m;
		at += m;
		len -= m;
	}
	return 0;
}

static int map_sectors(struct bochs *b, u64 base, u64 extent_off, u64 off, u64 len, struct blk_extent *x)
{
	u64 first = (off - extent_off) / 512, s = first, end = b->extent / 512;
	bool here = false;
	u8 byte = 0;

	end = MIN(end, DIV_ROUND_UP(off - extent_off + len, 512));
	for (; s < end; s++) {
		int ret = s == first || !(s % 8) ? read_bytes(b->tables, base + s / 8, &byte, 1) : 0;
		bool bit = byte >> (s % 8) & 1;

		if (ret)
			return ret;
		if (s == first)
			here = bit;
		else if (bit != here)
			break;
	}
	x->kind = here ? BLK_DATA : BLK_HOLE;
	x->off = extent_off + first * 512;
	x->len = (s - first) * 512;
	x->host = base + b->bitmap + first * 512;
	return 0;
}

static int bochs_map(struct blk_node *n, u64 off, u64 len, struct blk_extent *x)
{
	struct bochs *b = n->priv;
	u64 i = off / b->extent;
	u8 raw[4];
	int ret;

	*x = (struct blk_extent){ .kind = BLK_HOLE, .off = i * b->extent, .len = b->extent, .node = n->file };
	pthread_mutex_lock(&b->lock);
	ret = read_bytes(b->tables, b->catalog_off + i * 4, raw, 4);
	if (!ret && get_le32(raw) != NO_EXTENT)
		ret = map_sectors(b, b->data_off + (u64)get_le32(raw) * (b->extent + b->bitmap), i * b->extent, off, len, x);
	pthread_mutex_unlock(&b->lock);
	return ret;
}

static bool is_bochs(const struct bochs_header *h)
{
	u32 v = le32_to_cpu(h->version);

	return !strncmp(h->magic, "Bochs Virtual HD Image", 32) && !strncmp(h->type, "Redolog", 16) &&
	       !strncmp(h->subtype, "Growing", 16) && (v == VERSION_1 || v == VERSION_2);
}

static int bochs_open(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	struct bochs *b = n->priv;
	struct bochs_header h;
	int ret = blk_node_pread(n->file, 0, &h, sizeof(h));
	u64 disk, catalog = le32_to_cpu(h.catalog);

	if (ret)
		return err_errno(e, -ret, "Could not read the Bochs header");
	if (!is_bochs(&h))
		return err_set(e, EINVAL, "Image not in Bochs format");
	disk = le64_to_cpu(le32_to_cpu(h.version) == VERSION_1 ? h.disk_1 : h.disk);
	if (disk > (u64)INT64_MAX)
		return err_set(e, EFBIG, "Image size too large");
	if (catalog > 0x100000)
		return err_set(e, EFBIG, "Catalog size is too large");
	b->extent = le32_to_cpu(h.extent);
	if (b->extent < 512)
		return err_set(e, EINVAL, "Extent size must be at least 512");
	if (b->extent & (b->extent - 1))
		return err_set(e, EINVAL, "Extent size %u is not a power of two", b->extent);
	if (b->extent > 0x800000)
		return err_set(e, EINVAL, "Extent size %u is too large", b->extent);
	if (catalog < DIV_ROUND_UP(disk / 512, b->extent / 512))
		return err_set(e, EINVAL, "Catalog size is too small for this disk size");
	b->bitmap = (u32)ALIGN_UP(MAX((u64)le32_to_cpu(h.bitmap), 1ULL), 512ULL);
	if (!b->bitmap || b->bitmap > MiB || b->bitmap < DIV_ROUND_UP(b->extent / 512, 8))
		return err_set(e, EINVAL, "Invalid size of a bitmap");
	n->size = ALIGN_DOWN(disk, 512);
	b->catalog_off = le32_to_cpu(h.header);
	b->data_off = b->catalog_off + catalog * 4;
	b->tables = blk_mcache_new(n->file, SLICE, 512);
	if (!b->tables)
		return -ENOMEM;
	pthread_mutex_init(&b->lock, NULL);
	return 0;
}

static void bochs_close(struct blk_node *n)
{
	struct bochs *b = n->priv;

	blk_mcache_free(b->tables);
	pthread_mutex_destroy(&b->lock);
}

static int bochs_probe(const u8 *buf, size_t len, const char *filename)
{
	return len >= sizeof(struct bochs_header) && is_bochs((const void *)buf) ? 100 : 0;
}

static const struct blk_driver bochs_driver = {
	.name = "bochs", .flags = BLK_DRV_READ_ONLY, .priv_size = sizeof(struct bochs), .probe = bochs_probe,
	.open = bochs_open, .close = bochs_close, .map = bochs_map,
};
BLOCK_FORMAT(bochs_driver);
