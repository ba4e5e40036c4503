/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Formats with one flat table of 32-bit entries, an entry a block: VDI, VPC
 * and Parallels. The table is read through a bounded cache; a new block
 * stands at the end of the file, where all reads as zeros.
 */
#ifndef BLOCK_BAT_H
#define BLOCK_BAT_H

#include "block/int.h"

struct blk_bat {
	struct blk_node *n;
	pthread_mutex_t lock;
	struct blk_mcache *cache;
	u64 table_off;
	u64 entries;
	u32 block;			/* bytes */
	u64 end;			/* where the next block goes */
	bool big_endian;
	/* Host offset of the data that @raw names; 0 hole, ~0 zeros. -EIO when it cannot be. */
	int (*decode)(struct blk_bat *b, u32 raw, u64 *host);
	/* Reserves a block at the end; the entry that names it and where its data starts. */
	int (*reserve)(struct blk_bat *b, u64 index, u32 *raw, u64 *host);
	/* After an entry was set. May be NULL. */
	int (*linked)(struct blk_bat *b);
};

int blk_bat_init(struct blk_bat *b, struct blk_node *n);
void blk_bat_free(struct blk_bat *b);
int blk_bat_entry(struct blk_bat *b, u64 index, u32 *raw);
int blk_bat_set(struct blk_bat *b, u64 index, u32 raw);	/* lock held or not needed */
int blk_bat_map(struct blk_bat *b, u64 off, u64 len, struct blk_extent *x);
int blk_bat_alloc(struct blk_bat *b, u64 off, u64 len, struct blk_alloc *a);
int blk_bat_commit(struct blk_bat *b, struct blk_alloc *a);
int blk_bat_zero(struct blk_bat *b, u64 off, u64 len, u32 flags);
/*
 * Writes @n bytes of the header at @off: through the cache, whose first slice may hold header
 * and table at once. Lock held or not needed.
 */
int blk_bat_poke(struct blk_bat *b, u64 off, const void *bytes, u32 n);
int blk_bat_flush(struct blk_bat *b);
/*
 * Entries from @i on, below the table's end, that are zeros because the file of @size bytes has a hole there; 0: they
 * must be read. *known: up to which the file is known to have data, 0 at first. What is in the cache must be written.
 */
u64 blk_bat_hole(struct blk_bat *b, u64 i, u64 size, u64 *known);
/*
 * Counts entries that point outside of the file or at a block that is taken. The first thousand are told one by one,
 * the others as a number; holes of the table are passed over, so that it takes as long as the file has data.
 */
int blk_bat_check(struct blk_bat *b, struct blk_check *c, u64 first_data);

#endif
