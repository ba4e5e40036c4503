/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drives: names under which devices find block nodes (-drive, -blockdev).
 * Main thread. The list is the machine's service "drives".
 */
#ifndef VMBOX_DEV_DRIVE_H
#define VMBOX_DEV_DRIVE_H

#include <errno.h>
#include "compiler.h"
#include "config.h"
#include "err.h"
#include "types.h"

struct blk_graph;
struct blk_node;
struct blk_opts;
struct blk_throttle_config;
struct blk_throttle_member;
struct blkdev;
struct drive_clock;
struct machine;

enum drive_if { DRIVE_IF_NONE, DRIVE_IF_VIRTIO, DRIVE_IF_IDE, DRIVE_IF_PFLASH };

enum { DRIVE_STAT_READ, DRIVE_STAT_WRITE, DRIVE_STAT_FLUSH, DRIVE_STAT_DISCARD, DRIVE_STATS };

/* What a device did with its drive; written under the device's lock. */
struct drive_stat {
	u64 ops, failed, bytes, ns;	/* ns: from submission to end, summed */
};
struct drive_stats {
	struct drive_stat kind[DRIVE_STATS];
	u64 highest;			/* end of the write that went farthest */
};

struct drive {
	char *id;
	struct blk_node *node;		/* one reference */
	enum drive_if type;
	bool read_only, cdrom, in_use;
	bool is_node;			/* -blockdev: its id is its node's name */
	unsigned jobs;			/* block jobs that need its node where it is */
	bool is_target;			/* one of them writes it: no device may have it */
	int unit;			/* unit= or index=, -1: the next free one */
	struct drive_stats stats;
	struct blk_throttle_member *limits;	/* NULL: none; with a user, changed by blkdev_limit() */
	struct blkdev *user;		/* the disk that has it; NULL: none, or one of another kind (flash) */
	struct drive *next;
};

struct drives {
	struct blk_graph *graph;
	struct drive *first;
	unsigned count;
	enum drive_if default_if;	/* of -drive without if= */
	struct drive_clock *clock;
};

#if IS_ENABLED(CONFIG_BLOCK)
/* -drive file=F,if=virtio,format=raw,... Returns the drive or NULL with err set. */
struct drive *drive_add(struct drives *ds, const char *text, struct err *err);
/* -blockdev driver=qcow2,node-name=N,file.filename=... or JSON. */
struct drive *drive_add_blockdev(struct drives *ds, const char *text, struct err *err);
/* Forgets a drive that no device has. -ENOENT, -EBUSY with err. */
int  drive_del(struct drives *ds, const char *id, struct err *err);
/* The drive of that name, or the one whose node has it; NULL: there is none. */
struct drive *drive_lookup(struct drives *ds, const char *name);
/* Makes a drive of a node that has a name; takes the reference. NULL with err set, the reference stays. */
struct drive *drive_adopt(struct drives *ds, struct blk_node *node, struct err *err);
/*
 * Whoever uses d uses @to's node instead, from now on: a drive takes over the
 * node, a device of a node becomes the user of @to. The vCPUs are parked.
 * Returns the drive whose node it uses now, NULL with err set: nothing has changed.
 */
struct drive *drive_switch(struct drive *d, struct drive *to, struct err *err);
/* Takes the drive for a device: -ENOENT, -EBUSY. */
struct drive *drive_take(struct machine *m, const char *id, struct err *err);
/* The medium of a drive nobody uses just now: opens a file in it, or takes out what there is. */
int  drive_insert(struct drives *ds, struct drive *d, const char *file, const char *format, bool read_only, struct err *err);
void drive_remove(struct drive *d);
/*
 * Other limits (group NULL: that which it has, or one of its own name), or none: what waited then goes.
 * -EINVAL with QEMU's text.
 */
int  drive_limit(struct drives *ds, struct drive *d, const struct blk_throttle_config *c, const char *group, struct err *err);
void drive_leave_limits(struct drive *d);
/* Takes the limits out of the options of -drive, by new and old names; *group for free(), NULL: none given. */
int  drive_take_limits(struct blk_opts *o, struct blk_throttle_config *c, char **group, struct err *err);
/* Limits go by the machine's loop from now on, until its end. 0 or -ENOMEM. */
int  drives_clock_start(struct drives *ds, struct machine *m);
void drives_clock_stop(struct drives *ds);
int  drives_init(struct drives *ds);	/* 0 or -ENOMEM */
void drives_free(struct drives *ds);
#else
static inline struct drive *drive_add(struct drives *ds, const char *text, struct err *err)
{
	(void)ds;
	(void)text;
	err_set(err, ENOTSUP, "disk images are not built in");
	return NULL;
}
static inline struct drive *drive_add_blockdev(struct drives *ds, const char *text, struct err *err)
{
	return drive_add(ds, text, err);
}
static inline int drive_del(struct drives *ds, const char *id, struct err *err)
{
	(void)ds;
	return err_set(err, ENOENT, "Failed to find node with node-name='%s'", id);
}
static inline int drives_clock_start(struct drives *ds, struct machine *m) { (void)ds, (void)m; return 0; }
static inline void drives_clock_stop(struct drives *ds) { (void)ds; }
static inline int drives_init(struct drives *ds) { (void)ds; return 0; }
static inline void drives_free(struct drives *ds) { (void)ds; }
#endif

#endif
