/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the Parallels driver share (docs/interop/parallels.rst of QEMU). */
#ifndef BLOCK_PARALLELS_H
#define BLOCK_PARALLELS_H

#include "bat.h"

#define PAR_IN_USE	0x746f6e59U

struct parallels_header {
	char magic[16];
	__le32 version, heads, cylinders, tracks, bat_entries;
	__le64 nb_sectors;
	__le32 in_use, data_off, flags;
	__le64 ext_off;
} __packed;
_Static_assert(sizeof(struct parallels_header) == 64, "Parallels header");

struct par_bitmap {
	char name[37];			/* the UUID as text */
	u64 granularity;		/* bytes */
	u32 n_l1;
	u64 *l1;			/* 0: zeros, 1: ones, else the sector of a cluster of bits */
};

struct parallels {
	struct blk_bat bat;
	u64 unit;			/* bytes that an entry counts */
	u64 data_off;
	bool marked;			/* in_use was set by us */
	bool unclean;			/* in_use was set when we came */
	u64 ahead;			/* bytes that the file grows at once; 0: as it must */
	int ahead_mode;			/* BLK_PREALLOC_... */
	bool bad_off;			/* data_off of the header cannot be */
	u8 *used;			/* a bit a cluster of the data area; NULL: not known */
	u64 slots, free_from;		/* bits of it; none is clear below */
	bool freed;			/* clusters that the disk's table may still name */
	u64 ext_off;			/* bytes; 0: no format extension */
	struct par_bitmap *maps;
	u32 n_maps;
};

/* ---- parallels_ext.c ---- */
/* Reads the format extension; bad ones are an error where only reading is wanted. */
int par_ext_read(struct blk_node *n, struct parallels *p, struct err *e);
void par_ext_free(struct parallels *p);
extern const struct blk_bitmap_ops par_bitmaps;

/* The clusters that belong to the extension, for @take. */
void par_ext_each(struct parallels *p, void (*take)(void *opaque, u64 host), void *opaque);

/* ---- parallels_space.c ---- */
/* Looks up which clusters are taken; *odd: an entry is outside of the file or taken twice. */
int par_space_walk(struct blk_node *n, struct parallels *p, bool *odd);
void par_space_forget(struct parallels *p);
int par_space_reserve(struct blk_bat *b, u64 index, u32 *raw, u64 *host);
int par_discard(struct blk_node *n, u64 off, u64 len);
int par_zero(struct blk_node *n, u64 off, u64 len, u32 flags);

/* ---- parallels.c ---- */
int par_mark(struct parallels *p);	/* in use, on the disk */

/* ---- parallels_check.c ---- */
int par_check(struct blk_node *n, struct blk_check *c, struct err *e);

#endif
