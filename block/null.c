/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The protocols "null-co" and "null-aio": take every write, answer every
 * read, for measuring what stands above them.
 */
#include <string.h>
#include <unistd.h>
#include "block/int.h"

struct null_priv {
	bool read_zeroes;
	u64 latency_ns;
};

static int null_parse(const char *filename, struct blk_opts *o, struct err *e)
{
	const char *rest = strchr(filename, ':') + 1;

	/* "null-co://" with nothing behind it: options say the rest. */
	if (strncmp(rest, "//", 2) || rest[2])
		return err_set(e, EINVAL, "The only allowed filename for this driver is 'null-co://'");
	return 0;
}

static int null_open(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	struct null_priv *p = n->priv;
	int ret;

	n->size = GiB;
	ret = blk_opts_take_size(o, "size", &n->size, e);
	ret = ret ?: blk_opts_take_bool(o, "read-zeroes", &p->read_zeroes, e);
	ret = ret ?: blk_opts_take_u64(o, "latency-ns", &p->latency_ns, e);
	if (!ret && (n->size > (u64)INT64_MAX || p->latency_ns > (u64)INT64_MAX))
		ret = err_set(e, EINVAL, "latency-ns and size must be below 2^63");
	return ret;
}

static void wait_latency(struct null_priv *p)
{
	if (p->latency_ns) {
		struct timespec t = { (time_t)(p->latency_ns / 1000000000),
				      (long)(p->latency_ns % 1000000000) };

		nanosleep(&t, NULL);
	}
}

static int null_preadv(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len)
{
	struct null_priv *p = n->priv;
	struct iov_cur c = { iov, niov, 0 };

	if (p->read_zeroes)
		iov_cur_zero(&c, len);
	wait_latency(p);
	return 0;
}

static int null_pwritev(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len,
			u32 flags)
{
	wait_latency(n->priv);
	return 0;
}

static int null_zero(struct blk_node *n, u64 off, u64 len, u32 flags)
{
	wait_latency(n->priv);
	return 0;
}

static int null_flush(struct blk_node *n)
{
	wait_latency(n->priv);
	return 0;
}

static int null_status(struct blk_node *n, u64 off, u64 len, struct blk_extent *x)
{
	struct null_priv *p = n->priv;

	x->kind = p->read_zeroes ? BLK_ZERO : BLK_DATA;
	x->flags = p->read_zeroes ? BLK_X_OFFSET : BLK_X_IN_PLACE;
	x->off = x->host = off;
	x->len = len;
	x->node = n;
	return 0;
}

static s64 null_disk_size(struct blk_node *n)
{
	return 0;
}

static int null_truncate(struct blk_node *n, u64 size, bool exact, int prealloc, struct err *e)
{
	if (exact && size != n->size)
		return err_set(e, ENOTSUP, "Cannot resize device files");
	if (size > n->size)
		return err_set(e, EINVAL, "Cannot grow device files");
	return 0;
}

#define NULL_DRIVER(var, called) \
static const struct blk_driver var = { \
	.name = called, .prefix = called, .flags = BLK_DRV_PROTOCOL, \
	.priv_size = sizeof(struct null_priv), .parse_filename = null_parse, \
	.open = null_open, .preadv = null_preadv, .pwritev = null_pwritev, \
	.flush = null_flush, .status = null_status, .zero = null_zero, \
	.truncate = null_truncate, .disk_size = null_disk_size, \
}; \
BLOCK_FORMAT(var)

NULL_DRIVER(null_co, "null-co");
NULL_DRIVER(null_aio, "null-aio");
