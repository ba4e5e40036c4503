// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Geometry of disks (see dev/geometry.h). The guess is that of old BIOSes:
 * the end of a partition in the MBR tells with how many heads and sectors
 * the disk was partitioned.
 */
#include <errno.h>
#include "bytes.h"
#include "dev/geometry.h"

#define CYLS_MAX	65535u
#define SECTOR		512u
#define TABLE		0x1be
#define ENTRY		16u

const char *const disk_chs_trans_names[] = { "auto", "none", "lba", "large", "rechs", NULL };

/* What disks say of themselves (ATA-5 annex C): 16 heads, 63 sectors, at most 16383 cylinders. */
static void by_size(struct disk_geometry *g, u64 sectors)
{
	u64 cyls = sectors / (16 * 63);

	g->cyls = (u32)(cyls > 16383 ? 16383 : cyls < 2 ? 2 : cyls);
	g->heads = 16;
	g->secs = 63;
}

/* The geometry by which the disk was partitioned; false: it says nothing. */
static bool by_partitions(const struct blkdev *b, u64 sectors, struct disk_geometry *out)
{
	u8 mbr[SECTOR];
	unsigned i;

	if (blkdev_bytes(b) < SECTOR || blk_pread(b->node, 0, mbr, SECTOR) < 0 || mbr[510] != 0x55 || mbr[511] != 0xaa)
		return false;
	for (i = 0; i < 4; i++) {
		const u8 *p = mbr + TABLE + ENTRY * i;
		u32 heads = p[5] + 1u, secs = p[6] & 63u;
		u64 cyls = secs ? sectors / ((u64)heads * secs) : 0;

		if (get_le32(p + 12) && heads > 1 && cyls >= 1 && cyls <= 16383) {
			*out = (struct disk_geometry){ .cyls = (u32)cyls, .heads = heads, .secs = secs };
			return true;
		}
	}
	return false;
}

static u8 translation(const struct disk_geometry *g)
{
	return g->cyls <= 1024 && g->heads <= 16 && g->secs <= 63 ? CHS_TRANS_NONE : CHS_TRANS_LBA;
}

static void guess(struct disk_geometry *g, const struct blkdev *b)
{
	u64 sectors = blkdev_bytes(b) / SECTOR;
	struct disk_geometry seen;
	u8 trans;

	if (!by_partitions(b, sectors, &seen)) {
		by_size(g, sectors);
		trans = translation(g);
	} else if (seen.heads > 16) {
		by_size(g, sectors);
		trans = g->cyls * g->heads <= 131072 ? CHS_TRANS_LARGE : CHS_TRANS_LBA;
	} else {
		g->cyls = seen.cyls;
		g->heads = seen.heads;
		g->secs = seen.secs;
		trans = CHS_TRANS_NONE;
	}
	if (g->trans == CHS_TRANS_AUTO)
		g->trans = trans;
}

static int check(const char *name, u32 v, u32 max, struct err *err)
{
	return v >= 1 && v <= max ? 0 : err_set(err, EINVAL, "%s must be between 1 and %u", name, max);
}

int disk_geometry_init(struct disk_geometry *g, const struct blkdev *b, u32 heads_max, u32 secs_max, struct err *err)
{
	if (!g->cyls && !g->heads && !g->secs)
		guess(g, b);
	else if (g->trans == CHS_TRANS_AUTO)
		g->trans = translation(g);
	if (check("cyls", g->cyls, CYLS_MAX, err) < 0 || check("heads", g->heads, heads_max, err) < 0)
		return -err->code;
	return check("secs", g->secs, secs_max, err);
}
