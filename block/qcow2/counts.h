/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How often each cluster of a file is named. Counts stand in chunks made on
 * demand, so the memory follows what is in use, not the length of a sparse file.
 */
#ifndef BLOCK_QCOW2_COUNTS_H
#define BLOCK_QCOW2_COUNTS_H

#include "types.h"

struct qcow2_counts {
	struct qcow2_chunk **hash;
	u64 chunks, max_chunks;
	u64 *order;		/* indices of the first n_order chunks made, ascending */
	u64 n_order;
};

/* All zero. 0 or -ENOMEM; at most about max_bytes of memory. To be freed in either case. */
int  qcow2_counts_init(struct qcow2_counts *t, u64 max_bytes);
void qcow2_counts_free(struct qcow2_counts *t);
void qcow2_counts_clear(struct qcow2_counts *t);
/* The count itself; NULL: it is zero and has no place yet, or with make that there is no memory. */
u32 *qcow2_count_at(struct qcow2_counts *t, u64 cluster, bool make);
u32  qcow2_count(struct qcow2_counts *t, u64 cluster);
u64  qcow2_counts_max(const struct qcow2_counts *t);
/* For qcow2_counts_next(), after counts were made: a file of exabytes may have three chunks. 0 or -ENOMEM. */
int  qcow2_counts_sort(struct qcow2_counts *t);
/* The next cluster at or after c, but below end, that may have references; else end. */
u64  qcow2_counts_next(const struct qcow2_counts *t, u64 c, u64 end);

#endif
