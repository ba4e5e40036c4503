/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The contract between the block engine and its drivers. There are two kinds:
 *
 * Byte drivers (protocols and filters) move bytes: preadv, pwritev, ...
 * Mapping drivers (formats) do no data I/O. map() answers "where is it";
 * alloc() and commit() answer "where may it go". The engine reads, writes,
 * decompresses, decrypts, copies on write, and asks the backing node.
 *
 * Locking, held by the engine while it calls:
 *   LOCK_NONE	preadv pwritev flush status map alloc commit abort compressed
 *		zero discard encrypt decrypt: from any thread, several at once.
 *		alloc..commit, zero and discard hold the byte range, extended to
 *		whole clusters, exclusively; map and in-place data I/O hold it shared.
 *		A driver guards its own tables with its own mutex, and never holds
 *		that mutex while it waits for a range.
 *   LOCK_DRAINED	truncate reopen snapshot_* check amend make_empty bitmap_*: no I/O.
 * Lock order: range lock, driver mutex, metadata cache, child node's the same.
 */
#ifndef VMBOX_BLOCK_DRIVER_H
#define VMBOX_BLOCK_DRIVER_H

#include <pthread.h>
#include "block/block.h"
#include "registry.h"

struct json;
struct blk_check;
struct blk_snapshot;
struct blk_measure;

enum blk_kind {
	BLK_HOLE,		/* the backing node answers; zeros without one */
	BLK_ZERO,		/* reads as zeros here */
	BLK_DATA,		/* plain or encrypted bytes in @node at @host */
	BLK_COMPRESSED,		/* inside one compressed unit */
};

#define BLK_X_ENCRYPTED	BIT(0)	/* pass through decrypt() */
#define BLK_X_IN_PLACE	BIT(1)	/* DATA: may be overwritten where it is */
#define BLK_X_OFFSET	BIT(2)	/* ZERO: has host space at @host all the same */
#define BLK_X_RECURSE	BIT(3)	/* DATA: may be zero below, asking the file pays */
#define BLK_X_EOF	BIT(4)
#define BLK_X_NO_DATA	BIT(5)	/* DATA: not counted as such in block status (NBD's x-dirty-bitmap) */
#define BLK_X_STORED	BIT(6)	/* ZERO: takes space all the same, counts as data in block status too */

enum blk_codec { BLK_CODEC_DEFLATE, BLK_CODEC_ZLIB, BLK_CODEC_ZSTD, BLK_CODEC_BZIP2,
		 BLK_CODEC_LZFSE };

struct blk_extent {
	enum blk_kind kind;
	u32 flags;
	u64 off, len;		/* guest bytes; contains what was asked for */
	struct blk_node *node;	/* of host space */
	u64 host;		/* of the byte at @off; compressed: of the unit's first byte */
	/* BLK_COMPRESSED only */
	enum blk_codec codec;
	u32 clen;		/* stored bytes, or an upper limit (the stream ends itself) */
	u64 unit_off;		/* guest offset of the unit's first byte */
	u32 unit_len;		/* bytes it unpacks to */
};

/* Space for a write: alloc() fills it, commit() or abort() ends it. */
struct blk_alloc {
	u64 off, len;		/* guest bytes, aligned to the copy-on-write unit, contains the request's start */
	struct blk_node *node;
	u64 host;
	u32 flags;		/* BLK_X_ENCRYPTED */
	bool fresh;		/* the host space is new: bytes around the request must be filled ... */
	bool zeroed;		/* ... unless it reads as zeros and so did the old content */
	bool cow;		/* out: the engine copied old data into it */
	u64 priv[4];		/* the driver's */
};

struct blk_limits {
	u32 request_align;	/* byte drivers: of offset, length and memory */
	u32 cluster;		/* mapping drivers: unit of allocation; 1 without one */
	u32 cow_unit;		/* smaller unit that can be allocated alone; 0: cluster */
	u32 max_compressed;	/* largest unit that compressed() takes; 0: cannot */
	u32 max_packed;		/* bytes that such a unit may take packed; 0: max_compressed */
	bool compressed_only;	/* all writes are of whole units, compressed */
	u64 max_size;		/* largest virtual size; 0: 2^63 - 1 */
};

#define BLK_DRV_PROTOCOL	BIT(0)
#define BLK_DRV_FILTER		BIT(1)	/* data is that of child 0, same offsets */
#define BLK_DRV_READ_ONLY	BIT(2)
#define BLK_DRV_NO_FILE		BIT(3)	/* opens its children itself */
#define BLK_DRV_BACKING		BIT(4)	/* the format can name a backing file */
#define BLK_DRV_SNAPSHOTS	BIT(5)
#define BLK_DRV_GROWS		BIT(6)	/* the format needs a file that can grow */
#define BLK_DRV_FLUSHES		BIT(8)	/* flush() flushes the children too */
#define BLK_DRV_ANY_ORDER	BIT(9)	/* what is written ends the same in whatever order it came */
#define BLK_DRV_NAMED		BIT(7)	/* open() sets a file name that says all options */
#define BLK_DRV_VOTES		BIT(10)	/* flush() decides what a child's failure means */
#define BLK_DRV_TELLS		BIT(11)	/* settle() says in the log what it could not store */

struct blk_driver {
	const char *name;		/* "qcow2" */
	const char *prefix;		/* protocols: "nbd" opens "nbd:..." names */
	u32 flags;
	size_t priv_size;
	const struct blk_optdesc *create_opts;
	const struct blk_optdesc *amend_opts;

	/* 0: not mine ... 100: certainly */
	int (*probe)(const u8 *buf, size_t len, const char *filename);
	/* Protocols: takes a file name apart into options. */
	int (*parse_filename)(const char *filename, struct blk_opts *o, struct err *e);
	/* Child "file" is open already unless BLK_DRV_NO_FILE. Takes its keys out of @o. */
	int (*open)(struct blk_node *n, struct blk_opts *o, struct err *e);
	/* After open() and after the backing node, if any, was attached. */
	int (*opened)(struct blk_node *n, struct err *e);
	/*
	 * Before the first change of a node that was opened for writing, also one in place that
	 * the driver is not asked about. Several threads may be in it; it is called again until
	 * it returned 0 once.
	 */
	int (*will_write)(struct blk_node *n);
	/* Guest bytes are about to change: before each change, after will_write(), from any thread. */
	void (*changes)(struct blk_node *n, u64 off, u64 len);
	/*
	 * An image that was open for writing is about to be closed, or to be written no more: stores
	 * what was kept back until now (bitmaps, marks, the log), flush() went before. On failure it
	 * may be called again. LOCK_DRAINED.
	 */
	int (*settle)(struct blk_node *n);
	void (*close)(struct blk_node *n);	/* frees; what had to be stored was by settle() */
	int (*reopen)(struct blk_node *n, struct blk_opts *o, u32 flags, struct err *e);
	/* Protocols: make an empty file. */
	int (*create_file)(struct blk_graph *g, const char *filename, struct blk_opts *o,
			   struct err *e);
	/* Formats: write an empty image of @size bytes into @file (RDWR, size 0). */
	int (*create)(struct blk_graph *g, struct blk_node *file, u64 size, struct blk_opts *o,
		      struct err *e);

	/* byte drivers */
	int (*preadv)(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len);
	int (*pwritev)(struct blk_node *n, u64 off, const struct iovec *iov, int niov, u64 len,
		       u32 flags);
	int (*status)(struct blk_node *n, u64 off, u64 len, struct blk_extent *x);
	/* Somebody waits for the requests of this node, or of one above it, to end: until go is false again this driver holds none back. Nests. */
	void (*let_go)(struct blk_node *n, bool go);
	/* As blk_copy_range(); -ENOTSUP when @src is of another driver. */
	int (*copy_from)(struct blk_node *n, u64 off, struct blk_node *src, u64 src_off, u64 len,
			 bool share);

	/* mapping drivers */
	int (*map)(struct blk_node *n, u64 off, u64 len, struct blk_extent *x);
	int (*alloc)(struct blk_node *n, u64 off, u64 len, struct blk_alloc *a);
	int (*commit)(struct blk_node *n, struct blk_alloc *a);
	void (*abort)(struct blk_node *n, struct blk_alloc *a);
	/* Stores one unit [off, off + len) as the @clen bytes at @cbuf. */
	int (*compressed)(struct blk_node *n, u64 off, u32 len, const void *cbuf, u32 clen);
	int (*compress)(struct blk_node *n, const void *in, u32 len, void *out, u32 *clen);
	/* @key_off: guest or host offset, as the format's tweak wants it, computed by @guest, @host. */
	int (*crypt)(struct blk_node *n, bool encrypt, u64 guest, u64 host, void *buf, size_t len);

	/* both; offsets aligned to lim.cluster (or request_align), those of zero() to lim.cow_unit. -ENOTSUP: the engine does without */
	int (*zero)(struct blk_node *n, u64 off, u64 len, u32 flags);
	int (*discard)(struct blk_node *n, u64 off, u64 len);
	int (*flush)(struct blk_node *n);	/* own metadata, in order; the engine flushes children after */
	u64 (*length)(struct blk_node *n);	/* protocols whose size changes under us */
	int (*truncate)(struct blk_node *n, u64 size, bool exact, int prealloc, struct err *e);

	/* Where, beyond the disk's end, the machine's state is; and room for it up to @end. */
	u64 (*vmstate_base)(struct blk_node *n);
	int (*vmstate_reserve)(struct blk_node *n, u64 end, struct err *e);	/* LOCK_DRAINED */

	/* toolbox */
	int (*info)(struct blk_node *n, struct json *specific);	/* members of "format-specific" data */
	int (*check)(struct blk_node *n, struct blk_check *c, struct err *e);
	int (*amend)(struct blk_node *n, struct blk_opts *o, bool force,
		     void (*progress)(void *opaque, u64 done, u64 total), void *opaque,
		     struct err *e);
	int (*measure)(struct blk_opts *o, struct blk_node *src, struct blk_measure *m,
		       struct err *e);
	int (*change_backing)(struct blk_node *n, const char *file, const char *fmt,
			      struct err *e);
	int (*make_empty)(struct blk_node *n, struct err *e);
	const struct blk_snapshot_ops *snapshots;
	const struct blk_bitmap_ops *bitmaps;
	void (*event)(struct blk_node *n, const char *name);	/* blkdebug: something is about to happen */
	int (*brk)(struct blk_node *n, enum blk_break op, const char *event, const char *tag);
	s64 (*disk_size)(struct blk_node *n);	/* protocols: bytes allocated on the host */
	int (*exact_filename)(struct blk_node *n, struct blk_opts *o);
};

/* ---- internal state tests ---- */

#define BLK_MAX_CHILDREN 16

enum blk_zeroes { BLK_ZEROES_OFF, BLK_ZEROES_ON, BLK_ZEROES_UNMAP };	/* what becomes of written zeros */

struct blk_child {
	char role[16];			/* "file", "backing", "data-file", "extents.0" */
	struct blk_node *node;
};

/*
 * Sees the changes that users of a node make by the public I/O calls: a job
 * that copies the node. Both run inside of the request, from any thread; an
 * error of before() fails the request.
 */
struct blk_watch {
	int (*before)(struct blk_watch *w, u64 off, u64 len);
	int (*after)(struct blk_watch *w, u64 off, u64 len);	/* also of a write that failed; may fail it */
	struct blk_watch *next;
};

struct blk_node {
	const struct blk_driver *drv;
	struct blk_graph *graph;
	void *priv;
	int refs;
	u32 flags;			/* BLK_O_* */
	char *name;			/* node-name */
	char *filename;
	struct blk_opts opts;		/* explicit options, for exact file names */
	u64 size;			/* read with blk_length() */
	struct blk_limits lim;
	struct blk_child *child;	/* file is child 0 where there is one */
	int n_children;
	struct blk_node *file, *backing;	/* shortcuts into child[] */
	char *backing_name, *backing_fmt;	/* as the image says; NULL: none */
	bool backing_missing_ok;
	bool encrypted, probed;
	enum blk_zeroes detect_zeroes;
	bool written;			/* will_write() was called; atomic */
	int bulk;			/* copies that write this node; atomic. Where a flush follows the disk may begin at once */
	void *ranges;			/* range lock */
	void *units;			/* decompressed units */
	struct blk_watch *watches;	/* changed while drained */
	void (*resize_cb)(void *opaque, u64 size);
	void *resize_opaque;
	struct blk_node *next;		/* in the graph */
};

/* Names a step of the work to the fault injector, if @n (or a filter below) is one. */
static inline void blk_event(struct blk_node *n, const char *name)
{
	if (unlikely(n->drv->event))
		n->drv->event(n, name);
}

/* Tells the driver of the first change, and of this one; 0 or -errno. */
static inline int blk_will_write(struct blk_node *n, u64 off, u64 len)
{
	int ret;

	if (unlikely(n->drv->will_write && !__atomic_load_n(&n->written, __ATOMIC_ACQUIRE))) {
		ret = n->drv->will_write(n);
		if (ret)
			return ret;
		__atomic_store_n(&n->written, true, __ATOMIC_RELEASE);
	}
	if (n->drv->changes)
		n->drv->changes(n, off, len);
	return 0;
}

#define BLOCK_FORMAT(d) REGISTER(block, d)
REGISTRY_DECLARE(block);

const struct blk_driver *blk_driver_find(const char *name);
/* Attaches @c (takes over the reference) under @role; 0 or -ENOMEM. */
int blk_attach(struct blk_node *n, const char *role, struct blk_node *c);
int blk_detach(struct blk_node *n, struct blk_node *c);	/* drops the reference; blk_unref()'s result */
struct blk_node *blk_child_find(struct blk_node *n, const char *role);
/* While a node is watched its size stays. They wait for the requests in flight. */
void blk_watch_add(struct blk_node *n, struct blk_watch *w);
void blk_watch_del(struct blk_node *n, struct blk_watch *w);
/* Opens the child @role from the options "role" (a node name), "role.*", or @filename. */
int blk_open_child(struct blk_node *n, const char *role, const char *filename,
		   struct blk_opts *o, u32 flags, struct err *e);
/*
 * As above for a name that stood inside an image: the graph's policy decides. -EPERM with text
 * when it may not be followed.
 */
int blk_open_reference(struct blk_node *n, const char *role, const char *filename,
		       struct blk_opts *o, u32 flags, struct err *e);
void blk_set_length(struct blk_node *n, u64 size);	/* and tells the observer */

/* ---- bounded cache of table slices ---- */

struct blk_mcache;
/*
 * Slices of @slice bytes (a power of two) of node @n, at most @max of them in memory. Dirty
 * slices are written on eviction, by blk_mcache_write() and before those that depend on them.
 */
struct blk_mcache *blk_mcache_new(struct blk_node *n, u32 slice, u32 max);
void blk_mcache_free(struct blk_mcache *c);	/* drops dirty slices: write first */
/* What the fault injector calls reading a slice, and writing one. NULL: nothing. */
void blk_mcache_set_events(struct blk_mcache *c, const char *load, const char *update);
void blk_mcache_set_node(struct blk_mcache *c, struct blk_node *n);
/*
 * Dirty slices are shown to @log before they are written, at most @max at a time: a write-ahead
 * log makes them stable there. It flushes the node itself, what went before is then stable too.
 */
void blk_mcache_set_log(struct blk_mcache *c, u32 max,
			int (*log)(void *opaque, const u64 *off, void *const *data, u32 n),
			void *opaque);
/* Slice at file offset @off; pinned until put. @read false: contents start as zeros. */
int blk_mcache_get(struct blk_mcache *c, u64 off, bool read, void **p);
void blk_mcache_put(struct blk_mcache *c, void *p);
void blk_mcache_dirty(struct blk_mcache *c, void *p);
/* Once: all that is dirty in @before is written and flushed before anything of @c is written. */
void blk_mcache_order(struct blk_mcache *c, struct blk_mcache *before);
/* The next write of @c is preceded by a flush of its node (data before links). */
void blk_mcache_flush_first(struct blk_mcache *c);
bool blk_mcache_is_dirty(const struct blk_mcache *c);
/* The node was flushed after everything of @c and those before it was written. */
void blk_mcache_flushed(struct blk_mcache *c);
int blk_mcache_write(struct blk_mcache *c);	/* in order; no final flush */
void blk_mcache_forget(struct blk_mcache *c, u64 off, u64 len);	/* drops slices, dirty ones too */
int blk_mcache_empty(struct blk_mcache *c);	/* writes, then drops all */

#endif
