// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The filter "blklogwrites": every write, discard and flush is noted in a
 * log, in the format of Linux' dm-log-writes
 * (Documentation/admin-guide/device-mapper/log-writes.rst), for tools that
 * replay it up to any point.
 */
#include <string.h>
#include "block/filter.h"

#define LOG_FLUSH	BIT(0)
#define LOG_FUA		BIT(1)
#define LOG_DISCARD	BIT(2)
#define LOG_MARK	BIT(3)
#define LOG_MAGIC	0x6a736677736872ULL
#define LOG_VERSION	1

struct log_super {
	__le64 magic, version, nr_entries;
	__le32 sectorsize;
} __packed;
_Static_assert(sizeof(struct log_super) == 28, "dm-log-writes super block");

struct log_entry {
	__le64 sector, nr_sectors, flags, data_len;
} __packed;
_Static_assert(sizeof(struct log_entry) == 32, "dm-log-writes entry");

struct logger {
	pthread_mutex_t lock;
	struct blk_node *log;
	u32 sector;
	u64 next, entries;	/* next: free sector of the log */
	u64 interval;		/* entries between updates of the super block */
};

/* ---- opening ---- */

static bool good_sector(u64 s)
{
	return s >= 32 && s < BIT(24) && !(s & (s - 1));
}

/* Walks the entries of an old log to its end. */
static int find_end(struct logger *l, struct err *e)
{
	for (u64 i = 0; i < l->entries; i++) {
		struct log_entry x;
		u64 data;
		int ret = blk_node_pread(l->log, l->next * l->sector, &x, sizeof(x));

		if (ret)
			return err_errno(e, -ret, "Failed to read log entry %llu", i);
		if (le64_to_cpu(x.flags) & ~(u64)(LOG_FLUSH | LOG_FUA | LOG_DISCARD | LOG_MARK))
			return err_set(e, EINVAL, "Invalid flags 0x%llx in log entry %llu", le64_to_cpu(x.flags), i);
		data = le64_to_cpu(x.flags) & LOG_DISCARD ? 0 : le64_to_cpu(x.nr_sectors);
		l->next += 1 + data;
		if (data > (u64)INT64_MAX / l->sector || l->next > blk_length(l->log) / l->sector)
			return err_set(e, EINVAL, "Log entry %llu ends behind the log", i);
	}
	return 0;
}

static int read_super(struct logger *l, struct err *e)
{
	struct log_super s;
	int ret;

	if (!blk_length(l->log))
		return 0;
	ret = blk_node_pread(l->log, 0, &s, sizeof(s));
	if (ret)
		return err_errno(e, -ret, "Could not read log superblock");
	if (le64_to_cpu(s.magic) != LOG_MAGIC)
		return err_set(e, EINVAL, "Invalid log superblock magic");
	if (le64_to_cpu(s.version) != LOG_VERSION)
		return err_set(e, EINVAL, "Unsupported log version %llu", le64_to_cpu(s.version));
	if (!good_sector(le32_to_cpu(s.sectorsize)))
		return err_set(e, EINVAL, "Invalid log sector size %u", le32_to_cpu(s.sectorsize));
	l->sector = le32_to_cpu(s.sectorsize);
	l->entries = le64_to_cpu(s.nr_entries);
	return find_end(l, e);
}

static int open_log(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	char *ref = blk_opts_take(o, "log");
	struct blk_opts sub = { 0 };
	int ret = blk_opts_take_sub(o, "log", &sub);

	if (!ret && ref) {
		struct blk_node *c = blk_graph_find(n->graph, ref);

		ret = c ? blk_attach(n, "log", blk_ref(c)) :
		      err_set(e, ENODEV, "Cannot find device='' nor node-name='%s'", ref);
	} else if (!ret) {
		ret = blk_open_child(n, "log", NULL, &sub, n->flags | BLK_O_RDWR | BLK_O_PROTOCOL, e);
	}
	free(ref);
	blk_opts_free(&sub);
	return ret;
}

static int take_options(struct logger *l, struct blk_opts *o, bool *append, struct err *e)
{
	bool given = blk_opts_get(o, "log-sector-size");
	u64 sector = 512;
	int ret = blk_opts_take_bool(o, "log-append", append, e);

	ret = ret ?: blk_opts_take_size(o, "log-sector-size", &sector, e);
	ret = ret ?: blk_opts_take_u64(o, "log-super-update-interval", &l->interval, e);
	if (ret)
		return ret;
	if (*append && given)
		return err_set(e, EINVAL, "log-append and log-sector-size are mutually exclusive");
	if (!good_sector(sector))
		return err_set(e, EINVAL, "Invalid log sector size %llu", sector);
	if (!l->interval)
		return err_set(e, EINVAL, "Invalid log superblock update interval %llu", l->interval);
	l->sector = (u32)sector;
	return 0;
}

static int logger_open(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	struct logger *l = n->priv;
	bool append = false;
	int ret;

	*l = (struct logger){ .next = 1, .interval = 4096 };
	ret = take_options(l, o, &append, e);
	ret = ret ?: open_log(n, o, e);
	if (ret)
		return ret;
	l->log = blk_child_find(n, "log");
	ret = append ? read_super(l, e) : 0;
	ret = ret ?: blk_filter_setup(n);
	if (ret)
		return ret;
	n->lim.request_align = MAX(n->lim.request_align, l->sector);
	pthread_mutex_init(&l->lock, NULL);
	return 0;
}

static void logger_close(struct blk_node *n)
{
	struct logger *l = n->priv;

	pthread_mutex_destroy(&l->lock);
}

/* ---- the log; the lock is held, so entries stand in one order ---- */

static int write_super(struct logger *l)
{
	struct log_super s = {
		.magic = cpu_to_le64(LOG_MAGIC), .version = cpu_to_le64(LOG_VERSION),
		.nr_entries = cpu_to_le64(l->entries), .sectorsize = cpu_to_le32(l->sector),
	};
	u8 *buf = calloc(1, l->sector);
	int ret;

	if (!buf)
		return -ENOMEM;
	memcpy(buf, &s, sizeof(s));
	ret = blk_node_pwrite(l->log, 0, buf, l->sector);
	free(buf);
	return ret ?: blk_node_flush(l->log);
}

static int write_entry(struct logger *l, u64 off, u64 len, u32 flags)
{
	struct log_entry x = {
		.sector = cpu_to_le64(off / l->sector), .nr_sectors = cpu_to_le64(len / l->sector),
		.flags = cpu_to_le64(flags),
	};
	u8 *buf = calloc(1, l->sector);
	int ret;

	if (!buf)
		return -ENOMEM;
	memcpy(buf, &x, sizeof(x));
	ret = blk_node_pwrite(l->log, l->next * l->sector, buf, l->sector);
	free(buf);
	return ret;
}

/* @iov NULL: zeros, unless it is a discard. */
static int note(struct logger *l, u64 off, const struct iovec *iov, int niov, u64 len, u32 flags)
{
	u64 at;
	int ret;

	pthread_mutex_lock(&l->lock);
	ret = write_entry(l, off, len, flags);
	at = (l->next + 1) * l->sector;
	if (!ret && iov)
		ret = blk_node_pwritev(l->log, at, iov, niov, len, 0);
	else if (!ret && len && !(flags & LOG_DISCARD))
		ret = blk_node_zero(l->log, at, len, 0);
	if (!ret) {
		l->next += 1 + (flags & LOG_DISCARD ? 0 : len / l->sector);
		l->entries++;
		if (flags & LOG_FLUSH || l->entries % l->interval == 0)
			ret = write_super(l);
	}
	pthread_mutex_unlock(&l->lock);
	return ret;
}

/* ---- requests: the file first, so that the log holds nothing that was never asked of it ---- */

static int logger_pwritev(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len, u32 flags)
{
	int ret = blk_filter_pwritev(n, off, iov, niov, len, flags);
	int logged = note(n->priv, off, iov, niov, len, flags & BLK_FUA ? LOG_FUA : 0);

	return logged ? logged : ret;
}

static int logger_zero(struct blk_node *n, u64 off, u64 len, u32 flags)
{
	int ret = blk_filter_zero(n, off, len, flags);
	int logged = note(n->priv, off, NULL, 0, len, flags & BLK_FUA ? LOG_FUA : 0);

	return logged ? logged : ret;
}

static int logger_discard(struct blk_node *n, u64 off, u64 len)
{
	int ret = blk_filter_discard(n, off, len);
	int logged = note(n->priv, off, NULL, 0, len, LOG_DISCARD);

	return logged ? logged : ret;
}

static int logger_flush(struct blk_node *n)
{
	int ret = blk_node_flush(n->file), logged = note(n->priv, 0, NULL, 0, 0, LOG_FLUSH);

	return logged ? logged : ret;
}

static const struct blk_driver blklogwrites = {
	.name = "blklogwrites", .flags = BLK_DRV_FILTER | BLK_DRV_FLUSHES, .priv_size = sizeof(struct logger),
	.open = logger_open, .close = logger_close, .preadv = blk_filter_preadv, .pwritev = logger_pwritev,
	.zero = logger_zero, .discard = logger_discard, .flush = logger_flush, .status = blk_filter_status,
	.truncate = blk_filter_truncate,
};
BLOCK_FORMAT(blklogwrites);
