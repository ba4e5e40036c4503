/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2, versions 2 and 3 (docs/interop/qcow2.txt of QEMU). Tables are read
 * through four caches that form a write-order chain:
 *	refcount blocks -> refcount table -> L2 tables -> L1 table
 * A cluster that loses its last user is freed only after the tables that no
 * longer name it are on the disk (struct pending_free), so no prefix of our
 * writes ever shows one cluster with two owners.
 */
#ifndef BLOCK_QCOW2_H
#define BLOCK_QCOW2_H

#include "block/int.h"

#define QCOW2_MAGIC		0x514649fbU
#define MAX_L1_BYTES		(32 * MiB)
#define MAX_REFTABLE_BYTES	(8 * MiB)
#define MAX_SNAPSHOTS		65536
#define MAX_SNAP_TABLE		(64 * MiB)

#define INCOMPAT_DIRTY		BIT(0)
#define INCOMPAT_CORRUPT	BIT(1)
#define INCOMPAT_DATA_FILE	BIT(2)
#define INCOMPAT_COMPRESSION	BIT(3)
#define INCOMPAT_EXTL2		BIT(4)
#define INCOMPAT_KNOWN		GENMASK(4, 0)
#define COMPAT_LAZY		BIT(0)
#define AUTOCLEAR_BITMAPS	BIT(0)
#define AUTOCLEAR_RAW_DATA	BIT(1)

#define OFLAG_COPIED		BIT(63)
#define OFLAG_COMPRESSED	BIT(62)
#define OFLAG_ZERO		BIT(0)
#define L1_OFFSET_MASK		0x00fffffffffffe00ULL
#define L2_OFFSET_MASK		0x00fffffffffffe00ULL

#define EXT_END			0
#define EXT_BACKING_FMT		0xe2792acaU
#define EXT_FEATURES		0x6803f857U
#define EXT_CRYPTO		0x0537be77U
#define EXT_BITMAPS		0x23852875U
#define EXT_DATA_FILE		0x44415441U

/* On disk, big endian. */
struct qcow2_header {
	__be32 magic, version;
	__be64 backing_off;
	__be32 backing_len, cluster_bits;
	__be64 size;
	__be32 crypt_method, l1_size;
	__be64 l1_off, reftable_off;
	__be32 reftable_clusters, nb_snapshots;
	__be64 snapshots_off;
	/* version 3 */
	__be64 incompat, compat, autoclear;
	__be32 refcount_order, header_length;
	u8 compression_type, pad[7];
} __packed;
_Static_assert(sizeof(struct qcow2_header) == 112, "qcow2 header");

struct qcow2_ext {		/* an extension that we keep without understanding it */
	u32 type, len;
	u8 *data;
	struct qcow2_ext *next;
};

struct pending_free {
	u64 off, len;
};

struct qcow2 {
	struct blk_node *n;
	pthread_mutex_t lock;
	u32 version, cluster_bits, cluster_size;
	u32 entry_size;			/* 8, or 16 with subclusters */
	u32 l2_bits;			/* log2 of the entries of an L2 table */
	u32 sub_bits, sub_size;		/* subcluster, the cluster itself without them */
	u32 slice;			/* bytes of a cached piece of a table */
	u64 size;
	u64 l1_off, reftable_off, snapshots_off;
	u32 l1_size, reftable_clusters, nb_snapshots;
	u32 refcount_order, refcount_bits, rb_bits;	/* rb_bits: log2 of the clusters of a block */
	u64 incompat, compat, autoclear;
	u32 crypt_method, header_length;
	u8 compression_type;
	struct qcow2_ext *unknown;
	u64 bitmaps_off, bitmaps_size;
	u32 nb_bitmaps;
	struct qcow2_record *records;	/* of the bitmaps that record changes */
	u64 crypto_off, crypto_len;
	char *data_file_name;
	struct blk_node *data;		/* node of guest clusters: the file or the data file */
	bool has_data_file, data_raw;
	bool lazy, dirty_set, corrupt_told, closing;
	bool discard_no_unref;
	struct blk_mcache *ref, *rt, *l2, *l1;
	u64 free_hint;			/* no free cluster index below */
	u64 comp_next;			/* where the next compressed unit may go on; 0: nowhere */
	struct pending_free *pending;
	u32 n_pending, cap_pending;
	void *crypto;
	char *wanted_snapshot;
};

static inline u64 q_index(const struct qcow2 *q, u64 off) { return off >> q->cluster_bits; }
static inline u64 q_in_cluster(const struct qcow2 *q, u64 off) { return off & (q->cluster_size - 1); }
static inline bool q_extl2(const struct qcow2 *q) { return q->entry_size == 16; }

/* header.c */
int qcow2_read_header(struct qcow2 *q, struct err *e);
int qcow2_write_header(struct qcow2 *q, struct err *e);
int qcow2_set_incompat(struct qcow2 *q, u64 set, u64 clear);
/* Tells about damage once, marks the image, returns -EIO. */
int qcow2_corrupt(struct qcow2 *q, bool fatal, u64 off, const char *fmt, ...) __printf(4, 5);
void qcow2_free_header(struct qcow2 *q);

/* cache.c */
void qcow2_caches_order(struct qcow2 *q);	/* after a change of q->lazy; nothing is dirty */
int qcow2_caches_new(struct qcow2 *q, u64 l2_bytes, u64 ref_bytes);
void qcow2_caches_free(struct qcow2 *q);
/* All metadata to the disk in order, pending frees included. */
int qcow2_sync(struct qcow2 *q);
int qcow2_get_u64(struct qcow2 *q, struct blk_mcache *c, u64 off, u64 *val);
int qcow2_put_u64(struct qcow2 *q, struct blk_mcache *c, u64 off, u64 val);

/* refcount.c: offsets in bytes of the qcow2 file; lock held */
int qcow2_get_refcount(struct qcow2 *q, u64 cluster, u64 *ref);
int qcow2_add_refcount(struct qcow2 *q, u64 off, u64 len, int delta);
/* 1..@n contiguous clusters, refcount 1 each; *got of them. */
int qcow2_alloc_clusters(struct qcow2 *q, u64 n, u64 *off, u64 *got);
int qcow2_alloc_exact(struct qcow2 *q, u64 n, u64 *off);
/* Contiguous right at @off if free: the count, possibly 0. */
int qcow2_alloc_at(struct qcow2 *q, u64 off, u64 n, u64 *got);
int qcow2_alloc_bytes(struct qcow2 *q, u32 bytes, u64 *off);
/* Freed at once: nobody on the disk names them. */
int qcow2_free_now(struct qcow2 *q, u64 off, u64 len);
/* Freed after the next sync. */
int qcow2_free_later(struct qcow2 *q, u64 off, u64 len);
int qcow2_apply_pending(struct qcow2 *q);

/* l2.c */
int qcow2_map(struct blk_node *n, u64 off, u64 len, struct blk_extent *x);
int qcow2_alloc(struct blk_node *n, u64 off, u64 len, struct blk_alloc *a);
int qcow2_commit(struct blk_node *n, struct blk_alloc *a);
void qcow2_abort(struct blk_node *n, struct blk_alloc *a);
int qcow2_compressed(struct blk_node *n, u64 off, u32 len, const void *cbuf, u32 clen);
int qcow2_zero(struct blk_node *n, u64 off, u64 len, u32 flags);
int qcow2_discard(struct blk_node *n, u64 off, u64 len);
/* The L2 table for guest offset @off, writable (COPIED); its file offset. */
int qcow2_l2_for_write(struct qcow2 *q, u64 off, u64 *l2_off);
/* Entry words of the L2 table at @l2_off; @bitmap may be NULL. */
int qcow2_entry(struct qcow2 *q, u64 l2_off, u32 idx, u64 *e, u64 *bitmap);
int qcow2_set_entry(struct qcow2 *q, u64 l2_off, u32 idx, u64 e, u64 bitmap);
/* Host bytes that an entry owns: compressed or whole clusters. 0 length: none. */
void qcow2_entry_space(const struct qcow2 *q, u64 e, u64 *off, u64 *len);
int qcow2_free_entry(struct qcow2 *q, u64 e);

/* resize.c */
int qcow2_truncate(struct blk_node *n, u64 size, bool exact, int prealloc, struct err *e);
int qcow2_grow_l1(struct qcow2 *q, u64 entries, struct err *e);
int qcow2_preallocate(struct qcow2 *q, u64 from, u64 to, int mode, struct err *e);
u64 qcow2_vmstate_base(struct blk_node *n);
int qcow2_vmstate_reserve(struct blk_node *n, u64 end, struct err *e);
int qcow2_make_empty(struct blk_node *n, struct err *e);

/* create.c */
int qcow2_create(struct blk_graph *g, struct blk_node *file, u64 size, struct blk_opts *o,
		 struct err *e);
int qcow2_measure(struct blk_opts *o, struct blk_node *src, struct blk_measure *m,
		  struct err *e);
extern const struct blk_optdesc qcow2_create_opts[], qcow2_amend_opts[];

/* snapshot.c, check.c, amend.c, bitmap.c */
extern const struct blk_snapshot_ops qcow2_snapshot_ops;
extern const struct blk_bitmap_ops qcow2_bitmap_ops;
struct qcow2_snap {
	u64 l1_off;
	u32 l1_size;
	struct blk_snapshot s;
	u8 *extra;			/* unknown extra data, after the fields we know */
	u32 extra_len;
	u64 disk_len;			/* of the entry, as read */
	bool incomplete;		/* read without a field that version 3 requires */
};
int qcow2_snaps_read(struct qcow2 *q, struct qcow2_snap **out, struct err *e);
void qcow2_snaps_free(struct qcow2_snap *s, u32 n);
/* Tells the entries that lack a field that version 3 requires; how many. None when the table cannot be read; lock held. */
u64 qcow2_snaps_check(struct qcow2 *q, struct blk_check *c);
/* Writes the table anew, all entries with the fields that version 3 requires, if one has them not; lock held. */
int qcow2_snaps_complete(struct qcow2 *q, struct err *e);
int qcow2_load_snapshot(struct qcow2 *q, const char *id, const char *name, struct err *e);
int qcow2_check(struct blk_node *n, struct blk_check *c, struct err *e);
/* Rebuilds the refcounts with entries of @bits; lock held. */
int qcow2_change_width(struct qcow2 *q, u64 bits, struct err *e);
int qcow2_amend(struct blk_node *n, struct blk_opts *o, bool force,
		void (*progress)(void *opaque, u64 done, u64 total), void *opaque, struct err *e);
int qcow2_change_backing(struct blk_node *n, const char *file, const char *fmt, struct err *e);
int qcow2_info(struct blk_node *n, struct json *j);
/* Adds +1 for every cluster of the bitmaps to a check; lock held. */
/* Recording of changes: marks the bitmaps in use; notes a change; stores them, and begins anew with the next change. */
int qcow2_record_start(struct blk_node *n);
void qcow2_record(struct blk_node *n, u64 off, u64 len);
int qcow2_record_stop(struct qcow2 *q, struct err *e);
void qcow2_record_drop(struct qcow2 *q);	/* without storing them */
/* Adds bits (one a @gran bytes) to a bitmap that records; false: it does not. */
bool qcow2_record_merge(struct qcow2 *q, const char *name, const u8 *bits, u64 nbits, u64 gran);
bool qcow2_recording(const struct qcow2 *q, const char *name);	/* in use, but by us */
int qcow2_bitmaps_info(struct qcow2 *q, struct json *j);
int qcow2_bitmaps_walk(struct qcow2 *q, int (*cb)(void *opaque, u64 off, u64 len), void *opaque);


/* crypto.c */
int qcow2_crypto_open(struct qcow2 *q, struct blk_opts *o, struct err *e);
void qcow2_crypto_close(struct qcow2 *q);
int qcow2_crypto_info(struct qcow2 *q, struct json *j);
int qcow2_crypt(struct blk_node *n, bool encrypt, u64 guest, u64 host, void *buf, size_t len);
/* Options encrypt.*; allocates and writes the LUKS header of a new image. */
int qcow2_crypto_create(struct qcow2 *q, struct blk_opts *o, struct err *e);
/* Bytes of the header that these options would make. */
int qcow2_crypto_measure(struct blk_opts *o, u64 *header, struct err *e);
int qcow2_crypto_amend(struct qcow2 *q, struct blk_opts *o, bool force, struct err *e);

#endif
