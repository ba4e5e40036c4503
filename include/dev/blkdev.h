/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk as a controller's device model sees it: the drive, requests that
 * run on worker threads and end under the device's lock, waiting for them,
 * and changing the medium.
 *
 * Threads: all functions on the main thread or under the device's lock, as
 * said. done() runs on a worker with the device's lock held.
 */
#ifndef VMBOX_DEV_BLKDEV_H
#define VMBOX_DEV_BLKDEV_H

#include "block/request.h"
#include "block/throttle.h"
#include "dev/device.h"
#include "dev/drive.h"

struct blkdev;

struct blkdev_req {
	struct blk_req r;
	struct blkdev *dev;
	void (*done)(struct blkdev_req *q, int ret);
	/* blkdev's own */
	u64 begun_ns;
	struct blk_throttle_wait wait;
};

struct blkdev {
	struct device *dev;		/* whose lock */
	struct drive *drive;		/* NULL: empty, or no drive at all */
	struct blk_node *node;		/* NULL: no medium */
	struct blk_queue *queue;
	pthread_cond_t idle;
	unsigned in_flight, draining;
	bool read_only;
	void (*resized)(struct blkdev *b);	/* under the lock: the medium has another size; may be NULL */
};

/* Main thread. drive_id NULL is an empty drive if may_be_empty. */
int  blkdev_open(struct blkdev *b, struct device *dev, const char *drive_id, bool may_be_empty, struct err *err);
/* Main thread, no lock held: waits for what is in flight, flushes. */
void blkdev_close(struct blkdev *b);
/* Under the lock. The medium is there (node). q->r.op, off, len, iov, niov, flags, call and q->done are set. */
void blkdev_submit(struct blkdev *b, struct blkdev_req *q);
/* Under the lock, which is given up meanwhile: until nothing is in flight. */
void blkdev_drain(struct blkdev *b);
/* Under the lock, drained: takes the medium out, or puts what the drive has in. */
void blkdev_medium_out(struct blkdev *b);
int  blkdev_medium_in(struct blkdev *b, struct err *err);
/* Main thread, vCPUs parked: fn(opaque) runs while the device has no request under way; its result. */
int  blkdev_quiet(struct blkdev *b, int (*fn)(void *opaque), void *opaque);
/* Inside of blkdev_quiet(): goes on with the drive and the node; on failure all is as before. */
int  blkdev_switch(struct blkdev *b, struct drive *d, struct blk_node *node, struct err *err);
/* Main thread: the drive's limits are these now (NULL: none); who was a member of the old ones leaves them. */
void blkdev_limit(struct blkdev *b, struct blk_throttle_member *limits);
/* Main thread: tells the device of another size of its medium. */
void blkdev_resized(struct blkdev *b);
static inline u64 blkdev_bytes(const struct blkdev *b)
{
	return b->node ? blk_length(b->node) : 0;
}

#endif
