/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The copy engine that convert, dd, commit, rebase and backup share: reads on
 * several threads, scans for zeros, compresses, writes. Output is the same
 * whatever the number of threads: allocation happens in source order.
 */
#ifndef VMBOX_BLOCK_COPY_H
#define VMBOX_BLOCK_COPY_H

#include "block/block.h"

struct sha256;

/* Progress of a long operation; called from one thread at a time, at most ~10 times a second. */
struct blk_progress {
	void (*update)(void *opaque, u64 done, u64 total);
	void *opaque;
	const volatile int *cancel;	/* non-zero: stop with -EINTR; may be NULL */
};

struct blk_copy_source {
	struct blk_node *node;
	u64 off, len;			/* part of the node */
};

struct blk_copy {
	const struct blk_copy_source *src;	/* concatenated */
	int n_src;
	struct blk_node *dst;
	u64 dst_off;
	struct blk_node *dst_backing;	/* content that @dst has where nothing is written, or NULL */
	struct blk_node *src_base;	/* with dst_backing: data below it is not copied */
	bool target_is_zero;		/* unwritten parts of @dst read as zeros */
	bool compress;
	bool salvage;			/* read errors become zeros; counted in n_salvaged */
	bool share;			/* let the kernel share blocks of plain extents (reflink), where it can */
	bool copy_range;		/* and copy them where it cannot; zeros in them are then not looked for */
	u32 min_sparse;			/* bytes of zeros that make a hole; 0: write all zeros */
	int workers;			/* 0: one a processor, at most 16 */
	u64 rate;			/* bytes a second; 0: no limit */
	u64 buf_size;			/* of one chunk; 0: 1 MiB or half of it */
	struct blk_progress progress;
	struct sha256 *sum;		/* gets all that is copied, zeros too, in order; not with dst_backing */
	/* results */
	u64 n_salvaged, n_written, n_zero;
};

/* 0 or -errno with text saying which side and offset. */
int blk_copy_run(struct blk_copy *c, struct err *e);

/* The parts of [off, off + len) where the nodes differ; cb() returning non-zero ends with that value. */
struct blk_compare {
	struct blk_node *a, *b;
	bool strict;			/* allocation must be the same too */
	struct blk_progress progress;
	/* result when 1 is returned */
	u64 diff_off;
	bool diff_alloc;
	int err_side;			/* on error: 0 a, 1 b */
	u64 err_off;
	bool err_status;		/* asking for status failed, not reading */
};
/* 0 the same, 1 different (diff_off is the first), -errno. Only the common length. */
int blk_compare_run(struct blk_compare *c);

/* Length of the run at @buf that is all zero (true in *zero) or not, in multiples of @align. */
size_t blk_zero_run(const void *buf, size_t len, size_t align, bool *zero);

#endif
