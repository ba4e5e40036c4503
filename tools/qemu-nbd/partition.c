// SPDX-License-Identifier: GPL-2.0-or-later
/* -P: where a partition is, by GPT (UEFI specification 5.3) or MBR with logical partitions. */
#include <errno.h>
#include <string.h>
#include "bytes.h"
#include "qnbd.h"

#define SECTOR		512ULL
#define MAX_LOGICAL	128	/* links of the chain that are followed */
#define MAX_ENTRY	4096U

struct part {
	u64 start, count;	/* sectors */
	u8 type;
};

static void take_entry(const u8 *p, struct part *out)
{
	out->type = p[4];
	out->start = get_le32(p + 8);
	out->count = get_le32(p + 12);
}

static bool is_extended(const struct part *p)
{
	return p->type == 0x05 || p->type == 0x0f || p->type == 0x85;
}

static int read_table(struct blk_node *n, u64 sector, struct part *t)
{
	u8 b[SECTOR];
	int ret = blk_pread(n, sector * SECTOR, b, SECTOR);

	if (ret)
		return ret;
	if (b[510] != 0x55 || b[511] != 0xaa)
		return -EINVAL;
	for (int i = 0; i < 4; i++)
		take_entry(b + 446 + 16 * i, &t[i]);
	return 0;
}

/* Logical partitions are numbered from 5, along a chain of tables. */
static int logical(struct blk_node *n, u64 base, u64 nr, struct part *out)
{
	struct part t[4];
	u64 at = base;

	for (u64 i = 5; i < 5 + MAX_LOGICAL; i++) {
		int ret = read_table(n, at, t);

		if (ret)
			return ret;
		if (i == nr) {
			*out = t[0];
			out->start += at;
			return t[0].count ? 0 : -ENOENT;
		}
		if (!is_extended(&t[1]) || !t[1].count)
			return -ENOENT;
		at = base + t[1].start;
	}
	return -ENOENT;
}

static int mbr(struct blk_node *n, const struct part *t, u64 nr, struct part *out)
{
	if (nr <= 4) {
		*out = t[nr - 1];
		return t[nr - 1].count ? 0 : -ENOENT;
	}
	for (int i = 0; i < 4; i++)
		if (is_extended(&t[i]))
			return logical(n, t[i].start, nr, out);
	return -ENOENT;
}

static int gpt(struct blk_node *n, u64 nr, struct part *out)
{
	u8 h[SECTOR], entry[48];
	u64 table;
	u32 count, size;
	int ret = blk_pread(n, SECTOR, h, SECTOR);

	if (ret)
		return ret;
	table = get_le64(h + 72);
	count = get_le32(h + 80);
	size = get_le32(h + 84);
	if (memcmp(h, "EFI PART", 8) || size < 128 || size > MAX_ENTRY || table > blk_length(n) / SECTOR)
		return -EINVAL;
	if (nr > count)
		return -ENOENT;
	ret = blk_pread(n, table * SECTOR + (nr - 1) * size, entry, sizeof(entry));
	if (ret)
		return ret;
	out->start = get_le64(entry + 32);
	if (get_le64(entry + 40) < out->start || !get_le64(entry) || out->start > blk_length(n) / SECTOR)
		return -ENOENT;
	out->count = get_le64(entry + 40) - out->start + 1;
	return 0;
}

int qnbd_partition(struct blk_node *n, u64 nr, u64 *off, u64 *len, struct err *e)
{
	struct part t[4], p = { 0 };
	int ret = read_table(n, 0, t);

	if (!ret)
		ret = t[0].type == 0xee ? gpt(n, nr, &p) : mbr(n, t, nr, &p);
	if (!ret && (p.start > blk_length(n) / SECTOR || p.count > blk_length(n) / SECTOR - p.start))
		ret = -ERANGE;
	if (ret)
		return err_errno(e, -ret, "Could not find partition %llu", nr);
	*off = p.start * SECTOR;
	*len = p.count * SECTOR;
	return 0;
}
