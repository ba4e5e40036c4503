/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cloop, the compressed loop devices of Knoppix, version 2: a shell script as
 * header, block size, count, offsets (big endian), blocks packed by zlib. Read.
 */
#include <string.h>
#include "block/int.h"

#define HEADER	128U
#define SLICE	512U

static const char magic[] = "#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0 && mount -r -t iso9660 /dev/cloop $1\n";

struct cloop {
	pthread_mutex_t lock;
	struct blk_mcache *offsets;
	u32 block, blocks;
};

/* Offsets begin at 136: entries never cross a slice. */
static int offset_of(struct cloop *c, u64 i, u64 *out)
{
	u64 at = HEADER + 8 + i * 8;
	void *p;
	int ret = blk_mcache_get(c->offsets, ALIGN_DOWN(at, SLICE), true, &p);

	if (ret)
		return ret;
	*out = get_be64((u8 *)p + at % SLICE);
	blk_mcache_put(c->offsets, p);
	return 0;
}

static int cloop_map(struct blk_node *n, u64 off, u64 len, struct blk_extent *x)
{
	struct cloop *c = n->priv;
	u64 i = off / c->block, start = 0, end = 0;
	int ret;

	pthread_mutex_lock(&c->lock);
	ret = offset_of(c, i, &start);
	ret = ret ?: offset_of(c, i + 1, &end);
	pthread_mutex_unlock(&c->lock);
	if (ret)
		return ret;
	/* A packed block may be larger than the block; what is much larger is none. */
	if (end <= start || end - start > 2ULL * 64 * MiB || start > (u64)INT64_MAX / 2)
		return -EIO;
	*x = (struct blk_extent){ .kind = BLK_COMPRESSED, .off = i * c->block, .len = c->block, .node = n->file,
				  .host = start, .codec = BLK_CODEC_ZLIB, .clen = (u32)(end - start),
				  .unit_off = i * c->block, .unit_len = c->block };
	return 0;
}

static int cloop_open(struct blk_node *n, struct blk_opts *o, struct err *e)
{
	struct cloop *c = n->priv;
	u8 h[8];
	int ret = blk_node_pread(n->file, HEADER, h, sizeof(h));

	if (ret)
		return err_errno(e, -ret, "Could not read the cloop header");
	c->block = get_be32(h);
	c->blocks = get_be32(h + 4);
	if (c->block % 512)
		return err_set(e, EINVAL, "block_size %u must be a multiple of 512", c->block);
	if (!c->block)
		return err_set(e, EINVAL, "block_size cannot be zero");
	if (c->block > 64 * MiB)
		return err_set(e, EINVAL, "block_size %u must be 64 MB or less", c->block);
	if (c->blocks > 0xfffffffeU / 8)
		return err_set(e, EINVAL, "n_blocks %u must be %u or less", c->blocks, 0xfffffffeU / 8);
	if ((c->blocks + 1ULL) * 8 > 512 * MiB)
		return err_set(e, EINVAL, "image requires too many offsets, try increasing block size");
	n->size = (u64)c->block * c->blocks;
	c->offsets = blk_mcache_new(n->file, SLICE, 64);
	if (!c->offsets)
		return -ENOMEM;
	pthread_mutex_init(&c->lock, NULL);
	return 0;
}

static void cloop_close(struct blk_node *n)
{
	struct cloop *c = n->priv;

	blk_mcache_free(c->offsets);
	pthread_mutex_destroy(&c->lock);
}

static int cloop_probe(const u8 *buf, size_t len, const char *filename)
{
	return len >= HEADER && !memcmp(buf, magic, sizeof(magic) - 1) ? 2 : 0;
}

static const struct blk_driver cloop_driver = {
	.name = "cloop", .flags = BLK_DRV_READ_ONLY, .priv_size = sizeof(struct cloop), .probe = cloop_probe,
	.open = cloop_open, .close = cloop_close, .map = cloop_map,
};
BLOCK_FORMAT(cloop_driver);
