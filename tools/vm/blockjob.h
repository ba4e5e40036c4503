/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Block jobs of QMP: what the files with their orders share. Main thread. */
#ifndef VMBOX_TOOLS_VM_BLOCKJOB_H
#define VMBOX_TOOLS_VM_BLOCKJOB_H

#include "block/job.h"
#include "job.h"
#include "qmp-util.h"

/* What an order says of the job as such. */
struct blockjob_args {
	const char *id;			/* job-id; NULL: the drive's */
	bool manual_finalize, manual_dismiss;
	const char *type;		/* NULL: by the kind */
};

/* A copying job with its drives. */
struct blockjob {
	struct vm_job *job;
	struct vm *vm;
	struct blk_job *copy;
	struct loop_bh news;
	struct drive *src, *dst;	/* dst NULL: the target is nobody's but the job's */
	struct blk_node *target;	/* a reference */
	enum blk_job_kind kind;
	bool manual_finalize, was_read_only;	/* the target, which is shut again unless somebody uses it */
	bool completing;		/* block-job-complete: the source's users go over to the target */
	/* Stream and commit: who gets another backing node, which one, and what its header says then. */
	struct blk_node *overlay, *base;
	char *backing_file;
	bool leaving;			/* a ready mirror is to end, after the reply to the order */
	bool failing;			/* io-status */
	u64 len, done, speed;
};

/* A drive by the name of itself or its node that no other node is built on; NULL with QEMU's text. */
struct drive *blockjob_drive(struct qmp_call *c, const char *name);
/*
 * Starts the job; conf without dst, notify and opaque; src NULL: the drive's node. Takes the reference on target when it
 * returns non-NULL.
 */
struct blockjob *blockjob_start(struct qmp_call *c, const struct blk_job_conf *conf, const struct blockjob_args *a,
				struct drive *src, struct drive *dst, struct blk_node *target);
/* Stream and commit: at its end overlay gets base (NULL: none) as its backing node, by the name file (NULL: base's own). */
int blockjob_set_backing(struct blockjob *b, struct blk_node *overlay, struct blk_node *base, const char *file, struct err *err);
/* Everything of the machine that could use a drive stands while fn runs. */
int blockjob_quiet(struct vm *vm, struct drive *d, int (*fn)(void *opaque), void *opaque);
/* Whoever uses d uses to's node from now on; inside of blockjob_quiet(). */
int blockjob_switch(struct vm *vm, struct drive *d, struct drive *to, struct err *err);

#endif
