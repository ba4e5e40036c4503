/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the image tools ask of a format beyond I/O: check, snapshots, bitmaps,
 * measure, amend. All of it needs the node for itself (no I/O in flight).
 */
#ifndef VMBOX_BLOCK_TOOLBOX_H
#define VMBOX_BLOCK_TOOLBOX_H

#include "block/copy.h"

struct json;

#define BLK_FIX_LEAKS	BIT(0)
#define BLK_FIX_ERRORS	BIT(1)

struct blk_check {
	u32 fix;
	u64 corruptions, leaks, check_errors;
	u64 corruptions_fixed, leaks_fixed;
	u64 image_end_offset;		/* 0: unknown */
	u64 total_clusters, allocated_clusters, fragmented_clusters, compressed_clusters;
	bool bfi_valid;			/* the four above */
	/* One finding a line, for people; may be NULL. */
	void (*log)(void *opaque, const char *line);
	void *opaque;
};
int blk_check_run(struct blk_node *n, struct blk_check *c, struct err *e);

struct blk_snapshot {
	char id[128];
	char name[256];
	u64 vm_state_size;
	u32 date_sec, date_nsec;
	u64 vm_clock_nsec;
	u64 icount;			/* ~0: none */
	u64 disk_size;
};
struct blk_snapshot_ops {
	int (*create)(struct blk_node *n, struct blk_snapshot *s, struct err *e);
	int (*apply)(struct blk_node *n, const char *id_or_name, struct err *e);
	int (*remove)(struct blk_node *n, const char *id, const char *name, struct err *e);
	/* *out: array for free(); returns the count or -errno. */
	int (*list)(struct blk_node *n, struct blk_snapshot **out);
	/* The (read-only) node shows snapshot @id or @name instead of the active state. */
	int (*load)(struct blk_node *n, const char *id, const char *name, struct err *e);
};
const struct blk_snapshot_ops *blk_snapshots(struct blk_node *n, struct blk_node **owner);

/*
 * What @n is, in the form of QEMU's ImageInfo; with what its format is made of if
 * @children. May run beside I/O. NULL: an image that cannot be read, or no memory.
 */
struct json *blk_describe(struct blk_node *n, bool children);

struct blk_bitmap {
	char name[1024];
	u64 granularity;
	bool in_use, enabled;
	u64 count;			/* dirty bytes where known, else ~0 */
};
struct blk_bitmap_ops {
	int (*list)(struct blk_node *n, struct blk_bitmap **out);
	int (*add)(struct blk_node *n, const char *name, u64 granularity, bool enabled,
		   struct err *e);
	int (*remove)(struct blk_node *n, const char *name, struct err *e);
	int (*clear)(struct blk_node *n, const char *name, struct err *e);
	int (*enable)(struct blk_node *n, const char *name, bool on, struct err *e);
	/* Dirty bits, one a granule, least significant first; *out for free(). */
	int (*read)(struct blk_node *n, const char *name, u8 **out, u64 *nbits, struct err *e);
	/* Sets the bits of @bits (same layout, granularity @gran) in bitmap @name. */
	int (*merge)(struct blk_node *n, const char *name, const u8 *bits, u64 nbits, u64 gran,
		     struct err *e);
};

struct blk_measure {
	u64 required, fully_allocated;
	u64 bitmaps;
	bool has_bitmaps;
};

#endif
