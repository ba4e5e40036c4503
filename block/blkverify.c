// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The filter "blkverify": each write goes to a raw copy too, each read is
 * compared with it. For tests of a format: what differs is an I/O error, and
 * said in the log. "blkverify:RAW:IMAGE" or the children raw= and test=.
 */
#include <string.h>
#include "block/filter.h"
#include "log.h"

#define PIECE (256U << 10)

static int verify_parse(const char *filename, struct blk_opts *o, struct err *e)
{
	const char *raw = filename + 10, *colon;
	char *name;
	int ret;

	if (strncmp(filename, "blkverify:", 10))	/* driver=blkverify was said already */
		return blk_opts_set(o, "x-image", filename);
	colon = strchr(raw, ':');
	if (!colon)
		return err_set(e, EINVAL, "blkverify requires raw copy and original image path");
	name = strndup(raw, (size_t)(colon - raw));
	ret = name ? blk_opts_set(o, "x-raw", name) : -ENOMEM;
	free(name);
	return ret ?: blk_opts_set(o, "x-image", colon + 1);
}

static int open_side(struct blk_node *n, struct blk_opts *o, const char *role, const char *alias, u32 flags,
		     struct err *e)
{
	char *ref = blk_opts_take(o, role), *path = blk_opts_take(o, alias);
	struct blk_opts sub = { 0 };
	int ret = blk_opts_take_sub(o, role, &sub);

	if (!ret && ref) {
		struct blk_node *c = blk_graph_find(n->graph, ref);

		ret = c ? blk_attach(n, role, blk_ref(c)) :
		      err_set(e, ENODEV, "Cannot find device='' nor node-name='%s'", ref);
	} else if (!ret) {
		ret = blk_open_child(n, role, path, &sub, flags, e);
	}
	free(ref);
	free(path);
	blk_opts_free(&sub);
	return ret;
}

static int verify_open(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	u32 flags = n->flags & ~(u32)(BLK_O_PROTOCOL | BLK_O_CHECK);
	int ret = open_side(n, o, "test", "x-image", flags, e);

	n->file = ret ? NULL : blk_child_find(n, "test");
	ret = ret ?: open_side(n, o, "raw", "x-raw", flags | BLK_O_PROTOCOL, e);
	return ret ?: blk_filter_setup(n);
}

static int compare(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len)
{
	struct blk_node *raw = blk_child_find(n, "raw");
	struct iov_cur c = { iov, niov, 0 };
	u8 *a = blk_buf_alloc(2 * PIECE), *b = a + PIECE;
	int ret = a ? 0 : -ENOMEM;

	while (!ret && len) {
		u64 m = MIN(len, (u64)PIECE), i = 0;

		iov_cur_to_buf(&c, a, m);
		ret = blk_node_pread(raw, off, b, m);
		while (!ret && i < m && a[i] == b[i])
			i++;
		if (!ret && i < m) {
			log_error("blkverify: read offset=%llu bytes=%llu contents mismatch at offset %llu", off, m,
				  off + i);
			ret = -EIO;
		}
		off += m;
		len -= m;
	}
	free(a);
	return ret;
}

static int verify_preadv(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len)
{
	return blk_filter_preadv(n, off, iov, niov, len) ?: compare(n, off, iov, niov, len);
}

/* Both sides must end alike. */
static int both(struct blk_node *n, const char *what, u64 off, int test, int raw)
{
	blk_filter_follow(n);
	if (!test == !raw)
		return test;
	log_error("blkverify: %s offset=%llu return value mismatch %d != %d", what, off, test, raw);
	return test ? test : raw;
}

static int verify_pwritev(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len, u32 flags)
{
	int raw = blk_node_pwritev(blk_child_find(n, "raw"), off, iov, niov, len, flags);

	return both(n, "write", off, blk_node_pwritev(n->file, off, iov, niov, len, flags), raw);
}

static int verify_zero(struct blk_node *n, u64 off, u64 len, u32 flags)
{
	int raw = blk_node_zero(blk_child_find(n, "raw"), off, len, flags);

	return both(n, "zero", off, blk_node_zero(n->file, off, len, flags), raw);
}

static const struct blk_driver blkverify = {
	.name = "blkverify", .prefix = "blkverify", .flags = BLK_DRV_FILTER | BLK_DRV_NO_FILE,
	.parse_filename = verify_parse, .open = verify_open, .preadv = verify_preadv,
	.pwritev = verify_pwritev, .zero = verify_zero, .status = blk_filter_status,
};
BLOCK_FORMAT(blkverify);
