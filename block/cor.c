// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The filter "copy-on-read": what is read from backing files is kept in the
 * image on top of them, so that it is there the next time. With "bottom" only
 * what lies above the backing of that node is copied.
 */
#include <string.h>
#include "block/filter.h"

struct cor {
	struct blk_node *bottom;	/* lives as long as the chain below us; NULL: all is copied */
};

static int find_bottom(struct blk_node *n, const char *name, struct cor *c, struct err *e)
{
	struct blk_node *p = blk_graph_find(n->graph, name);

	if (!p)
		return err_set(e, EINVAL, "Bottom node '%s' not found", name);
	if (p->drv->flags & BLK_DRV_FILTER && strcmp(p->drv->name, "raw"))
		return err_set(e, EINVAL, "Bottom node '%s' is a filter", name);
	for (c->bottom = blk_fill_target(n->file); c->bottom && c->bottom != p; c->bottom = c->bottom->backing)
		;
	return c->bottom ? 0 : err_set(e, EINVAL, "Bottom node '%s' is not below '%s'", name, n->name);
}

static int cor_open(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	struct cor *c = n->priv;
	char *name = blk_opts_take(o, "bottom");
	int ret = n->file->flags & BLK_O_RDWR ? 0 : err_set(e, EACCES, "Block node is read-only");

	if (!ret && name)
		ret = find_bottom(n, name, c, e);
	free(name);
	return ret ?: blk_filter_setup(n);
}

static int cor_preadv(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len)
{
	struct cor *c = n->priv;
	struct blk_node *t = blk_fill_target(n->file);
	int ret = 0;

	if (t)
		ret = blk_node_fill(t, c->bottom ? c->bottom->backing : NULL, off, len);
	return ret ?: blk_filter_preadv(n, off, iov, niov, len);
}

static const struct blk_driver cor = {
	.name = "copy-on-read", .flags = BLK_DRV_FILTER, .priv_size = sizeof(struct cor),
	.open = cor_open, .preadv = cor_preadv, .pwritev = blk_filter_pwritev,
	.zero = blk_filter_zero, .discard = blk_filter_discard, .status = blk_filter_status,
	.truncate = blk_filter_truncate,
};
BLOCK_FORMAT(cor);
