/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block layer as its users see it: a graph of nodes (files, formats on
 * top of them, filters on top of those) and byte-granular I/O on a node.
 *
 * A struct blk_graph holds what would otherwise be global: named nodes,
 * secrets, the policy on references, budgets. Two graphs never share state.
 *
 * Threads: opening, closing and changing a graph is for one thread at a time.
 * The I/O calls below (blk_preadv() to blk_flush(), blk_status()) may be made
 * from any number of threads at once on one node; each blocks its caller.
 * request.h puts the asynchronous interface for devices on top of them.
 */
#ifndef VMBOX_BLOCK_BLOCK_H
#define VMBOX_BLOCK_BLOCK_H

#include <sys/uio.h>
#include "types.h"
#include "err.h"
#include "block/opts.h"

struct blk_graph;
struct blk_node;
struct json;

/* Which files named inside an image (backing file, data file, extents) are opened. */
enum blk_follow {
	BLK_FOLLOW_ALL,		/* any, as qemu-img does */
	BLK_FOLLOW_DIR,		/* only inside the directory of the image that names it, no symlinks */
	BLK_FOLLOW_NONE,
};

struct blk_policy {
	enum blk_follow follow;
	u64 max_meta;		/* bytes of metadata cache and tables of one node; 0: 64 MiB */
	u64 max_virtual;	/* largest virtual size that is opened; 0: no limit */
};

/* What users say: "all", "dir" or "none" (NULL: *out stays). 0 or -EINVAL with text. */
int blk_follow_parse(const char *text, enum blk_follow *out, struct err *e);
struct blk_graph *blk_graph_new(const struct blk_policy *p);	/* NULL: out of memory; @p may be NULL */
void blk_graph_free(struct blk_graph *g);	/* all nodes must be gone */
/*
 * The first -errno of a node that could not be stored wholly when it was closed, 0: there was none.
 * *told (may be NULL): its driver said in the log what was lost.
 */
int blk_graph_lost(const struct blk_graph *g, bool *told);
struct blk_policy *blk_graph_policy(struct blk_graph *g);
/* Adds "secret,id=...,data=...|file=...,format=raw|base64" (without "secret,"). */
int blk_graph_add_secret(struct blk_graph *g, struct blk_opts *o, struct err *e);
/* Bytes of secret @id (owned by @g); -ENOENT with text. */
int blk_graph_secret(struct blk_graph *g, const char *id, const u8 **data, size_t *len,
		     struct err *e);
struct blk_node *blk_graph_find(struct blk_graph *g, const char *node_name);	/* no reference taken */

/* ---- opening ---- */

#define BLK_O_RDWR		BIT(0)
#define BLK_O_DIRECT		BIT(1)	/* bypass the page cache (cache.direct) */
#define BLK_O_NO_FLUSH		BIT(2)	/* flushes do nothing (cache.no-flush, "unsafe") */
#define BLK_O_WRITETHROUGH	BIT(3)	/* every write is followed by a flush */
#define BLK_O_NO_BACKING	BIT(4)
#define BLK_O_NO_IO		BIT(5)	/* metadata only: no secrets needed, no locks */
#define BLK_O_UNMAP		BIT(6)	/* discard is passed on (discard=unmap) */
#define BLK_O_CHECK		BIT(7)	/* tolerate what check can repair */
#define BLK_O_FORCE_SHARE	BIT(8)	/* -U: do not mind other users' locks */
#define BLK_O_NO_PROBE		BIT(9)	/* no driver given means raw */
#define BLK_O_PROTOCOL		BIT(10)	/* open the protocol node only, no format */
#define BLK_O_COPY_ON_READ	BIT(11)
#define BLK_O_INACTIVE		BIT(12)	/* incoming migration: opened, not yet used */

/*
 * Opens @filename ("json:{...}", "nbd://...", a path; may be NULL) with @opts (may be NULL;
 * "driver" chooses the format, otherwise it is probed). All keys of @opts are consumed, also on
 * failure. On success *out holds one reference. 0 or -errno with text.
 */
int blk_open(struct blk_graph *g, const char *filename, struct blk_opts *opts, u32 flags,
	     struct blk_node **out, struct err *e);
struct blk_node *blk_ref(struct blk_node *n);
/*
 * Drops a reference; the last one stores what was kept back and closes. NULL is fine. 0, or -errno
 * when something of this node or of one below it could not be stored; blk_graph_lost() keeps it.
 */
int blk_unref(struct blk_node *n);
/* Stores what closing would (bitmaps, marks, the log). No request may be under way. 0 or -errno. */
int blk_settle(struct blk_node *n);
/* Changes flags (RDWR, cache) and format options of an open node; unchanged on failure. */
int blk_reopen(struct blk_node *n, struct blk_opts *opts, u32 flags, struct err *e);

u64 blk_length(const struct blk_node *n);		/* bytes, now */
u32 blk_flags(const struct blk_node *n);
const char *blk_driver_name(const struct blk_node *n);
const char *blk_filename(const struct blk_node *n);	/* what messages call it */
const char *blk_node_name(const struct blk_node *n);
bool blk_read_only(const struct blk_node *n);
u32 blk_request_align(const struct blk_node *n);	/* 1 unless O_DIRECT or the like */
struct blk_node *blk_backing(struct blk_node *n);	/* no reference; NULL without one */
/* All nodes of a graph, the newest first; after NULL the first. No reference taken. */
struct blk_node *blk_node_next(struct blk_graph *g, const struct blk_node *n);
bool blk_has_parent(struct blk_node *n);		/* another node is made of it */
struct blk_node *blk_file(struct blk_node *n);		/* primary child; NULL for protocols */

/* ---- I/O: 0 or -errno; whole request or error, never short ---- */

#define BLK_FUA		BIT(0)	/* write: on stable storage before return */
#define BLK_MAY_UNMAP	BIT(1)	/* zero: may deallocate */
#define BLK_NO_FALLBACK	BIT(2)	/* zero: -ENOTSUP rather than writing zeros */
#define BLK_COMPRESS	BIT(3)	/* write: store compressed (cluster-aligned) */
#define BLK_RESIZE	BIT(4)	/* write: may grow the node */

int blk_preadv(struct blk_node *n, u64 off, const struct iovec *iov, int niov);
int blk_pwritev(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u32 flags);
int blk_pread(struct blk_node *n, u64 off, void *buf, size_t len);
int blk_pwrite(struct blk_node *n, u64 off, const void *buf, size_t len, u32 flags);
int blk_zero(struct blk_node *n, u64 off, u64 len, u32 flags);
int blk_discard(struct blk_node *n, u64 off, u64 len);
/*
 * The host copies @len plain bytes of the protocol node @src, as blk_status() names it, to @n;
 * with @share it makes both use the same blocks, or fails (reflink; aligned to its blocks). On an
 * error, -ENOTSUP where it cannot at all, part of the range may have been written.
 */
int blk_copy_range(struct blk_node *n, u64 off, struct blk_node *src, u64 src_off, u64 len,
		   bool share);
int blk_flush(struct blk_node *n);
/* For each of the caller's bytes: where they are. At least one byte of progress. */
#define BLK_ST_DATA		BIT(0)	/* stored bytes; reading is needed */
#define BLK_ST_ZERO		BIT(1)	/* reads as zeros */
#define BLK_ST_ALLOCATED	BIT(2)	/* answered by this node, not by a backing node */
#define BLK_ST_OFFSET		BIT(3)	/* file and offset are valid: plain bytes in @file at @offset */
#define BLK_ST_COMPRESSED	BIT(4)
#define BLK_ST_EOF		BIT(5)	/* ends at the node's end */
struct blk_status {
	u64 len;
	u32 flags;
	int depth;			/* blk_status_chain(): 0 the node itself, 1 its backing, ... */
	struct blk_node *file;
	u64 offset;
};
/* This node only: not ALLOCATED where the backing node answers. */
int blk_status(struct blk_node *n, u64 off, u64 len, struct blk_status *st);
/* The node and its chain of backing nodes down to, not including, @base (NULL: all). */
int blk_status_chain(struct blk_node *n, struct blk_node *base, u64 off, u64 len,
		     struct blk_status *st);
/* As blk_status(), without asking the file system below where its holes are. */
int blk_allocated(struct blk_node *n, u64 off, u64 len, u64 *run);

/*
 * State of a machine, kept beside the disk by formats that can (qcow2), from where a snapshot takes
 * it along. Bytes that nobody wrote are zero. -ENOTSUP: the format cannot.
 */
int blk_vmstate_read(struct blk_node *n, u64 pos, void *buf, size_t len);
int blk_vmstate_write(struct blk_node *n, u64 pos, const void *buf, size_t len);
u64 blk_vmstate_base(struct blk_node *n);	/* guest offset of position 0; 0: there is none */

#define BLK_PREALLOC_OFF	0
#define BLK_PREALLOC_METADATA	1
#define BLK_PREALLOC_FALLOC	2
#define BLK_PREALLOC_FULL	3
extern const char *const blk_prealloc_names[];	/* NULL-terminated, in that order */
/* Exact size; with @exact false a block device may be larger. */
int blk_truncate(struct blk_node *n, u64 size, bool exact, int prealloc, struct err *e);

/* Stops new requests of other threads and waits for those in flight; nests. */
void blk_drain_begin(struct blk_node *n);
void blk_drain_end(struct blk_node *n);
/* Called (on any thread) after the size changed; one observer a node, NULL removes it. */
void blk_set_resize_cb(struct blk_node *n, void (*cb)(void *opaque, u64 size), void *opaque);

/* ---- breakpoints of a blkdebug filter below the node; -ENOTSUP without one ---- */
enum blk_break { BLK_BREAK_SET, BLK_BREAK_REMOVE, BLK_BREAK_RESUME, BLK_BREAK_WAIT, BLK_BREAK_RESUME_ALL };
/*
 * SET: the next request that comes to @event stops there (once), under the name @tag. REMOVE: not
 * that. RESUME: a stopped one goes on; WAIT: until one has stopped. -ENOENT: no such @tag.
 */
int blk_break(struct blk_node *n, enum blk_break op, const char *event, const char *tag);

/* ---- creating ---- */

/*
 * Creates @filename as format @fmt. @opts: "size" and the format's and the protocol's options by
 * their QEMU names; all consumed. 0 or -errno with text.
 */
int blk_create(struct blk_graph *g, const char *fmt, const char *filename, struct blk_opts *opts,
	       struct err *e);

/* Kind of a create or amend option's value. */
enum blk_opttype { BLK_OPT_STRING, BLK_OPT_BOOL, BLK_OPT_NUMBER, BLK_OPT_SIZE };
/* One option; tables end with name == NULL. The tables are the source of --help and -o help. */
struct blk_optdesc {
	const char *name;
	enum blk_opttype type;
	const char *help;
	const char *def;	/* printed default; NULL: none */
};

/* Bytes that the node's files take on the host (backing files apart); -ENOTSUP unknown. */
s64 blk_disk_size(struct blk_node *n);

/* ---- what stands below the tools ---- */

/* Probes the first bytes and the name; never NULL ("raw" is the fallback). */
const char *blk_probe_format(const u8 *buf, size_t len, const char *filename);
/* "nbd:...", "json:{...}" and the like, not a path. */
bool blk_is_protocol_name(const char *name);
/* Bytes before the folder in "fat:[12:|16:|32:][floppy:][rw:]DIR"; 0: not such a name. */
size_t blk_folder_prefix(const char *name);
/* Path of @backing as named by image @image: relative names start at the image's directory. */
int blk_combine_path(const char *image, const char *backing, char **out);
/* Names that an image on @file gives cannot be relative to it: no single file stands below. */
bool blk_has_no_directory(const struct blk_node *file);
/* File name text for messages and JSON: plain path where one says it all, else "json:{...}". */
int blk_exact_filename(struct blk_node *n, char **out);

#endif
