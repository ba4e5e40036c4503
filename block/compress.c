// SPDX-License-Identifier: GPL-2.0-or-later
/* The filter "compress": all that is written is stored compressed, in whole clusters. */
#include <string.h>
#include "block/filter.h"

static int compress_open(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	const struct blk_node *f = n->file;
	int ret;

	if (!f->lim.max_compressed || !f->drv->compress)
		return err_set(e, ENOTSUP, "Compression is not supported for underlying format: %s", f->drv->name);
	ret = blk_filter_setup(n);
	n->lim.request_align = f->lim.max_compressed;
	return ret;
}

/* The engine hands us whole clusters; the disk may end within the last. */
static int compress_pwritev(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len,
			    u32 flags)
{
	u64 size = blk_length(n->file), got;
	struct iov_cur c = { iov, niov, 0 };
	struct iovec part[64];

	len = off < size ? MIN(len, size - off) : 0;
	while (len) {
		int k = iov_cur_take(&c, len, part, ARRAY_SIZE(part), &got), ret;

		if (got < len)
			got = ALIGN_DOWN(got, n->lim.request_align);
		ret = got ? blk_node_pwritev(n->file, off, part, k, got, flags | BLK_COMPRESS) : -EINVAL;
		if (ret)
			return ret;
		off += got;
		len -= got;
	}
	return 0;
}

static const struct blk_driver compress = {
	.name = "compress", .flags = BLK_DRV_FILTER, .open = compress_open,
	.preadv = blk_filter_preadv, .pwritev = compress_pwritev, .zero = blk_filter_zero,
	.discard = blk_filter_discard, .status = blk_filter_status, .truncate = blk_filter_truncate,
};
BLOCK_FORMAT(compress);
