/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Jobs that copy a node while somebody writes to it: mirror and backup. The
 * node is copied in clusters by threads of the job. A mirror copies again
 * what was written meanwhile and is ready when both are the same; a backup
 * holds the moment of its start: what a write is about to change is copied
 * first. A stream fills a node with what its backing nodes hold; a commit
 * takes what nodes above a base hold down to it, from a top that nobody writes
 * to (from one in use it is a mirror). blk_copy_run() is for nodes that stand
 * still.
 *
 * Threads: all functions belong to one thread (the owner's); notify() comes
 * from any thread and says that blk_job_info() has news.
 */
#ifndef VMBOX_BLOCK_JOB_H
#define VMBOX_BLOCK_JOB_H

#include "block/block.h"

enum blk_job_kind { BLK_JOB_MIRROR, BLK_JOB_BACKUP, BLK_JOB_STREAM, BLK_JOB_COMMIT };
/* What is copied: all, what the node itself holds (not its backing nodes), nothing but what is written. */
enum blk_job_sync { BLK_SYNC_FULL, BLK_SYNC_TOP, BLK_SYNC_NONE };
/* What an I/O error does: ends the job, is tried again, pauses the job (ENOSPC only: the others end it). */
enum blk_job_on_error { BLK_ON_ERROR_REPORT, BLK_ON_ERROR_IGNORE, BLK_ON_ERROR_STOP, BLK_ON_ERROR_ENOSPC };

struct blk_job_conf {
	enum blk_job_kind kind;
	enum blk_job_sync sync;
	struct blk_node *src, *dst;	/* the job takes references; dst is at least as long; a stream has one node */
	struct blk_node *base;		/* what it and those below it hold is not copied; NULL: all is. Lives as long as src */
	enum blk_job_on_error on_source_error, on_target_error;
	u32 granularity;		/* bytes of a cluster, a power of two from 512 to 64 MiB; 0: the target's */
	u64 speed;			/* bytes a second; 0: no limit */
	bool compress;			/* into a target that can */
	bool write_blocking;		/* mirror: a write ends when the target has it too */
	bool no_unmap;			/* zeros take space in the target */
	void (*notify)(void *opaque);
	void *opaque;
};

struct blk_job_info {
	u64 len, done, speed;		/* len grows when a mirror has to copy again */
	bool ready;			/* mirror: all was the same at some moment */
	bool paused;
	bool ended;			/* ret says how: 0, -errno, -ECANCELED */
	int ret;
	/* I/O errors since the last call of blk_job_info(), and what was done about the last. */
	unsigned read_errors, write_errors;
	enum blk_job_on_error action;	/* REPORT, IGNORE or STOP */
	int error;			/* -errno of the last */
};

struct blk_job;

/* NULL with text. */
struct blk_job *blk_job_start(const struct blk_job_conf *c, struct err *e);
void blk_job_info(struct blk_job *j, struct blk_job_info *info);
/* The same, and the errors stay to be told. */
void blk_job_peek(struct blk_job *j, struct blk_job_info *info);
void blk_job_pause(struct blk_job *j);
void blk_job_resume(struct blk_job *j);	/* also after an error that paused it */
void blk_job_set_speed(struct blk_job *j, u64 speed);
/* Ends soon, with -ECANCELED. */
void blk_job_cancel(struct blk_job *j);
/*
 * A ready mirror: no new writes begin to the source until blk_job_free(), the
 * rest is copied and flushed. The owner has seen to it that who writes to the
 * source can wait. 0, or -errno: the job has failed.
 */
int blk_job_finish(struct blk_job *j);
/* Ends the job, whatever its state, and forgets it. */
void blk_job_free(struct blk_job *j);

/*
 * What @n leaves open is answered by @base from now on; NULL: by zeros. It must hold what @n left open
 * until now, or @n be new. -ENOTSUP, -EBUSY with text.
 */
int blk_set_backing(struct blk_node *n, struct blk_node *base, struct err *e);
/*
 * Another base for @n, which answers the same: its header names it as @file (NULL: none) of @fmt.
 * No request of a user is in flight above @n.
 */
int blk_change_backing(struct blk_node *n, struct blk_node *base, const char *file, const char *fmt, struct err *e);

#endif
