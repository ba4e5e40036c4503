/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files in memory, named "mem:NAME" inside one graph: fuzzers and crash
 * tests run whole image operations on them without touching the disk. They
 * are sparse and keep their contents between open and close.
 */
#ifndef VMBOX_BLOCK_MEM_H
#define VMBOX_BLOCK_MEM_H

#include "block/block.h"

struct blk_mem_store;

enum blk_mem_op { BLK_MEM_WRITE, BLK_MEM_ZERO, BLK_MEM_TRUNCATE, BLK_MEM_FLUSH };

/* The file "mem:@name" of @g, made when missing; lives as long as the graph. NULL: no memory. */
struct blk_mem_store *blk_mem_store(struct blk_graph *g, const char *name);
/* Replaces the contents. 0 or -ENOMEM. */
int blk_mem_load(struct blk_mem_store *s, const void *data, u64 len);
int blk_mem_write(struct blk_mem_store *s, u64 off, const void *data, u64 len);
void blk_mem_read(struct blk_mem_store *s, u64 off, void *data, u64 len);
u64 blk_mem_size(const struct blk_mem_store *s);
int blk_mem_set_size(struct blk_mem_store *s, u64 size);
/* No more than @max bytes of content: writes beyond it fail with -ENOSPC. 0: no limit. */
void blk_mem_set_limit(struct blk_mem_store *s, u64 max);
/*
 * Every change is shown to @hook first (any thread, the store's lock held);
 * -errno fails the operation and changes nothing. BLK_MEM_TAKEN for a write:
 * the file grows, but its content is not kept, and reads as before.
 */
#define BLK_MEM_TAKEN 1
void blk_mem_set_hook(struct blk_mem_store *s,
		      int (*hook)(void *opaque, enum blk_mem_op op, u64 off, const void *data,
				  u64 len),
		      void *opaque);

#endif
