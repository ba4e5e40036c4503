/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The format "raw": the file below, or a window of it (options offset and
 * size). Lengths that are no multiple of 512 are shown rounded up, as QEMU
 * does; the missing bytes read as zeros.
 */
#include <string.h>
#include "block/int.h"

struct raw_priv {
	u64 offset, size;
	bool window;		/* size was given */
};

static int apply_options(struct blk_node *n, struct blk_opts *o, struct raw_priv *p, struct err *e)
{
	u64 real = blk_length(n->file);
	int ret;

	p->window = blk_opts_get(o, "size");
	ret = blk_opts_take_size(o, "offset", &p->offset, e);
	ret = ret ?: blk_opts_take_size(o, "size", &p->size, e);
	if (ret)
		return ret;
	if (real < p->offset)
		return err_set(e, EINVAL, "Offset (%llu) cannot be greater than size of the "
			       "containing file (%llu)", p->offset, real);
	if (p->window && real - p->offset < p->size)
		return err_set(e, EINVAL, "The sum of offset (%llu) and size (%llu) has to be "
			       "smaller or equal to the  actual size of the containing file (%llu)",
			       p->offset, p->size, real);
	if (p->window && p->size % 512)
		return err_set(e, EINVAL, "Specified size is not multiple of %d", 512);
	return 0;
}

static int raw_open(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	struct raw_priv *p = n->priv;
	int ret = apply_options(n, o, p, e);

	if (ret)
		return ret;
	n->size = p->window ? p->size : ALIGN_UP(blk_length(n->file) - p->offset, 512);
	n->lim.request_align = n->file->lim.request_align;
	if (n->file->drv->flags & BLK_DRV_READ_ONLY)
		n->flags &= ~(u32)BLK_O_RDWR;
	return 0;
}

static int raw_reopen(struct blk_node *n, struct blk_opts *o, u32 flags, struct err *e)
{
	struct raw_priv *p = n->priv, next = { 0 };
	int ret = apply_options(n, o, &next, e);

	if (ret)
		return ret;
	*p = next;
	n->lim.request_align = n->file->lim.request_align;
	blk_set_length(n, p->window ? p->size : ALIGN_UP(blk_length(n->file) - p->offset, 512));
	return 0;
}

static int raw_preadv(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len)
{
	struct raw_priv *p = n->priv;

	return blk_node_preadv(n->file, p->offset + off, iov, niov, len);
}

/*
 * The first sector of an image whose format nobody said must not become that of another one:
 * who opens it next would follow the names in it.
 */
static int keeps_format(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len)
{
	struct iov_cur c = { iov, niov, 0 };
	u8 sector[512];
	int ret;

	if (likely(!n->probed || off >= sizeof(sector) || !len))
		return 0;
	ret = blk_node_pread(n, 0, sector, sizeof(sector));
	if (ret)
		return ret;
	iov_cur_to_buf(&c, sector + off, MIN(len, sizeof(sector) - off));
	return strcmp(blk_probe_format(sector, sizeof(sector), n->filename), "raw") ? -EPERM : 0;
}

static int raw_pwritev(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len,
		       u32 flags)
{
	struct raw_priv *p = n->priv;

	int ret = keeps_format(n, off, iov, niov, len);

	if (ret)
		return ret;
	if (p->window && (off > p->size || len > p->size - off))
		return -ENOSPC;
	return blk_node_pwritev(n->file, p->offset + off, iov, niov, len, flags);
}

static int raw_copy_from(struct blk_node *n, u64 off, struct blk_node *src, u64 src_off, u64 len,
			 bool share)
{
	struct raw_priv *p = n->priv;

	if (n->probed || !n->file->drv->copy_from || (p->window && (off > p->size || len > p->size - off)))
		return -ENOTSUP;
	return n->file->drv->copy_from(n->file, p->offset + off, src, src_off, len, share);
}

static int raw_status(struct blk_node *n, u64 off, u64 len, struct blk_extent *x)
{
	struct raw_priv *p = n->priv;

	x->kind = BLK_DATA;
	x->flags = BLK_X_IN_PLACE;
	x->off = off;
	x->len = len;
	x->node = n->file;
	x->host = p->offset + off;
	return 0;
}

static int raw_zero(struct blk_node *n, u64 off, u64 len, u32 flags)
{
	struct raw_priv *p = n->priv;

	return blk_node_zero(n->file, p->offset + off, len, flags);
}

static int raw_discard(struct blk_node *n, u64 off, u64 len)
{
	struct raw_priv *p = n->priv;

	return blk_node_discard(n->file, p->offset + off, len);
}

static void raw_event(struct blk_node *n, const char *name)
{
	blk_event(n->file, name);
}

static int raw_truncate(struct blk_node *n, u64 size, bool exact, int prealloc, struct err *e)
{
	struct raw_priv *p = n->priv;
	int ret;

	if (p->window)
		return err_set(e, ENOTSUP, "Cannot resize fixed-size raw disks");
	if (size > (u64)INT64_MAX - p->offset)
		return err_set(e, EINVAL, "Disk size too large for the chosen offset");
	ret = blk_node_truncate(n->file, size + p->offset, exact, prealloc, e);
	if (!ret)
		blk_set_length(n, size);
	return ret;
}

static int raw_create(struct blk_graph *g, struct blk_node *file, u64 size, struct blk_opts *o,
		      struct err *e)
{
	int prealloc = 0, ret;

	ret = blk_opts_take_enum(o, "preallocation", blk_prealloc_names, &prealloc, e);
	return ret ?: blk_node_truncate(file, ALIGN_UP(size, 512), false, prealloc, e);
}

static u64 raw_fully(u64 size)
{
	return ALIGN_UP(size, 512);
}

static int raw_measure(struct blk_opts *o, struct blk_node *src, struct blk_measure *m,
		       struct err *e)
{
	u64 size = src ? blk_length(src) : 0;
	int ret = src ? 0 : blk_opts_take_size(o, "size", &size, e);

	blk_opts_del(o, "preallocation");	/* a hole counts as its bytes anyway */
	m->required = m->fully_allocated = raw_fully(size);
	return ret;
}

static int raw_probe(const u8 *buf, size_t len, const char *filename)
{
	return 1;
}

static const struct blk_optdesc raw_create_opts[] = {
	{ "size", BLK_OPT_SIZE, "Virtual disk size", NULL },
	{ "preallocation", BLK_OPT_STRING,
	  "Preallocation mode (allowed values: off, falloc, full)", NULL },
	{ NULL, 0, NULL, NULL }
};

static const struct blk_driver raw_driver = {
	.name = "raw", .flags = BLK_DRV_FILTER | BLK_DRV_ANY_ORDER, .priv_size = sizeof(struct raw_priv),
	.create_opts = raw_create_opts, .probe = raw_probe,
	.open = raw_open, .reopen = raw_reopen, .create = raw_create,
	.preadv = raw_preadv, .pwritev = raw_pwritev, .status = raw_status,
	.copy_from = raw_copy_from,
	.zero = raw_zero, .discard = raw_discard, .truncate = raw_truncate,
	.measure = raw_measure, .event = raw_event,
};
BLOCK_FORMAT(raw_driver);
