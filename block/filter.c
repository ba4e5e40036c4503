// SPDX-License-Identifier: GPL-2.0-or-later
/* Filters with one child: what all of them do alike (filter.h). */
#include <string.h>
#include "block/filter.h"

int blk_filter_setup(struct blk_node *n)
{
	n->size = blk_length(n->file);
	n->lim.request_align = n->file->lim.request_align;
	if (n->filename[0])
		return 0;
	free(n->filename);
	n->filename = strdup(blk_filename(n->file));
	return n->filename ? 0 : -ENOMEM;
}

void blk_filter_follow(struct blk_node *n)
{
	if (blk_length(n) != blk_length(n->file))
		blk_set_length(n, blk_length(n->file));
}

int blk_filter_preadv(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len)
{
	return blk_node_preadv(n->file, off, iov, niov, len);
}

int blk_filter_pwritev(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len,
		       u32 flags)
{
	int ret = blk_node_pwritev(n->file, off, iov, niov, len, flags);

	blk_filter_follow(n);
	return ret;
}

int blk_filter_zero(struct blk_node *n, u64 off, u64 len, u32 flags)
{
	int ret = blk_node_zero(n->file, off, len, flags);

	blk_filter_follow(n);
	return ret;
}

int blk_filter_discard(struct blk_node *n, u64 off, u64 len)
{
	return blk_node_discard(n->file, off, len);
}

int blk_filter_status(struct blk_node *n, u64 off, u64 len, struct blk_extent *x)
{
	*x = (struct blk_extent){
		.kind = BLK_DATA, .flags = BLK_X_IN_PLACE, .off = off, .host = off, .len = len,
		.node = n->file,
	};
	return 0;
}

int blk_filter_truncate(struct blk_node *n, u64 size, bool exact, int prealloc, struct err *e)
{
	int ret = blk_node_truncate(n->file, size, exact, prealloc, e);

	blk_filter_follow(n);
	return ret;
}
