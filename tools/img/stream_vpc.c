// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * VHD front to back. Fixed: the data and the footer. Dynamic: copy of the
 * footer, header, block table, blocks, footer; the table is filled in ahead,
 * for the places of blocks follow from the count of those used. Headers are
 * made by the format's own code.
 */
#include <errno.h>
#include <string.h>
#include "block/mem.h"
#include "bytes.h"
#include "mem.h"
#include "stream.h"

#define SECTOR		512U
#define DYN_HEADER	SECTOR		/* offset, of size 1024 */
#define MAX_BLOCK	(256U << 20)

static int footer(struct img_stream *s, struct err *e)
{
	u8 f[SECTOR];

	blk_mem_read(s->model, blk_mem_size(s->model) - SECTOR, f, SECTOR);
	return img_stream_write(s, f, SECTOR, e);
}

/* [from, to) of the model as it is. */
static int copy_model(struct img_stream *s, u64 from, u64 to, struct err *e)
{
	u8 b[SECTOR];
	int ret = 0;

	for (; !ret && from < to; from += SECTOR) {
		blk_mem_read(s->model, from, b, SECTOR);
		ret = img_stream_write(s, b, SECTOR, e);
	}
	return ret;
}

static int put_table(struct img_stream *s, const u8 *used, u64 units, u32 entries, u64 each, struct err *e)
{
	u64 table = ALIGN_UP((u64)entries * 4, SECTOR), at = (s->pos + table) / SECTOR;
	u8 b[SECTOR];
	int ret = 0;

	for (u64 i = 0; !ret && i < table / 4; i += SECTOR / 4) {
		for (u64 k = i; k < i + SECTOR / 4; k++) {
			bool data = k < units && used[k / 8] >> (k % 8) & 1;

			put_be32(b + (k - i) * 4, data ? (u32)at : ~0U);
			at += data ? each / SECTOR : 0;
		}
		ret = at > ~0U ? err_set(e, EFBIG, "the image is too large for VHD") : img_stream_write(s, b, SECTOR, e);
	}
	return ret;
}

static int put_blocks(struct img_stream *s, const u8 *used, u64 units, u32 block, u32 bitmap, struct err *e)
{
	u8 *all = mem_alloc(bitmap);
	int ret = all ? 0 : err_set(e, ENOMEM, "Out of memory");

	if (all)
		memset(all, 0xff, bitmap);
	for (u64 i = 0; !ret && i < units; i++) {
		if (!(used[i / 8] >> (i % 8) & 1))
			continue;
		ret = img_stream_write(s, all, bitmap, e);
		ret = ret ?: img_stream_data(s, i * block, block, e);
	}
	mem_free(all);
	return ret;
}

static int dynamic(struct img_stream *s, struct err *e)
{
	u8 h[40], *used;
	u64 table, units, n;
	u32 entries, block, bitmap;
	int ret;

	blk_mem_read(s->model, DYN_HEADER, h, sizeof(h));
	table = get_be64(h + 16);
	entries = get_be32(h + 28);
	block = get_be32(h + 32);
	if (!block || block > MAX_BLOCK || block % SECTOR || table < DYN_HEADER + 1024)
		return err_set(e, EIO, "unexpected header of the VHD image");
	bitmap = (u32)ALIGN_UP(block / SECTOR / 8, SECTOR);
	used = img_stream_used(s, block, &units, &n, e);
	if (!used)
		return -ENOMEM;
	ret = copy_model(s, 0, table, e);
	ret = ret ?: put_table(s, used, units, entries, (u64)bitmap + block, e);
	ret = ret ?: put_blocks(s, used, units, block, bitmap, e);
	mem_free(used);
	return ret ?: footer(s, e);
}

static int stream_vpc(struct img_stream *s, struct err *e)
{
	u8 cookie[8];
	u64 disk;
	int ret = img_stream_model(s, "vpc", &disk, e);

	if (ret)
		return ret;
	if (disk > s->size)
		s->size = disk;		/* rounded to what the geometry can say */
	blk_mem_read(s->model, 0, cookie, 8);
	if (!memcmp(cookie, "conectix", 8))
		return dynamic(s, e);
	ret = img_stream_data(s, 0, s->size, e);
	return ret ?: footer(s, e);
}

const struct img_stream_format img_stream_vpc = { "vpc", stream_vpc };
