// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Disks of controllers (see dev/blkdev.h).
 */
#include <errno.h>
#include "dev/blkdev.h"
#include "loop.h"
#include "trace.h"

#define WORKERS 4

TRACE_EVENT(blkdev_submit, "req=%llx op=%llu off=%llu len=%llu");
TRACE_EVENT(blkdev_done, "req=%llx ns=%llu ret=%lld");

/* Compares and the like, which are calls, count as reads. */
static void account(struct drive_stats *st, const struct blkdev_req *q)
{
	static const u8 kinds[] = {
		[BLK_OP_READ] = DRIVE_STAT_READ, [BLK_OP_WRITE] = DRIVE_STAT_WRITE, [BLK_OP_ZERO] = DRIVE_STAT_WRITE,
		[BLK_OP_DISCARD] = DRIVE_STAT_DISCARD, [BLK_OP_FLUSH] = DRIVE_STAT_FLUSH, [BLK_OP_CALL] = DRIVE_STAT_READ,
	};
	struct drive_stat *k = &st->kind[kinds[q->r.op]];

	u64 ns = loop_now_ns() - q->begun_ns;

	trace(blkdev_done, (u64)(uintptr_t)q, ns, (u64)q->r.ret);
	k->ns += ns;
	if (q->r.ret < 0) {
		k->failed++;
		return;
	}
	k->ops++;
	k->bytes += q->r.len;
	if (q->r.op == BLK_OP_WRITE)
		st->highest = MAX(st->highest, q->r.off + q->r.len);
}

static void on_done(struct blk_req *r)
{
	struct blkdev_req *q = container_of(r, struct blkdev_req, r);
	struct blkdev *b = q->dev;
	struct device *dev = b->dev;

	device_lock(dev);
	account(&b->drive->stats, q);
	q->done(q, r->ret);
	if (!--b->in_flight)
		pthread_cond_broadcast(&b->idle);
	device_unlock(dev);
}

static int start_queue(struct blkdev *b, struct err *err)
{
	struct blk_queue_conf conf = { .workers = WORKERS, .name = "disk" };

	b->node = b->drive->node;
	if (!b->node)
		return 0;
	b->read_only = b->drive->read_only;
	b->queue = blk_queue_new(b->node, &conf);
	return b->queue ? 0 : err_set(err, ENOMEM, "cannot start the disk's threads");
}

int blkdev_open(struct blkdev *b, struct device *dev, const char *drive_id, bool may_be_empty, struct err *err)
{
	*b = (struct blkdev){ .dev = dev };
	pthread_cond_init(&b->idle, NULL);
	if (!drive_id && may_be_empty)
		return 0;
	b->drive = drive_take(dev->machine, drive_id, err);
	if (!b->drive)
		return -err->code;
	if (start_queue(b, err) < 0) {
		b->drive->in_use = false;
		b->drive = NULL;
		return -err->code;
	}
	b->drive->user = b;
	return 0;
}

void blkdev_close(struct blkdev *b)
{
	device_lock(b->dev);
	blkdev_drain(b);
	device_unlock(b->dev);
	if (b->node)
		blk_flush(b->node);
	if (b->queue)
		blk_queue_free(b->queue);
	if (b->drive) {
		if (b->drive->is_node)	/* the limits were the device's */
			drive_leave_limits(b->drive);
		b->drive->in_use = false;
		b->drive->user = NULL;
	}
	pthread_cond_destroy(&b->idle);
	b->drive = NULL;
	b->node = NULL;
	b->queue = NULL;
}

static void let_go(struct blk_throttle_wait *w)
{
	struct blkdev_req *q = container_of(w, struct blkdev_req, wait);

	blk_queue_submit(q->dev->queue, &q->r);
}

void blkdev_submit(struct blkdev *b, struct blkdev_req *q)
{
	q->dev = b;
	q->r.done = on_done;
	q->r.next = NULL;
	q->begun_ns = loop_now_ns();
	b->in_flight++;
	trace(blkdev_submit, (u64)(uintptr_t)q, (u64)q->r.op, q->r.off, q->r.len);
	if (likely(!b->drive->limits) || q->r.op == BLK_OP_FLUSH) {
		blk_queue_submit(b->queue, &q->r);
		return;
	}
	q->wait = (struct blk_throttle_wait){ .go = let_go, .bytes = q->r.len };
	blk_throttle_submit(b->drive->limits, q->r.op == BLK_OP_READ || q->r.op == BLK_OP_CALL ? BLK_THROTTLE_READ :
			    BLK_THROTTLE_WRITE, &q->wait);
}

void blkdev_drain(struct blkdev *b)
{
	struct blk_throttle_member *limits = b->in_flight ? b->drive->limits : NULL;

	b->draining++;
	if (limits)
		blk_throttle_open(limits, true);
	while (b->in_flight)
		pthread_cond_wait(&b->idle, &b->dev->lock);
	if (limits)
		blk_throttle_open(limits, false);
	if (!--b->draining)
		pthread_cond_broadcast(&b->idle);
}

void blkdev_limit(struct blkdev *b, struct blk_throttle_member *limits)
{
	device_lock(b->dev);
	while (b->draining)
		pthread_cond_wait(&b->idle, &b->dev->lock);
	b->drive->limits = limits;
	device_unlock(b->dev);
}

void blkdev_medium_out(struct blkdev *b)
{
	if (b->queue)
		blk_queue_free(b->queue);
	b->queue = NULL;
	b->node = NULL;
}

int blkdev_medium_in(struct blkdev *b, struct err *err)
{
	blkdev_medium_out(b);
	return b->drive ? start_queue(b, err) : 0;
}

int blkdev_quiet(struct blkdev *b, int (*fn)(void *opaque), void *opaque)
{
	int ret;

	device_lock(b->dev);
	blkdev_drain(b);
	ret = fn(opaque);
	device_unlock(b->dev);
	return ret;
}

int blkdev_switch(struct blkdev *b, struct drive *d, struct blk_node *node, struct err *err)
{
	struct blk_queue_conf conf = { .workers = WORKERS, .name = "disk" };
	struct blk_queue *q = blk_queue_new(node, &conf);

	if (!q)
		return err_set(err, ENOMEM, "cannot start the disk's threads");
	if (b->queue)
		blk_queue_free(b->queue);
	b->queue = q;
	b->node = node;
	b->drive = d;
	return 0;
}

void blkdev_resized(struct blkdev *b)
{
	device_lock(b->dev);
	if (b->resized)
		b->resized(b);
	device_unlock(b->dev);
}
