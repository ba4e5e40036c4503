/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parallels expanding disk images (docs/interop/parallels.rst of QEMU), both
 * magics: "WithoutFreeSpace" counts in sectors, "WithouFreSpacExt" in clusters.
 */
#include <string.h>
#include "bat.h"

#define IN_USE 0x746f6e59U

struct parallels_header {
	char magic[16];
	__le32 version, heads, cylinders, tracks, bat_entries;
	__le64 nb_sectors;
	__le32 in_use, data_off, flags;
	__le64 ext_off;
} __packed;
_Static_assert(sizeof(struct parallels_header) == 64, "Parallels header");

struct parallels {
	struct blk_bat bat;
	u64 unit;			/* bytes that an entry counts */
	u64 data_off;
	bool marked;			/* in_use was set by us */
};

static int par_decode(struct blk_bat *b, u32 raw, u64 *host)
{
	struct parallels *p = b->n->priv;

	*host = (u64)raw * p->unit;
	return raw && *host < p->data_off ? -EIO : 0;
}

static int write_in_use(struct blk_bat *bat, u32 v)
{
	u8 b[4];
	int ret;

	put_le32(b, v);
	ret = blk_node_flush(bat->n->file);
	ret = ret ?: blk_bat_poke(bat, offsetof(struct parallels_header, in_use), b, 4);
	return ret ?: blk_node_flush(bat->n->file);
}

static int par_reserve(struct blk_bat *b, u64 index, u32 *raw, u64 *host)
{
	struct parallels *p = b->n->priv;
	u64 at = b->end;
	int ret = 0;

	if (!p->marked) {
		ret = write_in_use(b, IN_USE);
		p->marked = !ret;
	}
	if (at / p->unit > 0xffffffffULL)
		return -EFBIG;
	ret = ret ?: blk_node_truncate(b->n->file, at + b->block, false, 0, NULL);
	if (ret)
		return ret;
	*raw = (u32)(at / p->unit);
	*host = at;
	b->end = at + b->block;
	return 0;
}

static int check_header(const struct parallels_header *h, struct blk_node *n, struct parallels *p, struct err *e)
{
	u64 sectors = le64_to_cpu(h->nb_sectors), tracks = le32_to_cpu(h->tracks);
	bool ext = !memcmp(h->magic, "WithouFreSpacExt", 16);

	if (le32_to_cpu(h->version) != 2)
		return err_set(e, ENOTSUP, "Image not in Parallels format");
	if (!ext)
		sectors &= 0xffffffff;
	if (!tracks)
		return err_set(e, EINVAL, "Invalid image: Zero sectors per track");
	if (tracks > (u64)INT32_MAX / 513)
		return err_set(e, EINVAL, "Invalid image: Too big cluster");
	if (sectors > (u64)INT64_MAX / 512)
		return err_set(e, EINVAL, "Invalid image: Too many sectors");
	if (le32_to_cpu(h->bat_entries) > 0x1fffffff)
		return err_set(e, EFBIG, "Catalog too large");
	n->size = sectors * 512;
	p->unit = ext ? tracks * 512 : 512;
	p->bat.block = (u32)tracks * 512;
	p->bat.entries = le32_to_cpu(h->bat_entries);
	p->bat.table_off = sizeof(*h);
	return 0;
}

static int par_open(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	struct parallels *p = n->priv;
	struct parallels_header h;
	u64 table, off;
	int ret = blk_node_pread(n->file, 0, &h, sizeof(h));

	if (ret)
		return err_errno(e, -ret, "Could not read the Parallels header");
	if (memcmp(h.magic, "WithoutFreeSpace", 16) && memcmp(h.magic, "WithouFreSpacExt", 16))
		return err_set(e, EINVAL, "Image not in Parallels format");
	p->bat = (struct blk_bat){ .decode = par_decode, .reserve = par_reserve };
	ret = check_header(&h, n, p, e);
	if (ret)
		return ret;
	table = sizeof(h) + p->bat.entries * 4;
	off = (u64)le32_to_cpu(h.data_off) * 512;
	p->data_off = off >= table ? off : ALIGN_UP(table, 512);
	if (le32_to_cpu(h.in_use) == IN_USE && n->flags & BLK_O_RDWR && !(n->flags & BLK_O_CHECK))
		return err_set(e, EACCES, "parallels: Image was not closed correctly; cannot be opened read/write");
	p->bat.end = MAX(p->data_off, ALIGN_UP(blk_length(n->file), 512));
	p->bat.end = p->data_off + DIV_ROUND_UP(p->bat.end - p->data_off, p->bat.block) * p->bat.block;
	if (p->unit > 512)	/* entries count clusters from the start of the file */
		p->bat.end = DIV_ROUND_UP(p->bat.end, p->bat.block) * p->bat.block;
	n->lim.cluster = p->bat.block;
	return blk_bat_init(&p->bat, n);
}

static void par_close(struct blk_node *n)
{
	struct parallels *p = n->priv;

	if (p->marked && !blk_bat_flush(&p->bat))
		write_in_use(&p->bat, 0);
	blk_bat_free(&p->bat);
}

static int par_map(struct blk_node *n, u64 off, u64 len, struct blk_extent *x)
{
	return blk_bat_map(&((struct parallels *)n->priv)->bat, off, len, x);
}

static int par_alloc(struct blk_node *n, u64 off, u64 len, struct blk_alloc *a)
{
	return blk_bat_alloc(&((struct parallels *)n->priv)->bat, off, len, a);
}

static int par_commit(struct blk_node *n, struct blk_alloc *a)
{
	return blk_bat_commit(&((struct parallels *)n->priv)->bat, a);
}

static int par_zero(struct blk_node *n, u64 off, u64 len, u32 flags)
{
	return blk_bat_zero(&((struct parallels *)n->priv)->bat, off, len, flags);
}

static int par_flush(struct blk_node *n)
{
	return blk_bat_flush(&((struct parallels *)n->priv)->bat);
}

static int par_check(struct blk_node *n, struct blk_check *c, struct err *e)
{
	struct parallels *p = n->priv;

	return blk_bat_check(&p->bat, c, p->data_off);
}

static int par_probe(const u8 *buf, size_t len, const char *filename)
{
	return len >= 64 && (!memcmp(buf, "WithoutFreeSpace", 16) || !memcmp(buf, "WithouFreSpacExt", 16)) &&
	       get_le32(buf + 16) == 2 ? 100 : 0;
}

static int par_create(struct blk_graph *g, struct blk_node *file, u64 size, struct blk_opts *o, struct err *e)
{
	u64 cl = MiB, entries, table, cyl;
	int ret = blk_opts_take_size(o, "cluster_size", &cl, e);
	u8 *t;
	struct parallels_header *h;

	if (!ret && (!cl || cl % 512 || cl > 1ULL << 29))
		ret = err_set(e, EINVAL, "Cluster size must be a multiple of 512 and at most 512 MiB");
	if (ret)
		return ret;
	size = ALIGN_UP(size, 512);
	entries = DIV_ROUND_UP(size, cl);
	if (entries > 0x1fffffff)
		return err_set(e, E2BIG, "Image size is too large for this cluster size");
	table = DIV_ROUND_UP(sizeof(*h) + entries * 4, cl) * cl;
	t = blk_table_alloc(ALIGN_UP(sizeof(*h) + entries * 4, 512), 1, 4 * GiB, &ret);
	if (!t)
		return ret;
	h = (void *)t;
	cyl = size / 512 / 16 / 32;
	memcpy(h->magic, "WithouFreSpacExt", 16);
	h->version = cpu_to_le32(2);
	h->heads = cpu_to_le32(16);
	h->cylinders = cpu_to_le32((u32)MIN(cyl, 0xffffffffULL));
	h->tracks = cpu_to_le32((u32)(cl / 512));
	h->bat_entries = cpu_to_le32((u32)entries);
	h->nb_sectors = cpu_to_le64(size / 512);
	h->data_off = cpu_to_le32((u32)(table / 512));
	ret = blk_node_pwrite(file, 0, t, ALIGN_UP(sizeof(*h) + entries * 4, 512));
	free(t);
	return ret ?: blk_node_truncate(file, table, false, 0, e);
}

static const struct blk_optdesc par_opts[] = {
	{ "size", BLK_OPT_SIZE, "Virtual disk size", NULL },
	{ "cluster_size", BLK_OPT_SIZE, "Parallels image cluster size", "1048576" },
	{ NULL, 0, NULL, NULL }
};

static const struct blk_driver parallels_driver = {
	.name = "parallels", .flags = BLK_DRV_GROWS, .priv_size = sizeof(struct parallels), .create_opts = par_opts,
	.probe = par_probe, .open = par_open, .close = par_close, .create = par_create, .map = par_map,
	.alloc = par_alloc, .commit = par_commit, .zero = par_zero, .flush = par_flush, .check = par_check,
};
BLOCK_FORMAT(parallels_driver);
