/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What filters with one child share: each request goes on to n->file as it
 * is. A filter puts these into its driver table where it has nothing to add.
 */
#ifndef BLOCK_FILTER_H
#define BLOCK_FILTER_H

#include "block/int.h"

/* Size, alignment and name from the child "file", which open.c has attached. */
int blk_filter_setup(struct blk_node *n);
/* After a request that may have changed the child's size. */
void blk_filter_follow(struct blk_node *n);
int blk_filter_preadv(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len);
int blk_filter_pwritev(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len,
		       u32 flags);
int blk_filter_zero(struct blk_node *n, u64 off, u64 len, u32 flags);
int blk_filter_discard(struct blk_node *n, u64 off, u64 len);
int blk_filter_status(struct blk_node *n, u64 off, u64 len, struct blk_extent *x);
int blk_filter_truncate(struct blk_node *n, u64 size, bool exact, int prealloc, struct err *e);

#endif
