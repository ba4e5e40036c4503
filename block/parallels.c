/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parallels expanding disk images (docs/interop/parallels.rst of QEMU), both
 * magics: "WithoutFreeSpace" counts in sectors, "WithouFreSpacExt" in clusters.
 */
#include <string.h>
#include "parallels.h"

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

int par_mark(struct parallels *p)
{
	int ret = p->marked ? 0 : write_in_use(&p->bat, PAR_IN_USE);

	p->marked |= !ret;
	return ret;
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

/* How the file grows: by what is needed, or further ahead. */
static int growth_options(struct parallels *p, struct blk_opts *o, struct err *e)
{
	static const char *const modes[] = { "falloc", "truncate", NULL };
	int mode = 0, ret = blk_opts_take_enum(o, "prealloc-mode", modes, &mode, e);

	ret = ret ?: blk_opts_take_size(o, "prealloc-size", &p->ahead, e);
	if (!ret && p->ahead > GiB)
		ret = err_set(e, EINVAL, "prealloc-size must be at most 1 GiB");
	p->ahead = ALIGN_UP(p->ahead, 512);
	p->ahead_mode = mode ? BLK_PREALLOC_OFF : BLK_PREALLOC_FALLOC;
	return ret;
}

static void lay_out(struct blk_node *n, struct parallels *p, const struct parallels_header *h)
{
	u64 table = sizeof(*h) + p->bat.entries * 4, off = (u64)le32_to_cpu(h->data_off) * 512;
	u64 unit = MAX(p->unit, 512ULL), first = DIV_ROUND_UP(table, unit) * unit;

	p->bad_off = (off || p->unit > 512) && (off < first || off > ALIGN_UP(blk_length(n->file), 512));
	p->data_off = off && !p->bad_off ? off : first;
	p->bat.end = MAX(p->data_off, ALIGN_UP(blk_length(n->file), 512));
	p->bat.end = p->data_off + DIV_ROUND_UP(p->bat.end - p->data_off, p->bat.block) * p->bat.block;
	if (p->unit > 512)	/* entries count clusters from the start of the file */
		p->bat.end = DIV_ROUND_UP(p->bat.end, p->bat.block) * p->bat.block;
	p->ext_off = le64_to_cpu(h->ext_off) > (u64)INT64_MAX / 1024 ? 0 : le64_to_cpu(h->ext_off) * 512;
	p->unclean = le32_to_cpu(h->in_use) == PAR_IN_USE;
}

/* As QEMU 10: what is not in order is repaired by whoever may write to it next. */
static int prepare_writing(struct blk_node *n, struct parallels *p, struct err *e)
{
	struct blk_check c = { .fix = BLK_FIX_ERRORS | BLK_FIX_LEAKS, .log = blk_repair_log };
	bool odd = false;
	int ret;

	if (!(n->flags & BLK_O_RDWR) || n->flags & (BLK_O_CHECK | BLK_O_INACTIVE))
		return 0;
	ret = par_space_walk(n, p, &odd);
	if (ret)
		return err_errno(e, -ret, "Could not read the block table");
	if (!odd && !p->unclean && !p->bad_off)
		return 0;
	ret = par_check(n, &c, e);
	if (ret || c.corruptions || c.check_errors)
		return err_set(e, ret ? -ret : EIO, "Could not repair corrupted image");
	return 0;
}

static int par_open(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	struct parallels *p = n->priv;
	struct parallels_header h;
	int ret = blk_node_pread(n->file, 0, &h, sizeof(h));

	if (ret)
		return err_errno(e, -ret, "Could not read the Parallels header");
	if (memcmp(h.magic, "WithoutFreeSpace", 16) && memcmp(h.magic, "WithouFreSpacExt", 16))
		return err_set(e, EINVAL, "Image not in Parallels format");
	p->bat = (struct blk_bat){ .decode = par_decode, .reserve = par_space_reserve };
	ret = check_header(&h, n, p, e);
	ret = ret ?: growth_options(p, o, e);
	if (ret)
		return ret;
	lay_out(n, p, &h);
	/* Who may write does not use the bitmaps, but their clusters are taken until then. */
	ret = par_ext_read(n, p, n->flags & BLK_O_RDWR ? NULL : e);
	if (ret && !(n->flags & BLK_O_RDWR))
		return ret;
	n->lim.cluster = p->bat.block;
	ret = blk_bat_init(&p->bat, n);
	if (ret) {
		par_ext_free(p);
		return ret;
	}
	ret = prepare_writing(n, p, e);
	if (ret) {
		blk_bat_free(&p->bat);
		par_space_forget(p);
		par_ext_free(p);
	}
	return ret;
}

/* The image is marked, and a format extension dropped before anything changes behind its back. */
static int par_will_write(struct blk_node *n)
{
	struct parallels *p = n->priv;
	static const u8 none[8];
	int ret;

	pthread_mutex_lock(&p->bat.lock);
	ret = par_mark(p);
	if (!ret && p->ext_off)
		ret = blk_bat_poke(&p->bat, offsetof(struct parallels_header, ext_off), none, sizeof(none));
	if (!ret)
		p->ext_off = 0;
	pthread_mutex_unlock(&p->bat.lock);
	return ret;
}

static int par_settle(struct blk_node *n)
{
	struct parallels *p = n->priv;
	int ret = 0;

	if (!p->marked)
		return 0;
	if (p->ahead && blk_length(n->file) > p->bat.end)
		ret = blk_node_truncate(n->file, p->bat.end, true, 0, NULL);
	ret = ret ?: blk_bat_flush(&p->bat);
	ret = ret ?: write_in_use(&p->bat, 0);
	p->marked = ret;
	return ret;
}

static void par_close(struct blk_node *n)
{
	struct parallels *p = n->priv;

	blk_bat_free(&p->bat);
	par_space_forget(p);
	par_ext_free(p);
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

static int par_flush(struct blk_node *n)
{
	return blk_bat_flush(&((struct parallels *)n->priv)->bat);
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
	.name = "parallels", .flags = BLK_DRV_GROWS | BLK_DRV_BACKING, .priv_size = sizeof(struct parallels), .create_opts = par_opts,
	.probe = par_probe, .open = par_open, .will_write = par_will_write, .settle = par_settle, .close = par_close,
	.bitmaps = &par_bitmaps, .create = par_create, .map = par_map,
	.alloc = par_alloc, .commit = par_commit, .zero = par_zero, .discard = par_discard, .flush = par_flush, .check = par_check,
};
BLOCK_FORMAT(parallels_driver);
