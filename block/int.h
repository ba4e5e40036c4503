/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of block/ share and nobody else sees. */
#ifndef BLOCK_INT_H
#define BLOCK_INT_H

#include <errno.h>
#include <stdlib.h>
#include "block/driver.h"
#include "block/toolbox.h"
#include "bytes.h"

struct blk_secret {
	char *id;
	u8 *data;
	size_t len;
	struct blk_secret *next;
};

struct blk_graph {
	struct blk_policy policy;
	struct blk_node *nodes;
	struct blk_secret *secrets;
	struct blk_object *objects;
	struct blk_codecs *codecs;
	struct blk_throttle_hub *throttle;	/* its groups; NULL: none yet */
	struct blk_mem_store *mem;	/* contents of "mem:NAME" files */
	unsigned int serial;		/* of generated node names */
	int depth;			/* of nested opens */
	int lost;			/* first -errno of a close; atomic */
	bool lost_told;
};

/* ---- ranges.c ---- */
struct blk_range {
	u64 off, end;
	bool excl;
	struct blk_range *next, **prev;
};
struct blk_ranges;
struct blk_ranges *blk_ranges_new(void);
void blk_ranges_free(struct blk_ranges *r);
void blk_range_lock(struct blk_node *n, struct blk_range *r, u64 off, u64 len, bool excl);
void blk_range_unlock(struct blk_node *n, struct blk_range *r);
/* Counts a request of a user of the node; waits while the node is drained. */
void blk_enter(struct blk_node *n);
void blk_leave(struct blk_node *n);

/* ---- queue.c ---- */
/* This thread, if it is a queue's worker, is about to sleep for long, or has: others take its place. */
void blk_queue_worker_sleeps(bool begins);

/* Somebody waits for requests of @n: limits at and below it let all go, until go is false. Nests; the graph stays as it is. */
void blk_let_go(struct blk_node *n, bool go);

#define BLK_AS_DATA	BIT(16)		/* write flag: zeros too are stored as data */

/* ---- io.c: no bounds check, no drain gate; beyond the end reads zeros ---- */
int blk_node_preadv(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len);
int blk_node_pwritev(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len,
		     u32 flags);
/* A writer that wants to know when the last of its bytes has its place in the file: placed() is called once, or never. */
struct blk_placed {
	void (*placed)(struct blk_placed *p);	/* by the thread that writes, before it does */
	bool done;
};
int blk_node_pwritev_placed(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len,
			    u32 flags, struct blk_placed *p);
/* blk_pwrite() for those. */
int blk_pwrite_placed(struct blk_node *n, u64 off, const void *buf, size_t len, struct blk_placed *p);
int blk_node_pread(struct blk_node *n, u64 off, void *buf, size_t len);
int blk_node_pwrite(struct blk_node *n, u64 off, const void *buf, size_t len);
int blk_node_zero(struct blk_node *n, u64 off, u64 len, u32 flags);
int blk_node_discard(struct blk_node *n, u64 off, u64 len);
int blk_node_flush(struct blk_node *n);
int blk_node_map(struct blk_node *n, u64 off, u64 len, struct blk_extent *x);
/*
 * How many of the @len bytes from @off on are zeros because @n has a hole there or ends before them; 0: they must be read,
 * or it is not known. *known: up to which byte @n is known to have data, 0 at first; nobody asks twice. Ignores caches.
 */
u64 blk_hole_ahead(struct blk_node *n, u64 off, u64 len, u64 *known);
int blk_node_truncate(struct blk_node *n, u64 size, bool exact, int prealloc, struct err *e);
/* Stores [off, off+len) compressed; the unit must be free of other writers (the engine locks). */
int blk_node_put_compressed(struct blk_node *n, u64 off, u32 len, const void *cbuf, u32 clen);
bool blk_is_mapping(const struct blk_node *n);
/* The caller holds the range, aligned to clusters, exclusively; write: of what is not allocated. */
/* Do these bytes read as zeros, as far as metadata tells, here or below? The caller holds the range. */
bool blk_node_zero_locked(struct blk_node *n, u64 off, u64 len);
int blk_node_read_locked(struct blk_node *n, u64 off, void *buf, size_t len);
int blk_node_write_locked(struct blk_node *n, u64 off, void *buf, size_t len);
/* ---- object.c ---- */
void blk_objects_free(struct blk_graph *g);

/* ---- fill.c: copy on read ---- */
/* The image below filters that takes copies; NULL: there is none. */
struct blk_node *blk_fill_target(struct blk_node *n);
/* What @n leaves to its backing nodes above @base (NULL: to all) is copied into @n, in whole clusters. */
int blk_node_fill(struct blk_node *n, struct blk_node *base, u64 off, u64 len);

struct iov_cur {
	const struct iovec *v;
	int n;
	size_t skip;
};
/* Fills at most @max entries of @out with the next @len bytes, moves on; returns the count, *got bytes. */
int iov_cur_take(struct iov_cur *c, u64 len, struct iovec *out, int max, u64 *got);
void iov_cur_to_buf(struct iov_cur *c, void *buf, size_t len);
void iov_cur_from_buf(struct iov_cur *c, const void *buf, size_t len);
void iov_cur_zero(struct iov_cur *c, u64 len);
u64 iov_bytes(const struct iovec *iov, int niov);
bool iov_is_zero(const struct iovec *iov, int niov);

/* ---- units.c: unpacked compressed units ---- */
struct blk_units;
struct blk_units *blk_units_new(void);
void blk_units_free(struct blk_units *u);
int blk_units_read(struct blk_node *n, const struct blk_extent *x, u64 off, struct iov_cur *c,
		   u64 len);
void blk_units_forget(struct blk_node *n, u64 off, u64 len);

/* ---- codec.c ---- */
/* Unpacks exactly @out_len bytes; -EIO when the data is bad or short. */
int blk_unpack(enum blk_codec codec, const void *in, u32 in_len, void *out, u32 out_len);
/* As blk_unpack() and blk_pack(), with what @g keeps for them: several times as fast. */
int blk_unpack_in(struct blk_graph *g, enum blk_codec codec, const void *in, u32 in_len, void *out,
		  u32 out_len);
int blk_pack_in(struct blk_graph *g, enum blk_codec codec, int level, int wbits, const void *in,
		u32 in_len, void *out, u32 *out_len);
struct blk_codecs *blk_codecs_new(void);
void blk_codecs_free(struct blk_codecs *c);
/*
 * Packs into at most *out_len bytes; -E2BIG when it does not fit. @level: -1 fast, 0 the library's
 * own default. @wbits: window (9..15).
 */
int blk_pack(enum blk_codec codec, int level, int wbits, const void *in, u32 in_len, void *out,
	     u32 *out_len);
bool blk_codec_present(enum blk_codec codec);

/* ---- node.c ---- */
/* In place; blanks are passed over. 0 or -EINVAL. */
int blk_base64_decode(u8 *p, size_t *len);

/* ---- path.c ---- */
/* Length of a protocol prefix "nbd:" (4), 0 when @name is a plain path. */
size_t blk_protocol_prefix(const char *name);
/* The driver of a name's prefix ("nbd+unix:" is nbd's), file's without one; NULL with @e set if none knows it. */
const struct blk_driver *blk_protocol_driver(const char *filename, struct err *e);

/* ---- mem.c ---- */
void blk_mem_stores_free(struct blk_graph *g);

/* Zeroed array with overflow check and a cap in bytes; NULL and *ret set on failure. */
void *blk_table_alloc(u64 count, u32 elem, u64 cap, int *ret);
/* Memory for I/O, aligned to 4 KiB; free() it. */
void *blk_buf_alloc(size_t len);
u64 blk_max_meta(const struct blk_node *n);

/* For blk_check.log while an image is opened: lines on stderr. */
void blk_repair_log(void *opaque, const char *text);

#endif
