/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asynchronous requests: what a device model (virtio-blk, AHCI, NVMe), the
 * NBD server and qemu-io's aio_ commands use. A queue owns worker threads;
 * any number of requests may be in flight and they may finish in any order.
 * Requests that overlap in bytes while in flight have no defined order.
 * A flush covers the writes that were completed before it was submitted.
 *
 * Completion: with conf.notify unset, done() runs on a worker thread. With
 * notify set, finished requests wait in a list, notify() is called (on a
 * worker; it may post to an event loop or write an eventfd) when the list
 * becomes non-empty, and the owner calls blk_queue_reap(), which runs done()
 * in the owner's thread.
 */
#ifndef VMBOX_BLOCK_REQUEST_H
#define VMBOX_BLOCK_REQUEST_H

#include "block/block.h"

enum blk_op { BLK_OP_READ, BLK_OP_WRITE, BLK_OP_ZERO, BLK_OP_DISCARD, BLK_OP_FLUSH,
	      BLK_OP_CALL };

/* Owned by the caller, untouched by him from submit to done(). */
struct blk_req {
	enum blk_op op;
	u32 flags;			/* BLK_FUA, BLK_MAY_UNMAP, ... */
	u64 off, len;			/* @len is the sum of @iov for reads and writes */
	const struct iovec *iov;
	int niov;
	int ret;			/* 0 or -errno, valid in done(); -ECANCELED after cancel */
	void (*done)(struct blk_req *r);
	int (*call)(struct blk_req *r);	/* BLK_OP_CALL: runs on a worker, its result is ret */
	void *opaque;
	/* private to the queue */
	struct blk_req *next;
	struct blk_queue *q;
	u8 state;
};

struct blk_queue_conf {
	int workers;			/* 0: 4 */
	const char *name;		/* of the threads; NULL: "blk" */
	void (*notify)(void *opaque);
	void *opaque;
};

/* Takes a reference on @n. NULL: out of memory or threads. */
struct blk_queue *blk_queue_new(struct blk_node *n, const struct blk_queue_conf *conf);
/* Finishes what is in flight (done() runs for each), stops the workers, drops the node. */
void blk_queue_free(struct blk_queue *q);
struct blk_node *blk_queue_node(struct blk_queue *q);
/* Any thread. @r may be the head of a list linked by ->next: submitted as one batch. */
void blk_queue_submit(struct blk_queue *q, struct blk_req *r);
/* Runs done() for all finished requests; returns how many. Owner's thread only. */
int blk_queue_reap(struct blk_queue *q);
/* Not yet started: finishes with -ECANCELED, returns true. Already running: false, it will finish. */
bool blk_queue_cancel(struct blk_queue *q, struct blk_req *r);
/* Waits until nothing is queued or running and reaps. Owner's thread only. */
void blk_queue_drain(struct blk_queue *q);
unsigned int blk_queue_in_flight(struct blk_queue *q);

#endif
